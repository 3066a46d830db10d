"""The `orchestrator` command: one file a command, or a group of them.

A command parses its flags, calls `orchestrator.api`, and prints. Commands import what they need
when they run, so that `--help` is quick.
"""

import gc

import typer

from orchestrator.cli.command_groups import GroupedCommand
from orchestrator.cli.commands import (
    batch,
    cloudrun,
    connect,
    doctor,
    estimate,
    plan,
    policies,
    preview,
    render,
    run,
    sheet,
    spec,
    still,
)
from orchestrator.cli.commands.jobs import control, inspection, listing, notify, report, verify

app = typer.Typer(
    name="orchestrator",
    help="Render an HTML composition in parallel chunks, and stitch them into one video.",
    epilog="Exit status: 0 done; 1 failed, a retry may succeed; 2 input refused; 130 stopped.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for name, command in (
    ("render", render.render),
    ("still", still.still),
    ("sheet", sheet.sheet),
    ("batch", batch.batch),
    ("preview", preview.preview),
    ("list", listing.list_jobs),
    ("status", inspection.status),
    ("watch", inspection.watch),
    ("logs", inspection.logs),
    ("report", report.report),
    ("pause", control.pause),
    ("resume", control.resume),
    ("cancel", control.cancel),
    ("fetch", inspection.fetch),
    ("verify", verify.verify),
    ("delete", control.delete),
    ("notify", notify.notify),
    ("plan", plan.plan),
    ("run", run.run),
    ("validate", spec.validate),
    ("schema", spec.schema),
    ("connect", connect.connect),
    ("estimate", estimate.estimate),
    ("doctor", doctor.doctor),
):
    app.command(name, cls=GroupedCommand)(command)
app.add_typer(policies.app)
app.add_typer(cloudrun.app)


def main() -> None:
    """Run the command line."""
    # Collecting garbage while modules are imported takes a sixth of the time of that, for nothing.
    gc.set_threshold(100_000)
    app()
