"""`make outages`: takes each service outside down for a while on a local stack, brings it back, waits until everything
is settled, and compares both sides' records: nothing lost, nothing twice, nothing untrue. SERVICE=… takes down one.

Meanwhile VAI's agents and people at Calendly book, move and cancel: before the outage, during it and after it. An agent
whose call is refused repeats it. Calendly's webhooks arrive all the time.

Each service is behind a proxy (faulty_proxy.py), which fails in all its ways during an outage. The functions find AWS's
services by the SDK's variables. Retries follow SPEED times faster than written, by the template's RetrySpeed. So an
outage of minutes is to them one of more than half an hour.

What must be true is in outage_truth.py.
"""

import argparse
import json
import os
import random
import re
import shutil
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import tools
from chaos import QUICK, ZONES, Killer
from faulty_proxy import FAULTS, FaultyProxy
from outage_truth import OUTCOMES, Meeting, Person, Records, compare
from stack import Failed, Stack
from times import now, stamp

# Services whose URL is a parameter of the template: the parameter, and the sandbox's path.
OUTSIDE = {
    "calendly": ("CalendlyApiUrl", "/calendly"),
    "engagelab": ("EngagelabApiUrl", "/engagelab"),
    "twilio": ("TwilioApiUrl", "/twilio"),
    "brevo": ("BrevoApiUrl", "/brevo"),
    "ses": ("SesApiUrl", "/ses"),
    "vai": ("VaiApiUrl", "/vai"),
}
# Services of AWS, by the variable of the SDK with their URL.
AWS = {
    "dynamodb": "AWS_ENDPOINT_URL_DYNAMODB",
    "sqs": "AWS_ENDPOINT_URL_SQS",
    "scheduler": "AWS_ENDPOINT_URL_SCHEDULER",
    "secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "kms": "AWS_ENDPOINT_URL_KMS",
}
SERVICES = [*OUTSIDE, *AWS]
# What an outage may leave in doubt: how the ids of commands begin. Without the table, nothing that was done can be
# written down, and new processes leave undone what the old ones did.
DOUBTFUL = {
    "calendly": (),
    "engagelab": ("sms-",),
    "twilio": ("sms-",),
    "brevo": ("mail-move",),
    "ses": ("mail-host", "mail-cancellation"),
    "vai": ("vai-", "log-", "mail-confirmation"),
    "dynamodb": ("",),
    "sqs": (),
    "scheduler": (),
    "secretsmanager": ("",),
    "kms": ("",),
}
# What their answers say is kept in memory for five minutes. Only new processes notice the outage.
CACHED = ["secretsmanager", "kms"]

SPEED = 30
BEFORE, DOWN, AFTER = 20, 80, 15  # seconds: how long people act before, during and after an outage
SETTLED_WITHIN = 300  # seconds after the outage
REMINDED_WITHIN = 150  # seconds after the outage: longer than a queue holds a message of a stopped function
# A queue delivers a message again whose function was stopped. Longer than the lease of a command (60 s).
VISIBILITY = 70
QUEUES = ["INTAKE", "DUE", "DELIVERIES"]
DEAD_LETTERS = ["INTAKE_DLQ_URL", "DUE_DLQ_URL", "DELIVERIES_DLQ_URL", "SCHEDULER_DLQ_URL", "SES_DLQ_URL"]
RECEIVER = "outages"

# What people do, and when: 0.5 is in the middle of the time before the outage, 1.5 of the outage, 2.5 of the time after.
PLANS = [
    [(0.05, "agent books")],
    [(0.1, "person books")],
    [(0.15, "agent books"), (1.2, "agent moves")],
    [(0.2, "person books"), (1.3, "person moves")],
    [(0.25, "agent books"), (1.35, "agent cancels")],
    [(0.3, "person books"), (1.4, "person cancels")],
    [(0.35, "agent books"), (1.45, "person cancels")],
    [(0.4, "person books"), (1.6, "host cancels")],
    [(0.45, "agent books"), (0.8, "agent moves"), (1.7, "agent cancels")],
    [(0.97, "agent books")],
    [(0.98, "person books")],
    [(1.05, "agent books")],
    [(1.1, "person books")],
    [(1.15, "person books"), (1.25, "person cancels")],
    [(1.5, "person books"), (1.55, "person moves")],
    [(1.6, "agent books"), (1.8, "agent moves")],
    [(1.65, "agent books"), (2.2, "agent cancels")],
    [(1.9, "person books"), (2.3, "host cancels")],
    [(2.05, "agent books"), (2.6, "agent moves")],
    [(2.1, "person books"), (2.7, "person cancels")],
]
# The same for people who are reminded during the outage, by the minutes of the reminder. At "fires" it is due.
REMINDED = {
    60: [(0, "person books"), (2, "host cancels when reminded")],
    75: [(0.01, "agent books"), ("fires", "agent cancels")],
    90: [(0.02, "person books"), ("fires", "person cancels")],
}
REASONS = {"agent": "Ill", "person": "Nu mai am timp în ziua aceea", "host": "Ill"}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--service", choices=SERVICES, action="append", help="take down only this one")
    options.add_argument("--down", type=int, default=DOWN, help="seconds of each outage")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = options.parse_args()
    tools.prepare_script()
    try:
        with OutageStack(f"outages-{os.getpid()}") as stack:
            Outages(stack, given.service or SERVICES, given.down, given.seed).run()
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


class OutageStack(Stack):
    """A stack whose functions reach each service through a proxy of its own."""

    def __init__(self, name):
        super().__init__(name)
        self.proxies = {name: FaultyProxy(self.sandbox_port) for name in OUTSIDE}
        self.proxies |= {name: FaultyProxy(self.emulator_port) for name in AWS}
        self.parameters = {"RetrySpeed": str(SPEED)}
        self.parameters |= {parameter: self.url(name) + path for name, (parameter, path) in OUTSIDE.items()}

    def url(self, service):
        return f"http://127.0.0.1:{self.proxies[service].port}"

    def _start(self, name, command, env):
        # The functions inherit the emulator's environment.
        if name == "emulator":
            env = env | {variable: self.url(service) for service, variable in AWS.items()}
        return super()._start(name, command, env)

    def stop(self):
        super().stop()
        for proxy in self.proxies.values():
            proxy.close()


class Actor(threading.Thread):
    """Lets one person and their agent act. What they did is the truth that the records are compared with."""

    def __init__(self, stack, service, name, number, plan, starts, seconds, reminder=None):
        super().__init__(daemon=True)
        self.service = service
        self.stack, self.plan, self.starts, self.seconds, self.reminder = stack, plan, starts, seconds, reminder
        self.name, self.email = name, f"{name}@example.com"
        # Not one that ends in 0009: at Twilio, the sandbox takes that for a landline.
        self.phone, self.zone = f"+40712{number + 100:06}", ZONES[number % len(ZONES)]
        self.by_agent = plan[0][1] == "agent books"
        self.invitee, self.event, self.booking = None, None, None
        self.moves, self.canceled_by, self.asked_to_cancel = 0, None, None
        self.webhooks, self.repeated, self.trouble, self.over = 0, 0, None, threading.Event()

    def run(self):
        try:
            for at, step in self.plan:
                wait = self.seconds(at) - time.monotonic()
                if wait > 0 and self.over.wait(wait):
                    return
                self.act(step)
        except Exception as error:  # it ends this thread only; `compare` reports it
            self.trouble = f"{step}: {error}"

    def act(self, step):
        who, does = step.split()[:2]
        if "when reminded" in step:
            self.wait_for_reminder()
        match who, does:
            case "agent", "books":
                booked = self.call("", self.request())["booking"]
                self.booking, self.invitee, self.event = booked["id"], booked["inviteeUuid"], booked["eventUuid"]
                self.webhooks += 1
            case "agent", "moves":
                self.call(f"/{self.booking}/move", {"preferredTime": stamp(next(self.starts)), "maxShift": 0})
                self.moves, self.webhooks = self.moves + 1, self.webhooks + 2
            case "agent", "cancels":
                self.call(f"/{self.booking}/cancel", {"reason": REASONS[who]})
                self.asked_to_cancel, self.canceled_by, self.webhooks = now(), who, self.webhooks + 1
            case "person", "books":
                self.take(self.stack.post("/people/book", {
                    "event_type": QUICK, "start_time": stamp(next(self.starts)), "name": self.name.title(),
                    "email": self.email, "timezone": self.zone, "phone": self.phone}), 1)  # fmt: skip
            case "person", "moves":
                move = {"invitee": self.invitee, "start_time": stamp(next(self.starts))}
                self.take(self.stack.post("/people/move", move), 2)
                self.moves += 1
            case "person" | "host", "cancels":
                path, what = ("cancel", "invitee") if who == "person" else ("host_cancel", "event")
                self.take(self.stack.post(f"/people/{path}", {what: getattr(self, what), "reason": REASONS[who]}), 1)
                self.canceled_by = who
            case _:
                raise ValueError(f"nobody can do this: {step}")

    def take(self, answer, webhooks):
        self.invitee, self.event = answer.get("invitee", self.invitee), answer.get("event", self.event)
        self.webhooks += webhooks

    def request(self):
        return {"eventType": QUICK, "preferredTime": stamp(next(self.starts)), "maxShift": 0,
                "inviteeName": self.name.title(), "inviteeEmail": self.email, "timezone": self.zone,
                "phone": self.phone, "userId": "user-1", "conversationId": f"conv-{self.name}", "agentType": "sales"}  # fmt: skip

    def call(self, path, body):
        """Calls our API as an agent does: again with the same key, until it is answered."""
        path = f"/api/calendly/bookings{path}" if path else "/api/calendly/schedule"
        key = {"Idempotency-Key": f"{self.name}-{path}"}
        while not self.over.is_set():
            try:
                status, answer = self.stack.api("POST", path, body, key)
            except OSError as error:
                status, answer = None, {"error": {"message": str(error), "retryable": True}}
            # A gateway's answer is no object, and can be repeated.
            error = answer.get("error", answer) if isinstance(answer, dict) else {"retryable": True}
            if status == 200 and answer.get("success", True):
                return answer
            # With a spent budget, an agent waits, or passes a link on.
            is_repeated = error.get("retryable") or error.get("code") == "budget_exhausted"
            if status and status < 500 and not is_repeated:
                raise Failed(f"refused for good with {status}: {answer}")
            self.repeated += 1
            self.over.wait(min(error.get("retryAfterSeconds", 2), 10))
        raise Failed(f"the last answer to {path} is {status}: {answer}")

    def wait_for_reminder(self):
        until = time.monotonic() + REMINDED_WITHIN
        while time.monotonic() < until and not any(
            command_of(it).startswith("sms-reminder") for it in self.stack.get("/inbox.json")["sms"] if it["to"] == self.phone
        ):  # fmt: skip
            self.over.wait(3)


class Outages:
    def __init__(self, stack, services, down, seed):
        self.stack, self.services, self.down, self.seed = stack, services, down, seed
        self.rng, self.actors, self.rows, self.troubles = random.Random(seed), [], [], []
        first = (now() + timedelta(hours=40)).replace(minute=0, second=0, microsecond=0)
        self.free = iter(first + timedelta(minutes=20 * number) for number in range(4 * len(PLANS) * len(SERVICES)))

    def run(self):
        self.prepare()
        self.begun = time.monotonic()
        print(f"\nevery outage takes {self.down} s; retries are {SPEED} times as fast; seed {self.seed}")
        for service in self.services:
            self.play(service)
        # What has come since, late or twice, is found here.
        world, known = self.records(), "\n".join(self.troubles)
        late = [trouble for actor in self.actors for trouble in self.compare_one(actor, world)[1]]
        self.troubles += [f"at the end: {trouble}" for trouble in late if trouble not in known]
        if len(self.rows) > 1:
            self.show()
        if self.troubles:
            raise Failed("\n".join([*self.troubles, f"Logs, and the output of `explain`: {self.stack.folder}"]))

    def prepare(self):
        """Writes the settings, registers a customer's endpoint, and shortens what is not configured."""
        stack = self.stack
        # The output of the stack has the ARN of this one.
        folder, queue = stack.env["DUE_DLQ_URL"].rsplit("/", 1)[0], stack.env["SCHEDULER_DLQ_ARN"].rsplit(":", 1)[1]
        stack.env["SCHEDULER_DLQ_URL"] = f"{folder}/{queue}"
        given = (tools.ROOT / "tests/sandbox/settings.toml").read_text()
        # News of moves and cancellations by Twilio, so that both providers of SMS have messages.
        twilio = 'sms = ["twilio", "engagelab"]\n'
        given, found = re.subn(r"^(\[providers\.messages\.move\]\n)",
                               rf"[providers.messages.cancellation]\n{twilio}\n\1{twilio}", given, flags=re.MULTILINE)  # fmt: skip
        assert found == 1, "the sandbox's settings have no providers for moves"
        # The e-mails of Amazon SES.
        given, found = re.subn(r"^(\[channels\]\n)", r'\1host_notice = ["sms", "email"]\n', given, flags=re.MULTILINE)
        assert found == 1, "the sandbox's settings have no channels"
        file = stack.folder / "settings.toml"
        budget = "[booking]\nper_minute = 500\nper_hour = 5000\nper_day = 5000\nrequests_per_minute = 5000\n"
        file.write_text(f'{given}\n{budget}[event_types."{QUICK}"]\nreminder_minutes = {list(REMINDED)}\n')
        stack.operator("settings", "--file", str(file), "--connection", "default")
        # Calendly repeats a webhook for a day.
        stack.post("/control/settings", {"retry_window_ms": 86_400_000, "requests_per_minute": 5_000})
        for queue in QUEUES:
            stack.aws("sqs", "AmazonSQS.SetQueueAttributes", QueueUrl=stack.env[f"{queue}_QUEUE_URL"],
                      Attributes={"VisibilityTimeout": str(VISIBILITY)})  # fmt: skip
        url = f"{stack.sandbox}/receiver/{RECEIVER}"
        status, made = stack.api("POST", "/api/endpoints", {"id": RECEIVER, "url": url, "events": ["booking.*"]})
        if status != 200:
            raise Failed(f"the endpoint could not be made: {status} {made}")
        stack.request("PUT", f"/receiver/{RECEIVER}", {"secret": made["secret"]})
        stack.api("POST", f"/api/endpoints/{RECEIVER}/test", {})
        until = time.monotonic() + 30
        while stack.api("GET", f"/api/endpoints/{RECEIVER}")[1]["status"] != "enabled":
            if time.monotonic() > until:
                raise Failed("the endpoint was not enabled by its test")
            time.sleep(0.5)
        time.sleep(6)  # functions notice the first endpoint of a connection within five seconds

    # ------------------------------------------------------------------ one outage

    def play(self, service):
        print(f"\n{service}", flush=True)
        began = time.monotonic()
        fires = (now() + timedelta(seconds=BEFORE + 15)).replace(second=0, microsecond=0) + timedelta(minutes=1)
        ends = {0: began, 1: began + BEFORE, 2: began + BEFORE + self.down, 3: began + BEFORE + self.down + AFTER}
        at_fires = began + (fires - now()).total_seconds()

        def seconds(at):
            if at == "fires":
                return at_fires - 5
            part = int(at)
            return ends[part] + (at - part) * (ends[part + 1] - ends[part])

        actors = []
        for plan, minutes in [*((plan, None) for plan in PLANS), *((plan, it) for it, plan in REMINDED.items())]:
            starts = self.free if minutes is None else iter([fires + timedelta(minutes=minutes)])
            number = len(self.actors) + len(actors) + 1
            name = f"{service}{len(actors) + 1:02}"
            actors.append(Actor(self.stack, service, name, number, plan, starts, seconds, minutes))
        self.actors += actors
        for actor in actors:
            actor.start()
        failed = self.take_down(service, ends[1])
        up_at = time.monotonic()
        self.say("it is back")
        said = up_at
        while (unsettled := self.unsettled(actors)) and time.monotonic() < up_at + SETTLED_WITHIN:
            if time.monotonic() > said + 30:
                said = time.monotonic()
                self.say(unsettled)
            time.sleep(3)
        for actor in actors:
            actor.over.set()
            actor.join()
        if unsettled:
            self.troubles.append(f"{service}: not settled {SETTLED_WITHIN} s after the outage: {unsettled}")
        self.say(f"settled {time.monotonic() - up_at:.0f} s after it")
        self.compare(service, actors, failed, time.monotonic() - up_at)

    def take_down(self, service, at):
        """Takes a service down for a while. Returns the number of calls that failed."""
        time.sleep(max(0, at - time.monotonic()))
        proxy, faults = self.stack.proxies[service], self.rng.sample(list(FAULTS), len(FAULTS))
        self.say(f"it is down: {', '.join(faults)}")
        proxy.failed.clear()
        try:
            for number, fault in enumerate(faults):
                proxy.set_fault(fault)
                if number == 0 and service in CACHED:
                    self.start_anew()
                time.sleep(self.down / len(faults))
        finally:
            proxy.set_fault(None)
        return proxy.failed.total()

    def start_anew(self):
        """Ends the functions' processes, so that the next ones know nothing."""
        killer = Killer(self.stack.started[0].pid, self.seed)
        for process in killer.functions():
            killer.kill(*process)

    def say(self, text):
        print(f"  {time.monotonic() - self.begun:6.1f} s  {text}", flush=True)

    # ------------------------------------------------------------------ settling

    def unsettled(self, actors):
        """Returns what is not finished, or None. Looks twice, since receipts may be on their way."""
        return self.unsettled_now(actors) or (time.sleep(3) or self.unsettled_now(actors))

    def unsettled_now(self, actors):
        if acting := [actor.name for actor in actors if actor.is_alive()]:
            return "still to act: " + ", ".join(acting)
        deliveries = self.stack.get("/inbox.json")["deliveries"]
        arrived = {(it["event"], it["invitee"]) for it in deliveries if (it["status"] or 0) // 100 == 2}
        wanted = {(it["event"], it["invitee"]) for it in deliveries}
        due = sum(actor.webhooks for actor in self.actors)
        if len(arrived) < max(due, len(wanted)):
            return f"{len(arrived)} of {max(due, len(wanted))} webhooks delivered"
        depths = {queue: self.depth(f"{queue}_QUEUE_URL") for queue in QUEUES}
        if any(depths.values()):
            return f"the queues hold {depths}"
        mine = {actor.email for actor in actors}
        soon = now() + timedelta(minutes=3)
        return next((
            f"{it['id']} of {booking['email']} is {it['state']}"
            for booking in self.table() if booking["email"] in mine
            for it in booking["commands"] if is_unsettled(it, soon)
        ), None)  # fmt: skip

    def depth(self, queue):
        """Returns the number of messages, including the delayed ones, which are retries."""
        names = ["ApproximateNumberOfMessages" + which for which in ("", "NotVisible", "Delayed")]
        found = self.stack.aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=self.stack.env[queue], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    # ------------------------------------------------------------------ both sides' records

    def table(self):
        """Returns each booking of the table: whose it is, and its commands."""
        rows = list(self.stack.scan(
            FilterExpression="begins_with(#kind, :booking) OR begins_with(#kind, :command)",
            ProjectionExpression="pk, #kind, doc", ExpressionAttributeNames={"#kind": "kind"},
            ExpressionAttributeValues={":booking": {"S": "booking."}, ":command": {"S": "command."}},
        ))  # fmt: skip
        emails = {it["uri"]: it["email"] for it in self.stack.get("/calendly.json")["invitees"]}
        bookings = {}
        for row in rows:
            booking = bookings.setdefault(row["pk"]["S"], {"email": None, "commands": [], "pk": row["pk"]["S"]})
            doc = row["doc"]["S"]
            if row["kind"]["S"].startswith("command."):
                booking["commands"].append(json.loads(doc))
            else:
                uris = re.findall(r"https://api\.calendly\.com/scheduled_events/[\w-]+/invitees/[\w-]+", doc)
                booking["email"] = next((emails[uri] for uri in uris if uri in emails), None)
        return list(bookings.values())

    def records(self):
        """Returns all records of both sides."""
        world = {name: self.stack.get(f"/{name}.json") for name in ("inbox", "calendly", "crm", f"receiver/{RECEIVER}")}
        world["table"] = self.table()
        world["got"] = self.got(world["inbox"])
        return world

    def got(self, inbox):
        """Returns what people and VAI got: times by the command's id."""
        got = {}
        for sms in inbox["sms"]:
            got.setdefault(command_of(sms), []).append(sms["at"])
        for mail in inbox["emails"]:
            if mail["provider"] == "brevo":
                got.setdefault(mail["headers"]["X-Mailin-custom"].rsplit("/", 1)[-1], []).append(mail["at"])
            elif mail["provider"] == "ses":
                got.setdefault(ses_tag(mail["tags"], "command"), []).append(mail["at"])
        for call in inbox["vai"]:
            if not call["repeat"]:
                got.setdefault(str(call["idempotency_key"]), []).append(call["at"])
        return {command: [datetime.fromisoformat(at) for at in times] for command, times in got.items()}

    def compare_one(self, actor, world):
        """Compares the records about one person. Returns the outcomes and the troubles."""
        invitees = [it for it in world["calendly"]["invitees"] if it["email"] == actor.email]
        meetings = [Meeting(it["uri"], at(it["created_at"]), at((it.get("cancellation") or {}).get("created_at")))
                    for it in sorted(invitees, key=lambda it: at(it["created_at"]))]  # fmt: skip
        person = Person(actor.name, actor.by_agent, meetings, actor.moves, actor.canceled_by,
                        actor.reminder if "when reminded" in str(actor.plan) else None, actor.asked_to_cancel,
                        DOUBTFUL[actor.service])  # fmt: skip
        bookings = [it for it in world["table"] if it["email"] == actor.email]
        records = Records()
        if bookings:
            records.commands = [command for booking in bookings for command in booking["commands"]]
            records.got = {it["id"]: world["got"][it["id"]] for it in records.commands if it["id"] in world["got"]}
            stream = "booking/" + bookings[0]["pk"].split("#", 1)[1]
            taken = [it for it in world[f"receiver/{RECEIVER}"]["deliveries"] if it["outcome"] == "taken"]
            records.hooks = [it["type"] for it in taken if it["stream"] == stream]
        contact = next((it for it in world["crm"]["1"]["contacts"] if it["email"] == actor.email), None)
        if contact:
            records.crm_events = [it["name"] for it in contact["events"]]
            records.crm_status = contact["attributes"].get("BOOKING_STATUS")
        outcomes, troubles = compare(person, records)
        if len(bookings) > 1:
            troubles.append(f"the table has {len(bookings)} bookings")
        if actor.trouble:
            troubles.append(actor.trouble)
        if troubles and actor.invitee:
            explained = self.stack.folder / f"{actor.name}.txt"
            try:
                text = self.stack.operator("explain", "--connection", "default", actor.invitee.rsplit("/", 1)[-1])
            except Failed as failure:
                text = str(failure)
            plan = "\n".join([f"{actor.name}: {actor.plan}", *map(str, meetings), *troubles])
            explained.write_text(f"{plan}\n\n{text}\n{json.dumps(bookings, indent=1)}\n")
        return outcomes, [f"{actor.name} {[step for _, step in actor.plan]}: {trouble}" for trouble in troubles]

    def compare(self, service, actors, failed, settled_after):
        world, outcomes, troubles = self.records(), Counter(), []
        for actor in actors:
            found, trouble = self.compare_one(actor, world)
            outcomes.update(found)
            troubles += trouble
        ordered = {command["id"] for booking in world["table"] for command in booking["commands"]}
        troubles += [f"nobody ordered {command}, and it came" for command in world["got"] if command not in ordered]
        receiver = world[f"receiver/{RECEIVER}"]["counts"]
        troubles += [f"the customer's system counts {receiver}"] * any(receiver[it] for it in ("missing", "late", "previousWrong"))
        troubles += [f"{queue} holds {depth}" for queue in DEAD_LETTERS if (depth := self.depth(queue))]
        if any(it["state"] != "active" for it in world["calendly"]["subscriptions"]):
            troubles.append("Calendly has disabled the subscription")
        self.troubles += [f"{service}: {trouble}" for trouble in troubles]
        for trouble in troubles:
            self.say(f"TROUBLE: {trouble}")
        since = len(self.rows)
        self.rows.append({
            "service": service, "bookings": len(actors), "moves": sum(it.moves for it in actors),
            "cancels": sum(it.canceled_by is not None for it in actors), "failed": failed,
            "repeated": sum(it.repeated for it in actors), "settled": f"{settled_after:.0f} s", **outcomes,
            "troubles": len(troubles),
        })  # fmt: skip
        self.show(self.rows[since:])

    def show(self, rows=None):
        columns = ["service", "bookings", "moves", "cancels", "failed", "repeated", "settled", *OUTCOMES, "troubles"]
        width = lambda name: max(len(name), 14 if name == "service" else 0)
        print("\n" + "  ".join(f"{name:>{width(name)}}" for name in columns))
        for row in rows or self.rows:
            print("  ".join(f"{row.get(name, 0):>{width(name)}}" for name in columns), flush=True)


def is_unsettled(command, soon):
    """Whether a command is still at work. One that waits for its planned time is not: a reminder, for example."""
    state, due = command["state"], command.get("not_before")
    if state in ("open", "claimed", "withdrawing"):
        return True
    return state == "waiting" and (command.get("attempts", 0) > 0 or (due and at(due) < soon))


def command_of(sms):
    if sms["provider"] == "twilio":
        return re.search(r"command=([\w-]+)", sms["status_callback"])[1]
    return sms["custom_args"]["command_id"]


def ses_tag(tags, name):
    if isinstance(tags, dict):
        found = tags.get(name)
        return found[0] if isinstance(found, list) else found
    return next(it["Value"] for it in tags if it["Name"] == name)


def at(text):
    return datetime.fromisoformat(text) if text else None


if __name__ == "__main__":
    main()
