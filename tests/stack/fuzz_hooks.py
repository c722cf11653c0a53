"""Tells schemathesis what the OpenAPI document cannot say: how times look, which paths the local gateway does not pass,
and what the API takes that is not declared. Runs in the folder with openapi.json."""

import json
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.core.failures import AcceptedNegativeData

# Only real days, because a pattern cannot say how long each month is.
FIRST, LAST = datetime(1900, 1, 1), datetime(2200, 1, 1)
OFFSETS = st.sampled_from(["Z", "+02:00", "-05:00", "+05:45"])
LOCAL = st.datetimes(FIRST, LAST).map(lambda at: at.replace(microsecond=0).isoformat())
INSTANTS = st.tuples(LOCAL, OFFSETS).map("".join)

schemathesis.openapi.format("date-time", INSTANTS)
schemathesis.openapi.format("time-with-or-without-offset", INSTANTS | LOCAL.map(lambda it: it[:16]))

DOCUMENT = json.loads(Path("openapi.json").read_text())
# What people answered: numbers and truth values count as text there.
ANSWERS = ("customAnswers", "qualification")


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """Leaves out line breaks: the local gateway finds no route for them, so the API does not see such calls."""
    return not any("\n" in unquote(str(it)) for it in (path_parameters or {}).values())


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops a wrong request that was accepted, if it means a right one: docs/booking-api.md, "What models send"."""
    if not isinstance(failure, AcceptedNegativeData) or not case.path.startswith("/api/calendly/"):
        return True
    content = DOCUMENT["paths"][case.path][case.method.lower()].get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("schema")
    if body is None or isinstance(case.body, (NotSet, bytes)):
        return True
    return is_valid(body, case.body) or not is_valid(body, as_meant(body, case.body))


def as_meant(schema, value, is_answer=False):
    """Returns what a value means where a schema is expected. What counts as left out becomes None."""
    schema = resolve(schema)
    kinds = schema.get("type", "")
    if forms := [resolve(it) for it in schema.get("anyOf", [])]:
        if isinstance(value, dict) and any("properties" in it for it in forms) and all(map(is_blank, value.values())):
            return None
        meant = [as_meant(form, value, is_answer) for form in forms]
        return next((it for form, it in zip(forms, meant) if is_valid(form, it)), value)
    if "null" in kinds and is_blank(value):
        return None
    if isinstance(value, str) and ("object" in kinds or "array" in kinds):
        value = parse(value) if value.lstrip().startswith(("{", "[")) else re.split("[,;\n]", value)
    if isinstance(value, dict) and "object" in kinds:
        known, further = schema.get("properties", {}), schema.get("additionalProperties") or {}
        # A question is no answer.
        answers = {key for key in value if key != "question" and (is_answer or key in ANSWERS)}
        return {key: as_meant(known.get(key, further), it, key in answers) for key, it in value.items()}
    if isinstance(value, list) and "array" in kinds:
        # An answer keeps its place, also if it is empty.
        return [as_meant(schema["items"], it, is_answer) for it in value if is_answer or not is_blank(it)]
    if isinstance(value, list) and is_answer:
        return "\n".join(map(str, value))
    if isinstance(value, (int, float)) and is_answer:
        return str(value)
    return parse(value) if isinstance(value, str) and "integer" in kinds else value


def is_blank(value):
    return value is None or isinstance(value, str) and not value.strip()


def parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def resolve(schema):
    name = schema.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["schemas"][name] if name else schema


def is_valid(schema, value):
    return jsonschema_rs.is_valid({"allOf": [schema], "components": DOCUMENT["components"]}, value)
