"""Adds features of the workflow to moto's Step Functions, in moto's process.

moto runs state machines for real: tasks, retries, catches, Distributed Maps with readers and
writers. This module and `distributed_maps` remove differences from the service.
"""

import json
from typing import Any

from sandbox.aws import distributed_maps
from sandbox.aws.execution_events import Call, tell_ends


def complete(call: Call) -> None:
    """Add the missing features; call once, before moto serves.

    Args:
        call: Calls the target function of a rule.
    """
    _run_machines_of_cloudformation()
    _store_objects()
    _stay_stopped()
    distributed_maps.complete()
    tell_ends(call)


def _run_machines_of_cloudformation() -> None:
    from moto.stepfunctions import models  # noqa: PLC0415
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends  # noqa: PLC0415

    models.stepfunctions_backends = stepfunctions_parser_backends  # type: ignore[assignment]


def _store_objects() -> None:
    """Make tasks that store an object in S3 store its JSON."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (  # noqa: PLC0415
        state_task_service_aws_sdk,
    )

    task: Any = state_task_service_aws_sdk.StateTaskServiceAwsSdk
    call = task._eval_service_task

    def call_with_text(self: Any, *, normalised_parameters: dict[str, Any], **more: Any) -> None:
        body = normalised_parameters.get("Body")
        if isinstance(body, dict | list):
            normalised_parameters = {**normalised_parameters, "Body": json.dumps(body).encode()}
        call(self, normalised_parameters=normalised_parameters, **more)

    task._eval_service_task = call_with_text


def _stay_stopped() -> None:
    """Keep the status of stopped executions when something in them fails afterwards."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment  # noqa: PLC0415
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped  # noqa: PLC0415

    environment: Any = Environment
    for name in ("set_error", "set_timed_out"):
        fail = getattr(environment, name)

        def unless_stopped(self: Any, *what: Any, fail: Any = fail, **how: Any) -> None:
            with self._state_mutex:
                if not isinstance(self._program_state, ProgramStopped):
                    fail(self, *what, **how)

        setattr(environment, name, unless_stopped)
