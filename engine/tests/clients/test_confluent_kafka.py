"""confluent-kafka (librdkafka) makes the journey."""

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from harness.journey import Client, run_journey
from harness.records import CODECS, Record

# librdkafka refuses larger messages than this before it asks the broker.
MESSAGE_BYTES_MAX = 1_048_000


class ConfluentKafka(Client):
    name = "confluent-kafka"

    def _ask_admin(self, ask):
        """Ask a fresh admin client: librdkafka's DeleteRecords answers "No leaders found"
        from what it cached before the broker was restarted."""
        admin = AdminClient(self.settings())
        for future in ask(admin).values():
            future.result(timeout=60)

    def settings(self, **more):
        quick = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500, "log_level": 2}
        return {"bootstrap.servers": self.address, **quick, **more}

    def create_topic(self, topic, partitions):
        self._ask_admin(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))

    def produce(self, topic, codec, records):
        producer = Producer(
            self.settings(
                **{
                    "compression.type": codec,
                    "enable.idempotence": True,
                    "message.max.bytes": MESSAGE_BYTES_MAX,
                    "queue.buffering.max.messages": len(records) + 1,
                    "linger.ms": 20,
                }
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
        consumer = Consumer(
            self.settings(
                **{
                    "group.id": "unused",
                    "enable.auto.commit": False,
                    "enable.partition.eof": False,
                    "auto.offset.reset": "error",
                }
            )
        )
        try:
            return list(self._read_all(consumer, topic, partitions))
        finally:
            consumer.close()

    def _read_all(self, consumer, topic, partitions):
        ends = {}
        start = []
        for p in range(partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)
            if low < high:
                ends[p] = high
                start.append(TopicPartition(topic, p, low))
        consumer.assign(start)
        while ends:
            message = consumer.poll(30)
            assert message is not None, f"nothing for 30 s, still waiting for {ends}"
            if message.error():
                raise KafkaException(message.error())
            yield Record(
                message.partition(),
                message.timestamp()[1],
                message.key(),
                message.value(),
                tuple(message.headers() or ()),
                message.offset(),
            )
            if message.offset() + 1 >= ends.get(message.partition(), 0):
                ends.pop(message.partition(), None)

    def offsets_for_time(self, topic, partitions, timestamp):
        consumer = Consumer(self.settings(**{"group.id": "unused"}))
        try:
            asked = [TopicPartition(topic, p, timestamp) for p in range(partitions)]
            found = consumer.offsets_for_times(asked, timeout=30)
            return {f.partition: f.offset for f in found}
        finally:
            consumer.close()

    def delete_records(self, topic, before):
        asked = [TopicPartition(topic, p, offset) for p, offset in before.items()]
        self._ask_admin(lambda admin: admin.delete_records(asked))

    def delete_topic(self, topic):
        self._ask_admin(lambda admin: admin.delete_topics([topic]))

    def topics(self):
        return set(AdminClient(self.settings()).list_topics(timeout=30).topics)


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(ConfluentKafka(broker.address), broker, codec)
