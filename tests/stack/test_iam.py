"""Tests of iam.py and roles.py: what the local stack refuses a function, and what it says of it.

    .tools/emulator/bin/python -m unittest discover -s tests/stack
"""

import json
import os
import tempfile
import unittest
from pathlib import Path

import iam
import roles
from ministack.core.iam_evaluator import EvalContext, SignedRequest, _signed_request, resource_policy_allows
from ministack.services import iam as ministacks_iam
from ministack.services import lambda_svc, sts

ACCOUNT, KEY = "000000000000", "ASIAPROCESSOR"
ROLE, FUNCTION = "stack-ProcessorRole-1A2B", "stack-processor"
QUEUE, TABLE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:due", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/bookings"
SCHEDULE = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule"
KMS_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"
SCHEDULER = f"arn:aws:iam::{ACCOUNT}:role/stack-SchedulerRole-3C4D"


def allow(action, resource, **condition):
    return {"Effect": "Allow", "Action": action, "Resource": resource} | condition


def policies(*statements):
    return {"Policies": [{"PolicyName": "all", "PolicyDocument": {"Statement": list(statements)}}]}


class TheLocalStack(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        iam.written.clear()
        iam.start()
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{FUNCTION}"
        sts.register_session(KEY, {"Arn": arn, "UserId": "x", "SecretAccessKey": "x", "SessionToken": "x"})

    def give(self, role, *statements):
        properties = policies(*statements)
        document = json.dumps(properties["Policies"][0]["PolicyDocument"])
        ministacks_iam._roles[role] = {"RoleName": role, "InlinePolicies": {"all": document}}
        iam.write_permissions(role, properties)

    def call(self, action, resource="*", body=None, path="/", query=None):
        """Returns whether a call of the function is allowed. The key differs from the request's, so that no signature
        is checked."""
        sent = json.dumps(body or {}).encode()
        _signed_request.set(SignedRequest("unsigned", "POST", path, query or {}, {}, sent))
        return iam.enforce(KEY, action, action.split(":")[0], "us-east-1", resource) is None

    def test_a_call_that_the_role_does_not_permit_is_refused_and_named(self):
        self.give(ROLE, allow(["dynamodb:Query", "dynamodb:PutItem"], TABLE))
        self.assertTrue(self.call("dynamodb:PutItem", TABLE))
        self.assertFalse(self.call("dynamodb:UpdateItem", TABLE))
        self.assertFalse(self.call("dynamodb:Query", TABLE + "/index/by_start"))
        self.assertFalse(self.call("dynamodb:Query", TABLE + "/index/by_start"))
        self.assertEqual(roles.refusals(self.folder), [
            f"{FUNCTION} was refused dynamodb:UpdateItem on {TABLE}: see ProcessorRole in template.yaml",
            f"{FUNCTION} was refused dynamodb:Query on {TABLE}/index/by_start: see ProcessorRole in template.yaml",
        ])  # fmt: skip
        self.assertEqual(roles.unused_permissions(self.folder), ["ProcessorRole: dynamodb:Query on table/bookings"])

    def test_a_batch_needs_the_permission_of_its_single_calls(self):
        self.give(ROLE, allow("sqs:SendMessage", QUEUE))
        self.assertTrue(self.call("sqs:SendMessageBatch", QUEUE))
        self.assertFalse(self.call("sqs:DeleteMessageBatch", QUEUE))
        self.assertEqual(roles.unused_permissions(self.folder), [])

    def test_the_encryption_context_is_a_condition(self):
        condition = {"Null": {"kms:EncryptionContext:connection": "false"}}
        self.give(ROLE, allow("kms:Decrypt", KMS_KEY, Condition=condition))
        self.assertTrue(self.call("kms:Decrypt", KMS_KEY, {"EncryptionContext": {"connection": "default"}}))
        self.assertFalse(self.call("kms:Decrypt", KMS_KEY, {"EncryptionContext": {}}))

    def test_a_schedule_is_in_its_group_and_is_given_a_role(self):
        body = {"GroupName": "ours", "Target": {"Arn": QUEUE, "RoleArn": SCHEDULER}}
        create = lambda: self.call("scheduler:CreateSchedule", body=body, path="/schedules/a%23b")  # noqa: E731
        self.give(SCHEDULER.rsplit("/", 1)[-1])
        self.give(ROLE, allow("scheduler:CreateSchedule", f"{SCHEDULE}/ours/*"))
        self.assertFalse(create())
        condition = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        pass_role = allow("iam:PassRole", SCHEDULER, Condition=condition)
        self.give(ROLE, allow("scheduler:*", f"{SCHEDULE}/ours/a#b"), pass_role)
        self.assertTrue(create())
        self.assertTrue(self.call("scheduler:DeleteSchedule", path="/schedules/a%23b", query={"groupName": ["ours"]}))
        self.assertFalse(self.call("scheduler:DeleteSchedule", path="/schedules/a%23b"))
        self.assertEqual([it.split(":")[0] for it in roles.refusals(self.folder)], [
            f"{FUNCTION} was refused iam",
            "EventBridge Scheduler was refused sqs",
            f"{FUNCTION} was refused scheduler",
        ])  # fmt: skip

    def test_a_function_reads_only_a_queue_that_its_role_permits(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
        lambda_svc._functions[FUNCTION] = {"config": {"Role": role}}
        mapping = {"FunctionName": FUNCTION, "EventSourceArn": QUEUE}
        self.give(ROLE, allow(list(iam.READ_QUEUE), QUEUE))
        iam.check_event_source(mapping)
        self.give(ROLE, allow(["sqs:ReceiveMessage", "sqs:GetQueueAttributes"], QUEUE))
        with self.assertRaisesRegex(ValueError, "does not permit sqs:DeleteMessage"):
            iam.check_event_source(mapping)

    def test_a_queue_that_refuses_plain_http_takes_the_calls_of_this_machine(self):
        refuse = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
        plain = refuse | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        asked = EvalContext("arn:aws:iam::000000000000:root", "Root", ACCOUNT, "sqs:SendMessage", QUEUE, "us-east-1")
        allows = lambda statement: resource_policy_allows({"Statement": [statement]}, asked, True)  # noqa: E731
        self.assertTrue(allows(plain))
        self.assertFalse(allows(refuse))

    def test_a_line_is_written_to_a_stream_of_a_log_group(self):
        group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:stack-audit"
        self.give(ROLE, allow(list(iam.WRITE_LOG), f"{group}:*"))
        body = {"logGroupName": "stack-audit", "logStreamName": "stack-schedule/1"}
        self.assertTrue(self.call("logs:CreateLogStream", group, body))
        self.assertTrue(self.call("logs:PutLogEvents", group, body))
        self.assertFalse(self.call("logs:PutLogEvents", group + "-2", body))
        self.assertFalse(self.call("logs:DeleteLogStream", group, body))

    def test_a_function_without_calls_is_silent(self):
        self.give(ROLE, allow("sqs:SendMessage", QUEUE))
        iam.check_logging("stack-reminder", {"Role": f"r/{ROLE}", "LoggingConfig": {"LogGroup": "g"}})
        self.call("sqs:SendMessage", QUEUE)
        self.assertEqual(roles.silent_functions(self.folder, ["processor", "reminder"]), ["reminder"])


if __name__ == "__main__":
    unittest.main()
