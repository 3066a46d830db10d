"""Stands in for Docker where images needn't be built: the sandbox runs their code as processes.

`python -m sandbox.unbuilt_images ARGUMENTS` answers what the CDK asks of `docker`, and registers an
empty image where a built one would have been pushed to.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_CONFIG = "application/vnd.docker.container.image.v1+json"


def _option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def _build(arguments: list[str]) -> None:
    dockerfile = Path(arguments[-1], _option(arguments, "--file"))
    if not dockerfile.is_file():
        sys.exit(f"{dockerfile} is missing from what is sent to the engine")


def _push(name: str) -> None:
    """Register an image under a name such as `ACCOUNT.dkr.ecr.REGION.HOST/REPOSITORY:TAG`."""
    import boto3  # noqa: PLC0415

    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    boto3.client("ecr", region_name=host.split(".")[3]).put_image(
        repositoryName=repository,
        imageTag=tag,
        imageManifestMediaType=_MANIFEST,
        imageManifest=json.dumps(_manifest(tag)),
    )


def _manifest(tag: str) -> dict[str, object]:
    digest = f"sha256:{sha256(tag.encode()).hexdigest()}"
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "size": 0, "digest": digest},
        "layers": [{"mediaType": _LAYER, "size": 0, "digest": digest}],
    }


def main(arguments: list[str]) -> None:
    """Answer one call of `docker`."""
    match arguments:
        case ["build", *rest]:
            _build(rest)
        case ["push", *rest]:
            _push(rest[-1])
        case ["login", *_]:
            sys.stdin.read()
        case ["inspect", *_]:
            sys.exit(1)  # no image is there already


if __name__ == "__main__":
    main(sys.argv[1:])
