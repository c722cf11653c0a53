//! For tests: an HTTP server on 127.0.0.1 in place of a provider.
//!
//! [`StandIn`] records each request and answers it by a script. [`listen`] hands each request to the test, which
//! answers it itself. A server runs as long as the test's runtime.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A request, as it was received.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as it was sent, empty without one.
    pub query: String,
    /// The headers; their names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Request {
    /// Returns the value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns method and path, such as `GET /users/me`.
    pub fn method_and_path(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the fields of the query, decoded, in their order.
    pub fn query_fields(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// Parses the body as JSON; of a form, returns an object of its fields.
    ///
    /// # Panics
    /// The body is neither, or a field of the form is there twice.
    pub fn json(&self) -> Value {
        if self.header("content-type") != Some("application/x-www-form-urlencoded") {
            return serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body));
        }
        let mut fields = serde_json::Map::new();
        for (name, value) in form_urlencoded::parse(self.body.as_bytes()) {
            assert!(fields.insert(name.into_owned(), value.into()).is_none(), "a field is there twice: {}", self.body);
        }
        fields.into()
    }

    /// Returns method, path and query, such as `GET /users?count=1`.
    pub fn method_and_target(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{separator}{}", self.method, self.path, self.query)
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub struct Answer {
    reply: Reply,
    is_for_once: bool,
}

#[derive(Clone, Debug)]
enum Reply {
    Complete { status: u16, headers: Vec<(&'static str, String)>, body: String },
    NeverAnswers,
    ClosesConnection,
}

impl Answer {
    /// Answers with a status and a body of no type.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { reply: Reply::Complete { status, headers: Vec::new(), body: body.into() }, is_for_once: false }
    }

    /// Answers with JSON.
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// Keeps the connection open and sends nothing.
    pub fn never_answers() -> Self {
        Self { reply: Reply::NeverAnswers, is_for_once: false }
    }

    /// Closes the connection without an answer, once the request was received.
    pub fn closes_connection() -> Self {
        Self { reply: Reply::ClosesConnection, is_for_once: false }
    }

    /// Adds a header. The other kinds of answer have none.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        if let Reply::Complete { headers, .. } = &mut self.reply {
            headers.push((name, value.to_string()));
        }
        self
    }

    /// Makes a rule of [`StandIn::with_rules`] apply to one request only.
    #[must_use]
    pub fn once(self) -> Self {
        Self { is_for_once: true, ..self }
    }
}

/// A server that records and answers requests.
#[derive(Debug)]
pub struct StandIn {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl StandIn {
    /// Starts a server that answers every request alike.
    pub fn with_answer(answer: Answer) -> Self {
        Self::start(move |_| answer.clone())
    }

    /// Starts a server that answers by rules. The first rule whose text the line begins with applies: `GET /a` matches
    /// `GET /a/b` too, `GET /a ` with a space does not. Without a rule, the answer is 404 with an empty object.
    pub fn with_rules(mut rules: Vec<(&'static str, Answer)>) -> Self {
        Self::start(move |request| {
            match rules.iter().position(|(start, _)| format!("{} ", request.method_and_target()).starts_with(start)) {
                None => Answer::new(404, "{}"),
                Some(at) if rules[at].1.is_for_once => rules.remove(at).1,
                Some(at) => rules[at].1.clone(),
            }
        })
    }

    /// Starts a server that calls `answer` for each request. A request is recorded before it is answered.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let (url, mut exchanges) = listen();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        spawn(async move {
            while let Some(exchange) = exchanges.recv().await {
                let answer = answer(&exchange.request);
                record.lock().unwrap_or_else(PoisonError::into_inner).push(exchange.request.clone());
                exchange.respond(answer);
            }
        });
        Self { url, requests }
    }

    /// The base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns method and path of each request so far.
    pub fn methods_and_paths(&self) -> Vec<String> {
        self.requests().iter().map(Request::method_and_path).collect()
    }

    /// Returns the only request so far.
    ///
    /// # Panics
    /// There was none, or more than one.
    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    answer: oneshot::Sender<Answer>,
}

impl Exchange {
    /// Answers. A client that is gone gets nothing.
    pub fn respond(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Starts a server; returns its base URL and its requests. An exchange that is dropped closes the connection.
///
/// # Panics
/// There is no free port.
pub fn listen() -> (String, mpsc::UnboundedReceiver<Exchange>) {
    let (listener, url) = bind();
    let (sender, exchanges) = mpsc::unbounded_channel();
    spawn(async move {
        let listener = TcpListener::from_std(listener).expect("a runtime with I/O");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let sender = sender.clone();
            let service = service_fn(move |request| serve(request, sender.clone()));
            // A client may go away at any time.
            spawn(async {
                drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
            });
        }
    });
    (url, exchanges)
}

/// Returns a base URL where nothing listens.
///
/// # Panics
/// There is no free port.
pub fn unused_url() -> String {
    bind().1
}

fn bind() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a listener");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(task);
}

/// An error makes hyper close the connection.
async fn serve(
    request: hyper::Request<Incoming>,
    exchanges: mpsc::UnboundedSender<Exchange>,
) -> io::Result<hyper::Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (answer, answered) = oneshot::channel();
    exchanges.send(Exchange { request, answer }).map_err(io::Error::other)?;
    match answered.await.map_err(io::Error::other)?.reply {
        Reply::Complete { status, headers, body } => {
            let builder = headers
                .into_iter()
                .fold(hyper::Response::builder().status(status), |builder, (name, value)| builder.header(name, value));
            builder.body(Full::from(body)).map_err(io::Error::other)
        }
        Reply::NeverAnswers => std::future::pending().await,
        Reply::ClosesConnection => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

#[cfg(test)]
mod tests {
    use http_client::{CallError, client, read_body, send};

    use super::*;

    async fn get(url: String) -> Result<(u16, Vec<u8>), CallError> {
        let response = send(client().expect("a client").get(url).body("a body")).await?;
        Ok((response.status().as_u16(), read_body(response).await?))
    }

    #[tokio::test]
    async fn rules_apply_in_their_order_and_requests_are_recorded() {
        let server = StandIn::with_rules(vec![
            ("GET /a?", Answer::new(429, "busy").once()),
            ("GET /a?", Answer::json(200, "{}")),
            ("GET /a ", Answer::new(204, "")),
        ]);
        let url = server.url();
        assert_eq!(get(format!("{url}/a?b=%20c")).await, Ok((429, b"busy".to_vec())));
        assert_eq!(get(format!("{url}/a?b")).await, Ok((200, b"{}".to_vec())));
        assert_eq!(get(format!("{url}/a")).await, Ok((204, Vec::new())));
        assert_eq!(get(format!("{url}/ab")).await, Ok((404, b"{}".to_vec())));
        let requests = server.requests();
        assert_eq!(requests.len(), 4);
        assert_eq!(
            (requests[0].method_and_target().as_str(), requests[0].method_and_path().as_str()),
            ("GET /a?b=%20c", "GET /a")
        );
        assert_eq!(requests[0].query_fields(), [("b".to_owned(), " c".to_owned())]);
        assert_eq!((requests[0].header("user-agent"), requests[0].body.as_str()), (Some("vai-calendly"), "a body"));
    }

    #[tokio::test]
    async fn a_test_can_answer_itself() {
        let (url, mut exchanges) = listen();
        let answer = async {
            let exchange = exchanges.recv().await.expect("a request");
            exchange.respond(Answer::new(503, ""));
            drop(exchanges.recv().await.expect("another request"));
        };
        let ask = async { (get(url.clone()).await, get(url).await) };
        let ((), (answered, dropped)) = tokio::join!(answer, ask);
        assert_eq!(answered, Ok((503, Vec::new())));
        assert!(matches!(dropped, Err(CallError::Broken(_))), "{dropped:?}");
    }
}
