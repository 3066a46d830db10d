"""Conversions of videos by ffmpeg, kept in a temporary folder.

Their names are the digest of the original, and that of the arguments: another version of this
package may convert otherwise.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import file_url, run_ffmpeg
from helios.process.scratch_folder import CACHE_VARIABLE
from helios.records.input_manifest import file_digest
from helios.renderer.media.frame_times import read_frame_times

#: Seconds after its last use at which a conversion may be deleted.
_KEPT_SECONDS = 86_400.0
#: Seconds between two attempts to get a lock.
_LOCK_PAUSE = 0.05


async def cached(
    path: Path,
    ending: str,
    command: Callable[[str, str], list[str]],
    *,
    stamps: tuple[int, ...] | None = None,
) -> Path:
    """Return the conversion of a file by ffmpeg, which is made if it isn't in the cache.

    Args:
        command: Returns ffmpeg's arguments for URLs of input and output.
        stamps: Times that the frames of the conversion must have, in microseconds.

    Raises:
        MediaUnsupported: The file can't be converted, or its frames would have other times.
        HeliosError: ffmpeg can't run, or the disk is full.
    """
    digest = await asyncio.to_thread(file_digest, path)
    folder = cache_folder()
    arguments = hashlib.sha256("\0".join(command("", "")).encode()).hexdigest()
    converted = folder / f"{digest}.{arguments[:12]}.{ending}"
    part = converted.with_name(f"part-{converted.name}")
    async with _locked(folder / f"{digest}.lock"):
        if converted.exists():
            os.utime(converted)
            return converted
        _delete_unused(folder)
        try:
            words = command(file_url(path), file_url(part))
            await run_ffmpeg(["-y", *words], error=MediaUnsupported, message="not converted")
            found = (await read_frame_times(part)).stamps
            if not found:
                raise MediaUnsupported("no frame can be decoded")
            if stamps is not None and found != stamps:
                raise MediaUnsupported("the frames of the conversion have other times")
            part.replace(converted)
        finally:
            part.unlink(missing_ok=True)
    return converted


def cache_folder() -> Path:
    """Return the folder of all conversions, which is this user's alone.

    Raises:
        MediaUnsupported: Another user has the folder.
    """
    base = os.environ.get(CACHE_VARIABLE) or tempfile.gettempdir()
    folder = Path(base) / f"helios-media-{os.geteuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.geteuid() or not stat.S_ISDIR(state.st_mode):
        raise MediaUnsupported(f"{folder}: belongs to another user, or is no folder")
    return folder


@contextlib.asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock among all processes. Waiting for it can be cancelled, unlike in a thread."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.utime(descriptor)  # it isn't unused
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _delete_unused(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                path.unlink()
