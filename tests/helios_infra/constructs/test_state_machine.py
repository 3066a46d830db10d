"""The state machine, and what it may do."""

import pytest

from helios_infra.workflow import workflow
from helios_infra.workflow_tasks import Function
from tests.helios_infra.templates import Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

BUCKET = "${ArtifactsBucket.Arn}"


def test_the_state_machine_runs_the_workflow_over_what_the_stack_deploys(
    template: Template,
) -> None:
    assert template.only("StepFunctions::StateMachine")["StateMachineType"] == "STANDARD"
    # To the last null, which the CDK would leave out.
    assert template.workflow() == workflow(
        bucket="${ArtifactsBucket}",
        chunk_worker=Function(arn="${WorkersChunkFunction.Arn}", timeout=900, retries=4),
        merge_worker=Function(arn="${WorkersMergeFunction.Arn}", timeout=900, retries=2),
        outcome=Function(arn="${OutcomeRecorderFunction.Arn}", timeout=120, retries=5),
        max_concurrency=200,
        timeout=21_600,
    )


def test_the_state_machine_may_call_its_functions_and_run_its_maps_and_nothing_else(
    template: Template,
) -> None:
    here = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    allowed = template.allowed("StateMachineRole")

    assert {pair for pair in allowed if pair[1] != "*"} == {
        ("lambda:InvokeFunction", "${WorkersChunkFunction.Arn}"),
        ("lambda:InvokeFunction", "${WorkersMergeFunction.Arn}"),
        ("lambda:InvokeFunction", "${OutcomeRecorderFunction.Arn}"),
        ("s3:GetObject", f"{BUCKET}/jobs/*/job.json"),
        ("s3:GetObject", f"{BUCKET}/jobs/*/runs/*"),
        ("s3:PutObject", f"{BUCKET}/jobs/*/failures/*"),
        ("s3:PutObjectTagging", f"{BUCKET}/jobs/*/failures/*"),
        ("s3:AbortMultipartUpload", f"{BUCKET}/map-runs/*"),
        ("s3:GetObject", f"{BUCKET}/map-runs/*"),
        ("s3:ListMultipartUploadParts", f"{BUCKET}/map-runs/*"),
        ("s3:PutObject", f"{BUCKET}/map-runs/*"),
        ("states:StartExecution", "${StateMachineRenders}"),
        ("states:DescribeExecution", f"{here}:execution:${{StateMachineRenders.Name}}:*"),
        ("states:DescribeExecution", f"{here}:execution:${{StateMachineRenders.Name}}/*"),
        ("states:StopExecution", f"{here}:execution:${{StateMachineRenders.Name}}:*"),
        ("states:StopExecution", f"{here}:execution:${{StateMachineRenders.Name}}/*"),
    }
    assert {action.partition(":")[0] for action, where in allowed if where == "*"} == {
        "logs",
        "xray",
    }


def test_only_this_account_makes_step_functions_use_the_role(template: Template) -> None:
    (statement,) = template.of_type("IAM::Role")["StateMachineRole"]["AssumeRolePolicyDocument"][
        "Statement"
    ]

    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}


def test_errors_of_executions_are_logged_without_their_data(template: Template) -> None:
    logging = template.only("StepFunctions::StateMachine")["LoggingConfiguration"]

    assert logging["Level"] == "ERROR"
    assert not logging.get("IncludeExecutionData")
    assert logging["Destinations"] == [
        {"CloudWatchLogsLogGroup": {"LogGroupArn": "${StateMachineLog.Arn}"}}
    ]
