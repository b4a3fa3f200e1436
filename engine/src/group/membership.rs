//! SyncGroup, Heartbeat and LeaveGroup of members that are in.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::appends::Then;
use super::groups::Groups;
use super::limits::{GROUP_ID_BYTES_MAX, MEMBER_BYTES_PER_COORDINATOR_MAX};
use super::requests::{
    Answer, Heartbeat, LeaveAnswer, LeaveGroup, LeavingMember, SyncAnswer, SyncGroup, Token,
};
use super::state::{Group, State};
use super::turn::Turn;

impl Turn<'_> {
    pub(super) fn on_sync(&mut self, groups: &mut Groups, token: Token, request: SyncGroup) {
        if let Err(error) = check_group_id(&request.group_id) {
            self.refuse_sync(token, error);
            return;
        }
        let Some(group) = groups.get_mut(&request.group_id) else {
            self.refuse_sync(token, ErrorCode::UnknownMemberId);
            return;
        };
        if let Err(error) = check_sync(group, &request) {
            self.refuse_sync(token, error);
            return;
        }
        match group.state() {
            State::CompletingRebalance => self.park_sync(group, token, request),
            State::Stable => {
                self.has_synced(group, &request.member_id);
                let assignment = group
                    .member(&request.member_id)
                    .map_or_else(Bytes::new, |m| m.assignment.clone());
                let answer = SyncAnswer {
                    error: ErrorCode::None,
                    protocol_type: group.protocol_type.clone(),
                    protocol_name: group.protocol.clone(),
                    assignment,
                };
                self.answer(token, Answer::SyncGroup(answer));
            }
            State::PreparingRebalance | State::Empty | State::Dead => {
                self.refuse_sync(token, ErrorCode::RebalanceInProgress);
            }
        }
    }

    /// Everyone waits for the leader's assignment, the leader for it to be durable.
    fn park_sync(&mut self, group: &mut Group, token: Token, request: SyncGroup) {
        let Some(member) = group.member_mut(&request.member_id) else { return };
        if let Some(before) = member.syncing.replace(token) {
            self.refuse_sync(before, ErrorCode::RebalanceInProgress);
        }
        self.has_synced(group, &request.member_id);
        if !group.is_leader(&request.member_id) {
            return;
        }
        let assignments: BTreeMap<Arc<str>, Bytes> = request
            .assignments
            .into_iter()
            .filter_map(|(id, assignment)| {
                group.member(&id).map(|member| (Arc::clone(&member.id), assignment))
            })
            .collect();
        let generation = group.generation;
        let bytes: usize = assignments.values().map(Bytes::len).sum();
        if !self.appends.have_room() {
            self.settle_failed(group, generation, ErrorCode::CoordinatorNotAvailable);
            return;
        }
        let then = Then::Settle {
            group: Arc::clone(&group.id),
            generation,
            assignments: assignments.clone(),
        };
        let fits = self.totals.member_bytes + bytes <= MEMBER_BYTES_PER_COORDINATOR_MAX;
        if !fits || self.append_group(group, Some(&assignments), then).is_err() {
            self.settle_failed(group, generation, ErrorCode::UnknownServerError);
        }
    }

    fn has_synced(&mut self, group: &mut Group, member_id: &str) {
        group.pending_sync.remove(member_id);
        if group.pending_sync.is_empty() {
            self.cancel_sync_timer(group);
        }
    }

    /// Answers at once: the hot path of a quiet group.
    pub(super) fn on_heartbeat(&mut self, groups: &mut Groups, request: &Heartbeat) -> ErrorCode {
        if let Err(error) = check_group_id(&request.group_id) {
            return error;
        }
        let Some(group) = groups.get_mut(&request.group_id) else {
            return ErrorCode::UnknownMemberId;
        };
        let checked = group.check_generation(
            &request.member_id,
            request.group_instance_id.as_deref(),
            request.generation_id,
        );
        if let Err(error) = checked {
            return error;
        }
        self.restart_session(group, &request.member_id);
        if group.is(State::PreparingRebalance) {
            ErrorCode::RebalanceInProgress
        } else {
            ErrorCode::None
        }
    }

    pub(super) fn on_leave(&mut self, groups: &mut Groups, request: LeaveGroup) -> LeaveAnswer {
        if let Err(error) = check_group_id(&request.group_id) {
            return LeaveAnswer { error, members: Vec::new() };
        }
        let Some(group) = groups.get_mut(&request.group_id) else {
            let unknown = |member| (member, ErrorCode::UnknownMemberId);
            let members = request.members.into_iter().map(unknown).collect();
            return LeaveAnswer { error: ErrorCode::None, members };
        };
        if group.is(State::Dead) {
            let error = ErrorCode::CoordinatorNotAvailable;
            return LeaveAnswer { error, members: Vec::new() };
        }
        let mut members = Vec::with_capacity(request.members.len());
        for member in request.members {
            let outcome = self.remove_leaving(group, &member);
            members.push((member, outcome.err().unwrap_or(ErrorCode::None)));
        }
        if members.iter().any(|(_, error)| *error == ErrorCode::None) {
            match group.state() {
                State::Stable | State::CompletingRebalance => self.prepare_rebalance(group),
                State::PreparingRebalance => self.complete_join_if_all_in(group),
                State::Empty | State::Dead => {}
            }
        }
        LeaveAnswer { error: ErrorCode::None, members }
    }

    fn remove_leaving(
        &mut self,
        group: &mut Group,
        member: &LeavingMember,
    ) -> Result<(), ErrorCode> {
        if member.member_id.is_empty() {
            // An administrator removes a static member by its instance id.
            let instance_id = member.group_instance_id.as_deref().unwrap_or_default();
            let id = group.static_member_id(instance_id).cloned();
            self.remove_member(group, &id.ok_or(ErrorCode::UnknownMemberId)?);
        } else if !self.remove_pending(group, &member.member_id) {
            group.check_member(&member.member_id, member.group_instance_id.as_deref())?;
            self.remove_member(group, &member.member_id);
        }
        Ok(())
    }
}

/// All but commits and fetches of offsets need a group id.
pub(super) fn check_group_id(group_id: &str) -> Result<(), ErrorCode> {
    if group_id.is_empty() || group_id.len() > GROUP_ID_BYTES_MAX {
        return Err(ErrorCode::InvalidGroupId);
    }
    Ok(())
}

fn check_sync(group: &Group, request: &SyncGroup) -> Result<(), ErrorCode> {
    group.check_generation(
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id,
    )?;
    let differs = |asked: &Option<String>, chosen: &Option<Arc<str>>| {
        asked.as_ref().zip(chosen.as_ref()).is_some_and(|(asked, chosen)| **asked != **chosen)
    };
    if differs(&request.protocol_type, &group.protocol_type)
        || differs(&request.protocol_name, &group.protocol)
    {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    Ok(())
}
