"""The interface of stitchers, which join chunk outputs into one video."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path


class VideoStitcher(ABC):
    """Joins the outputs of chunks into one video, in the order in which they are given."""

    @abstractmethod
    async def stitch(self, inputs: Sequence[Path], output: Path) -> None:
        """Join `inputs` into `output`.

        `output` appears under its name only when it is whole; a failed or cancelled call leaves
        nothing behind.

        Args:
            inputs: The chunks' outputs, in order of time.
            output: The video to write; an existing file is replaced.

        Raises:
            StitchFailed: There is nothing to join, or joining failed.
            ChunkOutputInvalid: An input is missing, broken, or unlike the others.
        """
