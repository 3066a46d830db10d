"""The flags that say who is told of a job."""

import pytest

from helios.errors import OptionInvalid
from orchestrator.cli.options.webhook_options import WebhookOptions


def test_an_invalid_webhook_is_refused_before_a_detached_render() -> None:
    with pytest.raises(OptionInvalid, match="not an http:// or https:// URL"):
        WebhookOptions(webhook="ftp://example.com").of_detached()


def test_a_stack_signs_with_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIOS_WEBHOOK_SECRET", raising=False)

    assert WebhookOptions(webhook="https://example.com").of_detached() == "https://example.com"
    assert WebhookOptions().of_detached() is None
