//! Owns what a producer thread does with answers, errors and lost connections: record, retry or
//! give up. Never sends; see `producer.rs`.

use anyhow::Result;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::Worker;
use super::book::Book;
use super::lane::{Due, Sent, State, next_sequence};
use crate::ledger::Acked;
use crate::recorder::Metric;
use crate::session::Purpose;
use crate::wire;
use crate::workload::Acks;

/// How long a lane is quiet after a retriable error.
const HOLD_NS: u64 = 10_000_000;

/// What the broker said about one batch.
struct Verdict {
    code: i16,
    base_offset: i64,
}

/// Errors after which the same batch may succeed.
const fn is_retriable(code: i16) -> bool {
    matches!(code, 3 | 5 | 6 | 7 | 9 | 13 | 14 | 15 | 19 | 20 | 45 | 56 | 89)
}

/// Errors that mean the leader is elsewhere.
const fn wants_new_map(code: i16) -> bool {
    matches!(code, 3 | 5 | 6 | 9 | 13 | 56)
}

/// The broker forgot the producer id, or fences it.
const fn wants_new_id(code: i16) -> bool {
    matches!(code, 47 | 59 | 90)
}
const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;

impl Worker {
    /// Reads a lane's socket and handles every whole answer.
    pub(super) fn read_answers(&mut self, index: usize) -> Result<()> {
        loop {
            let State::Up(link) = &mut self.lanes[index].state else { return Ok(()) };
            let more = match link.fill() {
                Ok(read) => read && link.is_full(),
                Err(_) => {
                    self.lose(index);
                    return Ok(());
                }
            };
            let now_ns = self.session.clock.now_ns();
            loop {
                let State::Up(link) = &mut self.lanes[index].state else { return Ok(()) };
                let frame = match link.next_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(_) => {
                        self.lose_because(index, "GARBLED_RESPONSE");
                        return Ok(());
                    }
                };
                let verdict = self.read_verdict(index, frame);
                match verdict {
                    Ok(verdict) => self.settle(index, &verdict, now_ns),
                    Err(_) => self.lose_because(index, "GARBLED_RESPONSE"),
                }
            }
            self.mark(index);
            if !more {
                return Ok(());
            }
        }
    }

    fn read_verdict(&self, index: usize, frame: std::ops::Range<usize>) -> Result<Verdict> {
        let lane = &self.lanes[index];
        let State::Up(link) = &lane.state else { anyhow::bail!("not connected") };
        let bytes = link.bytes(frame);
        let expected = lane.in_flight.front().map(|sent| sent.correlation_id);
        let correlation_id = wire::correlation_id(bytes)?;
        if Some(correlation_id) != expected {
            anyhow::bail!("answer {correlation_id} where {expected:?} was due");
        }
        let answer: ProduceResponse =
            wire::decode_response::<ProduceRequest>(bytes, self.session.produce_version)?;
        let target = lane.in_flight.front().map(|sent| &self.map.targets[sent.due.target]);
        let partition =
            answer.responses.first().and_then(|topic| topic.partition_responses.first());
        match (partition, target) {
            (Some(partition), Some(target)) if partition.index == target.partition => {
                Ok(Verdict { code: partition.error_code, base_offset: partition.base_offset })
            }
            _ => anyhow::bail!("the answer is about another partition"),
        }
    }

    /// Takes the oldest request off the lane and acts on its verdict.
    fn settle(&mut self, index: usize, verdict: &Verdict, now_ns: u64) {
        let Some(sent) = self.lanes[index].in_flight.pop_front() else { return };
        self.in_flight -= 1;
        match verdict.code {
            0 => self.acknowledge(index, &sent, Some(verdict.base_offset), now_ns),
            DUPLICATE_SEQUENCE_NUMBER => self.acknowledge(index, &sent, None, now_ns),
            code => self.refuse(index, &sent, code, now_ns),
        }
    }

    fn acknowledge(&mut self, index: usize, sent: &Sent, base_offset: Option<i64>, now_ns: u64) {
        let due = &sent.due;
        if self.session.window.measures(due.intended_ns) {
            self.book.record(Metric::ScheduleToAck, now_ns.saturating_sub(due.intended_ns));
            self.book.record(Metric::SendToAck, now_ns.saturating_sub(sent.sent_ns));
            let target = &self.map.targets[due.target];
            let bytes = self
                .shapes
                .template(target.topic, due.records, due.variant)
                .map_or(0, crate::template::Template::payload_bytes);
            let counts = self.book.counts();
            counts.requests_acked += 1;
            counts.records_acked += due.records as u64;
            counts.bytes_acked += bytes as u64;
        }
        if self.session.purpose == Purpose::Judge
            && let Some(numbers) = due.numbered
        {
            let number = self.producers[self.lanes[index].producer].number;
            let acked = Acked { first: numbers.stamp, count: due.records as u64, base_offset };
            self.ledger.acknowledge(number, due.target, acked);
        }
        self.refill(index, now_ns);
    }

    /// Closed loop: an ended request makes room for the next one.
    fn refill(&mut self, index: usize, now_ns: u64) {
        let producer = self.lanes[index].producer;
        if !self.session.is_open_loop() && now_ns < self.session.window.end_ns() {
            self.issue_closed(producer, now_ns);
        }
    }

    fn refuse(&mut self, index: usize, sent: &Sent, code: i16, now_ns: u64) {
        let name = wire::error_name(code);
        if wants_new_map(code) {
            self.navigator.refresh(self.map.generation);
        }
        if is_retriable(code) && self.session.may_retry() {
            Book::count(&mut self.book.counts().retries, &name);
            self.lanes[index].hold_until_ns = now_ns + HOLD_NS;
            self.resend(index, sent.due);
            return;
        }
        if wants_new_id(code) {
            self.ask_new_id(self.lanes[index].producer);
        }
        self.fail(index, &name, now_ns);
    }

    /// Puts a batch back for another try.
    fn resend(&mut self, index: usize, due: Due) {
        self.pending += 1;
        self.route(self.lanes[index].producer, due);
    }

    fn fail(&mut self, index: usize, name: &str, now_ns: u64) {
        Book::count(&mut self.book.counts().failures, name);
        // A broker that refuses at once must not turn a closed loop into a busy loop.
        self.lanes[index].hold_until_ns = now_ns + HOLD_NS;
        self.refill(index, now_ns);
    }

    /// The connection ended.
    pub(super) fn lose(&mut self, index: usize) {
        self.lose_because(index, "DISCONNECTED");
    }

    fn lose_because(&mut self, index: usize, name: &str) {
        let now_ns = self.session.clock.now_ns();
        if now_ns < self.session.window.end_ns() || !self.lanes[index].in_flight.is_empty() {
            self.book.counts().disconnects += 1;
        }
        let orphans = self.lanes[index].down(now_ns);
        self.in_flight -= orphans.len();
        self.navigator.refresh(self.map.generation);
        for sent in orphans {
            if self.session.may_retry() && self.session.workload.acks != Acks::None {
                Book::count(&mut self.book.counts().retries, name);
                self.resend(index, sent.due);
            } else {
                self.fail(index, name, now_ns);
            }
        }
        self.chores_at_ns = self.chores_at_ns.min(now_ns + HOLD_NS);
    }

    /// With acks=0 a request is done when its bytes are written.
    pub(super) fn count_unanswered(&mut self, index: usize) {
        let now_ns = self.session.clock.now_ns();
        while let Some(sent) = self.lanes[index].in_flight.pop_front() {
            self.in_flight -= 1;
            self.acknowledge(index, &sent, None, now_ns);
        }
    }

    /// Gives up what is older than the delivery timeout.
    pub(super) fn expire(&mut self, oldest_ns: u64) {
        let now_ns = self.session.clock.now_ns();
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            let before = lane.pending.len();
            lane.pending.retain(|due| due.intended_ns >= oldest_ns);
            let expired = before - lane.pending.len();
            let (producer, stuck) = (
                lane.producer,
                lane.in_flight.front().is_some_and(|sent| sent.due.intended_ns < oldest_ns),
            );
            self.pending -= expired;
            for _ in 0..expired {
                self.fail(index, "DELIVERY_TIMEOUT", now_ns);
            }
            if expired > 0 && self.session.workload.idempotence {
                self.ask_new_id(producer);
            }
            if stuck {
                // Answers come in order, so the connection is of no use without this one.
                self.lose_because(index, "REQUEST_TIMEOUT");
            }
        }
        let before = self.homeless.len();
        self.homeless.retain(|(_, due)| due.intended_ns >= oldest_ns);
        let expired = before - self.homeless.len();
        self.pending -= expired;
        for _ in 0..expired {
            Book::count(&mut self.book.counts().failures, "NO_LEADER");
        }
    }

    /// After the end: nothing new leaves. What was due and never sent counts with its waiting time.
    pub(super) fn give_up_unsent(&mut self, end_ns: u64) {
        let open_loop = self.session.is_open_loop();
        let mut unsent = Vec::new();
        for lane in &mut self.lanes {
            let pending = std::mem::take(&mut lane.pending);
            let (repeats, fresh): (Vec<_>, Vec<_>) =
                pending.into_iter().partition(|due| due.numbered.is_some());
            unsent.extend(fresh.iter().map(|due| due.intended_ns));
            self.pending -= fresh.len();
            lane.pending = repeats.into();
        }
        let homeless = std::mem::take(&mut self.homeless);
        let (repeats, fresh): (Vec<_>, Vec<_>) =
            homeless.into_iter().partition(|(_, due)| due.numbered.is_some());
        unsent.extend(fresh.iter().map(|(_, due)| due.intended_ns));
        self.pending -= fresh.len();
        self.homeless = repeats;
        for std::cmp::Reverse((_, index)) in std::mem::take(&mut self.due) {
            let producer = &mut self.producers[index];
            let Some(schedule) = &mut producer.schedule else { continue };
            while producer.next.intended_ns < end_ns {
                if producer.next.ready_ns < end_ns {
                    unsent.push(producer.next.intended_ns);
                }
                producer.next = schedule.next_slot();
            }
        }
        if !open_loop {
            return;
        }
        for intended_ns in unsent {
            if self.session.window.measures(intended_ns) {
                self.book.counts().requests_unsent += 1;
                self.book.record(Metric::ScheduleToAck, end_ns.saturating_sub(intended_ns));
                self.book.record(Metric::Delay, end_ns.saturating_sub(intended_ns));
            }
        }
    }

    /// Asks for a new producer id; the producer is quiet until it comes.
    fn ask_new_id(&mut self, producer: usize) {
        if !std::mem::replace(&mut self.producers[producer].waits_for_id, true) {
            self.navigator.producer_id(producer, &self.mailbox);
        }
    }

    /// Starts over with a new producer id. Repeats are renumbered, except before the judge: the
    /// broker could not recognise them as repeats any more, so their outcome stays unknown.
    pub(super) fn renew(&mut self, producer: usize, id: Option<(i64, i16)>) {
        let Some(id) = id else {
            self.navigator.producer_id(producer, &self.mailbox);
            return;
        };
        let now_ns = self.session.clock.now_ns();
        let of = &mut self.producers[producer];
        of.id = Some(id);
        of.waits_for_id = false;
        of.sequences.fill(0);
        let mut given_up = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.producer != producer {
                continue;
            }
            if self.session.purpose == Purpose::Judge {
                let before = lane.pending.len();
                lane.pending.retain(|due| due.numbered.is_none());
                self.pending -= before - lane.pending.len();
                given_up.extend(std::iter::repeat_n(index, before - lane.pending.len()));
            }
            for due in &mut lane.pending {
                let Some(numbers) = &mut due.numbered else { continue };
                let sequence = &mut of.sequences[due.target];
                numbers.base_sequence = *sequence;
                numbers.producer = Some(id);
                *sequence = next_sequence(*sequence, due.records);
            }
        }
        given_up.into_iter().for_each(|index| self.fail(index, "PRODUCER_ID_LOST", now_ns));
        (0..self.lanes.len()).for_each(|index| self.mark(index));
    }
}
