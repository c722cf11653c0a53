"""A flood on the public addresses, as a stranger could make it: wrong signatures, unknown connections, guessed keys and
links, bodies that are too large, on every route of template.yaml and every operation of openapi.json. The number of
calls and of connections is bounded.

What a route's calls are is pure (`calls_of`); a new route or operation is flooded without a change here.
"""

import http.client
import itertools
import json
import random
import re
import string
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tools import ROOT

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
# The largest bodies: more than a provider may send, and nearly what Lambda takes, in base 64.
LARGE, LARGEST = 900 * 1024, 4 * 1024 * 1024
# Of so many turns of a route, one has the large bodies: the emulator is slow with them.
LARGE_EVERY = 8
TIMEOUT = 35  # seconds

# Calls that are answered with a success though nobody proves who they are. Any other must be refused.
PUBLIC = {
    "GET /health": "says that the function runs",
    "GET /unsubscribe/{connection}/{booking}/{contact}": "the page that asks for the address",
    "HEAD /unsubscribe/{connection}/{booking}/{contact}": "the same",
    "POST /unsubscribe/{connection}/{booking}/{contact}": "the page that says that the address was noted",
    "ANY /.well-known/webhook-keys/{connection}": "public keys; a connection that does not exist has none",
}
# EngageLab tests an address before it has a secret. The test is answered, and not queued.
PROBE = "EngageLab's test"
# What may stand on the intake queue after a flood, if the connection exists: docs/security.md says so.
ADDRESS = "an address for a link that is not ours"
NOBODYS = "an address for nobody's connection"


@dataclass(frozen=True)
class Call:
    """A call of the flood. `§` in the path or the body stands for something else each time."""

    route: str  # the template's key of the route
    kind: str  # what is wrong with it
    method: str
    path: str
    headers: tuple = ()
    body: bytes = b""

    @property
    def is_large(self):
        return len(self.body) >= LARGE

    def may_succeed(self):
        """Returns whether a success is right."""
        return self.kind == PROBE or (self.route in PUBLIC and self.method in ("GET", "HEAD", "POST"))


@dataclass
class Outcome:
    """What became of a flood."""

    answers: dict = field(default_factory=lambda: defaultdict(Counter))  # by the route and what was wrong: statuses
    addresses: int = 0  # those that were answered, and so queued
    nobodys: int = 0  # those for connections that do not exist: queued while too many names are guessed to look each up
    seconds: float = 0.0

    def troubles(self):
        """Returns a sentence for each kind of call that was not answered as it must be."""
        found = []
        for call, statuses in self.answers.items():
            for status, number in statuses.items():
                what = f"{call.method} {call.path} with {call.kind}"
                if status is None:
                    found.append(f"{what} got no answer, {number} times")
                elif status >= 500:
                    found.append(f"{what} got {status}, {number} times")
                elif status < 400 and not call.may_succeed():
                    found.append(f"{what} was not refused: it got {status}, {number} times")
        return found

    def by_route(self):
        """Returns the lines of a table: a route, the number of calls, and how often each status was the answer."""
        found = defaultdict(Counter)
        for call, statuses in self.answers.items():
            found[call.route].update(statuses)
        told = lambda statuses: ", ".join(f"{number} x {status}" for status, number in sorted(statuses.items(), key=str))
        return [[route, sum(found[route].values()), told(found[route])] for route in routes() if route in found]


def routes():
    """Returns the keys of the template's routes."""
    return re.findall(r"RouteKey: (.+)", (ROOT / "template.yaml").read_text())


def operations():
    """Returns the operations of the API: (method, path)."""
    paths = json.loads((ROOT / "shared/api/openapi.json").read_text())["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods if method.upper() in METHODS]


def route_of(method, path, keys):
    """Returns the key of the route that takes a call: a whole match before one by `{proxy+}`, then the most literal."""
    found = []
    for key in keys:
        verb, pattern = key.split(" ", 1)
        parts = [".+" if part == "{proxy+}" else "[^/]+" if part.startswith("{") else re.escape(part)
                 for part in pattern.split("/")]  # fmt: skip
        if verb in ("ANY", method) and re.fullmatch("/".join(parts), path):
            found.append(("{proxy+}" not in pattern, sum("{" not in part for part in pattern.split("/")), key))
    return max(found)[2] if found else None


def all_calls():
    """Returns the calls of a flood on everything that is public."""
    keys = routes()
    mine = defaultdict(list)
    for method, path in operations():
        if key := route_of(method, filled(path), keys):
            mine[key].append((method, filled(path)))
    return [call for key in keys for call in calls_of(key, mine[key])]


def calls_of(key, operations=()):
    """Returns the calls that flood one route."""
    verb, pattern = key.split(" ", 1)
    pattern = pattern.replace("{proxy+}", "§")
    doors = [*operations, *((method, filled(pattern)) for method in (METHODS if verb == "ANY" else [verb]))]
    calls = []
    for method, path in dict.fromkeys(doors):
        has_body = method in ("POST", "PUT", "PATCH")
        body = '{"id":"§","created_at":"2026-11-27T09:00:00Z","event":"invitee.created","payload":{}}' if has_body else ""
        for kind, headers in proofs(path):
            calls.append(Call(key, kind, method, path, headers, body.encode()))
        if has_body:
            wrong = proofs(path)[-1][1]
            calls.append(Call(key, "a large body", method, path, wrong, b"x" * LARGE))
            calls.append(Call(key, "a body that is no JSON", method, path, wrong, b"\xff\xfe{[\x00"))
    calls.append(Call(key, "the largest body", calls[-1].method, calls[-1].path, proofs(pattern)[-1][1], b"{" * LARGEST))
    if "/webhooks/" in pattern and "{connection}" in pattern:
        # For a connection that exists, too.
        known = pattern.replace("{connection}", "default")
        calls += [Call(key, kind, verb, known, headers, b'{"id":"\xc2\xa7"}') for kind, headers in proofs(known)]
    if "/webhooks/engagelab" in pattern:
        calls.append(Call(key, PROBE, verb, filled(pattern), (), b"{}"))
    if pattern.startswith("/unsubscribe/"):
        signed = filled(pattern) + "?l=ro&s=0123456789abcdef"
        calls.append(Call(key, "a guessed signature", verb, signed))
        if verb == "POST":
            form = (("Content-Type", "application/x-www-form-urlencoded"),)
            address = "address=§%40nobody.example".encode()
            calls.append(Call(key, ADDRESS, verb, signed.replace("/§/", "/default/", 1), form, address))
            calls.append(Call(key, NOBODYS, verb, signed, form, address))
    return calls


def proofs(path):
    """Returns the wrong ways to prove who calls, by what the address asks for: what is wrong, and the headers."""
    none = ("nothing that proves who calls", ())
    token = (("Authorization", "Bearer vai_" + "§" * 43),)
    if "/webhooks/calendly" in path:
        return [none, ("an old signature", (("Calendly-Webhook-Signature", "t=1500000000,v1=" + "0" * 64),)),
                ("many signatures", (("Calendly-Webhook-Signature", "t=§now§" + (",v1=" + "1" * 64) * 40),)),
                ("a wrong signature", (("Calendly-Webhook-Signature", "t=§now§,v1=" + "0" * 64),))]  # fmt: skip
    if "/webhooks/engagelab" in path:
        wrong = "timestamp=§now§;nonce=§;username=sandbox-callback-user;signature=" + "0" * 64
        return [none, ("a wrong signature", (("X-CALLBACK-ID", wrong), ("Authorization", "Bearer §")))]
    if "/webhooks/twilio" in path:
        return [none, ("a wrong signature", (("X-Twilio-Signature", "A" * 27 + "="),))]
    return [none, ("a word of another kind", (("Authorization", "Basic §"),)), ("a wrong key", token)]


def filled(pattern):
    """Returns a path without placeholders. Each `§` becomes a guess when the call is made."""
    known = {"page": "callback?code=§&state=§", "booking": "bk-§"}
    return re.sub(r"\{(\w+)\}", lambda it: known.get(it[1], "§"), pattern)


def turn(calls):
    """Yields a route's calls again and again, those with large bodies more seldom."""
    for cycle in itertools.count():
        yield from (call for call in calls if not (call.is_large and cycle % LARGE_EVERY))


class Flood:
    """Sends calls over a few connections."""

    def __init__(self, url, calls, seed):
        self.url, self.calls, self.rng = urlsplit(url), calls, random.Random(seed)
        self.outcome, self.lock, self.over = Outcome(), threading.Lock(), threading.Event()

    def run(self, requests, connections):
        """Sends so many calls, and returns what became of them."""
        began, order = time.monotonic(), self.in_turn(requests)
        threads = [threading.Thread(target=self.send_all, args=(order,), daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def in_turn(self, requests):
        """Yields the calls: each route in turn, and each of its calls in turn."""
        by_route = defaultdict(list)
        for call in self.calls:
            by_route[call.route].append(call)
        turns = [turn(calls) for calls in by_route.values()]
        for number in range(requests):
            yield next(turns[number % len(turns)])

    def send_all(self, order):
        connection = None
        while not self.over.is_set():
            with self.lock:
                call = next(order, None)
                guess = "".join(self.rng.choices(string.ascii_lowercase + string.digits, k=8))
            if call is None:
                break
            connection = connection or http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=TIMEOUT)
            try:
                status = self.send(connection, call, guess)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection, status = None, None
            with self.lock:
                self.outcome.answers[call][status] += 1
                self.outcome.addresses += call.kind == ADDRESS and status == 200
                self.outcome.nobodys += call.kind == NOBODYS and status == 200
        if connection:
            connection.close()

    def send(self, connection, call, guess):
        """Makes one call, and returns the status of its answer."""
        now = str(int(time.time()))

        def guessed(text):
            return text.replace("§now§", now).replace("§" * 43, (guess * 6)[:43]).replace("§", guess)

        headers = {"Content-Type": "application/json"} | {name: guessed(value) for name, value in call.headers}
        body = call.body.replace("§".encode(), guess.encode()) if not call.is_large else call.body
        connection.request(call.method, self.url.path + guessed(call.path), body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
