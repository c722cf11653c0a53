//! No personal data reaches a log: every story is played while every log line, at every level, is caught and searched.

use std::io;
use std::sync::{Arc, Mutex};

use domain::ConnectionName;
use fakes::Fault;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use wire::intake::{Envelope, Source};

use crate::emails::send_every_kind;
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
