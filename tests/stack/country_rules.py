"""Checks that no rule of a country, and no price, is older than a year: shared/countries/data.

    python3 tests/stack/country_rules.py

Carriers change their rules, so each line of a file is read again once a year. `make check` runs this; `make test` does
not, because a test must not begin to fail by itself.
"""

import sys
import tomllib
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "shared/countries/data"
A_YEAR = timedelta(days=366)


def old_lines(folder, today):
    """Returns what is out of date: the file, the line of the file, and what to do."""
    problems = []
    for path in sorted(folder.glob("*.toml")):
        for name, line in tomllib.loads(path.read_text())["sms"].items():
            checked = date.fromisoformat(line["checked"])
            shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
            if checked > today:
                problems.append(f"{shown}: [sms.{name}] was checked on {checked}, which is still to come")
            elif today - checked > A_YEAR:
                problems.append(
                    f"{shown}: [sms.{name}] was checked on {checked}, more than a year ago: read its source again, "
                    "correct the line, and write today's date"
                )
            listed = date.fromisoformat(line.get("as_of", line["checked"]))
            if listed != checked and today - listed > A_YEAR:
                problems.append(
                    f"{shown}: [sms.{name}] is of a list of {listed}, more than a year ago: read a newer one"
                )
    return problems


if __name__ == "__main__":
    found = old_lines(FOLDER, date.today())
    print("\n".join(found) if found else "the rules of countries are not older than a year")
    sys.exit(1 if found else 0)
