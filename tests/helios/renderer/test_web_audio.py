"""Web Audio on virtual time: what is heard, and what its nodes show in each frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helios.renderer.soundtrack import _play_through

from .conftest import RATE, Log, Studio

SAMPLE_RATE = 48000
FRAMES = 31


@dataclass(frozen=True)
class Heard:
    """What a page of a second has played through its AudioContexts."""

    sounds: list[dict[str, Any]]
    samples: list[NDArray[np.float32]]

    def pitch(self, start: float, end: float, context: int = 0) -> int:
        """The loudest tone of the left channel in Hz; 0 for silence."""
        span = self.samples[context][int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE), 0]
        if not np.abs(span).max(initial=0) > 1e-3:
            return 0
        return int(np.abs(np.fft.rfft(span * np.hanning(len(span)), SAMPLE_RATE)).argmax())

    def peak(self, start: float, end: float) -> float:
        span = self.samples[0][int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE), 0]
        return float(np.abs(span).max())


@pytest.fixture(scope="module")
def folder(studio: Studio) -> Iterator[Path]:
    path = studio.root / "web-audio"
    path.mkdir()
    yield path


def listen(studio: Studio, folder: Path, script: str, *, log: Log | None = None) -> Heard:
    (folder / "page.html").write_text(f"<!doctype html><body><script>{script}</script>")

    async def work() -> Heard:
        seconds = Fraction(FRAMES) / RATE
        async with studio.page("web-audio/page.html", log=log, seconds=seconds) as page:
            await _play_through(page, FRAMES - 1, every_frame=False)
            sounds = await page.audio.sounds(final=True)
            files = [await page.audio.blob(sound["source"]) or b"" for sound in sounds]
        samples = [np.frombuffer(file[44:], "<f4").reshape(-1, 2) for file in files]
        return Heard(sounds, samples)

    return studio.run(work())


def test_nodes_are_heard_at_the_time_at_which_scripts_change_them(
    studio: Studio, folder: Path
) -> None:
    heard = listen(
        studio,
        folder,
        """
        const context = new AudioContext();
        const tone = new OscillatorNode(context, { frequency: 440 });
        const gain = new GainNode(context, { gain: 0.5 });
        tone.connect(gain).connect(context.destination);
        tone.start();
        setTimeout(() => (tone.frequency.value = 880), 400);
        setTimeout(() => (gain.gain.value = 0.25), 700);
        """,
    )
    assert heard.pitch(0.05, 0.35) == pytest.approx(440, abs=2)
    assert heard.pitch(0.45, 0.95) == pytest.approx(880, abs=2)
    assert heard.peak(0.1, 0.6) == pytest.approx(0.5, abs=0.01)
    assert heard.peak(0.75, 0.95) == pytest.approx(0.25, abs=0.01)


def test_a_context_tells_the_time_of_the_page(studio: Studio, folder: Path) -> None:
    log: Log = []
    listen(
        studio,
        folder,
        """
        const context = new AudioContext();
        const say = (name) => console.log(name, context.state, context.currentTime.toFixed(2));
        context.onstatechange = () => say("change");
        say("load");
        setTimeout(async () => { await context.suspend(); say("suspended"); }, 500);
        setTimeout(async () => { say("later"); await context.resume(); }, 700);
        setTimeout(async () => { say("resumed"); await context.close(); say("end"); }, 900);
        """,
        log=log,
    )
    assert [text for _, _, text in log] == [
        "load running 0.00",
        "suspended suspended 0.50",
        "change suspended 0.50",
        "later suspended 0.50",
        "change running 0.50",
        "resumed running 0.70",
        "end closed 0.70",
        "change closed 0.70",
    ]


def test_an_analyser_shows_the_same_in_any_chunk(studio: Studio, folder: Path) -> None:
    (folder / "page.html").write_text(
        """<!doctype html><body><script>
        const context = new AudioContext();
        const tone = new OscillatorNode(context, { frequency: 1000, type: "square" });
        const analyser = new AnalyserNode(context, { fftSize: 512 });
        tone.connect(analyser).connect(context.destination);
        tone.start();
        tone.frequency.setValueAtTime(1000, 0); tone.frequency.linearRampToValueAtTime(5000, 1);
        const bins = new Uint8Array(256), wave = new Float32Array(512);
        const tick = () => {
          analyser.getByteFrequencyData(bins); analyser.getFloatTimeDomainData(wave);
          requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);
        </script>"""
    )

    def shown(*frames: int) -> list[str]:
        async def work() -> list[str]:
            found = []
            async with studio.page("web-audio/page.html") as page:
                for frame in frames:
                    await page.seek(frame, every_frame=False)
                    state = await page._session.evaluate("[...bins, ...wave].join()")
                    found.append(str(state))
            return found

        return studio.run(work())

    every = shown(*range(25))
    assert len(set(every)) > 20
    assert shown(3, 17, 24) == [every[3], every[17], every[24]]


def test_a_media_element_in_a_graph_is_heard_there_alone(studio: Studio, folder: Path) -> None:
    heard = listen(
        studio,
        folder,
        """
        const context = new AudioContext();
        const sound = new Audio("/assets/counter.mp4");
        const source = context.createMediaElementSource(sound);
        source.connect(new GainNode(context, { gain: 2 })).connect(context.destination);
        setTimeout(() => sound.play(), 200);
        setTimeout(() => (sound.playbackRate = 2), 500);
        setTimeout(() => sound.pause(), 800);
        """,
    )
    assert len(heard.sounds) == 1
    assert heard.pitch(0, 0.19) == 0
    assert heard.pitch(0.25, 0.48) == pytest.approx(440, abs=3)
    assert heard.pitch(0.55, 0.78) == pytest.approx(880, abs=3)
    assert heard.pitch(0.82, 1) == 0


def test_a_context_that_is_only_asked_to_decode_makes_no_sound(
    studio: Studio, folder: Path
) -> None:
    script = """fetch("/assets/counter.mp4").then((answer) => answer.arrayBuffer())
      .then((data) => new AudioContext().decodeAudioData(data));"""
    assert listen(studio, folder, script).sounds == []
