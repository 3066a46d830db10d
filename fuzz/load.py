"""Simulates a busy machine: processes use its cores, and messages of browsers are delayed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

from helios.renderer.browser.devtools import Delay

#: Maximum delay of a message in seconds.
_LATEST = 0.02
#: Share of delayed messages.
_SHARE = 0.12


def delays(seed: int) -> Delay:
    """Return a delay of up to 20 ms for some messages."""
    chance = random.Random(seed)

    def delay(_method: str) -> float:
        return chance.uniform(0, _LATEST) if chance.random() < _SHARE else 0

    return delay


class BusyCores:
    """Processes that compute on idle cores for the duration of the context of `busy`.

    Args:
        neighbours: Number of other processes that keep a core busy.
    """

    def __init__(self, neighbours: int = 0) -> None:
        self._cores = os.cpu_count() or 1
        self._count = max(0, self._cores - neighbours)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start a suspended process for each core."""
        for _ in range(self._count):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            process.send_signal(signal.SIGSTOP)
            self._processes.append(process)

    def end(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Continue as many processes as there are idle cores, while the context lasts."""
        idle = self._cores + 1 - round(os.getloadavg()[0])
        computing = self._processes[: max(0, idle)]
        for process in computing:
            process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            for process in computing:
                process.send_signal(signal.SIGSTOP)
