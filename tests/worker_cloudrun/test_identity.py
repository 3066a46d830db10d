import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios.errors import AccessDenied, CallerRejected, WorkerUnavailable
from sandbox.google.identity.signing_key import CALLER, SigningKey
from sandbox.google.identity.token_server import TokenServer
from worker_cloudrun.identity import CallerCheck, Certificates

URL = "https://worker-1234567890.europe-west1.run.app"


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    with TokenServer(tmp_path) as server:
        yield server


@pytest.fixture
def check(tokens: TokenServer) -> CallerCheck:
    return CallerCheck(audiences=[URL], certificates=Certificates(tokens.certs_url))


def bearer(token: str) -> str:
    return f"Bearer {token}"


def test_a_token_for_this_service_names_its_caller(check: CallerCheck, tokens: TokenServer) -> None:
    assert check.check(bearer(tokens.token(URL))) == CALLER


def test_each_of_several_audiences_is_accepted(tokens: TokenServer) -> None:
    check = CallerCheck(audiences=["a", "b"], certificates=Certificates(tokens.certs_url))
    assert check.check(bearer(tokens.token("a"))) == CALLER
    assert check.check(bearer(tokens.token("b"))) == CALLER


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"])
def test_a_request_without_token_is_rejected(check: CallerCheck, header: str | None) -> None:
    with pytest.raises(CallerRejected, match="the request has none"):
        check.check(header)


def test_an_expired_token_is_rejected(check: CallerCheck, tokens: TokenServer) -> None:
    with pytest.raises(CallerRejected, match="Token expired"):
        check.check(bearer(tokens.token(URL, age=3700)))


def test_a_clock_that_is_a_little_off_is_forgiven(check: CallerCheck, tokens: TokenServer) -> None:
    assert check.check(bearer(tokens.token(URL, age=-5)))
    assert check.check(bearer(tokens.token(URL, age=3605)))


def test_a_token_from_the_future_is_rejected(check: CallerCheck, tokens: TokenServer) -> None:
    with pytest.raises(CallerRejected, match="used too early"):
        check.check(bearer(tokens.token(URL, age=-600)))


def test_a_token_for_another_service_is_rejected(check: CallerCheck, tokens: TokenServer) -> None:
    with pytest.raises(CallerRejected, match=r"wrong audience https://other\.run\.app"):
        check.check(bearer(tokens.token("https://other.run.app")))


def test_a_token_of_another_issuer_is_rejected(check: CallerCheck, tokens: TokenServer) -> None:
    with pytest.raises(CallerRejected, match="issuer is 'https://evil"):
        check.check(bearer(tokens.token(URL, issuer="https://evil.example")))


def test_a_token_signed_by_another_key_is_rejected(check: CallerCheck, tokens: TokenServer) -> None:
    forged = SigningKey(tokens.key.key_id)
    with pytest.raises(CallerRejected, match="not signed by its issuer"):
        check.check(bearer(tokens.token(URL, key=forged)))


def test_a_token_whose_claims_were_changed_is_rejected(
    check: CallerCheck, tokens: TokenServer
) -> None:
    header, _, signature = tokens.token("https://other.run.app").split(".")
    claims = tokens.token(URL).split(".")[1]
    with pytest.raises(CallerRejected, match="not signed by its issuer"):
        check.check(bearer(f"{header}.{claims}.{signature}"))


@pytest.mark.parametrize("algorithm", ["none", "HS256", None])
def test_a_token_with_a_weaker_algorithm_is_rejected(
    check: CallerCheck, tokens: TokenServer, algorithm: str | None
) -> None:
    header = {"alg": algorithm, "kid": tokens.key.key_id}
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    _, claims, signature = tokens.token(URL).split(".")
    for end in ("", signature):
        with pytest.raises(CallerRejected):
            check.check(bearer(f"{encoded}.{claims}.{end}"))


@pytest.mark.parametrize("claims", [{"exp": "soon"}, {"iat": None}, {"aud": [URL]}, {"iss": [1]}])
def test_claims_of_the_wrong_type_are_rejected(
    check: CallerCheck, tokens: TokenServer, claims: dict[str, object]
) -> None:
    with pytest.raises(CallerRejected):
        check.check(bearer(tokens.key.sign({"iss": "x", "aud": URL, "iat": 1, "exp": 2} | claims)))


def test_nonsense_is_rejected_and_not_repeated(check: CallerCheck) -> None:
    for nonsense in ("a-secret", "a-secret.b.c", "\udcff.é.x", "a-secret." * 1000):
        with pytest.raises(CallerRejected) as caught:
            check.check(bearer(nonsense))
        assert "a-secret" not in str(caught.value)


def test_a_token_that_cloud_run_unsigned_says_how_to_send_it(
    check: CallerCheck, tokens: TokenServer
) -> None:
    body = tokens.token(URL).rpartition(".")[0]
    with pytest.raises(CallerRejected) as caught:
        check.check(bearer(f"{body}.SIGNATURE_REMOVED_BY_GOOGLE"))
    assert "X-Serverless-Authorization" in caught.value.hint


def test_only_listed_accounts_may_call(tokens: TokenServer) -> None:
    check = CallerCheck(
        audiences=[URL], callers=[CALLER.upper()], certificates=Certificates(tokens.certs_url)
    )
    assert check.check(bearer(tokens.token(URL))) == CALLER
    with pytest.raises(AccessDenied, match=r"someone@example\.com may not call"):
        check.check(bearer(tokens.token(URL, email="someone@example.com")))
    with pytest.raises(AccessDenied):
        check.check(bearer(tokens.token(URL, email_verified=False)))


def test_certificates_are_fetched_once(check: CallerCheck, tokens: TokenServer) -> None:
    for _ in range(5):
        check.check(bearer(tokens.token(URL)))
    assert tokens.certificate_fetches == 1


def test_a_new_key_is_fetched_but_unknown_ones_cause_no_flood(tokens: TokenServer) -> None:
    now = 0.0
    certificates = Certificates(tokens.certs_url, clock=lambda: now)
    check = CallerCheck(audiences=[URL], certificates=certificates)
    check.check(bearer(tokens.token(URL)))
    tokens.rotate_key()
    now = 31.0
    check.check(bearer(tokens.token(URL)))
    assert tokens.certificate_fetches == 2
    for _ in range(5):
        with pytest.raises(CallerRejected):
            check.check(bearer(tokens.token(URL, key=SigningKey("unknown"))))
    assert tokens.certificate_fetches == 2


def test_certificates_are_fetched_again_when_they_are_old(tokens: TokenServer) -> None:
    now = 0.0
    certificates = Certificates(tokens.certs_url, clock=lambda: now)
    certificates.by_key_id(None)
    now = 3599.0
    certificates.by_key_id(None)
    assert tokens.certificate_fetches == 1
    now = 3601.0
    certificates.by_key_id(None)
    assert tokens.certificate_fetches == 2


def test_old_certificates_serve_while_their_server_is_down(tmp_path: Path) -> None:
    now = 0.0
    with TokenServer(tmp_path) as tokens:
        certificates = Certificates(tokens.certs_url, clock=lambda: now)
        check = CallerCheck(audiences=[URL], certificates=certificates)
        token = tokens.token(URL)
        check.check(bearer(token))
    now = 4000.0
    assert check.check(bearer(token)) == CALLER


def test_without_certificates_the_worker_is_at_fault_not_the_caller(tmp_path: Path) -> None:
    with TokenServer(tmp_path) as tokens:
        token, url = tokens.token(URL), tokens.certs_url
    check = CallerCheck(audiences=[URL], certificates=Certificates(url))
    with pytest.raises(WorkerUnavailable, match="no certificates from"):
        check.check(bearer(token))
