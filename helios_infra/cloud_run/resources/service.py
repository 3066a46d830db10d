"""The Cloud Run service: renders a chunk per request."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from google.api_core.operation_async import AsyncOperation
from google.cloud import run_v2

from helios_infra.cloud_run.changes import Change, OnStep
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.resources.container import (
    LABEL,
    OWNER,
    configure_container,
    container_facts,
    environment,
    first_container,
    label_facts,
    seconds,
)
from helios_infra.cloud_run.resources.deployable import Deployable
from helios_infra.cloud_run.resources.template import configure_template, template_facts
from helios_infra.cloud_run.value_types import Ingress

#: Whom tokens are for that `gcloud auth print-identity-token` makes for a person: it can't be told
#: otherwise, and Cloud Run takes them as well.
GCLOUD_AUDIENCE = "32555940559.apps.googleusercontent.com"
#: Path of the readiness probe.
READY_PATH = "/readyz"

_INGRESS: dict[Ingress, int] = {
    "all": run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL,
    "internal": run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
    "internal-and-cloud-load-balancing": (
        run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER
    ),
}
_INGRESS_NAMES: dict[int, str] = {value: name for name, value in _INGRESS.items()}
_LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST


class RenderService(Deployable[run_v2.Service]):
    """The service of one place."""

    kind: ClassVar[str] = "service"

    def __init__(
        self, client: run_v2.ServicesAsyncClient, name: str, *, on_step: OnStep, first_poll: float
    ) -> None:
        super().__init__(name, on_step=on_step, first_poll=first_poll)
        self._client = client

    def empty(self) -> run_v2.Service:
        return run_v2.Service()

    def copy(self, resource: run_v2.Service) -> run_v2.Service:
        return run_v2.Service(resource)

    def facts(self, resource: run_v2.Service) -> dict[str, str]:
        return service_facts(resource)

    def template(self, resource: run_v2.Service) -> run_v2.RevisionTemplate:
        return resource.template

    async def bring_with_audiences(
        self,
        settings_for: Callable[..., Callable[[run_v2.Service], None]],
        *,
        adopt: bool = False,
    ) -> tuple[run_v2.Service, Change]:
        """Create or update the service, as `bring` does; it checks whom tokens are for.

        Args:
            settings_for: Returns what changes a service as requested, given its URLs as
                `audiences`.
            adopt: Whether one that was made by other means is taken over.
        """
        current = await self.read()
        audiences = _urls(current) if current else ()
        service, change = await self.bring(settings_for(audiences=audiences), adopt=adopt)
        if _urls(service) != audiences:
            # They are known once it is there.
            service, _ = await self.bring(settings_for(audiences=_urls(service)), adopt=adopt)
        return service, change

    async def _get(self) -> run_v2.Service:
        return await self._client.get_service(name=self.name)

    async def _create(self, wanted: run_v2.Service) -> AsyncOperation:
        return await self._client.create_service(
            parent=self.parent, service=wanted, service_id=self.short_name
        )

    async def _update(self, wanted: run_v2.Service) -> AsyncOperation:
        return await self._client.update_service(service=wanted)

    async def _delete(self, etag: str) -> AsyncOperation:
        request = run_v2.DeleteServiceRequest(name=self.name, etag=etag)
        return await self._client.delete_service(request)


def service_settings(
    configuration: CloudRunConfiguration, *, audiences: Sequence[str]
) -> Callable[[run_v2.Service], None]:
    """Return a function that changes a service as requested and keeps its other settings.

    Args:
        configuration: The requested service.
        audiences: The service's own URLs, for one of which a caller's identity token must be made;
            empty while they aren't known.
    """

    def configure(service: run_v2.Service) -> None:
        configure_access(service, ingress=configuration.ingress)
        _configure_revision(service.template, configuration)
        container = first_container(service.template.containers)
        env = {
            **environment(configuration, timeout=configuration.timeout),
            "HELIOS_CONCURRENCY": str(configuration.concurrency),
            **_audience(configuration, audiences),
        }
        configure_container(container, configuration, env=env)
        # CPU is paid for while a chunk renders, and there is more of it while an instance starts.
        container.resources.cpu_idle = True
        container.resources.startup_cpu_boost = True

    return configure


def configure_access(service: run_v2.Service, *, ingress: Ingress) -> None:
    """Have the latest revision, once it is ready, take requests of those who may invoke it."""
    service.labels[LABEL] = OWNER
    service.ingress = run_v2.IngressTraffic(_INGRESS[ingress])
    service.invoker_iam_disabled = False
    # Traffic pinned to a revision would leave the new one idle.
    service.traffic = [run_v2.TrafficTarget(type_=_LATEST, percent=100)]
    # A revision name can't be reused.
    service.template.revision = ""
    service.template.labels[LABEL] = OWNER
    first_container(service.template.containers).startup_probe = run_v2.Probe(
        http_get=run_v2.HTTPGetAction(path=READY_PATH),
        timeout_seconds=5,
        period_seconds=5,
        failure_threshold=24,
    )


def service_facts(service: run_v2.Service) -> dict[str, str]:
    """Return the settings of a service that deploying looks after."""
    template = service.template
    return {
        **_container_facts(template),
        "max instances": str(template.scaling.max_instance_count),
        "concurrency": str(template.max_instance_request_concurrency),
        "timeout": seconds(template.timeout),
        **template_facts(template),
        "ingress": _INGRESS_NAMES.get(service.ingress, service.ingress.name),
        "invoker check": "off" if service.invoker_iam_disabled else "on",
        "traffic": ", ".join(_target(target) for target in service.traffic) or "latest 100%",
        "execution environment": template.execution_environment.name.rpartition("_")[2].lower(),
        **label_facts(service.labels, template.annotations),
    }


def _audience(configuration: CloudRunConfiguration, urls: Sequence[str]) -> dict[str, str]:
    if not urls:
        return {}
    people = GCLOUD_AUDIENCE if configuration.lets_people_in else None
    return {"HELIOS_AUDIENCE": ",".join(filter(None, (*urls, people)))}


def _configure_revision(
    template: run_v2.RevisionTemplate, configuration: CloudRunConfiguration
) -> None:
    template.scaling.max_instance_count = configuration.max_instances
    template.max_instance_request_concurrency = configuration.concurrency
    template.timeout = timedelta(seconds=configuration.timeout)
    configure_template(template, configuration)


def _container_facts(template: run_v2.RevisionTemplate) -> dict[str, str]:
    if not template.containers:
        return {}
    container: Any = template.containers[0]
    return {
        **container_facts(container),
        **({"command": " ".join(container.command)} if container.command else {}),
        "startup probe": container.startup_probe.http_get.path or "tcp",
        "cpu while idle": "no" if container.resources.cpu_idle else "yes",
        "cpu boost at start": "yes" if container.resources.startup_cpu_boost else "no",
    }


def _urls(service: run_v2.Service) -> tuple[str, ...]:
    return tuple(sorted(filter(None, {service.uri, *service.urls})))


def _target(target: run_v2.TrafficTarget) -> str:
    return f"{target.revision.rpartition('/')[2] or 'latest'} {target.percent}%"
