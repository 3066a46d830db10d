"""The context of one task: invocation, job spec, storage, and the worker's resources."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from helios import __version__
from helios.assets import AssetCache
from helios.contract.command import parse_command
from helios.contract.invocation import Invocation
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.network.egress_proxy import egress_proxy
from helios.network.network_policy import NetworkPolicy
from helios.process.command_policy import confined
from helios.process.output_capture import OutputCallback
from helios.process.render_executor import RenderExecutor
from helios.records.job_layout import JobFolder, local_folder
from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.storage import ArtifactStorage
from helios.worker.diagnosis import MemoryWatch, diagnose
from helios.worker.time_limit import TimeLimit
from helios.worker.worker_log import WorkerLog
from helios.worker.workspace import open_workspace, top_of

if TYPE_CHECKING:
    from helios.worker.delivery import Destinations


@dataclass(frozen=True, kw_only=True)
class WorkerResources:
    """What a worker has, whatever it is asked to do.

    Attributes
    ----------
    executor:
        Runs commands.
    assets:
        Unpacked assets of this and earlier jobs.
    workspaces:
        Folder that takes workspaces.
    network:
        What commands, and pages that they render, may reach.
    destinations:
        Opens the storages that videos are delivered to.
    chunk_timeout:
        Seconds that a command may take; None for as long as there is time.
    merge_bytes:
        Bytes of chunks that are joined on this machine; None for what its disk has room for.
    """

    executor: RenderExecutor
    assets: AssetCache
    workspaces: Path
    network: NetworkPolicy
    destinations: "Destinations"
    chunk_timeout: float | None = None
    merge_bytes: int | None = None


class Stopwatch:
    """Seconds of each step of a task."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self.timings: dict[str, float] = {}
        #: The step that is being done, for the message if time runs out in it.
        self.step = "spec"
        self._began = time.perf_counter()

    @property
    def duration_ms(self) -> float:
        """Milliseconds since the start."""
        return (time.perf_counter() - self._began) * 1000

    @contextlib.contextmanager
    def measure(self, step: str) -> Iterator[None]:
        """Add the time inside to a step's."""
        self.step = step
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self.timings[step] = round(self.timings.get(step, 0.0) + seconds, 6)


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """An invocation with the job spec that it names, and where results go.

    Attributes
    ----------
    folder, storage:
        The job's place in storage; None if nothing says where results go.
    origin:
        What the worker says of itself and of this invocation in records.
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
        """Yield a fresh folder with the job's assets, in which commands run.

        Parameters
        ----------
        outputs:
            Files that will be written, relative to it.
        needs_assets:
            Whether there is a command that could read assets.
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
        """Return what the commands of a spec without assets may name: what lies beside it."""
        folder = local_folder(self.invocation.job_path)
        if folder is None:
            return []
        return [entry for entry in sorted(folder.iterdir()) if entry.name not in outputs]

    async def run_command(
        self,
        command: str,
        *,
        workspace: Path,
        env: Mapping[str, str] | None = None,
        on_output: OutputCallback | None = None,
    ) -> WorkerResult:
        """Run one of the job's commands in a workspace, and tell why it failed if it did.

        It is ended in time for the worker to say so.

        Parameters
        ----------
        env:
            Environment variables of this command.
        on_output:
            Is called for each line that it writes, in place of the context's own callback.
        """
        program, *args = parse_command(command)
        memory = MemoryWatch()
        limit = self.time_limit.for_command(self.resources.chunk_timeout)
        async with egress_proxy(self.resources.network) as proxy:
            job = WorkerJob(
                command=program,
                args=confined(program, args),
                cwd=str(workspace),
                env={**_proxy_environment(proxy), **(env or {})},
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
        """Return what every record says of the work behind it."""
        return {
            "attempt": self.invocation.attempt,
            "started_at": self.stopwatch.started_at,
            "duration_ms": round(self.stopwatch.duration_ms),
            "timings": dict(self.stopwatch.timings),
            "versions": {"helios": __version__},
            "worker": dict(self.origin),
        }


def _proxy_environment(proxy: str) -> dict[str, str]:
    """Return the variables by which browsers, ffmpeg and others go through the proxy."""
    return {
        PROXY_VARIABLE: proxy,
        "http_proxy": proxy,
        "https_proxy": proxy,
        "no_proxy": "",
    }
