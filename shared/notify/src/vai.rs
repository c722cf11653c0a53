//! VAI's backend: e-mail, news about bookings, offers of help, analytics.
//!
//! Any 2xx is a success; the body of an answer is ignored. VAI documents no idempotency, but each call has our command
//! id as `Idempotency-Key`.

use std::sync::Arc;

use domain::{Analytics, CommandId, ConnectionName, EmailOrder, HelpOccasion, News, Outcome, Private, VaiOrder};
use jiff::Timestamp;
use reqwest::{Client, Response};
use runtime::Secrets;
use serde::Serialize;
use wire::vai;

use crate::phrases;

/// VAI's API.
#[derive(Clone, Debug)]
pub struct VaiClient {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
}

impl VaiClient {
    /// `base_url` has no trailing slash. Each connection has its own key.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>) -> Self {
        Self { client, base_url: base_url.into(), secrets }
    }

    async fn key(&self, connection: &ConnectionName) -> Result<Private<String>, Outcome> {
        let providers = self.secrets.providers(connection).await.map_err(|error| outcome::from_secret_error(&error))?;
        providers.vai_api_key.ok_or_else(|| outcome::misconfigured("the connection's secret has no key for VAI"))
    }

    async fn call(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, Outcome> {
        let bearer = self.key(connection).await?;
        let request = self.client.post(format!("{}{path}", self.base_url)).bearer_auth(bearer.expose());
        outcome::send(request.header("Idempotency-Key", key.as_str()).json(body)).await
    }

    async fn post(&self, connection: &ConnectionName, key: &CommandId, path: &str, body: &impl Serialize) -> Outcome {
        match self.call(connection, key, path, body).await {
            Ok(response) if response.status().is_success() => Outcome::done(None),
            Ok(response) => outcome::from_response("VAI", &response),
            Err(outcome) => outcome,
        }
    }
}

impl VaiClient {
    /// Sends one e-mail; see [`engine::Email::send`].
    pub async fn send(&self, connection: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome {
        if order.template.is_none() {
            return outcome::misconfigured("the settings name no template of VAI's");
        }
        let content = &order.content;
        let subject = phrases::subject(order.message, content.language, &content.event);
        let host_zone = content.host_zone.as_deref();
        let [start, end] = [content.start, content.end]
            .map(|at| local_time::format_long(at, &content.zone, host_zone, content.language));
        self.post(connection, key, vai::EMAIL, &vai::Email::new(order, &subject, &start, &end)).await
    }
}

impl engine::Vai for VaiClient {
    async fn send_news(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        news: News,
        order: &VaiOrder,
        now: Timestamp,
    ) -> Outcome {
        match news {
            News::Booked => self.post(connection, key, vai::NOTIFY, &vai::Booked::new(order, now)).await,
            News::Confirmed => self.post(connection, key, vai::CONFIRMED, &vai::Confirmed::new(order, now)).await,
            News::Canceled => self.post(connection, key, vai::CANCELED, &vai::Canceled::new(order, now)).await,
            News::Rescheduled => self.post(connection, key, vai::RESCHEDULED, &vai::Rescheduled::new(order, now)).await,
        }
    }

    async fn offer_help(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        occasion: HelpOccasion,
        order: &VaiOrder,
        at: Timestamp,
    ) -> Outcome {
        let body = vai::FollowUp::new(order, at, phrases::help_offer(occasion, order.language));
        self.post(connection, key, vai::FOLLOW_UP, &body).await
    }

    async fn log_fact(
        &self,
        connection: &ConnectionName,
        key: &CommandId,
        what: Analytics,
        payload: &[u8],
        now: Timestamp,
    ) -> Outcome {
        self.post(connection, key, vai::ANALYTICS, &vai::Logged::new(what, payload, now)).await
    }
}

#[cfg(test)]
mod tests {
    use domain::Reason;
    use engine::Vai;
    use insta::assert_snapshot;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, assert_nothing_personal};

    const NOW: &str = "2026-03-27T09:00:00Z";

    /// Starts a stand-in for VAI and a client of it.
    fn vai(answer: Answer) -> (VaiClient, StandIn) {
        let provider = StandIn::with_answer(answer);
        (VaiClient::new(fixtures::client(), provider.url(), fixtures::secrets()), provider)
    }

    fn done() -> Outcome {
        Outcome::done(None)
    }

    async fn send_news(answer: Answer) -> Outcome {
        let (vai, provider) = vai(answer);
        let outcome = vai
            .send_news(
                &fixtures::connection("default"),
                &fixtures::key(),
                News::Canceled,
                &fixtures::news(),
                fixtures::at(NOW),
            )
            .await;
        provider.only_request();
        assert_nothing_personal(&format!("{outcome:?}"));
        outcome
    }

    #[tokio::test]
    async fn an_e_mail_has_its_times_as_text() {
        let (vai, provider) = vai(Answer::json(202, ""));
        assert_eq!(vai.send(&fixtures::connection("default"), &fixtures::key(), &fixtures::mail()).await, done());
        let request = provider.only_request();
        assert_eq!(request.method_and_target(), "POST /email/send");
        assert_eq!(request.header("authorization"), Some("Bearer vai-key"));
        assert_eq!(request.header("idempotency-key"), Some("sms-confirmation-0123"));
        assert_snapshot!(serde_json::to_string_pretty(&request.json()).expect("JSON"), @r#"
        {
          "data": {
            "agent_type": "sales",
            "conversation_context": "Vrea prețuri",
            "end_time": "duminică, 29 martie 2026 la 15:45 (ora României, UTC+3)",
            "event_name": "Demonstrație",
            "meeting_url": "https://zoom.example/j/1",
            "start_time": "duminică, 29 martie 2026 la 15:15 (ora României, UTC+3)"
          },
          "subject": "Confirmare programare: Demonstrație",
          "template": "calendly_confirmation",
          "to": "ana@example.com"
        }
        "#);
    }

    #[tokio::test]
    async fn without_a_template_nothing_is_sent() {
        let vai = VaiClient::new(fixtures::client(), stand_in::unused_url(), fixtures::secrets());
        let mut order = fixtures::mail();
        order.template = None;
        let outcome = vai.send(&fixtures::connection("default"), &fixtures::key(), &order).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn each_news_has_its_path() {
        for (news, path, field) in [
            (News::Booked, "/calendly/notify", "user_id"),
            (News::Confirmed, "/calendly/confirmed", "event_type"),
            (News::Canceled, "/calendly/canceled", "cancel_reason"),
            (News::Rescheduled, "/calendly/rescheduled", "old_start_time"),
        ] {
            let (vai, provider) = vai(Answer::json(200, "anything"));
            let (connection, order) = (fixtures::connection("default"), fixtures::news());
            assert_eq!(vai.send_news(&connection, &fixtures::key(), news, &order, fixtures::at(NOW)).await, done());
            let request = provider.only_request();
            assert_eq!(request.method_and_target(), format!("POST {path}"));
            assert_eq!(request.header("idempotency-key"), Some(fixtures::key().as_str()));
            assert!(request.json()[field].is_string(), "{}", request.json());
        }
    }

    #[tokio::test]
    async fn help_is_offered_in_the_invitees_language() {
        let (vai, provider) = vai(Answer::json(200, "{}"));
        let at = fixtures::at("2026-03-28T09:00:00Z");
        assert_eq!(
            vai.offer_help(
                &fixtures::connection("default"),
                &fixtures::key(),
                HelpOccasion::Canceled,
                &fixtures::news(),
                at
            )
            .await,
            done()
        );
        let request = provider.only_request();
        assert_eq!(request.method_and_target(), "POST /followup/schedule");
        assert_eq!(request.json()["scheduled_for"], "2026-03-28T09:00:00Z");
        assert!(request.json()["message"].as_str().expect("a text").starts_with("Am observat"), "{}", request.json());
    }

    #[tokio::test]
    async fn facts_are_logged_with_their_payload() {
        let (vai, provider) = vai(Answer::json(200, "{}"));
        let body = br#"{"event":"invitee.created","payload":{"name":"Ana Pop"}}"#;
        let (connection, what) = (fixtures::connection("default"), Analytics::InviteeCreated);
        assert_eq!(vai.log_fact(&connection, &fixtures::key(), what, body, fixtures::at(NOW)).await, done());
        let request = provider.only_request();
        assert_eq!(request.method_and_target(), "POST /analytics/log");
        assert_eq!(request.json()["data"], serde_json::json!({"name": "Ana Pop"}));
    }

    #[tokio::test]
    async fn each_status_has_its_outcome() {
        let status = |status| send_news(Answer::new(status, "Ana Pop"));
        assert_eq!(status(204).await, done());
        for refused in [400, 409, 413, 422] {
            assert!(matches!(status(refused).await, Outcome::Refused { reason: Reason::ProviderRefused, .. }));
        }
        for locked in [308, 401, 403, 404, 405] {
            assert!(matches!(status(locked).await, Outcome::Unsent { reason: Reason::Misconfigured, .. }));
        }
        for doubtful in [303, 408, 500, 502, 503, 504] {
            assert!(matches!(status(doubtful).await, Outcome::Unknown { after_seconds: None, .. }));
        }
        let with_wait = |status| send_news(Answer::new(status, "").header("retry-after", 120));
        let unavailable = with_wait(503).await;
        assert!(matches!(unavailable, Outcome::Unsent { reason: Reason::Unreachable, after_seconds: Some(120), .. }));
        assert!(matches!(with_wait(502).await, Outcome::Unknown { after_seconds: Some(120), .. }));
        let date = Answer::new(429, "").header("date", "Fri, 27 Mar 2026 09:59:00 GMT");
        let limited = send_news(date.header("retry-after", "Fri, 27 Mar 2026 10:00:00 GMT"));
        assert!(matches!(limited.await, Outcome::Unsent { reason: Reason::RateLimited, after_seconds: Some(60), .. }));
    }

    #[tokio::test]
    async fn no_answer_is_unknown_and_no_connection_is_unsent() {
        assert!(matches!(send_news(Answer::never_answers()).await, Outcome::Unknown { .. }));
        assert!(matches!(send_news(Answer::closes_connection()).await, Outcome::Unknown { .. }));
        let vai = VaiClient::new(fixtures::client(), stand_in::unused_url(), fixtures::secrets());
        let outcome = vai.send(&fixtures::connection("default"), &fixtures::key(), &fixtures::mail()).await;
        assert!(matches!(outcome, Outcome::Unsent { reason: Reason::Unreachable, .. }), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_missing_secret_is_tried_again() {
        let vai = VaiClient::new(fixtures::client(), stand_in::unused_url(), fixtures::secrets());
        for connection in ["unheard-of", "empty", "broken"] {
            let outcome = vai.send(&fixtures::connection(connection), &fixtures::key(), &fixtures::mail()).await;
            assert!(
                matches!(outcome, Outcome::Unsent { reason: Reason::Misconfigured, .. }),
                "{connection}: {outcome:?}"
            );
        }
    }

    #[test]
    fn orders_print_nothing_personal() {
        assert_nothing_personal(&format!("{:?} {:?}", fixtures::mail(), fixtures::news()));
    }
}
