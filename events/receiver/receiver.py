#!/usr/bin/env python3
"""Receives VAI's webhooks. Needs Python 3.11 or later and nothing else; with the package `cryptography` it checks v1a.

    WEBHOOK_SECRET=whsec_… python3 receiver.py
    python3 receiver.py --api https://api.example.com --url https://me.example.com/webhooks/vai --setup-token …

Put your own code into `handle`. README.md says what the rest does.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

TYPES = {
    "conversation.started", "message.received", "message.sent", "conversation.ended", "agent.metrics", "webhook.test",
    "booking.created", "booking.rescheduled", "booking.canceled", "booking.reminded", "booking.no_show",
    "booking.no_show_withdrawn", "booking.completed", "notification.delivered", "notification.failed",
    "notification.replied", "endpoint.failing", "endpoint.disabled",
}  # fmt: skip
CATCH_UP_PATHS = {"booking": "bookings", "conversation": "conversations"}
TOLERANCE_SECONDS = 300
CALL_SECONDS = 5
KEYS_SECONDS, KEYS_AT_MOST_SECONDS, KEYS_RETRY_SECONDS = 3600, 24 * 3600, 60
MAX_BODY_BYTES = 1024 * 1024
REMEMBERED_IDS = 10_000
# What a call can fail with: no answer, or another answer than expected.
CALL_ERRORS = (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError)


def handle(event, stream, number):
    """Your code. It gets each event once; those of a stream in their order."""
    print(f"event: {event.get('type')} {stream or '-'} {number or '-'}", flush=True)


class Refused(Exception):
    """The answer to a delivery that is not accepted. The sender tries again later."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: the token must not reach another host."""

    def redirect_request(self, *_):
        return None


def call(url, token=None, body=None):
    """Returns the JSON that a URL answers; with a body, it is a POST."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, headers=headers, data=json.dumps(body).encode() if body else None)
    with urllib.request.build_opener(NoRedirects).open(request, timeout=CALL_SECONDS) as answer:
        return json.load(answer)


def decode(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def read_key(secret):
    """Returns the key for v1: what whsec_ encodes, or the UTF-8 of a secret in your own words."""
    key = decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    if secret.startswith("whsec_") and not 24 <= len(key) <= 64:
        raise ValueError("a secret that begins with whsec_ must go on with base64 of 24 to 64 bytes")
    return key


def read_sequence(event):
    """Returns stream, number and previous digest. An event that a template has changed may have none."""
    match event:
        case {"sequence": {"stream": str(stream), "number": int(number), **others}} if number > 0:
            previous = others.get("previous")
            if previous is None or isinstance(previous, str):
                return stream, number, previous
    return None, None, None


class Stream:
    """What is known of one booking or conversation."""

    def __init__(self):
        self.lock = threading.Lock()
        self.through = self.held = self.highest = 0  # the last number, the count of events, the highest number seen
        self.digest = None  # of the last event


class Receiver:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.streams, self.seen, self.by_type = {}, {}, {}
        self.counts = dict.fromkeys(
            ("received", "unknownTypes", "duplicates", "refused", "v1", "v1a", "v1aUnchecked", "gaps", "fetched"), 0
        )
        self.last_received = None
        self.keys, self.keys_at, self.keys_tried_at = [], 0, 0
        self.dump = open(options.dump, "w", encoding="utf-8") if options.dump else None

    def verify(self, headers, body):
        """Checks id, timestamp and signatures; returns the id. Source: Standard Webhooks 1.0.0."""
        event_id, seconds, signatures = (headers.get(f"webhook-{it}") or "" for it in ("id", "timestamp", "signature"))
        if not re.fullmatch(r"[!-\-/-~]+", event_id) or not re.fullmatch(r"[0-9]{1,12}", seconds):
            raise Refused(401, "webhook-id or webhook-timestamp is missing or malformed")
        content = f"{event_id}.{seconds}.".encode() + body
        found = {"v1": [], "v1a": []}
        for scheme, _, signature in (it.partition(",") for it in signatures.split(" ")):
            if scheme in found:
                found[scheme].append(decode(signature))
        checked = []
        if found["v1"] and self.options.key:
            expected = hmac.digest(self.options.key, content, "sha256")
            if not any([hmac.compare_digest(expected, it) for it in found["v1"]]):
                raise Refused(401, "no signature v1 is right")
            checked.append("v1")
        if found["v1a"]:
            if keys := self.public_keys():
                if not any(verifies(key, it, content) for key in keys for it in found["v1a"]):
                    raise Refused(401, "no signature v1a is right")
                checked.append("v1a")
            else:
                checked.append("v1aUnchecked")
        if checked in ([], ["v1aUnchecked"]):
            raise Refused(401, "there is no signature that can be checked here")
        if abs(time.time() - int(seconds)) > TOLERANCE_SECONDS:
            raise Refused(401, "the timestamp is more than 5 minutes old or ahead")
        for scheme in checked:
            self.count(scheme)
        return event_id

    def public_keys(self):
        """Returns the keys for v1a: a copy is asked for anew after an hour, and used for a day at most."""
        if not self.options.keys_url or not Ed25519PublicKey:
            return []
        with self.lock:
            now = time.time()
            if now - self.keys_at > KEYS_SECONDS and now - self.keys_tried_at > KEYS_RETRY_SECONDS:
                self.keys_tried_at = now
                try:
                    named = [it["key"] for it in call(self.options.keys_url)["keys"]]
                    decoded = [decode(it.removeprefix("whpk_")) for it in named if it.startswith("whpk_")]
                    self.keys = [Ed25519PublicKey.from_public_bytes(it) for it in decoded if len(it) == 32]
                    self.keys_at = now
                except CALL_ERRORS as error:
                    print(f"keys: can't be fetched: {error}", file=sys.stderr, flush=True)
            return self.keys if now - self.keys_at < KEYS_AT_MOST_SECONDS else []

    def receive(self, event_id, body):
        """Takes a verified delivery. Returns whether it was there before."""
        try:
            text = body.decode()
            event = json.loads(text)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        name, number, _ = read_sequence(event)
        with self.lock:
            stream = self.streams.setdefault(name, Stream())
        # One at a time in a stream; the others don't wait.
        with stream.lock:
            if event_id in self.seen or name and number <= stream.through:
                self.count("duplicates")
                return True
            if not name:
                self.accept(event_id, text, event, None, None)
                return False
            missing = []
            if number > stream.through + 1:
                if number > stream.highest:
                    self.count("gaps")
                stream.highest = max(stream.highest, number)
                missing = self.catch_up(name, stream, number - 1)
            self.append(name, stream, [*missing, (number, event_id, text)])
            self.count("fetched", len(missing))
            return False

    def catch_up(self, name, stream, until):
        """Fetches the events that lack, as they were delivered. Without a token, they stay missing."""
        kind, _, key = name.partition("/")
        options = self.options
        if not (options.api and options.catch_up_token and kind in CATCH_UP_PATHS):
            stream.through, stream.digest = until, "unknown"
            return []
        path = f"{options.api}/api/{CATCH_UP_PATHS[kind]}/{urllib.parse.quote(key, safe='')}/events"
        missing = []
        while (through := stream.through + len(missing)) < until:
            try:
                answer = call(f"{path}?after={through}", options.catch_up_token)
                for event in answer["events"]:
                    if event["number"] == stream.through + len(missing) + 1 <= until:
                        missing.append((event["number"], event["id"], event["body"]))
                has_more = answer["hasMore"]
            except CALL_ERRORS as error:
                raise Refused(503, f"catching up failed: {error}") from None
            now = stream.through + len(missing)
            if now == through or now < until and not has_more:
                raise Refused(503, f"catching up gave nothing after number {now}")
        return missing

    def append(self, name, stream, events):
        """Takes the next events of a stream, if each names the digest of the one before it; else none of them."""
        digest, parsed = stream.digest, []
        for number, event_id, text in events:
            try:
                # An event for which the endpoint's template failed was never sent: its body is empty.
                if text:
                    event = json.loads(text)
                    sequence = read_sequence(event)
                    if sequence != (name, number, sequence[2] if digest == "unknown" else digest):
                        raise ValueError
                    parsed.append((event_id, text, event, number))
                digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
            except (AttributeError, ValueError, TypeError):
                raise Refused(409, f"event {number} does not follow the one before it") from None
        stream.through, stream.held, stream.digest = events[-1][0], stream.held + len(events), digest
        stream.highest = max(stream.highest, stream.through)
        for event_id, text, event, number in parsed:
            self.accept(event_id, text, event, name, number)

    def accept(self, event_id, text, event, name, number):
        event = event if isinstance(event, dict) else {}
        with self.lock:
            self.seen[event_id] = True
            if len(self.seen) > REMEMBERED_IDS:
                del self.seen[next(iter(self.seen))]
            kind = event.get("type")
            known = kind if kind in TYPES else "unknown"
            self.by_type[known] = self.by_type.get(known, 0) + 1
            self.counts["received"] += 1
            self.counts["unknownTypes"] += known == "unknown"
            self.last_received = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            if self.dump:
                line = {"stream": name, "number": number, "id": event_id, "body": text}
                self.dump.write(json.dumps(line) + "\n")
                self.dump.flush()
        handle(event, name, number)

    def count(self, name, number=1):
        with self.lock:
            self.counts[name] += number

    def status(self):
        with self.lock:
            streams = {name: it for name, it in self.streams.items() if name}
            counts = self.counts
            return {
                "ready": self.is_ready(),
                "received": counts["received"],
                "byType": self.by_type,
                "unknownTypes": counts["unknownTypes"],
                "lastReceived": self.last_received,
                "duplicates": counts["duplicates"],
                "refused": counts["refused"],
                "signatures": {name: counts[name] for name in ("v1", "v1a", "v1aUnchecked")},
                "gaps": {
                    "found": counts["gaps"],
                    "fetched": counts["fetched"],
                    "missing": sum(it.highest - it.held for it in streams.values()),
                },
                "streams": {name: it.through for name, it in streams.items()},
            }

    def is_ready(self):
        return bool(self.options.key or self.options.keys_url)


def verifies(key, signature, content):
    try:
        key.verify(signature, content)
        return True
    except InvalidSignature:
        return False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    receiver = None

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path == "/webhook/status":
            self.answer(200, self.receiver.status())
        else:
            self.answer(404, {"error": "there are /health and /webhook/status; deliveries are sent by POST"})

    def do_POST(self):
        try:
            body = self.read_body()
            if not self.receiver.is_ready():
                raise Refused(503, "there is no secret yet: the set-up is not done")
            duplicate = self.receiver.receive(self.receiver.verify(self.headers, body), body)
            self.answer(200, {"received": True, "duplicate": duplicate})
        except Refused as refused:
            self.receiver.count("refused")
            print(f"refused: {refused}", file=sys.stderr, flush=True)
            self.answer(refused.status, {"error": str(refused)})

    def read_body(self):
        length = self.headers.get("content-length") or ""
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise Refused(413, f"the body has no length, or more than {MAX_BODY_BYTES} bytes")
        return self.rfile.read(int(length))

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def read_options():
    parser = argparse.ArgumentParser(description="Receives VAI's webhooks.")
    env = os.environ.get
    parser.add_argument("--port", type=int, default=int(env("PORT") or 3004), help="PORT; 0 is any free one")
    parser.add_argument("--host", default=env("HOST_ADDRESS") or "127.0.0.1", help="HOST_ADDRESS")
    parser.add_argument("--secret", default=env("WEBHOOK_SECRET"), help="WEBHOOK_SECRET; flags are seen by other users")
    parser.add_argument("--keys-url", default=env("KEYS_URL"), help="KEYS_URL: where the keys for v1a are")
    parser.add_argument("--api", default=env("API_URL"), help="API_URL: where missing events are fetched")
    parser.add_argument("--catch-up-token", default=env("CATCH_UP_TOKEN"), help="CATCH_UP_TOKEN")
    parser.add_argument("--setup-token", default=env("SETUP_TOKEN"), help="SETUP_TOKEN: registers this receiver")
    parser.add_argument("--url", default=env("PUBLIC_URL"), help="PUBLIC_URL: its own address, for --setup-token")
    parser.add_argument("--state", default=env("STATE_FILE") or ".vai-receiver.json", help="keeps what the set-up gave")
    parser.add_argument("--dump", help="writes each event as a line of JSON")
    options = parser.parse_args()
    options.api = options.api and options.api.rstrip("/")
    if options.setup_token and not (options.api and options.url):
        parser.error("--setup-token also needs --api and --url")
    options.key = None
    try:
        if options.secret:
            options.key = read_key(options.secret)
        elif not options.setup_token and os.path.exists(options.state):
            with open(options.state, encoding="utf-8") as file:
                adopt(options, json.load(file))
    except CALL_ERRORS as error:
        parser.error(f"the secret or {options.state} can't be used: {error}")
    if not (options.setup_token or options.key or options.keys_url):
        parser.error("set WEBHOOK_SECRET, or give --setup-token, --api and --url")
    return options


def adopt(options, answer):
    options.key, options.catch_up_token = read_key(answer["secret"]), answer["catchUpToken"]
    options.keys_url, options.api = answer.get("keysUrl"), answer.get("api") or options.api


def set_up(options):
    """Registers this receiver, and keeps secret and token for the next start."""
    try:
        # The signed test comes while this call is answered, so the secret must be known before.
        secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        options.key = read_key(secret)
        body = {"token": options.setup_token, "url": options.url, "secret": secret, "verify": True}
        answer = call(f"{options.api}/api/endpoints/setup", body=body)
        adopt(options, answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"set-up refused: {error.code} {error.read(300).decode(errors='replace')}")
    except CALL_ERRORS as error:
        sys.exit(f"set-up failed: {error}")
    with open(os.open(options.state, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(answer | {"api": options.api}, file)
    print(f"set up: endpoint {answer.get('id')}; secret and token are in {options.state}", flush=True)


def main():
    options = read_options()
    Handler.receiver = Receiver(options)
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    print(f"receiver: http://{options.host}:{server.server_port}", flush=True)
    if options.keys_url and not Ed25519PublicKey:
        print("v1a: UNCHECKED, the package cryptography is missing", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.setup_token:
        set_up(options)
    threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
