//! DescribeConfigs: settings of topics and brokers, with their sources.

use crate::{Str, schema::schema};

schema! {
    request DescribeConfigsRequest of DescribeConfigs, answered by DescribeConfigsResponse;

    /// Resources to describe.
    DescribeConfigsRequest {
        [0..] resources: Vec<DescribeConfigsResource>;
        [1..] include_synonyms: bool;
        [3..] include_documentation: bool;
    }

    /// One of [`DescribeConfigsRequest::resources`].
    DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger.
        [0..] resource_type: i8;
        [0..] resource_name: Str;
        /// `None` is all settings.
        [0..] configuration_keys: Option<Vec<Str>>;
    }
}

schema! {
    response DescribeConfigsResponse of DescribeConfigs;

    /// Settings per resource.
    DescribeConfigsResponse {
        [0..] throttle_time_ms: i32;
        [0..] results: Vec<DescribeConfigsResult>;
    }

    /// One of [`DescribeConfigsResponse::results`].
    DescribeConfigsResult {
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] resource_type: i8;
        [0..] resource_name: Str;
        [0..] configs: Vec<DescribeConfigsResourceResult>;
    }

    /// One of [`DescribeConfigsResult::configs`].
    DescribeConfigsResourceResult {
        [0..] name: Str;
        /// Null for sensitive settings.
        [0..] value: Option<Str>;
        [0..] read_only: bool;
        /// 1 topic, 2 dynamic broker, 3 dynamic default broker, 4 static broker, 5 default.
        [1..] config_source: i8 = -1, ignorable;
        /// Lost silently after version 0 (unlike in Kafka's schema): one answer fits all versions.
        [0..=0] is_default: bool, ignorable;
        [0..] is_sensitive: bool;
        [1..] synonyms: Vec<DescribeConfigsSynonym>, ignorable;
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        [3..] config_type: i8, ignorable;
        [3..] documentation: Option<Str>, ignorable;
    }

    /// One of [`DescribeConfigsResourceResult::synonyms`].
    DescribeConfigsSynonym {
        [1..] name: Str;
        [1..] value: Option<Str>;
        [1..] source: i8;
    }
}
