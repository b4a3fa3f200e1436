"""confluent-kafka (librdkafka) makes the journey."""

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from harness.confluent import ask_admin, consumer, create_topic, read_to_end, settings
from harness.journey import Client, run_journey
from harness.records import CODECS, Record

# librdkafka refuses larger messages than this before it asks the broker.
MESSAGE_BYTES_MAX = 1_048_000


class ConfluentKafka(Client):
    name = "confluent-kafka"

    def create_topic(self, topic, partitions):
        create_topic(self.address, topic, partitions)

    def produce(self, topic, codec, records):
        producer = Producer(
            settings(
                self.address,
                compression_type=codec,
                enable_idempotence=True,
                message_max_bytes=MESSAGE_BYTES_MAX,
                queue_buffering_max_messages=len(records) + 1,
                linger_ms=20,
            )
        )
        failed = []

        def delivered(error, message):
            if error is not None:
                failed.append((error, message.partition()))

        for r in records:
            producer.produce(
                topic,
                key=r.key,
                value=r.value,
                headers=list(r.headers),
                partition=r.partition,
                timestamp=r.timestamp,
                on_delivery=delivered,
            )
            producer.poll(0)
        assert producer.flush(120) == 0, "records without an answer"
        assert not failed, failed[:3]

    def consume(self, topic, partitions):
        return [
            Record(
                m.partition(),
                m.timestamp()[1],
                m.key(),
                m.value(),
                tuple(m.headers() or ()),
                m.offset(),
            )
            for m in read_to_end(self.address, topic, partitions)
        ]

    def offsets_for_time(self, topic, partitions, timestamp):
        reader = consumer(self.address)
        try:
            asked = [TopicPartition(topic, p, timestamp) for p in range(partitions)]
            found = reader.offsets_for_times(asked, timeout=30)
            return {f.partition: f.offset for f in found}
        finally:
            reader.close()

    def delete_records(self, topic, before):
        asked = [TopicPartition(topic, p, offset) for p, offset in before.items()]
        ask_admin(self.address, lambda admin: admin.delete_records(asked))

    def delete_topic(self, topic):
        ask_admin(self.address, lambda admin: admin.delete_topics([topic]))

    def topics(self):
        return set(AdminClient(settings(self.address)).list_topics(timeout=30).topics)


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(ConfluentKafka(broker.address), broker, codec)
