"""Finds out, before a render, what would keep it from succeeding, and says how to mend it."""

from orchestrator.doctor.base import Finding, Health, PlannedRender

__all__ = ["Finding", "Health", "PlannedRender"]
