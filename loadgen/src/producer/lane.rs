//! Owns one producer's connection to one broker: requests waiting, requests in flight, and whether
//! it could send. Never chooses partitions and never records.

use std::collections::VecDeque;

use crate::link::{Link, OUTPUT_BYTES_MAX};

/// First wait before a lost connection is tried again; doubles up to [`RETRY_NS_MAX`].
const RETRY_NS_MIN: u64 = 20_000_000;
const RETRY_NS_MAX: u64 = 1_000_000_000;

/// A batch that is due, sent or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When it should have been sent.
    pub intended_ns: u64,
    /// When it was closed and could leave.
    pub ready_ns: u64,
    /// Records in it.
    pub records: usize,
    /// Which of the pre-encoded shapes.
    pub variant: usize,
    /// Index into the map's targets.
    pub target: usize,
    /// Numbers given at the first send, kept in repeats.
    pub numbered: Option<Numbers>,
}

/// What identifies a batch to the broker and to the judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Sequence for idempotence.
    pub base_sequence: i32,
    /// The judge's number of the first record.
    pub stamp: u64,
    /// Producer id and epoch it was numbered under.
    pub producer: Option<(i64, i16)>,
}

/// The sequence after a batch of `records`. Kafka's sequences wrap to 0 after 2^31 - 1.
pub fn next_sequence(sequence: i32, records: usize) -> i32 {
    sequence.wrapping_add(crate::units::to_i32(records)) & i32::MAX
}

/// A request without an answer.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// The batch.
    pub due: Due,
    /// Correlation id of the request.
    pub correlation_id: i32,
    /// When it was handed to the socket.
    pub sent_ns: u64,
}

/// State of a connection.
#[derive(Debug)]
pub enum State {
    /// Not connected; to be tried at this time.
    Down { retry_at_ns: u64 },
    /// The navigator is connecting.
    Connecting,
    /// Connected.
    Up(Link),
}

/// See the file's first line.
#[derive(Debug)]
pub struct Lane {
    /// Index of the producer within the thread.
    pub producer: usize,
    /// Broker id.
    pub broker: i32,
    /// The connection.
    pub state: State,
    /// Batches that are due and not sent.
    pub pending: VecDeque<Due>,
    /// Requests sent and not answered, oldest first.
    pub in_flight: VecDeque<Sent>,
    /// Nothing is sent before this time: a broker asked for patience.
    pub hold_until_ns: u64,
    /// Since when it can send; what was due earlier is not the generator's lateness.
    pub free_since_ns: u64,
    /// It could not send at the last attempt.
    pub blocked: bool,
    /// The poller watches for writability.
    pub watches_writes: bool,
    /// In the list of lanes to pump.
    pub marked: bool,
    next_correlation_id: i32,
    retry_ns: u64,
}

impl Lane {
    /// A lane that wants to connect at once.
    pub fn new(producer: usize, broker: i32) -> Lane {
        Lane {
            producer,
            broker,
            state: State::Down { retry_at_ns: 0 },
            pending: VecDeque::new(),
            in_flight: VecDeque::new(),
            hold_until_ns: 0,
            free_since_ns: 0,
            blocked: true,
            watches_writes: false,
            marked: false,
            next_correlation_id: 0,
            retry_ns: RETRY_NS_MIN,
        }
    }

    /// The connection stands.
    pub fn up(&mut self, link: Link, now_ns: u64) {
        self.state = State::Up(link);
        self.retry_ns = RETRY_NS_MIN;
        self.watches_writes = false;
        self.unblock(now_ns);
    }

    /// The connection is lost or could not be made. Returns the requests without an answer.
    pub fn down(&mut self, now_ns: u64) -> VecDeque<Sent> {
        self.state = State::Down { retry_at_ns: now_ns + self.retry_ns };
        self.retry_ns = (self.retry_ns * 2).min(RETRY_NS_MAX);
        self.blocked = true;
        std::mem::take(&mut self.in_flight)
    }

    /// Whether another request may be encoded now; notes it when not.
    pub fn may_send(&mut self, in_flight_max: usize, now_ns: u64) -> bool {
        let free = match &self.state {
            State::Up(link) => {
                self.in_flight.len() < in_flight_max
                    && link.waiting() < OUTPUT_BYTES_MAX
                    && self.hold_until_ns <= now_ns
            }
            State::Down { .. } | State::Connecting => false,
        };
        if free {
            self.unblock(now_ns);
        } else {
            self.blocked = true;
        }
        free
    }

    fn unblock(&mut self, now_ns: u64) {
        if self.blocked {
            self.blocked = false;
            self.free_since_ns = now_ns;
        }
    }

    /// A fresh correlation id.
    pub fn correlate(&mut self) -> i32 {
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1);
        self.next_correlation_id
    }

    /// Puts a batch back so that batches of one partition keep the order of their sequences.
    pub fn requeue(&mut self, due: Due) {
        let follows = |other: &Due| match (other.numbered, due.numbered) {
            (Some(other), Some(due)) => other.stamp > due.stamp,
            (None, _) => true,
            (Some(_), None) => false,
        };
        let at = self
            .pending
            .iter()
            .position(|other| other.target == due.target && follows(other))
            .unwrap_or_else(|| {
                // Before everything that was never sent, after the other repeats.
                self.pending
                    .iter()
                    .position(|other| other.numbered.is_none())
                    .unwrap_or(self.pending.len())
            });
        self.pending.insert(at, due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(target: usize, stamp: Option<u64>) -> Due {
        Due {
            intended_ns: 0,
            ready_ns: 0,
            records: 1,
            variant: 0,
            target,
            numbered: stamp.map(|stamp| Numbers { base_sequence: 0, stamp, producer: None }),
        }
    }

    #[test]
    fn repeats_go_back_in_the_order_of_their_numbers() {
        let mut lane = Lane::new(0, 1);
        lane.pending.extend([due(0, None), due(1, None)]);
        for stamp in [5, 3, 4] {
            lane.requeue(due(0, Some(stamp)));
        }
        lane.requeue(due(1, Some(9)));
        let order: Vec<_> =
            lane.pending.iter().map(|d| (d.target, d.numbered.map(|n| n.stamp))).collect();
        assert_eq!(
            order,
            [(0, Some(3)), (0, Some(4)), (0, Some(5)), (0, None), (1, Some(9)), (1, None)]
        );
    }

    #[test]
    fn a_blocked_lane_is_free_from_the_moment_it_unblocks() {
        let mut lane = Lane::new(0, 1);
        assert!(!lane.may_send(1, 10));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        lane.up(Link::new(stream).unwrap(), 50);
        assert!(lane.may_send(1, 60));
        assert_eq!(lane.free_since_ns, 50);
        lane.hold_until_ns = 100;
        assert!(!lane.may_send(1, 70));
        assert!(lane.may_send(1, 120));
        assert_eq!(lane.free_since_ns, 120);
    }
}
