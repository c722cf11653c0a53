"""Remembers that `make check` has passed, and for which files, so that `make deploy` deploys nothing else.

    python3 tests/stack/checked.py begin     # before the checks
    python3 tests/stack/checked.py passed    # after them
    python3 tests/stack/checked.py verify    # before a deployment

The advisories are asked for here too: `python3 tests/stack/checked.py advisories`.
"""

import hashlib
import json
import os
import subprocess
import sys

import tools

ADVISORIES = "https://github.com/rustsec/advisory-db"
HINT = "run `make check` first"


def stamp():
    return tools.ROOT / ".local/checked.json"


def fingerprint():
    """Returns a hash of every file as it is now, committed or not, except what .gitignore names."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=tools.ROOT, capture_output=True, check=True).stdout
    digest = hashlib.sha256()
    for name in sorted(set(listed.split(b"\0")) - {b""}):
        path = tools.ROOT / os.fsdecode(name)
        content = path.read_bytes() if path.is_file() else b""
        digest.update(name + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def read():
    return json.loads(stamp().read_text()) if stamp().exists() else {}


def write(found):
    stamp().parent.mkdir(exist_ok=True)
    stamp().write_text(json.dumps(found))


def begin():
    write({"began": fingerprint()})


def passed():
    found = read()
    if found.get("began") != fingerprint():
        sys.exit("A file has changed while the checks ran: run `make check` again")
    write({"passed": found["began"], "advisories": found.get("advisories", False)})


def verify():
    found = read()
    if "passed" not in found:
        sys.exit(f"Nothing has passed `make check` here: {HINT}")
    if found["passed"] != fingerprint():
        sys.exit(f"Files have changed since `make check` passed: {HINT}")
    if not found["advisories"] and os.environ.get("ADVISORIES") != "unchecked":
        sys.exit(f"The advisories were not checked, because {ADVISORIES} could not be reached: run `make check` where it "
                 "can be, or deploy with ADVISORIES=unchecked")  # fmt: skip


def advisories():
    """Checks the dependencies against the advisories. Without their database it fails, unless nobody can reach it from
    here: then it says so, and `verify` refuses to deploy."""
    deny = tools.TOOLS / "cargo-deny/bin/cargo-deny"
    if succeeds(deny, "fetch", "db", within=60):
        if subprocess.run([deny, "--locked", "check", "advisories"], cwd=tools.ROOT).returncode:
            sys.exit(1)
        write(read() | {"advisories": True})
    elif succeeds("git", "ls-remote", ADVISORIES, "HEAD", within=30):
        sys.exit(f"The advisories of {ADVISORIES} can be reached, but cargo-deny could not fetch them")
    else:
        print(f"*** SKIPPED: the advisories were not checked, {ADVISORIES} can't be reached from here ***", flush=True)


def succeeds(*command, within):
    # A question for a password would wait for an answer that nobody gives.
    env = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(command, cwd=tools.ROOT, env=env, capture_output=True, timeout=within).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    {"begin": begin, "passed": passed, "verify": verify, "advisories": advisories}[sys.argv[1]]()
