"""Sends the events of ended executions, which moto doesn't send."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

_ENDED = "Step Functions Execution Status Change"
_MILLISECONDS = 1000
#: Seconds for an execution to begin.
_PATIENCE = 5.0

#: Calls the function with this ARN with an event, and doesn't wait for it.
Call = Callable[[str, Any], None]


def tell_ends(call: Call) -> None:
    """Send the event of every ended execution to the functions that rules name.

    Args:
        call: Calls such a function.
    """
    from moto.stepfunctions.parser.backend.execution import (  # noqa: PLC0415
        BaseExecutionWorkerCommunication,
    )

    communication: Any = BaseExecutionWorkerCommunication
    terminated = communication.terminated

    def terminated_and_told(self: Any) -> None:
        terminated(self)
        for function, event in _addressed(_end_event(self.execution), self.execution):
            # Rules neither delay the state machine nor fail it.
            threading.Thread(target=call, args=(function, event), daemon=True).start()

    communication.terminated = terminated_and_told
    _keep_causes()


def _keep_causes() -> None:
    """Record why executions were stopped."""
    from moto.stepfunctions.responses import StepFunctionResponse  # noqa: PLC0415

    response: Any = StepFunctionResponse
    stop = response.stop_execution

    def stop_for_cause(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        execution.stopped_for = self._get_param("cause")
        # moto ignores a stop before the execution has begun.
        deadline = time.monotonic() + _PATIENCE
        while not _has_begun(execution) and time.monotonic() < deadline:
            time.sleep(0.01)
        return stop(self)

    response.stop_execution = stop_for_cause


def _has_begun(execution: Any) -> bool:
    env = execution.exec_worker.env
    return env is not None and env.program_state() is not None


def _end_event(execution: Any) -> Any:
    succeeded = execution.status == "SUCCEEDED"
    return {
        "version": "0",
        "source": "aws.states",
        "detail-type": _ENDED,
        "account": execution.account_id,
        "region": execution.region_name,
        "resources": [execution.exec_arn],
        "detail": {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": _milliseconds(execution.start_date),
            "stopDate": _milliseconds(execution.stop_date),
            "input": json.dumps(execution.input_data),
            "output": json.dumps(execution.output) if succeeded else None,
            "error": execution.error,
            "cause": execution.cause or getattr(execution, "stopped_for", None),
        },
    }


def _addressed(event: Any, execution: Any) -> Iterator[tuple[str, Any]]:
    """Return the functions that rules send an event to, with their inputs."""
    from moto.events.models import events_backends  # noqa: PLC0415

    bus = events_backends[execution.account_id][execution.region_name].event_buses["default"]
    for rule in list(bus.rules.values()):
        if rule.state != "ENABLED" or not rule.event_pattern.matches_event(event):
            continue
        for target in rule.targets:
            if ":function:" in target["Arn"]:
                path = target.get("InputPath", "$").removeprefix("$").strip(".")
                yield target["Arn"], event[path] if path else event


def _milliseconds(when: datetime) -> int:
    return int(when.timestamp() * _MILLISECONDS)
