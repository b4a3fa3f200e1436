//! DescribeClientQuotas: quotas of users and clients.

use crate::{Str, schema::schema};

schema! {
    request DescribeClientQuotasRequest of DescribeClientQuotas,
        answered by DescribeClientQuotasResponse;

    /// Which entities to describe.
    DescribeClientQuotasRequest {
        [0..] components: Vec<ComponentData>;
        [0..] strict: bool;
    }

    /// One of [`DescribeClientQuotasRequest::components`].
    ComponentData {
        [0..] entity_type: Str;
        /// 0 exact name, 1 default name, 2 any name.
        [0..] match_type: i8;
        [0..] r#match: Option<Str>;
    }
}

schema! {
    response DescribeClientQuotasResponse of DescribeClientQuotas;

    /// Quotas per entity.
    DescribeClientQuotasResponse {
        [0..] throttle_time_ms: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] entries: Option<Vec<EntryData>>;
    }

    /// One of [`DescribeClientQuotasResponse::entries`].
    EntryData {
        [0..] entity: Vec<EntityData>;
        [0..] values: Vec<ValueData>;
    }

    /// One of [`EntryData::entity`].
    EntityData {
        [0..] entity_type: Str;
        [0..] entity_name: Option<Str>;
    }

    /// One of [`EntryData::values`].
    ValueData {
        [0..] key: Str;
        [0..] value: f64;
    }
}
