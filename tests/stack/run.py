"""`make run`: starts everything, plays the story, and runs until Ctrl-C. With --check, it ends after the story."""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time

import roles
import tools
from play import play
from stack import FUNCTIONS, Failed, Stack

PICTURES = tools.ROOT / ".local/pictures"
NO_BROWSER = 3  # what screenshot.py exits with


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="use free ports and a separate state, and end after the story")
    options.add_argument("--keep", action="store_true", help="keep the state of the last run")
    options.add_argument("--port", type=int, default=4566)
    options.add_argument("--sandbox-port", type=int, default=4570)
    given = options.parse_args()

    tools.prepare_script()
    started = time.monotonic()
    try:
        stack = Stack(f"check-{os.getpid()}") if given.check else Stack("run", given.port, given.sandbox_port, given.keep)
        with stack:
            tools.say(f"up after {time.monotonic() - started:.0f} s")
            play(stack)
            messages, count = stack.show_messages()
            tools.say(f"all {count} messages, in every language and by every channel, are shown on {messages}/")
            if given.check:
                check_roles(stack)
                check_pages({"story": stack.sandbox, "messages": messages})
                test_adapters(stack)
            else:
                print_commands(stack, messages)
                threading.Event().wait()
        shutil.rmtree(stack.folder)  # after a failure it is kept, for its logs
        stack.folder.with_suffix(".lock").unlink()
    except KeyboardInterrupt:
        tools.say("stopping")
        sys.exit(130 if given.check else 0)
    except Failed as failure:
        sys.exit(f"\n{failure}")


def check_roles(stack):
    """Fails if the roles do not permit what the functions did. Shows the permissions that the story did not need: some
    are for what seldom happens, and tests/it/roles.rs finds those that no code needs."""
    if silent := roles.silent_functions(stack.folder, FUNCTIONS):
        raise Failed(f"no role of {', '.join(silent)} was checked: they called nothing, or IAM is not enforced")
    stack.check_refusals()
    tools.say("each function's role permits what it did. These permissions were not needed:")
    print("\n".join(roles.unused_permissions(stack.folder)))


def check_pages(pages):
    """Checks pages of the sandbox in a headless browser."""
    found, problem = tools.browser()
    for name, url in pages.items():
        if problem:
            break
        python, chromium = found
        command = [python, tools.ROOT / "tests/sandbox/screenshot.py", url, PICTURES / name]
        ended = subprocess.run(command, env=os.environ | {"CHROMIUM": str(chromium)}).returncode
        if ended == NO_BROWSER:
            problem = f"{chromium} does not start"
        elif ended:
            raise Failed(f"the page {url} has problems: see the pictures in {PICTURES / name}")
    if problem:
        print(f"\n*** SKIPPED: the sandbox's page was not checked: {problem} ***\n", flush=True)


def test_adapters(stack):
    """Runs the tests that need a real DynamoDB or KMS. They create their own table and key, apart from the stack's."""
    tools.say("the tests of store and sealing, on this stack's DynamoDB and KMS")
    env = os.environ | {"DYNAMODB_ENDPOINT_URL": stack.endpoint, "KMS_ENDPOINT_URL": stack.endpoint}
    command = ["cargo", "test", "-q", "--locked", "-p", "store", "-p", "sealing", "--test", "dynamodb", "--test", "kms"]
    if subprocess.run(command, cwd=tools.ROOT, env=env).returncode:
        raise Failed("the tests of store or sealing failed")


def print_commands(stack, messages):
    print(f"""
The inboxes:  {stack.sandbox}/
Each message: {messages}/
Health:       curl -i '{stack.env["API_URL"]}/health'
As JSON:      curl -s {stack.sandbox}/inbox.json
A webhook of your own, in three days, signed as Calendly signs:

  body=$(mktemp); sed "s/2026-11-25/$(date -u -d '+3 days' +%F)/g" events/invitee_created_vai.json > $body; t=$(date +%s)
  v1=$({{ printf '%s.' $t; cat $body; }} | openssl dgst -sha256 -hmac '{stack.signing_key()}' -r | cut -d' ' -f1)
  curl -i -H "Calendly-Webhook-Signature: t=$t,v1=$v1" --data-binary @$body '{stack.env["WEBHOOK_URL"]}'
  make explain BOOKING=9e8d7c6b-5a49-4382-b716-15141312110f

The API, as VAI's backend calls it (make invoke-schedule EVENT=events/schedule/book.json invokes its function directly):

  key='Authorization: Bearer {stack.env["API_KEY"]}'; api='{stack.env["API_URL"]}/api/calendly'
  curl -s -H "$key" "$api/event-types?query=consultation"
  curl -s -H "$key" "$api/schedule" -d '{{"eventType": "Quick Consultation", "inviteeName": "Ion Pop", "inviteeEmail":
    "ion@example.com", "phone": "+40722000111", "timezone": "Europe/Bucharest", "conversationId": "conv-1",
    "preferredTime": "'$(date -d '+2 days' +%FT10:00)'"}}'

In another terminal: make doctor, make explain BOOKING=…, make settings FILE=…, make unhandled-events
Logs, the functions' in emulator.log: {stack.folder}/. Ctrl-C stops everything.""", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
