import html
import json
import re

import pytest

from orchestrator.report.html import report_page
from orchestrator.report.redacted import redacted

SECRET = "correct-horse-battery"


def test_a_report_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    document = {
        "name": "https://user:pass1234@example.com/page",
        "output": "https://bucket.example.com/v.mp4?X-Amz-Signature=abc123def",
        "chunks": [
            {"attempts": [{"log": f"it said {SECRET}", "error": {"message": "token=q1w2e3"}}]}
        ],
        "settings": {"webhook": {"url": "https://hooks.example.com/T0/B1/path", "progress": 5}},
        "command": 'helios render page --props \'{"apiKey": "k-123456"}\'',
        "extra": {"accessToken": "zzz", "depth": 3},
        "filmstrip": [{"frame": 0, "jpeg": "c2VjcmV0PWFiYw=="}],
    }
    found = redacted(document)
    text = json.dumps(found)
    for secret in (SECRET, "pass1234", "abc123def", "q1w2e3", "/T0/", "k-123456", "zzz"):
        assert secret not in text
    assert found["settings"]["webhook"] == {
        "url": "https://hooks.example.com/[redacted]",
        "progress": 5,
    }
    assert found["filmstrip"] == document["filmstrip"]
    assert found["extra"]["depth"] == 3


def test_what_a_page_logs_is_never_markup() -> None:
    name = "</script><script>alert(1)</script><!-- {{script}} {{data}}"
    page = report_page({"name": name, "state": "failed"})
    assert page.count("</script>") == 2
    assert "<script>alert" not in page
    assert f"<title>{html.escape(name)} - failed</title>" in page
    (data,) = re.findall(r'id="data">(.*?)</script>', page)
    assert json.loads(data)["name"] == name
