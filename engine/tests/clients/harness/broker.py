"""A broker under test: start, stop, kill -9 and restart one process on one data folder.

Owns the process and its ports. Never looks inside the data folder.
"""

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

HOST = "127.0.0.1"
# Below the kernel's ephemeral range, so that no outgoing connection takes a port between
# the moment it was found free and the moment the broker binds it, or across a restart.
PORTS = range(20_000, 30_000)

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class BrokerFailed(Exception):
    """The process did not do what was asked; the text carries the end of its output."""


def free_ports(count):
    """The first of `count` consecutive ports that are free now."""
    for _ in range(200):
        first = random.randrange(PORTS.start, PORTS.stop - count)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((HOST, port))
        except OSError:
            continue
        return first
    raise BrokerFailed("no free ports")


class Broker:
    """One broker process. Subclasses say how it is started and when it is ready."""

    name = "broker"
    start_seconds_max = 60
    stop_seconds_max = 30

    def __init__(self, folder, *, shards=1, settings=None, cgroup=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.folder / "data"
        self.shards = shards
        self.settings = dict(settings or {})
        self.cgroup = cgroup
        self.port = free_ports(shards)
        self.process = None

    @property
    def address(self):
        return f"{HOST}:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def stdout_path(self):
        return self.folder / "stdout.log"

    @property
    def stderr_path(self):
        return self.folder / "stderr.log"

    def command(self):
        raise NotImplementedError

    def wait_ready(self):
        raise NotImplementedError

    def start(self):
        assert self.process is None, "already started"
        self.spawn()
        self.wait_ready()
        return self

    def spawn(self):
        """Start the process without waiting for it to accept clients."""
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.environment(),
                preexec_fn=self._in_child,
            )

    def environment(self):
        return dict(os.environ)

    def _in_child(self):
        # A broker must not outlive a test run that died.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if self.cgroup is not None:
            self.cgroup.enter()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM, then wait. Returns the exit code."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            code = self.process.wait(self.stop_seconds_max)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BrokerFailed(f"still running {self.stop_seconds_max} s after SIGTERM\n{self.tail()}")
        self.process = None
        return code

    def kill(self):
        """SIGKILL, then wait."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def discard(self):
        """End the process whatever its state."""
        if self.process is not None:
            self.kill()

    def tail(self, bytes_max=4000):
        text = ""
        for path in (self.stdout_path, self.stderr_path):
            if path.exists():
                text += f"--- {path.name}\n{path.read_bytes()[-bytes_max:].decode(errors='replace')}"
        return text

    def _poll_until(self, ready, what):
        deadline = time.monotonic() + self.start_seconds_max
        while time.monotonic() < deadline:
            if not self.alive():
                code, self.process = self.process.returncode, None
                raise BrokerFailed(f"exit code {code} while waiting for {what}\n{self.tail()}")
            if ready():
                return
            time.sleep(0.02)
        self.discard()
        raise BrokerFailed(f"{what} not seen in {self.start_seconds_max} s\n{self.tail()}")
