"""Help texts with flags in groups, without the cost of loading a library for them."""

from typing import Any

from typer.core import TyperCommand

from orchestrator.cli.options import flags

#: Headings, in the order in which they stand; flags that belong to no group come last.
HEADINGS = (
    "Arguments",
    flags.TIMING,
    flags.PICTURE,
    flags.SOUND,
    flags.ENCODING,
    flags.CHUNKS,
    flags.WHERE,
    flags.LIMITS,
    flags.OUTPUT,
    "Options",
)


class GroupedCommand(TyperCommand):
    """A command whose `--help` shows flags by their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and flags below their headings."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                heading = getattr(parameter, "rich_help_panel", None) or usual
                groups.setdefault(heading, []).append(record)
        for heading in HEADINGS:
            if heading in groups:
                with formatter.section(heading):
                    formatter.write_dl(groups[heading])
