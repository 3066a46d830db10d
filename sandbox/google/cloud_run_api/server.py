"""The gRPC server that Google's own clients talk to."""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
from google.cloud import run_v2
from google.iam.v1 import iam_policy_pb2
from google.longrunning import operations_pb2

from sandbox.google.cloud_run_api.executions import Executions
from sandbox.google.cloud_run_api.faults import Faults, Refused
from sandbox.google.cloud_run_api.operations import Operations
from sandbox.google.cloud_run_api.policies import Policies
from sandbox.google.cloud_run_api.resources import jobs, public_address, services
from sandbox.google.cloud_run_api.tasks import TaskStarter
from sandbox.google.identity.signing_key import SigningKey

# A request's type and its handler; proto-plus types have `deserialize`, others `FromString`.
_Method = tuple[Any, Callable[[Any], Any]]


class CloudRunApi:
    """Services, jobs, executions, their policies and operations, kept in memory.

    It uses TLS and checks tokens, as the real API does, so that clients only need another endpoint
    and `certificate` among their root certificates.

    Args:
        accepts: Returns whether a bearer token is valid; all are by default.
        address: Returns the URL of a ready service, for example after starting a worker for it on
            this machine.
        start_task: Starts a job's task as a process of this machine.
        looks: Number of requests to which an operation answers that it isn't finished.
        tasks_at_once: Default limit of an execution's concurrent tasks.
    """

    def __init__(
        self,
        *,
        accepts: Callable[[str], bool] = bool,
        address: Callable[[run_v2.Service], str] = public_address,
        start_task: TaskStarter | None = None,
        looks: int = 2,
        tasks_at_once: int = 2,
    ) -> None:
        self._accepts = accepts
        private_key, certificate = _identity()
        #: The server's certificate (PEM), which clients must trust.
        self.certificate = certificate
        self.faults = Faults()
        self.calls: list[str] = []
        self.operations = Operations(looks=looks)
        self.policies = Policies()
        self.services = services(self.operations, self.policies, address=address)
        self.jobs = jobs(self.operations, self.policies)
        self.executions = Executions(
            self.jobs, self.operations, start=start_task, at_once=tasks_at_once
        )
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8))
        self._server.add_generic_rpc_handlers(
            [self._handler(name, methods) for name, methods in self._methods().items()]
        )
        credentials = grpc.ssl_server_credentials([(private_key.encode(), certificate.encode())])
        port = self._server.add_secure_port("127.0.0.1:0", credentials)
        #: Host and port, as `HELIOS_CLOUD_RUN_ENDPOINT` takes them.
        self.endpoint = f"localhost:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.executions.stop()
        self._server.stop(grace=None).wait()

    def writes(self) -> list[str]:
        """Return the previous calls that changed resources."""
        return [call for call in self.calls if not call.startswith(("Get", "List", "Test"))]

    def _methods(self) -> Mapping[str, Mapping[str, _Method]]:
        faults = self.faults
        policies: dict[str, _Method] = {
            "GetIamPolicy": (
                iam_policy_pb2.GetIamPolicyRequest,
                lambda request: self.policies.get(request.resource),
            ),
            "SetIamPolicy": (iam_policy_pb2.SetIamPolicyRequest, self.policies.set),
            "TestIamPermissions": (iam_policy_pb2.TestIamPermissionsRequest, self.policies.test),
        }
        return {
            "google.cloud.run.v2.Services": {
                "CreateService": (
                    run_v2.CreateServiceRequest,
                    lambda r: self.services.create(
                        r.parent, r.service_id, r.service, failure=faults.operation("CreateService")
                    ),
                ),
                "GetService": (run_v2.GetServiceRequest, lambda r: self.services.get(r.name)),
                "ListServices": (
                    run_v2.ListServicesRequest,
                    lambda r: run_v2.ListServicesResponse(services=self.services.list(r.parent)),
                ),
                "UpdateService": (
                    run_v2.UpdateServiceRequest,
                    lambda r: self.services.update(
                        r.service, failure=faults.operation("UpdateService")
                    ),
                ),
                "DeleteService": (
                    run_v2.DeleteServiceRequest,
                    lambda r: self.services.delete(
                        r.name, r.etag, failure=faults.operation("DeleteService")
                    ),
                ),
                **policies,
            },
            "google.cloud.run.v2.Jobs": {
                "CreateJob": (
                    run_v2.CreateJobRequest,
                    lambda r: self.jobs.create(
                        r.parent, r.job_id, r.job, failure=faults.operation("CreateJob")
                    ),
                ),
                "GetJob": (run_v2.GetJobRequest, lambda r: self.jobs.get(r.name)),
                "ListJobs": (
                    run_v2.ListJobsRequest,
                    lambda r: run_v2.ListJobsResponse(jobs=self.jobs.list(r.parent)),
                ),
                "UpdateJob": (
                    run_v2.UpdateJobRequest,
                    lambda r: self.jobs.update(r.job, failure=faults.operation("UpdateJob")),
                ),
                "DeleteJob": (
                    run_v2.DeleteJobRequest,
                    lambda r: self.jobs.delete(
                        r.name, r.etag, failure=faults.operation("DeleteJob")
                    ),
                ),
                "RunJob": (run_v2.RunJobRequest, self.executions.run),
                **policies,
            },
            "google.cloud.run.v2.Executions": {
                "GetExecution": (run_v2.GetExecutionRequest, lambda r: self.executions.get(r.name)),
                "ListExecutions": (
                    run_v2.ListExecutionsRequest,
                    lambda r: run_v2.ListExecutionsResponse(
                        executions=self.executions.list(r.parent)
                    ),
                ),
                "CancelExecution": (
                    run_v2.CancelExecutionRequest,
                    lambda r: self.executions.cancel(r.name),
                ),
            },
            "google.longrunning.Operations": {
                "GetOperation": (
                    operations_pb2.GetOperationRequest,
                    lambda r: self.operations.get(r.name),
                ),
            },
        }

    def _handler(self, service: str, methods: Mapping[str, _Method]) -> Any:
        return grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    self._answer(name, answer),
                    request_deserializer=getattr(request, "deserialize", None)
                    or request.FromString,
                    response_serializer=_serialize,
                )
                for name, (request, answer) in methods.items()
            },
        )

    def _answer(self, name: str, answer: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
        def handle(request: Any, context: Any) -> Any:
            self.calls.append(name)
            try:
                self._authenticate(context)
                self.faults.begin(name)
                return answer(request)
            except Refused as refusal:
                return context.abort(refusal.code, refusal.message)

        return handle

    def _authenticate(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        token = str(metadata.get("authorization", "")).removeprefix("Bearer ")
        if not token or not self._accepts(token):
            raise Refused(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request had invalid authentication credentials.",
            )


@functools.cache
def _identity() -> tuple[str, str]:
    """Return one key and certificate (PEM) for all servers of a process.

    gRPC reads its trusted certificates only once.
    """
    key = SigningKey("cloud-run-api")
    return key.private_pem(), key.certificate_pem("localhost")


def _serialize(message: Any) -> bytes:
    serialize = getattr(type(message), "serialize", None)
    return bytes(serialize(message) if serialize else message.SerializeToString())
