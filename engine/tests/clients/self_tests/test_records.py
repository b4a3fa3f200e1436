"""The records and their comparison: a harness that cannot fail proves nothing."""

from dataclasses import replace

import pytest
from harness.records import (
    RECORDS,
    VALUE_BYTES_MAX,
    assert_same,
    assert_unchanged,
    expected_by_time,
    make_records,
    read_file,
    write_file,
)


def stored(records):
    """As a perfect broker would give them back."""
    ends = {}
    for record in records:
        offset = ends.get(record.partition, 0)
        ends[record.partition] = offset + 1
        yield record.at(offset)


@pytest.fixture(scope="module")
def sent():
    return make_records("seed", count=2600)


def test_records_cover_what_the_journey_promises(sent):
    assert len(make_records("seed")) == RECORDS == 10_000
    assert {r.partition for r in sent} == {0, 1, 2}
    assert any(r.key is None for r in sent) and any(r.key == b"" for r in sent)
    assert any(r.value is None for r in sent) and any(r.value == b"" for r in sent)
    assert max(len(r.value or b"") for r in sent) == VALUE_BYTES_MAX
    assert any(value is None for r in sent for _, value in r.headers)
    assert any(b.timestamp < a.timestamp for a, b in zip(sent, sent[1:]))


def test_files_keep_records(sent, tmp_path):
    read = list(stored(sent))
    write_file(tmp_path / "records", read)
    assert read_file(tmp_path / "records") == read


def test_a_faithful_read_passes(sent):
    read = list(stored(sent))
    assert_same(sent, read)
    assert_unchanged(read, read, "now")


@pytest.mark.parametrize(
    "damage",
    [
        lambda read: read[:-1],
        lambda read: read + read[-1:],
        lambda read: [read[3], *read[1:3], read[0], *read[4:]],
        lambda read: [replace(read[0], value=b"x"), *read[1:]],
        lambda read: [replace(read[0], key=b""), *read[1:]],
        lambda read: [replace(read[1], headers=()), *read[2:]],
        lambda read: [r.at(r.offset + 1) for r in read],
        lambda read: [replace(read[0], timestamp=read[0].timestamp + 1), *read[1:]],
        lambda read: [r for r in read if r.partition],
    ],
    ids="lost repeated swapped value key headers shifted time partition".split(),
)
def test_an_unfaithful_read_fails(sent, damage):
    read = list(stored(sent))
    with pytest.raises(AssertionError):
        assert_same(sent, damage(read))
    with pytest.raises(AssertionError):
        assert_unchanged(read, damage(read), "now")


def test_time_lookup_is_exact_also_where_time_steps_back(sent):
    read = [r for r in stored(sent) if r.partition == 0]
    late = read[100].timestamp
    first = next(r for r in read if r.timestamp >= late)
    assert expected_by_time(read, late) == {0: first.offset}
    assert expected_by_time(read, max(r.timestamp for r in read) + 1) == {0: -1}
