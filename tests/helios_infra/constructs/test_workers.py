"""The workers: their sizes, and what they may do."""

import pytest

from tests.helios_infra.templates import Template, own

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

BUCKET = "${ArtifactsBucket.Arn}"


def test_the_chunk_worker_reads_jobs_and_assets_and_writes_chunks_alone(
    template: Template,
) -> None:
    assert template.allowed("WorkersChunkRole") == own("WorkersChunk") | {
        ("s3:ListBucket", BUCKET),
        ("s3:GetObject", f"{BUCKET}/assets/*"),
        ("s3:GetObject", f"{BUCKET}/jobs/*"),
        *(
            (action, f"{BUCKET}/jobs/*/{keys}")
            for action in ("s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload")
            for keys in ("chunks/*", "done/*")
        ),
    }


def test_the_merge_worker_reads_jobs_and_assets_and_writes_outputs_and_healed_chunks(
    template: Template,
) -> None:
    assert template.allowed("WorkersMergeRole") == own("WorkersMerge") | {
        ("s3:ListBucket", BUCKET),
        ("s3:GetObject", f"{BUCKET}/assets/*"),
        ("s3:GetObject", f"{BUCKET}/jobs/*"),
        *(
            (action, f"{BUCKET}/jobs/*/{keys}")
            for action in ("s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload")
            # Chunks that are rendered again where their seams can be seen.
            for keys in ("output/*", "chunks/*", "done/*", "healed.json")
        ),
        # While the storage joins chunks.
        ("s3:DeleteObject", f"{BUCKET}/jobs/*/chunks/joining-*"),
        ("s3:ListMultipartUploadParts", f"{BUCKET}/jobs/*/chunks/joining-*"),
        ("s3:ListMultipartUploadParts", f"{BUCKET}/jobs/*/output/*"),
        # Of damaged chunks.
        ("s3:DeleteObject", f"{BUCKET}/jobs/*/chunks/*.json"),
    }


def test_workers_run_one_image_with_their_own_sizes(template: Template) -> None:
    functions = template.of_type("Lambda::Function")
    chunk, merge = functions["WorkersChunkFunction"], functions["WorkersMergeFunction"]

    assert {function["PackageType"] for function in functions.values()} == {"Image"}
    assert chunk["Code"] == merge["Code"]
    assert (chunk["MemorySize"], chunk["EphemeralStorage"]["Size"]) == (3008, 2048)
    assert (merge["MemorySize"], merge["EphemeralStorage"]["Size"]) == (3008, 10240)
    assert chunk["Timeout"] == merge["Timeout"] == 900
    assert "ImageConfig" not in chunk
    assert functions["OutcomeRecorderFunction"]["ImageConfig"] == {
        "Command": ["worker_lambda.outcome.handler"]
    }


def test_workers_are_told_where_artifacts_are_and_what_they_may_run(
    template: Template, full: Template
) -> None:
    name = "WorkersChunkFunction"
    plain = template.of_type("Lambda::Function")[name]["Environment"]["Variables"]
    wider = full.of_type("Lambda::Function")[name]["Environment"]["Variables"]

    assert plain["HELIOS_ARTIFACTS"] == "s3://${ArtifactsBucket}"
    assert plain["HELIOS_ALLOWED_SOURCES"] == "s3://${ArtifactsBucket}"
    assert plain["HELIOS_EXECUTABLES"] == "helios"
    assert wider["HELIOS_ALLOWED_SOURCES"] == (
        "s3://${ArtifactsBucket},s3://footage/films/,https://cdn.example/"
    )
    assert wider["HELIOS_EXECUTABLES"] == "helios"


def test_an_allowed_source_in_another_bucket_may_be_read_and_nothing_beside_it(
    full: Template,
) -> None:
    elsewhere = {
        (action, resource)
        for role in ("WorkersChunkRole", "WorkersMergeRole")
        for action, resource in full.allowed(role)
        if action.startswith("s3:Get") and BUCKET not in resource
    }

    assert elsewhere == {("s3:GetObject", "arn:${AWS::Partition}:s3:::footage/films/*")}


def test_the_merge_worker_alone_writes_to_destinations_and_reads_their_secrets(
    template: Template, full: Template
) -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cdn-AbCdEf"
    place = "arn:${AWS::Partition}:s3:::partner/films/*"
    functions = full.of_type("Lambda::Function")
    chunk, merge = (
        functions[f"Workers{kind}Function"]["Environment"]["Variables"]
        for kind in ("Chunk", "Merge")
    )
    named = chunk["HELIOS_ALLOWED_DESTINATIONS"]

    assert named == merge["HELIOS_ALLOWED_DESTINATIONS"] == "s3://partner/films/,s3://cdn"
    assert "HELIOS_DESTINATION_SECRETS" not in chunk
    assert merge["HELIOS_DESTINATION_SECRETS"] == f"s3://cdn={secret}"
    delivering = {
        ("s3:AbortMultipartUpload", place),
        ("s3:PutObject", place),
        ("secretsmanager:GetSecretValue", secret),
    }
    assert delivering <= full.allowed("WorkersMergeRole")
    assert not delivering & full.allowed("WorkersChunkRole")
    # The secret's own credentials write there, and the role's don't.
    assert not any("s3:::cdn" in resource for _, resource in full.allowed("WorkersMergeRole"))
    plain = template.of_type("Lambda::Function")["WorkersMergeFunction"]["Environment"]["Variables"]
    assert not any("DESTINATION" in name for name in plain)


def test_concurrency_is_reserved_only_where_configured(template: Template, full: Template) -> None:
    for function in template.of_type("Lambda::Function").values():
        assert "ReservedConcurrentExecutions" not in function
    reserved = {
        name: function["ReservedConcurrentExecutions"]
        for name, function in full.of_type("Lambda::Function").items()
        if "ReservedConcurrentExecutions" in function
    }
    assert reserved == {"WorkersChunkFunction": 500, "WorkersMergeFunction": 5}


def test_workers_of_a_stack_with_tenants_reach_their_folders(full: Template) -> None:
    allowed = full.allowed("WorkersChunkRole")

    assert ("s3:PutObject", f"{BUCKET}/tenants/*/jobs/*/chunks/*") in allowed
    assert ("s3:GetObject", f"{BUCKET}/tenants/*/jobs/*") in allowed
    assert ("s3:PutObject", f"{BUCKET}/jobs/*/chunks/*") in allowed
