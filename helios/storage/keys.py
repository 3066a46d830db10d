"""Valid object keys, with the same meaning in every storage."""

import mimetypes
import re

from helios.errors import StorageInvalid

#: Bytes of UTF-8 that a whole name may have in S3 and in Google Cloud Storage.
MAX_NAME_BYTES = 1024
#: Bytes of UTF-8 between two slashes: what file systems allow, less what local storage adds.
MAX_STEP_BYTES = 200
#: Names that begin so belong to the local storage's own files.
RESERVED = ".helios-"

#: Tag of objects in S3 that are of use only until their job has ended.
INTERMEDIATE_TAG = ("helios", "intermediate")

_INTERMEDIATE = re.compile(
    r"(?:.*/)?jobs/[^/]+/(?:(?:chunks|claims|done|failures|slices)/|healed\.json$)"
)
_UNWRITTEN = re.compile(r"[\0-\x1f\x7f\ud800-\udfff]")


def check_key(key: str) -> None:
    """Refuse a key that leaves its folder, or that not every storage could hold.

    Raises
    ------
    StorageInvalid
    """
    fault = _name_fault(key) if key else "is empty"
    if fault:
        raise StorageInvalid(f"key {key!r} {fault}")


def check_prefix(prefix: str) -> None:
    """Refuse a beginning of keys that no key could have; it may end anywhere in a name.

    Raises
    ------
    StorageInvalid
    """
    folder = prefix.rpartition("/")[0]
    fault = _name_fault(folder) if "/" in prefix else None
    if fault:
        raise StorageInvalid(f"prefix {prefix!r} {fault}")


def check_deletable(prefix: str) -> None:
    """Refuse to delete everything.

    Raises
    ------
    StorageInvalid
    """
    if not prefix:
        raise StorageInvalid("an empty prefix would delete everything")
    check_prefix(prefix)


def content_type(key: str) -> str:
    """Return the type that browsers are told, by a key's ending."""
    # Without the system's own lists, which differ from one machine to the next.
    kind, encoding = mimetypes.MimeTypes().guess_type(key)
    return kind if kind and not encoding else "application/octet-stream"


def is_intermediate(name: str) -> bool:
    """Tell whether an object is of use only until its job has ended, by its whole name.

    Lifecycles may delete those long before the videos in the same folder.
    """
    return _INTERMEDIATE.match(name) is not None


def tags_of(name: str) -> dict[str, str]:
    """Return the tags of an object in S3, by its whole name: what lifecycle rules filter on."""
    return dict([INTERMEDIATE_TAG]) if is_intermediate(name) else {}


def _name_fault(name: str) -> str | None:
    if _UNWRITTEN.search(name):
        return "holds a control character or half a surrogate pair"
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
