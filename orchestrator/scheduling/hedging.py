"""A second worker for chunks that take much longer than the others: the first good answer wins."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from helios.concurrency import finish_despite_cancel
from helios.contract.worker_job import WorkerJob, WorkerResult
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.scheduling.straggler_rule import StragglerRule

#: Seconds between two looks at what runs.
INTERVAL = 0.2


class Hedging:
    """Attempts a straggler's chunk a second time, beside the first attempt.

    Whichever of the two ends well first is the chunk's result; the other one is cancelled. If one
    fails, the other is waited for. A chunk gets one backup at most, whatever its attempts.

    Args:
        adapter: Runs the jobs, and says which worker takes one.
        at_once: Jobs that may run at the same time: a backup takes the place of a chunk, not one
            more.
        attempt: Runs a job once.
        on_backup: Called with a job and its seconds until then, when its backup begins.
    """

    def __init__(
        self,
        adapter: WorkerAdapter,
        rule: StragglerRule,
        *,
        at_once: int,
        attempt: Callable[[WorkerJob], Coroutine[Any, Any, WorkerResult]],
        on_backup: Callable[[WorkerJob, float], None],
    ) -> None:
        self._queues = adapter.queues
        self._rule = rule
        self._at_once = at_once
        self._attempt = attempt
        self._on_backup = on_backup
        self._races: dict[int, _Race] = {}
        self._backed_up: set[int] = set()
        self._watching: asyncio.Task[None] | None = None
        adapter.when_taken(self._note_taken)

    async def result(
        self, job: WorkerJob, chunk_id: int, first: asyncio.Task[WorkerResult]
    ) -> WorkerResult:
        """Return the result of a chunk's first attempt, or of its backup."""
        race = self._races[chunk_id] = _Race(job)
        if not self._queues:
            race.taken("")
        self._watching = self._watching or asyncio.create_task(self._watch())
        race.enter(first)
        try:
            result = await race.outcome
            if result.exit_code == 0:
                self._rule.finished(race.seconds)
            return result
        finally:
            del self._races[chunk_id]
            if not self._races:
                self._watching.cancel()
                self._watching = None
            await race.end()

    def _note_taken(self, job: WorkerJob, worker: str | None) -> None:
        if job.task is None or job.task.backup or job.task.chunk_id not in self._races:
            return
        self._races[job.task.chunk_id].taken(worker)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self._back_up_stragglers()

    def _back_up_stragglers(self) -> None:
        limit = self._rule.limit
        slow = [(id_, race) for id_, race in self._races.items() if race.seconds > limit]
        for chunk_id, race in sorted(slow, key=lambda each: -each[1].seconds):
            running = sum(len(race.tasks) for race in self._races.values())
            backups = running - len(self._races)
            if running >= self._at_once or backups >= self._rule.backups_at_once:
                return
            if chunk_id in self._backed_up:
                continue
            self._backed_up.add(chunk_id)
            self._on_backup(race.job, race.seconds)
            # Without output: the progress of both would be mistaken for one another.
            race.enter(asyncio.create_task(self._attempt(race.backup_job())))


class _Race:
    """A job that runs, maybe twice at the same time."""

    def __init__(self, job: WorkerJob) -> None:
        self.job = job
        self.tasks: list[asyncio.Task[WorkerResult]] = []
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[WorkerResult] = self._loop.create_future()
        self._since: float | None = None
        self._worker: str | None = None

    @property
    def seconds(self) -> float:
        """Seconds since it was taken; 0 while it waits for a worker."""
        return 0.0 if self._since is None else self._loop.time() - self._since

    def taken(self, worker: str | None) -> None:
        """Note which worker has the job now; None if it waits again."""
        self._since = None if worker is None else self._loop.time()
        self._worker = worker

    def backup_job(self) -> WorkerJob:
        assert self.job.task is not None  # noqa: S101 - only chunks are raced
        return replace(self.job, task=replace(self.job.task, backup=True, avoid=self._worker))

    def enter(self, task: asyncio.Task[WorkerResult]) -> None:
        self.tasks.append(task)
        task.add_done_callback(self._note_end)

    async def end(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        for task in self.tasks:
            task.cancel()
        await finish_despite_cancel(_all_ended(self.tasks))

    def _note_end(self, task: asyncio.Task[WorkerResult]) -> None:
        if self.outcome.done():
            return
        if _is_good(task):
            self.outcome.set_result(task.result())
        elif all(task.done() for task in self.tasks):
            # The backup was an extra: what the first one says is the job's failure.
            _hand_on(self.tasks[0], self.outcome)


def _is_good(task: asyncio.Task[WorkerResult]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result().exit_code == 0


def _hand_on(task: asyncio.Task[WorkerResult], outcome: asyncio.Future[WorkerResult]) -> None:
    if task.cancelled():
        outcome.cancel()
    elif (fault := task.exception()) is not None:
        outcome.set_exception(fault)
    else:
        outcome.set_result(task.result())


async def _all_ended(tasks: Sequence[asyncio.Task[WorkerResult]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
