//! The engine's questions, asked with the connection's stored token.

use std::sync::Arc;

use domain::{ConnectionName, Fact, InviteeUri};
use engine::{Calendly, Unavailable};
use reqwest::Client;
use runtime::Secrets;
use wire::calendly::parse_looked_up;

use crate::{Account, Error};

/// Calendly's REST API for every connection.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
}

impl Rest {
    /// `base_url` is without its trailing slash. The token is each connection's own.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>) -> Self {
        Self { client, base_url: base_url.into(), secrets }
    }

    async fn account(&self, connection: &ConnectionName) -> Result<Account, Unavailable> {
        let providers = self.secrets.providers(connection).await.map_err(|error| Unavailable(error.to_string()))?;
        let token = providers
            .calendly_token
            .ok_or_else(|| Unavailable("the connection's secret has no Calendly token".to_owned()))?;
        Ok(Account::new(self.client.clone(), &self.base_url, token))
    }
}

impl Calendly for Rest {
    async fn look_up(&self, connection: &ConnectionName, invitee: &InviteeUri) -> Result<Option<Fact>, Unavailable> {
        let Some(place) = Place::of(invitee) else {
            tracing::warn!("an invitee's URI is not of the known form, so nobody can be asked about it");
            return Ok(None);
        };
        let account = self.account(connection).await?;
        // Side by side: both together must end within the time that one call has.
        let asked = tokio::try_join!(account.get(&place.invitee, &[]), account.get(&place.event, &[]));
        match asked {
            Ok((invitee, event)) => parse_looked_up(&invitee, &event)
                .map(Some)
                .map_err(|malformed| Unavailable(format!("Calendly's answer could not be read: {malformed}"))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn unavailable(error: &Error) -> Unavailable {
    Unavailable(error.to_string())
}

/// The paths of an invitee and its event.
#[derive(PartialEq, Eq, Debug)]
struct Place {
    invitee: String,
    event: String,
}

impl Place {
    /// Reads `…/scheduled_events/{event}/invitees/{invitee}`. The host is not looked at: it is the base URL's to say.
    fn of(invitee: &InviteeUri) -> Option<Self> {
        let mut segments = invitee.as_str().trim_end_matches('/').rsplit('/');
        let (id, invitees, event_id, events) = (segments.next()?, segments.next()?, segments.next()?, segments.next()?);
        let is_id =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (events == "scheduled_events" && invitees == "invitees" && is_id(id) && is_id(event_id)).then(|| Self {
            invitee: format!("/scheduled_events/{event_id}/invitees/{id}"),
            event: format!("/scheduled_events/{event_id}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::FactKind;
    use serde_json::json;

    use super::*;
    use crate::fake::{self, Answer, fails, ok};

    const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";

    fn found() -> Vec<(&'static str, Answer)> {
        let invitee = json!({"resource": {
            "uri": INVITEE, "email": "ana@example.com", "name": "Ana Pop", "status": "active", "timezone": "Europe/Bucharest",
            "created_at": "2027-01-09T10:00:00.000000Z", "updated_at": "2027-01-09T10:00:00.000000Z",
            "questions_and_answers": [], "rescheduled": false, "old_invitee": null, "new_invitee": null,
            "tracking": {"utm_content": null}, "text_reminder_number": "+40712345678",
        }});
        let event = json!({"resource": {
            "uri": "https://api.calendly.com/scheduled_events/E1", "name": "Intro call", "status": "active",
            "start_time": "2027-01-11T09:00:00.000000Z", "end_time": "2027-01-11T09:30:00.000000Z",
            "event_type": "https://api.calendly.com/event_types/T1", "location": null, "event_memberships": [],
        }});
        vec![("GET /scheduled_events/E1/invitees/I1 ", ok(&invitee)), ("GET /scheduled_events/E1 ", ok(&event))]
    }

    async fn ask(connection: &str, base_url: &str) -> Result<Option<Fact>, Unavailable> {
        let rest = Rest::new(fake::client(), base_url, fake::secrets());
        let connection = ConnectionName::parse(connection).expect("a name");
        rest.look_up(&connection, &InviteeUri::new(INVITEE)).await
    }

    async fn ask_for(answers: Vec<(&'static str, Answer)>) -> Result<Option<Fact>, Unavailable> {
        ask("default", &fake::calendly(answers).await.url).await
    }

    #[tokio::test]
    async fn an_invitee_is_found_with_its_event() {
        let calendly = fake::calendly(found()).await;
        let fact = ask("default", &calendly.url).await.expect("an answer").expect("an invitee");
        assert_eq!((fact.kind, fact.leg.invitee.as_str()), (FactKind::LookedUp, INVITEE));
        assert_eq!(fact.leg.details.event_name, "Intro call");
        for request in calendly.seen() {
            assert!(request.head.contains("authorization: Bearer a-token"), "{}", request.head);
        }
    }

    #[tokio::test]
    async fn an_invitee_that_calendly_does_not_know_is_none() {
        let gone = || fails("404 Not Found", &json!({"title": "Resource Not Found", "message": "…"}));
        let answers = vec![("GET /scheduled_events/E1/invitees/I1 ", gone()), ("GET /scheduled_events/E1 ", gone())];
        assert_eq!(ask_for(answers).await.expect("an answer"), None);
    }

    #[tokio::test]
    async fn a_refusal_is_told_by_status_and_title_only() {
        for (status, body, told) in [
            (
                "401 Unauthorized",
                json!({"title": "Unauthenticated", "message": "no, Ana Pop"}),
                "Calendly answered 401 Unauthenticated",
            ),
            (
                "403 Forbidden",
                json!({"title": "Insufficient scope", "message": "Ana Pop", "required_scopes": ["scheduled_events:read"]}),
                "Calendly answered 403 Insufficient scope; it needs scheduled_events:read",
            ),
            (
                "429 Too Many Requests\r\nX-RateLimit-Reset: 37",
                json!({"title": "Too Many Requests", "message": "Ana Pop"}),
                "Calendly answered 429 Too Many Requests; its limit starts anew in 37 s",
            ),
            ("502 Bad Gateway", json!("<html>Ana Pop</html>"), "Calendly answered 502 Bad Gateway"),
        ] {
            let mut answers = found();
            answers[0].1 = fails(status, &body);
            assert_eq!(ask_for(answers).await.expect_err("a refusal").0, told);
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_unreadable_is_unavailable() {
        let mut answers = found();
        answers[1].1 =
            ok(&json!({"resource": {"uri": "https://api.calendly.com/scheduled_events/E1", "start_time": "Ana Pop"}}));
        let told = ask_for(answers).await.expect_err("unreadable").0;
        assert!(told.contains("start_time") && !told.contains("Ana"), "{told}");

        let nobody = fake::nobody().await;
        assert_eq!(
            ask("default", &nobody).await.expect_err("nobody").0,
            "Calendly could not be reached: no connection"
        );
        assert_eq!(
            ask("empty", &nobody).await.expect_err("no token").0,
            "the connection's secret has no Calendly token"
        );
        assert!(ask("unheard-of", &nobody).await.is_err());
    }

    #[test]
    fn only_the_known_form_of_uri_is_asked_about() {
        let place = Place::of(&InviteeUri::new(INVITEE)).expect("a place");
        assert_eq!(
            (place.invitee.as_str(), place.event.as_str()),
            ("/scheduled_events/E1/invitees/I1", "/scheduled_events/E1")
        );
        for other in [
            "",
            "I1",
            "https://api.calendly.com/invitees/I1",
            "https://api.calendly.com/scheduled_events/../invitees/I1",
            "https://api.calendly.com/scheduled_events/E1/invitees/I1?x=1",
        ] {
            assert_eq!(Place::of(&InviteeUri::new(other)), None, "{other}");
        }
    }
}
