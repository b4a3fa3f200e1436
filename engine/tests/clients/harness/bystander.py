"""A well-behaved client that works on while others misbehave, and notes what it suffers."""

import threading
import time

from harness import wire
from harness.batches import batch
from harness.broker import HOST
from harness.confluent import create_topic

TOPIC = "bystander"
PAUSE_SECONDS = 0.02
LATER_SECONDS_MAX = 15


class Bystander:
    """Produces one record at a time and reads it back, on connections of its own."""

    def __init__(self, broker):
        self.port = broker.port
        create_topic(broker.address, TOPIC, 1)
        self.rounds = 0
        self.slowest_seconds = 0.0
        self.error = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        self.must_go_on()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.must_go_on()
        self._stopping.set()
        self._thread.join()
        if kind is None and self.error is not None:
            raise self.error

    def must_go_on(self, rounds=3):
        """Wait until it has made this many more rounds."""
        goal = self.rounds + rounds
        deadline = time.monotonic() + LATER_SECONDS_MAX
        while self.rounds < goal:
            if self.error is not None:
                raise self.error
            assert time.monotonic() < deadline, "the good client is not served"
            time.sleep(0.01)

    def _run(self):
        try:
            with wire.connect_to_leader(HOST, self.port, TOPIC) as connection:
                while not self._stopping.wait(PAUSE_SECONDS):
                    began = time.monotonic()
                    self._round(connection)
                    self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                    self.rounds += 1
        except Exception as error:  # noqa: BLE001 - raised again in the test's thread
            self.error = error

    def _round(self, connection):
        value = b"round %d" % self.rounds
        error, offset = wire.produce(connection, TOPIC, 0, batch((value,)))
        assert error == 0, f"produce error {error}"
        error, _, data = wire.fetch(connection, TOPIC, 0, offset)
        assert error == 0, f"fetch error {error}"
        assert value in data, f"offset {offset} does not hold what was produced"
