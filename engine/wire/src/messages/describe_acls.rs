//! DescribeAcls: access rules.

use crate::{Str, schema::schema};

schema! {
    request DescribeAclsRequest of DescribeAcls, answered by DescribeAclsResponse;

    /// Which rules to describe.
    DescribeAclsRequest {
        [0..] resource_type_filter: i8;
        [0..] resource_name_filter: Option<Str>;
        /// 1 any, 2 match, 3 literal, 4 prefixed.
        [1..] pattern_type_filter: i8 = 3;
        [0..] principal_filter: Option<Str>;
        [0..] host_filter: Option<Str>;
        [0..] operation: i8;
        [0..] permission_type: i8;
    }
}

schema! {
    response DescribeAclsResponse of DescribeAcls;

    /// The rules.
    DescribeAclsResponse {
        [0..] throttle_time_ms: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] resources: Vec<DescribeAclsResource>;
    }

    /// One of [`DescribeAclsResponse::resources`].
    DescribeAclsResource {
        [0..] resource_type: i8;
        [0..] resource_name: Str;
        [1..] pattern_type: i8 = 3;
        [0..] acls: Vec<AclDescription>;
    }

    /// One of [`DescribeAclsResource::acls`].
    AclDescription {
        [0..] principal: Str;
        [0..] host: Str;
        [0..] operation: i8;
        [0..] permission_type: i8;
    }
}
