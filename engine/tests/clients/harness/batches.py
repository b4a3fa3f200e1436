"""Record batches v2, right or wrong in exactly one named field.

| base_offset 8 | length 4 | leader_epoch 4 | magic 1 | crc 4 |
| attributes 2 | last_offset_delta 4 | first_timestamp 8 | max_timestamp 8 |
| producer_id 8 | producer_epoch 2 | base_sequence 4 | count 4 | records |

The CRC-32C covers attributes to the end; length counts what follows it.
"""

import struct
import time

from crc32c import crc32c

_TAIL = struct.Struct(">hiqqqhii")
HEADER_BYTES = 12 + 9 + _TAIL.size


def varint(number):
    """Zigzag, seven bits a byte."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def record(offset_delta, value, *, timestamp_delta=0, key=None, length=None, header_count=0):
    body = b"\0" + varint(timestamp_delta) + varint(offset_delta)
    body += varint(-1) if key is None else varint(len(key)) + key
    body += varint(-1) if value is None else varint(len(value)) + value
    body += varint(header_count)
    return varint(len(body) if length is None else length) + body


def batch(values=(b"value",), **wrong):
    """One batch. Name a field to set it; the CRC is right for what was set unless named."""
    now = int(time.time() * 1000)
    records = wrong.pop("records", None)
    if records is None:
        records = b"".join(record(i, value) for i, value in enumerate(values))
    tail = _TAIL.pack(
        wrong.pop("attributes", 0),
        wrong.pop("last_offset_delta", len(values) - 1),
        wrong.pop("first_timestamp", now),
        wrong.pop("max_timestamp", now),
        wrong.pop("producer_id", -1),
        wrong.pop("producer_epoch", -1),
        wrong.pop("base_sequence", -1),
        wrong.pop("count", len(values)),
    )
    tail += records
    middle = struct.pack(
        ">ibI",
        wrong.pop("leader_epoch", -1),
        wrong.pop("magic", 2),
        wrong.pop("crc", crc32c(tail)),
    )
    length = wrong.pop("length", len(middle) + len(tail))
    head = struct.pack(">qi", wrong.pop("base_offset", 0), length)
    assert not wrong, f"unknown fields {wrong}"
    return head + middle + tail


def of_size(total_bytes):
    """A batch of one record that takes exactly so many bytes."""
    filling = total_bytes - len(batch((b"",)))
    while len(made := batch((b"x" * filling,))) > total_bytes:
        filling -= len(made) - total_bytes
    assert len(made) == total_bytes, "no filling gives this size"
    return made


def walk(data):
    """Yield (base offset, record count, batch bytes) of the whole batches in `data`."""
    position = 0
    while position + HEADER_BYTES <= len(data):
        base_offset, length = struct.unpack_from(">qi", data, position)
        end = position + 12 + length
        if end > len(data):
            return
        (count,) = struct.unpack_from(">i", data, position + HEADER_BYTES - 4)
        yield base_offset, count, data[position:end]
        position = end
