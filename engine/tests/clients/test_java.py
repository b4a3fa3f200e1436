"""The Java client, of the Kafka version in java/pom.xml, makes the journey."""

import pytest
from harness.journey import run_journey
from harness.kafka import java
from harness.program import ProgramClient
from harness.records import CODECS

pytestmark = pytest.mark.client("Java client 4.3.0")


class JavaClient(ProgramClient):
    name = "java"

    def command(self):
        return java("Journey", self.address)


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(JavaClient(broker.address), broker, codec)
