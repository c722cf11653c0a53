//! `connect`: checks a Calendly token and makes a subscription whose deliveries we can verify.
//!
//! It may be repeated: what exists is reported and kept, and an interrupted run is completed. Secrets are written
//! before the subscription is made, because the first delivery may come at once. An old subscription is deleted after
//! the new one is made: events in between are delivered twice, which changes nothing. The other order would lose them.

use std::io::IsTerminal;

use anyhow::{Context, anyhow, bail};
use calendly::{Account, Error, Order, Subscription, User};
use clap::Args;
use domain::{CalendlyBinding, ConnectionName, Private};
use runtime::{Providers, Signing, SystemClock};
use serde_json::{Map, Value};

use crate::options::{CalendlyOptions, SecretOptions, TableOptions};
use crate::report::{Terminal, ok};
use crate::secrets::{Kind, random_bytes};
use crate::{account, callbacks, connection};

/// Connects Calendly: checks the token, writes both secrets, makes the subscription, writes the connection's row. Can
/// be repeated.
///
/// Standard input is a personal access token, or a JSON object with any of
/// `{"calendly_token": "…", "vai_api_key": "…",
/// "engagelab": {"dev_key": "…", "dev_secret": "…", "username": "…", "secret": "…", "authorization": "…"},
/// "twilio": {"account_sid": "AC…", "auth_token": "…"}, "brevo_api_key": "…", "brevo_webhook_token": "…"}`.
/// EngageLab's last three belong to its callback: user name, secret and, if one is set, the complete `Authorization`
/// header. `brevo_webhook_token` is the bearer token that Brevo's webhook sends.
/// What is left out stays as it is stored; empty input changes no key. `"authorization": null` removes that header.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    calendly: CalendlyOptions,
    /// The URL at which the other providers reach us, without a path; by default the host of the webhook URL
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(flatten)]
    table: TableOptions,
    /// Replace an existing subscription and its signing key; the previous key stays valid for webhooks on their way
    #[arg(long)]
    rotate: bool,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let url = options.calendly.webhook_url(connection);
    check_url(&url)?;
    let credentials = parse_credentials(&read_input(terminal)?)?;

    let secrets = options.secrets.open(connection).await;
    let stored =
        Documents { providers: secrets.read(Kind::Providers).await?, signing: secrets.read(Kind::Signing).await? };
    let stored_keys = signing_keys(&stored.signing)?;
    let mut documents = stored.clone();
    documents.add(credentials);
    let (providers, signing) = documents.parse()?;
    let Some(token) = providers.calendly_token.clone() else {
        bail!("No Calendly token is stored yet: give one on standard input");
    };

    let account = options.calendly.account(token)?;
    let (findings, owner) = account::check_token(&account).await;
    terminal.print_findings(&findings);
    let Some(owner) = owner else { bail!("Nothing was written.") };
    let (existing, leftover) = account::find_own(account.subscriptions(&owner.current_organization).await?, &url);
    let change = choose_change(&stored_keys, existing.as_ref(), options.rotate, new_key)?;

    if documents.providers != stored.providers {
        secrets.write(Kind::Providers, &documents.providers).await?;
    }
    // First of all: a further replacement needs the form of our URL that this subscription uses.
    if let Some(leftover) = &leftover {
        delete_subscription(&account, leftover, terminal).await?;
    }
    let previous_signing = documents.signing.clone();
    if let Some(keys) = change.new_keys() {
        documents.signing.insert("calendly".to_owned(), keys.iter().map(|key| key.expose().as_str()).collect());
    }
    if documents.signing != stored.signing {
        secrets.write(Kind::Signing, &documents.signing).await?;
    }
    terminal.print_findings(&[ok("secrets", if documents == stored { "unchanged" } else { "written" })]);
    let subscription = match &change {
        SubscriptionChange::Keep(existing) => existing.clone(),
        SubscriptionChange::Create { keys, .. } => create_subscription(&account, &owner, &url, keys)
            .await
            .context("There is no subscription now; the secrets are written")?,
        SubscriptionChange::Replace { keys, old } => {
            match create_subscription(&account, &owner, &account::free_form(&url, old), keys).await {
                Ok(created) => created,
                Err(error) if error.downcast_ref().is_some_and(Error::is_refusal) => {
                    // The old subscription still signs with the old key. Further attempts would push it out of the
                    // list.
                    let restored = secrets.write(Kind::Signing, &previous_signing).await;
                    restored.with_context(|| format!("{error:#}. The stored keys can't be restored"))?;
                    return Err(error.context("The old subscription and its key are unchanged"));
                }
                Err(error) => {
                    let unknown = "It is not known whether there is a new subscription. The old one is unchanged, and \
                                   both keys are stored. Repeat `make connect ROTATE=1`";
                    return Err(error.context(unknown));
                }
            }
        }
    };
    let is_well = terminal.print_findings(&[account::check_subscription(Some(&subscription), &url)]);
    let binding = CalendlyBinding {
        organization: owner.current_organization.clone(),
        user: owner.uri.clone(),
        subscription: subscription.uri.clone(),
    };
    let table = options.table.open().await;
    let recorded = connection::record_connection(&table, connection, binding, SystemClock.now()).await;
    let recorded = recorded.context("Calendly is connected, but the row can't be written. Repeat `make connect`")?;
    terminal.print_findings(&[recorded]);
    if let SubscriptionChange::Replace { old, .. } = &change {
        terminal.print(
            "      Running functions read the new key within five minutes. Calendly repeats webhooks that they refuse.",
        );
        delete_subscription(&account, old, terminal).await?;
    }
    terminal.print_findings(&account::check_keys(&providers, &signing, &account::providers_with_keys(&providers)));
    let public_url = callbacks::public_url(options.public_url.as_deref(), &url);
    terminal.print(callbacks::describe_callbacks(public_url, connection, &providers, &signing));
    Ok(is_well)
}

/// A connection's two secrets.
#[derive(Clone, PartialEq, Eq)]
struct Documents {
    providers: Map<String, Value>,
    signing: Map<String, Value>,
}

impl Documents {
    /// Adds credentials, each to its secret: `providers` has what we call with, `signing` what calls to us are verified
    /// with. Other keys stay.
    fn add(&mut self, credentials: Map<String, Value>) {
        let Self { providers, signing } = self;
        for (key, value) in credentials {
            match (key.as_str(), value) {
                (ENGAGELAB, Value::Object(parts)) => {
                    let (calls, callbacks): (Map<_, _>, Map<_, _>) =
                        parts.into_iter().partition(|(part, _)| part.starts_with("dev_"));
                    add_engagelab(providers, calls);
                    add_engagelab(signing, callbacks);
                }
                ("twilio", account) => {
                    signing.insert(key, account.get("auth_token").cloned().unwrap_or_default());
                    providers.insert("twilio".to_owned(), account);
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

    /// Parses both as the functions do.
    fn parse(&self) -> anyhow::Result<(Providers, Signing)> {
        let providers = serde_json::from_value(Value::Object(self.providers.clone()));
        let signing = serde_json::from_value(Value::Object(self.signing.clone()));
        Ok((providers.map_err(|_| malformed("providers"))?, signing.map_err(|_| malformed("signing"))?))
    }
}

fn malformed(secret: &str) -> anyhow::Error {
    anyhow!("the secret …/{secret} is malformed: correct or delete it")
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

/// What happens to the subscription.
#[derive(PartialEq, Eq, Debug)]
enum SubscriptionChange {
    /// It exists, and its key is stored.
    Keep(Subscription),
    /// One is made. Deliveries are signed with the first key. `are_stored` if the keys are those of the secret.
    Create { keys: Vec<Private<String>>, are_stored: bool },
    /// Another is made at the other form of our URL, then the old one is deleted.
    Replace { keys: Vec<Private<String>>, old: Subscription },
}

impl SubscriptionChange {
    /// Returns the keys to store; `None` if they do not change.
    fn new_keys(&self) -> Option<&[Private<String>]> {
        match self {
            Self::Create { keys, are_stored: false } | Self::Replace { keys, .. } => Some(keys),
            Self::Keep(_) | Self::Create { .. } => None,
        }
    }
}

fn choose_change(
    stored_keys: &[Private<String>],
    existing: Option<&Subscription>,
    rotate: bool,
    new_key: impl FnOnce() -> anyhow::Result<Private<String>>,
) -> anyhow::Result<SubscriptionChange> {
    // Webhooks on their way are signed with a previous key. It is the second stored one after an attempt without an
    // answer, because then no subscription uses the first. Older keys are not needed.
    let rotated = || anyhow::Ok([new_key()?].into_iter().chain(stored_keys.iter().take(2).cloned()).collect());
    Ok(match (existing, stored_keys) {
        (Some(old), _) if rotate => SubscriptionChange::Replace { keys: rotated()?, old: old.clone() },
        (Some(_), []) => bail!(
            "Calendly has a subscription for this URL, but its signing key is not stored, and Calendly does not return \
             it. Nothing was written. Replace the subscription: `make connect ROTATE=1`"
        ),
        (Some(existing), _) => SubscriptionChange::Keep(existing.clone()),
        // An interrupted run has stored its key.
        (None, stored) if !rotate && !stored.is_empty() => {
            SubscriptionChange::Create { keys: stored.to_vec(), are_stored: true }
        }
        (None, _) => SubscriptionChange::Create { keys: rotated()?, are_stored: false },
    })
}

async fn create_subscription(
    account: &Account,
    owner: &User,
    url: &str,
    keys: &[Private<String>],
) -> anyhow::Result<Subscription> {
    let signing_key = keys.first().context("a signing key")?;
    let order = Order { url, organization: &owner.current_organization, signing_key };
    account.subscribe(order).await.map_err(|error| {
        let explanation = explain_creation_error(&error);
        anyhow::Error::new(error).context(explanation)
    })
}

async fn delete_subscription(account: &Account, old: &Subscription, terminal: &Terminal) -> anyhow::Result<()> {
    account.unsubscribe(&old.uri).await.context(
        "The old subscription can't be deleted. Both deliver now, which changes nothing. Repeat `make connect` to \
         delete it",
    )?;
    terminal.print_findings(&[ok("subscription", format!("the old one for {} is deleted", old.callback_url))]);
    Ok(())
}

fn explain_creation_error(error: &Error) -> String {
    if error.is_conflict() {
        "this URL already has a subscription that is not in the organization's list: a single user's, or another \
         organization's. Delete it at Calendly or use another URL"
            .to_owned()
    } else if let Some(scopes) = error.missing_scopes() {
        format!("the token lacks {}: make one that has them, then `make connect`", scopes.join(", "))
    } else {
        "the subscription can't be made".to_owned()
    }
}

/// Parses standard input. Errors do not quote its values.
fn parse_credentials(input: &str) -> anyhow::Result<Map<String, Value>> {
    let input = input.trim();
    if input.is_empty() {
        return Ok(Map::new());
    }
    if !input.starts_with('{') {
        if !is_key(&Value::from(input)) {
            bail!("Standard input must be one token on one line, or a JSON object");
        }
        return Ok(Map::from_iter([("calendly_token".to_owned(), input.into())]));
    }
    let credentials: Map<String, Value> = serde_json::from_str(input).map_err(|error| {
        anyhow!("Standard input is not a JSON object (line {}, column {})", error.line(), error.column())
    })?;
    let problems: Vec<_> = credentials.iter().filter_map(|(key, value)| find_problem(key, value)).collect();
    if problems.is_empty() { Ok(credentials) } else { bail!("Standard input: {}", problems.join("; ")) }
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
        "twilio" => (is_twilio(value), "{\"account_sid\", \"auth_token\"}, the first AC and 32 hex digits"),
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

fn is_twilio(value: &Value) -> bool {
    let Some(parts) = value.as_object().filter(|parts| parts.len() == 2) else { return false };
    let digits = parts.get("account_sid").and_then(Value::as_str).and_then(|sid| sid.strip_prefix("AC"));
    digits.is_some_and(|it| it.len() == 32 && it.bytes().all(|b| b.is_ascii_hexdigit()))
        && parts.get("auth_token").is_some_and(is_key)
}

/// Whether this can be a key. Keys are sent in headers, which must not contain spaces or control characters.
fn is_key(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
}

/// Returns the stored signing keys, the current one first.
fn signing_keys(signing: &Map<String, Value>) -> anyhow::Result<Vec<Private<String>>> {
    match signing.get("calendly") {
        None => Ok(Vec::new()),
        Some(Value::Array(keys)) if keys.iter().all(Value::is_string) => {
            Ok(keys.iter().filter_map(Value::as_str).map(Private::from).collect())
        }
        Some(_) => Err(malformed("signing")),
    }
}

/// Makes a key of 256 bits, as long as HMAC-SHA256 uses. Hex digits need no escaping anywhere.
fn new_key() -> anyhow::Result<Private<String>> {
    Ok(Private::new(hex::encode(random_bytes()?)))
}

fn check_url(url: &str) -> anyhow::Result<()> {
    if url.contains(['?', '#']) {
        bail!("The webhook URL must end with its path: {url}");
    }
    let host = |rest: &str| rest.split(['/', '?', '#', ':']).next().unwrap_or_default().to_owned();
    let is_valid = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => !host(rest).is_empty(),
        (None, Some(rest)) => matches!(host(rest).as_str(), "127.0.0.1" | "localhost"),
        (None, None) => false,
    };
    if is_valid {
        Ok(())
    } else {
        bail!("The webhook URL must begin with https:// (http:// is for loopback only): {url}")
    }
}

fn read_input(terminal: &Terminal) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        terminal.print_error("Paste the Calendly token (or the JSON object), then press Enter and Ctrl-D:");
    }
    std::io::read_to_string(stdin).context("standard input")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn existing() -> Subscription {
        Subscription {
            uri: "https://api.calendly.com/webhook_subscriptions/S1".to_owned(),
            callback_url: "https://hooks.example.com".to_owned(),
            state: "active".to_owned(),
            created_at: "2026-11-20T09:00:00Z".parse().expect("an instant"),
            retry_started_at: None,
            events: Vec::new(),
        }
    }

    fn change(stored: &[&str], existing: Option<&Subscription>, rotate: bool) -> anyhow::Result<SubscriptionChange> {
        let stored: Vec<_> = stored.iter().map(|key| Private::from(*key)).collect();
        choose_change(&stored, existing, rotate, || Ok("new".into()))
    }

    fn keys(keys: &[&str]) -> Vec<Private<String>> {
        keys.iter().map(|key| Private::from(*key)).collect()
    }

    #[test]
    fn an_existing_subscription_with_its_key_is_kept() {
        let found = existing();
        let kept = change(&["a", "b"], Some(&found), false).expect("a change");
        assert_eq!((kept.new_keys(), &kept), (None, &SubscriptionChange::Keep(found)));
    }

    #[test]
    fn a_first_connection_makes_a_key_and_an_interrupted_one_uses_its_own() {
        let first = change(&[], None, false).expect("a change");
        assert_eq!(first.new_keys(), Some(&keys(&["new"])[..]));
        let again = change(&["a", "b"], None, false).expect("a change");
        assert_eq!(
            (again.new_keys(), &again),
            (None, &SubscriptionChange::Create { keys: keys(&["a", "b"]), are_stored: true })
        );
    }

    #[test]
    fn rotation_keeps_the_two_previous_keys_and_no_older_one() {
        let found = existing();
        let replaced = change(&["a", "b", "c"], Some(&found), true).expect("a change");
        assert_eq!(replaced, SubscriptionChange::Replace { keys: keys(&["new", "a", "b"]), old: found });
        let made = change(&["a"], None, true).expect("a change");
        assert_eq!(made.new_keys(), Some(&keys(&["new", "a"])[..]));
    }

    #[test]
    fn a_subscription_without_a_stored_key_must_be_replaced() {
        let error = change(&[], Some(&existing()), false).expect_err("an error").to_string();
        assert!(error.contains("ROTATE=1"), "{error}");
        assert_eq!(change(&[], Some(&existing()), true).expect("a change").new_keys(), Some(&keys(&["new"])[..]));
    }

    #[test]
    fn input_is_a_token_or_an_object() {
        assert_eq!(parse_credentials(" abc.def\n").expect("a token")["calendly_token"], "abc.def");
        assert!(parse_credentials("\n").expect("nothing").is_empty());
        let all = r#"{"calendly_token":"t","engagelab":{"dev_key":"k","dev_secret":"s"},"vai_api_key":"v"}"#;
        assert_eq!(parse_credentials(all).expect("an object").len(), 3);
        for (bad, expected) in [
            ("two words", "one token"),
            ("two\nlines", "one token"),
            ("{\"calendly_token\":", "not a JSON object (line 1"),
            (r#"{"calendly_token":"hush hush"}"#, "calendly_token must be a text"),
            (r#"{"engagelab":"hush"}"#, "engagelab must be"),
            (r#"{"engagelab":{"dev_key":"hush"}}"#, "engagelab must be"),
            (r#"{"engagelab":{"dev_key":"k","dev_secret":"s","username":"hush"}}"#, "engagelab must be"),
            (r#"{"engagelab":{"dev_key":"k","dev_secret":"s","authorization":"hush"}}"#, "engagelab must be"),
            (r#"{"engagelab":{"username":"u","secret":"s","authorization":"hush\n"}}"#, "engagelab must be"),
            (r#"{"engagelab":{"dev_key":"k","dev_secret":"s","hush":"x"}}"#, "engagelab must be"),
            (r#"{"engagelab":{}}"#, "engagelab must be"),
            (r#"{"twilio":{"account_sid":"hush","auth_token":"t"}}"#, "twilio must be"),
            (r#"{"twilio":{"auth_token":"hush"}}"#, "twilio must be"),
            (r#"{"brevo_api_key":""}"#, "brevo_api_key must be"),
            (r#"{"brevo_webhook_token":"hush hush"}"#, "brevo_webhook_token must be"),
            (r#"{"token":"hush"}"#, "token is not known"),
        ] {
            let error = parse_credentials(bad).expect_err(bad).to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{bad}: {error}");
        }
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
        documents.add(parse_credentials(input).expect("an object"));
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
        assert_eq!(providers.twilio.map(|it| it.auth_token), signing.twilio);
        assert!(providers.brevo_api_key.is_some() && signing.brevo.is_some());
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
            documents.add(parse_credentials(input).expect(input));
            documents
        };
        assert!(with("") == stored);
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

    #[test]
    fn webhook_urls_use_https_except_on_loopback() {
        for good in ["https://a.example/webhooks/calendly", "http://127.0.0.1:4566/x", "http://localhost:1/x"] {
            check_url(good).expect(good);
        }
        for bad in [
            "http://a.example/x",
            "http://127.0.0.1.a.example/x",
            "ftp://a",
            "https://",
            "https://a.example/x?rotated=1",
            "",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_long_and_unique() {
        let (one, other) = (new_key().expect("a key"), new_key().expect("a key"));
        assert!(one.expose().len() == 64 && one != other);
    }
}
