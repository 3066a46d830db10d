"""The artifacts bucket, which clients and workers share."""

import json
from collections.abc import Sequence
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from helios_infra.acknowledge import acknowledge
from helios_infra.configuration import Configuration
from helios_infra.constructs.lifecycle import construct_properties, lifecycle_rules


class Artifacts(Construct):
    """A private bucket whose objects are encrypted, travel over TLS and expire.

    Args:
        bucket: The bucket; by default a new one. One that another stack or account has keeps its
            settings: `unset_rules` are the lifecycle rules that its owner should set.
        encryption_key: Key of KMS that encrypts the objects; by default the given bucket's, or S3's
            own.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        bucket: s3.IBucket | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.key = encryption_key or (bucket and bucket.encryption_key) or self._key(configuration)
        is_new = bucket is None and not configuration.bucket_name
        #: What the keys of all objects begin with: empty, or ending in a slash.
        self.prefix = f"{configuration.bucket_prefix}/" if configuration.bucket_prefix else ""
        rules = lifecycle_rules(configuration, prefix=self.prefix, whole_bucket=is_new)
        self.unset_rules: list[dict[str, Any]] = []
        if bucket is None and configuration.bucket_name:
            bucket = s3.Bucket.from_bucket_name(self, "Bucket", configuration.bucket_name)
        if bucket is None:
            bucket = self._bucket(configuration, rules)
        elif isinstance(bucket, s3.Bucket):
            for rule in rules:
                bucket.add_lifecycle_rule(**construct_properties(rule))
        else:
            self.unset_rules = rules
            cdk.Annotations.of(self).add_warning_v2(
                "helios:lifecycle",
                "The lifecycle rules of a bucket that exists can't be deployed. So that chunks and "
                f"assets expire, add these to those that it has: {json.dumps({'Rules': rules})}",
            )
        self.bucket: s3.IBucket = bucket
        self.url = f"s3://{bucket.bucket_name}/{self.prefix}".rstrip("/")
        cdk.Tags.of(self).add("helios:part", "artifacts")

    def _key(self, configuration: Configuration) -> kms.IKey | None:
        wanted = configuration.kms_key
        if wanted == "create":
            return kms.Key(
                self,
                "Key",
                description="Helios: encrypts the artifacts bucket",
                enable_key_rotation=True,
                removal_policy=_removal(configuration),
            )
        return kms.Key.from_key_arn(self, "Key", wanted) if wanted else None

    def _bucket(self, configuration: Configuration, rules: Sequence[dict[str, Any]]) -> s3.Bucket:
        encryption = s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=encryption,
            encryption_key=self.key,
            # One request to KMS an hour, in place of one for each object.
            bucket_key_enabled=True if self.key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(**construct_properties(rule)) for rule in rules],
            removal_policy=_removal(configuration),
            auto_delete_objects=not configuration.keep_data,
        )
        acknowledge(
            bucket,
            {
                "AwsSolutions-S1": "Server access logs would cost more requests than renders do; "
                "an account that audits reads has data events in CloudTrail."
            },
        )
        return bucket

    def allow(self, role: iam.Role, *, actions: Sequence[str], keys: Sequence[str]) -> None:
        """Let a role do something with the objects whose keys match, and with no others.

        Args:
            actions: Such as `s3:GetObject`.
            keys: Patterns such as `jobs/*/job.json`, below the prefix.
        """
        keys = [f"{self.prefix}{key}" for key in keys]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=list(actions), resources=[self.bucket.arn_for_objects(key) for key in keys]
            )
        )
        if self.key is not None:
            # Reading decrypts; writing, of an object's parts, too, takes a data key and both.
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[self.key.key_arn]
                )
            )
        bucket = self._arn_in_findings()
        acknowledge(
            role,
            {
                f"AwsSolutions-IAM5[Resource::{bucket}/{key}]": "Ids of jobs and digests of assets "
                "aren't known before they are made; the pattern names the folder."
                for key in keys
                if "*" in key
            },
        )

    def allow_listing(self, role: iam.Role) -> None:
        """Let a role see which objects there are, below the prefix if there is one.

        Without it, S3 answers a question for what isn't there with "access denied". Where it is
        narrowed to a prefix, S3 does so as well, and `S3Storage` asks once more by a listing.
        """
        below = {"StringLike": {"s3:prefix": [f"{self.prefix}*"]}} if self.prefix else None
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn], conditions=below
            )
        )

    def _arn_in_findings(self) -> str:
        """Return the bucket's ARN as cdk-nag writes it."""
        resource = self.bucket.node.default_child
        if resource is None:
            arn: str = self.bucket.bucket_arn
            return arn.replace(cdk.Aws.PARTITION, "<AWS::Partition>")
        return f"<{cdk.Stack.of(self).get_logical_id(cast(cdk.CfnElement, resource))}.Arn>"


def _removal(configuration: Configuration) -> RemovalPolicy:
    return RemovalPolicy.RETAIN if configuration.keep_data else RemovalPolicy.DESTROY
