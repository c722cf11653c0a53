"""Tests of template.yaml: what a first day on AWS needs of it, and what the documents say of it.

    .tools/emulator/bin/python -m unittest discover -s tests/stack
"""

import re
import tomllib
import unittest
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOURTEEN_DAYS = 14 * 24 * 3600
# A new account may run so many functions at the same time in a region.
QUOTA_OF_A_NEW_ACCOUNT = 10
# The functions that are called from outside: webhook, schedule and admin. Each must be able to run.
CALLED = 3
# The longest names that AWS takes, by type of resource and property.
LONGEST = {
    ("AWS::Serverless::Function", "FunctionName"): 64,
    ("AWS::SQS::Queue", "QueueName"): 80,
    ("AWS::Events::Rule", "Name"): 64,
    ("AWS::Scheduler::ScheduleGroup", "Name"): 64,
    ("AWS::ApiGatewayV2::Api", "Name"): 128,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
}
PROVIDERS = ["calendly", "engagelab", "twilio", "brevo"]
NUMBERS = {15: "Fifteen", 16: "Sixteen", 17: "Seventeen", 18: "Eighteen", 19: "Nineteen", 20: "Twenty"}


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref A` becomes {"Ref": "A"}, `!Sub a` {"Fn::Sub": "a"}."""


def read_tag(loader, tag, node):
    read = {"scalar": loader.construct_scalar, "sequence": loader.construct_sequence, "mapping": loader.construct_mapping}
    value = read[node.id](node, deep=True) if node.id != "scalar" else read[node.id](node)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", read_tag)
TEMPLATE = yaml.load((ROOT / "template.yaml").read_text(), Loader)
PARAMETERS, RESOURCES, OUTPUTS = TEMPLATE["Parameters"], TEMPLATE["Resources"], TEMPLATE["Outputs"]


def of_type(kind):
    return {name: it for name, it in RESOURCES.items() if isinstance(it, dict) and it.get("Type") == kind}


def accepts(parameter, value):
    return bool(re.search(PARAMETERS[parameter]["AllowedPattern"], value))


def alarms():
    """Returns the alarms by name, those of each Fn::ForEach too."""
    found = of_type("AWS::CloudWatch::Alarm")
    for name, loop in RESOURCES.items():
        if name.startswith("Fn::ForEach::"):
            variable, values, body = loop
            for alarm, content in body.items():
                found |= {alarm.replace(f"${{{variable}}}", value): content for value in values}
    return found


def metrics_of(alarm):
    return len([it for it in alarm["Properties"].get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in it])


def custom_metrics():
    """Yields each metric of our own that an alarm watches: its name, its function, and its other dimensions."""
    for alarm in alarms().values():
        properties = alarm["Properties"]
        stats = [it["MetricStat"]["Metric"] for it in properties.get("Metrics", []) if "MetricStat" in it]
        for it in [properties, *stats]:
            if it.get("Namespace") == "VaiCalendly":
                values = {more["Name"]: more["Value"] for more in it["Dimensions"]}
                yield it["MetricName"], values.pop("Function")["Ref"], values


def unconditional(value, resource, condition):
    """Yields what refers to a resource outside an Fn::If of its condition, where it may not exist."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Fn::If" and inner[0] == condition:
                yield from unconditional(inner[2], resource, condition)
            elif (key == "Ref" and inner == resource) or (key == "Fn::GetAtt" and inner.split(".")[0] == resource):
                yield value
            elif key == "Fn::Sub" and re.search(rf"\$\{{{resource}[.}}]", str(inner)):
                yield value
            else:
                yield from unconditional(inner, resource, condition)
    elif isinstance(value, list):
        for inner in value:
            yield from unconditional(inner, resource, condition)


class Parameters(unittest.TestCase):
    def test_urls_are_https_or_on_this_machine(self):
        urls = [name for name in PARAMETERS if name.endswith(("ApiUrl", "AuthUrl"))]
        self.assertEqual(len(urls), 7)
        for name in urls:
            good = ["https://api.example.com", "https://api.example.com:8443/v1", "http://127.0.0.1:4570/vai"]
            good += ["http://localhost:4570", "http://[::1]:4570/x"]
            bad = ["http://api.example.com", "https://api.example.com/", "https://", "ftp://example.com", "example.com"]
            bad += ["http://localhost.example.com", "http://127.0.0.1@example.com", "https://a b", "https://a?b=c"]
            bad += ["http://127.0.0.1.example.com", "https://user@example.com", "x https://example.com"]
            self.assertEqual([it for it in good if not accepts(name, it)], [], name)
            self.assertEqual([it for it in bad if accepts(name, it)], [], name)
            self.assertIn("ConstraintDescription", PARAMETERS[name])

    def test_the_public_url_is_a_host_without_a_path(self):
        for good in ["", "https://api.example.com", "https://a-b.example.co.uk"]:
            self.assertTrue(accepts("PublicUrl", good), good)
        for bad in ["api.example.com", "http://api.example.com", "https://api.example.com/", "https://api.example.com/v1",
                    "https://api.example.com:8443", "https://-.com", "https://localhost", "https://a..b"]:  # fmt: skip
            self.assertFalse(accepts("PublicUrl", bad), bad)

    def test_calendly_delivers_to_the_public_url(self):
        condition, own, default = OUTPUTS["WebhookUrl"]["Value"]["Fn::If"]
        self.assertEqual((condition, own), ("HasPublicUrl", {"Fn::Sub": "${PublicUrl}/webhooks/calendly"}))
        self.assertTrue(default["Fn::Sub"].endswith("/webhooks/calendly"))

    def test_a_new_accounts_quota_leaves_room_for_the_functions_that_are_called(self):
        limits = [it["Properties"]["Events"] for it in of_type("AWS::Serverless::Function").values()
                  if "Events" in it["Properties"]]  # fmt: skip
        names = [one["Properties"]["ScalingConfig"]["MaximumConcurrency"]["Ref"] for it in limits for one in it.values()]
        self.assertEqual(len(names), 3)
        self.assertLessEqual(sum(PARAMETERS[name]["Default"] for name in names), QUOTA_OF_A_NEW_ACCOUNT - CALLED)
        # Of ten, none can be reserved.
        self.assertNotIn("ReservedConcurrentExecutions", (ROOT / "template.yaml").read_text())


# What a million refused calls cost in us-east-1: API Gateway, Lambda's requests, 10 ms with 512 MB, 1.5 KB of log.
PRICE_OF_A_MILLION = 1.00 + 0.20 + 10_000 * 0.5 * 0.0000133334 + 1.5 * 0.50


class Routes(unittest.TestCase):
    def setUp(self):
        self.stage = RESOURCES["ApiStage"]
        self.limits = self.stage["Properties"]["RouteSettings"]

    def test_every_public_route_has_limits_of_its_own(self):
        routes = of_type("AWS::ApiGatewayV2::Route")
        self.assertEqual(sorted(self.limits), sorted(it["Properties"]["RouteKey"] for it in routes.values()))
        # Settings of a route that does not exist yet fail the deployment.
        self.assertEqual(sorted(self.stage["DependsOn"]), sorted(routes))
        for key, limit in self.limits.items():
            # What a route leaves out is not taken from the default: it would have no limit.
            self.assertEqual(set(limit), {"ThrottlingRateLimit", "ThrottlingBurstLimit"}, key)
            # The text of a parameter might not be taken for a number there.
            self.assertTrue(all(isinstance(it, int) and it > 0 for it in limit.values()), key)

    def test_there_is_no_other_way_in(self):
        # A function's own URL, or an API that SAM makes of an event, would have no limits here.
        self.assertEqual(of_type("AWS::Lambda::Url") | of_type("AWS::Serverless::HttpApi") | of_type("AWS::Serverless::Api"), {})
        for name, function in of_type("AWS::Serverless::Function").items():
            self.assertNotIn("FunctionUrlConfig", function["Properties"], name)
            events = function["Properties"].get("Events", {}).values()
            self.assertEqual({it["Type"] for it in events} - {"SQS"}, set(), name)

    def test_a_webhooks_limit_is_above_any_genuine_rate(self):
        for key in [it for it in self.limits if "/webhooks/" in it]:
            self.assertGreaterEqual(self.limits[key]["ThrottlingRateLimit"], 50, key)
            self.assertGreaterEqual(self.limits[key]["ThrottlingBurstLimit"], 200, key)

    def test_what_a_flood_costs_is_documented(self):
        text = (ROOT / "docs/security.md").read_text()
        groups = Counter((it["ThrottlingRateLimit"], it["ThrottlingBurstLimit"]) for it in self.limits.values())
        for (rate, burst), number in groups.items():
            millions = rate * 86_400 / 1e6
            row = f"| {number} | {rate} | {burst} | {millions:.2f} million | ${millions * PRICE_OF_A_MILLION:.2f} |"
            self.assertIn(row, text)
        all_millions = sum(rate * number for (rate, _), number in groups.items()) * 86_400 / 1e6
        self.assertIn(f"for a whole day: ${all_millions * PRICE_OF_A_MILLION:.2f}.", text)
        self.assertIn(f"A million refused calls costs ${PRICE_OF_A_MILLION:.2f}", text)


class WhatOutlivesTheStack(unittest.TestCase):
    def test_the_table_and_the_key_stay_unless_their_first_deployment_fails(self):
        for name in ("Table", "SecretsKey", "Pepper"):
            kept = RESOURCES[name]
            self.assertEqual((kept["DeletionPolicy"], kept["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))
        self.assertEqual(PARAMETERS["TableDeletionProtection"]["Default"], "false")
        protection = RESOURCES["Table"]["Properties"]["DeletionProtectionEnabled"]
        self.assertEqual(protection, {"Fn::If": ["ProtectsTable", True, False]})

    def test_a_stack_that_adopts_a_table_refers_to_none_of_its_own(self):
        for resource, condition in (("Table", "MakesTable"), ("SecretsKey", "MakesSecretsKey"), ("Pepper", "MakesPepper")):
            self.assertEqual(RESOURCES[resource]["Condition"], condition)
            others = {name: it for name, it in RESOURCES.items() if name != resource}
            self.assertEqual(list(unconditional([others, OUTPUTS], resource, condition)), [])

    def test_the_tables_key_is_aws_own_unless_one_is_named(self):
        condition, own, default = RESOURCES["Table"]["Properties"]["SSESpecification"]["Fn::If"]
        self.assertEqual((condition, default), ("HasTableKey", {"SSEEnabled": False}))
        self.assertEqual(own["KMSMasterKeyId"], {"Ref": "TableKeyArn"})
        uses = {name for name, it in of_type("AWS::Serverless::Function").items()
                if "TABLE_NAME" in it["Properties"]["Environment"]["Variables"]}  # fmt: skip
        roles = {it["Ref"] for it in RESOURCES["TableKeyPolicy"]["Properties"]["Roles"]}
        self.assertEqual(roles, {f"{name}Role" for name in uses})


class Queues(unittest.TestCase):
    def test_messages_are_kept_for_14_days(self):
        for name, queue in of_type("AWS::SQS::Queue").items():
            self.assertEqual(queue["Properties"]["MessageRetentionPeriod"], FOURTEEN_DAYS, name)

    def test_each_queue_refuses_plain_http(self):
        refusing = []
        for policy in of_type("AWS::SQS::QueuePolicy").values():
            queues = [it["Ref"] for it in policy["Properties"]["Queues"]]
            for it in policy["Properties"]["PolicyDocument"]["Statement"]:
                if it["Effect"] == "Deny":
                    said = it["Principal"], it["Action"], it["Condition"]
                    self.assertEqual(said, ("*", "sqs:*", {"Bool": {"aws:SecureTransport": "false"}}))
                    self.assertIn(it["Resource"], ["*", *({"Fn::GetAtt": f"{queue}.Arn"} for queue in queues)])
                    refusing += queues
        self.assertEqual(sorted(refusing), sorted(of_type("AWS::SQS::Queue")))

    def test_each_queue_for_dead_letters_has_an_alarm(self):
        letters = {it for it in of_type("AWS::SQS::Queue") if it.endswith("Dlq")}
        self.assertEqual({f"{it}Alarm" for it in letters} - set(alarms()), set())


class AmazonSes(unittest.TestCase):
    def test_the_rule_hears_this_stack_only_and_loses_nothing(self):
        rule = RESOURCES["SesEvents"]["Properties"]
        tags = rule["EventPattern"]["detail"]["mail"]["tags"]
        self.assertEqual(tags["stack"], [{"Ref": "AWS::StackName"}])
        self.assertEqual(rule["Targets"][0]["DeadLetterConfig"], {"Arn": {"Fn::GetAtt": "SesDlq.Arn"}})
        alarm = RESOURCES["SesEventsAlarm"]["Properties"]
        self.assertEqual((alarm["Namespace"], alarm["MetricName"]), ("AWS/Events", "FailedInvocations"))

    def test_functions_that_send_mail_know_their_stack(self):
        for name, function in of_type("AWS::Serverless::Function").items():
            variables = function["Properties"]["Environment"]["Variables"]
            self.assertEqual("SES_API_URL" in variables, "STACK_NAME" in variables, name)


class Roles(unittest.TestCase):
    def test_the_scheduler_assumes_its_role_for_this_stack_only(self):
        [statement] = RESOURCES["SchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        condition = statement["Condition"]["StringEquals"]
        self.assertEqual(condition["aws:SourceAccount"], {"Ref": "AWS::AccountId"})
        self.assertTrue(condition["aws:SourceArn"]["Fn::Sub"].endswith(":schedule-group/${ScheduleGroup}"))


class Audit(unittest.TestCase):
    def test_only_the_functions_of_the_api_write_to_its_log_group_and_nobody_reads_or_deletes_there(self):
        found = {}
        for name, role in of_type("AWS::IAM::Role").items():
            for policy in role["Properties"].get("Policies", []):
                for it in policy["PolicyDocument"]["Statement"]:
                    resources = it["Resource"] if isinstance(it["Resource"], list) else [it["Resource"]]
                    self.assertNotIn("*", resources, name)
                    if any("AuditLogs" in str(one) for one in resources):
                        found[name] = it["Action"]
        writes = ["logs:CreateLogStream", "logs:PutLogEvents"]
        self.assertEqual(found, {"ScheduleRole": writes, "AdminRole": writes})
        told = {name for name, it in of_type("AWS::Serverless::Function").items()
                if "AUDIT_LOG_GROUP" in it["Properties"]["Environment"]["Variables"]}  # fmt: skip
        self.assertEqual(told, {"Schedule", "Admin"})

    def test_its_lines_are_kept_longer_than_the_functions_logs(self):
        self.assertEqual(RESOURCES["AuditLogs"]["Properties"]["RetentionInDays"], {"Ref": "AuditRetentionDays"})
        audit, logs = PARAMETERS["AuditRetentionDays"], PARAMETERS["LogRetentionDays"]
        self.assertIn(audit["Default"], audit["AllowedValues"])
        self.assertGreater(audit["Default"], max(logs["AllowedValues"]))


class Documents(unittest.TestCase):
    def assert_says(self, document, *texts):
        text = (ROOT / document).read_text()
        self.assertEqual([it for it in texts if it not in text], [], f"is not in {document}")

    def test_the_longest_name_of_a_stack_is_documented_and_kept(self):
        room = []
        for (kind, name), longest in LONGEST.items():
            for it in of_type(kind).values():
                given = it["Properties"][name]
                text = "${AWS::StackName}" if given == {"Ref": "AWS::StackName"} else given["Fn::Sub"]
                room.append(longest - len(text.replace("${AWS::StackName}", "")))
        self.assert_says("docs/deploying.md", f"at most {min(room)} characters")
        for name, environment in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
            if isinstance(environment, dict):
                self.assertLessEqual(len(environment["deploy"]["parameters"]["stack_name"]), min(room), name)

    def test_alarms_are_documented_and_counted(self):
        found = alarms()
        number, metrics = NUMBERS[len(found)], sum(map(metrics_of, found.values()))
        self.assert_says("docs/troubleshooting.md", f"{number} alarms send an e-mail", *(f"`{name}`" for name in found))
        costs = f"{number} alarms over {metrics} metrics: up to ${metrics / 10:.2f} a month"
        self.assert_says("docs/deploying.md", costs)
        self.assert_says("README.md", f"{number.lower()} alarms")

    def test_each_parameter_of_the_first_day_is_documented(self):
        for name in ("TableDeletionProtection", "TableKeyArn", "ExistingTableName", "ExistingSecretsKeyArn",
                     "ExistingPepperName", "PublicUrl",
                     "ProcessorConcurrency", "ReminderConcurrency", "DispatcherConcurrency", "AlarmEmail"):  # fmt: skip
            self.assertIn(name, PARAMETERS)
            self.assert_says("docs/deploying.md", name)

    def test_only_what_an_alarm_watches_by_a_value_is_a_metric_of_its_own(self):
        watched = {(name, detail) for name, _, values in custom_metrics() for detail in values}
        self.assertEqual(watched, {("Refused", "Reason"), ("WrongSignature", "Source"), ("Accepted", "Source")})
        listed = ", ".join(f'"{it}"' for it in PROVIDERS)
        lines = ('("Refused", "Reason", &["stale"])', f"const PROVIDERS: [&str; 4] = [{listed}];")
        self.assert_says("shared/runtime/src/telemetry.rs", *lines)

    def test_our_metrics_are_documented_and_counted(self):
        rows = (ROOT / "docs/troubleshooting.md").read_text().split("## Metrics")[1].split("## Alarms")[0].splitlines()
        rows = [re.fullmatch(r"\| `(\w+)` \|.*\| ([a-z, ]+) \|.*\|", row) for row in rows if row.startswith("| `")]
        sent_by = {row[1]: set(row[2].split(", ")) for row in rows}
        functions = {name.lower() for name in of_type("AWS::Serverless::Function")}
        self.assertEqual(set().union(*sent_by.values()), functions)
        # What the code counts, and the functions of which only one can be the sender.
        counted = {}
        for path in [*ROOT.glob("shared/*/src/**/*.rs"), *ROOT.glob("functions/*/src/**/*.rs")]:
            owner, crate = path.relative_to(ROOT).parts[:2]
            for name in re.findall(r'\bcount\(\s*(?:[^"]*?,\s*)?"([A-Z]\w+)"', path.read_text()):
                counted.setdefault(name, set()).update({crate} if owner == "functions" else set())
        self.assertEqual(set(counted), set(sent_by))
        for name, own in counted.items():
            self.assertLessEqual(own, sent_by[name], name)
        # Each combination of dimensions is a metric.
        watched = {(name, tuple(sorted(values.items()))) for name, function, values in custom_metrics() if values}
        for name, function, _ in custom_metrics():
            self.assertIn(function.lower(), sent_by[name], name)
        number = sum(map(len, sent_by.values())) + len(watched)
        text = (ROOT / "docs/deploying.md").read_text()
        self.assertRegex(text, rf"There are {number} in all .*: {number} × 0\.30 = \${number * 0.3:.2f} a month")

    def test_a_stranger_cannot_keep_the_alarm_of_wrong_signatures_on(self):
        alarm = RESOURCES["WrongSignatureAlarm"]["Properties"]
        [expression] = [it["Expression"] for it in alarm["Metrics"] if "Expression" in it]
        # Each provider's wrong calls count only while none of its own is accepted.
        wanted = " OR ".join(f"(FILL({it}Wrong, 0) > 0 AND FILL({it}Accepted, 0) == 0)" for it in PROVIDERS)
        self.assertEqual(" ".join(expression.split()), wanted)
        told = {it["Id"]: it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it}
        for provider in PROVIDERS:
            for kind, metric in (("Wrong", "WrongSignature"), ("Accepted", "Accepted")):
                one = told.pop(provider + kind)
                self.assertEqual(one["MetricName"], metric)
                self.assertIn({"Name": "Source", "Value": provider}, one["Dimensions"])
        self.assertEqual(told, {})


if __name__ == "__main__":
    unittest.main()
