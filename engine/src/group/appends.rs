//! Appends handed out and not yet known to be durable, with what is to follow each.
//! In order, bounded in count and bytes. Never encodes a record and never answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::limits::{APPEND_BYTES_IN_FLIGHT_MAX, APPENDS_IN_FLIGHT_MAX};
use super::records::Record;
use super::requests::{Answer, AppendId, OffsetFetch, Token};

/// What follows when an append is durable, or failed.
#[derive(Debug)]
pub(super) enum Then {
    /// Nobody waits for it.
    Nothing,
    /// Give this answer, or its like with an error.
    Answer(Token, Answer),
    /// The leader's assignment holds: every member gets its part.
    Settle { group: Arc<str>, generation: i32, assignments: BTreeMap<Arc<str>, Bytes> },
    /// A static member has its new id: its parked JoinGroup is answered.
    Rename(Rename),
    /// Groups are gone. Those marked dead come back to life if the append failed.
    Bury { groups: Vec<Arc<str>>, answer: Option<(Token, Answer)> },
}

/// A static member that came back with no change for the others.
#[derive(Debug)]
pub(super) struct Rename {
    pub(super) group: Arc<str>,
    pub(super) generation: i32,
    pub(super) old_id: Arc<str>,
    pub(super) new_id: Arc<str>,
    pub(super) token: Token,
    /// Who led before, which is what clients before JoinGroup v9 are told.
    pub(super) old_leader: Arc<str>,
    pub(super) can_skip_assignment: bool,
}

/// One append in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: AppendId,
    pub(super) records: Vec<Record>,
    pub(super) then: Then,
    /// OffsetFetch requests that want to see these records.
    pub(super) fetches: Vec<(Token, OffsetFetch)>,
    bytes: usize,
}

/// All appends in flight.
#[derive(Debug, Default)]
pub(super) struct Appends {
    in_flight: VecDeque<InFlight>,
    bytes: usize,
    last: AppendId,
}

impl Appends {
    /// Whether more may be handed out; the last one let in may pass the limit of bytes. A group
    /// that has become empty does not ask: that is one small record per rebalance.
    pub(super) fn have_room(&self) -> bool {
        self.in_flight.len() < APPENDS_IN_FLIGHT_MAX && self.bytes < APPEND_BYTES_IN_FLIGHT_MAX
    }

    pub(super) fn push(&mut self, records: Vec<Record>, then: Then) -> AppendId {
        assert!(!records.is_empty(), "an append has records");
        let bytes = records.iter().map(Record::size_bytes).sum();
        self.last = AppendId(self.last.0 + 1);
        self.bytes += bytes;
        let append = InFlight { id: self.last, records, then, fetches: Vec::new(), bytes };
        self.in_flight.push_back(append);
        self.last
    }

    /// Takes the oldest append out, which must be `id`: outcomes are reported in order.
    pub(super) fn pop(&mut self, id: AppendId) -> InFlight {
        let append = self.in_flight.pop_front().expect("an outcome follows an append");
        assert_eq!(append.id, id, "outcomes are reported in the order of the appends");
        self.bytes -= append.bytes;
        append
    }

    /// Takes the oldest append out, whichever it is.
    pub(super) fn pop_any(&mut self) -> Option<InFlight> {
        let id = self.in_flight.front()?.id;
        Some(self.pop(id))
    }

    /// Whether an append is not yet durable.
    pub(super) fn is_in_flight(&self, id: AppendId) -> bool {
        self.in_flight.front().is_some_and(|oldest| oldest.id <= id)
    }

    pub(super) fn get_mut(&mut self, id: AppendId) -> Option<&mut InFlight> {
        let oldest = self.in_flight.front()?.id;
        let index = usize::try_from(id.0.checked_sub(oldest.0)?).ok()?;
        self.in_flight.get_mut(index)
    }
}
