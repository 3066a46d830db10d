"""The example of a web service, driven as its clients do: over HTTP, with a real render."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from examples.web_app.app import create_app

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FRAMES = 6
JSON = "application/json"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    app = create_app(tmp_path, size=(160, 90), frames=FRAMES, chunks=2)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def ask(url: str, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
        return json.load(answer)


def refusal(url: str, method: str = "GET") -> tuple[int, Any]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(url, method)
    with caught.value as answer:
        return answer.code, json.load(answer) if answer.headers["Content-Type"] == JSON else None


def events(url: str) -> Iterator[tuple[str, Any]]:
    with urllib.request.urlopen(url) as answer:
        name = ""
        for line in map(bytes.decode, answer):
            field, _, value = line.strip().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


def test_a_video_is_asked_for_followed_and_fetched(service: str, tmp_path: Path) -> None:
    job = ask(f"{service}/videos", "POST", {"title": "Hello"})
    assert (job["state"], job["framesTotal"]) == ("running", FRAMES)

    told = list(events(service + job["events"]))
    assert {name for name, _ in told} == {"status", "progress"}
    assert (told[-1][0], told[-1][1]["state"]) == ("status", "completed")
    done = ask(f"{service}/videos/{job['id']}")
    assert (done["state"], done["framesDone"], done["error"]) == ("completed", FRAMES, None)

    with urllib.request.urlopen(service + job["video"]) as answer:
        assert answer.headers["Content-Type"] == "video/mp4"
        (tmp_path / "fetched.mp4").write_bytes(answer.read())
    probe = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames,width",
    ]
    command = [*probe, "-of", "csv=p=0", str(tmp_path / "fetched.mp4")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found.strip() == f"160,{FRAMES}"

    code, error = refusal(f"{service}/videos/{job['id']}", "DELETE")
    assert (code, error["code"]) == (409, "JOB_STATE_CONFLICT")


def test_a_video_that_is_not_there_is_refused(service: str) -> None:
    code, error = refusal(f"{service}/videos/nothing")
    assert (code, error["code"]) == (404, "JOB_NOT_FOUND")
    assert refusal(f"{service}/videos/..%2Fjobs/video.mp4")[0] == 404
