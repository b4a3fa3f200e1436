"""kcat, as Debian ships it (an old librdkafka), makes the journey.

kcat cannot create or delete anything but by producing: a topic comes from auto-creation, and
kafka-python does the rest of the administration.
"""

import subprocess
from dataclasses import replace

import pytest
from harness.journey import Client, run_journey
from harness.records import CODECS, Record
from test_kafka_python import KafkaPython

END, KEY = b"<:RINGLOG-END:>", b"<:RINGLOG-KEY:>"
# kcat gives every record of one run the same headers.
HEADERS = (("journey", b"kcat"), ("empty", b""))
FORMAT = r"%o %T %p %K %S %h\n%k%s\n"
TIMEOUT_SECONDS = 90

pytestmark = pytest.mark.client("kcat 1.7.1 (librdkafka 2.0.2)")


class Kcat(Client):
    name = "kcat"
    sets_timestamps = False

    def __init__(self, address):
        super().__init__(address)
        self.admin = KafkaPython(address)

    def fit(self, record):
        """With -Z what is empty becomes null."""
        return replace(
            record, key=record.key or None, value=record.value or None, headers=HEADERS
        )

    def run(self, *words, stdin=b""):
        done = subprocess.run(
            ["kcat", "-b", self.address, "-m", "30", *words],
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, f"kcat {' '.join(words)}: {done.stderr.decode()}"
        return done.stdout

    def create_topic(self, topic, partitions):
        self.admin.create_topic(topic, partitions)

    def produce(self, topic, codec, records):
        for partition in sorted({r.partition for r in records}):
            mine = [r for r in records if r.partition == partition]
            headers = [word for name, value in HEADERS for word in ("-H", f"{name}={value.decode()}")]
            self.run(
                "-P", "-t", topic, "-p", str(partition), "-Z", *headers,
                "-D", END.decode(), "-K", KEY.decode(),
                "-X", f"compression.codec={codec}",
                "-X", "enable.idempotence=true",
                "-X", "message.max.bytes=1048000",
                stdin=END.join((r.key or b"") + KEY + (r.value or b"") for r in mine),
            )  # fmt: skip

    def consume(self, topic, partitions):
        read = []
        for partition in range(partitions):
            read += parse(self.run("-C", "-t", topic, "-p", str(partition), "-o", "beginning",
                                   "-e", "-q", "-f", FORMAT, "-X", "check.crcs=true"))  # fmt: skip
        return read

    def offsets_for_time(self, topic, partitions, timestamp):
        asked = [w for p in range(partitions) for w in ("-t", f"{topic}:{p}:{timestamp}")]
        lines = self.run("-Q", *asked).decode().splitlines()
        # "topic [0] offset 17"
        rows = [line.rsplit(" ", 3) for line in lines]
        return {int(row[1].strip("[]")): int(row[3]) for row in rows}

    def delete_records(self, topic, before):
        self.admin.delete_records(topic, before)

    def delete_topic(self, topic):
        self.admin.delete_topic(topic)

    def topics(self):
        lines = self.run("-L").decode().splitlines()
        return {line.split('"')[1] for line in lines if line.startswith('  topic "')}

    def close(self):
        self.admin.close()


def parse(output):
    """What FORMAT printed, as records."""
    position = 0
    while position < len(output):
        line_end = output.index(b"\n", position)
        offset, timestamp, partition, key_size, value_size, headers = (
            output[position:line_end].decode().split(" ", 5)
        )
        key_start = line_end + 1
        value_start = key_start + max(0, int(key_size))
        end = value_start + max(0, int(value_size))
        assert output[end : end + 1] == b"\n", f"sizes disagree with the bytes at {offset}"
        yield Record(
            int(partition),
            int(timestamp),
            None if int(key_size) < 0 else output[key_start:value_start],
            None if int(value_size) < 0 else output[value_start:end],
            tuple((n, v.encode()) for n, v in (h.split("=", 1) for h in headers.split(","))),
            int(offset),
        )
        position = end + 1


@pytest.mark.parametrize("codec", CODECS)
def test_journey(broker, codec):
    run_journey(Kcat(broker.address), broker, codec)


def test_producing_creates_the_topic(broker):
    client = Kcat(broker.address)
    client.run("-P", "-t", "made-by-kcat", stdin=b"hello\n")
    read = client.run("-C", "-t", "made-by-kcat", "-o", "beginning", "-e", "-q", "-c", "1")
    assert read == b"hello\n"
