//! E-mail by Brevo, in our own wording.
//!
//! Sources: developers.brevo.com (send a transactional e-mail; idempotent requests; rate limits). A calendar file is
//! sent as an attachment only, since Brevo does not let us set the method of its media type.
//!
//! Brevo remembers an idempotency key for 30 minutes. A lost answer still has an unknown outcome: an adapter does not
//! know when the first try was, and after 30 minutes another try could send a reminder twice. The engine retries a
//! confirmation once, usually within a minute, and finds the key used. It does not retry a reminder: Brevo's webhook
//! reports the result.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{CommandId, ConnectionName, EmailOrder, Outcome, PlainEmail, Private, digest};
use reqwest::{Client, Response, StatusCode};
use runtime::Secrets;
use serde::{Deserialize, Serialize};

use crate::envelope::{Envelope, Mailbox};
use crate::links::Links;

/// The longest name that Brevo accepts, in characters.
const LONGEST_NAME: usize = 70;

/// Brevo's API.
#[derive(Clone, Debug)]
pub struct Brevo {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
    links: Links,
}

impl Brevo {
    /// `base_url` has no trailing slash. Each connection has its own key.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>, links: Links) -> Self {
        Self { client, base_url: base_url.into(), secrets, links }
    }

    /// Sends one message; see [`engine::Email::send`].
    pub async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome {
        let envelope = match Envelope::new(connection, order, &self.links) {
            Ok(envelope) => envelope,
            Err(outcome) => return outcome,
        };
        // Their webhooks return it.
        let custom = ("X-Mailin-custom", format!("{}/{key}", order.booking));
        self.send_body(connection, Body::new(key, order.message.name(), &envelope).with_header(custom)).await
    }

    /// Sends a plain e-mail; see [`engine::Email::send_plain`]. Without our header, webhooks about it change nothing.
    pub async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, email: &PlainEmail) -> Outcome {
        match Envelope::plain(email) {
            Ok(envelope) => self.send_body(connection, Body::new(key, "endpoint", &envelope)).await,
            Err(outcome) => outcome,
        }
    }

    async fn send_body(&self, connection: &ConnectionName, body: Body<'_>) -> Outcome {
        match self.post(connection, &body).await {
            Ok(response) => read_outcome(response).await,
            Err(outcome) => outcome,
        }
    }

    async fn key(&self, connection: &ConnectionName) -> Result<Private<String>, Outcome> {
        let providers = self.secrets.providers(connection).await.map_err(|error| outcome::from_secret_error(&error))?;
        providers.brevo_api_key.ok_or_else(|| outcome::misconfigured("the connection's secret has no key for Brevo"))
    }

    async fn post(&self, connection: &ConnectionName, body: &Body<'_>) -> Result<Response, Outcome> {
        let key = self.key(connection).await?;
        let request = self.client.post(format!("{}/v3/smtp/email", self.base_url));
        outcome::send(request.header("api-key", key.expose()).json(body)).await
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    sender: Address<'a>,
    to: [Address<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Address<'a>>,
    subject: &'a str,
    html_content: &'a str,
    text_content: &'a str,
    headers: BTreeMap<&'static str, String>,
    tags: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<[Attachment; 1]>,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize)]
struct Attachment {
    name: &'static str,
    content: String,
}

impl<'a> Address<'a> {
    fn new(mailbox: &'a Mailbox) -> Self {
        let name = mailbox.name.as_deref().map(|it| it.chars().take(LONGEST_NAME).collect());
        Self { email: &mailbox.email, name }
    }
}

impl<'a> Body<'a> {
    fn new(key: &CommandId, tag: &'static str, envelope: &'a Envelope) -> Self {
        let mut headers = BTreeMap::from([
            // Their guide puts the key into the body, not into the request's headers.
            ("idempotencyKey", idempotency_key(key)),
        ]);
        if let Some(link) = &envelope.unsubscribe {
            headers.insert("List-Unsubscribe", format!("<{link}>"));
            headers.insert("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned());
        }
        let rendered = &envelope.rendered;
        let attachment = envelope.calendar.as_ref().map(|(_, text)| {
            let content = BASE64_STANDARD.encode(text);
            [Attachment { name: "invite.ics", content }]
        });
        Self {
            sender: Address::new(&envelope.from),
            to: [Address::new(&envelope.to)],
            reply_to: envelope.reply_to.as_ref().map(Address::new),
            subject: &rendered.subject,
            html_content: &rendered.html,
            text_content: &rendered.text,
            headers,
            tags: [tag],
            attachment,
        }
    }

    fn with_header(mut self, (name, value): (&'static str, String)) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// Makes a UUID of a command's id, as Brevo requires. It has the form of version 5 (a hash of a name), with our own
/// hash.
fn idempotency_key(key: &CommandId) -> String {
    let hex = digest(&["brevo-idempotency", key.as_str()]);
    let variant = match hex.as_bytes()[16] {
        b'0' | b'4' | b'8' | b'c' => '8',
        b'1' | b'5' | b'9' | b'd' => '9',
        b'2' | b'6' | b'a' | b'e' => 'a',
        _ => 'b',
    };
    format!("{}-{}-5{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Brevo's answer: the message, or an error.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    message_id: Option<String>,
    /// In place of `message_id`, for several recipients.
    message_ids: Vec<String>,
    code: Option<String>,
}

/// Returns the outcome of an answer.
///
/// | status | body | outcome |
/// |---|---|---|
/// | 201, 202 | any | done |
/// | another 2xx | with the id of the message | done |
/// | another 2xx | any other | unknown: a page may have answered in place of Brevo |
/// | 400 | `duplicate_parameter` | done: an earlier try of this message was accepted |
/// | any other | | see [`outcome::brevo::from_refusal`] |
async fn read_outcome(response: Response) -> Outcome {
    let (status, wait) = (response.status(), outcome::brevo::wait(&response));
    let body = outcome::read_body(response).await;
    let Answer { message_id, message_ids, code } = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        let id = message_id.or_else(|| message_ids.into_iter().next());
        return if id.is_some() || outcome::brevo::is_taken(status) {
            Outcome::done(id)
        } else {
            let detail = format!("Brevo answered HTTP {} without a message id", status.as_u16());
            Outcome::Unknown { after_seconds: None, detail }
        };
    }
    match (status, code.as_deref()) {
        (StatusCode::BAD_REQUEST, Some("duplicate_parameter")) => Outcome::done(None),
        (_, code) => outcome::brevo::from_refusal(status, code, wait),
    }
}

#[cfg(test)]
mod tests {
    use domain::settings::{CalendarFile, Provider};
    use domain::{Message, Reason};
    use serde_json::{Value, json};
    use stand_in::{Answer, Request, StandIn};

    use super::*;
    use crate::fixtures::{self, ExpectedOutcome, assert_nothing_personal, no_answer, refused, unknown, unsent};
    use crate::{calendar, wording};

    fn order(message: Message) -> EmailOrder {
        fixtures::own_mail(Provider::Brevo, message)
    }

    fn brevo(base_url: &str) -> Brevo {
        Brevo::new(fixtures::client(), base_url, fixtures::secrets(), fixtures::links())
    }

    async fn send(brevo: &Brevo, connection: &str, order: &EmailOrder) -> Outcome {
        brevo.send(&fixtures::connection(connection), &fixtures::key(), order).await
    }

    async fn send_to_stand_in(answer: Answer, order: &EmailOrder) -> (Outcome, Request) {
        let provider = StandIn::with_answer(answer);
        let outcome = send(&brevo(provider.url()), "default", order).await;
        assert_nothing_personal(&format!("{outcome:?}"));
        (outcome, provider.only_request())
    }

    async fn sent(answer: Answer) -> Outcome {
        send_to_stand_in(answer, &order(Message::Confirmation)).await.0
    }

    fn created() -> Answer {
        Answer::json(201, r#"{"messageId":"<1@relay.example.com>"}"#)
    }

    #[tokio::test]
    async fn the_request() {
        let (outcome, request) = send_to_stand_in(created(), &order(Message::Confirmation)).await;
        assert_eq!(outcome, Outcome::done(Some("<1@relay.example.com>".to_owned())));
        assert_eq!(request.method_and_target(), "POST /v3/smtp/email");
        assert_eq!(request.header("api-key"), Some("xkeysib-key"));
        let rendered = wording::render_email(Message::Confirmation, &fixtures::content(), None).expect("wording");
        assert_eq!(
            request.json(),
            json!({
                "sender": {"email": "meetings@vai.example", "name": "VAI întâlniri"},
                "to": [{"email": fixtures::EMAIL, "name": fixtures::NAME}],
                "replyTo": {"email": "maria@vai.example"},
                "subject": rendered.subject,
                "htmlContent": rendered.html,
                "textContent": rendered.text,
                "headers": {
                    "idempotencyKey": idempotency_key(&fixtures::key()),
                    "X-Mailin-custom": "bk-0123/sms-confirmation-0123",
                },
                "tags": ["confirmation"],
            })
        );
    }

    #[tokio::test]
    async fn a_calendar_file_is_attached() {
        let order = EmailOrder { calendar: Some(fixtures::calendar(CalendarFile::Publish)), ..order(Message::Move) };
        let (_, request) = send_to_stand_in(created(), &order).await;
        let attachment = &request.json()["attachment"][0];
        let content = attachment["content"].as_str().expect("a file");
        let content = BASE64_STANDARD.decode(content).expect("base64");
        assert_eq!(String::from_utf8(content).ok(), calendar::build_file(&order));
        assert_eq!(attachment["name"], "invite.ics");
    }

    #[tokio::test]
    async fn only_follow_ups_have_unsubscribe_headers() {
        for message in Message::SAMPLES {
            let (_, request) = send_to_stand_in(created(), &order(message)).await;
            let headers = &request.json()["headers"];
            let link = fixtures::UNSUBSCRIBE;
            let expected = if message.is_follow_up() { json!(format!("<{link}>")) } else { Value::Null };
            assert_eq!(headers["List-Unsubscribe"], expected);
            assert_eq!(headers["List-Unsubscribe-Post"].is_string(), message.is_follow_up());
        }
    }

    #[tokio::test]
    async fn a_long_name_is_cut() {
        let mut order = order(Message::Confirmation);
        order.content.invitee = "會".repeat(200).into();
        let (_, request) = send_to_stand_in(created(), &order).await;
        assert_eq!(request.json()["to"][0]["name"], "會".repeat(40));
    }

    #[test]
    fn a_key_is_a_uuid_of_its_command() {
        let all: std::collections::BTreeSet<_> =
            (0..64).map(|it| idempotency_key(&CommandId::new(format!("mail-confirmation-{it}")))).collect();
        assert_eq!(all.len(), 64);
        for uuid in &all {
            let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert_eq!(uuid.as_bytes()[14], b'5', "{uuid}");
            assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uuid}");
        }
        assert_eq!(idempotency_key(&fixtures::key()), idempotency_key(&fixtures::key()));
    }

    #[tokio::test]
    async fn each_answer_has_its_outcome() {
        use Reason::{Misconfigured, ProviderRefused, RateLimited};
        let cases: [(u16, &str, ExpectedOutcome<'_>); 15] = [
            (400, "invalid_parameter", &refused(ProviderRefused)),
            (400, "missing_parameter", &refused(ProviderRefused)),
            (400, "out_of_range", &refused(ProviderRefused)),
            (400, "bad_request", &refused(ProviderRefused)),
            (400, "account_under_validation", &unsent(Misconfigured, None)),
            (400, "not_enough_credits", &unsent(Misconfigured, None)),
            (401, "unauthorized", &unsent(Misconfigured, None)),
            (402, "not_enough_credits", &unsent(Misconfigured, None)),
            (403, "permission_denied", &unsent(Misconfigured, None)),
            (404, "document_not_found", &refused(ProviderRefused)),
            (405, "method_not_allowed", &unsent(Misconfigured, None)),
            (406, "not_acceptable", &refused(ProviderRefused)),
            (422, "unprocessable_entity", &refused(ProviderRefused)),
            (425, "account_in_process", &unsent(RateLimited, None)),
            (500, "internal_error", &unknown(None)),
        ];
        for (status, code, expected) in cases {
            let body = json!({"code": code, "message": format!("{} is not valid", fixtures::EMAIL)});
            let outcome = sent(Answer::json(status, body)).await;
            assert_eq!(outcome, expected(format!("Brevo answered HTTP {status}, code {code}")));
        }
    }

    #[tokio::test]
    async fn a_used_key_means_that_the_message_was_sent() {
        let duplicate = r#"{"code":"duplicate_parameter","message":"Duplicate idempotency key"}"#;
        assert_eq!(sent(Answer::json(400, duplicate)).await, Outcome::done(None));
        let elsewhere = sent(Answer::json(502, duplicate)).await;
        assert!(matches!(elsewhere, Outcome::Unknown { .. }), "{elsewhere:?}");
    }

    #[tokio::test]
    async fn a_rate_limit_says_when_it_ends() {
        for (header, seconds) in [("x-sib-ratelimit-reset", Some(42)), ("retry-after", Some(42)), ("x-other", None)] {
            let outcome = sent(Answer::new(429, "").header(header, 42)).await;
            let detail = "Brevo answered HTTP 429".to_owned();
            assert_eq!(outcome, Outcome::Unsent { reason: Reason::RateLimited, after_seconds: seconds, detail });
        }
    }

    #[tokio::test]
    async fn the_end_of_another_limit_does_not_prove_that_nothing_was_sent() {
        let busy = |header| sent(Answer::new(503, "").header(header, 42));
        let detail = || "Brevo answered HTTP 503".to_owned();
        assert_eq!(busy("x-sib-ratelimit-reset").await, unknown(None)(detail()));
        assert_eq!(busy("retry-after").await, unsent(Reason::Unreachable, Some(42))(detail()));
    }

    #[tokio::test]
    async fn an_accepted_message_without_id_is_done_and_a_page_in_its_place_is_unknown() {
        let done = |id: Option<&str>| Outcome::done(id.map(str::to_owned));
        for status in [201, 202] {
            for (body, id) in [("", None), ("{}", None), (r#"{"messageIds":["<1@r>"]}"#, Some("<1@r>"))] {
                assert_eq!(sent(Answer::json(status, body)).await, done(id));
            }
        }
        assert_eq!(sent(Answer::json(200, r#"{"messageId":"<1@r>"}"#)).await, done(Some("<1@r>")));
        for page in ["", "{}", "<h1>Ana Pop</h1>"] {
            let expected = unknown(None)("Brevo answered HTTP 200 without a message id".to_owned());
            assert_eq!(sent(Answer::new(200, page)).await, expected);
        }
    }

    #[tokio::test]
    async fn the_text_of_an_answer_is_not_kept() {
        let outcome = sent(Answer::json(400, json!({"code": "Ana Pop is not valid"}))).await;
        let detail = "Brevo answered HTTP 400".to_owned();
        assert_eq!(outcome, Outcome::Refused { reason: Reason::ProviderRefused, detail });
    }

    #[tokio::test]
    async fn no_answer_is_unknown_and_no_connection_is_unsent() {
        assert_eq!(sent(Answer::never_answers()).await, no_answer());
        assert!(matches!(sent(Answer::closes_connection()).await, Outcome::Unknown { .. }));
        let outcome = send(&brevo(&stand_in::unused_url()), "default", &order(Message::Confirmation)).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Unreachable, .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_missing_secret_or_sender_is_misconfigured() {
        let unreachable = brevo(&stand_in::unused_url());
        for connection in ["unheard-of", "empty", "broken"] {
            let outcome = send(&unreachable, connection, &order(Message::Confirmation)).await;
            assert!(
                matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }),
                "{connection}: {outcome:?}"
            );
        }
        let order = EmailOrder { from: None, ..order(Message::Confirmation) };
        let outcome = send(&unreachable, "default", &order).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
    }
}
