"""What may be asked for, and what is refused before anything is touched."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helios.errors import OptionInvalid
from helios.webhooks.events import SECRET
from helios_infra.cloud_run.configuration import CloudRunConfiguration

DIGEST = f"@sha256:{'0' * 64}"
KEY = "projects/videos/locations/europe-west1/keyRings/helios/cryptoKeys/films"
LEAST: dict[str, Any] = {
    "project": "my-videos-123",
    "region": "europe-west1",
    "image": f"europe-west1-docker.pkg.dev/my-videos-123/helios/worker{DIGEST}",
    "serviceAccount": "worker@my-videos-123.iam.gserviceaccount.com",
    "bucket": "my-videos-123-helios",
}


def read(**values: Any) -> CloudRunConfiguration:
    return CloudRunConfiguration.read({**LEAST, **values})


def test_the_least_that_must_be_given_is_enough() -> None:
    configuration = read()
    assert configuration.service == (
        "projects/my-videos-123/locations/europe-west1/services/helios-worker"
    )
    assert configuration.artifacts == "gs://my-videos-123-helios"
    assert configuration.concurrency == 1
    assert configuration.invokers == ()


def test_all_faults_are_told_at_once_by_their_names() -> None:
    with pytest.raises(OptionInvalid) as caught:
        CloudRunConfiguration.read(
            {"project": "my-videos-123", "cpu": 3, "memmory": "4Gi", "kms_key": "films"}
        )
    told = "\n".join(caught.value.details)
    for name in (
        "region: is missing",
        "kmsKey: 'films'",
        "image: is missing",
        "bucket: is missing",
        "cpu",
        "memmory",
    ):
        assert name in told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"project": "My Videos"}, "project id"),
        ({"region": "Europe"}, "europe-west1"),
        ({"image": "europe-west1-docker.pkg.dev/p/helios/worker:latest"}, "by digest"),
        ({"image": f"worker{DIGEST}"}, "by digest"),
        ({"service_account": "ann@example.com", "serviceAccount": "ann@example.com"}, "account"),
        ({"bucket": "gs://videos"}, "bucket's name"),
        ({"name": "Worker"}, "name of a-z"),
        ({"name": "w" * 50}, "at most 49"),
        ({"cpu": 3}, "cpu"),
        ({"memory": "4 GB"}, "amount of memory"),
        ({"cpu": 1, "memory": "8Gi"}, "0.5 to 4 GiB"),
        ({"cpu": 8, "memory": "2Gi"}, "4 to 32 GiB"),
        ({"memory": "256Mi"}, "0.5 to 8 GiB"),
        ({"concurrency": 0}, "concurrency"),
        ({"maxInstances": 0}, "maxInstances"),
        ({"timeout": 3601}, "timeout"),
        ({"taskRetries": 11}, "taskRetries"),
        ({"ingress": "everywhere"}, "ingress"),
        ({"kmsKey": "films"}, "keyRings/RING/cryptoKeys/KEY"),
        ({"kmsKey": KEY.replace("europe-west1", "us-east1")}, "should be in europe-west1"),
        ({"network": "projects/x"}, "a network's or subnetwork's name"),
        ({"connector": "c/d"}, "a connector's name"),
        ({"network": "films", "connector": "films"}, "goes without network"),
        ({"networkTags": ["films"]}, "go with network or subnetwork"),
        ({"network": "films", "networkTags": ["A"]}, "a network tag of a-z"),
        ({"egress": "all-traffic"}, "goes with network, subnetwork or connector"),
        ({"network": "films", "egress": "none"}, "'private-ranges-only' or 'all-traffic'"),
        ({"invokers": ["allUsers"]}, "public render at your expense"),
        ({"invokers": ["allAuthenticatedUsers"]}, "public render at your expense"),
        ({"invokers": ["ann@example.com"]}, "not a member"),
        ({"allowedSources": ["/files"]}, "not a URL prefix"),
        ({"allowedSources": ["https://a.example/,https://b.example/"]}, "not a URL prefix"),
        ({"intermediateDays": 0}, "intermediateDays"),
        ({"intermediateDays": 7, "outputDays": 3}, "before their chunks"),
        ({"env": {"A B": "c"}}, "not a variable's name"),
        ({"env": {"HELIOS_ARTIFACTS": "gs://other"}}, "set by deploying"),
        ({"env": {"PORT": "80"}}, "reserved by Cloud Run"),
        ({"webhookSecret": "a secret"}, "not a secret's name"),
        ({"webhookSecret": "hooks"}, "webhookAccount: is missing"),
        ({"webhookAccount": "hooks@v.iam.gserviceaccount.com"}, "webhookSecret: is missing"),
        ({"webhookSecret": "hooks", "webhookAccount": "ann@example.com"}, "a service account"),
        (
            {"webhookSecret": "hooks", "webhookAccount": LEAST["serviceAccount"]},
            "another account than serviceAccount",
        ),
        (
            {
                "name": "w" * 41,
                "webhookSecret": "hooks",
                "webhookAccount": "hooks@v.iam.gserviceaccount.com",
            },
            "at most 40 characters",
        ),
        ({"env": {SECRET: "x"}}, SECRET),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_a_sentence(
    values: dict[str, Any], told: str
) -> None:
    with pytest.raises(OptionInvalid) as caught:
        read(**values)
    assert told in "\n".join(caught.value.details)


@pytest.mark.parametrize(("cpu", "memory"), [(1, "512Mi"), (2, "8Gi"), (4, "2Gi"), (8, "32Gi")])
def test_memory_may_reach_the_bounds_of_its_cpu(cpu: int, memory: str) -> None:
    assert read(cpu=cpu, memory=memory).memory == memory


def test_invokers_are_in_order_and_once() -> None:
    members = ["user:zoe@example.com", "group:team@example.com", "user:zoe@example.com"]
    assert read(invokers=members).invokers == ("group:team@example.com", "user:zoe@example.com")


def test_a_file_gives_settings_in_camel_case(tmp_path: Path) -> None:
    path = tmp_path / "cloudrun.json"
    path.write_text(json.dumps({**LEAST, "maxInstances": 7}))
    values = CloudRunConfiguration.read_file(path)
    # A flag is named as in Python, and wins.
    assert CloudRunConfiguration.read({**values, "max_instances": 9}).max_instances == 9
    assert CloudRunConfiguration.read(values).max_instances == 7


@pytest.mark.parametrize("text", ["[1, 2]", "{", "\xff"])
def test_a_file_without_settings_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cloudrun.json"
    path.write_text(text, "latin-1")
    with pytest.raises(OptionInvalid, match=r"cloudrun\.json"):
        CloudRunConfiguration.read_file(path)


def test_reading_a_configuration_loads_no_client_of_google() -> None:
    program = (
        "import sys; there = set(sys.modules); import helios_infra.cloud_run.configuration;"
        "print([m for m in set(sys.modules) - there if m.startswith(('google.', 'grpc'))])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
