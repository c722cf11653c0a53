"""What must be true of one person's booking after an outage, and how both sides' records are compared. Pure, so that
test_outage_truth.py can show that each comparison fails when it should.

One side is the sandbox: the meetings at Calendly, and everything that people, VAI, the CRM and a customer's system got.
The other side is the table: the booking's commands, each with its state and its history."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# A message that was on its way when its meeting ended. A call takes at most eight seconds.
ON_ITS_WAY = timedelta(seconds=10)
# A message about a booking that comes within this time is not checked at Calendly before it is sent.
PROMPT = timedelta(seconds=30)
# Why something may not have been sent that a later change has overtaken.
OVERTAKEN = {"canceled_before_fire", "moved_before_fire", "cancel_requested", "booked_after_all", "tried_again"}
AT_MOST_ONCE, AT_MOST_TWICE, WITH_KEY = "at most once", "at most twice", "again with the same key"
OUTCOMES = ["once", "again, in doubt", "unknown, shown", "overtaken", "too late"]


@dataclass
class Meeting:
    """An invitee at Calendly: a booking's first meeting, or the one that a move leads to."""

    invitee: str
    made: datetime
    ended: datetime | None = None  # moved or canceled


@dataclass
class Person:
    name: str
    by_agent: bool
    meetings: list[Meeting]
    moves: int = 0
    canceled_by: str | None = None  # agent, person or host
    reminder: int | None = None  # minutes before the meeting, if it must have been reminded of
    asked_to_cancel: datetime | None = None  # when our API accepted an agent's cancellation
    # What the service that was down may leave in doubt: how the ids of commands begin. By default, everything.
    doubtful: tuple[str, ...] = ("",)

    @property
    def is_canceled(self):
        return self.canceled_by is not None


@dataclass
class Records:
    """What became of a person's booking. Times by the id of the command; of VAI only the calls that it acted on."""

    got: dict[str, list[datetime]] = field(default_factory=dict)
    commands: list[dict] | None = None  # of the table; None without a booking there
    crm_events: list[str] = field(default_factory=list)
    crm_status: str | None = None
    hooks: list[str] = field(default_factory=list)  # the events that the customer's system took, in order


def slug(command_id):
    return re.sub(r"-[0-9a-f]{32}$", "", command_id)


def guarantee(name):
    if name.startswith(("vai-offer-help", "sms-reminder", "mail-reminder")):
        return AT_MOST_ONCE
    return AT_MOST_TWICE if name.startswith(("sms-", "mail-")) else WITH_KEY


def reaches_outside(command):
    """Whether the sandbox records each call of the command by its id."""
    return slug(command["id"]).startswith(("sms-", "mail-", "vai-", "log-"))


def was_unknown(command):
    return command["state"] == "unknown" or any(note.get("reason") == "unknown" for note in command["history"])


def reason_of(command):
    """Returns the reason of its state. The state `unknown` has none: it is in the history."""
    return command.get("reason") or (command["history"][-1].get("reason") if command["history"] else None)


def owed(person):
    """Yields (slug, meeting, must): what the booking needs. What a later change may overtake is no `must`."""
    last = person.meetings[-1]
    for index, meeting in enumerate(person.meetings):
        must = meeting is last and not person.is_canceled
        word, notice = ("move", "moved") if index else ("confirmation", "booked")
        yield f"sms-{word}", meeting, must
        if person.by_agent:  # the settings send e-mails to no others
            yield f"mail-{word}", meeting, must
        yield f"sms-host-{notice}", meeting, must
        yield f"mail-host-{notice}", meeting, must
        for news in (["rescheduled"] if index else ["booked", "confirmed"]) * person.by_agent:
            yield f"vai-{news}", meeting, must
        yield f"log-invitee-{'rescheduled' if index else 'created'}", meeting, True
    if person.reminder:
        yield f"sms-reminder-{person.reminder}m", last, True
    if person.is_canceled:
        yield "sms-cancellation", last, True
        if person.canceled_by != "host":
            yield "sms-host-canceled", last, True
            yield "mail-host-canceled", last, True
        if person.by_agent:
            yield "vai-canceled", last, True
            if person.canceled_by == "person":
                yield "vai-offer-help", last, True
        yield "log-invitee-canceled", last, True


def compare(person, records):
    """Returns the outcomes, and what is lost, twice or untrue."""
    outcomes, troubles = Counter(), []
    if len(person.meetings) != 1 + person.moves:
        troubles.append(f"{len(person.meetings)} meetings at Calendly, for one booking with {person.moves} moves")
    if not person.meetings or (person.meetings[-1].ended is not None) != person.is_canceled:
        troubles.append(f"at Calendly, the meeting should be {'canceled' if person.is_canceled else 'active'}")
    if any(meeting.ended is None for meeting in person.meetings[:-1]):
        troubles.append("at Calendly, the meeting before a move is still active")
    if records.commands is None:
        return outcomes, [*troubles, "lost: the table has no booking"]
    if not person.meetings:
        return outcomes, troubles
    by_id = {command["id"]: command for command in records.commands}
    for command in records.commands:
        outcome, trouble = judge(command, records.got.get(command["id"], []))
        if reaches_outside(command) and was_unknown(command) and not command["id"].startswith(person.doubtful):
            troubles.append(f"{command['id']}: it was in doubt, although its service was there")
        if reaches_outside(command) and outcome:
            outcomes[outcome] += 1
        if trouble:
            troubles.append(f"{command['id']}: {trouble}")
    troubles += lost(person, records.commands)
    troubles += untrue(person, records, by_id)
    troubles += others(person, records)
    return outcomes, troubles


def judge(command, came):
    """Returns the outcome of a command, and what is wrong with it."""
    state, reason, name = command["state"], reason_of(command), slug(command["id"])
    if state in ("open", "claimed", "withdrawing"):
        return None, f"it is still {state}"
    if state == "failed":
        return None, f"it failed: {reason}"
    if not reaches_outside(command):
        return None, None
    in_doubt, most = was_unknown(command), 1
    if in_doubt and guarantee(name) == AT_MOST_TWICE:
        most = 2
    if len(came) > most:
        return None, f"twice: it came {len(came)} times"
    if state == "done":
        if not came:
            return None, "untrue: it is shown as done, and nothing came"
        return "once" if len(came) == 1 else "again, in doubt", None
    if state == "unknown" and reason in OVERTAKEN:
        return "overtaken", None
    if state == "unknown":
        trouble = "lost: it can be repeated, and ended as unknown" if guarantee(name) == WITH_KEY else None
        return "unknown, shown", trouble
    if came and not in_doubt:
        return None, f"untrue: it is shown as {state}, and it came"
    if state == "waiting":
        return None, None
    if reason in OVERTAKEN:
        return "overtaken", None
    return ("too late", None) if reason in ("past_offset", "past_start", "superseded") else (None, None)


def lost(person, commands):
    """Yields what the booking needs and nobody got."""
    for name, meeting, must in owed(person):
        found = [it for it in commands if slug(it["id"]) == name and _same(it["leg"], meeting.invitee)]
        if not found:
            if must:
                yield f"lost: {name} was never planned"
            continue
        for command in found:
            state, reason = command["state"], reason_of(command)
            if state in ("done", "unknown") or (not must and reason in OVERTAKEN):
                continue
            if name.startswith("sms-reminder") and reason == "past_offset":
                continue  # the booking became known after its hour
            yield f"lost: {command['id']} is {state} ({reason})"


def untrue(person, records, by_id):
    """Yields what was said of a meeting that was no longer so, or not yet."""
    meetings = {meeting.invitee: meeting for meeting in person.meetings}
    last_news = {}
    for command_id, came in records.got.items():
        command, name = by_id.get(command_id), slug(command_id)
        if command is None:
            continue
        meeting = next((it for uri, it in meetings.items() if _same(uri, command["leg"])), None)
        for at in came:
            if name.startswith("vai-"):
                last_news[name] = max(at, last_news.get(name, at))
            if not name.startswith(("sms-", "mail-")):
                continue
            ended = meeting and meeting.ended
            if "cancel" in name:
                if not ended or at < ended - ON_ITS_WAY:
                    yield f"untrue: {command_id} came at {at:%H:%M:%S}, and the meeting ended at {_time(ended)}"
                continue
            if "reminder" in name and person.asked_to_cancel:
                ended = min(ended or person.asked_to_cancel, person.asked_to_cancel)
            elif "reminder" not in name and ended:
                ended = max(ended, meeting.made + PROMPT)
            if meeting is None or (ended and at > ended + ON_ITS_WAY):
                yield f"untrue: {command_id} came at {at:%H:%M:%S}, and the meeting ended at {_time(ended)}"
    is_word = lambda name: name != "vai-offer-help"
    newest = max(filter(is_word, last_news), key=last_news.get, default=None)
    if newest and (newest == "vai-canceled") != person.is_canceled:
        yield f"untrue: the last news for VAI is {newest}"


def others(person, records):
    """Yields what differs at the customer's system and in the CRM."""
    moved, canceled = max(0, len(person.meetings) - 1), int(person.is_canceled)
    expected = ["booking.created"] + ["booking.rescheduled"] * moved + ["booking.canceled"] * canceled
    about_meeting = [it for it in records.hooks if it in ("booking.created", "booking.rescheduled", "booking.canceled")]
    if about_meeting != expected:
        yield f"the customer's system should have taken {expected}, and took {about_meeting}"
    wanted = Counter(booking_created=1, booking_moved=moved, booking_canceled=canceled)
    in_doubt = Counter(slug(it["id"])[4:].replace("-", "_") for it in records.commands or () if was_unknown(it))
    found = Counter(records.crm_events)
    for event, count in wanted.items():
        if found[event] > count or found[event] + in_doubt[event] < count:
            yield f"the CRM should have {count} of {event}, and has {found[event]}"
    status = "canceled" if canceled else "moved" if moved else "booked"
    if records.crm_status != status:
        yield f"the CRM should say {status}, and says {records.crm_status}"


def _same(uri, other):
    return uri.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1]


def _time(at):
    return f"{at:%H:%M:%S}" if at else "no time"
