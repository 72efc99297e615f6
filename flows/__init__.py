"""Thin Prefect flows over `pipeline` and `model`, and the `entityclip` command.

Importing this package sets, before Prefect is imported, the defaults that a user may override in the environment:
no telemetry leaves, the Prefect home exists before its first server starts, and a temporary server has minutes to start
(Prefect's own bound is 20 s, which a cold disk or a slow core passes).
"""

import os
from pathlib import Path

from entityclip.contract.moved_modules import answer_for_moved_modules

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser().mkdir(parents=True, exist_ok=True)
answer_for_moved_modules()
