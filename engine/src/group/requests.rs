//! What the coordinator is asked and what it answers: Kafka's fields in plain types, one meaning
//! for all versions. The api layer maps wire versions to these and back; nothing is decided here.

use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::records::Record;

/// Names a request whose answer may come later. Opaque here; each token is answered exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// The two clocks, read by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the Unix epoch: for what is stored.
    pub wall_ms: i64,
    /// Milliseconds of a clock that never steps: for timeouts.
    pub monotonic_ms: i64,
}

/// Who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// `client.id` of the request header; may be empty.
    pub client_id: String,
    /// Address as Kafka stores it: `/127.0.0.1`.
    pub host: String,
}

/// A protocol (assignor) a member offers, in its order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// `range`, `cooperative-sticky`, ...
    pub name: String,
    /// For consumers the subscription; opaque otherwise.
    pub metadata: Bytes,
}

/// JoinGroup v0-v9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroup {
    /// `group_id`.
    pub group_id: String,
    /// Empty: a new member.
    pub member_id: String,
    /// Static membership (v5+).
    pub group_instance_id: Option<String>,
    /// The sender.
    pub client: Client,
    /// `session_timeout_ms`.
    pub session_timeout_ms: i32,
    /// Negative (v0 has no such field): the session timeout.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, ...
    pub protocol_type: String,
    /// In order of preference.
    pub protocols: Vec<Protocol>,
    /// v4+: a new dynamic member gets its id first and joins with it (KIP-394).
    pub member_id_required: bool,
    /// v9+: the leader may be told to skip the assignment (KIP-814).
    pub can_skip_assignment: bool,
    /// Random bits for the member id, should one be needed.
    pub random: u128,
}

/// SyncGroup v0-v5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// `group_id`.
    pub group_id: String,
    /// `generation_id`.
    pub generation_id: i32,
    /// `member_id`.
    pub member_id: String,
    /// Static membership (v3+).
    pub group_instance_id: Option<String>,
    /// v5+: must be the group's if given.
    pub protocol_type: Option<String>,
    /// v5+: must be the group's if given.
    pub protocol_name: Option<String>,
    /// From the leader: member id and assignment. Empty from all others.
    pub assignments: Vec<(String, Bytes)>,
}

/// Heartbeat v0-v4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// `group_id`.
    pub group_id: String,
    /// `generation_id`.
    pub generation_id: i32,
    /// `member_id`.
    pub member_id: String,
    /// Static membership (v3+).
    pub group_instance_id: Option<String>,
}

/// One leaving member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// May be empty when the instance id says who leaves.
    pub member_id: String,
    /// Static membership (v3+).
    pub group_instance_id: Option<String>,
}

/// LeaveGroup v0-v5. v0-v2 name one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroup {
    /// `group_id`.
    pub group_id: String,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// One partition of an OffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionCommit {
    /// `partition_index`.
    pub partition: i32,
    /// `committed_offset`.
    pub offset: i64,
    /// -1: unknown (before v6).
    pub leader_epoch: i32,
    /// v1 only; -1: now.
    pub commit_timestamp_ms: i64,
    /// Null is stored as the empty string, as Kafka does.
    pub metadata: Option<String>,
}

/// OffsetCommit v0-v9. The api layer has already refused unknown topics and partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommit {
    /// `group_id`; may be empty.
    pub group_id: String,
    /// -1: not a member (simple consumers, admin clients, v0).
    pub generation_id: i32,
    /// Empty: not a member.
    pub member_id: String,
    /// Static membership (v7+).
    pub group_instance_id: Option<String>,
    /// v2-v4; -1: the broker's retention.
    pub retention_time_ms: i64,
    /// v9+: a missing group is GROUP_ID_NOT_FOUND, before ILLEGAL_GENERATION.
    pub knows_group_id_not_found: bool,
    /// Topic and its partitions.
    pub topics: Vec<(String, Vec<PartitionCommit>)>,
}

/// OffsetFetch v0-v9, one group of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetch {
    /// `group_id`; may be empty.
    pub group_id: String,
    /// None: every offset of the group.
    pub topics: Option<Vec<(String, Vec<i32>)>>,
    /// v7+: wait for commits that are being written.
    pub require_stable: bool,
}

/// OffsetDelete v0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDelete {
    /// `group_id`.
    pub group_id: String,
    /// Topic and its partitions.
    pub topics: Vec<(String, Vec<i32>)>,
}

/// What happens to a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the requests are documented on their types")]
pub enum Event {
    JoinGroup(Token, JoinGroup),
    SyncGroup(Token, SyncGroup),
    Heartbeat(Token, Heartbeat),
    LeaveGroup(Token, LeaveGroup),
    OffsetCommit(Token, OffsetCommit),
    OffsetFetch(Token, OffsetFetch),
    OffsetDelete(Token, OffsetDelete),
    /// `group_ids`, and whether a missing group is an error (v6+) or a dead group.
    DescribeGroups(Token, Vec<String>, bool),
    ListGroups(Token),
    DeleteGroups(Token, Vec<String>),
    /// Topics are gone: their offsets go too.
    PartitionsDeleted(Vec<(String, i32)>),
    /// The oldest append in flight is durable, or failed. Reported strictly in order.
    Appended(AppendId, Result<(), ErrorCode>),
    /// Time passed: fire what is due.
    Tick,
    /// One turn of looking for offsets past their retention.
    ExpireOffsets,
    /// The partition moves away or the broker stops: every parked request is answered.
    Unload,
}

/// Numbers the appends of a coordinator: 1, 2, 3, ...
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppendId(pub u64);

/// Records to append to the coordinator's partition. The answer that depends on them is given
/// after `Event::Appended` has said that they are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// To be given back in `Event::Appended`.
    pub id: AppendId,
    /// In order; never empty.
    pub records: Vec<Record>,
}

/// What a coordinator wants done.
#[derive(Debug, Default)]
pub struct Effects {
    /// Answers, to be sent.
    pub answers: Vec<(Token, Answer)>,
    /// Appends, in the order of their ids.
    pub appends: Vec<Append>,
    /// After `ExpireOffsets`: more groups wait for their turn.
    pub expire_again: bool,
}

/// An error code for every partition that was asked for, in the order of the request.
pub type PartitionOutcomes = Vec<(String, Vec<(i32, ErrorCode)>)>;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the answers are documented on their types")]
pub enum Answer {
    JoinGroup(JoinAnswer),
    SyncGroup(SyncAnswer),
    Heartbeat(ErrorCode),
    LeaveGroup(LeaveAnswer),
    OffsetCommit(PartitionOutcomes),
    OffsetFetch(FetchAnswer),
    /// An error of the group and no partitions, or what became of each.
    OffsetDelete(ErrorCode, PartitionOutcomes),
    DescribeGroups(Vec<DescribedGroup>),
    /// An error (loading), or the groups; the api layer filters them by state and type.
    ListGroups(Result<Vec<ListedGroup>, ErrorCode>),
    DeleteGroups(Vec<(String, ErrorCode)>),
}

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// `member_id`.
    pub member_id: Arc<str>,
    /// `group_instance_id`.
    pub group_instance_id: Option<Arc<str>>,
    /// For the chosen protocol.
    pub metadata: Bytes,
}

/// JoinGroup's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinAnswer {
    /// `error_code`.
    pub error: ErrorCode,
    /// -1 with an error.
    pub generation_id: i32,
    /// v7+ nullable; empty before.
    pub protocol_type: Option<Arc<str>>,
    /// Nullable from v7; empty before.
    pub protocol_name: Option<Arc<str>>,
    /// Member id of the leader; empty with an error.
    pub leader: Arc<str>,
    /// v9+.
    pub skip_assignment: bool,
    /// `member_id`.
    pub member_id: Arc<str>,
    /// For the leader alone.
    pub members: Vec<JoinedMember>,
}

impl JoinAnswer {
    pub(super) fn refused(error: ErrorCode, member_id: &str) -> Answer {
        Answer::JoinGroup(JoinAnswer {
            error,
            generation_id: -1,
            protocol_type: None,
            protocol_name: None,
            leader: Arc::default(),
            skip_assignment: false,
            member_id: member_id.into(),
            members: Vec::new(),
        })
    }
}

/// SyncGroup's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncAnswer {
    /// `error_code`.
    pub error: ErrorCode,
    /// v5+.
    pub protocol_type: Option<Arc<str>>,
    /// v5+.
    pub protocol_name: Option<Arc<str>>,
    /// What the leader gave this member.
    pub assignment: Bytes,
}

impl SyncAnswer {
    pub(super) fn refused(error: ErrorCode) -> Answer {
        Answer::SyncGroup(SyncAnswer {
            error,
            protocol_type: None,
            protocol_name: None,
            assignment: Bytes::new(),
        })
    }
}

/// LeaveGroup's answer. Before v3 there is no list: the one member's error is the request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveAnswer {
    /// `error_code`.
    pub error: ErrorCode,
    /// In the order of the request.
    pub members: Vec<(LeavingMember, ErrorCode)>,
}

/// One partition of an OffsetFetch answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// `partition_index`.
    pub partition: i32,
    /// -1: nothing is committed.
    pub offset: i64,
    /// -1: unknown.
    pub leader_epoch: i32,
    /// Empty if nothing is committed.
    pub metadata: Arc<str>,
    /// `error_code`.
    pub error: ErrorCode,
}

/// OffsetFetch's answer for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// Of the group (v2+); before that the api layer repeats it for each partition.
    pub error: ErrorCode,
    /// Topic and its partitions.
    pub topics: Vec<(String, Vec<FetchedOffset>)>,
}

/// A member in DescribeGroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// `member_id`.
    pub member_id: Arc<str>,
    /// v4+.
    pub group_instance_id: Option<Arc<str>>,
    /// `client_id`.
    pub client_id: Arc<str>,
    /// `client_host`.
    pub client_host: Arc<str>,
    /// For the chosen protocol; empty unless the group is stable.
    pub metadata: Bytes,
    /// `member_assignment`.
    pub assignment: Bytes,
}

/// A group in DescribeGroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// `error_code`.
    pub error: ErrorCode,
    /// `group_id`.
    pub group_id: String,
    /// Kafka's name of the state.
    pub state: &'static str,
    /// Empty: offsets only.
    pub protocol_type: Arc<str>,
    /// The chosen protocol; empty unless the group is stable.
    pub protocol: Arc<str>,
    /// Sorted by member id.
    pub members: Vec<DescribedMember>,
}

/// A group in ListGroups. Its type (v5+) is `classic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// `group_id`.
    pub group_id: Arc<str>,
    /// Empty: offsets only.
    pub protocol_type: Arc<str>,
    /// Kafka's name of the state.
    pub state: &'static str,
}
