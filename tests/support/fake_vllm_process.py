"""The fake as a server program: `fake_vllm_process.py PORT MODEL SECONDS`, with a worker that ignores SIGTERM."""

import subprocess
import sys
import time

from tests.support.fake_vllm import FakeVllm

WORKER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    """Serve until killed."""
    port, model, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    print(f"a log line of the fake on {port}", flush=True)
    subprocess.Popen([sys.executable, "-c", WORKER])
    with FakeVllm(model, seconds=seconds, port=port):
        time.sleep(600)


if __name__ == "__main__":
    main()
