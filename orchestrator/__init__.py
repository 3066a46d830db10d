"""The client side: plan a render, run its chunks on workers, stitch their outputs.

    from orchestrator import Lambda, get_job, render, submit

    video = render("promo", "out.mp4")                                  # on this machine
    job = submit("promo", "out.mp4", target=Lambda(stack="Helios"))      # runs in the cloud
    job.wait()
    job.download("out.mp4")

Names are imported when they are used: importing the package loads none of its modules.
"""

from typing import TYPE_CHECKING

from helios.lazy_names import lazy_names

if TYPE_CHECKING:
    from helios.contract.job_spec import RenderChunk as RenderJobChunk
    from helios.errors import CompositionError as CompositionError
    from helios.errors import ConfigurationError as ConfigurationError
    from helios.errors import HeliosError as HeliosError
    from helios.errors import JobError as JobError
    from helios.errors import RenderError as RenderError
    from helios.errors import SpecError as SpecError
    from helios.errors import StorageError as StorageError
    from helios.errors import WorkerError as WorkerError
    from orchestrator.adapters.aws_lambda import AwsLambdaAdapter as AwsLambdaAdapter
    from orchestrator.adapters.base import WorkerAdapter as WorkerAdapter
    from orchestrator.adapters.cloud_run import CloudRunAdapter as CloudRunAdapter
    from orchestrator.adapters.local import LocalWorkerAdapter as LocalWorkerAdapter
    from orchestrator.api.async_functions import get_job_async as get_job_async
    from orchestrator.api.async_functions import jobs_async as jobs_async
    from orchestrator.api.async_functions import render_async as render_async
    from orchestrator.api.async_functions import still_async as still_async
    from orchestrator.api.async_functions import submit_async as submit_async
    from orchestrator.api.batches.batch import render_batch as render_batch
    from orchestrator.api.batches.batch import render_batch_async as render_batch_async
    from orchestrator.api.batches.results import RowResult as RowResult
    from orchestrator.api.batches.results import RowState as RowState
    from orchestrator.api.displays import Notice as Notice
    from orchestrator.api.displays import ProgressEvent as ProgressEvent
    from orchestrator.api.functions import get_job as get_job
    from orchestrator.api.functions import jobs as jobs
    from orchestrator.api.functions import render as render
    from orchestrator.api.functions import sheet as sheet
    from orchestrator.api.functions import still as still
    from orchestrator.api.functions import submit as submit
    from orchestrator.api.job_handle import JobHandle as JobHandle
    from orchestrator.api.jobs.async_job import AsyncJobHandle as AsyncJobHandle
    from orchestrator.api.jobs.job_status import JobStatus as JobStatus
    from orchestrator.api.jobs.resume_settings import ResumeKeywords as ResumeKeywords
    from orchestrator.api.jobs.snapshot import AttemptLog as AttemptLog
    from orchestrator.api.rendering.keywords import BatchKeywords as BatchKeywords
    from orchestrator.api.rendering.keywords import RenderKeywords as RenderKeywords
    from orchestrator.api.rendering.keywords import SheetKeywords as SheetKeywords
    from orchestrator.api.rendering.keywords import StillKeywords as StillKeywords
    from orchestrator.api.sheets.sheet import Sheet as Sheet
    from orchestrator.api.sheets.sheet import sheet_async as sheet_async
    from orchestrator.api.targets.target import CloudRun as CloudRun
    from orchestrator.api.targets.target import Lambda as Lambda
    from orchestrator.api.targets.target import Local as Local
    from orchestrator.api.targets.target import Target as Target
    from orchestrator.api.video import ChunkFiles as ChunkFiles
    from orchestrator.api.video import Video as Video
    from orchestrator.execution.job_executor import JobExecutor as JobExecutor
    from orchestrator.job_repository.file import FileJobRepository as FileJobRepository
    from orchestrator.lifecycle.job_manager import JobManager as JobManager
    from orchestrator.model.events import BackupStarted as BackupStarted
    from orchestrator.model.events import ChunkFailed as ChunkFailed
    from orchestrator.model.events import ChunkFinished as ChunkFinished
    from orchestrator.model.events import ChunkRetrying as ChunkRetrying
    from orchestrator.model.events import ChunkStarted as ChunkStarted
    from orchestrator.model.events import ChunkStopped as ChunkStopped
    from orchestrator.model.events import FrameProgress as FrameProgress
    from orchestrator.model.events import LogLine as LogLine
    from orchestrator.model.events import MergeFinished as MergeFinished
    from orchestrator.model.events import MergeStarted as MergeStarted
    from orchestrator.model.events import SeamsCompared as SeamsCompared
    from orchestrator.model.events import SeamsDiffer as SeamsDiffer
    from orchestrator.model.events import SeamsHealing as SeamsHealing

__all__ = [
    "AsyncJobHandle",
    "AttemptLog",
    "AwsLambdaAdapter",
    "BackupStarted",
    "BatchKeywords",
    "ChunkFailed",
    "ChunkFiles",
    "ChunkFinished",
    "ChunkRetrying",
    "ChunkStarted",
    "ChunkStopped",
    "CloudRun",
    "CloudRunAdapter",
    "CompositionError",
    "ConfigurationError",
    "FileJobRepository",
    "FrameProgress",
    "HeliosError",
    "JobError",
    "JobExecutor",
    "JobHandle",
    "JobManager",
    "JobStatus",
    "Lambda",
    "Local",
    "LocalWorkerAdapter",
    "LogLine",
    "MergeFinished",
    "MergeStarted",
    "Notice",
    "ProgressEvent",
    "RenderError",
    "RenderJobChunk",
    "RenderKeywords",
    "ResumeKeywords",
    "RowResult",
    "RowState",
    "SeamsCompared",
    "SeamsDiffer",
    "SeamsHealing",
    "Sheet",
    "SheetKeywords",
    "SpecError",
    "StillKeywords",
    "StorageError",
    "Target",
    "Video",
    "WorkerAdapter",
    "WorkerError",
    "get_job",
    "get_job_async",
    "jobs",
    "jobs_async",
    "render",
    "render_async",
    "render_batch",
    "render_batch_async",
    "sheet",
    "sheet_async",
    "still",
    "still_async",
    "submit",
    "submit_async",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        {
            "RenderJobChunk": "helios.contract.job_spec:RenderChunk",
            "CompositionError": "helios.errors",
            "ConfigurationError": "helios.errors",
            "HeliosError": "helios.errors",
            "JobError": "helios.errors",
            "RenderError": "helios.errors",
            "SpecError": "helios.errors",
            "StorageError": "helios.errors",
            "WorkerError": "helios.errors",
            "AwsLambdaAdapter": "orchestrator.adapters.aws_lambda",
            "WorkerAdapter": "orchestrator.adapters.base",
            "CloudRunAdapter": "orchestrator.adapters.cloud_run",
            "LocalWorkerAdapter": "orchestrator.adapters.local",
            "get_job_async": "orchestrator.api.async_functions",
            "jobs_async": "orchestrator.api.async_functions",
            "render_async": "orchestrator.api.async_functions",
            "still_async": "orchestrator.api.async_functions",
            "submit_async": "orchestrator.api.async_functions",
            "AsyncJobHandle": "orchestrator.api.jobs.async_job",
            "render_batch": "orchestrator.api.batches.batch",
            "render_batch_async": "orchestrator.api.batches.batch",
            "RowResult": "orchestrator.api.batches.results",
            "RowState": "orchestrator.api.batches.results",
            "Notice": "orchestrator.api.displays",
            "ProgressEvent": "orchestrator.api.displays",
            "get_job": "orchestrator.api.functions",
            "jobs": "orchestrator.api.functions",
            "render": "orchestrator.api.functions",
            "sheet": "orchestrator.api.functions",
            "still": "orchestrator.api.functions",
            "submit": "orchestrator.api.functions",
            "AttemptLog": "orchestrator.api.jobs.snapshot",
            "JobHandle": "orchestrator.api.job_handle",
            "JobStatus": "orchestrator.api.jobs.job_status",
            "BatchKeywords": "orchestrator.api.rendering.keywords",
            "RenderKeywords": "orchestrator.api.rendering.keywords",
            "SheetKeywords": "orchestrator.api.rendering.keywords",
            "StillKeywords": "orchestrator.api.rendering.keywords",
            "Sheet": "orchestrator.api.sheets.sheet",
            "sheet_async": "orchestrator.api.sheets.sheet",
            "ResumeKeywords": "orchestrator.api.jobs.resume_settings",
            "CloudRun": "orchestrator.api.targets.target",
            "Lambda": "orchestrator.api.targets.target",
            "Local": "orchestrator.api.targets.target",
            "Target": "orchestrator.api.targets.target",
            "ChunkFiles": "orchestrator.api.video",
            "Video": "orchestrator.api.video",
            "JobExecutor": "orchestrator.execution.job_executor",
            "FileJobRepository": "orchestrator.job_repository.file",
            "JobManager": "orchestrator.lifecycle.job_manager",
            "BackupStarted": "orchestrator.model.events",
            "ChunkFailed": "orchestrator.model.events",
            "ChunkFinished": "orchestrator.model.events",
            "ChunkRetrying": "orchestrator.model.events",
            "ChunkStarted": "orchestrator.model.events",
            "ChunkStopped": "orchestrator.model.events",
            "FrameProgress": "orchestrator.model.events",
            "LogLine": "orchestrator.model.events",
            "MergeFinished": "orchestrator.model.events",
            "MergeStarted": "orchestrator.model.events",
            "SeamsCompared": "orchestrator.model.events",
            "SeamsDiffer": "orchestrator.model.events",
            "SeamsHealing": "orchestrator.model.events",
        },
    )
