"""What people call and write; `python -m tests.record_public_surface` adds what is new to the list of it in tests/data.

It never removes or changes what is recorded: that is done by hand in the file, and is a break for those who use it.

The file has sections; a section has groups (a command, a deployment, a mapping of the manifest), a group has members
(an option, a parameter, a key), each with its default and whether it must be given. `moved` says of modules, functions
and entrypoints that people name where they are today: as they were, or the new name with which the old one answers.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
import yaml
from typer.core import TyperArgument

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "data" / "public_surface.json"
DOCUMENTS = ("README.md", "Makefile", "prefect.yaml", "docs/*.md")
UNDOCUMENTED = ("flows.cli",)  # what `entityclip` is where its folder is not on the PATH
PROMPTS = ("heraldry-v1", "news-v1", "news-v2")
# A section: group -> member -> what is known of it.
Section = dict[str, dict[str, dict[str, Any]]]


def surface() -> dict[str, Section]:
    """All sections, of the present code."""
    from model.settings.schema import TrainSettings
    from pipeline.manifest.manifest import Manifest

    return {
        "commands": commands(),
        "deployments": deployments(),
        "manifest": dict(_mappings(Manifest.model_json_schema(), "manifest")),
        "settings": dict(_mappings(TrainSettings.model_json_schema(), "settings")),
        "presets": presets(),
        "prompts": prompts(),
        "columns": columns(),
        "files": files(),
        "make": make_targets(),
        "install": install(),
        "environment": environment(),
    }


def main_command() -> Any:
    """The function that the installed `entityclip` calls, and the module that it is in."""
    scripts = _pyproject()["project"]["scripts"]
    module, _, function = scripts["entityclip"].partition(":")
    return getattr(import_module(module), function)


def commands() -> Section:
    """Arguments by place, options by every spelling."""
    group = typer.main.get_command(import_module(main_command().__module__).app)
    return {name: dict(_parameters(command)) for name, command in group.commands.items()}  # type: ignore[attr-defined]


def _parameters(command: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    arguments = 0
    for parameter in command.params:
        about = {"required": parameter.required, "default": _plain(parameter.default)}
        about["repeatable"] = parameter.nargs == -1 or parameter.multiple
        if choices := _literals(parameter.type_descriptor.annotation):
            about["choices"] = choices
        if isinstance(parameter, TyperArgument):
            arguments += 1
            yield f"argument {arguments}", about
        else:
            about["flag"] = parameter.is_flag
            for spelling in (*parameter.opts, *parameter.secondary_opts):
                yield spelling, about


def _literals(annotation: Any) -> list[str]:
    """The texts of a Literal, wherever in the annotation."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [text for part in get_args(annotation) for text in _literals(part)]


def deployments() -> Section:
    """Parameters of each deployment; what the deployment gives is the default, else what the flow does."""
    from prefect.utilities.callables import parameter_schema

    found: Section = {}
    for one in _deployments():
        flow = load_flow(one["entrypoint"])
        schema = parameter_schema(flow).model_dump()
        found[f"{flow.name}/{one['name']}"] = {
            **dict(_members(schema | {"$defs": schema.get("definitions", {})})),
            **{name: {"required": False, "default": value} for name, value in one.get("parameters", {}).items()},
            "(work pool)": {"default": one["work_pool"]["name"]},
            "(concurrency limit)": {"default": one.get("concurrency_limit")},
        }
    return found


def load_flow(entrypoint: str) -> Any:
    """The real flow, imported as a worker imports it."""
    from prefect.flows import load_flow_from_entrypoint

    path = list(sys.path)
    try:
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    finally:
        sys.path[:] = path  # Prefect puts the entrypoint's folder first


def _deployments() -> list[dict[str, Any]]:
    return list(yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"])


def _mappings(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Every mapping of a pydantic model, itself included, by path: `generation.engine[vllm]`, `optim.groups[]`."""
    definitions = schema.get("$defs", {})
    yield path, dict(_members(schema))
    for name, field in schema.get("properties", {}).items():
        for below, kind in _below(field, definitions):
            yield from _mappings({**below, "$defs": definitions}, f"{path}.{name}{kind}")


def _members(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        about: dict[str, Any] = {"required": name in required}
        if "default" in field:
            about["default"] = field["default"]
        if choices := sorted(_choices(field, schema.get("$defs", {}))):
            about["choices"] = choices
        yield name, about


def _below(field: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Mappings that a field may hold, each with what tells it apart in the path."""
    if "$ref" in field:
        found = definitions[field["$ref"].rpartition("/")[2]]
        if found.get("properties"):
            kinds = sorted(_choices(found["properties"].get("kind", {}), definitions))
            for kind in [f"[{kind}]" for kind in kinds] or [""]:
                yield found, kind
    for part in (*field.get("anyOf", []), *field.get("oneOf", [])):
        yield from _below(part, definitions)
    for below, kind in _below(field["items"], definitions) if isinstance(field.get("items"), dict) else ():
        yield below, f"[]{kind}"


def _choices(field: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    """Texts that a field takes, where it takes only some."""
    found = {value for value in (*field.get("enum", []), field.get("const")) if isinstance(value, str)}
    if "$ref" in field:
        found |= _choices(definitions[field["$ref"].rpartition("/")[2]], definitions)
    for part in (*field.get("anyOf", []), *field.get("oneOf", [])):
        found |= _choices(part, definitions)
    if isinstance(field.get("items"), dict):
        found |= _choices(field["items"], definitions)
    return found


def presets() -> Section:
    """Every setting as it is with a preset, defaults included."""
    from model.settings.load import PRESETS, preset
    from model.settings.schema import TrainSettings

    found: Section = {}
    for path in sorted(PRESETS.glob("*.yaml")):
        values = preset(path.stem)
        values["data"] = {"explanations": "explanations", **values.get("data", {})}
        settings = TrainSettings.model_validate(values).as_plain()
        found[path.stem] = {key: {"default": value} for key, value in _flat(settings)}
    return found


def prompts() -> Section:
    """The shipped templates: what a key of an explanation is made from."""
    from pipeline.prompts.template import load_prompt

    return {
        name: {key: {"default": value} for key, value in load_prompt(name, ROOT).model_dump(mode="json").items()}
        for name in PROMPTS
    }


def columns() -> Section:
    """What a reader of the shards meets: columns with their types, and statuses."""
    from entityclip.contract.schema import SCHEMA
    from entityclip.contract.status import Status

    return {
        "explanations": {field.name: {"type": str(field.type)} for field in SCHEMA},
        "status": {status.value: {} for status in Status},
    }


def files() -> Section:
    """Files that commands in the documents name."""
    shipped = [*ROOT.glob("data_manifests/**/*"), ROOT / "constraints.txt", ROOT / "prefect.yaml"]
    return {"files": {str(path.relative_to(ROOT)): {} for path in sorted(shipped) if path.is_file()}}


def make_targets() -> Section:
    """Those that a person types."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {"make": {name: {} for name in re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)}}


def install() -> Section:
    """What `pip install -e '.[EXTRA]'` takes, and what it puts on the PATH."""
    project = _pyproject()["project"]
    return {
        "extras": {name: {} for name in project["optional-dependencies"]},
        "scripts": {s: {} for s in project["scripts"]},
    }


def environment() -> Section:
    """Variables of our own that the code reads."""
    sources = [path for package in ROOT.glob("*/__init__.py") for path in package.parent.rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    names = set(re.findall(r'"(ENTITYCLIP_[A-Z_]+)"', text))
    return {"variables": {name: {} for name in sorted(names)}}


def named_modules() -> list[str]:
    """Modules that a document runs with `-m`."""
    text = "\n".join(path.read_text(encoding="utf-8") for one in DOCUMENTS for path in sorted(ROOT.glob(one)))
    found = re.findall(r"-m ((?:model|pipeline|flows|benchmarks|tests)[.\w]*\w)", text)
    return sorted({*found, *UNDOCUMENTED})


def named_entrypoints() -> dict[str, str]:
    """Entrypoints, which deployments that are registered hold, and the flow that each gives."""
    return {one["entrypoint"]: str(load_flow(one["entrypoint"]).name) for one in _deployments()}


def named_functions() -> list[str]:
    """Steps of prefect.yaml, which people's own deployments may hold."""
    steps = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["pull"]
    return [name for step in steps for name in step]


def recorded() -> dict[str, Any]:
    """What the file says."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _plain(value: Any) -> Any:
    """For JSON; typer says "no default" in more than one way."""
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return None


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _add(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`old`, and what only `new` has."""
    merged = dict(old)
    for key, value in new.items():
        if key not in old:
            merged[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict):
            merged[key] = _add(old[key], value)
    return merged


def main() -> None:
    """Add to the file what it does not have."""
    now = {
        **surface(),
        "moved": {
            "modules": {name: name for name in named_modules()},
            "functions": {name: name for name in named_functions()},
            "entrypoints": {entrypoint: entrypoint for entrypoint in named_entrypoints()},
        },
        "flows": named_entrypoints(),
    }
    before = recorded() if FILE.exists() else {}
    FILE.write_text(_text(_add(before, now), depth=3) + "\n", encoding="utf-8")


def _text(value: Any, depth: int, indent: str = "") -> str:
    """JSON with a line for each member."""
    if not depth or not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    below = f"{indent} "
    lines = [f"{below}{json.dumps(key)}: {_text(one, depth - 1, below)}" for key, one in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


if __name__ == "__main__":
    main()
