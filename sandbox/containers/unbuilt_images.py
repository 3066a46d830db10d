"""Stands in for Docker where images needn't be built, as workers run as processes.

`python -m sandbox.containers.unbuilt_images ARGUMENTS` answers the CDK's `docker` commands, and
registers an empty image in place of a pushed one.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

from sandbox.containers.docker_registry import MANIFEST, register

_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_CONFIG = "application/vnd.docker.container.image.v1+json"


def _option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def _build(arguments: list[str]) -> None:
    dockerfile = Path(arguments[-1], _option(arguments, "--file"))
    if not dockerfile.is_file():
        sys.exit(f"{dockerfile} is missing from what is sent to the engine")


def _manifest(name: str) -> str:
    digest = f"sha256:{sha256(name.encode()).hexdigest()}"
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": _CONFIG, "size": 0, "digest": digest},
            "layers": [{"mediaType": _LAYER, "size": 0, "digest": digest}],
        }
    )


def main(arguments: list[str]) -> None:
    """Answer one call of `docker`."""
    match arguments:
        case ["build", *rest]:
            _build(rest)
        case ["push", *rest]:
            register(rest[-1], _manifest(rest[-1]))
        case ["login", *_]:
            sys.stdin.read()
        case ["inspect", *_]:
            sys.exit(1)  # the image doesn't exist yet


if __name__ == "__main__":
    main(sys.argv[1:])
