"""Apache Kafka's own kafka-dump-log reads the sealed segments and checks their indexes."""

import re
import subprocess

import pytest
from harness.filled import fill_segments
from harness.kafka import java
from harness.records import CODECS
from harness.segments import partition_folder, sealed_segments

RECORD = re.compile(r"^\| offset: (\d+) .*?CreateTime: (\d+) keySize: (-?\d+) valueSize: (-?\d+)", re.M)
# What the tool prints of an index that disagrees with its log.
COMPLAINTS = re.compile(r"mismatch|non-consecutive|invalid|corrupt|exception", re.I)


def dump(*words):
    done = subprocess.run(
        java("org.apache.kafka.tools.DumpLogSegments", *words), capture_output=True, timeout=120
    )
    output = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert done.returncode == 0, output[-3000:]
    return output


@pytest.mark.parametrize("codec", CODECS)
def test_sealed_segments(broker, codec):
    topic = f"dumped-{codec}"
    sent = fill_segments(broker, topic, codec)
    # The active segment's indexes may be in memory only; a stop seals nothing but writes them.
    broker.restart()
    sealed = sealed_segments(partition_folder(broker, topic, 0))

    printed = []
    for path in sealed:
        output = dump("--files", path, "--print-data-log", "--skip-record-metadata", "--deep-iteration")
        assert f"Log starting offset: {int(path.stem)}" in output
        assert "isvalid: false" not in output
        output = dump("--files", path, "--deep-iteration", "--print-data-log")
        printed += [tuple(map(int, row)) for row in RECORD.findall(output)]
    size = lambda data: -1 if data is None else len(data)  # noqa: E731
    wanted = [(r.offset, r.timestamp, size(r.key), size(r.value)) for r in sent[: len(printed)]]
    assert printed == wanted
    assert len(printed) > len(sent) // 2


def test_indexes(broker):
    topic = "dumped-indexes"
    fill_segments(broker, topic)
    broker.restart()
    for path in sealed_segments(partition_folder(broker, topic, 0)):
        for suffix in (".index", ".timeindex"):
            index = path.with_suffix(suffix)
            assert index.stat().st_size > 0, f"{index.name} is empty"
            output = dump("--files", index, "--index-sanity-check")
            assert "passed sanity check" in output
            output = dump("--files", index, "--verify-index-only")
            assert not COMPLAINTS.search(output), output
