"""What the server of a live page answers, without a browser."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from helios.errors import JobStateConflict
from orchestrator.web.event_stream import EventStream
from orchestrator.web.server import serving


class Job:
    """A job that can't be controlled."""

    def __init__(self, fault: Exception | None) -> None:
        self.stream = EventStream()
        self._fault = fault

    def picture(self, frame: int) -> bytes | None:
        return None

    def video_file(self, name: str) -> Path | None:
        return None

    async def control(self, name: str) -> None:
        if self._fault is not None:
            raise self._fault


def post(url: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status), json.load(answer)
    except urllib.error.HTTPError as fault:
        return fault.code, json.load(fault)


@pytest.mark.parametrize(
    ("fault", "status", "answer"),
    [
        (None, 200, {"message": ""}),
        (JobStateConflict("it ended"), 409, {"code": "JOB_STATE_CONFLICT", "message": "it ended"}),
        (ValueError("no"), 500, {"code": "INTERNAL", "message": "ValueError: no"}),
    ],
)
async def test_a_control_that_fails_says_why(
    fault: Exception | None, status: int, answer: dict[str, str]
) -> None:
    async with serving(Job(fault)) as url:
        found = await asyncio.to_thread(post, url.replace("/?", "/pause?"))
    assert found == (status, answer)
