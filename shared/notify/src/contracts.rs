//! Checks what we send against the schema that each provider publishes. The schemas are reduced to one operation and
//! closed, so an unknown field fails here and not at the provider. Each adapter's tests cover what a schema can't
//! express.

use domain::settings::{CalendarFile, Provider};
use domain::{EmailOrder, Language, Message, SmsOrder};
use jsonschema::Validator;
use serde_json::{Value, json};
use stand_in::{Answer, StandIn};

use crate::fixtures;
use crate::{Brevo, Engagelab, Twilio};

const TWILIO: &str = include_str!("../tests/contracts/twilio.json");
const ENGAGELAB: &str = include_str!("../tests/contracts/engagelab.json");
const BREVO: &str = include_str!("../tests/contracts/brevo.json");

fn contract(schema: &str) -> Validator {
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    assert!(schema["source"].is_string());
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
}

fn assert_valid(contract: &Validator, body: &Value) {
    let errors: Vec<_> = contract.iter_errors(body).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body:#}");
}

/// Visits every message in every language, with all optional values and with none.
fn contents(mut visit: impl FnMut(Message, domain::MessageContent)) {
    for message in Message::SAMPLES {
        for language in Language::ALL {
            let full = domain::MessageContent {
                language,
                old_start: Some(fixtures::at("2026-03-28T10:00:00Z")),
                location: Some("台北市信義區市府路45號".into()),
                survey_url: Some("https://survey.example/1".to_owned()),
                booking_url: Some("https://calendly.com/d/1".to_owned()),
                ..fixtures::content()
            };
            let bare = domain::MessageContent {
                name: "".into(),
                invitee: "".into(),
                join_url: None,
                cancel_url: None,
                reschedule_url: None,
                host: None,
                language,
                ..fixtures::content()
            };
            visit(message, full);
            visit(message, bare);
        }
    }
}

fn sms(provider: Provider) -> Vec<SmsOrder> {
    let senders = ["+14155552345", "VAI", "MG0123456789abcdef0123456789abcdef"];
    let mut orders = Vec::new();
    contents(|message, content| {
        let sender = Some(senders[orders.len() % senders.len()].to_owned());
        orders.push(SmsOrder { provider, sender, content, ..fixtures::text(message) });
    });
    orders
}

#[tokio::test]
async fn twilio_gets_only_known_fields() {
    let (contract, client, secrets) = (contract(TWILIO), fixtures::client(), fixtures::secrets());
    for order in sms(Provider::Twilio) {
        let provider = StandIn::with_answer(Answer::json(201, r#"{"sid":"SM1"}"#));
        let twilio = Twilio::new(client.clone(), provider.url(), secrets.clone(), fixtures::links());
        twilio.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
        assert_valid(&contract, &provider.only_request().json());
    }
}

#[tokio::test]
async fn engagelab_gets_only_known_fields() {
    let (contract, client, secrets) = (contract(ENGAGELAB), fixtures::client(), fixtures::secrets());
    for order in sms(Provider::Engagelab) {
        let provider = StandIn::with_answer(Answer::json(200, r#"{"message_id":"1"}"#));
        let engagelab = Engagelab::new(client.clone(), provider.url(), secrets.clone(), fixtures::links());
        engagelab.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
        assert_valid(&contract, &provider.only_request().json());
    }
}

#[tokio::test]
async fn brevo_gets_only_known_fields() {
    let (contract, client, secrets) = (contract(BREVO), fixtures::client(), fixtures::secrets());
    let mut orders = Vec::new();
    contents(|message, content| {
        for kind in [CalendarFile::Off, CalendarFile::Request] {
            let order = fixtures::own_mail(Provider::Brevo, message);
            orders.push(EmailOrder { calendar: Some(fixtures::calendar(kind)), content: content.clone(), ..order });
        }
    });
    for order in orders {
        let provider = StandIn::with_answer(Answer::json(201, "{}"));
        let brevo = Brevo::new(client.clone(), provider.url(), secrets.clone(), fixtures::links());
        brevo.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
        assert_valid(&contract, &provider.only_request().json());
    }
}

#[tokio::test]
async fn brevo_gets_only_known_fields_of_a_plain_e_mail() {
    let provider = StandIn::with_answer(Answer::json(201, "{}"));
    let brevo = Brevo::new(fixtures::client(), provider.url(), fixtures::secrets(), fixtures::links());
    let email = fixtures::plain_mail(Provider::Brevo);
    brevo.send_plain(&fixtures::connection("default"), &fixtures::key(), &email).await;
    let body = provider.only_request().json();
    assert_valid(&contract(BREVO), &body);
    assert_eq!((&body["to"][0]["email"], &body["tags"]), (&json!(fixtures::EMAIL), &json!(["endpoint"])));
    assert!(body["headers"]["X-Mailin-custom"].is_null(), "a receipt of it belongs to no booking");
}

/// Proves that the schemas refuse something.
#[test]
fn an_unknown_field_is_refused() {
    let (to, from) = ("+40712345678", "+14155552345");
    let twilio = contract(TWILIO);
    assert_valid(&twilio, &json!({"To": to, "From": from, "Body": "x"}));
    for bad in [
        json!({"From": from, "Body": "x"}),
        json!({"To": to, "Body": "x"}),
        json!({"To": to, "From": from}),
        json!({"To": "0712", "From": from, "Body": "x"}),
        json!({"To": to, "From": from, "Body": "x".repeat(1601)}),
        json!({"To": to, "From": from, "Body": "x", "StatusCallback": "not a URL"}),
        json!({"To": to, "From": from, "Body": "x", "Text": "x"}),
    ] {
        assert!(!twilio.is_valid(&bad), "{bad}");
    }
    let engagelab = contract(ENGAGELAB);
    for bad in [
        json!({"to": to, "template": {"id": "1", "params": {}}}),
        json!({"to": [to], "template": {"id": 1, "params": {}}}),
        json!({"to": [to], "template": {"id": "1"}}),
        json!({"to": [to], "template": {"id": "1", "params": {"name": ""}}}),
        json!({"to": [to], "template": {"id": "1", "params": {}}, "plan": "x"}),
    ] {
        assert!(!engagelab.is_valid(&bad), "{bad}");
    }
    let brevo = contract(BREVO);
    let good = json!({"sender": {"email": "a@b.example"}, "to": [{"email": "c@d.example"}], "subject": "x", "textContent": "x"});
    assert_valid(&brevo, &good);
    for (name, value) in [
        ("sender", json!({"email": "nobody"})),
        ("to", json!([])),
        ("to", json!([{"email": "c@d.example", "name": "x".repeat(71)}])),
        ("subject", json!("")),
        ("replyTo", json!({"name": "x"})),
        ("headers", json!({"idempotencyKey": "key"})),
        ("attachment", json!([{"content": "====", "name": "invite.ics"}])),
        ("attachment", json!([{"content": "eA=="}])),
        ("text", json!("x")),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(!brevo.is_valid(&bad), "{bad}");
    }
}
