"""What clients of Helios' own CLI and infrastructure rely on."""

import functools
import socket
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.helios.worker_setup import FRAMES, WorkerSetup, drawing, make_spec


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a web server that has it."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    # Pages of workers never reach the loopback device.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but that of its loopback device")
        host = probe.getsockname()[0]
    with ThreadingHTTPServer((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield folder, f"http://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_failure_has_a_message(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path)
    job = site.put(make_spec(["ffmpeg -i lost.mp4 chunks/00000.mp4"]))
    refused = site.ask({"jobPath": job, "chunkIndex": 7})[1].body()
    failed = site.chunk(job).body()
    assert refused["message"] == refused["error"]["message"] == "chunk 7: not in the job spec"
    assert failed["message"] == failed["error"]["message"]
    assert failed["exitCode"] != 0


def test_a_success_has_no_message(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path)
    assert "message" not in site.chunk(site.put(make_spec())).body()


def test_outputs_are_also_stored_under_their_own_names(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path)
    plain, named = make_spec(), make_spec(store_output_files=True)
    site.render(site.put(plain, job="plain"), plain)
    assert not {"chunks/00000.mp4", "chunks/00001.mp4"} & set(site.names("plain"))

    job = site.put(named)
    site.render(job, named)
    assert {"chunks/00000.mp4", "chunks/00001.mp4"} <= set(site.names())
    # A chunk that is there already is copied as well.
    copy = tmp_path / "artifacts/jobs/one/chunks/00001.mp4"
    copy.unlink()
    artifact = site.chunk(job, 1).artifact
    assert artifact is not None
    assert copy.read_bytes() == site.file(artifact.url).read_bytes()


def test_the_ending_of_an_output_may_be_in_capitals(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path)
    spec = make_spec(store_output_files=True, chunks=1)
    output = {"output_file": "chunks/A.MP4", "command": drawing(0, "chunks/A.MP4")}
    spec = spec.model_copy(update={"chunks": [spec.chunks[0].model_copy(update=output)]})
    assert site.chunk(site.put(spec)).exit_code == 0
    assert "chunks/A.MP4" in site.names()


def test_an_output_takes_no_name_of_the_jobs_own_files(tmp_path: Path) -> None:
    site = WorkerSetup(tmp_path)
    spec = make_spec(store_output_files=True, chunks=1)
    output = {"output_file": "job.json", "command": f"{drawing(0, '-f mp4 job.json')}"}
    spec = spec.model_copy(update={"chunks": [spec.chunks[0].model_copy(update=output)]})
    job = site.put(spec)
    before = site.file(job).read_bytes()
    site.chunk(job)
    assert site.file(job).read_bytes() == before


@pytest.mark.browser
@pytest.mark.slow
def test_pages_are_found_beside_a_spec_that_came_from_a_web_server(
    tmp_path: Path, web: tuple[Path, str]
) -> None:
    folder, address = web
    (folder / "page").mkdir()
    (folder / "page/index.html").write_text(
        '<!doctype html><html data-duration="1"><link rel="stylesheet" href="../a.css"></html>'
    )
    (folder / "a.css").write_text("body { background: red }")
    (folder / "jobs").mkdir()
    command = (
        "helios render ../page/index.html -o chunks/00000.mp4 --start-frame 0"
        f" --frame-count {FRAMES} --width 160 --height 90 --fps 30 --no-audio"
    )
    (folder / "jobs/job.json").write_text(make_spec([command]).to_json())
    site = WorkerSetup(tmp_path, {"allow_private_network": True, "allowed_sources": (address,)})
    response = site.chunk(f"{address}/jobs/job.json")
    assert response.exit_code == 0, response.stderr
    assert response.artifact is not None
