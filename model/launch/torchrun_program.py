"""torchrun without its own report where a process fails: `-m model.launch.torchrun_program REPORT.json ARGUMENTS`.

How the processes ended goes to REPORT.json: exit codes by rank, negative ones the signal that ended a process.
"""

import sys
from pathlib import Path

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

from model.files import write_json


def main() -> int:
    """0 if all processes ended well."""
    report, *arguments = sys.argv[1:]
    try:
        run(parse_args(arguments))
    except ChildFailedError as error:
        write_json(Path(report), {str(rank): failure.exitcode for rank, failure in error.failures.items()})
        return 1
    except SignalException:  # handed on to the processes, which have ended by now
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
