//! Requests about connections: the customers' Calendly accounts.
//!
//! The comments on these types and fields are published in the `OpenAPI` document.

use domain::{ConnectionName, Private};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Fault, Request};

/// The shortest signing key of a customer's own.
const SHORTEST_SIGNING_KEY: usize = 32;

/// A connection to create.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateConnectionRequest {
    /// The connection's name, 1 to 40 of `a-z`, `0-9` and `-`. It also identifies repetitions of the call.
    #[schemars(length(min = 1, max = 40), extend("pattern" = "^[a-z0-9-]*$"))]
    pub id: String,
    /// Keys of Calendly and the providers, as `make connect` takes them: `calendly_token`, `vai_api_key`,
    /// `brevo_api_key`, `brevo_webhook_token`, `engagelab`, `twilio`. With `calendly_token`, the account is connected
    /// at once. Without it, somebody logs in by the link of `calendly_login`.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub credentials: Option<Private<Value>>,
    /// The key that signs Calendly's webhooks, at least 32 characters. Default: a new one of 256 bits.
    #[schemars(with = "Option<String>", length(min = 32, max = 256), extend("pattern" = "^[!-~]*$"))]
    pub signing_key: Option<Private<String>>,
}

/// New keys of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateConnectionRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
    /// Keys of Calendly and the providers, as in `create_connection`. What is left out stays as it is.
    #[schemars(with = "Map<String, Value>")]
    pub credentials: Private<Value>,
}

/// Which signing key to replace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateSigningKeyRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
    /// The new key, at least 32 characters. Default: a new one of 256 bits.
    #[schemars(with = "Option<String>", length(min = 32, max = 256), extend("pattern" = "^[!-~]*$"))]
    pub signing_key: Option<Private<String>>,
}

/// Which connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionIdRequest {
    /// The connection's name.
    #[schemars(length(min = 1, max = 40))]
    pub connection: String,
}

impl Request for CreateConnectionRequest {
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if ConnectionName::parse(&self.id).is_none() {
            faults.push(Fault::new("id", "must be 1 to 40 of a-z, 0-9 and -"));
        }
        faults.extend(check_signing_key(self.signing_key.as_ref()));
        faults
    }

    fn connection(&self) -> Option<&str> {
        Some(&self.id)
    }
}

impl Request for UpdateConnectionRequest {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}

impl Request for RotateSigningKeyRequest {
    fn check(&self) -> Vec<Fault> {
        check_signing_key(self.signing_key.as_ref())
    }

    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}

impl Request for ConnectionIdRequest {
    fn connection(&self) -> Option<&str> {
        Some(&self.connection)
    }
}

fn check_signing_key(key: Option<&Private<String>>) -> Vec<Fault> {
    let is_valid = |key: &Private<String>| {
        let key = key.expose();
        (SHORTEST_SIGNING_KEY..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    match key {
        Some(key) if !is_valid(key) => {
            vec![Fault::new("signingKey", "must be 32 to 256 characters of ASCII, without spaces")]
        }
        _ => Vec::new(),
    }
}
