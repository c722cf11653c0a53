//! How a function asks the admin function for the access token of a connection's login at Calendly. Only the admin
//! function holds refresh tokens.

use domain::{ConnectionName, Private};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The alias of the admin function that answers these requests, and nothing else.
pub const TOKENS_ALIAS: &str = "tokens";

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenRequest {
    /// The connection.
    pub connection: ConnectionName,
    /// The fingerprint of an access token that Calendly answered with 401. It may be a personal token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenReply {
    /// An access token that works for some minutes.
    Token {
        /// The token.
        access_token: Private<String>,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// Somebody must log in to Calendly, or give a new personal token.
    NeedsReconnect,
    /// There is none now; ask again at this instant.
    NotBefore {
        /// The instant.
        at: Timestamp,
    },
    /// The rejected token is a personal one that Calendly accepts after all, or another one is stored by now.
    Accepted,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Stored {
    Token { access_token: String, expires_at: Timestamp },
    NeedsReconnect,
    NotBefore { at: Timestamp },
    Accepted,
}

impl TokenReply {
    /// Returns the JSON. It has the token.
    pub fn to_json(&self) -> serde_json::Value {
        let stored = match self {
            Self::Token { access_token, expires_at } => {
                Stored::Token { access_token: access_token.expose().clone(), expires_at: *expires_at }
            }
            Self::NeedsReconnect => Stored::NeedsReconnect,
            Self::NotBefore { at } => Stored::NotBefore { at: *at },
            Self::Accepted => Stored::Accepted,
        };
        serde_json::to_value(stored).unwrap_or_default()
    }

    /// Parses an answer. `None` for anything else, such as the error of a function that failed.
    pub fn parse(json: &[u8]) -> Option<Self> {
        Some(match serde_json::from_slice(json).ok()? {
            Stored::Token { access_token, expires_at } => Self::Token { access_token: access_token.into(), expires_at },
            Stored::NeedsReconnect => Self::NeedsReconnect,
            Stored::NotBefore { at } => Self::NotBefore { at },
            Stored::Accepted => Self::Accepted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_fixed_and_no_token_is_printed() {
        let at = "2026-11-26T14:00:00Z".parse().expect("an instant");
        for (reply, json) in [
            (
                TokenReply::Token { access_token: "a-1".into(), expires_at: at },
                r#"{"access_token":"a-1","expires_at":"2026-11-26T14:00:00Z","type":"token"}"#,
            ),
            (TokenReply::NeedsReconnect, r#"{"type":"needs_reconnect"}"#),
            (TokenReply::NotBefore { at }, r#"{"at":"2026-11-26T14:00:00Z","type":"not_before"}"#),
            (TokenReply::Accepted, r#"{"type":"accepted"}"#),
        ] {
            assert_eq!(reply.to_json().to_string(), json);
            assert_eq!(TokenReply::parse(json.as_bytes()), Some(reply.clone()));
            assert!(!format!("{reply:?}").contains("a-1"));
        }
        assert_eq!(TokenReply::parse(br#"{"errorMessage":"timed out","errorType":"Sandbox.Timedout"}"#), None);
        let request = TokenRequest { connection: ConnectionName::default(), rejected: Some("f".to_owned()) };
        assert_eq!(serde_json::to_string(&request).expect("JSON"), r#"{"connection":"default","rejected":"f"}"#);
    }
}
