//! IncrementalAlterConfigs: change single settings (KIP-339).

use crate::{Str, schema::schema};

schema! {
    request IncrementalAlterConfigsRequest of IncrementalAlterConfigs,
        answered by IncrementalAlterConfigsResponse;

    /// Single changes per resource.
    IncrementalAlterConfigsRequest {
        [0..] resources: Vec<AlterConfigsResource>;
        [0..] validate_only: bool;
    }

    /// One of [`IncrementalAlterConfigsRequest::resources`].
    AlterConfigsResource {
        [0..] resource_type: i8;
        [0..] resource_name: Str;
        [0..] configs: Vec<AlterableConfig>;
    }

    /// One of [`AlterConfigsResource::configs`].
    AlterableConfig {
        [0..] name: Str;
        /// 0 set, 1 delete, 2 append, 3 subtract. (Absent in AlterConfigs.)
        [0..] config_operation: i8;
        [0..] value: Option<Str>;
    }
}

schema! {
    response IncrementalAlterConfigsResponse of IncrementalAlterConfigs;

    /// What became of each resource.
    IncrementalAlterConfigsResponse {
        [0..] throttle_time_ms: i32;
        [0..] responses: Vec<AlterConfigsResourceResponse>;
    }

    /// One of [`IncrementalAlterConfigsResponse::responses`].
    AlterConfigsResourceResponse {
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] resource_type: i8;
        [0..] resource_name: Str;
    }
}
