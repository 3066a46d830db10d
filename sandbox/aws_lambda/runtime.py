"""The interface of runtimes, which run a function's code."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO


class Runtime(ABC):
    """Something that calls the Runtime API, and can be stopped, continued and killed."""

    @abstractmethod
    async def start(
        self,
        variables: Mapping[str, str],
        *,
        folder: Path,
        log: IO[bytes],
        on_event: Callable[[str], None],
    ) -> None:
        """Start it.

        Args:
            variables: The environment's variables.
            folder: A folder of its own.
            log: Takes its outputs.
            on_event: Is called with a sentence when something is done to it, such as a kill.
        """

    @abstractmethod
    async def exited(self) -> str:
        """Wait for its end; return Lambda's description of it."""

    @property
    @abstractmethod
    def ran_out_of_memory(self) -> bool:
        """Whether any of its processes was killed because memory ran out."""

    @property
    @abstractmethod
    def peak_memory(self) -> int:
        """The most memory in bytes that it was seen with; 0 where it is not measured."""

    @abstractmethod
    async def freeze(self) -> None:
        """Stop its processes where they are, as happens between invocations."""

    @abstractmethod
    async def thaw(self) -> None:
        """Let its processes go on."""

    @abstractmethod
    async def kill(self) -> None:
        """End all of its processes, and wait for their end."""
