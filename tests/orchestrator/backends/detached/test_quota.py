"""How many chunks of a detached render run at once: no more than the account's quota allows."""

from typing import Any, cast

import pytest

from orchestrator.backends.detached.aws import StateMachineBackend
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.clouds.aws import AwsCalls
from orchestrator.delivery.stores import Stores
from tests.orchestrator.answers import Answers
from tests.orchestrator.stacks import aws_stack

CHUNKS = 200


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


async def chunks_at_once(*answers: tuple[str, Any]) -> int:
    calls = AwsCalls(region="eu-west-1", session=cast(Any, Answers({"lambda": list(answers)})))
    async with Stores() as stores:
        backend = StateMachineBackend(aws_stack(), calls, stores)
        return await DetachedRenders(backend, stores).chunks_at_once(CHUNKS)


def unreserved(count: int) -> tuple[str, Any]:
    return "get_account_settings", {"AccountLimit": {"UnreservedConcurrentExecutions": count}}


@pytest.mark.parametrize(("account", "chunks"), [(10, 10), (1000, CHUNKS), (0, 1)])
async def test_a_new_accounts_quota_is_not_exceeded(account: int, chunks: int) -> None:
    assert await chunks_at_once(unreserved(account), ("get_function_concurrency", {})) == chunks


async def test_workers_that_are_reserved_for_chunks_count_alone() -> None:
    own = {"ReservedConcurrentExecutions": 50}
    assert await chunks_at_once(unreserved(10), ("get_function_concurrency", own)) == 50


async def test_a_quota_that_may_not_be_read_limits_nothing() -> None:
    assert await chunks_at_once(("get_account_settings", "AccessDeniedException")) == CHUNKS
