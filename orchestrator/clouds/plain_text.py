"""Extracts the text of HTML error pages, which proxies and load balancers send."""

import html
import re

#: Characters of such an answer that a message quotes.
MAX_QUOTED = 300
_SEARCHED = 16 * MAX_QUOTED
_MARKUP = re.compile(r"<(?:!doctype|html|head|body|title)\b", re.IGNORECASE)


def plain_text(answer: str) -> str:
    """Return the beginning of a page's text, on one line and without markup."""
    text = answer[:_SEARCHED]
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    return " ".join(text.split())[:MAX_QUOTED]


def without_markup(message: str) -> str:
    """Return a message as it is, unless it quotes an HTML page."""
    return plain_text(message) if _MARKUP.search(message) else message
