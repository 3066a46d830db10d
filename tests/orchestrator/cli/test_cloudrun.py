"""`orchestrator cloudrun` as people and programs call it, against servers of this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from sandbox.google.google_cloud import GoogleCloud, google_cloud

pytestmark = pytest.mark.slow

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
PLACE = ("--project", "my-videos", "--region", "europe-west1")
IMAGE = f"europe-west1-docker.pkg.dev/my-videos/helios/worker@sha256:{'a' * 64}"
ALL = (
    *PLACE,
    *("--image", IMAGE, "--bucket", "my-videos-helios", "--invoker", "user:ann@example.com"),
    *("--service-account", "worker@my-videos.iam.gserviceaccount.com"),
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[GoogleCloud]:
    with google_cloud(tmp_path / "cloud", looks=1) as running:
        yield running


def cloudrun(cloud: GoogleCloud | None, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ORCHESTRATOR, "cloudrun", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(cloud.env if cloud else {})},
    )


def documents(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_workers_are_deployed_changed_shown_and_removed(cloud: GoogleCloud) -> None:
    absent = cloudrun(cloud, "status", *PLACE)
    assert absent.returncode == 2
    assert "error[WORKER_NOT_FOUND]" in absent.stderr

    first = cloudrun(cloud, "deploy", *ALL)
    assert first.returncode == 0, first.stderr
    lines = first.stderr.splitlines()
    assert "service helios-worker: created" in lines
    assert "service helios-worker: Deploying" in lines
    assert "--adapter cloudrun --service-url https://helios-worker-" in lines[-1]

    again = cloudrun(cloud, "deploy", *ALL)
    assert "service helios-worker: unchanged" in again.stderr.splitlines()
    assert "nothing to change" in again.stderr

    changed = cloudrun(cloud, "deploy", *ALL, "--memory", "8Gi", "--json")
    *steps, end = documents(changed)
    room = {"before": str(4 * 2**30 // 3), "after": str(8 * 2**30 // 3)}
    change = {
        "event": "change",
        "resource": "service helios-worker",
        "action": "updated",
        "fields": [
            {"name": "memory", "before": "4Gi", "after": "8Gi"},
            {"name": "env HELIOS_MERGE_BYTES", **room},
        ],
    }
    assert change in steps
    assert (end["event"], end["changed"]) == ("completed", True)
    assert end["artifacts"] == "gs://my-videos-helios"

    shown = cloudrun(cloud, "status", *PLACE, "--json")
    assert shown.returncode == 0
    (status,) = documents(shown)
    assert (status["ready"], status["public"], status["url"]) == (True, False, end["url"])
    assert status["service"]["memory"] == "8Gi"

    gone = cloudrun(cloud, "destroy", *PLACE)
    assert gone.returncode == 0
    assert gone.stderr.splitlines()[:3] == [
        "service helios-worker: deleted",
        "job helios-worker: deleted",
        "bucket my-videos-helios: kept",
    ]


@pytest.mark.slow
def test_a_deployment_that_fails_ends_with_its_code_and_status(cloud: GoogleCloud) -> None:
    cloud.api.faults.refuse(
        "CreateService", grpc.StatusCode.PERMISSION_DENIED, "run.services.create"
    )
    denied = cloudrun(cloud, "deploy", *ALL)
    assert denied.returncode == 2
    assert "error[ACCESS_DENIED]: service helios-worker: permission denied" in denied.stderr

    cloud.api.faults.fail_operation("CreateService", grpc.StatusCode.UNAVAILABLE, "not now")
    failed = cloudrun(cloud, "deploy", *ALL, "--json")
    assert failed.returncode == 1
    assert documents(failed)[-1]["code"] == "DEPLOYMENT_FAILED"
    assert documents(failed)[-1]["retryable"] is True

    status = cloudrun(cloud, "status", *PLACE)
    assert status.returncode == 2
    assert "not ready: not now" in status.stderr


def test_a_file_may_hold_the_settings_and_flags_override_it(
    cloud: GoogleCloud, tmp_path: Path
) -> None:
    config = tmp_path / "cloudrun.json"
    settings = {
        "project": "my-videos",
        "region": "europe-west1",
        "image": IMAGE,
        "serviceAccount": "worker@my-videos.iam.gserviceaccount.com",
        "bucket": "my-videos-helios",
        "maxInstances": 3,
        "memory": "2Gi",
    }
    config.write_text(json.dumps(settings))
    done = cloudrun(cloud, "deploy", "--config", str(config), "--memory", "8Gi", "--env", "A=b=c")
    assert done.returncode == 0, done.stderr
    (service,) = cloud.api.services.by_name.values()
    assert service.template.scaling.max_instance_count == 3
    assert service.template.containers[0].resources.limits["memory"] == "8Gi"
    env = {variable.name: variable.value for variable in service.template.containers[0].env}
    assert env["A"] == "b=c"


def test_what_cannot_work_is_refused_without_a_call() -> None:
    done = cloudrun(None, "deploy", *PLACE, "--cpu", "3", "--memory", "lots")
    assert done.returncode == 2
    assert "error[OPTION_INVALID]" in done.stderr
    assert "image: is missing" in done.stderr


def test_a_variable_without_a_value_is_refused() -> None:
    done = cloudrun(None, "deploy", *ALL, "--env", "NAME")
    assert done.returncode == 2
    assert "Give NAME=VALUE" in done.stderr


def test_missing_credentials_are_told_with_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [ORCHESTRATOR, "cloudrun", "status", *PLACE],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "NO_GCE_CHECK": "true",
        },
    )
    assert done.returncode == 2
    assert "error[ACCESS_DENIED]: Google Cloud: no valid credentials" in done.stderr
    assert "gcloud auth application-default login" in done.stderr
