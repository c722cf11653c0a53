//! `api-key`: who may call our API. A key is shown once, when it is made; only its hash is stored.

use anyhow::bail;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use domain::ConnectionName;
use runtime::ApiKeys;
use runtime::aws::{Timeouts, config};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::SecretNames;
use crate::report::{Terminal, put};
use crate::secrets::{Kind, SecretStore, random_bits};

/// Makes, lists and removes keys to our API, each for one connection. There may be several, so that VAI can change over
/// to a new one before the old one goes.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    secrets: SecretNames,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a key for a connection, and print it: it is never shown again
    Add {
        /// What to call it, for example vai-1
        #[arg(long, value_parser = name)]
        name: String,
    },
    /// List the names, and the connection that each opens
    List,
    /// Remove a key: functions refuse it within five minutes
    Remove {
        /// What it is called
        #[arg(long)]
        name: String,
    },
}

fn name(text: &str) -> Result<String, String> {
    let fits = ConnectionName::parse(text).is_some();
    if fits { Ok(text.to_owned()) } else { Err("a key's name is 1 to 40 of a-z, 0-9 and -".to_owned()) }
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let client = aws_sdk_secretsmanager::Client::new(&config(Timeouts::STEADY).await);
    let secrets = SecretStore::new(client, &options.secrets.prefix, connection);
    let mut document = secrets.read(Kind::ApiKeys).await?;
    match options.what {
        What::Add { name } => {
            let key = new_key()?;
            add(&mut document, &name, connection, &key)?;
            secrets.write(Kind::ApiKeys, &document).await?;
            terminal.complain(format_args!(
                "The key {name}, for the connection {connection}. It is never shown again; only its hash is stored."
            ));
            put(&format!("{key}\n"));
        }
        What::List => match known(&document)?.iter().map(|it| (&it.name, &it.connection)).collect::<Vec<_>>()[..] {
            [] => terminal.say("There is no key to the API: `make api-key NAME=vai-1` makes one."),
            ref keys => {
                keys.iter().for_each(|(name, connection)| terminal.say(format_args!("{name:<20} {connection}")))
            }
        },
        What::Remove { name } => {
            remove(&mut document, &name)?;
            secrets.write(Kind::ApiKeys, &document).await?;
            terminal.say(format_args!("The key {name} is removed; running functions refuse it within five minutes."));
        }
    }
    Ok(true)
}

/// 256 bits under a prefix by which a key is known wherever it turns up.
fn new_key() -> anyhow::Result<String> {
    Ok(format!("vai_{}", URL_SAFE_NO_PAD.encode(random_bits()?)))
}

/// The keys as the functions read them.
fn known(document: &Map<String, Value>) -> anyhow::Result<ApiKeys> {
    // serde_json's own words would quote the value.
    serde_json::from_value(Value::Object(document.clone()))
        .map_err(|_| anyhow::anyhow!("the secret …api-keys is not of the expected form: mend or delete it"))
}

fn add(document: &mut Map<String, Value>, name: &str, connection: &ConnectionName, key: &str) -> anyhow::Result<()> {
    if known(document)?.iter().any(|it| it.name == name) {
        bail!("There is a key {name} already: choose another name, or remove it first: `make api-key REMOVE={name}`");
    }
    let entry = json!({"name": name, "connection": connection, "sha256": hex::encode(Sha256::digest(key))});
    if let Value::Array(keys) = document.entry("keys").or_insert_with(|| json!([])) {
        keys.push(entry);
    }
    Ok(())
}

fn remove(document: &mut Map<String, Value>, name: &str) -> anyhow::Result<()> {
    if !known(document)?.iter().any(|it| it.name == name) {
        bail!("There is no key {name}: `make api-key` lists them");
    }
    if let Some(Value::Array(keys)) = document.get_mut("keys") {
        keys.retain(|key| key["name"] != name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_known_to_the_functions_until_it_is_removed() {
        let acme = ConnectionName::parse("acme").expect("a name");
        let (one, two) = (new_key().expect("a key"), new_key().expect("a key"));
        let mut document = Map::new();
        add(&mut document, "vai-1", &ConnectionName::default(), &one).expect("added");
        add(&mut document, "vai-2", &acme, &two).expect("added");
        let holder = |document: &Map<String, Value>, key: &str| {
            known(document).expect("keys").find_key(key).map(|it| (it.name.clone(), it.connection.clone()))
        };
        assert_eq!(holder(&document, &one), Some(("vai-1".to_owned(), ConnectionName::default())));
        assert_eq!(holder(&document, &two), Some(("vai-2".to_owned(), acme)));
        assert!(!Value::Object(document.clone()).to_string().contains(&one), "only hashes are stored");

        assert!(add(&mut document, "vai-1", &ConnectionName::default(), &one).is_err(), "a name is one key's");
        remove(&mut document, "vai-1").expect("removed");
        assert!(holder(&document, &one).is_none() && holder(&document, &two).is_some());
        assert!(remove(&mut document, "vai-1").is_err());
    }

    #[test]
    fn keys_are_long_fit_a_header_and_are_never_twice_the_same() {
        let (one, other) = (new_key().expect("a key"), new_key().expect("a key"));
        assert!(one.len() == 47 && one.starts_with("vai_") && one != other, "{one}");
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')), "{one}");
    }

    #[test]
    fn a_secret_of_another_form_is_not_written_over_and_not_quoted() {
        let document = json!({"keys": "hush"});
        let mut document = document.as_object().cloned().expect("an object");
        let error =
            add(&mut document, "vai-1", &ConnectionName::default(), "key").expect_err("another form").to_string();
        assert!(error.contains("mend or delete") && !error.contains("hush"), "{error}");
        assert!(name("vai-1").is_ok() && name("Vai 1").is_err() && name("").is_err());
    }
}
