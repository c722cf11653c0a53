//! The calls that a receiver makes: set-up, keys, missing events.

use std::time::Duration;

use anyhow::{Result, bail};
use http_client::{Client, client_with_timeout, read_body, send};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use signing::{CACHE_LIFETIME, KeySet, PublicKey, Secret};
use tokio::sync::Mutex;

use crate::access::{Access, SetUp};

/// The sender waits 15 seconds for the answer to a delivery.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a copy of the keys is used before it is asked for anew.
const KEYS_FRESH: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait before the keys are asked for again.
const KEYS_RETRY: SignedDuration = SignedDuration::from_mins(1);

/// What is encoded in a segment of a path. Source: RFC 3986, section 2.3.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) struct Calls {
    client: Client,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    known: Vec<PublicKey>,
    fetched_at: Timestamp,
    tried_at: Timestamp,
}

/// One page of missing events.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    pub(crate) events: Vec<MissingEvent>,
    pub(crate) has_more: bool,
}

#[derive(Deserialize)]
pub(crate) struct MissingEvent {
    pub(crate) number: u64,
    pub(crate) id: String,
    /// The body as it was delivered.
    pub(crate) body: String,
}

impl Calls {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { client: client_with_timeout(TIMEOUT)?, keys: Mutex::default() })
    }

    /// Registers a URL with a secret of its own, and has it tested in the same call.
    pub(crate) async fn set_up(&self, api: &str, token: &str, url: &str, secret: &Secret) -> Result<SetUp> {
        let request = self.client.post(format!("{api}/api/endpoints/setup"));
        let body = json!({"token": token, "url": url, "secret": secret.expose(), "verify": true});
        self.ask(request.json(&body)).await
    }

    /// Returns the keys for v1a: a copy is asked for anew after an hour, and used for a day at most.
    pub(crate) async fn public_keys(&self, url: &str, now: Timestamp) -> Vec<PublicKey> {
        let mut keys = self.keys.lock().await;
        if now.duration_since(keys.fetched_at) > KEYS_FRESH && now.duration_since(keys.tried_at) > KEYS_RETRY {
            keys.tried_at = now;
            match self.ask::<KeySet>(self.client.get(url)).await {
                Ok(set) => (keys.known, keys.fetched_at) = (set.public_keys(), now),
                Err(error) => eprintln!("keys: can't be fetched: {error}"),
            }
        }
        if now.duration_since(keys.fetched_at) < CACHE_LIFETIME { keys.known.clone() } else { Vec::new() }
    }

    /// Fetches a page of the events of a stream after a number. Without a token, or for a stream of another kind,
    /// there is none.
    pub(crate) async fn missing_events(&self, access: &Access, stream: &str, after: u64) -> Option<Result<Page>> {
        let (api, token) = (access.api.as_ref()?, access.catch_up_token.as_ref()?);
        let (kind, id) = stream.split_once('/')?;
        let path = match kind {
            "booking" => "bookings",
            "conversation" => "conversations",
            _ => return None,
        };
        let id = utf8_percent_encode(id, NOT_UNRESERVED);
        let request = self.client.get(format!("{api}/api/{path}/{id}/events?after={after}"));
        Some(self.ask(request.bearer_auth(token)).await)
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = send(request).await?;
        let status = response.status();
        let body = read_body(response).await?;
        if !status.is_success() {
            bail!("{status} {}", String::from_utf8_lossy(&body).chars().take(300).collect::<String>());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
