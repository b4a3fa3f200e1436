//! UpdateFeatures: change cluster-wide feature levels (KIP-584).

use crate::{Str, schema::schema};

schema! {
    request UpdateFeaturesRequest of UpdateFeatures, answered by UpdateFeaturesResponse;

    /// Feature levels to set.
    UpdateFeaturesRequest {
        [0..] timeout_ms: i32 = 60000;
        [0..] feature_updates: Vec<FeatureUpdateKey>;
        [1..] validate_only: bool;
    }

    /// One of [`UpdateFeaturesRequest::feature_updates`].
    FeatureUpdateKey {
        [0..] feature: Str;
        [0..] max_version_level: i16;
        [0..=0] allow_downgrade: bool;
        /// 1 upgrade, 2 safe downgrade, 3 unsafe downgrade.
        [1..] upgrade_type: i8 = 1;
    }
}

schema! {
    response UpdateFeaturesResponse of UpdateFeatures;

    /// What became of each feature; from version 2 the top-level error only.
    UpdateFeaturesResponse {
        [0..] throttle_time_ms: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..=1] results: Vec<UpdatableFeatureResult>, ignorable;
    }

    /// One of [`UpdateFeaturesResponse::results`].
    UpdatableFeatureResult {
        [0..] feature: Str;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
    }
}
