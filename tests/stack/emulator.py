"""Starts ministack, and adds what it ignores in our template. Runs in .tools/emulator."""

import os
import socketserver

import iam
import local_only
from ministack import app
from ministack.core import lambda_runtime
from ministack.services import dynamodb, scheduler
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

# Else each call of a function takes 40 ms more: its event waits until the function has acknowledged the headers before.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

# ministack waits 50 ms for a first log line, in each call that logs nothing.
if wait := os.environ.get("LOG_WAIT_MS"):
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (int(wait) / 1000, 0.005, 0.25)

# ministack checks schedules every 10 s. With 1 s, the story is faster.
scheduler._SCHEDULE_TICK_INTERVAL = 1


def adjust(resource, before=None, after=None):
    """Runs `before` on a resource's properties and `after` on its name and properties, at creation and update."""
    handlers = _RESOURCE_HANDLERS[resource]
    for verb, position in (("create", 1), ("update", 2)):  # (logical_id, new, …) and (physical_id, old, new, …)

        def wrapped(*args, provision=handlers[verb], position=position, **kwargs):
            if before:
                before(args[position])
            result = provision(*args, **kwargs)
            if after:
                after(result[0], args[position])
            return result

        handlers[verb] = wrapped


def enable_expiry(name, table):
    """Applies TimeToLiveSpecification, which ministack ignores."""
    if spec := table.get("TimeToLiveSpecification"):
        spec = {**spec, "Enabled": str(spec.get("Enabled")).lower() == "true"}
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": spec})


def convert_numbers(mapping):
    """Converts a parameter to a number, as CloudFormation does. A string would crash ministack's queue poller."""
    if scaling := mapping.get("ScalingConfig"):
        scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])


adjust("AWS::DynamoDB::Table", after=enable_expiry)
adjust("AWS::Lambda::EventSourceMapping", before=convert_numbers)
adjust("AWS::Lambda::EventSourceMapping", before=iam.check_event_source)
adjust("AWS::Lambda::Function", after=iam.check_logging)
adjust("AWS::IAM::Role", after=iam.write_permissions)
iam.start()
# Whoever reaches the emulator reads the secrets and runs code.
app.app = local_only.guard(app.app)

app.main()
