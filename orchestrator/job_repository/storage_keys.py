"""The keys of a job's objects in storage."""

#: Where everything is, below the storage's URL.
REGISTRY = "registry"
#: Prefix of all summaries.
SUMMARIES = f"{REGISTRY}/summaries/"


class JobKeys:
    """The keys of a job's objects."""

    def __init__(self, job_id: str, spec_digest: str = "") -> None:
        self.job_id = job_id
        self.summaries = f"{SUMMARIES}{job_id}/"
        self.record = f"{REGISTRY}/records/{job_id}/"
        self.spec = f"{self.record}{spec_digest}/spec.json"
        self.log = f"{self.record}{spec_digest}/chunks/"
        self.claims = f"{REGISTRY}/claims/{job_id}/"
        self.request = f"{REGISTRY}/requests/{job_id}"

    def summary(self, revision: int) -> str:
        """Return the key of a revision of the summary."""
        return f"{self.summaries}{revision:010}.json"

    def log_part(self, lease: int, number: int) -> str:
        """Return the key of a part of the chunk log, by the lease of the claim that wrote it."""
        return f"{self.log}{lease:010}-{number:010}.jsonl"
