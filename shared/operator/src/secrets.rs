//! Reads and writes secrets. The functions only read them.

use anyhow::{Context, anyhow, bail};
use aws_sdk_secretsmanager::Client;
use domain::{ConnectionName, error_chain};
use serde_json::{Map, Value};

/// Returns 256 random bits for a key.
pub(crate) fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system has no random numbers: {error}"))?;
    Ok(bytes)
}

/// The kinds of secret: two for each connection, and one for the whole stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The keys that calls to us are verified with.
    Signing,
    /// The keys that we call Calendly and the providers with.
    Providers,
    /// The keys of our API, for all connections.
    ApiKeys,
}

/// Secrets Manager, for one connection.
pub(crate) struct SecretStore {
    client: Client,
    prefix: String,
    connection: ConnectionName,
}

impl SecretStore {
    pub(crate) fn new(client: Client, secret_prefix: &str, connection: &ConnectionName) -> Self {
        Self { client, prefix: secret_prefix.to_owned(), connection: connection.clone() }
    }

    /// Reads a secret's document; empty when the secret does not exist.
    pub(crate) async fn read(&self, kind: Kind) -> anyhow::Result<Map<String, Value>> {
        let name = self.name(kind);
        let text = match self.client.get_secret_value().secret_id(&name).send().await {
            Ok(found) => found.secret_string.unwrap_or_default(),
            Err(error) => {
                let error = error.into_service_error();
                if error.is_resource_not_found_exception() {
                    return Ok(Map::new());
                }
                bail!("the secret {name} can't be read: {}", error_chain(&error));
            }
        };
        // serde_json's error would quote the value.
        serde_json::from_str(&text).map_err(|_| anyhow!("the secret {name} is not a JSON object: correct or delete it"))
    }

    /// Writes a secret's document. Creates the secret if it does not exist.
    pub(crate) async fn write(&self, kind: Kind, document: &Map<String, Value>) -> anyhow::Result<()> {
        let name = self.name(kind);
        let text = serde_json::to_string(document).context("a secret's document")?;
        let Err(error) = self.client.put_secret_value().secret_id(&name).secret_string(&text).send().await else {
            return Ok(());
        };
        let error = error.into_service_error();
        if !error.is_resource_not_found_exception() {
            bail!("the secret {name} can't be written: {}", error_chain(&error));
        }
        let created = self.client.create_secret().name(&name).secret_string(text).send().await;
        created.map(drop).map_err(|error| anyhow!("the secret {name} can't be created: {}", error_chain(&error)))
    }

    fn name(&self, kind: Kind) -> String {
        let Self { prefix, connection, .. } = self;
        match kind {
            Kind::Signing => format!("{prefix}{connection}/signing"),
            Kind::Providers => format!("{prefix}{connection}/providers"),
            Kind::ApiKeys => format!("{prefix}api-keys"),
        }
    }
}
