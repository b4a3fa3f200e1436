"""The same requests to Apache Kafka and to the broker under test: the same answers, field by
field, for every API and version both offer, but for the fields of VARIES.

With `--broker kafka` two Apache Kafkas are compared: the test's own test.
"""

import time

import pytest
from harness import wire
from harness.batches import batch
from harness.broker import HOST
from harness.confluent import create_topic
from harness.kafka import KafkaBroker
from harness.messages import ask

TOPIC, MISSING = "differential", "never-made"
# The same bytes, so the same timestamps, in both.
STORED = batch((b"a", b"b"))
NO_EPOCH = {"current_leader_epoch": -1}

# What may differ: identities, addresses, and placement (a shard is a broker of its own).
VARIES = {
    "throttle_time_ms", "cluster_id", "controller_id", "node_id", "broker_id", "host", "port",
    "rack", "leader_id", "topic_id", "producer_id", "error_message", "timestamp_ms",
    "brokers", "replica_nodes", "isr_nodes", "leader_epoch",
    # Kafka names the operations even where nothing is secured.
    "topic_authorized_operations",
}  # fmt: skip


def partition_row(partition, **fields):
    return {"topics": [{"name": TOPIC, "partitions": [{"partition_index": partition, **fields}]}]}


def list_offsets(partition, timestamp):
    row = partition_row(partition, timestamp=timestamp, max_num_offsets=1, **NO_EPOCH)
    return {"replica_id": -1, "isolation_level": 0, "timeout_ms": 1000, **row}


def create(name, partitions, replication):
    row = {
        "name": name,
        "num_partitions": partitions,
        "replication_factor": replication,
        "assignments": [],
        "configs": [],
    }
    return {"topics": [row], "timeout_ms": 5000, "validate_only": False}


# name: (api key, fields of the request). Answers depend on nothing but the topic made below.
CASES = {
    "Metadata known": (3, {"topics": [{"name": TOPIC}], "allow_auto_topic_creation": False}),
    "Metadata missing": (3, {"topics": [{"name": MISSING}], "allow_auto_topic_creation": False}),
    "Metadata bad name": (3, {"topics": [{"name": "a b"}], "allow_auto_topic_creation": False}),
    "ListOffsets start": (2, list_offsets(0, -2)),
    "ListOffsets end": (2, list_offsets(0, -1)),
    "ListOffsets time": (2, list_offsets(0, 1)),
    "ListOffsets unknown partition": (2, list_offsets(9, -1)),
    "CreateTopics exists": (19, create(TOPIC, 1, 1)),
    "CreateTopics bad name": (19, create("a b", 1, 1)),
    "CreateTopics no partitions": (19, create("none", 0, 1)),
    "CreateTopics replicated": (19, create("replicated", 1, 9)),
    "DeleteTopics missing": (
        20,
        {
            "topic_names": [MISSING],
            "topics": [{"name": MISSING, "topic_id": None}],
            "timeout_ms": 5000,
        },
    ),
    "OffsetForLeaderEpoch unknown": (
        23,
        {
            "replica_id": -1,
            "topics": [
                {
                    "topic": MISSING,
                    "partitions": [{"partition": 0, "leader_epoch": 0, **NO_EPOCH}],
                }
            ],
        },
    ),
    "DeleteRecords beyond": (21, {**partition_row(0, offset=1000), "timeout_ms": 1000}),
    "DescribeConfigs missing": (
        32,
        {
            "resources": [
                {"resource_type": 2, "resource_name": MISSING, "configuration_keys": None}
            ],
            "include_synonyms": False,
            "include_documentation": False,
        },
    ),
    "InitProducerId": (
        22,
        {
            "transactional_id": None,
            "transaction_timeout_ms": 1000,
            "producer_id": -1,
            "producer_epoch": -1,
        },
    ),
    "DescribeTopicPartitions missing": (
        75,
        {"topics": [{"name": MISSING}], "response_partition_limit": 10, "cursor": None},
    ),
}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    running = KafkaBroker(tmp_path_factory.mktemp("kafka")).start()
    yield running
    running.discard()


def wait_for_producer_ids(connection):
    """Apache Kafka answers InitProducerId with error 14 until it has loaded its first ids."""
    deadline = time.monotonic() + 30
    while ask(connection, 22, 0, CASES["InitProducerId"][1])["error_code"] != 0:
        assert time.monotonic() < deadline, "no producer ids"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def connections(broker, kafka):
    """To Apache Kafka and to the broker under test, each with the same topic in it."""
    made = []
    for one in (kafka, broker):
        create_topic(one.address, TOPIC, 1)
        connection = wire.connect_to_leader(HOST, one.port, TOPIC)
        assert wire.produce(connection, TOPIC, 0, STORED) == (0, 0)
        wait_for_producer_ids(connection)
        made.append(connection)
    yield made
    for connection in made:
        connection.close()


def shared_versions(connections, api_key):
    offers = [wire.api_versions(connection).get(api_key) for connection in connections]
    if None in offers:
        return range(0)
    return range(max(low for low, _ in offers), min(high for _, high in offers) + 1)


def comparable(answer):
    """Without what may differ; of what varies only the kind is kept."""
    if isinstance(answer, dict):
        return {
            name: type(value).__name__ if name in VARIES else comparable(value)
            for name, value in answer.items()
        }
    return [comparable(one) for one in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("name", CASES)
def test_same_answer(connections, name):
    api_key, fields = CASES[name]
    versions = shared_versions(connections, api_key)
    assert versions or api_key == 75, f"api {api_key} is not offered"
    different = {}
    for version in versions:
        wanted, got = (comparable(ask(one, api_key, version, fields)) for one in connections)
        if wanted != got:
            different[version] = (wanted, got)
    assert not different, "\n".join(
        f"version {v}\n  Apache Kafka {wanted}\n  here         {got}"
        for v, (wanted, got) in different.items()
    )


def test_offered_versions_cover_kafkas(connections):
    """Which of Kafka's client APIs are not offered at all: printed, not judged."""
    kafka, here = (wire.api_versions(connection) for connection in connections)
    print("not offered:", sorted(set(kafka) - set(here)))
    for api_key in set(kafka) & set(here):
        assert here[api_key][0] <= kafka[api_key][1], f"api {api_key}: no common version"
