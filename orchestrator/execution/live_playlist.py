"""A playlist (HLS, RFC 8216) that grows as chunks finish, to play a video while it renders."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from urllib.parse import quote

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.worker_job import WorkerJob
from helios.errors import MergeFailed, StitchFailed
from helios.mp4.fragments import Fragments
from helios.mp4.reader import read_movie
from helios.mp4.track import NotSpliceable
from helios.output import whole_output, write_failure
from helios.stitcher.base import VideoStitcher
from helios.stitcher.seam_proof import compare_seams
from orchestrator.execution.audio_step import make_sound
from orchestrator.execution.seam_step import SeamSource
from orchestrator.model.events import ChunkFinished, Event, SeamsHealing

_INITIALIZATION = "init.mp4"
# Seconds between looks for a chunk's file, which may come from storage.
_INTERVAL = 0.1


class LivePlaylist(VideoStitcher):
    """Adds a segment for each chunk to the playlist once all chunks before it are finished.

    The segments lie in a folder beside the playlist, `NAME.hls`. What an earlier render left there
    is removed.

    Args:
        job_dir: Folder in which chunk outputs appear, each of them complete.
        merge: The job's merge, as a job of this machine: what it would join with the picture is
            heard.
        on_first: Called once the playlist can be played.
        seams: What is known of the pictures at the chunks' ends: nothing is shown behind a seam
            that is still to be healed.
    """

    def __init__(
        self,
        spec: JobSpec,
        job_dir: Path,
        path: Path,
        *,
        merge: WorkerJob,
        on_first: Callable[[], None],
        seams: SeamSource | None = None,
    ) -> None:
        self.path = path
        self._seams = seams if spec.seams == "heal" else None
        self._spec = spec
        self._chunks = spec.chunks_by_frame()
        self._rate = spec.metadata.frame_rate
        self._job_dir = job_dir
        self._merge = merge
        self._on_first = on_first
        self._folder = path.with_name(f"{path.stem}.hls")
        self._finished: set[int] = set()
        self._growth: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def growing(self, *, done: Iterable[int]) -> AsyncIterator[None]:
        """Add segments to the playlist while the context lasts."""
        self._finished |= set(done)
        await asyncio.to_thread(self._clear)
        self._growth = asyncio.create_task(self._grow())
        try:
            yield
        finally:
            self._growth.cancel()
            await asyncio.gather(self._growth, return_exceptions=True)

    def on_event(self, event: Event) -> None:
        """Note finished chunks, and begin again if some are rendered again."""
        if isinstance(event, ChunkFinished):
            self._finished.add(event.chunk_id)
        if isinstance(event, SeamsHealing):
            self._finished.difference_update(event.chunk_ids)
            self._merge = replace(self._merge, args=[*self._merge.args, "--replay"])
            self._growth = asyncio.create_task(self._grow_anew(self._growth))

    async def stitch(
        self,
        inputs: Sequence[Path],  # noqa: ARG002 - those it has made segments of
        output: Path,  # noqa: ARG002
    ) -> None:
        """Wait for the last segment, and end the playlist; `MergeFailed` without its sound."""
        if self._growth is None:
            raise RuntimeError("the playlist doesn't grow")
        try:
            await self._growth
        except NotSpliceable as fault:
            raise StitchFailed(
                f"{self.path.name}: the chunks can't become segments: {fault}",
                hint="Render to a .mp4 file.",
            ) from fault
        await asyncio.to_thread(self._write, len(self._chunks), ended=True)

    async def _grow(self) -> None:
        sound = self._folder / "sound.mp4"
        try:
            await self._record(sound)
            first = await self._there(self._chunks[0])
            fragments = await asyncio.to_thread(self._begin, first, sound)
            for number, chunk in enumerate(self._chunks):
                path = await self._there(chunk)
                await self._until_proven(number)
                await asyncio.to_thread(self._add, fragments, number, path)
                if number == 0:
                    self._on_first()
        finally:
            sound.unlink(missing_ok=True)

    async def _grow_anew(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        await asyncio.to_thread(self._clear)
        await self._grow()

    async def _until_proven(self, number: int) -> None:
        """Return if a chunk's seam with the one before is invisible; else wait to begin again."""
        if self._seams is not None and number > 0:
            pair = self._chunks[number - 1 : number + 1]
            spec = self._spec.model_copy(update={"chunks": pair})
            frames = await self._seams.boundary_frames(spec)
            if (await compare_seams(pair, frames, self._seams.pictures_of)).differing:
                await asyncio.get_running_loop().create_future()

    async def _record(self, sound: Path) -> None:
        inputs = {chunk.output_file for chunk in self._chunks}
        result = await make_sound(self._merge, sound, inputs=inputs)
        if (error := result.failure) is not None:
            raise MergeFailed(
                f"sound: {error.message}", hint=error.hint or "", retryable=error.retryable
            )

    async def _there(self, chunk: RenderChunk) -> Path:
        """Wait for a chunk, and return its output."""
        path = self._job_dir / chunk.output_file
        # A file that comes from storage raises no event.
        while chunk.id not in self._finished or not path.exists():  # noqa: ASYNC110
            await asyncio.sleep(_INTERVAL)
        return path

    def _clear(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
        except OSError as fault:
            raise write_failure(fault, output=self._folder) from fault

    def _begin(self, first: Path, sound: Path) -> Fragments:
        audio = read_movie(sound) if sound.exists() else None
        fragments = Fragments(read_movie(first), rate=self._rate, audio=audio)
        with whole_output(self._folder / _INITIALIZATION) as folder:
            (folder / "whole").write_bytes(fragments.initialization())
        return fragments

    def _add(self, fragments: Fragments, number: int, path: Path) -> None:
        chunk = self._chunks[number]
        fragments.write_segment(
            read_movie(path),
            self._folder / _segment(number),
            number=number,
            frames=range(chunk.start_frame, chunk.end_frame),
        )
        self._write(number + 1, ended=False)

    def _write(self, count: int, *, ended: bool) -> None:
        """Write the playlist of the first segments."""
        longest = max(chunk.frame_count for chunk in self._chunks)
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{ceil(longest / self._rate)}",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            f'#EXT-X-MAP:URI="{self._uri(_INITIALIZATION)}"',
        ]
        for number, chunk in enumerate(self._chunks[:count]):
            seconds = float(chunk.frame_count / self._rate)
            lines += [f"#EXTINF:{seconds:.6f},", self._uri(_segment(number))]
        lines += ["#EXT-X-ENDLIST"] if ended else []
        with whole_output(self.path) as folder:
            (folder / "whole").write_text("\n".join(lines) + "\n", "utf-8")

    def _uri(self, name: str) -> str:
        return quote(f"{self._folder.name}/{name}")


def _segment(number: int) -> str:
    return f"{number:05d}.m4s"
