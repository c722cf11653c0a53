//! Logins at Calendly by OAuth 2.0: the link, the two pages of a login, and the tokens that it gives.
//!
//! A link has a ticket: it works once, for ten minutes, so that no stranger connects an account. The state of a login
//! is also in a cookie of the browser that began it: a login that somebody else began cannot be ended in it.

use api::connection_answer::LoginLinkView;
use api::{Refusal, Why};
use calendly::{App, TokenRequestError};
use domain::{ConnectionName, ConnectionStatus, LoginKind, error_chain};
use engine::{CommitError, PortError};
use jiff::{SignedDuration, Timestamp};
use oauth::{AccessToken, Grant, GrantStore, Login, Refresher, TokenError};
use runtime::{CalendlyApp, SecretError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::account::{Connected, NewKey, refuse_account};
use crate::admin::{Admin, unavailable};
use crate::page::{CALLBACK_PATH, Page, PageRequest, START_PATH, login_cookie, page};
use crate::ports::Ports;
use crate::token::{login_state, login_ticket, parse_login_state, parse_login_ticket, token_digest};

/// How long a ticket and a login work.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// How long a caller waits for the refresh of another function.
const WAITS: SignedDuration = SignedDuration::from_secs(6);

/// The scopes that are asked for: what the program calls, and nothing more.
pub const LOGIN_SCOPES: [&str; 9] = [
    "users:read",
    "organizations:read",
    "event_types:read",
    "availability:read",
    "scheduled_events:read",
    "scheduled_events:write",
    "scheduling_links:write",
    "webhooks:read",
    "webhooks:write",
];

/// What is stored of a login that has begun.
#[derive(Serialize, Deserialize)]
struct Begun {
    /// The digest of its ticket.
    ticket: String,
    verifier: String,
}

impl<P: Ports> Admin<P> {
    /// Makes a link with which somebody logs in.
    pub(crate) async fn make_login_link(&self, name: &ConnectionName) -> Result<LoginLinkView, Refusal> {
        self.app().await?;
        let ticket = login_ticket(name, self.random()?);
        let expires_at = self.now() + LIFETIME;
        self.put_secret_document(name, &ticket, "ticket", expires_at).await?;
        tracing::info!(connection = %name, "login link made");
        let base = self.ports().public_url().unwrap_or_default();
        Ok(LoginLinkView { url: format!("{base}{START_PATH}?ticket={ticket}"), expires_at })
    }

    /// Begins a login: sends the person to Calendly. A link may be opened twice; the ticket is used when the login
    /// ends.
    pub(crate) async fn start_login(&self, request: PageRequest<'_>) -> Value {
        let Some((ticket, name)) =
            request.param("ticket").and_then(|it| parse_login_ticket(&it).map(|name| (it, name)))
        else {
            return page(Page::LoginInvalid);
        };
        match self.begin(&name, &ticket).await {
            Ok(Some(redirect)) => redirect,
            Ok(None) => page(Page::LoginInvalid),
            Err(_) => page(Page::LoginFailed),
        }
    }

    async fn begin(&self, name: &ConnectionName, ticket: &str) -> Result<Option<Value>, Refusal> {
        if self.load_secret_document(name, ticket).await?.is_none() {
            return Ok(None);
        }
        let app = self.app().await?;
        let login = Login::new(self.random()?, self.random()?);
        let state = login_state(name, &login.state);
        let begun = Begun { ticket: token_digest(ticket), verifier: login.verifier.clone() };
        let document = serde_json::to_string(&begun).unwrap_or_default();
        self.put_secret_document(name, &state, &document, self.now() + LIFETIME).await?;
        let url = self.client(&app).authorize_url(&self.callback_url(), &LOGIN_SCOPES, &state, &login.verifier);
        let cookie = login_cookie(&self.callback_url(), &state, LIFETIME);
        Ok(Some(json!({
            "statusCode": 302,
            "headers": {
                "location": url, "set-cookie": cookie, "cache-control": "no-store", "referrer-policy": "no-referrer",
            },
            "body": "", "isBase64Encoded": false,
        })))
    }

    /// Ends a login: takes the code to which Calendly has sent the person back.
    pub(crate) async fn end_login(&self, request: PageRequest<'_>) -> Value {
        let state = request.param("state").unwrap_or_default();
        // What is compared are hashes: how long it takes tells nothing about the state.
        let is_same_browser = request.cookie().is_some_and(|it| token_digest(it) == token_digest(&state));
        let Some(name) = parse_login_state(&state).filter(|_| is_same_browser) else {
            return page(Page::LoginInvalid);
        };
        let Some(code) = request.param("code") else { return page(Page::LoginDeclined) };
        match self.finish(&name, &state, &code).await {
            Ok(Some(Connected { problems, .. })) => page(Page::LoggedIn { problems }),
            Ok(None) => page(Page::LoginInvalid),
            Err(Refusal { why: Why::AccountRefused { problems }, .. }) => page(Page::LoginRefused { problems }),
            Err(_) => page(Page::LoginFailed),
        }
    }

    async fn finish(&self, name: &ConnectionName, state: &str, code: &str) -> Result<Option<Connected>, Refusal> {
        let Some(document) = self.take_secret_document(name, &token_digest(state)).await? else { return Ok(None) };
        let begun: Option<Begun> = serde_json::from_str(&document).ok();
        let Some(begun) = begun else { return Ok(None) };
        if self.take_secret_document(name, &begun.ticket).await?.is_none() {
            return Ok(None);
        }
        self.load(name).await?;
        let app = self.client(&self.app().await?);
        let granted = app.redeem_code(code, &self.callback_url(), &begun.verifier).await;
        let issued = granted.map_err(|error| self.refuse_token_request(&error))?.issued;
        if let Err(refusal) = self.check_account(name, &issued.access_token).await {
            // It is not ours to keep.
            if let Err(error) = app.revoke(&issued.refresh_token).await {
                tracing::warn!(connection = %name, error = error_chain(&error), "a refused login was not revoked");
            }
            return Err(refusal);
        }
        self.write_login(name, &Grant::new(&issued, self.now())).await?;
        let token = issued.access_token.clone();
        let mut connected = self.connect_account(name, LoginKind::OAuth, token, NewKey::App, false).await?;
        self.forget_personal_token(name).await?;
        let missing: Vec<_> = LOGIN_SCOPES.iter().filter(|it| !issued.scopes.iter().any(|has| has == *it)).collect();
        if !issued.scopes.is_empty() && !missing.is_empty() {
            let missing = missing.into_iter().copied().collect::<Vec<_>>().join(", ");
            connected.problems.push(format!("The login lacks the scopes {missing}."));
        }
        Ok(Some(connected))
    }

    /// Writes the tokens of a login over those of before.
    async fn write_login(&self, name: &ConnectionName, grant: &Grant) -> Result<(), Refusal> {
        loop {
            let stored = self.ports().grants().load_grant(name).await.map_err(unavailable)?;
            let revision = stored.map_or(0, |(_, revision)| revision);
            match self.ports().grants().write_grant(name, grant, revision).await {
                Ok(()) => return Ok(()),
                // A refresh of the tokens of before.
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(unavailable(error)),
            }
        }
    }

    /// Removes the personal token of before, so that the login is used.
    async fn forget_personal_token(&self, name: &ConnectionName) -> Result<(), Refusal> {
        let before = self.load_documents(name).await?;
        let mut after = before.clone();
        after.providers.remove("calendly_token");
        self.write_documents(name, &before, &after).await
    }

    /// Returns an access token of a login, refreshed if needed.
    pub(crate) async fn login_token(
        &self,
        name: &ConnectionName,
        rejected: Option<&str>,
    ) -> Result<AccessToken, TokenError> {
        let app = self.ports().calendly_app().await;
        let app = app.map_err(|error| PortError::unavailable_because("the OAuth app can't be read", error))?;
        let endpoint = self.client(&app);
        let (store, clock) = (self.ports().grants(), self.ports().clock());
        let refresher = Refresher { store, endpoint: &endpoint, clock, deadline: self.now() + WAITS };
        refresher.access_token(name, rejected).await
    }

    /// Revokes the tokens of a login. A failure is only logged: the login is deleted anyway.
    pub(crate) async fn revoke_login(&self, name: &ConnectionName) {
        let (Ok(Some((grant, _))), Ok(app)) =
            (self.ports().grants().load_grant(name).await, self.ports().calendly_app().await)
        else {
            return;
        };
        if let Err(error) = self.client(&app).revoke(&grant.refresh_token()).await {
            tracing::warn!(connection = %name, error = error_chain(&error), "a login was not revoked");
        }
    }

    /// Marks a connection whose login or token Calendly does not accept.
    pub(crate) async fn mark_lost(&self, name: &ConnectionName) -> Result<(), Refusal> {
        let connection = self.load(name).await?;
        if matches!(connection.status, ConnectionStatus::Active | ConnectionStatus::NeedsReconnect) {
            self.ports().count("NeedsReconnect", &[]);
        }
        let lost = |connection: &domain::Connection| match connection.status {
            ConnectionStatus::Active => ConnectionStatus::NeedsReconnect,
            status => status,
        };
        self.change_status(name, lost).await.map(drop)
    }

    /// Marks a connection as active whose login works again.
    pub(crate) async fn mark_found(&self, name: &ConnectionName) -> Result<(), Refusal> {
        let found = |connection: &domain::Connection| match connection.status {
            ConnectionStatus::NeedsReconnect => ConnectionStatus::Active,
            status => status,
        };
        self.change_status(name, found).await.map(drop)
    }

    pub(crate) async fn app(&self) -> Result<CalendlyApp, Refusal> {
        self.ports().calendly_app().await.map_err(|error| match error {
            SecretError::Unknown(_) => Refusal::new(
                Why::LoginUnavailable,
                "The stack has no OAuth app of Calendly. Its operator stores one with `make oauth-app`. A personal access \
                 token works without it.",
            ),
            error => unavailable(PortError::unavailable_because("the OAuth app can't be read", error)),
        })
    }

    fn client(&self, app: &CalendlyApp) -> App {
        self.ports().calendly().app(app)
    }

    fn callback_url(&self) -> String {
        format!("{}{CALLBACK_PATH}", self.ports().public_url().unwrap_or_default())
    }

    pub(crate) fn refuse_token(&self, error: &TokenError) -> Refusal {
        match error {
            TokenError::NoGrant | TokenError::Lost => {
                refuse_account(vec!["Calendly no longer accepts the login: log in again.".to_owned()])
            }
            TokenError::NotBefore(_) | TokenError::Store(_) => {
                tracing::warn!(error = error_chain(error), "a login gave no token");
                Refusal::new(Why::CalendlyUnavailable, "Calendly gives no token now. Make the same call again.")
                    .after(30)
            }
        }
    }

    fn refuse_token_request(&self, error: &TokenRequestError) -> Refusal {
        tracing::warn!(error = error_chain(error), "a login's code gave no tokens");
        match error {
            TokenRequestError::InvalidGrant => refuse_account(vec![format!("{error}.")]),
            TokenRequestError::InvalidClient | TokenRequestError::NotNow { .. } => {
                Refusal::new(Why::CalendlyUnavailable, "Calendly gives no token now.").after(30)
            }
        }
    }

    // Tickets and states are stored by their digests, as setup tokens are.
    async fn put_secret_document(
        &self,
        name: &ConnectionName,
        secret: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), Refusal> {
        self.ports().put_setup_token(name, &token_digest(secret), document, expires).await.map_err(unavailable)
    }

    async fn load_secret_document(&self, name: &ConnectionName, secret: &str) -> Result<Option<String>, Refusal> {
        let found = self.ports().load_setup_token(name, &token_digest(secret)).await.map_err(unavailable)?;
        Ok(found.filter(|(_, expires)| *expires > self.now()).map(|(document, _)| document))
    }

    /// Reads a document and deletes it: of two calls at the same time, one gets it.
    async fn take_secret_document(&self, name: &ConnectionName, digest: &str) -> Result<Option<String>, Refusal> {
        let taken = self.ports().take_setup_token(name, digest).await.map_err(unavailable)?;
        Ok(taken.filter(|(_, expires)| *expires > self.now()).map(|(document, _)| document))
    }
}
