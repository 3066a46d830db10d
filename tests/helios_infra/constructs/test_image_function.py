"""What all functions have in common."""

from pathlib import Path

import pytest

from tests.helios_infra.templates import Stacks, Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]


def test_only_the_service_itself_takes_on_a_role(template: Template) -> None:
    services = {
        name: (statement["Principal"], statement["Action"])
        for name, role in template.of_type("IAM::Role").items()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    }

    assert services == {
        "WorkersChunkRole": ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole"),
        "WorkersMergeRole": ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole"),
        "OutcomeRecorderRole": ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole"),
        "StateMachineRole": ({"Service": "states.amazonaws.com"}, "sts:AssumeRole"),
    }


def test_no_role_has_managed_policies(template: Template) -> None:
    for name, role in template.of_type("IAM::Role").items():
        assert not role.get("ManagedPolicyArns"), name


def test_functions_join_the_configured_network(template: Template, full: Template) -> None:
    for function in template.of_type("Lambda::Function").values():
        assert "VpcConfig" not in function
    for name in ("WorkersChunk", "WorkersMerge", "OutcomeRecorder"):
        assert full.of_type("Lambda::Function")[f"{name}Function"]["VpcConfig"] == {
            "SecurityGroupIds": ["sg-0a1b2c3d"],
            "SubnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
        }
        assert ("ec2:CreateNetworkInterface", "*") in full.allowed(f"{name}Role")
        assert ("ec2:CreateNetworkInterface", "*") not in template.allowed(f"{name}Role")


def test_the_image_and_the_functions_agree_on_the_processor(stacks: Stacks) -> None:
    for stack, template, architecture, platform in (
        (stacks.stacks[0], stacks.default, "x86_64", "linux/amd64"),
        (stacks.stacks[1], stacks.first_region, "arm64", "linux/arm64"),
    ):
        for name, function in template.of_type("Lambda::Function").items():
            if function.get("PackageType") == "Image":
                assert function["Architectures"] == [architecture], name
        assert {image["source"]["platform"] for image in stacks.images(stack)} == {platform}


def test_the_image_is_built_from_nothing_but_what_workers_run(stacks: Stacks) -> None:
    worker, recorder = stacks.images(stacks.stacks[0])
    image = worker["source"]
    context = Path(stacks.folder, image["directory"])

    assert image["dockerFile"] == "worker_lambda/Dockerfile"
    changed = {"directory": recorder["source"]["directory"], "dockerBuildTarget": "recorder"}
    assert {**image, **changed} == recorder["source"]
    assert (context / "worker_lambda/Dockerfile").is_file()
    assert (context / "helios/process/render_executor.py").is_file()
    for unwanted in (".git", ".venv", "tests", "docs", "helios_infra", "orchestrator/cli.py"):
        assert not (context / unwanted).exists(), unwanted


def test_logs_are_kept_for_a_set_time_and_go_with_the_stack(template: Template) -> None:
    groups = template.of_type("Logs::LogGroup")

    assert len(groups) == 4
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    for name in groups:
        assert template.resources[name]["DeletionPolicy"] == "Delete"
    for name, function in template.of_type("Lambda::Function").items():
        assert function["LoggingConfig"]["LogGroup"] == f"${{{name.removesuffix('Function')}Log}}"


def test_everything_that_works_is_traced(template: Template) -> None:
    for function in template.of_type("Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}
    machine = template.only("StepFunctions::StateMachine")
    assert machine["TracingConfiguration"] == {"Enabled": True}
