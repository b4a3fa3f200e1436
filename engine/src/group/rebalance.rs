//! The rebalance of a group, from "prepare" to "everyone has its assignment", and what the
//! passing of time does to it. Kafka's rules, in Kafka's order. Takes no requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::appends::{Rename, Then};
use super::requests::{Answer, SyncAnswer};
use super::state::{Group, State};
use super::timers::Timer;
use super::turn::{Turn, join_answer, joined_members};

impl Turn<'_> {
    /// Starts a rebalance if the group is settled; else sees whether the running one is done.
    pub(super) fn rebalance_or_complete(&mut self, group: &mut Group) {
        match group.state() {
            State::Empty | State::CompletingRebalance | State::Stable => {
                self.prepare_rebalance(group);
            }
            State::PreparingRebalance | State::Dead => self.complete_join_if_all_in(group),
        }
    }

    /// Asks all members to join again.
    pub(super) fn prepare_rebalance(&mut self, group: &mut Group) {
        if group.is(State::CompletingRebalance) {
            self.drop_assignments(group, ErrorCode::RebalanceInProgress);
        }
        group.pending_sync.clear();
        self.cancel_sync_timer(group);
        let is_first = group.is(State::Empty);
        group.transition(State::PreparingRebalance, self.now.wall_ms);
        if is_first {
            let delay_ms = i64::from(self.config.initial_rebalance_delay_ms);
            let remaining_ms = (group.rebalance_timeout_ms() - delay_ms).max(0);
            self.wait_for_first_members(group, delay_ms, remaining_ms);
        } else if group.have_all_joined() {
            self.complete_join(group);
        } else {
            self.wait_for_joins(group);
        }
    }

    /// Ends the join phase once nobody is missing. The first rebalance ends by its timer only.
    pub(super) fn complete_join_if_all_in(&mut self, group: &mut Group) {
        let is_waiting = group.is(State::PreparingRebalance) && !group.is_first_rebalance();
        if is_waiting && group.have_all_joined() {
            self.complete_join(group);
        }
    }

    /// A member is gone without having asked to leave: the first rebalance does not outlast it.
    fn complete_join_after_loss(&mut self, group: &mut Group) {
        if group.is(State::PreparingRebalance) && group.have_all_joined() {
            self.complete_join(group);
        }
    }

    /// Ends the join phase with whoever is in.
    fn complete_join(&mut self, group: &mut Group) {
        self.cancel_join_timer(group);
        self.remove_dynamic_members_not_joined(group);
        if !group.elect_joined_leader() && !group.members().is_empty() {
            // Only static members, none of them here: their sessions decide.
            self.wait_for_joins(group);
            return;
        }
        group.next_generation(self.now.wall_ms);
        group.new_member_added = false;
        if group.is(State::Empty) {
            self.append_group(group, None, Then::Nothing)
                .expect("a group without members fits a record");
        } else {
            self.answer_joins(group);
        }
    }

    fn remove_dynamic_members_not_joined(&mut self, group: &mut Group) {
        let missing: Vec<_> = group
            .members()
            .values()
            .filter(|member| member.joining.is_none() && member.instance_id.is_none())
            .map(|member| Arc::clone(&member.id))
            .collect();
        for id in missing {
            self.remove_member(group, &id);
        }
    }

    /// Tells every member the new generation, and waits for all of them to sync.
    fn answer_joins(&mut self, group: &mut Group) {
        let ids: Vec<_> = group.members().keys().cloned().collect();
        for id in ids {
            if let Some(token) = group.take_join(&id) {
                self.answer_join(group, &id, token);
            }
            self.restart_session(group, &id);
            if let Some(member) = group.member_mut(&id) {
                member.is_new = false;
            }
            group.pending_sync.insert(id);
        }
        let deadline_ms = self.now.monotonic_ms + group.rebalance_timeout_ms();
        self.cancel_sync_timer(group);
        let timer = Timer::Sync { group: Arc::clone(&group.id), generation: group.generation };
        group.sync_timer = Some(self.timers.arm(timer, deadline_ms));
    }

    fn wait_for_joins(&mut self, group: &mut Group) {
        let timer = Timer::Join { group: Arc::clone(&group.id) };
        let after_ms = group.rebalance_timeout_ms();
        self.rearm_join_timer(group, timer, after_ms);
    }

    fn wait_for_first_members(&mut self, group: &mut Group, delay_ms: i64, remaining_ms: i64) {
        let group_id = Arc::clone(&group.id);
        let timer = Timer::InitialJoin { group: group_id, delay_ms, remaining_ms };
        self.rearm_join_timer(group, timer, delay_ms);
    }

    /// The first rebalance has waited `delay_ms`: once more if somebody came meanwhile.
    pub(super) fn on_first_join_due(
        &mut self,
        group: &mut Group,
        delay_ms: i64,
        remaining_ms: i64,
    ) {
        group.join_timer = None;
        if !group.is(State::PreparingRebalance) {
            return;
        }
        if group.new_member_added && remaining_ms != 0 {
            group.new_member_added = false;
            let configured_ms = i64::from(self.config.initial_rebalance_delay_ms);
            let next_delay_ms = configured_ms.min(remaining_ms);
            let next_remaining_ms = (remaining_ms - delay_ms).max(0);
            self.wait_for_first_members(group, next_delay_ms, next_remaining_ms);
        } else {
            self.complete_join(group);
        }
    }

    /// The rebalance timeout has passed.
    pub(super) fn on_join_due(&mut self, group: &mut Group) {
        group.join_timer = None;
        if group.is(State::PreparingRebalance) {
            self.complete_join(group);
        }
    }

    /// Members that never asked for their assignment are removed.
    pub(super) fn on_sync_due(&mut self, group: &mut Group, generation: i32) {
        group.sync_timer = None;
        let is_settling = group.is(State::CompletingRebalance) || group.is(State::Stable);
        if generation != group.generation || !is_settling || group.pending_sync.is_empty() {
            return;
        }
        for id in std::mem::take(&mut group.pending_sync) {
            self.remove_member(group, &id);
        }
        self.prepare_rebalance(group);
    }

    /// A member, or one that was about to join, was silent for too long.
    pub(super) fn on_session_due(&mut self, group: &mut Group, member_id: &str) {
        if group.pending_join.remove(member_id).is_some() {
            self.complete_join_after_loss(group);
            return;
        }
        let Some(member) = group.member_mut(member_id) else { return };
        member.session = None;
        if member.is_excused() {
            return;
        }
        self.remove_member(group, member_id);
        match group.state() {
            State::Stable | State::CompletingRebalance => self.rebalance_or_complete(group),
            State::PreparingRebalance => self.complete_join_after_loss(group),
            State::Empty | State::Dead => {}
        }
    }

    /// The leader's assignment is durable.
    pub(super) fn settle(
        &mut self,
        group: &mut Group,
        generation: i32,
        mut assignments: BTreeMap<Arc<str>, Bytes>,
    ) {
        if !group.is(State::CompletingRebalance) || group.generation != generation {
            // Another rebalance has begun meanwhile, and has answered everybody.
            return;
        }
        for member in group.members_mut() {
            let assignment = assignments.remove(&member.id).unwrap_or_default();
            self.set_assignment(member, assignment);
        }
        let ids: Vec<_> = group.members().keys().cloned().collect();
        for id in ids {
            self.answer_sync(group, &id);
        }
        group.transition(State::Stable, self.now.wall_ms);
    }

    /// The leader's assignment could not be stored: all of it again.
    pub(super) fn settle_failed(&mut self, group: &mut Group, generation: i32, error: ErrorCode) {
        if !group.is(State::CompletingRebalance) || group.generation != generation {
            return;
        }
        self.drop_assignments(group, error);
        self.rebalance_or_complete(group);
    }

    /// Forgets all assignments and answers every parked SyncGroup with `error`.
    fn drop_assignments(&mut self, group: &mut Group, error: ErrorCode) {
        let mut waiting = Vec::new();
        for member in group.members_mut() {
            self.set_assignment(member, Bytes::new());
            if let Some(token) = member.syncing.take() {
                waiting.push((Arc::clone(&member.id), token));
            }
        }
        for (id, token) in waiting {
            self.refuse_sync(token, error);
            self.restart_session(group, &id);
        }
    }

    /// Gives a member its assignment, if it waits for it.
    fn answer_sync(&mut self, group: &mut Group, member_id: &str) {
        let (protocol_type, protocol_name) = (group.protocol_type.clone(), group.protocol.clone());
        let Some(member) = group.member_mut(member_id) else { return };
        let Some(token) = member.syncing.take() else { return };
        let assignment = member.assignment.clone();
        let error = ErrorCode::None;
        let answer = SyncAnswer { error, protocol_type, protocol_name, assignment };
        self.answer(token, Answer::SyncGroup(answer));
        self.restart_session(group, member_id);
    }

    /// A static member's new id is durable: it goes on with the assignment it had.
    pub(super) fn rename_stored(&mut self, group: &mut Group, rename: &Rename) {
        if !self.is_still_waiting(group, rename) {
            return;
        }
        group.take_join(&rename.new_id);
        let is_leader = group.is_leader(&rename.new_id);
        let mut answer = join_answer(group, &rename.new_id, Arc::clone(&rename.old_leader), vec![]);
        if rename.can_skip_assignment {
            answer.leader = group.leader.clone().unwrap_or_default();
            answer.skip_assignment = is_leader;
            answer.members = if is_leader { joined_members(group) } else { Vec::new() };
        }
        self.answer(rename.token, Answer::JoinGroup(answer));
    }

    /// A static member's new id could not be stored: the old one stays.
    pub(super) fn rename_failed(&mut self, group: &mut Group, rename: &Rename, error: ErrorCode) {
        if !self.is_still_waiting(group, rename) {
            return;
        }
        group.take_join(&rename.new_id);
        self.refuse_join(rename.token, error, "");
        self.rename_static(group, &rename.new_id, &rename.old_id);
        self.restart_session(group, &rename.old_id);
    }

    /// Gives a static member another id. Its session starts anew under that one.
    pub(super) fn rename_static(&mut self, group: &mut Group, old_id: &str, new_id: &Arc<str>) {
        self.totals.member_bytes -= old_id.len();
        self.totals.member_bytes += new_id.len();
        if let Some(id) = group.member_mut(old_id).and_then(|member| member.session.take()) {
            self.timers.cancel(id);
        }
        group.rename_static(old_id, new_id);
    }

    /// Unless a rebalance has begun since, whose end answers the parked join.
    fn is_still_waiting(&self, group: &Group, rename: &Rename) -> bool {
        group.is(State::Stable)
            && group.generation == rename.generation
            && group.member(&rename.new_id).is_some_and(|m| m.joining == Some(rename.token))
    }
}
