import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.redaction import MIN_SECRET_LENGTH, REDACTED, secret_values, without_secrets

#: What secrets are made of: base64, base64url, hexadecimal, percent-encoded.
SECRET = st.from_regex(r"[A-Za-z0-9+/=_%.~-]{12,60}", fullmatch=True).filter(
    lambda text: text not in REDACTED
)
PROSE = st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)


@given(SECRET, PROSE, PROSE)
def test_the_query_of_a_url_never_remains(secret: str, before: str, after: str) -> None:
    url = f"https://bucket.s3.amazonaws.com/jobs/job.json?X-Amz-Signature={secret}"
    clean = without_secrets(f"{before} {url} {after}")
    assert "https://bucket.s3.amazonaws.com/jobs/job.json" in clean
    assert "X-Amz-Signature" not in clean.replace(before, "").replace(after, "")


@given(SECRET, PROSE)
def test_a_known_secret_never_remains(secret: str, around: str) -> None:
    clean = without_secrets(f"{around}{secret}{around}", {secret})
    assert secret not in clean.replace(around, "") or secret in around


@given(
    st.sampled_from(
        [
            "Authorization: Bearer {}",
            "authorization: bearer {}",
            '{{"token": "{}"}}',
            "AWS_SECRET_ACCESS_KEY={}",
            "x-api-key: {}",
            "password={}&user=me",
            "Signature={}",
            "https://user:{}@host.test/path",
            "s3://{}@bucket/key",
        ]
    ),
    st.from_regex(r"[A-Za-z0-9]{16,40}", fullmatch=True),
)
def test_what_is_called_a_secret_never_remains(text: str, secret: str) -> None:
    assert secret not in without_secrets(text.format(secret))


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "ya29.a0AfH6SMBexample-token_value",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
    ],
)
def test_tokens_are_known_by_their_shape(token: str) -> None:
    assert without_secrets(f"it sent {token} there") == f"it sent {REDACTED} there"


@pytest.mark.parametrize(
    "text",
    [
        "chunk 3: 90 frames",
        "s3://bucket/jobs/one/job.json",
        "frame 12 wasn't ready within 30 s",
        "assets/0123456789abcdef.tar.zst",
        "https://example.com/page",
        "is basic knowledge",
    ],
)
def test_what_is_no_secret_remains(text: str) -> None:
    assert without_secrets(text) == text


def test_secrets_are_found_in_the_environment_by_their_names() -> None:
    environment = {
        "AWS_SECRET_ACCESS_KEY": "abcdefghij",
        "AWS_SESSION_TOKEN": "0123456789",
        "PASSWORD": "short",
        "PATH": "/usr/bin:/usr/local/bin",
    }
    assert secret_values(environment) == {"abcdefghij", "0123456789"}
    assert len("short") < MIN_SECRET_LENGTH


@pytest.mark.parametrize(
    "unit", ["a", "a.", "secret", "://", "a://", "eyJ-", "token=", "bearer ", "a://b?", "@", " ="]
)
def test_no_text_takes_long_to_search(unit: str) -> None:
    text = unit * (16_384 // len(unit))
    began = time.process_time()
    without_secrets(text)
    assert time.process_time() - began < 1
