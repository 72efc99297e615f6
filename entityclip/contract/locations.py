"""Data locations, which are local paths or URLs; `file_systems` opens the URLs."""

import re
from urllib.parse import urlsplit

_USER = re.compile(r"://[^\s/?#'\"<>]*@")
# A parameter of a query whose name says that its value is secret, such as X-Amz-Signature, sig or api_key. A `&` may be
# escaped as in JSON or HTML.
_SECRET = re.compile(
    r"((?:[?&;#]|\\u0026|%26)[\w.-]{0,60}?(?:signature|credential|secret|token|passw|pwd|auth(?!or)|key|(?<![a-z])sig)[\w.-]{0,40}=)"
    r"[^\s&#;'\"<>\\]+",
    re.IGNORECASE,
)


def is_url(location: str) -> bool:
    """Return True for a URL (object storage or a server), False for a local path."""
    return "://" in location


def has_credentials(url: str) -> bool:
    """Return True if a URL contains a user name, a password, or a key or signature in its query.

    These must not end up in records or messages: settings and shards name the URL that they were made from.
    """
    try:
        of_user = "@" in urlsplit(url).netloc
    except ValueError:  # invalid brackets
        of_user = "@" in url
    return of_user or _SECRET.search(url) is not None


def without_secrets(text: str) -> str:
    """Return a text with user names, passwords, keys and signatures in its URLs replaced by ***."""
    if "://" in text:
        text = _USER.sub("://***@", text)
    return _SECRET.sub(r"\1***", text) if "=" in text else text
