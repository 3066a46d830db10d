import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from helios.contract.invocation import InvocationResponse
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from worker_cloudrun import progress
from worker_cloudrun.progress import Progress
from worker_cloudrun.renders import Answer, Renders

DONE: Answer = (200, InvocationResponse(exit_code=0, stdout="all"))


@pytest.fixture
def renders(tmp_path: Any) -> Iterator[Renders]:
    runtime = WorkerRuntime(WorkerConfig(workspace=tmp_path))
    yield Renders(runtime, concurrency=1)
    runtime.close()


def events(lines: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for part in lines for line in part.splitlines()]


def test_lines_come_in_their_order_and_the_result_last(renders: Renders) -> None:
    told, answer = Progress(), Future[Answer]()
    for number in range(250):
        told.on_output("stdout", str(number))
    answer.set_result(DONE)
    *lines, result = events(told.lines(renders, answer))
    assert [line["text"] for line in lines] == [str(number) for number in range(250)]
    assert result == {"type": "result", "status": 200, **DONE[1].body()}


def test_a_quiet_command_is_told_to_be_alive(
    renders: Renders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT", 0.01)
    told, answer = Progress(), Future[Answer]()
    lines = told.lines(renders, answer)
    assert [json.loads(next(lines)) for _ in range(3)] == [{"type": "alive"}] * 3
    answer.set_result(DONE)
    assert events(lines)[-1]["type"] == "result"


def test_a_caller_that_reads_nothing_costs_bounded_memory(renders: Renders) -> None:
    told, answer = Progress(), Future[Answer]()
    for number in range(100_000):
        told.on_output("stdout", str(number))
    answer.set_result(DONE)
    *lines, result = events(told.lines(renders, answer))
    assert len(lines) == 10_000
    assert result["stdout"] == "all"


def test_a_closed_connection_ends_the_render(renders: Renders) -> None:
    told, answer = Progress(), Future[Answer]()
    told.on_output("stdout", "one")
    lines = told.lines(renders, answer)
    assert isinstance(lines, Iterator)
    next(lines)
    assert not answer.cancelled()
    lines.close()  # type: ignore[attr-defined]
    assert answer.cancelled()


def test_lines_of_another_thread_are_told(renders: Renders) -> None:
    told, answer = Progress(), Future[Answer]()

    def work() -> None:
        for number in range(1000):
            told.on_output("stderr", str(number))
        answer.set_result(DONE)

    threading.Thread(target=work).start()
    assert len(events(told.lines(renders, answer))) == 1001
