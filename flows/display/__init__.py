"""What commands print in a terminal: tables, progress, what is to be done next. No Prefect."""
