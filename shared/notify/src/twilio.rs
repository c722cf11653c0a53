//! SMS by Twilio, in our own wording.
//!
//! Sources: twilio/twilio-oai (the operation and its fields); twilio.com/docs/api/errors, for the codes, and there
//! 20429 (never processed), 20500 (a repetition may send an SMS twice) and 20503 (out of service, to be tried again).
//! Sending has no idempotency, so the outcome of a call without an answer is unknown until its status callback comes.
//! We do not ask Twilio what it sent to a number: the engine retries a message of unknown outcome once, and a reminder
//! never.

use std::sync::Arc;

use domain::settings::Senders;
use domain::{CommandId, ConnectionName, Outcome, PlainSms, Reason, SmsCharge, SmsOrder};
use http_client::retry_after;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use runtime::{Secrets, TwilioKeys};
use serde::Deserialize;
use serde_json::Value;

use crate::limits::check_limits;
use crate::links::Links;
use crate::wording;

/// The delay after a sender's queue was full.
const FULL_QUEUE_SECONDS: u32 = 60;

/// Twilio's API.
#[derive(Clone, Debug)]
pub struct Twilio {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
    links: Links,
}

impl Twilio {
    /// `base_url` has no trailing slash. Each connection has its own account.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>, links: Links) -> Self {
        Self { client, base_url: base_url.into(), secrets, links }
    }

    /// Returns our own links in messages.
    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// Sends one message; see [`engine::Sms::send`].
    pub async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &SmsOrder) -> Outcome {
        match self.form(connection, key, order) {
            Ok(form) => self.send_form(connection, form).await,
            Err(outcome) => outcome,
        }
    }

    /// Sends an SMS in words of its own; see [`engine::Sms::send_plain`]. It has no status callback: nothing waits for
    /// it, so the key is not sent.
    pub async fn send_plain(&self, connection: &ConnectionName, _: &CommandId, sms: &PlainSms) -> Outcome {
        let Some(sender) = sms.sender.as_deref() else {
            return outcome::misconfigured("the settings name no Twilio sender");
        };
        let mut form = message_form(sms.to.expose(), sender, sms.text.expose());
        self.send_form(connection, form.finish()).await
    }

    async fn send_form(&self, connection: &ConnectionName, form: String) -> Outcome {
        match self.post(connection, form).await {
            Ok(response) => read_outcome(response).await,
            Err(outcome) => outcome,
        }
    }

    async fn keys(&self, connection: &ConnectionName) -> Result<TwilioKeys, Outcome> {
        let providers = self.secrets.providers(connection).await.map_err(|error| outcome::from_secret_error(&error))?;
        let keys =
            providers.twilio.ok_or_else(|| outcome::misconfigured("the connection's secret has no Twilio keys"))?;
        // It is part of the path.
        let is_sid = !keys.account_sid.is_empty() && keys.account_sid.bytes().all(|it| it.is_ascii_alphanumeric());
        if is_sid { Ok(keys) } else { Err(outcome::misconfigured("the secret's Twilio account is not an account SID")) }
    }

    async fn post(&self, connection: &ConnectionName, form: String) -> Result<Response, Outcome> {
        let keys = self.keys(connection).await?;
        let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", self.base_url, keys.account_sid);
        let (user, password) =
            keys.login().ok_or_else(|| outcome::misconfigured("the connection's secret has no key of Twilio's"))?;
        let request = self.client.post(url).basic_auth(user, Some(password.expose()));
        outcome::send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)).await
    }

    fn form(&self, connection: &ConnectionName, key: &CommandId, order: &SmsOrder) -> Result<String, Outcome> {
        let sender =
            order.sender.as_deref().ok_or_else(|| outcome::misconfigured("the settings name no Twilio sender"))?;
        let unsubscribe = self.links.unsubscribe(connection, order.message, &order.booking, &order.content);
        let unsubscribe = unsubscribe.filter(|link| order.limits.allow_link(link));
        let body = wording::render_sms(order.message, &order.content, unsubscribe.as_deref(), order.transliterate)
            .map_err(|broken| broken.outcome())?;
        check_limits(order, &body)?;
        let mut form = message_form(order.to.expose(), sender, &body);
        if let Some(url) = self.links.twilio_status(connection, key, &order.booking) {
            form.append_pair("StatusCallback", &url);
        }
        Ok(form.finish())
    }
}

/// Returns the form of a message.
fn message_form(to: &str, sender: &str, body: &str) -> form_urlencoded::Serializer<'static, String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", to);
    form.append_pair(if Senders::is_messaging_service(sender) { "MessagingServiceSid" } else { "From" }, sender);
    form.append_pair("Body", body);
    form
}

/// Twilio's answer: the message, or an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    /// The message's id.
    sid: Option<String>,
    /// The message's status, such as `queued`. An error has the HTTP status here.
    status: Value,
    /// Why the message failed, or null.
    error_code: Value,
    /// The code of an error.
    code: Option<u32>,
    /// The number of segments, as text. It is 0 while a messaging service has not chosen the sender.
    num_segments: Value,
    /// What the message costs, as text with a minus; null while it is not known, which is the rule.
    price: Value,
    /// The currency of the price.
    price_unit: Value,
}

impl Answer {
    /// Returns what the answer says of the cost.
    fn charge(&self) -> SmsCharge {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let segments = text(&self.num_segments).and_then(|it| it.parse::<u32>().ok()).filter(|it| *it > 0);
        let amount = text(&self.price).zip(self.price_unit.as_str());
        SmsCharge { segments, price: amount.and_then(|(amount, unit)| SmsCharge::parse_price(&amount, unit)) }
    }

    /// Returns whether there is a message that has failed already. No callback will say so, since there is none for
    /// the status that a message has from the beginning.
    fn has_failed(&self) -> bool {
        matches!(self.status.as_str(), Some("failed" | "undelivered" | "canceled"))
    }
}

async fn read_outcome(response: Response) -> Outcome {
    let status = response.status();
    let (by_status, wait) = (outcome::from_response("Twilio", &response), retry_after(response.headers()));
    let body = outcome::read_body(response).await;
    let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        return match answer.code {
            Some(code) => from_code(code, status, wait, by_status),
            None => by_status,
        };
    }
    if answer.has_failed() {
        let code = answer.error_code.as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
        let detail = format!("Twilio answered HTTP {}, and the message failed, code {code}", status.as_u16());
        return from_code(code, status, wait, Outcome::Refused { reason: Reason::ProviderRefused, detail });
    }
    let charge = answer.charge();
    match answer.sid {
        Some(sid) => Outcome::Done { provider_id: Some(sid), charge },
        None => {
            let detail = format!("Twilio answered HTTP {} without a message id", status.as_u16());
            Outcome::Unknown { after_seconds: None, detail }
        }
    }
}

/// Returns the outcome of a code, by Twilio's table. Where it has no line, the status decides.
fn from_code(code: u32, status: StatusCode, wait: Option<u32>, by_status: Outcome) -> Outcome {
    let detail = format!("Twilio answered HTTP {}, code {code}", status.as_u16());
    match code {
        // Account or token wrong, or the account suspended; an invalid, unknown or foreign sender, or one that can't
        // send SMS; a Messaging Service that is not there, or has no number; a trial account, which sends to verified
        // numbers only.
        20003
        | 20404
        | 21212
        | 21601
        | 21603
        | 21604
        | 21606
        | 21608
        | 21616
        | 21659
        | 21660
        | 21701
        | 21703..=21705
        | 30002 => outcome::misconfigured(detail),
        // Too many requests at a time, or too many messages a second, an hour or a day. Twilio does not process such a
        // request, so a retry is safe.
        20429 | 60728 | 63017 | 63038 => Outcome::Unsent { reason: Reason::RateLimited, after_seconds: wait, detail },
        // The sender's queue is full.
        21611 | 30001 => {
            let after_seconds = wait.or(Some(FULL_QUEUE_SECONDS));
            Outcome::Unsent { reason: Reason::RateLimited, after_seconds, detail }
        }
        // Twilio itself says that the service is not available or under maintenance, and that a retry will work.
        20503 if status == StatusCode::SERVICE_UNAVAILABLE => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: wait, detail }
        }
        21730 => Outcome::Unsent { reason: Reason::Unreachable, after_seconds: wait, detail },
        21211 | 21217 => Outcome::Refused { reason: Reason::PhoneInvalid, detail },
        21614 | 21635 => Outcome::Refused { reason: Reason::Landline, detail },
        // The person texted STOP to this sender.
        21610 => Outcome::Refused { reason: Reason::OptedOut, detail },
        // A country that the account may not send to, a number that this sender can't reach, or a text that is too
        // long.
        21408 | 21612 | 21617 => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        // An internal error, 20500, is one of these.
        _ => by_status,
    }
}

#[cfg(test)]
mod tests {
    use domain::settings::Provider;
    use domain::{Message, TextLimits};
    use serde_json::json;
    use stand_in::{Answer, Request, StandIn};

    use super::*;
    use crate::fixtures::{self, ExpectedOutcome, assert_nothing_personal, no_answer, refused, unknown, unsent};

    const SERVICE: &str = "MG0123456789abcdef0123456789ABCDEF";

    fn order(message: Message) -> SmsOrder {
        SmsOrder {
            provider: Provider::Twilio,
            template: None,
            sender: Some("+14155552345".to_owned()),
            ..fixtures::text(message)
        }
    }

    fn twilio(base_url: &str, links: Links) -> Twilio {
        Twilio::new(fixtures::client(), base_url, fixtures::secrets(), links)
    }

    async fn send(twilio: &Twilio, connection: &str, order: &SmsOrder) -> Outcome {
        twilio.send(&fixtures::connection(connection), &fixtures::key(), order).await
    }

    async fn send_to_stand_in(answer: Answer, order: &SmsOrder, links: Links) -> (Outcome, Request) {
        let provider = StandIn::with_answer(answer);
        let outcome = send(&twilio(provider.url(), links), "default", order).await;
        assert_nothing_personal(&format!("{outcome:?}"));
        (outcome, provider.only_request())
    }

    async fn sent(answer: Answer) -> Outcome {
        send_to_stand_in(answer, &order(Message::Confirmation), fixtures::links()).await.0
    }

    fn created() -> Answer {
        Answer::json(201, r#"{"sid":"SM1","status":"queued","error_code":null,"num_segments":"1"}"#)
    }

    #[tokio::test]
    async fn the_request() {
        let (outcome, request) = send_to_stand_in(created(), &order(Message::Confirmation), fixtures::links()).await;
        let charge = SmsCharge { segments: Some(1), price: None };
        assert_eq!(outcome, Outcome::Done { provider_id: Some("SM1".to_owned()), charge });
        let path = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";
        assert_eq!(request.method_and_target(), format!("POST {path}"));
        // base64 of AC…:token.
        let basic = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg==";
        assert_eq!(request.header("authorization"), Some(basic));
        let order = order(Message::Confirmation);
        let body = wording::render_sms(order.message, &order.content, None, false).expect("wording");
        assert_eq!(
            request.json(),
            json!({
                "To": fixtures::PHONE,
                "From": "+14155552345",
                "Body": body,
                "StatusCallback":
                    "https://api.example.com/webhooks/twilio/default?booking=bk-0123&command=sms-confirmation-0123",
            })
        );
    }

    #[tokio::test]
    async fn the_answers_segments_and_price_are_taken_if_it_has_them() {
        use domain::settings::Price;
        for (fields, segments, price) in [
            (r#""num_segments":"3","price":null,"price_unit":"USD""#, Some(3), None),
            (r#""num_segments":"2","price":"-0.01660","price_unit":"USD""#, Some(2), Some("0.0166 USD")),
            (r#""num_segments":2,"price":0.0166,"price_unit":"usd""#, Some(2), Some("0.0166 USD")),
            // A messaging service has not chosen the sender yet.
            (r#""num_segments":"0","price":"-0.0","price_unit":"USD""#, None, None),
            (r#""num_segments":"many","price":{},"price_unit":7"#, None, None),
        ] {
            let body = format!(r#"{{"sid":"SM1","status":"queued",{fields}}}"#);
            let charge = SmsCharge { segments, price: price.and_then(Price::parse) };
            let expected = Outcome::Done { provider_id: Some("SM1".to_owned()), charge };
            assert_eq!(sent(Answer::json(201, &body)).await, expected, "{fields}");
        }
    }

    #[tokio::test]
    async fn an_api_key_sends_in_place_of_the_accounts_token() {
        let provider = StandIn::with_answer(created());
        let twilio = twilio(provider.url(), fixtures::links());
        assert!(matches!(send(&twilio, "with-key", &order(Message::Confirmation)).await, Outcome::Done { .. }));
        let request = provider.only_request();
        let path = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";
        assert_eq!(request.method_and_target(), format!("POST {path}"));
        // base64 of SK1:key-secret.
        assert_eq!(request.header("authorization"), Some("Basic U0sxOmtleS1zZWNyZXQ="));
    }

    #[tokio::test]
    async fn a_messaging_service_is_named_as_such_and_without_a_public_url_there_is_no_callback() {
        for (sender, field) in
            [(SERVICE, "MessagingServiceSid"), ("VAI", "From"), ("MG 12", "From"), (&SERVICE[..33], "From")]
        {
            let order = SmsOrder { sender: Some(sender.to_owned()), ..order(Message::Confirmation) };
            let (_, request) = send_to_stand_in(created(), &order, Links::default()).await;
            assert_eq!(request.json()[field], sender);
            assert_eq!(request.json().as_object().expect("a form").len(), 3, "{}", request.json());
        }
    }

    #[tokio::test]
    async fn what_carriers_would_not_let_through_is_not_sent() {
        let unreachable = twilio(&stand_in::unused_url(), fixtures::links());
        let limited = |domain: &str, wording: Option<&str>| {
            let limits = TextLimits { domains: Some(vec![domain.to_owned()]), ..TextLimits::default() };
            let mut order = SmsOrder { limits, ..order(Message::NoShow) };
            order.content.wording.sms = wording.map(str::to_owned);
            order
        };
        let outcome = send(&unreachable, "default", &limited("a.example", Some("See https://b.example/x"))).await;
        assert!(matches!(outcome, Outcome::Refused { reason: Reason::CountryLinks, .. }), "{outcome:?}");
        assert_nothing_personal(&format!("{outcome:?}"));
        // The link to unsubscribe is left out where its domain is not known, and stays where it is.
        for (domain, has_link) in [("a.example", false), ("example.com", true)] {
            let (outcome, request) = send_to_stand_in(created(), &limited(domain, None), fixtures::links()).await;
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            let body = request.json()["Body"].as_str().expect("a text").to_owned();
            assert_eq!(body.contains("https://api.example.com/unsubscribe/"), has_link, "{body}");
        }
    }

    #[tokio::test]
    async fn each_code_has_its_outcome() {
        use Reason::{Landline, Misconfigured, OptedOut, PhoneInvalid, ProviderRefused, RateLimited, Unreachable};
        let cases: [(u32, u16, ExpectedOutcome<'_>); 30] = [
            (20003, 401, &unsent(Misconfigured, None)),
            (20404, 404, &unsent(Misconfigured, None)),
            (20429, 429, &unsent(RateLimited, None)),
            (20503, 503, &unsent(Unreachable, None)),
            (60728, 429, &unsent(RateLimited, None)),
            (63017, 400, &unsent(RateLimited, None)),
            (63038, 429, &unsent(RateLimited, None)),
            (21211, 400, &refused(PhoneInvalid)),
            (21217, 400, &refused(PhoneInvalid)),
            (21212, 400, &unsent(Misconfigured, None)),
            (21408, 403, &refused(ProviderRefused)),
            (21603, 400, &unsent(Misconfigured, None)),
            (21604, 400, &unsent(Misconfigured, None)),
            (21601, 400, &unsent(Misconfigured, None)),
            (21606, 400, &unsent(Misconfigured, None)),
            (21616, 400, &unsent(Misconfigured, None)),
            (21659, 400, &unsent(Misconfigured, None)),
            (21660, 400, &unsent(Misconfigured, None)),
            (21701, 404, &unsent(Misconfigured, None)),
            (21703, 400, &unsent(Misconfigured, None)),
            (21705, 400, &unsent(Misconfigured, None)),
            (21730, 503, &unsent(Unreachable, None)),
            (21608, 400, &unsent(Misconfigured, None)),
            (21610, 400, &refused(OptedOut)),
            (21611, 429, &unsent(RateLimited, Some(60))),
            (21612, 400, &refused(ProviderRefused)),
            (21614, 400, &refused(Landline)),
            (21617, 400, &refused(ProviderRefused)),
            (21635, 400, &refused(Landline)),
            (21611, 400, &unsent(RateLimited, Some(60))),
        ];
        for (code, status, expected) in cases {
            let body = json!({
                "code": code,
                "message": format!("The number {} is not", fixtures::PHONE),
                "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
                "status": status,
            });
            let outcome = sent(Answer::json(status, body)).await;
            assert_eq!(outcome, expected(format!("Twilio answered HTTP {status}, code {code}")));
        }
    }

    #[tokio::test]
    async fn an_unknown_code_is_judged_by_its_status() {
        let code = |status| sent(Answer::json(status, r#"{"code":99999,"message":"Ana"}"#));
        assert!(matches!(code(400).await, Outcome::Refused { reason: Reason::ProviderRefused, .. }));
        for locked in [403, 404] {
            assert!(matches!(code(locked).await, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{locked}");
        }
        for doubtful in [500, 502, 503] {
            assert_eq!(code(doubtful).await, unknown(None)(format!("Twilio answered HTTP {doubtful}")));
        }
        // An internal error may have sent it, and a proxy's error has no code of Twilio's.
        for (status, body) in [(500, r#"{"code":20500}"#), (502, r#"{"code":20503}"#), (504, ""), (503, "<h1>")] {
            let outcome = sent(Answer::json(status, body)).await;
            assert_eq!(outcome, unknown(None)(format!("Twilio answered HTTP {status}")), "{body}");
        }
        let limited = sent(Answer::new(429, "").header("retry-after", "17")).await;
        assert!(matches!(limited, Outcome::Unsent { reason: Reason::RateLimited, after_seconds: Some(17), .. }));
        for empty in ["", "{}", "[]", "null", "<h1>Ana</h1>"] {
            assert!(matches!(sent(Answer::json(201, empty)).await, Outcome::Unknown { .. }), "{empty}");
        }
    }

    #[tokio::test]
    async fn a_wait_that_twilio_asks_for_counts_whatever_the_code_is() {
        use Reason::{RateLimited, Unreachable};
        let cases: [(u16, &str, ExpectedOutcome<'_>); 6] = [
            (429, r#"{"code":20429}"#, &unsent(RateLimited, Some(90))),
            (429, r#"{"code":21611}"#, &unsent(RateLimited, Some(90))),
            (503, r#"{"code":20503}"#, &unsent(Unreachable, Some(90))),
            (503, r#"{"code":99999}"#, &unsent(Unreachable, Some(90))),
            (503, "<h1>", &unsent(Unreachable, Some(90))),
            (500, r#"{"code":20500}"#, &unknown(Some(90))),
        ];
        for (status, body, expected) in cases {
            for wait in ["90", "Fri, 27 Mar 2026 10:01:30 GMT"] {
                let answer = Answer::json(status, body).header("date", "Fri, 27 Mar 2026 10:00:00 GMT");
                let outcome = sent(answer.header("retry-after", wait)).await;
                let (Outcome::Unsent { detail, .. } | Outcome::Unknown { detail, .. }) = &outcome else {
                    panic!("{outcome:?}")
                };
                assert_eq!(outcome, expected(detail.clone()), "{body}");
            }
        }
    }

    #[tokio::test]
    async fn a_message_that_has_failed_from_the_beginning_is_not_done() {
        let failed = async |status: &str, code: Option<u32>| {
            sent(Answer::json(201, json!({"sid": "SM1", "status": status, "error_code": code}))).await
        };
        for (code, reason) in
            [(Some(21610), Reason::OptedOut), (Some(30007), Reason::ProviderRefused), (None, Reason::ProviderRefused)]
        {
            for status in ["failed", "undelivered", "canceled"] {
                let outcome = failed(status, code).await;
                assert!(matches!(outcome, Outcome::Refused { reason: it, .. } if it == reason), "{outcome:?}");
            }
        }
        let suspended = failed("failed", Some(30002)).await;
        assert!(matches!(suspended, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{suspended:?}");
        let full = failed("failed", Some(30001)).await;
        assert!(
            matches!(full, Outcome::Unsent { reason: Reason::RateLimited, after_seconds: Some(60), .. }),
            "{full:?}"
        );
        for status in ["accepted", "queued", "sending", "sent", "another"] {
            assert_eq!(failed(status, None).await, Outcome::done(Some("SM1".to_owned())));
        }
    }

    #[tokio::test]
    async fn no_answer_is_unknown_and_no_connection_is_unsent() {
        assert_eq!(sent(Answer::never_answers()).await, no_answer());
        assert!(matches!(sent(Answer::closes_connection()).await, Outcome::Unknown { .. }));
        let unreachable = twilio(&stand_in::unused_url(), fixtures::links());
        let outcome = send(&unreachable, "default", &order(Message::Confirmation)).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Unreachable, .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_missing_secret_or_sender_is_misconfigured() {
        let unreachable = twilio(&stand_in::unused_url(), fixtures::links());
        for connection in ["unheard-of", "empty", "broken"] {
            let outcome = send(&unreachable, connection, &order(Message::Confirmation)).await;
            assert!(
                matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }),
                "{connection}: {outcome:?}"
            );
        }
        let order = SmsOrder { sender: None, ..order(Message::Confirmation) };
        let outcome = send(&unreachable, "default", &order).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
    }
}
