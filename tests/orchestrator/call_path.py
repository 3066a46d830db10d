"""Runs `orchestrator` and notes the calls between its start and that of the first chunk.

`python -m tests.orchestrator.call_path RESULT ARGUMENT...` writes the project's own functions on
that way to RESULT as JSON, the outermost first. A task and a call on another thread belong to what
started them: the way goes on from there.
"""

import json
import sys
import threading
from asyncio import base_events, current_task
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

ROOT = Path(__file__).parents[2]
PACKAGES = ("helios", "orchestrator")

Call = tuple[str, str]


class CallPath:
    """Follows calls back to where the program started, across tasks and threads."""

    def __init__(self, result: Path) -> None:
        self._result = result
        self._tasks: WeakKeyDictionary[Any, list[Call]] = WeakKeyDictionary()
        self._thread = threading.local()

    def install(self) -> None:
        """Note from now on who starts tasks, calls on threads, and chunks."""
        self._follow_tasks()
        self._follow_threads()
        sys.addaudithook(self._on_audit)

    def write(self, frame: FrameType) -> None:
        """Write the calls that led to a frame, unless an earlier chunk's were written."""
        if not self._result.exists():
            self._result.write_text(json.dumps(self._calls(frame)[::-1]))

    def _calls(self, frame: FrameType | None) -> list[Call]:
        """Return the project's calls on the way to a frame, the innermost first."""
        calls: list[Call] = []
        while frame is not None:
            code = frame.f_code
            if code.co_qualname == "Handle._run":
                # Below it is the loop; the task, if it is one's turn, was started elsewhere.
                task = current_task()
                return calls if task is None else [*calls, *self._tasks.get(task, [])]
            path = Path(code.co_filename)
            if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES:
                calls.append((str(path.relative_to(ROOT)), code.co_qualname))
            frame = frame.f_back
        return [*calls, *getattr(self._thread, "calls", [])]

    def _follow_tasks(self) -> None:
        create_task = base_events.BaseEventLoop.create_task

        def followed(loop: Any, coroutine: Coroutine[Any, Any, Any], **options: Any) -> Any:
            calls = self._calls(sys._getframe(1))
            task = create_task(loop, coroutine, **options)
            self._tasks[task] = calls
            return task

        base_events.BaseEventLoop.create_task = followed  # type: ignore[assignment]

    def _follow_threads(self) -> None:
        from orchestrator.clouds.daemon_threads import DaemonThreads

        run = DaemonThreads.run

        async def followed(threads: Any, call: Callable[[], Any]) -> Any:
            entered = (str(Path(run.__code__.co_filename).relative_to(ROOT)), run.__qualname__)
            calls = [entered, *self._calls(sys._getframe(1))]

            def on_thread() -> Any:
                self._thread.calls = calls
                return call()

            return await run(threads, on_thread)

        DaemonThreads.run = followed  # type: ignore[assignment]

    def _on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and any("chunks/" in str(word) for word in arguments[1]):
            self.write(sys._getframe(1))

    def follow_lambda(self) -> None:
        """Also note the first invocation of a Lambda function."""
        from botocore.client import BaseClient

        make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined]

        def followed(client: Any, operation: str, parameters: Any) -> Any:
            if operation == "Invoke":
                self.write(sys._getframe(1))
            return make_api_call(client, operation, parameters)

        BaseClient._make_api_call = followed  # type: ignore[attr-defined]


def main() -> None:
    """Run the command line that follows the result's name."""
    path = CallPath(Path(sys.argv[1]))
    path.install()
    if "lambda" in sys.argv:
        path.follow_lambda()
    sys.argv = ["orchestrator", *sys.argv[2:]]
    from orchestrator.cli import app

    app()


if __name__ == "__main__":
    main()
