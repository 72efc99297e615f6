"""Thin Prefect flows over `pipeline` and `model`, and the `entityclip` command.

Importing this package sets, before Prefect is imported, the defaults that a user may override in the environment:
no telemetry leaves, and the Prefect home exists before its first server starts.
"""

import os
from pathlib import Path

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser().mkdir(parents=True, exist_ok=True)
