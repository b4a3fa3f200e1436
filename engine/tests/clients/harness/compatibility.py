"""docs/compatibility.md, written from what a run found. Never by hand."""

from collections import defaultdict
from dataclasses import dataclass

from harness.records import CODECS

HEADING = """# Compatibility

What real clients did against this broker, written by `.ci/test --long` from the run itself.
The journey: create a topic, produce 10,000 records of mixed sizes up to the limit with headers,
null keys and values, read all back and compare byte for byte, restart the broker and compare
again, look up offsets by time, delete records, delete the topic. A dash is a codec the client
does not have, or one that was not run.

"""


@dataclass(frozen=True)
class Result:
    """How one test of a client ended: passed, failed or skipped."""

    client: str
    test: str
    codec: str | None
    outcome: str


def page(broker, results):
    """The text of the page; `results` in the order they were found."""
    journeys, others = defaultdict(dict), defaultdict(lambda: defaultdict(list))
    for r in results:
        if r.test == "test_journey":
            journeys[r.client][r.codec] = r.outcome
        else:
            others[r.client][r.test.removeprefix("test_").replace("_", " ")].append(r.outcome)
    head = ["Client", *CODECS, "Also"]
    lines = [row(head), row("-" * len(head))]
    for client in dict.fromkeys(r.client for r in results):
        cells = [journeys[client].get(codec, "–") for codec in CODECS]
        also = ", ".join(f"{name}: {summed(o)}" for name, o in others[client].items())
        lines.append(row([client, *cells, also or "–"]))
    return f"{HEADING}Broker: {broker}\n\n" + "\n".join(lines) + "\n"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def summed(outcomes):
    """One word when all ended alike, else how many passed."""
    if len(set(outcomes)) == 1:
        return outcomes[0]
    return f"{outcomes.count('passed')} of {len(outcomes)} passed"
