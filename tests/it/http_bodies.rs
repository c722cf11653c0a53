//! Text that strangers wrote, in the bodies that go out over HTTP: the adapters of the providers, of VAI and of the CRM
//! send to a server of the test, and what arrives there is searched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::settings::Provider;
use domain::{
    Action, AttributeValue, CommandId, ConnectionName, ContactUpdate, CrmAction, CrmCall, CrmEvent, EmailOrder,
    HelpOccasion, Language, Message, MessageAction, MessageContent, MessageOrder, News, Notice, Order, Outcome,
    SmsOrder, VaiOrder,
};
use engine::{Crm as _, Vai as _};
use notify::{Brevo, Engagelab, Links, Twilio, VaiClient};
use runtime::Secrets;
use serde_json::Value;
use stand_in::{Answer, StandIn};

use crate::payload::EMAIL;
use crate::strangers::{
    CANARY, PLACES, Reader, assert_harmless, assert_no_formula, assert_visible, booked, cancel, compose, compose_email,
    payloads, visit_texts,
};
use crate::world::TestWorld;

/// The adapters, which all call one server.
struct Adapters {
    server: StandIn,
    connection: ConnectionName,
    key: CommandId,
    twilio: Twilio,
    engagelab: Engagelab,
    brevo: Brevo,
    vai: VaiClient,
    crm: crm::Brevo,
}

impl Adapters {
    fn new(client: &reqwest::Client) -> Self {
        let server = StandIn::with_answer(Answer::json(201, r#"{"sid":"SM1","message_id":"1","messageId":"<1@x>"}"#));
        let providers = r#"{"engagelab":{"dev_key":"key","dev_secret":"secret"},"vai_api_key":"vai-key",
            "twilio":{"account_sid":"AC0123456789abcdef0123456789abcdef","auth_token":"token"},
            "brevo_api_key":"xkeysib-key"}"#;
        let secrets = BTreeMap::from([("t/default/providers".to_owned(), providers.to_owned())]);
        let secrets = Arc::new(Secrets::fixed("t/", secrets));
        let links = Links::new(Some("https://api.example.com".to_owned()));
        let url = server.url().to_owned();
        Self {
            connection: ConnectionName::default(),
            key: CommandId::new("message-0123"),
            twilio: Twilio::new(client.clone(), url.clone(), secrets.clone(), links.clone()),
            engagelab: Engagelab::new(client.clone(), url.clone(), secrets.clone(), links.clone()),
            brevo: Brevo::new(client.clone(), url.clone(), secrets.clone(), links),
            vai: VaiClient::new(client.clone(), url.clone(), secrets.clone()),
            crm: crm::Brevo::new(client.clone(), url, secrets),
            server,
        }
    }

    /// Returns the body that the server has received last, after a call that succeeded.
    #[track_caller]
    fn body_after(&self, what: &str, outcome: &Outcome) -> Value {
        assert!(matches!(outcome, Outcome::Done { .. }), "{what}: {outcome:?}");
        self.server.requests().last().expect("a request").json()
    }
}

/// Asserts that people can be shown every text of a body.
fn assert_all_harmless(what: &str, reader: Reader, body: &Value) {
    visit_texts(body, &mut Vec::new(), &mut |path, text| {
        assert_harmless(&format!("{what}, {}", path.join("/")), reader, text);
    });
}

/// Asserts that a body has a stranger's words only in the fields that are theirs.
fn assert_only_in(what: &str, fields: &[&str], body: &Value) {
    visit_texts(body, &mut Vec::new(), &mut |path, text| {
        let what = format!("{what}, {}", path.join("/"));
        assert_visible(&what, text);
        let is_theirs = path.last().is_some_and(|it| fields.contains(&it.as_str()));
        assert!(!text.contains(CANARY) || is_theirs && text.chars().count() <= 1_000, "{what}: {text}");
    });
}

/// Asserts that no spreadsheet takes a value for a formula.
fn assert_no_formulas(what: &str, values: &Value) {
    assert!(values.is_object(), "{what}: {values}");
    visit_texts(values, &mut Vec::new(), &mut |path, text| {
        let what = format!("{what}, {}", path.join("/"));
        assert_visible(&what, text);
        assert_no_formula(&what, text);
    });
}

/// Sends a message by each provider.
async fn send_message(what: &str, adapters: &Adapters, message: Message, language: Language, world: &TestWorld) {
    let is_to_host = matches!(message, Message::HostNotice(_));
    let (email, reader) = if is_to_host {
        let action = MessageAction::EmailHost(Notice::Booked, "maria@example.com".into());
        (compose_email(world, action), Reader::Host)
    } else {
        (compose_email(world, MessageAction::Email(Message::Confirmation)), Reader::Anybody)
    };
    let content = MessageContent { language, ..email.content.clone() };
    let sms = match compose(world, MessageAction::Sms(Message::Confirmation).into()) {
        Order::Message(order) => match *order {
            MessageOrder::Sms(order) => order,
            MessageOrder::Email(_) => panic!("an e-mail"),
        },
        other => panic!("{other:?}"),
    };
    let sender = Some("+15005550006".to_owned());
    let sms = SmsOrder { message, content: content.clone(), sender, template: Some("1".to_owned()), ..sms };
    let email = EmailOrder { message, content, template: Some("1".to_owned()), ..email };
    let (connection, key) = (&adapters.connection, &adapters.key);

    let outcome = adapters.twilio.send(connection, key, &SmsOrder { provider: Provider::Twilio, ..sms.clone() }).await;
    let body = adapters.body_after(what, &outcome);
    assert!(body["Body"].is_string(), "{what}: {body}");
    assert_all_harmless(&format!("Twilio, {what}"), reader, &body);

    let outcome = adapters.engagelab.send(connection, key, &SmsOrder { provider: Provider::Engagelab, ..sms }).await;
    let body = adapters.body_after(what, &outcome);
    assert!(body["template"]["params"].is_object(), "{what}: {body}");
    assert_all_harmless(&format!("EngageLab, {what}"), reader, &body);

    let outcome =
        adapters.brevo.send(connection, key, &EmailOrder { provider: Provider::Brevo, ..email.clone() }).await;
    let mut body = adapters.body_after(what, &outcome);
    if let Some(file) = body.pointer_mut("/attachment/0/content").map(Value::take) {
        let file = BASE64_STANDARD.decode(file.as_str().expect("a text")).expect("base64");
        let file = String::from_utf8(file).expect("UTF-8").replace("\r\n ", "");
        assert_harmless(&format!("the calendar file, {what}"), reader, &file);
    }
    assert!(body["htmlContent"].is_string(), "{what}: {body}");
    assert_all_harmless(&format!("Brevo, {what}"), reader, &body);

    let outcome = adapters.vai.send(connection, key, &EmailOrder { provider: Provider::Vai, ..email }).await;
    let body = adapters.body_after(what, &outcome);
    assert_all_harmless(&format!("VAI's e-mail, {what}"), Reader::Host, &body);
}

/// Tells VAI's backend of the booking.
async fn tell_vai(what: &str, adapters: &Adapters, language: Language, world: &TestWorld) {
    let booking = world.booking();
    let order = VaiOrder {
        booking: booking.id.clone(),
        leg: booking.legs().last().copied().expect("a leg").clone(),
        conversation_id: "conv-1".to_owned(),
        user_id: None,
        event_type: "Sales Demo".to_owned(),
        old_start: None,
        language,
    };
    let (connection, key, now) = (&adapters.connection, &adapters.key, world.now.get());
    for news in [News::Booked, News::Confirmed, News::Canceled, News::Rescheduled] {
        let outcome = adapters.vai.send_news(connection, key, news, &order, now).await;
        let body = adapters.body_after(what, &outcome);
        assert_only_in(&format!("{news:?}, {what}"), &["invitee_name", "cancel_reason"], &body);
    }
    let outcome = adapters.vai.offer_help(connection, key, HelpOccasion::Canceled, &order, now).await;
    assert_only_in(&format!("help, {what}"), &[], &adapters.body_after(what, &outcome));
}

/// Tells the CRM of the contact and of the cancellation, with what the engine gives to the adapter.
async fn tell_crm(what: &str, adapters: &Adapters, world: &TestWorld) {
    let attributes = world.state.borrow().crm[EMAIL].attributes.clone();
    let attributes = attributes.into_iter().map(|(name, value)| (name, AttributeValue::Text(value.into())));
    let update = ContactUpdate {
        email: EMAIL.into(),
        attributes: attributes.collect(),
        phone_attributes: Vec::new(),
        joins: BTreeSet::new(),
        leaves: BTreeSet::new(),
    };
    let outcome = adapters.crm.update_contact(&adapters.connection, &update).await;
    let body = adapters.body_after(what, &outcome);
    assert_no_formulas(&format!("contact, {what}"), &body["attributes"]);
    assert!(body["attributes"].to_string().contains(CANARY), "{what}: {body}");

    let event: Action = CrmAction::SendEvent { event: CrmEvent::BookingCanceled, at: world.now.get() }.into();
    let Order::Crm(CrmCall::SendEvent(order)) = compose(world, event) else { panic!("an event") };
    let outcome = adapters.crm.send_event(&adapters.connection, &order, None).await;
    let body = adapters.body_after(what, &outcome);
    assert_no_formulas(&format!("event, {what}"), &body["event_properties"]);
}

#[tokio::test]
async fn two_hundred_hostile_texts_reach_no_provider_but_where_they_may() {
    let client = http_client::client_with_timeout(Duration::from_secs(10)).expect("a client");
    let (payloads, languages) = (payloads(), Language::ALL);
    assert_eq!(payloads.len(), 200);
    for (number, (payload, text)) in payloads.iter().enumerate() {
        let kind = PLACES[number % PLACES.len()];
        let (world, adapters) = (booked(kind, text), Adapters::new(&client));
        // Every message comes in every language.
        let message = Message::SAMPLES[number % Message::SAMPLES.len()];
        let language = languages[number / Message::SAMPLES.len() % languages.len()];
        for message in [message, Message::HostNotice(Notice::Booked)] {
            let what = format!("{message:?} {} {payload}", language.tag());
            send_message(&what, &adapters, message, language, &world).await;
        }
        cancel(&world, kind, text);
        tell_vai(payload, &adapters, language, &world).await;
        tell_crm(payload, &adapters, &world).await;
    }
}
