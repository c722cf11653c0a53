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

API = os.environ["API_URL"]
LARGEST = 256 * 1024 + 1


class TunnelFilter(BaseHTTPRequestHandler):
    def do_POST(self):
        if not re.fullmatch(r"/webhooks/calendly(/[a-z0-9-]{1,40})?(\?[\w=&]*)?", self.path):
            return self.send_error(404)
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST))
        headers = {"Content-Type": "application/json"}
        if signature := self.headers.get("Calendly-Webhook-Signature"):
            headers["Calendly-Webhook-Signature"] = signature
        try:
            with urllib.request.urlopen(urllib.request.Request(API + self.path, body, headers), timeout=5) as answer:
                self.send_response(answer.status)
        except urllib.error.HTTPError as error:
            self.send_response(error.code)
        except OSError:
            self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()


port = int(sys.argv[1]) if len(sys.argv) > 1 else 4580
print(f"POST /webhooks/calendly[/…] on http://127.0.0.1:{port} goes to {API}; Ctrl-C stops it", flush=True)
try:
    ThreadingHTTPServer(("127.0.0.1", port), TunnelFilter).serve_forever()
except KeyboardInterrupt:
    pass
