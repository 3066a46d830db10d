"""What the templates of service and job share, beside the container."""

from google.cloud import run_v2

from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.resources.network import configure_network, network_facts

_Template = run_v2.RevisionTemplate | run_v2.TaskTemplate
_GEN2 = run_v2.ExecutionEnvironment(run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2)


def configure_template(
    template: _Template, configuration: CloudRunConfiguration, *, account: str | None = None
) -> None:
    """Set identity, key, network and execution environment; a key that others set stays.

    The identity is the configuration's `service_account` unless another account is given.
    """
    template.service_account = account or configuration.service_account
    template.encryption_key = configuration.kms_key or template.encryption_key
    configure_network(template, configuration)
    # Chromium needs the system calls of a whole Linux kernel.
    template.execution_environment = _GEN2


def template_facts(template: _Template) -> dict[str, str]:
    """Return the settings of a template's identity, key and network."""
    return {
        "service account": template.service_account,
        "key": template.encryption_key or "Google's",
        **network_facts(template.vpc_access),
    }
