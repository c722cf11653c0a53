//! The options that several commands share.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_secretsmanager::Client as SecretsManager;
use clap::Args;
use connecting::SecretStore;
use domain::{ConnectionName, Private};
use runtime::Secrets;
use runtime::aws::{Timeouts, config};
use store::Table;

/// The connection whose secrets, settings and bookings a command works on, and its stack.
#[derive(Args)]
pub(crate) struct ConnectionOptions {
    /// The connection: 1 to 40 of a-z, 0-9 and -
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = parse_connection, global = true)]
    pub(crate) connection: ConnectionName,
    /// The stack that the environment belongs to, for the commands that are suggested
    #[arg(long, env = "STACK", global = true, hide = true)]
    pub(crate) stack: Option<String>,
}

fn parse_connection(text: &str) -> Result<ConnectionName, String> {
    ConnectionName::parse(text).ok_or_else(|| "a connection is 1 to 40 of a-z, 0-9 and -".to_owned())
}

/// The stack's table.
#[derive(Args)]
pub(crate) struct TableOptions {
    /// The table's name
    #[arg(long, env = "TABLE_NAME")]
    pub(crate) table_name: String,
}

impl TableOptions {
    pub(crate) async fn open(&self) -> Table {
        Table::new(DynamoDb::new(&config(Timeouts::STEADY).await), &self.table_name)
    }
}

/// The stack's secrets.
#[derive(Args)]
pub(crate) struct SecretOptions {
    /// The prefix of the secrets' names
    #[arg(long = "secret-prefix", env = "SECRET_PREFIX")]
    pub(crate) prefix: String,
    /// The name or ARN of the secret under which contacts are kept
    #[arg(long = "pepper-secret", env = "PEPPER_SECRET")]
    pub(crate) pepper: Option<String>,
}

impl SecretOptions {
    /// Returns a reader of all secrets.
    pub(crate) async fn reader(&self) -> Secrets {
        let secrets = Secrets::connect(&config(Timeouts::STEADY).await, self.prefix.clone());
        match &self.pepper {
            Some(pepper) => secrets.with_pepper(pepper),
            None => secrets,
        }
    }

    pub(crate) async fn open(&self, connection: &ConnectionName) -> SecretStore {
        SecretStore::new(SecretsManager::new(&config(Timeouts::STEADY).await), self.prefix.clone(), connection)
    }
}

/// Calendly, and where it delivers to.
#[derive(Args)]
pub(crate) struct CalendlyOptions {
    /// Calendly's base URL
    #[arg(long = "calendly-api-url", env = "CALENDLY_API_URL", default_value = "https://api.calendly.com")]
    base_url: String,
    /// The URL that Calendly delivers to; for a connection other than `default`, its name is added
    #[arg(long, env = "WEBHOOK_URL")]
    webhook_url: String,
}

impl CalendlyOptions {
    pub(crate) fn account(&self, token: Private<String>) -> anyhow::Result<calendly::Account> {
        Ok(calendly::Account::new(http_client::client()?, self.base_url.trim_end_matches('/'), token))
    }

    /// Returns a connection's own webhook URL.
    pub(crate) fn webhook_url(&self, connection: &ConnectionName) -> String {
        webhook_url(&self.webhook_url, connection)
    }
}

fn webhook_url(base: &str, connection: &ConnectionName) -> String {
    let base = base.trim_end_matches('/');
    if *connection == ConnectionName::default() || base.ends_with(&format!("/{connection}")) {
        base.to_owned()
    } else {
        format!("{base}/{connection}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.example.com/webhooks/calendly";

    #[test]
    fn each_connection_has_its_own_url() {
        let url = |name: &str| webhook_url(&format!("{URL}/"), &ConnectionName::parse(name).expect("a name"));
        assert_eq!((url("default"), url("acme")), (URL.to_owned(), format!("{URL}/acme")));
        let acme = ConnectionName::parse("acme").expect("a name");
        assert_eq!(webhook_url(&format!("{URL}/acme"), &acme), format!("{URL}/acme"));
    }
}
