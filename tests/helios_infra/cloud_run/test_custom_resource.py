"""The custom resource: its real bundle, run as Lambda would, by AWS's identity alone."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import grpc
import pytest
from botocore.credentials import Credentials
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from helios_infra.provisioner_bundle import ProvisionerBundle
from sandbox.google.cloud_run_api import CloudRunApi
from sandbox.google.identity.token_exchange import TokenExchange
from sandbox.storage.bucket_settings import BucketSettings
from sandbox.storage.object_stores import gcs_server

pytestmark = [pytest.mark.proof, pytest.mark.xdist_group("provisioner-bundle")]

PROVIDER = "projects/123456789/locations/global/workloadIdentityPools/aws/providers/aws"
DEPLOYER = "deployer@my-videos.iam.gserviceaccount.com"
ROLE = "helios-provisioner"
NAME = "projects/my-videos/locations/europe-west1/helios-worker"

#: Calls the handler with an event, without any package that isn't in the bundle.
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from helios_infra.cloud_run.custom_resource import handler
class Context:
    log_stream_name = "2026/11/25/[$LATEST]abc"
    def get_remaining_time_in_millis(self):
        return float(sys.argv[3]) * 1000
handler(json.loads(sys.argv[2]), Context())
"""


@dataclass
class Stack:
    """What CloudFormation knows of the resource, and the clouds around it."""

    api: CloudRunApi
    buckets: BucketSettings
    exchange: TokenExchange
    env: dict[str, str]
    stranger: Credentials
    bundle: Path
    answers: "Answers"

    def resource(self, **changes: Any) -> dict[str, Any]:
        workers = {
            "project": "my-videos",
            "region": "europe-west1",
            "image": f"europe-west1-docker.pkg.dev/my-videos/helios/worker@sha256:{'a' * 64}",
            "serviceAccount": "worker@my-videos.iam.gserviceaccount.com",
            "bucket": "my-videos-helios",
            **changes.pop("workers", {}),
        }
        federation = {
            "provider": PROVIDER,
            "serviceAccount": DEPLOYER,
            "tokenUrl": f"{self.exchange.url}/token",
            "impersonationUrl": f"{self.exchange.url}/accounts",
        }
        return {"workers": workers, "federation": federation, **changes}

    def request(
        self,
        kind: str,
        *,
        physical_id: str | None = None,
        seconds: float = 60,
        env: dict[str, str] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Send an event as CloudFormation does, and return the answer."""
        event = {
            "RequestType": kind,
            "ResponseURL": self.answers.url,
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/Helios/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Workers",
            "ResourceProperties": {"Resource": json.dumps(self.resource(**changes))},
            **({"PhysicalResourceId": physical_id} if physical_id else {}),
        }
        done = subprocess.run(
            [
                sys.executable,
                "-S",
                "-c",
                PROGRAM,
                str(self.bundle),
                json.dumps(event),
                str(seconds),
            ],
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return self.answers.received.pop()


class Answers:
    """Where CloudFormation waits for answers."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                # Signed without a content type: S3 refuses any other.
                assert not self.headers["Content-Type"]
                length = int(self.headers["Content-Length"])
                answers.received.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer?signature=x"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    ProvisionerBundle(python=version).put_together(folder)
    return folder


@dataclass
class LocalAws:
    """A local AWS, and the credentials that it has given to roles."""

    url: str

    def assume(self, role: str) -> Credentials:
        client = boto3.client(
            "sts",
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="first",
            aws_secret_access_key="first",
        )
        arn = f"arn:aws:iam::123456789012:role/{role}"
        given = client.assume_role(RoleArn=arn, RoleSessionName="function")["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def variables(credentials: Credentials) -> dict[str, str]:
    """Return what Lambda puts into the environment of a function."""
    return {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": str(credentials.token),
    }


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield LocalAws(f"http://127.0.0.1:{port}")
    server.stop()


@pytest.fixture
def stack(bundle: Path, aws: LocalAws, tmp_path: Path) -> Iterator[Stack]:
    own, stranger = aws.assume(ROLE), aws.assume("another-user")
    answers = Answers()
    threading.Thread(target=answers.server.serve_forever, daemon=True).start()
    with (
        TokenExchange(
            aws.url,
            [own, stranger],
            audience=f"//iam.googleapis.com/{PROVIDER}",
            role=ROLE,
            account=DEPLOYER,
        ) as exchange,
        gcs_server() as store,
        BucketSettings(store.endpoint) as buckets,
        CloudRunApi(accepts=exchange.accepts, looks=1) as api,
    ):
        roots = tmp_path / "api.pem"
        roots.write_text(api.certificate)
        env = {
            **variables(own),
            "PATH": os.environ["PATH"],
            "HELIOS_CLOUD_RUN_ENDPOINT": api.endpoint,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots),
            "STORAGE_EMULATOR_HOST": buckets.endpoint,
        }
        yield Stack(api, buckets, exchange, env, stranger, bundle, answers)
    answers.server.shutdown()
    answers.server.server_close()


def test_workers_are_made_changed_and_removed_with_the_stack(stack: Stack) -> None:
    created = stack.request("Create")
    assert created["Reason"] == ""
    assert created["Status"] == "SUCCESS"
    assert created["PhysicalResourceId"] == NAME
    assert created["LogicalResourceId"] == "Workers"
    (service,) = stack.api.services.by_name.values()
    assert created["Data"] == {
        "Url": service.uri,
        "Job": "projects/my-videos/locations/europe-west1/jobs/helios-worker",
        "Artifacts": "gs://my-videos-helios",
    }

    updated = stack.request("Update", physical_id=NAME, workers={"memory": "8Gi"})
    assert updated["Status"] == "SUCCESS"
    assert updated["PhysicalResourceId"] == NAME
    (service,) = stack.api.services.by_name.values()
    assert service.template.containers[0].resources.limits["memory"] == "8Gi"

    deleted = stack.request("Delete", physical_id=NAME)
    assert deleted["Status"] == "SUCCESS"
    assert not stack.api.services.by_name
    assert not stack.api.jobs.by_name
    assert "my-videos-helios" in stack.buckets.settings


def test_another_place_is_another_resource_so_that_the_former_is_deleted(stack: Stack) -> None:
    stack.request("Create")
    moved = stack.request("Update", physical_id=NAME, workers={"name": "films"})
    assert moved["PhysicalResourceId"].endswith("/films")
    assert stack.request("Delete", physical_id=NAME)["Status"] == "SUCCESS"
    assert [name.rpartition("/")[2] for name in stack.api.services.by_name] == ["films"]


def test_the_bucket_goes_with_the_stack_on_request(stack: Stack) -> None:
    stack.request("Create")
    stack.request("Delete", physical_id=NAME, deleteBucket=True)
    assert "my-videos-helios" not in stack.buckets.settings


def test_a_failed_creation_is_undone_by_its_id(stack: Stack) -> None:
    stack.api.faults.fail_operation("CreateService", grpc.StatusCode.INTERNAL, "no image")
    failed = stack.request("Create")
    assert failed["Status"] == "FAILED"
    assert "service helios-worker: no image" in failed["Reason"]
    assert "log: 2026/11/25/" in failed["Reason"]
    assert failed["PhysicalResourceId"] == NAME
    assert stack.request("Delete", physical_id=NAME)["Status"] == "SUCCESS"
    assert not stack.api.services.by_name


def test_what_was_deployed_before_is_refused_and_survives_the_roll_back(stack: Stack) -> None:
    stack.request("Create")
    refused = stack.request("Create")
    assert refused["Status"] == "FAILED"
    assert "is deployed already, not by this stack" in refused["Reason"]
    rolled_back = stack.request("Delete", physical_id=refused["PhysicalResourceId"])
    assert rolled_back["Status"] == "SUCCESS"
    assert len(stack.api.services.by_name) == 1
    assert stack.request("Create", adopt=True)["Status"] == "SUCCESS"


def test_a_configuration_that_cannot_work_is_told(stack: Stack) -> None:
    failed = stack.request("Create", workers={"cpu": 3})
    assert failed["Status"] == "FAILED"
    assert "workers.cpu" in failed["Reason"]
    assert stack.api.calls == []


def test_a_role_that_google_does_not_know_gets_no_token(stack: Stack) -> None:
    failed = stack.request("Create", env=variables(stack.stranger))
    assert failed["Status"] == "FAILED"
    assert "no valid credentials" in failed["Reason"]
    assert "another-user" in failed["Reason"]
    assert failed["PhysicalResourceId"] == "nothing"


def test_a_forged_signature_gets_no_token(stack: Stack) -> None:
    failed = stack.request("Create", env={"AWS_SECRET_ACCESS_KEY": "guessed"})
    assert failed["Status"] == "FAILED"
    assert "signature does not match" in failed["Reason"]


def test_an_answer_comes_before_the_functions_time_is_up(stack: Stack) -> None:
    stack.api.operations.looks = 1000
    failed = stack.request("Create", seconds=23)
    assert failed["Status"] == "FAILED"
    assert "time was up" in failed["Reason"]
    assert failed["PhysicalResourceId"] == NAME
