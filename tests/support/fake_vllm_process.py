"""The fake as a program: `fake_vllm_process.py PORT MODEL SECONDS [HOLD]`, with a worker that ignores SIGTERM."""

import subprocess
import sys
import time
from pathlib import Path

from tests.support.fake_vllm import FakeVllm

WORKER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    """Serve until killed."""
    port, model, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    hold = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    print(f"a log line of the fake on {port}", flush=True)
    subprocess.Popen([sys.executable, "-c", WORKER])
    with FakeVllm(model, seconds=seconds, port=port, hold=hold):
        time.sleep(600)


if __name__ == "__main__":
    main()
