"""Flags that say where chunks are rendered and joined, and the places that they stand for."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import STACK, find_deployment

if TYPE_CHECKING:
    from orchestrator.delivery.destination import Destination
    from orchestrator.model.deployment import Deployment
    from orchestrator.model.location import AdapterSettings

LOCAL = "local"
_STITCHES = ("auto", "local", "worker", "server")
#: What a group is called, and the scheme of the storage that its workers are at home with.
SCHEMES = {"lambda": "s3", "cloudrun": "gs"}
#: Variables that stand in for flags.
FUNCTION = "HELIOS_LAMBDA_FUNCTION"
MERGE_FUNCTION = "HELIOS_LAMBDA_MERGE_FUNCTION"
SERVICE_URL = "HELIOS_CLOUDRUN_URL"
ARTIFACTS = {"lambda": "HELIOS_S3_ARTIFACTS", "cloudrun": "HELIOS_GCS_ARTIFACTS"}


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """Where chunks are rendered, and where they are joined."""

    adapter: flags.Adapter = None
    function: flags.Function = None
    merge_function: flags.MergeFunction = None
    stack: flags.Stack = None
    profile: flags.Profile = None
    region: flags.Region = None
    service_url: flags.ServiceUrl = None
    impersonate: flags.Impersonate = None
    artifacts: flags.Artifacts = None
    stitch: flags.Stitch = "auto"
    presign: flags.Presign = None

    @property
    def is_remote(self) -> bool:
        """Whether chunks are rendered elsewhere."""
        return LOCAL not in self._weights()

    def check(self, destination: "Destination | None", *, leaves_chunks: bool) -> None:
        """Refuse flags that don't fit together, before any work.

        Raises
        ------
        OptionInvalid
        """
        from helios.errors import OptionInvalid

        for flag, value, adapter in (
            ("--function", self.function, "lambda"),
            ("--merge-function", self.merge_function, "lambda"),
            ("--stack", self.stack, "lambda"),
            ("--region", self.region, "lambda"),
            ("--service-url", self.service_url, "cloudrun"),
            ("--impersonate", self.impersonate, "cloudrun"),
        ):
            if value is not None and adapter not in self._weights():
                raise OptionInvalid(f"{flag}: goes with --adapter {adapter}, which isn't given")
        for flag, given in (
            ("--artifacts", self.artifacts),
            ("--stitch", self.stitch != "auto"),
            ("--profile", self.profile),
        ):
            if given and not self.is_remote:
                raise OptionInvalid(f"{flag}: goes with --adapter lambda or cloudrun")
        if self.stitch not in _STITCHES:
            raise OptionInvalid(f"--stitch {self.stitch}: is none of {', '.join(_STITCHES)}")
        if self.presign is None:
            return
        if destination is None or destination.url is None or leaves_chunks:
            raise OptionInvalid(
                "--presign: there is no video in storage to link to",
                hint="Let the video stay there: -o s3://bucket/video.mp4, or gs://.",
            )
        if not 0 < self.presign < float("inf"):
            raise OptionInvalid(f"--presign {self.presign:g}: must be above 0 seconds")

    def attached_only(self) -> Sequence[tuple[str, object]]:
        """Return the flags that only mean something while this machine runs the render."""
        return (
            ("--function", self.function),
            ("--merge-function", self.merge_function),
            ("--service-url", self.service_url),
            ("--impersonate", self.impersonate),
            ("--artifacts", self.artifacts),
            ("--stitch", self.stitch != "auto"),
            ("--presign", self.presign is not None),
        )

    async def found(self, env: Mapping[str, str] | None = None) -> Self:
        """Return the same with workers and storage of the deployment that is named, if one is.

        What is given by a flag, or without a name by a variable, stays.

        Raises
        ------
        OptionInvalid
            A deployment and its workers are named, or one that no adapter is for.
        HeliosError
            The deployment can't be found.
        """
        from helios.errors import OptionInvalid
        from orchestrator.model.deployment import CloudRunWorkers

        settings = os.environ if env is None else env
        weights = self._weights()
        is_named = bool(self.stack or self.profile)
        known = {
            "lambda": self.function or (None if is_named else settings.get(FUNCTION)),
            "cloudrun": self.service_url or (None if is_named else settings.get(SERVICE_URL)),
        }
        if LOCAL in weights or (not is_named and all(known[name] for name in weights)):
            return self
        deployment = await find_deployment(
            stack=self.stack,
            region=self.region,
            profile=self.profile,
            env=settings if "lambda" in weights else _without_stack(settings),
        )
        if deployment is None:
            return self
        adapter = "cloudrun" if isinstance(deployment, CloudRunWorkers) else "lambda"
        if adapter in weights and not known[adapter]:
            return self._filled_in(deployment, settings)
        if not is_named:
            return self
        if adapter in weights:
            flag = "--function" if adapter == "lambda" else "--service-url"
            raise OptionInvalid(f"{flag}: goes without --stack and --profile")
        raise OptionInvalid(f"{deployment}: goes with --adapter {adapter}, which isn't given")

    def _filled_in(self, deployment: "Deployment", settings: Mapping[str, str]) -> Self:
        from orchestrator.model.deployment import CloudRunWorkers

        on_google = isinstance(deployment, CloudRunWorkers)
        other = settings.get(ARTIFACTS["lambda" if on_google else "cloudrun"])
        artifacts = self.artifacts or [deployment.artifacts, *([other] if other else [])]
        if isinstance(deployment, CloudRunWorkers):
            return dataclasses.replace(
                self, service_url=deployment.service_url, artifacts=artifacts
            )
        return dataclasses.replace(
            self,
            function=deployment.chunk_function,
            merge_function=self.merge_function or deployment.merge_function,
            region=deployment.region,
            artifacts=artifacts,
        )

    def adapters(self, env: Mapping[str, str] | None = None) -> "list[AdapterSettings]":
        """Return the places that the flags name, ready to be kept with a job.

        Parameters
        ----------
        env:
            Environment variables that stand in for flags; this process's own by default.

        Raises
        ------
        OptionInvalid
            A flag is missing, or can't be worked with.
        ProgramMissing
            A package isn't installed that a place needs.
        """
        from orchestrator.backends.deployed_workers import check_installed
        from orchestrator.model.location import AdapterSettings

        weights = self._weights()
        if LOCAL in weights:
            return [AdapterSettings()]
        known = os.environ if env is None else env
        found: list[AdapterSettings] = []
        for name, weight in weights.items():
            settings = AdapterSettings(
                kind=name,
                weight=weight,
                artifacts=self._artifacts_of(name, known),
                **(self._function(known) if name == "lambda" else self._service(known)),
            )
            check_installed(settings)
            found.append(settings)
        return found

    def _weights(self) -> Mapping[str, float]:
        """Return the adapters that are named, and their shares."""
        from helios.errors import OptionInvalid

        known = (LOCAL, *SCHEMES)
        weights: dict[str, float] = {}
        for text in self.adapter or [LOCAL]:
            name, _, share = text.partition("=")
            if name not in known:
                raise OptionInvalid(
                    f"adapter {name!r}: not known", hint=f"Adapters: {', '.join(known)}."
                )
            if name in weights:
                raise OptionInvalid(f"--adapter {name}: is given twice")
            weights[name] = _share(text, share)
        if LOCAL in weights and len(weights) > 1:
            raise OptionInvalid(
                "--adapter local: doesn't go together with others",
                hint="Chunks that are rendered here don't pass through storage.",
            )
        return weights

    def _artifacts_of(self, name: str, env: Mapping[str, str]) -> str:
        from helios.errors import OptionInvalid

        given = self.artifacts or []
        variable = ARTIFACTS[name]
        scheme = SCHEMES[name]
        if len(given) == 1:
            return given[0].rstrip("/")
        for url in given or [env.get(variable, "")]:
            if url.startswith(f"{scheme}://") or (url and not given):
                return url.rstrip("/")
        raise OptionInvalid(
            f"--adapter {name}: which storage do its workers share with this machine?",
            hint=f"Give --artifacts {scheme}://bucket/prefix, or set {variable}.",
        )

    def _function(self, env: Mapping[str, str]) -> dict[str, str | None]:
        from helios.errors import OptionInvalid

        function = self.function or env.get(FUNCTION)
        if not function:
            raise OptionInvalid(
                "--adapter lambda: which function?",
                hint=f"Give --function NAME, or set {FUNCTION}.",
            )
        merger = self.merge_function or env.get(MERGE_FUNCTION)
        return {"function": function, "merge_function": merger, "region": self.region}

    def _service(self, env: Mapping[str, str]) -> dict[str, str | None]:
        from helios.errors import OptionInvalid

        url = self.service_url or env.get(SERVICE_URL)
        if not url:
            raise OptionInvalid(
                "--adapter cloudrun: which service?",
                hint=f"Give --service-url URL, or set {SERVICE_URL}.",
            )
        return {"service_url": url, "impersonate": self.impersonate}


def _without_stack(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return variables without the one that names a stack on AWS."""
    return {name: value for name, value in env.items() if name != STACK}


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
