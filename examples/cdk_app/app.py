"""An app of the CDK that is not this project's: its stack renders videos in a bucket of its own."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from helios_infra import Configuration, LambdaRenderer

app = cdk.App()
stack = cdk.Stack(app, "Studio")
key = kms.Key(stack, "Key", enable_key_rotation=True)
films = s3.Bucket(stack, "Films", encryption_key=key, enforce_ssl=True)
settings = Configuration(stack_name="Studio", log_days=90)
LambdaRenderer(stack, "Renderer", configuration=settings, bucket=films)
cdk.Tags.of(stack).add("team", "video")
app.synth()
