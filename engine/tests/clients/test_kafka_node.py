"""kafka-node 5.0.0 of 2019: message sets of magic 0 and 1, and requests Kafka 4 has dropped.

Apache Kafka 4 cannot serve it, so these run against Ringlog only.
"""

from dataclasses import replace

import pytest
from harness.confluent import ConfluentKafka, create_topic
from harness.paths import CLIENTS
from harness.program import ProgramClient
from harness.records import assert_same, assert_unchanged, make_records, write_file

CODECS = ["none", "gzip", "snappy"]
PARTITIONS = 3
# The client makes one message set of 500 records per partition; together they stay below the
# largest message.
VALUE_BYTES_MAX = 3000

pytestmark = [pytest.mark.ringlog_only, pytest.mark.client("kafka-node 5.0.0")]


class KafkaNode(ProgramClient):
    name = "kafka-node"
    sets_timestamps = False

    def command(self):
        return ["node", CLIENTS / "node" / "kafka_node.js", self.address]

    def fit(self, record):
        """No headers, and its empty key is no key."""
        return replace(record, headers=(), key=record.key or None)


@pytest.fixture
def client(broker):
    made = KafkaNode(broker.address)
    yield made
    made.close()


def records_for(client, topic, count=3000, partitions=PARTITIONS):
    made = make_records(topic, count, partitions)
    return [client.fit(r) for r in made if len(r.value or b"") <= VALUE_BYTES_MAX]


@pytest.mark.parametrize("codec", CODECS)
def test_produce_consume_restart(broker, client, codec):
    topic = f"kafka-node-{codec}"
    client.create_topic(topic, PARTITIONS)
    assert topic in client.topics()
    sent = records_for(client, topic)
    client.produce(topic, codec, sent)
    read = client.consume(topic, PARTITIONS)
    assert_same(sent, read, timestamps=False)
    # A modern client reads the same, as batches of magic 2.
    modern = ConfluentKafka(broker.address)
    assert_same(sent, modern.consume(topic, PARTITIONS), timestamps=False)
    broker.restart()
    assert_unchanged(read, client.consume(topic, PARTITIONS), "after the restart")


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_reads_what_modern_clients_wrote(broker, client, codec):
    """Also in codecs that kafka-node does not know: the broker unpacks them for it."""
    topic = f"kafka-node-reads-{codec}"
    create_topic(broker.address, topic, PARTITIONS)
    sent = records_for(client, topic)
    ConfluentKafka(broker.address).produce(topic, codec, sent, batch_size=100_000)
    assert_same(sent, client.consume(topic, PARTITIONS), timestamps=False)


@pytest.mark.parametrize("codec", CODECS)
def test_high_level_producer(broker, client, codec):
    topic = f"kafka-node-high-{codec}"
    create_topic(broker.address, topic, PARTITIONS)
    sent = records_for(client, topic, count=600)
    write_file(client.record_path, sent)
    client.program.ask("produce-high-level", topic, codec, client.record_path)
    read = client.consume(topic, PARTITIONS)
    assert sorted(r.value or b"" for r in read) == sorted(r.value or b"" for r in sent)


def test_offsets(broker, client):
    topic = "kafka-node-offsets"
    create_topic(broker.address, topic, PARTITIONS)
    sent = records_for(client, topic, count=300)
    client.produce(topic, "none", sent)
    read = client.consume(topic, PARTITIONS)
    ends = [sum(r.partition == p for r in sent) for p in range(PARTITIONS)]
    ask = client.program.ask
    assert list(map(int, ask("offsets-at", topic, PARTITIONS, -1))) == ends
    assert list(map(int, ask("offsets-at", topic, PARTITIONS, -2))) == [0] * PARTITIONS
    assert len(read) == sum(ends)
    ask("commit", "kafka-node-offsets", topic, 1, 17)
    assert ask("committed", "kafka-node-offsets", topic, 1) == ["17"]
    assert ask("committed", "kafka-node-offsets", topic, 2) == ["-1"]


def test_group_of_three_loses_one(broker, client):
    topic, count = "kafka-node-group", 3000
    create_topic(broker.address, topic, 6)
    sent = records_for(client, topic, count, partitions=6)
    client.produce(topic, "gzip", sent)
    different, *got = map(int, client.program.ask("group", "kafka-node-group", topic, len(sent)))
    assert different == len(sent), "some messages reached no member"
    assert got[0] > 0 and got[1] > 0, got
    assert "kafka-node-group" in client.program.ask("groups")
    (state,) = client.program.ask("describe-group", "kafka-node-group")
    assert state in ("Empty", "Stable", "PreparingRebalance")
