"""Ringlog as the broker under test."""

import os
from pathlib import Path

from harness.broker import HOST, Broker, BrokerFailed
from harness.paths import REPOSITORY


def binary():
    """BROKER_BINARY, else what `cargo build --profile fast` left in the target folder."""
    named = os.environ.get("BROKER_BINARY")
    if named:
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    for profile in ("fast", "release", "debug"):
        path = target / profile / "ringlog"
        if path.exists():
            return path
    raise BrokerFailed(f"no ringlog binary under {target}: cargo build --profile fast")


class RinglogBroker(Broker):
    name = "ringlog"

    def arguments(self):
        """Everything after the program's name."""
        words = ["start", "--dev", "--host", HOST, "--port", str(self.port)]
        words += ["--shards", str(self.shards), "--data-dir", str(self.data_dir)]
        for key, value in self.settings.items():
            words += ["--set", f"{key}={value}"]
        return words

    def command(self):
        return [str(binary()), *self.arguments()]

    def environment(self):
        """Without the settings that the person running the tests may have set for a broker."""
        return {k: v for k, v in os.environ.items() if not k.startswith("RINGLOG_")}

    def ready_line(self):
        """The first whole line on stdout, or None while there is none."""
        text = self.stdout_path.read_bytes()
        return text.split(b"\n", 1)[0].decode() if b"\n" in text else None

    def wait_ready(self):
        self._poll_until(lambda: self.ready_line() is not None, "the ready line on stdout")
        line = self.ready_line()
        if self.port != 0 and str(self.port) not in line:
            raise BrokerFailed(f"the ready line does not name port {self.port}: {line}")
