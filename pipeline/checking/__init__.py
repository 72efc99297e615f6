"""What `entityclip check` looks at, one concern a file. `report` is what comes out; `check` joins them."""
