//! Receives VAI's webhooks. Put your own code into [`handle`]. README.md says what the rest does.
//!
//! ```text
//! WEBHOOK_SECRET=whsec_… receiver
//! receiver --api https://api.example.com --url https://me.example.com/webhooks/vai --setup-token …
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its terminal")]

mod access;
mod calls;
mod progress;
mod receiver;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use clap::Parser;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::access::Access;
use crate::calls::Calls;
use crate::receiver::{Receiver, Refused};

/// The largest body of a delivery.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Your code. It gets each event once; those of a stream in their order.
fn handle(event: &Value, stream: Option<&str>, number: Option<u64>) {
    let number = number.map_or_else(|| "-".to_owned(), |it| it.to_string());
    println!("event: {} {} {number}", event["type"].as_str().unwrap_or("-"), stream.unwrap_or("-"));
}

/// Receives VAI's webhooks.
#[derive(Parser)]
struct Options {
    /// The port; 0 is any free one.
    #[arg(long, env, default_value_t = 3004)]
    port: u16,
    /// The address to listen on.
    #[arg(long, env = "HOST_ADDRESS", default_value = "127.0.0.1")]
    host: std::net::IpAddr,
    /// The secret of the endpoint. Flags are seen by other users of the machine; the variable is not.
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Where the keys for v1a are.
    #[arg(long, env)]
    keys_url: Option<String>,
    /// Where missing events are fetched.
    #[arg(long, env = "API_URL")]
    api: Option<String>,
    /// The token to fetch them with.
    #[arg(long, env, hide_env_values = true)]
    catch_up_token: Option<String>,
    /// Registers this receiver.
    #[arg(long, env, hide_env_values = true, requires = "api", requires = "url")]
    setup_token: Option<String>,
    /// Its own address, for the set-up.
    #[arg(long, env = "PUBLIC_URL")]
    url: Option<String>,
    /// Keeps what the set-up gave.
    #[arg(long, env = "STATE_FILE", default_value = ".vai-receiver.json")]
    state: PathBuf,
    /// Writes each event as a line of JSON.
    #[arg(long)]
    dump: Option<PathBuf>,
}

impl Options {
    /// Returns what is known before the set-up.
    fn access(&self) -> Result<Access> {
        if self.secret.is_none() && self.setup_token.is_none() && self.state.exists() {
            return Access::read(&self.state).with_context(|| format!("{} can't be used", self.state.display()));
        }
        let access = Access {
            secret: self.secret.as_deref().map(signing::Secret::parse).transpose()?,
            catch_up_token: self.catch_up_token.clone(),
            keys_url: self.keys_url.clone(),
            api: self.api.as_deref().map(|it| it.trim_end_matches('/').to_owned()),
        };
        let is_usable = access.is_ready() || self.setup_token.is_some();
        ensure!(is_usable, "set WEBHOOK_SECRET, or give --setup-token, --api and --url");
        Ok(access)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let receiver = Arc::new(Receiver::new(options.access()?, Calls::new()?, options.dump.as_deref())?);
    let listener = TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    println!("receiver: http://{}", listener.local_addr()?);
    let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&receiver));
    let set_up = async {
        // The server runs already: the set-up may send its test before it answers.
        if let (Some(token), Some(url)) = (&options.setup_token, &options.url) {
            receiver.set_up(token, url, &options.state).await.context("set-up failed")?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(async { anyhow::Ok(axum::serve(listener, app).await?) }, set_up)?;
    Ok(())
}

async fn answer(State(receiver): State<Arc<Receiver>>, request: Request) -> (StatusCode, Json<Value>) {
    let path = request.uri().path();
    if request.method() != Method::POST {
        return match path {
            "/health" => (StatusCode::OK, Json(json!({"status": "ok"}))),
            "/webhook/status" => (StatusCode::OK, Json(receiver.status())),
            _ => {
                let error = "there are /health and /webhook/status; deliveries are sent by POST";
                (StatusCode::NOT_FOUND, Json(json!({"error": error})))
            }
        };
    }
    let (parts, body) = request.into_parts();
    let received = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => receiver.receive(&parts.headers, &body).await,
        Err(_) => Err(Refused::new(413, format!("the body has more than {MAX_BODY_BYTES} bytes"))),
    };
    match received {
        Ok(is_duplicate) => (StatusCode::OK, Json(json!({"received": true, "duplicate": is_duplicate}))),
        Err(refused) => {
            receiver.count_refused();
            eprintln!("refused: {}", refused.reason);
            (refused.status, Json(json!({"error": refused.reason})))
        }
    }
}
