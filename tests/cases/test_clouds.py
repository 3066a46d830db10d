"""Examples and pages of real libraries equal their references over both clouds' workers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import aws_side, google_side
from tests.cases import helios, images, lottie, remotion  # noqa: F401 - add cases
from tests.cases.case import CASES
from tests.cases.reference_pages import PAGES, write_page
from tests.cases.shown import HEIGHT, WIDTH
from tests.cases.theatre import Theatre
from tests.orchestrator.cloud_sites import Clouds
from tests.orchestrator.conftest import Bench

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.xdist_group("cases_on_clouds")]


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    folder = tmp_path_factory.mktemp("clouds")
    with aws_side(folder, at_once=2) as aws, google_side(folder, at_once=2) as google:
        yield Clouds(aws, google)


def decoded(video: Path) -> list[str]:
    """Return the stream and a digest of each decoded frame, of the picture and of the sound."""
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-map", "0", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split(",") for line in done.stdout.splitlines() if line[0] != "#"]
    return [f"{line[0]}:{line[-1].strip()}" for line in lines]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_equals_its_reference_on_both_clouds(
    theatre: Theatre, clouds: Clouds, tmp_path: Path, name: str
) -> None:
    case = PAGES[name]
    folder = write_page(theatre, case)
    bench = Bench(tmp_path)
    flags: list[Any] = [*("--width", WIDTH, "--height", HEIGHT, "--crf", 0, "--fps", case.rate)]
    flags += ["--replay"] if case.replay else []

    def render(output: str, *more: object) -> list[str]:
        command = bench.start("render", folder, "-o", output, *flags, *more, env=clouds.env)
        done = command.end(seconds=300)
        assert done.status == 0, done.stderr
        return decoded(bench.folder / output)

    reference = render("reference.mp4", "--reference")

    assert len([line for line in reference if line.startswith("0:")]) == case.frame_count
    before = clouds.rendered()
    for adapter in ("lambda", "cloudrun"):
        on_workers = render(f"{adapter}.mp4", "--adapter", adapter, "--chunks", 3)
        assert on_workers == reference, adapter
    after = clouds.rendered()
    # A chunk that takes long is rendered twice.
    assert min(after[name] - before[name] for name in after) >= 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [
        "helios-assets-two-folders-above-the-page",
        "image-pictures-of-unequal-length",
        "lottie-an-animation-is-chosen-by-its-id",
        "lottie-an-image-beside-the-file",
        "remotion-a-film-shows-the-picture-of-its-time",
    ],
)
def test_a_file_and_a_project_are_packed_for_both_clouds(
    theatre: Theatre, clouds: Clouds, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    source = theatre.write(case) / case.source
    bench = Bench(tmp_path)
    flags: list[Any] = [*("--width", WIDTH, "--height", HEIGHT, "--crf", 0, "--fps", case.rate)]
    flags += ["--frames", case.frame_count]
    flags += [] if case.composition_id is None else ["--composition", case.composition_id]

    def render(output: str, *more: object) -> list[str]:
        command = bench.start("render", source, "-o", output, *flags, *more, env=clouds.env)
        done = command.end(seconds=300)
        assert done.status == 0, done.stderr
        return decoded(bench.folder / output)

    here = render("here.mp4")
    for adapter in ("lambda", "cloudrun"):
        on_workers = render(f"{adapter}.mp4", "--adapter", adapter, "--chunks", 2)
        assert on_workers == here, adapter
