"""A memory limit for one process: cgroup v1 where the kernel still has it, else v2."""

import os
import time
import uuid
from pathlib import Path

import pytest

V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")


class MemoryLimit:
    """A fresh group. `enter` moves the calling process in; `remove` needs it empty."""

    def __init__(self, limit_bytes):
        name = f"ringlog-test-{uuid.uuid4().hex[:8]}"
        v1 = (V1 / "memory.limit_in_bytes").exists()
        self.folder = (V1 if v1 else V2) / name
        self._limit_file = "memory.limit_in_bytes" if v1 else "memory.max"
        self._peak_file = "memory.max_usage_in_bytes" if v1 else "memory.peak"
        try:
            self.folder.mkdir()
            (self.folder / self._limit_file).write_text(str(limit_bytes))
        except OSError as error:
            pytest.skip(f"no memory controller to use here: {error}")

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def peak_bytes(self):
        return int((self.folder / self._peak_file).read_text())

    def remove(self):
        deadline = time.monotonic() + 5
        while self.folder.exists():
            try:
                self.folder.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
