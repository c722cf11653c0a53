"""`make deliveries`: 1,000 events of 50 conversations and as many of 50 bookings, to 50 webhook endpoints of which 16 are
bad, with retry times divided by 1,000. Then compares the records of both sides. Ends within half an hour.

First the good endpoints alone get a fifth of the events at the same rate, for the comparison of the latencies. Events of
bookings are real: people book and move at the sandbox's Calendly, and the reports of their messages arrive.

Each endpoint selects some types, so an event reaches a part of the endpoints. 50 endpoints that all get everything would be
100,000 deliveries, and the emulator of AWS makes some 30 to 50 in a second.

With --kills, dispatchers are killed at random. Duplicates are allowed then, and nothing may be lost.
"""

import argparse
import json
import random
import shutil
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256

import tools
from chaos import QUICK, Killer
from stack import Failed, Stack
from times import now, stamp
from tools import ROOT

SPEED = 1_000
CONCURRENCY = 40  # dispatchers: a connection gets 166 of their 200 attempts, three for each of its endpoints
DISABLED_AFTER = 5 * 86_400 / SPEED  # seconds
WAITS = [wait / SPEED for wait in (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)]

# So many endpoints of each kind. `lose` answers 200 and loses each tenth; `poll` asks for its events.
GOOD = {"healthy": 26, "lose": 4, "poll": 4}
BAD = {"hang": 5, "fail": 5, "flap": 5, "gone": 1}
DEAD = ["hang", "fail"]
BEHAVIOR = {"lose": {"loseEvery": 10}, "hang": {"hang": True}, "fail": {"status": 500}, "gone": {"status": 410}}
FLAPS = 4, 8  # seconds: how long a flapping receiver fails, and how long it works

EVERYTHING = ["booking.*", "notification.*", "conversation.*", "message.*", "endpoint.*"]
CHOICES = [["booking.*"], ["conversation.*"], ["message.sent"], ["booking.created", "conversation.ended"],
           ["booking.created"], ["conversation.started"]]  # fmt: skip

EVENTS = 20  # of each conversation: started, messages, ended
ACTS = 10  # of each person: they book, and move nine times. A message about each is delivered, so there are 20 events
BATCH = 5  # events of different conversations, posted together
SECONDS = 24  # for each conversation: how long events are sent. So the emulator is about a third busy
PART = 5  # the run without bad endpoints has this part of the events of each stream, in this part of the time
SETTLED_WITHIN = 240  # seconds: a record that was not finished is received again after 180


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", action="store_true", help="kill dispatchers at random")
    options.add_argument("--streams", type=int, default=50, help="conversations, and as many bookings")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = options.parse_args()
    tools.prepare_script()
    parameters = {"RetrySpeed": str(SPEED), "DispatcherConcurrency": str(CONCURRENCY)}
    try:
        with Stack("deliveries", parameters=parameters) as stack:
            Load(stack, given.streams, given.kills, given.seed).run()
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


class DispatcherKiller(Killer):
    """Kills a dispatcher every few seconds. The queue delivers the messages of a killed one again after 180 s."""

    pause = 5, 15

    def functions(self):
        return [found for found in super().functions() if found[1] == "dispatcher"]


class Endpoint:
    """An endpoint of ours, with the receiver of the same name in the sandbox."""

    def __init__(self, stack, kind, number):
        self.stack, self.kind, self.name, self.token = stack, kind, f"{kind}-{number}", None
        gets_all = number == 0 and kind in ("healthy", "poll")
        self.patterns = EVERYTHING if gets_all else CHOICES[number % len(CHOICES)]

    def register(self):
        target = {"delivery": "poll"} if self.kind == "poll" else {"url": f"{self.stack.sandbox}/receiver/{self.name}"}
        created = call(self.stack, "POST", "/api/endpoints", {"id": self.name, "events": self.patterns} | target)
        self.token = created["catchUpToken"]
        if self.kind != "poll":
            self.stack.request("PUT", f"/receiver/{self.name}", {"secret": created["secret"]})
            self.call("POST", "/test", {})
            self.behave(BEHAVIOR.get(self.kind, {}))
        if self.call()["status"] != "enabled":
            raise Failed(f"{self.name} should be enabled")

    def call(self, method="GET", path="", body=None, headers={}):
        return call(self.stack, method, f"/api/endpoints/{self.name}{path}", body, headers)

    def behave(self, behavior):
        self.stack.request("PUT", f"/receiver/{self.name}", {"behavior": behavior})

    def selects(self, kind):
        return any(kind == it or it.endswith(".*") and kind.startswith(it[:-1]) for it in self.patterns)

    def view(self):
        """Returns the receiver's record, without the test."""
        view = self.stack.get(f"/receiver/{self.name}.json")
        view["deliveries"] = [it for it in view["deliveries"] if it["type"] != "webhook.test"]
        return view

    def attempts(self):
        """Returns our record of the deliveries."""
        found, after = [], ""
        while True:
            page = self.call("GET", f"/attempts?limit=100{after}")
            found += page["deliveries"]
            if not page.get("next"):
                return found
            after = f"&after={page['next']}"

    def feed(self):
        """Asks for all events, as a customer does whose endpoint is not called."""
        found, after, more = [], 0, True
        while more:
            page = self.call("GET", f"/events?after={after}", headers=self.bearer())
            found += page["events"]
            after, more = page["next"], page["hasMore"]
        return found

    def catch_up(self, stream):
        """Asks for all events of a booking or a conversation."""
        kind, _, name = stream.partition("/")
        found, more = [], True
        while more:
            after = found[-1]["number"] if found else 0
            page = call(self.stack, "GET", f"/api/{kind}s/{name}/events?after={after}", headers=self.bearer())
            found += page["events"]
            more = page["hasMore"]
        return found

    def bearer(self):
        return {"Authorization": f"Bearer {self.token}"}


class Load:
    def __init__(self, stack, streams, kills, seed):
        self.stack, self.streams, self.kills, self.seed = stack, streams, kills, seed
        self.begun, self.troubles, self.lines = time.monotonic(), [], []
        first = (now() + timedelta(days=3)).replace(second=0, microsecond=0)
        self.free = iter(first + timedelta(minutes=20 * number) for number in range(2_000))
        self.good = [Endpoint(stack, kind, number) for kind, many in GOOD.items() for number in range(many)]
        self.bad = [Endpoint(stack, kind, number) for kind, many in BAD.items() for number in range(many)]
        self.posted = {}  # when each event of a conversation was posted, by id
        self.invitees = {}  # by person

    def of_kind(self, *kinds):
        return [it for it in self.good + self.bad if it.kind in kinds]

    def run(self):
        self.settings()
        self.register(self.good)
        time.sleep(6)  # functions notice the first endpoint of a connection within five seconds
        self.say("sending to the good endpoints alone")
        self.send("alone", EVENTS // PART, ACTS // PART)
        alone = self.settle(EVENTS // PART, ACTS // PART, self.good)
        self.register(self.bad)
        bad_since = time.monotonic()
        killer = DispatcherKiller(self.stack.started[0].pid, self.seed)
        if self.kills:
            killer.start()
            threading.Timer(self.streams * SECONDS / 2, killer.over.set).start()
        self.say(f"{len(self.bad)} endpoints turn bad; sending to all {len(self.good + self.bad)}")
        over = threading.Event()
        flapper = threading.Thread(target=self.flap, args=(over,), daemon=True)
        flapper.start()
        self.send("among-bad", EVENTS, ACTS)
        over.set()
        flapper.join()
        among = self.settle(EVENTS, ACTS, self.good + self.of_kind("flap"), alone)
        self.say("everything was sent, and settled or given time to settle")

        try:
            self.verify(alone, among, bad_since)
            self.lines += [f"{killer.killed.total()} dispatchers were killed"] * self.kills
        finally:
            print("\n" + "\n".join(self.lines) + f"\n\ntook {time.monotonic() - self.begun:.0f} s, seed {self.seed}")
        if self.troubles:
            raise Failed("\n".join([*self.troubles, f"Logs: {self.stack.folder}"]))
        print("every promise kept")

    def verify(self, alone, among, bad_since):
        self.compare_latency(alone, among)
        self.compare_records(alone, among)
        self.check_gone()
        self.wait_for_disabling(bad_since)
        self.check_waits()
        self.check_told()
        self.revive(self.of_kind("fail")[0], among)
        statistics = self.stack.operator("check-statistics", "--connection", "default")
        self.lines.append(f"{statistics.count('no difference')} endpoints have statistics that equal their attempts")

    def say(self, text):
        print(f"  {time.monotonic() - self.begun:5.1f} s  {text}", flush=True)

    def settings(self):
        """Sets no reminders and no notices to the host, so that each act makes two events."""
        file = self.stack.folder / "settings.toml"
        given = (ROOT / "tests/sandbox/settings.toml").read_text().partition('[hosts."')[0]
        budget = "[booking]\nrequests_per_minute = 5000\n"
        file.write_text(f"reminder_minutes = []\nfollow_up_minutes = []\n{given}{budget}")
        self.stack.operator("settings", "--file", str(file), "--connection", "default")

    def register(self, endpoints):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Endpoint.register, endpoints))
        self.say(f"{len(endpoints)} endpoints are registered and tested")

    # ------------------------------------------------------------------ phase 1: send

    def send(self, name, events, acts):
        """Posts so many events of each conversation, and lets each person act so often, evenly in time."""
        groups = [range(at, min(at + BATCH, self.streams)) for at in range(0, self.streams, BATCH)]
        batches = [[conversation_event(f"{name}-{it}", number, events) for it in group]
                   for number in range(1, events + 1) for group in groups]  # fmt: skip
        people = [len(self.invitees) + number for number in range(self.streams)]
        seconds = self.streams * SECONDS * acts / ACTS
        with ThreadPoolExecutor(2) as pool:
            posting = pool.submit(pace, self.post, batches, seconds)
            acting = pool.submit(pace, self.act, people * acts, seconds)
            posting.result()
            acting.result()

    def post(self, events):
        self.posted |= {event["id"]: now() for event in events}
        answer = call(self.stack, "POST", "/api/events", {"events": events})
        if any(it["result"] != "accepted" for it in answer["events"]):
            raise Failed(f"an event was not accepted: {answer}")

    def act(self, person):
        start = stamp(next(self.free))
        if invitee := self.invitees.get(person):
            acted = self.stack.post("/people/move", {"invitee": invitee, "start_time": start})
        else:
            acted = self.stack.post("/people/book", {
                "event_type": QUICK, "start_time": start, "name": f"Person {person}", "timezone": "Europe/Bucharest",
                "email": f"person{person}@example.com", "phone": f"+40712000{person:03}"})  # fmt: skip
        self.invitees[person] = acted["invitee"]

    def flap(self, over):
        receivers = self.of_kind("flap")
        while not over.is_set():
            for behavior, seconds in zip(({"status": 500}, {}), FLAPS):
                for receiver in receivers:
                    receiver.behave(behavior)
                over.wait(seconds)
        for receiver in receivers:
            receiver.behave({})

    def settle(self, events, acts, endpoints, before=()):
        """Waits until our record has every event, and until each of these endpoints got what it selects of them. Returns
        the events that are not in `before`. A move replaces the message about the one before, if that was not sent yet:
        so nobody knows beforehand how many messages are delivered."""
        due = Counter({"booking.created": 1, "booking.rescheduled": acts - 1, "talk": events})
        due = {kind: many * self.streams for kind, many in due.items()}
        until, record, known, last = time.monotonic() + SETTLED_WITHIN, self.of_kind("poll")[0], {it["id"] for it in before}, None
        while True:
            found = [json.loads(it["body"]) for it in record.feed()]
            found = [it for it in found if it["id"] not in known and not it["type"].startswith("endpoint.")]
            counts = Counter(it["type"] if is_of_booking(it) else "talk" for it in found)
            missing = {kind: f"{counts[kind]} of {many}" for kind, many in due.items() if counts[kind] != many}
            missing = missing or {it.name: many for it in endpoints if (many := lacking(it, found))}
            if not missing and last == len(found):
                return found
            if time.monotonic() > until:
                self.troubles.append(f"not settled after {SETTLED_WITHIN} s: {missing}")
                self.say(self.troubles[-1])
                return found
            last = len(found)
            time.sleep(8)

    # ------------------------------------------------------------------ phase 2: verify

    def compare_latency(self, alone, among):
        """From posting, or from the event's time for bookings, to the first receipt by a healthy endpoint."""
        self.lines.append(f"{'':<24}{'conversations':>15}{'bookings':>15}{'deliveries':>12}{'p50':>9}{'p99':>9}{'longest':>9}")
        receipts = [it for endpoint in self.of_kind("healthy") for it in first_receipts(endpoint.view())]
        p99 = []
        for name, events in (("without bad endpoints", alone), ("with 16 bad endpoints", among)):
            times = {it["id"]: self.posted.get(it["id"]) or instant(it["timestamp"]) for it in events}
            took = sorted((instant(it["at"]) - times[it["webhookId"]]).total_seconds()
                          for it in receipts if it["webhookId"] in times)  # fmt: skip
            bookings = sum(map(is_of_booking, events))
            shown = "".join(f"{it:>7.2f} s" for it in (percentile(took, 50), percentile(took, 99), took[-1]))
            self.lines.append(f"{name:<24}{f'{len(events) - bookings} events':>15}{f'{bookings} events':>15}{len(took):>12}{shown}")
            p99.append(percentile(took, 99))
        ratio = p99[1] / p99[0]
        self.lines += [f"p99 with bad endpoints is {ratio:.2f} times that without them", ""]
        if ratio > 2 and not self.kills:
            self.troubles.append(f"p99 with bad endpoints is {ratio:.2f} times that without them: more than twice")

    def compare_records(self, alone, among):
        columns = ["received", "taken", "lost", "refused", "unanswered", "duplicates", "late", "previousWrong"]
        self.lines.append(f"{'':<10}{'endpoints':>10}{'due':>8}" + "".join(f"{it:>14}" for it in columns))
        table = defaultdict(Counter)
        for endpoint in self.good + self.bad:
            due = [it for it in (alone if endpoint in self.good else []) + among if endpoint.selects(it["type"])]
            view = {"counts": {}} if endpoint.kind == "poll" else endpoint.view()
            counts = table[endpoint.kind]
            counts.update({it: view["counts"].get(it, 0) for it in columns}, due=len(due), endpoints=1)
            if endpoint.kind == "poll":
                counts["received"] += self.check_feed(endpoint, due)
            elif endpoint.kind in ("healthy", "lose", "flap"):
                self.check_receiver(endpoint, view, due)
        for kind, counts in table.items():
            self.lines.append(f"{kind:<10}{counts['endpoints']:>10}{counts['due']:>8}"
                              + "".join(f"{counts[it]:>14}" for it in columns))  # fmt: skip
        self.lines += ["A test of each endpoint, and events of endpoints, come beside those that are due.", ""]

    def check_receiver(self, endpoint, view, due):
        """Each event came once, in order. Those that the receiver lost are caught up with, with the same bytes."""
        name, counts = endpoint.name, view["counts"]
        faults = [it for it in ("late", "previousWrong") if counts[it]]
        faults += ["duplicates"] * bool(counts["duplicates"] and not self.kills)
        faults += [it for it in ("missing", "refused", "unanswered", "lost") if counts[it] and endpoint.kind == "healthy"]
        self.troubles += [f"{name}: {it}: {counts[it]}" for it in faults]
        if wrong := [it for it in view["deliveries"] if (it["v1"], it["xVai"]) != ("ok", "ok")]:
            self.troubles.append(f"{name}: {len(wrong)} deliveries have a wrong signature")
        sent = bodies(first_receipts(view))
        self.check_complete(name, sent, due)
        if endpoint.kind == "lose":
            caught = {(stream, it["number"]): it["body"] for stream in {stream for stream, _ in sent}
                      for it in endpoint.catch_up(stream)}  # fmt: skip
            self.check_same(f"{name}: catching up", caught, sent)
        counted = endpoint.call("GET", "/statistics")["stats"]
        if (counted["sent"], counted["failed"]) != (len(first_receipts(view)), 0):
            self.troubles.append(f"{name}: {len(first_receipts(view))} events came, and the statistics are {counted}")

    def check_feed(self, endpoint, due):
        """What an endpoint asks for is what one that selects the same was sent."""
        feed = bodies(endpoint.feed())
        twin = next(it for it in self.of_kind("healthy") if it.patterns == endpoint.patterns)
        self.check_complete(endpoint.name, feed, due)
        self.check_same(f"{endpoint.name}: asking, beside {twin.name}", feed, bodies(first_receipts(twin.view())))
        return len(feed)

    def check_complete(self, name, found, due):
        """Nothing is missing, numbers came in order, and each body names the digest of the one before."""
        if missing := {it["id"] for it in due} - {json.loads(body)["id"] for body in found.values()}:
            self.troubles.append(f"{name}: {len(missing)} of {len(due)} events never came, such as {min(missing)}")
        numbers = defaultdict(list)
        for (stream, number), body in found.items():
            numbers[stream].append(number)
            before = found.get((stream, number - 1))
            previous = before and "sha256:" + sha256(before.encode()).hexdigest()
            if json.loads(body)["sequence"].get("previous") != previous:
                self.troubles.append(f"{name}: {stream} {number} names another body before it")
        for stream, came in numbers.items():
            if came != list(range(1, len(came) + 1)):
                self.troubles.append(f"{name}: {stream} came in the order {came}")

    def check_same(self, what, found, sent):
        if found != sent:
            differ = sum(found.get(key) != sent.get(key) for key in found.keys() | sent.keys())
            self.troubles.append(f"{what} gives {len(found)} events, of which {differ} are not byte by byte what was sent")

    def check_gone(self):
        gone = self.of_kind("gone")[0]
        status, got = gone.call(), gone.view()["deliveries"]
        after = (instant(status["statusSince"]) - instant(got[0]["at"])).total_seconds()
        self.lines.append(f"410: disabled {after:.1f} s after the first answer; {len(got)} attempts")
        if status.get("disabledReason") != "gone" or not 0 <= after < 15:
            self.troubles.append(f"an endpoint that answers 410 should be disabled at once: {status}")

    def wait_for_disabling(self, since):
        """Waits until the dead endpoints have failed for five days, divided by 1,000, and were tried once more."""
        self.say("waiting until the dead endpoints are disabled")
        waiting, until = self.of_kind(*DEAD), since + DISABLED_AFTER + 120
        for number in range(10_000):
            waiting = [it for it in waiting if it.call()["status"] != "disabled"]
            if not waiting or time.monotonic() > until:
                break
            # Only an endpoint that is tried can fail: each gets further events.
            if number % 10 == 0:
                self.act(900 + number // 10)
                self.post([conversation_event(f"later-{number}", it, 4) for it in range(1, 5)])
            time.sleep(3)
        self.troubles += [f"{it.name} is not disabled" for it in waiting]
        for kind in DEAD:
            after = []
            for endpoint in self.of_kind(kind):
                status = endpoint.call()
                failed = instant(endpoint.view()["deliveries"][0]["at"])
                after.append((instant(status["statusSince"]) - failed).total_seconds())
                if status.get("disabledReason") == "failing" and after[-1] < DISABLED_AFTER:
                    self.troubles.append(f"{endpoint.name} was disabled after only {after[-1]:.0f} s")
            self.lines.append(f"{kind}: disabled {min(after):.0f} to {max(after):.0f} s after the first attempt; five days are "
                              f"{DISABLED_AFTER:.0f} s")  # fmt: skip

    def check_waits(self):
        """No attempt comes before its time. It may come later: the queue delays by whole seconds, and while the breaker is
        open, only one lane is tried in a second."""
        self.lines += ["", f"{'wait after attempt':<24}" + "".join(f"{number:>9}" for number in range(1, 8)),
                       f"{'as written, / 1,000':<24}" + "".join(f"{wait:>7.2f} s" for wait in WAITS)]  # fmt: skip
        for kind in DEAD:
            waits, ended = [[] for _ in WAITS], Counter()
            for delivery in (it for endpoint in self.of_kind(kind) for it in endpoint.attempts()):
                ended[delivery["state"]] += 1
                attempts = delivery["attempts"]
                for found, attempt, following in zip(waits, attempts, attempts[1:]):
                    end = instant(attempt["at"]) + timedelta(milliseconds=attempt["millis"])
                    found.append((instant(following["at"]) - end).total_seconds())
            early = [number for number, (wait, found) in enumerate(zip(WAITS, waits), 2) if found and min(found) < wait * 0.8]
            self.troubles += [f"{kind}: attempt {number} came too early" for number in early]
            for name, choose in (("shortest", min), ("median", lambda found: percentile(sorted(found), 50))):
                shown = "".join(f"{choose(found):>7.2f} s" if found else f"{'-':>9}" for found in waits)
                self.lines.append(f"{f'{kind}, {name}':<24}{shown}")
            self.lines.append(f"{kind}: {sum(map(len, waits))} retries; deliveries: {dict(ended)}")
            if not waits[0] or kind == "fail" and not ended["given_up"]:
                self.troubles.append(f"{kind}: the schedule of retries was not followed to its end")

    def check_told(self):
        """The customer's other endpoints hear of the dead ones."""
        told = Counter(it["type"] for it in self.of_kind("healthy")[0].view()["deliveries"])
        due = {"endpoint.failing": len(self.of_kind(*DEAD)), "endpoint.disabled": len(self.of_kind(*DEAD, "gone"))}
        self.lines += ["", "told to another endpoint: " + ", ".join(f"{told[it]} times {it}" for it in due)]
        if any(told[it] != many for it, many in due.items()):
            self.troubles.append(f"another endpoint should have been told: {due}")

    def revive(self, endpoint, events):
        """Lets a dead receiver work again. When it is enabled, it gets what has waited; the rest was given up."""
        endpoint.behave({})
        endpoint.call("POST", "/enable", {})
        due, until = [it["id"] for it in events if endpoint.selects(it["type"])], time.monotonic() + 60
        while True:
            states = {it["eventId"]: it["state"] for it in endpoint.attempts()}
            ended = Counter(states.get(it) for it in due)
            if ended["delivered"] + ended["given_up"] == len(due) or time.monotonic() > until:
                break
            time.sleep(2)
        counts = endpoint.view()["counts"]
        self.lines.append(f"{endpoint.name} works again: of {len(due)} events {ended['delivered']} are delivered now, and "
                          f"{ended['given_up']} had been given up")  # fmt: skip
        if ended["delivered"] + ended["given_up"] != len(due) or counts["late"] or counts["previousWrong"]:
            self.troubles.append(f"{endpoint.name} works again, and should have everything in order: {ended}, {counts}")


def conversation_event(session, number, last):
    kind, data = "message.received", {"message": f"Întrebarea {number}"}
    if number == 1:
        kind, data = "conversation.started", {"platform": "web"}
    elif number == last:
        kind, data = "conversation.ended", {"resolved": True}
    elif number % 2:
        kind, data = "message.sent", {"response": f"Răspunsul {number}"}
    return {"id": f"{session}-{number}", "event": kind, "data": {"sessionId": session} | data}


def pace(what, parts, seconds):
    """Calls `what` with each part, evenly in time."""
    begun = time.monotonic()
    for index, part in enumerate(parts):
        time.sleep(max(0, begun + seconds * index / len(parts) - time.monotonic()))
        what(part)


def is_of_booking(event):
    return event["type"].startswith(("booking.", "notification."))


def first_receipts(view):
    """Returns the first delivery of each event that was answered with 2xx, lost or not, in order."""
    first = {}
    for it in view["deliveries"]:
        if it["outcome"] in ("taken", "lost"):
            first.setdefault(it["webhookId"], it)
    return list(first.values())


def bodies(deliveries):
    """Returns the bodies by stream and number, without those of the events of endpoints."""
    return {(it["stream"], it["number"]): it["body"] for it in deliveries if not it["stream"].startswith("endpoint/")}


def lacking(endpoint, events):
    """Returns how many of these events an endpoint has not got yet."""
    if endpoint.kind == "poll":
        got = {json.loads(it["body"])["id"] for it in endpoint.feed()}
    else:
        got = {it["webhookId"] for it in first_receipts(endpoint.view())}
    return sum(endpoint.selects(it["type"]) and it["id"] not in got for it in events)


def call(stack, method, path, body=None, headers={}):
    status, answer = stack.api(method, path, body, headers)
    if status // 100 != 2:
        raise Failed(f"{method} {path} got {status}: {answer}")
    return answer


def percentile(values, percent):
    return values[min(len(values) - 1, len(values) * percent // 100)]


def instant(text):
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
