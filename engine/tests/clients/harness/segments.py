"""What a partition's folder holds, by Kafka's file names. Reads; the tests do the damage."""

from pathlib import Path


def partition_folder(broker, topic, partition):
    """The folder `<topic>-<partition>`, wherever under the data folder it is."""
    found = [p for p in broker.data_dir.rglob(f"{topic}-{partition}") if p.is_dir()]
    assert len(found) == 1, f"{topic}-{partition} is at {found}"
    return found[0]


def segments(folder):
    """Segment files in offset order; the last is the active one."""
    return sorted(Path(folder).glob("[0-9]" * 20 + ".log"))


def sealed_segments(folder):
    return segments(folder)[:-1]


def indexes(folder, suffixes=(".index", ".timeindex")):
    return [p for p in sorted(Path(folder).iterdir()) if p.suffix in suffixes]
