//! E-mail by Amazon SES, in our own wording, as a raw message: only there can the calendar file be an invitation.
//!
//! Sources: the SES API v2 (`SendEmail`, its errors and the common errors); the SES developer guide, "Amazon SES email
//! sending errors": when SES answers with an error, it has not sent the e-mail. It has no idempotency token, so the
//! SDK's retries are off.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use domain::{CommandId, ConnectionName, EmailOrder, Outcome, PlainEmail, Reason};
use http_client::parse_retry_after;
use reqwest::StatusCode;

use crate::envelope::Envelope;
use crate::links::Links;
use crate::mime;

/// Amazon SES.
#[derive(Debug)]
pub struct Ses {
    sdk: SdkConfig,
    endpoint: Option<String>,
    /// The stack that sends. A rule of each stack passes on the events of its own mail.
    stack: Option<String>,
    timeout: Duration,
    /// Built on first use: most connections never use it.
    client: OnceLock<Client>,
    links: Links,
}

impl Ses {
    /// `endpoint` is for a sandbox; without it, the SDK chooses. `stack` is the name of the stack that sends: without
    /// it, the events of the mail reach no stack.
    pub fn new(sdk: SdkConfig, endpoint: Option<String>, stack: Option<String>, links: Links) -> Self {
        Self { sdk, endpoint, stack, timeout: http_client::CALL_TIMEOUT, client: OnceLock::new(), links }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(http_client::CONNECT_TIMEOUT)
                .operation_attempt_timeout(self.timeout)
                .operation_timeout(self.timeout);
            let mut config = aws_sdk_sesv2::config::Builder::from(&self.sdk)
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts.build());
            if let Some(endpoint) = &self.endpoint {
                config = config.endpoint_url(endpoint);
            }
            Client::from_conf(config.build())
        })
    }

    /// Sends one message; see [`engine::Email::send`].
    pub async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome {
        let envelope = match Envelope::new(connection, order, &self.links) {
            Ok(envelope) => envelope,
            Err(outcome) => return outcome,
        };
        let tags =
            [("booking", order.booking.as_str()), ("command", key.as_str()), ("connection", connection.as_str())];
        self.send_envelope(&envelope, &tags, order.configuration_set.clone()).await
    }

    /// Sends a plain e-mail; see [`engine::Email::send_plain`]. SES takes no id that would recognize a repetition, so
    /// the key is a tag only. Without a booking, receipts of it change nothing.
    pub async fn send_plain(&self, connection: &ConnectionName, key: &CommandId, email: &PlainEmail) -> Outcome {
        let envelope = match Envelope::plain(email) {
            Ok(envelope) => envelope,
            Err(outcome) => return outcome,
        };
        let tags = [("command", key.as_str()), ("connection", connection.as_str())];
        self.send_envelope(&envelope, &tags, email.configuration_set.clone()).await
    }

    async fn send_envelope(
        &self,
        envelope: &Envelope,
        tags: &[(&str, &str)],
        configuration_set: Option<String>,
    ) -> Outcome {
        let Ok(raw) = RawMessage::builder().data(Blob::new(mime::build_message(envelope))).build() else {
            return outcome::misconfigured("the request could not be built");
        };
        let stack = self.stack.as_deref().map(|name| ("stack", name));
        let tags = tags.iter().copied().chain(stack).filter_map(|(name, value)| tag(name, value));
        let call = self
            .client()
            .send_email()
            .from_email_address(&envelope.from.email)
            .destination(Destination::builder().to_addresses(&envelope.to.email).build())
            .content(EmailContent::builder().raw(raw).build())
            .set_email_tags(Some(tags.collect()))
            .set_configuration_set_name(configuration_set);
        match call.send().await {
            Ok(answer) => Outcome::done(answer.message_id),
            Err(error) => from_error(&error),
        }
    }
}

/// Builds a tag, which SES's events return. `None` for a value that SES would refuse, together with the message.
fn tag(name: &str, value: &str) -> Option<MessageTag> {
    let is_valid = (1..=256).contains(&value.len())
        && value.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-');
    if is_valid { MessageTag::builder().name(name).value(value).build().ok() } else { None }
}

/// What SES's text of a `MessageRejected` says when the sender is not verified; or, in SES's sandbox, the recipient.
const NOT_VERIFIED: &str = "Email address is not verified";

fn from_error(error: &SdkError<SendEmailError, HttpResponse>) -> Outcome {
    match error {
        SdkError::ConstructionFailure(_) => outcome::misconfigured("the request could not be built"),
        SdkError::TimeoutError(_) => unanswered("no answer in time"),
        SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(|it| is_connect_failure(it)) => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: "no connection".to_owned() }
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => unanswered("no answer in time"),
        SdkError::ServiceError(answer) => {
            let headers = answer.raw().headers();
            let wait = headers.get("retry-after").map(|it| parse_retry_after(it, headers.get("date")));
            let is_unverified = answer.err().message().is_some_and(|it| it.contains(NOT_VERIFIED));
            from_code(answer.err().code(), is_unverified, answer.raw().status().as_u16(), wait)
        }
        _ => unanswered("the connection broke"),
    }
}

fn unanswered(detail: &str) -> Outcome {
    Outcome::Unknown { after_seconds: None, detail: detail.to_owned() }
}

/// Whether no connection was made, so that nothing was sent. Any other failure may have happened after sending.
fn is_connect_failure(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let is_refusal = matches!(
            kind,
            Some(ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
        );
        // The text of the SDK's HTTP client, whose error type is private.
        if is_refusal || error.to_string() == "client error (Connect)" {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns the outcome of an error, by its name, or by the status when the name is unknown.
fn from_code(code: Option<&str>, is_unverified: bool, status: u16, after_seconds: Option<u32>) -> Outcome {
    let code = code.filter(|it| it.bytes().all(|it| it.is_ascii_alphanumeric()));
    let suffix = code.map(|it| format!(", code {it}")).unwrap_or_default();
    let detail = format!("Amazon SES answered HTTP {status}{suffix}");
    match code.unwrap_or_default() {
        "MessageRejected" if is_unverified => outcome::misconfigured(detail),
        // About this message.
        "MessageRejected" | "BadRequestException" => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        // The account is suspended, the sender's domain is not set up, the configuration set does not exist, our role
        // may not send, or its credentials have expired.
        "AccountSuspendedException"
        | "SendingPausedException"
        | "MailFromDomainNotVerifiedException"
        | "NotFoundException"
        | "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired" => outcome::misconfigured(detail),
        // Too many a second or a day.
        "TooManyRequestsException" | "LimitExceededException" | "ThrottlingException" | "Throttling" => {
            Outcome::Unsent { reason: Reason::RateLimited, after_seconds, detail }
        }
        // SES itself says that it could not take it. An internal failure stays in doubt: its cause is not known.
        "ServiceUnavailable" | "ServiceUnavailableException" => {
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds, detail }
        }
        _ => outcome::from_status(
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            after_seconds,
            detail,
        ),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use domain::Message;
    use domain::settings::Provider;
    use serde_json::{Value, json};
    use stand_in::{Answer, Request, StandIn};

    use super::*;
    use crate::fixtures::{self, EMAIL, ExpectedOutcome, assert_nothing_personal, no_answer, refused, unknown, unsent};

    fn ses(endpoint: &str) -> Ses {
        Ses { timeout: Duration::from_millis(300), ..fixtures::ses(endpoint) }
    }

    async fn send_to_stand_in(answer: Answer, order: &EmailOrder) -> (Outcome, Request) {
        let provider = StandIn::with_answer(answer);
        let outcome = ses(provider.url()).send(&fixtures::connection("default"), &fixtures::key(), order).await;
        assert_nothing_personal(&format!("{outcome:?}"));
        (outcome, provider.only_request())
    }

    fn order() -> EmailOrder {
        fixtures::own_mail(Provider::Ses, Message::Confirmation)
    }

    async fn sent(answer: Answer) -> Outcome {
        send_to_stand_in(answer, &order()).await.0
    }

    #[tokio::test]
    async fn the_request() {
        let order = EmailOrder { configuration_set: Some("vai".to_owned()), ..order() };
        let (outcome, request) = send_to_stand_in(Answer::json(200, r#"{"MessageId":"0100"}"#), &order).await;
        assert_eq!(outcome, Outcome::done(Some("0100".to_owned())));
        assert_eq!(request.method_and_target(), "POST /v2/email/outbound-emails");
        let mut body = request.json();
        let raw = body["Content"]["Raw"]["Data"].take();
        let raw = BASE64_STANDARD.decode(raw.as_str().expect("a message")).expect("base64");
        let links = fixtures::links();
        let envelope = Envelope::new(&fixtures::connection("default"), &order, &links);
        assert_eq!(raw, mime::build_message(&envelope.unwrap_or_else(|outcome| panic!("{outcome:?}"))));
        assert_eq!(
            body,
            json!({
                "FromEmailAddress": "meetings@vai.example",
                "Destination": {"ToAddresses": [fixtures::EMAIL]},
                "Content": {"Raw": {"Data": Value::Null}},
                "ConfigurationSetName": "vai",
                "EmailTags": [
                    {"Name": "booking", "Value": "bk-0123"},
                    {"Name": "command", "Value": "sms-confirmation-0123"},
                    {"Name": "connection", "Value": "default"},
                    {"Name": "stack", "Value": "vai-calendly-test"},
                ],
            })
        );
    }

    #[tokio::test]
    async fn each_error_has_its_outcome_and_none_is_retried() {
        use Reason::{Misconfigured, ProviderRefused, RateLimited, Unreachable};
        let cases: [(u16, &str, ExpectedOutcome<'_>); 17] = [
            (400, "MessageRejected", &refused(ProviderRefused)),
            (400, "BadRequestException", &refused(ProviderRefused)),
            (400, "MailFromDomainNotVerifiedException", &unsent(Misconfigured, None)),
            (400, "AccountSuspendedException", &unsent(Misconfigured, None)),
            (400, "SendingPausedException", &unsent(Misconfigured, None)),
            (404, "NotFoundException", &unsent(Misconfigured, None)),
            (403, "AccessDeniedException", &unsent(Misconfigured, None)),
            (403, "InvalidSignatureException", &unsent(Misconfigured, None)),
            (429, "TooManyRequestsException", &unsent(RateLimited, None)),
            (400, "LimitExceededException", &unsent(RateLimited, None)),
            (400, "ThrottlingException", &unsent(RateLimited, None)),
            (400, "RequestExpired", &unsent(Misconfigured, None)),
            (403, "ExpiredTokenException", &unsent(Misconfigured, None)),
            (500, "InternalFailure", &unknown(None)),
            (502, "InternalServiceErrorException", &unknown(None)),
            (503, "ServiceUnavailable", &unsent(Unreachable, None)),
            (503, "ServiceUnavailableException", &unsent(Unreachable, None)),
        ];
        for (status, code, expected) in cases {
            let body = json!({"__type": code, "message": format!("{} is not verified", fixtures::EMAIL)});
            let outcome = sent(Answer::json(status, body)).await;
            assert_eq!(outcome, expected(format!("Amazon SES answered HTTP {status}, code {code}")));
        }
    }

    #[tokio::test]
    async fn a_sender_that_is_not_verified_is_misconfigured() {
        let message = format!("Email address is not verified. The following identities failed the check: {EMAIL}");
        let outcome = sent(Answer::json(400, json!({"__type": "MessageRejected", "message": message}))).await;
        let detail = "Amazon SES answered HTTP 400, code MessageRejected".to_owned();
        assert_eq!(outcome, unsent(Reason::Misconfigured, None)(detail));
    }

    #[tokio::test]
    async fn an_answer_without_a_name_is_judged_by_its_status() {
        let page = |status| Answer::new(status, "<h1>Ana Pop</h1>").header("date", "Fri, 27 Mar 2026 10:00:00 GMT");
        for doubtful in [200, 500, 502, 503, 504] {
            assert!(matches!(sent(page(doubtful)).await, Outcome::Unknown { .. }), "{doubtful}");
        }
        for wait in ["90", "Fri, 27 Mar 2026 10:01:30 GMT"] {
            let outcome = sent(page(503).header("retry-after", wait)).await;
            let expected = unsent(Reason::Unreachable, Some(90))("Amazon SES answered HTTP 503".to_owned());
            assert_eq!(outcome, expected, "{wait}");
        }
    }

    #[tokio::test]
    async fn no_answer_is_unknown_and_no_connection_is_unsent() {
        assert_eq!(sent(Answer::never_answers()).await, no_answer());
        let broken = sent(Answer::closes_connection()).await;
        assert!(matches!(broken, Outcome::Unknown { .. }), "{broken:?}");
        let outcome =
            ses(&stand_in::unused_url()).send(&fixtures::connection("default"), &fixtures::key(), &order()).await;
        assert_eq!(
            outcome,
            Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: "no connection".to_owned() }
        );
    }

    #[tokio::test]
    async fn without_a_sender_no_client_is_built() {
        let ses = ses(&stand_in::unused_url());
        let order = EmailOrder { from: None, ..order() };
        let outcome = ses.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
        assert!(ses.client.get().is_none());
    }

    #[test]
    fn tags_have_only_characters_that_ses_accepts() {
        assert!(tag("booking", "bk-0123_x").is_some());
        for invalid in ["", "a b", "ă", "a.b", &"x".repeat(257)] {
            assert!(tag("booking", invalid).is_none(), "{invalid}");
        }
    }
}
