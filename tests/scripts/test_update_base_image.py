"""What pins the base image: for real against Debian's registry, where that is installed."""

import hashlib
import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from sandbox.scripted_server import Received, Reply, ScriptedServer

ROOT = Path(__file__).parents[2]
DOCKERFILES = ("worker_lambda/Dockerfile", "worker_cloudrun/Dockerfile")
INDEX = "application/vnd.oci.image.index.v1+json"
DIGEST = f"sha256:{'5' * 64}"


class Checkout:
    """Script and Dockerfiles, copied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("scripts/update-base-image", *DOCKERFILES):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        script = self.folder / "scripts/update-base-image"
        return subprocess.run([script, *arguments], capture_output=True, text=True, check=False)

    def pinned(self) -> set[str]:
        """Return the base images of all Dockerfiles."""
        texts = [(self.folder / name).read_text() for name in DOCKERFILES]
        lines = [line for text in texts for line in text.splitlines()]
        return {line.partition("=")[2] for line in lines if line.startswith("ARG BASE_IMAGE=")}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def told(digest: str = DIGEST, *, kind: str = INDEX) -> Reply:
    return Reply(200, headers={"Content-Type": kind, "Docker-Content-Digest": digest})


def tag_at(server: ScriptedServer) -> str:
    return f"{server.endpoint.removeprefix('http://')}/debian:trixie-slim"


def test_a_registry_that_demands_a_token_gets_an_anonymous_one(checkout: Checkout) -> None:
    server = ScriptedServer()

    def answer(request: Received) -> Reply:
        if request.path.startswith("/token"):
            return Reply(200, json.dumps({"token": "anonymous"}).encode())
        if request.headers.get("authorization") == "Bearer anonymous":
            return told()
        demand = f'Bearer realm="{server.endpoint}/token",service="s",scope="repository:d:pull"'
        return Reply(401, headers={"WWW-Authenticate": demand})

    server.tell(answer)
    before = (checkout.folder / DOCKERFILES[0]).read_text()
    done = checkout.run(tag_at(server))
    server.close()

    assert done.stdout == f"{tag_at(server)}@{DIGEST}\n", done.stderr
    assert checkout.pinned() == {f"{tag_at(server)}@{DIGEST}"}
    assert "service=s&scope=repository%3Ad%3Apull" in server.requests[1].path
    changed = set((checkout.folder / DOCKERFILES[0]).read_text().splitlines()) - set(
        before.splitlines()
    )
    assert len(changed) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(404), "HTTP Error 404"),
        (told("5"), "tells no digest"),
        (told(kind="application/vnd.oci.image.manifest.v1+json"), "not for several processors"),
        (Reply(cut=-1), "update-base-image: "),
    ],
)
def test_what_the_registry_does_not_tell_is_not_pinned(
    checkout: Checkout, answer: Reply, said: str
) -> None:
    before = checkout.pinned()
    server = ScriptedServer()
    server.tell(answer)
    done = checkout.run(tag_at(server))
    server.close()
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert checkout.pinned() == before


@pytest.mark.parametrize("arguments", [("--help",), ("a:1", "b:1"), ("debian",)])
def test_other_arguments_are_refused(checkout: Checkout, arguments: tuple[str, ...]) -> None:
    done = checkout.run(*arguments)
    assert done.returncode != 0
    assert "update-base-image" in done.stderr


@pytest.mark.image
def test_the_newest_image_of_a_real_registry_is_pinned(registry: str, checkout: Checkout) -> None:
    image = f"{registry}/debian:trixie-slim"
    for version in ("old", "new"):
        digest = push(registry, version)
        done = checkout.run(image)
        assert done.stdout == f"{image}@{digest}\n", done.stderr
        assert checkout.pinned() == {f"{image}@{digest}"}


def push(registry: str, version: str) -> str:
    """Store an image for two processors under the tag; return the digest of the list of both."""
    config = json.dumps({"architecture": version, "os": "linux"}).encode()
    upload(registry, config)
    kind = "application/vnd.oci.image.manifest.v1+json"
    listed = []
    for architecture in ("amd64", "arm64"):
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": described(config, "application/vnd.oci.image.config.v1+json"),
                "layers": [],
                "annotations": {"of": architecture},
            }
        ).encode()
        put(registry, manifest, reference=digest_of(manifest), kind=kind)
        platform = {"architecture": architecture, "os": "linux"}
        listed.append({**described(manifest, kind), "platform": platform})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
    put(registry, index, reference="trixie-slim", kind=INDEX)
    return digest_of(index)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def described(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "size": len(data), "digest": digest_of(data)}


def upload(registry: str, blob: bytes) -> None:
    begin = urllib.request.Request(f"http://{registry}/v2/debian/blobs/uploads/", method="POST")
    with urllib.request.urlopen(begin) as answer:
        location = answer.headers["Location"]
    url = f"{location}{'&' if '?' in location else '?'}digest={digest_of(blob)}"
    sent = urllib.request.Request(
        url, data=blob, method="PUT", headers={"Content-Type": "application/octet-stream"}
    )
    urllib.request.urlopen(sent).close()


def put(registry: str, manifest: bytes, *, reference: str, kind: str) -> None:
    url = f"http://{registry}/v2/debian/manifests/{reference}"
    request = urllib.request.Request(
        url, data=manifest, method="PUT", headers={"Content-Type": kind}
    )
    urllib.request.urlopen(request).close()
