"""The Cloud Run service that signs and sends webhooks, as an account that renders nothing."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from google.cloud import run_v2

from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.resources.container import configure_container, first_container
from helios_infra.cloud_run.resources.service import configure_access
from helios_infra.cloud_run.resources.template import configure_template

#: Command of an instance.
COMMAND = (
    *("python", "-m", "helios.process.init"),
    *("gunicorn", "--config", "python:worker_cloudrun.webhooks.gunicorn_conf"),
)
# Seconds for all tries of a receiver.
_TIMEOUT = 300
_CPU, _MEMORY = "1", "512Mi"
_MOST_INSTANCES = 3
#: Webhooks that an instance sends at the same time.
_CONCURRENCY = 16


def webhook_settings(
    configuration: CloudRunConfiguration, *, audiences: Sequence[str]
) -> Callable[[run_v2.Service], None]:
    """Return a function that changes the service as requested and keeps its other settings.

    Args:
        configuration: The requested workers, with `webhook_secret` and `webhook_account`.
        audiences: The service's own URLs; empty while they aren't known.
    """
    account = configuration.webhook_account or ""

    def configure(service: run_v2.Service) -> None:
        # Tasks call it by its public URL; only they may.
        configure_access(service, ingress="all")
        template = service.template
        template.scaling.max_instance_count = _MOST_INSTANCES
        template.max_instance_request_concurrency = _CONCURRENCY
        template.timeout = timedelta(seconds=_TIMEOUT)
        configure_template(template, configuration, account=account)
        container = first_container(template.containers)
        container.command = list(COMMAND)
        env = _environment(configuration, audiences)
        configure_container(container, configuration, env=env, cpu=_CPU, memory=_MEMORY)
        container.resources.cpu_idle = True
        container.resources.startup_cpu_boost = True

    return configure


def _environment(configuration: CloudRunConfiguration, audiences: Sequence[str]) -> dict[str, str]:
    secret = configuration.webhook_secret or ""
    parent = "" if "/" in secret else f"projects/{configuration.project}/secrets/"
    env = {
        **configuration.env,
        "GOOGLE_CLOUD_PROJECT": configuration.project,
        "HELIOS_ALLOWED_CALLERS": configuration.service_account,
        "HELIOS_ARTIFACTS": configuration.artifacts,
        # The name alone: the value is read when something is to be signed.
        "HELIOS_WEBHOOK_SECRET_NAME": f"{parent}{secret}",
    }
    return {**env, "HELIOS_AUDIENCE": ",".join(audiences)} if audiences else env
