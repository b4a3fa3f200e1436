//! DescribeGroups, ListGroups, DeleteGroups, and the end of offsets whose topic is gone or whose
//! retention has passed (KIP-211).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::appends::Then;
use super::groups::Groups;
use super::limits::{EXPIRE_GROUPS_PER_TURN, EXPIRE_RECORDS_PER_TURN, GROUP_ID_BYTES_MAX};
use super::offsets::Committed;
use super::records::{Record, RecordWriter};
use super::requests::{Answer, DescribedGroup, DescribedMember, ListedGroup, Token};
use super::state::{Group, State};
use super::turn::Turn;

/// A key that was read from, or went into, a record before.
const KEY_FITS: &str = "the key was stored before";

impl Turn<'_> {
    pub(super) fn on_delete_groups(
        &mut self,
        groups: &mut Groups,
        token: Token,
        group_ids: Vec<String>,
    ) {
        let mut records = Vec::new();
        let mut buried = Vec::new();
        let mut outcomes = Vec::with_capacity(group_ids.len());
        let has_room = self.appends.have_room();
        for id in group_ids {
            let outcome = match deletable(groups, &id) {
                Ok(_) if !has_room => Err(ErrorCode::CoordinatorNotAvailable),
                other => other,
            };
            let error = match outcome {
                Ok(group) => {
                    self.bury_with_offsets(group, &mut records);
                    buried.push(Arc::clone(&group.id));
                    ErrorCode::None
                }
                Err(error) => error,
            };
            outcomes.push((id, error));
        }
        let answer = Answer::DeleteGroups(outcomes);
        if records.is_empty() {
            self.answer(token, answer);
        } else {
            self.append_burial(groups, records, buried, Some((token, answer)));
        }
    }

    fn bury_with_offsets(&mut self, group: &mut Group, records: &mut Vec<Record>) {
        self.bury(group);
        let mut writer = RecordWriter::default();
        for (topic, partitions) in group.offsets.sorted() {
            for (partition, _) in partitions {
                let key = (&*group.id, &**topic, partition);
                records.push(writer.offset_tombstone(key).expect(KEY_FITS));
            }
        }
        records.push(writer.group_tombstone(&group.id).expect(KEY_FITS));
    }

    fn append_burial(
        &mut self,
        groups: &mut Groups,
        records: Vec<Record>,
        buried: Vec<Arc<str>>,
        answer: Option<(Token, Answer)>,
    ) {
        let then = Then::Bury { groups: buried.clone(), answer };
        let last_append = self.append(records, then);
        for id in buried {
            groups.get_or_create(&id).last_append = last_append;
        }
    }

    /// Topics are gone: nobody will read on from their offsets.
    pub(super) fn on_partitions_deleted(
        &mut self,
        groups: &mut Groups,
        partitions: &[(String, i32)],
    ) {
        let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in partitions {
            by_topic.entry(topic).or_default().push(*partition);
        }
        let mut writer = RecordWriter::default();
        let mut records = Vec::new();
        for group in groups.iter_mut().filter(|group| !group.is(State::Dead)) {
            for (topic, partitions) in &by_topic {
                for partition in partitions {
                    if group.offsets.get(topic, *partition).is_some() {
                        let key = (&*group.id, *topic, *partition);
                        records.push(writer.offset_tombstone(key).expect(KEY_FITS));
                    }
                }
            }
        }
        if !records.is_empty() {
            self.append(records, Then::Nothing);
        }
    }

    /// Looks at the groups in `EXPIRE_GROUPS_PER_TURN` slots from `slot` on. Returns where to go
    /// on, or none when all have been looked at.
    pub(super) fn expire_offsets(&mut self, groups: &mut Groups, slot: usize) -> Option<usize> {
        if !self.appends.have_room() {
            return Some(slot);
        }
        let mut records = Vec::new();
        let mut buried = Vec::new();
        let mut next = slot;
        let end = groups.slot_count().min(slot + EXPIRE_GROUPS_PER_TURN);
        while next < end && records.len() < EXPIRE_RECORDS_PER_TURN {
            if let Some(group) = groups.in_slot_mut(next) {
                self.expire_group(group, &mut records);
                if group.is(State::Dead) && !self.appends.is_in_flight(group.last_append) {
                    buried.push(Arc::clone(&group.id));
                }
            }
            next += 1;
        }
        if !records.is_empty() {
            self.append_burial(groups, records, buried, None);
        }
        (next < groups.slot_count()).then_some(next)
    }

    fn expire_group(&mut self, group: &mut Group, records: &mut Vec<Record>) {
        // An offset that is being committed again must not be buried under an old tombstone.
        if group.is(State::Dead) || self.appends.is_in_flight(group.last_append) {
            return;
        }
        let mut writer = RecordWriter::default();
        let mut kept = 0usize;
        for (topic, partitions) in group.offsets.sorted() {
            for (partition, committed) in partitions {
                if self.is_expired(group, topic, committed) {
                    let key = (&*group.id, &**topic, partition);
                    records.push(writer.offset_tombstone(key).expect(KEY_FITS));
                } else {
                    kept += 1;
                }
            }
        }
        if kept == 0 && group.is(State::Empty) && group.pending_join.is_empty() {
            records.push(writer.group_tombstone(&group.id).expect(KEY_FITS));
            self.bury(group);
        }
    }

    /// Kafka's `offsetExpirationCondition`: the clock of an offset starts when its group becomes
    /// empty, or with its commit if the group has no members to lose.
    fn is_expired(&self, group: &Group, topic: &str, committed: &Committed) -> bool {
        let started_ms = match (&group.protocol_type, group.state()) {
            (None, _) => committed.commit_timestamp_ms,
            (Some(_), State::Empty) => {
                group.state_since_ms.unwrap_or(committed.commit_timestamp_ms)
            }
            (Some(_), State::Stable)
                if group.uses_consumer_protocol() && group.knows_subscriptions() =>
            {
                committed.commit_timestamp_ms
            }
            _ => return false,
        };
        if group.is_subscribed_to(topic) {
            return false;
        }
        let now_ms = self.now.wall_ms;
        if committed.expire_timestamp_ms >= 0 {
            return now_ms >= committed.expire_timestamp_ms;
        }
        now_ms.saturating_sub(started_ms) >= self.config.offsets_retention_ms
    }
}

fn deletable<'g>(groups: &'g mut Groups, group_id: &str) -> Result<&'g mut Group, ErrorCode> {
    if group_id.len() > GROUP_ID_BYTES_MAX {
        return Err(ErrorCode::InvalidGroupId);
    }
    let group = groups.get_mut(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
    match group.state() {
        State::Empty => Ok(group),
        State::Dead => Err(ErrorCode::GroupIdNotFound),
        _ => Err(ErrorCode::NonEmptyGroup),
    }
}

/// `missing_is_error`: DescribeGroups v6+ says so; before, a missing group is a dead one.
pub(super) fn describe(
    groups: &Groups,
    group_ids: Vec<String>,
    missing_is_error: bool,
) -> Vec<DescribedGroup> {
    let describe = |id: String| match groups.get(&id) {
        Some(group) => describe_group(group, id),
        None if missing_is_error => not_described(id, ErrorCode::GroupIdNotFound),
        None => not_described(id, ErrorCode::None),
    };
    group_ids.into_iter().map(describe).collect()
}

pub(super) fn not_described(group_id: String, error: ErrorCode) -> DescribedGroup {
    let state = match error {
        ErrorCode::None | ErrorCode::GroupIdNotFound => State::Dead.name(),
        _ => "",
    };
    DescribedGroup {
        error,
        group_id,
        state,
        protocol_type: Arc::default(),
        protocol: Arc::default(),
        members: Vec::new(),
    }
}

fn describe_group(group: &Group, group_id: String) -> DescribedGroup {
    // What a member offers is only meaningful once a protocol is settled.
    let protocol = if group.is(State::Stable) { group.protocol.clone() } else { None };
    let members = group.members().values().map(|member| DescribedMember {
        member_id: Arc::clone(&member.id),
        group_instance_id: member.instance_id.clone(),
        client_id: Arc::clone(&member.client_id),
        client_host: Arc::clone(&member.client_host),
        metadata: protocol.as_deref().map_or_else(Bytes::new, |p| member.metadata(Some(p))),
        assignment: member.assignment.clone(),
    });
    DescribedGroup {
        error: ErrorCode::None,
        group_id,
        state: group.state().name(),
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        members: members.collect(),
        protocol: protocol.unwrap_or_default(),
    }
}

/// All groups, sorted by id.
pub(super) fn list(groups: &Groups) -> Vec<ListedGroup> {
    let mut listed: Vec<_> = groups
        .iter()
        .map(|group| ListedGroup {
            group_id: Arc::clone(&group.id),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            state: group.state().name(),
        })
        .collect();
    listed.sort_unstable_by(|a, b| a.group_id.cmp(&b.group_id));
    listed
}
