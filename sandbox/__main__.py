"""`python -m sandbox up` and `down`: both clouds on this machine, for renders without an account.

`up` deploys the stack to its AWS by the real CDK, which takes half a minute, and stays until
Ctrl-C, or until `down` is called from elsewhere.
"""

import argparse
import contextlib
import shutil
import signal
import sys
import threading
from pathlib import Path

from sandbox.clouds import aws_side, default_at_once, google_side, stack_side
from sandbox.standing import Standing, is_up, take_down

#: Folder of the sandbox: environment variables, logs, process id.
FOLDER = Path(".sandbox")
#: The composition of the commands that are printed.
EXAMPLE = "examples/promo"


def up(folder: Path, *, at_once: int, plain: bool = False) -> int:
    """Run the sandbox until it is stopped; return the exit status.

    Args:
        plain: Create a bucket and a function in AWS in place of the stack, which is quicker.
    """
    if is_up(folder):
        print("the sandbox is up already: make sandbox-down stops it", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print("starting both clouds ...", flush=True)
    with contextlib.ExitStack() as stack:
        standing = stack.enter_context(Standing(folder))
        side = aws_side if plain else stack_side
        aws = stack.enter_context(side(folder, at_once=at_once))
        google = stack.enter_context(google_side(folder, at_once=at_once))
        standing.write({**aws.variables, **google.variables})
        invitation = _invitation(folder, aws.aws.url, google.service.url, detached=not plain)
        print(invitation, flush=True)
        stop.wait()
        print("stopping ...", flush=True)
    return 0


def _invitation(folder: Path, aws: str, cloud_run: str, *, detached: bool) -> str:
    here = Path.cwd()
    near = folder.relative_to(here) if folder.is_relative_to(here) else folder
    more = f"""
  ID=$(orchestrator render {EXAMPLE} -o promo.mp4 --detach)
  orchestrator watch $ID && orchestrator fetch $ID -o out/detached.mp4
"""
    return f"""
AWS is at {aws}, the Cloud Run worker is at {cloud_run}; logs are in {near}.
In another terminal:

  source {near}/env
  orchestrator render {EXAMPLE} -o out/lambda.mp4 --adapter lambda
  orchestrator render {EXAMPLE} -o out/cloudrun.mp4 --adapter cloudrun
{more if detached else ""}
Ctrl-C stops it."""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument(
        "--at-once", type=int, default=default_at_once(), help="chunks at once in each cloud"
    )
    parser.add_argument(
        "--plain", action="store_true", help="a function in place of the stack: quicker"
    )
    options = parser.parse_args()
    # Variables that name its files are sourced from anywhere.
    folder = options.folder.resolve()
    if options.command == "up":
        if not options.plain and not shutil.which("npm"):
            print("Node.js, which deploys the stack, is missing; or leave it out: --plain")
            return 1
        return up(folder, at_once=options.at_once, plain=options.plain)
    print("stopped" if take_down(folder) else "the sandbox isn't up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
