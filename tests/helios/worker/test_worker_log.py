import io
import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.worker.worker_log import MAX_VALUE_LENGTH, WorkerLog


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    log = WorkerLog(stream).bind(job="s3://bucket/job.json", chunk=3, attempt=1)
    log.info("chunk.stored", message="two\nlines", bytes=12)
    (event,) = written(stream)
    assert event.pop("time").endswith("Z")
    assert event == {
        "severity": "INFO",
        "event": "chunk.stored",
        "job": "s3://bucket/job.json",
        "chunk": 3,
        "attempt": 1,
        "message": "two\nlines",
        "bytes": 12,
    }


def test_severities_are_those_of_both_clouds() -> None:
    stream = io.StringIO()
    log = WorkerLog(stream)
    log.info("a")
    log.warning("b")
    log.error("c")
    assert [event["severity"] for event in written(stream)] == ["INFO", "WARNING", "ERROR"]


def test_binding_leaves_the_log_that_it_was_bound_from_alone() -> None:
    stream = io.StringIO()
    log = WorkerLog(stream)
    log.bind(chunk=1).bind(chunk=2).info("bound")
    log.info("plain")
    assert [event.get("chunk") for event in written(stream)] == [2, None]


@given(st.from_regex(r"[A-Za-z0-9/+]{12,40}", fullmatch=True), st.integers(0, 20_000))
def test_no_line_holds_a_secret_wherever_it_stands(secret: str, offset: int) -> None:
    stream = io.StringIO()
    log = WorkerLog(stream, secrets={secret}).bind(job=f"https://h.test/j?sig={secret}")
    log.error("failed", message="-" * offset + secret, details={"why": f"x {secret} x"})
    line = stream.getvalue()
    assert secret not in line
    # Not even the beginning of one that was cut.
    assert secret[:10] not in line


def test_a_long_value_is_cut() -> None:
    stream = io.StringIO()
    WorkerLog(stream).info("long", message="x " * 100_000)
    assert len(written(stream)[0]["message"]) <= MAX_VALUE_LENGTH


@given(st.text())
def test_any_text_stays_on_its_line(text: str) -> None:
    stream = io.StringIO()
    WorkerLog(stream).info("any", message=text)
    assert stream.getvalue().isascii()
    assert stream.getvalue().count("\n") == 1


def test_lines_of_several_threads_do_not_mix() -> None:
    stream = io.StringIO()
    log = WorkerLog(stream)

    def write() -> None:
        for _ in range(50):
            log.info("event", message="x" * 500)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written(stream)) == 200


def test_lines_go_to_stdout_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    WorkerLog().info("hello")
    assert json.loads(capsys.readouterr().out)["event"] == "hello"


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    log = WorkerLog(stream)
    stream.close()
    log.info("lost")
