"""Consumer groups as applications use them: balanced inside a group, broadcast between groups."""

import subprocess
import time
import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from harness.confluent import ConfluentKafka, create_topic, settings
from harness.records import make_records

PARTITIONS = 6
RECORDS = 600
SECONDS_MAX = 45
SESSION_MS = 6000

pytestmark = pytest.mark.client("confluent-kafka 2.16.1 (librdkafka 2.16.0)")


@pytest.fixture(scope="module")
def topic(broker):
    name = "grouped"
    create_topic(broker.address, name, PARTITIONS)
    sent = [r for r in make_records(name, RECORDS, PARTITIONS) if len(r.value or b"") < 9000]
    ConfluentKafka(broker.address).produce(name, "none", sent)
    return name, {(r.partition, i) for r, i in numbered(sent)}


def numbered(sent):
    ends = {}
    for record in sent:
        offset = ends.get(record.partition, 0)
        ends[record.partition] = offset + 1
        yield record, offset


class Member:
    """One group member; remembers which places it read and was assigned."""

    def __init__(self, broker, group, topic, strategy, instance=None):
        more = {"group_instance_id": instance} if instance else {}
        made = settings(
            broker.address,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=500,
            partition_assignment_strategy=strategy,
            **more,
        )
        self.consumer = Consumer(made)
        self.consumer.subscribe([topic])
        self.places = set()

    def poll(self):
        message = self.consumer.poll(0.05)
        if message is not None and not message.error():
            self.places.add((message.partition(), message.offset()))

    def assigned(self):
        return {tp.partition for tp in self.consumer.assignment()}

    def close(self):
        self.consumer.close()


def poll_until(members, done, what):
    deadline = time.monotonic() + SECONDS_MAX
    while not done():
        assert time.monotonic() < deadline, f"{what}: {[sorted(m.assigned()) for m in members]}"
        for member in members:
            member.poll()


def balanced(members):
    """Every partition has exactly one reader, and every member has some."""
    shares = [m.assigned() for m in members]
    return all(shares) and sorted(p for s in shares for p in s) == list(range(PARTITIONS))


@pytest.fixture
def join(broker, topic):
    made = []

    def make(group, strategy="range", instance=None):
        made.append(Member(broker, group, topic[0], strategy, instance))
        return made[-1]

    yield make
    for member in made:
        member.close()


def fresh(name):
    return f"{name}-{uuid.uuid4().hex[:6]}"


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_balance_grow_and_shrink(topic, join, strategy):
    group = fresh(strategy)
    members = [join(group, strategy)]
    poll_until(members, lambda: balanced(members), "one member")
    members += [join(group, strategy), join(group, strategy)]
    poll_until(members, lambda: balanced(members), "three members")
    gone = members.pop()
    gone.close()
    poll_until(members, lambda: balanced(members), "two are left")
    everything = lambda: gone.places.union(*(m.places for m in members)) == topic[1]  # noqa: E731
    poll_until(members, everything, "all records read")


def test_two_groups_each_see_everything(topic, join):
    members = [join(fresh("one")), join(fresh("other"))]
    poll_until(members, lambda: all(m.places == topic[1] for m in members), "broadcast")


def test_commit_and_resume(broker, topic, join):
    group = fresh("resume")
    first = join(group)
    poll_until([first], lambda: len(first.places) >= len(topic[1]), "all read")
    committed = [TopicPartition(topic[0], p, 10 + p) for p in range(PARTITIONS)]
    first.consumer.commit(offsets=committed, asynchronous=False)
    first.close()
    broker.restart()
    second = join(group)
    wanted = {(p, o) for p, o in topic[1] if o >= 10 + p}
    poll_until([second], lambda: second.places >= wanted, "resumed")
    assert second.places == wanted, "read from before the committed offset"


def test_static_member_comes_back_to_its_partitions(topic, join):
    """KIP-345: no rebalance while a static member is away for less than the session timeout."""
    group = fresh("static")
    members = [join(group, instance="a"), join(group, instance="b")]
    poll_until(members, lambda: balanced(members), "two static members")
    share, others = members[0].assigned(), members[1].assigned()
    members[0].close()
    again = join(group, instance="a")
    both = [again, members[1]]
    poll_until(both, lambda: balanced(both), "back again")
    assert (again.assigned(), members[1].assigned()) == (share, others)


def test_a_dead_member_is_replaced(broker, topic, join):
    """Killed, it neither leaves nor heartbeats: the session timeout must find out."""
    group = fresh("dead")
    alive = join(group)
    poll_until([alive], lambda: balanced([alive]), "alone")
    dead = subprocess.Popen(
        ["kcat", "-b", broker.address, "-G", group, "-q", "-X", f"session.timeout.ms={SESSION_MS}",
         "-X", "partition.assignment.strategy=range", topic[0]],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        poll_until([alive], lambda: 0 < len(alive.assigned()) < PARTITIONS, "shared with kcat")
    finally:
        dead.kill()
        dead.wait()
    poll_until([alive], lambda: balanced([alive]), "takes over")


def test_groups_are_described_and_deleted(broker, topic, join):
    group = fresh("described")
    member = join(group)
    poll_until([member], lambda: balanced([member]), "stable")
    member.consumer.commit(offsets=[TopicPartition(topic[0], 0, 5)], asynchronous=False)
    admin = AdminClient(settings(broker.address))
    described = admin.describe_consumer_groups([group])[group].result(30)
    assert described.state.name == "STABLE" and len(described.members) == 1
    listed = admin.list_consumer_groups().result().valid
    assert group in {g.group_id for g in listed}
    member.close()
    admin.delete_consumer_groups([group])[group].result(30)
    listed = admin.list_consumer_groups().result().valid
    assert group not in {g.group_id for g in listed}


def test_kcat_balanced_group(broker, topic):
    done = subprocess.run(
        ["kcat", "-b", broker.address, "-G", fresh("kcat"), "-q", "-f", r"%p %o\n",
         "-X", "auto.offset.reset=earliest", "-c", str(len(topic[1])), topic[0]],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read = {tuple(map(int, line.split())) for line in done.stdout.splitlines()}
    assert read == topic[1]
