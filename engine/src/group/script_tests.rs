//! Runs the transcripts in `testdata/`. A line `> command` is an event; the lines under it are
//! what the coordinator must do about it, exactly. `UPDATE_SCRIPTS=1 cargo test` writes what it
//! does now into the files: read the difference before you keep it.
//!
//! A member id `c~7` stands for client `c` and the 7th random number. Every append is durable at
//! once, unless the script says `hold`.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::records::{Key, decode_group_metadata, decode_key, decode_offset_commit};
use super::*;

const RANDOM_PREFIX: &str = "-00000000-0000-4000-8000-";

struct Script {
    coordinator: Coordinator,
    config: GroupConfig,
    now: Now,
    tokens: u64,
    randoms: u128,
    log: Vec<Record>,
    waiting: Vec<Append>,
    holding: bool,
    output: String,
}

/// The words of a command: `name`, then plain words, then `key=value` pairs in any order.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(words: impl Iterator<Item = &'a str>) -> Words<'a> {
        let (named, plain): (Vec<_>, Vec<_>) =
            words.partition(|word| word.contains('=') && !word.contains('/'));
        let named = named.into_iter().map(|word| word.split_once('=').unwrap()).collect();
        Words { plain, named }
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.named.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    fn number<T: std::str::FromStr>(&self, name: &str, otherwise: T) -> T {
        self.text(name).map_or(otherwise, |text| text.parse().ok().expect(name))
    }

    fn member(&self, index: usize) -> String {
        self.plain.get(index).map_or_else(String::new, |id| long_id(id))
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// `t/0 t/1 u/0` from `first` on, grouped by topic.
    fn partitions(&self, first: usize) -> Vec<(String, Vec<i32>)> {
        let mut topics: Vec<(String, Vec<i32>)> = Vec::new();
        for word in &self.plain[first..] {
            let (topic, partition) = word.split_once('/').unwrap();
            let partition = partition.parse().unwrap();
            match topics.last_mut() {
                Some((last, partitions)) if last == topic => partitions.push(partition),
                _ => topics.push((topic.to_owned(), vec![partition])),
            }
        }
        topics
    }
}

impl Script {
    fn new() -> Script {
        let mut script = Script {
            coordinator: Coordinator::new(GroupConfig::default()),
            config: GroupConfig::default(),
            now: Now { wall_ms: 1_000_000, monotonic_ms: 0 },
            tokens: 0,
            randoms: 0,
            log: Vec::new(),
            waiting: Vec::new(),
            holding: false,
            output: String::new(),
        };
        script.restart();
        script
    }

    fn run(&mut self, command: &str) {
        let mut words = command.split_whitespace();
        let name = words.next().unwrap();
        let words = Words::of(words);
        match name {
            "config" => {
                let base = GroupConfig::default();
                self.config = GroupConfig {
                    group_size_max: words.number("size", base.group_size_max),
                    initial_rebalance_delay_ms: words
                        .number("delay", base.initial_rebalance_delay_ms),
                    ..base
                };
                self.restart();
            }
            "restart" => self.restart(),
            "hold" => self.holding = true,
            "durable" => self.report(Ok(())),
            "fail" => self.report(Err(error_named(words.plain[0]))),
            "wait" => self.wait(words.plain[0].parse().unwrap()),
            _ => {
                let event = self.event(name, &words);
                self.send(event);
            }
        }
        while !self.holding && !self.waiting.is_empty() {
            self.report(Ok(()));
        }
        self.coordinator.check_invariants();
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    fn event(&mut self, name: &str, words: &Words<'_>) -> Event {
        let group_id = words.member(0);
        match name {
            "join" => self.join(group_id, words),
            "sync" => self.sync(group_id, words),
            "heartbeat" => {
                let request = Heartbeat {
                    group_id,
                    member_id: words.member(1),
                    generation_id: words.number("gen", -1),
                    group_instance_id: words.owned("instance"),
                };
                Event::Heartbeat(self.token(), request)
            }
            "leave" => self.leave(group_id, words),
            "commit" => self.commit(group_id, words),
            "fetch" => {
                let topics = words.partitions(1);
                let request = OffsetFetch {
                    group_id,
                    topics: (!topics.is_empty()).then_some(topics),
                    require_stable: words.number("stable", 0) == 1,
                };
                Event::OffsetFetch(self.token(), request)
            }
            "delete-offsets" => {
                let request = OffsetDelete { group_id, topics: words.partitions(1) };
                Event::OffsetDelete(self.token(), request)
            }
            "describe" => {
                let ids = words.plain.iter().map(ToString::to_string).collect();
                Event::DescribeGroups(self.token(), ids, words.number("v", 6) >= 6)
            }
            "list" => Event::ListGroups(self.token()),
            "delete" => {
                let ids = words.plain.iter().map(ToString::to_string).collect();
                Event::DeleteGroups(self.token(), ids)
            }
            "drop-partitions" => {
                let topics = words.partitions(0).into_iter();
                let all = topics.flat_map(|(t, ps)| ps.into_iter().map(move |p| (t.clone(), p)));
                Event::PartitionsDeleted(all.collect())
            }
            "expire" => Event::ExpireOffsets,
            "unload" => Event::Unload,
            other => panic!("unknown command {other}"),
        }
    }

    fn join(&mut self, group_id: String, words: &Words<'_>) -> Event {
        let version: i32 = words.number("v", 9);
        self.randoms += 1;
        let protocols = words.text("protocols").unwrap_or("range:t").split(',').map(|protocol| {
            let (name, topics) = protocol.split_once(':').unwrap_or((protocol, ""));
            Protocol { name: name.to_owned(), metadata: subscription(topics) }
        });
        let request = JoinGroup {
            group_id,
            member_id: words.member(1),
            group_instance_id: words.owned("instance"),
            client: Client {
                client_id: words.text("client").unwrap_or("c").to_owned(),
                host: "/127.0.0.1".to_owned(),
            },
            session_timeout_ms: words.number("session", 10_000),
            rebalance_timeout_ms: words.number("rebalance", 60_000),
            protocol_type: words.text("type").unwrap_or("consumer").to_owned(),
            protocols: protocols.filter(|protocol| !protocol.name.is_empty()).collect(),
            member_id_required: version >= 4,
            can_skip_assignment: version >= 9,
            random: self.randoms,
        };
        Event::JoinGroup(self.token(), request)
    }

    fn sync(&mut self, group_id: String, words: &Words<'_>) -> Event {
        let assignments = words.text("assign").unwrap_or_default().split(',');
        let assignments = assignments.filter(|text| !text.is_empty()).map(|text| {
            let (id, assignment) = text.split_once(':').unwrap();
            (long_id(id), Bytes::copy_from_slice(assignment.as_bytes()))
        });
        let request = SyncGroup {
            group_id,
            member_id: words.member(1),
            generation_id: words.number("gen", -1),
            group_instance_id: words.owned("instance"),
            protocol_type: words.owned("type"),
            protocol_name: words.owned("protocol"),
            assignments: assignments.collect(),
        };
        Event::SyncGroup(self.token(), request)
    }

    /// `leave g c~1 c~2/instance -/instance`
    fn leave(&mut self, group_id: String, words: &Words<'_>) -> Event {
        let members = words.plain[1..].iter().map(|word| {
            let (id, instance) = word.split_once('/').map_or((*word, None), |(i, s)| (i, Some(s)));
            LeavingMember { member_id: long_id(id), group_instance_id: instance.map(str::to_owned) }
        });
        let request = LeaveGroup { group_id, members: members.collect() };
        Event::LeaveGroup(self.token(), request)
    }

    /// `commit g t/0=5 t/1=7 member=c~1 gen=1`
    fn commit(&mut self, group_id: String, words: &Words<'_>) -> Event {
        let metadata = match words.number("meta-length", 0) {
            0 => words.text("meta").unwrap_or_default().to_owned(),
            length => "é".repeat(length),
        };
        let mut topics: Vec<(String, Vec<PartitionCommit>)> = Vec::new();
        for word in &words.plain[1..] {
            let (place, offset) = word.split_once('=').unwrap();
            let (topic, partition) = place.split_once('/').unwrap();
            let commit = PartitionCommit {
                partition: partition.parse().unwrap(),
                offset: offset.parse().unwrap(),
                leader_epoch: words.number("epoch", -1),
                commit_timestamp_ms: words.number("at", -1),
                metadata: Some(metadata.clone()),
            };
            match topics.last_mut() {
                Some((last, commits)) if last == topic => commits.push(commit),
                _ => topics.push((topic.to_owned(), vec![commit])),
            }
        }
        let request = OffsetCommit {
            group_id,
            generation_id: words.number("gen", -1),
            member_id: words.text("member").map_or_else(String::new, long_id),
            group_instance_id: words.owned("instance"),
            retention_time_ms: words.number("retention", -1),
            knows_group_id_not_found: words.number("v", 9) >= 9,
            topics,
        };
        Event::OffsetCommit(self.token(), request)
    }

    fn send(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.coordinator.handle(event, self.now, &mut effects);
        self.show(effects);
    }

    fn show(&mut self, effects: Effects) {
        for append in effects.appends {
            for record in &append.records {
                let line = record_line(record);
                writeln!(self.output, "  append: {line}").unwrap();
            }
            self.waiting.push(append);
        }
        for (token, answer) in effects.answers {
            let line = answer_line(answer);
            writeln!(self.output, "  #{} {line}", token.0).unwrap();
        }
    }

    fn report(&mut self, outcome: Result<(), ErrorCode>) {
        let append = self.waiting.remove(0);
        if outcome.is_ok() {
            self.log.extend(append.records);
        }
        self.send(Event::Appended(append.id, outcome));
    }

    /// Lets time pass, firing each deadline when it comes.
    fn wait(&mut self, wait_ms: i64) {
        let end_ms = self.now.monotonic_ms + wait_ms;
        loop {
            let next_ms = self.coordinator.next_deadline_ms().unwrap_or(end_ms).min(end_ms);
            let step_ms = (next_ms - self.now.monotonic_ms).max(0);
            self.now.monotonic_ms += step_ms;
            self.now.wall_ms += step_ms;
            let before = self.output.len();
            self.send(Event::Tick);
            while !self.holding && !self.waiting.is_empty() {
                self.report(Ok(()));
            }
            if self.output.len() > before {
                let at = format!("  at {} ms:\n", self.now.monotonic_ms);
                self.output.insert_str(before, &at);
            }
            if self.now.monotonic_ms >= end_ms {
                return;
            }
        }
    }

    /// A new process reads the log.
    fn restart(&mut self) {
        self.waiting.clear();
        self.holding = false;
        self.coordinator = Coordinator::new(self.config.clone());
        for record in &self.log {
            self.coordinator.replay(&record.key, record.value.as_deref()).unwrap();
        }
        let mut effects = Effects::default();
        self.coordinator.start_serving(self.now, &mut effects);
        self.show(effects);
    }
}

/// `| version 0 | topics | user data null |` of the consumer protocol; `!` is no such thing.
fn subscription(topics: &str) -> Bytes {
    if topics == "!" {
        return Bytes::from_static(b"?");
    }
    let topics: Vec<&str> = topics.split('+').filter(|topic| !topic.is_empty()).collect();
    let mut bytes = vec![0, 0];
    bytes.extend(u32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        bytes.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend([0xff; 4]);
    bytes.into()
}

fn long_id(id: &str) -> String {
    match id.split_once('~') {
        Some((name, number)) => {
            format!("{name}{RANDOM_PREFIX}{:012x}", number.parse::<u64>().unwrap())
        }
        None if id == "-" => String::new(),
        None => id.to_owned(),
    }
}

fn short_id(id: &str) -> String {
    match id.split_once(RANDOM_PREFIX) {
        Some((name, hex)) => format!("{name}~{}", u64::from_str_radix(hex, 16).unwrap()),
        None if id.is_empty() => "-".to_owned(),
        None => id.to_owned(),
    }
}

fn error_named(name: &str) -> ErrorCode {
    let all =
        [ErrorCode::NotEnoughReplicas, ErrorCode::MessageTooLarge, ErrorCode::KafkaStorageError];
    all.into_iter().find(|error| format!("{error:?}") == name).expect("an error the scripts use")
}

fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { String::from_utf8_lossy(bytes).into_owned() }
}

fn record_line(record: &Record) -> String {
    match (decode_key(&record.key).unwrap(), record.value.as_deref()) {
        (Key::OffsetCommit { group, topic, partition }, None) => {
            format!("offset {group} {topic}/{partition} tombstone")
        }
        (Key::OffsetCommit { group, topic, partition }, Some(value)) => {
            let value = decode_offset_commit(value).unwrap();
            let mut line = format!("offset {group} {topic}/{partition}={}", value.offset);
            if value.expire_timestamp_ms >= 0 {
                write!(line, " expires={}", value.expire_timestamp_ms).unwrap();
            }
            line
        }
        (Key::GroupMetadata { group }, None) => format!("group {group} tombstone"),
        (Key::GroupMetadata { group }, Some(value)) => {
            let value = decode_group_metadata(value).unwrap();
            let members: Vec<_> = value
                .members
                .iter()
                .map(|m| format!("{}:{}", short_id(m.member_id), text(m.assignment)))
                .collect();
            format!(
                "group {group} type={} generation={} protocol={} leader={} members=[{}]",
                text(value.protocol_type.as_bytes()),
                value.generation,
                value.protocol.unwrap_or("-"),
                short_id(value.leader.unwrap_or_default()),
                members.join(" ")
            )
        }
        (Key::Unknown(_), _) => unreachable!("we write no such record"),
    }
}

fn outcomes_line(topics: &PartitionOutcomes) -> String {
    let all = topics.iter().flat_map(|(topic, partitions)| {
        partitions.iter().map(move |(partition, error)| format!("{topic}/{partition}={error:?}"))
    });
    all.collect::<Vec<_>>().join(" ")
}

fn answer_line(answer: Answer) -> String {
    match answer {
        Answer::JoinGroup(answer) => join_line(&answer),
        Answer::SyncGroup(answer) if answer.error == ErrorCode::None => {
            let protocol = answer.protocol_name.as_deref().unwrap_or("-");
            format!("sync ok protocol={protocol} assignment={}", text(&answer.assignment))
        }
        Answer::SyncGroup(answer) => format!("sync {:?}", answer.error),
        Answer::Heartbeat(error) => format!("heartbeat {error:?}"),
        Answer::LeaveGroup(answer) => {
            let members: Vec<_> = answer
                .members
                .iter()
                .map(|(member, error)| {
                    let instance = member.group_instance_id.as_deref();
                    let instance = instance.map_or_else(String::new, |id| format!("/{id}"));
                    format!("{}{instance}={error:?}", short_id(&member.member_id))
                })
                .collect();
            format!("leave {:?} [{}]", answer.error, members.join(" "))
        }
        Answer::OffsetCommit(topics) => format!("commit {}", outcomes_line(&topics)),
        Answer::OffsetFetch(answer) => fetch_line(&answer),
        Answer::OffsetDelete(error, topics) => {
            format!("delete-offsets {error:?} {}", outcomes_line(&topics)).trim_end().to_owned()
        }
        Answer::DescribeGroups(groups) => {
            groups.iter().map(describe_line).collect::<Vec<_>>().join("\n     ")
        }
        Answer::ListGroups(groups) => {
            let line = |g: &ListedGroup| {
                format!("{}:{}:{}", g.group_id, text(g.protocol_type.as_bytes()), g.state)
            };
            let groups: Vec<_> = groups.unwrap().iter().map(line).collect();
            format!("list [{}]", groups.join(" "))
        }
        Answer::DeleteGroups(outcomes) => {
            let outcomes: Vec<_> =
                outcomes.iter().map(|(id, error)| format!("{id}={error:?}")).collect();
            format!("delete {}", outcomes.join(" "))
        }
    }
}

fn join_line(answer: &JoinAnswer) -> String {
    if answer.error != ErrorCode::None {
        return format!("join {:?} member={}", answer.error, short_id(&answer.member_id));
    }
    let member = |m: &JoinedMember| match &m.group_instance_id {
        Some(instance) => format!("{}/{instance}", short_id(&m.member_id)),
        None => short_id(&m.member_id),
    };
    let members: Vec<_> = answer.members.iter().map(member).collect();
    let skip = if answer.skip_assignment { " skip-assignment" } else { "" };
    format!(
        "join ok generation={} protocol={} leader={} member={} members=[{}]{skip}",
        answer.generation_id,
        answer.protocol_name.as_deref().unwrap_or("-"),
        short_id(&answer.leader),
        short_id(&answer.member_id),
        members.join(" ")
    )
}

fn fetch_line(answer: &FetchAnswer) -> String {
    let all = answer.topics.iter().flat_map(|(topic, offsets)| {
        offsets.iter().map(move |fetched| {
            let metadata = match &*fetched.metadata {
                "" => String::new(),
                text => format!(":{text}"),
            };
            format!("{topic}/{}={}{metadata}", fetched.partition, fetched.offset)
        })
    });
    format!("fetch {:?} [{}]", answer.error, all.collect::<Vec<_>>().join(" "))
}

fn describe_line(group: &DescribedGroup) -> String {
    let members = group.members.iter().map(|member| {
        let metadata_bytes = member.metadata.len();
        format!("{}:{metadata_bytes}b:{}", short_id(&member.member_id), text(&member.assignment))
    });
    format!(
        "describe {} {:?} state={} type={} protocol={} members=[{}]",
        group.group_id,
        group.error,
        group.state,
        text(group.protocol_type.as_bytes()),
        text(group.protocol.as_bytes()),
        members.collect::<Vec<_>>().join(" ")
    )
}

/// The transcript of a script as the coordinator would write it now.
fn transcript(script: &str) -> String {
    let mut runner = Script::new();
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            writeln!(runner.output, "{line}").unwrap();
            runner.run(command);
        } else if line.is_empty() || line.starts_with('#') {
            writeln!(runner.output, "{line}").unwrap();
        }
    }
    runner.output
}

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/group/testdata");
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "scripts in {}", folder.display());
    for path in paths {
        let expected = std::fs::read_to_string(&path).unwrap();
        let actual = transcript(&expected);
        if std::env::var_os("UPDATE_SCRIPTS").is_some() {
            std::fs::write(&path, &actual).unwrap();
        } else if let Some((at, (want, got))) =
            expected.lines().zip(actual.lines()).enumerate().find(|(_, (want, got))| want != got)
        {
            panic!("{}:{}\n  expected {want}\n  but got  {got}", path.display(), at + 1);
        } else {
            assert_eq!(expected.lines().count(), actual.lines().count(), "{}", path.display());
        }
    }
}
