"""The network of the workers: a VPC, its subnets and security groups, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from helios_infra.configuration import Configuration


@dataclass(frozen=True, kw_only=True)
class Network:
    """Where functions run: in AWS's own network, unless there is a VPC.

    Attributes:
        vpc: The VPC; it must reach S3 and the hosts that pages load from.
        subnets: Its subnets; by default the private ones.
        security_groups: Security groups of the functions; by default a new one for each.
    """

    vpc: ec2.IVpc | None = None
    subnets: ec2.SubnetSelection | None = None
    security_groups: Sequence[ec2.ISecurityGroup] | None = None

    @classmethod
    def of(cls, scope: Construct, configuration: Configuration) -> Self:
        """Return the network that a configuration names by ids."""
        if not configuration.vpc_id:
            return cls()
        vpc = ec2.Vpc.from_vpc_attributes(
            scope,
            "Vpc",
            vpc_id=configuration.vpc_id,
            # Counted without a request to the account during synthesis.
            availability_zones=[str(index) for index in range(len(configuration.subnet_ids))],
            private_subnet_ids=list(configuration.subnet_ids),
        )
        groups = [
            ec2.SecurityGroup.from_security_group_id(scope, id, id)
            for id in configuration.security_group_ids
        ]
        return cls(vpc=vpc, security_groups=groups)
