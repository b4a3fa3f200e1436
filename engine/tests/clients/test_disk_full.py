"""The disk fills up in the middle of writing: writes stop, reads go on, and writing resumes
without a restart once space is freed. Nothing acknowledged is lost on the way.

Apache Kafka gives the whole log folder up instead.
"""

import time

import pytest
from harness import wire
from harness.batches import batch, walk
from harness.broker import HOST
from harness.confluent import create_topic
from harness.disk import SmallDisk

DISK_BYTES = 256 << 20
FREE_BYTES = 24 << 20
VALUE_BYTES = 200_000
# More than the free space, however much of it the broker had set aside before.
BATCHES_MAX = DISK_BYTES // VALUE_BYTES
RESUME_SECONDS_MAX = 30
KAFKA_STORAGE_ERROR = 56
TOPIC = "filling"

pytestmark = pytest.mark.ringlog_only


@pytest.fixture
def disk(tmp_path):
    small = SmallDisk(tmp_path, DISK_BYTES)
    yield small
    small.remove()


@pytest.fixture
def broker_on(disk, make_broker):
    broker = make_broker(shards=1)
    broker.data_dir = disk.path / "data"
    yield broker.start()
    # Before the disk is unmounted.
    broker.discard()


def value(number):
    return b"%08d" % number * (VALUE_BYTES // 8)


def fill(connection):
    """Produce until the disk is full; the number of acknowledged batches."""
    for number in range(BATCHES_MAX):
        error, offset = wire.produce(connection, TOPIC, 0, batch((value(number),)))
        if error != 0:
            assert error == KAFKA_STORAGE_ERROR
            return number
        assert offset == number
    raise AssertionError("the disk never filled")


def read_all(connection, count):
    """The batches of the first `count` offsets are what was sent."""
    offset = 0
    while offset < count:
        error, _, data = wire.fetch(connection, TOPIC, 0, offset)
        assert error == 0, f"fetch error {error} at {offset}"
        for base_offset, records, raw in walk(data):
            assert (base_offset, records) == (offset, 1)
            assert value(base_offset) in raw, f"other bytes at {base_offset}"
            offset += records


def test_full_disk(broker_on, disk):
    create_topic(broker_on.address, TOPIC, 1)
    disk.leave_free(FREE_BYTES)
    with wire.connect_to_leader(HOST, broker_on.port, TOPIC) as connection:
        acked = fill(connection)
        assert acked > 0
        read_all(connection, acked)
        # Still full: still refused, still alive, still read.
        assert wire.produce(connection, TOPIC, 0, batch((value(0),)))[0] == KAFKA_STORAGE_ERROR
        read_all(connection, acked)

        disk.release()
        stored = resume(connection, acked)
        read_all(connection, stored)
    broker_on.restart()
    with wire.connect_to_leader(HOST, broker_on.port, TOPIC) as connection:
        read_all(connection, stored)


def resume(connection, acked):
    """Try until a produce is taken again; the log end after it."""
    deadline = time.monotonic() + RESUME_SECONDS_MAX
    while True:
        error, offset = wire.produce(connection, TOPIC, 0, batch((value(acked),)))
        if error == 0:
            assert offset == acked, "refused batches left offsets behind"
            return offset + 1
        assert error == KAFKA_STORAGE_ERROR
        assert time.monotonic() < deadline, "writes did not resume after space was freed"
        time.sleep(0.2)


def test_kill_on_a_full_disk(broker_on, disk):
    """A broker that starts on a full disk serves what it has."""
    create_topic(broker_on.address, TOPIC, 1)
    disk.leave_free(FREE_BYTES)
    with wire.connect_to_leader(HOST, broker_on.port, TOPIC) as connection:
        acked = fill(connection)
    broker_on.kill()
    broker_on.start()
    with wire.connect_to_leader(HOST, broker_on.port, TOPIC) as connection:
        read_all(connection, acked)
