"""Prints a deployed stack's outputs as environment variables. First checks the parts that the emulator can drop
silently.

Runs in .tools/deploy, against AWS or, with AWS_ENDPOINT_URL, the local stack.
"""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

TEMPLATE = (Path(__file__).resolve().parents[2] / "template.yaml").read_text()


def outputs(stack):
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    found = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        found["ApiUrl"] = f"{endpoint}/_aws/execute-api/{found['ApiId']}/$default"
        found["PublicUrl"] = found["ApiUrl"]
        found["WebhookUrl"] = found["ApiUrl"] + "/webhooks/calendly"
    return found


def problems(stack, found):
    routes = boto3.client("apigatewayv2").get_routes(ApiId=found["ApiId"])["Items"]
    served = {one["RouteKey"] for one in routes if one.get("Target")}
    for key in re.findall(r"RouteKey: (.+)", TEMPLATE):
        if key not in served:
            yield f"the API has no route {key}"

    ttl = boto3.client("dynamodb").describe_time_to_live(TableName=found["TableName"])["TimeToLiveDescription"]
    if ttl.get("AttributeName") != "expires_at" or ttl["TimeToLiveStatus"] not in ("ENABLING", "ENABLED"):
        yield f"the table's expiry is not on: {ttl}"

    targets = boto3.client("events").list_targets_by_rule(Rule=f"{stack}-ses")["Targets"]
    if [one["Arn"].rsplit(":", 1)[-1] for one in targets] != [f"{stack}-intake"]:
        yield f"the events of Amazon SES do not go to the intake queue: {targets}"
    elif not targets[0].get("DeadLetterConfig", {}).get("Arn", "").endswith(f":{stack}-ses-dlq"):
        yield f"the events of Amazon SES that can't be delivered are lost: {targets}"
    rule = boto3.client("events").describe_rule(Name=f"{stack}-ses")
    if json.loads(rule["EventPattern"])["detail"]["mail"]["tags"].get("stack") != [stack]:
        yield f"the rule of Amazon SES hears other stacks: {rule['EventPattern']}"

    mappings = boto3.client("lambda").get_paginator("list_event_source_mappings")
    for function, queue in (("processor", "intake"), ("reminder", "due"), ("dispatcher", "deliveries")):
        sources = [
            one
            for page in mappings.paginate(FunctionName=f"{stack}-{function}")
            for one in page["EventSourceMappings"]
            if one["EventSourceArn"].endswith(f":{stack}-{queue}")
        ]
        if [one["State"] in ("Enabled", "Enabling", "Creating") for one in sources] != [True]:
            yield f"{function} does not receive from the {queue} queue: {sources}"
        elif sources[0].get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{function} does not report partial batch failures"


def main():
    stack = sys.argv[1]
    try:
        found = outputs(stack)
        wrong = list(problems(stack, found))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"The stack {stack} can't be read: {error}")
    if wrong:
        sys.exit(f"The stack {stack} is deployed but incomplete:\n" + "".join(f"  - {one}\n" for one in wrong))
    for key, value in found.items():
        # Quoted for a shell.
        print(re.sub(r"(?<!^)(?=[A-Z])", "_", key).upper() + "=" + shlex.quote(value))


main()
