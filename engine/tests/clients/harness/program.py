"""A client program in another language: words in on stdin, "ok ..." or "error ..." out.

The program lives for one test, so that it also meets a broker that went away and came back.
"""

import subprocess
import tempfile
from pathlib import Path

from harness.journey import Client
from harness.records import read_file, write_file


class ProgramFailed(Exception):
    """The program answered "error", or nothing."""


class Program:
    """One running program. `stderr` goes to a file that is shown when it fails."""

    def __init__(self, command, folder):
        self.stderr_path = Path(folder) / "stderr.log"
        with open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                bufsize=1,
            )

    def ask(self, *words):
        line = " ".join(map(str, words))
        self.process.stdin.write(line + "\n")
        answer = self.process.stdout.readline()
        if not answer.startswith("ok"):
            log = self.stderr_path.read_text(errors="replace")[-3000:]
            raise ProgramFailed(f"{line}: {answer.strip() or 'no answer'}\n{log}")
        return answer.split()[1:]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class ProgramClient(Client):
    """Makes the journey with a program that knows the journey's verbs."""

    def __init__(self, address):
        super().__init__(address)
        self.folder = tempfile.TemporaryDirectory()
        self.program = Program(self.command(), self.folder.name)

    def command(self):
        raise NotImplementedError

    @property
    def record_path(self):
        return Path(self.folder.name) / "records"

    def create_topic(self, topic, partitions):
        self.program.ask("create", topic, partitions)

    def produce(self, topic, codec, records):
        write_file(self.record_path, records)
        answer = self.program.ask("produce", topic, codec, self.record_path)
        assert answer == [str(len(records))]

    def consume(self, topic, partitions):
        self.program.ask("consume", topic, partitions, self.record_path)
        return read_file(self.record_path)

    def offsets_for_time(self, topic, partitions, timestamp):
        words = self.program.ask("times", topic, partitions, timestamp)
        return {partition: int(word) for partition, word in enumerate(words)}

    def delete_records(self, topic, before):
        words = [f"{partition}:{offset}" for partition, offset in before.items()]
        self.program.ask("delete-records", topic, *words)

    def delete_topic(self, topic):
        self.program.ask("delete", topic)

    def topics(self):
        return set(self.program.ask("topics"))

    def close(self):
        self.program.close()
        self.folder.cleanup()
