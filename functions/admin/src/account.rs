//! Connects Calendly accounts to connections, by the same steps as the operator's `connect`.

use api::{Refusal, Why};
use calendly::{Account, Error};
use connecting::SecretKind;
use connecting::{
    CheckedAccount, EnsureError, OLD_KEY, RecordError, SigningKeys, Wanted, ensure_subscription, read_signing_keys,
    record_connection, remove_subscriptions, write_signing_keys,
};
use domain::{CalendlyBinding, Connection, ConnectionName, LoginKind, Private, error_chain};
use engine::{Connections, PortError};
use runtime::SigningKey;
use serde_json::Value;

use crate::admin::{Admin, unavailable};
use crate::ports::{Documents, Ports};

/// The key that signs the webhooks of a new subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NewKey {
    /// A new one of 256 bits.
    Random,
    /// The customer's choice.
    Chosen(Private<String>),
    /// The key of our OAuth app: Calendly signs all webhooks of its subscriptions with it.
    App,
}

impl NewKey {
    pub(crate) fn chosen(key: Option<&Private<String>>) -> Self {
        key.map_or(Self::Random, |key| Self::Chosen(key.clone()))
    }
}

/// A connection after its account was connected.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    /// What a person should know.
    pub(crate) problems: Vec<String>,
}

/// The signing keys of a connection, in its secret.
struct StoredKeys<'a, D> {
    documents: &'a D,
}

impl<D: Documents> SigningKeys for StoredKeys<'_, D> {
    async fn load_keys(&self) -> Result<Vec<SigningKey>, PortError> {
        let signing = self.documents.read(SecretKind::Signing).await?;
        read_signing_keys(&signing).map_err(|error| PortError::unreadable(error.to_string()))
    }

    async fn write_keys(&self, keys: &[SigningKey]) -> Result<(), PortError> {
        let mut signing = self.documents.read(SecretKind::Signing).await?;
        write_signing_keys(&mut signing, keys);
        self.documents.write(SecretKind::Signing, &signing).await
    }
}

impl<P: Ports> Admin<P> {
    /// Asks Calendly what an account may do. An account of another organization is refused.
    pub(crate) async fn check_account(
        &self,
        name: &ConnectionName,
        token: &Private<String>,
    ) -> Result<CheckedAccount, Refusal> {
        let checked = connecting::check_account(&self.account(token)).await.map_err(|error| refuse_call(&error))?;
        let organization = &checked.owner.current_organization;
        let all = self.ports().connections().list_connections().await.map_err(unavailable)?;
        let problem = all.iter().find_map(|it| match &it.calendly {
            Some(own) if it.name == *name && own.organization != *organization => Some(
                "It belongs to another organization than this connection. Use an account of the same organization, or \
                 another connection.",
            ),
            Some(other) if it.name != *name && other.organization == *organization => {
                Some("Its organization is connected already, under another name.")
            }
            _ => None,
        });
        match problem {
            Some(problem) => Err(refuse_account(vec![problem.to_owned()])),
            None => Ok(checked),
        }
    }

    /// Makes or replaces the webhook subscription of an account, and writes the connection's row.
    pub(crate) async fn connect_account(
        &self,
        name: &ConnectionName,
        login: LoginKind,
        token: Private<String>,
        key: NewKey,
        rotate: bool,
    ) -> Result<Connected, Refusal> {
        let checked = self.check_account(name, &token).await?;
        let account = self.account(&token);
        let (key, key_is_fixed) = match key {
            NewKey::Random => (Private::new(hex::encode(self.random()?)), false),
            NewKey::Chosen(key) => (key, true),
            NewKey::App => (self.app().await?.signing_key, true),
        };
        let wanted = Wanted {
            url: &self.webhook_url(name),
            owner: &checked.owner,
            for_organization: checked.is_admin(),
            rotate,
            old_keys_until: Some(self.now() + OLD_KEY),
            key: &key,
            key_is_fixed,
        };
        let documents = self.ports().documents(name);
        let ensured = ensure_subscription(&account, &StoredKeys { documents: &documents }, wanted).await;
        let mut problems = describe_limits(&checked);
        let ensured = match ensured {
            Ok(ensured) => ensured,
            // The key was lost, or somebody else made it. It is replaced, not adopted.
            Err(EnsureError::KeyUnknown(found)) => {
                problems.push(format!(
                    "Calendly had a subscription for {} with a signing key that is not known here. It was replaced.",
                    found.callback_url
                ));
                let wanted = Wanted { rotate: true, ..wanted };
                let again = ensure_subscription(&account, &StoredKeys { documents: &documents }, wanted).await;
                again.map_err(refuse_ensure)?
            }
            Err(error) => return Err(refuse_ensure(error)),
        };
        let binding = CalendlyBinding {
            organization: checked.owner.current_organization.clone(),
            user: checked.owner.uri.clone(),
            subscription: ensured.subscription.uri.clone(),
        };
        let recorded = record_connection(self.ports().connections(), name, login, binding, self.now()).await;
        let (connection, _) = recorded.map_err(|error| match error {
            RecordError::OtherOrganization => {
                refuse_account(vec!["It belongs to another organization than this connection.".to_owned()])
            }
            RecordError::Contended => unavailable(PortError::unavailable("others keep writing the connection")),
            RecordError::Store(error) => unavailable(error),
        })?;
        tracing::info!(connection = %name, login = login.name(), "Calendly account connected");
        Ok(Connected { connection, problems })
    }

    /// Returns the account of a connection; `None` without a login that works.
    pub(crate) async fn connected_account(&self, connection: &Connection) -> Result<Option<Account>, Refusal> {
        let token = match connection.login {
            None => None,
            Some(LoginKind::PersonalToken) => self.personal_token(&connection.name).await?,
            Some(LoginKind::OAuth) => self.login_token(&connection.name, None).await.ok().map(|it| it.token),
        };
        Ok(token.map(|token| self.account(&token)))
    }

    /// Ends what a connection has at Calendly: its subscription and its login.
    pub(crate) async fn release_account(&self, connection: &Connection) -> Result<(), Refusal> {
        let name = &connection.name;
        // Without a token that works, nobody can delete it. Calendly disables it after a day without our answers.
        let Some(account) = self.connected_account(connection).await? else { return Ok(()) };
        match account.me().await {
            Ok(owner) => {
                let removed = remove_subscriptions(&account, &owner, &self.webhook_url(name)).await;
                let removed = removed.map_err(|error| refuse_call(&error))?;
                tracing::info!(connection = %name, removed, "webhook subscriptions deleted");
            }
            Err(error) if error.is_unauthenticated() => {}
            Err(error) => return Err(refuse_call(&error)),
        }
        if connection.login == Some(LoginKind::OAuth) {
            self.revoke_login(name).await;
        }
        Ok(())
    }

    /// Returns the stored personal token.
    pub(crate) async fn personal_token(&self, name: &ConnectionName) -> Result<Option<Private<String>>, Refusal> {
        let providers = self.ports().documents(name).read(SecretKind::Providers).await.map_err(unavailable)?;
        Ok(providers.get("calendly_token").and_then(Value::as_str).map(Private::from))
    }

    pub(crate) fn account(&self, token: &Private<String>) -> Account {
        self.ports().calendly().account(token.clone())
    }
}

/// Returns what a person should know of an account.
fn describe_limits(checked: &CheckedAccount) -> Vec<String> {
    let mut problems = Vec::new();
    if !checked.missing_scopes.is_empty() {
        problems.push(format!(
            "It lacks the scopes {}: connect again with an account or token that has them.",
            checked.missing_scopes.join(", ")
        ));
    }
    if !checked.is_admin() {
        problems.push(
            "Its owner is no owner or admin of the organization, so only the owner's own bookings are seen.".to_owned(),
        );
    }
    problems
}

/// Refuses an account that cannot be connected.
pub(crate) fn refuse_account(problems: Vec<String>) -> Refusal {
    let message = format!("The Calendly account can't be connected: {}", problems.join(" "));
    Refusal::new(Why::AccountRefused { problems }, message)
}

fn refuse_call(error: &Error) -> Refusal {
    if error.is_unauthenticated() {
        return refuse_account(vec![
            "Calendly does not accept the token: it is mistyped, has ended or was revoked.".to_owned(),
        ]);
    }
    if let Some(scopes) = error.missing_scopes() {
        return refuse_account(vec![format!("It lacks the scopes {}.", scopes.join(", "))]);
    }
    if error.is_refusal() {
        return refuse_account(vec![format!("{error}.")]);
    }
    tracing::warn!(error = error_chain(error), "Calendly gave no answer about an account");
    Refusal::new(Why::CalendlyUnavailable, "Calendly does not answer. Make the same call again.").after(30)
}

fn refuse_ensure(error: EnsureError) -> Refusal {
    match error {
        EnsureError::Refused { explanation, .. } => refuse_account(vec![format!("{explanation}.")]),
        EnsureError::Keys(error) => unavailable(error),
        EnsureError::Calendly(error) | EnsureError::Unknown(error) => refuse_call(&error),
        error @ EnsureError::KeyUnknown(_) => refuse_account(vec![format!("{error}.")]),
    }
}
