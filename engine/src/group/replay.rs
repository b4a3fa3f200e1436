//! The one place where records become offsets: at start from the log, and live as soon as what
//! was handed out is durable. A group's members are live state; their record is for the start.

use std::sync::Arc;

use bytes::Bytes;

use super::groups::Groups;
use super::members::{Member, Offer};
use super::offsets::Committed;
use super::records::{
    GroupMetadataValue, Key, MemberMetadata, RecordError, decode_group_metadata, decode_key,
    decode_offset_commit,
};
use super::state::{Group, State};
use super::turn::Totals;

/// Whether a record comes from the log at start or from an append of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Log,
    Live,
}

/// Applies one record; no value is a tombstone. An error leaves everything as it was.
pub(super) fn apply(
    groups: &mut Groups,
    totals: &mut Totals,
    key: &[u8],
    value: Option<&[u8]>,
    source: Source,
) -> Result<(), RecordError> {
    match decode_key(key)? {
        Key::OffsetCommit { group, topic, partition } => match value {
            Some(value) => {
                let committed = Committed::from(&decode_offset_commit(value)?);
                let offsets = &mut groups.get_or_create(group).offsets;
                totals.offsets += usize::from(offsets.set(topic, partition, committed));
            }
            None => {
                if let Some(group) = groups.get_mut(group) {
                    let was_there = group.offsets.remove(topic, partition);
                    totals.offsets -= usize::from(was_there);
                }
            }
        },
        Key::GroupMetadata { group } => match value {
            Some(value) if source == Source::Log => {
                load_group(groups, totals, group, &decode_group_metadata(value)?)?;
            }
            Some(_) => {}
            None => remove_group(groups, totals, group),
        },
        Key::Unknown(_) => {}
    }
    Ok(())
}

/// Takes over a generation as it was stored. Sessions start when the whole log has been read.
fn load_group(
    groups: &mut Groups,
    totals: &mut Totals,
    group_id: &str,
    value: &GroupMetadataValue<'_>,
) -> Result<(), RecordError> {
    if !value.members.is_empty() && value.protocol.is_none() {
        return Err(RecordError::Inconsistent);
    }
    let group = groups.get_or_create(group_id);
    drop_members(group, totals);
    for stored in &value.members {
        if group.member(stored.member_id).is_some() {
            continue;
        }
        let member = load_member(stored, value.protocol);
        totals.member_bytes += member.size_bytes();
        group.add(member, value.protocol_type);
    }
    group.generation = value.generation;
    group.protocol_type = (!value.protocol_type.is_empty()).then(|| value.protocol_type.into());
    group.protocol = value.protocol.map(Arc::from);
    if let Some(leader) = value.leader.and_then(|id| group.member(id)) {
        group.leader = Some(Arc::clone(&leader.id));
    }
    let state = if value.members.is_empty() { State::Empty } else { State::Stable };
    let since_ms = value.current_state_timestamp_ms;
    group.restore_state(state, (since_ms >= 0).then_some(since_ms));
    group.find_subscriptions();
    Ok(())
}

fn load_member(stored: &MemberMetadata<'_>, protocol: Option<&str>) -> Member {
    let rebalance_timeout_ms = match stored.rebalance_timeout_ms {
        ..0 => stored.session_timeout_ms,
        given => given,
    };
    Member {
        id: stored.member_id.into(),
        instance_id: stored.group_instance_id.map(Arc::from),
        client_id: stored.client_id.into(),
        client_host: stored.client_host.into(),
        session_timeout_ms: stored.session_timeout_ms,
        rebalance_timeout_ms,
        offers: vec![Offer {
            name: protocol.unwrap_or_default().into(),
            metadata: Bytes::copy_from_slice(stored.subscription),
        }],
        assignment: Bytes::copy_from_slice(stored.assignment),
        joining: None,
        syncing: None,
        is_new: false,
        session: None,
    }
}

/// A group whose tombstone is durable is gone, unless a commit came in between: then it goes on
/// as a group that only stores offsets.
fn remove_group(groups: &mut Groups, totals: &mut Totals, group_id: &str) {
    let Some(group) = groups.get_mut(group_id) else { return };
    drop_members(group, totals);
    if group.offsets.count() == 0 {
        groups.remove(group_id);
        return;
    }
    group.generation = 0;
    group.protocol_type = None;
    group.protocol = None;
    group.restore_state(State::Empty, None);
    group.find_subscriptions();
}

fn drop_members(group: &mut Group, totals: &mut Totals) {
    let ids: Vec<_> = group.members().keys().cloned().collect();
    for id in ids {
        let member = group.remove(&id);
        totals.member_bytes -= member.map_or(0, |member| member.size_bytes());
    }
}
