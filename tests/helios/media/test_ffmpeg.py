"""Running ffmpeg: what it returns, how its failures are told apart, how it ends."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from helios.errors import (
    AudioFailed,
    CodecUnavailable,
    DiskFull,
    EncodeFailed,
    HeliosError,
    OutputUnwritable,
    ProgramMissing,
)
from helios.media.ffmpeg import (
    available_encoders,
    end_process,
    ffmpeg_failure,
    file_url,
    require_encoder,
    run_ffmpeg,
    run_ffprobe,
)
from sandbox.scripted_server import ScriptedServer

TONE = ("-f", "lavfi", "-i", "sine=d=0.1")
NASTY_NAMES = ("-y.wav", "a:b.wav", 'it\'s "so".wav', "new\nline.wav", "100%d.wav", "動画 🎬.wav")


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_files_of_any_name_are_written_and_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    asyncio.run(run_ffmpeg([*TONE, file_url(path)]))
    assert path.stat().st_size > 1000
    asyncio.run(run_ffmpeg(["-i", file_url(name), "-f", "null", "-"], cwd=tmp_path))
    assert b"codec_name=pcm_s16le" in asyncio.run(run_ffprobe(["-show_streams", file_url(path)]))


def test_web_addresses_stay_as_they_are() -> None:
    assert file_url("https://host/a b.mp3") == "https://host/a b.mp3"


def test_output_is_returned_and_input_is_fed(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 16
    pipe = ["-f", "u8", "-ar", "8000", "-ac", "1"]
    assert asyncio.run(run_ffmpeg([*pipe, "-i", "pipe:0", *pipe, "pipe:1"], stdin=raw)) == raw
    with (tmp_path / "out.raw").open("wb") as file:
        asyncio.run(run_ffmpeg([*pipe, "-i", "pipe:0", *pipe, "pipe:1"], stdin=raw, stdout=file))
    assert (tmp_path / "out.raw").read_bytes() == raw


def test_a_failure_is_of_the_class_asked_for_and_keeps_the_log(tmp_path: Path) -> None:
    arguments = ["-i", file_url(tmp_path / "missing.mp3"), "-f", "null", "-"]
    with pytest.raises(AudioFailed, match="the intro") as caught:
        asyncio.run(run_ffmpeg(arguments, error=AudioFailed, message="the intro can't be read"))
    assert "No such file" in caught.value.details[-1]


def test_a_full_disk_is_told() -> None:
    # /dev/full answers every write with "no space left".
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(DiskFull):
        asyncio.run(run_ffmpeg(["-y", *TONE, "-f", "wav", "file:/dev/full"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritable):
        asyncio.run(run_ffmpeg([*TONE, file_url(tmp_path / "a.wav")]))


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("av_interleaved_write_frame(): No space left on device", DiskFull),
        ("/out/a.mp4: Permission denied", OutputUnwritable),
        ("/out/a.mp4: Read-only file system", OutputUnwritable),
        ("moov atom not found", EncodeFailed),
    ],
)
def test_a_log_tells_what_went_wrong(log: str, expected: type[HeliosError]) -> None:
    error = ffmpeg_failure(log, error=EncodeFailed, message="encoding failed")
    assert type(error) is expected
    assert error.details == (log,)


def test_a_missing_program_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProgramMissing, match="apt-get install ffmpeg"):
        asyncio.run(run_ffmpeg(["-version"]))


def test_a_cancelled_run_ends_its_process(tmp_path: Path) -> None:
    endless = ["-re", "-f", "lavfi", "-i", "sine", "-flush_packets", "1"]
    output = tmp_path / "endless.wav"

    async def cancelled() -> None:
        task = asyncio.create_task(run_ffmpeg([*endless, file_url(output)]))
        while not output.exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    running = subprocess.check_output(["ps", "-eo", "args"], text=True)
    assert str(tmp_path) not in running


PLAYLIST = """#EXTM3U
#EXT-X-TARGETDURATION:1
#EXTINF:1,
{segment}
#EXT-X-ENDLIST
"""


@pytest.mark.parametrize(
    "segment",
    ["{url}/a.ts", "concat:a.ts|b.ts", "subfile,,start,0,end,9,,:a", "{folder}/a.ts", "../a.ts"],
)
async def test_a_playlist_on_this_machine_opens_nothing_whatever_its_name(
    tmp_path: Path, segment: str
) -> None:
    server = ScriptedServer()
    await run_ffmpeg([*TONE, "-c:a", "mp2", file_url(tmp_path / "a.ts")])
    playlist = tmp_path / "composition" / "video.mp4"
    playlist.parent.mkdir()
    segment = segment.format(url=server.endpoint, folder=tmp_path)
    try:
        playlist.write_text(PLAYLIST.format(segment=segment))
        with pytest.raises(EncodeFailed, match="not on whitelist: playlists can't be inputs"):
            await run_ffmpeg(["-i", file_url(playlist), "-f", "null", "-"])
        with pytest.raises(EncodeFailed, match="not on whitelist"):
            await run_ffprobe(["-show_streams", file_url(playlist)])
        assert server.requests == []
    finally:
        server.close()


def test_encoders_are_known_by_name() -> None:
    assert {"aac", "pcm_s16le"} <= available_encoders()
    assert require_encoder("aac") == "aac"
    with pytest.raises(CodecUnavailable, match="nonsense"):
        require_encoder("nonsense")


def test_an_encoder_that_is_missing_shows_when_it_is_started() -> None:
    source = ["-f", "rawvideo", "-video_size", "16x16", "-i", "pipe:0"]
    command = [*source, "-c:v", "nonsense", "-f", "null", "-"]
    with pytest.raises(CodecUnavailable, match="'nonsense'"):
        asyncio.run(run_ffmpeg(command, stdin=bytes(384)))


async def test_a_process_is_ended_of_whose_output_only_a_part_was_read() -> None:
    process = await asyncio.create_subprocess_exec("yes", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readexactly(2)
    # More than is buffered: asyncio stops reading then.
    while _buffered(process.stdout) < 2 * _limit(process.stdout):  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.01)

    await asyncio.wait_for(end_process(process), 60)

    assert process.returncode == -signal.SIGTERM


def _buffered(stream: asyncio.StreamReader) -> int:
    return len(stream._buffer)  # type: ignore[attr-defined]


def _limit(stream: asyncio.StreamReader) -> int:
    return stream._limit  # type: ignore[attr-defined,no-any-return]


async def test_a_process_is_ended_without_reaping_it_before_asyncio_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    reaped: list[int] = []
    monkeypatch.setattr(subprocess.Popen, "poll", lambda child: reaped.append(child.pid))

    await end_process(process)

    assert process.returncode == -signal.SIGTERM
    assert reaped == []
