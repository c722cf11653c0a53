//! The three receivers, as programs: each gets the same deliveries, and must answer alike.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signing::{Delivery, KeyRing, PUBLISHED_BEFORE_USE, Secret, SigningKeys, sign_delivery};
use stand_in::{Answer, StandIn};

const WORDS: &str = "parolă și ceață";
const TOKEN: &str = "a catch-up token";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Language {
    Rust,
    Node,
    Python,
}

/// The folder of the receivers.
fn kit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the kit").to_owned()
}

/// A program of `make verify-signatures`, where that has installed it, else the machine's.
fn tool(name: &str) -> PathBuf {
    let installed = kit().join("../../.tools/verify/bin").join(name);
    if installed.exists() { installed } else { name.into() }
}

/// Whether an interpreter is there, in a version that its receiver supports.
fn has(interpreter: &Path, minimum: (u32, u32)) -> bool {
    let Ok(output) = Command::new(interpreter).arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    output.status.success() && version >= minimum
}

impl Language {
    /// How to start the receiver; nothing if the machine can't.
    fn command(self) -> Option<Command> {
        let (interpreter, minimum, script) = match self {
            Self::Rust => return Some(Command::new(env!("CARGO_BIN_EXE_receiver"))),
            Self::Node => (tool("node"), (18, 0), "receiver.mjs"),
            Self::Python => (tool("python3"), (3, 11), "receiver.py"),
        };
        if !has(&interpreter, minimum) {
            // Past the test runner, which keeps what a passing test prints.
            writeln!(std::io::stderr(), "SKIPPED: the receiver in {self:?}, its interpreter is missing or too old")
                .expect("an error stream");
            return None;
        }
        let mut command = Command::new(interpreter);
        command.arg(kit().join(script));
        Some(command)
    }

    /// Whether it can check `v1a`: Python needs a package for it.
    fn checks_v1a(self) -> bool {
        let mut python = Command::new(tool("python3"));
        python.args(["-c", "import cryptography"]).stderr(Stdio::null());
        self != Self::Python || python.status().is_ok_and(|it| it.success())
    }
}

/// A running receiver, with a folder of its own.
struct Process {
    language: Language,
    child: Child,
    url: String,
    folder: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a process that runs");
    }
}

impl Process {
    /// Starts a receiver. `name` is that of its folder.
    fn start(language: Language, name: &str, secret: Option<&str>, flags: &[&str]) -> Option<Self> {
        language.command().map(|command| Self::run(language, command, name, secret, flags))
    }

    fn run(language: Language, mut command: Command, name: &str, secret: Option<&str>, flags: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{language:?}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let errors = std::fs::File::create(folder.join("errors.txt")).expect("a file");
        let dump = folder.join("dump.jsonl").display().to_string();
        command.args(["--port", "0", "--dump", &dump]).args(flags).current_dir(&folder).env_remove("WEBHOOK_SECRET");
        command.envs(secret.map(|it| ("WEBHOOK_SECRET", it)));
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("a receiver");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let first = lines.next().expect("a line").expect("text");
        let url = first.strip_prefix("receiver: ").expect("its address").to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { language, child, url, folder }
    }

    async fn post(&self, headers: &Headers, body: &[u8]) -> (u16, Value) {
        let client = http_client::client_with_timeout(Duration::from_secs(20)).expect("a client");
        let request = client.post(format!("{}/webhooks/vai", self.url)).body(body.to_vec());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        answer(request).await
    }

    /// Delivers a right delivery; returns the status of the answer.
    async fn deliver(&self, secret: &Secret, id: &str, body: &str) -> u16 {
        self.post(&sign(secret, id, now(), body), body.as_bytes()).await.0
    }

    async fn status(&self) -> Value {
        let client = http_client::client().expect("a client");
        let (status, body) = answer(client.get(format!("{}/webhook/status", self.url))).await;
        assert_eq!(status, 200);
        body
    }

    async fn wait_until_ready(&self) {
        for _ in 0..200 {
            if self.status().await["ready"] == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?} is not ready", self.language);
    }

    /// The numbers and bodies of a stream, as the receiver wrote them.
    fn numbered(&self, stream: &str) -> Vec<(u64, String)> {
        let dump = std::fs::read_to_string(self.folder.join("dump.jsonl")).expect("a dump");
        let lines = dump.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let lines = lines.filter(|line| line["stream"] == stream);
        let read = |line: Value| {
            let number = line["number"].as_u64().expect("a number");
            (number, line["body"].as_str().expect("a body").to_owned())
        };
        lines.map(read).collect()
    }

    /// The bodies of a stream, as the receiver wrote them, without a gap.
    fn bodies(&self, stream: &str) -> Vec<String> {
        let (numbers, bodies): (Vec<_>, Vec<_>) = self.numbered(stream).into_iter().unzip();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
        bodies
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = http_client::send(request).await.expect("an answer");
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&http_client::read_body(response).await.expect("a body")).expect("JSON"))
}

/// Plays a test with each receiver, all at the same time.
async fn with_each(test: impl AsyncFn(Language)) {
    join_all([Language::Rust, Language::Node, Language::Python].map(|language| test(language))).await;
}

type Headers = BTreeMap<String, String>;

#[expect(clippy::disallowed_methods, reason = "receivers compare timestamps with the machine's clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn sign_with(keys: &SigningKeys, id: &str, at: Timestamp, body: &str) -> Headers {
    let delivery = Delivery::new(id, "webhook.test", "wh_1", at, body.as_bytes()).expect("a delivery");
    sign_delivery(&delivery, keys).into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect()
}

fn sign(secret: &Secret, id: &str, at: Timestamp, body: &str) -> Headers {
    sign_with(&SigningKeys { current: secret.clone(), previous: Vec::new(), ed25519: None }, id, at, body)
}

fn body(event_type: &str) -> String {
    json!({"event": event_type, "type": event_type, "timestamp": "2026-11-26T10:00:00Z", "data": {"text": "Ștefan 你好"}})
        .to_string()
}

/// The events of a stream.
fn log(stream: &str, count: usize) -> Vec<String> {
    let mut bodies: Vec<String> = Vec::new();
    for number in 1..=count {
        let mut event = json!({
            "event": "booking.created", "type": "booking.created", "data": {"text": format!("Ștefan {number}\n")},
            "sequence": {"stream": stream, "number": number},
        });
        // The first event has none.
        if let Some(before) = bodies.last() {
            event["sequence"]["previous"] = json!(format!("sha256:{}", hex::encode(Sha256::digest(before))));
        }
        // Spaces, so that a body that was parsed and written again is another.
        bodies.push(format!(" {event} "));
    }
    bodies
}

/// A page of missing events, two at most.
fn page(log: &[String], after: usize) -> Answer {
    let events = log.iter().zip(1..).skip(after).take(2);
    let events: Vec<_> =
        events.map(|(body, number)| json!({"number": number, "id": format!("m_{number}"), "body": body})).collect();
    Answer::json(200, json!({"events": events, "hasMore": after + 2 < log.len()}))
}

fn after(request: &stand_in::Request) -> usize {
    request.query_fields()[0].1.parse().expect("a number")
}

#[tokio::test]
async fn right_deliveries_are_accepted_and_tampered_ones_refused() {
    with_each(async |language| {
        for (number, secret) in
            [Secret::generate([1; 32]), Secret::parse(WORDS).expect("words")].into_iter().enumerate()
        {
            let name = format!("tampered-{number}");
            let Some(receiver) = Process::start(language, &name, Some(secret.expose()), &[]) else { return };
            check_tampering(&receiver, &secret).await;
        }
    })
    .await;
}

async fn check_tampering(receiver: &Process, secret: &Secret) {
    let language = receiver.language;
    let (test, other) = (body("webhook.test"), Secret::parse("another secret").expect("words"));
    let right = sign(secret, "msg_1", now(), &test);
    let with = |name: &str, value: &str| {
        let mut headers = right.clone();
        headers.insert(name.to_owned(), value.to_owned());
        headers
    };
    let without = |name: &str| {
        let mut headers = right.clone();
        headers.remove(name);
        headers
    };
    let earlier = (now() - SignedDuration::from_secs(2)).as_second().to_string();
    let fraction = format!("{}.0", right["webhook-timestamp"]);
    let cut = &right["webhook-signature"][..40];
    let seconds = SignedDuration::from_secs;
    for (name, headers) in [
        ("another id", with("webhook-id", "msg_2")),
        ("an id with a dot", sign_by_hand(secret, "msg.1", &right["webhook-timestamp"], &test)),
        ("another timestamp", with("webhook-timestamp", &earlier)),
        ("a fraction as timestamp", sign_by_hand(secret, "msg_1", &fraction, &test)),
        ("another signature", with("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        ("a cut signature", with("webhook-signature", cut)),
        ("an empty signature", with("webhook-signature", "v1,")),
        ("no version", with("webhook-signature", &right["webhook-signature"][3..])),
        ("another version", with("webhook-signature", &right["webhook-signature"].replace("v1", "v2"))),
        ("another secret", sign(&other, "msg_1", now(), &test)),
        ("too old", sign(secret, "msg_1", now() - seconds(310), &test)),
        ("too far ahead", sign(secret, "msg_1", now() + seconds(310), &test)),
        ("no id", without("webhook-id")),
        ("no timestamp", without("webhook-timestamp")),
        ("no signature", without("webhook-signature")),
    ] {
        assert_eq!(receiver.post(&headers, test.as_bytes()).await.0, 401, "{language:?}: {name}");
    }
    let changed = test.replace("webhook.test", "webhook.tesT");
    assert_eq!(receiver.post(&right, changed.as_bytes()).await.0, 401, "{language:?}: another body");
    assert_eq!(receiver.deliver(secret, "msg_3", "no JSON").await, 400, "{language:?}");
    let large = format!("\"{}\"", "a".repeat(1024 * 1024));
    assert_eq!(receiver.deliver(secret, "msg_4", &large).await, 413, "{language:?}");
    let status = receiver.status().await;
    assert_eq!(
        (&status["received"], &status["refused"], &status["lastReceived"]),
        (&json!(0), &json!(18), &Value::Null)
    );

    let first = receiver.post(&right, test.as_bytes()).await;
    assert_eq!(first, (200, json!({"received": true, "duplicate": false})), "{language:?}");
    let again = sign(secret, "msg_1", now() + seconds(1), &test);
    assert_eq!(receiver.post(&again, test.as_bytes()).await, (200, json!({"received": true, "duplicate": true})));
    let rotation = SigningKeys { current: other.clone(), previous: vec![secret.clone()], ed25519: None };
    let headers = sign_with(&rotation, "msg_5", now(), &test);
    assert_eq!(receiver.post(&headers, test.as_bytes()).await.0, 200, "{language:?}: during a rotation");
    assert_eq!(receiver.deliver(secret, "msg_6", &body("never.heard.of")).await, 200, "{language:?}: unknown type");
    assert_eq!(receiver.deliver(secret, "msg_7", "[1, 2.50]").await, 200, "{language:?}: no object");

    let mut status = receiver.status().await;
    let last_received = status["lastReceived"].take();
    let last_received: Timestamp = last_received.as_str().expect("a time").parse().expect("a time");
    assert!(now().duration_since(last_received).abs() < seconds(60));
    let expected = json!({
        "ready": true, "received": 4, "byType": {"webhook.test": 2, "unknown": 2}, "unknownTypes": 2,
        "lastReceived": null, "duplicates": 1, "refused": 18, "signatures": {"v1": 6, "v1a": 0, "v1aUnchecked": 0},
        "gaps": {"found": 0, "fetched": 0, "missing": 0}, "streams": {},
    });
    assert_eq!(status, expected, "{language:?}");
    let client = http_client::client().expect("a client");
    let health = answer(client.get(format!("{}/health", receiver.url))).await;
    assert_eq!(health, (200, json!({"status": "ok"})));
    assert_eq!(answer(client.get(format!("{}/other", receiver.url))).await.0, 404);
}

/// Signs values that `Delivery` refuses: right signatures of what a sender may not send.
fn sign_by_hand(secret: &Secret, id: &str, timestamp: &str, body: &str) -> Headers {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use hmac::{Hmac, KeyInit, Mac};
    let key = match secret.expose().strip_prefix("whsec_") {
        Some(encoded) => BASE64_STANDARD.decode(encoded).expect("base64"),
        None => secret.expose().as_bytes().to_vec(),
    };
    let mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key").chain_update(format!("{id}.{timestamp}.{body}"));
    Headers::from([
        ("webhook-id".to_owned(), id.to_owned()),
        ("webhook-timestamp".to_owned(), timestamp.to_owned()),
        ("webhook-signature".to_owned(), format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))),
    ])
}

#[tokio::test]
async fn a_gap_is_fetched_and_the_receiver_ends_with_the_same_bytes() {
    with_each(async |language| {
        let (booking, conversation) = ("booking/bk_1", "conversation/a/b c?ș");
        let logs = Arc::new(Mutex::new([log(booking, 9), log(conversation, 4)]));
        let served = Arc::clone(&logs);
        let api = StandIn::start(move |request| {
            let logs = served.lock().expect("logs");
            match request.path.as_str() {
                "/api/bookings/bk_1/events" => page(&logs[0], after(request)),
                "/api/conversations/a%2Fb%20c%3F%C8%99/events" => page(&logs[1], after(request)),
                _ => Answer::new(404, "{}"),
            }
        });
        let [bookings, conversations] = logs.lock().expect("logs").clone();
        let secret = Secret::generate([1; 32]);
        let flags = ["--api", api.url(), "--catch-up-token", TOKEN];
        let Some(receiver) = Process::start(language, "gap", Some(secret.expose()), &flags) else { return };
        let deliver = async |log: &[String], number: usize| {
            receiver.deliver(&secret, &format!("m_{number}_{}", log.len()), &log[number - 1]).await
        };
        for number in [1, 6, 3, 7, 9] {
            assert_eq!(deliver(&bookings, number).await, 200, "{language:?}: number {number}");
        }
        assert_eq!(deliver(&conversations, 4).await, 200, "{language:?}: the first that arrives is not the first");
        assert_eq!(receiver.bodies(booking), bookings);
        assert_eq!(receiver.bodies(conversation), conversations);
        assert!(api.requests().iter().all(|it| it.header("authorization") == Some("Bearer a catch-up token")));
        let status = receiver.status().await;
        assert_eq!(status["gaps"], json!({"found": 3, "fetched": 8, "missing": 0}), "{language:?}");
        assert_eq!(status["streams"], json!({booking: 9, conversation: 4}), "{language:?}");
        assert_eq!((&status["received"], &status["duplicates"]), (&json!(13), &json!(1)), "{language:?}");

        // What is fetched, or delivered, must name the digest of what is before it. Else nothing of it is taken.
        let longer = log(booking, 12);
        logs.lock().expect("logs")[0] = longer.iter().map(|it| it.replace("Ștefan 10", "Maria 10")).collect();
        assert_eq!(deliver(&longer, 12).await, 409, "{language:?}: another body was fetched");
        logs.lock().expect("logs")[0] = longer.clone();
        let other = longer[11].replace("sha256:", "sha256:00");
        assert_eq!(receiver.deliver(&secret, "m_other", &other).await, 409, "{language:?}: another digest");
        assert_eq!(receiver.bodies(booking), bookings, "{language:?}");
        assert_eq!(receiver.status().await["gaps"]["missing"], 3, "{language:?}");
        assert_eq!(deliver(&longer, 12).await, 200, "{language:?}: again");
        assert_eq!(receiver.bodies(booking), longer, "{language:?}");
        assert_eq!(receiver.status().await["gaps"]["missing"], 0, "{language:?}");
    })
    .await;
}

#[tokio::test]
async fn an_event_whose_template_failed_is_passed_over() {
    with_each(async |language| {
        let stream = "booking/bk_1";
        let mut bodies = log(stream, 1);
        bodies.push(String::new());
        let previous = format!("sha256:{}", hex::encode(Sha256::digest("")));
        let sequence = json!({"stream": stream, "number": 3, "previous": previous});
        bodies.push(json!({"event": "booking.canceled", "type": "booking.canceled", "sequence": sequence}).to_string());
        let served = bodies.clone();
        let api = StandIn::start(move |request| page(&served, after(request)));
        let secret = Secret::generate([1; 32]);
        let flags = ["--api", api.url(), "--catch-up-token", TOKEN];
        let Some(receiver) = Process::start(language, "template", Some(secret.expose()), &flags) else { return };
        assert_eq!(receiver.deliver(&secret, "m_3", &bodies[2]).await, 200, "{language:?}");
        let taken = [(1, bodies[0].clone()), (3, bodies[2].clone())];
        assert_eq!(receiver.numbered(stream), taken, "{language:?}");
        let status = receiver.status().await;
        assert_eq!(status["streams"], json!({stream: 3}), "{language:?}");
        assert_eq!((&status["received"], &status["gaps"]["missing"]), (&json!(2), &json!(0)), "{language:?}");
    })
    .await;
}

#[tokio::test]
async fn while_catching_up_fails_the_event_is_refused_and_no_other_stream_waits() {
    with_each(async |language| {
        let bookings = log("booking/bk_1", 3);
        let served = bookings.clone();
        let mut fails = vec![Answer::never_answers(), Answer::new(503, "busy"), Answer::json(200, "[]")];
        fails.push(Answer::json(200, json!({"events": [], "hasMore": true})));
        fails.push(Answer::new(302, "").header("location", "http://127.0.0.1:9/"));
        fails.reverse();
        let count = fails.len();
        let api = StandIn::start(move |request| fails.pop().unwrap_or_else(|| page(&served, after(request))));
        let secret = Secret::generate([1; 32]);
        let flags = ["--api", api.url(), "--catch-up-token", TOKEN];
        let Some(receiver) = Process::start(language, "fails", Some(secret.expose()), &flags) else { return };
        let last = bookings.last().expect("an event");
        let late = receiver.deliver(&secret, "m_3", last);
        let other = async {
            while api.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let asked_at = now();
            let other = &log("booking/bk_2", 1)[0];
            assert_eq!(receiver.deliver(&secret, "m_other", other).await, 200, "{language:?}");
            assert!(now().duration_since(asked_at) < SignedDuration::from_secs(3), "{language:?} waits");
        };
        let (refused, ()) = futures_util::join!(late, other);
        assert_eq!(refused, 503, "{language:?}: no answer");
        assert_eq!(receiver.status().await["gaps"], json!({"found": 1, "fetched": 0, "missing": 3}), "{language:?}");
        for number in 1..count {
            assert_eq!(receiver.deliver(&secret, "m_3", last).await, 503, "{language:?}: failure {number}");
        }
        assert_eq!(receiver.deliver(&secret, "m_3", last).await, 200, "{language:?}: again");
        assert_eq!(receiver.bodies("booking/bk_1"), bookings);
        assert_eq!(receiver.status().await["gaps"], json!({"found": 1, "fetched": 2, "missing": 0}), "{language:?}");
    })
    .await;
}

#[tokio::test]
async fn without_a_token_a_gap_is_shown() {
    with_each(async |language| {
        let secret = Secret::generate([1; 32]);
        let Some(receiver) = Process::start(language, "shown", Some(secret.expose()), &[]) else { return };
        let bookings = log("booking/bk_1", 6);
        for number in [1, 5, 6] {
            let status = receiver.deliver(&secret, &format!("m_{number}"), &bookings[number - 1]).await;
            assert_eq!(status, 200, "{language:?}: number {number}");
        }
        let status = receiver.status().await;
        assert_eq!(status["gaps"], json!({"found": 1, "fetched": 0, "missing": 3}), "{language:?}");
        assert_eq!(status["streams"], json!({"booking/bk_1": 6}), "{language:?}");
    })
    .await;
}

#[tokio::test]
async fn public_keys_are_fetched_and_checked() {
    with_each(async |language| {
        let (now, secret, test) = (now(), Secret::generate([1; 32]), body("webhook.test"));
        let ring =
            |number| KeyRing::default().rotate(now - PUBLISHED_BEFORE_USE - SignedDuration::from_secs(1), [number; 32]);
        let mut document = serde_json::to_value(ring(1).rotate(now, [2; 32]).published_keys(now)).expect("JSON");
        document["keys"].as_array_mut().expect("keys").insert(0, json!({"id": "x", "key": "other_AAAA"}));
        document["keys"][0]["not_before"] = json!(now);
        let keys = StandIn::with_answer(Answer::json(200, document));
        let url = format!("{}/.well-known/webhook-keys/default", keys.url());
        let Some(receiver) = Process::start(language, "keys", Some(secret.expose()), &["--keys-url", &url]) else {
            return;
        };
        let sign = |id: &str, number| {
            let ed25519 = ring(number).signing_key(now);
            assert!(ed25519.is_some());
            sign_with(&SigningKeys { current: secret.clone(), previous: Vec::new(), ed25519 }, id, now, &test)
        };
        assert_eq!(receiver.post(&sign("msg_1", 1), test.as_bytes()).await.0, 200, "{language:?}");
        let mut only_v1a = sign("msg_2", 1);
        let signatures = only_v1a["webhook-signature"].split(' ').next_back().expect("v1a").to_owned();
        only_v1a.insert("webhook-signature".to_owned(), signatures.clone());
        let alone = receiver.post(&only_v1a, test.as_bytes()).await.0;
        let forged = receiver.post(&sign("msg_3", 3), test.as_bytes()).await.0;
        let mut cut = sign("msg_4", 1);
        cut.insert(
            "webhook-signature".to_owned(),
            format!("{} v1a,AAAA", cut["webhook-signature"].split(' ').next().expect("v1")),
        );
        let cut = receiver.post(&cut, test.as_bytes()).await.0;
        let checked = language.checks_v1a();
        if !checked {
            writeln!(std::io::stderr(), "SKIPPED: v1a in {language:?}, the package cryptography is missing")
                .expect("an error stream");
        }
        let (answers, signatures) = if checked {
            ([200, 401, 401], json!({"v1": 1, "v1a": 2, "v1aUnchecked": 0}))
        } else {
            ([401, 200, 200], json!({"v1": 3, "v1a": 0, "v1aUnchecked": 3}))
        };
        assert_eq!([alone, forged, cut], answers, "{language:?}");
        assert_eq!(receiver.status().await["signatures"], signatures, "{language:?}");
        assert_eq!(keys.requests().len(), usize::from(checked), "{language:?} keeps a copy");

        // A receiver that can't get the keys says that it did not check.
        let url = stand_in::unused_url();
        let unchecked =
            Process::start(language, "no-keys", Some(secret.expose()), &["--keys-url", &url]).expect("a receiver");
        assert_eq!(unchecked.post(&sign("msg_1", 3), test.as_bytes()).await.0, 200, "{language:?}");
        assert_eq!(
            unchecked.status().await["signatures"],
            json!({"v1": 1, "v1a": 0, "v1aUnchecked": 1}),
            "{language:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_receiver_sets_itself_up_and_starts_again_without_the_token() {
    with_each(async |language| {
        let (url, mut exchanges) = stand_in::listen();
        let api = format!("{url}/");
        let flags = ["--api", &api, "--setup-token", "a set-up token", "--url", "https://me.example.com/hooks"];
        let Some(receiver) = Process::start(language, "set-up", None, &flags) else { return };
        let exchange = exchanges.recv().await.expect("a call");
        assert_eq!(exchange.request.method_and_target(), "POST /api/endpoints/setup");
        let mut posted = exchange.request.json();
        let secret = posted["secret"].take();
        let expected = json!({
            "token": "a set-up token", "url": "https://me.example.com/hooks", "secret": null, "verify": true,
        });
        assert_eq!(posted, expected, "{language:?}");
        let secret = Secret::parse(secret.as_str().expect("a secret")).expect("a secret");
        let test = body("webhook.test");
        assert_eq!(receiver.deliver(&secret, "msg_0", &test).await, 200, "{language:?}: before the call is answered");
        exchange.respond(Answer::json(
            201,
            json!({"id": "wh_1", "secret": secret.expose(), "catchUpToken": TOKEN, "keysUrl": format!("{url}/keys")}),
        ));
        receiver.wait_until_ready().await;
        assert_eq!(receiver.deliver(&secret, "msg_1", &test).await, 200, "{language:?}: the signed test");

        // Secret, token and address were kept, where nobody else can read them.
        let state = receiver.folder.join(".vai-receiver.json");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&state).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600, "{language:?}");
        drop(receiver);
        let again = Process::start(language, "set-up", None, &[]).expect("a receiver");
        let bookings = log("booking/bk_1", 2);
        let page = async {
            let exchange = exchanges.recv().await.expect("a call");
            assert_eq!(exchange.request.method_and_target(), "GET /api/bookings/bk_1/events?after=0");
            exchange.respond(page(&bookings, 0));
        };
        let (status, ()) = futures_util::join!(again.deliver(&secret, "m_2", &bookings[1]), page);
        assert_eq!(status, 200, "{language:?}");
        assert_eq!(again.bodies("booking/bk_1"), bookings);
        drop(again);
        std::fs::remove_file(&state).expect("a file");
    })
    .await;
}

#[tokio::test]
async fn a_receiver_without_what_it_needs_says_so_and_ends() {
    with_each(async |language| {
        let refuse = |secret: Option<&str>, flags: &[&str], expected: &str| {
            let Some(mut command) = language.command() else { return };
            command.args(["--port", "0", "--state", "/nonexistent/state"]).args(flags).env_remove("WEBHOOK_SECRET");
            let output = command.envs(secret.map(|it| ("WEBHOOK_SECRET", it))).output().expect("a receiver");
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && text.contains(expected), "{language:?}: {text}");
            assert!(secret.is_none_or(|it| !text.contains(it)), "{language:?} prints the secret");
        };
        refuse(None, &[], "set WEBHOOK_SECRET");
        refuse(Some("whsec_AAAA"), &[], "24 to 64");
        refuse(None, &["--setup-token", "t"], "--api");
        refuse(Some("a good secret"), &["--unknown"], "--unknown");
    })
    .await;
    with_each(async |language| {
        let (url, mut exchanges) = stand_in::listen();
        let Some(mut command) = language.command() else { return };
        let flags = ["--port", "0", "--api", &url, "--setup-token", "t", "--url", "https://me.example.com"];
        let mut child = command.args(flags).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a receiver");
        exchanges.recv().await.expect("a call").respond(Answer::json(403, json!({"error": "the token was used"})));
        let status = loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if let Some(status) = child.try_wait().expect("a process") {
                break status;
            }
        };
        let text = std::io::read_to_string(child.stderr.take().expect("its errors")).expect("text");
        assert!(
            !status.success() && text.contains("403") && text.contains("the token was used"),
            "{language:?}: {text}"
        );
    })
    .await;
}
