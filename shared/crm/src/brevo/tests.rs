use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::settings::DoubleOptIn;
use domain::{AttributeValue, ConnectionName, ContactUpdate, CrmEvent, CrmEventOrder, Outcome, Private, Reason};
use engine::Crm;
use runtime::Secrets;
use serde_json::{Value, json};
use stand_in::{Answer, Request, StandIn};

use super::Brevo;

const CONTRACT: &str = include_str!("../../tests/contracts/brevo.json");

fn brevo(base_url: &str) -> Brevo {
    let named = [("t/default/providers", r#"{"brevo_api_key":"xkeysib-key"}"#), ("t/empty/providers", "{}")];
    let secrets: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let client = http_client::client_with_timeout(Duration::from_millis(300)).expect("a client");
    Brevo::new(client, base_url, Arc::new(Secrets::fixed("t/", secrets)))
}

fn connection() -> ConnectionName {
    ConnectionName::default()
}

fn update() -> ContactUpdate {
    let text = |text: &str| AttributeValue::Text(text.into());
    let attributes = [
        ("FIRSTNAME", text("Ana")),
        ("MEETINGS", AttributeValue::Number(2)),
        ("MEETING_DATE", AttributeValue::Date("2026-12-01".parse().expect("a date"))),
        ("SMS", text("+40712345678")),
    ];
    ContactUpdate {
        email: "ana+test@example.com".into(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        phone_attributes: vec!["SMS".to_owned()],
        joins: [10].into(),
        leaves: BTreeSet::new(),
    }
}

fn event() -> CrmEventOrder {
    CrmEventOrder {
        event: CrmEvent::BookingCanceled,
        at: "2026-11-26T10:00:00Z".parse().expect("an instant"),
        email: "ana@example.com".into(),
        properties: [("reason", Private::from("é".repeat(3_000)))].into(),
        link_for: None,
        needs_contact: true,
    }
}

/// Checks a body against Brevo's own schema, closed, so that an unknown field fails here and not at Brevo.
fn assert_fits(name: &str, body: &Value) {
    let contract: Value = serde_json::from_str(CONTRACT).expect("JSON");
    let schema = &contract["bodies"][name];
    assert!(schema["properties"].is_object(), "{name}");
    let validator = jsonschema::options().should_validate_formats(true).build(schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(body).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body:#}");
}

async fn send(answers: Vec<(&'static str, Answer)>, update: &ContactUpdate) -> (Outcome, Vec<Request>) {
    let stand_in = StandIn::with_rules(answers);
    let outcome = brevo(stand_in.url()).update_contact(&connection(), update).await;
    assert!(!format!("{outcome:?}").contains("ana"), "{outcome:?}");
    (outcome, stand_in.requests())
}

fn refusal(metadata: &Value) -> Answer {
    let body = json!({"code": "duplicate_parameter", "message": "ana+test@example.com", "metadata": metadata});
    Answer::json(400, body)
}

#[tokio::test]
async fn a_contact_is_created_or_updated() {
    for (status, body) in [(201, r#"{"id":21}"#), (204, "")] {
        let (outcome, requests) = send(vec![("", Answer::json(status, body))], &update()).await;
        assert_eq!(outcome, Outcome::done(None));
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method_and_path(), "POST /v3/contacts");
        assert_eq!(requests[0].header("api-key"), Some("xkeysib-key"));
        let expected = json!({
            "email": "ana+test@example.com", "listIds": [10], "updateEnabled": true,
            "attributes": {"FIRSTNAME": "Ana", "MEETINGS": 2, "MEETING_DATE": "2026-12-01", "SMS": "+40712345678"},
        });
        assert_eq!(requests[0].json(), expected);
        assert_fits("contact", &requests[0].json());
    }
}

#[tokio::test]
async fn a_phone_number_of_another_contact_is_left_out_once() {
    let taken = || refusal(&json!({"duplicate_identifiers": ["SMS"]}));
    let (outcome, requests) =
        send(vec![("POST /v3/contacts", taken().once()), ("", Answer::json(204, ""))], &update()).await;
    assert_eq!(outcome, Outcome::done(None));
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].json()["attributes"].get("SMS"), None);
    assert_eq!(requests[1].json()["attributes"]["FIRSTNAME"], "Ana");
    let (outcome, requests) = send(vec![("", taken())], &update()).await;
    assert!(matches!(outcome, Outcome::Refused { reason: Reason::ProviderRefused, .. }), "{outcome:?}");
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_contact_that_leaves_lists_is_named_in_the_path() {
    let update = ContactUpdate { leaves: [10, 11].into(), joins: BTreeSet::new(), ..update() };
    let (outcome, requests) = send(vec![("", Answer::json(204, ""))], &update).await;
    assert_eq!(outcome, Outcome::done(None));
    assert_eq!(requests[0].json().get("listIds"), None);
    assert_eq!(requests[1].method_and_target(), "PUT /v3/contacts/ana%2Btest%40example.com?identifierType=email_id");
    assert_eq!(requests[1].json(), json!({"unlinkListIds": [10, 11]}));
    assert_fits("update", &requests[1].json());
}

#[tokio::test]
async fn answers_mean_what_brevo_says() {
    let without_phone = ContactUpdate { phone_attributes: Vec::new(), ..update() };
    let unsent = |reason, after_seconds| Some((reason, after_seconds));
    for (answer, expected) in [
        (Answer::json(425, r#"{"code":"account_in_process"}"#), unsent(Reason::RateLimited, None)),
        (Answer::json(429, "{}").header("x-sib-ratelimit-reset", 7), unsent(Reason::RateLimited, Some(7))),
        (Answer::json(402, r#"{"code":"not_enough_credits"}"#), unsent(Reason::Misconfigured, None)),
        (Answer::json(401, r#"{"code":"unauthorized"}"#), unsent(Reason::Misconfigured, None)),
        (Answer::json(403, r#"{"code":"permission_denied"}"#), unsent(Reason::Misconfigured, None)),
        (Answer::json(400, r#"{"code":"account_under_validation"}"#), unsent(Reason::Misconfigured, None)),
        (Answer::new(404, "<html>"), unsent(Reason::Misconfigured, None)),
        (Answer::new(503, "").header("retry-after", 90), unsent(Reason::Unreachable, Some(90))),
        (
            Answer::json(429, "{}").header("x-sib-ratelimit-reset", 7).header("retry-after", 90),
            unsent(Reason::RateLimited, Some(90)),
        ),
        (refusal(&json!({"duplicate_identifiers": ["email"]})), unsent(Reason::RateLimited, None)),
    ] {
        let (outcome, _) = send(vec![("", answer)], &without_phone).await;
        let found = match outcome {
            Outcome::Unsent { reason, after_seconds, .. } => Some((reason, after_seconds)),
            _ => None,
        };
        assert_eq!(found, expected);
    }
    for answer in [
        Answer::json(400, r#"{"code":"invalid_parameter"}"#),
        Answer::json(404, r#"{"code":"document_not_found"}"#),
        Answer::json(413, ""),
    ] {
        let (outcome, requests) = send(vec![("", answer)], &without_phone).await;
        assert!(matches!(outcome, Outcome::Refused { reason: Reason::ProviderRefused, .. }), "{outcome:?}");
        assert_eq!(requests.len(), 1);
    }
    for answer in [
        Answer::json(500, ""),
        Answer::json(502, ""),
        // Other answers have this header, too.
        Answer::json(503, "").header("x-sib-ratelimit-reset", 7),
        // A page that answers in place of Brevo.
        Answer::new(200, "<html>"),
        Answer::never_answers(),
        Answer::closes_connection(),
    ] {
        let (outcome, _) = send(vec![("", answer)], &without_phone).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    let empty = ConnectionName::parse("empty").expect("a name");
    let outcome = brevo(&stand_in::unused_url()).update_contact(&empty, &update()).await;
    assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_event_has_its_properties() {
    let stand_in = StandIn::with_answer(Answer::json(204, ""));
    let link = Some("https://calendly.com/d/1");
    let outcome = brevo(stand_in.url()).send_event(&connection(), &event(), link).await;
    assert_eq!(outcome, Outcome::done(None));
    let request = stand_in.only_request();
    assert_eq!(request.method_and_path(), "POST /v3/events");
    let expected = json!({
        "event_name": "booking_canceled", "event_date": "2026-11-26T10:00:00Z",
        "identifiers": {"email_id": "ana@example.com"},
        "event_properties": {"reason": "é".repeat(2_000), "booking_link": "https://calendly.com/d/1"},
    });
    assert_eq!(request.json(), expected);
    assert_fits("event", &request.json());
}

#[tokio::test]
async fn consent_is_asked_for_by_a_template() {
    let stand_in = StandIn::with_answer(Answer::json(201, ""));
    let mail = DoubleOptIn { template: 5, redirect_url: "https://example.com/thanks".to_owned() };
    let outcome = brevo(stand_in.url()).ask_consent(&connection(), &"a@example.com".into(), &mail, &[12].into()).await;
    assert_eq!(outcome, Outcome::done(None));
    let request = stand_in.only_request();
    assert_eq!(request.method_and_path(), "POST /v3/contacts/doubleOptinConfirmation");
    assert_fits("consent", &request.json());
    assert_eq!(request.json()["includeListIds"], json!([12]));
}

#[tokio::test]
async fn an_account_gets_the_attributes_that_it_lacks() {
    let settings = domain::settings::CrmSettings {
        lists: vec![domain::settings::CrmList {
            id: 10,
            event_type: None,
            unlink_on_cancellation: false,
            marketing: false,
            consent: None,
            double_opt_in: None,
        }],
        ..Default::default()
    };
    let known = |kind: &str| {
        json!({"attributes": [
            {"category": "normal", "name": "FIRSTNAME", "type": "text"},
            {"category": "normal", "name": "LASTNAME", "type": "text"},
            {"category": "normal", "name": "MEETING_DATE", "type": kind},
        ]})
    };
    let rules = |status, kind: &str| {
        vec![
            ("GET /v3/contacts/lists/10", Answer::json(status, "{}")),
            ("GET /v3/contacts/attributes", Answer::json(200, known(kind))),
            ("POST /v3/contacts/attributes", Answer::json(201, "{}")),
        ]
    };
    let stand_in = StandIn::with_rules(rules(200, "date"));
    let (created, problems) =
        brevo(stand_in.url()).prepare_account(&connection(), &settings, false).await.expect("answers");
    assert_eq!(created, ["BOOKING_STATUS", "CALENDLY_EVENT_TYPE"]);
    assert_eq!(problems, []);
    let bodies: Vec<_> = stand_in.requests().iter().filter(|it| !it.body.is_empty()).map(Request::json).collect();
    assert_eq!(bodies, [json!({"type": "text"}), json!({"type": "text"})]);
    bodies.iter().for_each(|body| assert_fits("attribute", body));

    let stand_in = StandIn::with_rules(rules(404, "text"));
    let (created, problems) =
        brevo(stand_in.url()).prepare_account(&connection(), &settings, false).await.expect("answers");
    assert_eq!(created, [""; 0]);
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "crm.lists: Brevo has no list 10",
        "crm.attributes.MEETING_DATE: has the type text at Brevo, and its source needs date",
    ];
    assert_eq!(texts, expected);

    let stand_in = StandIn::with_answer(Answer::json(401, "{}"));
    let error = brevo(stand_in.url()).prepare_account(&connection(), &settings, false).await.expect_err("refused");
    assert_eq!(error.to_string(), "Brevo's account could not be checked: it answered HTTP 401");
}
