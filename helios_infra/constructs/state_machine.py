"""The state machine of detached renders, with its permissions."""

import json
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from helios_infra.acknowledge import acknowledge
from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.image_function import ImageFunction
from helios_infra.constructs.log_group import LogGroup
from helios_infra.constructs.outcome import Outcome
from helios_infra.constructs.workers import Workers
from helios_infra.workflow import MAP_RUNS, workflow
from helios_infra.workflow_tasks import Function, longest_wait

#: Further tries of recording an outcome.
_OUTCOME_RETRIES = 5
#: Further tries of a merge: its input doesn't change, so that few of them help.
_MERGE_RETRIES = 2
# Actions for writing a map's results, which are stored in parts.
_RESULTS = (
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)


class StateMachine(Construct):
    """A standard workflow whose Distributed Map runs up to 10,000 chunks side by side."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        artifacts: Artifacts,
        workers: Workers,
        outcome: Outcome,
    ) -> None:
        super().__init__(scope, id)
        self._configuration = configuration
        self._artifacts = artifacts
        self._functions = (workers.chunk, workers.merge, outcome.recorder)
        self.role = self._role()
        self.machine = self._machine(workers, outcome)
        self._may_run_maps()
        cdk.Tags.of(self).add("helios:part", "state-machine")

    def _machine(self, workers: Workers, outcome: Outcome) -> sfn.StateMachine:
        wanted = self._configuration
        definition = workflow(
            bucket=self._artifacts.bucket.bucket_name,
            prefix=self._artifacts.prefix,
            chunk_worker=self._function(workers.chunk, retries=wanted.chunk_retries),
            merge_worker=self._function(workers.merge, retries=_MERGE_RETRIES),
            outcome=self._function(outcome.recorder, retries=_OUTCOME_RETRIES),
            max_concurrency=wanted.max_concurrency,
            timeout=wanted.render_timeout,
        )
        log = LogGroup(
            self,
            "Log",
            days=wanted.log_days,
            # With names that begin so, many state machines don't outgrow the account's log policy.
            name=f"/aws/vendedlogs/states/{wanted.stack_name}",
        )
        machine = sfn.StateMachine(
            self,
            "Renders",
            comment="Helios: detached renders",
            state_machine_type=sfn.StateMachineType.STANDARD,
            # Not by the CDK's own way to JSON, which drops what is null: `"ResultPath": null`.
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition)),
            role=self.role,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ERROR),
            tracing_enabled=wanted.tracing,
        )
        acknowledge(
            machine,
            {
                "AwsSolutions-SF1": "Every event of an execution is kept by Step Functions for 90 "
                "days; the log holds the errors, so that large renders don't pay for it twice."
            },
        )
        return machine

    def _function(self, function: ImageFunction, *, retries: int) -> Function:
        return Function(
            arn=function.function.function_arn,
            timeout=function.timeout,
            retries=retries,
            longest_wait=longest_wait(self._configuration.render_timeout),
        )

    def _role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=[each.function.function_arn for each in self._functions],
            )
        )
        allow = self._artifacts.allow
        allow(role, actions=["s3:GetObject"], keys=["jobs/*/job.json", "jobs/*/runs/*"])
        allow(role, actions=["s3:PutObject", "s3:PutObjectTagging"], keys=["jobs/*/failures/*"])
        allow(role, actions=_RESULTS, keys=[f"{MAP_RUNS}/*"])
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "Traces and the delivery of logs: these actions "
                "know no resources."
            },
        )
        return role

    def _may_run_maps(self) -> None:
        """Let the machine start its map's executions, each of which is one of its own."""
        stack = cdk.Stack.of(self)
        name = self.machine.state_machine_name
        executions = [
            stack.format_arn(
                service="states",
                resource="execution",
                resource_name=pattern,
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
            for pattern in (f"{name}:*", f"{name}/*")
        ]
        # A policy of its own, as the role has to be there before the machine that this one names.
        policy = iam.Policy(
            self,
            "Maps",
            statements=[
                iam.PolicyStatement(
                    actions=["states:StartExecution"], resources=[self.machine.state_machine_arn]
                ),
                iam.PolicyStatement(
                    actions=["states:DescribeExecution", "states:StopExecution"],
                    resources=executions,
                ),
            ],
        )
        policy.attach_to_role(self.role)
        machine = stack.get_logical_id(cast(cdk.CfnElement, self.machine.node.default_child))
        where = ":".join(
            f"<{name}>" if cdk.Token.is_unresolved(value) else value
            for name, value in (
                ("AWS::Partition", stack.partition),
                ("", "states"),
                ("AWS::Region", stack.region),
                ("AWS::AccountId", stack.account),
            )
        )
        acknowledge(
            policy,
            {
                f"AwsSolutions-IAM5[Resource::arn:{where}:execution:<{machine}.Name>{end}]": (
                    "The ids of the map's executions aren't known before they are started."
                )
                for end in (":*", "/*")
            },
        )
