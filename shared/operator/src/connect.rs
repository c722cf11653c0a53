//! `connect`: from a token to a subscription whose deliveries we can verify.
//!
//! It may be repeated: what is in place is reported and kept, what was cut short is finished. Secrets are written before
//! the subscription is made, because the first delivery may come at once. An old subscription is deleted after the new
//! one is there: what happens meanwhile comes twice, which changes nothing, where a gap would lose it.

use std::io::IsTerminal;

use anyhow::{Context, bail};
use calendly::{Account, Error, Order, Subscription, User};
use clap::Args;
use domain::{ConnectionName, Private};
use runtime::Providers;
use runtime::aws::{Patience, config};
use serde_json::{Map, Value};

use crate::report::{Terminal, ok};
use crate::vault::{Kind, Vault};
use crate::{CalendlyApi, SecretNames, account};

/// Connects Calendly: checks the token, writes both secrets, makes the subscription. Can be repeated.
///
/// Standard input is a personal access token, or a JSON object with any of
/// `{"calendly_token": "…", "engagelab": {"dev_key": "…", "dev_secret": "…"}, "vai_api_key": "…"}`.
/// What it leaves out stays as it is stored; that is everything when it is empty.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    calendly: CalendlyApi,
    /// Where Calendly is to deliver; for another connection than `default`, its name is added
    #[arg(long, env = "WEBHOOK_URL")]
    webhook_url: String,
    #[command(flatten)]
    secrets: SecretNames,
    /// Replace an existing subscription and its signing key; the previous key stays valid for deliveries in flight
    #[arg(long)]
    rotate: bool,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let url = account::webhook_url(&options.webhook_url, connection);
    check_url(&url)?;
    let given = credentials(&read_input(terminal)?)?;

    let aws = config(Patience::STEADY).await;
    let vault = Vault::new(aws_sdk_secretsmanager::Client::new(&aws), &options.secrets.prefix, connection);
    let mut providers = vault.read(Kind::Providers).await?;
    let signing = vault.read(Kind::Signing).await?;
    let held = keys_in(&signing)?;
    let is_new = given.iter().any(|(key, value)| providers.get(key) != Some(value));
    providers.extend(given);
    let known: Providers = serde_json::from_value(Value::Object(providers.clone()))
        .map_err(|_| anyhow::anyhow!("the secret …/providers is not of the expected form: mend or delete it"))?;
    let Some(token) = known.calendly_token.clone() else {
        bail!("No Calendly token is stored yet: give one on standard input");
    };

    let account = options.calendly.account(token)?;
    let (findings, owner) = account::examine(&account).await;
    terminal.report(&findings);
    let Some(owner) = owner else { bail!("Nothing was written.") };
    let (existing, leftover) = account::ours(account.subscriptions(&owner.current_organization).await?, &url);
    let plan = plan(&held, existing.as_ref(), options.rotate, new_key)?;

    if is_new {
        vault.write(Kind::Providers, &providers).await?;
    }
    // Before all else: another replacement needs the form of our URL that this one has.
    if let Some(leftover) = &leftover {
        delete(&account, leftover, terminal).await?;
    }
    if let Some(keys) = plan.keys() {
        let mut signing = signing.clone();
        signing.insert("calendly".to_owned(), keys.iter().map(|key| key.expose().as_str()).collect());
        vault.write(Kind::Signing, &signing).await?;
    }
    terminal.report(&[ok("secrets", if is_new || plan.keys().is_some() { "written" } else { "unchanged" })]);
    let subscription = match &plan {
        Plan::Keep(found) => found.clone(),
        Plan::Make { keys, .. } => {
            make(&account, &owner, &url, keys).await.context("There is no subscription now; the secrets are written")?
        }
        Plan::Replace { keys, old } => match make(&account, &owner, &account::free_form(&url, old), keys).await {
            Ok(made) => made,
            Err(error) if error.downcast_ref().is_some_and(Error::is_refusal) => {
                // The old key's place is the first: repeated attempts would push it out, and it goes on signing.
                let put_back = vault.write(Kind::Signing, &signing).await;
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
    if let Plan::Replace { old, .. } = &plan {
        terminal
            .say("      Running functions know the new key within five minutes; Calendly repeats what they refuse.");
        delete(&account, old, terminal).await?;
    }
    terminal.report(&account::keys(&known));
    Ok(is_well)
}

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

/// What was given: keys of the providers' secret. Its values are never quoted.
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
    match key {
        "calendly_token" | "vai_api_key" => (!is_key(value)).then(|| format!("{key} must be a text without spaces")),
        "engagelab" => {
            let pair = value.as_object().filter(|pair| pair.len() == 2);
            let is_pair = pair
                .is_some_and(|pair| ["dev_key", "dev_secret"].iter().all(|part| pair.get(*part).is_some_and(is_key)));
            (!is_pair).then(|| "engagelab must be {\"dev_key\", \"dev_secret\"}".to_owned())
        }
        _ => Some(format!("{key} is not known; there are: calendly_token, engagelab, vai_api_key")),
    }
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
    Ok(Private::new(hex::encode(crate::vault::random_bits()?)))
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
            (r#"{"token":"hush"}"#, "token is not known"),
        ] {
            let error = credentials(bad).expect_err(bad).to_string();
            assert!(error.contains(says) && !error.contains("hush"), "{bad}: {error}");
        }
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
