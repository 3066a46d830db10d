"""The destination of a job's result: a file, a folder of images, or an object in storage."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from helios.errors import OptionInvalid
from helios.storage import is_storage_url, split_url
from orchestrator.delivery.deliver import check_destination
from orchestrator.planning.output_kinds import is_playlist


@dataclass(frozen=True, slots=True)
class Destination:
    """A file or folder of this machine (`path`), or an object in storage (`url`)."""

    path: Path | None = None
    url: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the destination that a user names: a path, or an s3:// or gs:// URL."""
        if not is_storage_url(text):
            return cls(path=Path(text))
        split_url(text)
        return cls(url=text)

    def __str__(self) -> str:
        return str(self.path) if self.url is None else self.url

    @property
    def name(self) -> str:
        """Name of the file, whose suffix decides on the format."""
        return self.path.name if self.path is not None else str(self.url).rpartition("/")[2]

    @property
    def job_dir(self) -> Path:
        """The folder that a render works in, unless the user names another one."""
        if self.name in ("", ".."):
            raise OptionInvalid(f"output {str(self)!r}: names no file", hint="Give a file's name.")
        # What goes to storage has no folder here; what is made on the way is in the current one.
        return (self.path or Path(self.name)).with_name(f"{self.name}.job")

    def check(self, *, images: bool) -> None:
        """Refuse a destination that couldn't be written, before a video or images are made."""
        if self.path is None and is_playlist(self.name):
            raise OptionInvalid(
                f"output {self.url}: a playlist grows on this machine only",
                hint="Give a path, and copy the playlist and its folder afterwards.",
            )
        if self.path is not None:
            check_destination(self.path, images=images)
        elif images:
            raise OptionInvalid(
                f"output {self.url}: a sequence of images goes to a folder of this machine",
                hint="Give a folder's name, or a video's.",
            )
