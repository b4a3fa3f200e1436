"""Small disks of one's own: ext4 on a loop device, that can be filled."""

import os
import subprocess
from pathlib import Path

import pytest


class SmallDisk:
    """Mounted at `path` until `remove`. Skips the test where mounting is not allowed."""

    def __init__(self, folder, size_bytes):
        self.image = Path(folder) / "disk.img"
        self.path = Path(folder) / "disk"
        self.path.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(size_bytes)
        run("mkfs.ext4", "-q", "-F", "-m", "0", self.image)
        done = subprocess.run(
            ["mount", "-o", "loop", self.image, self.path], capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.skip(f"loop mounts do not work here: {done.stderr.strip()}")

    @property
    def ballast(self):
        return self.path / "ballast"

    def free_bytes(self):
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def leave_free(self, free_bytes):
        """Take all but so much with a file of our own."""
        with open(self.ballast, "ab") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, self.free_bytes() - free_bytes)

    def release(self):
        self.ballast.unlink()

    def remove(self):
        run("umount", self.path)


def run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
