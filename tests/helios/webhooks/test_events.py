"""Webhooks between a sender and a receiver that knows the same secret, or doesn't."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from helios.errors import OptionInvalid, SignatureInvalid, WebhookUndelivered
from helios.webhooks.delivery import WebhookSender, check_receiver
from helios.webhooks.events import SIGNATURE, WebhookEvent, new_event_id, signed_headers, verify
from tests.helios.receiver import SECRET, receiving

NOW = 1_800_000_000.0


def an_event(**fields: object) -> WebhookEvent:
    known = {
        "id": new_event_id(),
        "type": "job.completed",
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "job_id": "a-job",
        "output": "v.mp4",
    }
    return WebhookEvent.model_validate({**known, **fields})


def signed(event: WebhookEvent, *, now: float = NOW) -> tuple[dict[str, str], bytes]:
    body = event.body()
    return signed_headers(event.id, body, secret=SECRET, now=now), body


def check(headers: dict[str, str], body: bytes, *, now: float = NOW) -> WebhookEvent:
    return verify(headers, body, secret=SECRET, now=lambda: now)


def sender() -> tuple[WebhookSender, list[float]]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return WebhookSender(SECRET, timeout=5, sleep=sleep), waits


def test_what_is_signed_is_what_the_documentation_says() -> None:
    headers, body = signed(an_event())
    digest = hmac.new(SECRET.encode(), b"1800000000." + body, hashlib.sha512).hexdigest()
    assert headers[SIGNATURE] == f"t=1800000000,sha512={digest}"
    assert json.loads(body)["jobId"] == "a-job"


def test_receivers_parse_events_with_headers_of_any_case() -> None:
    event = an_event(error={"code": "DISK_FULL", "message": "full", "retryable": False})
    headers, body = signed(event)
    assert check({name.upper(): value for name, value in headers.items()}, body) == event


@pytest.mark.parametrize("offset", [-301, 301])
def test_a_request_that_was_recorded_is_refused_later(offset: float) -> None:
    with pytest.raises(SignatureInvalid, match="clocks differ"):
        check(*signed(an_event()), now=NOW + offset)
    assert check(*signed(an_event()), now=NOW + 299)


def test_another_body_time_or_secret_is_refused() -> None:
    headers, body = signed(an_event())
    later = {**headers, SIGNATURE: headers[SIGNATURE].replace("t=18000", "t=18001")}
    for forged, text in ((headers, body + b" "), (later, body)):
        with pytest.raises(SignatureInvalid, match="doesn't fit"):
            check(forged, text)
    with pytest.raises(SignatureInvalid, match="doesn't fit"):
        verify(headers, body, secret=f"{SECRET}?", now=lambda: NOW)


@pytest.mark.parametrize("given", [None, "", "t=1", "sha512=00", "t=x,sha512=" + "0" * 128])
def test_a_request_without_a_signature_is_refused(given: str | None) -> None:
    headers = {} if given is None else {SIGNATURE: given}
    with pytest.raises(SignatureInvalid, match="missing"):
        check(headers, an_event().body())


def test_a_signed_body_that_is_no_event_is_refused() -> None:
    body = b'{"id": 1}'
    with pytest.raises(SignatureInvalid, match="not an event"):
        check(signed_headers("x", body, secret=SECRET, now=NOW), body)


def test_an_event_of_a_later_version_is_read_all_the_same() -> None:
    assert check(*signed(an_event(news="of tomorrow"))).model_extra == {"news": "of tomorrow"}


async def test_an_event_is_sent_until_it_is_taken_always_under_its_id() -> None:
    sending, waits = sender()
    event = an_event()
    with receiving() as receiver:
        receiver.answers = [503, 429, 500]
        await sending.send(receiver.url, event)
        assert receiver.events == [event]
        assert receiver.asked == [event.id] * 4
    assert [0.5 <= wait / 2**n <= 1 for n, wait in enumerate(waits)] == [True] * 3


async def test_a_receiver_that_is_down_is_given_up_for_now_and_its_secrets_stay_secret() -> None:
    sending, waits = sender()
    with receiving() as receiver:
        pass
    with pytest.raises(WebhookUndelivered, match="sent 6 times, in vain") as caught:
        await sending.send(receiver.url, an_event())
    assert len(waits) == 5
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 400, 404, 410])
async def test_a_receiver_that_refuses_for_good_is_asked_once(status: int) -> None:
    sending, _ = sender()
    with receiving() as receiver:
        receiver.answers = [status]
        with pytest.raises(WebhookUndelivered, match=f"status {status}"):
            await sending.send(receiver.url, an_event())
        assert len(receiver.asked) == 1


async def test_a_receiver_that_never_answers_costs_a_limited_time() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sending = WebhookSender(SECRET, timeout=0.2)
    with pytest.raises(WebhookUndelivered, match="no answer in time"):
        await sending.send(f"http://127.0.0.1:{port}/", an_event(), attempts=1)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("url", "secret", "message"),
    [
        ("ftp://host/x", SECRET, "not an http"),
        ("https:///x", SECRET, "not an http"),
        ("https://host/x", None, "no secret"),
        ("https://host/x?key=hidden", "short", "host/x.*: there is no secret"),
    ],
)
def test_receivers_that_cannot_work_are_refused(url: str, secret: str | None, message: str) -> None:
    with pytest.raises(OptionInvalid, match=message) as caught:
        check_receiver(url, secret)
    assert "hidden" not in str(caught.value)
