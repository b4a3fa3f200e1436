"""The data folder is missing, read-only, of a newer format, in use, or damaged in its indexes."""

import os
import re
import subprocess
import time

import pytest
from harness.broker import BrokerFailed
from harness.confluent import ConfluentKafka, create_topic, read_to_end
from harness.filled import fill_segments
from harness.journey import times_to_ask
from harness.records import assert_same, expected_by_time, make_records
from harness.segments import indexes, partition_folder

EXIT_SECONDS_MAX = 10
META_PROPERTIES = "meta.properties"


def refusal(broker):
    """Start a broker that must refuse its folder; what it said."""
    broker.stderr_path.unlink(missing_ok=True)
    began = time.monotonic()
    with pytest.raises(BrokerFailed, match="exit code [1-9]"):
        broker.start()
    assert time.monotonic() - began < EXIT_SECONDS_MAX
    said = broker.tail()
    assert "panicked" not in said and "RUST_BACKTRACE" not in said, said
    return said


def some_records(broker, topic="kept"):
    sent = make_records(topic, 200, partitions=1)
    create_topic(broker.address, topic, 1)
    ConfluentKafka(broker.address).produce(topic, "none", sent)
    return sent


def assert_kept(broker, sent, topic="kept"):
    assert_same(sent, ConfluentKafka(broker.address).consume(topic, 1))


def test_missing_folder_is_made(make_broker):
    broker = make_broker(shards=2)
    assert not broker.data_dir.exists()
    broker.start()
    sent = some_records(broker)
    broker.restart()
    assert_kept(broker, sent)


@pytest.mark.ringlog_only
def test_missing_parent_is_named(make_broker):
    """A mistyped path is not made into a second, empty data folder."""
    broker = make_broker()
    broker.data_dir = broker.folder / "not" / "there"
    assert str(broker.data_dir) in refusal(broker)
    assert not broker.data_dir.parent.exists()


@pytest.mark.ringlog_only
def test_read_only_folder(make_broker):
    broker = make_broker()
    broker.data_dir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(broker.data_dir)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        said = refusal(broker)
    finally:
        subprocess.run(["umount", str(broker.data_dir)], check=True)
    assert str(broker.data_dir) in said and re.search("read-only", said, re.I), said


def test_newer_format(make_broker):
    broker = make_broker().start()
    sent = some_records(broker)
    broker.stop()
    (path,) = broker.data_dir.rglob(META_PROPERTIES)
    text = path.read_text()
    path.write_text(re.sub(r"^version=\d+", "version=99", text, flags=re.M))
    assert "version=99" in path.read_text()
    said = refusal(broker)
    assert broker.name == "kafka" or re.search("version", said, re.I), said

    path.write_text(text)
    broker.start()
    assert_kept(broker, sent)


def test_folder_in_use(make_broker):
    first = make_broker(shards=1).start()
    sent = some_records(first)
    second = make_broker(shards=1)
    second.data_dir = first.data_dir
    said = refusal(second)
    if second.name != "kafka":
        assert str(first.data_dir) in said and re.search("in use|lock", said, re.I), said
    assert_kept(first, sent)


@pytest.mark.ringlog_only
def test_what_is_not_ours_is_left_alone(make_broker):
    broker = make_broker().start()
    sent = some_records(broker)
    broker.stop()
    stray = broker.data_dir / "notes.txt"
    stray.write_text("mine")
    folder = partition_folder(broker, "kept", 0)
    inside = folder / "00000000000000000007.log.bak"
    inside.write_text("mine too")
    broker.start()
    assert_kept(broker, sent)
    broker.stop()
    assert stray.read_text() == "mine" and inside.read_text() == "mine too"


@pytest.mark.ringlog_only
def test_sigterm_ends_cleanly_and_soon(make_broker):
    broker = make_broker(shards=2).start()
    sent = some_records(broker)
    began = time.monotonic()
    assert broker.stop() == 0
    assert time.monotonic() - began < 5
    broker.start()
    assert_kept(broker, sent)


@pytest.mark.ringlog_only
def test_several_run_side_by_side_on_picked_ports(make_broker):
    """--port 0 picks a port and says which."""
    brokers = [make_broker(shards=2) for _ in range(2)]
    for broker in brokers:
        broker.port = 0
        broker.start()
        (broker.port, *_) = map(int, re.findall(r"127\.0\.0\.1:(\d+)", broker.ready_line()))
    assert len({broker.port for broker in brokers}) == 2
    for broker in brokers:
        assert_kept(broker, some_records(broker))


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def halve(path):
    os.truncate(path, path.stat().st_size // 2 + 1)


def fill_with_noise(path):
    path.write_bytes(os.urandom(max(64, path.stat().st_size)))


@pytest.mark.parametrize("harm", [remove, empty, halve, fill_with_noise], ids=lambda f: f.__name__)
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_indexes_are_rebuilt(make_broker, harm, end):
    """Indexes are derived data: whatever happened to them, the log is read as before."""
    broker = make_broker(shards=1).start()
    if broker.name == "kafka" and harm is not remove and (end == "stop" or harm is fill_with_noise):
        pytest.skip("Apache Kafka 4.3 believes damaged indexes and finds wrong offsets by time")
    sent = fill_segments(broker, "indexed", "lz4")
    getattr(broker, end)()
    for path in indexes(partition_folder(broker, "indexed", 0)):
        harm(path)
    broker.start()
    client = ConfluentKafka(broker.address)
    read = client.consume("indexed", 1)
    assert_same(sent, read)
    for timestamp in times_to_ask(read):
        found = client.offsets_for_time("indexed", 1, timestamp)
        assert found == expected_by_time(read, timestamp), f"at {timestamp}"
    for start in (len(read) // 2, len(read) - 1):
        first = next(read_to_end(broker.address, "indexed", 1, {0: start}))
        assert first.offset() == start
