"""The ids of jobs: new ones, and the rule that all of them keep."""

import re
import secrets
from datetime import UTC, datetime

from helios.contract.spec_consistency import id_fault
from helios.errors import OptionInvalid

#: Characters of the id of a detached render, which is part of what clouds call its execution.
MAX_DETACHED_ID = 63
_EXECUTION_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_DETACHED_ID - 1}}}")
_FURTHER_RUN = re.compile(r"--run[0-9]+$")
# Letters and digits of an id that can't be taken for each other.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
#: Pattern of what `new_job_id` returns.
NEW_ID = rf"[0-9]{{8}}-[0-9]{{6}}-[{_ALPHABET}]{{6}}"


def new_job_id(now: datetime | None = None) -> str:
    """Return a new id; ids sort by time: `20261125-093012-7kx2m4`."""
    now = datetime.now(UTC) if now is None else now
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return f"{now:%Y%m%d-%H%M%S}-{tail}"


def check_job_id(job_id: str, *, detached: bool = False) -> str:
    """Return an id that may name a folder or a key, and if `detached`, an execution in a cloud.

    One that could lead out of the folder of all jobs, or collide with other files, is refused.
    """
    if detached and _EXECUTION_NAME.fullmatch(job_id) is None:
        raise OptionInvalid(
            f"render {job_id!r}: can't be an id",
            hint=f"At most {MAX_DETACHED_ID} letters, digits, - and _, of which the last two don't"
            " come first.",
        )
    if detached and _FURTHER_RUN.search(job_id):
        raise OptionInvalid(f"render {job_id!r}: can't be an id: further runs are called so")
    fault = id_fault(job_id)
    if fault is None and job_id.startswith((".", "-")):
        fault = f"{job_id!r} begins with {job_id[0]!r}"
    if fault is not None:
        raise OptionInvalid(f"job id: {fault}")
    return job_id
