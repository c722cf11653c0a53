"""`make attack`: a stranger on the internet books 200 meetings on the public page of a local stack, moves each 20 times
and floods every public address. Prints what was sent, to whom and what it cost, and compares it with the limits of the
settings. MEETINGS=…, MOVES=…, MINUTES=… (for booking and moving), REQUESTS=… (of the flood).

Within the four minutes that it has by default, each meeting is moved some seven times on two busy cores. MINUTES=20 is
enough for all.

The names are links, orders to language models, formulas and what can't be seen, in four languages. The numbers are
premium, shared-cost, personal and satellite ones, numbers of ten countries, and that of a victim. The owner's settings
are the most generous ones (`sms_for = "all"`, `countries = ["*"]`), with the limits that settings have by default. A
smaller attack before it finds the audiences of the defaults, under which nobody gets an SMS.

Reminders are not waited for: `tests/it/abuse.rs` plays the same attack in virtual time until the meetings are over.

The texts and numbers are in hostile.py, the limits in sms_limits.py, the flood in flood.py.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import shutil
import statistics
import sys
import threading
import time
import tomllib
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import tools
from chaos import QUICK, Killer
from flood import ADDRESS, PROBE, PUBLIC, Flood, all_calls
from hostile import (
    CANARY,
    COSTLY,
    OWN_HOSTS,
    VICTIM,
    country_of,
    hostile_pieces,
    number_of,
    prices,
    texts,
    words_of_email,
    words_of_sms,
)
from outages import DEAD_LETTERS, QUEUES, command_of, is_unsettled, ses_tag
from sms_limits import Sms, by, moves_in_an_hour, over_limits, read_price, segments_in_a_day, total, wrong_costs
from stack import Failed, Stack
from times import now, stamp
from tools import ROOT

MEETINGS, MOVES, MINUTES = 200, 20, 4
REQUESTS, CONNECTIONS = 5_000, 4
FEW = 12, 2  # meetings and moves under the default audiences
GROUP = 8  # bookings or moves at the same time
SLOW = 0.5  # seconds: while /health takes longer, nothing more is booked or moved
MOST_QUEUED = 100
SETTLED_WITHIN = 600  # seconds
PAUSE = 0.8  # seconds between two genuine calls: an agent may ask 120 times a minute
AT_REST = 20  # genuine calls of each kind before the flood
WEBHOOK_WITHIN, AGENT_WITHIN = 10, 29  # seconds: Calendly and API Gateway give up then
SPARE_THREADS = 8  # a function's process may have so many more after the flood
SHOWN = 5  # troubles that differ only in numbers and ids
EXPLAINED = 5  # bookings whose timelines are compared


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--meetings", type=int, default=MEETINGS)
    options.add_argument("--moves", type=int, default=MOVES, help="of each meeting")
    options.add_argument("--minutes", type=float, default=MINUTES, help="after so many, no more is booked or moved")
    options.add_argument("--requests", type=int, default=REQUESTS, help="calls of the flood")
    options.add_argument("--connections", type=int, default=CONNECTIONS, help="of the flood, at the same time")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = options.parse_args()
    tools.prepare_script(finds_processes=True)
    try:
        # A call of the flood that logs nothing need not wait for a line.
        with Stack(f"attack-{os.getpid()}", log_wait=1) as stack:
            Attack(stack, given).run()
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


def settings(audience, hosts):
    """Returns the sandbox's settings with the default limits. Templates have their texts, so that they are measured."""
    given = tomllib.loads((ROOT / "tests/sandbox/settings.toml").read_text())
    known = {it["id"]: it["text"] for it in json.loads((ROOT / "tests/sandbox/templates.json").read_text())}
    for template in given["templates"]:
        if template["provider"] == "engagelab":
            template["text"] = known[template["id"]]
    # The list prices of the countries count, and the CRM is left alone.
    for name in ("sms_for", "sms_budget", "sms_price", "crm", *["hosts"] * (not hosts)):
        given.pop(name)
    # Fewer timers for each of thousands of moves.
    return given | {"reminder_minutes": [60], "follow_up_minutes": []} | audience


GENEROUS = settings({"sms_for": "all", "countries": ["*"]}, hosts=True)
DEFAULT = settings({}, hosts=False)
LIMITS = tomllib.loads((ROOT / "shared/domain/settings.default.toml").read_text())["sms_budget"]
HOSTS = {it["phone"] for it in GENEROUS["hosts"].values()}


class Stranger:
    """Somebody with one meeting on the public page."""

    def __init__(self, meeting, name, zone):
        self.name, self.zone = name, zone
        self.email, self.phone = f"stranger-{meeting}@example.com", number_of(meeting)
        self.invitee, self.moves = None, 0

    def book(self, stack, start):
        # What is left of a tracking parameter in a link of a mail is the stranger's, too.
        written = {f"utm_{name}": self.name for name in ("campaign", "source", "medium", "term")}
        self.invitee = stack.post("/people/book", {
            "event_type": QUICK, "start_time": stamp(start), "name": self.name, "email": self.email, "timezone": self.zone,
            "phone": self.phone, "answers": {"Company": self.name}, **written})["invitee"]  # fmt: skip

    def move(self, stack, start):
        self.invitee = stack.post("/people/move", {"invitee": self.invitee, "start_time": stamp(start)})["invitee"]
        self.moves += 1


class Genuine(threading.Thread):
    """Calendly and an agent, who call all the time: a webhook that Calendly repeats, and a question for free times."""

    def __init__(self, stack, bodies, calls=None):
        super().__init__(daemon=True)
        self.stack, self.bodies, self.calls = stack, bodies, calls
        self.key, self.over = stack.signing_key().encode(), threading.Event()
        self.took, self.webhooks, self.troubles = {"webhook": [], "agent": []}, 0, []

    def run(self):
        for number in range(self.calls or 10**9):
            for name, within, call in (("webhook", WEBHOOK_WITHIN, self.webhook), ("agent", AGENT_WITHIN, self.agent)):
                began = time.monotonic()
                try:
                    status = call(self.bodies[number % len(self.bodies)])
                except (OSError, http.client.HTTPException) as error:
                    status = error
                took = time.monotonic() - began
                self.took[name].append(took)
                if status != 200 or took > within:
                    self.troubles.append(f"a genuine call ({name}) got {status} after {took:.1f} s")
            if self.over.wait(PAUSE):
                return

    def webhook(self, body):
        at = str(int(time.time()))
        signature = hmac.new(self.key, f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Calendly-Webhook-Signature": f"t={at},v1={signature}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.stack.env["WEBHOOK_URL"], body.encode(), headers)
        with urllib.request.urlopen(request, timeout=WEBHOOK_WITHIN) as answer:
            self.webhooks += 1
            return answer.status

    def agent(self, _):
        span = f"from={stamp(now())}&until={stamp(now() + timedelta(days=1))}"
        path = f"/api/calendly/available-times?eventType=Quick%20Consultation&{span}"
        return self.stack.api("GET", path)[0]


class Attack:
    def __init__(self, stack, given):
        self.stack, self.given, self.troubles, self.begun = stack, given, [], time.monotonic()
        first = (now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
        count = (given.meetings + FEW[0]) * (given.moves + FEW[1] + 2)
        self.free = iter(first + timedelta(minutes=20 * number) for number in range(count))
        names = texts()
        random.Random(given.seed).shuffle(names)
        self.strangers = [Stranger(number, *names[number % len(names)]) for number in range(given.meetings + FEW[0])]

    def run(self):
        print(f"\nThe attack; seed {self.given.seed}")
        self.stack.post("/control/settings", {"requests_per_minute": 5_000})
        few, many = self.strangers[: FEW[0]], self.strangers[FEW[0] :]
        self.put(DEFAULT)
        self.book_and_move(few, FEW[1], minutes=2)
        self.settle()
        self.find_nothing_sent(few)
        self.put(GENEROUS)
        self.book_and_move(many, self.given.moves, self.given.minutes)
        self.settle()
        outcome = self.flood()
        self.settle()
        self.show_messages()
        self.show_flood(*outcome)
        if self.troubles:
            listed = "".join(f"\n  - {line}" for line in shortened(self.troubles))
            raise Failed(f"{len(self.troubles)} troubles:{listed}\nLogs: {self.stack.folder}")
        print("\nEverything is within the limits, and nothing of the hostile texts reached anybody.")

    def say(self, text):
        print(f"  {time.monotonic() - self.begun:6.1f} s  {text}", flush=True)

    def put(self, value):
        status, answer = self.stack.api("PUT", "/api/connections/default/settings", {"settings": value})
        if status != 200:
            raise Failed(f"the settings should have been taken: {status} {answer}")
        self.wait("the settings", lambda: self.settings()["replan"]["status"] == "done", within=120)
        # Functions that run keep the settings for a minute. New ones read them. What a function has in hand when it is
        # ended would come back after minutes.
        self.wait("the queues", lambda: not self.depths() and (time.sleep(1) or not self.depths()), SETTLED_WITHIN)
        killer = Killer(self.stack.started[0].pid, self.given.seed)
        for process in killer.functions():
            killer.kill(*process)

    def settings(self):
        return self.stack.api("GET", "/api/connections/default/settings")[1]

    # ------------------------------------------------------------------ booking and moving

    def book_and_move(self, strangers, moves, minutes):
        until = time.monotonic() + 60 * minutes
        acts = [(stranger, Stranger.book) for stranger in strangers]
        acts += [(stranger, Stranger.move) for _ in range(moves) for stranger in strangers]
        began, done = time.monotonic(), 0
        with ThreadPoolExecutor(GROUP) as pool:
            for first in range(0, len(acts), GROUP):
                if time.monotonic() > until:
                    break
                group = acts[first : first + GROUP]
                list(pool.map(lambda act: act[0][1](act[0][0], self.stack, act[1]), [(it, next(self.free)) for it in group]))
                done += len(group)
                if first // GROUP % 50 == 49:
                    self.say(f"{done} of {len(acts)}")
                self.let_breathe()
        booked = [it for it in strangers if it.invitee]
        made = [it.moves for it in booked]
        if not booked:
            raise Failed("nobody could book")
        self.say(f"{len(booked)} of {len(strangers)} meetings booked, and each moved {min(made)} to {max(made)} times "
                 f"({sum(made)} moves), in {time.monotonic() - began:.0f} s")  # fmt: skip

    def let_breathe(self):
        """Waits while the emulator has more to do than it can: it starts a process for each call at the same time."""
        while True:
            began = time.monotonic()
            urllib.request.urlopen(self.stack.env["API_URL"] + "/health", timeout=60).read()
            if time.monotonic() - began < SLOW and self.depth("INTAKE_QUEUE_URL") < MOST_QUEUED:
                return
            time.sleep(SLOW)

    def depth(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.stack.aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=self.stack.env[queue],
                               AttributeNames=names)  # fmt: skip
        return sum(int(found["Attributes"][name]) for name in names)

    def settle(self):
        """Waits until Calendly's webhooks have arrived, the queues are empty, and no command is at work."""
        began = time.monotonic()
        self.wait("the queues", lambda: not self.busy() and (time.sleep(2) or not self.busy()), SETTLED_WITHIN, every=2)
        self.wait("the commands", lambda: not self.at_work(), SETTLED_WITHIN, every=5)
        self.say(f"settled after {time.monotonic() - began:.0f} s")

    def depths(self):
        return sum(self.depth(f"{queue}_QUEUE_URL") for queue in QUEUES)

    def busy(self):
        if self.depths():
            return True
        inbox = self.stack.get("/inbox.json")
        arrived = {(it["event"], it["invitee"]) for it in inbox["deliveries"] if (it["status"] or 0) // 100 == 2}
        # A booking has one webhook, a move two.
        wanted = sum(1 + 2 * it.moves for it in self.strangers if it.invitee)
        return len(arrived) < wanted or any(it["delivery"] in ("accepted", "sent") for it in inbox["sms"])

    def at_work(self):
        soon = now() + timedelta(minutes=3)
        return [it["id"] for commands in self.bookings().values() for it in commands if is_unsettled(it, soon)]

    def wait(self, what, look, within, every=0.5):
        until = time.monotonic() + within
        while not look():
            if time.monotonic() > until:
                raise Failed(f"{what} did not come to an end within {within} s; logs: {self.stack.folder}")
            time.sleep(every)

    # ------------------------------------------------------------------ records

    def bookings(self):
        """Returns the commands of each booking, by its id."""
        found = {}
        for row in self.stack.scan(
            FilterExpression="begins_with(#kind, :booking) OR begins_with(#kind, :command)",
            ProjectionExpression="pk, #kind, doc", ExpressionAttributeNames={"#kind": "kind"},
            ExpressionAttributeValues={":booking": {"S": "booking."}, ":command": {"S": "command."}},
        ):  # fmt: skip
            commands = found.setdefault(row["pk"]["S"].split("#", 1)[1], [])
            if row["kind"]["S"].startswith("command."):
                commands.append(json.loads(row["doc"]["S"]))
        return found

    def sms(self, inbox, bookings):
        """Returns what the providers of SMS took, with the booking that each is about."""
        owners = {command["id"]: (booking, command["leg"]) for booking, commands in bookings.items() for command in commands}
        found = []
        for it in inbox["sms"]:
            command = command_of(it)
            booking, leg = owners.get(command, (None, None))
            if booking is None:
                self.troubles.append(f"nobody ordered the SMS {command} to {it['to']}")
            at, segments = datetime.fromisoformat(it["at"]), it["measure"]["segments"]
            found.append(Sms(at, it["to"], segments, command, str(booking), str(leg)))
        return found

    def find_nothing_sent(self, strangers):
        """Under the audiences of the defaults, strangers' bookings send nothing at all."""
        inbox, bookings = self.stack.get("/inbox.json"), self.bookings()
        sent = [*inbox["sms"], *inbox["emails"]]
        self.troubles += [f"with the default audiences, {it['provider']} wrote to {it['to']}" for it in sent]
        if len(bookings) != len(strangers):
            self.troubles.append(f"with the default audiences, {len(bookings)} of {len(strangers)} bookings were recorded")
        reasons = skipped(bookings)
        print(f"\nWith the default audiences: {len(sent)} messages for {len(bookings)} bookings and "
              f"{sum(it.moves for it in strangers)} moves")  # fmt: skip
        show(["not sent", "kind", "why"], [[number, kind, reason] for (kind, reason), number in sorted(reasons.items())])
        if set(reason for _, reason in reasons if reason != "moved_before_fire") - {"not_vais"} or not reasons:
            self.troubles.append(f"with the default audiences, messages should be left out as not_vais: {dict(reasons)}")

    # ------------------------------------------------------------------ what was sent

    def show_messages(self):
        inbox, bookings = self.stack.get("/inbox.json"), self.bookings()
        sent, commands = self.sms(inbox, bookings), [it for all in bookings.values() for it in all]
        costs = {it["id"]: it.get("costs", []) for it in commands}
        self.show_sms(sent, costs)
        self.show_emails(inbox)
        reasons = skipped(bookings)
        print("\nNot sent, and why")
        show(["number", "kind", "reason"], [[number, *what] for what, number in sorted(reasons.items(), key=lambda it: -it[1])])
        print("\nThe limits (sms_budget)")
        hosts = [it for it in sent if it.to in HOSTS]
        strangers = [it for it in sent if it.to not in HOSTS]
        most = lambda groups: max(map(segments_in_a_day, groups.values()), default=0)
        bookings_of = by(lambda it: it.booking, sent).values()
        per_booking, most_moves = max(map(len, bookings_of), default=0), max(map(moves_in_an_hour, bookings_of), default=0)
        show(["limit", "used", "of"], [
            ["most_segments, of one SMS", max((it.segments for it in sent), default=0), LIMITS["most_segments"]],
            ["per_number_and_day", most(by(lambda it: it.to, strangers)), LIMITS["per_number_and_day"]],
            ["  of them to the victim", segments_in_a_day([it for it in sent if it.to == VICTIM]), LIMITS["per_number_and_day"]],
            ["per_host_and_day", most(by(lambda it: it.to, hosts)), LIMITS["per_host_and_day"]],
            ["per_day, of the connection", segments_in_a_day(sent), LIMITS["per_day"]],
            ["messages_per_booking", per_booking, LIMITS["messages_per_booking"]],
            ["moves_per_hour", most_moves, LIMITS["moves_per_hour"]],
        ])  # fmt: skip
        self.troubles += over_limits(sent, LIMITS, HOSTS)
        self.troubles += [f"{it.to}, a {COSTLY[it.to]} number, was texted" for it in sent if it.to in COSTLY]
        list_prices = prices()
        self.troubles += wrong_costs(sent, costs, lambda to: list_prices.get(country_of(to)))
        self.compare_timelines(sent)
        self.find_hostile(inbox)
        strangers = sum(it.invitee is not None for it in self.strangers)
        if len(bookings) != strangers:
            self.troubles.append(f"{len(bookings)} bookings were recorded, and {strangers} were made")
        strange = {country_of(it.phone) for it in self.strangers if it.invitee and it.phone not in COSTLY}
        if missing := strange - {country_of(it.to) for it in sent}:
            self.troubles.append(f"the attack was too weak: nothing was sent to {', '.join(sorted(missing))}")
        if not any(CANARY in it["text"] for it in inbox["sms"]) or not any(reason == "sms_budget" for _, reason in reasons):
            self.troubles.append("the attack was too weak: no hostile name reached a message, or no limit was reached")
        dead = [queue for queue in DEAD_LETTERS if queue in self.stack.env]
        self.troubles += [f"{queue} holds {depth} messages" for queue in dead if (depth := self.depth(queue))]

    def show_sms(self, sent, costs):
        prices_of = {command: [read_price(it.get("price")) for it in stored] for command, stored in costs.items()}
        rows = []
        for (country, kind), group in sorted(by(lambda it: (who(it.to), it.kind), sent).items()):
            price = total(price for command in {it.command for it in group} for price in prices_of.get(command, []))
            rows.append([country, kind, len(group), sum(it.segments for it in group), price])
        everything = total(price for found in prices_of.values() for price in found)
        unknown = sum(it["segments"] for stored in costs.values() for it in stored if not it.get("price"))
        rows.append(["all", "", len(sent), sum(it.segments for it in sent), f"{everything}, and {unknown} segments without"])
        print("\nSMS that the providers took, with the price that the bookings show")
        show(["to", "kind", "SMS", "segments", "price"], rows)
        untexted = sum(it.invitee is not None and it.phone in COSTLY for it in self.strangers)
        print(f"premium, shared-cost, personal and satellite numbers: {sum(it.to in COSTLY for it in sent)} SMS for "
              f"{untexted} bookings")  # fmt: skip

    def show_emails(self, inbox):
        strangers = {it.email for it in self.strangers}
        kinds = Counter()
        for mail in inbox["emails"]:
            kinds["a stranger" if mail["to"] in strangers else mail["to"], mail["provider"], email_kind(mail)] += 1
        print("\nE-mails that the providers took")
        rows = [[*what, number] for what, number in sorted(kinds.items())]
        show(["to", "by", "kind", "number"], rows or [["nobody", "", "", 0]])

    def compare_timelines(self, sent):
        """The timeline of a booking names the segments that were really sent."""
        for booking, group in sorted(by(lambda it: it.booking, sent).items(), key=lambda it: -len(it[1]))[:EXPLAINED]:
            status, answer = self.stack.api("GET", f"/api/calendly/bookings/{booking}/timeline")
            if status != 200:
                self.troubles.append(f"the timeline of {booking} got {status}: {answer}")
                continue
            told = sum(int(number) for line in answer["lines"] if "SMS" in line["what"]
                       for number in re.findall(r"(\d+) segments?\b", line["happened"]))  # fmt: skip
            if told != (real := sum(it.segments for it in group)):
                self.troubles.append(f"the timeline of {booking} tells of {told} segments, and {real} were sent")

    def find_hostile(self, inbox):
        """Nothing that strangers wrote reached anybody but a short, plain name."""
        names = {it.name for it in self.strangers}
        looked = [(f"the SMS to {it['to']}", words_of_sms(it)) for it in inbox["sms"]]
        looked += [(f"the e-mail to {it['to']}", words_of_email(it)) for it in inbox["emails"]]
        for what, words in looked:
            if pieces := hostile_pieces(words, OWN_HOSTS, names):
                self.troubles.append(f"{what} has {', '.join(pieces)}: {words[:200]!r}")
        print(f"\n{len(looked)} messages were searched for what {len(names)} hostile texts have")

    # ------------------------------------------------------------------ the flood

    def flood(self):
        """Floods every public address while Calendly and an agent call. Returns what became of it. What it put on the
        intake queue is found there, since the processor does not read it meanwhile."""
        deliveries = self.stack.get("/inbox.json")["deliveries"]
        bodies = [it["body"] for it in deliveries[:: max(1, len(deliveries) // 20)]]
        rest = Genuine(self.stack, bodies, AT_REST)
        rest.start()
        rest.join()
        self.settle()
        before, rows, usage = self.sent(), self.rows(), self.usage()
        self.read_intake(False)
        busy = Genuine(self.stack, bodies)
        busy.start()
        flood = Flood(self.stack.env["API_URL"], all_calls(), self.given.seed)
        try:
            outcome = flood.run(self.given.requests, self.given.connections)
        finally:
            flood.over.set()
            busy.over.set()
            busy.join()
        after = self.usage()
        queued = self.queued()
        self.compare_rows(rows)
        self.read_intake(True)
        self.say(f"the flood: {sum(sum(it.values()) for it in outcome.answers.values())} calls in {outcome.seconds:.0f} s")
        self.wait("what was queued", lambda: not self.depth("INTAKE_QUEUE_URL"), SETTLED_WITHIN, every=1)
        self.settle()
        if self.sent() != before:
            self.troubles.append(f"the flood, or a repeated webhook, sent something: {self.sent()} instead of {before}")
        return outcome, rest, busy, queued, usage, after

    def sent(self):
        """Returns how much of each kind was sent."""
        inbox = self.stack.get("/inbox.json")
        return {box: len(inbox[box]) for box in ("sms", "emails", "followups", "analytics", "vai")}

    def read_intake(self, enabled):
        """Lets the processor read the intake queue, or not."""
        found = self.stack.rest("lambda", "/2015-03-31/event-source-mappings/")["EventSourceMappings"]
        [mapping] = [it for it in found if it["EventSourceArn"].endswith("-intake")]
        self.stack.rest("lambda", f"/2015-03-31/event-source-mappings/{mapping['UUID']}", "PUT", {"Enabled": enabled})
        time.sleep(2)  # a batch may be on its way

    def queued(self):
        """Returns what the queues hold after the flood: on the intake queue by the sender, else by the queue."""
        found, queue = Counter(), self.stack.env["INTAKE_QUEUE_URL"]
        while messages := self.stack.aws("sqs", "AmazonSQS.ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10,
                                         VisibilityTimeout=10).get("Messages"):  # fmt: skip
            found.update(json.loads(it["Body"])["source"] for it in messages)
        found.update({name.lower(): depth for name in ("DUE", "DELIVERIES") if (depth := self.depth(f"{name}_QUEUE_URL"))})
        return found

    def rows(self):
        """Returns the table's rows: kind and keys."""
        rows = self.stack.scan(ProjectionExpression="#kind, pk, sk", ExpressionAttributeNames={"#kind": "kind"})
        return {(row["kind"]["S"], row["pk"]["S"], row["sk"]["S"]) for row in rows}

    def compare_rows(self, before):
        """Nothing was written but the permits of the key with which the agent asks, a row each minute."""
        known = {(kind, partition) for kind, partition, _ in before if kind.startswith("permits.")}
        new = [row for row in self.rows() - before if row[:2] not in known]
        if new:
            self.troubles.append(f"the flood wrote rows: {dict(Counter(kind for kind, *_ in new))}")

    def usage(self):
        """Returns for each function the number of its processes, the most memory of one in MB, and the most threads."""
        found = {}
        for pid, name in Killer(self.stack.started[0].pid, self.given.seed).functions():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # it ended meanwhile
            read = lambda field: int(re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE)[1])
            number, memory, threads = found.get(name, (0, 0, 0))
            found[name] = number + 1, max(memory, read("VmHWM") // 1024), max(threads, read("Threads"))
        return found

    def show_flood(self, outcome, rest, busy, queued, usage, after):
        print("\nThe flood: answers by route")
        show(["route", "calls", "answers"], outcome.by_route())
        self.troubles += outcome.troubles() + rest.troubles + busy.troubles
        if not busy.webhooks:
            self.troubles.append("no genuine webhook came during the flood: make it longer")
        print("\nA success is right for")
        for route, why in [*PUBLIC.items(), (PROBE, "answered, and not queued"), (ADDRESS, "queued: docs/security.md")]:
            print(f"  {route}: {why}")
        print("\nGenuine calls, in ms")
        rows = []
        for name in rest.took:
            calm, flooded = rest.took[name], busy.took[name]
            row = [name, len(calm), len(flooded)]
            for part in (50, 95):
                without, with_flood = 1_000 * percentile(calm, part), 1_000 * percentile(flooded, part)
                row += [f"{without:.0f}", f"{with_flood:.0f}", f"{with_flood / without:.1f}"]
            rows.append(row)
        show(["", "before", "during", "p50 before", "during", "ratio", "p95 before", "during", "ratio"], rows)
        wanted = Counter({"calendly": busy.webhooks}) + Counter({"unsubscribe": outcome.addresses})
        print(f"\nOn the queues after it: {dict(queued)}, of which Calendly's repeated webhooks are {busy.webhooks}")
        if not wanted <= queued <= wanted + Counter({"unsubscribe": outcome.nobodys}):
            most = f"{outcome.nobodys} more for nobody's connections at most"
            self.troubles.append(f"the queues hold {dict(queued)}, and should hold {dict(wanted)}, {most}")
        memory = memory_of_functions()
        print("\nThe functions' processes (built for debugging)")
        before = {name: threads for name, (*_, threads) in usage.items()}
        rows = [[name, *found[:2], memory, before.get(name, ""), found[2]] for name, found in sorted(after.items())]
        show(["function", "processes", "most MB", "of", "threads before", "after"], rows)
        for name, (_, used, threads) in after.items():
            if used > memory:
                self.troubles.append(f"{name} used {used} MB, and has {memory}")
            if name in before and threads > before[name] + SPARE_THREADS:
                self.troubles.append(f"{name} has {threads} threads after the flood, and had {before[name]}")


def shortened(troubles):
    """Returns the troubles, of many that differ only in numbers and ids the first few."""
    alike = by(lambda it: re.sub(r"bk-\w+|[0-9a-f]{8,}|\d+", "…", it.split(":")[0]), troubles)
    for group in alike.values():
        yield from group[:SHOWN]
        if len(group) > SHOWN:
            yield f"and {len(group) - SHOWN} more like these"


def memory_of_functions():
    return int(re.search(r"MemorySize: (\d+)", (ROOT / "template.yaml").read_text())[1])


def who(number):
    """Returns whom a number belongs to, for the table."""
    if number in HOSTS:
        return "the host"
    return "the victim" if number == VICTIM else country_of(number)


def skipped(bookings):
    """Counts the messages that were not sent, by their kind and the reason."""
    found = Counter()
    for command in (it for all in bookings.values() for it in all):
        kind = command["id"].rsplit("-", 1)[0]
        if kind.startswith(("sms-", "mail-")) and command["state"] in ("skipped", "failed", "withdrawn", "unknown"):
            found[kind, command.get("reason") or command["state"]] += 1
    return found


def email_kind(mail):
    """Returns the kind of an e-mail: its command's id without its hash, or VAI's template."""
    if mail["provider"] == "vai":
        return mail["template"]
    if mail["provider"] == "brevo":
        command = mail["headers"]["X-Mailin-custom"].rsplit("/", 1)[-1]
    else:
        command = ses_tag(mail["tags"], "command")
    return command.rsplit("-", 1)[0]


def percentile(values, part):
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1] if len(values) > 1 else values[0]


def show(columns, rows):
    """Prints a table."""
    rows = [[str(it) for it in row] for row in rows]
    widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    is_number = [all(re.fullmatch(r"[\d.]*", row[at]) for row in rows) for at in range(len(columns))]
    for row in [columns, *rows]:
        cells = [f"{cell:>{width}}" if number else f"{cell:<{width}}" for cell, width, number in zip(row, widths, is_number)]
        print("  " + "  ".join(cells).rstrip(), flush=True)


if __name__ == "__main__":
    main()
