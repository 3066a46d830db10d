"""The context of a task: invocation, job spec, storage, and the worker's resources."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from helios import __version__
from helios.contract.command import composition_places, parse_command
from helios.contract.invocation import Invocation
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.network.egress_proxy import egress_proxy
from helios.process.command_policy import confined
from helios.process.output_capture import OutputCallback
from helios.records.job_layout import JobFolder, is_http, local_folder
from helios.storage import ArtifactStorage
from helios.worker.command_environment import proxy_environment
from helios.worker.diagnosis import MemoryWatch, diagnose
from helios.worker.time_limit import TimeLimit
from helios.worker.worker_log import WorkerLog
from helios.worker.worker_resources import WorkerResources
from helios.worker.workspace import open_workspace, top_of


class Stopwatch:
    """Measures the seconds of each step of a task."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self.timings: dict[str, float] = {}
        #: The current step, for the message of an exceeded time limit.
        self.step = "spec"
        self._began = time.perf_counter()

    @property
    def duration_ms(self) -> float:
        """Milliseconds since the start."""
        return (time.perf_counter() - self._began) * 1000

    @contextlib.contextmanager
    def measure(self, step: str) -> Iterator[None]:
        """Add the duration of the context to a step."""
        self.step = step
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self.timings[step] = round(self.timings.get(step, 0.0) + seconds, 6)


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """An invocation, its job, and what is needed to run it.

    Attributes:
        folder, storage: The job's folder in storage; None if neither the spec nor the worker has
            one.
        origin: Description of worker and invocation for records.
    """

    invocation: Invocation
    spec: JobSpec
    folder: JobFolder | None
    storage: ArtifactStorage | None
    resources: WorkerResources
    log: WorkerLog
    time_limit: TimeLimit
    stopwatch: Stopwatch
    origin: Mapping[str, str | int] = field(default_factory=dict)
    on_output: OutputCallback | None = None

    @contextlib.asynccontextmanager
    async def workspace(
        self, outputs: Sequence[str], *, needs_assets: bool = True
    ) -> AsyncIterator[Path]:
        """Yield a new folder for commands, with the job's assets if these are needed.

        `outputs` are the files that commands will write, relative to the folder.
        """
        async with contextlib.AsyncExitStack() as stack:
            inputs: list[Path] = []
            if needs_assets:
                with self.stopwatch.measure("assets"):
                    inputs = await self._inputs(stack, outputs)
            workspace = open_workspace(self.resources.workspaces, inputs=inputs, outputs=outputs)
            yield await stack.enter_async_context(workspace)

    async def _inputs(self, stack: contextlib.AsyncExitStack, outputs: Sequence[str]) -> list[Path]:
        if self.spec.assets_url is not None:
            held = self.resources.assets.hold(self.spec.assets_url)
            folder = await stack.enter_async_context(held)
            return await asyncio.to_thread(lambda: sorted(folder.iterdir()))
        return await asyncio.to_thread(self._beside_spec, {top_of(output) for output in outputs})

    def _beside_spec(self, outputs: set[str]) -> list[Path]:
        """Return the files beside a local spec, which serve as assets of a spec without any."""
        folder = local_folder(self.invocation.job_path)
        if folder is None:
            return []
        return [entry for entry in sorted(folder.iterdir()) if entry.name not in outputs]

    def _with_addresses(self, words: list[str]) -> list[str]:
        """Return a command whose pages have addresses, if the spec came from beside them."""
        job_path = self.invocation.job_path
        if not is_http(job_path) or self.spec.assets_url is not None:
            return words
        pages = {place: urljoin(job_path, words[place]) for place in composition_places(words)}
        return [pages.get(place, word) for place, word in enumerate(words)]

    async def run_command(
        self,
        command: str,
        *,
        workspace: Path,
        env: Mapping[str, str] | None = None,
        on_output: OutputCallback | None = None,
    ) -> WorkerResult:
        """Run a command of the job in a workspace, and diagnose a failure.

        Its time limit leaves the worker time to answer. `on_output` replaces the context's own
        callback for lines of output.
        """
        program, *args = self._with_addresses(parse_command(command))
        memory = MemoryWatch()
        limit = self.time_limit.for_command(self.resources.chunk_timeout)
        async with egress_proxy(self.resources.network) as proxy:
            job = WorkerJob(
                command=program,
                args=confined(program, args),
                cwd=str(workspace),
                env={**proxy_environment(proxy), **(env or {})},
            )
            with self.stopwatch.measure("command"):
                result = await self.resources.executor.run(
                    job, timeout=limit, on_output=on_output or self.on_output
                )
        result = diagnose(result, memory=memory, workspace=workspace)
        self.log.info(
            "command.ended",
            program=program,
            exitCode=result.exit_code,
            seconds=self.stopwatch.timings["command"],
        )
        return result

    def record_fields(self) -> dict[str, object]:
        """Return the fields that all records have in common."""
        return {
            "attempt": self.invocation.attempt,
            "started_at": self.stopwatch.started_at,
            "duration_ms": round(self.stopwatch.duration_ms),
            "timings": dict(self.stopwatch.timings),
            "versions": {"helios": __version__},
            "worker": dict(self.origin),
        }
