"""Thin Prefect flows over `pipeline` and `model`, and the `entityclip` command.

Importing this package creates Prefect's home folder and, before Prefect is imported, sets environment variables unless
the user has set them. They disable telemetry and give a temporary server five minutes to start: Prefect's default of
20 s is too short if the disk cache is cold or the CPU is slow.
"""

import os
from pathlib import Path

from entityclip.contract.moved_modules import answer_for_moved_modules

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser().mkdir(parents=True, exist_ok=True)
answer_for_moved_modules()
