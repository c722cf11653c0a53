//! `api-key`: the keys of our API. A key is printed once, when it is made. Only its hash is stored.

use anyhow::{anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use connecting::SecretKind;
use domain::{ConnectionName, Scope};
use runtime::ApiKeys;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::options::SecretOptions;
use crate::report::{Terminal, print_text};
use crate::secrets::random_bytes;

/// Makes, lists and removes keys of our API, each for one connection. There may be several, so that VAI can switch to a
/// new key before the old one is removed.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    secrets: SecretOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key for a connection, and print it once
    Add {
        /// The key's name, for example vai-1
        #[arg(long, value_parser = parse_name)]
        name: String,
        /// What the key permits, separated by commas: read, book, change, events, admin
        #[arg(long, value_delimiter = ',', value_parser = parse_scope, default_value = "read,book,change")]
        scopes: Vec<Scope>,
        /// Let the key see and change the bookings of every conversation, and not only those of the one it names
        #[arg(long)]
        trusted: bool,
    },
    /// List the keys' names, each with its connection, its scopes, and whose bookings it opens
    List,
    /// Remove a key: functions refuse it within a minute
    Remove {
        /// The key's name
        #[arg(long)]
        name: String,
    },
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_valid = ConnectionName::parse(text).is_some();
    if is_valid { Ok(text.to_owned()) } else { Err("a key's name is 1 to 40 of a-z, 0-9 and -".to_owned()) }
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    let names = Scope::ALL.map(Scope::name).join(", ");
    Scope::parse(text).ok_or_else(|| format!("a scope is one of {names}"))
}

pub(crate) async fn run(options: Options, connection: &ConnectionName, terminal: &Terminal) -> anyhow::Result<bool> {
    let secrets = options.secrets.open(connection).await;
    let mut document = secrets.read(SecretKind::ApiKeys).await?;
    match options.action {
        Action::Add { name, scopes, trusted } => {
            let key = new_key()?;
            add(&mut document, &NewKey { name: &name, connection, scopes: &scopes, is_trusted: trusted }, &key)?;
            secrets.write(SecretKind::ApiKeys, &document).await?;
            terminal.print_error(format_args!(
                "The key {name} for the connection {connection}. It is not shown again; only its hash is stored."
            ));
            print_text(&format!("{key}\n"));
        }
        Action::List => {
            let keys = parse_keys(&document)?;
            for key in keys.iter() {
                let scopes: Vec<_> = key.scopes.iter().map(|it| it.name()).collect();
                let reach = if key.is_trusted { "trusted" } else { "own conversations" };
                terminal.print(format_args!(
                    "{:<20} {:<20} {:<18} {}",
                    key.name,
                    key.connection,
                    reach,
                    scopes.join(",")
                ));
            }
            if keys.iter().next().is_none() {
                terminal.print("The API has no keys: `make api-key NAME=vai-1` makes one.");
            }
        }
        Action::Remove { name } => {
            remove(&mut document, &name)?;
            secrets.write(SecretKind::ApiKeys, &document).await?;
            terminal.print(format_args!("The key {name} is removed. Running functions refuse it within a minute."));
        }
    }
    Ok(true)
}

/// Returns a key of 256 bits. The prefix lets secret scanners recognise it.
fn new_key() -> anyhow::Result<String> {
    Ok(format!("vai_{}", URL_SAFE_NO_PAD.encode(random_bytes()?)))
}

/// Parses the keys as the functions do.
fn parse_keys(document: &Map<String, Value>) -> anyhow::Result<ApiKeys> {
    // serde_json's error would quote the value.
    serde_json::from_value(Value::Object(document.clone()))
        .map_err(|_| anyhow!("the secret …api-keys is malformed: correct or delete it"))
}

/// What is stored of a new key, besides its hash.
struct NewKey<'a> {
    name: &'a str,
    connection: &'a ConnectionName,
    scopes: &'a [Scope],
    is_trusted: bool,
}

fn add(document: &mut Map<String, Value>, new: &NewKey<'_>, key: &str) -> anyhow::Result<()> {
    let NewKey { name, connection, scopes, is_trusted } = *new;
    if parse_keys(document)?.iter().any(|it| it.name == name) {
        bail!("A key {name} exists already: choose another name, or remove it first: `make api-key REMOVE={name}`");
    }
    let hash = hex::encode(Sha256::digest(key));
    let entry =
        json!({"name": name, "connection": connection, "scopes": scopes, "trusted": is_trusted, "sha256": hash});
    if let Value::Array(keys) = document.entry("keys").or_insert_with(|| json!([])) {
        keys.push(entry);
    }
    Ok(())
}

fn remove(document: &mut Map<String, Value>, name: &str) -> anyhow::Result<()> {
    if !parse_keys(document)?.iter().any(|it| it.name == name) {
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
    fn a_key_is_accepted_until_it_is_removed() {
        let acme = ConnectionName::parse("acme").expect("a name");
        let (one, two) = (new_key().expect("a key"), new_key().expect("a key"));
        let mut document = Map::new();
        let default = ConnectionName::default();
        let first = NewKey { name: "vai-1", connection: &default, scopes: &Scope::DEFAULT, is_trusted: true };
        let second = NewKey { name: "vai-2", connection: &acme, scopes: &[Scope::Read], is_trusted: false };
        add(&mut document, &first, &one).expect("added");
        add(&mut document, &second, &two).expect("added");
        let trusted: Vec<_> = parse_keys(&document).expect("keys").iter().map(|it| it.is_trusted).collect();
        assert_eq!(trusted, [true, false]);
        let holder = |document: &Map<String, Value>, key: &str| {
            parse_keys(document).expect("keys").find_key(key).map(|it| (it.name.clone(), it.connection.clone()))
        };
        assert_eq!(holder(&document, &one), Some(("vai-1".to_owned(), ConnectionName::default())));
        assert_eq!(holder(&document, &two), Some(("vai-2".to_owned(), acme.clone())));
        assert!(!Value::Object(document.clone()).to_string().contains(&one), "only hashes are stored");

        let again = add(&mut document, &first, &one);
        assert!(again.is_err(), "names are unique");
        remove(&mut document, "vai-1").expect("removed");
        assert!(holder(&document, &one).is_none() && holder(&document, &two).is_some());
        assert!(remove(&mut document, "vai-1").is_err());
    }

    #[test]
    fn a_key_permits_its_scopes_and_no_others() {
        let mut document = Map::new();
        let scopes = ["read", "events"].map(|it| parse_scope(it).expect("a scope"));
        let connection = ConnectionName::default();
        let new = NewKey { name: "crm", connection: &connection, scopes: &scopes, is_trusted: false };
        add(&mut document, &new, "key").expect("added");
        let keys = parse_keys(&document).expect("keys");
        let key = keys.find_key("key").expect("the key");
        let permitted: Vec<_> = Scope::ALL.into_iter().filter(|it| key.permits(*it)).collect();
        assert_eq!(permitted, scopes);
        assert_eq!(
            parse_scope("write"),
            Err("a scope is one of read, book, change, events, admin, connections".to_owned())
        );
    }

    #[test]
    fn keys_are_long_unique_and_fit_a_header() {
        let (one, other) = (new_key().expect("a key"), new_key().expect("a key"));
        assert!(one.len() == 47 && one.starts_with("vai_") && one != other, "{one}");
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')), "{one}");
    }

    #[test]
    fn a_malformed_secret_is_neither_overwritten_nor_quoted() {
        let document = json!({"keys": "hush"});
        let mut document = document.as_object().cloned().expect("an object");
        let connection = ConnectionName::default();
        let new = NewKey { name: "vai-1", connection: &connection, scopes: &Scope::DEFAULT, is_trusted: false };
        let added = add(&mut document, &new, "key");
        let error = added.expect_err("malformed").to_string();
        assert!(error.contains("correct or delete") && !error.contains("hush"), "{error}");
        assert!(parse_name("vai-1").is_ok() && parse_name("Vai 1").is_err() && parse_name("").is_err());
    }
}
