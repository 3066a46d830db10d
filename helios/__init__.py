"""Shared by client and workers: job specs, renderer, stitcher, storage, worker runtime."""

from typing import TYPE_CHECKING

from helios.lazy_names import lazy_names

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec as JobSpec
    from helios.contract.job_spec import RenderChunk as RenderJobChunk
    from helios.contract.worker_job import WorkerJob as WorkerJob
    from helios.contract.worker_job import WorkerResult as WorkerResult
    from helios.errors import CompositionError as CompositionError
    from helios.errors import ConfigurationError as ConfigurationError
    from helios.errors import HeliosError as HeliosError
    from helios.errors import JobError as JobError
    from helios.errors import RenderError as RenderError
    from helios.errors import SpecError as SpecError
    from helios.errors import StorageError as StorageError
    from helios.errors import WorkerError as WorkerError
    from helios.process.render_executor import RenderExecutor as RenderExecutor
    from helios.stitcher import FfmpegStitcher as FfmpegStitcher
    from helios.stitcher import VideoStitcher as VideoStitcher
    from helios.worker.runtime import WorkerRuntime as WorkerRuntime

#: Version of the package, and of the renderer in it.
__version__ = "0.2.0"

__all__ = [
    "CompositionError",
    "ConfigurationError",
    "FfmpegStitcher",
    "HeliosError",
    "JobError",
    "JobSpec",
    "RenderError",
    "RenderExecutor",
    "RenderJobChunk",
    "SpecError",
    "StorageError",
    "VideoStitcher",
    "WorkerError",
    "WorkerJob",
    "WorkerResult",
    "WorkerRuntime",
    "__version__",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        {
            "JobSpec": "helios.contract.job_spec",
            "RenderJobChunk": "helios.contract.job_spec:RenderChunk",
            "WorkerJob": "helios.contract.worker_job",
            "WorkerResult": "helios.contract.worker_job",
            "CompositionError": "helios.errors",
            "ConfigurationError": "helios.errors",
            "HeliosError": "helios.errors",
            "JobError": "helios.errors",
            "RenderError": "helios.errors",
            "SpecError": "helios.errors",
            "StorageError": "helios.errors",
            "WorkerError": "helios.errors",
            "RenderExecutor": "helios.process.render_executor",
            "FfmpegStitcher": "helios.stitcher.ffmpeg",
            "VideoStitcher": "helios.stitcher.base",
            "WorkerRuntime": "helios.worker.runtime",
        },
    )
