"""Functions deployed through moto's Lambda API."""

import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from sandbox.aws_lambda.function import WORKER_HANDLER, LambdaFunction

#: moto's account, and the default region.
ACCOUNT = "123456789012"


class FunctionNotFound(Exception):
    """No function has this name."""


class Functions:
    """Reads functions deployed through moto's Lambda API.

    Args:
        folder: Where functions' code is unpacked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(
        self, name: str, *, qualifier: str | None, region: str
    ) -> tuple[LambdaFunction, int | None]:
        """Return a function, and its reserved concurrency.

        Args:
            name: Its name or ARN.
        """
        from moto.awslambda.exceptions import LambdaClientError  # noqa: PLC0415
        from moto.awslambda.models import lambda_backends  # noqa: PLC0415

        try:
            deployed: Any = lambda_backends[ACCOUNT][region].get_function(name, qualifier)
        except LambdaClientError as fault:
            raise FunctionNotFound(str(fault)) from fault
        reserved = deployed.reserved_concurrency
        return self._function(deployed), None if reserved is None else int(reserved)

    def _function(self, deployed: Any) -> LambdaFunction:
        configuration = deployed.get_configuration()
        text = json.dumps(configuration, sort_keys=True, default=str)
        is_image = configuration["PackageType"] == "Image"
        command = deployed.image_config.cmd
        return LambdaFunction(
            name=deployed.function_name,
            arn=deployed.function_arn,
            version=hashlib.sha256(text.encode()).hexdigest(),
            memory=int(deployed.memory_size) << 20,
            timeout=float(deployed.timeout),
            temporary_storage=int(deployed.ephemeral_storage or 512) << 20,
            handler=(command or [WORKER_HANDLER])[0] if is_image else deployed.handler,
            variables=dict(deployed.environment_vars or {}),
            code=None if is_image else self._unpacked(deployed.code_bytes),
            image=deployed.code["ImageUri"] if is_image else None,
            log_group=getattr(deployed, "log_group", None)
            or f"/aws/lambda/{deployed.function_name}",
        )

    def _unpacked(self, code: bytes) -> Path:
        folder = self._folder / hashlib.sha256(code).hexdigest()
        if not folder.exists():
            with zipfile.ZipFile(BytesIO(code)) as archive:
                archive.extractall(folder)
        return folder
