"""Starts ministack with what it leaves out of this template made good. Runs in .tools/emulator."""

from ministack import app
from ministack.services import dynamodb, scheduler
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

# Schedules are looked at every 10 s as shipped; a story should not wait for that.
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


def expire(name, table):
    """Turns on what TimeToLiveSpecification asks for, which is dropped as shipped."""
    if spec := table.get("TimeToLiveSpecification"):
        spec = {**spec, "Enabled": str(spec.get("Enabled")).lower() == "true"}
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": spec})


def numbers(mapping):
    """CloudFormation makes a number of a parameter; here it stays a string, on which the queue's poller dies."""
    if scaling := mapping.get("ScalingConfig"):
        scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])


adjust("AWS::DynamoDB::Table", after=expire)
adjust("AWS::Lambda::EventSourceMapping", before=numbers)

app.main()
