"""Packs a chunk's images into one file for storage."""

import asyncio
import contextlib
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

from helios.errors import ArchiveInvalid, ChunkOutputInvalid


def pack_images(images: Path, target: Path) -> None:
    """Write one image, or a folder of images, to a reproducible tar file.

    Raises `ChunkOutputInvalid` if there are no images.
    """
    files = sorted(path for path in images.iterdir() if path.is_file()) if images.is_dir() else []
    if images.is_file():
        files = [images]
    if not files:
        raise ChunkOutputInvalid(f"{images.name}: there are no images")
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in files:
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as source:
                tar.addfile(entry, source)


def unpack_images(archive: Path, target: Path) -> None:
    """Extract the images of a tar file to a folder, or to the image of which it is the only entry.

    Raises `ArchiveInvalid` if it isn't an archive of images.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            entries = tar.getmembers()
            if any(not entry.isreg() or "/" in entry.name for entry in entries):
                raise ArchiveInvalid(f"{archive.name} contains files other than images")
            alone = [entry.name for entry in entries] == [target.name]
            tar.extractall(target.parent if alone else target, filter="data")
    except tarfile.TarError as fault:
        raise ArchiveInvalid(f"{archive.name}: {fault}") from fault


@contextlib.asynccontextmanager
async def unpacking(target: Path, *, packed: bool) -> AsyncIterator[Path]:
    """Yield the file to fetch a chunk's output to; extract its images afterwards if `packed`."""
    if not packed:
        yield target
        return
    archive = target.with_name(f".{target.name}.tar")
    try:
        yield archive
        await asyncio.to_thread(unpack_images, archive, target)
    finally:
        archive.unlink(missing_ok=True)
