"""Renders that go on without a client: started here, run by a cloud's own engine, asked after."""

from orchestrator.detached.base import DetachedPlace, Execution, RenderState

__all__ = ["DetachedPlace", "Execution", "RenderState"]
