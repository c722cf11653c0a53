//! [`Calendly`], the port of the engine, with the connection's stored token.

use std::sync::Arc;
use std::time::Duration;

use domain::scheduling::Form;
use domain::{ConnectionName, EventTypeUri, Fact, InviteeUri, Outcome, Reason};
use engine::{BookOutcome, BookingQuery, Calendly, CalendlyError, InviteePage, InviteeQuery, PortError};
use http_client::CALL_TIMEOUT;
use jiff::tz::TimeZone;
use reqwest::{Client, Method};
use runtime::{SecretError, Secrets, SystemClock};
use wire::calendly::parse_looked_up;

use crate::account::Account;
use crate::error::Error;
use crate::logins::{LoginTokens, Source};
use crate::owners::{Owners, Zones};
use crate::pace::Pace;
use crate::paths::{InviteePath, user_path};
use crate::user::User;
use crate::{booking, cancel, meetings, scheduling_link};

/// Calendly's REST API for every connection.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
    base_url: String,
    secrets: Arc<Secrets>,
    logins: Option<Arc<LoginTokens>>,
    owners: Arc<Owners>,
    zones: Arc<Zones>,
    pace: Arc<Pace>,
    /// The time-out of one method of a port, with all its calls.
    pub(crate) timeout: Duration,
}

impl Rest {
    /// `base_url` has no trailing slash. Each connection has its own personal token.
    pub fn new(client: Client, base_url: impl Into<String>, secrets: Arc<Secrets>) -> Self {
        Self {
            client,
            base_url: base_url.into(),
            secrets,
            logins: None,
            owners: Arc::default(),
            zones: Arc::default(),
            pace: Arc::default(),
            timeout: CALL_TIMEOUT,
        }
    }

    /// Connections without a personal token use the login of their owner.
    #[must_use]
    pub fn with_logins(self, logins: Arc<LoginTokens>) -> Self {
        Self { logins: Some(logins), ..self }
    }

    /// Returns the connection's account, for one method of a port.
    pub(crate) async fn account(&self, connection: &ConnectionName) -> Result<Account, Error> {
        let no_token = |problem: String, is_missing| Error::NoToken { problem, is_missing };
        let personal = match (self.secrets.providers(connection).await, &self.logins) {
            (Ok(providers), _) => providers.calendly_token,
            // A login needs no secret of the connection.
            (Err(SecretError::Unknown(_)), Some(_)) => None,
            (Err(error), _) => {
                return Err(no_token(error.to_string(), !matches!(error, SecretError::Unavailable { .. })));
            }
        };
        let (token, source) = match (personal, &self.logins) {
            (Some(token), Some(logins)) => (token, Source::Personal(Arc::clone(logins), connection.clone())),
            (Some(token), None) => (token, Source::Given),
            (None, Some(logins)) => {
                let token = logins.token(connection, None).await?;
                (token, Source::Login(Arc::clone(logins), connection.clone()))
            }
            (None, None) => return Err(no_token("the connection's secret has no Calendly token".to_owned(), true)),
        };
        let account = Account { source, ..Account::new(self.client.clone(), &self.base_url, token) };
        Ok(account.within(self.timeout))
    }

    /// Returns the owner of the account, from the cache or from Calendly.
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
    async fn fetch_invitee(
        &self,
        connection: &ConnectionName,
        invitee: &InviteeUri,
    ) -> Result<Option<Fact>, PortError> {
        let Some(location) = InviteePath::parse(invitee) else {
            tracing::warn!("an invitee's URI is not of the expected form; it is not looked up");
            return Ok(None);
        };
        let account = self.account(connection).await?;
        // Concurrent calls: both together must end within the time-out of one.
        let read = async |path| {
            let answer = account.call(Method::GET, path, &[], None::<&()>).await;
            self.pace.record(connection, &answer);
            answer.map(|it| it.body)
        };
        let answers = tokio::try_join!(read(&location.invitee), read(&location.event));
        match answers {
            Ok((invitee, event)) => match parse_looked_up(&invitee, &event) {
                Ok(fact) => Ok(Some(fact)),
                Err(malformed) => Err(Error::Unreadable(malformed.to_string()).into()),
            },
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn busy_for(&self, connection: &ConnectionName) -> Option<u32> {
        self.pace.wait_seconds(connection)
    }

    async fn create_booking(&self, connection: &ConnectionName, form: &Form) -> BookOutcome {
        match self.account(connection).await {
            Ok(account) => booking::book(&account, form).await,
            Err(error) => BookOutcome::Unsent { detail: error.to_string() },
        }
    }

    async fn find_booking(
        &self,
        connection: &ConnectionName,
        wanted: &BookingQuery,
    ) -> Result<Option<Fact>, PortError> {
        let account = self.account(connection).await?;
        let owner = self.owner(connection, &account).await?;
        Ok(meetings::find(&account, &owner, wanted).await?)
    }

    async fn list_invitees(&self, connection: &ConnectionName, query: &InviteeQuery) -> Result<InviteePage, PortError> {
        let account = self.account(connection).await?;
        let owner = self.owner(connection, &account).await?;
        Ok(meetings::list_page(&account, &owner, query).await?)
    }

    async fn cancel_event(&self, connection: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome {
        let Some(location) = InviteePath::parse(invitee) else {
            let detail = "the invitee's URI is not of the expected form".to_owned();
            return Outcome::Refused { reason: Reason::NotFound, detail };
        };
        match self.account(connection).await {
            Ok(account) => cancel::cancel(&account, &location, reason, SystemClock.now()).await,
            Err(error) => cancel::outcome_of_error(&error),
        }
    }

    async fn fetch_host_zone(&self, connection: &ConnectionName, host: &str) -> Result<Option<String>, PortError> {
        let Some(path) = user_path(host) else { return Ok(None) };
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

    async fn create_single_use_link(
        &self,
        connection: &ConnectionName,
        event_type: &EventTypeUri,
    ) -> Result<String, CalendlyError> {
        Ok(scheduling_link::create_link(&self.account(connection).await?, event_type).await?)
    }
}

#[cfg(test)]
mod tests {
    use domain::FactKind;
    use serde_json::json;
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures::{self, ok, resource};

    const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";

    fn found() -> Vec<(&'static str, Answer)> {
        vec![
            ("GET /scheduled_events/E1/invitees/I1 ", resource(&fixtures::invitee("I1"))),
            ("GET /scheduled_events/E1 ", resource(&fixtures::event())),
        ]
    }

    async fn ask(connection: &str, base_url: &str) -> Result<Option<Fact>, PortError> {
        let connection = ConnectionName::parse(connection).expect("a name");
        fixtures::rest(base_url).fetch_invitee(&connection, &InviteeUri::new(INVITEE)).await
    }

    async fn ask_for(answers: Vec<(&'static str, Answer)>) -> Result<Option<Fact>, PortError> {
        ask("default", StandIn::with_rules(answers).url()).await
    }

    #[tokio::test]
    async fn an_invitee_is_found_with_its_event() {
        let calendly = StandIn::with_rules(found());
        let fact = ask("default", calendly.url()).await.expect("an answer").expect("an invitee");
        assert_eq!((fact.kind, fact.leg.invitee.as_str()), (FactKind::LookedUp, INVITEE));
        assert_eq!(fact.leg.details.event_name, "Intro call");
        for request in calendly.requests() {
            assert_eq!(request.header("authorization"), Some("Bearer a-token"));
        }
    }

    #[tokio::test]
    async fn an_unknown_invitee_is_none() {
        let gone = || Answer::json(404, json!({"title": "Resource Not Found", "message": "…"}));
        let answers = vec![("GET /scheduled_events/E1/invitees/I1 ", gone()), ("GET /scheduled_events/E1 ", gone())];
        assert_eq!(ask_for(answers).await.expect("an answer"), None);
    }

    #[tokio::test]
    async fn a_refusal_is_described_by_status_and_title_only() {
        for (status, body, description) in [
            (
                401,
                json!({"title": "Unauthenticated", "message": "no, Ana Pop"}),
                "Calendly answered 401 Unauthenticated",
            ),
            (
                403,
                json!({"title": "Insufficient scope", "message": "Ana Pop", "required_scopes": ["scheduled_events:read"]}),
                "Calendly answered 403 Insufficient scope; it needs scheduled_events:read",
            ),
            (
                429,
                json!({"title": "Too Many Requests", "message": "Ana Pop"}),
                "Calendly answered 429 Too Many Requests; the rate limit resets in 37 s",
            ),
            (502, json!("<html>Ana Pop</html>"), "Calendly answered 502 Bad Gateway"),
        ] {
            let mut answers = found();
            answers[0].1 = Answer::json(status, body).header("x-ratelimit-reset", 37);
            assert_eq!(ask_for(answers).await.expect_err("a refusal").to_string(), description);
        }
    }

    #[tokio::test]
    async fn an_unreadable_answer_or_a_missing_token_is_unavailable() {
        let mut answers = found();
        answers[1].1 =
            ok(&json!({"resource": {"uri": "https://api.calendly.com/scheduled_events/E1", "start_time": "Ana Pop"}}));
        let description = ask_for(answers).await.expect_err("unreadable").to_string();
        assert!(description.contains("start_time") && !description.contains("Ana"), "{description}");

        let unused_url = stand_in::unused_url();
        assert_eq!(
            ask("default", &unused_url).await.expect_err("no connection").to_string(),
            "Calendly could not be reached: no connection"
        );
        assert_eq!(
            ask("empty", &unused_url).await.expect_err("no token").to_string(),
            "the connection's secret has no Calendly token"
        );
        assert!(ask("unheard-of", &unused_url).await.is_err());
    }
}
