"""A service whose workers are separate processes, and fail at random."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import signal
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

from chaos.breaking import break_storage
from chaos.scene import Scene
from chaos.trouble import Trouble
from helios.contract.invocation import Invocation
from helios.contract.worker_job import WorkerResult
from helios.process.render_executor import RenderExecutor
from helios.storage import split_url
from helios.worker.runtime import WorkerRuntime
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog

#: Limit of concurrent workers.
DISKS = 4
#: Limit of consecutive throttled requests.
BURST = 6
#: Longest time in seconds until a worker is killed.
KILLED_WITHIN = 0.5
#: Processes are forked from one that has imported everything, and runs nothing.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["chaos.workers", "chaos.orchestrators"])


class Workers:
    """Accepts requests as a Cloud Run service does.

    Attributes:
        trouble: Faults to inject; may be changed at any time.
        url: Its URL.
    """

    def __init__(self, scene: Scene, trouble: Trouble, draw: random.Random) -> None:
        self.trouble = trouble
        self.url = ""
        self._scene = scene
        self._draw = draw
        self._throttling = 0
        self._free = [scene.disk(number) for number in range(DISKS)]
        self._working: set[asyncio.Task[tuple[int, str]]] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Accept requests for the duration of the context, and finish running ones."""
        app = web.Application()
        app.router.add_post("/", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/"
        try:
            yield
        finally:
            await self.finish()
            await runner.cleanup()

    async def finish(self) -> None:
        """Wait for running requests, and stop the processes."""
        if self._working:
            await asyncio.wait(self._working)
        for disk in self._free:
            if disk.exists():
                WorkerRuntime(_config(self._scene, disk)).close()

    async def _serve(self, request: web.Request) -> web.Response:
        payload = await request.text()
        refusal = self._refusal()
        if refusal is not None:
            return web.Response(status=refusal)
        if self._happens(self.trouble.slow):
            await asyncio.sleep(self._draw.uniform(0, self.trouble.slow_for))
        if not self._free:
            self._scene.note("throttled")
            return web.Response(status=429)
        work = asyncio.create_task(self._work(payload, self._free.pop()))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        # A worker continues even if its client has disconnected.
        status, body = await asyncio.shield(work)
        if self._happens(self.trouble.lost_response) and request.transport is not None:
            self._scene.note("lost_response")
            request.transport.abort()
        return web.Response(status=status, text=body, content_type="application/json")

    def _refusal(self) -> int | None:
        if self._throttling == 0 and self._happens(self.trouble.throttled / BURST):
            self._throttling = self._draw.randint(1, BURST)
        if self._throttling:
            self._throttling -= 1
            self._scene.note("throttled")
            return 429
        if self._happens(self.trouble.unavailable):
            self._scene.note("unavailable")
            return 503
        return None

    async def _work(self, payload: str, disk: Path) -> tuple[int, str]:
        await asyncio.to_thread(disk.mkdir, exist_ok=True)
        # Workers may render chunks that are stored from now on.
        there = await asyncio.to_thread(self._scene.whole_chunks)
        receiver, sender = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(
            target=work,
            args=(self._scene, disk, payload, there, self.trouble, self._draw.random(), sender),
        )
        try:
            await asyncio.to_thread(process.start)
            sender.close()
            if self._happens(self.trouble.worker_killed):
                await asyncio.to_thread(process.join, self._draw.uniform(0, KILLED_WITHIN))
                if process.is_alive():
                    self._scene.note("worker_killed")
                    kill_family(process.pid)
            await asyncio.to_thread(process.join)
            with contextlib.suppress(EOFError):
                status, body = receiver.recv()
                if self._happens(self.trouble.corrupted):
                    self._corrupt(json.loads(body))
                return status, body
            # As when an instance crashes.
            return 503, ""
        finally:
            receiver.close()
            process.close()
            self._free.append(disk)

    def _corrupt(self, answer: dict[str, Any]) -> None:
        artifact = answer.get("artifact")
        if artifact is None:
            return
        folder, key = split_url(artifact["url"])
        path = Path(folder.removeprefix("file://"), key)
        self._scene.note("corrupted", chunk=int(key.partition("-")[0]))
        with path.open("r+b") as file:
            if self._draw.random() < 0.5:
                file.truncate(self._draw.randrange(path.stat().st_size))
            else:
                file.seek(self._draw.randrange(path.stat().st_size))
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 0xFF]))

    def _happens(self, share: float) -> bool:
        return self._draw.random() < share


def kill_family(pid: int | None) -> None:
    """Kill a process and its descendants, as when a machine fails."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.suspend()
        for member in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGKILL)


def work(  # noqa: PLR0917 - a process's arguments have no names
    scene: Scene,
    disk: Path,
    payload: str,
    there: set[int],
    trouble: Trouble,
    seed: float,
    sender: Connection,
) -> None:
    """Answer one request in a separate process."""
    os.chdir(disk)
    break_storage(scene, trouble, random.Random(seed))  # noqa: S311 - nothing secret
    _count_renders(scene, Invocation.parse(payload), there)
    runtime = WorkerRuntime(_config(scene, disk), log=_quiet_log())
    status, response = asyncio.run(runtime.answer(payload, deadline=60))
    runtime.close()
    sender.send((status, json.dumps(response.body())))


def _config(scene: Scene, disk: Path) -> WorkerConfig:
    return WorkerConfig(
        artifacts=scene.storage.as_uri(),
        workspace=disk,
        # The scene's chunks are drawn without a browser.
        executables=frozenset({"helios", "ffmpeg"}),
    )


def _quiet_log() -> WorkerLog:
    return WorkerLog(Path(os.devnull).open("w", encoding="utf-8"))


def _count_renders(scene: Scene, invocation: Invocation, there: set[int]) -> None:
    run = RenderExecutor.run

    async def counted(self: RenderExecutor, *args: Any, **options: Any) -> WorkerResult:
        if invocation.action == "chunk":
            chunk = invocation.chunk_index
            scene.note("render", chunk=chunk, in_vain=chunk in there & scene.whole_chunks())
        return await run(self, *args, **options)

    RenderExecutor.run = counted  # type: ignore[method-assign]
