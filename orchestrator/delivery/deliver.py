"""Moves a job's result to its destination."""

import shutil
from pathlib import Path

from helios.errors import OptionInvalid
from helios.output import check_writable, whole_output, write_failure
from helios.renderer.encoding.image_sequence import split_pattern


def check_destination(output: Path, *, images: bool) -> None:
    """Refuse an output that couldn't be written, before any work is done for it.

    A sequence of images is a folder.
    """
    if output.name in ("", ".."):
        raise OptionInvalid(f"output {str(output)!r}: names no file", hint="Give a file's name.")
    if not images:
        check_writable(output)
        return
    folder = _image_folder(output)
    if folder.exists() and not folder.is_dir():
        raise OptionInvalid(f"output {folder}: a file is where the folder of images goes")
    # A name that no user's folder has.
    check_writable((folder if folder.is_dir() else folder.parent) / f".{folder.name}.image")


def deliver(made: Path, output: Path) -> Path:
    """Move a video or a folder of numbered images to its destination, and return where it is.

    On another disk, too, it appears when whole.
    """
    if made.resolve() == output.resolve():
        return output
    if not made.is_dir():
        with whole_output(output) as folder:
            shutil.move(made, folder / "whole")
        return output
    target = _image_folder(output)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for image in made.iterdir():
            if not image.name.startswith("."):
                shutil.move(image, target / image.name)
    except OSError as fault:
        raise write_failure(fault, output=output) from fault
    shutil.rmtree(made, ignore_errors=True)
    return output


def _image_folder(output: Path) -> Path:
    return split_pattern(output, "")[0]
