"""Sound: what is heard when, how loud and how high."""

from typing import Any

import numpy as np

from tests.cases.case import case
from tests.cases.shown import SAMPLE_RATE, Shown, near


def _rising_volume(name: str, body: str, **options: Any) -> None:
    """Add a page whose sound is silent up to 0.5 s and rises evenly to full at 2 s."""

    def check(shown: Shown) -> None:
        times = (0.2, 0.8, 1.25, 1.7, 2.5)
        heard = [shown.loudness(time - 0.03, time + 0.03) for time in times]
        assert heard == near([0, 0.2, 0.5, 0.8, 1], 0.08)

    check.__name__ = name
    sound = '<audio id="sound" src="440.wav"></audio>'
    case(sound + body, media=["440.wav"], seconds=2.6, sounds=True, **options)(check)


_rising_volume(
    "volume_by_frame",
    """<script>
const set = (t) => {
  sound.volume = Math.min(1, Math.max(0, (t - 500) / 1500));
  requestAnimationFrame(set);
};
sound.volume = 0;
requestAnimationFrame(set);
</script>""",
)
_rising_volume(
    "volume_by_interval",
    """<script>
sound.volume = 0;
setTimeout(() => {
  const id = setInterval(() => {
    sound.volume = Math.min(1, sound.volume + 0.05);
    if (sound.volume === 1) clearInterval(id);
  }, 75);
}, 500);
</script>""",
)
_rising_volume(
    "volume_by_gsap",
    """<script src="gsap.min.js"></script>
<script>
sound.volume = 0;
const timeline = gsap.timeline({ paused: true });
timeline.to(sound, { volume: 1, duration: 1.5, ease: "none" }, 0.5);
window.__timelines = { timeline };
</script>""",
    libraries={"gsap.min.js": "gsap/dist/gsap.min.js"},
)


@case(
    """<section><audio src="440.wav" autoplay></audio></section>
<script>
setTimeout(() => {
  document.querySelector("section").remove();
  document.body.innerHTML = '<audio src="880.wav" autoplay></audio>';
}, 1000);
</script>""",
    media=["440.wav", "880.wav"],
    seconds=2.2,
    sounds=True,
)
def sound_that_is_removed(shown: Shown) -> None:
    assert [shown.pitch(0.2, 0.8), shown.pitch(1.2, 2.1)] == near([440, 880], 2)
    assert shown.strength(440, 1.2, 2.1) == near(0, 0.005)


@case(
    """<audio src="440.wav"></audio>
<script>
const sound = document.querySelector("audio");
setTimeout(() => (sound.muted = true), 500);
setTimeout(() => (sound.muted = false), 1000);
</script>""",
    media=["440.wav"],
    seconds=1.5,
    sounds=True,
)
def sound_that_is_muted_for_a_while(shown: Shown) -> None:
    heard = [shown.loudness(start, start + 0.4) for start in (0.05, 0.55, 1.05)]
    assert heard == near([1, 0, 1], 0.1)


@case(
    '<audio src="1000.wav" data-helios-start="0.5"></audio>',
    media=["1000.wav"],
    seconds=2,
    sounds=True,
)
def sound_as_loud_as_its_file(shown: Shown) -> None:
    heard = np.flatnonzero(np.abs(shown.sound) > 0.05) / SAMPLE_RATE
    assert [float(heard[0]), float(heard[-1])] == near([0.5, 1.5], 0.003)
    assert float(np.abs(shown.sound).max()) == near(10 ** (-6 / 20), 0.018)
    assert len(shown.frames) == 60


@case(
    '<audio src="steps.wav" data-helios-start="0.5" data-helios-trim="0.5" data-helios-duration="1">'
    "</audio>",
    media=["steps.wav"],
    seconds=2,
    sounds=True,
)
def sound_in_a_window(shown: Shown) -> None:
    spans = ((0.1, 0.4), (0.55, 0.95), (1.05, 1.45), (1.6, 1.9))
    assert [shown.pitch(*span) for span in spans] == near([0, 440, 880, 0], 2)


def _steps(shown: Shown, *spans: tuple[float, float]) -> None:
    assert [shown.pitch(*span) for span in spans] == near([440, 880, 1320, 1760, 0], 2)


@case(
    """<audio src="steps.wav"></audio>
<script>const a = document.querySelector("audio"); a.playbackRate = 2; a.play()</script>""",
    media=["steps.wav"],
    seconds=2.5,
    sounds=True,
)
def sound_at_twice_its_speed(shown: Shown) -> None:
    _steps(shown, (0.1, 0.4), (0.6, 0.9), (1.1, 1.4), (1.6, 1.9), (2.2, 2.45))


@case(
    """<audio src="steps.wav"></audio>
<script>
const a = document.querySelector("audio");
a.play();
setTimeout(() => (a.playbackRate = 2), 1000);
</script>""",
    media=["steps.wav"],
    seconds=3,
    sounds=True,
)
def sound_that_becomes_faster(shown: Shown) -> None:
    _steps(shown, (0.1, 0.9), (1.1, 1.4), (1.6, 1.9), (2.1, 2.4), (2.6, 2.9))


@case(
    """<script>
setTimeout(() => new Audio("440-1s.wav").play(), 500);
setTimeout(() => Object.assign(new Audio("880-1s.wav"), { volume: 0.5 }).play(), 1750);
</script>""",
    media=["440-1s.wav", "880-1s.wav"],
    seconds=2.8,
    sounds=True,
)
def sound_without_an_element_in_the_page(shown: Shown) -> None:
    spans = ((0.1, 0.4), (0.6, 1.4), (1.55, 1.7), (1.85, 2.65))
    assert [shown.pitch(*span) for span in spans] == near([0, 440, 0, 880], 2)
    assert [shown.loudness(*span) for span in spans] == near([0, 1, 0, 0.5], 0.05)


@case(
    """<canvas width="160" height="90" style="display: block"></canvas>
<script>
const c = document.querySelector("canvas").getContext("2d");
let wave = null, tone = null;
(async () => {
  const bytes = await (await fetch("440.wav")).arrayBuffer();
  wave = (await new AudioContext().decodeAudioData(bytes)).getChannelData(0);
  const offline = new OfflineAudioContext(1, 48000, 48000);
  const source = new OscillatorNode(offline);
  source.connect(offline.destination);
  source.start();
  tone = await offline.startRendering();
})();
const draw = (t) => {
  c.fillStyle = "#fff";
  c.fillRect(0, 0, 160, 90);
  const peak = wave && Math.max(...wave.slice(t * 48, t * 48 + 400));
  c.fillStyle = "rgb(204, 0, 0)";
  if (wave) c.fillRect(0, 0, 160, 80 * peak);
  c.fillStyle = "rgb(0, 102, 204)";
  if (tone) c.fillRect(0, 80, 160, 10);
  requestAnimationFrame(draw);
};
requestAnimationFrame(draw);
</script>""",
    media=["440.wav"],
    seconds=1,
)
def picture_of_a_decoded_sound(shown: Shown) -> None:
    frames = (0, 1, 8, 15, 29)
    assert shown.area((204, 0, 0), frames) == near([160 * 40] * 5, 320)
    assert shown.width(85, (0, 102, 204), frames) == [160] * 5


@case(
    """<i></i>
<script>
(async () => {
  const context = new AudioContext();
  await context.resume();
  const tone = new OscillatorNode(context);
  tone.connect(context.destination);
  tone.start();
  document.querySelector("i").animate({ translate: ["0", "120px"] }, { duration: 1000, fill: "both" });
})();
</script>""",
    css="i { position: absolute; width: 20px; height: 20px; background: rgb(204, 0, 0) }",
    seconds=1,
)
def page_that_begins_when_sound_may_play(shown: Shown) -> None:
    assert shown.left(10, (204, 0, 0), [0, 15, 24]) == near([0, 60, 96], 2)


@case('<audio src="440.wav"></audio>', media=["440.wav"], seconds=0.01, sounds=True)
def page_shorter_than_a_frame(shown: Shown) -> None:
    assert len(shown.frames) == 1


@case(
    '<audio src="two-tones.wav" loop></audio>',
    media=["two-tones.wav"],
    seconds=2,
    sounds=True,
)
def sound_that_repeats(shown: Shown) -> None:
    spans = [(start + 0.05, start + 0.35) for start in (0, 0.4, 0.8, 1.2, 1.6)]
    assert [shown.pitch(*span) for span in spans] == near([440, 880, 440, 880, 440], 2)


@case(
    '<audio src="440.wav" data-helios-duration="2" data-helios-fade-in="1" data-helios-fade-out="0.5">'
    "</audio>",
    media=["440.wav"],
    seconds=2.5,
    sounds=True,
)
def sound_that_fades_in_and_out(shown: Shown) -> None:
    times = (0.25, 0.5, 0.75, 1.2, 1.75, 2.2)
    heard = [shown.loudness(time - 0.02, time + 0.02) for time in times]
    assert heard == near([0.25, 0.5, 0.75, 1, 0.5, 0], 0.03)


@case(
    """<audio src="steps.wav"></audio>
<script>
const sound = document.querySelector("audio");
sound.play();
setTimeout(() => (sound.currentTime = 2), 500);
setTimeout(() => sound.pause(), 1000);
</script>""",
    media=["steps.wav"],
    seconds=1.5,
    sounds=True,
)
def sound_that_jumps_and_stops(shown: Shown) -> None:
    spans = ((0.05, 0.45), (0.55, 0.95), (1.05, 1.45))
    assert [shown.pitch(*span) for span in spans] == near([440, 1320, 0], 2)


@case(
    """<audio src="440.wav"></audio>
<script>
const sound = document.querySelector("audio");
sound.preservesPitch = false;
sound.playbackRate = 2;
sound.play();
</script>""",
    media=["440.wav"],
    seconds=2,
    sounds=True,
)
def sound_whose_pitch_follows_its_speed(shown: Shown) -> None:
    assert [shown.pitch(0.1, 1.4), shown.pitch(1.6, 1.9)] == near([880, 0], 2)


@case(
    '<iframe src="inner.html"></iframe><audio src="880.wav"></audio>',
    files={"inner.html": '<!doctype html><audio src="440.wav" data-helios-volume="0.5"></audio>'},
    media=["440.wav", "880.wav"],
    seconds=1,
    sounds=True,
)
def sounds_of_a_page_and_of_an_inner_frame(shown: Shown) -> None:
    assert shown.strength(440, 0.1, 0.9) == near(0.25, 0.02)
    assert shown.strength(880, 0.1, 0.9) == near(0.5, 0.02)
