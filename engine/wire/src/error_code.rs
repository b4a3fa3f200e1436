//! The error codes of the protocol: number, Kafka's name, whether to retry, what it means.

macro_rules! error_codes {
    ($(
        $variant:ident = $code:literal $name:literal $(, $retriable:ident)?: $message:literal;
    )*) => {
        /// What an `error_code` field says. Kafka's names and numbers, up to Kafka 4.1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(
                #[doc = $message]
                $variant = $code,
            )*
        }

        impl ErrorCode {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The error with this number, if we know it.
            #[must_use]
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name that Kafka's tools print.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// One line for people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)*
                }
            }

            /// True if a client may send the request again as it is (after refreshing metadata).
            #[must_use]
            pub const fn is_retriable(self) -> bool {
                match self {
                    $($(Self::$variant => is!($retriable),)?)*
                    _ => false,
                }
            }
        }
    };
}

macro_rules! is {
    (retriable) => {
        true
    };
}

error_codes! {
    UnknownServerError = -1 "UNKNOWN_SERVER_ERROR": "The broker failed in a way it did not expect.";
    None = 0 "NONE": "No error.";
    OffsetOutOfRange = 1 "OFFSET_OUT_OF_RANGE":
        "The offset is below the log start or beyond the log end.";
    CorruptMessage = 2 "CORRUPT_MESSAGE", retriable:
        "The batch failed its checksum, has a bad size, or lacks a key in a compacted topic.";
    UnknownTopicOrPartition = 3 "UNKNOWN_TOPIC_OR_PARTITION", retriable:
        "This broker does not host the topic or partition.";
    InvalidFetchSize = 4 "INVALID_FETCH_SIZE": "The requested fetch size is invalid.";
    LeaderNotAvailable = 5 "LEADER_NOT_AVAILABLE", retriable:
        "The partition has no leader at the moment.";
    NotLeaderOrFollower = 6 "NOT_LEADER_OR_FOLLOWER", retriable:
        "This broker is not the leader, or not a replica, of the partition.";
    RequestTimedOut = 7 "REQUEST_TIMED_OUT", retriable: "The request timed out.";
    BrokerNotAvailable = 8 "BROKER_NOT_AVAILABLE": "The broker is not available.";
    ReplicaNotAvailable = 9 "REPLICA_NOT_AVAILABLE", retriable:
        "The replica is not available for the partition.";
    MessageTooLarge = 10 "MESSAGE_TOO_LARGE": "The batch is larger than max.message.bytes.";
    StaleControllerEpoch = 11 "STALE_CONTROLLER_EPOCH": "The controller moved to another broker.";
    OffsetMetadataTooLarge = 12 "OFFSET_METADATA_TOO_LARGE":
        "The metadata string of an offset commit is too long.";
    NetworkException = 13 "NETWORK_EXCEPTION", retriable:
        "The connection broke before an answer came.";
    CoordinatorLoadInProgress = 14 "COORDINATOR_LOAD_IN_PROGRESS", retriable:
        "The coordinator is still loading its state.";
    CoordinatorNotAvailable = 15 "COORDINATOR_NOT_AVAILABLE", retriable:
        "The coordinator is not available.";
    NotCoordinator = 16 "NOT_COORDINATOR", retriable:
        "This broker does not coordinate the group or transaction.";
    InvalidTopicException = 17 "INVALID_TOPIC_EXCEPTION":
        "The topic name is invalid, or the topic may not be used this way.";
    RecordListTooLarge = 18 "RECORD_LIST_TOO_LARGE": "The record set is larger than a segment.";
    NotEnoughReplicas = 19 "NOT_ENOUGH_REPLICAS", retriable:
        "Fewer replicas are in sync than min.insync.replicas asks for; nothing was written.";
    NotEnoughReplicasAfterAppend = 20 "NOT_ENOUGH_REPLICAS_AFTER_APPEND", retriable:
        "Written, but to fewer in-sync replicas than min.insync.replicas asks for.";
    InvalidRequiredAcks = 21 "INVALID_REQUIRED_ACKS": "acks is neither 0, 1 nor -1.";
    IllegalGeneration = 22 "ILLEGAL_GENERATION": "The generation is not the group's current one.";
    InconsistentGroupProtocol = 23 "INCONSISTENT_GROUP_PROTOCOL":
        "The member shares no protocol with the group, or names no protocol at all.";
    InvalidGroupId = 24 "INVALID_GROUP_ID": "The group id is invalid.";
    UnknownMemberId = 25 "UNKNOWN_MEMBER_ID": "The group does not know this member.";
    InvalidSessionTimeout = 26 "INVALID_SESSION_TIMEOUT":
        "The session timeout is outside the range that the broker allows.";
    RebalanceInProgress = 27 "REBALANCE_IN_PROGRESS": "The group is rebalancing: join again.";
    InvalidCommitOffsetSize = 28 "INVALID_COMMIT_OFFSET_SIZE":
        "The committed offset does not fit its record.";
    TopicAuthorizationFailed = 29 "TOPIC_AUTHORIZATION_FAILED": "Not authorized for the topic.";
    GroupAuthorizationFailed = 30 "GROUP_AUTHORIZATION_FAILED": "Not authorized for the group.";
    ClusterAuthorizationFailed = 31 "CLUSTER_AUTHORIZATION_FAILED":
        "Not authorized for the cluster.";
    InvalidTimestamp = 32 "INVALID_TIMESTAMP":
        "The timestamp of a record is outside the allowed range.";
    UnsupportedSaslMechanism = 33 "UNSUPPORTED_SASL_MECHANISM":
        "The broker does not offer this SASL mechanism.";
    IllegalSaslState = 34 "ILLEGAL_SASL_STATE":
        "The request does not fit the state of the SASL exchange.";
    UnsupportedVersion = 35 "UNSUPPORTED_VERSION": "This version of the API is not supported.";
    TopicAlreadyExists = 36 "TOPIC_ALREADY_EXISTS": "A topic of this name exists already.";
    InvalidPartitions = 37 "INVALID_PARTITIONS": "The number of partitions is invalid.";
    InvalidReplicationFactor = 38 "INVALID_REPLICATION_FACTOR":
        "The replication factor is below 1 or above the number of brokers.";
    InvalidReplicaAssignment = 39 "INVALID_REPLICA_ASSIGNMENT":
        "The replica assignment is invalid.";
    InvalidConfig = 40 "INVALID_CONFIG": "The configuration is invalid.";
    NotController = 41 "NOT_CONTROLLER", retriable: "This broker is not the controller.";
    InvalidRequest = 42 "INVALID_REQUEST": "The request is malformed or contradicts itself.";
    UnsupportedForMessageFormat = 43 "UNSUPPORTED_FOR_MESSAGE_FORMAT":
        "The message format on the broker does not support the request.";
    PolicyViolation = 44 "POLICY_VIOLATION": "A policy of the broker forbids the request.";
    OutOfOrderSequenceNumber = 45 "OUT_OF_ORDER_SEQUENCE_NUMBER":
        "The producer's sequence number leaves a gap.";
    DuplicateSequenceNumber = 46 "DUPLICATE_SEQUENCE_NUMBER":
        "The producer's sequence number was seen before.";
    InvalidProducerEpoch = 47 "INVALID_PRODUCER_EPOCH":
        "The producer's epoch is older than the current one.";
    InvalidTxnState = 48 "INVALID_TXN_STATE": "The transaction is not in a state that allows this.";
    InvalidProducerIdMapping = 49 "INVALID_PRODUCER_ID_MAPPING":
        "The producer id does not belong to this transactional id.";
    InvalidTransactionTimeout = 50 "INVALID_TRANSACTION_TIMEOUT":
        "The transaction timeout is above transaction.max.timeout.ms.";
    ConcurrentTransactions = 51 "CONCURRENT_TRANSACTIONS", retriable:
        "Another operation on the same transaction is under way.";
    TransactionCoordinatorFenced = 52 "TRANSACTION_COORDINATOR_FENCED":
        "The sender of the marker no longer coordinates the transaction.";
    TransactionalIdAuthorizationFailed = 53 "TRANSACTIONAL_ID_AUTHORIZATION_FAILED":
        "Not authorized for the transactional id.";
    SecurityDisabled = 54 "SECURITY_DISABLED": "Security features are disabled.";
    OperationNotAttempted = 55 "OPERATION_NOT_ATTEMPTED":
        "Not attempted, because an earlier operation of the request failed.";
    KafkaStorageError = 56 "KAFKA_STORAGE_ERROR", retriable:
        "The disk of the partition failed or is full.";
    LogDirNotFound = 57 "LOG_DIR_NOT_FOUND": "The log directory is not configured.";
    SaslAuthenticationFailed = 58 "SASL_AUTHENTICATION_FAILED": "SASL authentication failed.";
    UnknownProducerId = 59 "UNKNOWN_PRODUCER_ID": "No state is left for this producer id.";
    ReassignmentInProgress = 60 "REASSIGNMENT_IN_PROGRESS": "The partition is being reassigned.";
    DelegationTokenAuthDisabled = 61 "DELEGATION_TOKEN_AUTH_DISABLED":
        "Delegation tokens are disabled.";
    DelegationTokenNotFound = 62 "DELEGATION_TOKEN_NOT_FOUND":
        "The delegation token does not exist.";
    DelegationTokenOwnerMismatch = 63 "DELEGATION_TOKEN_OWNER_MISMATCH":
        "The principal neither owns nor may renew the delegation token.";
    DelegationTokenRequestNotAllowed = 64 "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED":
        "Delegation tokens cannot be requested on this kind of connection.";
    DelegationTokenAuthorizationFailed = 65 "DELEGATION_TOKEN_AUTHORIZATION_FAILED":
        "Not authorized for the delegation token.";
    DelegationTokenExpired = 66 "DELEGATION_TOKEN_EXPIRED": "The delegation token has expired.";
    InvalidPrincipalType = 67 "INVALID_PRINCIPAL_TYPE": "The principal type is not supported.";
    NonEmptyGroup = 68 "NON_EMPTY_GROUP": "The group still has members.";
    GroupIdNotFound = 69 "GROUP_ID_NOT_FOUND": "The group does not exist.";
    FetchSessionIdNotFound = 70 "FETCH_SESSION_ID_NOT_FOUND", retriable:
        "The fetch session does not exist.";
    InvalidFetchSessionEpoch = 71 "INVALID_FETCH_SESSION_EPOCH", retriable:
        "The epoch of the fetch session is not the expected one.";
    ListenerNotFound = 72 "LISTENER_NOT_FOUND", retriable:
        "The leader has no listener of the kind the client used.";
    TopicDeletionDisabled = 73 "TOPIC_DELETION_DISABLED": "Topic deletion is disabled.";
    FencedLeaderEpoch = 74 "FENCED_LEADER_EPOCH", retriable:
        "The leader epoch in the request is older than the partition's.";
    UnknownLeaderEpoch = 75 "UNKNOWN_LEADER_EPOCH", retriable:
        "The leader epoch in the request is newer than the partition's.";
    UnsupportedCompressionType = 76 "UNSUPPORTED_COMPRESSION_TYPE":
        "The client does not know the compression of the partition's data.";
    StaleBrokerEpoch = 77 "STALE_BROKER_EPOCH": "The broker's epoch has changed.";
    OffsetNotAvailable = 78 "OFFSET_NOT_AVAILABLE", retriable:
        "The new leader's high watermark has not caught up yet.";
    MemberIdRequired = 79 "MEMBER_ID_REQUIRED":
        "The member has to join again, with the id it is given here.";
    PreferredLeaderNotAvailable = 80 "PREFERRED_LEADER_NOT_AVAILABLE", retriable:
        "The preferred leader is not available.";
    GroupMaxSizeReached = 81 "GROUP_MAX_SIZE_REACHED":
        "The group has its maximum number of members.";
    FencedInstanceId = 82 "FENCED_INSTANCE_ID":
        "Another consumer took over this group.instance.id.";
    EligibleLeadersNotAvailable = 83 "ELIGIBLE_LEADERS_NOT_AVAILABLE", retriable:
        "No replica may become leader of the partition at the moment.";
    ElectionNotNeeded = 84 "ELECTION_NOT_NEEDED", retriable:
        "The partition has the wanted leader already.";
    NoReassignmentInProgress = 85 "NO_REASSIGNMENT_IN_PROGRESS":
        "The partition is not being reassigned.";
    GroupSubscribedToTopic = 86 "GROUP_SUBSCRIBED_TO_TOPIC":
        "The group is subscribed to the topic, so its offsets cannot be deleted.";
    InvalidRecord = 87 "INVALID_RECORD": "The broker refused a record of the batch.";
    UnstableOffsetCommit = 88 "UNSTABLE_OFFSET_COMMIT", retriable:
        "Offsets of an open transaction are pending.";
    ThrottlingQuotaExceeded = 89 "THROTTLING_QUOTA_EXCEEDED", retriable: "The quota is exceeded.";
    ProducerFenced = 90 "PRODUCER_FENCED": "A newer producer uses the same transactional id.";
    ResourceNotFound = 91 "RESOURCE_NOT_FOUND": "The resource does not exist.";
    DuplicateResource = 92 "DUPLICATE_RESOURCE": "The request names the same resource twice.";
    UnacceptableCredential = 93 "UNACCEPTABLE_CREDENTIAL":
        "The credential does not meet the rules.";
    InconsistentVoterSet = 94 "INCONSISTENT_VOTER_SET":
        "Sender or recipient is not one of the expected voters.";
    InvalidUpdateVersion = 95 "INVALID_UPDATE_VERSION": "The feature version is invalid.";
    FeatureUpdateFailed = 96 "FEATURE_UPDATE_FAILED": "The features could not be updated.";
    PrincipalDeserializationFailure = 97 "PRINCIPAL_DESERIALIZATION_FAILURE":
        "The forwarded principal could not be read.";
    SnapshotNotFound = 98 "SNAPSHOT_NOT_FOUND": "The snapshot does not exist.";
    PositionOutOfRange = 99 "POSITION_OUT_OF_RANGE": "The position is outside the snapshot.";
    UnknownTopicId = 100 "UNKNOWN_TOPIC_ID", retriable: "This broker does not host the topic id.";
    DuplicateBrokerRegistration = 101 "DUPLICATE_BROKER_REGISTRATION": "The broker id is in use.";
    BrokerIdNotRegistered = 102 "BROKER_ID_NOT_REGISTERED": "The broker id is not registered.";
    InconsistentTopicId = 103 "INCONSISTENT_TOPIC_ID", retriable:
        "The log has another topic id than the request.";
    InconsistentClusterId = 104 "INCONSISTENT_CLUSTER_ID": "The request is for another cluster.";
    TransactionalIdNotFound = 105 "TRANSACTIONAL_ID_NOT_FOUND":
        "The transactional id does not exist.";
    FetchSessionTopicIdError = 106 "FETCH_SESSION_TOPIC_ID_ERROR", retriable:
        "The fetch session mixes topic names and topic ids.";
    IneligibleReplica = 107 "INELIGIBLE_REPLICA":
        "The new in-sync set has a replica that may not be in it.";
    NewLeaderElected = 108 "NEW_LEADER_ELECTED":
        "The partition was updated, and its leader has changed.";
    OffsetMovedToTieredStorage = 109 "OFFSET_MOVED_TO_TIERED_STORAGE":
        "The offset is in tiered storage.";
    FencedMemberEpoch = 110 "FENCED_MEMBER_EPOCH":
        "The coordinator fenced the member: give up all partitions and join again.";
    UnreleasedInstanceId = 111 "UNRELEASED_INSTANCE_ID":
        "Another member of the group still has this instance id.";
    UnsupportedAssignor = 112 "UNSUPPORTED_ASSIGNOR": "The group does not offer this assignor.";
    StaleMemberEpoch = 113 "STALE_MEMBER_EPOCH":
        "The member's epoch is stale: take the new one from a heartbeat and retry.";
    MismatchedEndpointType = 114 "MISMATCHED_ENDPOINT_TYPE":
        "The request went to an endpoint of the wrong type.";
    UnsupportedEndpointType = 115 "UNSUPPORTED_ENDPOINT_TYPE":
        "The endpoint type is not supported.";
    UnknownControllerId = 116 "UNKNOWN_CONTROLLER_ID": "The controller id is not known.";
    UnknownSubscriptionId = 117 "UNKNOWN_SUBSCRIPTION_ID":
        "The telemetry subscription is invalid or outdated.";
    TelemetryTooLarge = 118 "TELEMETRY_TOO_LARGE":
        "The telemetry push is larger than the broker accepts.";
    InvalidRegistration = 119 "INVALID_REGISTRATION":
        "The controller refused the broker's registration.";
    TransactionAbortable = 120 "TRANSACTION_ABORTABLE":
        "The transaction failed; abort it to go on.";
    InvalidRecordState = 121 "INVALID_RECORD_STATE":
        "The record is not in a state that allows the acknowledgement.";
    ShareSessionNotFound = 122 "SHARE_SESSION_NOT_FOUND", retriable:
        "The share session does not exist.";
    InvalidShareSessionEpoch = 123 "INVALID_SHARE_SESSION_EPOCH", retriable:
        "The epoch of the share session is not the expected one.";
    FencedStateEpoch = 124 "FENCED_STATE_EPOCH": "The share group's state epoch does not match.";
    InvalidVoterKey = 125 "INVALID_VOTER_KEY": "The voter key is not the replica's.";
    DuplicateVoter = 126 "DUPLICATE_VOTER": "The voter is in the set already.";
    VoterNotFound = 127 "VOTER_NOT_FOUND": "The voter is not in the set.";
    InvalidRegularExpression = 128 "INVALID_REGULAR_EXPRESSION":
        "The regular expression is invalid.";
    RebootstrapRequired = 129 "REBOOTSTRAP_REQUIRED":
        "The client's metadata is too old: start from the bootstrap servers again.";
    StreamsInvalidTopology = 130 "STREAMS_INVALID_TOPOLOGY": "The topology is invalid.";
    StreamsInvalidTopologyEpoch = 131 "STREAMS_INVALID_TOPOLOGY_EPOCH":
        "The topology epoch is invalid.";
    StreamsTopologyFenced = 132 "STREAMS_TOPOLOGY_FENCED": "The topology epoch is outdated.";
    ShareSessionLimitReached = 133 "SHARE_SESSION_LIMIT_REACHED", retriable:
        "No more share sessions are allowed.";
}

impl ErrorCode {
    /// Kafka's number.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

/// Numbers we do not know become [`ErrorCode::UnknownServerError`], as in Kafka's own clients.
impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self::from_code(code).unwrap_or(Self::UnknownServerError)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for ErrorCode {}
