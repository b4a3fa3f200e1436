"""The journey each client makes: one scenario, told once, for every client and codec."""

import time
from abc import ABC, abstractmethod
from dataclasses import replace

from harness.records import (
    PARTITIONS,
    RECORDS,
    assert_same,
    assert_unchanged,
    by_partition,
    expected_by_time,
    make_records,
)

GONE_SECONDS_MAX = 15


class Client(ABC):
    """What a client can do, in the words of the journey. `address` is host:port."""

    name = "client"
    # False where the client cannot choose a record's timestamp.
    sets_timestamps = True

    def __init__(self, address):
        self.address = address

    def fit(self, record):
        """What this client can express of the record."""
        return record

    @abstractmethod
    def create_topic(self, topic, partitions): ...

    @abstractmethod
    def produce(self, topic, codec, records): ...

    @abstractmethod
    def consume(self, topic, partitions):
        """Every record from the log start to the end, with its offset."""

    @abstractmethod
    def offsets_for_time(self, topic, partitions, timestamp):
        """{partition: offset}, -1 where no record is that late."""

    @abstractmethod
    def delete_records(self, topic, before):
        """Move the log start of each partition in `before` to the given offset."""

    @abstractmethod
    def delete_topic(self, topic): ...

    @abstractmethod
    def topics(self):
        """Names of all topics."""

    def close(self):  # noqa: B027
        """Let go of what the client holds."""


def run_journey(client, broker, codec):
    """The whole journey, on a topic of its own; `client` is closed at its end."""
    try:
        _journey(client, broker, codec, RECORDS, PARTITIONS)
    finally:
        client.close()


def _journey(client, broker, codec, count, partitions):
    topic = f"journey-{client.name}-{codec}"
    sent = [client.fit(record) for record in make_records(topic, count, partitions)]

    client.create_topic(topic, partitions)
    assert topic in client.topics()
    client.produce(topic, codec, sent)
    read = client.consume(topic, partitions)
    assert_same(sent, read, timestamps=client.sets_timestamps)

    broker.restart()
    assert_unchanged(read, client.consume(topic, partitions), "after the restart")

    for timestamp in times_to_ask(read):
        found = client.offsets_for_time(topic, partitions, timestamp)
        assert found == expected_by_time(read, timestamp), f"at {timestamp}"

    check_delete_records(client, topic, partitions, read)
    client.delete_topic(topic)
    wait_gone(client, topic)


def with_key_or_value(record):
    """For clients that refuse to send a record with neither."""
    both_null = record.key is None and record.value is None
    return replace(record, key=b"no value") if both_null else record


def times_to_ask(read):
    """Before all, exactly on, just after, inside batches, in disorder, after all."""
    stamps = [record.timestamp for record in read]
    middle = stamps[len(stamps) // 2]
    spread = stamps[:: max(1, len(stamps) // 10)]
    return [0, min(stamps), middle, middle + 1, *spread, max(stamps), max(stamps) + 1]


def check_delete_records(client, topic, partitions, read):
    cut = {p: len(records) // 3 for p, records in by_partition(read).items()}
    client.delete_records(topic, cut)
    left = [record for record in read if record.offset >= cut[record.partition]]
    assert_unchanged(left, client.consume(topic, partitions), "after DeleteRecords")


def wait_gone(client, topic):
    deadline = time.monotonic() + GONE_SECONDS_MAX
    while topic in client.topics():
        assert time.monotonic() < deadline, f"{topic} still listed after its deletion"
        time.sleep(0.1)
