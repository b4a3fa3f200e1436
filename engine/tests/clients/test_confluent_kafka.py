"""confluent-kafka (librdkafka) makes the journey."""

import pytest
from harness.confluent import ConfluentKafka
from harness.journey import run_journey
from harness.records import CODECS

pytestmark = pytest.mark.client("confluent-kafka 2.16.1 (librdkafka 2.16.0)")


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(ConfluentKafka(broker.address), broker, codec)
