"""`make chaos`: makes 50 bookings while function processes are killed at random, then compares what reached each person
with what had to. Ends within twelve minutes: a killed batch is received again after the queue's 180 seconds.

Half of the bookings are made by VAI's agents through our API, whose function is killed as well. An agent that gets no
answer repeats the request with the same Idempotency-Key, and in the end there must be one booking.

A slow proxy delays the calls to the providers, so that many kills happen during a call: before the provider has acted,
or after it has acted and before the result is stored. The seed determines the bookings and the killer's random numbers;
which step a kill hits depends on the machine.
"""

import argparse
import os
import random
import re
import shutil
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import tools
from stack import FUNCTIONS, STACK, Failed, Stack
from times import now, stamp

BOOKINGS = 50
LIMIT = 640  # seconds from the first booking until everything must be settled
MIN_KILLING = 100  # seconds
AGENT_RETRIES_FOR = 240  # seconds that an agent repeats its request
WAIT_LIMIT = 480  # seconds: after it, a person acts without waiting for missing messages
LATENCY = 0.05, 0.3  # seconds, each way
QUICK, WEBINAR = "Quick Consultation", "Product Webinar"
QUICK_REMINDERS = [60, 75, 90, 105]  # minutes: meetings a quarter of an hour apart, reminded at the same instant
ZONES = ["Europe/Bucharest", "Europe/Copenhagen", "Asia/Taipei", "America/New_York"]
REASONS = {"cancel": "Am răcit", "cancel for time": "Nu mai am timp în ziua aceea", "host cancels": "Ill"}

# What can arrive: how often it may come if its outcome was unknown, and its name in `explain`.
AT_MOST_TWICE, AT_MOST_ONCE, AT_LEAST_ONCE = "at most twice", "at most once", "at least once, with the same key"
KINDS = {
    "sms confirmation": (AT_MOST_TWICE, "confirmation by SMS"),
    "sms move": (AT_MOST_TWICE, "news of the move by SMS"),
    "sms cancellation": (AT_MOST_TWICE, "cancellation by SMS"),
    "sms reminder": (AT_MOST_ONCE, "reminder by SMS, {} before"),
    "/email/send": (AT_MOST_TWICE, "confirmation by e-mail"),
    "/followup/schedule": (AT_MOST_ONCE, "VAI asked to offer help"),
    "/calendly/notify": (AT_LEAST_ONCE, "VAI told of its booking"),
    "/calendly/confirmed": (AT_LEAST_ONCE, "VAI told of the confirmation"),
    "/calendly/rescheduled": (AT_LEAST_ONCE, "VAI told of the move"),
    "/calendly/canceled": (AT_LEAST_ONCE, "VAI told of the cancellation"),
    "/analytics/log invitee_created": (AT_LEAST_ONCE, "VAI's analytics, invitee_created"),
    "/analytics/log invitee_rescheduled": (AT_LEAST_ONCE, "VAI's analytics, invitee_rescheduled"),
    "/analytics/log invitee_canceled": (AT_LEAST_ONCE, "VAI's analytics, invitee_canceled"),
}
WAITED_FOR = [kind for kind, (guarantee, _) in KINDS.items() if guarantee != AT_MOST_ONCE]
OUTCOMES = ["once", "again, in doubt", "unknown, shown", "too late, shown", "missed", "undeclared"]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = options.parse_args()
    tools.prepare_script(finds_processes=True)
    try:
        with SlowStack(f"chaos-{os.getpid()}") as stack:
            Chaos(stack, given.seed).run()
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


class SlowStack(Stack):
    """A stack whose functions reach the sandbox through a slow proxy."""

    def deploy(self):
        class Proxy(BaseHTTPRequestHandler):
            """Forwards a received request even if its sender is killed meanwhile."""

            protocol_version, world = "HTTP/1.1", self.sandbox

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)) or None
                time.sleep(random.uniform(*LATENCY))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                request = urllib.request.Request(self.world + self.path, body, headers, method=self.command)
                try:
                    answer = urllib.request.urlopen(request, timeout=30)
                except urllib.error.HTTPError as error:
                    answer = error
                content = answer.read()
                time.sleep(random.uniform(*LATENCY))
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_DELETE = do_POST

            def log_message(self, *_):
                pass

        class ProxyServer(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the sender was killed

        proxy = ProxyServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        world, self.sandbox = self.sandbox, f"http://127.0.0.1:{proxy.server_port}"
        super().deploy()
        self.sandbox = self.env["SANDBOX_URL"] = world


class Person:
    """A person with one booking: their steps, and what they must receive."""

    def __init__(self, number, steps, event_type, start, offset=None, fires=None):
        self.name = f"Person {number:02}"
        self.email, self.phone = f"person{number:02}@example.com", f"+407120001{number:02}"
        self.zone, self.by_agent = ZONES[number % len(ZONES)], number % 2 == 0
        self.steps, self.event_type, self.starts = list(steps), event_type, start
        self.offset, self.fires = offset, fires
        self.invitee, self.event, self.due, self.next_at = None, None, [], 0.0
        self.agent, self.trouble = None, None  # the agent's thread, and why its booking failed

    def owes(self, *kinds):
        only_vais = ("/email/send", "/followup/schedule", "/calendly/")
        self.due += [kind for kind in kinds if self.by_agent or not kind.startswith(only_vais)]

    def act(self, stack, move_to):
        step = self.steps.pop(0)
        if step == "book":
            self.owes("sms confirmation", "/email/send", "/calendly/notify", "/calendly/confirmed")
            self.owes("/analytics/log invitee_created", *["sms reminder"] * bool(self.offset))
            if self.by_agent:
                self.agent = threading.Thread(target=self.be_booked, args=(stack,), daemon=True)
                self.agent.start()
                return 1
            booked = stack.post("/people/book", {
                "event_type": self.event_type, "start_time": stamp(self.starts), "name": self.name, "email": self.email,
                "timezone": self.zone, "phone": self.phone})  # fmt: skip
        elif step == "move":
            booked = stack.post("/people/move", {"invitee": self.invitee, "start_time": stamp(move_to)})
            self.owes("sms move", "/calendly/rescheduled", "/analytics/log invitee_rescheduled")
        else:
            path, what = ("host_cancel", "event") if step == "host cancels" else ("cancel", "invitee")
            booked = stack.post(f"/people/{path}", {what: getattr(self, what), "reason": REASONS[step]})
            self.owes("sms cancellation", "/calendly/canceled", "/analytics/log invitee_canceled")
            self.owes(*["/followup/schedule"] * (step == "cancel for time"))
        self.invitee, self.event = booked.get("invitee", self.invitee), booked.get("event", self.event)
        return 2 if step == "move" else 1  # the number of webhooks

    def be_booked(self, stack):
        """Books as an agent, and repeats the request until it is answered."""
        request = {"eventType": self.event_type, "preferredTime": stamp(self.starts), "maxShift": 0, "inviteeName": self.name,
                   "inviteeEmail": self.email, "timezone": self.zone, "phone": self.phone, "userId": "user-1",
                   "conversationId": f"conv-{self.name[-2:]}", "agentType": "sales"}  # fmt: skip
        until = time.monotonic() + AGENT_RETRIES_FOR
        while time.monotonic() < until:
            try:
                status, answer = stack.api("POST", "/api/calendly/schedule", request, {"Idempotency-Key": self.email})
            except OSError as error:
                status, answer = None, str(error)
            if status == 200 and answer["success"]:
                booked = answer["booking"]
                self.invitee, self.event, self.trouble = booked["inviteeUuid"], booked["eventUuid"], None
                return
            self.trouble = f"{self.name}: the agent's last answer is {status}: {answer}"
            if status == 200 and not answer["error"]["retryable"]:
                return  # no request here may be refused
            time.sleep(1)

    def is_free(self):
        """Returns whether no agent is booking for them."""
        return not (self.agent and self.agent.is_alive())


class Killer(threading.Thread):
    """Kills a function's process every 0.2 to 1 s."""

    pause = 0.2, 1

    pause = 0.2, 1

    def __init__(self, emulator, seed):
        super().__init__(daemon=True)
        self.emulator, self.rng, self.over = emulator, random.Random(seed), threading.Event()
        self.killed = Counter()

    def run(self):
        while not self.over.wait(self.rng.uniform(*self.pause)):
            if found := self.functions():
                self.kill(*self.rng.choice(found))

    def kill(self, pid, name):
        """Kills by a descriptor, after checking again: the process id could have been reused."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if (pid, name) in self.functions():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                self.killed[name] += 1
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def functions(self):
        """Returns the emulator's child processes that run a function: (pid, function)."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                command = (process / "cmdline").read_bytes().split(b"\0")[0]
                if parent == self.emulator and command.endswith(b"/bootstrap"):
                    env = (process / "environ").read_bytes().split(b"\0")
                    name = next(it for it in env if it.startswith(b"AWS_LAMBDA_FUNCTION_NAME="))
                    found.append((int(process.name), name.decode().rpartition(STACK + "-")[2]))
            except (OSError, ValueError, StopIteration, IndexError):
                pass  # the process ended meanwhile
        return sorted(found)


class Chaos:
    def __init__(self, stack, seed):
        self.stack, self.seed, self.rng = stack, seed, random.Random(seed)
        self.begun, self.webhooks, self.troubles = time.monotonic(), 0, []

    def elapsed(self):
        return time.monotonic() - self.begun

    def run(self):
        people = self.plan()
        killed_until = max(person.fires for person in people if person.fires) + timedelta(seconds=20)
        self.begun = time.monotonic()
        print(f"\n{len(people)} bookings; seed {self.seed}", flush=True)
        killer = Killer(self.stack.started[0].pid, self.seed)
        killer.start()
        try:
            while not self.settled(people) and self.elapsed() < LIMIT:
                if refused := [person.trouble for person in people if person.trouble and person.is_free()]:
                    raise Failed("\n".join(refused))
                self.let_act(people)
                self.say(people)
                if not killer.over.is_set() and self.elapsed() > MIN_KILLING and now() > killed_until:
                    killer.over.set()
                    self.say(people, f"no more kills after {killer.killed.total()}; waiting until everything is settled")
                time.sleep(0.3)
        finally:
            killer.over.set()
            killer.join()
        if self.elapsed() >= LIMIT:
            self.troubles.append(f"not settled after {LIMIT} s: {self.unsettled(people)}")
        self.compare(people, killer)

    def plan(self):
        """Sixteen people are reminded within about two minutes, of Quick Consultations and webinars. The others keep,
        move and cancel their bookings."""
        first = (now() + timedelta(seconds=110)).replace(second=0, microsecond=0)  # 50 to 110 s from now
        day = first + timedelta(days=2)
        while day.weekday() > 4:
            day += timedelta(days=1)
        webinars = []
        for hour, minute, fires in ((10, 0, first), (11, 30, first + timedelta(minutes=1))):
            start = day.replace(hour=hour, minute=minute)
            webinars.append((start, fires, (start - fires) // timedelta(minutes=1)))
        self.settings([offset for *_, offset in webinars])

        soon = [(QUICK, first + timedelta(minutes=offset), offset, first) for offset in QUICK_REMINDERS]
        soon += [(WEBINAR, start, offset, fires) for start, fires, offset in webinars for _ in range(6)]
        plans = [[]] * 10 + [["move"]] * 8 + [["cancel"]] * 4 + [["cancel for time"]] * 4 + [["host cancels"]] * 4
        plans += [["move", "cancel for time"]] * 2 + [["move", "host cancels"]] * 2
        self.free = iter(first + timedelta(hours=40, minutes=20 * number) for number in range(BOOKINGS * 3))
        later = [(QUICK, next(self.free), None, None) for _ in plans]
        self.rng.shuffle(plans)
        people = []
        for (event_type, start, offset, fires), steps in zip(soon + later, [[]] * len(soon) + plans, strict=True):
            people.append(Person(len(people) + 1, ["book", *steps], event_type, start, offset, fires))
        assert len(people) == BOOKINGS
        at = 0.0
        for person in people:
            person.next_at = at
            at += self.rng.uniform(0.7, 2.1)
        return people

    def settings(self, webinar_reminders):
        given = (tools.ROOT / "tests/sandbox/settings.toml").read_text()
        # Removes what is not counted here: the host's notices, and the e-mails about a move.
        for shown in (r'^move = \["sms", "email"\]\n', r'^\[hosts\."[^"]+"\]\n(?:\w+ = .+\n)+'):
            given, found = re.subn(shown, "", given, flags=re.MULTILINE)
            assert found == 1, f"the sandbox's settings have no {shown}"
        file = self.stack.folder / "settings.toml"
        booking = "[booking]\nper_minute = 500\nper_hour = 500\nper_day = 500\nrequests_per_minute = 5000\n"
        file.write_text(f'{given}\n{booking}[event_types."{QUICK}"]\nreminder_minutes = {QUICK_REMINDERS}\n'
                        f'[event_types."{WEBINAR}"]\nreminder_minutes = {webinar_reminders}\n')  # fmt: skip
        self.stack.operator("settings", "--file", str(file), "--connection", "default")

    def let_act(self, people):
        """Lets each person whose time has come make the next step. They wait for their messages first, so that no
        message is replaced by a later one."""
        got = self.received()[0]
        for person in people:
            if not person.steps or self.elapsed() < person.next_at or not person.is_free() or person.trouble:
                continue
            missing = [kind for kind in person.due if kind in WAITED_FOR and (person.email, kind) not in got]
            if not missing or self.elapsed() > WAIT_LIMIT:
                self.webhooks += person.act(self.stack, next(self.free) if person.steps[0] == "move" else None)
                person.next_at = self.elapsed() + self.rng.uniform(0.5, 15)

    said = 0.0

    def say(self, people, text=None):
        if text or self.elapsed() - self.said > 20:
            self.said = self.elapsed()
            booked = sum(bool(person.invitee) for person in people)
            done = sum(not person.steps and person.is_free() for person in people)
            text = text or f"{booked} have booked, {done} are done"
            if done == len(people):
                text += f"; {self.unsettled(people)}"
            print(f"  {self.elapsed():5.1f} s  {text}", flush=True)

    # ------------------------------------------------------------------ settling

    def settled(self, people):
        return not self.unsettled(people) and not (time.sleep(3) or self.unsettled(people))

    def unsettled(self, people):
        """Returns what is not finished, or None."""
        if waiting := [person.name for person in people if person.steps or not person.is_free()]:
            return "still to act: " + ", ".join(waiting)
        if reminded := [person.name for person in people if person.fires and now() < person.fires + timedelta(seconds=5)]:
            return "still to be reminded: " + ", ".join(reminded)
        arrived = {(it["event"], it["invitee"]) for it in self.inbox()["deliveries"] if (it["status"] or 0) // 100 == 2}
        if len(arrived) != self.webhooks:
            return f"{len(arrived)} of {self.webhooks} webhooks delivered"
        depths = {queue: self.depth(queue) for queue in ("INTAKE_QUEUE_URL", "DUE_QUEUE_URL")}
        return f"the queues hold {depths}" if any(depths.values()) else None

    def depth(self, queue):
        """Returns the number of messages, including the delayed ones, which are retries."""
        names = ["ApproximateNumberOfMessages" + which for which in ("", "NotVisible", "Delayed")]
        found = self.stack.aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=self.stack.env[queue], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    # ------------------------------------------------------------------ the comparison

    def inbox(self):
        return self.stack.get("/inbox.json")

    def received(self):
        """Returns what arrived: the keys by (e-mail address, kind), each as often as it came; and a list of
        problems."""
        inbox, got, strange = self.inbox(), {}, []
        for sms in inbox["sms"]:
            number = re.fullmatch(r"\+407120001(\d\d)", sms["to"])
            who = f"person{number[1]}@example.com" if number else sms["to"]
            got.setdefault((who, f"sms {sms['message']}"), []).append(sms["custom_args"]["command_id"])
            if sms["unfilled"]:
                strange.append(f"a message with an unfilled placeholder: {sms['text']}")
        for call in inbox["vai"]:
            body, kind = call["body"], call["path"]
            who = body.get("to") or body.get("invitee_email") or body.get("user_email") or body["data"]["email"]
            kind += f" {body['event_type']}" if kind == "/analytics/log" else ""
            if not call["idempotency_key"]:
                strange.append(f"a call of {kind} without an Idempotency-Key")
            got.setdefault((who, kind), []).append(str(call["idempotency_key"]))
        strange += [f"the sandbox refused a call: {it}" for it in inbox["refused"]]
        return got, strange

    def compare(self, people, killer):
        got, strange = self.received()
        self.troubles += strange
        table = {kind: Counter() for kind in KINDS}
        for person in people:
            story = Story(self.stack, person)
            expected = Counter(person.due)
            for kind in KINDS:
                keys = got.pop((person.email, kind), [])
                outcomes = judge(person, kind, expected[kind], keys, story)
                table[kind].update(outcomes, due=expected[kind])
                if outcomes["missed"] or outcomes["undeclared"]:
                    keys = ", ".join(keys) or "nothing"
                    lines = "".join(f"\n  {at}  {happened}" for at, _, happened in story.lines_of(title_of(person, kind)))
                    self.troubles.append(f"{person.name}: {kind}: {expected[kind]} due, came: {keys}{lines}")
                    (self.stack.folder / f"{person.name}.txt").write_text(story.text)
        self.troubles += [f"{who} got something unexpected: {kind}: {keys}" for (who, kind), keys in got.items()]
        for queue in ("INTAKE_DLQ_URL", "DUE_DLQ_URL"):
            if depth := self.depth(queue):
                self.troubles.append(f"{queue} holds {depth}")
        if any(it["state"] != "active" for it in self.stack.get("/calendly.json")["subscriptions"]):
            self.troubles.append("Calendly has disabled the subscription")
        self.show(people, killer, table)
        if self.troubles:
            raise Failed("\n\n".join([*self.troubles, f"Logs, and the output of `explain`: {self.stack.folder}"]))

    def show(self, people, killer, table):
        log = (self.stack.folder / "emulator.log").read_text(errors="replace")
        cut = {name: len(re.findall(rf"Lambda {STACK}-{name}: Runtime exited before", log)) for name in FUNCTIONS}
        kills = ", ".join(f"{name} {killer.killed[name]} ({cut[name]})" for name in FUNCTIONS)
        moves, cancels = (sum(person.due.count(kind) for person in people) for kind in ("sms move", "sms cancellation"))
        failed = sum((it["status"] or 0) // 100 != 2 for it in self.inbox()["deliveries"])
        print(f"""
bookings   {len(people)}: {sum(person.by_agent for person in people)} by VAI's agents; {moves} moves, {cancels} cancellations
webhooks   {self.webhooks}; {failed} other attempts failed and were repeated
kills      {killer.killed.total()}, of which {sum(cut.values())} in the middle of an invocation: {kills}
took       {self.elapsed():.0f} s, seed {self.seed}
""")
        width = max(map(len, KINDS)) + 2
        columns = ["due", *OUTCOMES]
        print(" " * width + "  ".join(columns))
        total = Counter()
        for kind, counts in table.items():
            total.update(counts)
            print(f"{kind:<{width}}" + "  ".join(f"{counts[name]:>{len(name)}}" for name in columns))
        print(f"{'all':<{width}}" + "  ".join(f"{total[name]:>{len(name)}}" for name in columns), flush=True)


class Story:
    """The output of `operator explain` for a person's booking, line by line: (when, what, what happened)."""

    def __init__(self, stack, person):
        try:
            self.text = stack.operator("explain", "--connection", "default", person.invitee)
        except Failed as failure:
            self.text = str(failure)
        found = re.search(r"^times are (.+)$", self.text, re.MULTILINE)
        zone = ZoneInfo(found[1]) if found else timezone.utc
        lines = re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  (.+?) {2,}(.+)$", self.text, re.MULTILINE)
        self.lines = [(datetime.fromisoformat(at).replace(tzinfo=zone), what, happened) for at, what, happened in lines]

    def lines_of(self, title):
        """Returns the lines with a title. After a move, a title also contains the day. Nobody here moves twice."""
        return [line for line in self.lines if line[1] == title or line[1].startswith(title + " (of ")]

    def has(self, title, *words, since=None):
        return any(all(word in happened for word in words) and (not since or at >= since)
                   for at, _, happened in self.lines_of(title))  # fmt: skip


def judge(person, kind, due, keys, story):
    """Counts the outcomes of `due` messages of a kind. `keys` are those of the messages that came."""
    guarantee, title = KINDS[kind][0], title_of(person, kind)
    outcomes, times = Counter(), Counter(keys)
    for again in times.values():
        in_doubt = story.has(title, "(unknown)")
        most = {AT_MOST_ONCE: 1, AT_MOST_TWICE: 2, AT_LEAST_ONCE: len(keys)}[guarantee] if in_doubt else 1
        outcomes["once" if again == 1 else "again, in doubt" if again <= most else "undeclared"] += 1
    outcomes["undeclared"] += max(0, len(times) - due)
    for _ in range(due - len(times)):
        if guarantee != AT_LEAST_ONCE and story.has(title, "outcome unknown"):
            outcomes["unknown, shown"] += 1
        elif kind == "sms reminder" and story.has(title, "not sent", "(past_offset)", since=person.fires):
            outcomes["too late, shown"] += 1
        else:
            outcomes["missed"] += 1
    return outcomes


def title_of(person, kind):
    return KINDS[kind][1].format(span(person.offset or 0))


def span(minutes):
    """Returns a number of minutes in the words of `explain`."""
    hours, rest = divmod(minutes, 60)
    if minutes % 1440 == 0 and minutes > 1440:
        return f"{minutes // 1440} days"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


if __name__ == "__main__":
    main()
