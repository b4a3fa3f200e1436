"""Options and fixtures: which broker is under test, and how long the run may take."""

from pathlib import Path

import pytest
from harness.cgroup import MemoryLimit
from harness.compatibility import Result, page
from harness.kafka import KafkaBroker
from harness.ringlog import RinglogBroker

BROKERS = {"ringlog": RinglogBroker, "kafka": KafkaBroker}


def pytest_addoption(parser):
    parser.addoption("--broker", choices=BROKERS, default="ringlog", help="broker under test")
    parser.addoption("--long", action="store_true", help="heavy settings too")
    parser.addoption("--compatibility", metavar="FILE", help="write the clients' table there")


results = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note how each test of a client ended, once: at its call, or where it did not get there."""
    report = yield
    client = item.get_closest_marker("client")
    if client and (report.when == "call" or report.when == "setup" and not report.passed):
        params = item.callspec.params if hasattr(item, "callspec") else {}
        test = item.originalname or item.name
        results.append(Result(client.args[0], test, params.get("codec"), report.outcome))
    return report


def pytest_sessionfinish(session):
    path = session.config.getoption("--compatibility")
    if path and results:
        Path(path).write_text(page(session.config.getoption("--broker"), results))


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="needs --long"))
        if item.get_closest_marker("ringlog_only") and config.getoption("--broker") != "ringlog":
            item.add_marker(pytest.mark.skip(reason="a promise of Ringlog only"))


@pytest.fixture(scope="session")
def long_run(request):
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def broker_class(request):
    return BROKERS[request.config.getoption("--broker")]


@pytest.fixture(scope="module")
def broker(broker_class, tmp_path_factory, request):
    """One running broker for the tests of a module, with two shards."""
    running = broker_class(tmp_path_factory.mktemp("broker"), shards=2).start()
    yield running
    running.discard()


@pytest.fixture
def make_broker(broker_class, tmp_path):
    """Makes brokers that are ended with the test."""
    made = []

    def make(**options):
        made.append(broker_class(tmp_path / f"broker-{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.discard()


@pytest.fixture
def memory_limit():
    """Makes memory limits that are removed with the test."""
    made = []

    def make(limit_bytes):
        made.append(MemoryLimit(limit_bytes))
        return made[-1]

    yield make
    for one in made:
        one.remove()
