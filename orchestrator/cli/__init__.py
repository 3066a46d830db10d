"""The `orchestrator` command: one file a command, or a group of them.

Commands import what they need when they run, so that `--help` is quick.
"""

import typer

from orchestrator.cli.commands import (
    cancel,
    cloudrun,
    connect,
    detached,
    doctor,
    estimate,
    job_life,
    jobs,
    plan,
    policies,
    render,
    run,
    spec,
    verify,
)

app = typer.Typer(
    name="orchestrator",
    help="Render an HTML composition in chunks, side by side, and join them into one video.",
    epilog="Exit status: 0 done; 1 failed, another try may help; 2 input refused; 130 stopped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(render.render)
app.command()(plan.plan)
app.command()(run.run)
app.command()(spec.validate)
app.command()(spec.schema)
app.command()(job_life.resume)
app.command()(job_life.retry)
app.command()(job_life.pause)
app.command()(cancel.cancel)
app.add_typer(jobs.app)
app.command()(verify.verify)
app.command()(connect.connect)
app.command()(detached.status)
app.command()(detached.watch)
app.command()(detached.fetch)
app.command("list")(detached.list_renders)
app.command()(estimate.estimate)
app.command()(doctor.doctor)
app.add_typer(policies.app)
app.add_typer(cloudrun.app)


def main() -> None:
    """Run the command line."""
    app()
