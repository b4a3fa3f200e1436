"""Produce requests whose batches are wrong in one way: refused, nothing stored, nobody hurt."""

import struct

import pytest
from harness import wire
from harness.batches import batch, of_size, record
from harness.broker import HOST
from harness.bystander import Bystander
from harness.confluent import create_topic

TOPIC = "bad-batches"
MESSAGE_BYTES_MAX = 1_048_588

CORRUPT_MESSAGE, UNKNOWN_TOPIC_OR_PARTITION, MESSAGE_TOO_LARGE = 2, 3, 10
INVALID_REQUIRED_ACKS, INVALID_REQUEST, UNSUPPORTED_FORMAT = 21, 42, 43
UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD = 76, 87
REFUSED = {CORRUPT_MESSAGE, INVALID_REQUEST, INVALID_RECORD}

good = batch((b"a", b"b"))

WRONG = {
    "crc": (batch(crc=1), {CORRUPT_MESSAGE}),
    "one bit of the value": (good[:-2] + bytes([good[-2] ^ 1]) + good[-1:], {CORRUPT_MESSAGE}),
    "magic 3": (batch(magic=3), REFUSED | {UNSUPPORTED_FORMAT}),
    "magic -1": (batch(magic=-1), REFUSED | {UNSUPPORTED_FORMAT}),
    "magic 127": (batch(magic=127), REFUSED | {UNSUPPORTED_FORMAT}),
    "length negative": (batch(length=-5), REFUSED),
    "length zero": (batch(length=0), REFUSED),
    "length too short": (batch(length=20), REFUSED),
    "length past the end": (batch(length=1000), REFUSED),
    "length huge": (batch(length=0x7FFFFFFF), REFUSED),
    "cut in the header": (good[:30], REFUSED),
    "cut in the records": (good[:-3], REFUSED),
    "one byte": (b"\0", REFUSED),
    "count too high": (batch(count=7), REFUSED),
    "count huge": (batch(count=0x7FFFFFFF, last_offset_delta=0x7FFFFFFE), REFUSED),
    "count negative": (batch(count=-1), REFUSED),
    "count zero": (batch((), count=0, last_offset_delta=0), REFUSED),
    "last offset delta negative": (batch(last_offset_delta=-1), REFUSED),
    "last offset delta too high": (batch(last_offset_delta=9), REFUSED),
    "offset deltas with a gap": (
        batch(records=record(0, b"a") + record(5, b"b"), count=2, last_offset_delta=5),
        REFUSED,
    ),
    "offset deltas repeated": (
        batch(records=record(0, b"a") + record(0, b"b"), count=2, last_offset_delta=1),
        REFUSED,
    ),
    "record length negative": (batch(records=record(0, b"a", length=-7)), REFUSED),
    "record length huge": (batch(records=record(0, b"a", length=0x7FFFFFF0)), REFUSED),
    "header count huge": (batch(records=record(0, b"a", header_count=0x7FFFFFF0)), REFUSED),
    "two batches": (batch() + batch(), REFUSED),
    "codec 7": (batch(attributes=7), REFUSED | {UNSUPPORTED_COMPRESSION_TYPE}),
    "gzip that is none": (batch(attributes=1), REFUSED),
    "lz4 that is none": (batch(attributes=3), REFUSED),
    "control batch": (batch(attributes=0x20), REFUSED),
    "too large": (of_size(MESSAGE_BYTES_MAX + 1), {MESSAGE_TOO_LARGE}),
}
# Where Apache Kafka 4.3 is less exact: it stores the first, and calls the others its own fault.
KAFKA_STORES = {"offset deltas repeated"}
KAFKA_UNKNOWN_SERVER_ERROR = {"length huge", "codec 7", "gzip that is none", "lz4 that is none"}


@pytest.fixture(scope="module")
def bystander(broker):
    create_topic(broker.address, TOPIC, 1)
    with Bystander(broker) as one:
        yield one


@pytest.fixture
def leader(broker):
    with wire.connect_to_leader(HOST, broker.port, TOPIC) as connection:
        yield connection


def log_end(broker):
    with wire.connect_to_leader(HOST, broker.port, TOPIC) as connection:
        error, offset = wire.list_offset(connection, TOPIC, 0, -1)
    assert error == 0
    return offset


@pytest.mark.parametrize("name", WRONG)
def test_wrong_batch_is_refused(broker, bystander, leader, name, request):
    records, allowed = WRONG[name]
    if request.config.getoption("--broker") == "kafka":
        if name in KAFKA_STORES:
            pytest.skip("Apache Kafka stores it")
        if name in KAFKA_UNKNOWN_SERVER_ERROR:
            allowed = {-1}
    end = log_end(broker)
    error, _offset = wire.produce(leader, TOPIC, 0, records)
    assert error in allowed
    assert log_end(broker) == end, "a refused batch was stored"
    # The connection is still good, and so is the partition.
    assert wire.produce(leader, TOPIC, 0, good) == (0, end)
    bystander.must_go_on(1)


def test_largest_batch_is_taken(broker, bystander, leader):
    end = log_end(broker)
    assert wire.produce(leader, TOPIC, 0, of_size(MESSAGE_BYTES_MAX)) == (0, end)
    error, _, data = wire.fetch(leader, TOPIC, 0, end, max_bytes=1)
    assert error == 0
    assert len(data) == MESSAGE_BYTES_MAX, "the first batch comes whole, whatever max_bytes says"


def test_good_partitions_of_a_request_are_stored(broker, bystander):
    """One wrong partition does not spoil the others of the same request."""
    topic = "bad-beside-good"
    create_topic(broker.address, topic, 1)
    with wire.connect_to_leader(HOST, broker.port, topic) as connection:
        rows = [
            struct.pack(">ii", partition, len(records)) + records
            for partition, records in ((0, good), (9, good))
        ]
        body = struct.pack(">hhi", -1, -1, 10_000)
        body += wire.array([wire.string(topic) + wire.array(rows)])
        answer = wire.Reader(connection.request(wire.PRODUCE, 7, body))
        answer.take("i"), answer.string()
        found = answer.array(lambda: answer.take("ihqqq"))
    assert {row[0]: row[1] for row in found} == {0: 0, 9: UNKNOWN_TOPIC_OR_PARTITION}


@pytest.mark.parametrize("partition", [-1, 1, 0x7FFFFFFF])
def test_unknown_partition(leader, bystander, partition):
    assert wire.produce(leader, TOPIC, partition, good)[0] == UNKNOWN_TOPIC_OR_PARTITION
    assert wire.fetch(leader, TOPIC, partition, 0)[0] == UNKNOWN_TOPIC_OR_PARTITION
    assert wire.list_offset(leader, TOPIC, partition, -1)[0] == UNKNOWN_TOPIC_OR_PARTITION


def test_unknown_topic(leader, bystander):
    assert wire.fetch(leader, "nobody-made-this", 0, 0)[0] == UNKNOWN_TOPIC_OR_PARTITION
    assert wire.list_offset(leader, "nobody-made-this", 0, -1)[0] == UNKNOWN_TOPIC_OR_PARTITION
    assert wire.produce(leader, "nobody-made-this", 0, good)[0] == UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("offset", [-1, -5, 1 << 40, (1 << 63) - 1])
def test_fetch_outside_the_log(leader, bystander, offset):
    offset_out_of_range = 1
    assert wire.fetch(leader, TOPIC, 0, offset)[0] == offset_out_of_range


@pytest.mark.parametrize("acks", [2, -2, 0x7FFF])
def test_wrong_acks(leader, bystander, acks):
    assert wire.produce(leader, TOPIC, 0, good, acks=acks)[0] == INVALID_REQUIRED_ACKS
