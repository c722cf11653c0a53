"""Completes ministack's enforcement of IAM (AUTH=true), so that a function may do what its role permits, as on AWS.

Writes each decision about a role once to roles.jsonl, and what the roles permit, for roles.py. Runs in .tools/emulator.
"""

import json
from urllib.parse import unquote

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, sts

# A batch needs the permission of its single calls.
BATCHES = {f"sqs:{one}Batch": f"sqs:{one}" for one in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")}
# What Lambda does as the role of a function that reads a queue.
READ_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
# What writing to a log group needs, on its streams.
WRITE_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")

enforce_as_sent = iam_evaluator.enforce
resolve_as_sent = iam_evaluator._resolve_condition_key
written = set()


def start():
    """Puts `enforce` and `resolve_key` in ministack's place, and empties the record."""
    open("roles.jsonl", "w").close()
    iam_evaluator.enforce = enforce
    iam_evaluator._resolve_condition_key = resolve_key


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """Returns None if the caller may, else why not. Calls of the account's own key are not recorded."""
    session = sts._sessions.get(access_key_id)
    if session is None:
        return enforce_as_sent(access_key_id, iam_action, service, region, resource_arn, service_context)
    role, function = session["Arn"].split("/")[-2:]
    for action, resource, context in permissions(iam_action, resource_arn):
        context = (service_context or {}) | context
        refusal = enforce_as_sent(access_key_id, action, service, region, resource, context)
        write_decision(function, role, action, resource, refusal is None)
        if refusal:
            return refusal
    return None


def resolve_key(key, context):
    """Returns the value of a condition's key. Nothing on this machine has TLS, and the queues refuse calls without it: so
    each call counts as one with TLS."""
    return "true" if key.lower() == "aws:securetransport" else resolve_as_sent(key, context)


def permissions(action, resource):
    """Yields the permissions that the call needs: action, resource, and the keys of its conditions."""
    # Only the first decision of a call still has its request. The calls below have one decision.
    request = iam_evaluator._signed_request.get()
    body = json.loads(request.body) if request and request.body else {}
    if action.startswith("kms:"):
        pairs = body.get("EncryptionContext", {}).items()
        yield action, resource, {f"kms:EncryptionContext:{key}": value for key, value in pairs}
    elif action.startswith("scheduler:") and request:
        group = body.get("GroupName") or request.query_params.get("groupName", ["default"])[0]
        name = unquote(request.raw_path.rsplit("/", 1)[-1])
        yield action, f"arn:aws:scheduler:{get_region()}:{get_account_id()}:schedule/{group}/{name}", {}
        if target := body.get("Target"):
            role = target["RoleArn"]
            yield "iam:PassRole", role, {"iam:PassedToService": "scheduler.amazonaws.com"}
            # The scheduler sends as this role when the schedule is due.
            for queue in filter(None, (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn"))):
                check_role(role, "EventBridge Scheduler", "sqs:SendMessage", queue)
    elif action in WRITE_LOG:
        yield action, f"{resource}:log-stream:{body.get('logStreamName', '')}", {}
    else:
        yield BATCHES.get(action, action), resource, {}


def check_role(role_arn, caller, action, resource):
    """Returns whether a role permits what AWS does with it outside our functions, where ministack asks nobody."""
    role, account = role_arn.rsplit("/", 1)[-1], get_account_id()
    asked = iam_evaluator.EvalContext(role_arn, "AssumedRole", account, action, resource, get_region())
    allowed = iam_evaluator.evaluate(asked, iam_evaluator._gather_role_policies(role, account)).decision == "Allow"
    write_decision(caller, role, action, resource, allowed)
    return allowed


def check_event_source(mapping):
    """Refuses an event source that its function may not read, as Lambda does."""
    function = mapping["FunctionName"].rsplit(":", 1)[-1]
    role, queue = lambda_svc._functions[function]["config"]["Role"], mapping["EventSourceArn"]
    for action in READ_QUEUE:
        if not check_role(role, "Lambda", action, queue):
            raise ValueError(f"{function} can't read {queue}: its role does not permit {action}")


def check_logging(function, properties):
    """Checks that a function may write its log: Lambda writes it as the function's role."""
    group = properties["LoggingConfig"]["LogGroup"]
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:{function}"
    for action in WRITE_LOG:
        check_role(properties["Role"], "Lambda", action, arn)


def write_permissions(role, properties):
    """Records what a role permits: each action on each resource."""
    for policy in properties["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    write({"role": role, "action": action, "resource": resource})


def listed(value):
    return value if isinstance(value, list) else [value]


def write_decision(caller, role, action, resource, allowed):
    write({"caller": caller, "role": role, "action": action, "resource": resource, "allowed": allowed})


def write(entry):
    line = json.dumps(entry)
    if line not in written:
        written.add(line)
        with open("roles.jsonl", "a") as record:
            record.write(line + "\n")
