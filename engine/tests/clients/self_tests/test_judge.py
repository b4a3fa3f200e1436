"""The judge finds each kind of harm in a doctored history, and nothing in a true one."""

import pytest
from harness.judge import History, identity_of, judge, value_of

PARTITIONS = 2
SENT = 40
IDEMPOTENT, PLAIN = 1, 2


def told():
    """Two producers take turns on two partitions; everything is acknowledged and stored."""
    history = History(attempted={IDEMPOTENT: SENT, PLAIN: SENT}, idempotent={IDEMPOTENT})
    read = {p: [] for p in range(PARTITIONS)}
    for sequence in range(SENT):
        for producer in (IDEMPOTENT, PLAIN):
            partition = sequence % PARTITIONS
            offset = len(read[partition])
            read[partition].append((offset, value_of(producer, sequence)))
            history.acked[producer, sequence] = (partition, offset)
            history.seen[partition, offset] = (producer, sequence)
    return history, read


def test_identity():
    value = value_of(3, 77)
    assert identity_of(value) == (3, 77)
    assert identity_of(value[:-1] + bytes([value[-1] ^ 1])) is None
    assert identity_of(b"") is None and identity_of(None) is None


def test_a_true_history_has_nothing_wrong():
    history, read = told()
    assert judge(history, read).wrong() == {}


def renumber(rows, first=0):
    return [(first + i, value) for i, (_, value) in enumerate(rows)]


def lose_the_last(history, read):
    read[0].pop()


def lose_in_the_middle(history, read):
    read[0] = renumber(read[0][:5] + read[0][6:])


def lose_a_whole_partition(history, read):
    read[1] = []


def leave_a_hole(history, read):
    del read[0][5]


def store_twice(history, read):
    read[0].append((len(read[0]), read[0][6][1]))


def swap(history, read):
    (a, first), (b, second) = read[0][6], read[0][8]
    read[0][6], read[0][8] = (a, second), (b, first)


def serve_backwards(history, read):
    read[0][3], read[0][4] = read[0][4], read[0][3]


def flip_a_bit(history, read):
    offset, value = read[0][4]
    read[0][4] = (offset, value[:-1] + bytes([value[-1] ^ 1]))


def store_what_nobody_sent(history, read):
    read[0].append((len(read[0]), value_of(IDEMPOTENT, SENT + 5)))


def take_back_what_was_seen(history, read):
    # Never acknowledged, but a consumer had it already.
    identity = identity_of(read[0][-1][1])
    del history.acked[identity]
    read[0].pop()


def put_another_at_a_seen_offset(history, read):
    for producer in (IDEMPOTENT, PLAIN):
        history.attempted[producer] += 1
    offset, value = read[0][-1]
    del history.acked[identity_of(value)]
    read[0][-1] = (offset, value_of(PLAIN, SENT))


@pytest.mark.parametrize(
    ("harm", "kinds"),
    [
        (lose_the_last, {"lost", "changed"}),
        (lose_in_the_middle, {"lost", "moved", "changed"}),
        (lose_a_whole_partition, {"lost", "changed"}),
        (leave_a_hole, {"lost", "holes", "changed"}),
        (store_twice, {"duplicated"}),
        (swap, {"moved", "reordered", "changed"}),
        (serve_backwards, {"reordered", "holes"}),
        (flip_a_bit, {"lost", "corrupt", "changed"}),
        (store_what_nobody_sent, {"invented"}),
        (take_back_what_was_seen, {"changed"}),
        (put_another_at_a_seen_offset, {"changed"}),
    ],
    ids=lambda x: x.__name__ if callable(x) else "",
)
def test_each_harm_is_found(harm, kinds):
    history, read = told()
    harm(history, read)
    assert judge(history, read).wrong().keys() == kinds


def test_a_producer_without_idempotence_may_repeat_itself():
    history, read = told()
    plain = next(v for _, v in read[0] if identity_of(v)[0] == PLAIN)
    read[0].append((len(read[0]), plain))
    verdict = judge(history, read)
    assert verdict.wrong() == {} and verdict.repeats_allowed == 1


def test_what_was_never_acknowledged_may_be_missing():
    history, read = told()
    history.seen.clear()
    for offset, value in read[0][-4:]:
        del history.acked[identity_of(value)]
    del read[0][-4:]
    assert judge(history, read).wrong() == {}
