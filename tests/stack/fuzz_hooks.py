"""Tells schemathesis how times look: only real days, because a pattern cannot say how long each month is."""

from datetime import datetime

import schemathesis
from hypothesis import strategies as st

FIRST, LAST = datetime(1900, 1, 1), datetime(2200, 1, 1)
OFFSETS = st.sampled_from(["Z", "+02:00", "-05:00", "+05:45"])
LOCAL = st.datetimes(FIRST, LAST).map(lambda at: at.replace(microsecond=0).isoformat())
INSTANTS = st.tuples(LOCAL, OFFSETS).map("".join)

schemathesis.openapi.format("date-time", INSTANTS)
schemathesis.openapi.format("time-with-or-without-offset", INSTANTS | LOCAL.map(lambda it: it[:16]))
