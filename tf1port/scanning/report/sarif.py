"""A scan as SARIF 2.1.0, which code hosts show at the lines of a change."""

from __future__ import annotations

import importlib.metadata
import os
import urllib.parse
from typing import Any

from tf1port.scanning.idioms import BY_ID
from tf1port.scanning.report.form import Place, Report, Unread

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"converted": "note", "rewritten": "note", "by hand": "warning"}


def document(report: Report) -> dict[str, Any]:
    """The log of one run."""
    ids = [row["id"] for row in report["idioms"]]
    driver = {"name": "tf1port scan", **_version(), "rules": [_rule(id) for id in ids]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report["not_read"],
                "toolExecutionNotifications": [_notification(one) for one in report["not_read"]],
            }
        ],
        "results": [_result(one, ids.index(one["id"])) for one in report["findings"]],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _version() -> dict[str, str]:
    """The installed version; a checkout that is not installed has none."""
    try:
        return {"version": importlib.metadata.version("tf1port")}
    except importlib.metadata.PackageNotFoundError:
        return {}


def _rule(id: str) -> dict[str, Any]:
    idiom = BY_ID[id]
    return {
        "id": id,
        "name": "".join(word.capitalize() for word in idiom.name.split() if word.isalnum()),
        "shortDescription": {"text": idiom.name},
        "fullDescription": {"text": f"{idiom.becomes}: {idiom.replacement}"},
        "defaultConfiguration": {"level": LEVELS[idiom.becomes]},
        "properties": {
            "becomes": str(idiom.becomes),
            "effort": str(idiom.effort),
            "tags": list(idiom.pitfalls),
        },
    }


def _result(one: Place, index: int) -> dict[str, Any]:
    cell = f" (cell {one['cell']}, line {one['line']})" if one["cell"] else ""
    location: dict[str, Any] = {"artifactLocation": {"uri": uri(one["path"])}}
    if not one["cell"]:  # the lines of a cell are none of the file's
        location["region"] = {"startLine": one["line"], "startColumn": one["column"]}
    return {
        "ruleId": one["id"],
        "ruleIndex": index,
        "level": LEVELS[one["becomes"]],
        "message": {"text": f"{one['idiom']}{cell}: {one['replacement']}"},
        "locations": [{"physicalLocation": location}],
    }


def _notification(one: Unread) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": uri(one["path"])}}
    if one["line"]:
        location["region"] = {"startLine": one["line"]}
    message = {"text": f"{one['path']} {one['reason']}"}
    return {
        "level": "error",
        "message": message,
        "locations": [{"physicalLocation": location}],
    }


def uri(path: str) -> str:
    """A path as a URI: relative to where the scan ran if it is below that."""
    if os.path.isabs(path) and not os.path.relpath(path).startswith(".."):
        path = os.path.relpath(path)
    quoted = urllib.parse.quote(path.replace(os.sep, "/").encode(errors="surrogateescape"))
    return f"file://{quoted}" if os.path.isabs(path) else quoted
