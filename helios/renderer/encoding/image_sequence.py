"""Writes frames as numbered images into a folder."""

import asyncio
import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from helios.output import write_failure
from helios.renderer.encoding.frame_sink import FrameSink

#: Default file name of an image.
IMAGE_PATTERN = "frame-%06d"
_DIRECTIVE = re.compile(r"%(?P<width>0?\d{0,2})d")


class ImageSink(FrameSink):
    """Writes frames as numbered images into a folder; `pattern` has a `%d` directive."""

    def __init__(self, folder: Path, pattern: str, first: int) -> None:
        self._folder = folder
        self._pattern = pattern
        self._number = first

    async def write(self, image: bytes) -> None:
        path = self._folder / _numbered(self._pattern, self._number)
        self._number += 1
        try:
            await asyncio.to_thread(path.write_bytes, image)
        except OSError as error:
            raise write_failure(error, output=path) from error

    async def finish(self) -> None:
        """Do nothing: `write` returns once the image is on disk."""


def split_pattern(output: Path, ending: str) -> tuple[Path, str]:
    """Return the folder and the file name pattern of an image sequence.

    `frames/` and `frames` mean `frames/frame-%06d.png`; a name with a directive, such as
    `frames/%04d.png`, is taken as it is.
    """
    if _DIRECTIVE.search(output.name):
        return output.parent, output.name
    return output, f"{IMAGE_PATTERN}.{ending}"


@contextlib.contextmanager
def image_folder(output: Path) -> Iterator[Path]:
    """Yield a folder whose images move to the output's folder when all are written."""
    target = split_pattern(output, "")[0]
    folder = target / f".{secrets.token_hex(4)}.part"
    is_new = not target.exists()
    try:
        folder.mkdir(parents=True)
        yield folder
        for image in folder.iterdir():
            image.replace(target / image.name)
    except OSError as fault:
        raise write_failure(fault, output=output) from fault
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                target.rmdir()  # fails, as it should, unless the folder is empty


def _numbered(pattern: str, number: int) -> str:
    # `%` formatting would also interpret other percent signs of the file name.
    return _DIRECTIVE.sub(lambda found: format(number, found["width"] or "d"), pattern)
