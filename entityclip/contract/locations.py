"""Data locations, which are local paths or URLs; `file_systems` opens the URLs."""

from urllib.parse import urlsplit


def is_url(location: str) -> bool:
    """Return True for a URL (object storage or a server), False for a local path."""
    return "://" in location


def has_credentials(url: str) -> bool:
    """Return True if a URL contains a user name or password, which must not end up in records or messages."""
    try:
        return "@" in urlsplit(url).netloc
    except ValueError:  # invalid brackets
        return "@" in url
