"""A filter for an HTTPS tunnel: passes only Calendly's webhooks to the local stack. Never open the tunnel to the
emulator's own port: anybody could read the secrets and run code there.

    python3 tests/stack/env.py local python3 tests/stack/tunnel_filter.py [PORT]
"""

import os
import re
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The most that a function on AWS takes.
LARGEST = 6 * 1024 * 1024


class TunnelFilter(BaseHTTPRequestHandler):
    def do_POST(self):
        # The Host is the tunnel's. Only browsers send an Origin, and no webhook comes from a page.
        if self.headers.get("Origin") is not None:
            return self.send_error(403)
        if not re.fullmatch(r"/webhooks/calendly(/[a-z0-9-]{1,40})?(\?[\w=&]*)?", self.path):
            return self.send_error(404)
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST))
        headers = {"Content-Type": "application/json"}
        if signature := self.headers.get("Calendly-Webhook-Signature"):
            headers["Calendly-Webhook-Signature"] = signature
        try:
            request = urllib.request.Request(self.server.api + self.path, body, headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                self.send_response(answer.status)
        except urllib.error.HTTPError as error:
            self.send_response(error.code)
        except OSError:
            self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main():
    api, port = os.environ["API_URL"], int(sys.argv[1]) if len(sys.argv) > 1 else 4580
    print(f"POST /webhooks/calendly[/…] on http://127.0.0.1:{port} goes to {api}; Ctrl-C stops it", flush=True)
    server = ThreadingHTTPServer(("127.0.0.1", port), TunnelFilter)
    server.api = api
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
