"""A job that a live page follows, by its records and, where it runs here, by its events."""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.errors import HeliosError
from helios.records.chunk_trace import ChunkTrace, trace_beside
from orchestrator.api.jobs.async_job import AsyncJobHandle, ReportDetail
from orchestrator.api.jobs.recorded_job import RecordedJob
from orchestrator.display.display import Display
from orchestrator.model.events import Event, LogLine
from orchestrator.web.event_stream import EventStream
from orchestrator.web.live_report import LiveReport

#: Seconds between two patches, two looks for pictures, and two reads of records.
PATCH_INTERVAL = 0.25
PICTURE_INTERVAL = 1.0
RECORD_INTERVAL = 3.0
#: Seconds between two looks at the cost of remote workers.
COST_INTERVAL = 20.0
#: The part of the time that reading records may take.
_RECORD_SHARE = 1 / 200
#: Lines of output that are kept until the next patch.
_MAX_WAITING = 200
#: Chunks whose folders are looked at for pictures.
_MAX_LOOKED_AT = 16
_SEGMENT = re.compile(r'^(?:#EXT-X-MAP:URI="(?P<map>[^"]+)"|(?P<segment>[^#\s].*))$', re.MULTILINE)


class FollowedJob:
    """Follows a job for a live page.

    Args:
        find: Returns the job; None before it is known.
        display: Shows the job in this process, where it runs here: its events are taken from there.

    Attributes:
        stream: The events for pages.
    """

    def __init__(
        self, find: Callable[[], AsyncJobHandle | None], display: Display | None = None
    ) -> None:
        self.stream = EventStream()
        self._find = find
        self._display = display
        self._report = LiveReport()
        self._lines: deque[dict[str, object]] = deque(maxlen=_MAX_WAITING)
        self._video: Path | None = None
        self._spec: JobSpec | None = None
        self._folder: Path | None = None
        self._read_for = 0.0
        self._has_ended = False
        # When the job ended whose report was read with all that its video shows.
        self._read_whole: datetime | None = None

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the job while the context lasts, and send pages its whole report at the end."""
        if self._display is not None:
            self._display.listeners.append(self._on_event)
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._display is not None:
                self._display.listeners.remove(self._on_event)
            await self._finish()

    def picture(self, frame: int) -> bytes | None:
        return self._report.pictures.get(frame)

    def video_file(self, name: str) -> Path | None:
        if self._video is None:
            return None
        if name == self._video.name:
            return self._video
        # Of a playlist, the files that it names, and no others.
        if self._video.suffix == ".m3u8" and self._video.is_file():
            text = self._video.read_text("utf-8")
            named = {found["map"] or found["segment"] for found in _SEGMENT.finditer(text)}
            path, folder = (self._video.parent / name).resolve(), self._video.parent.resolve()
            if name in named and path.is_relative_to(folder):
                return path
        return None

    async def control(self, name: str) -> None:
        job = self._find()
        if job is None:
            return
        match name:
            case "cancel":
                await job.cancel()
            case "pause":
                await job.pause()
            case "resume":
                await job.run_in_background(fresh=False, changes={})

    def _on_event(self, event: Event) -> None:
        if isinstance(event, LogLine):
            self._lines.append({"chunkId": event.chunk_id, "text": event.text[:2000]})
        else:
            self._report.on_event(event)

    async def _follow(self) -> None:
        looked = read = priced = -float("inf")
        while True:
            job, now = self._find(), time.monotonic()
            # Without a page, nothing has to be known but what pages begin with.
            if job is not None and (self.stream.is_followed or self._report.document is None):
                if now - read >= max(RECORD_INTERVAL, self._read_for / _RECORD_SHARE):
                    with contextlib.suppress(HeliosError):
                        await self._read(job)
                    read = time.monotonic()
                if now - priced >= COST_INTERVAL:
                    with contextlib.suppress(HeliosError):
                        await self._price(job)
                    priced = time.monotonic()
                if now - looked >= PICTURE_INTERVAL:
                    await self._look()
                    looked = now
            self._send()
            await asyncio.sleep(PATCH_INTERVAL)

    async def _read(self, job: AsyncJobHandle) -> None:
        began = time.monotonic()
        known = self._report.document is not None
        if self._read_whole is not None and (await job.status()).ended_at == self._read_whole:
            return
        # What a video shows takes a while: it is read once nothing waits for this process.
        detail: ReportDetail = "all" if self._has_ended else "traces"
        report = await job.report(detail=detail)
        self._read_whole = report.ended_at if self._has_ended else None
        self._has_ended = self._display is None and report.ended_at is not None
        if isinstance(job, RecordedJob) and self._spec is None:
            record = await job.record()
            self._spec = record.spec
            self._folder = record.location.folder if record.location.is_local else None
            output = record.location.output
            if output is not None and "://" not in output:
                self._video = Path(output)
        self._read_for = time.monotonic() - began
        self._report.update(report, read_at=began)
        if known:
            return
        controls = ["pause", "cancel"] if isinstance(job, RecordedJob) else ["cancel"]
        if self._display is None:
            controls.append("resume")
        self._report.set_facts(controls=controls, maxCost=report.max_cost)
        self._report.take_changes()
        self.stream.send_report(self._report.whole())

    async def _price(self, job: AsyncJobHandle) -> None:
        """Say what the job has cost, and what it is going to at that rate."""
        document = self._report.document
        if document is None or document["where"] == "local":
            return
        # Reports of jobs that a deployment runs have it.
        if isinstance(job, RecordedJob):
            cost = await job.cost()
            self._report.set_facts(cost=None if cost is None else cost.document())
        if document["cost"] and document["framesDone"]:
            expected = document["cost"]["total"] * document["video"]["frames"]
            self._report.set_facts(costExpected=expected / document["framesDone"])

    async def _look(self) -> None:
        """Look for pictures of chunks that run, and for a video to play."""
        if self._spec is not None and self._folder is not None:
            for chunk_id in self._report.running[:_MAX_LOOKED_AT]:
                chunk = self._spec.chunk(chunk_id)
                folder = self._folder / trace_beside(chunk.output_file)
                trace = await asyncio.to_thread(ChunkTrace.read, folder, start=chunk.start_frame)
                self._report.add_pictures(trace.pictures)
        await self._offer_video()

    async def _offer_video(self) -> None:
        video, document = self._video, self._report.document
        if video is None or document is None:
            return
        is_playlist = video.suffix == ".m3u8"
        ready = is_playlist or document["state"] == "completed"
        playable = is_playlist or video.suffix in (".mp4", ".webm", ".m4v", ".mov")
        if ready and playable and await asyncio.to_thread(video.is_file):
            self.stream.send_video(video.name, "hls" if is_playlist else "file")

    def _send(self) -> None:
        if self._display is not None and self._display.progress is not None:
            self._report.set_facts(fps=round(self._display.progress.fps, 2) or None)
        patch = self._report.take_changes()
        if patch is not None:
            self.stream.send_patch(patch, whole=self._report.whole())
        if self._lines:
            self.stream.send_lines(list(self._lines))
            self._lines.clear()

    async def _finish(self) -> None:
        job = self._find()
        if job is not None and self.stream.is_followed:
            with contextlib.suppress(HeliosError):
                await self._price(job)
            with contextlib.suppress(HeliosError):
                last = self._report.last(await job.report(detail="traces"))
                self.stream.send_report({**last, "ended": True, "controls": []})
        self.stream.end()
