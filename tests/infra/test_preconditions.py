"""What `make deploy` looks at before `cdk deploy` begins."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from helios.errors import AccessDenied, OptionInvalid, ProgramMissing
from helios_infra.configuration import Configuration
from infra.preconditions import check, quota_note
from sandbox.aws.local_aws import LocalAws

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployed")]

#: One in which no test deploys anything.
REGION = "eu-north-1"
NORTH = Configuration.of({"helios:regions": [REGION]})


@pytest.fixture
def engine(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes a container engine that does something, and the environment that names it."""

    def make(does: str) -> dict[str, str]:
        program = tmp_path / "engine"
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
        return {"CDK_DOCKER": str(program)}

    return make


def test_an_account_must_be_bootstrapped_in_each_region(
    aws: LocalAws,
    engine: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OptionInvalid, match=f"not ready for the CDK in {REGION}") as told:
        check(NORTH, environment=engine("true"))
    assert "make bootstrap" in str(told.value.hint)

    aws.client("ssm", region_name=REGION).put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )

    assert check(NORTH, environment=engine("true")) == [f"account 123456789012, {REGION}"]


def test_a_quota_below_what_renders_would_use_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    client = SimpleNamespace(
        get_account_settings=lambda: {"AccountLimit": {"ConcurrentExecutions": 10}}
    )
    monkeypatch.setattr("boto3.client", lambda *_, **__: client)

    assert "10 Lambda workers at once" in quota_note(REGION, 200)
    assert quota_note(REGION, 10) == ""


def test_an_engine_must_be_there_that_builds_images(
    engine: Callable[[str], dict[str, str]],
) -> None:
    with pytest.raises(ProgramMissing, match="no-such-engine is not installed"):
        check(NORTH, environment={"CDK_DOCKER": "no-such-engine"})
    with pytest.raises(ProgramMissing, match="is not running: no daemon"):
        check(NORTH, environment=engine("echo no daemon >&2; exit 1"))


def test_credentials_must_be_there(
    engine: Callable[[str], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(AccessDenied, match="or there are none"):
        check(NORTH, environment=engine("true"))
