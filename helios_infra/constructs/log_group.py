"""Log groups with a retention, removed with the stack."""

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


class LogGroup(logs.LogGroup):
    """A log group.

    Args:
        days: How long its events are kept.
        name: Its name; None leaves it to CloudFormation.
    """

    def __init__(self, scope: Construct, id: str, *, days: int, name: str | None = None) -> None:
        super().__init__(scope, id, log_group_name=name, removal_policy=RemovalPolicy.DESTROY)
        # The CDK takes a name for each number of days in place of the number.
        cast(logs.CfnLogGroup, self.node.default_child).retention_in_days = days
