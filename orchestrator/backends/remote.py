"""Runs a job whose chunks are rendered elsewhere, through object storage."""

import asyncio
import contextlib
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import merged_name
from helios.contract.worker_job import Artifact
from helios.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    CompositionNotFound,
    OptionInvalid,
    PayloadTooLarge,
)
from helios.records.boundary_frames import MAX_FILE_BYTES, BoundaryFrames, BoundaryPictures
from helios.records.chunk_ends import ChunkEnds
from helios.records.job_layout import HEALED_SPEC, JobFolder, boundary_of, is_packed
from helios.stitcher.check import check_chunk_outputs
from helios.stitcher.seam_proof import with_replay
from helios.stitcher.storage_stitcher import fault_of
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.backends.chunk_artifacts import ArtifactKeeper, ChunkDownloads
from orchestrator.backends.completion import (
    check_reachable,
    deliver_to,
    link_to,
    tell_completion,
    warn_of_picture,
)
from orchestrator.backends.endpoints import WorkerGroup
from orchestrator.backends.local import make_folder
from orchestrator.backends.remote_merge import (
    EndpointGroup,
    Gathering,
    MergeByWorker,
    MergeHere,
    MergeInStorage,
    MergeWhereItSuits,
)
from orchestrator.backends.stored_chunks import stored_chunks
from orchestrator.backends.upload import StoredJob, find_stored_job, has_assets, upload_job
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.packaging import PackagedJob, merge_needs_assets, package_job, plays
from orchestrator.delivery.stores import Stores
from orchestrator.delivery.verification import records_of
from orchestrator.display.display import Display
from orchestrator.execution.job_executor import JobExecutor, JobResult
from orchestrator.execution.live_playlist import growing_playlist, playlist_path
from orchestrator.execution.run_hooks import RunHooks, to_all
from orchestrator.execution.seam_step import SeamSource, seam_pictures
from orchestrator.job_repository.file_lock import alone_in
from orchestrator.model.job import Stitch
from orchestrator.model.limits import Limits
from orchestrator.model.settings import RunOptions
from orchestrator.planning.planner import makes_images
from orchestrator.planning.resume import forget_chunks, forget_parts
from orchestrator.scheduling.concurrency_limit import AdaptiveConcurrencyLimit
from orchestrator.scheduling.endpoint import Endpoint
from orchestrator.scheduling.limited_adapter import limited
from orchestrator.scheduling.load_balancer import LoadBalancer
from orchestrator.scheduling.shared_limit import SharedConcurrencyLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """What is particular to a run elsewhere.

    Attributes
    ----------
    groups:
        Where chunks may be rendered; at least one.
    stitch:
        What joins the chunks; `AUTO` chooses by what becomes of the video, and by size.
    admission:
        Folder that keeps how many chunks at once each group was found to take, shared by all
        renders on this machine; None for neither.
    """

    groups: Sequence[WorkerGroup]
    stitch: Stitch = Stitch.AUTO
    admission: Path | None = None


async def run_remote_job(
    spec: JobSpec,
    *,
    job_file: Path,
    job_dir: Path,
    destination: Destination | None,
    options: RunOptions,
    remote: RemoteSettings,
    display: Display,
    control: RunHooks | None = None,
) -> str:
    """Run a job elsewhere, show how it goes, and return where its result is.

    Assets and spec are stored, chunks are rendered into storage, and joined here or there. Workers
    return a chunk that they find in the job's folder without rendering it, so that running the
    same job again renders what is missing.

    Parameters
    ----------
    job_file, job_dir:
        Where the spec is on this machine, and the folder that its paths are relative to; chunks
        that are joined here come into it.
    destination:
        Where the video goes; None leaves it where the job makes it, in `job_dir`.
    control:
        What steers the run; nothing by default.

    Raises
    ------
    JobBusy
        Another process runs a job in the folder.
    HeliosError
        As `JobExecutor.execute`, and what storage says.
    """
    display.stopping = "nothing new starts; what runs elsewhere may end there, finished chunks stay"
    own_files = [job_file, job_dir]
    if destination is not None:
        destination.check(images=makes_images(spec))
        own_files += [] if destination.path is None else [destination.path]
    make_folder(job_dir)
    control = control or RunHooks()
    async with Stores() as stores:
        if destination is not None:
            await check_reachable(destination, stores)
        with alone_in(job_dir):
            await asyncio.to_thread(forget_parts, spec, job_dir)
            stored = None
            if options.resume:
                stored = await _kept_version(
                    spec, job_dir, own_files, remote.groups, stores=stores, display=display
                )
            stitch = _who_merges(spec, job_dir, remote, composition_is_here=stored is None)
            path = playlist_path(spec, job_dir, destination) if options.joins else None
            if path is not None and stitch not in (Stitch.LOCAL, Stitch.AUTO):
                raise OptionInvalid(
                    f"output {path}: a playlist grows on this machine only",
                    hint="Leave --stitch out, or render to a .mp4 file.",
                )
            if stored is None:
                job = package_job(spec, job_dir, own_files=own_files)
                stored = await _upload(job, remote.groups, stores=stores, display=display)
            groups = _sites(remote, stored, most=options.concurrency, limits=control.limits)
            there = await stored_chunks(groups, stores) if options.resume else {}
            crew = _Crew(
                spec,
                groups,
                there=there,
                job_dir=job_dir,
                pictures=seam_pictures(destination, job_dir),
                stores=stores,
                stitch=stitch,
                merges=options.joins,
                stays=destination is not None and destination.url is not None,
                display=display,
                control=control,
            )
            if not options.resume:
                forget_chunks(spec, job_dir, only=options.only)
            control.on_reused(there)
            try:
                result = await _execute(
                    spec,
                    crew,
                    there,
                    playlist_file=path,
                    options=options,
                    display=display,
                    control=control,
                )
                where = await _deliver(result, crew, destination, merge=options.merge)
            finally:
                await crew.stop()
            link = await link_to(where, options.presign, stores)
    await warn_of_picture(display, spec, where)
    tell_completion(display, spec, result, where, link=link)
    return where


async def forget_stored(spec: JobSpec, artifacts: Collection[str | None]) -> None:
    """Remove a job's chunks from the storages that it ran with, and what healed them."""
    async with Stores() as stores:
        for url in {url for url in artifacts if url is not None and spec.id is not None}:
            folder = JobFolder.of(spec, f"{url}/jobs/{spec.id}/job.json")
            if folder is not None:
                await stores.at(folder.url).delete_prefix("chunks/")
                await stores.at(folder.url).delete(HEALED_SPEC)


async def _kept_version(
    spec: JobSpec,
    job_dir: Path,
    own_files: Sequence[Path],
    groups: Sequence[WorkerGroup],
    *,
    stores: Stores,
    display: Display,
) -> Mapping[str, StoredJob] | None:
    """Return the job as it is in storage, if this machine doesn't have its composition any more.

    A job that is gone on with is made of one composition: that which it began with.
    """
    artifacts = [group.artifacts for group in groups]
    stored = await find_stored_job(spec, artifacts=artifacts, stores=stores)
    if stored is None:
        return None
    with contextlib.suppress(CompositionNotFound):
        job = package_job(spec, job_dir, own_files=own_files)
        if await has_assets(job, next(iter(stored.values()))):
            return None
    reason = "the composition was changed since: the job goes on with the version in storage"
    display.note("pinned", reason, reason=reason)
    return stored


def _who_merges(
    spec: JobSpec, job_dir: Path, remote: RemoteSettings, *, composition_is_here: bool
) -> Stitch:
    needed = merge_needs_assets(spec, job_dir) if composition_is_here else plays(spec)
    fault = fault_of(spec, merged_name(spec)) if remote.stitch is Stitch.SERVER else None
    if fault is not None:
        raise OptionInvalid(
            f"--stitch server: {fault}", hint="Let it be chosen: leave the flag out."
        )
    if not needed:
        return remote.stitch
    if remote.stitch is Stitch.LOCAL:
        raise OptionInvalid(
            "--stitch local: the merge plays the composition, which is only in storage",
            hint="Let a worker merge: leave the flag out.",
        )
    return Stitch.WORKER


async def _upload(
    job: PackagedJob, groups: Sequence[WorkerGroup], *, stores: Stores, display: Display
) -> Mapping[str, StoredJob]:
    artifacts = [group.artifacts for group in groups]
    with display.activity(f"storing what workers need in {', '.join(dict.fromkeys(artifacts))}"):
        stored = await upload_job(job, artifacts=artifacts, stores=stores)
    for there in stored.values():
        sent = f"{_size(there.sent_bytes)} of assets" if there.sent_bytes else "no new assets"
        display.note(
            "uploaded",
            f"{there.job_path}: job spec and {sent}",
            id=there.spec.id,
            jobPath=there.job_path,
            assetsUrl=there.spec.assets_url,
            bytes=there.sent_bytes,
        )
    return stored


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _sites(
    remote: RemoteSettings, stored: Mapping[str, StoredJob], *, most: int, limits: Limits
) -> list[EndpointGroup]:
    def endpoint(group: WorkerGroup, adapter: WorkerAdapter) -> Endpoint:
        return Endpoint(
            name=group.name,
            adapter=limited(adapter, limits, price=group.price),
            weight=group.weight,
            most=most,
            job_path=stored[group.artifacts].job_path,
            window=_window(adapter, remote.admission),
            jitter=random.random,
        )

    groups = []
    for artifacts, job in stored.items():
        there = [group for group in remote.groups if group.artifacts == artifacts]
        endpoints = [endpoint(group, group.adapter) for group in there]
        mergers = [endpoint(group, group.merger) for group in there if group.merger is not None]
        groups.append(EndpointGroup(job, endpoints, mergers))
    return groups


def _window(adapter: WorkerAdapter, folder: Path | None) -> AdaptiveConcurrencyLimit:
    if folder is None or adapter.endpoint is None:
        return AdaptiveConcurrencyLimit()
    return SharedConcurrencyLimit(adapter.endpoint, folder=folder)


class _Crew(SeamSource):
    """Who does what in a run: who renders, what they stored, how it comes here, who merges."""

    def __init__(
        self,
        spec: JobSpec,
        groups: list[EndpointGroup],
        *,
        there: Mapping[int, Artifact],
        job_dir: Path,
        pictures: Path,
        stores: Stores,
        stitch: Stitch,
        merges: bool,
        stays: bool,
        display: Display,
        control: RunHooks,
    ) -> None:
        super().__init__(pictures)
        self.spec = spec
        self.job_dir = job_dir
        self.stores = stores
        self.groups = groups
        self.downloads = ChunkDownloads(spec, job_dir, stores=stores)
        # What will be joined here comes while the rest still renders.
        comes_here = merges and (stitch is Stitch.LOCAL or (stitch is Stitch.AUTO and not stays))
        keeper = ArtifactKeeper(
            LoadBalancer([endpoint for group in groups for endpoint in group.endpoints]),
            on_stored=self.downloads.begin if comes_here else None,
        )
        self.artifacts = artifacts = keeper.artifacts
        artifacts.update(there)
        self.renderers = control.wrap(keeper)
        here = MergeHere(spec, artifacts, self.downloads)
        for chunk_id, artifact in there.items() if comes_here else ():
            self.downloads.begin(chunk_id, artifact)
        gathering = Gathering(groups, artifacts, stores=stores)
        self.merge_worker = MergeByWorker(gathering)
        self.merge_server = MergeInStorage(gathering)
        mergers: Mapping[Stitch, WorkerAdapter] = {
            Stitch.LOCAL: here,
            Stitch.WORKER: self.merge_worker,
            Stitch.SERVER: self.merge_server,
            Stitch.AUTO: MergeWhereItSuits(
                here,
                self.merge_worker,
                None if fault_of(spec, merged_name(spec)) else self.merge_server,
                gathering,
                stays=stays,
                tell=lambda reason: display.note("merging", reason, reason=reason),
            ),
        }
        self.merger = mergers[stitch]

    @property
    def stored_video(self) -> Artifact | None:
        """The video, where it was made in storage."""
        return self.merge_worker.video or self.merge_server.video

    async def check_here(self, spec: JobSpec, job_dir: Path) -> Mapping[int, ChunkEnds]:
        """Bring all chunks here, and check them."""
        await self.downloads.finish(self.artifacts)
        return await check_chunk_outputs(spec, job_dir)

    async def boundary_frames(self, spec: JobSpec) -> Mapping[int, BoundaryFrames]:
        """Read what workers recorded beside the chunks that they stored."""
        artifacts = [self.artifacts[c.id] for c in spec.chunks if c.id in self.artifacts]
        records = await records_of(artifacts, self.stores)
        return {
            record.chunk_id: record.boundary
            for record in records
            if record is not None and record.boundary is not None
        }

    async def pictures_of(self, chunk_id: int) -> BoundaryPictures | None:
        """Read the pictures that a worker stored beside a chunk."""
        url = boundary_of(self.artifacts[chunk_id].url)
        try:
            return BoundaryPictures.parse(await self.stores.read(url, limit=MAX_FILE_BYTES))
        except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
            return None

    async def adopt(self, healed: JobSpec, chunk_ids: Collection[int]) -> None:
        """Store the healed job beside the job itself, and ask workers for its chunks."""
        await self.downloads.forget(chunk_ids)
        forget_chunks(healed, self.job_dir, only=chunk_ids)
        for number, group in enumerate(self.groups):
            spec = with_replay(group.job.spec, chunk_ids)
            path = f"{group.folder}/{HEALED_SPEC}"
            await self.stores.write(path, spec.to_json().encode())
            self.groups[number] = replace(group, job=StoredJob(path, spec))
            for endpoint in (*group.endpoints, *group.mergers):
                endpoint.job_path = path

    async def stop(self) -> None:
        """End what still goes on, and let go of connections."""
        await self.downloads.stop()
        for group in self.groups:
            for endpoint in (*group.endpoints, *group.mergers):
                endpoint.window.leave()
                await endpoint.adapter.close()


async def _execute(
    spec: JobSpec,
    crew: _Crew,
    there: Collection[int],
    *,
    playlist_file: Path | None,
    options: RunOptions,
    display: Display,
    control: RunHooks,
) -> JobResult:
    if options.resume:
        display.note(
            "resumed",
            f"{len(there)} of {len(spec.chunks)} chunks already there",
            chunks=sorted(there),
        )
    job_dir = crew.job_dir
    with display.job(spec, done=there, only=options.only):
        async with (
            control.limits.keep_time(),
            growing_playlist(
                spec, playlist_file, job_dir=job_dir, done=there, seams=crew, display=display
            ) as playlist,
        ):
            return await JobExecutor(crew.renderers).execute(
                spec,
                concurrency=options.concurrency,
                job_dir=job_dir,
                job_path=crew.groups[0].job.job_path,
                merge=options.merge,
                retries=options.retries,
                retry_delay=options.retry_delay,
                chunk_timeout=options.chunk_timeout,
                backups=options.backups is not False,
                completed_chunk_ids=there,
                chunk_ids=options.only,
                on_event=to_all(
                    control.on_event, display.show, *([playlist.on_event] if playlist else [])
                ),
                pause=control.pause,
                merge_adapter=crew.merger,
                stitcher=playlist,
                output_file=playlist_file,
                verify=crew.check_here if playlist else None,
                seams=crew,
            )


async def _deliver(
    result: JobResult, crew: _Crew, destination: Destination | None, *, merge: bool
) -> str:
    """Bring what the run made to its destination, and return where it is then."""
    if crew.stored_video is not None:
        return await _deliver_stored(crew.stored_video, crew, destination)
    if result.merged:
        if result.output is None:
            # Another program's merge: it alone knows what its video is called.
            return str(crew.job_dir)
        return await deliver_to(result.output, destination, crew.stores)
    alone = crew.spec.chunks[0]
    stored = crew.artifacts.get(alone.id)
    if not merge or stored is None or len(crew.spec.chunks) > 1:
        # Parts stay where they are.
        return ", ".join(f"{group.folder}/chunks" for group in crew.groups)
    if not is_packed(alone):
        return await _deliver_stored(stored, crew, destination)
    await crew.downloads.finish(crew.artifacts)
    return await deliver_to(crew.job_dir / alone.output_file, destination, crew.stores)


async def _deliver_stored(video: Artifact, crew: _Crew, destination: Destination | None) -> str:
    if destination is not None and destination.url is not None:
        return (await crew.stores.copy(video, destination.url)).url
    path = None if destination is None else destination.path
    path = path or crew.job_dir / video.url.rpartition("/")[2]
    await crew.stores.fetch(video, path)
    return str(path)
