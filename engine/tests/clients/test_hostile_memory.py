"""A broker in a 512 MiB memory cgroup outlives clients that try to make it allocate.
"""

import struct
import zlib

import lz4.frame
import pytest
import zstandard
from harness import wire
from harness.batches import batch, of_size, record
from harness.broker import HOST
from harness.bystander import Bystander
from harness.confluent import create_topic

LIMIT_BYTES = 512 << 20
# Half of the limit is the budget; the rest is for code, stacks and the kernel's socket buffers.
SETTINGS = {"memory.bytes": "256MiB"}
CONNECTIONS = 1000
LARGEST_BATCH_BYTES = 1_048_000

# With this limit and a 512 MiB heap Apache Kafka 4.3 is killed in the second and third test.
pytestmark = pytest.mark.ringlog_only



@pytest.fixture
def limited(memory_limit, make_broker):
    limit = memory_limit(LIMIT_BYTES)
    broker = make_broker(shards=2, cgroup=limit, settings=SETTINGS).start()
    yield broker
    assert broker.alive(), f"ended, peak {limit.peak_bytes()} bytes\n{broker.tail()}"
    print(f"peak memory of the broker's group: {limit.peak_bytes() >> 20} MiB")


@pytest.fixture
def crowd(limited):
    """Many connections at once; closed at the end of the test."""
    made = [wire.Connection(HOST, limited.port) for _ in range(CONNECTIONS)]
    yield made
    for connection in made:
        connection.close()


def try_to_send(connection, data):
    """Give the broker what it takes; it may close, or stop reading, whenever it likes."""
    connection.socket.settimeout(0.005)
    try:
        connection.send(data)
    except (wire.Closed, TimeoutError):
        pass


def test_each_announces_two_gib(limited, crowd):
    with Bystander(limited):
        for connection in crowd:
            try_to_send(connection, struct.pack(">i", 0x7FFFFFFF) + b"\0" * 1000)


def test_each_sends_half_of_the_largest_frame(limited, crowd):
    """Frames of a legal size, all of them half-way: 500 MiB in all, were they kept."""
    with Bystander(limited):
        announce = struct.pack(">i", LARGEST_BATCH_BYTES)
        for connection in crowd:
            try_to_send(connection, announce + wire.header(0, 7, 1) + b"\0" * (512 << 10))


def test_each_produces_the_largest_batch_and_reads_no_answer(limited, crowd):
    create_topic(limited.address, "crowd", 1)
    body = wire.produce_body("crowd", 0, of_size(LARGEST_BATCH_BYTES))
    frame = wire.header(wire.PRODUCE, 7, 1) + body
    frame = struct.pack(">i", len(frame)) + frame
    with Bystander(limited):
        for connection in crowd:
            try_to_send(connection, frame)


def test_each_asks_for_everything_and_reads_nothing(limited, crowd):
    """Fetches of 100 MiB whose answers nobody takes."""
    create_topic(limited.address, "full", 1)
    with wire.connect_to_leader(HOST, limited.port, "full") as connection:
        for _ in range(50):
            assert wire.produce(connection, "full", 0, of_size(LARGEST_BATCH_BYTES))[0] == 0
    body = wire.fetch_body("full", 0, 0, max_bytes=100 << 20)
    request = wire.header(wire.FETCH, 4, 1) + body
    frame = struct.pack(">i", len(request)) + request
    with Bystander(limited):
        for connection in crowd:
            try_to_send(connection, frame * 8)


@pytest.mark.parametrize("codec", ["gzip", "zstd", "lz4"])
def test_decompression_bombs(limited, codec):
    """Batches of a few hundred KiB that would unpack to hundreds of MiB."""
    bomb = BOMBS[codec]()
    create_topic(limited.address, "bombs", 1)
    with Bystander(limited), wire.connect_to_leader(HOST, limited.port, "bombs") as connection:
        for _ in range(20):
            wire.produce(connection, "bombs", 0, bomb)
            # A look-up by time is where a broker may have to unpack.
            wire.list_offset(connection, "bombs", 0, 1)


def bomb(codec_number, compress):
    inside = record(0, b"\0" * (300 << 20))
    return batch(attributes=codec_number, records=compress(inside))


def gzip_bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return bomb(1, lambda data: packer.compress(data) + packer.flush())


def lz4_bomb():
    return bomb(3, lz4.frame.compress)


def zstd_bomb():
    return bomb(4, zstandard.ZstdCompressor(level=19).compress)


BOMBS = {"gzip": gzip_bomb, "lz4": lz4_bomb, "zstd": zstd_bomb}
