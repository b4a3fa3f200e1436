//! DeleteTopics: delete topics, by name or (from version 6) by id.

use crate::{Str, Uuid, schema::schema};

schema! {
    request DeleteTopicsRequest of DeleteTopics, answered by DeleteTopicsResponse;

    /// Topics to delete: `topic_names` up to version 5, `topics` from version 6.
    DeleteTopicsRequest {
        [6..] topics: Vec<DeleteTopicState>;
        [0..=5] topic_names: Vec<Str>, ignorable;
        [0..] timeout_ms: i32;
    }

    /// One of [`DeleteTopicsRequest::topics`].
    DeleteTopicState {
        [6..] name: Option<Str>;
        [6..] topic_id: Uuid;
    }
}

schema! {
    response DeleteTopicsResponse of DeleteTopics;

    /// What became of each topic.
    DeleteTopicsResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..] responses: Vec<DeletableTopicResult>;
    }

    /// One of [`DeleteTopicsResponse::responses`].
    DeletableTopicResult {
        /// Null (from version 6) only for an unknown topic id.
        [0..] name: Option<Str> = Some(Str::default()), null(6..);
        [6..] topic_id: Uuid, ignorable;
        [0..] error_code: i16;
        [5..] error_message: Option<Str>, ignorable;
    }
}
