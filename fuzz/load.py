"""A busy machine: processes that take its cores, and a browser whose messages come late."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

from helios.renderer.browser.devtools import Delay

#: Most seconds that a message is held back.
_LATEST = 0.02
#: Share of messages that are held back.
_SHARE = 0.12


def delays(seed: int) -> Delay:
    """Return a delay of up to 20 ms for some messages."""
    chance = random.Random(seed)

    def delay(_method: str) -> float:
        return chance.uniform(0, _LATEST) if chance.random() < _SHARE else 0

    return delay


class BusyCores:
    """Processes that compute while the context of `busy` lasts, as far as cores are idle.

    Args:
        neighbours: Other processes that keep a core busy anyway.
    """

    def __init__(self, neighbours: int = 0) -> None:
        self._cores = os.cpu_count() or 1
        self._count = max(0, self._cores - neighbours)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the processes, stopped, so that each core has something to compute."""
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
        """Let as many compute as there are cores that nothing keeps busy but the caller."""
        idle = self._cores + 1 - round(os.getloadavg()[0])
        computing = self._processes[: max(0, idle)]
        for process in computing:
            process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            for process in computing:
                process.send_signal(signal.SIGSTOP)
