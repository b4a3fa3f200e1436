//! DescribeCluster: brokers and controller, without topics (KIP-700).

use crate::{Str, schema::schema};

schema! {
    request DescribeClusterRequest of DescribeCluster, answered by DescribeClusterResponse;

    /// Asks for the cluster.
    DescribeClusterRequest {
        [0..] include_cluster_authorized_operations: bool;
        /// 1 brokers, 2 controllers.
        [1..] endpoint_type: i8 = 1;
        [2..] include_fenced_brokers: bool;
    }
}

schema! {
    response DescribeClusterResponse of DescribeCluster;

    /// Brokers and controller.
    DescribeClusterResponse {
        [0..] throttle_time_ms: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [1..] endpoint_type: i8 = 1;
        [0..] cluster_id: Str;
        [0..] controller_id: i32 = -1;
        [0..] brokers: Vec<DescribeClusterBroker>;
        [0..] cluster_authorized_operations: i32 = i32::MIN;
    }

    /// One of [`DescribeClusterResponse::brokers`].
    DescribeClusterBroker {
        [0..] broker_id: i32;
        [0..] host: Str;
        [0..] port: i32;
        [0..] rack: Option<Str>;
        [2..] is_fenced: bool;
    }
}
