"""Deploying through Google's own clients to an API that answers, refuses and fails as theirs."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.cloud import run_v2
from google.cloud.storage import Client as StorageClient
from google.iam.v1 import iam_policy_pb2, policy_pb2

from helios.errors import AccessDenied, DeploymentFailed, HeliosError, OptionInvalid
from helios.webhooks.events import SECRET
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.operations import finish
from helios_infra.cloud_run.resources.service import GCLOUD_AUDIENCE

pytestmark = pytest.mark.slow

ANN = "user:ann@example.com"
EVERYBODY = "allUsers"
VIEWER = "roles/run.viewer"

KEY = "projects/videos/locations/europe-west1/keyRings/helios/cryptoKeys/films"
FIRST_WRITES = [
    *("POST {bucket}", "PUT {bucket}/iam"),
    *("CreateService", "UpdateService", "SetIamPolicy"),
    *("CreateJob", "SetIamPolicy"),
]


def env_of(resource: Any) -> dict[str, str]:
    template = resource.template
    containers = getattr(template, "containers", None) or template.template.containers
    return {variable.name: variable.value for variable in containers[0].env}


def invokers(deployer: Any, resource: str) -> dict[str, list[str]]:
    policy = deployer.api.policies.get(resource)
    return {binding.role: list(binding.members) for binding in policy.bindings}


def give(deployer: Any, resource: str, *bindings: policy_pb2.Binding) -> None:
    """Write a policy as another client would."""
    policy = policy_pb2.Policy(bindings=bindings, version=3)
    deployer.api.policies.set(iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy))


# --- the first deployment, and the next ones


def test_the_first_deployment_makes_all_there_is(deployer: Any) -> None:
    deployment = deployer.deploy()
    bucket = deployer.configuration().bucket
    assert deployer.writes() == [write.format(bucket=bucket) for write in FIRST_WRITES]
    assert [(change.resource, change.action) for change in deployment.changes] == [
        (f"bucket {bucket}", "created"),
        (f"access to bucket {bucket}", "updated"),
        ("service helios-worker", "created"),
        ("access to service helios-worker", "updated"),
        ("job helios-worker", "created"),
        ("access to job helios-worker", "updated"),
    ]
    assert deployment.changed
    assert deployment.url == deployer.service.uri
    assert deployment.artifacts == f"gs://{bucket}"


def test_a_service_renders_one_chunk_at_a_time_from_its_bucket_as_its_account(
    deployer: Any,
) -> None:
    deployer.deploy(max_instances=7, timeout=600, cpu=4, memory="8Gi", env={"LANG": "C.UTF-8"})
    template = deployer.service.template
    container = template.containers[0]
    assert template.max_instance_request_concurrency == 1
    assert template.scaling.max_instance_count == 7
    assert template.timeout == timedelta(seconds=600)
    assert template.service_account == deployer.configuration().service_account
    assert template.execution_environment.name == "EXECUTION_ENVIRONMENT_GEN2"
    assert dict(container.resources.limits) == {"cpu": "4", "memory": "8Gi"}
    assert container.startup_probe.http_get.path == "/readyz"
    bucket = f"gs://{deployer.configuration().bucket}"
    assert env_of(deployer.service) == {
        "HELIOS_ARTIFACTS": bucket,
        "HELIOS_ALLOWED_SOURCES": f"{bucket}/",
        "HELIOS_AUDIENCE": f"{deployer.service.uri},{GCLOUD_AUDIENCE}",
        "CLOUD_RUN_TIMEOUT_SECONDS": "600",
        "GOOGLE_CLOUD_PROJECT": deployer.project,
        "HELIOS_CONCURRENCY": "1",
        "HELIOS_MERGE_BYTES": str(8 * 2**30 // 3),
        "LANG": "C.UTF-8",
    }


def test_a_job_runs_the_task_with_the_variables_of_the_bucket(deployer: Any) -> None:
    deployer.deploy(task_timeout=7200, task_retries=0)
    task = deployer.job.template.template
    init, task_command = (
        ["python", "-m", "helios.process.init"],
        ["python", "-m", "worker_cloudrun.task"],
    )
    assert list(task.containers[0].command) == init + task_command
    assert task.containers[0].name == "worker"
    assert task.max_retries == 0
    assert task.timeout == timedelta(hours=2)
    assert deployer.job.template.parallelism == 0
    assert "HELIOS_AUDIENCE" not in env_of(deployer.job)
    assert env_of(deployer.job)["HELIOS_ARTIFACTS"] == deployer.deploy().artifacts


def test_tokens_of_people_are_for_gcloud_and_not_taken_where_only_machines_render(
    deployer: Any,
) -> None:
    deployer.deploy(invokers=["serviceAccount:ci@videos.iam.gserviceaccount.com"])
    assert env_of(deployer.service)["HELIOS_AUDIENCE"] == deployer.service.uri


def test_only_invokers_may_render(deployer: Any) -> None:
    deployer.deploy()
    place = deployer.configuration()
    assert invokers(deployer, place.service) == {"roles/run.invoker": [ANN], VIEWER: [ANN]}
    assert invokers(deployer, place.job) == {
        "roles/run.jobsExecutorWithOverrides": [ANN],
        VIEWER: [ANN],
    }
    assert not deployer.service.invoker_iam_disabled


def test_the_bucket_is_private_and_empties_itself(deployer: Any) -> None:
    deployer.deploy(intermediate_days=3, asset_days=30)
    bucket = deployer.bucket
    assert bucket["location"].lower() == "europe-west1"
    assert bucket["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert bucket["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert bucket["softDeletePolicy"]["retentionDurationSeconds"] == 0
    assert bucket["lifecycle"]["rule"] == [
        {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["assets/"]}},
        {
            "action": {"type": "Delete"},
            "condition": {"daysSinceCustomTime": 3, "matchesPrefix": ["jobs/"]},
        },
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}},
    ]
    policy = deployer.buckets.policies[deployer.configuration().bucket]
    worker = f"serviceAccount:{deployer.configuration().service_account}"
    assert policy["bindings"] == [{"role": "roles/storage.objectUser", "members": [worker, ANN]}]


def test_deploying_the_same_again_writes_nothing(deployer: Any) -> None:
    first = deployer.deploy()
    second = deployer.deploy()
    assert deployer.writes() == []
    assert not second.changed
    assert {change.action for change in second.changes} == {"unchanged"}
    assert second.url == first.url


def test_a_changed_setting_is_told_and_nothing_else_is_touched(deployer: Any) -> None:
    deployer.deploy(memory="2Gi")
    deployment = deployer.deploy(memory="4Gi")
    assert deployer.writes() == ["UpdateService", "UpdateJob"]
    change = "updated memory 2Gi -> 4Gi, env HELIOS_MERGE_BYTES 715827882 -> 1431655765"
    assert [str(change) for change in deployment.changes if change.action != "unchanged"] == [
        f"service helios-worker: {change}",
        f"job helios-worker: {change}",
    ]


#: Another value of each setting, and the kinds of resources that it reaches.
SETTINGS: dict[str, tuple[object, set[str]]] = {
    "image": (f"eu.gcr.io/videos/worker@sha256:{'b' * 64}", {"service", "job"}),
    "service_account": ("other@v.iam.gserviceaccount.com", {"service", "job", "access"}),
    "cpu": (4, {"service", "job"}),
    "memory": ("8Gi", {"service", "job"}),
    "concurrency": (2, {"service"}),
    "max_instances": (5, {"service"}),
    "timeout": (60, {"service"}),
    "task_timeout": (60, {"job"}),
    "task_retries": (1, {"job"}),
    "ingress": ("internal", {"service"}),
    "kms_key": (KEY, {"bucket", "service", "job"}),
    "network": ("films", {"service", "job"}),
    "subnetwork": ("films-europe", {"service", "job"}),
    "network_tags": (["renderer"], {"service", "job"}),
    "egress": ("all-traffic", {"service", "job"}),
    "invokers": (["user:bob@example.com"], {"access"}),
    "allowed_sources": (["https://example.com/"], {"service", "job"}),
    "intermediate_days": (5, {"bucket"}),
    "asset_days": (50, {"bucket"}),
    "output_days": (500, {"bucket"}),
    "env": ({"LANG": "C"}, {"service", "job"}),
}


def test_every_setting_reaches_the_cloud_once(deployer: Any) -> None:
    place = {"project", "region", "name", "bucket", "connector"}  # that excludes a network
    webhooks = {"webhook_secret", "webhook_account"}  # which go together
    assert set(SETTINGS) | place | webhooks == set(CloudRunConfiguration.model_fields)
    deployer.deploy()
    for setting, (value, reached) in SETTINGS.items():
        changes = deployer.deploy(**{setting: value}).changes
        changed = {c.resource.partition(" ")[0] for c in changes if c.action == "updated"}
        assert changed == reached, setting
    assert not deployer.deploy().changed


def test_bucket_service_and_job_are_encrypted_by_a_key(deployer: Any) -> None:
    deployer.deploy(kms_key=KEY)
    assert deployer.bucket["encryption"]["defaultKmsKeyName"] == KEY
    assert deployer.service.template.encryption_key == KEY
    assert deployer.job.template.template.encryption_key == KEY
    assert not deployer.deploy(kms_key=None).changed  # as if others had set it


def test_workers_send_through_a_network_or_a_connector(deployer: Any) -> None:
    deployer.deploy(network="films", subnetwork="europe", network_tags=["renderer"])
    for template in (deployer.service.template, deployer.job.template.template):
        (interface,) = template.vpc_access.network_interfaces
        assert (interface.network, interface.subnetwork) == ("films", "europe")
        assert list(interface.tags) == ["renderer"]
        assert template.vpc_access.egress.name == "PRIVATE_RANGES_ONLY"
    deployer.asked = {"connector": "films", "egress": "all-traffic"}
    change = str(deployer.deploy().changes[2])
    parent = deployer.configuration().parent
    assert f"network films europe #renderer -> {parent}/connectors/films" in change
    assert "egress private-ranges-only -> all-traffic" in change
    assert not deployer.service.template.vpc_access.network_interfaces
    deployer.asked = {}
    assert not deployer.deploy().changed  # as if others had set it


WEBHOOKS = {"webhook_secret": "hooks", "webhook_account": "hooks@v.iam.gserviceaccount.com"}


def test_what_renders_cannot_read_the_secret_and_only_tasks_may_have_it_used(
    deployer: Any,
) -> None:
    deployment = deployer.deploy(**WEBHOOKS)
    place, account = deployer.configuration(), WEBHOOKS["webhook_account"]
    service = deployer.api.services.by_name[place.webhooks]
    assert service.template.service_account == account
    assert list(service.template.containers[0].command)[3:] == [
        *("gunicorn", "--config", "python:worker_cloudrun.webhooks.gunicorn_conf")
    ]
    secret = f"projects/{deployer.project}/secrets/hooks"
    env = env_of(service)
    assert env["HELIOS_WEBHOOK_SECRET_NAME"] == secret
    assert env["HELIOS_ALLOWED_CALLERS"] == place.service_account
    assert env["HELIOS_AUDIENCE"] == service.uri
    # No environment has the value; what renders has not even the name.
    for resource in (deployer.service, deployer.job):
        assert not {name for name in env_of(resource) if SECRET in name}
        template = getattr(resource.template, "template", resource.template)
        assert (template or resource.template).service_account == place.service_account
    assert env_of(deployer.job)["HELIOS_WEBHOOKS_URL"] == service.uri
    tasks = f"serviceAccount:{place.service_account}"
    assert invokers(deployer, place.webhooks) == {"roles/run.invoker": [tasks]}
    granted = {b["role"]: b["members"] for b in deployer.buckets.policies[place.bucket]["bindings"]}
    assert granted["roles/storage.objectViewer"] == [f"serviceAccount:{account}"]
    assert f"serviceAccount:{account}" not in granted["roles/storage.objectUser"]
    assert f"service {place.name}-webhooks" in {c.resource for c in deployment.changes}
    assert not deployer.deploy().changed


def test_the_account_of_webhooks_may_sign_links_in_its_own_name_and_no_others(
    deployer: Any,
) -> None:
    account, policies = WEBHOOKS["webhook_account"], deployer.cloud.accounts.policies
    ann = {"role": "roles/iam.serviceAccountTokenCreator", "members": [ANN]}
    until = {**ann, "condition": {"title": "until May", "expression": "request.time < May"}}
    policies.clear()
    policies[account] = {"etag": "BwWKmjvelug=", "bindings": [ann, until]}
    deployer.deploy(**WEBHOOKS)
    conditional, binding = policies[account]["bindings"]
    assert conditional == until
    assert binding["role"] == "roles/iam.serviceAccountTokenCreator"
    assert binding["members"] == [f"serviceAccount:{account}", ANN]
    assert set(policies) == {account}  # no other account's policy was written


def test_without_webhooks_any_more_their_service_goes(deployer: Any) -> None:
    deployer.deploy(**WEBHOOKS)
    name = deployer.configuration().webhooks
    deployer.asked = {}
    changes = [str(change) for change in deployer.deploy().changes]
    assert "service helios-worker-webhooks: deleted" in changes
    assert name not in deployer.api.services.by_name
    assert "HELIOS_WEBHOOKS_URL" not in env_of(deployer.job)


def test_destroying_removes_the_service_of_webhooks_too(deployer: Any) -> None:
    deployer.deploy(**WEBHOOKS)
    assert deployer.status().webhooks["service account"] == WEBHOOKS["webhook_account"]
    assert "service helios-worker-webhooks: deleted" in deployer.destroy()
    assert not deployer.status().webhooks


def test_values_of_variables_that_people_bring_are_not_shown(deployer: Any) -> None:
    deployer.deploy(env={"API_KEY": "first-secret"})
    deployment = deployer.deploy(env={"API_KEY": "second-secret"})
    told = f"{[change.document() for change in deployment.changes]} {deployer.status()}"
    assert "env API_KEY (hidden) -> (hidden)" in str(deployment.changes[2])
    assert "secret" not in told
    assert env_of(deployer.service)["API_KEY"] == "second-secret"


def test_what_is_being_waited_for_is_told(deployer: Any) -> None:
    deployer.deploy()
    assert "service helios-worker: Deploying" in deployer.waited()


# --- what others did


def test_public_access_given_by_hand_is_removed(deployer: Any) -> None:
    deployer.deploy()
    place = deployer.configuration()
    deployer.api.services.touch(place.service, lambda s: setattr(s, "invoker_iam_disabled", True))
    for resource in (place.service, place.job):
        give(
            deployer,
            resource,
            policy_pb2.Binding(role="roles/run.invoker", members=[EVERYBODY, ANN]),
            policy_pb2.Binding(role="roles/run.developer", members=[EVERYBODY, "user:bob@x.org"]),
        )
    assert deployer.status().is_public
    told = "\n".join(str(change) for change in deployer.deploy().changes)
    assert "invoker check off -> on" in told
    assert "roles/run.invoker allUsers -> none" in told
    assert not deployer.status().is_public
    assert EVERYBODY not in str([invokers(deployer, r) for r in (place.service, place.job)])
    # Others' rights that aren't everybody's stay.
    assert invokers(deployer, place.service)["roles/run.developer"] == ["user:bob@x.org"]


def test_a_binding_with_a_condition_stays_as_it_is(deployer: Any) -> None:
    deployer.deploy()
    place = deployer.configuration()
    conditional = policy_pb2.Binding(role="roles/run.invoker", members=["user:bob@example.com"])
    conditional.condition.expression = "request.time < timestamp('2030-01-01T00:00:00Z')"
    give(deployer, place.service, conditional)
    deployer.deploy()
    assert conditional in deployer.api.policies.get(place.service).bindings


def test_settings_that_are_not_looked_after_stay(deployer: Any) -> None:
    deployer.deploy()

    def decorate(service: run_v2.Service) -> None:
        service.labels["team"] = "film"
        service.description = "renders our films"
        service.template.annotations["note"] = "kept"
        service.template.vpc_access.connector = "projects/p/locations/r/connectors/c"

    deployer.api.services.touch(deployer.configuration().service, decorate)
    assert not deployer.deploy().changed
    deployer.deploy(memory="8Gi")
    service = deployer.service
    assert service.labels["team"] == "film"
    assert service.description == "renders our films"
    assert service.template.annotations["note"] == "kept"
    assert service.template.vpc_access.connector.endswith("/c")


def test_traffic_that_was_pinned_by_hand_goes_to_the_new_revision(deployer: Any) -> None:
    deployer.deploy()
    pinned = run_v2.TrafficTarget(
        type_=run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION,
        revision="helios-worker-00001-abc",
        percent=100,
    )

    def pin(service: run_v2.Service) -> None:
        service.traffic = [pinned]

    deployer.api.services.touch(deployer.configuration().service, pin)
    told = str(deployer.deploy().changes[2])
    assert "traffic helios-worker-00001-abc 100% -> latest 100%" in told


def test_an_update_at_the_same_time_is_kept_and_ours_is_tried_again(deployer: Any) -> None:
    deployer.deploy()
    place = deployer.configuration()

    def relabel(service: run_v2.Service) -> None:
        service.labels["team"] = "film"

    deployer.api.faults.before(
        "UpdateService", lambda: deployer.api.services.touch(place.service, relabel)
    )
    deployer.deploy(memory="8Gi")
    assert deployer.writes().count("UpdateService") == 2
    assert deployer.service.labels["team"] == "film"
    assert deployer.service.template.containers[0].resources.limits["memory"] == "8Gi"


def test_a_policy_that_changes_at_the_same_time_is_read_again(deployer: Any) -> None:
    place = deployer.configuration()
    bob = policy_pb2.Binding(role="roles/run.developer", members=["user:bob@example.com"])
    deployer.api.faults.before("SetIamPolicy", lambda: give(deployer, place.service, bob))
    deployer.deploy()
    assert invokers(deployer, place.service) == {
        "roles/run.developer": ["user:bob@example.com"],
        "roles/run.invoker": [ANN],
        VIEWER: [ANN],
    }


def test_updates_that_always_conflict_end_as_a_transient_failure(deployer: Any) -> None:
    deployer.deploy()
    deployer.api.faults.refuse("UpdateService", grpc.StatusCode.ABORTED, "Conflict", times=3)
    with pytest.raises(DeploymentFailed, match="service helios-worker") as caught:
        deployer.deploy(memory="8Gi")
    assert caught.value.retryable


def test_a_service_made_by_other_means_is_refused_unless_adopted(deployer: Any) -> None:
    deployer.deploy()
    place = deployer.configuration()

    def disown(resource: Any) -> None:
        del resource.labels["managed-by"]

    deployer.api.services.touch(place.service, disown)
    deployer.api.jobs.touch(place.job, disown)
    with pytest.raises(DeploymentFailed, match="made by other means") as caught:
        deployer.deploy(memory="8Gi")
    assert "--adopt" in caught.value.hint
    assert deployer.writes() == []
    assert "managed-by none -> helios" in str(deployer.deploy(adopt=True).changes[2])


def test_a_service_that_appears_while_it_is_created_is_not_overwritten(deployer: Any) -> None:
    def quicker() -> None:
        configuration = deployer.configuration()
        service = run_v2.Service(
            template=run_v2.RevisionTemplate(
                service_account=configuration.service_account,
                containers=[run_v2.Container(image="theirs")],
            )
        )
        deployer.api.services.create(
            configuration.parent, configuration.name, service, failure=None
        )

    deployer.api.faults.before("CreateService", quicker)
    with pytest.raises(DeploymentFailed, match="made by other means"):
        deployer.deploy()
    assert deployer.service.template.containers[0].image == "theirs"


# --- failures


def test_a_worker_that_does_not_start_fails_in_clouds_own_words(deployer: Any) -> None:
    deployer.deploy()
    reason = "Revision 'helios-worker-00002' is not ready: the container failed to start"
    deployer.api.faults.fail_operation("UpdateService", grpc.StatusCode.INTERNAL, reason)
    with pytest.raises(DeploymentFailed, match="container failed to start"):
        deployer.deploy(memory="8Gi")
    status = deployer.status()
    assert not status.is_ready
    assert status.reason == reason


def test_what_failed_is_tried_again_by_deploying_the_same(deployer: Any) -> None:
    deployer.api.faults.fail_operation(
        "CreateService", grpc.StatusCode.NOT_FOUND, "Image 'worker' not found."
    )
    with pytest.raises(DeploymentFailed, match="Image 'worker' not found"):
        deployer.deploy()
    generation = deployer.service.generation
    assert deployer.deploy().changes[2].action == "updated"
    assert deployer.service.generation > generation
    assert deployer.status().is_ready
    assert not deployer.deploy().changed


@pytest.mark.parametrize(
    ("code", "error", "retryable", "told"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, AccessDenied, False, "docs/deploy-cloudrun.md"),
        (grpc.StatusCode.UNAUTHENTICATED, AccessDenied, False, "gcloud auth"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, DeploymentFailed, False, "quota"),
        (grpc.StatusCode.INVALID_ARGUMENT, DeploymentFailed, False, "refused by a test"),
        (grpc.StatusCode.NOT_FOUND, DeploymentFailed, False, "API is enabled"),
        (grpc.StatusCode.UNAVAILABLE, DeploymentFailed, True, "refused by a test"),
        (grpc.StatusCode.INTERNAL, DeploymentFailed, True, "refused by a test"),
    ],
)
def test_a_refusal_says_what_was_refused_and_what_to_do(
    deployer: Any,
    code: grpc.StatusCode,
    error: type[HeliosError],
    retryable: bool,
    told: str,
) -> None:
    deployer.api.faults.refuse("CreateService", code, "refused by a test")
    with pytest.raises(error) as caught:
        deployer.deploy()
    assert str(caught.value).startswith("service helios-worker: ")
    assert told in str(caught.value)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("said", "command"),
    [
        (
            "Permission 'run.services.create' denied on resource 'projects/my-videos'",
            "gcloud projects add-iam-policy-binding PROJECT --role roles/run.admin",
        ),
        (
            "Permission 'iam.serviceaccounts.actAs' denied on service account worker@example.com",
            "gcloud iam service-accounts add-iam-policy-binding SERVICE_ACCOUNT",
        ),
        (
            "Cloud Run Admin API has not been used in project 1 before or it is disabled. Enable it"
            " by visiting https://console.developers.google.com/apis/api/run.googleapis.com/overview"
            "?project=my-videos then retry.",
            "gcloud services enable run.googleapis.com --project my-videos;",
        ),
    ],
    ids=["role", "acting", "api"],
)
def test_a_denied_permission_comes_with_the_command_that_grants_it(
    deployer: Any, said: str, command: str
) -> None:
    deployer.api.faults.refuse("CreateService", grpc.StatusCode.PERMISSION_DENIED, said)
    with pytest.raises(AccessDenied) as caught:
        deployer.deploy()
    assert command in caught.value.hint


def test_what_was_done_before_a_refusal_stays_for_the_next_try(deployer: Any) -> None:
    deployer.api.faults.refuse("CreateService", grpc.StatusCode.UNAVAILABLE, "not now")
    with pytest.raises(DeploymentFailed, match="not now"):
        deployer.deploy()
    actions = [change.action for change in deployer.deploy().changes]
    assert actions == ["unchanged", "unchanged", "created", "updated", "created", "updated"]


def test_a_region_that_is_not_there_is_told(deployer: Any) -> None:
    with pytest.raises(AccessDenied, match="locations/mars-west1"):
        deployer.deploy(region="mars-west1")


def test_a_token_of_another_audience_is_refused(deployer: Any, cloud: Any, tmp_path: Any) -> None:
    from google.oauth2.credentials import Credentials

    from helios_infra.cloud_run.clients import connect
    from helios_infra.cloud_run.provisioning import CloudRunProvisioner

    async def look() -> None:
        clients = connect(deployer.project, Credentials(token="forged"), env=cloud.env)
        try:
            await CloudRunProvisioner(deployer.configuration(), clients).status()
        finally:
            await clients.close()

    with pytest.raises(AccessDenied, match="no valid credentials"):
        asyncio.run(look())


def test_an_operation_that_does_not_end_is_given_up_in_time(deployer: Any) -> None:
    class Endless:
        metadata = run_v2.Service(conditions=[run_v2.Condition(message="Still deploying")])

        async def done(self) -> bool:
            return False

    steps: list[Any] = []
    with pytest.raises(DeploymentFailed, match="still not done") as caught:
        asyncio.run(
            finish(
                Endless(),
                resource="service w",
                on_step=steps.append,
                first_poll=0.01,
                timeout=0.05,
            )
        )
    assert caught.value.retryable
    assert [str(step) for step in steps] == ["service w: Still deploying"]


def test_deploying_can_be_stopped_while_it_waits(deployer: Any) -> None:
    async def stop(provisioner: Any) -> None:
        task = asyncio.ensure_future(provisioner.deploy(deployer.configuration()))
        while not deployer.waited():  # noqa: ASYNC110 - steps are told to a list
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    deployer.forget()
    looks, deployer.api.operations.looks = deployer.api.operations.looks, 1000
    try:
        deployer.run(stop)
    finally:
        deployer.api.operations.looks = looks
    assert "CreateJob" not in deployer.writes()


# --- the bucket


def make_bucket(deployer: Any, **settings: Any) -> Any:
    from google.auth.credentials import AnonymousCredentials

    client = StorageClient(project=deployer.project, credentials=AnonymousCredentials())
    bucket = client.bucket(deployer.configuration().bucket)
    for name, value in settings.items():
        setattr(bucket, name, value)
    client.create_bucket(bucket)
    return client.get_bucket(bucket.name)


def test_a_bucket_made_by_other_means_is_used_but_not_changed(deployer: Any) -> None:
    bucket = make_bucket(deployer, labels={"team": "film"})
    policy = bucket.get_iam_policy(requested_policy_version=3)
    bob = {"role": "roles/storage.objectUser", "members": ["user:bob@example.com"]}
    policy.bindings = [bob]
    bucket.set_iam_policy(policy)
    assert deployer.deploy().changes[0].action == "kept"
    assert "lifecycle" not in deployer.bucket
    (binding,) = deployer.buckets.policies[bucket.name]["bindings"]
    assert {"user:bob@example.com", ANN} <= set(binding["members"])
    assert deployer.destroy(with_bucket=True)[-1] == f"bucket {bucket.name}: kept"


def test_an_adopted_bucket_gets_the_lifecycle_and_keeps_its_own_rules(deployer: Any) -> None:
    rule = {"action": {"type": "Delete"}, "condition": {"age": 400}}
    make_bucket(deployer, labels={"team": "film"}, lifecycle_rules=[rule])
    told = str(deployer.deploy(adopt=True).changes[0])
    assert "managed-by none -> helios" in told
    assert deployer.bucket["labels"] == {"team": "film", "managed-by": "helios"}
    assert rule in deployer.bucket["lifecycle"]["rule"]
    assert len(deployer.bucket["lifecycle"]["rule"]) == 4
    assert not deployer.deploy().changed


def test_a_bucket_name_that_is_taken_in_another_project_is_told(deployer: Any) -> None:
    deployer.buckets.refusals["POST"] = 409
    with pytest.raises(DeploymentFailed, match="the name is taken"):
        deployer.deploy()


def test_a_bucket_that_may_not_be_seen_is_told(deployer: Any) -> None:
    deployer.buckets.refusals["GET"] = 403
    with pytest.raises(AccessDenied, match=f"bucket {deployer.configuration().bucket}"):
        deployer.deploy()


# --- status


def test_nothing_deployed_is_a_status_too(deployer: Any) -> None:
    status = deployer.status()
    assert (status.service, status.job, status.bucket) == ({}, {}, {})
    assert not status.is_ready


def test_status_says_what_is_there_and_changes_nothing(deployer: Any) -> None:
    deployer.deploy(memory="8Gi")
    deployer.forget()
    status = deployer.status()
    assert deployer.writes() == []
    assert status.is_ready
    assert status.url == deployer.service.uri
    assert status.service["memory"] == "8Gi"
    assert status.job["command"] == "python -m helios.process.init python -m worker_cloudrun.task"
    assert status.bucket["public access"] == "enforced"
    assert status.invokers == (ANN,)
    assert status.document()["ready"] is True


# --- destroying


def test_requests_end_before_what_they_need_goes_and_the_bucket_stays(deployer: Any) -> None:
    deployer.deploy()
    bucket = deployer.configuration().bucket
    assert deployer.destroy() == [
        "service helios-worker: deleted",
        "job helios-worker: deleted",
        f"bucket {bucket}: kept",
    ]
    assert deployer.writes() == ["DeleteService", "DeleteJob"]
    assert deployer.status().service == {}
    assert bucket in deployer.buckets.settings


def test_the_bucket_goes_with_all_that_is_in_it_on_request(deployer: Any) -> None:
    deployer.deploy()
    name = deployer.configuration().bucket
    from google.auth.credentials import AnonymousCredentials

    client = StorageClient(project=deployer.project, credentials=AnonymousCredentials())
    for number in range(3):
        client.bucket(name).blob(f"jobs/1/{number}").upload_from_string("x")
    assert deployer.destroy(with_bucket=True)[-1] == f"bucket {name}: deleted"
    assert client.lookup_bucket(name) is None


def test_destroying_again_finds_nothing_to_do(deployer: Any) -> None:
    deployer.deploy()
    deployer.destroy()
    assert deployer.destroy() == [
        "service helios-worker: absent",
        "job helios-worker: absent",
    ]
    assert deployer.writes() == []


def test_a_bucket_whose_users_are_gone_must_be_named_to_be_deleted(deployer: Any) -> None:
    deployer.deploy()
    deployer.destroy()
    with pytest.raises(OptionInvalid, match="bucket"):
        deployer.destroy(with_bucket=True)
    name = deployer.configuration().bucket
    assert deployer.destroy(with_bucket=True, bucket=name)[-1] == f"bucket {name}: deleted"


def test_what_others_made_is_not_destroyed(deployer: Any) -> None:
    deployer.deploy()

    def disown(resource: Any) -> None:
        del resource.labels["managed-by"]

    deployer.api.services.touch(deployer.configuration().service, disown)
    assert deployer.destroy()[:2] == [
        "service helios-worker: kept",
        "job helios-worker: deleted",
    ]


@pytest.mark.parametrize("method", ["DeleteService", "DeleteJob"])
def test_a_deletion_that_fails_is_told_and_goes_on_the_next_time(
    deployer: Any, method: str
) -> None:
    deployer.deploy()
    deployer.api.faults.fail_operation(method, grpc.StatusCode.INTERNAL, "try again")
    with pytest.raises(DeploymentFailed, match="try again"):
        deployer.destroy()
    assert "job helios-worker: deleted" in deployer.destroy()
