"""What tests of several packages stand on."""

import asyncio
import contextlib
import inspect
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sandbox.aws.local_aws import LocalAws, local_aws
from sandbox.containers.docker_registry import RegistryUnavailable, docker_registry
from sandbox.containers.images import ENGINE_VARIABLE
from sandbox.scripted_server import Reply, ScriptedServer

# Keeps jobs of tests apart from those of the user who runs them.
_KEPT = tempfile.TemporaryDirectory(prefix="helios-test-jobs-")
os.environ["HELIOS_JOBS"] = _KEPT.name
os.environ["XDG_STATE_HOME"] = _KEPT.name

# Examples are timed nowhere: a busy machine takes longer for one now and then.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_report_header() -> str:
    engine = os.environ.get(ENGINE_VARIABLE)
    return f"workers run as {f'containers of {engine}' if engine else 'processes'}"


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS for the whole session; tests keep apart by the names that they give things."""
    engine = os.environ.get(ENGINE_VARIABLE)
    with local_aws(logs=tmp_path_factory.mktemp("lambda-logs"), engine=engine) as started:
        yield started


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of a registry for images."""
    with contextlib.ExitStack() as open_for_now:
        try:
            address = open_for_now.enter_context(docker_registry(tmp_path))
        except RegistryUnavailable as fault:
            pytest.skip(str(fault))
        yield address


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    """A web server that takes webhooks, as one of a user would."""
    server = ScriptedServer()
    server.tell(Reply(204))
    yield server
    server.close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of an `xdist_group` on one worker.

    pytest-xdist 3.8 appends the group's name to a test's id where pytest 9.2 doesn't look for it.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        grouped = getattr(item, "_nodeid", item.nodeid)
        if grouped != item.nodeid:
            item._id = type(item.id).parse(grouped)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
