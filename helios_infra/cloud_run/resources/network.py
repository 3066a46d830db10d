"""The VPC that workers send through: directly, or by a connector."""

from google.cloud import run_v2

from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.value_types import Egress

_EGRESS: dict[Egress, int] = {
    "private-ranges-only": run_v2.VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY,
    "all-traffic": run_v2.VpcAccess.VpcEgress.ALL_TRAFFIC,
}
_NAMES = {int(value): name for name, value in _EGRESS.items()}


def configure_network(
    template: run_v2.RevisionTemplate | run_v2.TaskTemplate, configuration: CloudRunConfiguration
) -> None:
    """Set the access to a VPC as requested; without a request, one that others set stays."""
    access = _access(configuration)
    if access is not None:
        template.vpc_access = access


def _access(configuration: CloudRunConfiguration) -> run_v2.VpcAccess | None:
    egress = _EGRESS[configuration.egress]
    if configuration.connector is not None:
        connector = configuration.connector
        if "/" not in connector:
            connector = f"{configuration.parent}/connectors/{connector}"
        return run_v2.VpcAccess(connector=connector, egress=egress)
    if configuration.network is None and configuration.subnetwork is None:
        return None
    interface = run_v2.VpcAccess.NetworkInterface(
        network=configuration.network or "",
        subnetwork=configuration.subnetwork or "",
        tags=list(configuration.network_tags),
    )
    return run_v2.VpcAccess(network_interfaces=[interface], egress=egress)


def network_facts(access: run_v2.VpcAccess) -> dict[str, str]:
    """Return the settings of an access to a VPC; none without one."""
    if not access.connector and not access.network_interfaces:
        return {}
    through = [access.connector] if access.connector else []
    for interface in access.network_interfaces:
        named = filter(None, (interface.network, interface.subnetwork))
        through.append(" ".join([*named, *(f"#{tag}" for tag in interface.tags)]))
    return {"network": ", ".join(through), "egress": _NAMES.get(int(access.egress), "default")}
