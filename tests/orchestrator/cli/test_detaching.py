"""Flags of renders that go on without this machine: what doesn't go with that is refused."""

from typing import Any

import pytest

from helios.errors import OptionInvalid
from orchestrator.cli.detaching import Detaching
from orchestrator.cli.flag_groups import Running
from orchestrator.cli.telling import Telling
from orchestrator.cli.where import Where


@pytest.mark.parametrize(
    ("flag", "groups"),
    [
        ("--function", {"where": Where(function="f")}),
        ("--retries", {"running": Running(retries=7)}),
        ("--webhook-progress", {"telling": Telling(webhook_progress=5)}),
    ],
)
def test_what_only_this_machine_would_do_is_refused_with_detach(
    flag: str, groups: dict[str, Any]
) -> None:
    given = {"where": Where(), "running": Running(), "telling": Telling(), **groups}
    with pytest.raises(OptionInvalid, match=f"{flag}: doesn't go with --detach"):
        Detaching(detach=True).check(**given, destination=None)
    Detaching().check(**given, destination=None)


def test_a_detached_render_may_tell_a_receiver() -> None:
    telling = Telling(webhook="https://receiver.example")
    Detaching(detach=True).check(Where(), Running(), telling, None)
    assert telling.of_detached() == telling.webhook
