"""A topic of several segments whose content is known."""

import time

from harness.confluent import ConfluentKafka, create_topic
from harness.records import make_records
from harness.segments import partition_folder, sealed_segments

SEGMENT_BYTES = 1 << 20
# Small, so that a segment holds many batches and its indexes have entries.
BATCH_BYTES = 16_000
SEGMENTS_MIN = 2
SEAL_SECONDS_MAX = 20


def fill_segments(broker, topic, codec="none", count=9000):
    """Produce into partition 0 of a new topic until it has several sealed segments."""
    config = {"segment.bytes": str(SEGMENT_BYTES), "index.interval.bytes": "4096"}
    create_topic(broker.address, topic, 1, config)
    sent = make_records(topic, count, partitions=1)
    sent = [r for r in sent if len(r.value or b"") < 50_000]
    ConfluentKafka(broker.address).produce(topic, codec, sent, batch_size=BATCH_BYTES)
    folder = partition_folder(broker, topic, 0)
    deadline = time.monotonic() + SEAL_SECONDS_MAX
    while len(sealed_segments(folder)) < SEGMENTS_MIN:
        count = len(sealed_segments(folder))
        assert time.monotonic() < deadline, f"only {count} sealed segments"
        time.sleep(0.1)
    return [record.at(offset) for offset, record in enumerate(sent)]
