"""Reads from the Rust sources what the template must say: functions, routes, environment, permissions."""

import re
from functools import cache
from pathlib import Path

from sam import ROOT

FUNCTIONS = ROOT / "functions"
SHARED = ROOT / "shared"

# The function of what no route matches.
OTHERWISE = "retrieval"

VERBS = ("get", "post", "put", "patch", "delete", "head", "options")

# Where a setting is read: `config::required("NAME", …)`, `config::optional::<u64>("NAME", …)`.
SETTING = re.compile(r"config::(?:required|optional)(?:::<[^(]*>)?\(\s*\"([A-Z0-9_]+)\"")


def functions() -> set[str]:
    """Returns the names of the functions there are."""
    return {path.parent.name for path in FUNCTIONS.glob("*/Cargo.toml")}


def read(path: Path) -> str:
    """Returns a source without its tests and comments."""
    text = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


@cache
def source(function: str) -> str:
    """Returns all of a function's source."""
    files = sorted((FUNCTIONS / function / "src").rglob("*.rs"))
    return "\n".join(read(path) for path in files if path.name != "tests.rs")


def routes(function: str) -> set[str]:
    """Returns the routes of a function as API Gateway writes them: `GET /v1/files/{id}`."""
    found = set()
    for arguments in _arguments(source(function), r"#\[utoipa::path\("):
        path = re.search(r"\bpath\s*=\s*\"([^\"]+)\"", arguments)
        assert path, f"{function}: a utoipa::path without a path: {arguments[:80]}"
        # The verbs come first: `get,` or `method(get, head),`.
        head = arguments[: path.start()]
        verbs = {verb for verb in VERBS if re.search(rf"(^|[(,\s]){verb}\s*[,)]", head)}
        assert verbs, f"{function}: {path[1]} has no verb"
        found |= {f"{verb.upper()} {_gateway(path[1])}" for verb in verbs}
    for arguments in _arguments(source(function), r"\.route\("):
        path = re.match(r"\s*\"([^\"]+)\"", arguments)
        if path:
            verbs = re.findall(rf"\b({'|'.join(VERBS)})\(", arguments)
            found |= {f"{verb.upper()} {_gateway(path[1])}" for verb in verbs}
    if function != OTHERWISE:
        # What can be got answers HEAD too. That of retrieval reaches it without a route.
        found |= {f"HEAD {route.removeprefix('GET ')}" for route in found if route.startswith("GET ")}
    return found


def _gateway(path: str) -> str:
    return re.sub(r"\{\*(\w+)\}", r"{\1+}", path)


def _arguments(text: str, opening: str) -> list[str]:
    """Returns what stands between the parentheses after each match of `opening`."""
    found = []
    for match in re.finditer(opening, text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        found.append(text[match.end() : end - 1])
    return found


@cache
def shared_settings() -> dict[str, set[str]]:
    """Returns the settings that each function of the shared crates reads, by `Type::function` or
    `module::function`."""
    found: dict[str, set[str]] = {}
    for path in sorted(SHARED.glob("*/src/**/*.rs")):
        text = read(path)
        starts = list(re.finditer(r"\bfn (\w+)", text))
        for start, following in zip(starts, [*starts[1:], None]):
            body = text[start.start() : following.start() if following else len(text)]
            names = set(SETTING.findall(body))
            if names:
                owners = re.findall(r"^impl(?:<[^>]*>)? (\w+)", text[: start.start()], flags=re.MULTILINE)
                indented = text[: start.start()].rsplit("\n", 1)[-1].startswith(" ")
                owner = owners[-1] if owners and indented else path.stem
                found.setdefault(f"{owner}::{start[1]}", set()).update(names)
    return found


@cache
def queue_settings() -> dict[str, str]:
    """Returns the setting that holds each queue's URL, by the name of its `Destination`."""
    text = read(SHARED / "store/src/connect.rs")
    return dict(re.findall(r"Destination::(\w+) => \(\s*\"([A-Z_]+)\"", text))


def queues_used(function: str) -> set[str]:
    """Returns the queues a function connects to, by the names of their `Destination`s."""
    connected = re.findall(r"Store::from_environment\(\s*&\[?([^)\]]*)", source(function))
    if any("ALL" in names for names in connected):
        return set(queue_settings())
    return {name for names in connected for name in re.findall(r"Destination::(\w+)", names)}


def environment(function: str) -> set[str]:
    """Returns the names of the settings a function reads from its environment, but for those that Lambda makes."""
    text = source(function)
    names = set(SETTING.findall(text))
    for reader, settings in shared_settings().items():
        if re.search(rf"\b{reader}\(", text):
            names |= settings
    names |= {queue_settings()[queue] for queue in queues_used(function)}
    if "telemetry::init(" in text:
        names.add("RUST_LOG")
    return {name for name in names if not name.startswith("AWS_")}


def permissions(function: str) -> dict[str, set[str]]:
    """Returns what the head of a function's lib.rs says it may do: `{"table": {"read", "write"}}`."""
    text = (FUNCTIONS / function / "src/lib.rs").read_text(encoding="utf-8")
    head = "\n".join(re.findall(r"^//!(?: (.*)|)$", text, flags=re.MULTILINE))
    section = re.search(r"^# Permissions\n(.*?)(?=^# |\Z)", head, flags=re.MULTILINE | re.DOTALL)
    assert section, f"functions/{function}/src/lib.rs has no `//! # Permissions`: see docs/adding-a-function.md"
    found: dict[str, set[str]] = {}
    for subject, verbs in re.findall(r"^- ([^:\n]+): (.+)$", section[1], flags=re.MULTILINE):
        found.setdefault(subject.strip("`"), set()).update(re.split(r",\s*", verbs.strip(". ")))
    assert found, f"functions/{function}/src/lib.rs: nothing is listed under `# Permissions`"
    return found


def constant(path: str, pattern: str) -> str:
    """Returns the one group of `pattern` in a source."""
    match = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"))
    assert match, f"{path}: nothing matches {pattern}"
    return match[1]
