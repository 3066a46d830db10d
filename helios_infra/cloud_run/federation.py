"""Google credentials for a workload of AWS, by workload identity federation: no key anywhere.

The workload signs a request that returns its identity on AWS. Google's token service sends the
request, and issues a token if that identity may act as the service account.
"""

from typing import Annotated, Any

from pydantic import Field

from helios.contract.wire_model import WireModel
from helios_infra.cloud_run.value_types import ServiceAccount, matches

Provider = Annotated[
    str,
    matches(
        r"projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+",
        "a provider's full name: projects/NUMBER/locations/global/workloadIdentityPools/POOL"
        "/providers/PROVIDER",
    ),
]
# The request of AWS that returns a caller's identity.
_IDENTITY = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"

Url = Annotated[str, matches(r"https?://\S+", "a URL")]


class Federation(WireModel, extra="forbid"):
    """By which provider AWS's identity becomes which service account."""

    provider: Provider = Field(description="The provider of the workload identity pool.")
    service_account: ServiceAccount = Field(description="Whom the workload acts as.")
    token_url: Url = Field(
        default="https://sts.googleapis.com/v1/token", description="Google's token service."
    )
    impersonation_url: Url = Field(
        default="https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts",
        description="Where tokens of service accounts come from.",
    )

    def credentials_info(self) -> dict[str, Any]:
        """Return the credentials as a file of them would hold them; there is no secret in it."""
        account = f"{self.impersonation_url}/{self.service_account}:generateAccessToken"
        return {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{self.provider}",
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
            "token_url": self.token_url,
            "service_account_impersonation_url": account,
            "credential_source": {
                "environment_id": "aws1",
                "regional_cred_verification_url": _IDENTITY,
            },
        }
