"""Enforces memory limits on process trees, as the kernel does for containers."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

#: Seconds between two checks.
INTERVAL = 0.2


@dataclass(slots=True)
class WatchedTree:
    """A process with its descendants, and their maximum memory in bytes."""

    root: int
    limit: int
    on_kill: Callable[[str], None]
    peak: int = 0


class MemoryWatch:
    """Checks process trees periodically, and kills the largest process of one over its limit.

    One watch serves any number of trees: the list of all processes is read once for all of them.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._trees: list[WatchedTree] = []
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def over(
        self, root: int, *, limit: int, on_kill: Callable[[str], None]
    ) -> Iterator[WatchedTree]:
        """Watch a process and its descendants while the context lasts.

        Args:
            root: Id of the first process.
            limit: Bytes that all of them may use together.
            on_kill: Called with a sentence when a process was killed.
        """
        tree = WatchedTree(root, limit, on_kill)
        self._trees.append(tree)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look_again_and_again())
        try:
            yield tree
        finally:
            self._trees.remove(tree)

    async def _look_again_and_again(self) -> None:
        while self._trees:
            await asyncio.to_thread(self._look, tuple(self._trees))
            await asyncio.sleep(self._interval)

    def _look(self, trees: Iterable[WatchedTree]) -> None:
        children = _children()
        for tree in trees:
            family = list(_family(tree.root, children))
            used = sum(map(_resident, family))
            if used > tree.limit:
                # Shared pages were counted once for each process.
                used = sum(map(_proportional, family))
            tree.peak = max(tree.peak, used)
            if used > tree.limit:
                _kill_largest(family, tree, used)


def _kill_largest(family: list[psutil.Process], tree: WatchedTree, used: int) -> None:
    largest = max(family, key=_resident)
    with contextlib.suppress(psutil.Error):
        name = largest.name()
        largest.kill()
        tree.on_kill(
            f"out of memory: killed process {largest.pid} ({name}),"
            f" {used >> 20} MB of {tree.limit >> 20} MB were used"
        )


def _children() -> dict[int, list[psutil.Process]]:
    found: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found[process.ppid()].append(process)
    return found


def _family(root: int, children: dict[int, list[psutil.Process]]) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        pending = [psutil.Process(root)]
        while pending:
            process = pending.pop()
            yield process
            pending += children.get(process.pid, [])


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", full.uss))
