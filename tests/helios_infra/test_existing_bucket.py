"""A stack in a folder of a bucket that others use as well."""

import json
import shutil
from pathlib import Path

import pytest

from sandbox.aws.deploy import local_deployment
from sandbox.aws.local_aws import LocalAws
from tests.helios_infra.test_detached_renders import expires
from tests.orchestrator.cloud_sites import frame_hashes
from tests.orchestrator.conftest import Bench

pytestmark = [
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm"),
]

BUCKET, FOLDER = "our-films", "video/renders"
KEPT = ("job.json", "status.json", "execution.json")


def test_what_is_rendered_lies_in_the_folder_and_expires_by_the_rules_that_are_printed(
    aws: LocalAws, tmp_path: Path
) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=BUCKET, Key="of-others.txt", Body=b"")
    bench = Bench(tmp_path)
    bench.page("film/index.html")
    env = {
        **aws.variables,
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "HELIOS_STACK": "Folder",
    }
    same = ("--width", 160, "--height", 90, "--chunks", 2)
    context = {
        "helios:stackName": "Folder",
        "helios:bucketName": BUCKET,
        "helios:bucketPrefix": FOLDER,
        "helios:privateWebhooks": "true",
    }
    with local_deployment(aws, context=context) as stack:
        assert stack.artifacts == f"s3://{BUCKET}/{FOLDER}"
        for command in (
            ("render", "film", "-o", "cloud.mp4", "--detach", "--request-id", "in-folder", *same),
            ("watch", "in-folder", "--interval", 0.5),
            ("fetch", "in-folder", "-o", "cloud.mp4"),
        ):
            done = bench.run(*command, env=env)
            assert done.status == 0, done.stderr
        doctor = bench.run("doctor", "--stack", "Folder", "--no-trial", env=env)
        assert "no rule for unfinished-uploads, intermediates" in doctor.stdout + doctor.stderr
        parameter = aws.client("ssm").get_parameter(Name="/helios/Folder/stack")
        rules = json.loads(parameter["Parameter"]["Value"])["lifecycleRules"]
        s3.put_bucket_lifecycle_configuration(
            Bucket=BUCKET, LifecycleConfiguration={"Rules": rules}
        )
        doctor = bench.run("doctor", "--stack", "Folder", "--no-trial", env=env)
        assert f"{BUCKET}: what renders leave expires" in doctor.stdout + doctor.stderr

    here = bench.run("render", "film", "-o", "here.mp4", *same)
    assert here.status == 0, here.stderr
    assert frame_hashes(bench.folder / "cloud.mp4") == frame_hashes(bench.folder / "here.mp4")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys.pop(0) == "of-others.txt"
    assert all(key.startswith(f"{FOLDER}/") for key in keys)
    expiring = [{**rule, **rule["Filter"].get("And", rule["Filter"])} for rule in rules]
    expiring = [{**r, "TagFilters": r.get("Tags", ())} for r in expiring if "Expiration" in r]
    for key in keys:
        tags = s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
        found = expires(expiring, key, {tag["Key"]: tag["Value"] for tag in tags})
        is_kept = "/output/" in key or key.endswith(KEPT)
        assert found is not is_kept, key
