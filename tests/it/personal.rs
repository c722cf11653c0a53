//! No personal data reaches a log: every story is played while every log line, at every level, is caught and searched.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use domain::ConnectionName;
use fakes::Fault;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use wire::intake::{Envelope, Source};

use crate::api::OWN_KEY;
use crate::emails::send_every_kind;
use crate::ownership::{booked, find_digits, seen};
use crate::payload::{EMAIL, Meeting, NAME, NOTES, PHONE, at};
use crate::publication::publish;
use crate::schedule::{Instance, demo};
use crate::stories::ALL;
use crate::webhook::call_from_every_provider;
use crate::world::{Queue, TestWorld};

#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<u8>>>);

impl io::Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::ErrorKind::Other)?.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Caught {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

pub(crate) fn log_of(run: impl FnOnce()) -> String {
    // Tests run concurrently. A log statement that is first reached without a subscriber may be disabled for all of
    // them.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let caught = Caught::default();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(caught.clone()).finish();
    tracing::subscriber::with_default(subscriber, run);
    let bytes = caught.0.lock().expect("the log").clone();
    String::from_utf8(bytes).expect("UTF-8")
}

/// Calls every operation, with inputs that are accepted and refused, and with each port call failing once.
fn call_every_operation() {
    for failing in std::iter::once(None).chain((0..40).map(Some)) {
        let world = TestWorld::new("2026-11-23T08:00:00Z");
        if let Some(number) = failing {
            world.faults.at_call(number, Fault::Fails);
        }
        let instance = Instance::new(&world);
        instance.call("book", &demo());
        let hold = instance.call("hold", &demo());
        instance.call("confirm", &json!({"hold": hold["hold"]}));
        for wrong in [json!({"inviteeEmail": NAME}), json!({"phone": EMAIL}), json!({"customAnswers": [NOTES, NAME]})] {
            let mut request = demo();
            request.as_object_mut().expect("an object").extend(wrong.as_object().expect("an object").clone());
            instance.call("book", &request);
        }
        for operation in ["booking", "timeline", "metadata", "no_show", "mark_no_show"] {
            instance.call(operation, &json!({"booking": "I1"}));
        }
        instance.call("upcoming", &json!({"userEmail": EMAIL}));
        instance.call("availability", &json!({"host": NAME}));
        instance.call("move", &json!({"booking": "I1", "preferredTime": "2026-11-26T12:00:00+02:00"}));
        instance.call("cancel", &json!({"booking": "I1", "reason": "Nu mai am timp"}));
        world.wait_until("2026-11-23T09:00:00Z");
    }
}

/// Asks for one-time codes by each channel and confirms them, with each port call failing once. Returns the digits and
/// the challenges.
fn use_codes() -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    for failing in std::iter::once(None).chain((0..25).map(Some)) {
        let (world, id) = booked();
        if let Some(number) = failing {
            world.faults.at_call(world.call_count() + number, Fault::Fails);
        }
        let call = |path: &str, request: Value| seen(&world, OWN_KEY, Some("conv-2"), "POST", path, Some(&request)).1;
        // Three are sent in an hour, and the others are not.
        for request in [
            json!({"booking": id, "by": "sms"}),
            json!({"userEmail": EMAIL}),
            json!({"booking": "bk-1", "userEmail": EMAIL}),
            json!({"booking": id, "by": "email"}),
            json!({"booking": id, "by": "sms"}),
        ] {
            let before = world.effects().len();
            let asked = call("/api/codes", request);
            world.wait_until(&world.now.get().to_string());
            let digits = world.effects()[before..].iter().find_map(|it| find_digits(it));
            let challenge = asked["challenge"].as_str().unwrap_or("none");
            for code in ["no code at all", digits.as_deref().unwrap_or("000000")] {
                call("/api/codes/confirm", json!({"challenge": challenge, "code": code}));
            }
            secrets.extend(asked["challenge"].as_str().map(str::to_owned));
            secrets.extend(digits);
        }
    }
    secrets
}

/// Returns the words of a log, without the times of its lines, whose digits are anything.
fn words_of(log: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for line in log.lines() {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        line["timestamp"] = Value::Null;
        words.extend(line.to_string().split(|it: char| !it.is_ascii_alphanumeric()).map(str::to_owned));
    }
    words
}

/// Receives calls of every provider that are full of personal data.
fn receive_from_every_provider(world: &TestWorld) {
    let row = json!({"to": PHONE, "custom_args": {"name": NAME}, "status": {"message_status": "sent_fail",
        "error_detail": {"message": NOTES}}});
    let reply = json!({"response": {"event": "uplink_message", "response_data": {"from": PHONE, "body": NOTES}}});
    for (source, body) in [
        (Source::Engagelab, json!({"rows": [row, reply]}).to_string()),
        (Source::Engagelab, format!("{{\"rows\": \"{NAME}\"}}")),
        (Source::Twilio, format!("MessageStatus=failed&ErrorMessage={NOTES}&To={PHONE}")),
        (Source::Twilio, format!("From={PHONE}&Body={NOTES}")),
        (Source::Twilio, NOTES.to_owned()),
        (Source::Brevo, json!({"event": "hard_bounce", "email": EMAIL, "reason": EMAIL}).to_string()),
        (Source::Ses, json!({"eventType": "Bounce", "mail": {"destination": [EMAIL]}}).to_string()),
        (Source::Unsubscribe, json!({"booking": NAME, "command": EMAIL}).to_string()),
    ] {
        call_from_every_provider(&body);
        let envelope = Envelope::new(source, ConnectionName::default(), world.now.get(), body.into_bytes());
        world.invoke(Queue::Intake, &[&envelope.to_json()]);
    }
}

#[test]
fn no_log_line_holds_anything_personal() {
    let log = log_of(|| {
        for story in ALL {
            story.play(|_| {});
            story.play(|world| publish(world));
            for number in [2, 5, 9] {
                for fault in [Fault::Killed { has_effect: true }, Fault::Fails] {
                    story.play(|world| world.faults.at_call(number, fault));
                }
            }
        }
        let world = TestWorld::new("2026-11-20T09:00:02Z");
        world.change_settings(|settings| settings.logging.webhooks_until = Some(at("2026-11-21T00:00:00Z")));
        world.receive_webhook(&Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z").created());
        world.receive_webhook(
            &[br#"{"event":"invitee.created","payload":""#.as_slice(), EMAIL.as_bytes(), b"\"}"].concat(),
        );
        receive_from_every_provider(&world);
        call_every_operation();
        send_every_kind();
    });
    for line in
        ["command changed", "webhook received", "audit line written", "webhook refused", "e-mail of an endpoint sent"]
    {
        assert!(log.contains(line), "the log is caught: {line}");
    }
    let of_endpoints = ["customer.example", "vet.default.ops"];
    for secret in
        [NAME, "Ionescu", EMAIL, "ana.ionescu", PHONE, "712345678", NOTES, "facturare", "Nu mai am timp", "Exemplu SRL"]
            .into_iter()
            .chain(of_endpoints)
    {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn no_log_line_holds_a_code_or_where_it_went() {
    let mut secrets = BTreeSet::new();
    let log = log_of(|| secrets = use_codes());
    for line in ["code sent", "code not sent", "audit line written"] {
        assert!(log.contains(line), "the log is caught: {line}");
    }
    let words = words_of(&log);
    assert!(secrets.len() > 10, "{secrets:?}");
    for secret in &secrets {
        assert!(!words.contains(secret) && (secret.len() == 6 || !log.contains(secret)), "{secret} is in the log");
    }
    for secret in [EMAIL, "ana.ionescu", PHONE, "712345678", NAME, "no code at all", "Your code", "Codul"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
