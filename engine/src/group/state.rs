//! One group: its state, its members, the votes on a protocol. Keeps its own invariants and
//! knows no timers, no answers and no log: those are in the `Turn` that works on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_wire::ErrorCode;

use super::members::{Member, read_subscription};
use super::offsets::Offsets;
use super::requests::{AppendId, JoinGroup, Token};
use super::timers::TimerId;

/// The protocol type whose metadata we can look into.
pub(super) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// Kafka's states of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No members; may hold offsets.
    Empty,
    /// Waits for all members to join.
    PreparingRebalance,
    /// All have joined; waits for the leader's assignment.
    CompletingRebalance,
    /// Every member may have its assignment.
    Stable,
    /// Being deleted: refuses everything until the tombstones are durable.
    Dead,
}

impl State {
    /// The name in Describe and List answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
            State::Dead => "Dead",
        }
    }
}

/// A group. Made by its first join or its first committed offset.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: Arc<str>,
    state: State,
    /// What it was before: the first rebalance is one that comes from `Empty`.
    previous: State,
    /// Wall clock of the last change of state; none in old records.
    pub(super) state_since_ms: Option<i64>,
    pub(super) generation: i32,
    /// None: the group only stores offsets.
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol: Option<Arc<str>>,
    /// Always a member, if there are members.
    pub(super) leader: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, Member>,
    /// Instance id to member id, for exactly the static members.
    static_members: BTreeMap<Arc<str>, Arc<str>>,
    /// Members that know their id and have not joined with it yet, with their timeout.
    pub(super) pending_join: BTreeMap<Arc<str>, TimerId>,
    /// Members of this generation that have not asked for their assignment.
    pub(super) pending_sync: BTreeSet<Arc<str>>,
    /// How many members offer a protocol.
    offered: BTreeMap<Arc<str>, usize>,
    /// How many members have a parked JoinGroup.
    joining: usize,
    /// During the first rebalance: someone came since the last look.
    pub(super) new_member_added: bool,
    /// Topics the consumers read; none: unknown, or not consumers.
    subscribed: Option<BTreeSet<Arc<str>>>,
    pub(super) join_timer: Option<TimerId>,
    pub(super) sync_timer: Option<TimerId>,
    pub(super) offsets: Offsets,
    /// The last append that holds records of this group.
    pub(super) last_append: AppendId,
}

impl Group {
    pub(super) fn new(id: Arc<str>) -> Group {
        Group {
            id,
            state: State::Empty,
            previous: State::Empty,
            state_since_ms: None,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeMap::new(),
            pending_sync: BTreeSet::new(),
            offered: BTreeMap::new(),
            joining: 0,
            new_member_added: false,
            subscribed: None,
            join_timer: None,
            sync_timer: None,
            offsets: Offsets::default(),
            last_append: AppendId::default(),
        }
    }

    pub(super) fn is(&self, state: State) -> bool {
        self.state == state
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether this rebalance is the group's first, which waits for more members to come.
    pub(super) fn is_first_rebalance(&self) -> bool {
        self.state == State::PreparingRebalance && self.previous == State::Empty
    }

    pub(super) fn transition(&mut self, to: State, wall_ms: i64) {
        let legal = match to {
            State::Empty => matches!(self.state, State::PreparingRebalance | State::Dead),
            State::PreparingRebalance => {
                matches!(self.state, State::Empty | State::CompletingRebalance | State::Stable)
            }
            State::CompletingRebalance => self.state == State::PreparingRebalance,
            State::Stable => self.state == State::CompletingRebalance,
            State::Dead => true,
        };
        assert!(legal, "group {} may not go from {:?} to {to:?}", self.id, self.state);
        self.previous = self.state;
        self.state = to;
        self.state_since_ms = Some(wall_ms);
    }

    /// Takes over a state that was read from the log.
    pub(super) fn restore_state(&mut self, state: State, since_ms: Option<i64>) {
        self.previous = self.state;
        self.state = state;
        self.state_since_ms = since_ms;
    }

    pub(super) fn members(&self) -> &BTreeMap<Arc<str>, Member> {
        &self.members
    }

    pub(super) fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    pub(super) fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.get_mut(id)
    }

    pub(super) fn members_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members.values_mut()
    }

    pub(super) fn static_member_id(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(super) fn joining_count(&self) -> usize {
        self.joining
    }

    pub(super) fn have_all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending_join.is_empty()
    }

    pub(super) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// The longest time any member asks for.
    pub(super) fn rebalance_timeout_ms(&self) -> i64 {
        self.members.values().map(|m| i64::from(m.rebalance_timeout_ms)).max().unwrap_or(0)
    }

    /// Adds a member. The first one decides the group's protocol type.
    pub(super) fn add(&mut self, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.into());
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(Arc::clone(instance_id), Arc::clone(&member.id));
        }
        if self.leader.is_none() {
            self.leader = Some(Arc::clone(&member.id));
        }
        self.joining += usize::from(member.joining.is_some());
        count_offers(&mut self.offered, &member);
        let before = self.members.insert(Arc::clone(&member.id), member);
        assert!(before.is_none(), "a member id is used once");
    }

    /// Takes a member out. Its parked requests are the caller's to answer.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let member = self.members.remove(member_id)?;
        self.joining -= usize::from(member.joining.is_some());
        uncount_offers(&mut self.offered, &member);
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        self.pending_sync.remove(member_id);
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// A static member came back: it gets a new id and keeps its place.
    pub(super) fn rename_static(&mut self, old_id: &str, new_id: &Arc<str>) {
        let was_leader = self.is_leader(old_id);
        let leader = self.leader.clone();
        let Some(mut member) = self.remove(old_id) else { return };
        member.id = Arc::clone(new_id);
        let protocol_type = self.protocol_type.clone().unwrap_or_default();
        self.add(member, &protocol_type);
        self.leader = if was_leader { Some(Arc::clone(new_id)) } else { leader };
    }

    /// Puts what a rejoining member says now in the place of what it said before.
    pub(super) fn update(&mut self, member_id: &str, request: &JoinGroup) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        uncount_offers(&mut self.offered, member);
        member.take_offers(request);
        count_offers(&mut self.offered, member);
    }

    /// Parks a member's JoinGroup. Returns the one it takes the place of.
    pub(super) fn park_join(&mut self, member_id: &str, token: Token) -> Option<Token> {
        let member = self.members.get_mut(member_id)?;
        let before = member.joining.replace(token);
        self.joining += usize::from(before.is_none());
        before
    }

    pub(super) fn take_join(&mut self, member_id: &str) -> Option<Token> {
        let token = self.members.get_mut(member_id)?.joining.take();
        self.joining -= usize::from(token.is_some());
        token
    }

    /// Whether a member with these protocols can live in this group: there must be one that all
    /// members offer.
    pub(super) fn supports(&self, request: &JoinGroup) -> bool {
        if self.state == State::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(&*request.protocol_type)
            && request
                .protocols
                .iter()
                .any(|p| self.offered.get(&*p.name).copied().unwrap_or(0) == self.members.len())
    }

    /// The protocol most members prefer, of those that all offer. Equal votes: the first by name.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member
                .offers
                .iter()
                .find(|offer| self.offered.get(&offer.name) == Some(&self.members.len()))?;
            *votes.entry(&vote.name).or_default() += 1;
        }
        let most = votes.values().max()?;
        votes.iter().find(|(_, count)| *count == most).map(|(name, _)| Arc::clone(name))
    }

    /// Makes a member that has joined the leader, if the leader has not. False if there is none.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref().and_then(|id| self.members.get(id)) else {
            return false;
        };
        if leader.joining.is_none() {
            let joined = self.members.values().find(|member| member.joining.is_some());
            let Some(joined) = joined else { return false };
            self.leader = Some(Arc::clone(&joined.id));
        }
        true
    }

    /// Starts the next generation with the members that are there.
    pub(super) fn next_generation(&mut self, wall_ms: i64) {
        // Kafka's generations are an i32 that only grows; after 2 billion rebalances ours wrap
        // to 0 rather than become the "no generation" of simple consumers.
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        self.protocol = self.select_protocol();
        self.pending_sync.clear();
        self.find_subscriptions();
        let empty = self.members.is_empty();
        self.transition(if empty { State::Empty } else { State::CompletingRebalance }, wall_ms);
    }

    /// Reads which topics the consumers of this generation subscribe to.
    pub(super) fn find_subscriptions(&mut self) {
        self.subscribed = None;
        if !self.uses_consumer_protocol() {
            return;
        }
        let mut topics = BTreeSet::new();
        if !self.members.is_empty() && self.protocol.is_none() {
            return;
        }
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol.as_deref());
            if read_subscription(&metadata, &mut topics).is_err() {
                return;
            }
        }
        self.subscribed = Some(topics);
    }

    pub(super) fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Whether consumers of this group may be reading a topic. When we cannot tell, consumers
    /// are taken to read everything.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed
            .as_ref()
            .map_or_else(|| self.uses_consumer_protocol(), |topics| topics.contains(topic))
    }

    /// Whether the sender is who it says it is: fencing of static members comes first (KIP-345).
    pub(super) fn check_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if **current != *member_id => {
                    return Err(ErrorCode::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The same, and the generation must be the current one.
    pub(super) fn check_generation(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.check_member(member_id, instance_id)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    /// What must always hold. For tests.
    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        let joining = self.members.values().filter(|m| m.joining.is_some()).count();
        assert_eq!(joining, self.joining, "count of parked joins");
        assert_eq!(self.leader.is_some(), !self.members.is_empty(), "a leader while members");
        assert!(self.leader.as_ref().is_none_or(|id| self.members.contains_key(id)));
        let statics = self.members.values().filter(|m| m.instance_id.is_some()).count();
        assert_eq!(statics, self.static_members.len(), "static members");
        assert!(self.pending_sync.iter().all(|id| self.members.contains_key(id)));
        assert!(self.pending_join.keys().all(|id| !self.members.contains_key(id)));
        match self.state {
            State::Empty => assert!(self.members.is_empty()),
            State::Dead => assert!(self.members.is_empty() && self.pending_join.is_empty()),
            State::Stable | State::CompletingRebalance => {
                assert!(!self.members.is_empty());
                assert!(self.protocol.is_some());
                assert!(self.select_protocol().is_some(), "a protocol all members offer");
            }
            State::PreparingRebalance => {}
        }
        if self.state != State::CompletingRebalance {
            assert!(self.members.values().all(|m| m.syncing.is_none()), "a forgotten sync");
        }
    }
}

fn count_offers(offered: &mut BTreeMap<Arc<str>, usize>, member: &Member) {
    for offer in &member.offers {
        *offered.entry(Arc::clone(&offer.name)).or_default() += 1;
    }
}

fn uncount_offers(offered: &mut BTreeMap<Arc<str>, usize>, member: &Member) {
    for offer in &member.offers {
        if let Some(count) = offered.get_mut(&offer.name) {
            *count -= 1;
            if *count == 0 {
                offered.remove(&offer.name);
            }
        }
    }
}
