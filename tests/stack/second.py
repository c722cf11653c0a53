"""The second connection of the story: another customer logs in to Calendly by OAuth, and a person and an agent book with
her. Then she takes the permission back, and logs in again."""

import json
import re
import time
import urllib.error
import urllib.request

from stack import Failed
from times import full_minute

NAME = "freja-lund"
# The sandbox's OAuth app (tests/sandbox/src/keys.rs has the same).
APP = {"client_id": "sandbox-app", "client_secret": "sandbox-app-secret",
       "signing_key": "sandbox-app-signing-key-0123456789"}  # fmt: skip
PERSON = {"name": "Jonas Berg", "email": "jonas.berg@example.com", "timezone": "Europe/Copenhagen"}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class SecondConnection:
    def __init__(self, story):
        self.story, self.stack = story, story.stack
        self.browser = urllib.request.build_opener(NoRedirect)

    def connect(self):
        self.stack.operator("oauth-app", stdin=json.dumps(APP))
        made = self.story.call("POST", "/api/connections", {"id": NAME})
        if made["status"] == "awaiting_login":
            self.story.say("another customer's connection is made through the API; it awaits a login")
        self.log_in()
        connection = self.story.call("GET", f"/api/connections/{NAME}")
        if (connection["status"], connection["login"]) != ("active", "oauth"):
            raise Failed(f"the connection should be active by a login: {connection}")
        names = self.stack.operator("api-key", "list")
        if re.search(r"^freja ", names, re.MULTILINE):
            self.stack.operator("api-key", "remove", "--name", "freja")
        made = self.stack.operator("api-key", "add", "--name", "freja", "--scopes", "read,book,change,admin",
                                   "--connection", NAME)  # fmt: skip
        self.key = {"Authorization": f"Bearer {made.strip()}"}

    def log_in(self):
        """Follows the link as a browser does: to Calendly, and back with the cookie."""
        link = self.story.call("POST", f"/api/connections/{NAME}/calendly-login")["url"]
        status, headers, _ = self.open(link)
        if status != 302 or "code_challenge=" not in headers["location"]:
            raise Failed(f"the link should lead to Calendly, and gave {status}: {dict(headers)}")
        cookie = headers["set-cookie"].partition(";")[0]
        status, headers, _ = self.open(headers["location"] + "&allow=freja-lund")
        back = headers["location"]
        status, _, page = self.open(back, {"Cookie": cookie})
        if status != 200 or "Calendly is connected" not in page:
            raise Failed(f"the login should have connected Calendly: {status} {page}")
        if self.open(back, {"Cookie": cookie})[0] != 404:
            raise Failed("a link to log in should work once")
        self.story.say("she opens the link, allows it at Calendly, and her account is connected; the link works once")

    def book(self):
        """A person books on her public page, and an agent books through the API, with the login's token."""
        invitee = self.stack.post("/people/book", PERSON | {"event_type": "Discovery Call", "start_time": full_minute(minutes=70)})
        uuid = invitee["invitee"].rsplit("/", 1)[1]
        self.wait("the booking on her page", lambda: self.get(f"/api/calendly/bookings/{uuid}")[0] == 200)
        if (status := self.stack.api("GET", f"/api/calendly/bookings/{uuid}")[0]) != 404:
            raise Failed(f"the other connection should not see her booking, and got {status}")
        self.story.say("a person books on her page: her connection has the booking, the other one does not see it")
        request = {"eventType": "Demo", "preferredTime": full_minute(minutes=26 * 60), "inviteeName": PERSON["name"],
                   "inviteeEmail": PERSON["email"], "timezone": PERSON["timezone"], "conversationId": "conv-50"}  # fmt: skip
        self.story.call("POST", "/api/calendly/schedule", request, self.key)
        events = self.story.call("GET", f"/api/calendly/upcoming/{PERSON['email']}?days=7", headers=self.key)["events"]
        if {one["inviteeUuid"] for one in events} < {uuid}:
            raise Failed(f"both meetings should be listed: {events}")
        self.story.say("an agent books a Demo through the API with her login's token")

    def reconnect(self):
        """She removes the app at Calendly. The next call says so; a new login works at once."""
        self.stack.post("/control/revoke")
        status, answer = self.get(f"/api/calendly/upcoming/{PERSON['email']}?days=7")
        if status == 200 or answer["error"]["code"] != "calendly_refused":
            raise Failed(f"without a login, the call should be refused: {status} {answer}")
        connection = self.story.call("GET", f"/api/connections/{NAME}")
        if connection["status"] != "needs_reconnect":
            raise Failed(f"the connection should need a reconnect: {connection}")
        self.story.say("she removes the app from her account: calls are refused, and the connection needs a reconnect")
        self.log_in()
        self.story.call("GET", f"/api/calendly/upcoming/{PERSON['email']}?days=7", headers=self.key)
        if (status := self.story.call("GET", f"/api/connections/{NAME}")["status"]) != "active":
            raise Failed(f"after the login the connection should be active, and is {status}")

    def get(self, path):
        return self.stack.api("GET", path, headers=self.key)

    def open(self, url, headers={}):
        """Returns status, headers and text of a page. Follows nothing."""
        try:
            answer = self.browser.open(urllib.request.Request(url, headers=headers), timeout=35)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers, answer.read().decode()

    def wait(self, what, look, within=30):
        until = time.monotonic() + within
        while not look():
            if time.monotonic() > until:
                raise Failed(f"{what} did not come within {within} s; logs: {self.stack.folder}")
            time.sleep(0.3)
