"""Adds features of the workflow to moto's Distributed Maps, in moto's process.

They read items, run them side by side and write where their results are. They don't know
`ItemsPointer`, place results by the results in place of the state's input, report a reader
without items as an internal error, and continue after failed items and after stops.
"""

import json
from collections.abc import Iterator
from typing import Any


def complete() -> None:
    """Add the missing features; call once, before moto serves."""
    _read_nested_items()
    _tell_what_cannot_be_read()
    _place_results()
    _tolerate_no_failure()
    _end_with_their_execution()


def _read_nested_items() -> None:
    """Support `ItemsPointer`, by which a map's reader finds its items in a JSON object."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_output_transformer import (  # noqa: E501, PLC0415
        transformer_json,
    )
    from moto.stepfunctions.parser.asl.parse.asl_parser import (  # noqa: PLC0415
        AmazonStateLanguageParser,
    )

    pointers: set[str] = set()
    parse = AmazonStateLanguageParser.parse

    def parse_without_pointers(definition: str) -> Any:
        value = json.loads(definition)
        pointers.update(_take_pointers(value))
        return parse(json.dumps(value))

    transformer: Any = transformer_json.ResourceOutputTransformerJson
    transform = transformer._eval_body

    def transform_items(self: Any, env: Any) -> None:
        configuration, text = env.stack.pop(), env.stack.pop()
        items = json.loads(text)
        if isinstance(items, dict):
            found = (_pointed_at(items, pointer) for pointer in sorted(pointers))
            items = next((each for each in found if isinstance(each, list)), items)
        env.stack.append(json.dumps(items))
        env.stack.append(configuration)
        transform(self, env)

    AmazonStateLanguageParser.parse = staticmethod(parse_without_pointers)  # type: ignore[method-assign]
    transformer._eval_body = transform_items


def _take_pointers(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "ReaderConfig" in value and "ItemsPointer" in value["ReaderConfig"]:
            yield value["ReaderConfig"].pop("ItemsPointer")
        for item in value.values():
            yield from _take_pointers(item)
    elif isinstance(value, list):
        for item in value:
            yield from _take_pointers(item)


def _pointed_at(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        if not isinstance(value, dict):
            return None
        value = value.get(step.replace("~1", "/").replace("~0", "~"))
    return value


def _tell_what_cannot_be_read() -> None:
    """Make a reader without items fail with the error of Step Functions."""
    from botocore.exceptions import ClientError  # noqa: PLC0415
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import (  # noqa: PLC0415
        resource_eval_s3,
    )

    reader: Any = resource_eval_s3.ResourceEvalS3
    read = reader.eval_resource

    def read_or_tell(self: Any, env: Any) -> None:
        try:
            read(self, env)
        except ClientError as fault:
            raise _map_failure(env, "ItemReaderFailed", str(fault)) from fault

    reader.eval_resource = read_or_tell


def _place_results() -> None:
    """Evaluate a map's writer with the state's input."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer import (  # noqa: PLC0415
        result_writer_decl,
    )

    def write(self: Any, env: Any) -> None:
        env.stack.append(env.states.get_input())
        self.parargs.eval(env=env)
        parameters = env.stack.pop()
        env.stack.pop()
        env.stack.append(parameters)
        self.resource_eval.eval_resource(env=env)

    writer: Any = result_writer_decl.ResultWriter
    writer._eval_body = write


def _tolerate_no_failure() -> None:
    """End a map at its first failed item, as by default."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (  # noqa: E501, PLC0415
        distributed_item_processor_worker,
    )

    worker: Any = distributed_item_processor_worker.DistributedItemProcessorWorker
    run = worker._eval_job

    def run_or_fail(self: Any, env: Any, job: Any) -> None:
        run(self, env, job)
        counted = self._map_run_record.item_counter
        if counted.failed.get() or counted.timed_out.get():
            job.job_output = _map_failure(
                env,
                "ExceedToleratedFailureThreshold",
                "The specified tolerated failure threshold was exceeded",
            )

    worker._eval_job = run_or_fail


def _end_with_their_execution() -> None:
    """Start no more items of a map once its execution was stopped."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (  # noqa: E501, PLC0415
        distributed_item_processor_worker,
    )
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped  # noqa: PLC0415

    worker: Any = distributed_item_processor_worker.DistributedItemProcessorWorker
    run = worker._eval_job

    def run_unless_stopped(self: Any, env: Any, job: Any) -> None:
        if not isinstance(self._env.program_state(), ProgramStopped):
            run(self, env, job)
        if isinstance(self._env.program_state(), ProgramStopped):
            job.job_output = RuntimeError("the execution was stopped")

    worker._eval_job = run_unless_stopped


def _map_failure(env: Any, kind: str, cause: str) -> Exception:
    """Return an exception that ends a map with an error of Step Functions."""
    from moto.stepfunctions.parser.api import (  # noqa: PLC0415
        HistoryEventType,
        MapRunFailedEventDetails,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name import (  # noqa: PLC0415
        failure_event,
        states_error_name,
        states_error_name_type,
    )
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails  # noqa: PLC0415

    details: Any = EventDetails
    name = states_error_name_type.StatesErrorNameType[f"States{kind}"]
    return failure_event.FailureEventException(
        failure_event.FailureEvent(
            env=env,
            error_name=states_error_name.StatesErrorName(typ=name),
            event_type=HistoryEventType.MapRunFailed,
            event_details=details(
                mapRunFailedEventDetails=MapRunFailedEventDetails(error=name.to_name(), cause=cause)
            ),
        )
    )
