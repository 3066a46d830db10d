"""Parses `helios merge` commands of job specs."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from helios.contract.command import parse_command
from helios.contract.job_spec import JobSpec

#: Flags that tell which sound of which composition goes along with the chunks' pictures.
SOUND_FLAGS = frozenset(
    {
        *("--audio-from", "--frame-count", "--audio-codec", "--fps", "--props", "--seed"),
        *("--timezone", "--locale"),
        *("--replay", "--no-replay", "--allow-missing", "--no-allow-missing", "--timeout"),
    }
)
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

    @property
    def flags(self) -> list[str]:
        """The names of its flags."""
        return [word.partition("=")[0] for word in self.words if word.startswith("--")]

    def sound_command(self, output: str, inputs: Collection[str]) -> list[str]:
        """Return the words of the command that writes a composition's sound alone.

        There are none where the merge plays no composition.

        Parameters
        ----------
        output:
            The file to write.
        inputs:
            The files that are joined.
        """
        if not self.gives("--audio-from"):
            return []
        rest = [word for word in self.words[1:] if word not in inputs]
        return ["helios", "merge", output, *rest]

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


def merged_name(spec: JobSpec) -> str:
    """Return the name of the video that a job's merge makes."""
    command = MergeCommand.of(spec.merge_command)
    if command is not None:
        return PurePosixPath(command.output).name
    return f"video{PurePosixPath(spec.chunks[0].output_file).suffix}"
