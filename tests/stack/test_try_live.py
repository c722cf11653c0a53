"""Tests of try_live.py, with a schedule function that is made up.

    .tools/emulator/bin/python -m unittest discover -s tests/stack
"""

import unittest
from datetime import datetime, timedelta, timezone

from try_live import WITHIN, Failed, Trial

FREE = (datetime.now(timezone.utc) + timedelta(days=3)).strftime("%Y-%m-%dT%H:00:00Z")
TIMELINE = [
    ("invitee.created", "Calendly tells of a booking: Sales Demo"),
    ("confirmation by e-mail", "accepted by the provider as 1 [Amazon SES, en]"),
    ("reminder by e-mail, 1 h before", "has a timer for tomorrow"),
]
CANCELED = [
    ("invitee.canceled", "Calendly tells that the meeting of tomorrow was canceled"),
    ("cancellation by SMS", "not sent: there is no phone number (no_phone)"),
    ("cancellation by e-mail", "accepted by the provider as 2 [Amazon SES, en]"),
]


class Stack:
    """Answers calls. A line of the timeline comes with each look."""

    def __init__(self, timeline=TIMELINE, canceled=CANCELED, errors=()):
        self.timeline, self.canceled, self.errors = timeline, canceled, dict(errors)
        self.calls, self.looks = [], 0

    def call(self, operation, input):
        self.calls.append(operation)
        if error := self.errors.pop(operation, None):
            return {"success": False, "error": error}
        if operation == "alternatives":
            return {"eventType": "Sales Demo", "days": [{"slots": [{"startTime": "2026-01-01T00:00:00Z"}, {"startTime": FREE}]}]}
        if operation == "book":
            self.booked = input
            return {"booking": {"id": "bk-1"}}
        if operation == "timeline":
            self.looks += 1
            lines = self.timeline + (self.canceled if "cancel" in self.calls else [])
            return {"lines": [{"what": what, "happened": happened} for what, happened in lines[: self.looks]]}
        return {"success": True}


class ATrial(unittest.TestCase):
    def play(self, stack):
        now, said = [0.0], []

        def wait(seconds):
            now[0] += seconds

        trial = Trial(stack.call, "Sales Demo", "a@example.com", wait=wait, clock=lambda: now[0],
                      say=lambda text, flush: said.append(text))  # fmt: skip
        try:
            trial.run()
        except Failed as failure:
            return str(failure), now[0]
        return said, now[0]

    def test_it_books_waits_cancels_and_waits(self):
        stack = Stack()
        said, _ = self.play(stack)
        self.assertEqual(stack.booked["preferredTime"], FREE)
        self.assertEqual([it for it in stack.calls if it != "timeline"], ["alternatives", "book", "cancel"])
        self.assertIn("cancellation by SMS: not sent: there is no phone number", "\n".join(said))

    def test_what_may_be_repeated_is_repeated(self):
        stack = Stack(errors={"book": {"code": "in_progress", "retryable": True, "retryAfterSeconds": 2}})
        said, _ = self.play(stack)
        self.assertIsInstance(said, list, said)

    def test_the_step_that_failed_is_named_and_the_meeting_is_canceled(self):
        lacks_webhook = TIMELINE[1:]
        refused = {"code": "missing_answers", "retryable": False}
        broken = [TIMELINE[0], ("confirmation by e-mail", "failed: the provider refused it (provider_refused)")]
        skipped = [TIMELINE[0], ("confirmation by e-mail", "not sent: there is no template (no_template)")]
        for stack, step, calls in [
            (Stack(errors={"alternatives": refused}), "finding a free time failed", []),
            (Stack(errors={"book": refused}), "booking failed", []),
            (Stack(lacks_webhook), "the webhook of the booking did not come within", ["book", "cancel"]),
            (Stack(TIMELINE[:1]), "the messages of the booking did not come within", ["book", "cancel"]),
            (Stack(broken), "the messages of the booking failed: confirmation by e-mail: failed", ["book", "cancel"]),
            (Stack(skipped), "the messages of the booking did not come within 180 s: confirmation by e-mail: not sent",
             ["book", "cancel"]),
            (Stack(errors={"cancel": refused}), "canceling failed", ["book", "cancel"]),
            (Stack(canceled=[]), "the webhook of the cancellation did not come within", ["book", "cancel"]),
            (Stack(canceled=CANCELED[:1]), "the messages of the cancellation did not come within", ["book", "cancel"]),
        ]:  # fmt: skip
            said, took = self.play(stack)
            self.assertTrue(said.startswith(step), f"{step}: {said}")
            self.assertEqual([it for it in stack.calls if it in calls], calls)
            self.assertLess(took, 2 * WITHIN)


if __name__ == "__main__":
    unittest.main()
