"""Profiles: what clients know of deployments, kept under names."""

from pathlib import Path

import pytest

from helios.errors import OptionInvalid, OutputUnwritable
from orchestrator.api.targets.deployments import find_deployment
from orchestrator.model.deployment import AwsStack, Profiles
from tests.orchestrator.policies.test_documents import STACK


def test_what_is_kept_under_a_name_comes_back(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "profiles")
    other = STACK.model_copy(update={"name": "Other"})

    path = profiles.write("default", STACK)
    profiles.write("other", other)
    profiles.write("default", STACK.model_copy(update={"region": "us-east-1"}))

    assert path == tmp_path / "profiles" / "default.json"
    assert profiles.read("other") == other
    assert isinstance(profiles.read("default"), AwsStack)
    assert sorted(file.name for file in path.parent.iterdir()) == ["default.json", "other.json"]
    assert profiles.read("third") is None


def test_a_profile_holds_no_more_than_clients_need(tmp_path: Path) -> None:
    text = Profiles(tmp_path).write("p", STACK).read_text("utf-8")

    assert '"kind": "aws"' in text
    assert not {"secret", "key", "token"} & set(text.lower().replace('"', " ").split())


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a b", "x" * 65])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionInvalid, match="can't be a name"):
        Profiles(tmp_path).write(name, STACK)
    with pytest.raises(OptionInvalid):
        Profiles(tmp_path).read(name)


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "aws"}', '{"kind": "moon"}', "[]"])
def test_a_file_that_is_no_profile_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text, "utf-8")

    with pytest.raises(OptionInvalid, match="profile p: ") as told:
        Profiles(tmp_path).read("p")

    assert "orchestrator connect" in told.value.hint


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(OutputUnwritable, match="profile p: "):
        Profiles(tmp_path / "file").write("p", STACK)


async def find(folder: Path, *, profile: str | None = None, **env: str) -> str | None:
    found = await find_deployment(
        stack=None, region=None, profile=profile, env={"XDG_CONFIG_HOME": str(folder), **env}
    )
    return None if found is None else found.name


async def test_a_flag_comes_before_a_variable_and_that_before_the_default(tmp_path: Path) -> None:
    assert await find(tmp_path) is None
    profiles = Profiles.of_user({"XDG_CONFIG_HOME": str(tmp_path)})
    for name in ("default", "work", "home"):
        profiles.write(name, STACK.model_copy(update={"name": name}))

    assert await find(tmp_path) == "default"
    assert await find(tmp_path, HELIOS_PROFILE="work") == "work"
    assert await find(tmp_path, profile="home", HELIOS_PROFILE="work", HELIOS_STACK="x") == "home"
    with pytest.raises(OptionInvalid, match="profile 'gone': there is none"):
        await find(tmp_path, profile="gone")
    with pytest.raises(OptionInvalid, match="`stack` and `profile`"):
        await find_deployment(stack="a", region=None, profile="b", env={})
