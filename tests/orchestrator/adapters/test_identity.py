import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from helios.errors import AccessDenied, WorkerUnavailable
from orchestrator.adapters.identity import IdentityTokens, claims_of, find_identity
from sandbox.google.identity.signing_key import CALLER
from sandbox.google.identity.token_server import TokenServer

AUDIENCE = "https://worker.run.app"

#: google-auth reads where the metadata server is when it is imported: a process of its own.
FETCH = """
import json, sys
from helios.errors import HeliosError
from orchestrator.adapters.identity import claims_of, find_identity
try:
    token = find_identity(impersonate=sys.argv[2] or None)(sys.argv[1])
    print(json.dumps({"claims": claims_of(token)}))
except HeliosError as error:
    print(json.dumps({"code": error.code, "message": error.message, "details": error.details}))
"""


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    with TokenServer(tmp_path / "tokens") as server:
        yield server


def fetch(
    tmp_path: Path, env: Mapping[str, str], *, impersonate: str = "", path: str = ""
) -> dict[str, object]:
    """Fetch a token in a process that has nothing but `env` to go by."""
    no_identity = {
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "NO_GCE_CHECK": "true" if "GCE_METADATA_HOST" not in env else "",
        "GCE_METADATA_IP": "127.0.0.1:9",
        "GCE_METADATA_TIMEOUT": "1",
        "GCE_METADATA_DETECT_RETRIES": "1",
        "PATH": path or "/nowhere",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", FETCH, AUDIENCE, impersonate],
        env={**no_identity, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def a_gcloud(folder: Path, script: str) -> str:
    folder.mkdir()
    program = folder / "gcloud"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(folder)


def test_a_service_account_makes_tokens(tmp_path: Path, tokens: TokenServer) -> None:
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(tokens.service_account_file())}
    claims = fetch(tmp_path, env)["claims"]
    assert isinstance(claims, dict)
    assert (claims["email"], claims["aud"]) == (CALLER, AUDIENCE)
    assert tokens.issued == [("account", AUDIENCE)]


def test_the_metadata_server_makes_tokens(tmp_path: Path, tokens: TokenServer) -> None:
    claims = fetch(tmp_path, tokens.metadata_env())["claims"]
    assert isinstance(claims, dict)
    assert claims["aud"] == AUDIENCE
    assert tokens.issued == [("metadata", AUDIENCE)]


@pytest.mark.parametrize("source", ["service_account_file", "user_file"])
def test_a_service_account_is_impersonated(
    tmp_path: Path, tokens: TokenServer, source: str
) -> None:
    file = getattr(tokens, source)()
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(file), **tokens.proxy_env()}
    claims = fetch(tmp_path, env, impersonate="other@example.com")["claims"]
    assert isinstance(claims, dict)
    assert (claims["email"], claims["aud"]) == ("other@example.com", AUDIENCE)
    assert tokens.issued == [("impersonation", AUDIENCE)]


def test_another_clouds_workload_acts_as_its_account(tmp_path: Path, tokens: TokenServer) -> None:
    env = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(tokens.federated_file("federated@example.com")),
        **tokens.proxy_env(),
    }
    claims = fetch(tmp_path, env)["claims"]
    assert isinstance(claims, dict)
    assert claims["email"] == "federated@example.com"
    assert tokens.issued == [("impersonation", AUDIENCE)]


def test_a_persons_login_asks_gcloud(tmp_path: Path, tokens: TokenServer) -> None:
    token = tokens.token("a gcloud client", email="person@example.com")
    path = a_gcloud(
        tmp_path / "bin",
        f'[ "$1 $2" = "auth print-identity-token" ] && echo {token}',
    )
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(tokens.user_file())}
    claims = fetch(tmp_path, env, path=path)["claims"]
    assert isinstance(claims, dict)
    assert claims["email"] == "person@example.com"


def test_a_login_of_gcloud_alone_suffices(tmp_path: Path, tokens: TokenServer) -> None:
    path = a_gcloud(tmp_path / "bin", f"echo {tokens.token('a gcloud client')}")
    assert "claims" in fetch(tmp_path, {}, path=path)


def test_a_gcloud_without_login_says_what_it_says(tmp_path: Path, tokens: TokenServer) -> None:
    path = a_gcloud(tmp_path / "bin", "echo 'You do not have an active account.' >&2; exit 1")
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(tokens.user_file())}
    told = fetch(tmp_path, env, path=path)
    assert told["code"] == "ACCESS_DENIED"
    assert told["details"] == ["You do not have an active account."]


def test_a_persons_login_without_gcloud_is_explained(tmp_path: Path, tokens: TokenServer) -> None:
    told = fetch(tmp_path, {"GOOGLE_APPLICATION_CREDENTIALS": str(tokens.user_file())})
    assert told["code"] == "ACCESS_DENIED"
    assert "through gcloud, which isn't installed" in str(told["message"])


def test_no_credentials_at_all_are_explained(tmp_path: Path) -> None:
    assert fetch(tmp_path, {})["code"] == "ACCESS_DENIED"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"type": "service_account"}', "{"])
def test_a_broken_credentials_file_is_explained(tmp_path: Path, content: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content)
    assert fetch(tmp_path, {"GOOGLE_APPLICATION_CREDENTIALS": str(file)})["code"] == "ACCESS_DENIED"


def test_a_token_of_a_revoked_key_is_denied(
    tmp_path: Path, tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tokens.service_account_file()
    with TokenServer(tmp_path / "other") as other:
        info = json.loads(file.read_text())
        info["token_uri"] = f"{other.url}/token"
        file.write_text(json.dumps(info))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        with pytest.raises(AccessDenied, match="invalid_grant"):
            find_identity()(AUDIENCE)


@pytest.mark.slow
def test_an_issuer_that_is_down_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TokenServer(tmp_path) as server:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(server.service_account_file()))
    with pytest.raises(WorkerUnavailable) as caught:
        find_identity()(AUDIENCE)
    assert caught.value.retryable


def test_many_at_once_share_one_token(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.service_account_file()))

    async def many() -> list[str]:
        identity = IdentityTokens()
        return await asyncio.gather(*(identity.token(AUDIENCE) for _ in range(100)))

    assert len(set(asyncio.run(many()))) == 1
    assert tokens.issued == [("account", AUDIENCE)]


def test_each_audience_has_a_token_of_its_own(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.service_account_file()))

    async def both() -> list[str]:
        identity = IdentityTokens()
        return [await identity.token(audience) for audience in ("a", "b", "a")]

    assert [claims_of(token)["aud"] for token in asyncio.run(both())] == ["a", "b", "a"]
    assert len(tokens.issued) == 2


class Issuer:
    """Issues tokens at a time that tests set."""

    def __init__(self, server: TokenServer) -> None:
        self.now = time.time()
        self.issued = 0
        self.lifetime = 3600.0
        self.down = False
        self._server = server

    def clock(self) -> float:
        return self.now

    def fetch(self, audience: str) -> str:
        if self.down:
            raise WorkerUnavailable("down")
        self.issued += 1
        age = time.time() - self.now
        return self._server.token(audience, age=age, lifetime=self.lifetime)


@pytest.fixture
def issuer(tokens: TokenServer) -> Issuer:
    return Issuer(tokens)


def test_a_token_is_replaced_five_minutes_before_it_expires(issuer: Issuer) -> None:
    async def over_time() -> None:
        identity = IdentityTokens(issuer.fetch, clock=issuer.clock)
        first = await identity.token(AUDIENCE)
        issuer.now += 3290
        assert await identity.token(AUDIENCE) == first
        issuer.now += 20
        assert await identity.token(AUDIENCE) != first
        assert issuer.issued == 2

    asyncio.run(over_time())


def test_a_token_that_comes_nearly_old_is_used_for_half_of_its_life(issuer: Issuer) -> None:
    async def over_time() -> None:
        issuer.lifetime = 200
        identity = IdentityTokens(issuer.fetch, clock=issuer.clock)
        await identity.token(AUDIENCE)
        issuer.now += 90
        await identity.token(AUDIENCE)
        assert issuer.issued == 1
        issuer.now += 20
        await identity.token(AUDIENCE)
        assert issuer.issued == 2

    asyncio.run(over_time())


def test_a_good_token_bridges_an_issuer_that_is_down(issuer: Issuer) -> None:
    async def over_time() -> None:
        identity = IdentityTokens(issuer.fetch, clock=issuer.clock)
        first = await identity.token(AUDIENCE)
        issuer.down = True
        issuer.now += 3500
        assert await identity.token(AUDIENCE) == first
        issuer.now += 200
        with pytest.raises(WorkerUnavailable):
            await identity.token(AUDIENCE)

    asyncio.run(over_time())


def test_a_refused_token_is_replaced(issuer: Issuer) -> None:
    async def refused() -> None:
        identity = IdentityTokens(issuer.fetch, clock=issuer.clock)
        await identity.token(AUDIENCE)
        identity.forget(AUDIENCE)
        await identity.token(AUDIENCE)
        assert issuer.issued == 2

    asyncio.run(refused())


@pytest.mark.parametrize("text", ["", "nonsense", "a.b.c", "e30.e30.e30", "a.W10.c"])
def test_what_is_no_token_is_not_sent(text: str) -> None:
    with pytest.raises(AccessDenied, match="not an ID token"):
        asyncio.run(IdentityTokens(lambda _: text).token(AUDIENCE))
