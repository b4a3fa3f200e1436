"""kill -9 under load, restart on the same data folder: nothing acknowledged is lost.

A cycle: let producers run, kill while records are under way, start, see that every producer
gets answers again, read what is new, and look for every acknowledgement in it. At the end
everything is read once more from the log start and judged as a whole.
"""

import os
import random
import time

import pytest
from harness.confluent import create_topic, read_to_end
from harness.judge import judge
from harness.load import Load

TOPIC, PARTITIONS = "killed", 4


def read_rows(broker, starts=None):
    rows = {p: [] for p in range(PARTITIONS)}
    for message in read_to_end(broker.address, TOPIC, PARTITIONS, starts):
        rows[message.partition()].append((message.offset(), message.value()))
    return rows


class Reads:
    """What was read so far, extended by what is new."""

    def __init__(self):
        self.rows = {p: [] for p in range(PARTITIONS)}

    def extend(self, broker):
        starts = {p: rows[-1][0] + 1 for p, rows in self.rows.items() if rows}
        for partition, new in read_rows(broker, starts).items():
            self.rows[partition] += new

    def assert_hold(self, acked, checked):
        """The acknowledgements that were not checked before are in what was read."""
        places = {(p, offset) for p, rows in self.rows.items() for offset, _ in rows}
        missing = [a for a in acked.items() if a[0] not in checked and a[1] not in places]
        assert not missing, f"acknowledged, not there: {missing[:5]} of {len(missing)}"
        checked.update(acked)


def kill_cycles(broker, cycles, seed):
    rng = random.Random(seed)
    create_topic(broker.address, TOPIC, PARTITIONS)
    load, reads, checked = Load(broker.address, TOPIC, PARTITIONS), Reads(), set()
    in_flight, restart_seconds = [], []
    load.start()
    try:
        for cycle in range(cycles):
            load.wait_for_progress()
            time.sleep(rng.uniform(0.1, 0.8))
            in_flight.append(load.wait_for_in_flight())
            broker.kill()
            began = time.monotonic()
            broker.start()
            restart_seconds.append(time.monotonic() - began)
            load.wait_for_progress()
            acked = load.acked_so_far()
            reads.extend(broker)
            reads.assert_hold(acked, checked)
            print(f"cycle {cycle}: {len(acked)} acknowledged, {in_flight[-1]} were in flight")
    finally:
        load.stop()
    restart_seconds.sort()
    print(
        f"{cycles} cycles, seed {seed}: {len(load.history.acked)} acknowledged, "
        f"{sum(load.history.attempted.values())} sent; restart p50 "
        f"{restart_seconds[cycles // 2]:.2f} s, max {restart_seconds[-1]:.2f} s"
    )
    return load.history, reads


def check(broker, cycles):
    seed = int(os.environ.get("KILL_SEED", random.randrange(1 << 30)))
    history, reads = kill_cycles(broker, cycles, seed)
    final = read_rows(broker)
    for partition, rows in reads.rows.items():
        assert final[partition][: len(rows)] == rows, f"partition {partition} reads differently now"
    verdict = judge(history, final)
    print(f"{verdict}; repeats of producers without idempotence: {verdict.repeats_allowed}")
    assert not verdict.wrong(), f"seed {seed}\n{verdict}"


@pytest.mark.timeout(600)
def test_kill_under_load(make_broker, request):
    # Apache Kafka takes several seconds to come back.
    cycles = 20 if request.config.getoption("--broker") == "ringlog" else 3
    check(make_broker(shards=2).start(), cycles)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_kill_under_load_200_times(make_broker):
    check(make_broker(shards=2).start(), 200)
