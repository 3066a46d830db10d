"""Renders that can be watched while they go on, by the public command and by real players."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.cloud_sites import frame_hashes
from tests.players import shown_in_browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL = ("--width", 160, "--height", 90)
FOUR = (*SMALL, "--chunks", 4, "--concurrency", 2)
TONE = '<audio src="tone.wav" autoplay></audio>'
#: Gives all segments of a playlist to a video, goes to its middle, and tells what is seen there.
PLAYER = """<!doctype html><video muted></video><canvas width="160" height="90"></canvas><script>
const once = (target, name) => new Promise((resolve, reject) => {
  const fail = () => reject(new Error(`${name}: ${target.error?.message}`));
  target.addEventListener(name, resolve, { once: true });
  target.addEventListener("error", fail, { once: true });
});
globalThis.play = async () => {
  const lines = (await (await fetch("film.m3u8")).text()).split("\\n");
  const map = lines.find((line) => line.startsWith("#EXT-X-MAP")).match(/URI="(.*)"/)[1];
  const names = [map, ...lines.filter((line) => line && !line.startsWith("#"))];
  const source = new MediaSource();
  const video = document.querySelector("video");
  video.src = URL.createObjectURL(source);
  await once(source, "sourceopen");
  const buffer = source.addSourceBuffer('video/mp4; codecs="CODECS"');
  for (const name of names) {
    buffer.appendBuffer(await (await fetch(name)).arrayBuffer());
    await once(buffer, "updateend");
  }
  source.endOfStream();
  const ranges = video.buffered;
  const buffered = [...Array(ranges.length)].map((_, n) => [ranges.start(n), ranges.end(n)]);
  video.currentTime = 0.75;
  await once(video, "seeked");
  const context = document.querySelector("canvas").getContext("2d");
  context.drawImage(video, 0, 0);
  const pixel = [...context.getImageData(150, 80, 1, 1).data];
  return { buffered, duration: video.duration, size: [video.videoWidth, video.videoHeight], pixel };
};
</script>"""


def frames_of(video: Path) -> int:
    command = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(video)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return int(done.stdout.split()[0].rstrip(","))


def frames_so_far(playlist: Path) -> tuple[str, int]:
    """Return what a playlist says by now, and the frames that it names; a player would wait."""
    text = playlist.read_text()
    ended = playlist.with_name("by-now.m3u8")
    ended.write_text(f"{text}#EXT-X-ENDLIST\n")
    frames = frames_of(ended)
    ended.unlink()
    return text, frames


@pytest.mark.long
def test_a_playlist_has_the_frames_of_the_video(bench: Any) -> None:
    bench.page(declared=' data-duration="1.5"')
    for name in ("film.m3u8", "film.mp4"):
        done = bench.run("render", "page.html", "-o", name, *FOUR)
        assert done.status == 0, done.stderr
    assert frame_hashes(bench.folder / "film.m3u8") == frame_hashes(bench.folder / "film.mp4")
    lines = (bench.folder / "film.m3u8").read_text().splitlines()
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert "#EXT-X-TARGETDURATION:1" in lines
    assert [line for line in lines if line.startswith("#EXTINF")] == [
        "#EXTINF:0.366667,",
        "#EXTINF:0.366667,",
        "#EXTINF:0.366667,",
        "#EXTINF:0.400000,",
    ]
    names = ["00000.m4s", "00001.m4s", "00002.m4s", "00003.m4s", "init.mp4"]
    assert bench.names("film.hls") == names
    assert bench.names() == ["film.hls", "film.m3u8", "film.mp4", "page.html", "tmp"]


@pytest.mark.long
def test_a_browser_plays_the_segments_with_their_sound_and_seeks_in_them(bench: Any) -> None:
    tone = [
        "-f",
        "lavfi",
        "-i",
        "sine=sample_rate=48000",
        "-t",
        "3",
        str(bench.folder / "tone.wav"),
    ]
    subprocess.run(["ffmpeg", "-loglevel", "error", *tone], check=True)
    bench.page(declared=' data-duration="1.5"', more=TONE)
    done = bench.run("render", "page.html", "-o", "film.m3u8", *FOUR)
    assert done.status == 0, done.stderr

    page = PLAYER.replace("CODECS", "avc1.64000b,mp4a.40.2")
    facts = shown_in_browser(bench.folder, page)

    assert "fault" not in facts, facts
    ((start, end),) = facts["buffered"]
    assert start == pytest.approx(0, abs=0.05)
    assert end == pytest.approx(1.5, abs=0.05)
    assert facts["duration"] == pytest.approx(1.5, abs=0.05)
    assert facts["size"] == [160, 90]
    assert facts["pixel"] == pytest.approx([0x20, 0x40, 0x60, 255], abs=6)


def test_the_playlist_grows_while_chunks_are_rendered_and_ends_with_the_render(bench: Any) -> None:
    bench.page(declared=' data-duration="8"')
    playlist = bench.folder / "film.m3u8"
    flags = (*SMALL, "--chunks", 8, "--concurrency", 1, "--json")
    running = bench.start("render", "page.html", "-o", "film.m3u8", *flags)
    running.wait_until(playlist.exists)
    text, early = frames_so_far(playlist)
    done = running.end()
    assert done.status == 0, done.stderr
    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in text
    assert "#EXT-X-ENDLIST" not in text
    assert early % 30 == 0
    assert 30 <= early < 240
    assert frames_of(playlist) == 240
    assert playlist.read_text().startswith(text)
    events = [document["event"] for document in done.documents]
    assert events.count("playlist") == 1
    assert events.index("playlist") < len(events) - 1 - events[::-1].index("chunk_finished")


@pytest.mark.long
def test_a_stopped_render_leaves_what_can_be_watched_and_its_resumption_ends_it(bench: Any) -> None:
    bench.page(declared=' data-duration="8"')
    playlist = bench.folder / "film.m3u8"
    flags = (*SMALL, "--chunks", 8, "--concurrency", 1)
    running = bench.start("render", "page.html", "-o", "film.m3u8", *flags)
    running.wait_until(playlist.exists)
    running.signal(signal.SIGINT)
    stopped = running.end()
    text, frames = frames_so_far(playlist)
    assert stopped.status == 130
    assert "#EXT-X-ENDLIST" not in text
    assert frames == 30 * text.count("#EXTINF") < 240

    [job] = bench.run("list", "--json").documents
    resumed = bench.run("resume", job["id"])

    assert resumed.status == 0, resumed.stderr
    assert playlist.read_text().endswith("#EXT-X-ENDLIST\n")
    assert frames_of(playlist) == 240
    assert bench.names() == ["film.hls", "film.m3u8", "page.html", "tmp"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-o", "film.m3u8", "--codec", "av1"), "av1 doesn't go into a playlist"),
        (("-o", "s3://bucket/film.m3u8"), "a playlist grows on this machine only"),
        (("-o", "film.m3u8", "--detach", "--stack", "Helios"), "a playlist grows on this machine"),
        (("-o", "film.mp4", "--format", "hls"), "--format hls: "),
        (("-o", "film.mp4", "--format", "dash"), "--format dash: "),
    ],
)
def test_what_can_not_become_a_playlist_is_refused_before_any_work(
    bench: Any, arguments: tuple[object, ...], told: str
) -> None:
    done = bench.run("render", "page.html", *arguments)
    assert done.status == 2
    assert "error[OPTION_INVALID]" in done.stderr
    assert told in done.stderr
    assert bench.names() == ["page.html", "tmp"]
