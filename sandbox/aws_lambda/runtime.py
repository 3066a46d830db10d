"""The interface of runtimes, which run a function's code."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO


class Runtime(ABC):
    """A process or container that calls the Runtime API, and can be suspended and killed."""

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
            log: File for its output.
            on_event: Called with a sentence about events such as a kill.
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
        """Its maximum memory in bytes; 0 if it isn't measured."""

    @abstractmethod
    async def freeze(self) -> None:
        """Suspend its processes, as Lambda does between invocations."""

    @abstractmethod
    async def thaw(self) -> None:
        """Continue its processes."""

    @abstractmethod
    async def kill(self) -> None:
        """Kill all of its processes, and wait for their end."""
