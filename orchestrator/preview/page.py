"""The page of the preview: one HTML file with its scripts, and the policy that goes with it."""

from importlib.resources import files

from orchestrator.report.html import joined_scripts, source_of

_FOLDER = files("orchestrator.preview")
#: Scripts of reports that the preview uses, too.
_SHARED = ("format.js", "elements.js")
_OWN = ("form.js", "audio.js", "preview.js")


def preview_page() -> tuple[str, str]:
    """Return the page and its content security policy: it loads nothing but from its own server."""
    own = "\n".join(_FOLDER.joinpath(name).read_text("utf-8") for name in _OWN)
    script = joined_scripts(_SHARED, own)
    policy = (
        "default-src 'none'; img-src 'self' blob: data:; connect-src 'self';"
        f" style-src 'unsafe-inline'; script-src {source_of(script)}; form-action 'none';"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    page = _FOLDER.joinpath("preview.html").read_text("utf-8")
    return page.replace("{{script}}", script), policy
