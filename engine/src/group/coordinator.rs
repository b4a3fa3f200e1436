//! The coordinator of the groups of one `__consumer_offsets` partition: a pure state machine.
//! Routes events to their handlers and knows the order of things: load, serve, unload.
//! No I/O, no clock, no randomness: all come in with the event.

use kafka_wire::ErrorCode;

use super::GroupConfig;
use super::admin;
use super::appends::{Appends, InFlight, Then};
use super::commits::{commit_refused, fetch};
use super::error::{of_failed_append, of_failed_commit};
use super::groups::Groups;
use super::limits::TIMERS_PER_TURN_MAX;
use super::records::RecordError;
use super::replay::{self, Source};
use super::requests::{
    Answer, AppendId, Effects, Event, FetchAnswer, JoinAnswer, LeaveAnswer, Now, SyncAnswer, Token,
};
use super::state::State;
use super::timers::{Timer, Timers};
use super::turn::{Totals, Turn};

/// Where a coordinator is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Reads its log; clients are told to come back.
    Loading,
    Serving,
    /// Gone from here; clients are told to look elsewhere.
    Unloaded,
}

/// One partition's groups. Owned and called by the shard that owns the partition, one event at a
/// time. The caller appends what `Effects` hands out, in order, and reports each outcome in order
/// with `Event::Appended`; it calls with `Event::Tick` when `next_deadline_ms` has come.
#[derive(Debug)]
pub struct Coordinator {
    config: GroupConfig,
    phase: Phase,
    groups: Groups,
    timers: Timers,
    appends: Appends,
    totals: Totals,
    /// Where the next turn of the offset expiry begins.
    expire_from: usize,
}

impl Coordinator {
    /// A coordinator that has not read its log yet.
    pub fn new(config: GroupConfig) -> Coordinator {
        Coordinator {
            config,
            phase: Phase::Loading,
            groups: Groups::default(),
            timers: Timers::default(),
            appends: Appends::default(),
            totals: Totals::default(),
            expire_from: 0,
        }
    }

    /// Applies one record of the log, in order; no value is a tombstone. An error names a record that cannot be read; it
    /// has changed nothing, and the caller may count it and go on, as Kafka does.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RecordError> {
        assert_eq!(self.phase, Phase::Loading, "records are replayed before serving");
        replay::apply(&mut self.groups, &mut self.totals, key, value, Source::Log)
    }

    /// The whole log has been replayed: sessions start, requests are served.
    pub fn start_serving(&mut self, now: Now, effects: &mut Effects) {
        assert_eq!(self.phase, Phase::Loading, "a coordinator starts once");
        self.phase = Phase::Serving;
        let size_max = self.config.group_size_max;
        let (groups, mut turn) = self.turn(now, effects);
        for group in groups.iter_mut() {
            let ids: Vec<_> = group.members().keys().cloned().collect();
            for id in &ids {
                turn.restart_session(group, id);
            }
            if ids.len() > size_max {
                turn.prepare_rebalance(group);
            }
        }
    }

    /// Handles one event. Answers and appends are added to `effects`.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match (self.phase, event) {
            (Phase::Unloaded, Event::Appended(..)) => {}
            (Phase::Serving, Event::Unload) => self.unload(now, effects),
            (Phase::Serving, Event::ExpireOffsets) => self.expire(now, effects),
            (Phase::Serving, event) => self.serve(event, now, effects),
            (_, Event::Unload) => self.phase = Phase::Unloaded,
            (Phase::Loading, event) => {
                refuse(event, ErrorCode::CoordinatorLoadInProgress, effects);
            }
            (Phase::Unloaded, event) => refuse(event, ErrorCode::NotCoordinator, effects),
        }
    }

    /// When to send the next `Event::Tick`, on the monotonic clock. May be early, never late.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.timers.next_deadline_ms()
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.count()
    }

    /// How many partitions have a committed offset, over all groups.
    pub fn offset_count(&self) -> usize {
        self.totals.offsets
    }

    fn turn<'a>(&'a mut self, now: Now, effects: &'a mut Effects) -> (&'a mut Groups, Turn<'a>) {
        let turn = Turn {
            config: &self.config,
            timers: &mut self.timers,
            appends: &mut self.appends,
            totals: &mut self.totals,
            now,
            effects,
        };
        (&mut self.groups, turn)
    }

    fn serve(&mut self, event: Event, now: Now, effects: &mut Effects) {
        let (groups, mut turn) = self.turn(now, effects);
        match event {
            Event::JoinGroup(token, request) => turn.on_join(groups, token, &request),
            Event::SyncGroup(token, request) => turn.on_sync(groups, token, request),
            Event::Heartbeat(token, request) => {
                let error = turn.on_heartbeat(groups, &request);
                turn.answer(token, Answer::Heartbeat(error));
            }
            Event::LeaveGroup(token, request) => {
                let answer = turn.on_leave(groups, request);
                turn.answer(token, Answer::LeaveGroup(answer));
            }
            Event::OffsetCommit(token, request) => turn.on_commit(groups, token, &request),
            Event::OffsetFetch(token, request) => turn.on_fetch(groups, token, request),
            Event::OffsetDelete(token, request) => turn.on_offset_delete(groups, token, &request),
            Event::DescribeGroups(token, group_ids, missing_is_error) => {
                let described = admin::describe(groups, group_ids, missing_is_error);
                turn.answer(token, Answer::DescribeGroups(described));
            }
            Event::ListGroups(token) => {
                turn.answer(token, Answer::ListGroups(Ok(admin::list(groups))));
            }
            Event::DeleteGroups(token, group_ids) => {
                turn.on_delete_groups(groups, token, group_ids);
            }
            Event::PartitionsDeleted(partitions) => {
                turn.on_partitions_deleted(groups, &partitions);
            }
            Event::Appended(id, outcome) => turn.on_appended(groups, id, outcome),
            Event::Tick => turn.on_tick(groups),
            Event::ExpireOffsets | Event::Unload => unreachable!("handled before"),
        }
    }

    fn expire(&mut self, now: Now, effects: &mut Effects) {
        let from = self.expire_from;
        let (groups, mut turn) = self.turn(now, effects);
        let next = turn.expire_offsets(groups, from);
        self.expire_from = next.unwrap_or(0);
        effects.expire_again = next.is_some();
    }

    /// Answers whatever is parked and forgets the groups.
    fn unload(&mut self, now: Now, effects: &mut Effects) {
        let error = ErrorCode::NotCoordinator;
        let (groups, mut turn) = self.turn(now, effects);
        for group in groups.iter_mut() {
            for member in group.members_mut() {
                if let Some(token) = member.joining.take() {
                    turn.refuse_join(token, error, &member.id);
                }
                if let Some(token) = member.syncing.take() {
                    turn.refuse_sync(token, error);
                }
            }
        }
        while let Some(append) = turn.appends.pop_any() {
            if let Then::Answer(token, answer) | Then::Bury { answer: Some((token, answer)), .. } =
                append.then
            {
                turn.answer(token, with_error(answer, error));
            }
            for (token, _) in append.fetches {
                turn.answer(token, fetch_refused(error));
            }
        }
        *self = Coordinator { phase: Phase::Unloaded, ..Coordinator::new(self.config.clone()) };
    }

    /// The state of a group, and its invariants checked. For tests.
    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        let groups = || self.groups.iter();
        groups().for_each(super::state::Group::check_invariants);
        assert_eq!(groups().map(|g| g.offsets.count()).sum::<usize>(), self.totals.offsets);
        let members = groups().flat_map(|g| g.members().values());
        let member_bytes: usize = members.map(super::members::Member::size_bytes).sum();
        assert_eq!(member_bytes, self.totals.member_bytes, "bytes of members");
    }
}

impl Turn<'_> {
    fn on_appended(&mut self, groups: &mut Groups, id: AppendId, outcome: Result<(), ErrorCode>) {
        let append = self.appends.pop(id);
        match outcome {
            Ok(()) => self.on_durable(groups, append),
            Err(error) => self.on_append_failed(groups, append, error),
        }
    }

    fn on_durable(&mut self, groups: &mut Groups, append: InFlight) {
        for record in &append.records {
            replay::apply(groups, self.totals, &record.key, record.value.as_deref(), Source::Live)
                .expect("our own record can be read");
        }
        match append.then {
            Then::Nothing | Then::Bury { answer: None, .. } => {}
            Then::Answer(token, answer) | Then::Bury { answer: Some((token, answer)), .. } => {
                self.answer(token, answer);
            }
            Then::Settle { group, generation, assignments } => {
                if let Some(group) = groups.get_mut(&group) {
                    self.settle(group, generation, assignments);
                }
            }
            Then::Rename(rename) => {
                if let Some(group) = groups.get_mut(&rename.group) {
                    self.rename_stored(group, &rename);
                }
            }
        }
        for (token, request) in append.fetches {
            let answer = fetch(groups, &request);
            self.answer(token, Answer::OffsetFetch(answer));
        }
    }

    fn on_append_failed(&mut self, groups: &mut Groups, append: InFlight, error: ErrorCode) {
        let group_error = of_failed_append(error);
        match append.then {
            Then::Nothing => {}
            Then::Answer(token, answer) => self.answer(token, with_error(answer, error)),
            Then::Settle { group, generation, .. } => {
                if let Some(group) = groups.get_mut(&group) {
                    self.settle_failed(group, generation, group_error);
                }
            }
            Then::Rename(rename) => {
                if let Some(group) = groups.get_mut(&rename.group) {
                    self.rename_failed(group, &rename, group_error);
                }
            }
            Then::Bury { groups: buried, answer } => {
                for id in buried {
                    if let Some(group) = groups.get_mut(&id)
                        && group.is(State::Dead)
                    {
                        group.transition(State::Empty, self.now.wall_ms);
                    }
                }
                if let Some((token, answer)) = answer {
                    self.answer(token, with_error(answer, error));
                }
            }
        }
        for (token, request) in append.fetches {
            let answer = fetch(groups, &request);
            self.answer(token, Answer::OffsetFetch(answer));
        }
    }

    fn on_tick(&mut self, groups: &mut Groups) {
        for _ in 0..TIMERS_PER_TURN_MAX {
            let Some(timer) = self.timers.pop_due(self.now.monotonic_ms) else { return };
            match timer {
                Timer::Session { group, member } => {
                    if let Some(group) = groups.get_mut(&group) {
                        self.on_session_due(group, &member);
                    }
                }
                Timer::InitialJoin { group, delay_ms, remaining_ms } => {
                    if let Some(group) = groups.get_mut(&group) {
                        self.on_first_join_due(group, delay_ms, remaining_ms);
                    }
                }
                Timer::Join { group } => {
                    if let Some(group) = groups.get_mut(&group) {
                        self.on_join_due(group);
                    }
                }
                Timer::Sync { group, generation } => {
                    if let Some(group) = groups.get_mut(&group) {
                        self.on_sync_due(group, generation);
                    }
                }
            }
        }
    }
}

/// The answer that was to be given, had its records become durable.
fn with_error(answer: Answer, error: ErrorCode) -> Answer {
    let or_error = |before, error| if before == ErrorCode::None { error } else { before };
    match answer {
        Answer::OffsetCommit(mut topics) => {
            for (_, outcome) in topics.iter_mut().flat_map(|(_, partitions)| partitions) {
                *outcome = or_error(*outcome, of_failed_commit(error));
            }
            Answer::OffsetCommit(topics)
        }
        Answer::DeleteGroups(mut groups) => {
            for (_, outcome) in &mut groups {
                *outcome = or_error(*outcome, of_failed_append(error));
            }
            Answer::DeleteGroups(groups)
        }
        Answer::OffsetDelete(..) => Answer::OffsetDelete(of_failed_append(error), Vec::new()),
        other => other,
    }
}

fn fetch_refused(error: ErrorCode) -> Answer {
    Answer::OffsetFetch(FetchAnswer { error, topics: Vec::new() })
}

/// Answers an event that cannot be served in this phase.
fn refuse(event: Event, error: ErrorCode, effects: &mut Effects) {
    let (token, answer): (Token, Answer) = match event {
        Event::JoinGroup(token, request) => (token, JoinAnswer::refused(error, &request.member_id)),
        Event::SyncGroup(token, _) => (token, SyncAnswer::refused(error)),
        // While loading nobody is expelled, so a heartbeat may as well be content (Kafka).
        Event::Heartbeat(token, _) if error == ErrorCode::CoordinatorLoadInProgress => {
            (token, Answer::Heartbeat(ErrorCode::None))
        }
        Event::Heartbeat(token, _) => (token, Answer::Heartbeat(error)),
        Event::LeaveGroup(token, _) => {
            (token, Answer::LeaveGroup(LeaveAnswer { error, members: Vec::new() }))
        }
        Event::OffsetCommit(token, request) => (token, commit_refused(&request, error)),
        Event::OffsetFetch(token, _) => (token, fetch_refused(error)),
        Event::OffsetDelete(token, _) => (token, Answer::OffsetDelete(error, Vec::new())),
        Event::DescribeGroups(token, ids, _) => {
            let described = ids.into_iter().map(|id| admin::not_described(id, error)).collect();
            (token, Answer::DescribeGroups(described))
        }
        Event::ListGroups(token) => (token, Answer::ListGroups(Err(error))),
        Event::DeleteGroups(token, ids) => {
            let outcomes = ids.into_iter().map(|id| (id, error)).collect();
            (token, Answer::DeleteGroups(outcomes))
        }
        Event::PartitionsDeleted(_)
        | Event::Appended(..)
        | Event::Tick
        | Event::ExpireOffsets
        | Event::Unload => return,
    };
    effects.answers.push((token, answer));
}
