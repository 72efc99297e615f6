"""Names flow runs after what they work on and the parameters given, such as `heraldry limit=200`."""

from pathlib import Path
from typing import Any

from prefect.runtime import flow_run

_LONGEST = 120  # characters
_SUBJECTS = ("run", "out", "manifest", "config")  # the first of these that a flow has names the run


def run_name() -> str:
    """Return a name for the current flow run."""
    return name_of(flow_run.parameters)


def name_of(parameters: dict[str, Any]) -> str:
    """Return a name for a flow run with these parameters; defaults are left out."""
    given = {name: value for name, value in parameters.items() if value not in (None, False, [], "")}
    subject = next(_short(Path(given[name])) for name in _SUBJECTS if name in given)
    words = [subject]
    if "first" in given or "last" in given:
        words.append(f"shards {parameters['first']}-{parameters['last']}")
    for name, value in given.items():
        if name in (*_SUBJECTS, "first", "last") or (name in ("ranges", "nproc") and value == 1):
            continue
        if name == "overrides":
            words += value
        else:
            words.append(name if value is True else f"{name}={value}")
    return " ".join(map(str, words))[:_LONGEST]


def _short(path: Path) -> str:
    """Return the name of a manifest or settings file's dataset, or the last parts of a run folder."""
    if path.suffix in (".yaml", ".yml"):
        return path.parent.name if path.stem in ("manifest", "train") and path.parent.name else path.stem
    return "/".join(part for part in path.parts[-2:] if part not in ("runs", "/"))
