"""Renders by the Python API on both clouds' stand-ins, with the real workers behind them."""

import urllib.request
from pathlib import Path

import pytest

import orchestrator
from helios.errors import CostLimitReached
from orchestrator import CloudRun, Lambda, Notice, ProgressEvent, Video, still
from tests.orchestrator.cloud_sites import Clouds, frame_hashes
from tests.orchestrator.conftest import PAGE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clouds")]

FRAMES = 8


@pytest.fixture
def page(tmp_path: Path, clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A composition, in a process whose environment leads to both clouds."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE.format(declared="", more=""), "utf-8")
    for name, value in clouds.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HELIOS_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return folder


def render(page: Path, name: str, **settings: object) -> Video:
    return orchestrator.render(  # type: ignore[call-overload,no-any-return]
        page, name, size=(160, 90), frames=FRAMES, chunks=2, **settings
    )


@pytest.mark.long
def test_each_cloud_makes_the_video_that_this_machine_makes(page: Path, clouds: Clouds) -> None:
    here = render(page, "here.mp4")
    before = clouds.rendered()
    events: list[ProgressEvent] = []
    on_lambda = render(page, "lambda.mp4", target=Lambda(), on_event=events.append, backups=False)
    on_both = render(page, "both.mp4", target=[Lambda(), CloudRun()], backups=False)

    assert here.cost is None
    assert on_lambda.cost is not None and on_lambda.cost.dollars > 0
    assert {event.kind for event in events if isinstance(event, Notice)} >= {"planned", "uploaded"}
    assert sum(clouds.rendered().values()) - sum(before.values()) == 4
    hashes = [frame_hashes(str(video.path)) for video in (here, on_lambda, on_both)]
    assert hashes[0] == hashes[1] == hashes[2]


def test_a_video_in_storage_has_a_url_and_a_link_and_comes_here_on_request(
    page: Path, clouds: Clouds
) -> None:
    url = f"{clouds.google.artifacts}/videos/v.mp4"
    video = render(page, url, target=CloudRun(), presign=60)

    assert (video.url, video.path) == (url, None)
    assert video.link is not None
    job = orchestrator.get_job(video.job_id)
    assert job.download("copy.mp4") == Path("copy.mp4")
    assert len(frame_hashes("copy.mp4")) == FRAMES
    with urllib.request.urlopen(job.link(expires="10m")) as answer:
        assert answer.read() == Path("copy.mp4").read_bytes()
    assert job.verify().boundaries == 1


def test_a_still_is_the_same_on_each_cloud_and_on_this_machine(page: Path, clouds: Clouds) -> None:
    here = still(page, "here.png", at=5)
    on_lambda = still(page, "lambda.png", at="0.17s", target=Lambda())
    url = f"{clouds.google.artifacts}/stills/frame.png"
    on_cloud_run = still(page, url, at=5, target=CloudRun(), presign=60)

    assert (here.frames, here.path) == (1, Path.cwd() / "here.png")
    assert on_lambda.path is not None
    assert on_lambda.path.read_bytes() == Path("here.png").read_bytes()
    assert (on_cloud_run.url, on_cloud_run.path) == (url, None)
    assert on_cloud_run.link is not None
    with urllib.request.urlopen(on_cloud_run.link) as answer:
        assert answer.read() == Path("here.png").read_bytes()


@pytest.mark.long
def test_a_render_above_its_cost_limit_is_resumed_with_a_higher_one(page: Path) -> None:
    with pytest.raises(CostLimitReached) as caught:
        render(page, "v.mp4", target=Lambda(), concurrency=1, max_cost=0.00002)
    assert "`max_cost`" in caught.value.hint
    [job] = orchestrator.jobs()
    assert (job.status().state, job.status().chunks_done) == ("paused", 1)

    assert job.resume(max_cost=1.0).frames == FRAMES
    assert len(frame_hashes("v.mp4")) == FRAMES
