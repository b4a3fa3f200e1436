//! What the handlers of one event share: the clock, the limits, the timers, the appends, the
//! effects. Owns no group. The rebalance itself is in `rebalance.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::GroupConfig;
use super::appends::{Appends, Then};
use super::limits::GROUP_RECORD_BYTES_MAX;
use super::members::Member;
use super::records::{GroupMetadataValue, MemberMetadata, Record, RecordError, RecordWriter};
use super::requests::{
    Answer, Append, AppendId, Effects, JoinAnswer, JoinGroup, JoinedMember, Now, SyncAnswer, Token,
};
use super::state::{Group, State};
use super::timers::{Timer, Timers};

/// Sums over all groups of a coordinator, held against its limits.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) member_bytes: usize,
    pub(super) offsets: usize,
}

/// One event being handled.
pub(super) struct Turn<'a> {
    pub(super) config: &'a GroupConfig,
    pub(super) timers: &'a mut Timers,
    pub(super) appends: &'a mut Appends,
    pub(super) totals: &'a mut Totals,
    pub(super) now: Now,
    pub(super) effects: &'a mut Effects,
}

impl Turn<'_> {
    pub(super) fn answer(&mut self, token: Token, answer: Answer) {
        self.effects.answers.push((token, answer));
    }

    pub(super) fn refuse_join(&mut self, token: Token, error: ErrorCode, member_id: &str) {
        self.answer(token, JoinAnswer::refused(error, member_id));
    }

    pub(super) fn refuse_sync(&mut self, token: Token, error: ErrorCode) {
        self.answer(token, SyncAnswer::refused(error));
    }

    /// Hands records out to be appended.
    pub(super) fn append(&mut self, records: Vec<Record>, then: Then) -> AppendId {
        let id = self.appends.push(records.clone(), then);
        self.effects.appends.push(Append { id, records });
        id
    }

    /// Appends the group as it is now, with `assignments` or else what each member has.
    /// Too large or unwritable: the error, and nothing is appended.
    pub(super) fn append_group(
        &mut self,
        group: &mut Group,
        assignments: Option<&BTreeMap<Arc<str>, Bytes>>,
        then: Then,
    ) -> Result<(), RecordError> {
        let record = group_record(group, assignments)?;
        group.last_append = self.append(vec![record], then);
        Ok(())
    }

    /// Puts what a rejoining member says now in the place of what it said before.
    pub(super) fn update_member(&mut self, group: &mut Group, id: &str, request: &JoinGroup) {
        self.totals.member_bytes -= group.member(id).map_or(0, Member::size_bytes);
        group.update(id, request);
        self.totals.member_bytes += group.member(id).map_or(0, Member::size_bytes);
    }

    pub(super) fn set_assignment(&mut self, member: &mut Member, assignment: Bytes) {
        self.totals.member_bytes -= member.assignment.len();
        self.totals.member_bytes += assignment.len();
        member.assignment = assignment;
    }

    /// (Re)starts a member's session with its own timeout.
    pub(super) fn restart_session(&mut self, group: &mut Group, member_id: &str) {
        let timeout_ms = group.member(member_id).map_or(0, |m| i64::from(m.session_timeout_ms));
        self.restart_session_with(group, member_id, timeout_ms);
    }

    pub(super) fn restart_session_with(
        &mut self,
        group: &mut Group,
        member_id: &str,
        timeout_ms: i64,
    ) {
        let deadline_ms = self.now.monotonic_ms + timeout_ms;
        let group_id = Arc::clone(&group.id);
        let Some(member) = group.member_mut(member_id) else { return };
        if member.session.is_some_and(|id| self.timers.move_to(id, deadline_ms)) {
            return;
        }
        let timer = Timer::Session { group: group_id, member: Arc::clone(&member.id) };
        member.session = Some(self.timers.arm(timer, deadline_ms));
    }

    pub(super) fn rearm_join_timer(&mut self, group: &mut Group, timer: Timer, after_ms: i64) {
        self.cancel_join_timer(group);
        group.join_timer = Some(self.timers.arm(timer, self.now.monotonic_ms + after_ms));
    }

    pub(super) fn cancel_join_timer(&mut self, group: &mut Group) {
        if let Some(id) = group.join_timer.take() {
            self.timers.cancel(id);
        }
    }

    pub(super) fn cancel_sync_timer(&mut self, group: &mut Group) {
        if let Some(id) = group.sync_timer.take() {
            self.timers.cancel(id);
        }
    }

    /// Takes a member out of its group. Whatever it has parked is answered: it is unknown now.
    pub(super) fn remove_member(&mut self, group: &mut Group, member_id: &str) {
        let Some(member) = group.remove(member_id) else { return };
        self.totals.member_bytes -= member.size_bytes();
        if let Some(id) = member.session {
            self.timers.cancel(id);
        }
        if let Some(token) = member.joining {
            self.refuse_join(token, ErrorCode::UnknownMemberId, "");
        }
        if let Some(token) = member.syncing {
            self.refuse_sync(token, ErrorCode::UnknownMemberId);
        }
    }

    /// Forgets a member that knew its id but had not joined with it. False if there is none.
    pub(super) fn remove_pending(&mut self, group: &mut Group, member_id: &str) -> bool {
        let Some(timer) = group.pending_join.remove(member_id) else { return false };
        self.timers.cancel(timer);
        true
    }

    /// Tells a member the generation it is in.
    pub(super) fn answer_join(&mut self, group: &Group, member_id: &Arc<str>, token: Token) {
        let members = if group.is_leader(member_id) { joined_members(group) } else { Vec::new() };
        let leader = group.leader.clone().unwrap_or_default();
        let answer = join_answer(group, member_id, leader, members);
        self.answer(token, Answer::JoinGroup(answer));
    }

    /// Marks a group as being deleted: it has no members, and takes none.
    pub(super) fn bury(&mut self, group: &mut Group) {
        assert!(group.is(State::Empty), "only an empty group is deleted");
        for (_, timer) in std::mem::take(&mut group.pending_join) {
            self.timers.cancel(timer);
        }
        group.transition(State::Dead, self.now.wall_ms);
    }
}

/// An answer that lets a member go on to SyncGroup.
pub(super) fn join_answer(
    group: &Group,
    member_id: &Arc<str>,
    leader: Arc<str>,
    members: Vec<JoinedMember>,
) -> JoinAnswer {
    JoinAnswer {
        error: ErrorCode::None,
        generation_id: group.generation,
        protocol_type: group.protocol_type.clone(),
        protocol_name: group.protocol.clone(),
        leader,
        skip_assignment: false,
        member_id: Arc::clone(member_id),
        members,
    }
}

/// All members, as the leader needs them for its assignment.
pub(super) fn joined_members(group: &Group) -> Vec<JoinedMember> {
    group
        .members()
        .values()
        .map(|member| JoinedMember {
            member_id: Arc::clone(&member.id),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(group.protocol.as_deref()),
        })
        .collect()
}

/// The group's metadata record.
fn group_record(
    group: &Group,
    assignments: Option<&BTreeMap<Arc<str>, Bytes>>,
) -> Result<Record, RecordError> {
    let subscriptions: Vec<_> =
        group.members().values().map(|m| m.metadata(group.protocol.as_deref())).collect();
    let members = group
        .members()
        .values()
        .zip(&subscriptions)
        .map(|(member, subscription)| MemberMetadata {
            member_id: &member.id,
            group_instance_id: member.instance_id.as_deref(),
            client_id: &member.client_id,
            client_host: &member.client_host,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription,
            assignment: match assignments {
                Some(given) => given.get(&member.id).map_or(&[], |bytes| &bytes[..]),
                None => &member.assignment,
            },
        })
        .collect();
    let value = GroupMetadataValue {
        protocol_type: group.protocol_type.as_deref().unwrap_or(""),
        generation: group.generation,
        protocol: group.protocol.as_deref(),
        leader: group.leader.as_deref(),
        current_state_timestamp_ms: group.state_since_ms.unwrap_or(-1),
        members,
    };
    let record = RecordWriter::default().group_metadata(&group.id, &value)?;
    if record.size_bytes() > GROUP_RECORD_BYTES_MAX {
        return Err(RecordError::TooLong);
    }
    Ok(record)
}
