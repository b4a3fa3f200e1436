"""franz-go and Sarama, the two Go clients, make the journey."""

import pytest
from harness.journey import run_journey
from harness.paths import GO_PROGRAMS
from harness.program import ProgramClient
from harness.records import CODECS


class FranzGo(ProgramClient):
    name = "franz-go"

    def command(self):
        return [GO_PROGRAMS / "franz", self.address]


class Sarama(ProgramClient):
    name = "sarama"

    def command(self):
        return [GO_PROGRAMS / "sarama", self.address]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "client",
    [
        pytest.param(FranzGo, id="franz-go", marks=pytest.mark.client("franz-go 1.22.3")),
        pytest.param(Sarama, id="sarama", marks=pytest.mark.client("Sarama 1.61.1")),
    ],
)
def test_journey(broker, client, codec):
    run_journey(client(broker.address), broker, codec)
