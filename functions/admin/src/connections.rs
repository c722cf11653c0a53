//! The operations on connections.

use api::answer::True;
use api::connection_answer::{ConnectionView, ConnectionsView, LoginLinkView};
use api::connection_request::{CreateConnectionRequest, RotateSigningKeyRequest, UpdateConnectionRequest};
use api::endpoint_answer::DoneView;
use api::{Fault, Refusal, Why};
use connecting::{Documents, check_credentials};
use deliveries::{DeliveryStore, EndpointStore};
use domain::{Connection, ConnectionName, ConnectionStatus, LoginKind, Private};
use engine::{CommitError, Connections, PortError};
use front::{Context, invalid, invalid_request};

use connecting::SecretKind;
use serde_json::{Map, Value};

use crate::account::{Connected, NewKey, refuse_account};
use crate::admin::{Admin, unavailable};
use crate::ports::{Documents as _, Grants as _, Ports};

/// Another function may change the connection at the same time.
const MOST_TRIES: usize = 5;

impl<P: Ports> Admin<P> {
    /// Creates a connection, and connects its account if there is a token.
    pub(crate) async fn create_connection(
        &self,
        context: &Context,
        request: &CreateConnectionRequest,
    ) -> Result<ConnectionView, Refusal> {
        let name = &context.connection;
        let credentials = request.credentials.as_ref().map(|it| read_credentials(it.expose())).transpose()?;
        if self.load_optional(name).await?.is_none() {
            self.write_new(name).await?;
        }
        let key = NewKey::chosen(request.signing_key.as_ref());
        match credentials {
            Some(credentials) => self.take_credentials(name, credentials, key).await,
            None => Ok(self.view_connection(&self.load(name).await?, Vec::new())),
        }
    }

    /// Lists the connections of the stack.
    pub(crate) async fn list_connections(&self) -> Result<ConnectionsView, Refusal> {
        let all = self.ports().connections().list_connections().await.map_err(unavailable)?;
        Ok(ConnectionsView { connections: all.iter().map(|it| self.view_connection(it, Vec::new())).collect() })
    }

    /// Returns a connection.
    pub(crate) async fn connection(&self, context: &Context) -> Result<ConnectionView, Refusal> {
        Ok(self.view_connection(&self.load(&context.connection).await?, Vec::new()))
    }

    /// Replaces keys. A new Calendly token connects the account again.
    pub(crate) async fn update_connection(
        &self,
        context: &Context,
        request: &UpdateConnectionRequest,
    ) -> Result<ConnectionView, Refusal> {
        let credentials = read_credentials(request.credentials.expose())?;
        self.load(&context.connection).await?;
        self.take_credentials(&context.connection, credentials, NewKey::Random).await
    }

    /// Replaces the webhook subscription and its signing key.
    pub(crate) async fn rotate_signing_key(
        &self,
        context: &Context,
        request: &RotateSigningKeyRequest,
    ) -> Result<ConnectionView, Refusal> {
        let connection = self.load(&context.connection).await?;
        let key = NewKey::chosen(request.signing_key.as_ref());
        let connected = match connection.login {
            Some(LoginKind::OAuth) => {
                let token =
                    self.login_token(&connection.name, None).await.map_err(|error| self.refuse_token(&error))?;
                self.connect_account(&connection.name, LoginKind::OAuth, token.token, NewKey::App, true).await?
            }
            Some(LoginKind::PersonalToken) => {
                let token = self.personal_token(&connection.name).await?.ok_or_else(|| {
                    refuse_account(vec!["No Calendly token is stored: give one in `credentials`.".to_owned()])
                })?;
                self.connect_account(&connection.name, LoginKind::PersonalToken, token, key, true).await?
            }
            None => {
                return Err(refuse_account(vec!["No Calendly account is connected yet.".to_owned()]));
            }
        };
        Ok(self.view_connection(&connected.connection, connected.problems))
    }

    /// Makes a link to log in to Calendly.
    pub(crate) async fn calendly_login(&self, context: &Context) -> Result<LoginLinkView, Refusal> {
        self.load(&context.connection).await?;
        self.make_login_link(&context.connection).await
    }

    /// Switches a connection off.
    pub(crate) async fn disable_connection(&self, context: &Context) -> Result<ConnectionView, Refusal> {
        let changed = self.change_status(&context.connection, |_| ConnectionStatus::Disabled).await?;
        Ok(self.view_connection(&changed, Vec::new()))
    }

    /// Switches a connection on again.
    pub(crate) async fn enable_connection(&self, context: &Context) -> Result<ConnectionView, Refusal> {
        let enabled = |connection: &Connection| match connection.status {
            ConnectionStatus::Disabled if connection.calendly.is_some() => ConnectionStatus::Active,
            ConnectionStatus::Disabled => ConnectionStatus::AwaitingLogin,
            status => status,
        };
        Ok(self.view_connection(&self.change_status(&context.connection, enabled).await?, Vec::new()))
    }

    /// Deletes a connection. The row goes last: an interrupted call can be repeated.
    pub(crate) async fn delete_connection(&self, context: &Context) -> Result<DoneView, Refusal> {
        let name = &context.connection;
        let connection = self.load(name).await?;
        self.release_account(&connection).await?;
        for endpoint in self.store().list_endpoints(name).await.map_err(unavailable)? {
            match self.store().delete_endpoint(name, &endpoint).await {
                Ok(()) | Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(unavailable(error)),
            }
        }
        self.ports().set_publishing(name, false).await.map_err(unavailable)?;
        self.ports().grants().delete_grant(name).await.map_err(unavailable)?;
        for kind in [SecretKind::Providers, SecretKind::Signing] {
            self.ports().documents(name).delete(kind).await.map_err(unavailable)?;
        }
        self.ports().connections().delete_connection(name).await.map_err(unavailable)?;
        tracing::info!(connection = %name, "connection deleted");
        Ok(DoneView { success: True, message: "The connection is deleted.".to_owned() })
    }

    /// Stores keys, and connects the account if there is a Calendly token among them.
    async fn take_credentials(
        &self,
        name: &ConnectionName,
        credentials: Map<String, Value>,
        key: NewKey,
    ) -> Result<ConnectionView, Refusal> {
        let token = credentials.get("calendly_token").and_then(Value::as_str).map(Private::from);
        // A token that Calendly does not accept, or of another organization, must not replace one that works.
        let checked = match &token {
            Some(token) => Some(self.check_account(name, token).await?),
            None => None,
        };
        let mut documents = self.load_documents(name).await?;
        let before = documents.clone();
        documents.add(credentials);
        documents.parse().map_err(|error| unavailable(PortError::unreadable(error.to_string())))?;
        self.write_documents(name, &before, &documents).await?;
        tracing::info!(connection = %name, "keys of a connection stored");
        let (Some(token), Some(_)) = (token, checked) else {
            return Ok(self.view_connection(&self.load(name).await?, Vec::new()));
        };
        let Connected { connection, problems } =
            self.connect_account(name, LoginKind::PersonalToken, token, key, false).await?;
        // The login of before is not used any more.
        self.ports().grants().delete_grant(name).await.map_err(unavailable)?;
        Ok(self.view_connection(&connection, problems))
    }

    /// Reads a connection that must exist.
    pub(crate) async fn load(&self, name: &ConnectionName) -> Result<Connection, Refusal> {
        let found = self.load_optional(name).await?;
        found.ok_or_else(|| Refusal::new(Why::ConnectionUnknown, "There is no connection with this name."))
    }

    async fn load_optional(&self, name: &ConnectionName) -> Result<Option<Connection>, Refusal> {
        self.ports().connections().load_connection(name).await.map_err(unavailable)
    }

    async fn write_new(&self, name: &ConnectionName) -> Result<(), Refusal> {
        match self.ports().connections().write_connection(&Connection::new(name.clone(), self.now())).await {
            // Another call created it.
            Ok(()) | Err(CommitError::Conflict) => Ok(()),
            Err(CommitError::Port(error)) => Err(unavailable(error)),
        }
    }

    /// Changes the status, again when another function changes the connection at the same time.
    pub(crate) async fn change_status(
        &self,
        name: &ConnectionName,
        next: impl Fn(&Connection) -> ConnectionStatus,
    ) -> Result<Connection, Refusal> {
        for _ in 0..MOST_TRIES {
            let connection = self.load(name).await?;
            let status = next(&connection);
            if connection.status == status {
                return Ok(connection);
            }
            let changed = connection.with_status(status);
            match self.ports().connections().write_connection(&changed).await {
                Ok(()) => {
                    tracing::info!(connection = %name, status = status.name(), "status of a connection changed");
                    return Ok(Connection { revision: changed.revision + 1, ..changed });
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => return Err(unavailable(error)),
            }
        }
        Err(unavailable(PortError::unavailable("other functions repeatedly changed the connection")))
    }

    pub(crate) async fn load_documents(&self, name: &ConnectionName) -> Result<Documents, Refusal> {
        let store = self.ports().documents(name);
        let providers = store.read(SecretKind::Providers).await.map_err(unavailable)?;
        Ok(Documents { providers, signing: store.read(SecretKind::Signing).await.map_err(unavailable)? })
    }

    /// Writes the secrets that changed.
    pub(crate) async fn write_documents(
        &self,
        name: &ConnectionName,
        before: &Documents,
        after: &Documents,
    ) -> Result<(), Refusal> {
        let store = self.ports().documents(name);
        if before.providers != after.providers {
            store.write(SecretKind::Providers, &after.providers).await.map_err(unavailable)?;
        }
        if before.signing != after.signing {
            store.write(SecretKind::Signing, &after.signing).await.map_err(unavailable)?;
        }
        Ok(())
    }

    pub(crate) fn view_connection(&self, connection: &Connection, problems: Vec<String>) -> ConnectionView {
        let calendly = connection.calendly.as_ref();
        ConnectionView {
            id: connection.name.as_str().to_owned(),
            status: connection.status.name().to_owned(),
            login: connection.login.map(|it| it.name().to_owned()),
            organization: calendly.map(|it| it.organization.clone()),
            user: calendly.map(|it| it.user.clone()),
            subscription: calendly.map(|it| it.subscription.clone()),
            webhook_url: self.webhook_url(&connection.name),
            created_at: connection.created_at,
            problems,
        }
    }

    /// Returns the URL that Calendly calls.
    pub(crate) fn webhook_url(&self, name: &ConnectionName) -> String {
        let base = self.ports().public_url().unwrap_or_default();
        if *name == ConnectionName::default() {
            format!("{base}/webhooks/calendly")
        } else {
            format!("{base}/webhooks/calendly/{name}")
        }
    }
}

/// Reads keys of Calendly and the providers. Faults do not quote them.
fn read_credentials(value: &Value) -> Result<Map<String, Value>, Refusal> {
    let Some(credentials) = value.as_object() else {
        return Err(invalid("credentials", "must be an object such as {\"calendly_token\": \"…\"}"));
    };
    let faults: Vec<_> =
        check_credentials(credentials).into_iter().map(|problem| Fault::new("credentials", problem)).collect();
    if faults.is_empty() { Ok(credentials.clone()) } else { Err(invalid_request(faults)) }
}
