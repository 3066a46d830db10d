"""Videos are delivered to another store, with credentials of a secret, by real clients."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from helios.errors import OptionInvalid
from helios.storage import ArtifactStorage, open_storage
from helios.worker.worker_config import WorkerConfig
from sandbox.storage.object_stores import ObjectStore, create_bucket, s3_server
from tests.helios.worker_setup import DRAWING, WorkerSetup, drawing, make_spec

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("object_stores")]


@pytest.fixture(scope="module")
def aws() -> Iterator[ObjectStore]:
    with s3_server() as started:
        create_bucket(started, "own")
        yield started


@pytest.fixture(scope="module")
def partner() -> Iterator[tuple[ObjectStore, dict[str, str]]]:
    """Another store, which checks signatures and permissions, and the keys of its one user."""
    with s3_server() as store:
        create_bucket(store, "partner")
        iam = boto3.client("iam", endpoint_url=store.endpoint, **KEYS)
        iam.create_user(UserName="helios")
        put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::partner/*"}
        iam.put_user_policy(
            UserName="helios",
            PolicyName="put",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [put]}),
        )
        key = iam.create_access_key(UserName="helios")["AccessKey"]
        trusting(store, requests=0)
        yield store, {"accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"]}


KEYS: dict[str, Any] = {
    "aws_access_key_id": "sandbox",
    "aws_secret_access_key": "sandbox",
    "region_name": "us-east-1",
}


def trusting(store: ObjectStore, *, requests: int) -> None:
    """Have a store check the signatures of all requests but the next few."""
    request = urllib.request.Request(
        f"{store.endpoint}/moto-api/reset-auth",
        data=str(requests).encode(),
        headers={"Content-Type": "text/plain"},
    )
    urllib.request.urlopen(request).close()


def stored(aws: ObjectStore, name: str, value: object) -> str:
    """Store a secret, and return its ARN."""
    client = boto3.client("secretsmanager", endpoint_url=aws.endpoint, **KEYS)
    text = value if isinstance(value, str) else json.dumps(value)
    return str(client.create_secret(Name=name, SecretString=text)["ARN"])


@pytest.fixture
def site(
    aws: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerSetup]:
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)

    def opener(url: str) -> ArtifactStorage:
        return open_storage(url, env=aws.env)

    made = WorkerSetup(tmp_path, artifacts=f"s3://own/{tmp_path.name}", opener=opener)
    made.options["allowed_destinations"] = ("s3://partner/films",)
    yield made
    made.close()


def render(site: WorkerSetup, *, merge: str | None = None) -> Any:
    spec = make_spec(
        [drawing(0, "chunks/00000.mp4")], output_url="s3://partner/films/final.mp4", merge=merge
    )
    job = site.put(spec)
    site.render(job, spec)
    return site.merge(job)


def test_a_video_reaches_another_store_with_the_credentials_of_its_secret(
    site: WorkerSetup,
    aws: ObjectStore,
    partner: tuple[ObjectStore, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, keys = partner
    arn = stored(aws, "partner", {**keys, "endpoint": store.endpoint, "region": "us-east-1"})
    site.options["destination_secrets"] = {"s3://partner": arn}
    site.options["executables"] = DRAWING | {"sh"}
    monkeypatch.setenv("HELIOS_DESTINATION_SECRETS", f"s3://partner={arn}")

    merged = render(site, merge="sh -c 'env; cp chunks/00000.mp4 video.mp4'")

    assert merged.exit_code == 0, merged.stderr
    assert "delivered to s3://partner/films/final.mp4" in merged.stdout
    assert merged.artifact.url.startswith("s3://own/")
    trusting(store, requests=1)
    there = boto3.client("s3", endpoint_url=store.endpoint, **KEYS)
    whole = there.get_object(Bucket="partner", Key="films/final.mp4")
    assert whole["Metadata"]["sha256"] == merged.artifact.sha256
    # What merges and renders gets neither the credentials nor the name of the secret.
    assert "PATH=" in merged.stdout
    everything = f"{merged.stdout}{merged.stderr}{site.log.getvalue()}"
    for secret in (*keys.values(), "secretsmanager"):
        assert secret not in everything


def test_wrong_credentials_are_told_and_the_video_stays_in_the_folder_of_the_job(
    site: WorkerSetup, aws: ObjectStore, partner: tuple[ObjectStore, dict[str, str]]
) -> None:
    store, keys = partner
    wrong = {**keys, "secretAccessKey": "x" * 40, "endpoint": store.endpoint}
    arn = stored(aws, "wrong", wrong)
    site.options["destination_secrets"] = {"s3://partner": arn}

    merged = render(site)

    assert merged.error.code == "ACCESS_DENIED"
    assert "s3://partner/films/final.mp4" in merged.stderr
    assert "output/video.mp4" in site.names()
    assert "x" * 40 not in merged.stderr + site.log.getvalue()


@pytest.mark.parametrize(
    "text", ["password", "{}", '{"accessKeyId": "a", "secretAccessKey": "b", "url": "c"}']
)
def test_a_secret_of_another_form_is_refused_without_its_text(
    site: WorkerSetup, aws: ObjectStore, text: str
) -> None:
    arn = stored(aws, f"form-{len(text)}", text)
    site.options["destination_secrets"] = {"s3://partner": arn}

    merged = render(site)

    assert merged.error.code == "STORAGE_INVALID"
    assert arn in merged.stderr
    assert '"accessKeyId": "..."' in merged.stderr
    assert text == "{}" or text not in merged.stderr


def test_a_secret_that_is_gone_is_told_by_its_arn(site: WorkerSetup) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-AbCdEf"
    site.options["destination_secrets"] = {"s3://partner": arn}

    merged = render(site)

    assert merged.error.code == "ACCESS_DENIED"
    assert arn in merged.stderr


def test_the_variable_names_pairs_of_url_and_secret() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cdn-AbCdEf"
    read = WorkerConfig.from_env({"HELIOS_DESTINATION_SECRETS": f"s3://cdn/a={arn}, s3://b={arn}"})

    assert read.destination_secrets == {"s3://cdn/a": arn, "s3://b": arn}
    with pytest.raises(OptionInvalid, match="is not URL=ARN of a secret"):
        WorkerConfig.from_env({"HELIOS_DESTINATION_SECRETS": "s3://cdn=password"})
