"""Make `python -m flows.cli` run the `entityclip` command."""

from flows.cli.main import main

if __name__ == "__main__":
    main()
