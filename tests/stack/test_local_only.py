import asyncio
import threading
import unittest
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer

import local_only
import tunnel_filter

HERE = {"host": "127.0.0.1:4566"}


class Callers(unittest.TestCase):
    def test_programs_and_pages_of_this_machine_may_call(self):
        for host in ("127.0.0.1:4566", "localhost", "LOCALHOST:4566", "[::1]:4566", "abc.execute-api.localhost:4566"):
            self.assertIsNone(local_only.refusal({"host": host}), host)
        for origin in ("http://127.0.0.1:4570", "http://localhost:4570", "http://[::1]:1"):
            self.assertIsNone(local_only.refusal(HERE | {"origin": origin}), origin)
        self.assertIsNone(local_only.refusal(HERE | {"origin": "null", "sec-fetch-site": "same-origin"}))
        for site in ("none", "same-origin", "same-site"):
            self.assertIsNone(local_only.refusal(HERE | {"sec-fetch-site": site}), site)
        # A page at localhost calls 127.0.0.1.
        origin = {"origin": "http://localhost:4570", "sec-fetch-site": "cross-site"}
        self.assertIsNone(local_only.refusal(HERE | origin))

    def test_pages_of_websites_may_not(self):
        for host in ("evil.example", "127.0.0.1.evil.example:4566", "localhost.evil.example", "0.0.0.0:4566", "", "[::1"):
            self.assertIsNotNone(local_only.refusal({"host": host}), host)
        self.assertIsNotNone(local_only.refusal({}))
        for origin in ("https://evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example", "null", ""):
            self.assertIsNotNone(local_only.refusal(HERE | {"origin": origin}), origin)
        self.assertIsNotNone(local_only.refusal(HERE | {"origin": "null", "sec-fetch-site": "cross-site"}))
        # A picture or a link has no Origin.
        self.assertIsNotNone(local_only.refusal(HERE | {"sec-fetch-site": "cross-site"}))

    def test_a_foreign_call_does_not_reach_the_application(self):
        reached, sent = [], []

        async def app(scope, receive, send):
            reached.append(scope["type"])

        async def send(message):
            sent.append(message)

        guarded = local_only.guard(app)
        for kind, host in (("http", b"evil.example"), ("websocket", b"evil.example"), ("http", b"localhost:4566")):
            asyncio.run(guarded({"type": kind, "headers": [(b"Host", host)]}, None, send))
        asyncio.run(guarded({"type": "lifespan"}, None, send))
        self.assertEqual(reached, ["http", "lifespan"])
        self.assertEqual([it.get("status") for it in sent], [403, None, None])


class Tunnel(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), tunnel_filter.TunnelFilter)
        self.server.api = "http://127.0.0.1:9"  # nothing listens there
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def post(self, path, **headers):
        url = f"http://127.0.0.1:{self.server.server_address[1]}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, b"{}", headers), timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def test_only_webhooks_of_programs_pass(self):
        # 503: it was passed on, and nobody answered.
        self.assertEqual(self.post("/webhooks/calendly/acme?rotated=1", Host="abc.tunnel.example"), 503)
        self.assertEqual(self.post("/webhooks/calendly", Origin="https://evil.example"), 403)
        self.assertEqual(self.post("/webhooks/calendly", Origin="null"), 403)
        self.assertEqual(self.post("/webhooks/calendly/../../_ministack/health"), 404)


if __name__ == "__main__":
    unittest.main()
