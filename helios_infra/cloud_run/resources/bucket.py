"""The artifacts bucket: private, with lifecycle rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import Conflict, NotFound

from helios.errors import DeploymentFailed
from helios_infra.cloud_run.changes import Change, differences
from helios_infra.cloud_run.resources.container import LABEL, OWNER

#: Folders to which the lifecycle applies; objects elsewhere are kept.
ASSETS = "assets/"
JOBS = "jobs/"
#: Days after which an upload that was never finished is dropped.
UNFINISHED_UPLOAD_DAYS = 1

# Our rules by their shapes (action, what days are counted from, prefixes), and what they are about.
_SUBJECTS = {
    ("Delete", "age", (ASSETS,)): "assets",
    ("Delete", "daysSinceCustomTime", (JOBS,)): "intermediates",
    ("Delete", "age", (JOBS,)): "outputs",
    ("AbortIncompleteMultipartUpload", "age", ()): "unfinished uploads",
}

# google-cloud-storage is untyped: clients and buckets are `Any` here.


def find_bucket(storage: Any, name: str) -> Any | None:
    """Return a bucket; None if it isn't there."""
    try:
        return storage.get_bucket(name)
    except NotFound:
        return None


def is_ours(bucket: Any) -> bool:
    """Whether a bucket was made or adopted by deploying."""
    return bool(bucket.labels.get(LABEL) == OWNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """Days after which objects in a bucket are deleted; 0 for never.

    Videos and chunks are in one folder, and lifecycles know no patterns: what may go first bears
    a custom time, which the storage gives it.
    """

    assets: int
    intermediates: int
    outputs: int


def provide_bucket(
    storage: Any,
    name: str,
    *,
    region: str,
    expiry: Expiry,
    kms_key: str | None = None,
    adopt: bool = False,
) -> Change:
    """Create a bucket, or update its settings as requested.

    A bucket made by other means is used as it is, unless it is to be adopted: its lifecycle would
    delete what they keep there.
    """
    resource = f"bucket {name}"
    bucket = find_bucket(storage, name)
    if bucket is None:
        return _create(storage, name, region=region, expiry=expiry, kms_key=kms_key)
    if not is_ours(bucket) and not adopt:
        return Change(resource, "kept")
    before = bucket_facts(bucket)
    _configure(bucket, expiry=expiry, kms_key=kms_key)
    changes = differences(before, bucket_facts(bucket))
    if not changes:
        return Change(resource, "unchanged")
    bucket.patch()
    return Change(resource, "updated", changes)


def delete_bucket(storage: Any, name: str) -> Change:
    """Delete a bucket with all that is in it, if it is ours."""
    resource = f"bucket {name}"
    bucket = find_bucket(storage, name)
    if bucket is None:
        return Change(resource, "absent")
    if not is_ours(bucket):
        return Change(resource, "kept")
    for blob in storage.list_blobs(name, versions=True):
        blob.delete()
    bucket.delete()
    return Change(resource, "deleted")


def bucket_facts(bucket: Any) -> dict[str, str]:
    """Return the settings of a bucket that deploying looks after."""
    access = bucket.iam_configuration
    kept = bucket.soft_delete_policy.retention_duration_seconds
    facts = {
        LABEL: bucket.labels.get(LABEL, "none"),
        "access": "uniform" if access.uniform_bucket_level_access_enabled else "by object",
        "public access": access.public_access_prevention or "inherited",
        "key": bucket.default_kms_key_name or "Google's",
        "soft delete": "by default" if kept is None else f"{kept} s",
    }
    for rule in bucket.lifecycle_rules:
        if _subject(rule):
            facts[f"expiry of {_subject(rule)}"] = f"{_days(rule)} d"
    return facts


def _create(storage: Any, name: str, *, region: str, expiry: Expiry, kms_key: str | None) -> Change:
    bucket = storage.bucket(name)
    _configure(bucket, expiry=expiry, kms_key=kms_key)
    facts = {"location": region, **bucket_facts(bucket)}
    try:
        storage.create_bucket(bucket, location=region)
    except Conflict as fault:
        raise DeploymentFailed(
            f"bucket {name}: the name is taken, in all of Google Cloud",
            hint="Choose another one; your project's id in it makes it unique.",
        ) from fault
    return Change(f"bucket {name}", "created", differences({}, facts))


def _configure(bucket: Any, *, expiry: Expiry, kms_key: str | None) -> None:
    bucket.labels = {**bucket.labels, LABEL: OWNER}
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    # A key that others set stays.
    if kms_key is not None:
        bucket.default_kms_key_name = kms_key
    # Otherwise all that is deleted is paid for another week.
    bucket.soft_delete_policy.retention_duration_seconds = 0
    others = [rule for rule in bucket.lifecycle_rules if _subject(rule) is None]
    bucket.lifecycle_rules = [*others, *_rules(expiry)]


def _rules(expiry: Expiry) -> list[dict[str, Any]]:
    days = {
        "assets": expiry.assets,
        "intermediates": expiry.intermediates,
        "outputs": expiry.outputs,
        "unfinished uploads": UNFINISHED_UPLOAD_DAYS,
    }
    rules = []
    for (action, since, prefixes), subject in _SUBJECTS.items():
        if days[subject]:
            where = {"matchesPrefix": list(prefixes)} if prefixes else {}
            condition = {since: days[subject], **where}
            rules.append({"action": {"type": action}, "condition": condition})
    return rules


def _subject(rule: Mapping[str, Any]) -> str | None:
    """Return the purpose of a rule of this project, with any number of days; None for others."""
    condition = dict(rule["condition"])
    prefixes = condition.pop("matchesPrefix", [])
    return _SUBJECTS.get((rule["action"]["type"], "+".join(condition), tuple(prefixes)))


def _days(rule: Mapping[str, Any]) -> int:
    condition = rule["condition"]
    return int(condition.get("age", condition.get("daysSinceCustomTime")))
