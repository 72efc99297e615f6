"""Where data lies: a local path or a URL. `file_systems` opens what a URL names."""

from urllib.parse import urlsplit


def is_url(location: str) -> bool:
    """Whether this names object storage or a server rather than a local folder."""
    return "://" in location


def has_credentials(url: str) -> bool:
    """Whether a URL has a user name or password in it, which would end up in records and messages."""
    try:
        return "@" in urlsplit(url).netloc
    except ValueError:  # no URL by its brackets
        return "@" in url
