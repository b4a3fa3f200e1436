"""Apache Kafka itself, one KRaft process: the broker to ask when Kafka is the question."""

import subprocess

from harness import wire
from harness.broker import HOST, Broker, BrokerFailed, free_ports
from harness.paths import JAVA_CLASSES, JAVA_LIB

# A storage id is 16 bytes in URL-safe base64; any fixed one will do.
STORAGE_ID = "cmluZ2xvZy10ZXN0cy0wMQ"

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.retention.check.interval.ms": "1000",
    "num.partitions": "1",
    # Come back quickly after kill -9: the controller must first give up on the old process.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


def java(main, *arguments, heap_mb=256, small=True):
    """The command that runs a main class from the fetched jars."""
    words = ["java", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC"]
    if small:
        words.append("-XX:TieredStopAtLevel=1")
    return [*words, "-cp", f"{JAVA_CLASSES}:{JAVA_LIB}/*", main, *map(str, arguments)]


class KafkaBroker(Broker):
    name = "kafka"
    # On a busy machine it has been seen to need more than half a minute for either.
    start_seconds_max = 120
    stop_seconds_max = 120

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.controller_port = free_ports(1)

    @property
    def properties_path(self):
        return self.folder / "server.properties"

    def command(self):
        return java("kafka.Kafka", self.properties_path, heap_mb=512, small=False)

    def start(self):
        if not self.data_dir.exists():
            self._format()
        return super().start()

    def _format(self):
        controller = f"{HOST}:{self.controller_port}"
        settings = {
            **SETTINGS,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": str(self.data_dir),
            **self.settings,
        }
        self.properties_path.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        done = subprocess.run(
            java("kafka.tools.StorageTool", "format", "-t", STORAGE_ID, "-c", self.properties_path),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise BrokerFailed(f"format failed\n{done.stdout}{done.stderr}")

    def wait_ready(self):
        self._poll_until(lambda: wire.serves_everything(HOST, self.port), "every partition to serve")
