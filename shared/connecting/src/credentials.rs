//! The credentials of a connection, and the two secrets that they are stored in.

use std::fmt;

use runtime::{Providers, Signing, SigningKey};
use serde_json::{Map, Value, json};

/// A connection's two secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Documents {
    /// What we call Calendly and the providers with.
    pub providers: Map<String, Value>,
    /// What calls to us are verified with.
    pub signing: Map<String, Value>,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Documents(•••)")
    }
}

/// A secret that the functions cannot read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the secret …/{0} is malformed: correct or delete it")]
pub struct Malformed(&'static str);

impl Documents {
    /// Adds credentials that [`check_credentials`] found right, each to its secret: `providers` has what we call with,
    /// `signing` what calls to us are verified with. Other keys stay.
    pub fn add(&mut self, credentials: Map<String, Value>) {
        let Self { providers, signing } = self;
        for (key, value) in credentials {
            match (key.as_str(), value) {
                (ENGAGELAB, Value::Object(parts)) => {
                    let (calls, callbacks): (Map<_, _>, Map<_, _>) =
                        parts.into_iter().partition(|(part, _)| part.starts_with("dev_"));
                    add_engagelab(providers, calls);
                    add_engagelab(signing, callbacks);
                }
                ("twilio", Value::Object(mut account)) => {
                    signing.insert(key, account.get("auth_token").cloned().unwrap_or_default());
                    // The token may do anything with the account. Where an API key sends, only the function that checks
                    // signatures gets the token.
                    if account.contains_key("api_key") {
                        account.remove("auth_token");
                    }
                    providers.insert("twilio".to_owned(), account.into());
                }
                ("brevo_webhook_token", token) => {
                    signing.insert("brevo".to_owned(), token);
                }
                (_, value) => {
                    providers.insert(key, value);
                }
            }
        }
    }

    /// Returns the stored signing keys of Calendly's webhooks.
    ///
    /// # Errors
    /// They are malformed.
    pub fn signing_keys(&self) -> Result<Vec<SigningKey>, Malformed> {
        read_signing_keys(&self.signing)
    }

    /// Parses both as the functions do.
    ///
    /// # Errors
    /// One is malformed.
    pub fn parse(&self) -> Result<(Providers, Signing), Malformed> {
        let providers = serde_json::from_value(Value::Object(self.providers.clone()));
        let signing = serde_json::from_value(Value::Object(self.signing.clone()));
        Ok((providers.map_err(|_| Malformed("providers"))?, signing.map_err(|_| Malformed("signing"))?))
    }
}

/// Adds parts of EngageLab's credentials to a secret. A part that is null is removed.
fn add_engagelab(secret: &mut Map<String, Value>, parts: Map<String, Value>) {
    if parts.is_empty() {
        return;
    }
    let mut all = match secret.remove(ENGAGELAB) {
        Some(Value::Object(all)) => all,
        _ => Map::new(),
    };
    all.extend(parts);
    all.retain(|_, value| !value.is_null());
    secret.insert(ENGAGELAB.to_owned(), Value::Object(all));
}

const ENGAGELAB: &str = "engagelab";

/// Returns the keys of Calendly's webhooks in the secret `…/signing`, the current one first.
///
/// # Errors
/// They are malformed.
pub fn read_signing_keys(signing: &Map<String, Value>) -> Result<Vec<SigningKey>, Malformed> {
    match signing.get("calendly") {
        None => Ok(Vec::new()),
        Some(keys) => serde_json::from_value(keys.clone()).map_err(|_| Malformed("signing")),
    }
}

/// Puts the keys of Calendly's webhooks into the secret `…/signing`: the current one as a text, old ones with their
/// end.
pub fn write_signing_keys(signing: &mut Map<String, Value>, keys: &[SigningKey]) {
    let written = keys.iter().map(|SigningKey { key, until }| match until {
        None => Value::from(key.expose().as_str()),
        Some(until) => json!({"key": key, "until": until}),
    });
    signing.insert("calendly".to_owned(), written.collect());
}

/// Returns what is wrong with credentials, without their values.
pub fn check_credentials(credentials: &Map<String, Value>) -> Vec<String> {
    credentials.iter().filter_map(|(key, value)| find_problem(key, value)).collect()
}

fn find_problem(key: &str, value: &Value) -> Option<String> {
    let (is_valid, form) = match key {
        "calendly_token" | "vai_api_key" | "brevo_api_key" | "brevo_webhook_token" => {
            (is_key(value), "a text without spaces")
        }
        ENGAGELAB => (
            is_engagelab(value),
            "{\"dev_key\", \"dev_secret\"}, for its callback {\"username\", \"secret\"} and, if it has one, \
             \"authorization\", or all of these",
        ),
        "twilio" => (
            is_twilio(value),
            "{\"account_sid\", \"auth_token\"}, the first AC and 32 hex digits, and for sending by an API key \
             {\"api_key\", \"api_secret\"}, the first SK and 32 hex digits",
        ),
        _ => {
            return Some(format!(
                "{key} is not known; known are calendly_token, engagelab, twilio, brevo_api_key, brevo_webhook_token, \
                 vai_api_key"
            ));
        }
    };
    (!is_valid).then(|| format!("{key} must be {form}"))
}

/// Whether this is the key pair for our calls, the credentials of its callback, or both.
fn is_engagelab(value: &Value) -> bool {
    let Some(parts) = value.as_object() else { return false };
    let has = |part: &str| parts.contains_key(part);
    let is_valid = |(part, value): (&String, &Value)| match part.as_str() {
        "dev_key" | "dev_secret" | "username" | "secret" => is_key(value),
        // The complete header: `Basic …` contains a space.
        "authorization" => value.is_null() || value.as_str().is_some_and(is_header),
        _ => false,
    };
    (has("dev_key") || has("username"))
        && has("dev_key") == has("dev_secret")
        && has("username") == has("secret")
        && (has("username") || !has("authorization"))
        && parts.iter().all(is_valid)
}

fn is_header(text: &str) -> bool {
    !text.trim().is_empty() && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

/// Whether this is an account with its token, and perhaps an API key with its secret.
fn is_twilio(value: &Value) -> bool {
    let Some(parts) = value.as_object() else { return false };
    let is_sid = |part: &str, prefix: &str| {
        let digits = parts.get(part).and_then(Value::as_str).and_then(|sid| sid.strip_prefix(prefix));
        digits.is_some_and(|it| it.len() == 32 && it.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let is_account = is_sid("account_sid", "AC") && parts.get("auth_token").is_some_and(is_key);
    let has_key = parts.len() == 4 && is_sid("api_key", "SK") && parts.get("api_secret").is_some_and(is_key);
    is_account && (parts.len() == 2 || has_key)
}

/// Whether this can be a key. Keys are sent in headers, which must not contain spaces or control characters.
fn is_key(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use domain::Private;

    use super::*;

    fn parse(input: &str) -> Map<String, Value> {
        let credentials: Map<String, Value> = serde_json::from_str(input).expect("an object");
        assert_eq!(check_credentials(&credentials), [""; 0]);
        credentials
    }

    fn map(value: serde_json::Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn each_credential_goes_to_its_secret() {
        let input = r#"{"calendly_token": "t", "vai_api_key": "v",
            "engagelab": {"dev_key": "k", "dev_secret": "s",
                          "username": "u", "secret": "c", "authorization": "Basic dg=="},
            "twilio": {"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "a"},
            "brevo_api_key": "b", "brevo_webhook_token": "w"}"#;
        let mut documents = Documents { providers: Map::new(), signing: map(json!({"calendly": ["one"]})) };
        documents.add(parse(input));
        let account = json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "a"});
        let calls = json!({"dev_key": "k", "dev_secret": "s"});
        let callback = json!({"username": "u", "secret": "c", "authorization": "Basic dg=="});
        let providers = json!({"calendly_token": "t", "vai_api_key": "v", "engagelab": calls, "twilio": account,
            "brevo_api_key": "b"});
        assert_eq!(documents.providers, map(providers));
        assert_eq!(
            documents.signing,
            map(json!({"calendly": ["one"], "engagelab": callback, "twilio": "a", "brevo": "w"}))
        );
        let (providers, signing) = documents.parse().expect("secrets");
        assert_eq!(providers.twilio.and_then(|it| it.auth_token), signing.twilio);
        assert!(providers.brevo_api_key.is_some() && signing.brevo.is_some());
    }

    #[test]
    fn where_an_api_key_sends_only_the_check_of_signatures_has_twilios_token() {
        let (account, key) = (format!("AC{}", "0a".repeat(16)), format!("SK{}", "0b".repeat(16)));
        let mut documents = Documents::default();
        let with_key = json!({"account_sid": account, "auth_token": "a", "api_key": key, "api_secret": "s"});
        documents.add(parse(&json!({ "twilio": with_key }).to_string()));
        assert_eq!(documents.signing, map(json!({"twilio": "a"})));
        let sends = json!({"account_sid": account, "api_key": key, "api_secret": "s"});
        assert_eq!(documents.providers, map(json!({ "twilio": sends })));
        let (providers, _) = documents.parse().expect("secrets");
        let twilio = providers.twilio.expect("an account");
        assert_eq!(twilio.login().map(|(user, secret)| (user, secret.expose().as_str())), Some((key.as_str(), "s")));
        for wrong in [
            json!({"account_sid": account, "auth_token": "a", "api_key": key}),
            json!({"account_sid": account, "auth_token": "a", "api_key": "SK1", "api_secret": "s"}),
            json!({"account_sid": account, "api_key": key, "api_secret": "s"}),
            json!({"account_sid": account, "auth_token": "a", "more": 1}),
        ] {
            assert_eq!(check_credentials(&map(json!({ "twilio": wrong }))).len(), 1);
        }
    }

    #[test]
    fn signing_keys_are_read_as_they_were_written() {
        let until = "2026-11-28T12:00:00Z".parse().expect("an instant");
        let keys = [SigningKey::from(Private::from("new")), SigningKey { key: "old".into(), until: Some(until) }];
        let mut signing = map(json!({"brevo": "w"}));
        write_signing_keys(&mut signing, &keys);
        let written = json!({"brevo": "w", "calendly": ["new", {"key": "old", "until": "2026-11-28T12:00:00Z"}]});
        assert_eq!(signing, map(written));
        assert_eq!(read_signing_keys(&signing), Ok(keys.to_vec()));
        assert_eq!(read_signing_keys(&Map::new()), Ok(Vec::new()));
        for malformed in [json!("one"), json!([1]), json!([{"key": "old"}])] {
            assert_eq!(read_signing_keys(&map(json!({ "calendly": malformed }))), Err(Malformed("signing")));
        }
    }

    #[test]
    fn a_credential_that_is_left_out_stays() {
        let callback = json!({"username": "u", "secret": "c", "authorization": "Basic dg=="});
        let stored = Documents {
            providers: map(json!({"calendly_token": "t", "engagelab": {"dev_key": "k", "dev_secret": "s"}})),
            signing: map(json!({"calendly": ["one"], "engagelab": callback, "brevo": "w"})),
        };
        let with = |input: &str| {
            let mut documents = stored.clone();
            documents.add(parse(input));
            documents
        };
        assert!(with("{}") == stored);
        let keys = with(r#"{"engagelab": {"dev_key": "k2", "dev_secret": "s2"}}"#);
        assert_eq!(keys.providers["engagelab"], json!({"dev_key": "k2", "dev_secret": "s2"}));
        assert_eq!(keys.signing, stored.signing);
        let secret = with(r#"{"engagelab": {"username": "u", "secret": "c2"}}"#);
        assert_eq!(secret.providers, stored.providers);
        assert_eq!(
            secret.signing["engagelab"],
            json!({"username": "u", "secret": "c2", "authorization": "Basic dg=="})
        );
        let without = with(r#"{"engagelab": {"username": "u", "secret": "c", "authorization": null}}"#);
        assert_eq!(without.signing["engagelab"], json!({"username": "u", "secret": "c"}));
    }
}
