"""The compatibility page says what the results say."""

from harness.compatibility import Result, page


def test_a_failure_is_shown():
    text = page(
        "b 1",
        [
            Result("kcat", "test_journey", "none", "passed"),
            Result("kcat", "test_journey", "zstd", "failed"),
            Result("kafka-node", "test_high_level_producer", "gzip", "passed"),
            Result("kafka-node", "test_high_level_producer", "snappy", "failed"),
            Result("kafka-node", "test_offsets", None, "skipped"),
        ],
    )
    assert "Broker: b 1" in text
    assert "| kcat | passed | – | – | – | failed | – |" in text
    assert "| kafka-node | – | – | – | – | – | high level producer: 1 of 2 passed, offsets: skipped |" in text
