//! `oauth-app`: stores our OAuth app at Calendly, with which customers log in.

use anyhow::{Context, bail};
use clap::Args;
use connecting::SecretKind;
use domain::ConnectionName;
use serde_json::{Map, Value};

use crate::options::SecretOptions;
use crate::report::{Terminal, ok};

/// The keys of the document.
const KEYS: [&str; 3] = ["client_id", "client_secret", "signing_key"];

/// Stores our OAuth app at Calendly: customers log in with it, instead of making a personal access token.
///
/// Standard input is a JSON object with `client_id`, `client_secret` and `signing_key`. Calendly shows the latter two
/// once, when the app is made (developer.calendly.com, My apps).
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    secrets: SecretOptions,
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let app = parse(&std::io::read_to_string(std::io::stdin()).context("standard input")?)?;
    options.secrets.open(connection).await.write(SecretKind::CalendlyApp, &app).await?;
    Ok(terminal
        .print_findings(&[ok("oauth app", "stored; functions that know another one read it within five minutes")]))
}

/// Parses standard input. Errors do not quote its values.
fn parse(input: &str) -> anyhow::Result<Map<String, Value>> {
    let Ok(app) = serde_json::from_str::<Map<String, Value>>(input) else {
        bail!("Standard input must be a JSON object with {}", KEYS.join(", "));
    };
    let is_key = |value: &Value| {
        value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))
    };
    let missing: Vec<_> = KEYS.into_iter().filter(|key| !app.get(*key).is_some_and(is_key)).collect();
    let unknown: Vec<_> = app.keys().filter(|key| !KEYS.contains(&key.as_str())).collect();
    match (missing.as_slice(), unknown.as_slice()) {
        ([], []) => Ok(app),
        ([], unknown) => bail!("Standard input: {unknown:?} is not known; known are {}", KEYS.join(", ")),
        (missing, _) => bail!("Standard input: {} must be a text without spaces", missing.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_values_are_needed_and_nothing_else() {
        assert_eq!(parse(r#"{"client_id":"a","client_secret":"b","signing_key":"c"}"#).expect("an app").len(), 3);
        for (bad, expected) in [
            ("hush", "must be a JSON object"),
            ("[]", "must be a JSON object"),
            (r#"{"client_id":"a","client_secret":"hush hush"}"#, "client_secret, signing_key must be a text"),
            (r#"{"client_id":"a","client_secret":"b","signing_key":"c","scope":"hush"}"#, "\"scope\"] is not known"),
        ] {
            let error = parse(bad).expect_err(bad).to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{bad}: {error}");
        }
    }
}
