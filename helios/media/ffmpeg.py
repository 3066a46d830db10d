"""Runs ffmpeg and ffprobe, and classifies their failures."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import IO

from helios.errors import (
    CodecUnavailable,
    DiskFull,
    EncodeFailed,
    HeliosError,
    OutputUnwritable,
    ProgramMissing,
)
from helios.network.ffmpeg_inputs import local_input, web_input

#: Last lines of a failed program's log in an error's details.
LOG_LINES = 12
#: Seconds between SIGTERM and SIGKILL.
GRACE_SECONDS = 2.0

# ffmpeg goes on with the whole list.
_FORMAT_REFUSED = re.compile(r"(?<=Format not on whitelist) .*")
_UNKNOWN_ENCODER = re.compile(r"Unknown encoder '([^']*)'")
_URL_SCHEMES = ("http://", "https://")


def file_url(source: Path | str) -> str:
    """Return the URL with which ffmpeg opens a file of any name.

    Without a protocol, ffmpeg takes `a:b.mp4` for a protocol and `-x.mp4` for an option. An http(s)
    URL is returned unchanged.
    """
    if isinstance(source, str) and source.startswith(_URL_SCHEMES):
        return source
    return f"file:{source}"


def rendered_input(video: Path | str) -> list[str]:
    """Return the options and the URL by which ffprobe opens what a render made, or ffmpeg by `-i`.

    Only these may be playlists: those of a composition could name any file.
    """
    playlist = ["-f", "hls"] if str(video).endswith(".m3u8") else []
    return [*playlist, file_url(video)]


async def run_ffmpeg(
    args: Sequence[str],
    *,
    error: type[HeliosError] = EncodeFailed,
    message: str = "ffmpeg failed",
    stdin: bytes | None = None,
    stdout: IO[bytes] | None = None,
    cwd: Path | None = None,
) -> bytes:
    """Run ffmpeg and return its standard output.

    Args:
        args: Arguments after the common ones. Give paths by `file_url`; give `-y` where a file may
            be overwritten.
        error: Class of errors other than those below.
        message: Message of `error`, which names the input.
        stdin: Bytes for `pipe:0`.
        stdout: Open file for `pipe:1`, instead of the returned bytes.
        cwd: Working directory.

    Raises:
        ProgramMissing, DiskFull, OutputUnwritable: ffmpeg isn't installed; no space is left; the
            output can't be written.
        error: Any other failure; `details` hold the end of the log. A cancelled call ends the
            process.
    """
    return await _run(
        ffmpeg_command(args), error=error, message=message, stdin=stdin, stdout=stdout, cwd=cwd
    )


def ffmpeg_command(args: Sequence[str]) -> list[str]:
    """Return the command for arguments as `run_ffmpeg` takes them."""
    common = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error"]
    limited = [each for index in range(len(args)) for each in _limited(args, index)]
    return [*common, *limited]


async def run_ffprobe(
    args: Sequence[str],
    *,
    error: type[HeliosError] = EncodeFailed,
    message: str = "ffprobe failed",
) -> bytes:
    """Run ffprobe and return its output; errors are those of `run_ffmpeg`."""
    common = ["ffprobe", "-hide_banner", "-loglevel", "error"]
    return await _run([*common, *_limits(args[-1], args[:-1]), *args], error=error, message=message)


def _limited(args: Sequence[str], index: int) -> list[str]:
    """Return an argument; before `-i`, also the options that limit what the input opens."""
    limits = _limits(args[index + 1], args[:index]) if args[index] == "-i" else ()
    return [*limits, args[index]]


def _limits(source: str, before: Sequence[str]) -> list[str]:
    """Return the options that limit an input, which has the options `before` it."""
    if source.startswith(_URL_SCHEMES):
        return web_input()
    return local_input(value for option, value in pairwise(before) if option == "-f")


async def _run(
    command: Sequence[str],
    *,
    error: type[HeliosError],
    message: str,
    stdin: bytes | None = None,
    stdout: IO[bytes] | None = None,
    cwd: Path | None = None,
) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL if stdin is None else PIPE,
            stdout=PIPE if stdout is None else stdout,
            stderr=PIPE,
            cwd=cwd,
        )
    except FileNotFoundError:
        raise missing_program(command[0]) from None
    try:
        output, log = await process.communicate(stdin)
    except BaseException:
        await end_process(process)
        raise
    # A full disk at the time ffmpeg closes its output is reported in its log alone.
    if process.returncode != 0 or b"No space left on device" in log:
        raise ffmpeg_failure(log.decode(errors="replace"), error=error, message=message)
    return output or b""


async def end_process(process: Process) -> None:
    """Terminate a process, kill it after `GRACE_SECONDS`, and wait for its end."""
    if process.returncode is not None:
        return
    # Not by `terminate()`: that reaps a child that has just ended, for which asyncio then waits in
    # vain and prints a warning.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    ended = asyncio.ensure_future(_wait(process))
    try:
        await asyncio.wait_for(asyncio.shield(ended), GRACE_SECONDS)
    except BaseException as interruption:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await ended
        if not isinstance(interruption, TimeoutError):
            raise


async def _wait(process: Process) -> None:
    """Wait for a process, and read its remaining output unless another task does.

    asyncio reports the exit only after the end of the output, which a full buffer would block.
    """
    for stream in (process.stdout, process.stderr):
        # Raised if another task waits for the stream's data.
        with contextlib.suppress(RuntimeError):
            while stream is not None and await stream.read(1 << 16):
                pass
    await process.wait()


def missing_program(name: str) -> ProgramMissing:
    """Return the error for a program that isn't installed."""
    return ProgramMissing(
        f"{name} is not installed or not on PATH",
        hint="Install ffmpeg 5 or later: `apt-get install ffmpeg` or `brew install ffmpeg`.",
    )


def ffmpeg_failure(log: str, *, error: type[HeliosError], message: str) -> HeliosError:
    """Return the error for the log of a failed run.

    `error` and `message` are for failures other than a full disk, missing permissions or a missing
    encoder.
    """
    said = _FORMAT_REFUSED.sub(": playlists can't be inputs, nor rare formats", log)
    lines = [line for line in said.splitlines() if line.strip()][-LOG_LINES:]
    if "No space left on device" in log:
        return DiskFull(
            f"{message}: no space left on the disk",
            hint="Free some space, or write to another disk.",
            details=lines,
        )
    if "Permission denied" in log or "Read-only file system" in log:
        return OutputUnwritable(
            f"{message}: a file can't be opened for lack of permission",
            hint="Check the permissions of the output folder and of the inputs.",
            details=lines,
        )
    if missing := _UNKNOWN_ENCODER.search(log):
        return _lacking(missing[1])
    return error(message, details=lines)


@cache
def available_encoders() -> frozenset[str]:
    """Return the names of the installed ffmpeg's encoders, cached."""
    rows = _output_of("-hide_banner", "-encoders").partition("------")[2].splitlines()
    return frozenset(row.split()[1] for row in rows if len(row.split()) > 1)


def ffmpeg_version() -> str:
    """Return version and build of the installed ffmpeg and its libraries."""
    return _output_of("-version")


def _output_of(*args: str) -> str:
    try:
        done = subprocess.run(["ffmpeg", *args], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise missing_program("ffmpeg") from None
    return done.stdout


def require_encoder(name: str) -> str:
    """Return `name`; raise `CodecUnavailable` if the installed ffmpeg lacks this encoder."""
    if name not in available_encoders():
        raise _lacking(name)
    return name


def require_ffmpeg() -> None:
    """Check that ffmpeg is installed, without running it.

    Raises `ProgramMissing`.
    """
    if shutil.which("ffmpeg") is None:
        raise missing_program("ffmpeg")


def _lacking(encoder: str) -> CodecUnavailable:
    return CodecUnavailable(
        f"codec: the installed ffmpeg has no encoder {encoder!r}",
        hint="`ffmpeg -encoders` lists the available ones.",
    )
