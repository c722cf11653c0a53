"""Says who is told of a stack's alarms, and which are on, in the form of `make doctor`.

Runs in .tools/deploy, with the environment of env.py.
"""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# As the operator's program prints its findings: shared/operator/src/report.rs.
LINE = "{:<5} {:<13} {}"


def check_recipients(subscriptions):
    """Rates the subscriptions of the topic of the alarms."""
    pending = [it for it in subscriptions if it["SubscriptionArn"] == "PendingConfirmation"]
    if not subscriptions:
        return "warn", "alarm mail", "nobody is told of alarms: deploy with AlarmEmail"
    if pending:
        advice = "open the link in the e-mail from AWS Notifications"
        return "warn", "alarm mail", f"{len(pending)} of {len(subscriptions)} addresses get nothing yet: {advice}"
    return "ok", "alarm mail", f"{len(subscriptions)} confirmed"


def check_alarms(stack, names):
    """Rates the alarms that are on."""
    if not names:
        return "ok", "alarms", "none is on"
    # CloudFormation's names: the stack, the name in the template, a suffix.
    shown = ", ".join(name.removeprefix(f"{stack}-").rsplit("-", 1)[0] for name in names)
    return "warn", "alarms", f"{shown} on: see their description in CloudWatch, and docs/troubleshooting.md"


def look(stack, topic):
    config = Config(connect_timeout=5, retries={"total_max_attempts": 2})
    subscriptions = boto3.client("sns", config=config).get_paginator("list_subscriptions_by_topic")
    found = [it for page in subscriptions.paginate(TopicArn=topic) for it in page["Subscriptions"]]
    yield check_recipients(found)
    alarms = boto3.client("cloudwatch", config=config).get_paginator("describe_alarms")
    pages = alarms.paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM", AlarmTypes=["MetricAlarm"])
    yield check_alarms(stack, [it["AlarmName"] for page in pages for it in page["MetricAlarms"]])


def main():
    sys.stdout.reconfigure(line_buffering=True)
    # An output of the stack. On AWS, the stack is named anyway.
    stack = os.environ.get("STACK_NAME") or os.environ["STACK"]
    try:
        for finding in look(stack, os.environ["ALARM_TOPIC_ARN"]):
            print(LINE.format(*finding))
    except (BotoCoreError, ClientError) as error:
        print(LINE.format("warn", "alarms", f"can't be read: {error}"))


if __name__ == "__main__":
    main()
