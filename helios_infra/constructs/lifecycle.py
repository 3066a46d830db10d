"""The lifecycle rules of the artifacts bucket, in the form of S3's API."""

from typing import Any

from aws_cdk import Duration

from helios.storage.keys import INTERMEDIATE_TAG
from helios_infra.configuration import Configuration
from helios_infra.workflow import MAP_RUNS

#: Days after which the parts of an upload that never ended are deleted.
_UPLOAD_DAYS = 1


def lifecycle_rules(
    configuration: Configuration, *, prefix: str, whole_bucket: bool
) -> list[dict[str, Any]]:
    """Return the rules, as `put-bucket-lifecycle-configuration` takes them.

    Args:
        prefix: What the keys of all objects begin with: empty, or ending in a slash.
        whole_bucket: Whether unfinished uploads are ended anywhere in the bucket, and not only of
            jobs.
    """
    tag, value = INTERMEDIATE_TAG
    tags = [{"Key": tag, "Value": value}]
    wanted = configuration
    rules = [
        {
            "ID": "unfinished-uploads",
            "Filter": {"Prefix": "" if whole_bucket else f"{prefix}jobs/"},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOAD_DAYS},
        },
        _expiry(
            "intermediates",
            {"And": {"Prefix": f"{prefix}jobs/", "Tags": tags}},
            wanted.intermediate_days,
        ),
        _expiry("map-runs", {"Prefix": f"{prefix}{MAP_RUNS}/"}, wanted.intermediate_days),
        _expiry("assets", {"Prefix": f"{prefix}assets/"}, wanted.asset_days),
    ]
    if folder := wanted.tenant_folder:
        below = {"And": {"Prefix": f"{prefix}{folder}/", "Tags": tags}}
        rules.append(_expiry("tenants-intermediates", below, wanted.intermediate_days))
    if wanted.output_days:
        rules.append(_expiry("outputs", {"Prefix": f"{prefix}jobs/"}, wanted.output_days))
    return [{**rule, "Status": "Enabled"} for rule in rules]


def _expiry(id: str, objects: dict[str, Any], days: int) -> dict[str, Any]:
    return {"ID": id, "Filter": objects, "Expiration": {"Days": days}}


def construct_properties(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule as the properties of the CDK's `LifecycleRule`."""
    found = rule["Filter"].get("And", rule["Filter"])
    properties: dict[str, Any] = {"id": rule["ID"], "prefix": found["Prefix"] or None}
    if "Tags" in found:
        properties["tag_filters"] = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    if "Expiration" in rule:
        properties["expiration"] = Duration.days(rule["Expiration"]["Days"])
    else:
        days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        properties["abort_incomplete_multipart_upload_after"] = Duration.days(days)
    return properties
