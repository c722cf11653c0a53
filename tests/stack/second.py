"""The second connection of the story: another customer logs in to Calendly by OAuth, and a person and an agent book with
her. Then she takes the permission back, and logs in again."""

import json
import urllib.error
import urllib.request

from stack import Failed
from times import full_minute, now, stamp
from tools import ROOT

NAME = "freja-lund"
# The sandbox's OAuth app (tests/sandbox/src/keys.rs has the same).
APP = {"client_id": "sandbox-app", "client_secret": "sandbox-app-secret",
       "signing_key": "sandbox-app-signing-key-0123456789"}  # fmt: skip
PERSON = {"name": "Jonas Berg", "email": "jonas.berg@example.com", "timezone": "Europe/Copenhagen"}
EARLIER = {"name": "Mette Krogh", "email": "mette.krogh@example.com", "timezone": "Europe/Copenhagen", "phone": "+4520123498"}
ANSWERS = {"Company name": "Berg & Sønner", "Your role": "Founder", "Phone number": "+45 20 12 34 99"}
# Her account at Brevo, by the number of its key in the sandbox.
BREVO_KEY, BREVO_ACCOUNT = "sandbox-brevo-key-2", "2"
CONNECTOR = ROOT / "shared/settings-document/tests/connector.yaml"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class SecondConnection:
    def __init__(self, story):
        self.story, self.stack = story, story.stack
        self.browser = urllib.request.build_opener(NoRedirect)

    def has_a_meeting(self):
        """Somebody has booked with her before she became a customer."""
        self.stack.post("/people/book", EARLIER | {"event_type": "Demo", "start_time": full_minute(minutes=50 * 60)})

    def import_meetings(self):
        path = f"/api/connections/{NAME}/import"
        before = len(self.stack.get("/inbox.json")["sms"])
        self.story.call("POST", path, {"since": stamp(now())})
        self.story.wait("the import", lambda: self.story.call("GET", path)["import"]["status"] == "done")
        done = self.story.call("GET", path)["import"]
        self.story.call("POST", path, {"since": stamp(now())})
        self.story.wait("the second import", lambda: self.story.call("GET", path)["import"]["startedAt"] != done["startedAt"]
                  and self.story.call("GET", path)["import"]["status"] == "done")  # fmt: skip
        again = self.story.call("GET", path)["import"]
        contact = self.contact(EARLIER["email"])
        if (done["events"], done["changed"], again["changed"]) != (1, 1, 0) or contact["events"] or contact["lists"] != [11]:
            raise Failed(f"one meeting should have been imported, once, and no automation triggered: {done} {again} {contact}")
        if len(self.stack.get("/inbox.json")["sms"]) != before:
            raise Failed("nobody should be told of an imported meeting")
        self.story.say("a meeting that was booked before is imported: a contact and reminders, and nobody is told again")

    def connect(self):
        self.stack.operator("oauth-app", stdin=json.dumps(APP))
        made = self.story.call("POST", "/api/connections", {"id": NAME})
        if made["status"] == "awaiting_login":
            self.story.say("another customer's connection is made through the API; it awaits a login")
        self.log_in()
        connection = self.story.call("GET", f"/api/connections/{NAME}")
        if (connection["status"], connection["login"]) != ("active", "oauth"):
            raise Failed(f"the connection should be active by a login: {connection}")
        self.take_settings()
        made = self.stack.add_api_key("freja", "--trusted", "--scopes", "read,book,change,admin", "--connection", NAME)
        self.key = {"Authorization": f"Bearer {made}"}

    def take_settings(self):
        """She pastes the settings of the connector that she used before. First the dry run."""
        self.story.call("PATCH", f"/api/connections/{NAME}", {"credentials": {"brevo_api_key": BREVO_KEY}})
        path, document = f"/api/connections/{NAME}/settings", {"settings": CONNECTOR.read_text(), "format": "yaml"}
        tried = self.story.call("PUT", path, document | {"dryRun": True})
        written = self.story.call("PUT", path, document)
        kept = self.story.call("GET", path)
        if not tried["dryRun"] or kept["version"] != written["version"] or len(kept["settings"]["crm"]["lists"]) != 2:
            raise Failed(f"the settings should have been tried, then written: {tried} {written} {kept}")
        broken = document | {"settings": CONNECTOR.read_text().replace("list_id: 11", "list_id: 99")}
        status, answer = self.stack.api("PUT", path, broken)
        if status != 400 or "Brevo has no list 99" not in json.dumps(answer):
            raise Failed(f"a list that Brevo lacks should be refused: {status} {answer}")
        self.story.say("she pastes the settings of her old connector; a list that Brevo lacks is refused")

    def contact(self, email=None):
        contacts = self.stack.get("/crm.json").get(BREVO_ACCOUNT, {"contacts": []})["contacts"]
        return next((it for it in contacts if it["email"] == (email or PERSON["email"])), None)

    def check_contact(self):
        """The contact has what the connector's settings say, and her Brevo has nobody of the other connection."""
        expected = {"FIRSTNAME": "Jonas", "COMPANY": ANSWERS["Company name"], "JOB_TITLE": ANSWERS["Your role"],
                    "SMS": "+4520123499", "CALENDLY_EVENT_TYPE": "Discovery Call", "BOOKING_STATUS": "booked"}  # fmt: skip
        self.story.wait("the contact", lambda: (it := self.contact()) and it["events"] and it["lists"] == [10])
        contact = self.contact()
        if {name: contact["attributes"].get(name) for name in expected} != expected or contact["ignored"]:
            raise Failed(f"the contact should have {expected}: {contact}")
        others = [it["email"] for it in self.stack.get("/crm.json")[BREVO_ACCOUNT]["contacts"] if it["email"] not in (contact["email"], EARLIER["email"])]
        if others or [it["name"] for it in contact["events"]] != ["booking_created"]:
            raise Failed(f"her Brevo should have one contact with one event: {others} {contact['events']}")
        self.story.say("he is a contact in her Brevo, on the list of the event type, with company, role and number")

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
        invitee = self.stack.post("/people/book", PERSON | {
            "event_type": "Discovery Call", "start_time": full_minute(minutes=70), "answers": ANSWERS,
        })  # fmt: skip
        uuid = invitee["invitee"].rsplit("/", 1)[1]
        self.story.wait("the booking on her page", lambda: self.get(f"/api/calendly/bookings/{uuid}")[0] == 200)
        if (status := self.stack.api("GET", f"/api/calendly/bookings/{uuid}")[0]) != 404:
            raise Failed(f"the other connection should not see her booking, and got {status}")
        self.story.say("a person books on her page: her connection has the booking, the other one does not see it")
        self.check_contact()
        request = {"eventType": "Demo", "preferredTime": full_minute(minutes=26 * 60), "inviteeName": PERSON["name"],
                   "inviteeEmail": PERSON["email"], "timezone": PERSON["timezone"], "conversationId": "conv-50"}  # fmt: skip
        self.story.call("POST", "/api/calendly/schedule", request, self.key)
        events = self.story.call("GET", f"/api/calendly/upcoming/{PERSON['email']}?days=7", headers=self.key)["events"]
        if {one["inviteeUuid"] for one in events} < {uuid}:
            raise Failed(f"both meetings should be listed: {events}")
        self.story.say("an agent books a Demo through the API with her login's token")
        self.story.wait("both lists of the contact", lambda: self.contact()["lists"] == [10, 11] and len(self.contact()["events"]) == 2)

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
