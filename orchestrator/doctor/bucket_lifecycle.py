"""Checks the lifecycle rules of a bucket that a stack was deployed into."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.clouds.aws import AwsCalls, code_of
from orchestrator.doctor.base import Finding, Health
from orchestrator.model.deployment import AwsStack

_WHAT = "lifecycle"
#: What a rule may do with objects or uploads that match its filter.
_ACTIONS = ("Expiration", "AbortIncompleteMultipartUpload")


async def lifecycle_finding(stack: AwsStack, calls: AwsCalls) -> Finding:
    """Tell whether what renders leave in a given bucket expires, after any number of days.

    Raises:
        HeliosError: As `AwsCalls.run`.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    bucket = stack.artifacts.removeprefix("s3://").partition("/")[0]
    client = calls.client("s3")

    def ask() -> Sequence[Mapping[str, Any]]:
        try:
            answer = client.get_bucket_lifecycle_configuration(Bucket=bucket)
        except ClientError as fault:
            if code_of(fault) != "NoSuchLifecycleConfiguration":
                raise
            return []
        rules: Sequence[Mapping[str, Any]] = answer["Rules"]
        return rules

    there = await calls.run(f"lifecycle of {bucket}", ask)
    missing = [
        rule for rule in stack.lifecycle_rules if not any(_does(each, rule) for each in there)
    ]
    if not missing:
        return Finding(_WHAT, Health.OK, f"{bucket}: what renders leave expires")
    names = ", ".join(rule["ID"] for rule in missing)
    return Finding(
        _WHAT,
        Health.NOTICE,
        f"{bucket}: no rule for {names}, which stay for ever",
        f"Add to the rules of the bucket: {json.dumps(missing)}",
    )


def _does(rule: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a rule ends the same objects as another one, after any number of days."""
    action = next(action for action in _ACTIONS if action in wanted)
    return rule.get("Status") == "Enabled" and action in rule and _covers(rule, wanted)


def _covers(rule: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    prefix, tags = _filter(rule)
    wanted_prefix, wanted_tags = _filter(wanted)
    return wanted_prefix.startswith(prefix) and tags <= wanted_tags


def _filter(rule: Mapping[str, Any]) -> tuple[str, frozenset[tuple[str, str]]]:
    # Earlier forms of rules have the prefix beside the filter.
    found = rule.get("Filter", rule)
    found = found.get("And", found)
    tags = [*found.get("Tags", []), *([found["Tag"]] if "Tag" in found else [])]
    return found.get("Prefix", ""), frozenset((tag["Key"], tag["Value"]) for tag in tags)
