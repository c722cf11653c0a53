#!/usr/bin/env python3
"""Prints each webhook that arrives, and what its signatures show. It needs the same as receiver.py.

    WEBHOOK_SECRET=whsec_… python3 catch.py

The answer is 200, or 401 if a signature is not right. Without a secret and an address of keys, nothing is checked.
"""

import argparse
import json
import os
import sys
import threading
from datetime import datetime
from http.server import ThreadingHTTPServer

from receiver import Handler, Receiver, Refused, read_key, read_sequence


class Catcher(Handler):
    printing = threading.Lock()

    def do_POST(self):
        try:
            body = self.read_body()
        except Refused as refused:
            return self.answer(refused.status, {"error": str(refused)})
        status, found = self.check(body)
        with self.printing:
            print(describe(self.headers, body, found), flush=True)
        self.answer(status, {"received": status == 200, "signatures": found})

    def check(self, body):
        """Returns the status of the answer, and what the signatures show."""
        receiver, signatures = self.receiver, (self.headers.get("webhook-signature") or "").split(" ")
        if receiver.is_ready():
            try:
                receiver.verify(self.headers, body)
            except Refused as refused:
                return refused.status, f"REFUSED: {refused}"
        found = []
        for scheme, key in {"v1": receiver.options.key, "v1a": receiver.public_keys()}.items():
            if any(it.startswith(f"{scheme},") for it in signatures):
                found.append(f"{scheme} {'ok' if key else 'not checked'}")
            else:
                found.append(f"no {scheme}")
        return 200, ", ".join(found)


def describe(headers, body, found):
    """Returns a block of lines. What would control the terminal is escaped: strangers may have written it."""
    try:
        event = json.loads(body)
        text = json.dumps(event, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        event, text = {}, body.decode(errors="backslashreplace")
    stream, number, _ = read_sequence(event)
    kind = headers.get("x-vai-event") or "no type"
    lines = [
        f"{datetime.now():%H:%M:%S}  {kind}  {headers.get('webhook-id') or 'no id'}",
        f"{stream} number {number}  {found}" if stream else found,
        *text.split("\n"),
    ]
    return "\n  ".join(escape(line) for line in lines) + "\n"


def escape(text):
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)


def main():
    parser = argparse.ArgumentParser(description="Prints webhooks. WEBHOOK_SECRET is the secret.")
    parser.add_argument("--port", type=int, default=4575, help="0 is any free one")
    port = parser.parse_args().port
    secret = os.environ.get("WEBHOOK_SECRET")
    try:
        key = read_key(secret) if secret else None
    except ValueError as error:
        parser.error(str(error))
    options = argparse.Namespace(key=key, keys_url=os.environ.get("KEYS_URL"), dump=None)
    Catcher.receiver = Receiver(options)
    server = ThreadingHTTPServer(("127.0.0.1", port), Catcher)
    checked = "signatures are checked" if Catcher.receiver.is_ready() else "signatures are NOT checked: give the secret"
    print(f"catch: http://127.0.0.1:{server.server_port}/, {checked}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        main()
    except KeyboardInterrupt:
        pass
