//! Every bound of a group coordinator, and what a client is told when it is reached.
//! Constants only. "Per coordinator" means per partition of `__consumer_offsets`.

/// Longest group id. Longer: `INVALID_GROUP_ID`. Kafka's own bound is the wire's 32,767 bytes.
pub const GROUP_ID_BYTES_MAX: usize = 1024;

/// Longest `group.instance.id`, which is what Kafka's clients enforce. Longer: `INVALID_REQUEST`.
pub const GROUP_INSTANCE_ID_BYTES_MAX: usize = 249;

/// Longest protocol type or protocol name. Longer: `INVALID_REQUEST`.
pub const PROTOCOL_NAME_BYTES_MAX: usize = 1024;

/// Protocols (assignors) one member may offer. More: `INVALID_REQUEST`.
pub const PROTOCOLS_PER_MEMBER_MAX: usize = 64;

/// Bytes a member id may take from the client id before its random part. The rest is cut off.
pub const MEMBER_ID_PREFIX_BYTES_MAX: usize = 1024;

/// Metadata of all protocols of one member. More: `INVALID_REQUEST`.
pub const MEMBER_METADATA_BYTES_MAX: usize = 1024 * 1024;

/// Members of one group, joined or about to join, whatever `group.max.size` says.
/// More: `GROUP_MAX_SIZE_REACHED`.
pub const MEMBERS_PER_GROUP_MAX: usize = 20_000;

/// Metadata and assignments of all members of a coordinator. More: `GROUP_MAX_SIZE_REACHED`.
pub const MEMBER_BYTES_PER_COORDINATOR_MAX: usize = 256 * 1024 * 1024;

/// Groups of one coordinator. One more: `COORDINATOR_NOT_AVAILABLE`.
/// A replay is not refused: what was acknowledged once is loaded.
pub const GROUPS_PER_COORDINATOR_MAX: usize = 100_000;

/// Committed partitions of one group. One more: `INVALID_COMMIT_OFFSET_SIZE` for that partition.
pub const OFFSETS_PER_GROUP_MAX: usize = 100_000;

/// Committed partitions of one coordinator. One more: `INVALID_COMMIT_OFFSET_SIZE`.
pub const OFFSETS_PER_COORDINATOR_MAX: usize = 4_000_000;

/// Longest topic name, as in Kafka. Longer: `UNKNOWN_TOPIC_OR_PARTITION` for its partitions.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Bytes of one group metadata record. More: the SyncGroup gets `UNKNOWN_SERVER_ERROR`, which is
/// Kafka's answer when the record exceeds `message.max.bytes`.
pub const GROUP_RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of one record batch that the store builds. More: another batch.
pub const STORE_BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that a batch may have when it is decompressed for replay. More: it cannot be read.
pub const REPLAY_BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Appends a coordinator may have handed out and not yet heard about.
/// One more: `COORDINATOR_NOT_AVAILABLE`, which clients retry.
pub const APPENDS_IN_FLIGHT_MAX: usize = 16_384;

/// Bytes of the records in those appends; the last one let in may pass it.
/// More: `COORDINATOR_NOT_AVAILABLE`.
pub const APPEND_BYTES_IN_FLIGHT_MAX: usize = 64 * 1024 * 1024;

/// OffsetFetch requests with `require_stable` that wait for one append.
/// One more: `UNSTABLE_OFFSET_COMMIT`, which clients retry.
pub const FETCHES_PER_APPEND_MAX: usize = 1_024;

/// How long a new member's JoinGroup may be parked before the member is forgotten (Kafka's
/// constant): its client may be gone, and it cannot heartbeat yet.
pub const NEW_MEMBER_JOIN_TIMEOUT_MS: i64 = 5 * 60 * 1000;

/// Longest rebalance timeout honoured; Kafka has no bound, a day is past any use.
pub const REBALANCE_TIMEOUT_MS_MAX: i32 = 24 * 60 * 60 * 1000;

/// Groups looked at in one turn of the offset expiry, so that a turn stays short.
pub const EXPIRE_GROUPS_PER_TURN: usize = 1_000;

/// A turn of the offset expiry ends after the group in which this many tombstones were reached.
pub const EXPIRE_RECORDS_PER_TURN: usize = 4_000;

/// Timers fired in one call; the rest follow in the next, which is due at once.
pub const TIMERS_PER_TURN_MAX: usize = 4_096;

/// Dead entries the deadline heap may hold beyond its live ones before it is rebuilt.
pub const TIMER_HEAP_SLACK: usize = 1_024;

const _: () = assert!(GROUP_RECORD_BYTES_MAX <= APPEND_BYTES_IN_FLIGHT_MAX);
const _: () = assert!(GROUP_RECORD_BYTES_MAX < REPLAY_BATCH_BYTES_MAX);
const _: () = assert!(MEMBER_METADATA_BYTES_MAX <= GROUP_RECORD_BYTES_MAX);
const _: () = assert!(OFFSETS_PER_GROUP_MAX <= OFFSETS_PER_COORDINATOR_MAX);
