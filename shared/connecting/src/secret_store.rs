//! Writes secrets: the admin function and the operator do. All others only read them.

use aws_sdk_secretsmanager::Client;
use domain::{ConnectionName, error_chain};
use serde_json::{Map, Value};

/// A deleted secret can be restored for this many days. Seven is the least that Secrets Manager offers.
const RECOVERY_DAYS: i64 = 7;

/// The kinds of secret: two for each connection, and two for the whole stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecretKind {
    /// The keys that calls to us are verified with.
    Signing,
    /// The keys that we call Calendly and the providers with.
    Providers,
    /// The keys of our API, for all connections.
    ApiKeys,
    /// Our OAuth app at Calendly, for all connections.
    CalendlyApp,
}

/// A secret that can't be read or written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the secret {name} {problem}")]
pub struct SecretStoreError {
    name: String,
    problem: String,
}

/// Secrets Manager, for one connection.
#[derive(Clone, Debug)]
pub struct SecretStore {
    client: Client,
    prefix: String,
    connection: ConnectionName,
}

impl SecretStore {
    /// `secret_prefix` ends with a slash.
    pub fn new(client: Client, secret_prefix: impl Into<String>, connection: &ConnectionName) -> Self {
        Self { client, prefix: secret_prefix.into(), connection: connection.clone() }
    }

    /// Reads a secret's document; empty when the secret does not exist.
    ///
    /// # Errors
    /// Secrets Manager gave no result, or the secret is not a JSON object.
    pub async fn read(&self, kind: SecretKind) -> Result<Map<String, Value>, SecretStoreError> {
        let name = self.name(kind);
        let text = match self.client.get_secret_value().secret_id(&name).send().await {
            Ok(found) => found.secret_string.unwrap_or_default(),
            Err(error) => {
                let error = error.into_service_error();
                // A deleted secret is an invalid request.
                if error.is_resource_not_found_exception() || error.is_invalid_request_exception() {
                    return Ok(Map::new());
                }
                return Err(failed(name, format!("can't be read: {}", error_chain(&error))));
            }
        };
        // serde_json's error would quote the value.
        serde_json::from_str(&text).map_err(|_| failed(name, "is not a JSON object: correct or delete it".to_owned()))
    }

    /// Writes a secret's document. Creates the secret if it does not exist, and restores it if it was deleted.
    ///
    /// # Errors
    /// Secrets Manager gave no result.
    pub async fn write(&self, kind: SecretKind, document: &Map<String, Value>) -> Result<(), SecretStoreError> {
        let name = self.name(kind);
        let text = Value::Object(document.clone()).to_string();
        let put = || self.client.put_secret_value().secret_id(&name).secret_string(&text).send();
        let Err(error) = put().await else { return Ok(()) };
        let error = error.into_service_error();
        if error.is_resource_not_found_exception() {
            let created = self.client.create_secret().name(&name).secret_string(text).send().await;
            return created
                .map(drop)
                .map_err(|error| failed(name, format!("can't be created: {}", error_chain(&error))));
        }
        if error.is_invalid_request_exception() && self.client.restore_secret().secret_id(&name).send().await.is_ok() {
            let restored = put().await;
            return restored
                .map(drop)
                .map_err(|error| failed(name.clone(), format!("can't be written: {}", error_chain(&error))));
        }
        Err(failed(name, format!("can't be written: {}", error_chain(&error))))
    }

    /// Deletes a secret. It can be restored for seven days. One that does not exist is a success.
    ///
    /// # Errors
    /// Secrets Manager gave no result.
    pub async fn delete(&self, kind: SecretKind) -> Result<(), SecretStoreError> {
        let name = self.name(kind);
        let deleted = self.client.delete_secret().secret_id(&name).recovery_window_in_days(RECOVERY_DAYS).send().await;
        match deleted.map_err(aws_sdk_secretsmanager::error::SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(error) if error.is_resource_not_found_exception() || error.is_invalid_request_exception() => Ok(()),
            Err(error) => Err(failed(name, format!("can't be deleted: {}", error_chain(&error)))),
        }
    }

    fn name(&self, kind: SecretKind) -> String {
        let Self { prefix, connection, .. } = self;
        match kind {
            SecretKind::Signing => format!("{prefix}{connection}/signing"),
            SecretKind::Providers => format!("{prefix}{connection}/providers"),
            SecretKind::ApiKeys => format!("{prefix}api-keys"),
            SecretKind::CalendlyApp => format!("{prefix}calendly-oauth"),
        }
    }
}

fn failed(name: String, problem: String) -> SecretStoreError {
    SecretStoreError { name, problem }
}
