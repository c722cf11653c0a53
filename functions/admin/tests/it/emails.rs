//! Endpoints that get their events by e-mail: the address is confirmed by a link, then each event is handed over.

use ::endpoints::{Confirmation, EndpointSecrets, Status};
use deliveries::Vault;
use domain::ConnectionName;
use domain::settings::Provider;
use events::EventType;
use serde_json::{Value, json};
use std::rc::Rc;
use wire::deliveries::Delivery as Message;
use wire::due::{Due, EndpointMail};

use crate::endpoints::stored;
use crate::world::{ADMIN, Instance, Ports, run};

const ADDRESS: &str = "ops@customer.example";

/// An instance whose connection sends e-mail by Amazon SES.
fn instance() -> Instance {
    let instance = Instance::new();
    let mut settings = instance.outside.settings.borrow_mut();
    settings.providers.email = vec![Provider::Vai, Provider::Ses];
    settings.senders.email = Some("meetings@vai.example".to_owned());
    drop(settings);
    instance
}

fn request() -> Value {
    json!({ "id": "ops", "delivery": "email", "email": ADDRESS, "events": ["*"] })
}

fn secrets(instance: &Instance) -> EndpointSecrets {
    let ports = Ports(Rc::clone(&instance.outside));
    run(ports.open(&ConnectionName::default(), &stored(instance, "ops"))).expect("secrets")
}

/// Returns the path of the link that confirms the address now.
fn link(instance: &Instance) -> String {
    secrets(instance).confirmation.expect("a link").link("")
}

fn mails(instance: &Instance) -> Vec<EndpointMail> {
    let emails = instance.outside.emails.borrow();
    let mail = |due: &Due| match due {
        Due::Email { endpoint, mail, .. } => {
            assert_eq!(endpoint, "ops");
            mail.clone()
        }
        Due::V1 { .. } | Due::Replan { .. } | Due::Import { .. } | Due::Code { .. } => panic!("{due:?}"),
    };
    emails.iter().map(mail).collect()
}

fn post_event(instance: &Instance, id: &str) {
    let data = json!({ "sessionId": "s-1", "message": "hello" });
    instance.post("/api/events", &json!({ "id": id, "event": "message.received", "data": data })).ok();
    instance.dispatch();
}

fn confirmed() -> Instance {
    let instance = instance();
    instance.post("/api/endpoints", &request()).ok();
    assert_eq!(instance.page("POST", &link(&instance)).0, 200);
    instance.outside.emails.borrow_mut().clear();
    instance
}

#[test]
fn an_address_is_sealed_masked_and_asked_to_confirm() {
    let instance = instance();
    let made = instance.post("/api/endpoints", &request()).ok();
    let endpoint = &made["endpoint"];
    assert_eq!((&endpoint["delivery"], &endpoint["status"]), (&json!("email"), &json!("unverified")));
    assert_eq!((&endpoint["email"], &endpoint["url"]), (&json!("o…@customer.example"), &Value::Null));
    assert_eq!(made["secret"], Value::Null, "nothing is signed with it");
    let shown = instance.get("/api/endpoints/ops").ok();
    for text in [made.to_string(), shown.to_string(), format!("{:?}", stored(&instance, "ops").masked_url)] {
        assert!(!text.contains(ADDRESS), "{text}");
    }
    assert_eq!(secrets(&instance).url, ADDRESS);
    assert_eq!(mails(&instance), [EndpointMail::Confirmation]);
    let message = instance.outside.emails.borrow()[0].to_json();
    let confirmation = secrets(&instance).confirmation.expect("a link");
    assert!(!message.contains("customer.example") && !message.contains(&confirmation.token), "{message}");
    // The same request again sends the link again: the first answer, and the message, may be lost.
    instance.post("/api/endpoints", &request()).ok();
    assert_eq!(mails(&instance).len(), 2);
    assert_eq!(secrets(&instance).confirmation, Some(confirmation));
}

#[test]
fn only_the_button_confirms_and_only_once() {
    let instance = instance();
    instance.post("/api/endpoints", &request()).ok();
    post_event(&instance, "e-1");
    assert_eq!(mails(&instance), [EndpointMail::Confirmation], "events wait");
    let link = link(&instance);
    let before = stored(&instance, "ops");
    for method in ["GET", "HEAD", "GET"] {
        let (status, page) = instance.page(method, &link);
        assert!(status == 200 && page.contains("<form method=\"post\">") && !page.contains("<script"), "{page}");
        assert!(!page.contains(ADDRESS), "{page}");
    }
    assert_eq!(stored(&instance, "ops"), before, "following the link changes nothing");
    assert_eq!(instance.page("DELETE", &link).0, 404);
    let (status, page) = instance.page("POST", &link);
    assert!(status == 200 && !page.contains("<form"), "{page}");
    assert_eq!(stored(&instance, "ops").status, Status::Enabled);
    assert_eq!(secrets(&instance).confirmation, None);
    assert!(matches!(instance.outside.queue.borrow()[..], [Message::Resume { .. }]));
    instance.dispatch();
    let delivery = EndpointMail::Delivery { stream: "conversation/s-1".to_owned(), number: 1 };
    assert_eq!(mails(&instance), [EndpointMail::Confirmation, delivery], "what has waited is sent");
    for method in ["GET", "POST"] {
        assert_eq!(instance.page(method, &link).0, 404, "it is used");
    }
}

#[test]
fn a_link_that_is_wrong_or_has_ended_confirms_nothing() {
    let instance = instance();
    instance.post("/api/endpoints", &request()).ok();
    let valid = link(&instance);
    let guessed = |connection: &str, endpoint: &str| {
        let token = format!("vet.{connection}.{endpoint}.{}", "0".repeat(64));
        Confirmation { token, until: instance.outside.now.get() }.link("")
    };
    for wrong in [
        "/api/endpoints/confirm".to_owned(),
        "/api/endpoints/confirm?token=".to_owned(),
        "/api/endpoints/confirm?token=%00".to_owned(),
        valid.replace("token=", "other="),
        format!("{valid}0"),
        valid.replace("vet.default", "vct.default"),
        valid.replace("vet.default", "vet.other"),
        valid.replace(".ops.", ".other."),
        guessed("default", "ops"),
        guessed("nobody", "ops"),
    ] {
        for method in ["GET", "POST"] {
            assert_eq!(instance.page(method, &wrong).0, 404, "{wrong}");
        }
    }
    instance.wait(72 * 3600);
    assert_eq!(instance.page("POST", &valid).0, 404, "it has ended");
    assert_eq!(stored(&instance, "ops").status, Status::Unverified);
    // A test sends another one, and only that one works.
    let tested = instance.post("/api/endpoints/ops/test", &json!({})).ok();
    assert_eq!((&tested["success"], &tested["endpointStatus"]), (&json!(true), &json!("unverified")));
    assert_eq!(mails(&instance), [EndpointMail::Confirmation, EndpointMail::Confirmation]);
    let newer = link(&instance);
    assert_eq!(instance.page("POST", &valid).0, 404);
    assert_eq!(instance.page("POST", &newer).0, 200);
}

#[test]
fn a_test_of_a_confirmed_address_hands_a_sample_over_and_says_so() {
    let instance = confirmed();
    let tested = instance.post("/api/endpoints/ops/test", &json!({ "type": "booking.created" })).ok();
    assert!(tested["message"].as_str().expect("a message").contains("handed over"), "{tested}");
    assert_eq!(tested["details"]["status"], 202);
    assert_eq!(mails(&instance), [EndpointMail::Test { event: EventType::BookingCreated }]);
}

#[test]
fn a_delivery_is_handed_over_and_counts_as_delivered_and_a_replay_is_another_e_mail() {
    let instance = confirmed();
    post_event(&instance, "e-1");
    let delivery = EndpointMail::Delivery { stream: "conversation/s-1".to_owned(), number: 1 };
    assert_eq!(mails(&instance), std::slice::from_ref(&delivery));
    let attempts = instance.get("/api/endpoints/ops/attempts").ok();
    let shown = &attempts["deliveries"][0];
    assert_eq!((&shown["state"], &shown["attempts"][0]["status"]), (&json!("delivered"), &json!(202)));
    instance.post("/api/endpoints/ops/replay", &json!({ "delivery": "conversation/s-1/1" })).ok();
    instance.dispatch();
    assert_eq!(mails(&instance), [delivery.clone(), delivery]);
    let keys: Vec<_> = instance.outside.emails.borrow().iter().map(Due::to_json).collect();
    assert_ne!(keys[0], keys[1], "a provider must not take it for a repetition");
    assert!(instance.outside.posts.borrow().is_empty(), "nothing is called");
}

#[test]
fn another_address_must_be_confirmed_again() {
    let instance = confirmed();
    for same in [ADDRESS, "Ops@CUSTOMER.example", " ops@customer.example "] {
        let same = instance.call("PATCH", "/api/endpoints/ops", &json!({ "email": same })).ok();
        assert_eq!((&same["endpoint"]["status"], mails(&instance).len()), (&json!("enabled"), 0));
    }
    let changed = instance.call("PATCH", "/api/endpoints/ops", &json!({ "email": "new@customer.example" })).ok();
    assert_eq!(changed["endpoint"]["status"], "unverified");
    assert_eq!(changed["endpoint"]["email"], "n…@customer.example");
    assert_eq!(mails(&instance), [EndpointMail::Confirmation]);
    assert_eq!(instance.page("POST", &link(&instance)).0, 200);
    assert_eq!(secrets(&instance).url, "new@customer.example");
    // An internationalized domain is kept in the form in which every provider sends to it.
    instance.call("PATCH", "/api/endpoints/ops", &json!({ "email": "new@bücher.example" })).ok();
    assert_eq!(secrets(&instance).url, "new@xn--bcher-kva.example");
}

#[test]
fn what_an_e_mail_cannot_have_is_refused() {
    let instance = instance();
    let left_out = "must be left out: events are sent by e-mail";
    for (changes, fault) in [
        (json!({ "email": null }), "email: is missing".to_owned()),
        (json!({ "url": "https://a.example.com/" }), format!("url: {left_out}")),
        (json!({ "secret": "a secret of mine" }), format!("secret: {left_out}")),
        (json!({ "headers": { "X-A": "1" } }), format!("headers: {left_out}")),
        (json!({ "ed25519": true }), format!("ed25519: {left_out}")),
        (json!({ "verify": true }), format!("verify: {left_out}")),
        (json!({ "id": "confirm" }), "id: must be 1 to 64".to_owned()),
    ] {
        let mut request = request();
        request.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        let faults = instance.post("/api/endpoints", &request).faults();
        assert!(faults.iter().any(|it| it.starts_with(&fault)), "{changes}: {faults:?}");
    }
    for address in [
        "ops",
        "@customer.example",
        "a@b",
        "a@b.example, c@d.example",
        "Ops <a@b.example>",
        "a@b@c.example",
        "a b@c.example",
    ] {
        let mut request = request();
        request["email"] = address.into();
        let faults = instance.post("/api/endpoints", &request).faults();
        assert_eq!(faults, ["email: must be one address, such as ops@customer.example"], "{address}");
    }
    // Nor by a later change, nor for an endpoint of another kind.
    instance.post("/api/endpoints", &request()).ok();
    for (path, value) in
        [("url", json!("https://a.example.com/")), ("secret", json!("a secret of mine")), ("verify", json!(true))]
    {
        let faults = instance.call("PATCH", "/api/endpoints/ops", &json!({ path: value })).faults();
        assert_eq!(faults, [format!("{path}: {left_out}")]);
    }
    instance.verified("crm", ADMIN);
    let faults = instance.call("PATCH", "/api/endpoints/crm", &json!({ "email": ADDRESS })).faults();
    assert_eq!(faults, ["email: must be left out: this endpoint has a URL"]);
}

#[test]
fn without_a_provider_or_a_sender_it_is_refused_at_once() {
    let instance = instance();
    instance.outside.settings.borrow_mut().providers.email = vec![Provider::Vai];
    let faults = instance.post("/api/endpoints", &request()).faults();
    assert!(faults[0].starts_with("delivery: needs a sender address in the settings"), "{faults:?}");
    instance.outside.settings.borrow_mut().providers.email = vec![Provider::Brevo];
    instance.outside.settings.borrow_mut().senders.email = None;
    assert_eq!(instance.post("/api/endpoints", &request()).faults(), faults);
    assert!(instance.outside.emails.borrow().is_empty());
}
