"""Entry point of a training process: `torchrun ... -m model.launch SETTINGS --out RUN`; see `model.launch.train`."""

import sys

from model.launch.train import main

if __name__ == "__main__":
    sys.exit(main())
