"""Reads what iam.py recorded of a local stack: the calls that were refused, the permissions that no call needed."""

import json
from fnmatch import fnmatchcase


def read_record(folder):
    """Returns the decisions about calls, and the permissions of the roles."""
    path = folder / "roles.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [it for it in lines if "allowed" in it], [it for it in lines if "allowed" not in it]


def refusals(folder):
    """Returns a sentence for each call that a role did not permit."""
    return [
        f"{it['caller']} was refused {it['action']} on {it['resource']}: see {logical(it['role'])} in template.yaml"
        for it in read_record(folder)[0]
        if not it["allowed"]
    ]


def unused_permissions(folder):
    """Returns a line for each role with the permissions that no call needed."""
    decisions, permissions = read_record(folder)
    by_role = {}
    for it in permissions:
        if not any(is_of(one, it) for one in decisions):
            by_role.setdefault(logical(it["role"]), []).append(f"{it['action']} on {short(it['resource'])}")
    return [f"{role}: {', '.join(unused)}" for role, unused in by_role.items()]


def is_of(decision, permission):
    """Returns whether a call needed a permission. Patterns of IAM have `*` and `?`, but no sets in brackets."""
    same = all(decision[key] == permission[key] for key in ("role", "action"))
    return same and fnmatchcase(decision["resource"], permission["resource"].replace("[", "[[]"))


def silent_functions(folder, functions):
    """Returns the functions without a decision: of these, the record says nothing."""
    callers = {it["caller"] for it in read_record(folder)[0]}
    return [it for it in functions if not any(caller.endswith(f"-{it}") for caller in callers)]


def logical(role):
    """Returns a role's name in the template: the last but one part of the name that CloudFormation gave it."""
    return role.rsplit("-", 2)[-2]


def short(arn):
    """Returns the resource of an ARN."""
    return arn.split(":", 5)[-1]
