//! Nothing personal reaches a log: every story is told with every log line, at every level, caught and searched.

use std::io;
use std::sync::{Arc, Mutex};

use domain::ConnectionName;
use front::Input;
use futures_util::FutureExt;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use wire::intake::{Envelope, Source};

use crate::payload::{EMAIL, NAME, NOTES, PHONE};
use crate::schedule::{demo, office};
use crate::stories::ALL;
use crate::webhook::everybody_calls_with;
use crate::world::{Crash, Fake};

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

fn log_of(run: impl FnOnce()) -> String {
    // Tests run side by side, and a line that is first met where nobody listens may be written off for all.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let caught = Caught::default();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(caught.clone()).finish();
    tracing::subscriber::with_default(subscriber, run);
    let bytes = caught.0.lock().expect("the log").clone();
    String::from_utf8(bytes).expect("UTF-8")
}

/// Every operation, granted and refused, with each of its calls failing once.
fn agents_ask_for_everything() {
    let booking = json!({"booking": "I1", "reason": "Nu mai am timp", "preferredTime": "2026-11-26T12:00:00+02:00"});
    for fail_at_call in std::iter::once(None).chain((0..40).map(Some)) {
        let world = Fake::new("2026-11-23T08:00:00Z");
        world.fail_at_call.set(fail_at_call);
        let office = office(&world);
        let ask = |operation: &str, input: &Value| {
            let event = json!({"operation": operation, "input": input});
            let deadline = world.now.get() + SignedDuration::from_secs(29);
            office.handle(Input::Direct(event), deadline).now_or_never().expect("an answer")
        };
        ask("book", &demo());
        let hold = ask("hold", &demo());
        ask("confirm", &json!({"hold": hold["hold"]}));
        for wrong in [json!({"inviteeEmail": NAME}), json!({"phone": EMAIL}), json!({"customAnswers": [NOTES, NAME]})] {
            let mut request = demo();
            request.as_object_mut().expect("an object").extend(wrong.as_object().expect("an object").clone());
            ask("book", &request);
        }
        for operation in ["booking", "timeline", "metadata", "no_show", "mark_no_show"] {
            ask(operation, &json!({"booking": "I1"}));
        }
        ask("upcoming", &json!({"userEmail": EMAIL}));
        ask("availability", &json!({"host": NAME}));
        ask("move", &json!({"booking": "I1", "preferredTime": booking["preferredTime"]}));
        ask("cancel", &json!({"booking": "I1", "reason": booking["reason"]}));
        world.wait_until("2026-11-23T09:00:00Z");
    }
}

/// What providers tell, with as much of the person in it as they please.
fn providers_tell_of(world: &Fake) {
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
        everybody_calls_with(&body);
        let envelope = Envelope::new(source, ConnectionName::default(), world.now.get(), body.into_bytes());
        world.try_once(&[&envelope.to_json()], true);
    }
}

#[test]
fn no_log_line_holds_anything_personal() {
    let log = log_of(|| {
        for story in ALL {
            story.told(|_| {});
            for at_call in [2, 5, 9] {
                story.told(|world| world.crash.set(Some(Crash { at_call, after_effect: true })));
                story.told(|world| world.fail_at_call.set(Some(at_call)));
            }
        }
        let world = Fake::new("2026-11-20T09:00:02Z");
        world.state.borrow_mut().settings.logging.webhooks_until = Some(crate::payload::at("2026-11-21T00:00:00Z"));
        let meeting = crate::payload::Meeting::new(1, "2026-11-20T09:00:00Z", "2026-11-25T08:30:00Z");
        world.webhook(&meeting.created());
        world.webhook(&[br#"{"event":"invitee.created","payload":""#.as_slice(), EMAIL.as_bytes(), b"\"}"].concat());
        providers_tell_of(&world);
        agents_ask_for_everything();
    });
    for line in ["command changed", "webhook received", "call answered", "webhook refused"] {
        assert!(log.contains(line), "the log is caught: {line}");
    }
    for secret in
        [NAME, "Ionescu", EMAIL, "ana.ionescu", PHONE, "712345678", NOTES, "facturare", "Nu mai am timp", "Exemplu SRL"]
    {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
