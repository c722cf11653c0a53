"""The main job, played once on the running stack: an agent books for Ana in Bucharest by our API; she is confirmed and
reminded, moves the meeting and cancels it. Then the agent books, moves and cancels for Freja in Copenhagen. Every step
waits for what the people concerned should see, and fails when they don't."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

from stack import Failed
from tools import ROOT

ANA = {"inviteeName": "Ana Ionescu", "inviteeEmail": "ana.ionescu@example.com", "timezone": "Europe/Bucharest",
       "phone": "+40712345678", "language": "ro"}  # fmt: skip
FREJA = {"inviteeName": "Freja Holm", "inviteeEmail": "freja.holm@example.com", "timezone": "Europe/Copenhagen",
         "phone": "+4520123457", "language": "da"}  # fmt: skip


def play(stack):
    story = Story(stack)
    story.knock()
    booked = story.book()
    story.expect("vai", "VAI told of the booking", lambda it: it["path"].endswith("/calendly/notify"))
    story.expect("sms", "the confirmation by SMS", lambda it: it["message"] == "confirmation")
    story.expect("emails", "the confirmation by e-mail", lambda it: it["to"] == ANA["inviteeEmail"])
    story.expect("vai", "VAI told of the confirmation", lambda it: it["path"].endswith("/calendly/confirmed"))
    story.ask(booked)
    story.expect("sms", "the reminder, one hour before", lambda it: it["message"] == "reminder", within=130)
    moved = story.move(booked["inviteeUuid"])
    story.expect("sms", "the news of the move by SMS", lambda it: it["message"] == "move")
    story.expect("vai", "VAI told of the move", lambda it: it["path"].endswith("/calendly/rescheduled"))
    story.cancel(moved)
    story.expect("sms", "the cancellation by SMS", lambda it: it["message"] == "cancellation")
    story.expect("followups", "VAI asked to offer help", lambda it: it["user_email"] == ANA["inviteeEmail"])
    story.expect("vai", "VAI told of the cancellation", lambda it: it["path"].endswith("/calendly/canceled"))
    story.settle()
    story.must_be(sms=4, emails=1, followups=1, analytics=3, notified=1)
    story.by_the_agent()
    story.settle()
    story.must_be(sms=7, emails=2, followups=1, analytics=6, notified=2)
    story.replay()
    story.must_be(sms=7, emails=2, followups=1, analytics=6, notified=2)
    story.curl()
    story.show(moved)


class Story:
    def __init__(self, stack):
        self.stack = stack
        self.begun = time.monotonic()

    def say(self, text):
        print(f"  {time.monotonic() - self.begun:5.1f} s  {text}", flush=True)

    def knock(self):
        """Without a key, or with somebody else's, the API is closed; with ours it tells what it can do, and how it is."""
        print("\nThe story", flush=True)
        for headers in ({"Authorization": None}, {"Authorization": "Bearer vai_" + "0" * 43}):
            status, answer = self.stack.api("GET", "/api/status", headers=headers)
            if (status, answer["error"]["code"]) != (401, "unauthorized"):
                raise Failed(f"without a key the API should have answered 401 and answered {status}: {answer}")
        tools = json.dumps(self.call("GET", "/api/tools"))
        if missing := [name for name in ("book", "move", "cancel", "available_times") if name not in tools]:
            raise Failed(f"the tools lack {missing}: {tools}")
        status = self.call("GET", "/api/status")
        if status["problems"] or status["subscription"]["state"] != "active" or any(it["dead"] for it in status["queues"]):
            raise Failed(f"the API should have said that all is well: {status}")
        self.say("the API knows its key, its tools and how it is: all is well")

    def call(self, method, path, body=None, headers={}):
        """A call of our API that must succeed."""
        status, answer = self.stack.api(method, path, body, headers)
        if status != 200 or (isinstance(answer, dict) and answer.get("success") is False):
            raise Failed(f"{method} {path} got {status}: {json.dumps(answer, ensure_ascii=False)}")
        return answer

    def book(self):
        # The next full minute that leaves the one-hour reminder more than half a minute to be planned in.
        start = instant(minutes=60, seconds=35)
        request = ANA | {"eventType": "Quick Consultation", "preferredTime": start, "conversationId": "conv-42",
                         "userId": "user-7", "agentType": "sales", "notes": "Vrea să vadă modulul de facturare"}  # fmt: skip
        booked, again = (
            self.call("POST", "/api/calendly/schedule", request, {"Idempotency-Key": "conv-42-first"})["booking"]
            for _ in range(2)
        )
        if (again["id"], again["inviteeUuid"]) != (booked["id"], booked["inviteeUuid"]):
            raise Failed(f"the same Idempotency-Key should have given the same booking: {booked}, then {again}")
        if datetime.fromisoformat(booked["startTime"]) != datetime.fromisoformat(start):
            raise Failed(f"asked for {start}, the agent has got {booked['startTime']}")
        self.say(f"VAI's agent books a Quick Consultation for {ANA['inviteeName']}, {start}; asked twice, it books once")
        return booked

    def ask(self, booked):
        """What an agent is told of somebody's meetings."""
        events = self.call("GET", f"/api/calendly/upcoming/{ANA['inviteeEmail']}?days=7")["events"]
        if [one["inviteeUuid"] for one in events] != [booked["inviteeUuid"]]:
            raise Failed(f"Ana's one meeting should be upcoming: {events}")
        self.say("asked what lies ahead of Ana, the API names her meeting")

    def by_the_agent(self):
        """A booking's whole life by the API: the people concerned hear of one move and of one cancellation."""
        request = FREJA | {"eventType": "Quick Consultation", "preferredTime": instant(minutes=49 * 60),
                           "conversationId": "conv-43", "userId": "user-7", "agentType": "sales"}  # fmt: skip
        booking = self.call("POST", "/api/calendly/schedule", request)["booking"]["id"]
        self.say(f"the agent books for {FREJA['inviteeName']}")
        self.to_freja("the confirmation by SMS", "confirmation")
        start = instant(minutes=51 * 60)
        self.call("POST", f"/api/calendly/bookings/{booking}/move", {"preferredTime": start})
        self.say(f"the agent moves it to {start}")
        self.to_freja("the news of the move by SMS", "move")
        self.call("POST", f"/api/calendly/bookings/{booking}/cancel", {"reason": "Kollegaen er syg"})
        self.say("the agent cancels it")
        self.to_freja("the cancellation by SMS", "cancellation")
        for news in ("rescheduled", "canceled"):
            self.expect("vai", f"VAI told that it was {news}",
                        lambda it: it["path"].endswith(f"/calendly/{news}") and it["body"]["booking_id"] == booking)  # fmt: skip

    def to_freja(self, what, message):
        self.expect("sms", what, lambda it: it["message"] == message and it["to"] == FREJA["phone"])

    def move(self, invitee):
        start = instant(minutes=26 * 60)
        moved = self.stack.post("/people/move", {"invitee": invitee, "start_time": start})
        self.say(f"Ana moves it to {start}")
        return moved["invitee"]

    def cancel(self, invitee):
        self.stack.post("/people/cancel", {"invitee": invitee, "reason": "Nu mai am timp în ziua aceea"})
        self.say("Ana cancels: „Nu mai am timp în ziua aceea”")

    def expect(self, box, what, is_it, within=30):
        """Waits until something that fits has arrived in a box of the sandbox's."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for found in self.stack.get("/inbox.json")[box]:
                if is_it(found):
                    text = found.get("text") or found.get("subject") or found.get("message") or ""
                    self.say(what + (f":\n           “{text.strip()}”" if text and box != "vai" else ""))
                    if "{{" in text:
                        raise Failed(f"{what} has a placeholder that nobody filled: {text}")
                    return found
            time.sleep(0.2)
        inbox = self.stack.get("/inbox.json")
        deliveries = [(one["event"], one["status"], one["error"]) for one in inbox["deliveries"]]
        raise Failed(f"{what} did not arrive within {within} s. The sandbox refused: {inbox['refused']}; "
                     f"webhooks: {deliveries}; logs: {self.stack.folder}")  # fmt: skip

    def settle(self):
        """Waits until both queues are empty."""
        for _ in range(100):
            if not any(self.depth(name) for name in ("INTAKE_QUEUE_URL", "DUE_QUEUE_URL")):
                return
            time.sleep(0.2)
        raise Failed("the queues did not empty")

    def depth(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.stack.aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=self.stack.env[queue], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def must_be(self, **expected):
        inbox = self.stack.get("/inbox.json")
        inbox["notified"] = [it for it in inbox["vai"] if it["path"].endswith("/calendly/notify") and not it["repeat"]]
        found = {box: len(inbox[box]) for box in expected}
        if found != expected:
            raise Failed(f"the inboxes should hold {expected} and hold {found}")
        if inbox["refused"]:
            raise Failed(f"the outside world refused a call: {inbox['refused']}")
        for queue in ("INTAKE_DLQ_URL", "DUE_DLQ_URL"):
            if self.depth(queue):
                raise Failed(f"{queue} is not empty")

    def replay(self):
        """Calendly delivers every webhook a second time."""
        bodies = [one["body"] for one in self.stack.get("/inbox.json")["deliveries"]]
        for body in bodies:
            self.post(body.encode(), 200)
        self.settle()
        self.say(f"Calendly delivers its {len(bodies)} webhooks once more: nothing changes")

    def curl(self):
        """A recorded payload, in the days to come, signed by openssl and posted by curl; twice."""
        text = (ROOT / "events/invitee_created_text_reminder.json").read_text()
        # An invitee of its own each time: what was posted before would be a duplicate.
        for known in sorted(set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-b716-[0-9a-f]{12}|5c1f3f0e-[0-9a-f-]{27}", text))):
            text = text.replace(known, str(uuid.uuid4()))
        body = json.loads(text)
        before = set(self.schedules())
        event = body["payload"]["scheduled_event"]
        event["start_time"], event["end_time"] = instant(minutes=50 * 60), instant(minutes=50 * 60 + 30)
        body = json.dumps(body, ensure_ascii=False).encode()
        self.post(body, 200)
        found = self.expect("sms", "a recorded payload, signed and posted by others", lambda it: it["to"] == "+4520123456")
        self.post(body, 200)
        self.post(body + b" ", 401, signed=body)
        self.settle()
        self.must_be(sms=8, emails=2, followups=1, analytics=7, notified=2)
        schedules = set(self.schedules()) - before
        if len(schedules) != 3:
            raise Failed(f"the new booking should have three schedules: {schedules}")
        self.say("posted again it changes nothing; with one byte more it gets 401; three schedules wait")
        return found

    def schedules(self):
        group = self.stack.env["SCHEDULE_GROUP"]
        return [one["Name"] for one in self.stack.rest("scheduler", f"/schedules?ScheduleGroup={group}")["Schedules"]]

    def post(self, body, status, signed=None):
        """Signed and posted by programs that share nothing with ours: openssl and curl where the machine has them."""
        folder, key, url = self.stack.folder, self.stack.signing_key(), self.stack.env["WEBHOOK_URL"]
        stamp = str(int(time.time()))
        signed = f"{stamp}.".encode() + (body if signed is None else signed)
        if shutil.which("openssl"):
            (folder / "signed").write_bytes(signed)
            signature = output(["openssl", "dgst", "-sha256", "-hmac", key, "-r", folder / "signed"]).split()[0]
        else:
            signature = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
        header = f"t={stamp},v1={signature}"
        if shutil.which("curl"):
            (folder / "body").write_bytes(body)
            answer = output(["curl", "-s", "-o", folder / "answer", "-w", "%{http_code}", "--data-binary", f"@{folder / 'body'}",
                             "-H", f"Calendly-Webhook-Signature: {header}", url])  # fmt: skip
        else:
            request = urllib.request.Request(url, body, {"Calendly-Webhook-Signature": header})
            try:
                answer = str(urllib.request.urlopen(request, timeout=10).status)
            except urllib.error.HTTPError as error:
                answer = str(error.code)
        if answer != str(status):
            raise Failed(f"the webhook should have answered {status} and answered {answer}")

    def show(self, invitee):
        print("\nIts timeline (make explain BOOKING=…)\n")
        print(self.stack.operator("explain", "--connection", "default", invitee), flush=True)


def instant(**ahead):
    """The full minute at or after so long from now."""
    at = datetime.now(timezone.utc) + timedelta(**ahead)
    full = at.replace(second=0, microsecond=0)
    return (full if at == full else full + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def output(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
