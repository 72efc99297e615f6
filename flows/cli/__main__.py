"""Run the command: `python -m flows.cli` is the same as `entityclip`."""

from flows.cli.main import main

if __name__ == "__main__":
    main()
