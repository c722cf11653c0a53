//! The secrets, to read and to write. The functions only read them.

use anyhow::{Context, bail};
use aws_sdk_secretsmanager::Client;
use domain::ConnectionName;
use runtime::aws::error_chain;
use serde_json::{Map, Value};

/// 256 random bits, which is what a key is made of.
pub(crate) fn random_bits() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(bytes)
}

/// Two secrets of a connection, and one of the whole stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// What deliveries to us are signed with.
    Signing,
    /// What we call out with.
    Providers,
    /// The keys to our API, of every connection.
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

    /// A secret's document; empty when there is none yet.
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
        // serde_json's own words would quote the value.
        serde_json::from_str(&text)
            .map_err(|_| anyhow::anyhow!("the secret {name} is no JSON object: mend or delete it"))
    }

    /// Writes a secret's document, whether there was one or not.
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
        let made = self.client.create_secret().name(&name).secret_string(text).send().await;
        match made {
            Ok(_) => Ok(()),
            Err(error) => bail!("the secret {name} can't be made: {}", error_chain(&error)),
        }
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
