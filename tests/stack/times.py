"""Instants for the scripts of the stack."""

from datetime import datetime, timedelta, timezone


def now():
    return datetime.now(timezone.utc)


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def full_minute(**ahead):
    """Returns the first full minute that is at least so long from now."""
    at = now() + timedelta(**ahead)
    full = at.replace(second=0, microsecond=0)
    return stamp(full if at == full else full + timedelta(minutes=1))
