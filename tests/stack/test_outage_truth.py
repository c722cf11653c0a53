"""The comparison of `make outages` fails when something is lost, twice or untrue, and the proxy is down as it should be."""

import threading
import unittest
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from faulty_proxy import FAULTS, HANGS, REFUSED, FaultyProxy
from outage_truth import Meeting, Person, Records, compare, owed

BEGIN = datetime(2026, 11, 23, 9, tzinfo=timezone.utc)


def after(seconds):
    return BEGIN + timedelta(seconds=seconds)


def command(name, meeting, state="done", reason=None, history=()):
    return {"id": f"{name}-{'0' * 31}{meeting[-1]}", "leg": meeting, "state": state, "reason": reason,
            "history": [{"at": "2026-11-23T09:00:00Z", "what": "unknown", "reason": it} for it in history]}  # fmt: skip


def person(**change):
    """Somebody for whom VAI's agent booked, who moved the meeting and canceled it."""
    meetings = [Meeting("uri/i1", BEGIN, after(50)), Meeting("uri/i2", after(49), after(100))]
    return Person(**{"name": "Ana", "by_agent": True, "meetings": meetings, "moves": 1, "canceled_by": "person"} | change)


def all_done(about):
    """Both sides' records when each command was done once, at the right time."""
    records = Records(commands=[], crm_status="canceled")
    times = {"uri/i1": after(1), "uri/i2": after(51)}
    for name, meeting, _ in owed(about):
        one = command(name, meeting.invitee)
        records.commands.append(one)
        records.got[one["id"]] = [after(101) if "cancel" in name or "help" in name else times[meeting.invitee]]
    records.crm_events = ["booking_created", "booking_moved", "booking_canceled"]
    records.hooks = ["booking.created", "booking.reminded", "booking.rescheduled", "booking.canceled"]
    return records


class Compared(unittest.TestCase):
    def check(self, expected, about=None, change=None):
        about = about or person()
        records = all_done(about)
        if change:
            change(records)
        troubles = compare(about, records)[1]
        if not expected:
            self.assertEqual(troubles, [])
        elif not any(expected in trouble for trouble in troubles):
            self.fail(f"expected “{expected}”, found {troubles}")

    def with_command(self, expected, name, meeting="uri/i2", came=None, **state):
        """Replaces a command, and the times at which it came."""

        def change(records):
            one = command(name, meeting, **state)
            records.commands = [it for it in records.commands if it["id"] != one["id"]] + [one]
            records.got.pop(one["id"], None)
            if came:
                records.got[one["id"]] = came

        self.check(expected, change=change)

    def test_nothing_is_wrong_when_everything_was_done_once(self):
        self.check(None)
        self.check(None, person(by_agent=False, canceled_by="host"))

    def test_lost(self):
        self.with_command("it failed: gave_up", "sms-cancellation", state="failed", reason="gave_up")
        self.with_command("lost: sms-cancellation", "sms-cancellation", state="skipped", reason="no_phone")
        self.with_command("still open", "vai-canceled", state="open")
        self.with_command("it can be repeated, and ended as unknown", "vai-canceled", state="unknown")
        self.check("never planned", change=lambda it: it.commands.pop())
        self.check("the table has no booking", change=lambda it: setattr(it, "commands", None))
        self.check("the customer's system", change=lambda it: it.hooks.pop())
        self.check("the CRM should have 1 of booking_canceled", change=lambda it: it.crm_events.pop())
        self.check("the CRM should say canceled", change=lambda it: setattr(it, "crm_status", "booked"))
        self.check("should be active", person(canceled_by=None))
        self.check("is still active", person(meetings=[Meeting("uri/i1", BEGIN), *person().meetings[1:]]))
        about = person(canceled_by=None, reminder=60)
        about.meetings[-1].ended = None
        self.check("sms-reminder-60m was never planned", about, lambda it: it.commands.pop())

    def test_what_a_later_change_overtook_is_not_lost(self):
        withdrawn = {"state": "withdrawn", "reason": "moved_before_fire"}
        self.with_command(None, "sms-confirmation", "uri/i1", **withdrawn)
        in_doubt = {"state": "unknown", "history": ["unknown", "moved_before_fire"]}
        self.with_command(None, "vai-confirmed", "uri/i1", **in_doubt)
        self.with_command("it can be repeated, and ended as unknown", "log-invitee-created", "uri/i1", state="unknown",
                          history=["unknown"])  # fmt: skip
        self.with_command("lost: log-invitee-created", "log-invitee-created", "uri/i1", **withdrawn)
        self.with_command("lost: sms-confirmation", "sms-confirmation", "uri/i1", state="skipped", reason="no_phone")

    def test_twice(self):
        twice = [after(101), after(102)]
        self.with_command("twice", "sms-cancellation", came=twice)
        self.with_command(None, "sms-cancellation", came=twice, history=["unknown"])
        self.with_command("twice", "sms-cancellation", came=[*twice, after(103)], history=["unknown"])
        self.with_command("twice", "vai-canceled", came=twice, history=["unknown"])
        self.with_command("twice", "vai-offer-help", came=twice, history=["unknown"])
        self.check("the CRM should have 1 of", change=lambda it: it.crm_events.append("booking_canceled"))
        self.check("the customer's system", change=lambda it: it.hooks.append("booking.canceled"))
        self.check("2 meetings at Calendly, for one booking with 0 moves", person(moves=0))

    def test_only_the_service_that_was_down_leaves_doubt(self):
        in_doubt = lambda it: it.commands[0]["history"].append({"reason": "unknown"})  # sms-confirmation
        self.check(None, change=in_doubt)
        self.check(None, person(doubtful=("sms-",)), in_doubt)
        self.check("although its service was there", person(doubtful=("mail-",)), in_doubt)
        self.check("although its service was there", person(doubtful=()), in_doubt)

    def test_untrue(self):
        self.with_command("shown as done, and nothing came", "sms-cancellation")
        self.with_command("shown as withdrawn, and it came", "sms-confirmation", "uri/i1", [after(1)],
                          state="withdrawn", reason="moved_before_fire")  # fmt: skip
        self.with_command("the meeting ended at", "sms-confirmation", "uri/i1", [after(61)])
        self.with_command(None, "sms-confirmation", "uri/i1", [after(59)])
        # Who cancels at once may still get the confirmation of the booking, but no reminder.
        quick = person(meetings=[Meeting("uri/i1", BEGIN, after(5))], moves=0)
        for name, seconds, trouble in (("sms-confirmation", 39, None), ("sms-confirmation", 41, "ended at"),
                                       ("sms-reminder-60m", 16, "ended at")):  # fmt: skip
            one = command(name, "uri/i1")
            self.check(trouble, quick, lambda records, one=one, seconds=seconds: (
                records.commands.append(one), records.got.update({one["id"]: [after(seconds)]}),
                records.hooks.remove("booking.rescheduled"), records.crm_events.remove("booking_moved")))  # fmt: skip
        self.with_command("the meeting ended at", "mail-host-moved", "uri/i2", [after(111)])
        self.with_command("the meeting ended at", "sms-reminder-60m", "uri/i2", [after(111)])
        self.with_command("the meeting ended at", "sms-cancellation", "uri/i2", [after(80)])
        self.with_command("the last news for VAI is vai-rescheduled", "vai-rescheduled", "uri/i2", [after(200)])

    def test_nobody_is_reminded_of_what_an_agent_asked_to_cancel(self):
        about = person(asked_to_cancel=after(60))
        reminder = command("sms-reminder-60m", "uri/i2")

        def remind(records):
            records.commands.append(reminder)
            records.got[reminder["id"]] = [after(75)]

        self.check("untrue: sms-reminder-60m", about, remind)
        self.check(None, change=remind)


class Proxied(unittest.TestCase):
    def test_a_proxy_passes_on_or_fails_and_recovers(self):
        class Service(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(201)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Path", self.path)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        proxy = FaultyProxy(service.server_port)

        def call():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/a?b", b"body", timeout=0.5) as answer:
                    return answer.status, answer.headers["X-Path"], answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.headers["Retry-After"]
            except (OSError, urllib.error.URLError) as error:
                return type(getattr(error, "reason", error))

        try:
            for fault, answer in [*FAULTS.items(), *FAULTS.items()]:
                self.assertEqual(call(), (201, "/a?b", b"body"))
                proxy.set_fault(fault)
                if fault == REFUSED:
                    self.assertEqual(call(), ConnectionRefusedError)
                elif fault == HANGS:
                    self.assertEqual(call(), TimeoutError)
                else:
                    self.assertEqual(call(), (answer[0], answer[1] and str(answer[1])))
                proxy.set_fault(None)
            self.assertEqual(proxy.failed["503, Retry-After"], 2)
        finally:
            proxy.close()
            service.shutdown()
            service.server_close()


if __name__ == "__main__":
    unittest.main()
