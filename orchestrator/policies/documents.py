"""The policies themselves, as IAM takes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from orchestrator.clouds.aws_stack import parameter_of
from orchestrator.model.deployment import AwsStack

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNames:
    """Names of a stack's resources, or patterns for a stack that isn't deployed yet."""

    stack: str
    partition: str = "aws"
    region: str = "*"
    account: str = "*"
    bucket: str
    chunk_function: str
    merge_function: str
    state_machine: str

    @classmethod
    def of(cls, stack: AwsStack) -> Self:
        """Return the names of a stack that is deployed."""
        _, partition, _, region, account, _, machine = stack.state_machine.split(":")
        return cls(
            stack=stack.name,
            partition=partition,
            region=region,
            account=account,
            bucket=stack.artifacts.removeprefix("s3://").partition("/")[0],
            chunk_function=stack.chunk_function,
            merge_function=stack.merge_function,
            state_machine=machine,
        )

    @classmethod
    def expected(cls, stack: str, *, region: str = "*") -> Self:
        """Return patterns that the names of a stack will match."""
        return cls(
            stack=stack,
            region=region,
            bucket=f"{stack.lower()}-artifacts*",
            chunk_function=f"{stack}-WorkersChunk*",
            merge_function=f"{stack}-WorkersMerge*",
            state_machine=f"{stack}-StateMachine*",
        )

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the stack's region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def functions(self) -> Sequence[str]:
        """ARNs of both workers."""
        names = (self.chunk_function, self.merge_function)
        return [self.arn("lambda", f"function:{name}") for name in names]

    @property
    def machine(self) -> str:
        """ARN of the state machine."""
        return self.arn("states", f"stateMachine:{self.state_machine}")


def _render(names: StackNames) -> list[Statement]:
    bucket = f"arn:{names.partition}:s3:::{names.bucket}"
    return [
        Statement(
            "find the stack by its name",
            ["ssm:GetParameter"],
            [names.arn("ssm", f"parameter{parameter_of(names.stack)}")],
        ),
        Statement(
            "store compositions and jobs, fetch chunks and videos",
            [
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            [f"{bucket}/*"],
        ),
        Statement("remove what joins and jobs leave", ["s3:DeleteObject"], [f"{bucket}/jobs/*"]),
        Statement("count what is done", ["s3:ListBucket"], [bucket]),
        Statement(
            "render on the workers from here, and ask for their memory to know what that costs",
            ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            names.functions,
        ),
        Statement(
            "start detached renders, and list them",
            ["states:ListExecutions", "states:StartExecution"],
            [names.machine],
        ),
        Statement(
            "ask after such renders, and stop them",
            ["states:DescribeExecution", "states:StopExecution"],
            [names.arn("states", f"execution:{names.state_machine}:*")],
        ),
    ]


def _doctor(names: StackNames) -> list[Statement]:
    bucket = f"arn:{names.partition}:s3:::{names.bucket}"
    return [
        Statement(
            "look at the workers",
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
            "find out what these credentials may do",
            ["iam:GetRole", "iam:SimulatePrincipalPolicy"],
            [f"arn:{names.partition}:iam::{names.account}:{kind}/*" for kind in ("role", "user")],
        ),
        Statement("clean up after a trial", ["s3:DeleteObject"], [f"{bucket}/jobs/doctor-*"]),
    ]


def _deploy(names: StackNames) -> list[Statement]:
    roles = [
        f"arn:{names.partition}:iam::{names.account}:role/cdk-{_QUALIFIER}-{role}-*"
        for role in _DEPLOYING_ROLES
    ]
    return [
        Statement("act as the roles that bootstrapping made", ["sts:AssumeRole"], roles),
        Statement(
            "see that the account is ready for the CDK",
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
            }
            for statement in statements(policy, names)
        ],
    }


def _words(purpose: str) -> list[str]:
    return purpose.replace(",", "").split()
