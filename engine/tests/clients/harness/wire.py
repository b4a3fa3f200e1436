"""Raw Kafka frames over a plain socket: what no client library would send.

Frame:   | length 4 | header | body |
Header:  | api_key 2 | api_version 2 | correlation_id 4 | client_id 2 + n | (version 1)
"""

import socket
import struct
import time

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
TIMEOUT_SECONDS = 15


class Closed(Exception):
    """The broker closed or reset the connection."""


class Connection:
    """One socket. Not safe to share between threads."""

    def __init__(self, host, port, timeout=TIMEOUT_SECONDS):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Closed from error

    def send_frame(self, payload):
        self.send(struct.pack(">i", len(payload)) + payload)

    def receive_exactly(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionResetError as error:
                raise Closed from error
            if not piece:
                raise Closed
            data += piece
        return bytes(data)

    def receive_frame(self):
        (length,) = struct.unpack(">i", self.receive_exactly(4))
        return self.receive_exactly(length)

    def send_request(self, api_key, api_version, body, *, flexible=False):
        """Send without waiting; returns the correlation id."""
        self.correlation_id += 1
        self.send_frame(header(api_key, api_version, self.correlation_id, flexible) + body)
        return self.correlation_id

    def request(self, api_key, api_version, body, *, flexible=False):
        """Send and wait. Returns the answer behind the correlation id."""
        sent = self.send_request(api_key, api_version, body, flexible=flexible)
        frame = self.receive_frame()
        (got,) = struct.unpack(">i", frame[:4])
        assert got == sent, f"correlation id {got}, sent {sent}"
        return frame[4:]

    def closes_within(self, seconds):
        """Whether the broker closes this connection in time; skips what it still sends."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                if not self.socket.recv(65536):
                    return True
            except ConnectionResetError:
                return True
            except TimeoutError:
                return False
        return False


def header(api_key, api_version, correlation_id, flexible=False):
    text = struct.pack(">hhih", api_key, api_version, correlation_id, 7) + b"harness"
    return text + b"\0" if flexible else text


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def api_versions(connection):
    """{api_key: (version_min, version_max)} from ApiVersions v0."""
    answer = connection.request(API_VERSIONS, 0, b"")
    error, count = struct.unpack(">hi", answer[:6])
    assert error == 0, f"ApiVersions error {error}"
    rows = struct.iter_unpack(">hhh", answer[6 : 6 + 6 * count])
    return {key: (low, high) for key, low, high in rows}


class Reader:
    """Walks the fields of an answer of a non-flexible version."""

    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, layout):
        values = struct.unpack_from(">" + layout, self.data, self.position)
        self.position += struct.calcsize(">" + layout)
        return values if len(values) > 1 else values[0]

    def bytes(self):
        length = self.take("i")
        return None if length < 0 else self._slice(length)

    def string(self):
        length = self.take("h")
        return None if length < 0 else self._slice(length).decode()

    def array(self, item):
        return [item() for _ in range(self.take("i"))]

    def _slice(self, length):
        start, self.position = self.position, self.position + length
        assert self.position <= len(self.data), "answer ends inside a field"
        return self.data[start : self.position]


def metadata(connection):
    """({broker id: port}, {topic: {partition: leader}}) from Metadata v1, all topics."""
    answer = Reader(connection.request(METADATA, 1, struct.pack(">i", -1)))

    def broker():
        node, _host, port = answer.take("i"), answer.string(), answer.take("i")
        answer.string()
        return node, port

    def partition():
        _error, index, leader = answer.take("hii")
        answer.array(lambda: answer.take("i"))
        answer.array(lambda: answer.take("i"))
        return index, leader

    def topic():
        answer.take("h")
        name = answer.string()
        answer.take("?")
        return name, dict(answer.array(partition))

    brokers = dict(answer.array(broker))
    answer.take("i")
    return brokers, dict(answer.array(topic))


def list_offset(connection, topic, partition, timestamp):
    """(error, offset) from ListOffsets v1; timestamp -1 is the end, -2 the start."""
    row = struct.pack(">iq", partition, timestamp)
    body = struct.pack(">i", -1) + array([string(topic) + array([row])])
    answer = Reader(connection.request(LIST_OFFSETS, 1, body))
    answer.take("i"), answer.string(), answer.take("i")
    _partition, error, _timestamp, offset = answer.take("ihqq")
    return error, offset


def produce_body(topic, partition, records, *, acks=-1, timeout_ms=10_000):
    """The body of Produce v3 to v8."""
    row = struct.pack(">ii", partition, len(records)) + records
    return struct.pack(">hhi", -1, acks, timeout_ms) + array([string(topic) + array([row])])


def produce(connection, topic, partition, records, *, acks=-1):
    """(error, base offset) from Produce v7, for one partition."""
    body = produce_body(topic, partition, records, acks=acks)
    answer = Reader(connection.request(PRODUCE, 7, body))
    answer.take("i"), answer.string(), answer.take("i")
    _partition, error, offset = answer.take("ihq")
    return error, offset


def fetch_body(topic, partition, offset, *, max_wait_ms=0, min_bytes=1, max_bytes=1 << 20):
    """The body of Fetch v4."""
    row = struct.pack(">iqi", partition, offset, max_bytes)
    head = struct.pack(">iiiib", -1, max_wait_ms, min_bytes, max_bytes, 0)
    return head + array([string(topic) + array([row])])


def fetch(connection, topic, partition, offset, **options):
    """(error, high watermark, record bytes) from Fetch v4, for one partition."""
    answer = Reader(connection.request(FETCH, 4, fetch_body(topic, partition, offset, **options)))
    answer.take("ii"), answer.string(), answer.take("i")
    _partition, error, high_watermark, _last_stable = answer.take("ihqq")
    answer.array(lambda: answer.take("qq"))
    return error, high_watermark, answer.bytes()


def connect_to_leader(host, port, topic, partition=0):
    """A connection to the broker that leads the partition, once one says so itself."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        with Connection(host, port) as connection:
            brokers, topics = metadata(connection)
        leader = topics.get(topic, {}).get(partition)
        if leader in brokers:
            connection = Connection(host, brokers[leader])
            if list_offset(connection, topic, partition, -1)[0] == 0:
                return connection
            connection.close()
        assert time.monotonic() < deadline, f"no leader for {topic}-{partition}"
        time.sleep(0.05)


def serves_everything(host, port):
    """Whether this broker is known in Metadata and answers for every partition it names."""
    try:
        with Connection(host, port, timeout=2) as connection:
            brokers, topics = metadata(connection)
            return bool(brokers) and all(
                list_offset(connection, topic, partition, -1)[0] == 0
                for topic, partitions in topics.items()
                for partition in partitions
            )
    except (OSError, Closed):
        return False
