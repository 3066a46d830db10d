"""Validation by the real API, for the fields that this project uses."""

import re
from datetime import timedelta
from typing import Any

import grpc
from google.cloud import run_v2

from sandbox.google.cloud_run_api.faults import Refused

#: Known regions.
REGIONS = frozenset({"europe-west1", "europe-west4", "us-central1", "us-east1", "asia-east1"})

_PARENT = re.compile(r"projects/[a-z][a-z0-9-]+/locations/(?P<region>[a-z0-9-]+)")
_RESERVED = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
_MEBIBYTES = {"Mi": 1, "Gi": 1024}
# CPUs: minimum and maximum of memory in MiB.
_MEMORY = {1: (128, 4096), 2: (128, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
_GEN2_MEMORY = 512
_PROBE_SECONDS = 240


def invalid(message: str) -> Refused:
    """Return the error for a setting."""
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def check_parent(parent: str) -> None:
    """Check project and location."""
    match = _PARENT.fullmatch(parent)
    if match is None:
        raise invalid(f"Invalid parent: {parent}")
    if match["region"] not in REGIONS:
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            f"Permission denied on 'locations/{match['region']}' (or it may not exist).",
        )


def check_resource_id(name: str) -> None:
    """Check the name of a service or a job."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", name):
        raise invalid(f"Invalid resource id: {name}")


def check_service(service: run_v2.Service) -> None:
    """Check the settings of a service."""
    template = service.template
    if not timedelta(0) <= (template.timeout or timedelta(0)) <= timedelta(hours=1):
        raise invalid("template.timeout should be between 0 and 3600 seconds")
    if not 0 <= template.max_instance_request_concurrency <= 1000:
        raise invalid("template.max_instance_request_concurrency should be between 0 and 1000")
    _check_containers(template)
    for container in template.containers:
        _check_probe(container.startup_probe)


def check_job(job: run_v2.Job) -> None:
    """Check the settings of a job."""
    execution = job.template
    if execution.parallelism > max(1, execution.task_count):
        raise invalid("template.parallelism should be at most template.task_count")
    task = execution.template
    if not 0 <= task.max_retries <= 10:
        raise invalid("template.template.max_retries should be between 0 and 10")
    if (task.timeout or timedelta(0)) > timedelta(days=7):
        raise invalid("template.template.timeout should be at most 604800 seconds")
    _check_containers(task)


def check_overrides(job: run_v2.Job, overrides: run_v2.RunJobRequest.Overrides) -> None:
    """Check an execution's overrides of its job."""
    tasks = overrides.task_count or job.template.task_count
    if not 1 <= tasks <= 10_000:
        raise invalid("overrides.task_count should be between 1 and 10000")
    if job.template.parallelism > tasks:
        raise invalid("parallelism should be at most the number of tasks")
    names = {container.name for container in job.template.template.containers}
    for override in overrides.container_overrides:
        if override.name and override.name not in names:
            raise invalid(f"overrides: there is no container {override.name}")


def _check_containers(template: Any) -> None:
    if not template.containers:
        raise invalid("template.containers is required")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.gserviceaccount\.com", template.service_account):
        raise invalid(f"Invalid service account: {template.service_account}")
    gen2 = run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2
    for container in template.containers:
        if not container.image:
            raise invalid("container.image is required")
        _check_limits(
            container, least=_GEN2_MEMORY if template.execution_environment == gen2 else 0
        )
        names = [variable.name for variable in container.env]
        for name in names:
            if name in _RESERVED:
                raise invalid(f"The following reserved env names were provided: {name}")
            if names.count(name) > 1:
                raise invalid(f"Duplicate environment variable: {name}")


def _check_limits(container: run_v2.Container, *, least: int) -> None:
    limits = container.resources.limits
    cpu, memory = limits.get("cpu", "1"), limits.get("memory", "512Mi")
    match = re.fullmatch(r"(\d+)(Mi|Gi)", memory)
    if not cpu.isdigit() or int(cpu) not in _MEMORY or match is None:
        raise invalid(f"Invalid value specified for cpu or memory: {cpu}, {memory}")
    low, high = _MEMORY[int(cpu)]
    if not max(low, least) <= int(match[1]) * _MEBIBYTES[match[2]] <= high:
        raise invalid(
            f"Invalid value specified for container memory. For {cpu} CPU, memory must be"
            f" between {max(low, least)}Mi and {high}Mi inclusive."
        )


def _check_probe(probe: run_v2.Probe) -> None:
    if not probe:
        return
    if probe.timeout_seconds > probe.period_seconds:
        raise invalid("startup_probe.timeout_seconds must not be greater than period_seconds")
    if probe.failure_threshold * probe.period_seconds > _PROBE_SECONDS:
        raise invalid(f"startup_probe must fail within {_PROBE_SECONDS} seconds")
