"""The flags of renders that go on in the cloud, and how they are started."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed, detached_renders

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from orchestrator.backends.detached.renders import Submitted
    from orchestrator.cli.options.flag_groups import Running
    from orchestrator.cli.options.target_options import TargetOptions
    from orchestrator.cli.options.webhook_options import WebhookOptions
    from orchestrator.delivery.destination import Destination
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment

#: The adapter whose workers a kind of deployment has.
ADAPTERS = {"aws": "lambda", "cloudrun": "cloudrun"}


@dataclass(frozen=True, kw_only=True)
class DetachOptions:
    """Whether a render goes on in the cloud, without this machine."""

    detach: flags.Detach = False
    request_id: flags.RequestId = None

    def check(
        self,
        where: "TargetOptions",
        running: "Running",
        telling: "WebhookOptions",
        destination: "Destination | None",
    ) -> None:
        """Refuse flags that don't fit together, before any work.

        Raises
        ------
        OptionInvalid
        """
        from helios.errors import OptionInvalid
        from orchestrator.model.job_id import check_job_id
        from orchestrator.planning.planner import is_playlist

        if self.request_id is not None:
            if not self.detach:
                raise OptionInvalid("--request-id: goes with --detach")
            check_job_id(self.request_id, detached=True)
        if not self.detach:
            return
        groups = (where, running, telling)
        for flag, given in (found for group in groups for found in group.attached_only()):
            if given:
                raise OptionInvalid(
                    f"{flag}: doesn't go with --detach",
                    hint="What was deployed decides where and how a detached render runs.",
                )
        if destination is not None and is_playlist(destination.name):
            raise OptionInvalid(
                f"--output {destination}: a playlist grows on this machine only",
                hint="Render to a .mp4 file, or without --detach.",
            )
        if destination is not None and destination.url is not None:
            raise OptionInvalid(
                f"--output {destination}: a detached render leaves its video in its own folder",
                hint="Give a name such as video.mp4; `orchestrator fetch ID -o URL` copies it.",
            )

    def id_for(self, spec_id: str | None = None) -> str:
        """Return the render's id: what the user says, else the job's own, else a new one."""
        from orchestrator.model.job_id import new_job_id

        return self.request_id or spec_id or new_job_id()


async def find_detached_deployment(where: "TargetOptions") -> "Deployment":
    """Return the deployment that a detached render goes on in.

    Raises
    ------
    OptionInvalid
        Nothing says which one, or it isn't where `--adapter` says.
    HeliosError
        It can't be found.
    """
    from helios.errors import OptionInvalid

    deployed = Deployed(stack=where.stack, region=where.region, profile=where.profile)
    deployment = await deployed.find()
    wanted = ADAPTERS[deployment.kind]
    if where.adapter and where.adapter != [wanted]:
        raise OptionInvalid(
            f"--adapter {where.adapter[0]}: the {deployment} runs detached renders on {wanted}"
        )
    return deployment


async def submit(
    spec: "JobSpec",
    deployment: "Deployment",
    *,
    job_dir: Path,
    own_files: list[Path],
    concurrency: int | None,
    webhook: str | None,
    display: "Display",
) -> None:
    """Start a job's render, and show its id.

    Parameters
    ----------
    spec:
        The job, with the render's id.
    job_dir:
        Folder that paths in its commands are relative to.
    own_files:
        Files that the job makes, which aren't part of a composition.
    concurrency:
        Chunks at the same time; None for what was deployed.
    webhook:
        URL that is to be told how it ended.

    Raises
    ------
    HeliosError
        As `DetachedRenders.submit`.
    """
    from orchestrator.delivery.packaging import package_job

    job = package_job(spec, job_dir, own_files=own_files)
    async with detached_renders(deployment) as renders:
        with display.activity(f"storing what workers need in {renders.backend.artifacts}"):
            submitted = await renders.submit(job, concurrency=concurrency, webhook=webhook)
    _show(submitted, str(deployment), display)


async def submit_composition(
    source: str,
    spec: "JobSpec",
    deployment: "Deployment",
    *,
    own_files: list[Path],
    concurrency: int | None,
    webhook: str | None,
    display: "Display",
) -> None:
    """Start the render of a composition, whose job has no folder on this machine.

    Parameters
    ----------
    source:
        The composition; its commands name it as workers find it.
    """
    from orchestrator.delivery.packaging import link_composition

    with tempfile.TemporaryDirectory(prefix="helios-") as folder:
        link_composition(source, Path(folder))
        await submit(
            spec,
            deployment,
            job_dir=Path(folder),
            own_files=own_files,
            concurrency=concurrency,
            webhook=webhook,
            display=display,
        )


def _show(submitted: "Submitted", backend: str, display: "Display") -> None:
    execution = submitted.execution
    if submitted.is_new:
        said = f"{execution.job_id}: runs on {backend}"
    else:
        said = f"{execution.job_id}: was started before, and is {execution.state}"
    display.note(
        "submitted",
        f"{said}; orchestrator watch {execution.job_id}",
        id=execution.job_id,
        jobPath=submitted.stored.job_path,
        bytes=submitted.stored.sent_bytes,
    )
    display.answer(
        "started",
        execution.job_id,
        id=execution.job_id,
        state=str(execution.state),
        new=submitted.is_new,
    )
