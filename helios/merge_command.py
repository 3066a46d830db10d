"""What a job's merge command asks for, where it is `helios merge`."""

from dataclasses import dataclass
from typing import Self

from helios.command import parse_command

#: Flags by which the video is encoded anew, unless the codec is `copy`.
_ENCODING = frozenset({"--video-codec", "--quality", "--preset"})


@dataclass(frozen=True)
class MergeCommand:
    """A `helios merge` command.

    Attributes
    ----------
    output:
        The video that it writes.
    words:
        All that follows `helios merge`.
    """

    output: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, command: str) -> Self | None:
        """Return what a merge command asks for; None for another command, or none.

        Raises
        ------
        CommandInvalid
            The text isn't a command.
        """
        words = parse_command(command) if command.strip() else []
        if words[:2] != ["helios", "merge"] or len(words) < 3:
            return None
        return cls(words[2], tuple(words[2:]))

    def gives(self, flag: str) -> bool:
        """Tell whether a flag is among its words."""
        return any(word == flag or word.startswith(f"{flag}=") for word in self.words)

    @property
    def copies_video(self) -> bool:
        """Whether the chunks' encoded frames are kept."""
        if "copy" in self.words and self.gives("--video-codec"):
            return True
        return not any(map(self.gives, _ENCODING))

    @property
    def sound_is_whole(self) -> bool:
        """Whether sound, if there is any, is made for the whole timeline."""
        return not self.gives("--audio")
