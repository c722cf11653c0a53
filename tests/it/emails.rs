//! E-mails to customers' endpoints, as the reminder sends them.

use domain::settings::Provider;
use domain::{CommandId, ConnectionName, Outcome, Reason};
use endpoints::{Confirmation, Disabled, Endpoint, EndpointId, EndpointSecrets, RetryPolicy, Status, TargetKind};
use events::{EventType, Sequence};
use fakes::Fault;
use serde_json::{Value, json};
use wire::due::{Due, EndpointMail};

use crate::payload::at;
use crate::world::{FakeEndpoints, TestWorld, no_answer, unreachable};

const NOW: &str = "2026-11-26T12:00:00Z";
const ADDRESS: &str = "ops@customer.example";
const STREAM: &str = "booking/bk-1";

pub(crate) fn world() -> TestWorld {
    let world = TestWorld::new(NOW);
    world.change_settings(|settings| {
        settings.providers.email = vec![Provider::Vai, Provider::Ses];
        settings.senders.email = Some("meetings@vai.example".to_owned());
    });
    world
}

fn due(mail: EndpointMail) -> Due {
    Due::Email { connection: ConnectionName::default(), endpoint: "ops".to_owned(), key: CommandId::new("evt_1"), mail }
}

pub(crate) fn delivery_due() -> Due {
    due(EndpointMail::Delivery { stream: STREAM.to_owned(), number: 2 })
}

/// An endpoint in a status, with a delivery of a booking.
fn endpoints(status: Status, output: Value) -> FakeEndpoints {
    let endpoint = Endpoint {
        id: EndpointId::parse("ops").expect("an id"),
        created_at: at(NOW),
        target: TargetKind::Email,
        masked_url: "o…@customer.example".to_owned(),
        description: None,
        events: vec!["booking.*".to_owned()],
        condition: None,
        output,
        retry: RetryPolicy::Standard,
        ed25519: false,
        status,
        status_since: at(NOW),
        receives_since: at(NOW),
        sealed: String::new(),
        header_names: Vec::new(),
        token_digest: None,
        request_digest: String::new(),
        revision: 1,
    };
    let confirmation = Confirmation { token: "vet.default.ops.0".to_owned(), until: at("2026-11-29T12:00:00Z") };
    let secrets =
        EndpointSecrets { url: ADDRESS.to_owned(), confirmation: Some(confirmation), ..EndpointSecrets::default() };
    let event = events::sample(EventType::BookingCreated);
    let sequence = Sequence { stream: STREAM.to_owned(), number: 2, previous: Some(events::digest("")) };
    let delivery = json!({
        "event_id": event.id, "event_type": "booking.created", "event_at": NOW, "stream": STREAM, "number": 2,
        "body": event.body(Some(&sequence)), "content_type": "application/json", "state": "delivered", "attempts": [],
    });
    let delivery = serde_json::from_value(delivery).expect("a delivery");
    FakeEndpoints { endpoint: Some((endpoint, secrets)), delivery: Some(delivery) }
}

pub(crate) fn enabled() -> FakeEndpoints {
    endpoints(Status::Enabled, Value::Null)
}

fn disabled() -> Status {
    Status::Disabled { reason: Disabled::ByCustomer }
}

/// Sends an e-mail of each kind, and lets a provider fail at each.
pub(crate) fn send_every_kind() {
    for mail in [
        EndpointMail::Confirmation,
        EndpointMail::Test { event: EventType::BookingCanceled },
        EndpointMail::Delivery { stream: STREAM.to_owned(), number: 2 },
    ] {
        for status in [Status::Unverified, Status::Enabled, disabled()] {
            world().send_email(&endpoints(status, Value::Null), &due(mail.clone()));
            let failing = world();
            failing.faults.at_call(1, Fault::Fails);
            failing.send_email(&endpoints(status, Value::Null), &due(mail.clone()));
        }
    }
}

#[test]
fn a_delivery_is_an_e_mail_with_its_fields_by_line_and_its_json() {
    let world = world();
    assert!(!world.send_email(&enabled(), &delivery_due()));
    let [mail] = &world.effects()[..] else { panic!("{:?}", world.effects()) };
    let event = events::sample(EventType::BookingCreated);
    let (title, name) = (&event.data["booking"]["eventType"], &event.data["invitee"]["name"]);
    let (title, name) = (title.as_str().expect("a title"), name.as_str().expect("a name"));
    let start = format!("plain e-mail [ses] to {ADDRESS}: booking.created: {title}\n");
    assert!(mail.starts_with(&start), "{mail}");
    for line in
        [format!("data.invitee.name: {name}"), "event: booking.created".to_owned(), "sequence.number: 2".to_owned()]
    {
        assert!(mail.lines().any(|it| it == line), "{line}: {mail}");
    }
    assert!(mail.contains(&enabled().delivery.expect("a delivery").body), "{mail}");
}

#[test]
fn a_confirmation_has_the_link_until_it_ends() {
    let unverified = endpoints(Status::Unverified, Value::Null);
    let confirmation = due(EndpointMail::Confirmation);
    let first = world();
    assert!(!first.send_email(&unverified, &confirmation));
    let [mail] = &first.effects()[..] else { panic!("{:?}", first.effects()) };
    assert!(mail.ends_with(" https://hooks.example.com/api/endpoints/confirm?token=vet.default.ops.0"), "{mail}");
    assert!(mail.contains("Events: booking.*"), "{mail}");
    let late = world();
    late.now.set(at("2026-11-29T12:00:00Z"));
    assert!(!late.send_email(&unverified, &confirmation));
    assert_eq!(late.effects(), Vec::<String>::new());
}

#[test]
fn a_test_is_a_sample_in_the_form_of_the_endpoint() {
    let templated = endpoints(Status::Enabled, json!({ "template": { "who": "{{ data.invitee.name }}" } }));
    let world = world();
    assert!(!world.send_email(&templated, &due(EndpointMail::Test { event: EventType::BookingCreated })));
    let [mail] = &world.effects()[..] else { panic!("{:?}", world.effects()) };
    assert!(mail.lines().any(|it| it.starts_with("who: ")) && !mail.contains("sequence"), "{mail}");
}

#[test]
fn only_a_confirmed_address_gets_events_and_only_while_it_is_wanted() {
    let test = || due(EndpointMail::Test { event: EventType::WebhookTest });
    for (status, message, is_sent) in [
        (Status::Unverified, due(EndpointMail::Confirmation), true),
        (Status::Enabled, due(EndpointMail::Confirmation), false),
        (disabled(), due(EndpointMail::Confirmation), false),
        (Status::Unverified, test(), false),
        (Status::Enabled, test(), true),
        (disabled(), test(), true),
        (Status::Unverified, delivery_due(), false),
        (Status::Enabled, delivery_due(), true),
        (disabled(), delivery_due(), false),
    ] {
        let world = world();
        assert!(!world.send_email(&endpoints(status, Value::Null), &message), "{status:?} {message:?}");
        assert_eq!(world.effects().len(), usize::from(is_sent), "{status:?} {message:?}");
    }
    // Nor one that is deleted, or was made anew with a URL.
    let world = world();
    let mut with_url = enabled();
    with_url.endpoint.as_mut().expect("an endpoint").0.target = TargetKind::Url;
    for changed in [FakeEndpoints::default(), with_url] {
        assert!(!world.send_email(&changed, &delivery_due()));
    }
    assert_eq!(world.effects(), Vec::<String>::new());
}

#[test]
fn an_email_goes_out_after_a_day_in_which_nobody_knows_what_the_provider_does() {
    let world = world();
    // Ten tries take thirteen hours, the next two come eleven hours later each.
    world.faults.providers_answer(vec![no_answer(); 11]);
    assert_eq!(world.deliver_email(&enabled(), &delivery_due()), 12);
    let (waited, sent) = (world.now.get().duration_since(at(NOW)).as_hours(), world.count("plain e-mail"));
    assert!((24..36).contains(&waited), "{waited} hours");
    assert_eq!((sent, world.state.borrow().dead_letters.len()), (12, 0), "eleven of them perhaps");
    // What nobody knows for a day and a half, somebody must look at.
    world.faults.providers_answer(vec![no_answer(); 20]);
    world.deliver_email(&enabled(), &delivery_due());
    assert_eq!(world.state.borrow().dead_letters.len(), 1);
}

#[test]
fn a_message_comes_back_until_the_provider_has_answered_for_good() {
    let (endpoints, message) = (enabled(), delivery_due());
    let refused = Outcome::Refused { reason: Reason::ProviderRefused, detail: "HTTP 400".to_owned() };
    for (answer, comes_back) in [(unreachable("down"), true), (no_answer(), true), (refused, false)] {
        let world = world();
        world.faults.providers_answer([answer]);
        assert_eq!(world.send_email(&endpoints, &message), comes_back);
    }
    // The delivery is stored right after it is handed over.
    let early = FakeEndpoints { delivery: None, ..enabled() };
    assert!(world().send_email(&early, &message));
    // The settings can be mended.
    let world = world();
    world.change_settings(|settings| settings.providers.email = vec![Provider::Vai]);
    assert!(world.send_email(&endpoints, &message));
    assert_eq!(world.effects(), Vec::<String>::new());
}
