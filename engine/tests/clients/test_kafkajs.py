"""KafkaJS makes the journey; it reads in groups only, so group coordination is part of it."""

from dataclasses import replace

import pytest
from harness.journey import run_journey
from harness.paths import CLIENTS
from harness.program import ProgramClient

pytestmark = pytest.mark.client("KafkaJS 2.2.4")


class KafkaJs(ProgramClient):
    name = "kafkajs"

    def command(self):
        return ["node", CLIENTS / "node" / "kafkajs.js", self.address]

    def fit(self, record):
        """A null header value ends its sending; names sort by first appearance."""
        headers = tuple((name, value or b"") for name, value in record.headers)
        return replace(record, headers=headers)


# Its other codecs need native packages.
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy"])
def test_journey(broker, codec):
    run_journey(KafkaJs(broker.address), broker, codec)
