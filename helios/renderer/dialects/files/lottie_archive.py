"""Reads `.lottie` archives: ZIP files of Lottie animations and their images."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from helios.contract.strict_json import parse_json
from helios.errors import CompositionInvalid, OptionInvalid

#: Limits of an archive: files, and their bytes in total once they are unpacked.
_MOST_FILES = 10_000
_MOST_BYTES = 256 * 1024 * 1024
_ENCRYPTED = 0x1
#: Methods whose output can be limited while it is unpacked.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class ArchivedLottie:
    """One animation of an archive.

    Attributes:
        animation: JSON text of the animation.
        facts: What the manifest says of it.
        images: Content of the archive's images, by their names without folders.
    """

    animation: bytes
    facts: Mapping[str, Any]
    images: Mapping[str, bytes]


def read_archive(name: str, data: bytes, composition_id: str | None) -> ArchivedLottie:
    """Return an animation of an archive, by its id in the manifest, else the one to begin with.

    Nothing is unpacked to disk, and names are only compared, never opened.

    Raises:
        CompositionInvalid: The archive is damaged, too large, encrypted, or has names that lead out
            of it.
        OptionInvalid: It has no animation with this id.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check(name, archive)
            manifest = parse_json(_content(archive, "manifest.json"))
            facts = _chosen(name, manifest, composition_id)
            stored = {path for path in archive.namelist() if not path.endswith("/")}
            # Version 1 and version 2 of the format have folders of other names.
            paths = (f"animations/{facts['id']}.json", f"a/{facts['id']}.json")
            path = next((path for path in paths if path in stored), None)
            if path is None:
                raise CompositionInvalid(f"{name}: has no {paths[0]}, which its manifest names")
            images = {
                PurePosixPath(path).name: _content(archive, path)
                for path in stored
                if path.startswith(("images/", "i/"))
            }
            return ArchivedLottie(_content(archive, path), facts, images)
    except KeyError:
        raise CompositionInvalid(f"{name}: isn't a dotLottie archive: no manifest.json") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as fault:
        raise CompositionInvalid(f"{name}: isn't a dotLottie archive, or damaged") from fault


def _check(name: str, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > _MOST_FILES:
        raise CompositionInvalid(f"{name}: has more than {_MOST_FILES} files")
    if sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise CompositionInvalid(f"{name}: unpacks to more than {_MOST_BYTES >> 20} MiB")
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise CompositionInvalid(f"{name}: {entry.filename!r} leads out of the archive")
        if entry.flag_bits & _ENCRYPTED:
            raise CompositionInvalid(f"{name}: is encrypted")
        if entry.compress_type not in _METHODS:
            raise CompositionInvalid(
                f"{name}: {entry.filename!r} is compressed by another method than deflate",
                hint="Pack the archive with deflate, as the format requires.",
            )


def _content(archive: zipfile.ZipFile, path: str) -> bytes:
    """Return a file of an archive, of which no more is unpacked than the size that it declares."""
    with archive.open(path) as file:
        return file.read(archive.getinfo(path).file_size)


def _chosen(name: str, manifest: Any, composition_id: str | None) -> Mapping[str, Any]:
    listed = manifest.get("animations") if isinstance(manifest, dict) else None
    if not isinstance(listed, list):
        listed = []
    found = [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]
    if not found:
        raise CompositionInvalid(f"{name}: its manifest names no animation")
    initial = manifest.get("initial")
    first = initial.get("animation") if isinstance(initial, dict) else None
    wanted = composition_id or first or manifest.get("activeAnimationId") or found[0]["id"]
    for one in found:
        if one["id"] == wanted:
            return one
    if composition_id is None:
        return found[0]
    raise OptionInvalid(
        f"`composition_id` {composition_id!r}: {name} has none with this id",
        hint=f"It has {', '.join(one['id'] for one in found)}.",
    )
