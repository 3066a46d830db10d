"""Whatever is asked of jobs, in whatever order: they are in legal states, and nothing is lost."""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from helios.errors import HeliosError, JobBusy, JobStateConflict
from orchestrator.job_repository import MemoryJobRepository
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.lifecycle.subscriptions import JobEvent, StateChanged
from orchestrator.model.job import JobSummary
from orchestrator.model.job_chunk import ChunkState
from orchestrator.model.job_state import ENDED, TRANSITIONS, JobState
from tests.orchestrator.job_repository.jobs import a_job, a_spec
from tests.orchestrator.little_place import LittlePlace, interrupted, settle
from tests.orchestrator.quick_loop import QuickLoop

CHUNKS = 4
#: The state after each verb of a job that no process has claimed; others are refused.
CHANGES = {
    "pause": {"pending": "paused", "running": "paused"},
    "cancel": {"pending": "cancelled", "running": "cancelled", "paused": "cancelled"},
}
RUNS = {
    "run": {"pending"},
    "resume": {"pending", "paused", "failed", "running", "cancelled"},
}


class JobLife(RuleBasedStateMachine):
    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        self.loop = QuickLoop()
        self.repository = MemoryJobRepository()
        self.place = LittlePlace(open_gate=False)
        self.count = 0
        #: What the state of each job should be.
        self.states: dict[str, str] = {}
        self.running: dict[str, asyncio.Task[JobSummary]] = {}
        self.told: dict[str, list[JobState]] = {}
        self.manager = self._manager()

    def _manager(self) -> JobManager:
        manager = JobManager(self.repository, self.place.backend_of)
        manager.subscribe(self._hear)
        return manager

    def _hear(self, job_id: str, event: JobEvent) -> None:
        if isinstance(event, StateChanged):
            self.told.setdefault(job_id, []).append(event.state)

    def do(self, work: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    @rule(target=jobs)
    def create(self) -> str:
        self.count += 1
        job = a_job()
        created = self.do(
            self.manager.create(
                a_spec(CHUNKS),
                location=job.location,
                settings=job.settings.model_copy(update={"retry_delay": 0.0}),
                job_id=f"job{self.count}",
            )
        )
        self.states[created.id] = "pending"
        return str(created.id)

    @rule(job=jobs, way=st.sampled_from(sorted(RUNS)))
    def begin_to_run(self, job: str, way: str) -> None:
        task = self.loop.create_task(getattr(self.manager, way)(job))
        self.do(settle())
        if job in self.running:
            self._refused(task, JobBusy)
        elif self.states[job] not in RUNS[way]:
            self._refused(task, JobStateConflict)
        else:
            assert not task.done()
            self.running[job] = task
            self.states[job] = "running"

    def _refused(self, task: asyncio.Task[Any], kind: type[HeliosError]) -> None:
        with pytest.raises(kind):
            self.do(task)

    @rule()
    def let_everything_finish(self) -> None:
        self.place.gate.set()
        for job, task in self.running.items():
            summary = self.do(task)
            assert summary.output
            self.states[job] = "completed"
        self.running.clear()
        self.place.gate.clear()

    @rule(job=jobs, chunk=st.integers(0, CHUNKS - 1))
    def fail(self, job: str, chunk: int) -> None:
        """Let jobs finish, but one of them fail at a chunk, if that isn't there yet."""
        if job not in self.running:
            return
        self.place.fails = (job, chunk)
        missing = chunk not in self.place.there[job]
        self.place.gate.set()
        for other, task in self.running.items():
            if other == job and missing:
                with pytest.raises(HeliosError):
                    self.do(task)
                self.states[other] = "failed"
            else:
                self.do(task)
                self.states[other] = "completed"
        self.running.clear()
        self.place.gate.clear()
        self.place.fails = None

    @rule(job=jobs, verb=st.sampled_from(sorted(CHANGES)), elsewhere=st.booleans())
    def ask(self, job: str, verb: str, elsewhere: bool) -> None:
        manager = self._manager() if elsewhere else self.manager
        asking = self.loop.create_task(getattr(manager, verb)(job))
        if job in self.running:
            self.do(settle())
            # What another process asks for is heard a little later.
            self.do(asyncio.sleep(0.05))
            if verb == "pause":
                self.place.let_go.add(job)
            with pytest.raises(HeliosError):
                self.do(self.running.pop(job))
            self.place.let_go.discard(job)
            self.states[job] = {"pause": "paused", "cancel": "cancelled"}[verb]
            assert self.do(asking).state == self.states[job]
        elif (state := CHANGES[verb].get(self.states[job])) is not None:
            assert self.do(asking).state == state
            self.states[job] = state
        else:
            self._refused(asking, JobStateConflict)

    @rule(job=jobs)
    def kill_the_process(self, job: str) -> None:
        """End a run as SIGKILL does: nothing more is written, and the claim is gone."""
        task = self.running.pop(job, None)
        if task is None:
            return
        del self.repository._claims[job]
        with pytest.raises(HeliosError):
            self.do(task)
        assert [s.id for s in self.do(interrupted(self.repository))].count(job) == 1

    @rule(job=jobs, count=st.integers(1, CHUNKS))
    def lose_chunks(self, job: str, count: int) -> None:
        if job not in self.running:
            self.place.there[job] = set(list(self.place.there[job])[count:])

    @rule(job=consumes(jobs))
    def delete(self, job: str) -> None:
        task = self.running.pop(job, None)
        if task is not None:
            with pytest.raises(JobBusy):
                self.do(self.manager.delete(job))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                self.do(task)
        self.do(self.manager.delete(job))
        del self.states[job]

    @invariant()
    def records_say_what_is(self) -> None:
        listed = {job.id: job for job in self.do(self.repository.list()).jobs}
        assert {job_id: str(job.state) for job_id, job in listed.items()} == self.states
        for job_id, summary in listed.items():
            assert (summary.ended_at is not None) == (summary.state in ENDED)
            if summary.state is JobState.COMPLETED:
                assert summary.chunks_done == CHUNKS
            if job_id in self.running or summary.state is JobState.RUNNING:
                continue
            job = self.do(self.repository.get(job_id))
            done = [c for c in job.chunks.values() if c.state is ChunkState.DONE]
            assert summary.chunks_done == len(done)
            assert all(c.state is not ChunkState.RUNNING for c in job.chunks.values())

    @invariant()
    def only_legal_ways_were_told(self) -> None:
        for states in self.told.values():
            for before, after in itertools.pairwise(states):
                # A process that died didn't say so: its job was paused by that.
                legal = TRANSITIONS[before] | (
                    TRANSITIONS[JobState.PAUSED] if before is JobState.RUNNING else set()
                )
                assert after in legal

    @invariant()
    def nothing_that_was_there_was_rendered_again(self) -> None:
        assert self.place.in_vain == self.place.thrown_away == []

    def teardown(self) -> None:
        for task in self.running.values():
            task.cancel()
        if self.running:
            self.do(asyncio.wait(list(self.running.values())))
        self.loop.close()


JobLife.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestJobLife = pytest.mark.slow(JobLife.TestCase)
