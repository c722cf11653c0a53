//! The calls.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_client::retry_after;
use reqwest::dns::Resolve;
use reqwest::header::HeaderMap;
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout, timeout_at};
use url::Host;

use crate::address::{ForbiddenAddress, check_address};
use crate::error::DeliveryError;
use crate::policy::AddressPolicy;
use crate::resolve::{Resolver, VettedResolver};
use crate::target::TargetUrl;

/// The most that is read of the body of an answer.
const MAX_READ_BYTES: usize = 64 * 1024;

/// The most that is kept of the body of an answer.
const MAX_KEPT_BYTES: usize = 2 * 1024;

/// Headers that belong to the connection (RFC 9110 and 9112). [`Egress::post`] sends its own: with those of a customer
/// one request could be read as two, or as one to another host.
pub const TRANSPORT_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How long a call may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The whole call, with the body of the answer.
    pub total: Duration,
    /// The look-up of the name, the connection and TLS.
    pub connect: Duration,
}

impl Default for Limits {
    /// Returns the limits for production. Standard Webhooks 1.0.0 asks for 15 to 30 seconds in total.
    fn default() -> Self {
        Self { total: Duration::from_secs(15), connect: Duration::from_secs(5) }
    }
}

/// The answer of a receiver: the status decides whether the delivery succeeded.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status. A redirect is not followed: it is the answer.
    pub status: u16,
    /// The seconds in `Retry-After`, unbounded. A date in it counts from the answer's own `Date`, so that it doesn't
    /// matter whose clock is wrong; without `Date` it is ignored.
    pub retry_after_seconds: Option<u32>,
    /// The first 2 KiB of the body, or what came of it in time. Characters that are not UTF-8 are replaced.
    pub body: String,
    /// Whether `body` is less than the whole body.
    pub is_truncated: bool,
    /// The milliseconds from the begin of the call to the status and headers.
    pub millis: u32,
}

impl fmt::Debug for Answer {
    /// Leaves the body out: it may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, retry_after_seconds, body: _, is_truncated, millis } = self;
        f.debug_struct("Answer")
            .field("status", status)
            .field("retry_after_seconds", retry_after_seconds)
            .field("is_truncated", is_truncated)
            .field("millis", millis)
            .finish_non_exhaustive()
    }
}

/// Delivers to URLs of customers. Make one and clone it: the first call builds the client, which loads the system's
/// root certificates. That would take most of a function's init, and its first event may need no call.
#[derive(Clone)]
pub struct Egress {
    client: Arc<OnceLock<Client>>,
    names: Arc<dyn Resolve>,
    policy: AddressPolicy,
    limits: Limits,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("policy", &self.policy).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Egress {
    /// Makes it with the limits for production.
    pub fn new(policy: AddressPolicy, resolver: impl Resolver) -> Self {
        Self::with_limits(policy, resolver, Limits::default())
    }

    /// Makes it with other limits.
    pub fn with_limits(policy: AddressPolicy, resolver: impl Resolver, limits: Limits) -> Self {
        // No loopback for names, whatever the policy: a resolver knows no port.
        Self::with_vetting(policy, resolver, limits, check_address)
    }

    fn with_vetting(
        policy: AddressPolicy,
        resolver: impl Resolver,
        limits: Limits,
        vet: fn(IpAddr) -> Result<(), ForbiddenAddress>,
    ) -> Self {
        let names: Arc<dyn Resolve> = Arc::new(VettedResolver { resolver: Arc::new(resolver), vet });
        Self { client: Arc::default(), names, policy, limits }
    }

    fn client(&self) -> reqwest::Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        #[expect(clippy::disallowed_methods, reason = "http_client::client would resolve names unvetted")]
        let builder = Client::builder();
        let client = builder
            .user_agent("vai-calendly")
            .connect_timeout(self.limits.connect)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // Each delivery is resolved and vetted anew. Nor may one write to a connection that was closed while the
            // function was frozen.
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::clone(&self.names))
            .build()?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Looks the host up and vets its addresses. Connects to nothing, so a customer's URL can be checked when it is
    /// registered. [`Egress::post`] does it anew.
    ///
    /// # Errors
    /// The name is not found in time, or an address is not allowed.
    pub async fn check_target(&self, target: &TargetUrl) -> Result<(), DeliveryError> {
        self.check_literal(target)?;
        let Some(Host::Domain(host)) = target.url.host() else { return Ok(()) };
        let name = host.parse().map_err(|_| DeliveryError::NameNotFound)?;
        let found = timeout(self.limits.connect, self.names.resolve(name)).await;
        let error = match found {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.downcast().map_or(DeliveryError::NameNotFound, |it| *it),
            Err(_) => DeliveryError::NameNotFound,
        };
        Err(error)
    }

    /// Sends a body once, without [`TRANSPORT_HEADERS`].
    ///
    /// Once there is a status, there is an answer: a body that is slow, broken or long is cut.
    ///
    /// # Errors
    /// There was no status in time, an address is not allowed, or the root certificates can't be loaded.
    pub async fn post(
        &self,
        target: &TargetUrl,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, DeliveryError> {
        self.check_literal(target)?;
        for name in TRANSPORT_HEADERS {
            headers.remove(name);
        }
        let start = Instant::now();
        let deadline = start + self.limits.total;
        let request = self.client()?.post(target.url.clone()).headers(headers).body(body);
        let mut response = timeout_at(deadline, request.send()).await.map_err(|_| DeliveryError::Timeout)??;
        let millis = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);
        let remote = response.remote_addr().ok_or_else(|| DeliveryError::Broken("no remote address".to_owned()))?;
        self.policy.check(remote)?;
        let status = response.status().as_u16();
        let retry_after_seconds = retry_after(response.headers());
        let mut read = Vec::new();
        // Whether the body came as a whole.
        let is_whole = timeout_at(deadline, read_body(&mut response, &mut read)).await.unwrap_or(false);
        let mut body = String::from_utf8_lossy(&read).into_owned();
        let is_truncated = !is_whole || body.len() > MAX_KEPT_BYTES;
        body.truncate(body.floor_char_boundary(MAX_KEPT_BYTES));
        Ok(Answer { status, retry_after_seconds, body, is_truncated, millis })
    }

    fn check_literal(&self, target: &TargetUrl) -> Result<(), ForbiddenAddress> {
        target.literal.map_or(Ok(()), |it| self.policy.check(it))
    }
}

/// Reads a body up to its limit. Returns whether that was all.
async fn read_body(response: &mut Response, read: &mut Vec<u8>) -> bool {
    while let Ok(chunk) = response.chunk().await {
        let Some(chunk) = chunk else { return true };
        read.extend_from_slice(&chunk);
        if read.len() > MAX_READ_BYTES {
            read.truncate(MAX_READ_BYTES);
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::process::Command;
    use std::sync::Mutex;

    use proptest::prelude::*;
    use reqwest::header::HeaderValue;
    use stand_in::StandIn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::address::tests::forbidden;
    use crate::resolve::SystemResolver;

    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const SHORT: Limits = Limits { total: Duration::from_millis(1000), connect: Duration::from_millis(400) };

    /// Gives one answer after the other, and the last one for ever.
    struct Script(Mutex<Vec<io::Result<Vec<IpAddr>>>>);

    impl Script {
        fn new(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Self {
            let mut answers: Vec<_> = answers.into_iter().map(Ok).collect();
            answers.reverse();
            Self(Mutex::new(answers))
        }
    }

    impl Resolver for Script {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let mut answers = self.0.lock().expect("a script");
            match answers.as_slice() {
                [Ok(last)] => Ok(last.clone()),
                [] => Err(io::Error::other("no such name")),
                _ => answers.pop().expect("an answer"),
            }
        }
    }

    /// A resolver that never answers.
    struct Silence;

    impl Resolver for Silence {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            std::future::pending().await
        }
    }

    fn address_of(url: &str) -> SocketAddr {
        url.strip_prefix("http://").expect("a URL").parse().expect("an address")
    }

    /// A policy that allows one server.
    fn policy_for(url: &str) -> AddressPolicy {
        AddressPolicy::with_loopback(vec![address_of(url)]).expect("loopback")
    }

    /// A client that may reach one server, and the URL of a path there.
    fn client_for(url: &str, path: &str, limits: Limits) -> (Egress, TargetUrl) {
        let target = TargetUrl::parse(&format!("{url}{path}"), &policy_for(url)).expect("a URL");
        (Egress::with_limits(policy_for(url), SystemResolver, limits), target)
    }

    async fn post_within(url: &str, limits: Limits) -> Result<Answer, DeliveryError> {
        let (egress, target) = client_for(url, "/hook", limits);
        egress.post(&target, HeaderMap::new(), b"{}".to_vec()).await
    }

    async fn post(url: &str) -> Result<Answer, DeliveryError> {
        post_within(url, Limits::default()).await
    }

    /// A URL with a name instead of the server's address, which [`TargetUrl::parse`] would refuse.
    fn named(url: &str) -> TargetUrl {
        let url = format!("http://receiver.example:{}/hook", address_of(url).port());
        TargetUrl { url: Url::parse(&url).expect("a URL"), literal: None }
    }

    /// A server that reads a request, writes `begin`, then `repeated` every 20 ms for ever, or else closes.
    async fn raw_server(begin: Vec<u8>, repeated: Option<&'static [u8]>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(&begin).await.expect("a client");
            while let Some(bytes) = repeated {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
        });
        url
    }

    #[tokio::test]
    async fn a_delivery_reaches_its_receiver() {
        let server = StandIn::with_answer(stand_in::Answer::new(202, "thank you"));
        let (egress, target) = client_for(server.url(), "/hook?key=a", Limits::default());
        let headers = [("webhook-id", "msg_1"), ("content-type", "application/json")];
        let headers = headers.map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        let answer = egress.post(&target, headers.into_iter().collect(), b"{\"a\":1}".to_vec()).await;
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str(), answer.is_truncated), (202, "thank you", false));
        assert_eq!(answer.retry_after_seconds, None);
        let request = server.only_request();
        assert_eq!((request.method_and_target().as_str(), request.body.as_str()), ("POST /hook?key=a", "{\"a\":1}"));
        let host = server.url().strip_prefix("http://").expect("a URL");
        let expected = [
            ("accept", "*/*"),
            ("content-length", "7"),
            ("content-type", "application/json"),
            ("host", host),
            ("user-agent", "vai-calendly"),
            ("webhook-id", "msg_1"),
        ];
        assert_eq!(request.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[tokio::test]
    async fn proxy_variables_are_ignored() {
        let proxy = StandIn::with_answer(stand_in::Answer::new(502, ""));
        let variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "egress::tests::a_delivery_reaches_its_receiver"])
            .envs(variables.map(|it| (it, proxy.url())))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .expect("this program");
        let output = String::from_utf8_lossy(&output.stdout);
        assert!(output.contains("1 passed"), "{output}");
    }

    #[tokio::test]
    async fn user_name_and_password_are_sent_as_basic_authentication() {
        let server = StandIn::with_answer(stand_in::Answer::new(200, ""));
        let url = server.url().replace("http://", "http://us%C3%A9r:p%40ss@");
        let target = TargetUrl::parse(&url, &policy_for(server.url())).expect("a URL");
        let (egress, _) = client_for(server.url(), "", Limits::default());
        let own = HeaderMap::from_iter([("authorization".parse().expect("a name"), HeaderValue::from_static("own"))]);
        for headers in [HeaderMap::new(), own] {
            egress.post(&target, headers, Vec::new()).await.expect("an answer");
        }
        let sent: Vec<_> = server.requests().iter().map(|it| it.header("authorization").map(str::to_owned)).collect();
        assert_eq!(sent, [Some("Basic dXPDqXI6cEBzcw==".to_owned()), Some("own".to_owned())]);
    }

    #[tokio::test]
    async fn headers_of_the_connection_are_not_a_customers() {
        let server = StandIn::with_answer(stand_in::Answer::new(200, ""));
        let (egress, target) = client_for(server.url(), "/hook", Limits::default());
        let header = |name: &str| (name.parse().expect("a name"), HeaderValue::from_static("5"));
        egress
            .post(&target, TRANSPORT_HEADERS.map(header).into_iter().collect(), b"a body".to_vec())
            .await
            .expect("an answer");
        let request = server.only_request();
        let sent: Vec<_> = request.headers.keys().map(String::as_str).collect();
        assert_eq!(sent, ["accept", "content-length", "host", "user-agent"]);
        assert_eq!((request.header("content-length"), request.body.as_str()), (Some("6"), "a body"));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let elsewhere = StandIn::with_answer(stand_in::Answer::new(200, ""));
        for status in [301, 302, 303, 307, 308] {
            let answer = stand_in::Answer::new(status, "moved").header("location", elsewhere.url());
            let server = StandIn::with_answer(answer.header("set-cookie", "a=b"));
            let (egress, target) = client_for(server.url(), "/hook", Limits::default());
            for _ in 0..2 {
                let answer = egress.post(&target, HeaderMap::new(), Vec::new()).await.expect("an answer");
                assert_eq!((answer.status, answer.body.as_str()), (status, "moved"));
            }
            for request in server.requests() {
                assert_eq!((request.header("cookie"), request.header("referer")), (None, None));
            }
        }
        assert_eq!(elsewhere.methods_and_paths(), [""; 0]);
    }

    #[tokio::test]
    async fn each_way_of_getting_no_answer_has_its_error() {
        let code = async |url: &str| post_within(url, SHORT).await.map_err(|it| it.code());
        assert_eq!(code(StandIn::with_answer(stand_in::Answer::never_answers()).url()).await, Err("timeout"));
        assert_eq!(code(StandIn::with_answer(stand_in::Answer::closes_connection()).url()).await, Err("broken"));
        assert_eq!(code(&raw_server(b"220 mail.example ESMTP\r\n".to_vec(), None).await).await, Err("broken"));
        assert_eq!(code(&raw_server(b"HTTP/1.1 200 OK\r\n".to_vec(), Some(b"a: b\r\n")).await).await, Err("timeout"));
        assert_eq!(code(&stand_in::unused_url()).await, Err("no_connection"));
    }

    #[tokio::test]
    async fn a_server_without_tls_is_not_a_server_that_is_down() {
        let post = async |url: &str| {
            let target = TargetUrl::parse(&url.replace("http", "https"), &policy_for(url)).expect("a URL");
            let (egress, _) = client_for(url, "", SHORT);
            egress.post(&target, HeaderMap::new(), Vec::new()).await.expect_err("no TLS")
        };
        let plain = post(StandIn::with_answer(stand_in::Answer::new(200, "")).url()).await;
        assert!(matches!(plain, DeliveryError::Tls(_)), "{plain:?}");
        let closing = post(&raw_server(Vec::new(), None).await).await;
        assert!(matches!(closing, DeliveryError::Tls(_)), "{closing:?}");
        let down = post(&stand_in::unused_url()).await;
        assert_eq!(down.to_string(), "no connection: Connection refused (os error 111)");
        let silent = post(&raw_server(Vec::new(), Some(b"")).await).await;
        assert!(matches!(silent, DeliveryError::NoConnection(_)), "{silent:?}");
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_not_found() {
        let target = TargetUrl::parse("https://user:secret@receiver.example/?key=secret", &AddressPolicy::default());
        let target = target.expect("a URL");
        for resolver in [Script::new([]), Script::new([Vec::new()])] {
            let egress = Egress::new(AddressPolicy::default(), resolver);
            assert_eq!(egress.check_target(&target).await, Err(DeliveryError::NameNotFound));
            let error = egress.post(&target, HeaderMap::new(), Vec::new()).await.expect_err("no name");
            assert_eq!(error.to_string(), "the host name was not found");
        }
        let egress = Egress::with_limits(AddressPolicy::default(), Silence, SHORT);
        assert_eq!(egress.check_target(&target).await, Err(DeliveryError::NameNotFound));
        let error = egress.post(&target, HeaderMap::new(), Vec::new()).await.expect_err("no name");
        assert_eq!(error.code(), "no_connection");
    }

    #[tokio::test]
    async fn a_name_whose_address_changes_after_the_check_is_refused() {
        let server = StandIn::with_answer(stand_in::Answer::new(200, ""));
        // Even where a policy names the server's address: names lead to public addresses only.
        for policy in [AddressPolicy::default(), policy_for(server.url())] {
            let resolver = Script::new([vec![PUBLIC], vec![LOOPBACK]]);
            let egress = Egress::new(policy, resolver);
            assert_eq!(egress.check_target(&named(server.url())).await, Ok(()));
            let error = egress.post(&named(server.url()), HeaderMap::new(), Vec::new()).await.expect_err("refused");
            assert_eq!(error.to_string(), "the address 127.0.0.1 is not public (loopback)");
        }
        assert_eq!(server.methods_and_paths(), [""; 0]);
    }

    #[tokio::test]
    async fn a_delivery_goes_to_the_vetted_addresses_and_each_is_resolved_anew() {
        let server = StandIn::with_answer(stand_in::Answer::new(200, ""));
        let resolver = Script::new([vec![LOOPBACK], Vec::new(), vec![LOOPBACK]]);
        let egress = Egress::with_vetting(policy_for(server.url()), resolver, Limits::default(), |_| Ok(()));
        let post = async || egress.post(&named(server.url()), HeaderMap::new(), Vec::new()).await.map(|it| it.status);
        assert_eq!(post().await, Ok(200));
        assert_eq!(post().await, Err(DeliveryError::NameNotFound));
        assert_eq!(post().await, Ok(200));
        assert_eq!(server.methods_and_paths(), ["POST /hook", "POST /hook"]);
    }

    #[tokio::test]
    async fn an_answer_from_an_address_that_is_not_allowed_is_discarded() {
        let server = StandIn::with_answer(stand_in::Answer::new(200, "a secret"));
        let resolver = Script::new([vec![LOOPBACK]]);
        let egress = Egress::with_vetting(AddressPolicy::default(), resolver, Limits::default(), |_| Ok(()));
        let error = egress.post(&named(server.url()), HeaderMap::new(), Vec::new()).await.expect_err("refused");
        assert_eq!(error.code(), "forbidden_address");
        assert_eq!(server.methods_and_paths(), ["POST /hook"]);
    }

    #[tokio::test]
    async fn a_literal_address_is_vetted_again_when_it_is_called() {
        let server = StandIn::with_answer(stand_in::Answer::new(200, ""));
        let (_, target) = client_for(server.url(), "/hook", Limits::default());
        let production = Egress::new(AddressPolicy::default(), SystemResolver);
        let error = production.post(&target, HeaderMap::new(), Vec::new()).await.expect_err("refused");
        assert_eq!(error.code(), "forbidden_address");
        assert_eq!(production.check_target(&target).await, Err(error));
        assert_eq!(server.methods_and_paths(), [""; 0]);
    }

    #[tokio::test]
    async fn the_system_resolves_localhost_to_loopback_which_is_refused() {
        let egress = Egress::new(AddressPolicy::default(), SystemResolver);
        let target = TargetUrl { url: Url::parse("https://localhost/").expect("a URL"), literal: None };
        let error = egress.check_target(&target).await.expect_err("refused");
        assert_eq!(error.code(), "forbidden_address");
    }

    #[tokio::test]
    async fn of_a_long_body_the_begin_is_kept() {
        let body_of = async |body: String| post(StandIn::with_answer(stand_in::Answer::new(500, body)).url()).await;
        let answer = body_of("x".repeat(MAX_KEPT_BYTES)).await.expect("an answer");
        assert_eq!((answer.body.len(), answer.is_truncated), (MAX_KEPT_BYTES, false));
        let answer = body_of(format!("x{}", "ü".repeat(MAX_KEPT_BYTES / 2))).await.expect("an answer");
        assert_eq!((answer.body.len(), answer.is_truncated), (MAX_KEPT_BYTES - 1, true));
        assert!(answer.body.ends_with('ü'));
        let answer = body_of("x".repeat(1024 * 1024)).await.expect("an answer");
        assert_eq!((answer.status, answer.body.len(), answer.is_truncated), (500, MAX_KEPT_BYTES, true));
    }

    #[tokio::test]
    async fn a_body_that_is_not_utf_8_stays_within_its_limit() {
        let mut begin = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        begin.extend([0xff; MAX_KEPT_BYTES]);
        let answer = post(&raw_server(begin, None).await).await.expect("an answer");
        assert_eq!((answer.body.len(), answer.is_truncated), (MAX_KEPT_BYTES - MAX_KEPT_BYTES % 3, true));
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut_at_once() {
        let begin = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let url = raw_server(begin, Some(&[b'x'; 64 * 1024])).await;
        let start = Instant::now();
        let answer = post(&url).await.expect("an answer");
        assert_eq!((answer.status, answer.body.len(), answer.is_truncated), (200, MAX_KEPT_BYTES, true));
        assert!(start.elapsed() < Limits::default().total / 3);
    }

    #[tokio::test]
    async fn a_slow_or_broken_body_does_not_change_the_status() {
        let begin = || b"HTTP/1.1 204 OK\r\n\r\n".map(|it| if it == b'4' { b'0' } else { it }).to_vec();
        let answer = post_within(&raw_server(begin(), Some(b"x")).await, SHORT).await.expect("an answer");
        assert_eq!((answer.status, answer.is_truncated), (200, true));
        assert!(answer.body.starts_with("xx"));
        assert!(Duration::from_millis(answer.millis.into()) < SHORT.total / 2, "{} ms", answer.millis);
        let begin = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
        let answer = post(&raw_server(begin, None).await).await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str(), answer.is_truncated), (200, "half", true));
    }

    #[test]
    fn debug_output_has_no_body() {
        let answer = Answer {
            status: 200,
            retry_after_seconds: Some(1),
            body: "private".into(),
            is_truncated: false,
            millis: 5,
        };
        let expected = "Answer { status: 200, retry_after_seconds: Some(1), is_truncated: false, millis: 5, .. }";
        assert_eq!(format!("{answer:?}"), expected);
    }

    #[test]
    fn a_name_with_one_forbidden_address_among_public_ones_is_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let target = TargetUrl::parse("https://receiver.example/", &AddressPolicy::default()).expect("a URL");
        let check = |addresses| {
            let egress = Egress::new(AddressPolicy::default(), Script::new([addresses]));
            runtime.block_on(egress.check_target(&target))
        };
        assert_eq!(check(vec![PUBLIC]), Ok(()));
        proptest!(|(bad in forbidden(), before in 0_usize..3, after in 0_usize..3)| {
            let addresses = [vec![PUBLIC; before], vec![bad], vec![PUBLIC; after]].concat();
            let error = check(addresses).expect_err("refused");
            prop_assert_eq!(error.code(), "forbidden_address", "{}", bad);
        });
    }
}
