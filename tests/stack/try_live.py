"""Books a meeting on a deployed stack, waits for its webhook and messages, cancels it, and waits for those of the
cancellation. Names the step that failed. The meeting and the messages are real.

    make try-live EVENT_TYPE="Quick Consultation" EMAIL=you@example.com STACK=vai-calendly-dev

Runs in .tools/deploy, with the environment of env.py.
"""

import argparse
import json
import os
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone

WITHIN = 180  # seconds, for each step that waits
PAUSE = 3  # seconds between two looks at the timeline
# How a line of the timeline begins when a message is on its way, failed, or is not sent. shared/domain/src/timeline.rs
# words them.
SENT = "accepted by the provider", "passed on by the provider", "has arrived"
FAILED = "failed", "has not arrived", "outcome unknown"
NOT_SENT = ("not sent",)
FROM_PEOPLE = "the person replied", "the provider reports an objection"  # says nothing of the sending
BOOKED = "invitee.created", "Calendly tells of a booking"
CANCELED = "invitee.canceled", "Calendly tells that the meeting"


class Failed(Exception):
    """A step failed. The text names it."""


class Trial:
    def __init__(self, call, event_type, email, phone=None, answers=None, wait=time.sleep, clock=time.monotonic, say=print):
        """`call(operation, input)` returns the answer of the schedule function."""
        self.call, self.wait, self.clock, self.print = call, wait, clock, say
        self.event_type, self.email, self.phone, self.answers = event_type, email, phone, answers or {}
        self.started = clock()
        self.booking = None

    def run(self):
        start = self.find_time()
        self.book(start)
        try:
            self.expect_webhook("the webhook of the booking", *BOOKED)
            self.expect_messages("the messages of the booking", "confirmation by ")
        except BaseException:
            self.clean_up()
            raise
        self.cancel()
        self.expect_webhook("the webhook of the cancellation", *CANCELED)
        self.expect_messages("the messages of the cancellation", "cancellation by ")

    def say(self, text):
        self.print(f"  {self.clock() - self.started:5.1f} s  {text}", flush=True)

    def ask(self, step, operation, **input):
        """Makes a call that must succeed. What can be repeated is repeated, as an agent does."""
        for _ in range(5):
            answer = self.call(operation, input)
            error = answer.get("error")
            if not error:
                return answer
            if not error.get("retryable"):
                break
            self.wait(error.get("retryAfterSeconds", 1))
        raise Failed(f"{step} failed: {json.dumps(error, ensure_ascii=False)}")

    def find_time(self):
        """Returns a free time in two days or later. For an earlier one, reminders would go out."""
        wished = (datetime.now(timezone.utc) + timedelta(days=2)).strftime("%Y-%m-%dT%H:00:00Z")
        answer = self.ask(
            "finding a free time", "alternatives", eventType=self.event_type, preferredTime=wished, timezone="UTC", days=14
        )
        times = sorted(slot["startTime"] for day in answer["days"] for slot in day["slots"] if slot["startTime"] >= wished)
        if not times:
            raise Failed(f"finding a free time failed: {self.event_type} has none in the two weeks from {wished} on")
        self.say(f"{answer['eventType']} is free at {times[0]}")
        return times[0]

    def book(self, start):
        input = {"eventType": self.event_type, "inviteeEmail": self.email, "inviteeName": "A trial of make try-live",
                 "preferredTime": start, "timezone": "UTC", "language": "en",
                 "customAnswers": self.answers}  # fmt: skip
        if self.phone:
            input["phone"] = self.phone
        self.booking = self.ask("booking", "book", **input)["booking"]["id"]
        self.say(f"booked: {self.booking}")

    def cancel(self):
        self.ask("canceling", "cancel", booking=self.booking, reason="a trial of make try-live")
        self.say("canceled")

    def clean_up(self):
        """Cancels the meeting after a failure, so that nobody waits for it."""
        try:
            self.cancel()
        except Exception as failure:  # noqa: BLE001  it must not hide the failure before it
            self.say(f"the meeting {self.booking} could not be canceled, cancel it at Calendly: {failure}")

    def lines(self, step):
        return self.ask(step, "timeline", booking=self.booking)["lines"]

    def expect(self, step, look):
        """Waits until `look` returns something about the timeline's lines. Without it, its last words say why."""
        until = self.clock() + WITHIN
        while True:
            found, missing = look(self.lines(step))
            if found:
                return found
            if self.clock() > until:
                raise Failed(f"{step} did not come within {WITHIN} s: {missing}")
            self.wait(PAUSE)

    def expect_webhook(self, step, what, happened):
        def look(lines):
            found = [it for it in lines if it["what"] == what and it["happened"].startswith(happened)]
            return found, "is the subscription active? `make doctor` says so, and the webhook function's log what was refused"

        self.expect(step, look)
        self.say(f"{step} came")

    def expect_messages(self, step, kind):
        for line in self.expect(step, lambda lines: settle(step, kind, lines)):
            self.say(line)


def settle(step, kind, lines):
    """Returns a line for each message of a kind when none is open any more, else what is open. Fails if one failed."""
    last = {}
    for it in lines:
        if it["what"].startswith(kind) and not it["happened"].startswith(FROM_PEOPLE):
            last[it["what"]] = it["happened"]
    told = [f"{what}: {happened}" for what, happened in last.items()]
    if broken := [it for it, happened in zip(told, last.values()) if happened.startswith(FAILED)]:
        raise Failed(f"{step} failed: {'; '.join(broken)}")
    is_any_sent = any(it.startswith(SENT) for it in last.values())
    # One that is not sent may be replaced: an e-mail takes the place of an SMS.
    if is_any_sent and all(it.startswith(SENT + NOT_SENT) for it in last.values()):
        return told, ""
    return [], "; ".join(told) or "the settings ask for none, or none was planned: see `make explain`"


def invoke(connection):
    """Returns a function that calls the stack's schedule function by IAM, as VAI's backend does."""
    import boto3
    from botocore.config import Config

    client = boto3.client("lambda", config=Config(read_timeout=40, retries={"total_max_attempts": 1}))
    # An output of the stack. On AWS, the stack is named anyway.
    function = f"{os.environ.get('STACK_NAME') or os.environ['STACK']}-schedule"

    # The call acts for this conversation, and finds what was booked in it.
    conversation = f"try-live-{uuid.uuid4()}"

    def call(operation, input):
        event = json.dumps(
            {"operation": operation, "connection": connection, "conversation": conversation, "input": input}
        )
        answer = client.invoke(FunctionName=function, Payload=event.encode())
        payload = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise Failed(f"{operation} failed: the function {function} ended with an error, see its log: {payload}")
        return payload

    return call


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--event-type", required=True)
    options.add_argument("--email", required=True, help="the invitee's address: it gets Calendly's e-mails and ours")
    options.add_argument("--phone", help="the invitee's number, with + and country code")
    options.add_argument("--answers", type=json.loads, help="answers to the booking form's questions, a JSON object")
    options.add_argument("--connection", default="default")
    given = options.parse_args()
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        Trial(invoke(given.connection), given.event_type, given.email, given.phone, given.answers).run()
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"FAILED: the schedule function can't be invoked: {error}")
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")
    print("everything came")


if __name__ == "__main__":
    main()
