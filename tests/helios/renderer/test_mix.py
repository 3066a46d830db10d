"""The sound of whole compositions, read back: which tone is heard when, and how loud."""

import asyncio
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helios.renderer.composition import Composition
from helios.renderer.page import PageOptions
from helios.renderer.soundtrack import mix_composition

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mix")]

SAMPLE_RATE = 48000
#: Peak of each tone; quiet, for many sound at once.
PEAK = 0.1
PAGE = """<!doctype html>
<audio src="t400.wav" id=raf></audio><audio src="t500.wav" id=driven data-helios-start=1></audio>
<audio src="t600.wav" id=muted></audio><audio src="t800.wav" id=faster></audio>
<section id=scene><audio src="t700.wav" autoplay></audio></section>
<audio id=blob></audio><audio src="t1000.wav" id=looped loop></audio>
<script>
  raf.volume = driven.volume = 0;
  const tick = (t) => { raf.volume = Math.min(1, t / 1000); requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  window.helios = { duration: 2, seek: (frame) => (driven.volume = frame < 45 ? 0 : 1) };
  const at = (time, run) => setTimeout(run, time);
  at(500, () => (muted.muted = true));
  at(500, () => scene.remove());
  at(500, () => (faster.playbackRate = 2));
  fetch("t900.wav").then((answer) => answer.blob()).then((data) => {
    blob.src = URL.createObjectURL(data);
  });
  at(1250, () => { looped.pause(); looped.currentTime = 0.5; });
  at(1500, () => looped.play());
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 1100 });
  tone.connect(new GainNode(context, { gain: 0.1 })).connect(context.destination);
  tone.start(1);
</script>
"""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float32]:
    """The left channel of the page's two seconds."""
    folder = tmp_path_factory.mktemp("mix")
    for hertz in range(400, 1001, 100):
        wave = f"{PEAK}*sin(2*PI*{hertz}*t)"
        tone = f"aevalsrc='{wave}|{wave}':s={SAMPLE_RATE}:d=1"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", tone, folder / f"t{hertz}.wav"]
        subprocess.run(list(map(str, command)), check=True)
    (folder / "index.html").write_text(PAGE)
    output = folder / "mix.wav"

    async def work() -> bool:
        page = PageOptions(width=320, height=180, rate=Fraction(30))
        composition = Composition.find(str(folder))
        return await mix_composition(
            composition, page, frame_count=60, output=output, codec="pcm_f32le"
        )

    assert asyncio.run(work())
    return _left(output)


def _left(path: Path) -> NDArray[np.float32]:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(data, "<f4").reshape(-1, 2)[:, 0]


@pytest.mark.parametrize(
    ("hertz", "levels"),
    [
        pytest.param(400, [0.25, 0.75, 0, 0], id="volume set in each animation frame"),
        pytest.param(500, [0, 0, 0, 1], id="volume set by a driven frame"),
        pytest.param(600, [1, 0, 0, 0], id="a muted element"),
        pytest.param(700, [1, 0, 0, 0], id="a removed element"),
        pytest.param(800, [1, 0.5, 0, 0], id="an element at twice its rate for its second half"),
        pytest.param(900, [1, 1, 0, 0], id="a Blob"),
        pytest.param(1000, [1, 1, 0.5, 1], id="a loop that is paused and sought"),
        pytest.param(1100, [0, 0, 1, 1], id="an oscillator of an AudioContext"),
    ],
)
def test_what_is_heard_in_each_half_second(
    mixed: NDArray[np.float32], hertz: int, levels: list[float]
) -> None:
    heard = []
    for half in mixed.reshape(4, -1):
        wave = np.exp(-2j * np.pi * hertz * np.arange(len(half)) / SAMPLE_RATE)
        heard.append(float(abs(2 * np.mean(half * wave))) / PEAK)
    assert heard == pytest.approx(levels, abs=0.03)


def test_a_tweened_volume_has_no_steps(mixed: NDArray[np.float32]) -> None:
    # Both tones have whole periods in a hundredth of a second.
    times = np.arange(480) / SAMPLE_RATE
    wave = np.exp(-2j * np.pi * 400 * times)
    levels = [abs(2 * np.mean(part * wave)) / PEAK for part in mixed[:48000].reshape(100, -1)]
    assert levels == pytest.approx((np.arange(100) + 0.5) / 100, abs=0.03)
