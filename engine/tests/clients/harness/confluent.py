"""librdkafka's settings for tests, and reading a topic to its end with it."""

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SILENCE_SECONDS_MAX = 30


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
