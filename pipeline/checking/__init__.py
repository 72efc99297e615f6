"""`entityclip check`: one concern per module. `report` defines the result; `check` runs everything."""
