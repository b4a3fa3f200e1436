"""kafka-python (pure Python, Kafka 4.3 schemas) makes the journey."""

from dataclasses import replace

import pytest
from harness.journey import Client, run_journey, with_key_or_value
from harness.records import CODECS, Record
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

REQUEST_BYTES_MAX = 1_048_000
TIMEOUT_SECONDS = 60

pytestmark = pytest.mark.client("kafka-python 3.0.12")


class KafkaPython(Client):
    name = "kafka-python"

    def fit(self, record):
        """It refuses to send null header values."""
        headers = tuple((name, value or b"") for name, value in record.headers)
        return replace(with_key_or_value(record), headers=headers)

    def _admin(self):
        return KafkaAdminClient(bootstrap_servers=self.address)

    def _ask_admin(self, ask):
        admin = self._admin()
        try:
            return ask(admin)
        finally:
            admin.close()

    def create_topic(self, topic, partitions):
        self._ask_admin(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))

    def produce(self, topic, codec, records):
        producer = KafkaProducer(
            bootstrap_servers=self.address,
            compression_type=None if codec == "none" else codec,
            max_request_size=REQUEST_BYTES_MAX,
            acks="all",
            linger_ms=20,
        )
        try:
            sent = [
                producer.send(
                    topic,
                    key=r.key,
                    value=r.value,
                    headers=list(r.headers),
                    partition=r.partition,
                    timestamp_ms=r.timestamp,
                )
                for r in records
            ]
            producer.flush(TIMEOUT_SECONDS)
            for future in sent:
                future.get(timeout=1)
        finally:
            producer.close()

    def _consumer(self):
        return KafkaConsumer(
            bootstrap_servers=self.address,
            enable_auto_commit=False,
            auto_offset_reset="none",
            check_crcs=True,
        )

    def consume(self, topic, partitions):
        consumer = self._consumer()
        try:
            return list(self._read_all(consumer, topic, partitions))
        finally:
            consumer.close()

    @staticmethod
    def _read_all(consumer, topic, partitions):
        asked = [TopicPartition(topic, p) for p in range(partitions)]
        start, ends = consumer.beginning_offsets(asked), consumer.end_offsets(asked)
        left = {tp for tp in asked if start[tp] < ends[tp]}
        consumer.assign(list(left))
        for tp in left:
            consumer.seek(tp, start[tp])
        while left:
            polled = consumer.poll(timeout_ms=30_000)
            assert polled, f"nothing for 30 s, still waiting for {left}"
            for tp, messages in polled.items():
                for m in messages:
                    headers = tuple(m.headers or ())
                    yield Record(m.partition, m.timestamp, m.key, m.value, headers, m.offset)
                if consumer.position(tp) >= ends[tp]:
                    left.discard(tp)

    def offsets_for_time(self, topic, partitions, timestamp):
        consumer = self._consumer()
        try:
            asked = {TopicPartition(topic, p): timestamp for p in range(partitions)}
            found = consumer.offsets_for_times(asked)
            return {tp.partition: -1 if at is None else at.offset for tp, at in found.items()}
        finally:
            consumer.close()

    def delete_records(self, topic, before):
        asked = {TopicPartition(topic, p): offset for p, offset in before.items()}
        self._ask_admin(lambda admin: admin.delete_records(asked))

    def delete_topic(self, topic):
        self._ask_admin(lambda admin: admin.delete_topics([topic]))

    def topics(self):
        return set(self._ask_admin(lambda admin: admin.list_topics()))


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(KafkaPython(broker.address), broker, codec)
