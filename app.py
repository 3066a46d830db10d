"""The CDK app: `cdk deploy` makes all that renders in the cloud need."""

import os
import sys

import aws_cdk as cdk

from helios.errors import HeliosError
from helios_infra.configuration import Configuration
from infra.aws_stack import add_aws_stacks
from infra.cloud_run_stack import add_cloud_run_stack

app = cdk.App()
try:
    configuration = Configuration.of(app.node.get_all_context())
except HeliosError as fault:
    sys.exit(str(fault))
account = os.environ.get("CDK_DEFAULT_ACCOUNT")
add_aws_stacks(app, configuration, account=account)
add_cloud_run_stack(app, configuration, account=account)
app.synth()
