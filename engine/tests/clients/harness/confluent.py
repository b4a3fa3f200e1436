"""confluent-kafka (librdkafka): settings for tests, reading to the end, and the journey's verbs."""

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.journey import Client
from harness.records import Record

SILENCE_SECONDS_MAX = 30
# librdkafka refuses larger messages than this before it asks the broker.
MESSAGE_BYTES_MAX = 1_048_000



def settings(address, **more):
    """Clients come back quickly to a broker that was restarted, and keep quiet about it."""
    return {
        "bootstrap.servers": address,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
        "log_level": 2,
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def ask_admin(address, ask):
    """Wait for every answer to what `ask(admin)` started, on a fresh admin client:
    librdkafka's DeleteRecords answers "No leaders found" from what it cached before a
    restart, and a client that is let go takes its unanswered calls with it."""
    admin = AdminClient(settings(address))
    for future in ask(admin).values():
        future.result(timeout=60)


def create_topic(address, topic, partitions, config=None):
    asked = [NewTopic(topic, partitions, 1, config=config or {})]
    ask_admin(address, lambda admin: admin.create_topics(asked))


def consumer(address):
    """One that reads assigned partitions and never guesses where to go on."""
    made = settings(
        address, group_id="unused", enable_auto_commit=False, auto_offset_reset="error"
    )
    return Consumer(made)


def read_to_end(address, topic, partitions, starts=None):
    """Yield the messages from `starts` (the log start where missing) to the present end."""
    reader = consumer(address)
    try:
        ends, assigned = {}, []
        for p in range(partitions):
            low, high = reader.get_watermark_offsets(
                TopicPartition(topic, p), timeout=SILENCE_SECONDS_MAX
            )
            start = (starts or {}).get(p, low)
            if start < high:
                ends[p] = high
                assigned.append(TopicPartition(topic, p, start))
        reader.assign(assigned)
        while ends:
            message = reader.poll(SILENCE_SECONDS_MAX)
            assert message is not None, f"nothing for a long time, still waiting for {ends}"
            if message.error():
                raise KafkaException(message.error())
            yield message
            if message.offset() + 1 >= ends.get(message.partition(), 0):
                ends.pop(message.partition(), None)
    finally:
        reader.close()


def read(address, topic, partitions):
    """Everything from the log start to the end, as records."""
    return [
        Record(
            m.partition(),
            m.timestamp()[1],
            m.key(),
            m.value(),
            tuple(m.headers() or ()),
            m.offset(),
        )
        for m in read_to_end(address, topic, partitions)
    ]


class ConfluentKafka(Client):
    name = "confluent-kafka"

    def create_topic(self, topic, partitions):
        create_topic(self.address, topic, partitions)

    def produce(self, topic, codec, records, **more):
        """`more` are settings of the producer."""
        producer = Producer(
            settings(
                self.address,
                compression_type=codec,
                enable_idempotence=True,
                message_max_bytes=MESSAGE_BYTES_MAX,
                queue_buffering_max_messages=len(records) + 1,
                linger_ms=20,
                **more,
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
        return read(self.address, topic, partitions)

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
