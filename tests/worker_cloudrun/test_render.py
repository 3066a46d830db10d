"""A composition rendered by the command line: on a local Cloud Run, and on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker_cloudrun.conftest import CloudSite

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("cloud_run"),
    pytest.mark.timeout(600),
]

FRAMES = 12


def render(video: Path, *flags: str, env: dict[str, str] | None = None) -> str:
    orchestrator = Path(sys.executable).with_name("orchestrator")
    command = [str(orchestrator), "render", "examples/canvas"]
    command += ["-o", str(video), "--frames", str(FRAMES), "--width", "320", "--height", "180"]
    done = subprocess.run(
        [*command, "--chunks", "2", "--concurrency", "2", *flags],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def frame_hashes(video: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


@pytest.mark.proof
def test_a_render_on_cloud_run_has_the_frames_of_one_on_this_machine(
    cloud: CloudSite, tmp_path: Path
) -> None:
    with cloud.service(verify_callers=True, HELIOS_CONCURRENCY="2") as service:
        env = {
            **cloud.store.env,
            "GOOGLE_APPLICATION_CREDENTIALS": str(cloud.tokens.service_account_file()),
            "HELIOS_CLOUDRUN_URL": service.url,
            "HELIOS_GCS_ARTIFACTS": cloud.artifacts,
        }
        told = render(tmp_path / "cloud.mp4", "--adapter", "cloudrun", env=env)
        ended = [event for event in service.events() if event["event"] == "chunk.stored"]
    render(tmp_path / "here.mp4")
    assert {event["chunk"] for event in ended} == {0, 1}
    # Frames are counted while chunks render, not only when they are done.
    assert "frames/s" in told
    assert frame_hashes(tmp_path / "cloud.mp4") == frame_hashes(tmp_path / "here.mp4")
    assert len(frame_hashes(tmp_path / "cloud.mp4")) == FRAMES
