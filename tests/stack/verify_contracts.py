"""Checks the OpenAPI document and the tools for models as their users take them: a linter, a client generator, and the
types of three vendors' SDKs.

    .tools/verify/bin/python tests/stack/verify_contracts.py shared/api/openapi.json shared/api/tools.json

The committed documents are the served ones: a Rust test compares them. Each check is first tried on a document that it
must refuse, so that a check that accepts everything is noticed.
"""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from anthropic.types import ToolParam
from google.genai import types as gemini
from openai.types.chat import ChatCompletionToolParam
from openai.types.responses import FunctionToolParam
from pydantic import TypeAdapter, ValidationError

TOOLS = Path(sys.prefix)
IMPORT_ALL = """
import importlib, pkgutil, client
names = [it.name for it in pkgutil.walk_packages(client.__path__, "client.")]
list(map(importlib.import_module, names))
print(len(names))
"""


def lint(document, folder):
    """Returns what Redocly's recommended rules find: warnings count too."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    config = folder / "redocly.yaml"
    config.write_text("extends: [recommended]\nrules: {operation-tag-defined: error, info-contact: error}\n")
    env = os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    command = [TOOLS / "bin/node", TOOLS / "node_modules/@redocly/cli/bin/cli.js", "lint", path, "--config", config]
    ran = subprocess.run([*command, "--format=json"], env=env, capture_output=True, text=True, cwd=folder)
    try:
        found = json.loads(ran.stdout)["problems"]
    except (ValueError, KeyError):
        return [f"redocly failed: {ran.stdout}{ran.stderr}"]
    return [f"{it['location'][0].get('pointer')}: {it['message']}" for it in found]


def generate(document, folder):
    """Returns what keeps openapi-python-client from making a client that can be imported. Its warnings count too."""
    path, config = folder / "openapi.json", folder / "client.yaml"
    path.write_text(json.dumps(document))
    config.write_text("post_hooks: []\n")
    command = [TOOLS / "bin/openapi-python-client", "generate", "--path", path, "--config", config, "--meta", "none"]
    command += ["--output-path", folder / "client", "--overwrite", "--fail-on-warning"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if ran.returncode:
        return [ran.stdout + ran.stderr]
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, cwd=folder)
    if ran.returncode:
        return ["the client cannot be imported: " + ran.stderr]
    # A body whose type the generator does not understand has no class of its own.
    schemas = document["components"]["schemas"]
    wanted = {re.sub(r"\W", "", it).lower() for it in schemas if it.endswith("Request")}
    made = {it.stem.replace("_", "") for it in (folder / "client/models").glob("*.py")}
    return [f"no class for {it}" for it in sorted(wanted - made)]


def openai_chat(tool):
    TypeAdapter(ChatCompletionToolParam).validate_python(tool, extra="forbid")


def openai_responses(tool):
    TypeAdapter(FunctionToolParam).validate_python(
        {"type": "function", "strict": False, **tool["function"]}, extra="forbid"
    )


def anthropic(tool):
    function = tool["function"]
    TypeAdapter(ToolParam).validate_python(
        {
            "name": function["name"],
            "description": function["description"],
            "input_schema": function["parameters"],
        },
        extra="forbid",
    )


def google_genai(tool):
    gemini.Tool.model_validate({"function_declarations": [tool["function"]]})


VENDORS = [openai_chat, openai_responses, anthropic, google_genai]


def take(tools, vendors=VENDORS):
    """Returns the tools that a vendor's types refuse, and why."""
    problems = []
    for vendor in vendors:
        for tool in tools:
            try:
                vendor(tool)
            except ValidationError as error:
                problems.append(f"{vendor.__name__} refuses {tool['function']['name']}: {error}")
    return problems


def spoil_document(document):
    """Returns the document with a schema that is `true`."""
    spoiled = copy.deepcopy(document)
    answer = spoiled["paths"]["/api/tools"]["get"]["responses"]["200"]
    answer["content"]["application/json"]["schema"] = True
    return spoiled


def spoil_tool(tools, vendor):
    """Returns a tool that the vendor's types refuse."""
    spoiled = copy.deepcopy(tools[-1])
    if vendor is google_genai:
        spoiled["function"]["parameters"]["propertyNames"] = {"maxLength": 9}
    else:
        spoiled["function"]["name"] = 7
    return spoiled


def main():
    document, tools = (json.loads(Path(it).read_text(encoding="utf-8")) for it in sys.argv[1:3])
    problems = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for check in (lint, generate):
            if not check(spoil_document(document), folder):
                problems.append(f"{check.__name__} accepts a schema that is true")
            problems += [f"{check.__name__}: {it}" for it in check(document, folder)]
    for vendor in VENDORS:
        if not take([spoil_tool(tools, vendor)], [vendor]):
            problems.append(f"{vendor.__name__} accepts a tool that is none")
    problems += take(tools)
    for one in problems:
        print(one)
    print(f"contracts: {len(document['paths'])} paths, {len(tools)} tools, {len(problems)} problems")
    sys.exit(len(problems) > 0 or not tools)


if __name__ == "__main__":
    main()
