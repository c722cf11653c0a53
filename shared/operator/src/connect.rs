//! `connect`: from a token to a subscription whose deliveries we can verify.
//!
//! It may be repeated: what is in place is reported and kept, what was cut short is finished. Secrets are written before
//! the subscription is made, because the first delivery may come at once. An old subscription is deleted after the new
//! one is there: what happens meanwhile comes twice, which changes nothing, where a gap would lose it.

use std::io::IsTerminal;

use anyhow::{Context, bail};
use calendly::{Account, Error, Order, Subscription, User};
use clap::Args;
use domain::{CalendlyBinding, ConnectionName, Private};
use runtime::aws::{Timeouts, config};
use runtime::{Providers, Signing, SystemClock};
use serde_json::{Map, Value};

use crate::report::{Terminal, ok};
use crate::secrets::{Kind, SecretStore};
use crate::{CalendlyApi, Rows, SecretNames, account, callbacks, connection};

/// Connects Calendly: checks the token, writes both secrets, makes the subscription. Can be repeated.
///
/// Standard input is a personal access token, or a JSON object with any of
/// `{"calendly_token": "…", "vai_api_key": "…",
/// "engagelab": {"dev_key": "…", "dev_secret": "…", "username": "…", "secret": "…", "authorization": "…"},
/// "twilio": {"account_sid": "AC…", "auth_token": "…"}, "brevo_api_key": "…", "brevo_webhook_token": "…"}`.
/// EngageLab's last three are what is entered for its callback: user name, secret and, if one is set, the whole of the
/// `Authorization` header. `brevo_webhook_token` is the bearer token that Brevo's webhook shows.
/// What it leaves out stays as it is stored; that is everything when it is empty. `"authorization": null` removes it.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    calendly: CalendlyApi,
    /// Where Calendly is to deliver; for another connection than `default`, its name is added
    #[arg(long, env = "WEBHOOK_URL")]
    webhook_url: String,
    /// Where the other providers reach us, without a path; left out, where Calendly does
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    secrets: SecretNames,
    #[command(flatten)]
    rows: Rows,
    /// Replace an existing subscription and its signing key; the previous key stays valid for deliveries in flight
    #[arg(long)]
    rotate: bool,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let url = account::webhook_url(&options.webhook_url, connection);
    check_url(&url)?;
    let given = credentials(&read_input(terminal)?)?;

    let aws = config(Timeouts::STEADY).await;
    let secrets = SecretStore::new(aws_sdk_secretsmanager::Client::new(&aws), &options.secrets.prefix, connection);
    let stored =
        Documents { providers: secrets.read(Kind::Providers).await?, signing: secrets.read(Kind::Signing).await? };
    let held = keys_in(&stored.signing)?;
    let mut documents = stored.clone();
    documents.enter(given);
    let (known, signing) = documents.read()?;
    let Some(token) = known.calendly_token.clone() else {
        bail!("No Calendly token is stored yet: give one on standard input");
    };

    let account = options.calendly.account(token)?;
    let (findings, owner) = account::examine(&account).await;
    terminal.report(&findings);
    let Some(owner) = owner else { bail!("Nothing was written.") };
    let (existing, leftover) = account::ours(account.subscriptions(&owner.current_organization).await?, &url);
    let plan = plan(&held, existing.as_ref(), options.rotate, new_key)?;

    if documents.providers != stored.providers {
        secrets.write(Kind::Providers, &documents.providers).await?;
    }
    // Before all else: another replacement needs the form of our URL that this one has.
    if let Some(leftover) = &leftover {
        delete(&account, leftover, terminal).await?;
    }
    let before = documents.signing.clone();
    if let Some(keys) = plan.keys() {
        documents.signing.insert("calendly".to_owned(), keys.iter().map(|key| key.expose().as_str()).collect());
    }
    if documents.signing != stored.signing {
        secrets.write(Kind::Signing, &documents.signing).await?;
    }
    terminal.report(&[ok("secrets", if documents == stored { "unchanged" } else { "written" })]);
    let subscription = match &plan {
        Plan::Keep(found) => found.clone(),
        Plan::Make { keys, .. } => {
            make(&account, &owner, &url, keys).await.context("There is no subscription now; the secrets are written")?
        }
        Plan::Replace { keys, old } => match make(&account, &owner, &account::free_form(&url, old), keys).await {
            Ok(made) => made,
            Err(error) if error.downcast_ref().is_some_and(Error::is_refusal) => {
                // The old key's place is the first: repeated attempts would push it out, and it goes on signing.
                let put_back = secrets.write(Kind::Signing, &before).await;
                put_back.with_context(|| format!("{error:#}. The stored keys can't be put back"))?;
                return Err(error.context("The old subscription and its key are as they were"));
            }
            Err(error) => {
                let unsure = "Nobody knows whether there is a new subscription; the old one is as it was, and both keys \
                              are stored. Repeat `make connect ROTATE=1`";
                return Err(error.context(unsure));
            }
        },
    };
    let is_well = terminal.report(&[account::subscription(Some(&subscription), &url)]);
    let binding = CalendlyBinding {
        organization: owner.current_organization.clone(),
        user: owner.uri.clone(),
        subscription: subscription.uri.clone(),
    };
    let table = options.rows.table().await;
    let recorded = connection::record_connection(&table, connection, binding, SystemClock.now()).await;
    let recorded = recorded.context("The connection works, but its row can't be written. Repeat `make connect`")?;
    terminal.report(&[recorded]);
    if let Plan::Replace { old, .. } = &plan {
        terminal
            .say("      Running functions know the new key within five minutes; Calendly repeats what they refuse.");
        delete(&account, old, terminal).await?;
    }
    terminal.report(&account::keys(&known, &signing, &account::provided(&known)));
    let public_url = callbacks::public_url(options.public_url.as_deref(), &url);
    terminal.say(callbacks::told(public_url, connection, &known, &signing));
    Ok(is_well)
}

/// A connection's two secrets.
#[derive(Clone, PartialEq, Eq)]
struct Documents {
    providers: Map<String, Value>,
    signing: Map<String, Value>,
}

impl Documents {
    /// Puts what was given where it belongs: what we call out with, and what calls to us are held against. What was not
    /// given stays.
    fn enter(&mut self, given: Map<String, Value>) {
        let Self { providers, signing } = self;
        for (key, value) in given {
            match (key.as_str(), value) {
                (ENGAGELAB, Value::Object(parts)) => {
                    let (calls, callbacks): (Map<_, _>, Map<_, _>) =
                        parts.into_iter().partition(|(part, _)| part.starts_with("dev_"));
                    merge(providers, calls);
                    merge(signing, callbacks);
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

    /// What the functions will find in them.
    fn read(&self) -> anyhow::Result<(Providers, Signing)> {
        let unlike = |name: &str| anyhow::anyhow!("the secret …/{name} is not of the expected form: mend or delete it");
        let providers = serde_json::from_value(Value::Object(self.providers.clone()));
        let signing = serde_json::from_value(Value::Object(self.signing.clone()));
        Ok((providers.map_err(|_| unlike("providers"))?, signing.map_err(|_| unlike("signing"))?))
    }
}

/// The parts of EngageLab's in one secret; one that is null is removed.
fn merge(secret: &mut Map<String, Value>, parts: Map<String, Value>) {
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

/// What to do about the subscription.
#[derive(PartialEq, Eq, Debug)]
enum Plan {
    /// It is there, and so is its key.
    Keep(Subscription),
    /// Make one; deliveries are signed with the first key. `is_held` when it is the stored one.
    Make { keys: Vec<Private<String>>, is_held: bool },
    /// Make another at the other form of our URL, then delete the old one.
    Replace { keys: Vec<Private<String>>, old: Subscription },
}

impl Plan {
    /// The keys to be stored.
    fn keys(&self) -> Option<&[Private<String>]> {
        match self {
            Self::Make { keys, is_held: false } | Self::Replace { keys, .. } => Some(keys),
            Self::Keep(_) | Self::Make { .. } => None,
        }
    }
}

fn plan(
    held: &[Private<String>],
    existing: Option<&Subscription>,
    rotate: bool,
    new_key: impl FnOnce() -> anyhow::Result<Private<String>>,
) -> anyhow::Result<Plan> {
    // The previous key goes on verifying what is in flight or retried. It may be the second: the first is nobody's after an
    // attempt that got no answer. Those before have no use any more.
    let rotated = || anyhow::Ok([new_key()?].into_iter().chain(held.iter().take(2).cloned()).collect());
    Ok(match (existing, held) {
        (Some(old), _) if rotate => Plan::Replace { keys: rotated()?, old: old.clone() },
        (Some(_), []) => bail!(
            "Calendly has a subscription for this URL, and its signing key is not stored; Calendly never gives it back. \
             Nothing was written. Replace it: `make connect ROTATE=1`"
        ),
        (Some(found), _) => Plan::Keep(found.clone()),
        // A run that was cut short has left its key.
        (None, held) if !rotate && !held.is_empty() => Plan::Make { keys: held.to_vec(), is_held: true },
        (None, _) => Plan::Make { keys: rotated()?, is_held: false },
    })
}

async fn make(account: &Account, owner: &User, url: &str, keys: &[Private<String>]) -> anyhow::Result<Subscription> {
    let signing_key = keys.first().context("a signing key")?;
    let order = Order { url, organization: &owner.current_organization, signing_key };
    account.subscribe(order).await.map_err(|error| {
        let why = not_made(&error);
        anyhow::Error::new(error).context(why)
    })
}

async fn delete(account: &Account, old: &Subscription, terminal: &Terminal) -> anyhow::Result<()> {
    account.unsubscribe(&old.uri).await.context(
        "The old subscription can't be deleted. Two deliver now, which changes nothing; `make connect` again deletes it",
    )?;
    terminal.report(&[ok("subscription", format!("the old one is deleted, for {}", old.callback_url))]);
    Ok(())
}

fn not_made(error: &Error) -> String {
    if error.is_conflict() {
        "this URL has a subscription already that the organization's list does not show: a single user's, or another \
         organization's. Delete it at Calendly or use another URL"
            .to_owned()
    } else if let Some(scopes) = error.missing_scopes() {
        format!("the token lacks {}: make one that has them, then `make connect`", scopes.join(", "))
    } else {
        "making it failed".to_owned()
    }
}

/// What was given. Its values are never quoted.
fn credentials(input: &str) -> anyhow::Result<Map<String, Value>> {
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
    let given: Map<String, Value> = serde_json::from_str(input).map_err(|error| {
        anyhow::anyhow!("Standard input is no JSON object (line {}, column {})", error.line(), error.column())
    })?;
    let problems: Vec<_> = given.iter().filter_map(|(key, value)| wrong(key, value)).collect();
    if problems.is_empty() { Ok(given) } else { bail!("Standard input: {}", problems.join("; ")) }
}

fn wrong(key: &str, value: &Value) -> Option<String> {
    let (is_fit, what) = match key {
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
                "{key} is not known; there are: calendly_token, engagelab, twilio, brevo_api_key, brevo_webhook_token, \
                 vai_api_key"
            ));
        }
    };
    (!is_fit).then(|| format!("{key} must be {what}"))
}

/// The pair that we call with, the one that its callbacks are signed with, or both.
fn is_engagelab(value: &Value) -> bool {
    let Some(parts) = value.as_object() else { return false };
    let has = |part: &str| parts.contains_key(part);
    let is_fit = |(part, value): (&String, &Value)| match part.as_str() {
        "dev_key" | "dev_secret" | "username" | "secret" => is_key(value),
        // The whole header: `Basic …` has a space in it.
        "authorization" => value.is_null() || value.as_str().is_some_and(is_header),
        _ => false,
    };
    (has("dev_key") || has("username"))
        && has("dev_key") == has("dev_secret")
        && has("username") == has("secret")
        && (has("username") || !has("authorization"))
        && parts.iter().all(is_fit)
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

/// Keys travel in headers, where spaces and control characters have no place.
fn is_key(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
}

/// The signing keys that are stored, the current one first.
fn keys_in(signing: &Map<String, Value>) -> anyhow::Result<Vec<Private<String>>> {
    match signing.get("calendly") {
        None => Ok(Vec::new()),
        Some(Value::Array(keys)) if keys.iter().all(Value::is_string) => {
            Ok(keys.iter().filter_map(Value::as_str).map(Private::from).collect())
        }
        Some(_) => bail!("the secret …/signing is not of the expected form: mend or delete it"),
    }
}

/// 256 bits, as HMAC-SHA256 has use for, in characters that no form mangles.
fn new_key() -> anyhow::Result<Private<String>> {
    Ok(Private::new(hex::encode(crate::secrets::random_bits()?)))
}

fn check_url(url: &str) -> anyhow::Result<()> {
    if url.contains(['?', '#']) {
        bail!("The webhook URL must end with its path: {url}");
    }
    let host = |rest: &str| rest.split(['/', '?', '#', ':']).next().unwrap_or_default().to_owned();
    let is_fit = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => !host(rest).is_empty(),
        (None, Some(rest)) => matches!(host(rest).as_str(), "127.0.0.1" | "localhost"),
        (None, None) => false,
    };
    if is_fit {
        Ok(())
    } else {
        bail!("The webhook URL must begin with https:// (http:// is for loopback only): {url}")
    }
}

fn read_input(terminal: &Terminal) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        terminal.complain("Paste the Calendly token (or the JSON object), then Enter and Ctrl-D:");
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

    fn planned(held: &[&str], existing: Option<&Subscription>, rotate: bool) -> anyhow::Result<Plan> {
        let held: Vec<_> = held.iter().map(|key| Private::from(*key)).collect();
        plan(&held, existing, rotate, || Ok("new".into()))
    }

    fn keys(keys: &[&str]) -> Vec<Private<String>> {
        keys.iter().map(|key| Private::from(*key)).collect()
    }

    #[test]
    fn what_is_in_place_is_kept() {
        let found = existing();
        let plan = planned(&["a", "b"], Some(&found), false).expect("a plan");
        assert_eq!((plan.keys(), &plan), (None, &Plan::Keep(found)));
    }

    #[test]
    fn a_first_connection_makes_a_key_and_an_interrupted_one_goes_on_with_its_own() {
        let first = planned(&[], None, false).expect("a plan");
        assert_eq!(first.keys(), Some(&keys(&["new"])[..]));
        let again = planned(&["a", "b"], None, false).expect("a plan");
        assert_eq!((again.keys(), &again), (None, &Plan::Make { keys: keys(&["a", "b"]), is_held: true }));
    }

    #[test]
    fn rotation_keeps_the_two_previous_keys_and_no_older_one() {
        let found = existing();
        let replaced = planned(&["a", "b", "c"], Some(&found), true).expect("a plan");
        assert_eq!(replaced, Plan::Replace { keys: keys(&["new", "a", "b"]), old: found });
        let made = planned(&["a"], None, true).expect("a plan");
        assert_eq!(made.keys(), Some(&keys(&["new", "a"])[..]));
    }

    #[test]
    fn a_subscription_whose_key_nobody_has_must_be_replaced() {
        let error = planned(&[], Some(&existing()), false).expect_err("no plan").to_string();
        assert!(error.contains("ROTATE=1"), "{error}");
        assert_eq!(planned(&[], Some(&existing()), true).expect("a plan").keys(), Some(&keys(&["new"])[..]));
    }

    #[test]
    fn input_is_a_token_or_an_object() {
        assert_eq!(credentials(" abc.def\n").expect("a token")["calendly_token"], "abc.def");
        assert!(credentials("\n").expect("nothing").is_empty());
        let all = r#"{"calendly_token":"t","engagelab":{"dev_key":"k","dev_secret":"s"},"vai_api_key":"v"}"#;
        assert_eq!(credentials(all).expect("an object").len(), 3);
        for (bad, says) in [
            ("two words", "one token"),
            ("two\nlines", "one token"),
            ("{\"calendly_token\":", "no JSON object (line 1"),
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
            let error = credentials(bad).expect_err(bad).to_string();
            assert!(error.contains(says) && !error.contains("hush"), "{bad}: {error}");
        }
    }

    fn map(value: serde_json::Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn what_is_given_goes_where_it_belongs() {
        let given = r#"{"calendly_token": "t", "vai_api_key": "v",
            "engagelab": {"dev_key": "k", "dev_secret": "s", "username": "u", "secret": "c", "authorization": "Basic dg=="},
            "twilio": {"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "a"},
            "brevo_api_key": "b", "brevo_webhook_token": "w"}"#;
        let mut documents = Documents { providers: Map::new(), signing: map(json!({"calendly": ["one"]})) };
        documents.enter(credentials(given).expect("an object"));
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
        let (known, signing) = documents.read().expect("secrets");
        assert_eq!(known.twilio.map(|it| it.auth_token), signing.twilio);
        assert!(known.brevo_api_key.is_some() && signing.brevo.is_some());
    }

    #[test]
    fn what_is_not_given_stays() {
        let callback = json!({"username": "u", "secret": "c", "authorization": "Basic dg=="});
        let stored = Documents {
            providers: map(json!({"calendly_token": "t", "engagelab": {"dev_key": "k", "dev_secret": "s"}})),
            signing: map(json!({"calendly": ["one"], "engagelab": callback, "brevo": "w"})),
        };
        let entered = |given: &str| {
            let mut documents = stored.clone();
            documents.enter(credentials(given).expect(given));
            documents
        };
        assert!(entered("") == stored);
        let keys = entered(r#"{"engagelab": {"dev_key": "k2", "dev_secret": "s2"}}"#);
        assert_eq!(keys.providers["engagelab"], json!({"dev_key": "k2", "dev_secret": "s2"}));
        assert_eq!(keys.signing, stored.signing);
        let secret = entered(r#"{"engagelab": {"username": "u", "secret": "c2"}}"#);
        assert_eq!(secret.providers, stored.providers);
        assert_eq!(
            secret.signing["engagelab"],
            json!({"username": "u", "secret": "c2", "authorization": "Basic dg=="})
        );
        let without = entered(r#"{"engagelab": {"username": "u", "secret": "c", "authorization": null}}"#);
        assert_eq!(without.signing["engagelab"], json!({"username": "u", "secret": "c"}));
    }

    #[test]
    fn deliveries_are_encrypted_unless_they_stay_here() {
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
    fn keys_are_long_and_never_twice_the_same() {
        let (one, other) = (new_key().expect("a key"), new_key().expect("a key"));
        assert!(one.expose().len() == 64 && one != other);
    }
}
