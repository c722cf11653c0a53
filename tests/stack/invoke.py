"""Invokes a function of the local stack with a sample event and prints its answer. events/README.md lists the
placeholders in double braces.

    python3 tests/stack/env.py local python3 tests/stack/invoke.py schedule events/schedule/book.json
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from stack import REGION, STACK
from tools import ROOT

RUN = ROOT / ".local/run"
TIME = re.compile(r"in (\d+) (minute|hour|day|weekday)s?(?: at (\d\d):(\d\d))?(?: ([A-Z]\w+(?:/[\w-]+)+))?")


def fill(sample):
    return re.sub(r"\{\{(.*?)\}\}", lambda found: value(found[1].strip()), sample)


def value(what):
    if what == "api key":
        return os.environ["API_KEY"]
    if what in ("last booking", "last hold"):
        kept = RUN / what.replace(" ", "-")
        return kept.read_text() if kept.exists() else sys.exit(f"There is no {what} yet: make one, see events/README.md")
    if time := TIME.fullmatch(what):
        return at(*time.groups())
    sys.exit(f"{{{{{what}}}}} is not a known placeholder: see events/README.md")


def at(count, unit, hour, minute, zone):
    """Returns the full minute after a time from now, in a zone. Weekdays are Monday to Friday."""
    count, zone = int(count), ZoneInfo(zone) if zone else timezone.utc
    now = datetime.now(zone)
    if unit in ("minute", "hour"):
        # In UTC: local arithmetic would be wrong across a change of the clocks.
        then = (now.astimezone(timezone.utc) + timedelta(**{unit + "s": count})).astimezone(zone)
    else:
        then = now
        while count:
            then += timedelta(days=1)
            count -= unit == "day" or then.weekday() < 5
    if hour:
        then = then.replace(hour=int(hour), minute=int(minute))
    return then.replace(second=0, microsecond=0).isoformat()


def invoke(function, event):
    url = f"{os.environ['AWS_ENDPOINT_URL']}/2015-03-31/functions/{STACK}-{function}/invocations"
    credential = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/lambda/aws4_request"
    request = urllib.request.Request(url, event.encode(), {"Authorization": credential}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.headers.get("X-Amz-Function-Error"), json.loads(answer.read())
    except (urllib.error.HTTPError, urllib.error.URLError) as error:
        sys.exit(f"The function can't be invoked: {error}")


def keep(answer):
    """Stores the ids for the placeholders `last booking` and `last hold`."""
    match answer:
        case {"booking": {"id": str(found)}}:
            (RUN / "last-booking").write_text(found)
        case {"hold": str(found)}:
            (RUN / "last-hold").write_text(found)


def main():
    function, sample = sys.argv[1], Path(sys.argv[2])
    if not sample.exists():
        sys.exit(f"There is no {sample}; there are: {' '.join(map(str, sorted(sample.parent.glob('*.json'))))}")
    failed, answer = invoke(function, fill(sample.read_text()))
    said = answer
    if isinstance(answer, dict) and "statusCode" in answer:
        said = answer | {"body": json.loads(answer["body"])} if answer.get("body") else answer
        keep(said.get("body"))
    else:
        keep(answer)
    print(json.dumps(said, indent=2, ensure_ascii=False))
    if failed:
        sys.exit(f"The function failed: {failed}; its log is in {RUN / 'emulator.log'}")


if __name__ == "__main__":
    main()
