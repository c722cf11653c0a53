"""The main job, played once on the running stack: an agent books for Ana in Bucharest, who is confirmed, reminded, moves
the meeting and cancels it. Every step waits for what the people concerned should see, and fails when they don't."""

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

ANA = {"name": "Ana Ionescu", "email": "ana.ionescu@example.com", "timezone": "Europe/Bucharest", "phone": "+40712345678"}


def play(stack):
    story = Story(stack)
    booked = story.book()
    story.expect("sms", "the confirmation by SMS", lambda it: it["message"] == "confirmation")
    story.expect("emails", "the confirmation by e-mail", lambda it: it["to"] == ANA["email"])
    story.expect("vai", "VAI told of the confirmation", lambda it: it["path"].endswith("/calendly/confirmed"))
    story.expect("sms", "the reminder, one hour before", lambda it: it["message"] == "reminder", within=130)
    moved = story.move(booked)
    story.expect("sms", "the news of the move by SMS", lambda it: it["message"] == "move")
    story.expect("vai", "VAI told of the move", lambda it: it["path"].endswith("/calendly/rescheduled"))
    story.cancel(moved)
    story.expect("sms", "the cancellation by SMS", lambda it: it["message"] == "cancellation")
    story.expect("followups", "VAI asked to offer help", lambda it: it["user_email"] == ANA["email"])
    story.expect("vai", "VAI told of the cancellation", lambda it: it["path"].endswith("/calendly/canceled"))
    story.settle()
    story.must_be(sms=4, emails=1, followups=1, analytics=3)
    story.replay()
    story.must_be(sms=4, emails=1, followups=1, analytics=3)
    story.curl()
    story.show(moved)


class Story:
    def __init__(self, stack):
        self.stack = stack
        self.begun = time.monotonic()

    def say(self, text):
        print(f"  {time.monotonic() - self.begun:5.1f} s  {text}", flush=True)

    def book(self):
        print("\nThe story", flush=True)
        # The next full minute that leaves the one-hour reminder more than half a minute to be planned in.
        start = instant(minutes=60, seconds=35)
        request = ANA | {"event_type": "Quick Consultation", "start_time": start, "conversation_id": "conv-42",
                         "user_id": "user-7", "agent_type": "sales", "notes": "Vrea să vadă modulul de facturare"}  # fmt: skip
        booked = self.stack.post("/agent/book", request)
        self.say(f"VAI's agent books a Quick Consultation for {ANA['name']}, {start}")
        return booked["invitee"]

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
        self.must_be(sms=5, emails=1, followups=1, analytics=4)
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
