"""The record of a detached batch: which job renders which row."""

import re
from datetime import datetime

from pydantic import Field, field_validator

from helios.contract.spec_consistency import output_path_fault
from helios.errors import OptionInvalid
from helios.records.stored_model import StoredModel
from orchestrator.model.job_id import NEW_ID, new_job_id

#: Key of the record in the batch's folder, which is beside those of jobs.
RECORD = "batch.json"
#: Key of the mark that no further row is begun.
STOPPED = "stopped"
_PREFIX = "batch-"
_BATCH = re.compile(_PREFIX + NEW_ID)
_ROW_JOB = re.compile(rf"(?P<batch>{_BATCH.pattern})-r[0-9]+")


class BatchRow(StoredModel):
    """A row of a batch."""

    row: int = Field(description="Its place among the rows, counted from 1.")
    line: int = Field(description="Its line in their file.")
    job: str = Field(description="Id of the job that renders it; rows with the same values share.")
    name: str = Field(description="Path of its video below the batch's output folder.")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        # It is read from storage, and joined to a folder of the user's.
        fault = output_path_fault(name)
        if fault is not None:
            raise ValueError(fault)
        return name


class BatchRecord(StoredModel):
    """A batch as it was submitted, with the limit of its last resumption."""

    id: str = Field(description="Its id.")
    source: str = Field(description="The composition.")
    created_at: datetime = Field(description="Time at which it was submitted.")
    concurrency: int = Field(description="Chunks at the same time, of all rows together.")
    row_concurrency: int = Field(description="Chunks of a row at the same time.")
    stop_at: datetime | None = Field(
        default=None, description="Time after which no chunk starts; none without a cost limit."
    )
    rows: list[BatchRow] = Field(description="All rows, in their order.")

    @property
    def jobs(self) -> list[str]:
        """The ids of its jobs, in the order in which they are begun."""
        return list(dict.fromkeys(row.job for row in self.rows))

    @property
    def rows_at_once(self) -> int:
        """Rows that run at the same time."""
        return max(1, self.concurrency // self.row_concurrency)


def new_batch_id() -> str:
    """Return a new id, which no job has."""
    return f"{_PREFIX}{new_job_id()}"


def row_job_id(batch_id: str, row: int) -> str:
    """Return the id of the job that renders a row."""
    return f"{batch_id}-r{row}"


def batch_of(job_id: str) -> str | None:
    """Return the id of the batch that a job renders a row of; None for any other job."""
    found = _ROW_JOB.fullmatch(job_id)
    return found["batch"] if found else None


def is_batch_id(job_id: str) -> bool:
    """Tell whether an id is that of a batch."""
    return _BATCH.fullmatch(job_id) is not None


def check_render_id(job_id: str) -> str:
    """Return an id that a user gives to a render; refuse those that batches and their rows have."""
    if is_batch_id(job_id) or batch_of(job_id) is not None:
        raise OptionInvalid(
            f"render {job_id!r}: can't be an id: batches and their rows are called so",
            hint="Give another --request-id, or leave it out.",
        )
    return job_id
