"""Runs a command in the environment of a deployed stack: the local one, or one on AWS by its name.

    python3 tests/stack/env.py local env
    python3 tests/stack/env.py vai-calendly-dev cargo run -q --locked -p operator -- doctor
"""

import os
import shlex
import subprocess
import sys
import tomllib

import tools


def local():
    path = tools.ROOT / ".local/run/env"
    if not path.exists():
        sys.exit("The local stack is not running: start it with `make run`, or name one on AWS: STACK=vai-calendly-dev")
    return path.read_text()


def deployed(stack):
    for one in tomllib.loads((tools.ROOT / "samconfig.toml").read_text()).values():
        where = one.get("deploy", {}).get("parameters", {}) if isinstance(one, dict) else {}
        if where.get("stack_name") == stack:
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = where["region"]
    python = tools.install("deploy") / "bin/python"
    found = subprocess.run([python, tools.ROOT / "tests/stack/outputs.py", stack], stdout=subprocess.PIPE, text=True)
    if found.returncode:
        sys.exit(f"Is {stack} deployed (`make deploy`), and do your AWS credentials reach its account?")
    return found.stdout


stack, command = sys.argv[1], sys.argv[2:]
pairs = local() if stack == "local" else deployed(stack)
os.environ["STACK"] = stack  # the operator's program adds it to the commands that it suggests
os.environ.update(line.split("=", 1) for line in shlex.split(pairs))
os.execvp(command[0], command)
