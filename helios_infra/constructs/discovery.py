"""Values of a stack for clients, in one parameter."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from helios.webhooks.events import WEBHOOK_KEY
from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.outcome import Outcome
from helios_infra.constructs.state_machine import StateMachine
from helios_infra.constructs.workers import Workers

#: Version of the parameter, changed with incompatible changes.
VERSION = 1


class Discovery(Construct):
    """The parameter `/helios/<stack name>/stack`; `known` are the names in it."""

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
        if artifacts.key is not None:
            known["kmsKey"] = artifacts.key.key_arn
        self.known = known
        # What a client can look up but no deployment could set.
        unset = {"lifecycleRules": artifacts.unset_rules} if artifacts.unset_rules else {}
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
            string_value=cdk.Stack.of(self).to_json_string({**known, **sizes, **unset}),
        )
