"""Compositions of Remotion look and sound as Remotion's own renderer shows them."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from helios.renderer.browser.chromium import find_browser
from tests.cases.case import CASES
from tests.cases.remotion import SOUNDS, STILLS
from tests.cases.shown import SAMPLE_RATE
from tests.cases.theatre import Theatre
from tests.orchestrator.conftest import Bench

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.xdist_group("cases")]

#: Signal to noise in dB from which pictures count as alike.
ALIKE = 40
_HERE = Path(__file__).parent


@pytest.fixture
def bundle(theatre: Theatre) -> Path:
    return theatre.write(CASES["remotion-a-film-shows-the-picture-of-its-time"])


def theirs(bundle: Path, composition_id: str, frames: list[int], folder: Path) -> None:
    """Render frames, or without any the sound, with Remotion."""
    numbers = ",".join(map(str, frames))
    script = _HERE / "bundles/remotion_render.mjs"
    command = [script, bundle, composition_id, numbers, folder, find_browser()]
    subprocess.run(["node", *map(str, command)], cwd=_HERE, check=True, capture_output=True)


def bench_in(folder: Path) -> Bench:
    (folder / "ours").mkdir()
    return Bench(folder / "ours")


@pytest.mark.parametrize("composition_id", STILLS)
def test_a_still_looks_like_remotions(bundle: Path, tmp_path: Path, composition_id: str) -> None:
    frames = STILLS[composition_id]
    theirs(bundle, composition_id, frames, tmp_path)
    bench = bench_in(tmp_path)
    for frame in frames:
        name = f"{composition_id}-{frame}.png"
        flags = ("--composition", composition_id, "--at", frame, "-o", name)
        done = bench.run("still", bundle, *flags)
        assert done.status == 0, done.stderr
        one, other = _pixels(bench.folder / name), _pixels(tmp_path / name)
        assert one.shape == other.shape
        error = np.mean((one - other) ** 2)
        assert error <= 255**2 / 10 ** (ALIKE / 10), f"frame {frame}"


@pytest.mark.parametrize("composition_id", SOUNDS)
def test_sound_begins_where_remotions_does(
    bundle: Path, tmp_path: Path, composition_id: str
) -> None:
    theirs(bundle, composition_id, [], tmp_path)
    bench = bench_in(tmp_path)
    flags = ("--composition", composition_id, "-o", "ours.mp4")
    done = bench.run("render", bundle, *flags)
    assert done.status == 0, done.stderr
    ours, other = _samples(bench.folder / "ours.mp4"), _samples(tmp_path / f"{composition_id}.wav")
    length = min(len(ours), len(other))
    assert length >= 0.98 * len(ours)
    # Their offset, from how loud both are in each millisecond.
    one, two = (_loudness(samples[:length]) for samples in (ours, other))
    assert np.abs(one - two).mean() < 0.05 * one.max()
    match = np.correlate(one - one.mean(), two - two.mean(), "full")
    assert abs(int(match.argmax()) - (len(two) - 1)) <= 25


def _pixels(path: Path) -> NDArray[np.float64]:
    return np.asarray(Image.open(path).convert("RGB")).astype(np.float64)


def _samples(path: Path) -> NDArray[np.float64]:
    rate = ("-ac", "1", "-ar", str(SAMPLE_RATE))
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", *rate, "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<f4").astype(np.float64)


def _loudness(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    blocks = samples[: len(samples) // 48 * 48].reshape(-1, 48)
    return np.asarray(np.sqrt((blocks**2).mean(axis=1)))
