"""Parses `helios merge` commands of job specs."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from helios.contract.command import parse_command
from helios.contract.job_spec import JobSpec

#: Flags for the audio that is joined with the chunks' video.
AUDIO_FLAGS = frozenset(
    {
        *("--audio-from", "--frame-count", "--audio-codec", "--fps", "--props", "--seed"),
        *("--timezone", "--locale"),
        *("--replay", "--no-replay", "--allow-missing", "--no-allow-missing", "--timeout"),
    }
)
#: Flags that encode the video again, unless the codec is `copy`.
_ENCODING = frozenset({"--video-codec", "--quality", "--preset"})


@dataclass(frozen=True)
class MergeCommand:
    """A `helios merge` command: the video to write, and the words after `helios merge`."""

    output: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, command: str) -> Self | None:
        """Parse a merge command; None for any other command, or an empty one.

        Raises `CommandInvalid` if the text isn't a command.
        """
        words = parse_command(command) if command.strip() else []
        if words[:2] != ["helios", "merge"] or len(words) < 3:
            return None
        return cls(words[2], tuple(words[2:]))

    @property
    def flags(self) -> list[str]:
        """The names of its flags."""
        return [word.partition("=")[0] for word in self.words if word.startswith("--")]

    def audio_command(self, output: str, inputs: Collection[str]) -> list[str]:
        """Return the words of a command that writes only the audio of the composition to `output`.

        The result is empty for a merge without `--audio-from`. `inputs` are the files to join.
        """
        if not self.gives("--audio-from"):
            return []
        rest = [word for word in self.words[1:] if word not in inputs]
        return ["helios", "merge", output, *rest]

    def gives(self, flag: str) -> bool:
        """Return whether a flag is given."""
        return any(word == flag or word.startswith(f"{flag}=") for word in self.words)

    @property
    def copies_video(self) -> bool:
        """Whether the chunks' encoded frames are copied."""
        if "copy" in self.words and self.gives("--video-codec"):
            return True
        return not any(map(self.gives, _ENCODING))

    @property
    def audio_is_whole(self) -> bool:
        """Whether the audio, if there is any, covers the whole timeline."""
        return not self.gives("--audio")


def merged_name(spec: JobSpec) -> str:
    """Return the file name of a job's video."""
    command = MergeCommand.of(spec.merge_command)
    if command is not None:
        return PurePosixPath(command.output).name
    return f"video{PurePosixPath(spec.chunks[0].output_file).suffix}"
