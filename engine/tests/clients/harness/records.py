"""The records every client produces and must read back, byte for byte.

Records travel between this process and client programs in other languages in files of:
| offset 8 | timestamp 8 | partition 4 | key | value | header count 4 | (name, value)... |
where key, value, name are | length 4 | bytes |, length -1 for null, big-endian throughout.
"""

import io
import random
import struct
import time
from dataclasses import dataclass, field, replace

PARTITIONS = 3
RECORDS = 10_000
# With headers, batch overhead and the growth of incompressible data under a codec this stays
# below the default max.message.bytes of 1,048,588.
VALUE_BYTES_MAX = 1_040_000
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True, slots=True)
class Record:
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = field(default=())
    offset: int = -1

    def at(self, offset):
        return replace(self, offset=offset)

    def short(self):
        """For messages: sizes instead of bytes."""
        size = lambda data: "null" if data is None else len(data)  # noqa: E731
        return (
            f"p{self.partition}@{self.offset} time {self.timestamp} key {size(self.key)} "
            f"value {size(self.value)} headers {[(n, size(v)) for n, v in self.headers]}"
        )


def make_records(seed, count=RECORDS, partitions=PARTITIONS):
    """Mixed sizes up to the limit; null and empty keys and values; headers, some null."""
    rng = random.Random(seed)
    # Recent, so that no retention touches them; a few steps back in time, which is legal.
    start_ms = int(time.time() * 1000) - 3_600_000
    return [_record(rng, i, partitions, start_ms + 20 * i) for i in range(count)]


def _record(rng, i, partitions, timestamp):
    return Record(
        partition=i % partitions,
        timestamp=timestamp - (5_000 if i % 97 == 0 else 0),
        key=_key(rng, i),
        value=_value(rng, i),
        headers=_headers(rng, i),
    )


def _key(rng, i):
    if i % 7 == 0:
        return None
    return b"" if i % 31 == 0 else f"key-{rng.randrange(500)}".encode()


def _value(rng, i):
    if i % 11 == 0:
        return None
    if i % 37 == 0:
        return b""
    if i % 2500 == 1250:
        return rng.randbytes(VALUE_BYTES_MAX)
    if i % 1000 == 500:
        return rng.randbytes(rng.randrange(100_000, 300_000))
    size = rng.choice((20, 200, 200, 1000, 5000))
    # Half compressible, half not.
    return b'{"n":%d}' % i * (size // 10 + 1) if i % 2 else rng.randbytes(rng.randrange(size))


def _headers(rng, i):
    kind = i % 5
    if kind == 0:
        return (("trace", rng.randbytes(16)), ("trace", b"twice"), ("empty", b""))
    if kind == 1:
        return (("null", None), ("näme", "wörth".encode()))
    return ()


def by_partition(records):
    parts = {}
    for record in records:
        parts.setdefault(record.partition, []).append(record)
    return parts


def assert_same(sent, read, *, first_offset=None, timestamps=True):
    """`read` is `sent`, in order, in each partition, from `first_offset[partition]` on."""
    expected, got = by_partition(sent), by_partition(read)
    assert expected.keys() == got.keys()
    for partition, wanted in expected.items():
        base = (first_offset or {}).get(partition, 0)
        found = got[partition]
        for i, (want, have) in enumerate(zip(wanted, found)):
            want = want.at(base + i)
            if not timestamps:
                want = replace(want, timestamp=have.timestamp)
            assert want == have, f"sent {want.short()}\nread {have.short()}"
        assert len(wanted) == len(found), f"partition {partition}: {len(wanted)} != {len(found)}"


def assert_unchanged(before, now, when):
    """Both reads hold the same records at the same offsets, in the same order per partition."""
    before, now = by_partition(before), by_partition(now)
    assert before.keys() == now.keys(), f"{when}: partitions {set(before)} became {set(now)}"
    for partition, wanted in before.items():
        for want, have in zip(wanted, now[partition]):
            assert want == have, f"{when}: {want.short()}\nbecame {have.short()}"
        got = len(now[partition])
        assert len(wanted) == got, f"{when}: partition {partition} from {len(wanted)} to {got}"


def expected_by_time(read, timestamp):
    """{partition: first offset whose timestamp is at or after `timestamp`, else -1}."""
    return {
        partition: next((r.offset for r in records if r.timestamp >= timestamp), -1)
        for partition, records in by_partition(read).items()
    }


def write_file(path, records):
    with open(path, "wb") as out:
        for r in records:
            out.write(struct.pack(">qqi", r.offset, r.timestamp, r.partition))
            out.write(_packed(r.key) + _packed(r.value) + struct.pack(">i", len(r.headers)))
            for name, value in r.headers:
                out.write(_packed(name.encode()) + _packed(value))


def _packed(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def read_file(path):
    records = []
    with open(path, "rb") as raw:
        source = io.BufferedReader(raw)
        while head := source.read(20):
            offset, timestamp, partition = struct.unpack(">qqi", head)
            key, value = _unpacked(source), _unpacked(source)
            (count,) = struct.unpack(">i", source.read(4))
            headers = tuple(
                (_unpacked(source).decode(), _unpacked(source)) for _ in range(count)
            )
            records.append(Record(partition, timestamp, key, value, headers, offset))
    return records


def _unpacked(source):
    (length,) = struct.unpack(">i", source.read(4))
    return None if length < 0 else source.read(length)
