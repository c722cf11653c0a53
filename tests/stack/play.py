"""The story, played once on the running stack. An agent books for Ana in Bucharest through our API. She gets a
confirmation and a reminder, moves the meeting and cancels it; Maria, the host, is notified each time. Meanwhile the
agent books, moves and cancels for Freja in Copenhagen. At the end her phone is off, so an e-mail replaces the SMS. For
Lin in Taipei, EngageLab refuses the messages and Twilio sends them; she replies STOP and gets no more SMS. Emma does
not come to her meeting. A customer's system hears of all this by signed webhooks, fails for a while and ends with every
event in order (customer.py). Elena shows an agent by a code that a booking is hers. A second customer connects her
Calendly by a login (second.py). The audit tells who called what. Every step waits for what the people should see, and
fails if they don't."""

import hashlib
import hmac
import json
import random
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta

from customer import Customer
from second import SecondConnection
from stack import Failed
from times import full_minute, now, stamp
from tools import ROOT

ANA = {"inviteeName": "Ana Ionescu", "inviteeEmail": "ana.ionescu@example.com", "timezone": "Europe/Bucharest",
       "phone": "+40712345678", "language": "ro"}  # fmt: skip
FREJA = {"inviteeName": "Freja Holm", "inviteeEmail": "freja.holm@example.com", "timezone": "Europe/Copenhagen",
         "phone": "+4520123457", "language": "da"}  # fmt: skip
LIN = {"inviteeName": "林怡君", "inviteeEmail": "lin.yijun@example.com", "timezone": "Asia/Taipei",
       "phone": "+886912345678", "language": "zh-Hant"}  # fmt: skip
ELENA = {"inviteeName": "Elena Marin", "inviteeEmail": "elena.marin@example.com", "timezone": "Europe/Bucharest",
         "phone": "+40733000021", "language": "ro"}  # fmt: skip
# What each line of the audit says, and no more.
AUDIT = {"caller", "operation", "outcome", "connection", "conversation", "booking"}
# A new number for each run: with a kept state, the last one has unsubscribed.
EMMA = {"first_name": "Emma", "last_name": "Clarke", "name": "Emma Clarke", "email": "emma.clarke@example.com",
        "timezone": "Europe/London", "text_reminder_number": f"+44 7400 {random.randrange(10**6):06}"}  # fmt: skip
# The sandbox's event type, put into the recorded payloads, so that a link for another booking can be made.
SALES_DEMO = "/event_types/00000000-0000-4000-8000-0000000000e1"
# The host's contact in the settings.
MARIA = "+40722000101"


def play(stack):
    story = Story(stack)
    story.check_access()
    customer = Customer(story)
    customer.register()
    customer.talk()
    booked = story.book()
    story.expect("vai", "VAI told of the booking", lambda it: it["path"].endswith("/calendly/notify"))
    story.expect("sms", "the confirmation by SMS", lambda it: it["message"] == "confirmation")
    story.expect("emails", "the confirmation by e-mail", lambda it: it["to"] == ANA["inviteeEmail"])
    story.notice("its host told by SMS", ANA)
    story.expect("vai", "VAI told of the confirmation", lambda it: it["path"].endswith("/calendly/confirmed"))
    story.list_meetings(booked)
    customer.expect("booking.created", booked["id"])
    story.say("the customer's system hears of the booking: booking.created")
    story.settle()
    story.must_be(sms=1, notices=1, emails=1, followups=0, analytics=1, notified=1)
    # Until Ana's reminder is due.
    story.by_the_agent()
    story.settle()
    story.must_be(sms=4, notices=4, emails=4, followups=0, analytics=4, notified=2)
    stopped = story.stop()
    story.settle()
    story.must_be(sms=5, notices=6, emails=6, followups=0, analytics=6, notified=3)
    story.no_show()
    story.settle()
    story.must_be(sms=6, notices=6, emails=6, followups=0, analytics=7, notified=3)
    story.expect("sms", "Ana's reminder, one hour before", lambda it: it["message"] == "reminder", within=130)
    moved = story.move(booked["inviteeUuid"])
    story.expect("sms", "the news of the move by SMS", lambda it: it["message"] == "move" and it["to"] == ANA["phone"])
    story.expect("emails", "and by e-mail (Brevo), with a file for the calendar",
                 lambda it: it["provider"] == "brevo" and it["to"] == ANA["inviteeEmail"] and it["attachments"])  # fmt: skip
    story.news("VAI told of the move", "rescheduled", booked["id"])
    customer.expect("booking.rescheduled", booked["id"])
    customer.fail()
    story.cancel(moved)
    story.expect("sms", "the cancellation by SMS",
                 lambda it: it["message"] == "cancellation" and it["to"] == ANA["phone"])  # fmt: skip
    story.expect("emails", "and by e-mail, whose file takes the meeting out of her calendar",
                 lambda it: "anulat" in it["subject"] and it["to"] == ANA["inviteeEmail"] and it["attachments"])  # fmt: skip
    story.expect("followups", "VAI asked to offer help", lambda it: it["user_email"] == ANA["inviteeEmail"])
    story.news("VAI told of the cancellation", "canceled", booked["id"])
    customer.recover("booking.canceled", booked["id"])
    story.settle()
    expected = {"sms": 9, "notices": 8, "emails": 8, "followups": 1, "analytics": 9, "notified": 3}
    story.must_be(**expected)
    story.replay()
    story.must_be(**expected)
    story.curl()
    story.must_be(**expected | {"sms": 10, "notices": 9, "analytics": 10})
    customer.check_bookings(booked["id"])
    story.check_contacts()
    customer.hear_by_email()
    story.use_cases()
    moved_with_code = story.show_that_it_is_theirs()
    second = SecondConnection(story)
    second.has_a_meeting()
    second.connect()
    second.import_meetings()
    second.book()
    second.reconnect()
    story.check_audit({"booked": booked["id"], "moved": moved_with_code})
    story.show(ANA["inviteeName"], moved)
    story.show(LIN["inviteeName"], stopped)


class Story:
    def __init__(self, stack):
        self.stack = stack
        self.started = time.monotonic()
        # The events that the story made up, by UUID.
        self.unknown = []

    def say(self, text):
        print(f"  {time.monotonic() - self.started:5.1f} s  {text}", flush=True)

    def check_contacts(self):
        """Everybody who booked is a contact in Brevo, with the status of the meeting that changed last, and each event
        was sent once."""
        contacts = {it["email"]: it for it in self.stack.get("/crm.json")["1"]["contacts"]}
        expected = {
            ANA["inviteeEmail"]: ("canceled", ["booking_created", "booking_moved", "booking_canceled"]),
            FREJA["inviteeEmail"]: ("canceled", ["booking_created", "booking_moved", "booking_canceled"]),
            LIN["inviteeEmail"]: ("canceled", ["booking_created", "booking_canceled"]),
            # Her booking is old, and is reported after its end.
            EMMA["email"]: ("no_show", ["meeting_completed", "no_show"]),
        }
        for email, (status, events) in expected.items():
            contact = contacts.get(email, {"attributes": {}, "events": []})
            found = contact["attributes"].get("BOOKING_STATUS"), [it["name"] for it in contact["events"]]
            if found != (status, events) or contact["ignored"]:
                raise Failed(f"the contact of {email} should be {status} with {events}: {contact}")
        self.say(f"Brevo has {len(contacts)} contacts with their status, and each event once")

    def use_cases(self):
        """An agent qualifies a lead and books a sales demo, books support by the problem, and a consultant by the
        expertise. The CRM and the report know it."""
        people = [
            ("Mihai Stan", "the lead that it qualified", "a product demo for 40 seats", "Sales Demo", "sales",
             {"budget": "20000 EUR", "team size": "40"}),
            ("Ioana Dobre", "the problem", "the import does not work", "Technical Support", "support", {"problem type": "import"}),
            ("Radu Pop", "the expertise", "an expert for our architecture", "Strategy Call", "consulting", {"expertise": "architecture"}),
        ]  # fmt: skip
        for number, (name, why, topic, event_type, agent, found) in enumerate(people):
            email = name.lower().replace(" ", ".") + "@example.com"
            request = {"topic": topic, "inviteeName": name, "inviteeEmail": email, "timezone": "Europe/Bucharest",
                       "phone": f"+4073300000{number}", "conversationId": f"conv-6{number}", "agentType": agent,
                       "preferredTime": full_minute(minutes=52 * 60 + 60 * number), "maxShift": 180,
                       "customAnswers": {"Company": "Exemplu SRL"}, "qualification": found}  # fmt: skip
            answer = self.stack.api("POST", "/api/calendly/schedule", request)[1]
            if not answer["success"] and answer["error"]["code"] == "slot_taken":
                free = answer["error"]["alternatives"][0]["slots"][0]["startTime"]
                answer = self.call("POST", "/api/calendly/schedule", request | {"preferredTime": free})
            if answer.get("booking", {}).get("eventType") != event_type:
                raise Failed(f"“{topic}” should lead to {event_type}: {answer}")
            self.say(f"the agent books a {event_type} by {why}: “{topic}”")
        contact = lambda: next((it["attributes"] for it in self.stack.get("/crm.json")["1"]["contacts"]
                                if it["email"] == "mihai.stan@example.com"), {})  # fmt: skip
        self.wait("the contact of the lead", lambda: contact().get("BUDGET") == "20000 EUR" and contact().get("AGENT") == "sales")
        span = f"from={stamp(now() - timedelta(days=2))}&to={stamp(now() + timedelta(days=60))}"
        rows = {it["group"]: it for it in self.call("GET", f"/api/reports/bookings?{span}&by=agent")["rows"]}
        listed = self.call("GET", f"/api/bookings?{span}&status=canceled")["bookings"]
        if any(rows[agent]["booked"] < 1 for *_, agent, _ in people) or len(listed) != 3:
            raise Failed(f"the report should count the agents' bookings, and the list the three canceled ones: {rows} {listed}")
        self.say("the lead's contact has the budget; the report counts the bookings of each agent")

    def show_that_it_is_theirs(self):
        """An agent with a key for its own conversations can't see what Elena booked in another one. She has a code sent to
        the phone on the booking, reads it out, and the agent moves the meeting. Returns the booking's id."""
        request = ELENA | {"eventType": "Quick Consultation", "preferredTime": full_minute(minutes=73 * 60),
                           "conversationId": "conv-70", "userId": "user-8", "agentType": "sales"}  # fmt: skip
        booking = self.call("POST", "/api/calendly/schedule", request)["booking"]["id"]
        key = self.stack.add_api_key("agent", "--connection", "default")

        def ask(conversation, method, path, body=None):
            headers = {"Authorization": f"Bearer {key}", "X-VAI-Conversation": conversation}
            status, answer = self.stack.api(method, path, body, headers)
            return status, answer.get("error", {}).get("code", "ok"), answer

        def must(expected, *asked):
            status, code, answer = ask(*asked)
            if (status, code) != expected:
                raise Failed(f"{asked} should have got {expected}, and got {status}: {answer}")
            return answer

        path, start = f"/api/calendly/bookings/{booking}", full_minute(minutes=75 * 60)
        of_it = must((403, "not_yours"), "conv-71", "POST", path + "/move", {"preferredTime": start})
        of_nothing = must((403, "not_yours"), "conv-71", "POST", "/api/calendly/bookings/bk-0/move", {"preferredTime": start})
        if of_it != of_nothing:
            raise Failed(f"the refusal should not tell whether there is a booking: {of_it} {of_nothing}")
        self.say(f"an agent of another conversation may not move it: “{of_it['error']['message']}”")
        asked = must((200, "ok"), "conv-71", "POST", "/api/codes", {"booking": booking, "by": "sms", "language": "ro"})
        sms = self.expect("sms", "a code by SMS to the phone on the booking",
                          lambda it: it["to"] == ELENA["phone"] and it["message"] == "code")  # fmt: skip
        digits = re.search(r"\b\d{6}\b", sms["text"])[0]
        confirm = {"challenge": asked["challenge"], "code": f"{(int(digits) + 1) % 10**6:06}"}
        must((422, "code_invalid"), "conv-71", "POST", "/api/codes/confirm", confirm)
        must((422, "code_invalid"), "conv-72", "POST", "/api/codes/confirm", confirm | {"code": digits})
        must((200, "ok"), "conv-71", "POST", "/api/codes/confirm", confirm | {"code": digits})
        must((422, "code_invalid"), "conv-71", "POST", "/api/codes/confirm", confirm | {"code": digits})
        self.say("she reads it out, and the agent confirms it; a wrong code, another conversation and a second time don't work")
        moved = must((200, "ok"), "conv-71", "POST", path + "/move", {"preferredTime": start})["booking"]
        if datetime.fromisoformat(moved["startTime"]) != datetime.fromisoformat(start):
            raise Failed(f"the agent asked for {start} and got {moved['startTime']}")
        self.say(f"the agent moves it to {start}")
        self.expect("sms", "the news of the move by SMS", lambda it: it["message"] == "move" and it["to"] == ELENA["phone"])
        must((403, "not_yours"), "conv-72", "GET", path)
        self.settle()
        return booking

    def check_audit(self, bookings):
        """Reads the audit back from its log group: who called what, of which booking and conversation, and how it ended.
        Nothing personal is in it."""
        lines = self.stack.audit()
        if wrong := [it for it in lines if set(it) != AUDIT]:
            raise Failed(f"a line of the audit should have {AUDIT}: {wrong[0]}")

        def find(caller, operation, outcome, booking=None):
            fields = {"caller": caller, "operation": operation, "outcome": outcome}
            fields |= {} if booking is None else {"booking": booking}
            if not (found := [it for it in lines if fields.items() <= it.items()]):
                raise Failed(f"the audit of {len(lines)} calls lacks {fields}")
            return found

        find("", "status", "unauthorized")
        find("local", "connection", "ok")
        find("agent", "send_code", "ok", bookings["moved"])
        find("agent", "confirm_code", "code_invalid")
        # The conversation that was refused is the one that moved it, and not the one that booked it.
        [booked] = find("local", "book", "ok", bookings["moved"])
        [refused], [moved] = (find("agent", "move", outcome, bookings["moved"]) for outcome in ("not_yours", "ok"))
        if moved["conversation"] != refused["conversation"] or booked["conversation"] in ("", moved["conversation"]):
            raise Failed(f"the audit should tell conversations apart: {booked} {refused} {moved}")
        # Who asks twice with the same key has two lines.
        if len(booked_twice := find("local", "book", "ok", bookings["booked"])) < 2:
            raise Failed(f"Ana's booking was asked for twice: {booked_twice}")
        text = json.dumps(lines, ensure_ascii=False)
        people = [it[key] for it in (ANA, FREJA, LIN, ELENA) for key in ("inviteeName", "inviteeEmail", "phone")]
        secrets = [*people, EMMA["email"], "conv-42", "conv-71", self.stack.env["API_KEY"]]
        if told := [it for it in secrets if it in text]:
            raise Failed(f"the audit should have nothing personal, and has {told}")
        group = self.stack.env["AUDIT_LOG_GROUP"]
        groups = self.stack.aws("logs", "Logs_20140328.DescribeLogGroups", logGroupNamePrefix=group)["logGroups"]
        if [(it["logGroupName"], it.get("retentionInDays")) for it in groups] != [(group, 400)]:
            raise Failed(f"the audit should have a log group of its own, for 400 days: {groups}")
        for function in ("schedule", "admin"):
            if lost := [it for it in self.stack.logs(function) if "not in its log group" in it]:
                raise Failed(f"lines of the audit are not in its log group: {lost[0]}")
        self.say(f"the audit says who made each of {len(lines)} calls, in a log group of its own, and nothing personal")

    def wait(self, what, look, within=30):
        until = time.monotonic() + within
        while not look():
            if time.monotonic() > until:
                raise Failed(f"{what} did not come within {within} s; logs: {self.stack.folder}")
            time.sleep(0.3)

    def check_access(self):
        """Without a key, or with a wrong one, the API answers 401. With ours, it lists its tools and its status."""
        print("\nThe story", flush=True)
        for headers in ({"Authorization": None}, {"Authorization": "Bearer vai_" + "0" * 43}):
            status, answer = self.stack.api("GET", "/api/status", headers=headers)
            if (status, answer["error"]["code"]) != (401, "unauthorized"):
                raise Failed(f"without a key, the API should have answered 401, but answered {status}: {answer}")
        tools = json.dumps(self.call("GET", "/api/tools"))
        if missing := [name for name in ("book", "move", "cancel", "available_times") if name not in tools]:
            raise Failed(f"the tools lack {missing}: {tools}")
        status = self.call("GET", "/api/status")
        if status["problems"] or status["subscription"]["state"] != "active" or any(it["dead"] for it in status["queues"]):
            raise Failed(f"the API's status should have no problems: {status}")
        self.say("the API accepts only its key, lists its tools and reports no problems")

    def call(self, method, path, body=None, headers={}):
        """Makes a call to our API that must succeed. What can be repeated is repeated, as an agent does: a webhook may
        change the same booking at the same time."""
        for _ in range(5):
            status, answer = self.stack.api(method, path, body, headers)
            error = answer.get("error") if isinstance(answer, dict) else None
            if not isinstance(error, dict) or not error.get("retryable"):
                break
            time.sleep(error.get("retryAfterSeconds", 1))
        if status != 200 or (isinstance(answer, dict) and answer.get("success") is False):
            raise Failed(f"{method} {path} got {status}: {json.dumps(answer, ensure_ascii=False)}")
        return answer

    def book(self):
        # The next full minute that leaves more than half a minute to schedule the one-hour reminder.
        start = full_minute(minutes=60, seconds=35)
        request = ANA | {"eventType": "Quick Consultation", "preferredTime": start, "conversationId": "conv-42",
                         "userId": "user-7", "agentType": "sales", "notes": "Vrea să vadă modulul de facturare"}  # fmt: skip
        key = {"Idempotency-Key": f"conv-42-{uuid.uuid4()}"}  # a kept state knows the last one
        booked, again = (self.call("POST", "/api/calendly/schedule", request, key)["booking"] for _ in range(2))
        if (again["id"], again["inviteeUuid"]) != (booked["id"], booked["inviteeUuid"]):
            raise Failed(f"the same Idempotency-Key should have given the same booking: {booked}, then {again}")
        if datetime.fromisoformat(booked["startTime"]) != datetime.fromisoformat(start):
            raise Failed(f"the agent asked for {start} and got {booked['startTime']}")
        self.say(f"VAI's agent books a Quick Consultation for {ANA['inviteeName']}, {start}; asked twice, it books once")
        return booked

    def list_meetings(self, booked):
        """Asks for a person's meetings, as an agent does."""
        events = self.call("GET", f"/api/calendly/upcoming/{ANA['inviteeEmail']}?days=7")["events"]
        if [one["inviteeUuid"] for one in events] != [booked["inviteeUuid"]]:
            raise Failed(f"Ana should have one upcoming meeting: {events}")
        self.say("the API lists Ana's upcoming meeting")

    def by_the_agent(self):
        """Books, moves and cancels through the API. The people are notified of one move and of one cancellation."""
        request = FREJA | {"eventType": "Quick Consultation", "preferredTime": full_minute(minutes=49 * 60),
                           "conversationId": "conv-43", "userId": "user-7", "agentType": "sales"}  # fmt: skip
        booking = self.call("POST", "/api/calendly/schedule", request)["booking"]["id"]
        self.say(f"the agent books for {FREJA['inviteeName']}")
        self.to_freja("the confirmation by SMS", "confirmation")
        start = full_minute(minutes=51 * 60)
        self.call("POST", f"/api/calendly/bookings/{booking}/move", {"preferredTime": start})
        self.say(f"the agent moves it to {start}")
        self.to_freja("the news of the move by SMS", "move", delivery="delivered")
        self.stack.post("/people/handset", {"number": FREJA["phone"], "state": "off"})
        self.call("POST", f"/api/calendly/bookings/{booking}/cancel", {"reason": "Kollegaen er syg"})
        self.say("her phone is off; the agent cancels it")
        self.to_freja("the cancellation by SMS", "cancellation")
        self.expect("emails", "it has not arrived, so an e-mail (Amazon SES) takes its place",
                    lambda it: it["provider"] == "ses" and it["to"] == FREJA["inviteeEmail"])  # fmt: skip
        for news in ("rescheduled", "canceled"):
            self.news(f"VAI told that it was {news}", news, booking)
        self.expect_line(booking, "cancellation by SMS", "has not arrived")
        self.expect_line(booking, "cancellation by e-mail", "has arrived")

    def to_freja(self, what, message, **having):
        having |= {"message": message, "to": FREJA["phone"]}
        self.expect("sms", what, lambda it: having.items() <= it.items())

    def stop(self):
        """EngageLab refuses, and Twilio takes over and reports the delivery. A person who replies STOP gets no more
        SMS."""
        self.refuse(2)  # the invitee's and the host's
        request = LIN | {"eventType": "Quick Consultation", "preferredTime": full_minute(minutes=28 * 60),
                         "conversationId": "conv-44", "userId": "user-7", "agentType": "sales"}  # fmt: skip
        booking = self.call("POST", "/api/calendly/schedule", request)["booking"]["id"]
        self.say(f"the agent books for {LIN['inviteeName']}; EngageLab refuses the messages")
        self.expect("sms", "the confirmation by Twilio's SMS",
                    lambda it: it["provider"] == "twilio" and it["to"] == LIN["phone"])  # fmt: skip
        self.notice("its host told by Twilio's SMS", LIN, provider="twilio")
        self.expect_line(booking, "confirmation by SMS", "Twilio takes over")
        self.expect_line(booking, "confirmation by SMS", "has arrived")
        self.stack.post("/people/reply", {"from": LIN["phone"], "text": "STOP"})
        self.say("she replies: “STOP”")
        self.expect_line(booking, "confirmation by SMS", "the person replied", "to be left alone")
        self.call("POST", f"/api/calendly/bookings/{booking}/cancel", {"reason": "臨時有事"})
        self.say("the agent cancels it")
        self.expect("emails", "no SMS any more: an e-mail (Amazon SES) takes its place",
                    lambda it: it["provider"] == "ses" and it["to"] == LIN["inviteeEmail"])  # fmt: skip
        self.expect_line(booking, "cancellation by SMS", "not sent")
        # So that the story can be played again on a kept state.
        self.stack.post("/people/reply", {"from": LIN["phone"], "text": "START"})
        self.say("she replies: “START”")
        self.expect_line(booking, "confirmation by SMS", "the person replied", "to be texted again")
        return booking

    def refuse(self, times):
        fault = {"target": "engagelab", "mode": "fail", "status": 200, "code": 3003, "times": times}
        self.stack.post("/control/faults", fault)

    def no_show(self):
        """The host marks an invitee as a no-show. Calendly reports a meeting in the past, so that this test need not
        wait."""
        at = now()
        booked = self.recorded("invitee_created_text_reminder", at - timedelta(minutes=75), 15, EMMA)
        absent = json.loads((ROOT / "events/invitee_no_show_created.json").read_text())
        word = absent["payload"]["no_show"] | {"created_at": stamp(at - timedelta(minutes=40))}
        absent["payload"] = booked["payload"] | {"no_show": word}
        self.unknown.append(booked["payload"]["scheduled_event"]["uri"].rsplit("/", 1)[1])
        self.refuse(1)
        for body in (booked, absent):
            self.post(json.dumps(body, ensure_ascii=False).encode(), 200)
            self.settle()
        self.say("Calendly reports a meeting that is over, and that Emma Clarke did not come")
        missed = self.expect("sms", "a message to her by Twilio, with a link for a new time and a link to unsubscribe",
                             lambda it: it["to"] == digits(EMMA["text_reminder_number"]))  # fmt: skip
        [link] = re.findall(r"http://127\.0\.0\.1:\S+/unsubscribe/\S+", missed["text"])
        asked, done = (output(["curl", "-s", "-w", " %{http_code}", *method, link]) for method in ((), ("-X", "POST")))
        titles = [re.search(r"<title>(.+?)</title>.* (\d+)$", page, re.DOTALL).groups() for page in (asked, done)]
        if [status for _, status in titles] != ["200", "200"] or "<form" not in asked or "<form" in done:
            raise Failed(f"the link should have asked first, and unsubscribed after the button: {asked}\n{done}")
        self.say(f"she follows it: “{titles[0][0]}”, presses the button: “{titles[1][0]}”")

    def news(self, what, news, booking):
        self.expect("vai", what, lambda it: it["path"].endswith(f"/calendly/{news}") and it["body"]["booking_id"] == booking)

    def notice(self, what, person, **having):
        """Waits for the host's notice about a person."""
        having |= {"to": MARIA}
        self.expect("sms", what, lambda it: person["inviteeName"] in it["text"] and having.items() <= it.items())

    def expect_line(self, booking, what, *words, within=30):
        """Waits for a line of a booking's timeline that contains these words."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            lines = self.call("GET", f"/api/calendly/bookings/{booking}/timeline")["lines"]
            for line in lines:
                # After a move, each title exists twice.
                if line["what"].split(" (of ")[0] == what and all(word in line["happened"] for word in words):
                    return self.say(f"its timeline: {what}: {line['happened']}")
            time.sleep(0.5)
        lines = "".join(f"\n  {line['what']}: {line['happened']}" for line in lines)
        raise Failed(f"the timeline of {booking} should have “{what}” with {words}, but has:{lines}")

    def move(self, invitee):
        start = full_minute(minutes=26 * 60)
        moved = self.stack.post("/people/move", {"invitee": invitee, "start_time": start})
        self.say(f"Ana moves it to {start}")
        return moved["invitee"]

    def cancel(self, invitee):
        self.stack.post("/people/cancel", {"invitee": invitee, "reason": "Nu mai am timp în ziua aceea"})
        self.say("Ana cancels: „Nu mai am timp în ziua aceea”")

    def expect(self, box, what, matches, within=30):
        """Waits until a matching item has arrived in a box of the sandbox."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for found in self.stack.get("/inbox.json")[box]:
                if matches(found):
                    text = found.get("text") or found.get("message") or ""
                    # Of an e-mail, only the subject is printed.
                    printed = found["subject"] if found.get("html") else text.strip().replace("\n", "\n            ")
                    self.say(what + (f":\n           “{printed}”" if printed and box != "vai" else ""))
                    if "{{" in text + printed:
                        raise Failed(f"{what} has an unfilled placeholder: {text}")
                    return found
            time.sleep(0.2)
        inbox = self.stack.get("/inbox.json")
        deliveries = [(one["event"], one["status"], one["error"]) for one in inbox["deliveries"]]
        raise Failed(f"{what} did not arrive within {within} s. The sandbox refused: {inbox['refused']}; "
                     f"webhooks: {deliveries}; logs: {self.stack.folder}")  # fmt: skip

    def settle(self):
        """Waits until every message has its final delivery state and both queues are empty. Checks twice, because a
        receipt may be on its way from the provider to the queue."""
        looks = 0
        for _ in range(100):
            inbox = self.stack.get("/inbox.json")
            sent = [it for it in inbox["sms"] + inbox["emails"] if it["provider"] != "vai"]
            under_way = any(it["delivery"] in ("accepted", "sent") for it in sent)
            looks = 0 if under_way or any(self.depth(name) for name in ("INTAKE_QUEUE_URL", "DUE_QUEUE_URL")) else looks + 1
            if looks == 2:
                return
            time.sleep(0.2)
        raise Failed("the queues did not empty")

    def depth(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.stack.aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=self.stack.env[queue], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def must_be(self, **expected):
        inbox = self.stack.get("/inbox.json")
        texts = {whose: [it for it in inbox["sms"] if (it["to"] == MARIA) == whose] for whose in (True, False)}
        inbox["notices"], inbox["sms"] = texts[True], texts[False]
        inbox["notified"] = [it for it in inbox["vai"] if it["path"].endswith("/calendly/notify") and not it["repeat"]]
        found = {box: len(inbox[box]) for box in expected}
        if found != expected:
            raise Failed(f"the inboxes should hold {expected} and hold {found}")
        # Before a message, Calendly is asked for the meeting. It does not know those that the story made up.
        is_made_up = lambda it: it["status"] == 404 and any(uuid in it["path"] for uuid in self.unknown)
        refused = [it for it in inbox["refused"] if not is_made_up(it)]
        if refused:
            raise Failed(f"the sandbox refused a call: {refused}")
        if wrong := [it for it in inbox["receipts"] if it["status"] != 200]:
            raise Failed(f"a receipt was not accepted: {wrong}")
        for queue in ("INTAKE_DLQ_URL", "DUE_DLQ_URL", "DELIVERIES_DLQ_URL"):
            if self.depth(queue):
                raise Failed(f"{queue} is not empty")

    def replay(self):
        """Delivers every webhook of Calendly a second time."""
        bodies = [one["body"] for one in self.stack.get("/inbox.json")["deliveries"]]
        for body in bodies:
            self.post(body.encode(), 200)
        self.settle()
        self.say(f"Calendly delivers its {len(bodies)} webhooks once more: nothing changes")

    def curl(self):
        """Posts a recorded payload for a future meeting twice, signed by openssl and sent by curl."""
        start = datetime.fromisoformat(full_minute(minutes=50 * 60))
        body = self.recorded("invitee_created_text_reminder", start, 30)
        self.unknown.append(body["payload"]["scheduled_event"]["uri"].rsplit("/", 1)[1])
        before = set(self.schedules())
        body = json.dumps(body, ensure_ascii=False).encode()
        self.post(body, 200)
        found = self.expect("sms", "a recorded payload, signed and posted with other programs", lambda it: it["to"] == "+4520123456")
        self.post(body, 200)
        self.post(body + b" ", 401, signed=body)
        self.settle()
        schedules = set(self.schedules()) - before
        # Two reminders, the follow-up, and the end of the meeting for the customer's system.
        if len(schedules) != 4:
            raise Failed(f"the new booking should have four schedules: {schedules}")
        self.say("posted again, it changes nothing; with one byte more, it gets 401; four schedules exist")
        return found

    def recorded(self, name, start, minutes, person={}):
        """Returns a recorded payload for another time, and for another person if given. It has new ids each time,
        because the same ids would be a duplicate."""
        text = (ROOT / f"events/{name}.json").read_text()
        for known in set(re.findall(r"(?:9e8d7c6b|5c1f3f0e)-[0-9a-f-]{27}", text)):
            text = text.replace(known, str(uuid.uuid4()))
        body = json.loads(text.replace("/event_types/1f2e3d4c-0000-4000-8000-00000000e001", SALES_DEMO))
        body["payload"] |= person
        event = body["payload"]["scheduled_event"]
        event["start_time"], event["end_time"] = stamp(start), stamp(start + timedelta(minutes=minutes))
        return body

    def schedules(self):
        group = self.stack.env["SCHEDULE_GROUP"]
        return [one["Name"] for one in self.stack.rest("scheduler", f"/schedules?ScheduleGroup={group}")["Schedules"]]

    def post(self, body, status, signed=None):
        """Posts a webhook, signed and sent by independent programs: openssl and curl, if the machine has them."""
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
            raise Failed(f"the webhook should have answered {status}, but answered {answer}")

    def show(self, whose, booking):
        print(f"\n{whose}'s timeline (make explain BOOKING=…)\n")
        print(self.stack.operator("explain", "--connection", "default", booking), flush=True)


def digits(number):
    return number.replace(" ", "")


def output(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
