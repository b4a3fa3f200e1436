//! Fetch sessions (KIP-227): what each client wants to read, remembered so that it need not say it
//! again in every request. Owns ids, epochs, eviction and the limits; reads no partition.

use std::collections::{BTreeMap, HashMap};

use kafka_wire::{Str, Uuid};

use crate::{
    limits::{
        FETCH_SESSION_EVICT_MS, FETCH_SESSION_PARTITIONS_MAX, FETCH_SESSION_PARTITIONS_TOTAL_MAX,
    },
    types::TimestampMs,
};

/// A partition as clients name it: by topic name up to version 12, by topic id from 13 on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// Empty from version 13 on.
    pub topic: Str,
    /// Zero up to version 12.
    pub topic_id: Uuid,
    /// The partition.
    pub index: i32,
}

/// What a client wants of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// First offset to read.
    pub fetch_offset: i64,
    /// Most bytes to read of it.
    pub bytes_max: i32,
    /// The leader epoch the client knows, or -1.
    pub leader_epoch: i32,
    /// The epoch of the last record the client has, or -1.
    pub last_fetched_epoch: i32,
}

/// What was last told of one partition: an incremental answer leaves out what did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// High watermark last sent; -1 before the first answer.
    pub high_watermark: i64,
    /// Log start last sent; -1 before the first answer.
    pub log_start: i64,
}

const NOTHING_TOLD: Told = Told { high_watermark: -1, log_start: -1 };

/// The request's claim on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionClaim {
    /// 0 for none.
    pub id: i32,
    /// -1: no session, or close it; 0: open one; else: continue it.
    pub epoch: i32,
    /// True from Fetch version 13 on: partitions are named by topic id.
    pub by_id: bool,
}

/// Why a session cannot be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// It was evicted, or never existed.
    NotFound,
    /// A request was lost or repeated.
    InvalidEpoch,
    /// The client changed between topic names and topic ids.
    TopicIdMix,
}

/// What one fetch reads, in the order in which to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The session to name in the answer; 0 for none.
    pub session_id: i32,
    /// True: leave out partitions without news.
    pub incremental: bool,
    /// What to read.
    pub partitions: Vec<(PartitionKey, Wanted)>,
}

/// All sessions of one shard.
pub struct FetchSessions {
    sessions: HashMap<i32, Session>,
    sessions_max: usize,
    /// Sum over all sessions, at most [`FETCH_SESSION_PARTITIONS_TOTAL_MAX`].
    partitions_total: usize,
    next_id: i32,
}

struct Session {
    /// The epoch the next request must carry.
    epoch: i32,
    by_id: bool,
    last_used: TimestampMs,
    partitions: BTreeMap<PartitionKey, (Wanted, Told)>,
    /// Where the next read starts, so that no partition starves behind a busy one.
    start: Option<PartitionKey>,
}

impl FetchSessions {
    /// No sessions yet, at most `sessions_max` later.
    pub fn new(sessions_max: usize) -> Self {
        Self { sessions: HashMap::new(), sessions_max, partitions_total: 0, next_id: 1 }
    }

    /// Sessions open now.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// True when no session is open.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Decides what a request reads: by itself, or together with what its session remembers.
    pub fn plan(
        &mut self,
        claim: SessionClaim,
        wanted: Vec<(PartitionKey, Wanted)>,
        forgotten: &[PartitionKey],
        now: TimestampMs,
    ) -> Result<Plan, SessionError> {
        if claim.epoch <= 0 {
            // A full fetch ends the session it names.
            self.remove(claim.id);
            let session_id = if claim.epoch == 0 { self.open(claim, &wanted, now) } else { 0 };
            return Ok(Plan { session_id, incremental: false, partitions: wanted });
        }
        let session = self.sessions.get_mut(&claim.id).ok_or(SessionError::NotFound)?;
        if session.epoch != claim.epoch {
            return Err(SessionError::InvalidEpoch);
        }
        if session.by_id != claim.by_id {
            return Err(SessionError::TopicIdMix);
        }
        session.epoch = next_epoch(session.epoch);
        session.last_used = now;
        let before = session.partitions.len();
        for key in forgotten {
            session.partitions.remove(key);
        }
        for (key, wanted) in wanted {
            // What was told stays told: only the client's wish is new.
            let told = session.partitions.get(&key).map_or(NOTHING_TOLD, |(_, told)| *told);
            session.partitions.insert(detached(key), (wanted, told));
        }
        let partitions = session.in_turn();
        let after = session.partitions.len();
        self.partitions_total = self.partitions_total + after - before;
        if after > FETCH_SESSION_PARTITIONS_MAX
            || self.partitions_total > FETCH_SESSION_PARTITIONS_TOTAL_MAX
        {
            // It has outgrown its room: the client starts anew with a full fetch.
            self.remove(claim.id);
            return Err(SessionError::NotFound);
        }
        Ok(Plan { session_id: claim.id, incremental: true, partitions })
    }

    /// What was last told of a partition of a session.
    pub fn told(&self, session_id: i32, key: &PartitionKey) -> Told {
        let session = self.sessions.get(&session_id);
        let found = session.and_then(|session| session.partitions.get(key));
        found.map_or(NOTHING_TOLD, |(_, told)| *told)
    }

    /// Notes what the answer tells of a partition. `None` after an error: the next answer repeats
    /// it until it is gone.
    pub fn tell(&mut self, session_id: i32, key: &PartitionKey, told: Option<Told>) {
        if let Some(session) = self.sessions.get_mut(&session_id)
            && let Some((_, last)) = session.partitions.get_mut(key)
        {
            *last = told.unwrap_or(NOTHING_TOLD);
        }
    }

    /// The next fetch of the session starts behind this partition, which had data.
    pub fn turn(&mut self, session_id: i32, had_data: &PartitionKey) {
        if let Some(session) = self.sessions.get_mut(&session_id) {
            session.start = Some(detached(had_data.clone()));
        }
    }

    fn open(
        &mut self,
        claim: SessionClaim,
        wanted: &[(PartitionKey, Wanted)],
        now: TimestampMs,
    ) -> i32 {
        let count = wanted.len();
        if count == 0 || count > FETCH_SESSION_PARTITIONS_MAX || !self.make_room(count, now) {
            return 0;
        }
        let id = self.next_id;
        self.next_id = next_epoch(self.next_id);
        let remember = |(key, wanted): &(PartitionKey, Wanted)| {
            (detached(key.clone()), (*wanted, NOTHING_TOLD))
        };
        let session = Session {
            epoch: 1,
            by_id: claim.by_id,
            last_used: now,
            partitions: wanted.iter().map(remember).collect(),
            start: None,
        };
        self.partitions_total += session.partitions.len();
        self.sessions.insert(id, session);
        id
    }

    /// Evicts sessions that have been idle long enough, the stalest first, until one with
    /// `count` partitions fits.
    fn make_room(&mut self, count: usize, now: TimestampMs) -> bool {
        loop {
            let fits = self.sessions.len() < self.sessions_max
                && self.partitions_total + count <= FETCH_SESSION_PARTITIONS_TOTAL_MAX
                && !self.sessions.contains_key(&self.next_id);
            if fits {
                return true;
            }
            let stalest = self.sessions.iter().min_by_key(|(_, session)| session.last_used);
            let Some((&id, session)) = stalest else { return false };
            if now.0 - session.last_used.0 < FETCH_SESSION_EVICT_MS {
                return false;
            }
            self.remove(id);
        }
    }

    fn remove(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.partitions_total -= session.partitions.len();
        }
    }
}

impl Session {
    /// All partitions, the ones behind the last one with data first.
    fn in_turn(&self) -> Vec<(PartitionKey, Wanted)> {
        let wanted = |(key, (wanted, _)): (&PartitionKey, &(Wanted, Told))| (key.clone(), *wanted);
        let Some(start) = &self.start else { return self.partitions.iter().map(wanted).collect() };
        let behind = (std::ops::Bound::Excluded(start), std::ops::Bound::Unbounded);
        let behind = self.partitions.range(behind);
        let up_to = self.partitions.range(..=start);
        behind.chain(up_to).map(wanted).collect()
    }
}

/// Ids and epochs run from 1 up and begin again after the largest number.
fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

/// A key that does not keep the request's frame alive.
fn detached(key: PartitionKey) -> PartitionKey {
    PartitionKey { topic: key.topic.detached(), ..key }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: i32) -> PartitionKey {
        PartitionKey { topic: Str::from("t"), index, ..PartitionKey::default() }
    }

    fn want(indexes: &[i32]) -> Vec<(PartitionKey, Wanted)> {
        let wanted =
            Wanted { fetch_offset: 0, bytes_max: 100, leader_epoch: -1, last_fetched_epoch: -1 };
        indexes.iter().map(|index| (key(*index), wanted)).collect()
    }

    fn claim(id: i32, epoch: i32) -> SessionClaim {
        SessionClaim { id, epoch, by_id: false }
    }

    fn order(plan: &Plan) -> Vec<i32> {
        plan.partitions.iter().map(|(key, _)| key.index).collect()
    }

    const NOW: TimestampMs = TimestampMs(1_000_000);

    #[test]
    fn a_session_remembers_adds_and_forgets() {
        let mut sessions = FetchSessions::new(10);
        let full = sessions.plan(claim(0, 0), want(&[0, 1, 2]), &[], NOW).unwrap();
        let id = full.session_id;
        assert!(id > 0 && !full.incremental);
        let next = sessions.plan(claim(id, 1), want(&[3]), &[key(1)], NOW).unwrap();
        assert!(next.incremental);
        assert_eq!(order(&next), [0, 2, 3]);
        let again = sessions.plan(claim(id, 2), vec![], &[], NOW).unwrap();
        assert_eq!(order(&again), [0, 2, 3]);
    }

    #[test]
    fn epochs_are_counted_and_mistakes_are_told() {
        let mut sessions = FetchSessions::new(10);
        let id = sessions.plan(claim(0, 0), want(&[0]), &[], NOW).unwrap().session_id;
        assert_eq!(sessions.plan(claim(id, 2), vec![], &[], NOW), Err(SessionError::InvalidEpoch));
        assert_eq!(sessions.plan(claim(99, 1), vec![], &[], NOW), Err(SessionError::NotFound));
        let by_id = SessionClaim { by_id: true, ..claim(id, 1) };
        assert_eq!(sessions.plan(by_id, vec![], &[], NOW), Err(SessionError::TopicIdMix));
        assert!(sessions.plan(claim(id, 1), vec![], &[], NOW).is_ok());
        // A final epoch closes it; the fetch itself is served.
        let closing = sessions.plan(claim(id, -1), want(&[0]), &[], NOW).unwrap();
        assert_eq!((closing.session_id, closing.incremental), (0, false));
        assert!(sessions.is_empty());
    }

    #[test]
    fn what_was_told_survives_a_new_wish_and_an_error_forgets_it() {
        let mut sessions = FetchSessions::new(10);
        let id = sessions.plan(claim(0, 0), want(&[0]), &[], NOW).unwrap().session_id;
        let told = Told { high_watermark: 5, log_start: 0 };
        sessions.tell(id, &key(0), Some(told));
        sessions.plan(claim(id, 1), want(&[0]), &[], NOW).unwrap();
        assert_eq!(sessions.told(id, &key(0)), told);
        sessions.tell(id, &key(0), None);
        assert_eq!(sessions.told(id, &key(0)), NOTHING_TOLD);
    }

    #[test]
    fn a_busy_partition_goes_to_the_back() {
        let mut sessions = FetchSessions::new(10);
        let id = sessions.plan(claim(0, 0), want(&[0, 1, 2]), &[], NOW).unwrap().session_id;
        sessions.turn(id, &key(0));
        let next = sessions.plan(claim(id, 1), vec![], &[], NOW).unwrap();
        assert_eq!(order(&next), [1, 2, 0]);
    }

    #[test]
    fn full_caches_evict_only_the_idle() {
        let mut sessions = FetchSessions::new(2);
        let mut open = |at: i64| {
            sessions.plan(claim(0, 0), want(&[0]), &[], TimestampMs(at)).unwrap().session_id
        };
        let (first, second) = (open(0), open(1));
        assert!(first > 0 && second > 0);
        assert_eq!(open(FETCH_SESSION_EVICT_MS - 1), 0, "nobody is idle yet");
        assert!(open(FETCH_SESSION_EVICT_MS) > 0, "the stalest makes room");
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions.plan(claim(first, 1), vec![], &[], NOW), Err(SessionError::NotFound));
        assert_eq!(
            FetchSessions::new(0).plan(claim(0, 0), want(&[0]), &[], NOW).unwrap().session_id,
            0
        );
    }

    #[test]
    fn a_session_cannot_outgrow_its_limit() {
        let mut sessions = FetchSessions::new(2);
        let id = sessions.plan(claim(0, 0), want(&[0]), &[], NOW).unwrap().session_id;
        let many: Vec<i32> = (0..).take(FETCH_SESSION_PARTITIONS_MAX + 1).collect();
        assert_eq!(sessions.plan(claim(id, 1), want(&many), &[], NOW), Err(SessionError::NotFound));
        assert!(sessions.is_empty() && sessions.partitions_total == 0);
        let plan = sessions.plan(claim(0, 0), want(&many), &[], NOW).unwrap();
        assert_eq!((plan.session_id, plan.partitions.len()), (0, many.len()));
    }
}
