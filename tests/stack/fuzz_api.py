"""`make fuzz-api`: schemathesis calls each operation of the served OpenAPI document with made-up values, right and wrong
ones, on a local stack of its own. Every check of schemathesis must pass. With URL= and API_KEY, another stack is called.

The seed is fixed, so that a finding comes again. Sequences of calls are not made up: they would switch the connection
off or delete it. Stories are in play.py.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import tools
from stack import Failed, Stack

HERE = Path(__file__).resolve().parent
SEED = 20261126
EXAMPLES = 30
MANY = 100_000  # calls and bookings; the most that the settings take

# Statuses that a valid request may get. 410: a setup token or a hold that nobody made. 422: a name, zone or address that
# is well formed and that nothing has.
ACCEPTED = ["2xx", "401", "403", "404", "409", "410", "422"]
# Operations with rules that JSON Schema cannot say: the order of two instants, a zone for a local time, queries with one
# of two keys, wording, conditions and settings with a grammar of their own, cursors, public URLs, types of events,
# versions that are stored, names that are taken by paths, conversations that a header or the body names. Their valid
# requests may get 400 too.
MORE_RULES = [
    "alternatives", "available_times", "book", "bookings_report", "busy_times", "confirm_code", "create_connection",
    "create_endpoint", "hold", "link", "list_bookings", "list_endpoints", "attempts", "post_events",
    "preview_templates", "put_settings", "recover", "replay", "restore_settings", "rotate_secret", "send_code",
    "setup", "setup_token", "test_endpoint", "update_connection", "update_endpoint",
]  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", help="the API of a running stack; its key is in API_KEY, its requests are not limited")
    options.add_argument("--seed", type=int, default=SEED)
    options.add_argument("--examples", type=int, default=EXAMPLES)
    options.add_argument("--operation", help="only this operation")
    given = options.parse_args()
    tools.require()
    sys.stdout.reconfigure(line_buffering=True)
    try:
        if given.url:
            fuzz(given, given.url, os.environ["API_KEY"])
            return
        with Stack("fuzz", log_wait=10) as stack:
            raise_limits(stack)
            fuzz(given, stack.env["API_URL"], stack.env["API_KEY"])
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


def raise_limits(stack):
    """Lets the key make as many calls as schemathesis needs."""
    path = "/api/connections/default/settings"
    status, answer = stack.api("GET", path)
    if status != 200:
        raise Failed(f"the settings should be readable: {status} {answer}")
    settings = answer["settings"]
    limits = ("requests_per_minute", "per_minute", "per_hour", "per_day")
    settings["booking"] = settings.get("booking", {}) | dict.fromkeys(limits, MANY)
    status, answer = stack.api("PUT", path, {"settings": settings})
    if status != 200:
        raise Failed(f"the limits should have been raised: {status} {answer}")


def fuzz(given, url, key):
    """Calls the API, and fails if there is a finding."""
    token = make_endpoint(url, key)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "schemathesis.toml").write_text(config(given))
        # Served, not committed: what a client gets.
        (folder / "openapi.json").write_text(json.dumps(call(url, key, "GET", "/api/openapi.json")))
        command = [tools.install("fuzz") / "bin/schemathesis", "--config-file", folder / "schemathesis.toml", "run"]
        command += [folder / "openapi.json", "--url", url]
        if given.operation:
            command += ["--include-operation-id", given.operation]
        env = os.environ | {
            "API_KEY": key, "CATCH_UP_TOKEN": token, "SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(HERE),
        }  # fmt: skip
        if subprocess.run(command, env=env, cwd=folder).returncode:
            raise Failed("the API does not do what its document says: see above")


def make_endpoint(url, key):
    """Creates an endpoint, so that there is a catch-up token. Returns the token."""
    return call(url, key, "POST", "/api/endpoints", {"delivery": "poll", "events": ["*"]})["catchUpToken"]


def call(url, key, method, path, body=None):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=35) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise Failed(f"{method} {path} got {error.code}: {error.read().decode(errors='replace')}") from None


def config(given):
    """Returns schemathesis' configuration. It reads the secrets from its environment."""
    return f"""
seed = {given.seed}
# Python 3.11 cannot parse in several threads, and a seed gives the same calls with one only.
workers = 1
request-timeout = 35
continue-on-failure = true

[generation]
max-examples = {given.examples}
# HTTP gateways refuse it in paths before the API sees it.
allow-x00 = false

[phases]
stateful.enabled = false

[auth.openapi.bearer]
bearer = "${{API_KEY}}"

[auth.openapi.catchUpToken]
bearer = "${{CATCH_UP_TOKEN}}"

[checks]
positive_data_acceptance.expected-statuses = {json.dumps(ACCEPTED)}

[[operations]]
include-operation-id = {json.dumps(MORE_RULES)}
checks.positive_data_acceptance.expected-statuses = {json.dumps([*ACCEPTED, "400"])}
"""


if __name__ == "__main__":
    main()
