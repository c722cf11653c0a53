"""The whole stack on this machine: emulator, functions, outside world. Everything listens on 127.0.0.1 only.

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

from tools import ROOT, install, say

FUNCTIONS = ["webhook", "processor", "reminder", "schedule"]
PROGRAMS = ["sandbox", "operator"]
STACK = "vai-calendly-local"
REGION = "eu-west-1"
BUCKET = "code"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")

# What `operator connect` reads: the sandbox takes these keys of Twilio, Brevo and EngageLab's callback, and signs with them
# (tests/sandbox/src/lib.rs has the same); of the others any of the right shape.
CREDENTIALS = {
    "calendly_token": "sandbox-token",
    "engagelab": {
        "dev_key": "sandbox-key",
        "dev_secret": "sandbox-secret",
        "username": "sandbox-callback-user",
        "secret": "sandbox-callback-secret",
        "authorization": "Bearer sandbox-callback-auth",
    },
    "twilio": {"account_sid": "AC00000000000000000000000000000001", "auth_token": "sandbox-twilio-token"},
    "brevo_api_key": "sandbox-brevo-key",
    "brevo_webhook_token": "sandbox-brevo-bearer",
    "vai_api_key": "sandbox-vai-key",
}
# One for each language that messages are shown in.
PHONES = {"en": "+447400000001", "ro": "+40720000002", "da": "+4520000003", "zh-Hant": "+886900000004"}
# How long a message takes to be sent, and again to be delivered: seconds in reality.
RECEIPTS_AFTER_MS = 500


class Failed(Exception):
    """Something of the stack did not work; the text says what, and where to look."""


class Stack:
    def __init__(self, name, emulator_port=0, sandbox_port=0, keep=False):
        self.folder = ROOT / ".local" / name
        self.emulator_port = _port(emulator_port)
        self.sandbox_port = _port(sandbox_port)
        self.endpoint = f"http://127.0.0.1:{self.emulator_port}"
        self.sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        self.keep = keep
        self.started = []
        self.env = {}  # the environment of a command that works on the deployed stack

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def up(self):
        self.folder.parent.mkdir(exist_ok=True)
        self.lock = open(self.folder.with_suffix(".lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed(f"another stack is up in {self.folder}: stop it first, or use another clone") from None
        self.build()
        # The outside world starts anew each time, so what we remember of it does too, unless told otherwise.
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
        _run(["cargo", "build", *packages], cwd=ROOT)

    def start_emulator(self):
        python = install("emulator") / "bin/python"
        say(f"starting the AWS emulator on {self.endpoint}")
        env = self._bare_env() | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.emulator_port),
            "IOT_MTLS_ENABLED": "0",  # else it opens a port to the whole network
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
        }
        process = self._start("emulator", [python, ROOT / "tests/stack/emulator.py"], env)
        self._wait("emulator", process, self.endpoint + "/_ministack/health")

    def deploy(self):
        tools = install("deploy") / "bin"
        say("deploying template.yaml")
        self._stage()
        template = self.folder / "template.yaml"
        text = (ROOT / "template.yaml").read_text()
        text = text.replace("CodeUri: target/package/", f"CodeUri: {ROOT}/target/local/")
        # As in outputs.py: what Twilio signs has to be the same text, and the emulator leaves the function the path after it.
        public = f"PUBLIC_URL: !Sub {self.endpoint}/_aws/execute-api/${{Api}}/$default"
        template.write_text(re.sub(r"PUBLIC_URL: .*", public, text))
        self._bucket()
        parameters = {
            "CalendlyApiUrl": self.sandbox + "/calendly",
            "EngagelabApiUrl": self.sandbox + "/engagelab",
            "TwilioApiUrl": self.sandbox + "/twilio",
            "BrevoApiUrl": self.sandbox + "/brevo",
            "SesApiUrl": self.sandbox + "/ses",
            "VaiApiUrl": self.sandbox + "/vai",
            "LogLevel": os.environ.get("LOG_LEVEL", "info"),
        }
        env = self._bare_env()
        started = time.monotonic()
        with open(self.folder / "deploy.log", "w") as log:
            command = [tools / "sam", "deploy", "--template-file", template, "--stack-name", STACK, "--s3-bucket", BUCKET]
            command += ["--region", REGION, "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
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
        """For commands in other terminals."""
        (self.folder / "env").write_text("".join(f"{key}={shlex.quote(value)}\n" for key, value in self.env.items()))

    def start_sandbox(self):
        say(f"starting the sandbox world on {self.sandbox}")
        env = self._bare_env() | {"SANDBOX_PORT": str(self.sandbox_port)}
        process = self._start("sandbox", [TARGET / "debug/sandbox"], env)
        self._wait("sandbox", process, self.sandbox + "/")

    def show_messages(self):
        """Every message in our wording, in each language and by each channel, with all that it may speak of: on a page of
        their own, so that they are not mixed with what was sent. Gives back its address, and how many there are."""
        port = _port(0)
        page = f"http://127.0.0.1:{port}"
        env = self._bare_env() | {"SANDBOX_PORT": str(port)}
        self._wait("messages", self._start("messages", [TARGET / "debug/sandbox"], env), page + "/")
        status, answer = self.api("POST", "/api/templates/preview", {})
        if status != 200 or answer["problems"]:
            raise Failed(f"the messages can't be shown: {status} {answer}")
        shown = [it for it in answer["shown"] if it["variant"] == "full" and not it.get("template")]
        if broken := [it for it in shown if it.get("problem")]:
            raise Failed(f"messages that can't be put into words: {broken}")
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
        # Only its hash is stored, so with the state of an earlier run there comes a new key in place of the old one.
        if re.search(r"^local ", self.operator("api-key", "list"), re.MULTILINE):
            self.operator("api-key", "remove", "--name", "local")
        self.env["API_KEY"] = self.operator("api-key", "add", "--name", "local", "--connection", "default").strip()
        self.write_env()

    def operator(self, *args, stdin=""):
        """Runs the operator's program against this stack and gives back what it says."""
        env = self._bare_env() | self.env
        ran = subprocess.run(
            [TARGET / "debug/operator", *args], env=env, cwd=ROOT, input=stdin, capture_output=True, text=True
        )
        if ran.returncode:
            raise Failed(f"operator {' '.join(args)} failed:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def get(self, path):
        """What the sandbox answers, as JSON where it is."""
        return _json(_request(self.sandbox + path))

    def post(self, path, value=None):
        body = json.dumps(value or {}).encode()
        return _json(_request(self.sandbox + path, body, {"Content-Type": "application/json"}))

    def api(self, method, path, body=None, headers={}):
        """A call of our own API with the key to it: (status, answer), whatever the status. A header that is None is left
        out: api("GET", "/api/status", headers={"Authorization": None})."""
        all = {"Authorization": f"Bearer {self.env['API_KEY']}", "Content-Type": "application/json"} | headers
        all = {name: value for name, value in all.items() if value is not None}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.env["API_URL"] + path, data, all, method=method)
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _json(error.read())

    def aws(self, service, target, **parameters):
        """One call in AWS's JSON protocol: aws("sqs", "AmazonSQS.GetQueueAttributes", QueueUrl=…)."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": target,
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request",
        }
        return _json(_request(self.endpoint + "/", json.dumps(parameters).encode(), headers))

    def rest(self, service, path):
        """One GET in AWS's REST protocol."""
        credential = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request"
        return _json(_request(self.endpoint + path, headers={"Authorization": credential}))

    def signing_key(self, connection="default"):
        return self.secret("signing", connection)["calendly"][0]

    def secret(self, kind, connection="default"):
        name = self.env["SECRET_PREFIX"] + connection + "/" + kind
        return json.loads(self.aws("secretsmanager", "secretsmanager.GetSecretValue", SecretId=name)["SecretString"])

    def logs(self, function):
        """What a function has written, oldest first."""
        group = f"/aws/lambda/{STACK}-{function}"
        events = self.aws("logs", "Logs_20140328.FilterLogEvents", logGroupName=group)["events"]
        return [one["message"] for one in events]

    def stop(self):
        """Ends what was started, newest first, each with the processes it started itself."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut this short
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
        """Nothing of ours: functions inherit the emulator's environment, and no AWS credentials may get there."""
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
        """Stripped copies, so that the upload is small; put in place whole, since another stack may be reading."""
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
            # In a group of its own: Ctrl-C reaches us alone, and we end the others in order.
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


LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent():
    """Even when we are killed and can't clean up. 1 is PR_SET_PDEATHSIG."""
    if LIBC:
        LIBC.prctl(1, signal.SIGTERM)


def _port(fixed):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", fixed))
        except OSError:
            hint = "Is `make run` up already? Else choose others: make run PORT=… SANDBOX_PORT=…"
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
