"""Packs a chunk's images into one file, since storage holds files and not folders."""

import asyncio
import contextlib
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

from helios.errors import ArchiveInvalid, ChunkOutputInvalid


def pack_images(images: Path, target: Path) -> None:
    """Write images into a tar file, the same bytes for the same images.

    Parameters
    ----------
    images:
        A folder of images, whose files are at the archive's top; or one image.

    Raises
    ------
    ChunkOutputInvalid
        There is no image.
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
    """Put the images of a tar file where the chunk's command had put them.

    Parameters
    ----------
    target:
        The folder, or the image if the archive holds only one under that name.

    Raises
    ------
    ArchiveInvalid
        It isn't such an archive.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            entries = tar.getmembers()
            if any(not entry.isreg() or "/" in entry.name for entry in entries):
                raise ArchiveInvalid(f"{archive.name} holds something else than images")
            alone = [entry.name for entry in entries] == [target.name]
            tar.extractall(target.parent if alone else target, filter="data")
    except tarfile.TarError as fault:
        raise ArchiveInvalid(f"{archive.name}: {fault}") from fault


@contextlib.asynccontextmanager
async def unpacking(target: Path, *, packed: bool) -> AsyncIterator[Path]:
    """Yield where to fetch a chunk's output to, and put its images in their place afterwards.

    Parameters
    ----------
    target:
        The chunk's output.
    packed:
        Whether it is stored as an archive of images.
    """
    if not packed:
        yield target
        return
    archive = target.with_name(f".{target.name}.tar")
    try:
        yield archive
        await asyncio.to_thread(unpack_images, archive, target)
    finally:
        archive.unlink(missing_ok=True)
