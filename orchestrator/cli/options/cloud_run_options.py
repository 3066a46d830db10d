"""Flags that describe workers on Google Cloud Run: their place, and their configuration."""

from collections.abc import Mapping
from typing import Annotated, Any, get_origin

import typer
from typer.core import TyperOption

from orchestrator.cli.command_groups import GroupedCommand

Project = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_PROJECT", help="Id of the project.", show_default="none"),
]
Region = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_REGION", help="Such as europe-west1.", show_default="none"),
]
Name = Annotated[
    str | None, typer.Option(help="Name of the service and the job.", show_default="helios-worker")
]
#: Flags of settings whose values are repeated.
_REPEATED = {
    "invokers": "--invoker",
    "allowed_sources": "--allow-source",
    "network_tags": "--network-tag",
    "env": "--env",
}


class ConfigurationCommand(GroupedCommand):
    """A command with a flag for each setting of `CloudRunConfiguration`.

    The flags are made when they are needed, as the configuration loads pydantic.
    """

    _params: list[Any]
    _is_complete = False

    @property
    def params(self) -> list[Any]:
        """The command's own flags, and those of the settings."""
        if not self._is_complete:
            self._is_complete = True
            self._params.extend(_settings())
        return self._params

    @params.setter
    def params(self, own: list[Any]) -> None:
        self._params, self._is_complete = own, False


def configured(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given flags as settings of the configuration."""
    values = {name: value for name, value in flags.items() if value not in (None, (), [])}
    if "env" in values:
        values["env"] = dict(_assignment(text) for text in values["env"])
    return values


def _settings() -> list[TyperOption]:
    from helios_infra.cloud_run.configuration import CloudRunConfiguration
    from helios_infra.cloud_run.place import CloudRunPlace

    found = []
    for name, field in CloudRunConfiguration.model_fields.items():
        if name in CloudRunPlace.model_fields:
            continue
        is_repeated = get_origin(field.annotation) in (tuple, dict)
        shown = "" if field.is_required() or is_repeated else str(field.default or "")
        found.append(
            TyperOption(
                param_decls=[name, _REPEATED.get(name, f"--{name.replace('_', '-')}")],
                type=int if isinstance(field.default, int) else str,
                multiple=is_repeated,
                metavar="NAME=VALUE" if name == "env" else None,
                help=f"{field.description}{' Repeatable.' if is_repeated else ''}",
                show_default=shown or False,
            )
        )
    return found


def _assignment(text: str) -> tuple[str, str]:
    from helios.errors import OptionInvalid

    name, equals, value = text.partition("=")
    if not equals:
        raise OptionInvalid(f"env {text!r}: not a variable with a value", hint="Give NAME=VALUE.")
    return name, value
