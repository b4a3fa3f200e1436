"""Frames that lie, stop half-way or come drop by drop: the sender suffers, nobody else.

Each test has a bystander: a good client that must be served on.
"""

import random
import struct
import time

import pytest
from harness import wire
from harness.broker import HOST
from harness.bystander import Bystander

CLOSE_SECONDS_MAX = 10
UNSUPPORTED_VERSION = 35


@pytest.fixture(scope="module")
def bystander(broker):
    with Bystander(broker) as one:
        yield one


@pytest.fixture
def connection(broker):
    with wire.Connection(HOST, broker.port) as one:
        yield one


def assert_unhurt(broker, bystander):
    assert broker.alive(), broker.tail()
    bystander.must_go_on(1)


@pytest.mark.parametrize("length", [-1, -0x80000000, 0x7FFFFFFF, 200 << 20])
def test_impossible_length(broker, bystander, connection, length):
    connection.send(struct.pack(">i", length) + b"\0" * 16)
    assert connection.closes_within(CLOSE_SECONDS_MAX)
    assert_unhurt(broker, bystander)


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\x12\0", b"\0\x12\0\0\0\0\0\1"])
def test_frame_shorter_than_a_header(broker, bystander, connection, payload):
    """The last one is a whole header but for its client id."""
    connection.send_frame(payload)
    assert connection.closes_within(CLOSE_SECONDS_MAX)
    assert_unhurt(broker, bystander)


def test_client_id_longer_than_the_frame(broker, bystander, connection):
    connection.send_frame(struct.pack(">hhih", wire.API_VERSIONS, 0, 1, 0x7FFF) + b"me")
    assert connection.closes_within(CLOSE_SECONDS_MAX)
    assert_unhurt(broker, bystander)


@pytest.mark.parametrize(("api_key", "version"), [(999, 0), (-1, 0), (0x7FFF, 0x7FFF), (3, 99), (3, -1)])
def test_unknown_api_or_version(broker, bystander, connection, api_key, version):
    connection.send_request(api_key, version, b"\0" * 32)
    assert connection.closes_within(CLOSE_SECONDS_MAX)
    assert_unhurt(broker, bystander)


@pytest.mark.parametrize("version", [5, 99, 0x7FFF])
def test_api_versions_of_the_future(broker, bystander, connection, version):
    """KIP-511: answered in the form of version 0 with error 35; the client asks again."""
    answer = connection.request(wire.API_VERSIONS, version, b"\0" * 8, flexible=True)
    assert struct.unpack(">h", answer[:2]) == (UNSUPPORTED_VERSION,)
    assert wire.api_versions(connection)[wire.API_VERSIONS][0] == 0
    assert_unhurt(broker, bystander)


def test_truncated_frame(broker, bystander):
    for announced, sent in ((100, 10), (100, 99), (5000, 8), (1 << 20, 65536)):
        with wire.Connection(HOST, broker.port) as connection:
            connection.send(struct.pack(">i", announced) + b"\0" * sent)
    assert_unhurt(broker, bystander)


def test_slow_sender(broker, bystander, connection):
    """A request that comes byte by byte is answered; others do not wait for it."""
    request = wire.header(wire.API_VERSIONS, 0, 7)
    frame = struct.pack(">i", len(request)) + request
    rounds = bystander.rounds
    for i in range(len(frame)):
        connection.send(frame[i : i + 1])
        time.sleep(0.05)
    answer = connection.receive_frame()
    assert struct.unpack(">i", answer[:4]) == (7,)
    assert bystander.rounds > rounds + 5
    assert_unhurt(broker, bystander)


def test_reader_that_never_reads(broker, bystander):
    """Answers nobody takes may not pile up without end, nor stop the others."""
    with wire.Connection(HOST, broker.port, timeout=2) as connection:
        frame = wire.header(wire.METADATA, 1, 1) + struct.pack(">i", -1)
        frame = struct.pack(">i", len(frame)) + frame
        try:
            for _ in range(200_000 // 1000):
                connection.send(frame * 1000)
        except TimeoutError:
            pass  # The broker stopped reading this socket: what it should do.
        except wire.Closed:
            pass  # Or it gave the client up.
        assert_unhurt(broker, bystander)


def test_pipelined_requests_are_answered_in_order(broker, bystander, connection):
    sent = [
        connection.send_request(*random.Random(i).choice(
            [(wire.API_VERSIONS, 0, b""), (wire.METADATA, 1, wire.array([]))]
        ))
        for i in range(200)
    ]  # fmt: skip
    got = [struct.unpack(">i", connection.receive_frame()[:4])[0] for _ in sent]
    assert got == sent
    assert_unhurt(broker, bystander)


def huge_counts():
    """Bodies whose arrays claim more than there is."""
    for count in (0x7FFFFFFF, 0x10000000, -2, -0x80000000):
        claim = struct.pack(">i", count)
        yield "Metadata v1", wire.METADATA, 1, claim, False
        yield "Produce v3 topics", wire.PRODUCE, 3, struct.pack(">hhi", -1, -1, 100) + claim, False
        rows = struct.pack(">hhii", -1, -1, 100, 1) + wire.string("bystander") + claim
        yield "Produce v3 partitions", wire.PRODUCE, 3, rows, False
        records = rows[:-4] + struct.pack(">iii", 1, 0, count)
        yield "Produce v3 records", wire.PRODUCE, 3, records, False
        yield "Fetch v4", wire.FETCH, 4, struct.pack(">iiiib", -1, 0, 0, 1, 0) + claim, False
        yield "ListOffsets v1", wire.LIST_OFFSETS, 1, struct.pack(">i", -1) + claim, False
        yield "CreateTopics v2", 19, 2, claim, False
        yield "DeleteTopics v1", 20, 1, claim, False
    for claim in (b"\xff\xff\xff\xff\x0f", b"\xff" * 10, b"\xff\xff\xff\xff\x7f"):
        yield "Metadata v9", wire.METADATA, 9, claim, True
        yield "Fetch v12", wire.FETCH, 12, struct.pack(">iiiibii", -1, 0, 0, 1, 0, 0, 0) + claim, True
        yield "Produce v9", wire.PRODUCE, 9, b"\0" + struct.pack(">hi", -1, 100) + claim, True
        yield "Metadata v9 tags", wire.METADATA, 9, b"\1" + b"\0\0\0" + claim, True


@pytest.mark.parametrize(
    ("api_key", "version", "body", "flexible"),
    [pytest.param(*row[1:], id=f"{row[0]} {i}") for i, row in enumerate(huge_counts())],
)
def test_huge_counts(broker, bystander, connection, api_key, version, body, flexible):
    """Refused by closing, or by an error answer; never believed."""
    records_null = api_key == wire.PRODUCE and body.endswith((b"\xff\xfe", b"\x80\0\0\0"))
    if broker.name == "kafka" and records_null and b"bystander" in body:
        pytest.skip("Apache Kafka never answers this one")
    connection.send_request(api_key, version, body, flexible=flexible)
    try:
        answer = connection.receive_frame()
        assert len(answer) < 10_000, "an answer as if the count were true"
    except wire.Closed:
        pass
    assert_unhurt(broker, bystander)


@pytest.mark.parametrize("name", ["", ".", "..", "../etc", "a/b", "a\0b", "ä", "x" * 250, "a b"])
def test_bad_topic_names(broker, bystander, connection, name):
    invalid_topic = 17
    row = wire.string(name) + struct.pack(">ih", 1, 1) + wire.array([]) + wire.array([])
    body = wire.array([row]) + struct.pack(">i?", 5000, False)
    answer = wire.Reader(connection.request(19, 2, body))
    answer.take("ii"), answer.string()
    assert answer.take("h") == invalid_topic
    assert_unhurt(broker, bystander)


def test_random_bytes(broker, bystander):
    """Seeded noise behind a plausible header, for every API the broker offers."""
    rng = random.Random(4)
    with wire.Connection(HOST, broker.port) as connection:
        offered = wire.api_versions(connection)
    for api_key, (low, high) in offered.items():
        for version in {low, high}:
            with wire.Connection(HOST, broker.port, timeout=5) as connection:
                connection.send_request(api_key, version, rng.randbytes(rng.randrange(1, 300)))
                try:
                    connection.receive_frame()
                except (wire.Closed, TimeoutError):
                    pass
    assert_unhurt(broker, bystander)
