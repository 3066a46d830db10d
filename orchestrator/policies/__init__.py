"""The least that credentials must be allowed: to render, to deploy, to look for what is wrong."""

from orchestrator.policies.documents import (
    POLICIES,
    StackNames,
    Statement,
    document,
    statements,
    with_prefix,
)

__all__ = ["POLICIES", "StackNames", "Statement", "document", "statements", "with_prefix"]
