//! The engine's questions, asked with the connection's stored token.

use std::sync::Arc;
use std::time::Duration;

use domain::scheduling::Form;
use domain::{ConnectionName, EventTypeUri, Fact, InviteeUri, Outcome, Reason};
use engine::{BookOutcome, BookingQuery, Calendly, Unavailable};
use jiff::tz::TimeZone;
use reqwest::Client;
use runtime::{SecretError, Secrets, SystemClock};
use wire::calendly::parse_looked_up;

use crate::call::PATIENCE;
use crate::owners::{Owners, Zones};
use crate::paths::{InviteePath, path_of_user};
use crate::{Account, Error, User, agenda, booking, cancel, meetings};

/// Calendly's REST API for every connection.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
    owners: Arc<Owners>,
    zones: Arc<Zones>,
    /// How long one question may take, with all of its calls.
    pub(crate) patience: Duration,
}

impl Rest {
    /// `base_url` is without its trailing slash. The token is each connection's own.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>) -> Self {
        Self {
            client,
            base_url: base_url.into(),
            secrets,
            owners: Arc::default(),
            zones: Arc::default(),
            patience: PATIENCE,
        }
    }

    /// The connection's account, for one question.
    pub(crate) async fn account(&self, connection: &ConnectionName) -> Result<Account, Error> {
        let providers = self.secrets.providers(connection).await.map_err(|error| Error::NoToken {
            problem: error.to_string(),
            is_missing: !matches!(error, SecretError::Unavailable { .. }),
        })?;
        let token = providers.calendly_token.ok_or_else(|| Error::NoToken {
            problem: "the connection's secret has no Calendly token".to_owned(),
            is_missing: true,
        })?;
        Ok(Account::new(self.client.clone(), &self.base_url, token).within(self.patience))
    }

    /// Whose account it is: asked once in a while.
    pub(crate) async fn owner(&self, connection: &ConnectionName, account: &Account) -> Result<User, Error> {
        if let Some(known) = self.owners.get(connection, &account.token) {
            return Ok(known);
        }
        let owner = account.me().await?;
        self.owners.put(connection, &account.token, &owner);
        Ok(owner)
    }
}

impl Calendly for Rest {
    async fn look_up(&self, connection: &ConnectionName, invitee: &InviteeUri) -> Result<Option<Fact>, Unavailable> {
        let Some(location) = InviteePath::parse(invitee) else {
            tracing::warn!("an invitee's URI is not of the known form, so nobody can be asked about it");
            return Ok(None);
        };
        let account = self.account(connection).await?;
        // Side by side: both together must end within the time that one call has.
        let asked = tokio::try_join!(account.bytes(&location.invitee, &[]), account.bytes(&location.event, &[]));
        match asked {
            Ok((invitee, event)) => match parse_looked_up(&invitee, &event) {
                Ok(fact) => Ok(Some(fact)),
                Err(malformed) => Err(Error::Unreadable(malformed.to_string()).into()),
            },
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn book(&self, connection: &ConnectionName, form: &Form) -> BookOutcome {
        match self.account(connection).await {
            Ok(account) => booking::book(&account, form).await,
            Err(error) => BookOutcome::Unsent { detail: error.to_string() },
        }
    }

    async fn find(&self, connection: &ConnectionName, wanted: &BookingQuery) -> Result<Option<Fact>, Unavailable> {
        let account = self.account(connection).await?;
        let owner = self.owner(connection, &account).await?;
        Ok(meetings::find(&account, &owner, wanted).await?)
    }

    async fn cancel(&self, connection: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome {
        let Some(location) = InviteePath::parse(invitee) else {
            let detail = "the invitee's URI is not of the known form".to_owned();
            return Outcome::Refused { reason: Reason::NotFound, detail };
        };
        match self.account(connection).await {
            Ok(account) => cancel::cancel(&account, &location, reason, SystemClock.now()).await,
            Err(error) => cancel::without_token(&error),
        }
    }

    async fn host_zone(&self, connection: &ConnectionName, host: &str) -> Result<Option<String>, Unavailable> {
        let Some(path) = path_of_user(host) else { return Ok(None) };
        if let Some(known) = self.zones.get(connection, host) {
            return Ok(known);
        }
        let user = match self.account(connection).await?.get::<User>(&path).await {
            Ok(user) => Some(user),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let zone = user.and_then(|it| it.timezone).filter(|it| TimeZone::get(it).is_ok());
        self.zones.put(connection, host, zone.clone());
        Ok(zone)
    }

    async fn single_use_link(
        &self,
        connection: &ConnectionName,
        event_type: &EventTypeUri,
    ) -> Result<String, Unavailable> {
        Ok(agenda::link(&self.account(connection).await?, event_type).await?)
    }
}

#[cfg(test)]
mod tests {
    use domain::FactKind;
    use serde_json::json;

    use super::*;
    use crate::fake::{self, Answer, fails, ok, resource};

    const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";

    fn found() -> Vec<(&'static str, Answer)> {
        vec![
            ("GET /scheduled_events/E1/invitees/I1 ", resource(&fake::invitee("I1"))),
            ("GET /scheduled_events/E1 ", resource(&fake::event())),
        ]
    }

    async fn ask(connection: &str, base_url: &str) -> Result<Option<Fact>, Unavailable> {
        let connection = ConnectionName::parse(connection).expect("a name");
        fake::rest(base_url).look_up(&connection, &InviteeUri::new(INVITEE)).await
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
}
