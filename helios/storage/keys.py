"""Rules for object keys that are valid in every storage."""

import mimetypes
import re

from helios.errors import StorageInvalid

#: Largest full name in bytes of UTF-8, in S3 and Google Cloud Storage.
MAX_NAME_BYTES = 1024
#: Largest step between slashes in bytes of UTF-8: file systems allow 255, local storage adds some.
MAX_STEP_BYTES = 200
#: Prefix of the local storage's own files.
RESERVED = ".helios-"

#: Tag in S3 of objects that are needed only until their job has ended.
INTERMEDIATE_TAG = ("helios", "intermediate")

_INTERMEDIATE = re.compile(
    r"(?:.*/)?jobs/[^/]+/(?:(?:chunks|claims|done|failures|slices)/|healed\.json$)"
)
_UNWRITTEN = re.compile(r"[\0-\x1f\x7f\ud800-\udfff]")


def check_key(key: str) -> None:
    """Raise `StorageInvalid` for a key that leaves its folder or isn't valid in every storage."""
    fault = _name_fault(key) if key else "is empty"
    if fault:
        raise StorageInvalid(f"key {key!r} {fault}")


def check_prefix(prefix: str) -> None:
    """Raise `StorageInvalid` for an invalid prefix of keys; it may end within a name."""
    folder = prefix.rpartition("/")[0]
    fault = _name_fault(folder) if "/" in prefix else None
    if fault:
        raise StorageInvalid(f"prefix {prefix!r} {fault}")


def check_deletable(prefix: str) -> None:
    """Raise `StorageInvalid` for an empty or invalid prefix of keys to delete."""
    if not prefix:
        raise StorageInvalid("an empty prefix would delete everything")
    check_prefix(prefix)


def content_type(key: str) -> str:
    """Return the media type for a key's ending."""
    # Independent of the system's lists, which differ between machines.
    kind, encoding = mimetypes.MimeTypes().guess_type(key)
    return kind if kind and not encoding else "application/octet-stream"


def is_intermediate(name: str) -> bool:
    """Return whether the object of this full name is needed only until its job has ended.

    Lifecycle rules may delete such objects earlier than videos.
    """
    return _INTERMEDIATE.match(name) is not None


def tags_of(name: str) -> dict[str, str]:
    """Return the tags in S3 of the object of this full name, for lifecycle rules."""
    return dict([INTERMEDIATE_TAG]) if is_intermediate(name) else {}


def _name_fault(name: str) -> str | None:
    if _UNWRITTEN.search(name):
        return "contains a control character or a lone surrogate"
    steps = name.split("/")
    sizes = [len(step.encode()) for step in steps]
    refusals = (
        (not steps[0], "is absolute"),
        (".." in steps, "leaves its folder"),
        ("" in steps or "." in steps, "has an empty step between its slashes"),
        (any(step.startswith(RESERVED) for step in steps), f"uses {RESERVED}*, which is reserved"),
        (max(sizes) > MAX_STEP_BYTES, f"has a step of more than {MAX_STEP_BYTES} bytes"),
        (sum(sizes) + len(sizes) > MAX_NAME_BYTES, f"is longer than {MAX_NAME_BYTES} bytes"),
    )
    return next((fault for refused, fault in refusals if refused), None)
