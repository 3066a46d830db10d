"""Where chunks run: what targets and flags stand for, and what is refused before any work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helios.errors import HeliosError, OptionInvalid
from orchestrator.adapters import AwsLambdaAdapter
from orchestrator.api.rendering.checks import check_attached
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.checkup import findings
from orchestrator.api.targets.deployments import DeploymentName
from orchestrator.api.targets.target import CloudRun, Lambda, Local, Targets, as_targets, resolve
from orchestrator.backends.deployed_workers import open_workers
from orchestrator.cli.options.flag_names import in_flags
from orchestrator.cli.options.target_options import TargetOptions
from orchestrator.delivery.destination import Destination
from orchestrator.model.deployment import AwsStack, CloudRunWorkers, Profiles
from orchestrator.model.location import AdapterSettings

S3 = "s3://bucket/prefix"
GS = "gs://bucket/prefix"
LAMBDA: dict[str, Any] = {"adapter": ["lambda"], "function": "f", "region": "eu-west-1"}
CLOUD_RUN: dict[str, Any] = {"adapter": ["cloudrun"], "service_url": "https://worker.example"}
BOTH: dict[str, Any] = {**LAMBDA, **CLOUD_RUN, "adapter": ["lambda=3", "cloudrun"]}
FUNCTION = Lambda(function="f", region="eu-west-1")
SERVICE = CloudRun(service_url="https://worker.example")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.fixture(autouse=True)
def _no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


async def workers(target: Targets, env: Mapping[str, str] | None = None) -> list[AdapterSettings]:
    return await resolve(as_targets(target), env or {"XDG_CONFIG_HOME": "/nowhere"})


async def flagged(env: Mapping[str, str] | None = None, **flags: Any) -> list[AdapterSettings]:
    """Return the workers that flags stand for; faults are told as the command line does."""
    try:
        return await workers(TargetOptions(**flags).targets(), env)
    except OptionInvalid as fault:
        raise OptionInvalid(in_flags(fault.message)) from fault


def artifacts(found: list[AdapterSettings]) -> list[str | None]:
    return [place.artifacts for place in found]


async def test_chunks_run_here_unless_the_user_says_otherwise() -> None:
    here = [AdapterSettings(kind="local")]
    assert await workers(Local()) == await flagged() == await flagged(adapter=["local"]) == here


async def test_a_target_names_the_function_and_its_storage() -> None:
    by_target = await workers(Lambda(function="f", region="eu-west-1", artifacts=f"{S3}/"))
    assert by_target == await flagged(**LAMBDA, artifacts=[f"{S3}/"])
    [site] = open_workers(by_target, concurrency=5)
    assert isinstance(site.adapter, AwsLambdaAdapter)
    assert (site.name, site.adapter.function, site.artifacts) == ("lambda", "f", S3)
    assert site.merge_adapter is None


async def test_a_function_of_its_own_may_join_what_others_rendered() -> None:
    by_flag = await flagged(**LAMBDA, artifacts=[S3], merge_function="m")
    by_env = await flagged({"HELIOS_LAMBDA_MERGE_FUNCTION": "m"}, **LAMBDA, artifacts=[S3])
    for site in open_workers([*by_flag, *by_env], concurrency=5):
        assert isinstance(site.merge_adapter, AwsLambdaAdapter)
        assert site.merge_adapter.function == "m"


async def test_what_is_kept_of_places_leads_to_them_again() -> None:
    found = await flagged(**BOTH, artifacts=[S3, GS], impersonate="a@example.com")
    kept = [AdapterSettings.model_validate_json(place.to_json()) for place in found]
    assert kept == found
    assert [place.kind for place in kept] == ["lambda", "cloudrun"]
    assert (kept[0].region, kept[1].service_url) == ("eu-west-1", "https://worker.example")
    assert kept[1].impersonate == "a@example.com"


def test_a_place_that_lacks_a_storage_is_refused() -> None:
    with pytest.raises(OptionInvalid, match="adapter 'moon'"):
        open_workers([AdapterSettings(kind="moon", artifacts=S3)], concurrency=1)
    with pytest.raises(OptionInvalid, match="adapter 'lambda'"):
        open_workers([AdapterSettings(kind="lambda")], concurrency=1)


async def test_the_environment_stands_in_for_what_is_not_said() -> None:
    env = {
        "HELIOS_LAMBDA_FUNCTION": "g",
        "HELIOS_S3_ARTIFACTS": S3,
        "HELIOS_CLOUDRUN_URL": "https://worker.example",
        "HELIOS_GCS_ARTIFACTS": GS,
    }
    found = await flagged(env, adapter=["lambda", "cloudrun"], region="eu-west-1")
    assert found == await workers([Lambda(region="eu-west-1"), CloudRun()], env)
    assert artifacts(found) == [S3, GS]
    assert (found[0].function, found[1].service_url) == ("g", "https://worker.example")


async def test_each_adapter_gets_the_storage_of_its_cloud() -> None:
    assert artifacts(await flagged(**BOTH, artifacts=[GS, S3])) == [S3, GS]


async def test_one_storage_serves_all() -> None:
    assert artifacts(await flagged(**BOTH, artifacts=[S3])) == [S3, S3]


async def test_shares_become_weights() -> None:
    found = await flagged(**BOTH, artifacts=[S3])
    assert [(place.kind, place.weight) for place in found] == [
        ("lambda", 3.0),
        ("cloudrun", 1.0),
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"adapter": ["lambda"], "artifacts": [S3]}, "--adapter lambda: no function is named"),
        (LAMBDA, "--adapter lambda: which storage"),
        ({"adapter": ["cloudrun"], "artifacts": [GS]}, "--adapter cloudrun: no service is named"),
        (CLOUD_RUN, "--adapter cloudrun: which storage"),
        ({**BOTH, "artifacts": [S3, "s3://other/one"]}, "--adapter cloudrun: which storage"),
        ({"adapter": ["moon"]}, "adapter 'moon': not known"),
        ({"adapter": ["lambda", "lambda=2"]}, "--adapter lambda: is given twice"),
        ({"adapter": ["lambda=0"]}, "--adapter lambda=0: '0' is not a share"),
        ({"adapter": ["lambda=x"]}, "--adapter lambda=x: 'x' is not a share"),
        ({"adapter": ["local", "lambda"]}, "--adapter local: doesn't go together"),
        ({"function": "f"}, "--function: goes with --adapter lambda"),
        ({"merge_function": "f"}, "--merge-function: goes with --adapter lambda"),
        ({"service_url": "https://x"}, "--service-url: goes with --adapter cloudrun"),
        ({"artifacts": [S3]}, "--artifacts: goes with --adapter"),
        ({"profile": "mine"}, "--profile: goes with --adapter"),
    ],
)
async def test_flags_that_lack_another_are_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionInvalid, match=message):
        await flagged(**flags)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Lambda(artifacts=S3), "`Lambda`: no function is named"),
        (FUNCTION, "`Lambda`: which storage"),
        (CloudRun(artifacts=GS), "`CloudRun`: no service is named"),
        (SERVICE, "`CloudRun`: which storage"),
        ([FUNCTION, FUNCTION], "`Lambda`: is given twice"),
        (Lambda(function="f", share=0), "`share` 0: is not a share"),
        ([Local(), FUNCTION], "`Local`: doesn't go together"),
        ([], "`target`: is empty"),
        (["moon"], "`target` 'moon': is not a target"),
        (Lambda(function="f", stack="s"), "`function`: goes without `stack`"),
        (Lambda(stack="s", profile="p"), "`stack` and `profile`: name two"),
    ],
)
async def test_a_target_that_lacks_something_is_refused(target: Any, message: str) -> None:
    with pytest.raises(OptionInvalid, match=message):
        await workers(target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stitch": "worker"}, "`stitch`: goes with `Lambda`"),
        ({"stitch": "moon"}, "`stitch` moon: "),
        ({"backups": True}, "`backups`: goes with `Lambda`"),
        ({"max_cost": 2}, "`max_cost`: goes with `Lambda`"),
    ],
)
def test_settings_of_workers_elsewhere_are_refused_here(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionInvalid, match=message):
        check_attached(RenderSettings.of(settings), [Local()], None)


@pytest.mark.parametrize(
    ("seconds", "output", "merge"),
    [
        (60, "v.mp4", True),
        (60, None, True),
        (60, "s3://bucket/v.mp4", False),
        (0, "s3://bucket/v.mp4", True),
    ],
)
def test_a_link_needs_a_video_in_storage_and_a_time(
    seconds: float, output: str | None, merge: bool
) -> None:
    destination = None if output is None else Destination.of(output)
    with pytest.raises(HeliosError, match="`presign`"):
        settings = RenderSettings.of({"presign": seconds, "merge": merge})
        check_attached(settings, [FUNCTION], destination)
    settings = RenderSettings.of({"presign": 60})
    check_attached(settings, [FUNCTION], Destination.of("s3://bucket/v.mp4"))


@pytest.fixture
def profiles(tmp_path: Path) -> dict[str, str]:
    """Return variables by which profiles are found: `stack` on AWS, `run` on Google Cloud."""
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    kept = Profiles.of_user(env)
    stack = {
        **{"version": 1, "name": "Helios", "region": "eu-west-1", "artifacts": S3},
        **{"chunkFunction": "chunks", "mergeFunction": "merges", "stateMachine": "arn"},
        **{"architecture": "x86_64", "chunkMemory": 3008, "chunkDisk": 512, "chunkTimeout": 900},
        **{"mergeMemory": 3008, "mergeDisk": 512, "maxConcurrency": 50},
    }
    kept.write("stack", AwsStack.model_validate(stack))
    run = {
        **{"project": "videos", "region": "europe-west1", "name": "helios-worker"},
        **{"artifacts": GS, "serviceUrl": "https://run.example", "job": "projects/videos/jobs/w"},
        **{"cpu": 2, "memoryGib": 4, "maxConcurrency": 100},
    }
    kept.write("run", CloudRunWorkers.model_validate(run))
    return env


async def test_a_profile_on_google_names_service_and_storage(profiles: dict[str, str]) -> None:
    [found] = await workers(CloudRun(profile="run"), profiles)

    assert (found.service_url, found.artifacts) == ("https://run.example", GS)
    assert await workers(CloudRun(), {**profiles, "HELIOS_PROFILE": "run"}) == [found]
    assert await flagged(profiles, adapter=["cloudrun"], profile="run") == [found]


async def test_a_stack_in_the_environment_is_none_of_cloud_runs_business(
    profiles: dict[str, str],
) -> None:
    env = {**profiles, "HELIOS_STACK": "Helios", "HELIOS_PROFILE": "run"}
    [found] = await workers(CloudRun(), env)

    assert found.service_url == "https://run.example"


async def test_both_clouds_take_part_where_the_environment_names_the_other(
    profiles: dict[str, str],
) -> None:
    env = {**profiles, "HELIOS_LAMBDA_FUNCTION": "f", "HELIOS_S3_ARTIFACTS": S3}
    own = CloudRun(service_url="https://own.example", artifacts=GS)
    assert [each.service_url for each in await workers([Lambda(), own], env)] == [
        None,
        "https://own.example",
    ]

    found = await flagged(env, adapter=["lambda", "cloudrun"], profile="run")
    assert found == await workers([Lambda(), CloudRun(profile="run")], env)
    assert found[1].service_url == "https://run.example"
    assert artifacts(found) == [S3, GS]


async def test_two_deployments_share_a_render(profiles: dict[str, str]) -> None:
    found = await workers([Lambda(profile="stack"), CloudRun(profile="run")], profiles)

    assert (found[0].function, found[0].merge_function) == ("chunks", "merges")
    assert artifacts(found) == [S3, GS]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({**CLOUD_RUN, "profile": "run"}, "--service-url: goes without --profile"),
        ({**LAMBDA, "profile": "stack"}, "--function: goes without --stack and --profile"),
        ({"adapter": ["cloudrun"], "profile": "stack"}, "goes with --adapter lambda"),
        ({"adapter": ["lambda"], "profile": "run"}, "goes with --adapter cloudrun"),
        ({"adapter": ["cloudrun"], "profile": "none"}, "profile 'none': there is none"),
    ],
)
async def test_a_profile_that_does_not_fit_is_refused(
    profiles: dict[str, str], flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionInvalid, match=message):
        await flagged(profiles, **flags)


async def test_a_checkup_for_no_chunks_at_once_is_refused() -> None:
    checkup = findings(DeploymentName(), concurrency=0, chunks=None, trial=False)
    with pytest.raises(OptionInvalid, match="`concurrency` 0: should be at least 1"):
        _ = [finding async for finding in checkup]
