//! AlterConfigs: replace all settings of a resource. Deprecated, still used by some tools.

use crate::{Str, schema::schema};

schema! {
    request AlterConfigsRequest of AlterConfigs, answered by AlterConfigsResponse;

    /// All settings per resource: what is not named returns to its default.
    AlterConfigsRequest {
        [0..] resources: Vec<AlterConfigsResource>;
        [0..] validate_only: bool;
    }

    /// One of [`AlterConfigsRequest::resources`].
    AlterConfigsResource {
        [0..] resource_type: i8;
        [0..] resource_name: Str;
        [0..] configs: Vec<AlterableConfig>;
    }

    /// One of [`AlterConfigsResource::configs`].
    AlterableConfig {
        [0..] name: Str;
        [0..] value: Option<Str>;
    }
}

schema! {
    response AlterConfigsResponse of AlterConfigs;

    /// What became of each resource.
    AlterConfigsResponse {
        [0..] throttle_time_ms: i32;
        [0..] responses: Vec<AlterConfigsResourceResponse>;
    }

    /// One of [`AlterConfigsResponse::responses`].
    AlterConfigsResourceResponse {
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] resource_type: i8;
        [0..] resource_name: Str;
    }
}
