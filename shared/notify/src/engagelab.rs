//! SMS by EngageLab, in approved templates.
//!
//! Sources: DevEngageLab/engagelab-skills (the vendor's error table) and engagelab.com/docs/sms/api/send-message. They
//! document no idempotency, so the outcome of a call without an answer is unknown. A message scheduled with them can't
//! be withdrawn, so we time reminders ourselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{BookingId, CommandId, ConnectionName, Outcome, PlainSms, Reason, SmsOrder};
use http_client::retry_after;
use reqwest::{Client, Response, StatusCode};
use runtime::{EngagelabKeys, Secrets};
use serde::{Deserialize, Serialize};

use crate::limits::check_limits;
use crate::links::Links;
use crate::wording::params;

/// The plan that EngageLab lists our messages under.
const PLAN: &str = "vai-calendly";
/// The delay after EngageLab refused the same template to the same person as too soon. Its period is not documented.
const TOO_SOON_SECONDS: u32 = 900;

/// EngageLab's API.
#[derive(Clone, Debug)]
pub struct Engagelab {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
    links: Links,
}

impl Engagelab {
    /// `base_url` has no trailing slash. Each connection has its own key pair.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>, links: Links) -> Self {
        Self { client, base_url: base_url.into(), secrets, links }
    }

    /// Sends one message; see [`engine::Sms::send`].
    pub async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &SmsOrder) -> Outcome {
        let Some(template) = &order.template else {
            return outcome::misconfigured("the settings name no template of EngageLab's");
        };
        let unsubscribe = self.links.unsubscribe(connection, order.message, &order.booking, &order.content);
        let unsubscribe = unsubscribe.filter(|link| order.limits.allow_link(link));
        let params = params(order.message, &order.content, unsubscribe.as_deref());
        if let Err(outcome) = params.values().try_for_each(|text| check_limits(order, text)) {
            return outcome;
        }
        let template = Template { id: template, params };
        let custom_args = Some(CustomArgs { command_id: key, booking_id: &order.booking, connection });
        let body = Body { to: [order.to.expose()], template, plan_name: PLAN, custom_args };
        self.post_message(connection, &body).await
    }

    /// Sends a one-time code; see [`engine::Sms::send_plain`]. Its receipts name no message of ours: nothing waits for
    /// them.
    pub async fn send_plain(&self, connection: &ConnectionName, _: &CommandId, sms: &PlainSms) -> Outcome {
        let Some(template) = &sms.template else {
            return outcome::misconfigured("the settings name no template of EngageLab's for codes");
        };
        let params = BTreeMap::from([("code", sms.digits.expose().to_owned())]);
        let template = Template { id: template, params };
        let body = Body { to: [sms.to.expose()], template, plan_name: PLAN, custom_args: None };
        self.post_message(connection, &body).await
    }

    async fn post_message(&self, connection: &ConnectionName, body: &Body<'_>) -> Outcome {
        match self.post(connection, body).await {
            Ok(response) => read_outcome(response).await,
            Err(outcome) => outcome,
        }
    }

    async fn keys(&self, connection: &ConnectionName) -> Result<EngagelabKeys, Outcome> {
        let providers = self.secrets.providers(connection).await.map_err(|error| outcome::from_secret_error(&error))?;
        providers.engagelab.ok_or_else(|| outcome::misconfigured("the connection's secret has no EngageLab keys"))
    }

    async fn post(&self, connection: &ConnectionName, body: &Body<'_>) -> Result<Response, Outcome> {
        let keys = self.keys(connection).await?;
        let request = self.client.post(format!("{}/v1/messages", self.base_url)).json(body);
        outcome::send(request.basic_auth(keys.dev_key.expose(), Some(keys.dev_secret.expose()))).await
    }
}

#[derive(Serialize)]
struct Body<'a> {
    /// One recipient: only then does the answer name the message.
    to: [&'a str; 1],
    template: Template<'a>,
    plan_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_args: Option<CustomArgs<'a>>,
}

#[derive(Serialize)]
struct Template<'a> {
    id: &'a str,
    params: BTreeMap<&'static str, String>,
}

/// Delivery receipts return these.
#[derive(Serialize)]
struct CustomArgs<'a> {
    command_id: &'a CommandId,
    booking_id: &'a BookingId,
    connection: &'a ConnectionName,
}

/// EngageLab's answer. `code` tells success from failure, whatever the status is.
#[derive(PartialEq, Default, Deserialize)]
#[serde(default)]
struct Answer {
    /// Absent or 0 on success, by their documents.
    code: Option<i64>,
    message_id: Option<Id>,
    accepted_count: Option<u64>,
}

/// An id, as text or as a number. Numbers exceed 2^53, so they are no floats.
#[derive(PartialEq, Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

async fn read_outcome(response: Response) -> Outcome {
    let status = response.status();
    let (by_status, wait) = (outcome::from_response("EngageLab", &response), retry_after(response.headers()));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return by_status;
    }
    let body = outcome::read_body(response).await;
    match serde_json::from_slice::<Answer>(&body) {
        Ok(answer) if answer != Answer::default() => from_code(answer, status, wait, by_status),
        Ok(_) | Err(_) if status.is_success() => {
            let detail = format!("EngageLab answered HTTP {} without a result", status.as_u16());
            Outcome::Unknown { after_seconds: None, detail }
        }
        Ok(_) | Err(_) => by_status,
    }
}

/// Returns the outcome of a code, by the vendor's table. Where it has no line, the status decides.
fn from_code(answer: Answer, status: StatusCode, wait: Option<u32>, by_status: Outcome) -> Outcome {
    let code = answer.code.unwrap_or(0);
    let detail = format!("EngageLab answered HTTP {}, code {code}", status.as_u16());
    match code {
        0 if !status.is_success() => by_status,
        0 if answer.accepted_count == Some(0) => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        // The receipts have the price; the answer has none.
        0 => Outcome::done(answer.message_id.map(|id| match id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        })),
        // An internal error: the message may have been sent.
        1000 => Outcome::Unknown { after_seconds: wait, detail },
        // Key wrong, key expired, no permission, template not found or not approved. An operator may correct it: the
        // next try composes the message anew, with the keys and settings of that time.
        2001 | 2002 | 2004 | 4001 => outcome::misconfigured(detail),
        // Not JSON, bad parameters, or against their rules.
        3001..=3003 => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        // The same template to the same person too soon. The retry checks again whether the booking still needs it.
        3004 => {
            let after_seconds = wait.or(Some(TOO_SOON_SECONDS));
            Outcome::Unsent { reason: Reason::RateLimited, after_seconds, detail }
        }
        // EngageLab could not send it.
        5001 => Outcome::Unsent { reason: Reason::ProviderRefused, after_seconds: wait, detail },
        // The vendor's own client takes any other code for a failure.
        _ if status.is_success() => Outcome::Refused { reason: Reason::ProviderRefused, detail },
        _ => by_status,
    }
}

#[cfg(test)]
mod tests {
    use domain::Message;
    use insta::assert_snapshot;
    use serde_json::json;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, ExpectedOutcome, assert_nothing_personal, no_answer, unknown, unsent};

    fn engagelab(base_url: &str) -> Engagelab {
        Engagelab::new(fixtures::client(), base_url, fixtures::secrets(), fixtures::links())
    }

    async fn send(engagelab: &Engagelab, connection: &str, order: &SmsOrder) -> Outcome {
        engagelab.send(&fixtures::connection(connection), &fixtures::key(), order).await
    }

    async fn sent(answer: Answer) -> Outcome {
        let provider = StandIn::with_answer(answer);
        let outcome = send(&engagelab(provider.url()), "default", &fixtures::text(Message::Confirmation)).await;
        provider.only_request();
        assert_nothing_personal(&format!("{outcome:?}"));
        outcome
    }

    #[tokio::test]
    async fn the_request() {
        let provider = StandIn::with_answer(Answer::json(200, r#"{"message_id":"1"}"#));
        let mut order = fixtures::text(Message::Move);
        order.content.old_start = Some(fixtures::at("2026-03-28T10:00:00Z"));
        send(&engagelab(provider.url()), "default", &order).await;
        let request = provider.only_request();
        assert_eq!(request.method_and_target(), "POST /v1/messages");
        // base64 of key:secret.
        assert_eq!(request.header("authorization"), Some("Basic a2V5OnNlY3JldA=="));
        assert_eq!(request.header("user-agent"), Some("vai-calendly"));
        assert_snapshot!(serde_json::to_string_pretty(&request.json()).expect("JSON"), @r#"
        {
          "custom_args": {
            "booking_id": "bk-0123",
            "command_id": "sms-confirmation-0123",
            "connection": "default"
          },
          "plan_name": "vai-calendly",
          "template": {
            "id": "1972488990548348928",
            "params": {
              "cancel_link": "https://calendly.com/cancellations/IN2",
              "event": "Demonstrație",
              "greeting": "Bună ziua, Ana",
              "host": "Maria",
              "invitee": "Ana Pop",
              "link": "https://zoom.example/j/1",
              "name": "Ana",
              "old_short_time": "sâm., 28 mar., 12:00 (ora României, UTC+2)",
              "old_time": "sâmbătă, 28 martie 2026 la 12:00 (ora României, UTC+2)",
              "place": "https://zoom.example/j/1",
              "reschedule_link": "https://calendly.com/reschedulings/IN2",
              "short_time": "dum., 29 mar., 15:15 (ora României, UTC+3)",
              "time": "duminică, 29 martie 2026 la 15:15 (ora României, UTC+3)"
            }
          },
          "to": [
            "+40712345678"
          ]
        }
        "#);
    }

    #[tokio::test]
    async fn without_a_template_nothing_is_sent() {
        let mut order = fixtures::text(Message::Confirmation);
        order.template = None;
        let outcome = send(&engagelab(&stand_in::unused_url()), "default", &order).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_success_has_the_message_id() {
        let done = |id: Option<&str>| Outcome::done(id.map(str::to_owned));
        for (body, id) in [
            (
                r#"{"plan_id":"1","total_count":1,"accepted_count":1,"message_id":"1972488990804201472"}"#,
                Some("1972488990804201472"),
            ),
            (r#"{"message_id":1972492621368553473}"#, Some("1972492621368553473")),
            (r#"{"code":0,"message":"ok","message_id":"7"}"#, Some("7")),
            (r#"{"plan_id":"1","total_count":1,"accepted_count":1}"#, None),
        ] {
            assert_eq!(sent(Answer::json(200, body)).await, done(id), "{body}");
        }
    }

    #[tokio::test]
    async fn each_code_has_its_outcome() {
        use Reason::{Misconfigured, ProviderRefused, RateLimited};
        let detail = |status: u16, code: i64| format!("EngageLab answered HTTP {status}, code {code}");
        for (code, status) in [
            (1000, 500),
            (2001, 401),
            (2002, 401),
            (2004, 403),
            (3001, 400),
            (3002, 400),
            (3003, 400),
            (3004, 400),
            (4001, 400),
            (5001, 400),
        ] {
            // An error may come with an error status or with 200.
            for status in [status, 200] {
                let outcome = sent(Answer::json(status, json!({"code": code, "message": fixtures::PHONE}))).await;
                let detail = detail(status, code);
                let expected = match code {
                    1000 => Outcome::Unknown { after_seconds: None, detail },
                    2001 | 2002 | 2004 | 4001 => Outcome::Unsent { reason: Misconfigured, after_seconds: None, detail },
                    3004 => Outcome::Unsent { reason: RateLimited, after_seconds: Some(TOO_SOON_SECONDS), detail },
                    5001 => Outcome::Unsent { reason: ProviderRefused, after_seconds: None, detail },
                    _ => Outcome::Refused { reason: ProviderRefused, detail },
                };
                assert_eq!(outcome, expected);
            }
        }
    }

    #[tokio::test]
    async fn an_unknown_code_is_judged_by_its_status() {
        let code = |status| sent(Answer::json(status, r#"{"code":9999,"message":"Ana"}"#));
        assert!(matches!(code(200).await, Outcome::Refused { reason: Reason::ProviderRefused, .. }));
        assert!(matches!(code(400).await, Outcome::Refused { reason: Reason::ProviderRefused, .. }));
        assert!(matches!(code(502).await, Outcome::Unknown { .. }));
        let none = sent(Answer::json(200, r#"{"total_count":1,"accepted_count":0}"#)).await;
        assert!(matches!(none, Outcome::Refused { reason: Reason::ProviderRefused, .. }));
    }

    #[tokio::test]
    async fn an_answer_without_json_is_judged_by_its_status() {
        let html = |status| sent(Answer::new(status, "<h1>Ana Pop</h1>").header("content-type", "text/html"));
        for doubtful in [500, 502, 503, 504] {
            assert_eq!(html(doubtful).await, unknown(None)(format!("EngageLab answered HTTP {doubtful}")));
        }
        assert!(matches!(html(200).await, Outcome::Unknown { .. }));
        for empty in ["", "{}", "[]", "null"] {
            assert!(matches!(sent(Answer::json(200, empty)).await, Outcome::Unknown { .. }), "{empty}");
        }
        assert!(matches!(html(413).await, Outcome::Refused { reason: Reason::ProviderRefused, .. }));
        for elsewhere in [401, 403, 404, 405] {
            assert!(matches!(html(elsewhere).await, Outcome::Unsent { reason: Reason::Misconfigured, .. }));
        }
        assert!(matches!(html(408).await, Outcome::Unknown { .. }));
        let limited = sent(Answer::new(429, "").header("retry-after", "17")).await;
        assert!(matches!(limited, Outcome::Unsent { reason: Reason::RateLimited, after_seconds: Some(17), .. }));
        let moved = sent(Answer::new(302, "").header("location", "/elsewhere")).await;
        assert!(matches!(moved, Outcome::Unsent { reason: Reason::Misconfigured, .. }));
    }

    #[tokio::test]
    async fn a_wait_that_engagelab_asks_for_counts_whatever_the_code_is() {
        use Reason::{ProviderRefused, RateLimited, Unreachable};
        let cases: [(u16, &str, ExpectedOutcome<'_>); 6] = [
            (400, r#"{"code":3004}"#, &unsent(RateLimited, Some(90))),
            (400, r#"{"code":5001}"#, &unsent(ProviderRefused, Some(90))),
            (429, r#"{"code":9999}"#, &unsent(RateLimited, Some(90))),
            (503, r#"{"code":9999}"#, &unsent(Unreachable, Some(90))),
            (503, "<h1>", &unsent(Unreachable, Some(90))),
            (500, r#"{"code":1000}"#, &unknown(Some(90))),
        ];
        for (status, body, expected) in cases {
            let outcome = sent(Answer::json(status, body).header("retry-after", 90)).await;
            let (Outcome::Unsent { detail, .. } | Outcome::Unknown { detail, .. }) = &outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(outcome, expected(detail.clone()), "{body}");
        }
    }

    #[tokio::test]
    async fn no_answer_is_unknown_and_no_connection_is_unsent() {
        assert_eq!(sent(Answer::never_answers()).await, no_answer());
        assert!(matches!(sent(Answer::closes_connection()).await, Outcome::Unknown { .. }));

        let unreachable = engagelab(&stand_in::unused_url());
        let outcome = send(&unreachable, "default", &fixtures::text(Message::Confirmation)).await;
        assert_eq!(
            outcome,
            Outcome::Unsent {
                reason: Reason::Unreachable,
                after_seconds: None,
                detail: "no connection: Connection refused (os error 111)".to_owned(),
            }
        );
    }

    #[tokio::test]
    async fn a_missing_secret_is_tried_again() {
        let unreachable = engagelab(&stand_in::unused_url());
        for connection in ["unheard-of", "empty", "broken"] {
            let outcome = send(&unreachable, connection, &fixtures::text(Message::Confirmation)).await;
            assert!(
                matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }),
                "{connection}: {outcome:?}"
            );
        }
    }

    #[test]
    fn an_order_prints_nothing_personal() {
        let mut order = fixtures::text(Message::Confirmation);
        order.content.location = Some(fixtures::PHONE.into());
        assert_nothing_personal(&format!("{order:?}"));
    }
}
