"""Values of a stack for clients, in one parameter and as outputs."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from helios.webhooks.events import WEBHOOK_KEY
from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.operations import Operations
from helios_infra.constructs.outcome import Outcome
from helios_infra.constructs.state_machine import StateMachine
from helios_infra.constructs.workers import Workers

#: Version of the parameter, changed with incompatible changes.
VERSION = 1


class Discovery(Construct):
    """The parameter `/helios/<stack name>/stack`, and the same as outputs of the stack."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        artifacts: Artifacts,
        workers: Workers,
        outcome: Outcome,
        state_machine: StateMachine,
        operations: Operations,
    ) -> None:
        super().__init__(scope, id)
        known = {
            "region": cdk.Aws.REGION,
            "artifacts": artifacts.url,
            "chunkFunction": workers.chunk.function.function_name,
            "mergeFunction": workers.merge.function.function_name,
            "chunkLogGroup": workers.chunk.log_group.log_group_name,
            "mergeLogGroup": workers.merge.log_group.log_group_name,
            "stateMachine": state_machine.machine.state_machine_arn,
            "rendersTopic": outcome.topic.topic_arn,
            "webhookKey": f"{artifacts.url}/{WEBHOOK_KEY}",
        }
        sizes = {
            "version": VERSION,
            "architecture": configuration.architecture,
            "chunkMemory": configuration.chunk_memory,
            "chunkDisk": configuration.chunk_disk,
            "chunkTimeout": configuration.chunk_timeout,
            "mergeMemory": configuration.merge_memory,
            "mergeDisk": configuration.merge_disk,
            "maxConcurrency": configuration.max_concurrency,
        }
        self.parameter = ssm.StringParameter(
            self,
            "Stack",
            parameter_name=f"/helios/{configuration.stack_name}/stack",
            description="Values of this stack for Helios clients",
            string_value=cdk.Stack.of(self).to_json_string({**known, **sizes}),
        )
        for name, value in known.items():
            self._output(name[0].upper() + name[1:], value)
        self._output("StackParameter", self.parameter.parameter_name)
        self._output("AlarmsTopic", operations.topic.topic_arn)
        self._output("Dashboard", operations.dashboard.dashboard_name)

    def _output(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, name, value=value).override_logical_id(name)
