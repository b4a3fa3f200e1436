//! Power is lost at any moment while idempotent producers send and repeat: every acknowledged
//! record is there afterwards, none is there twice, and each producer's records are in order.
//! `SIM_SEED=42` replays one seed.

use std::collections::VecDeque;

use super::bench::{Bench, NOW, read_values, sequenced};
use crate::{
    partition::{Ack, Acks, Partition},
    ring::sim_disk::{SimDisk, SimRandom},
};

const PRODUCERS: usize = 3;
/// As many requests as an idempotent client keeps in flight.
const IN_FLIGHT_MAX: usize = 5;

/// A client that repeats what was not acknowledged, in order.
#[derive(Default)]
struct Client {
    id: i64,
    next_sequence: i32,
    acked: i32,
    in_flight: VecDeque<(i32, i32, Option<Ack>)>,
}

impl Client {
    fn send(&mut self, partition: &Partition<SimDisk>, records: i32) {
        let base = self.next_sequence;
        self.next_sequence += records;
        let request = sequenced(self.id, base, records);
        let ack = partition.append(&request, Acks::All, NOW).unwrap().ack;
        self.in_flight.push_back((base, records, Some(ack)));
    }

    /// Sends everything unacknowledged again, as a client does after a broken connection.
    fn repeat(&mut self, partition: &Partition<SimDisk>) {
        for (base, records, ack) in &mut self.in_flight {
            let request = sequenced(self.id, *base, *records);
            *ack = Some(partition.append(&request, Acks::All, NOW).unwrap().ack);
        }
    }

    fn take_acks(&mut self) {
        while let Some((base, records, Some(ack))) = self.in_flight.front()
            && let Some(outcome) = ack.outcome()
        {
            outcome.unwrap();
            self.acked = base + records;
            self.in_flight.pop_front();
        }
    }
}

fn run(seed: u64, disk_flushes: bool) {
    let mut random = SimRandom::new(seed);
    let mut bench = Bench::new(random.bits());
    bench.config.topic.segment_bytes = 20_000;
    let mut partition = bench.create();
    let client = |id: usize| Client { id: i64::try_from(id).unwrap(), ..Client::default() };
    let mut clients: Vec<Client> = (0..PRODUCERS).map(client).collect();
    for _life in 0..4 {
        if !disk_flushes {
            bench.disk.disable_flush();
        }
        for _step in 0..random.below(300) {
            let at = usize::try_from(random.below(PRODUCERS as u64)).unwrap();
            let client = &mut clients[at];
            match random.below(10) {
                0..3 if client.in_flight.len() < IN_FLIGHT_MAX => {
                    let records = i32::try_from(1 + random.below(20)).unwrap();
                    client.send(&partition, records);
                }
                3 => client.repeat(&partition),
                4 if random.chance(5) => {
                    bench.run(partition.background_turn(NOW)).unwrap();
                    bench.run(partition.snapshot_now());
                }
                _ => bench.step(),
            }
            clients.iter_mut().for_each(Client::take_acks);
        }
        if random.chance(30) {
            bench = bench.restart(partition);
        } else {
            drop(partition);
            bench = bench.crash(random.bits());
        }
        partition = bench.open();
        clients.iter_mut().for_each(|client| client.repeat(&partition));
    }
    bench.settle();
    clients.iter_mut().for_each(Client::take_acks);
    let values = bench.run(read_values(&partition));
    for client in &clients {
        let prefix = format!("{}:", client.id);
        let got: Vec<i32> =
            values.iter().filter_map(|value| value.strip_prefix(&prefix)?.parse().ok()).collect();
        let sent: Vec<i32> = (0..client.next_sequence).collect();
        assert_eq!(got, sent, "seed {seed}, producer {}", client.id);
        assert_eq!(client.acked, client.next_sequence, "seed {seed}: all is acked in the end");
    }
}

#[test]
fn each_record_is_there_once_and_in_order_whenever_power_is_lost() {
    if let Some(seed) = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return run(seed, true);
    }
    let seeds = std::env::var("SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    (0..seeds.unwrap_or(100)).for_each(|seed| run(seed, true));
}

/// The control: on a disk that lies about flushes the same judge must notice.
#[test]
fn a_disk_that_does_not_flush_is_found_out() {
    let noticed = (0..20).filter(|seed| std::panic::catch_unwind(|| run(*seed, false)).is_err());
    assert!(noticed.count() >= 10, "loss was noticed in too few runs");
}
