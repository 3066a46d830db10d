"""The Python API against the stack that the real CDK deployed into the sandbox's AWS."""

from pathlib import Path

import pytest

from tests.helios_infra.films import Renders
from tests.orchestrator.api.python_page import examples, run
from tests.orchestrator.conftest import PAGE

pytestmark = [pytest.mark.proof, pytest.mark.browser, pytest.mark.xdist_group("deployed")]

#: The example of the API's design, with `events` read to its end before the video is fetched.
TEN_LINES = """
from orchestrator import CloudRun, Lambda, Local, get_job, jobs, render, submit

video = render("promo", "out.mp4")
video = render("promo", OUTPUT, target=Lambda(stack=STACK),
               props={"title": "Hi"}, max_cost=2.0, on_event=print)
job = submit("promo", "out.mp4", target=Lambda(stack=STACK))
job.status(); job.wait(timeout=600); job.download("out.mp4"); job.cost(); job.events()
jobs(); job = get_job(job.id)
"""


@pytest.fixture
def folder(tmp_path: Path, renders: Renders, monkeypatch: pytest.MonkeyPatch) -> Path:
    page = PAGE.format(declared=' data-duration="0.3"', more="")
    (tmp_path / "promo").mkdir()
    (tmp_path / "promo/index.html").write_text(page, "utf-8")
    monkeypatch.chdir(tmp_path)
    for name, value in renders.aws.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HELIOS_STACK", renders.stack.name)
    monkeypatch.setenv("HELIOS_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.timeout(400)
def test_the_examples_of_the_cloud_run(
    folder: Path, renders: Renders, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [
        block.replace('"Helios"', repr(renders.stack.name)) for block in examples()["In the cloud"]
    ]
    run(blocks, {})
    assert {"out.mp4", "detached.mp4"} <= {path.name for path in folder.iterdir()}


@pytest.mark.timeout(400)
def test_ten_lines_render_here_into_a_bucket_and_without_this_process(
    folder: Path, renders: Renders, capsys: pytest.CaptureFixture[str]
) -> None:
    output = f"{renders.stack.artifacts}/videos/out.mp4"
    names: dict[str, object] = {"OUTPUT": output, "STACK": renders.stack.name}
    run([TEN_LINES], names)

    video = names["video"]
    assert (video.url, video.frames) == (output, 9)  # type: ignore[attr-defined]
    assert "ChunkFinished(" in capsys.readouterr().out
    job = names["job"]
    assert job.status().where == f"stack {renders.stack.name} in {renders.stack.region}"  # type: ignore[attr-defined]
