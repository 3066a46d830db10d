"""Hooks of the documentation site: pages of the repository's root, and links that leave docs/."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
#: Files of the repository's root that are pages, and what they are called there.
_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "SECURITY.md": "SECURITY.md",
    "CODE_OF_CONDUCT.md": "CODE_OF_CONDUCT.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root."""
    for source, name in _PAGES.items():
        text = (_ROOT / source).read_text("utf-8")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links of the repository into links of the site; files that are no pages into text."""
    generated = {name: source for source, name in _PAGES.items()}
    source = generated.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def turned(match: re.Match[str]) -> str:
        mark, text, target, anchor = match[1], match[2], match[3], match[4] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = (_ROOT / source).parent.joinpath(target).resolve()
        if not path.is_relative_to(_ROOT):
            return match[0]
        name = path.relative_to(_ROOT).as_posix()
        page_name = _PAGES.get(name, name.removeprefix("docs/") if name.startswith("docs/") else "")
        if not page_name:
            return text if path.exists() else match[0]
        steps = "../" * page.file.src_uri.count("/")
        return f"{mark}[{text}]({steps}{page_name}{anchor})"

    return _LINK.sub(turned, markdown)
