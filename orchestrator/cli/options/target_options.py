"""Flags that choose where chunks are rendered, as targets of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.api.targets.deployments import DeploymentName
    from orchestrator.api.targets.target import Target

LOCAL, LAMBDA, CLOUD_RUN = "local", "lambda", "cloudrun"
#: The scheme of the storage that an adapter's workers are at home with, and its target.
SCHEMES = {LAMBDA: "s3", CLOUD_RUN: "gs"}
TARGETS = {LAMBDA: "Lambda", CLOUD_RUN: "CloudRun"}
#: The adapter whose workers a kind of deployment has.
ADAPTERS = {"aws": LAMBDA, "cloudrun": CLOUD_RUN}


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The workers that render chunks."""

    heading = flags.WHERE

    adapter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=SHARE]",
            help="Where chunks run: local, lambda, cloudrun; repeatable, as lambda=3.",
            show_default="local",
        ),
    ] = None
    function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Lambda function: name or ARN.",
            show_default="HELIOS_LAMBDA_FUNCTION",
        ),
    ] = None
    merge_function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Lambda function that merges chunks.",
            show_default="HELIOS_LAMBDA_MERGE_FUNCTION, else the one that renders",
        ),
    ] = None
    stack: flags.Stack = None
    profile: flags.Profile = None
    region: flags.Region = None
    service_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Cloud Run service.", show_default="HELIOS_CLOUDRUN_URL"),
    ] = None
    impersonate: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Service account to call the service as.")
    ] = None
    artifacts: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Storage of workers and this machine: s3://bucket/prefix, gs://...; repeatable.",
            show_default="HELIOS_S3_ARTIFACTS, HELIOS_GCS_ARTIFACTS",
        ),
    ] = None

    @property
    def is_local(self) -> bool:
        """Whether --adapter names this machine."""
        return self.adapter is not None and LOCAL in self._shares()

    def targets(self) -> "tuple[Target, ...]":
        """Return the targets that the flags stand for."""
        from orchestrator.api.targets.target import CloudRun, Lambda, Local, as_targets

        shares = self._shares()
        self._check(shares)
        found: list[Target] = []
        for adapter, share in shares.items():
            if adapter == LOCAL:
                found.append(Local())
            elif adapter == LAMBDA:
                found.append(
                    Lambda(
                        stack=self.stack,
                        profile=self._profile_for(adapter, shares),
                        region=self.region,
                        function=self.function,
                        merge_function=self.merge_function,
                        artifacts=self._artifacts_for(adapter),
                        share=share,
                    )
                )
            else:
                found.append(
                    CloudRun(
                        profile=self._profile_for(adapter, shares),
                        service_url=self.service_url,
                        impersonate=self.impersonate,
                        artifacts=self._artifacts_for(adapter),
                        share=share,
                    )
                )
        return as_targets(found)

    def deployment_name(self) -> "DeploymentName":
        """Return the name of a detached render's deployment."""
        from helios.errors import OptionInvalid
        from orchestrator.api.targets.deployments import DeploymentName

        adapters = list(self._shares()) if self.adapter else []
        if len(adapters) > 1:
            raise OptionInvalid("`target`: a detached render runs in one deployment")
        kinds = {adapter: kind for kind, adapter in ADAPTERS.items()}
        kind = kinds.get(adapters[0]) if adapters else None
        return DeploymentName(
            stack=self.stack,
            region=self.region,
            profile=self.profile,
            kind=kind,  # type: ignore[arg-type]
        )

    def worker_settings(self) -> list[str]:
        """Return the given flags that describe workers, which a deployment decides on."""
        names = ("function", "merge_function", "service_url", "impersonate", "artifacts")
        return [name for name in names if getattr(self, name)]

    def _check(self, shares: Mapping[str, float]) -> None:
        from helios.errors import OptionInvalid

        for name, adapter in (
            ("function", LAMBDA),
            ("merge_function", LAMBDA),
            ("stack", LAMBDA),
            ("region", LAMBDA),
            ("service_url", CLOUD_RUN),
            ("impersonate", CLOUD_RUN),
        ):
            if getattr(self, name) is not None and adapter not in shares:
                raise OptionInvalid(f"`{name}`: goes with `{TARGETS[adapter]}`, which isn't given")
        for name in ("artifacts", "profile"):
            if getattr(self, name) and LOCAL in shares:
                raise OptionInvalid(f"`{name}`: goes with `Lambda` or `CloudRun`")

    def _profile_for(self, adapter: str, shares: Mapping[str, float]) -> str | None:
        """Return the profile, unless it belongs to the other cloud of the same render."""
        if self.profile is None or len(shares) == 1:
            return self.profile
        from orchestrator.model.deployment import Profiles

        found = Profiles.of_user().read(self.profile)
        return self.profile if found is None or ADAPTERS[found.kind] == adapter else None

    def _artifacts_for(self, adapter: str) -> str | None:
        from helios.errors import OptionInvalid

        given = self.artifacts or []
        if len(given) < 2:
            return given[0] if given else None
        for url in given:
            if url.startswith(f"{SCHEMES[adapter]}://"):
                return url
        raise OptionInvalid(
            f"`{TARGETS[adapter]}`: which storage do its workers share with this machine?",
            hint=f"Give `artifacts` for it, too: {SCHEMES[adapter]}://bucket/prefix.",
        )

    def _shares(self) -> Mapping[str, float]:
        """Return the adapters that are named, and their shares."""
        from helios.errors import OptionInvalid

        known = (LOCAL, *SCHEMES)
        shares: dict[str, float] = {}
        for text in self.adapter or [LOCAL]:
            name, _, share = text.partition("=")
            if name not in known:
                raise OptionInvalid(
                    f"adapter {name!r}: not known", hint=f"Adapters: {', '.join(known)}."
                )
            if name in shares:
                raise OptionInvalid(f"--adapter {name}: is given twice")
            shares[name] = _share(text, share)
        return shares


def _share(text: str, share: str) -> float:
    from helios.errors import OptionInvalid

    if "=" not in text:
        return 1.0
    try:
        weight = float(share)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise OptionInvalid(f"--adapter {text}: {share!r} is not a share above 0")
    return weight
