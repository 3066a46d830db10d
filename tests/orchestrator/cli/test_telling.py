"""The flags that say who is told of a job."""

import pytest

from helios.errors import OptionInvalid
from orchestrator.cli.telling import Telling


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (Telling(webhook="ftp://example.com"), "not an http:// or https:// URL"),
        (Telling(webhook="https://example.com", webhook_progress=5), "--webhook-progress"),
    ],
    ids=["no-web", "progress"],
)
def test_what_no_stack_tells_is_refused_before_a_render_goes_on_without_this_machine(
    flags: Telling, said: str
) -> None:
    with pytest.raises(OptionInvalid, match=said):
        flags.of_detached()


def test_a_stack_signs_with_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIOS_WEBHOOK_SECRET", raising=False)

    assert Telling(webhook="https://example.com").of_detached() == "https://example.com"
    assert Telling().of_detached() is None
