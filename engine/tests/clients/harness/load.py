"""Producers and a consumer that keep going while the broker is killed under them.

Everything they do and see goes into one History. Their rate is bounded, so that a long run
on a fast broker does not outgrow the judge.
"""

import threading
import time
from dataclasses import dataclass

from confluent_kafka import KafkaError, Producer, TopicPartition

from harness.confluent import consumer, settings
from harness.judge import History, identity_of, value_of

BURST = 40
BURSTS_PER_SECOND_MAX = 25
IN_FLIGHT_MAX = 400
PROGRESS_SECONDS_MAX = 30


@dataclass(frozen=True)
class Style:
    """How one producer works."""

    idempotent: bool = True
    acks: str = "all"
    codec: str = "none"

    def settings(self):
        return {
            "enable_idempotence": self.idempotent,
            "acks": self.acks,
            "compression_type": self.codec,
            "message_timeout_ms": 120_000,
            "socket_timeout_ms": 10_000,
            "retry_backoff_ms": 20,
            "linger_ms": 1,
        }


STYLES = (
    Style(),
    Style(codec="lz4"),
    Style(idempotent=False, acks="1"),
    Style(idempotent=False, acks="all", codec="zstd"),
)


class Load:
    """Runs from `start` to `stop`; `history` may be judged when stopped."""

    def __init__(self, address, topic, partitions, styles=STYLES):
        self.address, self.topic, self.partitions = address, topic, partitions
        self.styles = styles
        idempotent = {i for i, style in enumerate(styles) if style.idempotent}
        self.history = History(attempted=dict.fromkeys(range(len(styles)), 0), idempotent=idempotent)
        self.acked_counts = [0] * len(styles)
        self.errors = []
        self._stopping = threading.Event()
        self._consumer_stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._produce, args=(i, style), name=f"producer-{i}")
            for i, style in enumerate(styles)
        ]
        self._consumer = threading.Thread(target=self._consume, name="consumer")

    def start(self):
        for thread in (*self._threads, self._consumer):
            thread.start()

    def stop(self):
        """Let every producer get its last answers, then stop the consumer."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._consumer_stopping.set()
        self._consumer.join()
        assert not self.errors, self.errors[:3]

    def in_flight(self):
        return sum(self.history.attempted.values()) - sum(self.acked_counts)

    def wait_for_in_flight(self):
        """Something was sent that has no answer yet. Returns how much."""
        deadline = time.monotonic() + PROGRESS_SECONDS_MAX
        while not (count := self.in_flight()):
            assert time.monotonic() < deadline, "nothing was ever in flight"
        return count

    def acked_so_far(self):
        """A copy: the acknowledgements that came before this call."""
        return self.history.acked.copy()

    def wait_for_progress(self):
        """Every producer gets an answer to something sent after this call."""
        goals = list(self.history.attempted.values())
        deadline = time.monotonic() + PROGRESS_SECONDS_MAX
        while any(count <= goal for count, goal in zip(self.acked_counts, goals)):
            stuck = dict(enumerate(zip(self.acked_counts, goals)))
            assert not self.errors, self.errors[:3]
            assert time.monotonic() < deadline, f"no progress (acked, wanted): {stuck}"
            time.sleep(0.01)

    def _produce(self, number, style):
        producer = Producer(settings(self.address, **style.settings()))
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                if self.history.attempted[number] - self.acked_counts[number] < IN_FLIGHT_MAX:
                    self._send_burst(producer, number)
                while (left := began + 1 / BURSTS_PER_SECOND_MAX - time.monotonic()) > 0:
                    producer.poll(left)
            if unanswered := producer.flush(60):
                self.errors.append(f"producer {number}: {unanswered} records without an answer")
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
            self.errors.append(f"producer {number}: {error!r}")

    def _send_burst(self, producer, number):
        for _ in range(BURST):
            sequence = self.history.attempted[number]
            self.history.attempted[number] = sequence + 1
            producer.produce(
                self.topic,
                value=value_of(number, sequence),
                partition=sequence % self.partitions,
                on_delivery=self._delivered(number, sequence),
            )

    def _delivered(self, number, sequence):
        def note(error, message):
            if error is not None:
                self.errors.append(f"producer {number} sequence {sequence}: {error}")
            else:
                place = (message.partition(), message.offset())
                self.history.acked[number, sequence] = place
                self.acked_counts[number] += 1

        return note

    def _consume(self):
        reader = consumer(self.address)
        reader.assign([TopicPartition(self.topic, p, 0) for p in range(self.partitions)])
        while not self._consumer_stopping.is_set():
            message = reader.poll(0.1)
            if message is None:
                continue
            if message.error():
                self._note_consumer_error(message.error())
                continue
            place, identity = (message.partition(), message.offset()), identity_of(message.value())
            if self.history.seen.setdefault(place, identity) != identity:
                self.errors.append(f"{place} was {self.history.seen[place]}, now {identity}")
        reader.close()

    def _note_consumer_error(self, error):
        """A broker that is away is what these runs are about; a lost offset is not."""
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self.errors.append(f"consumer: {error}")
