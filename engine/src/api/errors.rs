//! What partitions and the shard can refuse, as Kafka's error codes. The only place that maps.

use kafka_wire::ErrorCode;
use log_format::FormatError;

use crate::{
    log::{LogError, ReadError},
    partition::{AckError, AppendError, DeleteRecordsError, InvalidBatch, ProducerError},
    shard::{Miss, metadata::Placement},
};

/// Why a partition's part of a request was refused.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    /// A sentence for the client, when the code alone does not say it.
    pub(super) message: Option<String>,
    /// Who leads the partition, when it is not this shard.
    pub(super) leader: Option<Placement>,
    /// Place in its batch of the record that was refused.
    pub(super) record: Option<i32>,
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, leader: None, record: None }
    }
}

impl From<Miss> for Failure {
    fn from(miss: Miss) -> Self {
        let code = match miss {
            Miss::UnknownTopic | Miss::UnknownPartition => ErrorCode::UnknownTopicOrPartition,
            Miss::UnknownTopicId => ErrorCode::UnknownTopicId,
            Miss::NotLeader(_) => ErrorCode::NotLeaderOrFollower,
            Miss::Storage => ErrorCode::KafkaStorageError,
        };
        let leader = match miss {
            Miss::NotLeader(place) => Some(place),
            _ => None,
        };
        Self { leader, ..Self::from(code) }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        let code = match &error {
            AppendError::Invalid(invalid) => invalid_batch(invalid),
            AppendError::Producer(ProducerError::OutOfOrderSequence { .. }) => {
                ErrorCode::OutOfOrderSequenceNumber
            }
            AppendError::Producer(ProducerError::InvalidEpoch { .. }) => {
                ErrorCode::InvalidProducerEpoch
            }
            AppendError::Producer(ProducerError::NoRoom) => ErrorCode::ThrottlingQuotaExceeded,
            AppendError::Log(error) => log_code(error),
        };
        let record = match &error {
            AppendError::Invalid(InvalidBatch::InvalidTimestamp { record, .. }) => Some(*record),
            _ => None,
        };
        Self { message: Some(error.to_string()), record, ..Self::from(code) }
    }
}

fn invalid_batch(invalid: &InvalidBatch) -> ErrorCode {
    match invalid {
        InvalidBatch::Corrupt(_) => ErrorCode::CorruptMessage,
        InvalidBatch::TooLarge { .. } => ErrorCode::MessageTooLarge,
        InvalidBatch::InvalidRecord { .. } => ErrorCode::InvalidRecord,
        InvalidBatch::InvalidTimestamp { .. } => ErrorCode::InvalidTimestamp,
        InvalidBatch::UnsupportedCompression { .. } => ErrorCode::UnsupportedCompressionType,
        InvalidBatch::Transactional => ErrorCode::InvalidTxnState,
    }
}

fn log_code(error: &LogError) -> ErrorCode {
    match error {
        LogError::TooLarge { .. } => ErrorCode::RecordListTooLarge,
        LogError::Malformed(_) => ErrorCode::CorruptMessage,
        LogError::Offline { .. } | LogError::NoSpace { .. } | LogError::Io { .. } => {
            ErrorCode::KafkaStorageError
        }
    }
}

/// A message set that cannot become a batch, or a batch that cannot become one. Old clients know
/// few codes.
impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        let code = match &error {
            FormatError::TooLarge { .. } => ErrorCode::MessageTooLarge,
            _ => ErrorCode::CorruptMessage,
        };
        Self { message: Some(error.to_string()), ..Self::from(code) }
    }
}

impl From<AckError> for Failure {
    fn from(error: AckError) -> Self {
        let code = match error {
            AckError::NoSpace | AckError::Offline => ErrorCode::KafkaStorageError,
            AckError::TimedOut => ErrorCode::RequestTimedOut,
            AckError::Closed => ErrorCode::NotLeaderOrFollower,
        };
        Self { message: Some(error.to_string()), ..Self::from(code) }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let code = match &error {
            ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            ReadError::Corrupt { .. } | ReadError::Io { .. } => ErrorCode::KafkaStorageError,
        };
        if code == ErrorCode::KafkaStorageError {
            tracing::error!(%error, "a read failed");
        }
        Self { message: Some(error.to_string()), ..Self::from(code) }
    }
}

impl From<DeleteRecordsError> for Failure {
    fn from(error: DeleteRecordsError) -> Self {
        let code = match &error {
            DeleteRecordsError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            DeleteRecordsError::Log(error) => log_code(error),
        };
        Self { message: Some(error.to_string()), ..Self::from(code) }
    }
}
