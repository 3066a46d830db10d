"""The `helios` command, which chunk commands run: one file a command.

Commands import what they need when they run, so that `--help` is quick.
"""

import typer

from helios.cli.commands import inspect, merge, render, still

app = typer.Typer(
    name="helios",
    help="Render frames of an HTML composition, and join chunk outputs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (render.render, still.still, merge.merge, inspect.inspect):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    app()
