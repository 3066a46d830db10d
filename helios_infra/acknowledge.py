"""Accepted findings of cdk-nag, each with its reason."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings about a construct and all that it holds.

    Args:
        scope: The construct.
        reasons: Finding, as cdk-nag prints it, and why it stays.
    """
    for finding, reason in reasons.items():
        # Not by `Validations.acknowledge`, which refuses the colons of ARNs in findings.
        scope.node.add_metadata(cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {finding: reason})
