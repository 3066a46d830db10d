"""The container that service and job share."""

from collections.abc import Mapping, MutableSequence

from google.cloud import run_v2

from helios_infra.cloud_run.configuration import CloudRunConfiguration

#: Name of the worker's container; executions of the job override its variables by it.
CONTAINER = "worker"
#: Label of this project's resources; others are never changed or deleted.
LABEL = "managed-by"
OWNER = "helios"
#: Annotation that makes Cloud Run try settings again that failed before.
ATTEMPT = "helios-attempt"


def environment(configuration: CloudRunConfiguration, *, timeout: int) -> dict[str, str]:
    """Return the variables of every worker, which Cloud Run ends after `timeout` seconds."""
    sources = [f"{configuration.artifacts}/", *configuration.allowed_sources]
    return {
        "HELIOS_ARTIFACTS": configuration.artifacts,
        "HELIOS_ALLOWED_SOURCES": ",".join(sources),
        # Cloud Run sets this for functions, but not for containers.
        "CLOUD_RUN_TIMEOUT_SECONDS": str(timeout),
        # Files lie in memory there: chunks, and the video that is as large as they are.
        "HELIOS_MERGE_BYTES": str(int(configuration.memory_gib * 2**30 / 3)),
        "GOOGLE_CLOUD_PROJECT": configuration.project,
        **configuration.env,
    }


def first_container(containers: MutableSequence[run_v2.Container]) -> run_v2.Container:
    """Return the worker's container of a template, which gets one if it has none."""
    if not containers:
        containers.append(run_v2.Container())
    return containers[0]


def configure_container(
    container: run_v2.Container,
    configuration: CloudRunConfiguration,
    *,
    env: Mapping[str, str],
    cpu: str | None = None,
    memory: str | None = None,
) -> None:
    """Update a container as requested; other settings are kept.

    Args:
        env: Its variables; others are removed.
        cpu, memory: Its limits, if they aren't those of the configuration.
    """
    container.name = CONTAINER
    container.image = configuration.image
    container.resources.limits = {
        "cpu": cpu or str(configuration.cpu),
        "memory": memory or configuration.memory,
    }
    container.env = [run_v2.EnvVar(name=name, value=env[name]) for name in sorted(env)]


def container_facts(container: run_v2.Container) -> dict[str, str]:
    """Return the settings of a container that deploying looks after."""
    limits = container.resources.limits
    return {
        "image": container.image,
        "cpu": limits.get("cpu", ""),
        "memory": limits.get("memory", ""),
        **{f"env {variable.name}": variable.value for variable in container.env},
    }


def label_facts(labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    """Return whose a resource is, and how often its settings were tried if that was repeated."""
    attempt = annotations.get(ATTEMPT)
    return {LABEL: labels.get(LABEL, "none"), **({"attempt": attempt} if attempt else {})}


def seconds(duration: object) -> str:
    """Return a duration, which proto-plus gives as a timedelta, as people write it."""
    total = getattr(duration, "total_seconds", None)
    return f"{total() if total else 0:g}s"
