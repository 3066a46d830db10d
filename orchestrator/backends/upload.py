"""Stores a job for its workers: its assets, once for each content, and its spec."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from helios.assets import PackedAssets, pack_assets
from helios.assets.archive import SUFFIX, archive_name, digest_in
from helios.concurrency import map_limited, run_blocking
from helios.contract.job_spec import JobSpec
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    CompositionNotFound,
    JobSpecInvalid,
    PayloadTooLarge,
)
from helios.records.spec_slices import slices_of
from helios.storage import ArtifactStorage
from orchestrator.delivery.packaging import PackagedJob, package_job
from orchestrator.delivery.stores import Stores
from orchestrator.display.display import Display

#: Hexadecimal digits of an id that is made from a job's content.
_ID_DIGITS = 16
# Slices of a spec that are stored at once.
_WRITES_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job in one storage."""

    #: URL of its spec.
    job_path: str
    #: The spec as it is there.
    spec: JobSpec
    #: Bytes of assets that had to be sent.
    sent_bytes: int = 0
    #: Whether the spec was stored now; otherwise there was one, maybe another one.
    is_new: bool = True


async def upload_job(
    job: PackagedJob,
    *,
    artifacts: Collection[str],
    stores: Stores,
    once: bool = False,
    assets: Mapping[str, str] | None = None,
) -> Mapping[str, StoredJob]:
    """Store a job's assets and spec below each of some URLs, and return what is where.

    A job whose spec has no `id` is named after its content, assets included, so that the same job
    finds what it left there. With `once`, an existing spec with this id is kept. `assets` gives the
    URL of the packed composition by storage, where it was stored before (`upload_pack`).
    """
    known = assets or {}
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        packed = None if known else await _pack(job, Path(scratch, f"assets{SUFFIX}"))
        job_id = job.spec.id or _id_of(job.spec, packed)
        urls = dict.fromkeys(artifacts)
        stored = await asyncio.gather(
            *(
                _upload(
                    job, packed, url, job_id=job_id, stores=stores, once=once, assets=known.get(url)
                )
                for url in urls
            )
        )
    return dict(zip(urls, stored, strict=True))


async def upload_pack(
    job: PackagedJob, *, artifacts: Collection[str], stores: Stores
) -> Mapping[str, str]:
    """Store the composition of a job below each of some URLs; return the archive's URL at each.

    It is empty if the job's commands read no files of this machine.
    """
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        packed = await _pack(job, Path(scratch, f"assets{SUFFIX}"))
        if packed is None:
            return {}
        stored = {}
        for url in dict.fromkeys(artifacts):
            stored[url], _ = await _store_pack(stores.at(url), packed)
        return stored


async def _store_pack(storage: ArtifactStorage, packed: PackedAssets) -> tuple[str, int]:
    """Store an archive unless it is there; return its URL, and the bytes that were sent."""
    name = archive_name(packed.sha256)
    if await storage.stat(name) is not None:
        return storage.url_of(name), 0
    await storage.put_file(name, packed.path)
    return storage.url_of(name), packed.bytes


async def pinned_version(
    spec: JobSpec,
    job_dir: Path,
    *,
    own_files: Collection[Path],
    artifacts: Collection[str],
    stores: Stores,
    assets: Mapping[str, str] | None = None,
) -> Mapping[str, StoredJob] | None:
    """Return a job as it is in storage, if its composition is gone or changed on this machine.

    A resumed job continues with the version of the composition that it began with.

    Args:
        job_dir: The job's folder, which paths in commands are relative to.
        own_files: Files and folders that the job makes beside those in its spec.
        assets: By storage, the URL of the composition as it is now; it is packed by default.
    """
    stored = await find_stored_job(spec, artifacts=artifacts, stores=stores)
    if stored is None:
        return None
    if assets:
        same = all(each.spec.assets_url == assets.get(url) for url, each in stored.items())
        return None if same else stored
    with contextlib.suppress(CompositionNotFound):
        job = package_job(spec, job_dir, own_files=own_files)
        if await has_assets(job, next(iter(stored.values()))):
            return None
    return stored


async def find_stored_job(
    spec: JobSpec, *, artifacts: Collection[str], stores: Stores
) -> Mapping[str, StoredJob] | None:
    """Return a job as an earlier run stored it below each of some URLs; None if it isn't there."""
    if spec.id is None:
        return None
    found: dict[str, StoredJob] = {}
    for url in dict.fromkeys(artifacts):
        storage = stores.at(url)
        name = _spec_name(spec.id)
        try:
            data = await storage.get_bytes(name, limit=MAX_SPEC_BYTES)
            stored = JobSpec.parse(data, source=storage.url_of(name))
        except (ArtifactNotFound, ArtifactCorrupt, JobSpecInvalid, PayloadTooLarge):
            return None
        found[url] = StoredJob(storage.url_of(name), stored)
    return found


async def has_assets(job: PackagedJob, stored: StoredJob) -> bool:
    """Tell whether what was stored for a job is what would be stored for it now."""
    if job.folder is None or stored.spec.assets_url is None:
        return job.folder is None
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        packed = await _pack(job, Path(scratch, f"assets{SUFFIX}"))
    return packed is not None and packed.sha256 == digest_in(stored.spec.assets_url)


def show_stored(job: StoredJob, display: Display) -> None:
    """Show where a job was stored, and how many bytes of assets were sent."""
    size = job.sent_bytes
    sent = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
    display.note(
        "uploaded",
        f"{job.job_path}: job spec and {f'{sent} of assets' if size else 'no new assets'}",
        id=job.spec.id,
        jobPath=job.job_path,
        assetsUrl=job.spec.assets_url,
        bytes=size,
    )


def _spec_name(job_id: str) -> str:
    return f"jobs/{job_id}/job.json"


def _id_of(spec: JobSpec, packed: PackedAssets | None) -> str:
    content = f"{packed.sha256 if packed else ''}\n{spec.to_json()}"
    return hashlib.sha256(content.encode()).hexdigest()[:_ID_DIGITS]


async def _pack(job: PackagedJob, target: Path) -> PackedAssets | None:
    folder = job.folder
    if folder is None:
        return None
    return await run_blocking(
        lambda token: pack_assets(
            folder, target, leave_out=job.leave_out, only=job.only, token=token
        )
    )


async def _store_slices(storage: ArtifactStorage, folder: str, slices: Mapping[str, bytes]) -> None:
    async def store(key: str) -> None:
        await storage.put_bytes(f"{folder}/{key}", slices[key])

    await map_limited(store, slices, limit=_WRITES_AT_ONCE)


async def _upload(
    job: PackagedJob,
    packed: PackedAssets | None,
    url: str,
    *,
    job_id: str,
    stores: Stores,
    once: bool,
    assets: str | None,
) -> StoredJob:
    storage = stores.at(url)
    known: dict[str, str] = {"id": job_id}
    sent = 0
    if assets is not None:
        known["assets_url"] = assets
    elif packed is not None:
        known["assets_url"], sent = await _store_pack(storage, packed)
    spec = job.spec.model_copy(update=known)
    name = _spec_name(job_id)
    data = spec.to_json().encode()
    is_new = True
    if once:
        is_new = await storage.create(name, data)
    else:
        await storage.put_bytes(name, data)
    if is_new:
        await _store_slices(storage, name.rpartition("/")[0], slices_of(spec, data))
    return StoredJob(storage.url_of(name), spec, sent, is_new)
