//! For tests: Calendly on loopback, with an answer for each request it knows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use runtime::Secrets;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
#[derive(Clone)]
pub(crate) struct Answer {
    reply: Reply,
    is_for_once: bool,
}

#[derive(Clone)]
enum Reply {
    /// A status line's rest (further header lines may follow it) and a body.
    Told(String, String),
    /// The connection is held and nothing comes.
    Silence,
    /// The connection ends without a word.
    Break,
}

impl Answer {
    /// For the first such request only; after that the next answer that fits is taken.
    pub(crate) fn once(self) -> Self {
        Self { is_for_once: true, ..self }
    }
}

/// A request that was received.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and headers; their names in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    /// Method and path, without the query.
    pub(crate) fn line(&self) -> &str {
        self.head.split([' ', '?']).nth(1).map_or("", |path| {
            let end = self.head.find(path).unwrap_or_default() + path.len();
            &self.head[..end]
        })
    }

    /// The query, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let path = self.head.split(' ').nth(1).unwrap_or_default();
        let url = reqwest::Url::parse(&format!("http://calendly{path}")).expect("a URL");
        url.query_pairs().into_owned().collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
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

    /// Method and path of each request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.line().to_owned()).collect()
    }
}

pub(crate) fn answer(status: &str, body: impl Into<String>) -> Answer {
    Answer { reply: Reply::Told(status.to_owned(), body.into()), is_for_once: false }
}

pub(crate) fn ok(body: &Value) -> Answer {
    answer("200 OK", body.to_string())
}

pub(crate) fn resource(resource: &Value) -> Answer {
    ok(&json!({"resource": resource}))
}

pub(crate) fn made(resource: &Value) -> Answer {
    answer("201 Created", json!({"resource": resource}).to_string())
}

pub(crate) fn none() -> Answer {
    answer("204 No Content", "")
}

pub(crate) fn page(collection: Value, next: Option<&str>) -> Answer {
    ok(&json!({"collection": collection, "pagination": {"count": 1, "next_page_token": next}}))
}

pub(crate) fn fails(status: &str, body: &Value) -> Answer {
    answer(status, body.to_string())
}

pub(crate) fn silence() -> Answer {
    Answer { reply: Reply::Silence, is_for_once: false }
}

pub(crate) fn breaks() -> Answer {
    Answer { reply: Reply::Break, is_for_once: false }
}

/// Starts it. Each answer is for the requests that begin so; the first that fits is taken, 404 if none does.
pub(crate) async fn calendly(answers: Vec<(&'static str, Answer)>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    #[expect(clippy::disallowed_methods, reason = "a test ends with its runtime")]
    tokio::spawn(async move {
        let mut answers = answers;
        let mut silent = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.expect("a call");
            silent.extend(serve(stream, &mut answers, &log).await);
        }
    });
    Fake { url, seen }
}

/// Gives back a connection that is to be held.
async fn serve(
    mut stream: TcpStream,
    answers: &mut Vec<(&'static str, Answer)>,
    log: &Mutex<Vec<Seen>>,
) -> Option<TcpStream> {
    let mut received = Vec::new();
    let seen = loop {
        // One of two requests side by side is given up when the other has failed.
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() == length.parse::<usize>().expect("a number") {
            break Seen { head: head.to_owned(), body: body.to_owned() };
        }
    };
    let found = answers.iter().position(|(start, _)| seen.head.starts_with(start));
    let answer = match found {
        None => answer("404 Not Found", "{}"),
        Some(at) if answers[at].1.is_for_once => answers.remove(at).1,
        Some(at) => answers[at].1.clone(),
    };
    log.lock().expect("a lock").push(seen);
    let (status, body) = match answer.reply {
        Reply::Told(status, body) => (status, body),
        Reply::Silence => return Some(stream),
        Reply::Break => return None,
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    None
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

/// The token's owner.
pub(crate) const ME: &str = "https://api.calendly.com/users/U1";
pub(crate) const ORGANIZATION: &str = "https://api.calendly.com/organizations/O1";

pub(crate) fn me() -> (&'static str, Answer) {
    let me = json!({
        "uri": ME, "name": "Maria Host", "email": "maria@example.com", "timezone": "Europe/Bucharest",
        "scheduling_url": "https://calendly.com/maria", "current_organization": ORGANIZATION,
    });
    ("GET /users/me ", resource(&me))
}

/// An invitee of the event `E1`, as Calendly answers it.
pub(crate) fn invitee(id: &str) -> Value {
    json!({
        "uri": format!("https://api.calendly.com/scheduled_events/E1/invitees/{id}"),
        "event": "https://api.calendly.com/scheduled_events/E1",
        "email": "ana@example.com", "name": "Ana Pop", "status": "active", "timezone": "Europe/Bucharest",
        "created_at": "2027-01-09T10:00:00.000000Z", "updated_at": "2027-01-09T10:00:00.000000Z",
        "questions_and_answers": [], "rescheduled": false, "old_invitee": null, "new_invitee": null,
        "tracking": {"utm_content": TOKEN}, "text_reminder_number": "+40712345678", "no_show": null,
        "cancel_url": "https://calendly.com/cancellations/I1",
        "reschedule_url": "https://calendly.com/reschedulings/I1",
    })
}

pub(crate) const TOKEN: &str = "vai1-abcdefghijklmnopqrstuvwxyz";

/// The event `E1`, as Calendly answers it.
pub(crate) fn event() -> Value {
    json!({
        "uri": "https://api.calendly.com/scheduled_events/E1", "name": "Intro call", "status": "active",
        "start_time": "2127-01-11T09:00:00.000000Z", "end_time": "2127-01-11T09:30:00.000000Z",
        "event_type": "https://api.calendly.com/event_types/T1", "event_memberships": [{"user_name": "Maria Host"}],
        "location": {"type": "zoom", "join_url": "https://zoom.example/1"},
        "invitees_counter": {"active": 1, "limit": 1, "total": 1}, "event_guests": [],
    })
}

/// The same with some of its keys changed.
pub(crate) fn with(resource: Value, changes: &Value) -> Value {
    let mut resource = resource;
    for (key, value) in changes.as_object().expect("an object") {
        resource[key] = value.clone();
    }
    resource
}

pub(crate) fn rest(base_url: &str) -> crate::Rest {
    crate::Rest::new(client(), base_url, secrets())
}

pub(crate) fn secrets() -> Arc<Secrets> {
    let named = [("t/default/providers", r#"{"calendly_token":"a-token"}"#), ("t/empty/providers", "{}")];
    let secrets: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Arc::new(Secrets::fixed("t/", secrets))
}
