//! Tokens: of an endpoint that catches up, and of a receiver that registers itself, of which only hashes are stored;
//! and those that confirm addresses, which are stored encrypted, because another function sends them.

use deliveries::DeliveryStore;
use domain::ConnectionName;
use endpoints::EndpointId;
use engine::PortError;
use front::TokenOwner;
use sha2::{Digest, Sha256};

/// Begins the token with which an endpoint catches up.
const CATCH_UP: &str = "vct";

/// Begins the token with which a receiver registers itself.
const SETUP: &str = "vst";

/// Begins the token that confirms an address.
const CONFIRMATION: &str = "vet";

/// Begins the ticket of a link to log in to Calendly.
const LOGIN_TICKET: &str = "vlt";

/// Begins the state of a login.
const LOGIN_STATE: &str = "vls";

/// Returns the catch-up token of an endpoint: `vct.<connection>.<endpoint>.<random>`.
pub(crate) fn catch_up_token(connection: &ConnectionName, endpoint: &EndpointId, random: [u8; 32]) -> String {
    format!("{CATCH_UP}.{connection}.{endpoint}.{}", hex::encode(random))
}

/// Returns a setup token: `vst.<connection>.<random>`.
pub(crate) fn setup_token(connection: &ConnectionName, random: [u8; 32]) -> String {
    format!("{SETUP}.{connection}.{}", hex::encode(random))
}

/// Returns a token that confirms the address of an endpoint: `vet.<connection>.<endpoint>.<random>`.
pub(crate) fn confirmation_token(connection: &ConnectionName, endpoint: &EndpointId, random: [u8; 32]) -> String {
    format!("{CONFIRMATION}.{connection}.{endpoint}.{}", hex::encode(random))
}

/// Returns the ticket of a link to log in: `vlt.<connection>.<random>`.
pub(crate) fn login_ticket(connection: &ConnectionName, random: [u8; 32]) -> String {
    format!("{LOGIN_TICKET}.{connection}.{}", hex::encode(random))
}

/// Returns the connection that the ticket of a link names.
pub(crate) fn parse_login_ticket(ticket: &str) -> Option<ConnectionName> {
    parse_named(ticket, LOGIN_TICKET)
}

/// Returns the state of a login: `vls.<connection>.<random>`.
pub(crate) fn login_state(connection: &ConnectionName, random: &str) -> String {
    format!("{LOGIN_STATE}.{connection}.{random}")
}

/// Returns the connection that the state of a login names.
pub(crate) fn parse_login_state(state: &str) -> Option<ConnectionName> {
    parse_named(state, LOGIN_STATE)
}

fn parse_named(token: &str, kind: &str) -> Option<ConnectionName> {
    let parts: Vec<_> = token.split('.').collect();
    let [found, connection, _] = parts.as_slice() else { return None };
    (*found == kind).then(|| ConnectionName::parse(connection)).flatten()
}

/// Returns the endpoint that a token of an address names.
pub(crate) fn parse_confirmation_token(token: &str) -> Option<(ConnectionName, EndpointId)> {
    let parts: Vec<_> = token.split('.').collect();
    let [CONFIRMATION, connection, endpoint, _] = parts.as_slice() else { return None };
    ConnectionName::parse(connection).zip(EndpointId::parse(endpoint))
}

/// Returns whether a text can be a setup token of a connection.
pub(crate) fn is_setup_token(token: &str, connection: &ConnectionName) -> bool {
    let parts: Vec<_> = token.split('.').collect();
    matches!(parts.as_slice(), [SETUP, name, _] if *name == connection.as_str())
}

/// Returns the digest under which a token is stored: SHA-256 in hex. A token has 256 random bits, so it needs no salt.
pub(crate) fn token_digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// Finds the endpoint that a catch-up token belongs to.
///
/// # Errors
/// The table gave no result.
pub async fn find_token_owner(store: &impl DeliveryStore, token: &str) -> Result<Option<TokenOwner>, PortError> {
    let parts: Vec<_> = token.split('.').collect();
    let [CATCH_UP, connection, endpoint, _] = parts.as_slice() else { return Ok(None) };
    let parsed = ConnectionName::parse(connection).zip(EndpointId::parse(endpoint));
    let Some((connection, endpoint)) = parsed else { return Ok(None) };
    let found = store.load_endpoint(&connection, &endpoint).await?;
    // What is compared are hashes: how long it takes tells nothing about the token.
    let is_valid = found.is_some_and(|it| it.token_digest.is_some_and(|digest| digest == token_digest(token)));
    Ok(is_valid.then(|| TokenOwner { connection, endpoint: endpoint.as_str().to_owned() }))
}
