//! For tests: Calendly on loopback, with an answer for each request it knows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use runtime::Secrets;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A status line's rest (further header lines may follow it) and a body.
pub(crate) type Answer = (String, String);

/// A request that was received.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and headers; their names in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A Calendly that answers until the test ends.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("a lock").clone()
    }
}

pub(crate) fn ok(body: &Value) -> Answer {
    ("200 OK".to_owned(), body.to_string())
}

pub(crate) fn fails(status: &str, body: &Value) -> Answer {
    (status.to_owned(), body.to_string())
}

/// Starts it. Each answer is for the requests that begin so; the first that fits is taken, 404 if none does.
pub(crate) async fn calendly(answers: Vec<(&'static str, Answer)>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    #[expect(clippy::disallowed_methods, reason = "a test ends with its runtime")]
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a call");
            serve(stream, &answers, &log).await;
        }
    });
    Fake { url, seen }
}

async fn serve(mut stream: TcpStream, answers: &[(&'static str, Answer)], log: &Mutex<Vec<Seen>>) {
    let mut received = Vec::new();
    let seen = loop {
        // One of two requests side by side is given up when the other has failed.
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() == length.parse::<usize>().expect("a number") {
            break Seen { head: head.to_owned(), body: body.to_owned() };
        }
    };
    let answer = answers.iter().find(|(start, _)| seen.head.starts_with(start));
    let (status, body) = answer.map_or(("404 Not Found", "{}"), |(_, (status, body))| (status, body));
    log.lock().expect("a lock").push(seen);
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// A base URL where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

pub(crate) fn client() -> reqwest::Client {
    #[expect(clippy::disallowed_methods, reason = "a test needs none of the real client's settings")]
    let builder = reqwest::Client::builder();
    builder.no_proxy().build().expect("a client")
}

pub(crate) fn secrets() -> Arc<Secrets> {
    let named = [("t/default/providers", r#"{"calendly_token":"a-token"}"#), ("t/empty/providers", "{}")];
    let secrets: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Arc::new(Secrets::fixed("t/", secrets))
}
