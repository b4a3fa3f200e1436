//! What a client is told when the log could not take a group's records.

use kafka_wire::ErrorCode;

/// The answer of a group request whose append to `__consumer_offsets` failed with `error`.
/// Kafka's `appendGroupMetadataErrorToResponseError`.
pub(super) fn of_failed_append(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::UnknownServerError,
        other => other,
    }
}

/// The same for an OffsetCommit, whose records may be too large for another reason.
pub(super) fn of_failed_commit(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            ErrorCode::InvalidCommitOffsetSize
        }
        other => of_failed_append(other),
    }
}
