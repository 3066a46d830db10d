"""Flags of renders that go on without this machine: what doesn't go with that is refused."""

from typing import Any

import pytest

from helios.errors import OptionInvalid
from orchestrator.cli.options.detach_options import DetachOptions
from orchestrator.cli.options.flag_groups import Running
from orchestrator.cli.options.target_options import TargetOptions
from orchestrator.cli.options.webhook_options import WebhookOptions


@pytest.mark.parametrize(
    ("flag", "groups"),
    [
        ("--function", {"where": TargetOptions(function="f")}),
        ("--retries", {"running": Running(retries=7)}),
        ("--webhook-progress", {"telling": WebhookOptions(webhook_progress=5)}),
    ],
)
def test_what_only_this_machine_would_do_is_refused_with_detach(
    flag: str, groups: dict[str, Any]
) -> None:
    given = {"where": TargetOptions(), "running": Running(), "telling": WebhookOptions(), **groups}
    with pytest.raises(OptionInvalid, match=f"{flag}: doesn't go with --detach"):
        DetachOptions(detach=True).check(**given, destination=None)
    DetachOptions().check(**given, destination=None)


def test_a_detached_render_may_tell_a_receiver() -> None:
    telling = WebhookOptions(webhook="https://receiver.example")
    DetachOptions(detach=True).check(TargetOptions(), Running(), telling, None)
    assert telling.of_detached() == telling.webhook
