"""The inputs that a render read, with digests, to tell whether a later render would differ."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from helios.output import whole_output


@dataclass(frozen=True, kw_only=True)
class InputManifest:
    """Files, hosts and versions that the pixels of an output depend on.

    Attributes:
        output: SHA-256 of the output.
        versions: Result of `renderer_versions`.
        files: SHA-256 of each requested file of the composition by name; None for a missing file,
            empty for one that changed during the render.
        hosts: Network hosts that were contacted.
    """

    output: str
    versions: Mapping[str, str]
    files: Mapping[str, str | None]
    hosts: Sequence[str]

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read a manifest; None if the file doesn't exist or isn't valid."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, path: Path) -> None:
        """Write the manifest to a file, atomically."""
        with whole_output(path) as folder:
            (folder / "whole").write_text(json.dumps(dataclasses.asdict(self), indent=2), "utf-8")


def manifest_beside(output: str) -> str:
    """Return the name of the file for an output's manifest."""
    return str(PurePosixPath(output).with_suffix(".inputs.json"))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
