"""The policies themselves, as IAM takes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.clouds.aws_stack import parameter_of
from orchestrator.policies.stack_names import StackNames

#: Default qualifier in the names of the bootstrap's roles and parameter.
_QUALIFIER = "hnb659fds"
#: Roles that `cdk deploy` acts as; what CloudFormation itself may do is another one's.
_DEPLOYING_ROLES = ("deploy-role", "file-publishing-role", "image-publishing-role", "lookup-role")


@dataclass(frozen=True, slots=True)
class Statement:
    """Allowed actions on resources, and their purpose."""

    purpose: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    #: The only commands or flags that need it; empty if every render does.
    feature: str = ""


def _render(names: StackNames) -> list[Statement]:
    bucket = f"arn:{names.partition}:s3:::{names.bucket}"
    prefix = f"{names.folder}{names.prefix}"
    below = f"{bucket}/{prefix}"
    only = {"StringLike": {"s3:prefix": [f"{prefix}*"]}} if prefix else {}
    attached = [
        Statement(
            "find the stack by its name",
            ["ssm:GetParameter"],
            [names.arn("ssm", f"parameter{parameter_of(names.stack)}")],
            feature="--stack and connect",
        ),
        Statement(
            "store compositions and jobs, fetch chunks and videos",
            [
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            # Not what webhooks are signed with, which lies beside these folders.
            [f"{below}assets/*", f"{below}jobs/*"],
        ),
        Statement(
            "delete the intermediate objects of jobs",
            ["s3:DeleteObject"],
            [f"{below}jobs/*"],
            feature="delete --chunks and --stitch server",
        ),
        Statement("list the finished chunks", ["s3:ListBucket"], [bucket], only),
        Statement("invoke the workers", ["lambda:InvokeFunction"], names.functions),
        Statement(
            "read the memory size of the workers, for costs",
            ["lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration"],
            names.functions,
            feature="--max-cost and costs",
        ),
    ]
    if names.kms_key:
        key = ["kms:Decrypt", "kms:GenerateDataKey"]
        attached.append(Statement("use the key of the bucket", key, [names.kms_key]))
    # Jobs of the state machine are never below a prefix.
    return attached if names.prefix else attached + _detached(names)


def _detached(names: StackNames) -> list[Statement]:
    return [
        Statement(
            "read the concurrency quota of the account",
            ["lambda:GetAccountSettings"],
            ["*"],
            feature="--max-cost and estimate",
        ),
        Statement(
            "start detached renders, and list them",
            ["states:ListExecutions", "states:StartExecution"],
            [names.machine],
            feature="--detach",
        ),
        Statement(
            "read the logs of their workers",
            ["logs:FilterLogEvents"],
            [names.arn("logs", f"log-group:{group}:*") for group in names.log_groups],
            feature="logs",
        ),
        Statement(
            "describe detached renders, and stop them",
            ["states:DescribeExecution", "states:StopExecution"],
            [names.arn("states", f"execution:{names.state_machine}:*")],
            feature="--detach",
        ),
    ]


def _doctor(names: StackNames) -> list[Statement]:
    bucket = f"arn:{names.partition}:s3:::{names.bucket}"
    return [
        Statement(
            "describe the workers",
            ["lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration"],
            names.functions,
        ),
        Statement("look at the state machine", ["states:DescribeStateMachine"], [names.machine]),
        Statement(
            "compare quotas with a render",
            ["lambda:GetAccountSettings", "servicequotas:ListServiceQuotas"],
            ["*"],
        ),
        Statement(
            "simulate the policies of these credentials",
            ["iam:GetRole", "iam:SimulatePrincipalPolicy"],
            [f"arn:{names.partition}:iam::{names.account}:{kind}/*" for kind in ("role", "user")],
        ),
        Statement("read the lifecycle of the bucket", ["s3:GetLifecycleConfiguration"], [bucket]),
        Statement(
            "clean up after a trial", ["s3:DeleteObject"], [f"{bucket}/{names.folder}jobs/doctor-*"]
        ),
    ]


def _deploy(names: StackNames) -> list[Statement]:
    roles = [
        f"arn:{names.partition}:iam::{names.account}:role/cdk-{_QUALIFIER}-{role}-*"
        for role in _DEPLOYING_ROLES
    ]
    return [
        Statement("act as the roles that bootstrapping made", ["sts:AssumeRole"], roles),
        Statement(
            "check that the account is bootstrapped for the CDK",
            ["ssm:GetParameter"],
            [names.arn("ssm", f"parameter/cdk-bootstrap/{_QUALIFIER}/version")],
        ),
    ]


#: Every policy by what people call it.
POLICIES: Mapping[str, Callable[[StackNames], list[Statement]]] = {
    "render": _render,
    "doctor": _doctor,
    "deploy": _deploy,
}


def statements(policy: str, names: StackNames) -> list[Statement]:
    """Return the statements of a policy."""
    return POLICIES[policy](names)


def document(policy: str, names: StackNames) -> dict[str, Any]:
    """Return a policy as IAM takes it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "".join(word.capitalize() for word in _words(statement.purpose)),
                "Effect": "Allow",
                "Action": list(statement.actions),
                "Resource": list(statement.resources),
                **({"Condition": statement.conditions} if statement.conditions else {}),
            }
            for statement in statements(policy, names)
        ],
    }


def _words(purpose: str) -> list[str]:
    return purpose.replace(",", "").split()
