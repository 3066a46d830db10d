"""The `helios` command, which chunk commands run: one file a command.

Commands import what they need when they run, so that `--help` is quick.
"""

import gc
import sys
from collections.abc import Mapping

from helios.cli.command_parser import Command, run_command
from helios.cli.commands import inspect, merge, render, still

COMMANDS: Mapping[str, Command] = {
    "render": render.render,
    "still": still.still,
    "merge": merge.merge,
    "inspect": inspect.inspect,
}


def main() -> None:
    """Run the command line."""
    # Collecting garbage while modules are imported takes a tenth of the time of that, for nothing.
    gc.set_threshold(100_000)
    name, words = (sys.argv[1], sys.argv[2:]) if sys.argv[1:] else ("", [])
    if name in COMMANDS:
        run_command(f"helios {name}", COMMANDS[name], words)
    elif name in ("", "-h", "--help"):
        print("Usage: helios COMMAND [ARGUMENTS]\n")
        print("Render frames of an HTML composition, and join chunk outputs.\n\nCommands:")
        for name, command in COMMANDS.items():
            print(f"  {name:10}{command.__doc__}")
        print("\n`helios COMMAND --help` lists its flags.")
        sys.exit(0 if sys.argv[1:] else 2)
    else:
        print(f"helios: no command {name!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
