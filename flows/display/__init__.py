"""Terminal output of the commands: tables, summaries, next steps. Does not depend on Prefect."""
