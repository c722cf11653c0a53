"""The limits of SMS, counted again from what the providers were really asked to send. Everything here is pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Sms:
    """An SMS that a provider took."""

    at: datetime
    to: str
    segments: int
    command: str
    booking: str  # the booking's id
    leg: str  # the meeting's time of the booking that it is about

    @property
    def kind(self):
        """The command's id without its hash."""
        return self.command.removeprefix("sms-").rsplit("-", 1)[0]


def most_in_any(span, weights):
    """Returns the most that falls into any span of a length. `weights` are (instant, weight)."""
    weights = sorted(weights)
    most = first = total = 0
    for at, weight in weights:
        total += weight
        while at - weights[first][0] >= span:
            total -= weights[first][1]
            first += 1
        most = max(most, total)
    return most


def by(key, items):
    """Groups SMS, or others."""
    groups = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def segments_in_a_day(all_sms):
    """Returns the most segments of these SMS in any 24 hours."""
    return most_in_any(DAY, [(it.at, it.segments) for it in all_sms])


def moves_in_an_hour(all_sms):
    """Returns the most moves of one booking that these SMS tell of in any hour. Invitee and host may be told of one."""
    first = {}
    for sms in sorted((it for it in all_sms if it.kind in ("move", "host-moved")), key=lambda it: it.at):
        first.setdefault(sms.leg, sms.at)
    return most_in_any(HOUR, [(at, 1) for at in first.values()])


def over_limits(all_sms, limits, hosts):
    """Returns a sentence for each limit of the settings that was passed. `hosts` are the hosts' numbers."""
    found = [f"an SMS to {it.to} has {it.segments} segments" for it in all_sms if it.segments > limits["most_segments"]]
    for to, group in by(lambda it: it.to, all_sms).items():
        limit = limits["per_host_and_day" if to in hosts else "per_number_and_day"]
        if (most := segments_in_a_day(group)) > limit:
            found.append(f"{to} got {most} segments in a day, and the limit is {limit}")
    if (most := segments_in_a_day(all_sms)) > limits["per_day"]:
        found.append(f"the connection sent {most} segments in a day, and the limit is {limits['per_day']}")
    for booking, group in by(lambda it: it.booking, all_sms).items():
        if len(group) > limits["messages_per_booking"]:
            found.append(f"{len(group)} SMS are about booking {booking}, and the limit is {limits['messages_per_booking']}")
        if (most := moves_in_an_hour(group)) > limits["moves_per_hour"]:
            found.append(f"{most} moves of booking {booking} were told in an hour, and the limit is {limits['moves_per_hour']}")
    return found


def wrong_costs(all_sms, costs, price_of):
    """Returns a sentence for each command whose stored costs are not those of what was sent. `costs` are the commands'
    costs as stored, by the commands' ids, and `price_of` returns the price of a segment to a number, or None."""
    sent = by(lambda it: it.command, all_sms)
    found = []
    for command in sorted({*sent, *(command for command, stored in costs.items() if stored)}):
        real = sorted((it.segments, priced(it.segments, price_of(it.to))) for it in sent.get(command, []))
        stored = sorted((it["segments"], read_price(it.get("price"))) for it in costs.get(command, []))
        if real != stored:
            found.append(f"{command} was sent as {shown(real)}, and the booking has {shown(stored)}")
    return found


def priced(segments, price):
    """Returns the price of segments as text that can be compared and sorted; an empty one if it is not known."""
    return f"{(price[0] * segments).normalize():f} {price[1]}" if price else ""


def read_price(text):
    amount, _, currency = (text or "").partition(" ")
    return f"{Decimal(amount).normalize():f} {currency}" if amount else ""


def shown(costs):
    return "; ".join(f"{segments} segments, {price or 'no price'}" for segments, price in costs) or "nothing"


def total(prices):
    """Adds prices such as `0.135 EUR`, by currency."""
    sums = Counter()
    for price in filter(None, prices):
        amount, currency = price.split()
        sums[currency] += Decimal(amount)
    return ", ".join(f"{amount.normalize():f} {currency}" for currency, amount in sorted(sums.items())) or "not known"
