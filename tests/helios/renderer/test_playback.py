"""What media elements play when, by what their page does to them."""

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helios.renderer.page import CompositionPage
from helios.renderer.soundtrack import _play_through

from .conftest import Log, Studio

#: Seconds of each sound that the pages here play.
TONE = 1.0


@pytest.fixture(scope="module")
def tones(studio: Studio) -> Iterator[Path]:
    """A folder of sounds that last a second, for pages beside them."""
    folder = studio.root / "playback"
    folder.mkdir()
    for name in "abcdefgh":
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(int(2 * 8000 * TONE)))
    yield folder


def play(
    studio: Studio, folder: Path, body: str, *, frames: int = 61, log: Log | None = None
) -> list[dict[str, Any]]:
    """Play a page of two seconds and return what it is heard to have played."""
    (folder / "page.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}")

    async def work() -> list[dict[str, Any]]:
        async with studio.page("playback/page.html", log=log) as page:
            if not await _play_through(page, frames - 1, every_frame=False):
                return await again()
            return await page.audio.sounds()

    async def again() -> list[dict[str, Any]]:
        async with studio.page("playback/page.html", log=log) as page:
            await _play_through(page, frames - 1, every_frame=True)
            return await page.audio.sounds()

    return studio.run(work())


def heard(sounds: list[dict[str, Any]]) -> list[tuple[str, float, float, float | None, float]]:
    """Name, start, position, duration and rate of each sound."""
    return sorted(
        (
            Path(sound["source"]).stem,
            round(sound["start"], 3),
            round(sound["trim"], 3),
            None if sound["duration"] is None else round(sound["duration"], 3),
            sound["rate"],
        )
        for sound in sounds
    )


def test_each_change_begins_a_segment_and_leaves_the_past_alone(
    studio: Studio, tones: Path
) -> None:
    sounds = play(
        studio,
        tones,
        """
        <audio id=a src=a.wav></audio> <audio id=b src=b.wav autoplay></audio>
        <audio id=c src=c.wav loop></audio> <audio id=d src=d.wav></audio>
        <audio id=e src=e.wav></audio> <section id=s><audio src=f.wav></audio></section>
        <script>
          const at = (ms, run) => setTimeout(run, ms);
          at(500, () => (a.playbackRate = 2));
          at(400, () => (b.currentTime = 0.1));
          at(1250, () => (c.playbackRate = 0.5));
          d.pause();
          at(300, () => d.play()); at(500, () => d.pause()); at(700, () => d.play());
          at(250, () => { e.src = "g.wav"; e.play(); });
          at(600, () => s.remove());
        </script>""",
    )
    assert heard(sounds) == [
        ("a", 0, 0, 0.5, 1),
        ("a", 0.5, 0.5, 0.25, 2),
        ("b", 0, 0, 0.4, 1),
        ("b", 0.4, 0.1, 0.9, 1),
        ("c", 0, 0, 1.25, 1),
        ("c", 1.25, 0.25, None, 0.5),
        ("d", 0.3, 0, 0.2, 1),
        ("d", 0.7, 0.2, 0.8, 1),
        ("f", 0, 0, 0.6, 1),
        ("g", 0.25, 0, 1, 1),
    ]


def test_elements_outside_of_the_document_sound_only_when_they_are_played(
    studio: Studio, tones: Path
) -> None:
    sounds = play(
        studio,
        tones,
        """<script>
          const preloaded = new Audio("a.wav"); preloaded.volume = 0.5;
          const played = new Audio("b.wav"); setTimeout(() => played.play(), 500);
          const auto = document.createElement("audio"); auto.autoplay = true; auto.src = "c.wav";
        </script>""",
    )
    assert heard(sounds) == [("b", 0.5, 0, 1, 1), ("c", 0, 0, 1, 1)]


def test_what_a_removed_frame_has_played_is_heard_until_then(studio: Studio, tones: Path) -> None:
    (tones / "inner.html").write_text("<!doctype html><audio src=a.wav></audio>")
    (tones / "next.html").write_text("<!doctype html><audio src=b.wav></audio>")
    sounds = play(
        studio,
        tones,
        """<iframe id=one src=inner.html></iframe><iframe id=two src=inner.html></iframe>
        <script>
          setTimeout(() => one.remove(), 500);
          setTimeout(() => (two.src = "next.html"), 700);
        </script>""",
    )
    found = heard(sounds)
    assert [sound[:3] for sound in found] == [
        ("a", 0, 0),
        ("a", 0, 0),
        ("b", pytest.approx(0.7, abs=0.04), 0),
    ]
    assert [sound[3] for sound in found[:2]] == pytest.approx([0.5, 0.7], abs=0.04)


def test_volume_follows_timers_in_steps_and_frames_in_lines(studio: Studio, tones: Path) -> None:
    sounds = play(
        studio,
        tones,
        """<audio id=a src=a.wav></audio><audio id=b src=b.wav></audio>
        <audio id=c src=c.wav data-helios-volume=0.5></audio>
        <script>
          setTimeout(() => (a.volume = 0.25), 410); setTimeout(() => (a.muted = true), 620);
          const tick = (t) => {
            b.volume = Math.min(1, Math.max(0, (t - 199) / 100)); c.volume = t / 3000;
            requestAnimationFrame(tick);
          };
          requestAnimationFrame(tick);
        </script>""",
    )
    volumes = {Path(sound["source"]).stem: sound["volumes"] for sound in sounds}
    assert volumes["a"] == [[0, 1, False], [0.41, 0.25, False], [0.62, 0, False]]
    line = volumes["b"]
    assert line[0] == [0, 0, False]
    assert line[1] == [pytest.approx(0.2 - 1 / 30), 0, False] or line[1][:2] == [
        0.2,
        pytest.approx(0.01),
    ]
    assert [point[0] for point in line if point[2]] == pytest.approx([0.2, 7 / 30, 8 / 30, 0.3])
    assert volumes["c"] == [[0, 0.5, False]]


def test_a_sound_that_a_skipped_frame_began_is_found_by_visiting_all(
    studio: Studio, tones: Path
) -> None:
    sounds = play(
        studio,
        tones,
        """<script>
          let sound;
          const tick = (t) => {
            if (t >= 700 && !sound) (sound = new Audio("a.wav")).play();
            requestAnimationFrame(tick);
          };
          requestAnimationFrame(tick);
        </script>""",
    )
    assert heard(sounds) == [("a", 0.7, 0, 1, 1)]


def test_events_come_in_order_on_virtual_time(studio: Studio, tones: Path) -> None:
    log: Log = []
    play(
        studio,
        tones,
        """<audio id=a src=a.wav></audio><video id=v src=/assets/counter.mp4 muted></video>
        <script>
          const types = ["play", "playing", "timeupdate", "pause", "ended", "ratechange",
            "volumechange", "seeking", "seeked"];
          for (const [name, element] of Object.entries({ a, v })) {
            element.pause();
            for (const type of types) element.addEventListener(type, () => {
              console.log(name, type, performance.now() | 0, element.currentTime.toFixed(2));
            });
          }
          setTimeout(() => { a.play(); v.play(); }, 100);
          setTimeout(() => { v.pause(); }, 700);
          setTimeout(() => { a.currentTime = 0.9; }, 800);
        </script>""",
        log=log,
    )
    texts = [text for _, _, text in log]
    assert [text[2:] for text in texts if text.startswith("a ")] == [
        "play 100 0.00",
        "playing 100 0.00",
        "timeupdate 350 0.25",
        "timeupdate 600 0.50",
        "seeking 800 0.90",
        "timeupdate 800 0.90",
        "seeked 800 0.90",
        "timeupdate 900 1.00",
        "pause 900 1.00",
        "ended 900 1.00",
    ]
    assert [text[2:] for text in texts if text.startswith("v ")] == [
        "play 100 0.00",
        "playing 100 0.00",
        "timeupdate 350 0.25",
        "timeupdate 600 0.50",
        "timeupdate 700 0.60",
        "pause 700 0.60",
    ]


def test_cues_follow_virtual_time(studio: Studio, tones: Path) -> None:
    (tones / "c.vtt").write_text("WEBVTT\n\n00:00.300 --> 00:00.600\nHello\n")
    log: Log = []
    play(
        studio,
        tones,
        """<audio id=a src=a.wav><track default kind=metadata src=c.vtt></audio>
        <video id=v src=/assets/counter.mp4 muted><track default kind=captions src=c.vtt></video>
        <script>
          for (const [name, element] of Object.entries({ a, v })) {
            const track = element.textTracks[0];
            if (name === "a") track.mode = "hidden";
            track.addEventListener("cuechange", () =>
              console.log(name, track.activeCues.length, Math.round(performance.now())));
          }
        </script>""",
        log=log,
    )
    assert sorted(text for _, _, text in log) == ["a 0 600", "a 1 300", "v 0 600", "v 1 300"]


def test_bytes_behind_blob_addresses_are_kept_after_they_are_revoked(
    studio: Studio, tones: Path
) -> None:
    (tones / "page.html").write_text(
        """<!doctype html><audio id=a></audio><script>
        (async () => {
          const url = URL.createObjectURL(await (await fetch("a.wav")).blob());
          a.src = url;
          a.addEventListener("loadeddata", () => URL.revokeObjectURL(url));
        })();
        </script>"""
    )

    async def work(page: CompositionPage) -> bytes | None:
        await _play_through(page, 20, every_frame=False)
        [sound] = await page.audio.sounds()
        return await page.audio.blob(sound["source"])

    async def run() -> bytes | None:
        async with studio.page("playback/page.html") as page:
            return await work(page)

    assert studio.run(run()) == (tones / "a.wav").read_bytes()
