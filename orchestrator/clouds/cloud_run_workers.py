"""Finds workers on Cloud Run by their name, with their URL and storage."""

from typing import TYPE_CHECKING

from helios.errors import OptionInvalid
from orchestrator.clouds.google import GoogleCalls, reading
from orchestrator.clouds.google_faults import google_faults
from orchestrator.model.deployment import CloudRunWorkers

if TYPE_CHECKING:
    from google.cloud import run_v2

#: Default name of the workers.
DEFAULT_NAME = "helios-worker"
#: Instances that Cloud Run gives a service whose deployment doesn't say.
_INSTANCES = 100
_GIB = {"Ki": 1 / 1024**2, "Mi": 1 / 1024, "Gi": 1.0}


async def find_workers(project: str, region: str, name: str, calls: GoogleCalls) -> CloudRunWorkers:
    """Return the properties of a service and a job; `WorkerNotFound` if there are none."""
    place = f"projects/{project}/locations/{region}"
    where = f"Cloud Run workers {name} in {region} of {project}"
    services, jobs = await calls.services(), await calls.jobs()
    with google_faults(where):
        service = await services.get_service(name=f"{place}/services/{name}", **reading())
        job = await jobs.get_job(name=f"{place}/jobs/{name}", **reading())
    container = _container(job, where)
    artifacts = next((v.value for v in container.env if v.name == "HELIOS_ARTIFACTS"), "")
    if not artifacts:
        raise OptionInvalid(
            f"{where}: their HELIOS_ARTIFACTS doesn't say which bucket they use",
            hint="Deploy them by: orchestrator cloudrun deploy.",
        )
    limits = container.resources.limits
    return CloudRunWorkers(
        project=project,
        region=region,
        name=name,
        artifacts=artifacts,
        service_url=service.uri,
        job=job.name,
        cpu=_cpus(limits.get("cpu", "1")),
        memory_gib=_gib(limits.get("memory", "512Mi")),
        max_concurrency=_instances(service) * _at_once(service),
    )


def _container(job: "run_v2.Job", where: str) -> "run_v2.Container":
    containers = job.template.template.containers
    if not containers:
        raise OptionInvalid(f"{where}: the job has no container")
    return containers[0]


def _instances(service: "run_v2.Service") -> int:
    counts = (service.scaling.max_instance_count, service.template.scaling.max_instance_count)
    return next(filter(None, counts), _INSTANCES)


def _at_once(service: "run_v2.Service") -> int:
    return service.template.max_instance_request_concurrency or 1


def _cpus(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _gib(text: str) -> float:
    unit = _GIB.get(text[-2:])
    return float(text[:-2]) * unit if unit else float(text) / 1024**3
