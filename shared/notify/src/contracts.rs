//! What we send, held against what each provider publishes of its API: cut down to the one operation, and closed, so that a
//! field that it doesn't know fails here and not at the provider. What no schema can say is in each adapter's tests.

use domain::settings::{CalendarFile, Provider};
use domain::{EmailOrder, Language, Message, SmsOrder};
use jsonschema::Validator;
use serde_json::{Value, json};
use stand_in::{Answer, StandIn};

use crate::fake;
use crate::{Brevo, Engagelab, Twilio};

const TWILIO: &str = include_str!("../tests/contracts/twilio.json");
const ENGAGELAB: &str = include_str!("../tests/contracts/engagelab.json");
const BREVO: &str = include_str!("../tests/contracts/brevo.json");

fn contract(schema: &str) -> Validator {
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    assert!(schema["source"].is_string());
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
}

fn assert_keeps(contract: &Validator, body: &Value) {
    let errors: Vec<_> = contract.iter_errors(body).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body:#}");
}

/// Every message in every language, with everything in it that may be there and with nothing.
fn contents(mut visit: impl FnMut(Message, domain::MessageContent)) {
    for message in Message::SAMPLES {
        for language in Language::ALL {
            let full = domain::MessageContent {
                language,
                old_start: Some(fake::at("2026-03-28T10:00:00Z")),
                location: Some("台北市信義區市府路45號".into()),
                survey_url: Some("https://survey.example/1".to_owned()),
                booking_url: Some("https://calendly.com/d/1".to_owned()),
                ..fake::content()
            };
            let bare = domain::MessageContent {
                name: "".into(),
                invitee: "".into(),
                join_url: None,
                cancel_url: None,
                reschedule_url: None,
                host: None,
                language,
                ..fake::content()
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
        orders.push(SmsOrder { provider, sender, content, ..fake::text(message) });
    });
    orders
}

#[tokio::test]
async fn twilio_knows_every_field_that_it_gets() {
    let (contract, client, secrets) = (contract(TWILIO), fake::client(), fake::secrets());
    for order in sms(Provider::Twilio) {
        let provider = StandIn::with_answer(Answer::json(201, r#"{"sid":"SM1"}"#));
        let twilio = Twilio::new(client.clone(), provider.url(), secrets.clone(), fake::links());
        twilio.send(&fake::connection("default"), &fake::key(), &fake::phone(), &order).await;
        assert_keeps(&contract, &provider.only_request().json());
    }
}

#[tokio::test]
async fn engagelab_knows_every_field_that_it_gets() {
    let (contract, client, secrets) = (contract(ENGAGELAB), fake::client(), fake::secrets());
    for order in sms(Provider::Engagelab) {
        let provider = StandIn::with_answer(Answer::json(200, r#"{"message_id":"1"}"#));
        let engagelab = Engagelab::new(client.clone(), provider.url(), secrets.clone(), fake::links());
        engagelab.send(&fake::connection("default"), &fake::key(), &fake::phone(), &order).await;
        assert_keeps(&contract, &provider.only_request().json());
    }
}

#[tokio::test]
async fn brevo_knows_every_field_that_it_gets() {
    let (contract, client, secrets) = (contract(BREVO), fake::client(), fake::secrets());
    let mut orders = Vec::new();
    contents(|message, content| {
        for kind in [CalendarFile::Off, CalendarFile::Request] {
            let order = fake::own_mail(Provider::Brevo, message);
            orders.push(EmailOrder { calendar: Some(fake::calendar(kind)), content: content.clone(), ..order });
        }
    });
    for order in orders {
        let provider = StandIn::with_answer(Answer::json(201, "{}"));
        let brevo = Brevo::new(client.clone(), provider.url(), secrets.clone(), fake::links());
        brevo.send(&fake::connection("default"), &fake::key(), &order).await;
        assert_keeps(&contract, &provider.only_request().json());
    }
}

/// A contract that lets everything pass holds nothing.
#[test]
fn what_a_provider_does_not_know_fails() {
    let (to, from) = ("+40712345678", "+14155552345");
    let twilio = contract(TWILIO);
    assert_keeps(&twilio, &json!({"To": to, "From": from, "Body": "x"}));
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
    assert_keeps(&brevo, &good);
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
