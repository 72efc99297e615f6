"""Programs in processes that have imported nothing of ours, each for itself, at the price of one.

The large libraries take 5 to 8 s to import and know nothing of us: one process does, and is forked for each program.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FORKS = """
import json, os, sys, traceback
from entityclip.contract.torchvision_cpu import make_torchvision_importable
make_torchvision_importable()
hidden = {name: None for name in ("timm", "transformers")}  # as model.clip.open_clip_import has it
sys.modules.update(hidden)
import open_clip, prefect.flows, torch
for name in hidden:
    del sys.modules[name]
failures = {}
for name, program in json.load(sys.stdin).items():
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            exec(program, {"__name__": "__main__"})
            os._exit(0)
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-10_000:])
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as said:
        text = said.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        failures[name] = text or f"it ended with {code}"
print("\\n" + json.dumps(failures))
"""


def failures_of(programs: Mapping[str, str]) -> dict[str, str]:
    """Why programs failed, by their names; those that end well are not in it."""
    command = [sys.executable, "-c", _FORKS]
    done = subprocess.run(
        command, cwd=ROOT, input=json.dumps(dict(programs)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    failures: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return failures
