"""Names of a job's files in storage."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.records.chunk_record import chunk_key, content_key
from helios.storage import ArtifactStorage, split_url

#: Endings of chunk outputs that are images, or folders of them: stored as one tar file.
_IMAGES = frozenset({"", ".png", ".jpg", ".jpeg", ".webp"})
#: What the keys of merges' records begin with.
MERGE_RECORDS = "output/merge-"
#: What the keys of objects begin with that are there only while a storage joins chunks.
JOINING = "chunks/joining-"
#: Key of the spec by which chunks were rendered again for their seams.
HEALED_SPEC = "healed.json"
#: What the keys of pictures of differing seams begin with.
SEAM_PICTURES = "output/seams/"
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
#: Endings by which an `outputUrl` names a file, not a folder.
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif"})


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's place in storage.

    Attributes
    ----------
    url:
        URL of the folder.
    output_name:
        Name of the video in it where the spec gives one.
    """

    url: str
    output_name: str | None = None

    @classmethod
    def of(
        cls, spec: JobSpec, job_path: str, *, artifacts: str | None = None
    ) -> "JobFolder | None":
        """Return a job's folder; None if nothing says where results go.

        That is the spec's `outputUrl` (a video's URL stands for its folder), else the folder that
        the spec is in, else `jobs/<id>` in the worker's own storage.

        Parameters
        ----------
        job_path:
            Where the spec is: a path or a URL.
        artifacts:
            The worker's own storage.
        """
        if spec.output_url is not None:
            if PurePosixPath(spec.output_url).suffix.lower() in VIDEO_SUFFIXES:
                base, name = split_url(spec.output_url)
                return cls(base, name)
            return cls(spec.output_url.rstrip("/") or "/")
        if not is_http(job_path):
            return cls(split_url(job_path)[0])
        if artifacts is None:
            return None
        name = spec.id or content_key(spec.to_json())
        return cls(f"{artifacts.rstrip('/')}/jobs/{name}")

    def output(self, name: str) -> str:
        """Return the key of the job's output.

        Parameters
        ----------
        name:
            What the job itself calls the file.
        """
        return self.output_name or f"output/{PurePosixPath(name).name}"


def is_http(url: str) -> bool:
    """Tell whether something is fetched from a web server."""
    return _WEB.match(url) is not None


def local_folder(job_path: str) -> Path | None:
    """Return the folder that a spec on this machine is in; None for a spec that is elsewhere."""
    if is_http(job_path):
        return None
    base, _ = split_url(job_path)
    if base.startswith("file://"):
        return Path(unquote(urlsplit(base).path))
    return None if "://" in base else Path(base).absolute()


def is_packed(chunk: RenderChunk) -> bool:
    """Tell whether a chunk's output is stored as a tar file: images, or a folder of them."""
    return PurePosixPath(chunk.output_file).suffix.lower() in _IMAGES


def chunk_output(chunk: RenderChunk, key: str) -> str:
    """Return the key under which a chunk's output is stored.

    Parameters
    ----------
    key:
        As `chunk_key` returns.
    """
    suffix = PurePosixPath(chunk.output_file).suffix
    ending = ".tar" if is_packed(chunk) else suffix if _SUFFIX.fullmatch(suffix) else ".bin"
    return f"chunks/{chunk.id}-{key}{ending}"


def chunk_record(chunk: RenderChunk, key: str) -> str:
    """Return the key under which a chunk's record is stored."""
    return f"chunks/{chunk.id}-{key}.json"


def chunk_boundary(chunk: RenderChunk, key: str) -> str:
    """Return the key under which a chunk's boundary frames are stored with their pictures."""
    return f"chunks/{chunk.id}-{key}.boundary"


def boundary_of(output: str) -> str:
    """Return where a chunk's boundary frames are whose output is stored under a key or URL."""
    return f"{output.rpartition('.')[0]}.boundary"


def record_beside(output: str) -> str:
    """Return where the record of a chunk is whose output is stored under a key or URL."""
    return f"{output.rpartition('.')[0]}.json"


def merge_record(key: str) -> str:
    """Return the key under which the record of a job's output is stored."""
    return f"{MERGE_RECORDS}{key}.json"


async def chunks_in(storage: ArtifactStorage, spec: JobSpec) -> frozenset[int]:
    """Return the ids of the chunks that are whole in a job's folder, by one listing.

    A chunk counts once its record is there, which is written last; records of other assets,
    commands or renderers have other names.

    Parameters
    ----------
    storage:
        The job's folder.
    """
    names = {chunk_record(chunk, chunk_key(spec, chunk)): chunk.id for chunk in spec.chunks}
    found = await storage.list("chunks/")
    return frozenset(names[file.key] for file in found if file.key in names)
