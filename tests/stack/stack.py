"""The whole stack on this machine: emulator, functions, sandbox. Everything listens on 127.0.0.1 only.

    with Stack("test") as stack:
        stack.get("/inbox.json")
"""

import ctypes
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from roles import refusals
from tools import ROOT, install, say

FUNCTIONS = ["webhook", "processor", "reminder", "schedule", "dispatcher", "admin"]
PROGRAMS = ["sandbox", "operator"]
STACK = "vai-calendly-local"
REGION = "eu-west-1"
BUCKET = "code"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")

# The input of `operator connect`. The sandbox accepts these credentials only (tests/sandbox/src/keys.rs has the same).
CREDENTIALS = {
    "calendly_token": "sandbox-token",
    "engagelab": {
        "dev_key": "sandbox-key",
        "dev_secret": "sandbox-secret",
        "username": "sandbox-callback-user",
        "secret": "sandbox-callback-secret",
        "authorization": "Bearer sandbox-callback-auth",
    },
    "twilio": {
        "account_sid": "AC00000000000000000000000000000001",
        "auth_token": "sandbox-twilio-token",
        "api_key": "SK00000000000000000000000000000001",
        "api_secret": "sandbox-twilio-secret",
    },
    "brevo_api_key": "sandbox-brevo-key",
    "brevo_webhook_token": "sandbox-brevo-bearer",
    "vai_api_key": "sandbox-vai-key",
}
# The recipient of the shown messages, by language.
PHONES = {"en": "+447400000001", "ro": "+40720000002", "da": "+4520000003", "zh-Hant": "+886900000004"}
# The time until a message is sent, and again until it is delivered; in reality it takes seconds.
RECEIPTS_AFTER_MS = 500
KEY_KNOWN_WITHIN = 30  # seconds until the API knows a new key


class Failed(Exception):
    """Something in the stack failed. The text says what, and where to look."""


class Stack:
    def __init__(self, name, emulator_port=0, sandbox_port=0, keep=False, parameters=None, log_wait=None):
        self.folder = ROOT / ".local" / name
        self.emulator_port = _port(emulator_port)
        self.sandbox_port = _port(sandbox_port)
        self.endpoint = f"http://127.0.0.1:{self.emulator_port}"
        self.sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        self.keep = keep
        self.parameters = parameters or {}  # of the template, in place of those below
        self.log_wait = log_wait  # ms that a call waits for a first log line; a line that comes later may be lost
        self.started = []
        self.env = {}  # the environment for commands that use the deployed stack

    def __enter__(self):
        try:
            self.up()
        except BaseException as failure:
            self.__exit__(None, failure, None)
            raise
        return self

    def __exit__(self, _kind, failure, _trace):
        self.stop()
        if failure is None or isinstance(failure, Failed):
            self.check_refusals(failure)

    def up(self):
        self.folder.parent.mkdir(exist_ok=True)
        self.lock = open(self.folder.with_suffix(".lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed(f"another stack is running in {self.folder}: stop it first, or use another clone") from None
        self.build()
        # The sandbox always starts empty, so the stack's own state is deleted too, unless `keep` is set.
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("home", "tmp", "state"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.start_emulator()
        self.deploy()
        self.start_sandbox()
        self.connect()

    def build(self):
        say("building (the first time takes minutes)")
        packages = [word for name in FUNCTIONS + PROGRAMS for word in ("-p", name)]
        _run(["cargo", "build", "--locked", *packages], cwd=ROOT)

    def start_emulator(self):
        python = install("emulator") / "bin/python"
        say(f"starting the AWS emulator on {self.endpoint}")
        env = self._bare_env() | {
            "AUTH": "true",  # a function may do what its role permits
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.emulator_port),
            "IOT_MTLS_ENABLED": "0",  # otherwise it listens on all network interfaces
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
        }
        if self.log_wait is not None:
            env["LOG_WAIT_MS"] = str(self.log_wait)
        process = self._start("emulator", [python, ROOT / "tests/stack/emulator.py"], env)
        self._wait("emulator", process, self.endpoint + "/_ministack/health")

    def deploy(self):
        tools = install("deploy") / "bin"
        say("deploying template.yaml")
        self._stage()
        template = self.folder / "template.yaml"
        text, left_out = without_metric_math((ROOT / "template.yaml").read_text())
        say(f"leaving out {', '.join(left_out)}: the emulator has no metric math")
        text = text.replace("CodeUri: target/package/", f"CodeUri: {ROOT}/target/local/")
        # The same URL as in outputs.py, because Twilio's signatures cover it. The function sees the path without this
        # prefix.
        public = f"PUBLIC_URL: !Sub {self.endpoint}/_aws/execute-api/${{Api}}/$default"
        template.write_text(re.sub(r"PUBLIC_URL: .*", public, text))
        self._bucket()
        parameters = {
            "CalendlyApiUrl": self.sandbox + "/calendly",
            "CalendlyAuthUrl": self.sandbox + "/calendly-auth",
            "EngagelabApiUrl": self.sandbox + "/engagelab",
            "TwilioApiUrl": self.sandbox + "/twilio",
            "BrevoApiUrl": self.sandbox + "/brevo",
            "SesApiUrl": self.sandbox + "/ses",
            "VaiApiUrl": self.sandbox + "/vai",
            "LoopbackReceivers": f"127.0.0.1:{self.sandbox_port}",
            # The emulator has no quota, and the load tests need more than the defaults for a new account.
            "ProcessorConcurrency": "5",
            "ReminderConcurrency": "5",
            "DispatcherConcurrency": "60",
            # So that what has failed is tried again while somebody watches.
            "RetrySpeed": "20",
            # The samples in events/ are invoked directly, for every connection.
            "DirectConnections": "*",
            "DirectTrusted": "true",
            "LogLevel": os.environ.get("LOG_LEVEL", "info"),
        } | self.parameters
        env = self._bare_env()
        started = time.monotonic()
        with open(self.folder / "deploy.log", "w") as log:
            command = [tools / "sam", "deploy", "--template-file", template, "--stack-name", STACK, "--s3-bucket", BUCKET]
            command += ["--region", REGION, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
            command += ["--language-extensions", "--no-progressbar"]
            command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides"]
            command += [f"{key}={value}" for key, value in parameters.items()]
            _run(command, env=env, cwd=self.folder, stdout=log, stderr=log)
        found = subprocess.run(
            [tools / "python", ROOT / "tests/stack/outputs.py", STACK], env=env, capture_output=True, text=True
        )
        if found.returncode:
            raise Failed(found.stderr)
        aws = {key: value for key, value in env.items() if key.startswith("AWS_")}
        self.env = aws | dict(line.split("=", 1) for line in shlex.split(found.stdout))
        self.env["SANDBOX_URL"] = self.sandbox
        self.write_env()
        say(f"deployed in {time.monotonic() - started:.0f} s; routes, expiry and event sources are there")

    def write_env(self):
        """Writes the environment for commands in other terminals."""
        (self.folder / "env").write_text("".join(f"{key}={shlex.quote(value)}\n" for key, value in self.env.items()))

    def start_sandbox(self):
        say(f"starting the sandbox on {self.sandbox}")
        env = self._bare_env() | {"SANDBOX_PORT": str(self.sandbox_port)}
        process = self._start("sandbox", [TARGET / "debug/sandbox"], env)
        self._wait("sandbox", process, self.sandbox + "/")

    def show_messages(self):
        """Shows every message with our own texts, in each language and channel, on a page of a second sandbox, so that
        they are not mixed with the messages that were sent. Returns the page's URL and the number of messages."""
        port = _port(0)
        page = f"http://127.0.0.1:{port}"
        env = self._bare_env() | {"SANDBOX_PORT": str(port)}
        self._wait("messages", self._start("messages", [TARGET / "debug/sandbox"], env), page + "/")
        status, answer = self.api("POST", "/api/templates/preview", {})
        if status != 200 or answer["problems"]:
            raise Failed(f"the preview of the messages failed: {status} {answer}")
        shown = [it for it in answer["shown"] if it["variant"] == "full" and not it.get("template")]
        if broken := [it for it in shown if it.get("problem")]:
            raise Failed(f"messages without a text: {broken}")
        wanted = {"sms": [], "emails": []}
        for one in shown:
            name = " ".join(filter(None, (one["message"], one.get("notice")))).replace("_", " ")
            if one["channel"] == "sms":
                wanted["sms"].append({"from": name, "to": PHONES[one["language"]], "text": one["text"]})
            else:
                wanted["emails"].append({
                    "from": f"{name} <meetings@vai.example.com>", "to": f"{one['language']}@example.com",
                    "subject": one["subject"], "text": one["text"], "html": one["html"],
                })  # fmt: skip
        _request(page + "/control/show", json.dumps(wanted).encode(), {"Content-Type": "application/json"})
        return page, len(shown)

    def connect(self):
        say("connecting to the sandbox's Calendly, and its providers to us")
        self.operator("connect", "--connection", "default", "--webhook-url", self.env["WEBHOOK_URL"],
                      stdin=json.dumps(CREDENTIALS))  # fmt: skip
        api = self.env["API_URL"]
        self.post("/control/settings", {
            "receipts_after_ms": RECEIPTS_AFTER_MS,
            "engagelab_callback_url": api + "/webhooks/engagelab",
            "twilio_inbound_url": api + "/webhooks/twilio",
            "brevo_webhook_url": api + "/webhooks/brevo",
            "ses_events_queue_url": self.env["INTAKE_QUEUE_URL"],
        })  # fmt: skip
        settings = ROOT / "tests/sandbox/settings.toml"
        if settings.exists():
            self.operator("settings", "--file", str(settings), "--connection", "default")
        scopes = "read,book,change,events,admin,connections"
        self.env["API_KEY"] = self.add_api_key("local", "--scopes", scopes, "--trusted", "--connection", "default")
        self.write_env()

    def add_api_key(self, name, *options):
        """Makes a key, and returns it when the API knows it. It replaces a key of that name: only hashes are stored, so
        the key of an earlier run can't be read."""
        if re.search(rf"^{name} ", self.operator("api-key", "list"), re.MULTILINE):
            self.operator("api-key", "remove", "--name", name)
        key = self.operator("api-key", "add", "--name", name, *options).strip()
        # A function that has read the keys reads them again after ten seconds at the earliest.
        deadline = time.monotonic() + KEY_KNOWN_WITHIN
        for path in ("/api/calendly/bookings/bk-0", "/api/endpoints"):
            while self.api("GET", path, None, {"Authorization": f"Bearer {key}"})[0] == 401:
                if time.monotonic() > deadline:
                    raise Failed(f"the API should know the key {name}")
                time.sleep(1)
        return key

    def operator(self, *args, stdin=""):
        """Runs the operator's program on this stack. Returns its output."""
        env = self._bare_env() | self.env
        ran = subprocess.run(
            [TARGET / "debug/operator", *args], env=env, cwd=ROOT, input=stdin, capture_output=True, text=True
        )
        if ran.returncode:
            raise Failed(f"operator {' '.join(args)} failed:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def get(self, path):
        """Returns the sandbox's answer, parsed if it is JSON."""
        return _json(_request(self.sandbox + path))

    def post(self, path, value=None):
        body = json.dumps(value or {}).encode()
        return _json(_request(self.sandbox + path, body, {"Content-Type": "application/json"}))

    def request(self, method, path, value=None):
        """Makes a call to the sandbox with any method."""
        body = None if value is None else json.dumps(value).encode()
        return _json(_request(self.sandbox + path, body, {"Content-Type": "application/json"}, method))

    def api(self, method, path, body=None, headers={}):
        """Calls our own API with its key. Returns (status, answer) for any status. A header that is None is not sent:
        api("GET", "/api/status", headers={"Authorization": None})."""
        all = {"Authorization": f"Bearer {self.env.get('API_KEY')}", "Content-Type": "application/json"} | headers
        all = {name: value for name, value in all.items() if value is not None}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.env["API_URL"] + path, data, all, method=method)
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _json(error.read())

    def aws(self, service, target, **parameters):
        """Makes one call in AWS's JSON protocol: aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=…)."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": target,
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request",
        }
        return _json(_request(self.endpoint + "/", json.dumps(parameters).encode(), headers))

    def rest(self, service, path, method="GET", value=None):
        """Makes one call in AWS's REST protocol."""
        credential = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request"
        body = None if value is None else json.dumps(value).encode()
        return _json(_request(self.endpoint + path, body, {"Authorization": credential}, method))

    def scan(self, **parameters):
        """Yields the rows of the table, as DynamoDB returns them."""
        start = {}
        while start is not None:
            page = self.aws("dynamodb", "DynamoDB_20120810.Scan", TableName=self.env["TABLE_NAME"], **parameters, **start)
            yield from page["Items"]
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page.get("LastEvaluatedKey") else None

    def signing_key(self, connection="default"):
        return self.secret("signing", connection)["calendly"][0]

    def secret(self, kind, connection="default"):
        name = self.env["SECRET_PREFIX"] + connection + "/" + kind
        return json.loads(self.aws("secretsmanager", "secretsmanager.GetSecretValue", SecretId=name)["SecretString"])

    def logs(self, function):
        """Returns a function's log lines, oldest first."""
        group = f"/aws/lambda/{STACK}-{function}"
        events = self.aws("logs", "Logs_20140328.FilterLogEvents", logGroupName=group)["events"]
        return [one["message"] for one in events]

    def audit(self):
        """Returns the lines of the audit, oldest first: who called what of the API."""
        events = self.aws("logs", "Logs_20140328.FilterLogEvents", logGroupName=self.env["AUDIT_LOG_GROUP"])["events"]
        return [json.loads(one["message"]) for one in events]

    def check_refusals(self, failure=None):
        """Fails if a role did not permit a call. Names the calls after a failure too: they may be its reason."""
        if refused := refusals(self.folder):
            raise Failed("\n".join([*filter(None, [failure and str(failure)]), *refused])) from None

    def stop(self):
        """Stops the started processes, newest first, each with its own child processes."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt this
        if self.started:
            (self.folder / "env").unlink(missing_ok=True)
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.started.clear()

    def _bare_env(self):
        """Returns an environment without ours: functions inherit the emulator's, which must not contain AWS
        credentials."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }

    def _bucket(self):
        try:
            _request(f"{self.endpoint}/{BUCKET}", method="PUT")
        except Failed as failure:
            if "BucketAlreadyOwnedByYou" not in str(failure):
                raise

    def _stage(self):
        """Copies the functions' binaries without symbols, so that the upload is small. The copy is replaced atomically,
        because another stack may be reading it."""
        for name in FUNCTIONS:
            built, staged = TARGET / "debug" / name, ROOT / "target/local" / name / "bootstrap"
            staged.parent.mkdir(parents=True, exist_ok=True)
            if staged.exists() and staged.stat().st_mtime_ns == built.stat().st_mtime_ns:
                continue
            part = staged.with_name(f".{os.getpid()}")
            shutil.copy2(built, part)
            if shutil.which("strip"):
                _run(["strip", part])
            shutil.copystat(built, part)
            part.replace(staged)

    def _start(self, name, command, env):
        with open(self.folder / f"{name}.log", "w") as log:
            # In its own process group: Ctrl-C reaches only this process, which stops the others in order.
            process = subprocess.Popen(
                command, env=env, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip
        self.started.append(process)
        return process

    def _wait(self, name, process, url):
        for _ in range(300):
            if process.poll() is not None:
                break
            try:
                return _request(url, timeout=2)
            except (OSError, Failed):
                time.sleep(0.1)
        log = self.folder / f"{name}.log"
        raise Failed(f"the {name} did not start; the end of {log}:\n" + "\n".join(log.read_text().splitlines()[-20:]))


def without_metric_math(template):
    """Returns a template without the alarms that use metric math (a list of `Metrics`), and their names."""
    left_out = []

    def keep(block):
        if not re.search(r"^ +Metrics:$", block[0], re.MULTILINE):
            return block[0]
        left_out.append(block[1])
        return ""

    # A resource, or an Fn::ForEach, is a line indented by 2 spaces and the following lines that are indented further.
    return re.sub(r"^  (?:Fn::ForEach::)?(\w+):\n(?:    .*\n|\n)+", keep, template, flags=re.MULTILINE), left_out


LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent():
    """Ends a child with its parent, even if the parent is killed. 1 is PR_SET_PDEATHSIG."""
    if LIBC:
        LIBC.prctl(1, signal.SIGTERM)


def _port(fixed):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", fixed))
        except OSError:
            hint = "Is `make run` already running? Otherwise choose other ports: make run PORT=… SANDBOX_PORT=…"
            raise Failed(f"port {fixed} is taken. {hint}") from None
        return probe.getsockname()[1]


def _run(command, **options):
    if subprocess.run(command, **options).returncode:
        log = options.get("stdout")
        where = ":\n" + Path(log.name).read_text() if log else ""
        raise Failed(" ".join(map(str, command)) + " failed" + where)


def _request(url, body=None, headers=None, method=None, timeout=30):
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Failed(f"{request.get_method()} {url} got {error.code}: {error.read().decode(errors='replace')}") from None


def _json(body):
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
