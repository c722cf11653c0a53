"""`make replan`: 1,000 meetings are booked on a local stack, then the reminder settings change. Measures how long it takes
until every reminder has its new time, and compares the rows of the dry run with what then happened."""

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import tools
from stack import Failed, Stack
from times import now, stamp
from tools import ROOT

EVENT_TYPE = "Quick Consultation"
BEFORE, AFTER = [1440, 60], [120, 60]  # minutes before the meeting
LIMIT = 60  # seconds
GROUP = 8
SETTINGS = {
    "reminder_minutes": BEFORE, "follow_up_minutes": [], "quiet_hours": {"from": "00:00", "until": "00:00"},
    "channels": {"confirmation": [], "host_notice": [], "reminder": ["sms"]}, "phone_questions": ["Phone number"],
    "providers": {"sms": ["twilio"]}, "senders": {"twilio": "VAI"}, "sms_price": "0.045 EUR",
    "sms_for": "all", "sms_budget": {"per_day": 100_000},
}  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--meetings", type=int, default=1_000)
    given = options.parse_args()
    tools.require()
    sys.stdout.reconfigure(line_buffering=True)
    try:
        with Stack("replan") as stack:
            Replan(stack, given.meetings).run()
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


class Replan:
    def __init__(self, stack, meetings):
        self.stack, self.meetings, self.started = stack, meetings, time.monotonic()

    def say(self, text):
        print(f"  {time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    def run(self):
        self.put({"settings": SETTINGS})
        self.wait("the settings of the start", lambda: self.settings()["replan"]["status"] == "done", within=30)
        self.book()
        settings = SETTINGS | {"reminder_minutes": AFTER}
        began = time.monotonic()
        plan = self.put({"settings": settings, "dryRun": True})["plan"]
        kinds = Counter(it["change"] for it in plan["messages"])
        self.say(f"the dry run looked at {plan['bookings']} meetings in {time.monotonic() - began:.1f} s: {dict(kinds)}, "
                 f"{plan['moreSms']} SMS more")  # fmt: skip
        before = self.commands()
        began = time.monotonic()
        changed = self.put({"settings": settings})
        self.wait("the new plan", lambda: self.is_planned(plan), within=4 * LIMIT)
        took = time.monotonic() - began
        self.say(f"{self.meetings} meetings were planned again in {took:.1f} s")
        self.compare(plan, before)
        replan = self.settings()["replan"]
        if (replan["status"], replan["bookings"], replan["version"]) != ("done", self.meetings, changed["version"]):
            raise Failed(f"the re-planning should say that it is done: {replan}")
        if took > LIMIT:
            raise Failed(f"it should have taken at most {LIMIT} s")

    def book(self):
        def book(number):
            # A meeting takes 15 minutes of its host. Three begin within two hours, and 50 more within a day.
            if number < 3:
                ahead = 70 + 18 * number
            elif number < 53:
                ahead = 200 + 20 * number
            else:
                ahead = 2_880 + 20 * number
            start = (now() + timedelta(minutes=ahead)).replace(second=0, microsecond=0)
            self.stack.post("/people/book", {
                "event_type": EVENT_TYPE, "start_time": stamp(start), "name": f"Person {number}",
                "email": f"person-{number}@example.com", "timezone": "Europe/Bucharest",
                "phone": f"+4071{number:07}",
            })  # fmt: skip

        # The emulator starts a process for each webhook, so they come in small groups.
        with ThreadPoolExecutor(4) as pool:
            for first in range(0, self.meetings, GROUP):
                group = range(first, min(first + GROUP, self.meetings))
                list(pool.map(book, group))
                self.wait("their webhooks", lambda: self.delivered() >= group.stop, within=120, every=0.3)
        self.wait("the bookings", lambda: len({it["booking"] for it in self.commands().values()}) == self.meetings, within=600)
        self.wait("their timers", lambda: not any(it["state"] == "open" for it in self.commands().values()), within=300)
        self.say(f"{self.meetings} meetings are booked, with their reminders")

    def put(self, body):
        status, answer = self.stack.api("PUT", "/api/connections/default/settings", body)
        if status != 200:
            raise Failed(f"the settings should have been taken: {status} {answer}")
        return answer

    def settings(self):
        return self.stack.api("GET", "/api/connections/default/settings")[1]

    def commands(self):
        """Returns the commands of reminders in the table, by their ids."""
        found = {}
        for row in self.stack.scan(FilterExpression="begins_with(sk, :command)", ConsistentRead=True,
                                   ExpressionAttributeValues={":command": {"S": "2#cmd#sms-reminder"}}):  # fmt: skip
            doc = json.loads(row["doc"]["S"])
            found[doc["id"]] = {
                "booking": row["pk"]["S"].split("#")[1], "state": row["state"]["S"], "at": doc.get("not_before"),
                "reason": doc.get("reason"),
            }  # fmt: skip
        return found

    def rows(self, commands):
        """Returns what the dry run should have said of commands that changed."""
        changes = {"waiting": "new", "withdrawn": "dropped", "skipped": "past"}
        return Counter((it["booking"], changes.get(it["state"], it["state"]), it["at"]) for it in commands)

    def is_planned(self, plan):
        states = Counter(it["state"] for it in self.commands().values())
        return not states["open"] and not states["withdrawing"] and states["withdrawn"] >= sum(
            it["change"] == "dropped" for it in plan["messages"])  # fmt: skip

    def compare(self, plan, before):
        said = Counter((it["booking"], it["change"], it["at"]) for it in plan["messages"])
        after = self.commands()
        happened = self.rows(it for name, it in after.items() if before.get(name) != it)
        if said != happened:
            differ = list((said - happened).items())[:3], list((happened - said).items())[:3]
            raise Failed(f"the dry run said {sum(said.values())} rows, and {sum(happened.values())} happened: {differ}")
        self.say(f"each of the {sum(said.values())} rows of the dry run is what happened, and nothing else did")

    def delivered(self):
        return sum(it["status"] == 200 for it in self.stack.get("/inbox.json")["deliveries"])

    def wait(self, what, look, within, every=2):
        until = time.monotonic() + within
        while not look():
            if time.monotonic() > until:
                raise Failed(f"{what} did not come within {within} s; logs: {self.stack.folder}")
            time.sleep(every)


if __name__ == "__main__":
    main()
