"""Hints for what Google refuses: the commands of gcloud that mend it."""

import re

SIGN_IN = (
    "Sign in with `gcloud auth application-default login`, or name a credentials file in"
    " GOOGLE_APPLICATION_CREDENTIALS."
)

# Google's message about an API that isn't enabled has a link to its page in the console.
_DISABLED_API = re.compile(r"/apis/api/([\w.-]+)/overview\?project=([\w.:-]+)")


def enabling(said: str) -> str | None:
    """Return the hint that enables an API; None unless a message says that it isn't enabled."""
    found = _DISABLED_API.search(said)
    if found is None:
        return None
    return f"gcloud services enable {found[1]} --project {found[2]}; it takes some minutes."
