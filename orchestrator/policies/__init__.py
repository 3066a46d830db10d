"""The least that credentials must be allowed: to render, to deploy, to look for what is wrong."""

from orchestrator.policies.documents import POLICIES, Statement, document, statements
from orchestrator.policies.stack_names import StackNames, with_prefix

__all__ = ["POLICIES", "StackNames", "Statement", "document", "statements", "with_prefix"]
