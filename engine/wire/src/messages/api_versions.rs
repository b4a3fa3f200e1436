//! ApiVersions: which APIs and versions the broker serves. The first request of most clients.

use bytes::Bytes;

use crate::{ApiKey, ErrorCode, Str, encode_response, schema::schema};

schema! {
    request ApiVersionsRequest of ApiVersions, answered by ApiVersionsResponse;

    /// Asks for the APIs. Always answered, whatever the version: see
    /// [`encode_unsupported_version`].
    ApiVersionsRequest {
        /// Letters, digits, `-` and `.` only, or Kafka answers INVALID_REQUEST.
        [3..] client_software_name: Str, ignorable;
        [3..] client_software_version: Str, ignorable;
    }
}

schema! {
    response ApiVersionsResponse of ApiVersions;

    /// The APIs served here. Its response header has no tags in any version.
    ApiVersionsResponse {
        [0..] error_code: i16;
        [0..] api_keys: Vec<ApiVersion>;
        [1..] throttle_time_ms: i32, ignorable;
        tags {
            /// Features of this broker. In version 3 it may not hold a minimum of 0 (KIP-1022).
            0 [3..] supported_features: Vec<SupportedFeatureKey>, ignorable;
            /// -1 if unknown.
            1 [3..] finalized_features_epoch: i64 = -1, ignorable;
            2 [3..] finalized_features: Vec<FinalizedFeatureKey>, ignorable;
            3 [3..] zk_migration_ready: bool, ignorable;
        }
    }

    /// One of [`ApiVersionsResponse::api_keys`].
    ApiVersion {
        [0..] api_key: i16;
        [0..] min_version: i16;
        [0..] max_version: i16;
    }

    /// One of [`ApiVersionsResponse::supported_features`].
    SupportedFeatureKey {
        [3..] name: Str;
        [3..] min_version: i16;
        [3..] max_version: i16;
    }

    /// One of [`ApiVersionsResponse::finalized_features`].
    FinalizedFeatureKey {
        [3..] name: Str;
        [3..] max_version_level: i16;
        [3..] min_version_level: i16;
    }
}

/// The whole answer to an ApiVersions request of a version we do not know: layout of version 0,
/// error UNSUPPORTED_VERSION (35), and the range of ApiVersions itself, with which the client
/// retries (KIP-511).
#[must_use]
pub fn encode_unsupported_version(correlation_id: i32) -> Vec<Bytes> {
    let key = ApiKey::ApiVersions;
    let versions = key.versions();
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![ApiVersion {
            api_key: key.code(),
            min_version: *versions.start(),
            max_version: *versions.end(),
        }],
        ..Default::default()
    };
    encode_response(key, 0, correlation_id, &response).expect("version 0 has both fields")
}
