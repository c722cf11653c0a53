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
# The paths of what models call.
FOR_MODELS = ("/api/calendly/", "/api/codes")
# What people answered: numbers and truth values count as text there.
ANSWERS = ("customAnswers", "qualification")
# A number there is a mistake.
NAMES_AND_ADDRESSES = ("inviteeName", "inviteeEmail", "userEmail")
# Words for a key that is left out. Of these, "None" may be an answer.
NO_VALUE = ("null", "none", "undefined", "n/a")
NO_ANSWER = ("null", "undefined")


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """Leaves out line breaks: the local gateway finds no route for them, so the API does not see such calls."""
    return not any("\n" in unquote(str(it)) for it in (path_parameters or {}).values())


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops a wrong request that was accepted, if it means a right one: docs/booking-api.md, "What models send"."""
    if not isinstance(failure, AcceptedNegativeData) or not case.path.startswith(FOR_MODELS):
        return True
    operation = DOCUMENT["paths"][case.path][case.method.lower()]
    if leaves_out_all_that_is_wrong(operation.get("parameters", []), case.query or {}):
        return False
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("schema")
    if body is None or isinstance(case.body, (NotSet, bytes)):
        return True
    return is_valid(body, case.body) or not is_valid(body, as_meant(body, case.body))


def leaves_out_all_that_is_wrong(parameters, query):
    """Returns whether each wrong parameter of a query is an optional one with a word for no value."""
    known = {it["name"]: it for it in parameters if it["in"] == "query" and it["name"] in query}
    wrong = [key for key, it in known.items() if not is_valid(it["schema"], read(it["schema"], query[key]))]
    # One that is given several times has several values.
    values = {key: query[key] if isinstance(query[key], list) else [query[key]] for key in wrong}
    return bool(wrong) and all(all(map(is_blank, values[key])) and not known[key].get("required") for key in wrong)


def read(schema, value):
    """Returns the value of a parameter."""
    return parse(value) if isinstance(value, str) and "integer" in schema.get("type", "") else value


def as_meant(schema, value, is_answer=False, key=None):
    """Returns what a value means where a schema is expected. What counts as left out becomes None."""
    schema = resolve(schema)
    kinds = schema.get("type", "")
    if is_single(kinds) and isinstance(value, list) and len(value) == 1 and not is_answer:
        value = value[0]
    if forms := [resolve(it) for it in schema.get("anyOf", [])]:
        if is_word(value, NO_VALUE) or value == []:
            return None
        if isinstance(value, dict) and any("properties" in it for it in forms) and all(map(is_blank, value.values())):
            return None
        meant = [as_meant(form, value, is_answer, key) for form in forms]
        return next((it for form, it in zip(forms, meant) if is_valid(form, it)), value)
    if "null" in kinds and is_blank(value):
        return None
    if isinstance(value, str) and "object" in kinds and "kind" in schema.get("properties", {}) and value[:1] != "{":
        return {"kind": value}
    if isinstance(value, str) and ("object" in kinds or "array" in kinds):
        value = parse(value) if value.lstrip().startswith(("{", "[")) else re.split("[,;\n]", value)
    if isinstance(value, dict) and "object" in kinds:
        known, further = schema.get("properties", {}), schema.get("additionalProperties") or {}
        # A question is no answer.
        answers = {key for key in value if key != "question" and (is_answer or key in ANSWERS)}
        # An answer that is none, or what was not found out, is left out.
        value = {key: it for key, it in value.items() if key in known or not is_word(it, NO_ANSWER)}
        return {key: as_meant(known.get(key, further), it, key in answers, key) for key, it in value.items()}
    if isinstance(value, list) and "array" in kinds:
        items = [it for it in value if not (isinstance(it, dict) and "question" in it and is_no_answer(it))]
        # An answer keeps its place, also if it is empty.
        return [as_meant(schema["items"], it, is_answer, key) for it in items if is_answer or not is_blank(it)]
    if isinstance(value, list) and is_answer:
        return "\n".join(map(str, value))
    if is_answer and value is None and "string" in kinds:
        return ""
    if isinstance(value, (int, float)) and is_answer:
        return str(value)
    if is_whole(value) and "string" in kinds and "format" not in schema and key not in NAMES_AND_ADDRESSES:
        return str(int(value))
    return parse(value) if isinstance(value, str) and "integer" in kinds else value


def is_single(kinds):
    """Returns whether a schema's types are those of a single value."""
    return not {"object", "array"} & set([kinds] if isinstance(kinds, str) else kinds) and kinds != ""


def is_whole(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 and value == int(value)


def is_no_answer(pair):
    return "answer" in pair and is_word(pair["answer"], NO_ANSWER)


def is_word(value, words):
    return value is None or isinstance(value, str) and value.strip().lower() in words


def is_blank(value):
    return is_word(value, ("", *NO_VALUE))


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
