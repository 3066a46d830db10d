"""The checkup of workers on Google Cloud, and of the credentials that use them."""

import math
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from helios.errors import HeliosError
from orchestrator.clouds.cloud_run_workers import find_workers
from orchestrator.clouds.google import GoogleCalls, reading
from orchestrator.clouds.google_faults import google_faults
from orchestrator.doctor.base import (
    Check,
    Finding,
    Health,
    MakeAdapter,
    PlannedRender,
    look_at,
    missing_permissions,
    problem,
)
from orchestrator.doctor.trial import trial_findings
from orchestrator.model.deployment import CloudRunWorkers

if TYPE_CHECKING:
    from google.cloud import run_v2

#: Id of the quota that services and jobs of a region share, in thousandths of a CPU.
CPU_QUOTA = "CpuAllocPerProjectRegion"
#: Permissions on the service and on the job, and the only feature that needs each, if any.
SERVICE_PERMISSIONS = {"run.services.get": "connect", "run.routes.invoke": ""}
JOB_PERMISSIONS = dict.fromkeys(
    ("run.jobs.get", "run.jobs.run", "run.jobs.runWithOverrides"), "--detach"
)

_DEPLOY = "Deploy again: orchestrator cloudrun deploy."
_INVOKER = "Deploy with --invoker and your account, or ask the owner of the deployment."
_ALLOW = """\
For quotas:
gcloud services enable cloudquotas.googleapis.com --project {project}
gcloud projects add-iam-policy-binding {project} --role roles/cloudquotas.viewer --member user:YOU
For the rest, deploy with --invoker and your account."""
_RAISE = """\
Ask for more of `Total CPU allocation`: https://console.cloud.google.com/iam-admin/quotas, or
gcloud beta quotas preferences create --project {project} --service run.googleapis.com \\
  --quota-id {quota} --dimensions region={region} --preferred-value {value} --email YOU"""


class CloudRunCheckup:
    """Looks at a service and a job, step by step; without credentials, at nothing."""

    def __init__(
        self, workers: CloudRunWorkers, calls: GoogleCalls, *, plan: PlannedRender
    ) -> None:
        self._workers = workers
        self._calls = calls
        self._at_once = min(plan.concurrency, plan.chunks)

    async def findings(self, make_adapter: MakeAdapter | None) -> AsyncIterator[Finding]:
        """Yield what is found, as it is found; with `make_adapter`, also by a trial."""
        try:
            identity = await self._calls.identity()
        except HeliosError as fault:
            yield problem("credentials", fault)
            return
        yield Finding("credentials", Health.OK, identity)
        allow = _ALLOW.format(project=self._workers.project)
        async for finding in look_at(self._checks(), to_be_allowed=allow):
            yield finding
        if make_adapter is None:
            return
        workers = make_adapter(self._workers.service_url)
        for finding in await trial_findings(
            self._workers.artifacts, renderer=workers, merge_adapter=workers
        ):
            yield finding

    def _checks(self) -> list[Check]:
        return [
            ("workers", self._are_known),
            ("permissions", self._permissions),
            ("service", self._service),
            ("job", self._job),
            ("limit of instances", self._instances),
            ("quota of CPU", self._cpus),
        ]

    async def _are_known(self) -> Finding:
        workers = self._workers
        found = await find_workers(workers.project, workers.region, workers.name, self._calls)
        if found == workers:
            return Finding("workers", Health.OK, f"{found}, {found.artifacts}")
        return Finding(
            "workers",
            Health.PROBLEM,
            f"{found}: were deployed anew since the profile was written",
            f"orchestrator connect --project {found.project} --region {found.region}"
            f" --name {found.name}",
        )

    async def _permissions(self) -> Finding:
        what = "permissions"
        services, jobs = await self._calls.services(), await self._calls.jobs()
        wanted = (
            (services, self._service_name, SERVICE_PERMISSIONS),
            (jobs, self._workers.job, JOB_PERMISSIONS),
        )
        denied: list[tuple[str, str]] = []
        for client, resource, permissions in wanted:
            request = {"resource": resource, "permissions": list(permissions)}
            asking: Any = client
            with google_faults(what):
                answer = await asking.test_iam_permissions(request, **reading())
            denied += [
                (feature, name)
                for name, feature in permissions.items()
                if name not in answer.permissions
            ]
        if not denied:
            return Finding(what, Health.OK, "all that renders take of Cloud Run is allowed")
        return missing_permissions(denied, fix=_INVOKER)

    async def _service(self) -> Finding:
        services = await self._calls.services()
        with google_faults("service"):
            found = await services.get_service(name=self._service_name, **reading())
        return _state("service", found)

    async def _job(self) -> Finding:
        jobs = await self._calls.jobs()
        with google_faults("job"):
            found = await jobs.get_job(name=self._workers.job, **reading())
        return _state("job", found)

    async def _instances(self) -> Finding:
        what, most = "limit of instances", self._workers.max_concurrency
        facts = f"{most} chunks at once by the service, {self._at_once} are planned"
        if most >= self._at_once:
            return Finding(what, Health.OK, facts)
        fix = "Deploy with more --max-instances."
        return Finding(what, Health.NOTICE, f"{facts}: chunks will wait for workers", fix)

    async def _cpus(self) -> Finding:
        what, workers = "quota of CPU", self._workers
        told_of = await self._calls.quota(workers.project, CPU_QUOTA)
        thousandths = _value_in(workers.region, told_of)
        if thousandths is None:
            return Finding(what, Health.UNKNOWN, f"Google lists none for {workers.region}")
        available, wanted = thousandths / 1000, self._at_once * workers.cpu
        facts = f"{available:g} CPUs in {workers.region}, {wanted:g} are planned"
        if available >= wanted:
            return Finding(what, Health.OK, facts)
        fix = _RAISE.format(
            project=workers.project,
            region=workers.region,
            quota=CPU_QUOTA,
            value=math.ceil(wanted * 1000),
        )
        return Finding(what, Health.NOTICE, f"{facts}: chunks will wait for workers", fix)

    @property
    def _service_name(self) -> str:
        workers = self._workers
        return f"projects/{workers.project}/locations/{workers.region}/services/{workers.name}"


def _state(what: str, resource: "run_v2.Service | run_v2.Job") -> Finding:
    condition = resource.terminal_condition
    name = resource.name.rpartition("/")[2]
    if resource.reconciling:
        return Finding(what, Health.NOTICE, f"{name}: is being changed", "Wait a minute.")
    if condition.state == type(condition).State.CONDITION_SUCCEEDED:
        return Finding(what, Health.OK, f"{name}: is ready")
    said = condition.message or condition.state.name
    return Finding(what, Health.PROBLEM, f"{name}: {said}", _DEPLOY)


def _value_in(region: str, quota: Mapping[str, Any]) -> int | None:
    """Return a region's quota: its own, or that of regions without one."""
    infos = quota.get("dimensionsInfos", ())
    own = [info for info in infos if info.get("dimensions", {}).get("region") == region]
    general = [
        info
        for info in infos
        if not info.get("dimensions") and region in info.get("applicableLocations", ())
    ]
    for info in (*own, *general):
        return int(info["details"]["value"])
    return None
