"""The `entityclip` command: its commands, and what each asks of the flows and of the two halves."""
