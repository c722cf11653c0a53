//! `connect`: checks a Calendly token and makes a subscription whose deliveries we can verify.
//!
//! It may be repeated: what exists is reported and kept, and an interrupted run is completed. The API for connections
//! does the same with the same code: see the crate `connecting`.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use connecting::{
    Documents, EnsureError, OLD_KEY, RecordError, SecretKind, SecretStore, SigningKeys, Wanted, check_credentials,
    ensure_subscription, read_signing_keys, record_connection, write_signing_keys,
};
use domain::{CalendlyBinding, ConnectionName, LoginKind, Private};
use engine::PortError;
use runtime::{SigningKey, SystemClock};
use serde_json::{Map, Value};

use crate::options::{CalendlyOptions, SecretOptions, TableOptions};
use crate::report::{Terminal, ok};
use crate::secrets::random_bytes;
use crate::{account, callbacks};

/// Connects Calendly: checks the token, writes both secrets, makes the subscription, writes the connection's row. Can
/// be repeated.
///
/// Standard input is a personal access token, or a JSON object with any of
/// `{"calendly_token": "…", "vai_api_key": "…",
/// "engagelab": {"dev_key": "…", "dev_secret": "…", "username": "…", "secret": "…", "authorization": "…"},
/// "twilio": {"account_sid": "AC…", "auth_token": "…", "api_key": "SK…", "api_secret": "…"}, "brevo_api_key": "…",
/// "brevo_webhook_token": "…"}`.
/// EngageLab's last three belong to its callback: user name, secret and, if one is set, the complete `Authorization`
/// header. Twilio's API key may be left out; with it, the account's token is kept only where signatures are checked.
/// `brevo_webhook_token` is the bearer token that Brevo's webhook sends.
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
    /// Replace an existing subscription and its signing key. The old key is good for 26 more hours, for webhooks on
    /// their way; with `now`, for a key that has leaked, it is good for nothing
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "in-time")]
    rotate: Option<Rotation>,
}

/// When an old signing key ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Rotation {
    /// When Calendly has repeated what it signed with it.
    InTime,
    /// At once.
    Now,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let url = options.calendly.webhook_url(connection);
    check_url(&url)?;
    let credentials = parse_credentials(&read_input(terminal)?)?;

    let secrets = options.secrets.open(connection).await;
    let stored = Documents {
        providers: secrets.read(SecretKind::Providers).await?,
        signing: secrets.read(SecretKind::Signing).await?,
    };
    stored.signing_keys()?;
    let mut documents = stored.clone();
    documents.add(credentials);
    let (providers, signing) = documents.parse()?;
    let Some(token) = providers.calendly_token.clone() else {
        bail!("No Calendly token is stored yet: give one on standard input");
    };

    let account = options.calendly.account(token)?;
    let (findings, checked) = account::check_token(&account).await;
    terminal.print_findings(&findings);
    let Some(checked) = checked else { bail!("Nothing was written.") };
    if documents.providers != stored.providers {
        secrets.write(SecretKind::Providers, &documents.providers).await?;
    }
    // What the keys do not change; they are written with the subscription.
    if documents.signing != stored.signing {
        secrets.write(SecretKind::Signing, &documents.signing).await?;
    }
    let keys = StoredKeys { secrets: &secrets, document: Mutex::new(documents.signing.clone()) };
    let wanted = Wanted {
        url: &url,
        owner: &checked.owner,
        for_organization: checked.is_admin(),
        rotate: options.rotate.is_some(),
        old_keys_until: (options.rotate != Some(Rotation::Now)).then(|| SystemClock.now() + OLD_KEY),
        key: &new_key()?,
        key_is_fixed: false,
    };
    let ensured = ensure_subscription(&account, &keys, wanted).await.map_err(explain_error)?;
    let is_written = documents != stored || ensured.keys_changed;
    terminal.print_findings(&[ok("secrets", if is_written { "written" } else { "unchanged" })]);
    let is_well = terminal.print_findings(&[account::check_subscription(Some(&ensured.subscription), &url)]);
    let deleted = ensured.deleted.iter();
    let deleted: Vec<_> =
        deleted.map(|old| ok("subscription", format!("the old one for {} is deleted", old.callback_url))).collect();
    terminal.print_findings(&deleted);
    let binding = CalendlyBinding {
        organization: checked.owner.current_organization.clone(),
        user: checked.owner.uri.clone(),
        subscription: ensured.subscription.uri.clone(),
    };
    let table = options.table.open().await;
    let login = LoginKind::PersonalToken;
    let recorded = record_connection(&table, connection, login, binding, SystemClock.now()).await;
    let (_, is_changed) = recorded.map_err(|error| match error {
        RecordError::OtherOrganization => anyhow::Error::new(error).context(
            "The token belongs to another organization than this connection. Give the token of the right one, or \
             connect another name: `make connect CONNECTION=…`",
        ),
        error => anyhow::Error::new(error)
            .context("Calendly is connected, but the row can't be written. Repeat `make connect`"),
    })?;
    terminal
        .print_findings(&[ok("connection", if is_changed { "its row is written" } else { "its row is unchanged" })]);
    if ensured.is_new && !ensured.deleted.is_empty() {
        terminal.print(
            "      Running functions read the new key within five minutes. Calendly repeats webhooks that they refuse.",
        );
        terminal.print(if options.rotate == Some(Rotation::Now) {
            "      The old key is good for nothing: within five minutes no function accepts it."
        } else {
            "      The old key is good for 26 more hours."
        });
    }
    terminal.print_findings(&account::check_keys(&providers, &signing, &account::providers_with_keys(&providers)));
    let public_url = callbacks::public_url(options.public_url.as_deref(), &url);
    terminal.print(callbacks::describe_callbacks(public_url, connection, &providers, &signing));
    Ok(is_well)
}

/// The signing keys in their secret.
struct StoredKeys<'a> {
    secrets: &'a SecretStore,
    /// The secret's document, with the keys of the other providers.
    document: Mutex<Map<String, Value>>,
}

impl StoredKeys<'_> {
    fn document(&self) -> Map<String, Value> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SigningKeys for StoredKeys<'_> {
    async fn load_keys(&self) -> Result<Vec<SigningKey>, PortError> {
        read_signing_keys(&self.document()).map_err(|error| PortError::unreadable(error.to_string()))
    }

    async fn write_keys(&self, keys: &[SigningKey]) -> Result<(), PortError> {
        let mut document = self.document();
        write_signing_keys(&mut document, keys);
        let written = self.secrets.write(SecretKind::Signing, &document).await;
        written.map_err(|error| PortError::unavailable(format!("{error:#}")))?;
        *self.document.lock().unwrap_or_else(PoisonError::into_inner) = document;
        Ok(())
    }
}

fn explain_error(error: EnsureError) -> anyhow::Error {
    let advice = match &error {
        EnsureError::KeyUnknown(_) => return anyhow::Error::new(error),
        EnsureError::Refused { .. } => "The secrets are written. An old subscription and its key are unchanged",
        EnsureError::Unknown(_) => "Repeat `make connect ROTATE=1`",
        EnsureError::Calendly(_) | EnsureError::Keys(_) => "Repeat `make connect`",
    };
    anyhow::Error::new(error).context(advice)
}

/// Parses standard input. Errors do not quote its values.
fn parse_credentials(input: &str) -> anyhow::Result<Map<String, Value>> {
    let input = input.trim();
    if input.is_empty() {
        return Ok(Map::new());
    }
    if !input.starts_with('{') {
        let token = Map::from_iter([("calendly_token".to_owned(), input.into())]);
        if !check_credentials(&token).is_empty() {
            bail!("Standard input must be one token on one line, or a JSON object");
        }
        return Ok(token);
    }
    let credentials: Map<String, Value> = serde_json::from_str(input).map_err(|error| {
        anyhow!("Standard input is not a JSON object (line {}, column {})", error.line(), error.column())
    })?;
    let problems = check_credentials(&credentials);
    if problems.is_empty() { Ok(credentials) } else { bail!("Standard input: {}", problems.join("; ")) }
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
    use super::*;

    #[test]
    fn an_old_key_ends_in_time_or_at_once_as_the_operator_says() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let needed = ["connect", "--webhook-url=https://a.example", "--secret-prefix=a/", "--table-name=a"];
        let rotate = |given: &[&'static str]| {
            let line = needed.into_iter().chain(given.iter().copied());
            <Line as clap::Parser>::try_parse_from(line).ok().map(|it| it.options.rotate)
        };
        assert_eq!(rotate(&[]), Some(None));
        assert_eq!(rotate(&["--rotate"]), Some(Some(Rotation::InTime)));
        assert_eq!(rotate(&["--rotate=now"]), Some(Some(Rotation::Now)));
        // A word that nobody knows must not leave a leaked key good for a day.
        assert_eq!(rotate(&["--rotate=never"]), None);
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
