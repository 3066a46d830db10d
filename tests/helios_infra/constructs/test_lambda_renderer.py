"""The stack as a whole."""

import os
from pathlib import Path

import pytest

from tests.helios_infra.templates import FULL, Stacks, Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]


def test_each_region_has_a_stack_of_the_same_name(stacks: Stacks) -> None:
    _, first, second, _ = stacks.stacks

    assert first.stack_name == second.stack_name == "Studio"
    assert (first.region, second.region) == ("eu-west-1", "us-east-2")


def test_billed_resources_have_cost_allocation_tags(full: Template) -> None:
    expected = {
        "ArtifactsBucket": "artifacts",
        "WorkersChunkFunction": "chunk-worker",
        "WorkersChunkLog": "chunk-worker",
        "WorkersMergeFunction": "merge-worker",
        "OutcomeRecorderFunction": "outcome",
        "StateMachineRenders": "state-machine",
        "OperationsFailedRenders": "operations",
    }
    for name, part in expected.items():
        tags = full.resources[name]["Properties"]["Tags"]
        assert {
            "helios:stack": FULL.stack_name,
            "helios:part": part,
            "team": "video",
        }.items() <= {tag["Key"]: tag["Value"] for tag in tags}.items(), name


@pytest.mark.parametrize(
    "index", [0, 1, 2, 3], ids=["default", "first-region", "second-region", "existing-bucket"]
)
def test_cdk_nag_finds_nothing_that_is_not_acknowledged_with_its_reason(
    stacks: Stacks, index: int
) -> None:
    from cdk_nag import AwsSolutionsChecks

    report = AwsSolutionsChecks(stacks.app, verbose=True).validate_scope(stacks.stacks[index])

    assert [
        (violation.rule_name, [found.construct_path for found in violation.violating_resources])
        for violation in report.violations
    ] == []


def test_cdk_nag_would_find_something(stacks: Stacks) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_s3 as s3
    from cdk_nag import AwsSolutionsChecks

    bare = cdk.Stack(cdk.App(), "Bare")
    s3.Bucket(bare, "Open")

    report = AwsSolutionsChecks(bare).validate_scope(bare)

    assert not report.success


def test_every_acknowledged_finding_has_its_reason(stacks: Stacks) -> None:
    reasons = stacks.acknowledged()

    assert reasons
    for finding, reason in reasons:
        assert finding.startswith("AwsSolutions-")
        assert len(reason.split()) > 5, finding


def test_the_stack_is_what_was_reviewed(template: Template) -> None:
    reviewed = Path(__file__).parents[1] / "snapshot.json"
    found = template.summary()

    if os.environ.get("UPDATE_SNAPSHOTS"):
        reviewed.write_text(found)
    assert found == reviewed.read_text(), (
        "The template changed. If that is meant, run this test with UPDATE_SNAPSHOTS=1 and review "
        "the difference."
    )
