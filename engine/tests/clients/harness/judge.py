"""Judges a history of acknowledged writes against what is read afterwards.

Pure: no sockets, no clock. A value carries its own identity, so it can be found again:
| producer 4 | sequence 8 | filling, a function of both |
"""

import random
import struct
from collections import Counter
from dataclasses import dataclass, field

_IDENTITY = struct.Struct(">IQ")
FILLING_BYTES_MAX = 2000


def value_of(producer, sequence):
    """The one value that this producer sends under this sequence."""
    rng = random.Random(producer << 40 | sequence)
    return _IDENTITY.pack(producer, sequence) + rng.randbytes(rng.randrange(FILLING_BYTES_MAX))


def identity_of(value):
    """(producer, sequence), or None when the bytes are not a value someone sends."""
    if value is None or len(value) < _IDENTITY.size:
        return None
    identity = _IDENTITY.unpack_from(value)
    return identity if value == value_of(*identity) else None


@dataclass
class History:
    """What the clients did and saw."""

    # {producer: how many sequences were handed to it, from 0 on}
    attempted: dict[int, int] = field(default_factory=dict)
    # {(producer, sequence): (partition, offset)} of answers without an error.
    acked: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    # Producers that promise each value once and in order.
    idempotent: set[int] = field(default_factory=set)
    # {(partition, offset): identity} seen by consumers while the broker was being killed.
    seen: dict[tuple[int, int], tuple[int, int] | None] = field(default_factory=dict)


@dataclass
class Verdict:
    """What is wrong, by kind; empty lists when nothing is."""

    lost: list = field(default_factory=list)
    moved: list = field(default_factory=list)
    corrupt: list = field(default_factory=list)
    invented: list = field(default_factory=list)
    duplicated: list = field(default_factory=list)
    reordered: list = field(default_factory=list)
    # Offsets that consumers saw before and that now hold something else, or nothing.
    changed: list = field(default_factory=list)
    # Offsets that nothing is stored at, between others.
    holes: list = field(default_factory=list)
    # Not wrong: a producer without idempotence may repeat itself after a lost answer.
    repeats_allowed: int = 0

    def wrong(self):
        """{kind: findings} of the kinds that have any."""
        return {kind: found for kind, found in vars(self).items() if found and kind != "repeats_allowed"}

    def __str__(self):
        rows = [f"{kind}: {len(f)}, first {f[:3]}" for kind, f in self.wrong().items()]
        return "\n".join(rows) or "nothing wrong"


def judge(history, read):
    """`read` is {partition: [(offset, value), ...]} as read from the log start to the end."""
    verdict = Verdict()
    stored = {}
    for partition, rows in read.items():
        _judge_offsets(partition, rows, verdict)
        identities = [(offset, identity_of(value)) for offset, value in rows]
        for offset, identity in identities:
            stored[partition, offset] = identity
            _judge_content(history, (partition, offset), identity, verdict)
        _judge_order(history, partition, [i for _, i in identities if i], verdict)
    _judge_acks(history, stored, verdict)
    _judge_repeats(history, stored, verdict)
    for place, identity in history.seen.items():
        if stored.get(place, "nothing") != identity:
            verdict.changed.append((place, identity, stored.get(place, "nothing")))
    return verdict


def _judge_offsets(partition, rows, verdict):
    for (before, _), (after, _) in zip(rows, rows[1:]):
        if after <= before:
            verdict.reordered.append((partition, before, after))
        elif after != before + 1:
            verdict.holes.append((partition, before, after))


def _judge_content(history, place, identity, verdict):
    if identity is None:
        verdict.corrupt.append(place)
    elif identity[1] >= history.attempted.get(identity[0], 0):
        verdict.invented.append((place, identity))


def _judge_order(history, partition, identities, verdict):
    """Each idempotent producer's values first appear in the order in which it sent them.

    Without idempotence librdkafka sends later records while a refused batch waits for its
    retry, even with one request in flight; seen on Apache Kafka too.
    """
    highest, known = {}, set()
    for identity in identities:
        producer, sequence = identity
        if producer not in history.idempotent:
            continue
        if sequence < highest.get(producer, -1) and identity not in known:
            verdict.reordered.append((partition, identity, highest[producer]))
        highest[producer] = max(sequence, highest.get(producer, -1))
        known.add(identity)


def _judge_acks(history, stored, verdict):
    places = {identity: place for place, identity in stored.items()}
    for identity, place in history.acked.items():
        if stored.get(place) == identity:
            continue
        if identity in places:
            verdict.moved.append((identity, place, places[identity]))
        else:
            verdict.lost.append((identity, place))


def _judge_repeats(history, stored, verdict):
    for identity, times in Counter(filter(None, stored.values())).items():
        if times == 1:
            continue
        if identity[0] in history.idempotent:
            verdict.duplicated.append((identity, times))
        else:
            verdict.repeats_allowed += times - 1
