"""Measures a booking: the schedule function's release build with the emulator's table and the sandbox's Calendly.

    make build FUNCTIONS=schedule && python3 tests/bench/book.py
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stack"))

import tools
from stack import CREDENTIALS, REGION, STACK, TARGET, Failed, Stack

# The resources of the template that a booking writes to. No other function uses the emulator.
RESOURCES = ["Table", "DueQueue", "DueDlq"]
RELEASE = TARGET / "release"
PREFIX = f"{STACK}/"
AUDIT = f"{STACK}-audit"


class BookingStack(Stack):
    """The part of the local stack that a booking needs, with a release build of the sandbox."""

    def build(self):
        build("--release", "-p", "bench", "-p", "sandbox")
        build("-p", "operator")

    def deploy(self):
        text = (tools.ROOT / "template.yaml").read_text()
        # Parameters and conditions as a whole, and of the resources those that are needed.
        sections = [re.search(rf"^{name}:\n(?: .*\n|\n)+", text, re.MULTILINE)[0] for name in ("Parameters", "Conditions")]
        blocks = [re.search(rf"^  {name}:\n(?:    .*\n|\n)+", text, re.MULTILINE)[0] for name in RESOURCES]
        given = {"Parameters.member.1.ParameterKey": "VaiApiUrl", "Parameters.member.1.ParameterValue": self.sandbox}
        body = "".join(sections) + "Resources:\n" + "".join(blocks)
        self.cloudformation("CreateStack", TemplateBody=body, **given)
        for _ in range(100):
            described = self.cloudformation("DescribeStacks")
            if "CREATE_COMPLETE" in described:
                break
            time.sleep(0.1)
        else:
            raise Failed(f"the table and its queues were not created: {described}")
        self.aws("logs", "Logs_20140328.CreateLogGroup", logGroupName=AUDIT)
        [table] = self.aws("dynamodb", "DynamoDB_20120810.ListTables")["TableNames"]
        self.env = {"TABLE_NAME": table, "SECRET_PREFIX": PREFIX, "CALENDLY_API_URL": self.sandbox + "/calendly"}

    def start_sandbox(self):
        env = self._bare_env() | {"SANDBOX_PORT": str(self.sandbox_port)}
        self._wait("sandbox", self._start("sandbox", [RELEASE / "sandbox"], env), self.sandbox + "/")
        self.post("/control/settings", {"requests_per_minute": 1_000_000})

    def connect(self):
        # Not by `operator connect`, which would subscribe to webhooks that nothing receives.
        name, secret = PREFIX + "default/providers", json.dumps(CREDENTIALS)
        self.aws("secretsmanager", "secretsmanager.CreateSecret", Name=name, SecretString=secret)
        self.operator("settings", "--file", str(HERE / "settings.toml"))
        self.env["API_KEY"] = self.operator("api-key", "add", "--name", "bench").strip()

    def cloudformation(self, action, **parameters):
        query = {"Action": action, "Version": "2010-05-15", "StackName": STACK} | parameters
        return self.rest("cloudformation", "/?" + urlencode(query))

    def measure(self):
        queue, arn = f"{self.endpoint}/000000000000/{STACK}-due", f"arn:aws:sqs:{REGION}:000000000000:{STACK}-due"
        unused = ["INTAKE_QUEUE_URL", "INTAKE_DLQ_URL", "DUE_DLQ_URL", "SCHEDULE_GROUP", "SCHEDULER_ROLE_ARN"]
        env = {name: "unused" for name in [*unused, "SCHEDULER_DLQ_ARN", "SCHEDULER_DLQ_URL"]} | self.env | {
            "AUDIT_LOG_GROUP": AUDIT,
            "AWS_ENDPOINT_URL": self.endpoint,
            "DUE_QUEUE_ARN": arn,
            "DUE_QUEUE_URL": queue,
            "VAI_API_URL": self.sandbox + "/vai",
        }  # fmt: skip
        run([RELEASE / "bench", "book", *(f"{name}={value}" for name, value in env.items())])


def build(*arguments):
    run(["cargo", "build", "-q", "--locked", *arguments])


def run(command):
    if subprocess.run(command, cwd=tools.ROOT).returncode:
        raise Failed(f"{Path(command[0]).name} {command[1]} failed")


def main():
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    tools.require()
    sys.stdout.reconfigure(line_buffering=True)
    try:
        with BookingStack(f"bench-{os.getpid()}") as stack:
            stack.measure()
        shutil.rmtree(stack.folder)  # kept when something failed: its logs say why
        stack.folder.with_suffix(".lock").unlink()
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"\n{failure}")


if __name__ == "__main__":
    main()
