"""The artifacts bucket, which clients and workers share."""

from collections.abc import Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from helios.storage.keys import INTERMEDIATE_TAG
from helios_infra.acknowledge import acknowledge
from helios_infra.configuration import Configuration
from helios_infra.workflow import MAP_RUNS

#: Days after which the parts of an upload that never ended are deleted.
_UPLOAD_DAYS = 1


class Artifacts(Construct):
    """A private bucket whose objects are encrypted, travel over TLS and expire."""

    def __init__(self, scope: Construct, id: str, *, configuration: Configuration) -> None:
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=_lifecycle(configuration),
            removal_policy=(
                RemovalPolicy.RETAIN if configuration.keep_data else RemovalPolicy.DESTROY
            ),
            auto_delete_objects=not configuration.keep_data,
        )
        self.url = f"s3://{self.bucket.bucket_name}"
        acknowledge(
            self.bucket,
            {
                "AwsSolutions-S1": "Server access logs would cost more requests than renders do; "
                "an account that audits reads has data events in CloudTrail."
            },
        )
        cdk.Tags.of(self).add("helios:part", "artifacts")

    def allow(self, role: iam.Role, *, actions: Sequence[str], keys: Sequence[str]) -> None:
        """Let a role do something with the objects whose keys match, and with no others.

        Parameters
        ----------
        actions:
            Such as `s3:GetObject`.
        keys:
            Patterns such as `jobs/*/job.json`.
        """
        role.add_to_policy(
            iam.PolicyStatement(
                actions=list(actions), resources=[self.bucket.arn_for_objects(key) for key in keys]
            )
        )
        resource = cast(cdk.CfnElement, self.bucket.node.default_child)
        bucket = cdk.Stack.of(self).get_logical_id(resource)
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{key}]": "Ids of jobs and digests of "
                "assets aren't known before they are made; the pattern names the folder."
                for key in keys
                if "*" in key
            },
        )

    def allow_listing(self, role: iam.Role) -> None:
        """Let a role see which objects there are.

        Without it, S3 answers a question for what isn't there with "access denied". It can't be
        narrowed to prefixes, as that question names none.
        """
        role.add_to_policy(
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn])
        )


def _lifecycle(configuration: Configuration) -> list[s3.LifecycleRule]:
    tag, value = INTERMEDIATE_TAG
    intermediate = Duration.days(configuration.intermediate_days)
    rules = [
        s3.LifecycleRule(
            id="unfinished-uploads",
            abort_incomplete_multipart_upload_after=Duration.days(_UPLOAD_DAYS),
        ),
        s3.LifecycleRule(
            id="intermediates", prefix="jobs/", tag_filters={tag: value}, expiration=intermediate
        ),
        s3.LifecycleRule(id="map-runs", prefix=f"{MAP_RUNS}/", expiration=intermediate),
        s3.LifecycleRule(
            id="assets", prefix="assets/", expiration=Duration.days(configuration.asset_days)
        ),
    ]
    if configuration.tenant_folder:
        rules.append(
            s3.LifecycleRule(
                id="tenants-intermediates",
                prefix=f"{configuration.tenant_folder}/",
                tag_filters={tag: value},
                expiration=intermediate,
            )
        )
    if configuration.output_days:
        rules.append(
            s3.LifecycleRule(
                id="outputs", prefix="jobs/", expiration=Duration.days(configuration.output_days)
            )
        )
    return rules
