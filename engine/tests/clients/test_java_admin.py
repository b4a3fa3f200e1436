"""The Java AdminClient: each call that needs no groups, its answer compared with Kafka's."""

import re
import subprocess

import pytest
from harness.kafka import java

pytestmark = pytest.mark.client("Java client 4.3.0")

# What Apache Kafka 4.3 answers; of an error, the class.
EXPECTED = """
describeCluster ok true
describeFeatures ok true
describeLogDirs ok true
createTopics ok null
createTopics again error TopicExistsException
createTopics replicated error InvalidReplicationFactorException
listTopics ok true
describeTopics ok 2 true
createPartitions ok null
describeTopics after ok 4
describeConfigs ok 86400000 DYNAMIC_TOPIC_CONFIG
incrementalAlterConfigs ok null
describeConfigs after ok 3600000 DYNAMIC_TOPIC_CONFIG
incrementalAlterConfigs delete ok null
describeConfigs default ok 604800000 DEFAULT_CONFIG
incrementalAlterConfigs wrong error InvalidConfigurationException
listOffsets earliest ok 0
listOffsets latest ok 0
listOffsets maxTimestamp ok -1
listOffsets time ok -1
deleteRecords ok null
deleteRecords beyond error OffsetOutOfRangeException
deleteTopics ok null
"""


def test_calls_without_groups(broker):
    done = subprocess.run(
        java("Administer", broker.address, "administered"),
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    said = re.sub(r"error [\w.]*\.(\w+).*", r"error \1", done.stdout)
    assert said.split("\n") == EXPECTED.lstrip().split("\n"), done.stdout
