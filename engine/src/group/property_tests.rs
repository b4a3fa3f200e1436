//! Random events against a model of what clients may rely on: each request is answered exactly
//! once, a generation has one leader, a member's generation never goes back, and what can be
//! fetched is exactly what was acknowledged. The log replays to the same offsets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use kafka_wire::ErrorCode;
use proptest::prelude::*;

use super::records::{Key, decode_key};
use super::*;

const GROUPS: [&str; 2] = ["g", "h"];

/// One random step. Numbers choose among what exists at that moment.
#[derive(Clone, Debug)]
enum Step {
    Join { group: usize, member: usize, instance: Option<u8>, version: u8, sticky: bool },
    Sync { group: usize, member: usize, stale: bool },
    Heartbeat { group: usize, member: usize },
    Leave { group: usize, member: usize },
    Commit { group: usize, member: Option<usize>, topic: u8, offset: i64 },
    Fetch { group: usize, stable: bool },
    DeleteOffsets { group: usize, topic: u8 },
    DeleteGroup { group: usize },
    Look,
    Expire,
    Outcome { ok: bool },
    Wait { wait_ms: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let group = 0..GROUPS.len();
    let member = 0..6usize;
    let instance = proptest::option::weighted(0.2, 0..2u8);
    prop_oneof![
        6 => (group.clone(), member.clone(), instance, 0..10u8, any::<bool>()).prop_map(
            |(group, member, instance, version, sticky)| Step::Join {
                group, member, instance, version, sticky
            }
        ),
        6 => (group.clone(), member.clone(), proptest::bool::weighted(0.1))
            .prop_map(|(group, member, stale)| Step::Sync { group, member, stale }),
        2 => (group.clone(), member.clone())
            .prop_map(|(group, member)| Step::Heartbeat { group, member }),
        1 => (group.clone(), member.clone())
            .prop_map(|(group, member)| Step::Leave { group, member }),
        4 => (group.clone(), proptest::option::of(member), 0..3u8, 0..100i64).prop_map(
            |(group, member, topic, offset)| Step::Commit { group, member, topic, offset }
        ),
        2 => (group.clone(), any::<bool>())
            .prop_map(|(group, stable)| Step::Fetch { group, stable }),
        1 => (group.clone(), 0..3u8)
            .prop_map(|(group, topic)| Step::DeleteOffsets { group, topic }),
        1 => group.prop_map(|group| Step::DeleteGroup { group }),
        1 => Just(Step::Look),
        1 => Just(Step::Expire),
        9 => proptest::bool::weighted(0.9).prop_map(|ok| Step::Outcome { ok }),
        5 => prop_oneof![Just(0), 1..4_000i64, Just(60_000)]
            .prop_map(|wait_ms| Step::Wait { wait_ms }),
    ]
}

/// What a client keeps of its membership.
#[derive(Clone, Debug)]
struct Known {
    member_id: String,
    instance: Option<String>,
    generation: i32,
    peers: Vec<String>,
}

/// What an answer will mean.
#[derive(Debug)]
enum Asked {
    Join(usize, Option<String>),
    Commit(usize, i64),
    /// Offsets that will be gone once this is answered with success.
    Delete(Vec<(String, String, i32)>),
    Fetch(usize),
    Other,
}

struct World {
    coordinator: Coordinator,
    now: Now,
    next_token: u64,
    asked: BTreeMap<Token, Asked>,
    in_flight: VecDeque<Append>,
    log: Vec<Record>,
    known: [Vec<Known>; 2],
    leaders: BTreeMap<(usize, i32), BTreeSet<String>>,
    generations: BTreeMap<(usize, String), i32>,
    offsets: BTreeMap<(String, String, i32), i64>,
}

fn serving(log: &[Record]) -> Coordinator {
    let config = GroupConfig { group_size_max: 4, ..GroupConfig::default() };
    let mut coordinator = Coordinator::new(config);
    for record in log {
        coordinator.replay(&record.key, record.value.as_deref()).unwrap();
    }
    let now = Now { wall_ms: 1_000_000, monotonic_ms: 0 };
    coordinator.start_serving(now, &mut Effects::default());
    coordinator
}

impl World {
    fn new() -> World {
        World {
            coordinator: serving(&[]),
            now: Now { wall_ms: 1_000_000, monotonic_ms: 0 },
            next_token: 0,
            asked: BTreeMap::new(),
            in_flight: VecDeque::new(),
            log: Vec::new(),
            known: [Vec::new(), Vec::new()],
            leaders: BTreeMap::new(),
            generations: BTreeMap::new(),
            offsets: BTreeMap::new(),
        }
    }

    fn ask(&mut self, asked: Asked) -> Token {
        self.next_token += 1;
        self.asked.insert(Token(self.next_token), asked);
        Token(self.next_token)
    }

    fn send(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.coordinator.handle(event, self.now, &mut effects);
        self.in_flight.extend(effects.appends);
        for (token, answer) in effects.answers {
            let asked = self.asked.remove(&token).expect("answered once, and only if asked");
            self.learn(asked, answer);
        }
        self.coordinator.check_invariants();
    }

    fn learn(&mut self, asked: Asked, answer: Answer) {
        match (asked, answer) {
            (Asked::Join(group, instance), Answer::JoinGroup(answer)) => {
                self.learn_join(group, instance, &answer);
            }
            (Asked::Commit(group, offset), Answer::OffsetCommit(topics)) => {
                for (topic, partitions) in topics {
                    for (partition, error) in partitions {
                        if error == ErrorCode::None {
                            let key = (GROUPS[group].to_owned(), topic.clone(), partition);
                            self.offsets.insert(key, offset);
                        }
                    }
                }
            }
            (Asked::Delete(keys), Answer::DeleteGroups(outcomes)) => {
                if outcomes[0].1 == ErrorCode::None {
                    self.offsets.retain(|key, _| !keys.contains(key));
                }
            }
            (Asked::Delete(keys), Answer::OffsetDelete(ErrorCode::None, topics)) => {
                if topics[0].1[0].1 == ErrorCode::None {
                    self.offsets.retain(|key, _| !keys.contains(key));
                }
            }
            (Asked::Fetch(group), Answer::OffsetFetch(answer)) => {
                assert_eq!(flat(&answer), self.offsets_of(group), "what is fetched");
            }
            (Asked::Delete(_) | Asked::Other, _) => {}
            (asked, answer) => panic!("{asked:?} was answered by {answer:?}"),
        }
    }

    fn learn_join(&mut self, group: usize, instance: Option<String>, answer: &JoinAnswer) {
        let member_id = answer.member_id.to_string();
        match answer.error {
            ErrorCode::MemberIdRequired => {
                let known = Known { member_id, instance, generation: -1, peers: Vec::new() };
                self.known[group].push(known);
            }
            ErrorCode::None => {
                let before =
                    self.generations.insert((group, member_id.clone()), answer.generation_id);
                assert!(before.is_none_or(|before| before <= answer.generation_id));
                let leaders = self.leaders.entry((group, answer.generation_id)).or_default();
                // A static leader may have got another id; no other kind of leader can.
                if !answer.leader.starts_with('i') {
                    leaders.insert(answer.leader.to_string());
                }
                assert!(leaders.len() <= 1, "one leader of a generation: {leaders:?}");
                let is_leader = answer.leader == answer.member_id;
                assert!(answer.members.is_empty() || is_leader);
                let peers = answer.members.iter().map(|m| m.member_id.to_string()).collect();
                self.known[group].retain(|known| known.member_id != member_id);
                let generation = answer.generation_id;
                self.known[group].push(Known { member_id, instance, generation, peers });
            }
            _ => {}
        }
    }

    fn known(&self, group: usize, member: usize) -> Option<Known> {
        let known = &self.known[group];
        (!known.is_empty()).then(|| known[known.len() - 1 - member % known.len()].clone())
    }

    fn offsets_of(&self, group: usize) -> BTreeMap<(String, i32), i64> {
        let of_group = self.offsets.iter().filter(|((g, ..), _)| g == GROUPS[group]);
        of_group.map(|((_, topic, part), offset)| ((topic.clone(), *part), *offset)).collect()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join { group, member, instance, version, sticky } => {
                self.join(group, member, instance, (version, sticky));
            }
            Step::Sync { group, member, stale } => self.sync(group, member, stale),
            Step::Heartbeat { group, member } => {
                let Some(known) = self.known(group, member) else {
                    return;
                };
                let token = self.ask(Asked::Other);
                let request = Heartbeat {
                    group_id: GROUPS[group].into(),
                    generation_id: known.generation,
                    member_id: known.member_id,
                    group_instance_id: known.instance,
                };
                self.send(Event::Heartbeat(token, request));
            }
            Step::Leave { group, member } => {
                let Some(known) = self.known(group, member) else {
                    return;
                };
                let token = self.ask(Asked::Other);
                let member =
                    LeavingMember { member_id: known.member_id, group_instance_id: known.instance };
                let request = LeaveGroup { group_id: GROUPS[group].into(), members: vec![member] };
                self.send(Event::LeaveGroup(token, request));
            }
            Step::Commit { group, member, topic, offset } => {
                self.commit(group, member, topic, offset);
            }
            Step::Fetch { group, stable } => {
                let token = self.ask(Asked::Fetch(group));
                let request = OffsetFetch {
                    group_id: GROUPS[group].into(),
                    topics: None,
                    require_stable: stable,
                };
                self.send(Event::OffsetFetch(token, request));
            }
            Step::DeleteOffsets { group, topic } => {
                let key = (GROUPS[group].to_owned(), format!("t{topic}"), 0);
                let there = self.offsets.contains_key(&key);
                let token = self.ask(Asked::Delete(if there { vec![key] } else { vec![] }));
                let topics = vec![(format!("t{topic}"), vec![0])];
                let request = OffsetDelete { group_id: GROUPS[group].into(), topics };
                self.send(Event::OffsetDelete(token, request));
            }
            Step::DeleteGroup { group } => {
                let of_group = self.offsets.keys().filter(|(g, ..)| g == GROUPS[group]);
                let keys = of_group.cloned().collect();
                let token = self.ask(Asked::Delete(keys));
                self.send(Event::DeleteGroups(token, vec![GROUPS[group].into()]));
            }
            Step::Look => {
                let token = self.ask(Asked::Other);
                let ids = GROUPS.iter().map(ToString::to_string).collect();
                self.send(Event::DescribeGroups(token, ids, true));
                let token = self.ask(Asked::Other);
                self.send(Event::ListGroups(token));
            }
            Step::Expire => self.send(Event::ExpireOffsets),
            Step::Outcome { ok } => self.outcome(ok),
            Step::Wait { wait_ms } => {
                self.now.monotonic_ms += wait_ms;
                self.now.wall_ms += wait_ms;
                self.send(Event::Tick);
            }
        }
    }

    fn join(
        &mut self,
        group: usize,
        member: usize,
        instance: Option<u8>,
        (version, sticky): (u8, bool),
    ) {
        let known = if version % 2 == 0 { self.known(group, member) } else { None };
        let (member_id, instance) = match known {
            Some(known) => (known.member_id, known.instance),
            None => (String::new(), instance.map(|number| format!("i{number}"))),
        };
        let token = self.ask(Asked::Join(group, instance.clone()));
        let range = Protocol { name: "range".into(), metadata: Bytes::from_static(b"r") };
        let mut protocols = vec![range];
        if sticky {
            protocols.insert(0, Protocol { name: "sticky".into(), metadata: Bytes::new() });
        }
        let request = JoinGroup {
            group_id: GROUPS[group].into(),
            member_id,
            group_instance_id: instance,
            client: Client { client_id: "c".into(), host: "/h".into() },
            session_timeout_ms: 6_000 + 1_000 * i32::from(version),
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols,
            member_id_required: version >= 4,
            can_skip_assignment: version >= 9,
            random: u128::from(token.0),
        };
        self.send(Event::JoinGroup(token, request));
    }

    fn sync(&mut self, group: usize, member: usize, stale: bool) {
        let Some(known) = self.known(group, member) else {
            return;
        };
        let token = self.ask(Asked::Other);
        let request = SyncGroup {
            group_id: GROUPS[group].into(),
            generation_id: known.generation - i32::from(stale),
            member_id: known.member_id,
            group_instance_id: known.instance,
            protocol_type: None,
            protocol_name: None,
            assignments: known.peers.into_iter().map(|id| (id, Bytes::from_static(b"p"))).collect(),
        };
        self.send(Event::SyncGroup(token, request));
    }

    fn commit(&mut self, group: usize, member: Option<usize>, topic: u8, offset: i64) {
        let known = member.and_then(|member| self.known(group, member));
        let token = self.ask(Asked::Commit(group, offset));
        let commit = PartitionCommit {
            partition: 0,
            offset,
            leader_epoch: -1,
            commit_timestamp_ms: -1,
            metadata: None,
        };
        let request = OffsetCommit {
            group_id: GROUPS[group].into(),
            generation_id: known.as_ref().map_or(-1, |known| known.generation),
            member_id: known.as_ref().map_or_else(String::new, |known| known.member_id.clone()),
            group_instance_id: known.and_then(|known| known.instance),
            retention_time_ms: -1,
            knows_group_id_not_found: true,
            topics: vec![(format!("t{topic}"), vec![commit])],
        };
        self.send(Event::OffsetCommit(token, request));
    }

    fn outcome(&mut self, ok: bool) {
        let Some(append) = self.in_flight.pop_front() else {
            return;
        };
        if ok {
            for record in &append.records {
                self.forget_if_gone(record);
            }
            self.log.extend(append.records);
        }
        let outcome = if ok { Ok(()) } else { Err(ErrorCode::NotEnoughReplicas) };
        self.send(Event::Appended(append.id, outcome));
    }

    /// A group that begins anew counts its generations anew.
    fn forget_if_gone(&mut self, record: &Record) {
        let Key::GroupMetadata { group } = decode_key(&record.key).unwrap() else {
            return;
        };
        if record.value.is_none() {
            self.leaders.retain(|(g, _), _| GROUPS[*g] != group);
            self.generations.retain(|(g, _), _| GROUPS[*g] != group);
        }
    }

    /// Every request has its answer in the end, and the log holds what was acknowledged.
    fn finish(mut self) {
        while !self.in_flight.is_empty() {
            self.outcome(true);
        }
        let mut again = serving(&self.log);
        again.check_invariants();
        for (group, group_id) in GROUPS.into_iter().enumerate() {
            let mut effects = Effects::default();
            let request =
                OffsetFetch { group_id: group_id.into(), topics: None, require_stable: false };
            again.handle(Event::OffsetFetch(Token(0), request), self.now, &mut effects);
            let Answer::OffsetFetch(answer) = &effects.answers[0].1 else { panic!() };
            assert_eq!(flat(answer), self.offsets_of(group), "what a restart finds");
        }
        self.send(Event::Unload);
        assert!(self.asked.is_empty(), "never answered: {:?}", self.asked);
    }
}

fn flat(answer: &FetchAnswer) -> BTreeMap<(String, i32), i64> {
    assert_eq!(answer.error, ErrorCode::None);
    let all = answer.topics.iter().flat_map(|(topic, offsets)| {
        offsets.iter().map(move |fetched| ((topic.clone(), fetched.partition), fetched.offset))
    });
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn clients_can_rely_on_the_coordinator(steps in proptest::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.finish();
    }
}

#[test]
fn kafkas_partition_of_a_group() {
    // Java's String.hashCode of these: 0, 97, 99162322, -1220935314, and i32::MIN.
    assert_eq!(partition_of_group("", 50), 0);
    assert_eq!(partition_of_group("a", 50), 97 % 50);
    assert_eq!(partition_of_group("hello", 50), 99_162_322 % 50);
    assert_eq!(partition_of_group("hello", 7), 99_162_322 % 7);
    assert_eq!(partition_of_group("polygenelubricants", 50), 0);
}
