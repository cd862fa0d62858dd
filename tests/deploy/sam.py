"""Reads template.yaml and transforms it as AWS does before it makes anything of it."""

import logging
import os
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

# The translator asks boto3 for a region and nothing else.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
logging.getLogger("samtranslator").setLevel(logging.ERROR)


def read() -> dict[str, Any]:
    """Returns the template as it is written."""
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def transform(code_bucket: str = "code") -> dict[str, Any]:
    """Returns the template as CloudFormation sees it, the functions' code at `{code_bucket}/{Function}.zip`."""
    template = read()
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{code_bucket}/{name}.zip"
    # Functions name their roles, so no managed policy is ever looked up.
    return Translator({}, Parser()).translate(template, {})


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Returns the properties of all resources of a type, by name."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def text(value: Any) -> str:
    """Writes a value of the template as text: `!GetAtt Table.Arn` and `!Sub ${Table.Arn}` alike."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]} :
            return f"${{{name}.{attribute}}}"
        case {"Fn::GetAtt": str(path)}:
            return f"${{{path}}}"
        case {"Fn::Sub": str(pattern)}:
            return pattern
        case {"Fn::Join": [separator, list(parts)]}:
            return separator.join(text(part) for part in parts)
    raise ValueError(f"the test cannot read {value!r}: teach it, or say it another way")


def referred(value: Any) -> str:
    """Returns the name of the resource that a `!Ref` or `!GetAtt` is about."""
    return text(value).removeprefix("${").split(".")[0].removesuffix("}")


def chosen(value: Any) -> Any:
    """Returns a value with every `!If` decided for yes."""
    if isinstance(value, dict) and "Fn::If" in value:
        return chosen(value["Fn::If"][1])
    return value


def listed(value: Any) -> list[Any]:
    """Returns a list, also of what is written as a single value."""
    return value if isinstance(value, list) else [value]
