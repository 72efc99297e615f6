"""`python -m tests.fuzz.truth`: random inputs whose right result is known; exits with 1 if one is lost or wrong."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.fuzz.truth.run import SHARES, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Feed the pipeline inputs whose right result is known.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=tuple(SHARES), help="cases of one kind only")
    parser.add_argument("--case", type=int, help="one case of that kind, with its traceback")
    parser.add_argument("--stop-at", type=int, help="end after so many faults")
    options = parser.parse_args()
    if options.case is not None and options.kind is None:
        parser.error("--case needs --kind")
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), options.cases, options.seed, options.kind, options.case, stop_at=options.stop_at)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    sys.exit(bool(found["faults"]))
