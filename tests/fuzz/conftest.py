import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from fuzz.renders import Studio, open_studio

Run = Callable[[Awaitable[Any]], Any]


class FuzzStudio:
    """A studio whose renders can be asked for by tests that aren't coroutines."""

    def __init__(self, runner: asyncio.Runner, studio: Studio) -> None:
        self._runner = runner
        self.studio = studio

    def run(self, work: Awaitable[Any]) -> Any:
        """Run to the end on the loop that the browsers' connections live on."""

        async def main() -> Any:
            return await work

        return self._runner.run(main())


@pytest.fixture(scope="session")
def fuzz_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzStudio]:
    media = tmp_path_factory.mktemp("fuzz-media")
    stack = contextlib.AsyncExitStack()
    with asyncio.Runner() as runner:
        studio = runner.run(stack.enter_async_context(open_studio(media)))
        try:
            yield FuzzStudio(runner, studio)
        finally:
            runner.run(stack.aclose())
