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
    """What determined the pixels of an output, beside the command that made it.

    Attributes
    ----------
    output:
        SHA-256 of the output.
    versions:
        What `renderer_versions` returned.
    files:
        SHA-256 of the composition's files that were asked for, by their names; None for one that
        wasn't there, empty for one that changed meanwhile.
    hosts:
        Hosts of the network that were asked for something.
    """

    output: str
    versions: Mapping[str, str]
    files: Mapping[str, str | None]
    hosts: Sequence[str]

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read a note; None where there is none that can be read."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, path: Path) -> None:
        """Write the note to a file, which appears when it is whole.

        Raises
        ------
        OutputUnwritable, DiskFull
        """
        with whole_output(path) as folder:
            (folder / "whole").write_text(json.dumps(dataclasses.asdict(self), indent=2), "utf-8")


def reads_beside(output: str) -> str:
    """Return the name of the note on what was read for an output."""
    return str(PurePosixPath(output).with_suffix(".reads.json"))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
