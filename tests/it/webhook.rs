//! The webhook function's answers, over fake ports.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{BookingId, ConnectionName, ContactKey, Feedback, Language, Pepper, Private};
use fakes::PEPPER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use lambda_http::http::{HeaderMap, Method, Request as HttpRequest};
use lambda_http::{Body, RequestExt};
use runtime::{EngagelabCallback, QueueError, SecretError, Signing, SigningKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use webhook::{Ports, handle};
use wire::intake::{Envelope, LARGEST_WHOLE_BODY, Source};

const KEY: &str = "a signing key";
const NOW: i64 = 1_764_000_000;
const PUBLIC_URL: &str = "https://hooks.example.com";

#[derive(Default)]
struct FakePorts {
    queue: Mutex<Vec<String>>,
    counted: Mutex<Vec<String>>,
    /// What the alarm of wrong signatures compares.
    watched: Mutex<Vec<String>>,
    queue_is_down: bool,
    queue_hangs: bool,
    secrets_are_down: bool,
    secrets_hang: bool,
    names_are_guessed: bool,
    no_keys: bool,
    no_public_url: bool,
    authorization: Option<&'static str>,
    rotated: Option<&'static str>,
    old_key_until: Option<i64>,
}

impl FakePorts {
    /// Returns the keys of a connection that uses every provider, with one key for all.
    fn keys(&self, key: &str) -> Signing {
        let private = |text: &str| Private::from(text);
        let authorization = self.authorization.map(private);
        let until = self.old_key_until.map(|it| Timestamp::from_second(it).expect("an instant"));
        let engagelab = EngagelabCallback { username: private("vai"), secret: private(key), authorization };
        Signing {
            calendly: vec![private("the next key").into(), SigningKey { key: private(key), until }],
            engagelab: Some(engagelab),
            twilio: Some(private(key)),
            brevo: Some(private(key)),
        }
    }

    fn queued(&self) -> Vec<Envelope> {
        let queue = self.queue.lock().expect("the queue");
        queue.iter().map(|it| Envelope::parse(it).expect("an envelope")).collect()
    }

    fn last_count(&self) -> String {
        self.counted.lock().expect("the counts").last().expect("a count").clone()
    }
}

impl Ports for FakePorts {
    async fn signing(&self, connection: &ConnectionName) -> Result<Signing, SecretError> {
        if self.secrets_hang {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        match connection.as_str() {
            _ if self.secrets_are_down => {
                Err(SecretError::Unavailable { name: "x".to_owned(), problem: "down".to_owned() })
            }
            _ if self.no_keys => Ok(Signing::default()),
            "default" | "acme" => Ok(self.keys(KEY)),
            other if self.names_are_guessed => Err(SecretError::NotLookedUp(other.to_owned())),
            other => Err(SecretError::Unknown(other.to_owned())),
        }
    }

    async fn reread_signing(&self, _: &ConnectionName) -> Option<Signing> {
        self.rotated.map(|key| self.keys(key))
    }

    async fn pepper(&self) -> Result<&Pepper, SecretError> {
        if self.secrets_hang {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        if self.secrets_are_down {
            return Err(SecretError::Unavailable { name: "x".to_owned(), problem: "down".to_owned() });
        }
        Ok(&PEPPER)
    }

    async fn enqueue(&self, message: String, tenant: &str) -> Result<(), QueueError> {
        if self.queue_hangs {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        if self.queue_is_down {
            return Err(QueueError::new("down"));
        }
        // Fair queues need to know whose message it is.
        assert_eq!(tenant, Envelope::parse(&message).expect("an envelope").connection.as_str());
        self.queue.lock().expect("the queue").push(message);
        Ok(())
    }

    fn public_url(&self) -> Option<&str> {
        (!self.no_public_url).then_some(PUBLIC_URL)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).expect("an instant")
    }

    fn count(&self, metric: &str, details: &[(&str, &str)]) {
        let detail = |wanted: &str| details.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        match (detail("Reason"), detail("Source")) {
            (Some(reason), source) => {
                self.counted.lock().expect("the counts").push(format!("{metric} {reason}"));
                if metric == "Accepted" {
                    self.watched.lock().expect("the counts").extend(source.map(|it| format!("accepted from {it}")));
                }
            }
            (None, source) => {
                self.watched.lock().expect("the counts").push(format!("{metric} {}", source.unwrap_or_default()));
            }
        }
    }
}

fn sha256(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    parts.iter().for_each(|it| mac.update(it));
    hex::encode(mac.finalize().into_bytes())
}

fn signature(key: &str, seconds: i64, body: &[u8]) -> String {
    format!("t={seconds},v1={}", sha256(key, &[format!("{seconds}.").as_bytes(), body]))
}

/// A provider that calls.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Caller {
    Calendly,
    Engagelab,
    Twilio,
    Brevo,
}

impl Caller {
    const ALL: [Self; 4] = [Self::Calendly, Self::Engagelab, Self::Twilio, Self::Brevo];

    fn path(self) -> &'static str {
        match self {
            Self::Calendly => "/webhooks/calendly",
            Self::Engagelab => "/webhooks/engagelab",
            Self::Twilio => "/webhooks/twilio",
            Self::Brevo => "/webhooks/brevo",
        }
    }

    fn source(self) -> Source {
        match self {
            Self::Calendly => Source::Calendly,
            Self::Engagelab => Source::Engagelab,
            Self::Twilio => Source::Twilio,
            Self::Brevo => Source::Brevo,
        }
    }

    /// Returns the header that a provider with this key sends with a body.
    fn header(self, key: &str, target: &str, body: &[u8]) -> (&'static str, String) {
        match self {
            Self::Calendly => ("calendly-webhook-signature", signature(key, NOW, body)),
            Self::Engagelab => ("x-callback-id", callback_id(key, NOW)),
            Self::Twilio => ("x-twilio-signature", twilio_signature(key, target, body)),
            Self::Brevo => ("authorization", format!("Bearer {key}")),
        }
    }

    async fn call(self, ports: &FakePorts, key: &str, target: &str, body: &[u8]) -> (u16, String) {
        let (name, value) = self.header(key, target, body);
        send(ports, Method::POST, target, &[(name, &value)], Body::Binary(body.to_vec())).await
    }
}

fn callback_id(key: &str, seconds: i64) -> String {
    let signature = sha256(key, &[format!("{seconds}abc123vai").as_bytes()]);
    format!("timestamp={seconds};nonce=abc123;username=vai;signature={signature}")
}

/// Signs as Twilio documents: the sorted parameters of a form, or the hash of another body in the query.
fn twilio_signature(key: &str, target: &str, body: &[u8]) -> String {
    let mut pairs: Vec<_> = std::str::from_utf8(body).unwrap_or("").split('&').filter(|it| !it.is_empty()).collect();
    pairs.sort_unstable();
    let form = if target.contains("bodySHA256") { String::new() } else { pairs.concat().replace('=', "") };
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(format!("{PUBLIC_URL}{target}{form}").as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

async fn send(ports: &FakePorts, method: Method, target: &str, headers: &[(&str, &str)], body: Body) -> (u16, String) {
    let (status, _, body) = exchange(ports, method, target, headers, body).await;
    (status, body)
}

async fn exchange(
    ports: &FakePorts,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> (u16, HeaderMap, String) {
    let mut request = HttpRequest::builder().method(method).uri(format!("https://example.com{target}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let path = target.split('?').next().unwrap_or_default();
    let request = request.body(body).expect("a request").with_raw_http_path(path);
    let (parts, body) = handle(ports, 300, &request).await.into_parts();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).expect("text"))
}

async fn send_calendly(
    ports: &FakePorts,
    method: Method,
    path: &str,
    header: Option<&str>,
    body: Body,
) -> (u16, String) {
    let headers: Vec<_> = header.into_iter().map(|it| ("calendly-webhook-signature", it)).collect();
    send(ports, method, path, &headers, body).await
}

async fn post(ports: &FakePorts, path: &str, header: &str, body: &[u8]) -> u16 {
    send_calendly(ports, Method::POST, path, Some(header), Body::Binary(body.to_vec())).await.0
}

/// Has every provider call with a body, with a valid and an invalid signature, and with each of the ports failing.
pub(crate) fn call_from_every_provider(body: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        for caller in Caller::ALL {
            for ports in [
                FakePorts::default(),
                FakePorts { queue_is_down: true, ..FakePorts::default() },
                FakePorts { secrets_are_down: true, ..FakePorts::default() },
                FakePorts { no_keys: true, ..FakePorts::default() },
                FakePorts { no_public_url: true, ..FakePorts::default() },
            ] {
                caller.call(&ports, KEY, caller.path(), body.as_bytes()).await;
                caller.call(&ports, "another key", caller.path(), body.as_bytes()).await;
            }
        }
    });
}

#[tokio::test]
async fn a_genuine_call_is_queued_unchanged_and_answered_with_an_empty_200() {
    let ports = FakePorts::default();
    let body = "{\"event\":\"invitee.created\",\"name\":\"Ăna\"}".as_bytes();
    let header = signature(KEY, NOW, body);
    let text = Body::Text(String::from_utf8(body.to_vec()).expect("text"));
    assert_eq!(
        send_calendly(&ports, Method::POST, "/webhooks/calendly", Some(&header), text).await,
        (200, String::new())
    );
    assert_eq!(post(&ports, "/webhooks/calendly/acme", &header, body).await, 200);
    assert_eq!(post(&ports, "/webhooks/calendly/", &header, body).await, 200);
    let envelopes = ports.queued();
    assert_eq!(envelopes.iter().map(|it| it.connection.as_str()).collect::<Vec<_>>(), ["default", "acme", "default"]);
    assert!(envelopes.iter().all(|it| it.body == body));
}

#[tokio::test]
async fn any_body_is_accepted_and_queued_unchanged() {
    for caller in Caller::ALL {
        let ports = FakePorts::default();
        let bodies =
            [&b""[..], b"[]", &[0xff, 0xfe, 0x00], b"not JSON", b" {\"a\" : 1 } ", "Body=Ăna&From=1".as_bytes()];
        for body in bodies {
            // Twilio signs a body that is no form by its hash.
            let hash = format!("{}?bodySHA256={}", caller.path(), hex::encode(Sha256::digest(body)));
            let target = if caller == Caller::Twilio { &hash } else { caller.path() };
            assert_eq!(caller.call(&ports, KEY, target, body).await, (200, String::new()), "{caller:?} {body:?}");
        }
        let queued = ports.queued();
        assert_eq!(queued.iter().map(|it| it.body.as_slice()).collect::<Vec<_>>(), bodies, "bytes in, bytes out");
        assert!(queued.iter().all(|it| it.source == caller.source()));
    }
}

#[tokio::test]
async fn each_provider_has_a_path_of_its_own() {
    for caller in Caller::ALL {
        let ports = FakePorts::default();
        let target = format!("{}/acme", caller.path());
        let body = b"MessageSid=SM1&MessageStatus=sent";
        assert_eq!(caller.call(&ports, KEY, caller.path(), body).await, (200, String::new()), "{caller:?}");
        assert_eq!(caller.call(&ports, KEY, &target, body).await, (200, String::new()), "{caller:?}");
        assert_eq!(ports.last_count(), "Accepted accepted");
        let connections: Vec<_> = ports.queued().iter().map(|it| it.connection.to_string()).collect();
        assert_eq!(connections, ["default", "acme"]);

        for other in Caller::ALL.into_iter().filter(|it| *it != caller) {
            let (name, value) = caller.header(KEY, other.path(), body);
            let (status, _) =
                send(&ports, Method::POST, other.path(), &[(name, &value)], Body::Binary(body.to_vec())).await;
            assert_eq!(status, 401, "{caller:?} on the path of {other:?}");
        }
        assert_eq!(caller.call(&ports, "another key", caller.path(), body).await.0, 401, "{caller:?}");
        assert_eq!(ports.last_count(), "Refused wrong");
        assert_eq!(send(&ports, Method::POST, caller.path(), &[], Body::Binary(body.to_vec())).await.0, 401);
        assert_eq!(ports.last_count(), "Refused missing");
        assert_eq!(ports.queued().len(), 2);

        for wrong in ["/No!", "/a/b", "x"] {
            let target = format!("{}{wrong}", caller.path());
            assert_eq!(caller.call(&ports, KEY, &target, body).await.0, 404, "{target}");
        }
        assert_eq!(send(&ports, Method::GET, caller.path(), &[], Body::Empty).await.0, 405);
        let large = vec![b' '; LARGEST_WHOLE_BODY + 1];
        // Calendly's are cut.
        let is_calendly = matches!(caller, Caller::Calendly);
        assert_eq!(caller.call(&ports, KEY, caller.path(), &large).await.0, if is_calendly { 200 } else { 413 });
        assert_eq!(ports.queued().len(), if is_calendly { 3 } else { 2 });

        let rotated = FakePorts { rotated: Some("the newest key"), ..FakePorts::default() };
        assert_eq!(caller.call(&rotated, "the newest key", caller.path(), body).await.0, 200, "{caller:?}");
    }
}

#[tokio::test]
async fn a_provider_without_a_key_is_refused_like_a_wrong_signature() {
    for caller in Caller::ALL {
        let ports = FakePorts { no_keys: true, ..FakePorts::default() };
        let (status, answer) = caller.call(&ports, KEY, caller.path(), b"a=1").await;
        assert_eq!(status, 401, "{caller:?}");
        assert_eq!(answer, r#"{"error":{"code":"unauthorized","message":"The signature is missing or not valid."}}"#);
        assert_eq!(ports.last_count(), "Refused no_key");
        // Without one of Calendly's, `make connect` has not ended, or its key was lost.
        let expected: &[&str] = if caller == Caller::Calendly { &["WrongSignature calendly"] } else { &[] };
        assert_eq!(ports.watched.lock().expect("the counts").as_slice(), expected);
        // What nobody's keys sign is refused, too, and an old stamp of theirs is no late call.
        let nobody = "0".repeat(64);
        assert_eq!(caller.call(&ports, &nobody, caller.path(), b"a=1").await.0, 401);
        let late = signature(&nobody, NOW - 301, b"a=1");
        let headers = [("calendly-webhook-signature", late.as_str())];
        send(&ports, Method::POST, "/webhooks/calendly", &headers, Body::Text("a=1".to_owned())).await;
        assert_eq!(ports.last_count(), "Refused no_key");
        let entered = FakePorts { no_keys: true, rotated: Some(KEY), ..FakePorts::default() };
        assert_eq!(caller.call(&entered, KEY, caller.path(), b"a=1").await.0, 200, "{caller:?}");
    }
}

#[tokio::test]
async fn engagelab_is_recognised_by_its_header_within_its_time() {
    let ports = FakePorts::default();
    let body = || Body::Text(r#"{"total":1,"rows":[{}]}"#.to_owned());
    let call = async |ports: &FakePorts, header: &str| {
        send(ports, Method::POST, "/webhooks/engagelab", &[("x-callback-id", header)], body()).await.0
    };
    for (header, why) in [
        (callback_id(KEY, NOW - 301), "stale"),
        (callback_id(KEY, NOW + 61), "future"),
        (callback_id(KEY, NOW).replace("abc123", "abc124"), "wrong"),
        (callback_id(KEY, NOW).replace("vai", "vay"), "wrong"),
        (callback_id(KEY, NOW).replace("nonce=abc123;", ""), "malformed"),
    ] {
        assert_eq!(call(&ports, &header).await, 401, "{why}");
        assert_eq!(ports.last_count(), format!("Refused {why}"));
    }
    assert!(ports.queued().is_empty());
    for seconds in [NOW - 300, NOW + 60] {
        assert_eq!(call(&ports, &callback_id(KEY, seconds)).await, 200);
    }
    let nonces: Vec<_> = ports.queued().into_iter().map(|it| (it.nonce, it.query)).collect();
    assert_eq!(nonces, vec![(Some("abc123".to_owned()), None); 2]);

    // The agreed authorization header is required, too, because the body is not signed.
    let ports = FakePorts { authorization: Some("Basic dmFp"), ..FakePorts::default() };
    let header = callback_id(KEY, NOW);
    for (authorization, status) in [("Basic dmFp", 200), ("Basic dmFq", 401), ("", 401)] {
        let headers = [("x-callback-id", header.as_str()), ("authorization", authorization)];
        assert_eq!(send(&ports, Method::POST, "/webhooks/engagelab", &headers, body()).await.0, status);
    }
    assert_eq!(call(&ports, &header).await, 401);
    assert_eq!(ports.queued().len(), 1);
}

#[tokio::test]
async fn engagelab_can_probe_its_address_before_there_is_a_key() {
    let ports = FakePorts { no_keys: true, ..FakePorts::default() };
    for probe in ["{}", " { }\n"] {
        let answer = send(&ports, Method::POST, "/webhooks/engagelab", &[], Body::Text(probe.to_owned())).await;
        assert_eq!(answer, (200, String::new()), "{probe:?}");
        assert_eq!(ports.last_count(), "Accepted probe");
    }
    for (path, body, status) in [
        ("/webhooks/engagelab", "{\"rows\":[]}", 401),
        ("/webhooks/engagelab", "", 401),
        ("/webhooks/brevo", "{}", 401),
        ("/webhooks/twilio", "{}", 401),
    ] {
        assert_eq!(send(&ports, Method::POST, path, &[], Body::Text(body.to_owned())).await.0, status, "{path} {body}");
    }
    let known = FakePorts::default();
    let answer = send(&known, Method::POST, "/webhooks/engagelab/nobody", &[], Body::Text("{}".to_owned())).await;
    assert_eq!(answer, (200, String::new()), "as for a connection that exists");
    assert!(ports.queued().is_empty() && known.queued().is_empty());
}

#[tokio::test]
async fn twilio_signs_our_public_url_and_its_query_is_queued() {
    let ports = FakePorts::default();
    let target = "/webhooks/twilio/acme?booking=bk-1&command=sms-1";
    let form = b"MessageStatus=sent&MessageSid=SM1&NewParameter=1";
    assert_eq!(Caller::Twilio.call(&ports, KEY, target, form).await.0, 200);
    let [envelope] = &ports.queued()[..] else { panic!("one") };
    assert_eq!(envelope.query.as_deref(), Some("booking=bk-1&command=sms-1"));
    assert_eq!((envelope.body.as_slice(), envelope.nonce.as_deref()), (&form[..], None));

    let header = twilio_signature(KEY, target, form);
    for (target, form) in [
        ("/webhooks/twilio/acme?booking=bk-2&command=sms-1", &form[..]),
        ("/webhooks/twilio/acme", form),
        ("/webhooks/twilio?booking=bk-1&command=sms-1", form),
        ("/webhooks/twilio/acme/?booking=bk-1&command=sms-1", form),
        (target, b"MessageStatus=failed&MessageSid=SM1&NewParameter=1"),
        (target, b"MessageStatus=sent&MessageSid=SM1"),
    ] {
        let body = Body::Binary(form.to_vec());
        let (status, _) = send(&ports, Method::POST, target, &[("x-twilio-signature", &header)], body).await;
        assert_eq!(status, 401, "{target}");
    }
    assert_eq!(ports.queued().len(), 1);
    // A query that is not signed is dropped.
    assert_eq!(Caller::Brevo.call(&ports, KEY, "/webhooks/brevo?booking=bk-1", b"{}").await.0, 200);
    assert_eq!(ports.queued()[1].query, None);

    let without_url = FakePorts { no_public_url: true, ..FakePorts::default() };
    assert_eq!(Caller::Twilio.call(&without_url, KEY, target, form).await.0, 503);
    assert_eq!(without_url.last_count(), "Unavailable public_url");
}

const BOOKING: &str = "bk-0f9d2c6be1a54c7f8e3d5a6b7c8d9e0f";
const CONTACT: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f809";

/// Returns a link without a signature.
fn unsigned_link() -> String {
    format!("/unsubscribe/acme/{BOOKING}/{CONTACT}")
}

/// Returns a link as a message has it.
fn signed_link(language: &str) -> String {
    let (acme, booking) = (ConnectionName::parse("acme").expect("a name"), BookingId::new(BOOKING));
    let contact = ContactKey::parse(CONTACT).expect("a key");
    let signature = wire::receipts::unsubscribe::sign(&PEPPER, &acme, &booking, &contact);
    format!("{}?l={language}&s={signature}", unsigned_link())
}

#[tokio::test]
async fn following_the_link_shows_a_form_and_changes_nothing() {
    let ports = FakePorts::default();
    for language in Language::ALL {
        let target = signed_link(language.tag());
        let (status, headers, page) = exchange(&ports, Method::GET, &target, &[], Body::Empty).await;
        assert_eq!((status, headers["content-type"].as_bytes()), (200, &b"text/html; charset=utf-8"[..]));
        assert_eq!(
            (headers["x-robots-tag"].as_bytes(), headers["cache-control"].as_bytes()),
            (&b"noindex, nofollow"[..], &b"no-store"[..])
        );
        assert!(page.contains(&format!(r#"<html lang="{}">"#, language.tag())), "{page}");
        assert!(page.contains(r#"<form method="post"><button>"#) && !page.contains("<script"), "{page}");
        assert!(!page.contains("bk-0f9d") && !page.contains("1a2b3c"), "the page does not repeat the link");
        let (status, _, _) = exchange(&ports, Method::HEAD, &target, &[], Body::Empty).await;
        assert_eq!(status, 200, "programs that look at links ask for the head only");
    }
    assert!(ports.queued().is_empty() && ports.counted.lock().expect("counts").is_empty());
}

#[tokio::test]
async fn a_link_without_our_signature_asks_for_the_address_and_records_nothing() {
    let ports = FakePorts::default();
    let (unsigned, whole) = (unsigned_link(), signed_link("ro"));
    let of_another_person = whole.replace("1a2b3c", "1a2b3d");
    for target in [
        unsigned.as_str(),
        &whole[..whole.len() - 1],
        of_another_person.as_str(),
        "/unsubscribe/acme/bk-1/mail-follow-up-60m-1",
    ] {
        for (method, body) in [(Method::GET, ""), (Method::POST, ""), (Method::POST, "List-Unsubscribe=One-Click")] {
            let (status, page) = send(&ports, method, target, &[], Body::Text(body.to_owned())).await;
            assert_eq!(status, 200, "{target}");
            assert!(page.contains(r#"<input name="address""#), "{page}");
            assert_eq!(ports.last_count(), "Refused unsigned_link");
        }
    }
    assert!(ports.queued().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_address_is_queued_and_the_answer_does_not_say_whether_we_wrote_to_it() {
    let ports = FakePorts::default();
    let form = || Body::Text("address=ana%40example.com".to_owned());
    let known = send(&ports, Method::POST, &unsigned_link(), &[], form()).await;
    assert_eq!((known.0, ports.last_count()), (200, "Accepted address".to_owned()));
    assert!(!known.1.contains("<form") && !known.1.contains("ana@example.com"), "{}", known.1);
    let [envelope] = &ports.queued()[..] else { panic!("one") };
    assert_eq!((envelope.source, envelope.connection.as_str()), (Source::Unsubscribe, "acme"));
    let feedback = wire::receipts::parse(envelope).expect("feedback");
    let asked = Feedback::AskedToStop { booking: BookingId::new(BOOKING), address: "ana@example.com".into() };
    assert_eq!(feedback, [asked]);
    // A connection that does not exist gets the same answer, and nothing is queued.
    let nobody = unsigned_link().replace("acme", "nobody");
    assert_eq!(send(&ports, Method::POST, &nobody, &[], form()).await, known);
    assert_eq!(ports.queued().len(), 1);
    for (ports, link) in [
        (FakePorts { secrets_are_down: true, ..FakePorts::default() }, unsigned_link()),
        (FakePorts { secrets_hang: true, ..FakePorts::default() }, unsigned_link()),
        // Whether it is a connection is not known.
        (FakePorts { names_are_guessed: true, ..FakePorts::default() }, nobody),
    ] {
        assert_eq!(send(&ports, Method::POST, &link, &[], form()).await, known, "no key is needed");
        assert_eq!(ports.queued().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_opt_out_is_queued_when_the_pepper_cannot_be_read() {
    for ports in [
        FakePorts { secrets_are_down: true, ..FakePorts::default() },
        FakePorts { secrets_hang: true, ..FakePorts::default() },
    ] {
        let link = signed_link("ro");
        let (status, page) = send(&ports, Method::GET, &link, &[], Body::Empty).await;
        assert_eq!(status, 200);
        assert!(page.contains(r#"<form method="post"><button>"#), "it asks, as for every link of ours: {page}");
        assert!(ports.queued().is_empty());
        let one_click = Body::Text("List-Unsubscribe=One-Click".to_owned());
        assert_eq!(send(&ports, Method::POST, &link, &[], one_click).await.0, 200);
        assert_eq!(ports.last_count(), "Accepted unsubscribe");
        let [envelope] = &ports.queued()[..] else { panic!("one") };
        let feedback = wire::receipts::parse(envelope).expect("feedback");
        let [Feedback::Unsubscribed { booking, contact, signature }] = &feedback[..] else { panic!("{feedback:?}") };
        // The processor checks it.
        let expected = wire::receipts::unsubscribe::sign(&PEPPER, &envelope.connection, booking, contact);
        assert_eq!(signature, &expected);
        // What a mail program has cut needs no pepper to be seen.
        let (_, page) = send(&ports, Method::POST, &link[..link.len() - 1], &[], Body::Empty).await;
        assert!(page.contains(r#"<input name="address""#), "{page}");
        assert_eq!(ports.queued().len(), 1);
    }
}

#[tokio::test]
async fn the_button_and_one_click_unsubscribe_are_queued() {
    let ports = FakePorts::default();
    let one_click = [("content-type", "application/x-www-form-urlencoded")];
    for (language, body) in [("ro", Body::Empty), ("en", Body::Text("List-Unsubscribe=One-Click".to_owned()))] {
        let (status, page) = send(&ports, Method::POST, &signed_link(language), &one_click, body).await;
        assert_eq!(status, 200);
        assert!(page.contains(&format!(r#"<html lang="{language}">"#)) && !page.contains("<form"), "{page}");
        assert_eq!(ports.last_count(), "Accepted unsubscribe");
    }
    for envelope in ports.queued() {
        assert_eq!((envelope.source, envelope.connection.as_str()), (Source::Unsubscribe, "acme"));
        let signature = signed_link("ro").split_once("&s=").expect("a signature").1.to_owned();
        let body = format!(r#"{{"booking":"{BOOKING}","contact":"{CONTACT}","signature":"{signature}"}}"#);
        assert_eq!(envelope.body, body.as_bytes());
        let feedback = wire::receipts::parse(&envelope).expect("feedback");
        assert!(matches!(feedback.as_slice(), [Feedback::Unsubscribed { .. }]), "{feedback:?}");
    }
    assert_eq!(ports.queued().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn foreign_links_are_404_and_a_click_that_cannot_be_queued_is_503() {
    let ports = FakePorts::default();
    for link in [
        "/unsubscribe",
        "/unsubscribe/acme/bk-1",
        "/unsubscribe/acme/bk-1/mail-1/more",
        "/unsubscribe/acme/bk_1/mail-1",
        "/unsubscribe/acme/bk%231/mail-1",
        "/unsubscribe/Acme/bk-1/mail-1",
    ] {
        for method in [Method::GET, Method::POST] {
            assert_eq!(send(&ports, method, link, &[], Body::Empty).await.0, 404, "{link}");
        }
    }
    assert_eq!(send(&ports, Method::DELETE, &signed_link("en"), &[], Body::Empty).await.0, 405);
    assert!(ports.queued().is_empty());

    for (ports, why) in [
        (FakePorts { queue_is_down: true, ..FakePorts::default() }, "intake_queue"),
        (FakePorts { queue_hangs: true, ..FakePorts::default() }, "out_of_time"),
        (FakePorts { queue_is_down: true, secrets_hang: true, ..FakePorts::default() }, "intake_queue"),
    ] {
        let (status, page) = send(&ports, Method::POST, &signed_link("da"), &[], Body::Empty).await;
        assert_eq!((status, ports.last_count()), (503, format!("Unavailable {why}")));
        assert!(page.contains(r#"<html lang="da">"#) && page.contains("<form"), "{page}");
    }
}

#[tokio::test]
async fn every_refusal_is_401_and_the_metric_has_the_reason() {
    let ports = FakePorts::default();
    let body = br#"{"a": 1}"#;
    let genuine = signature(KEY, NOW, body);
    let at = |seconds| signature(KEY, seconds, body);
    let no_t = genuine.split_once(',').expect("two fields").1.to_owned();
    for (header, why) in [
        (Some(signature("another key", NOW, body)), "wrong"),
        (Some(signature(KEY, NOW, br#"{"a":1}"#)), "wrong"),
        (Some(at(NOW - 301)), "stale"),
        (Some(at(NOW + 61)), "future"),
        (Some(format!("t={NOW},v1=zzzz")), "malformed"),
        (Some(no_t), "malformed"),
        (None, "missing"),
    ] {
        let (status, answer) =
            send_calendly(&ports, Method::POST, "/webhooks/calendly", header.as_deref(), Body::Binary(body.to_vec()))
                .await;
        assert_eq!(status, 401, "{why}");
        assert_eq!(answer, r#"{"error":{"code":"unauthorized","message":"The signature is missing or not valid."}}"#);
        assert_eq!(ports.counted.lock().expect("counts").last().expect("a count"), &format!("Refused {why}"));
    }
    assert!(ports.queue.lock().expect("the queue").is_empty());
    assert_eq!(post(&ports, "/webhooks/calendly", &at(NOW - 300), body).await, 200);
    assert_eq!(post(&ports, "/webhooks/calendly", &at(NOW + 60), body).await, 200);
}

#[tokio::test]
async fn an_unknown_connection_is_answered_like_a_wrong_signature() {
    let nobody = "0".repeat(64);
    for caller in Caller::ALL {
        for (key, body) in [(KEY, "a=1"), ("another key", "a=1"), (nobody.as_str(), "a=1"), (nobody.as_str(), "{}")] {
            let ports = FakePorts { rotated: Some(KEY), ..FakePorts::default() };
            let unknown = format!("{}/nobody", caller.path());
            let (name, value) = caller.header(key, &unknown, body.as_bytes());
            let call = async |ports: &FakePorts, headers: &[(&str, &str)], target: &str| {
                exchange(ports, Method::POST, target, headers, Body::Text(body.to_owned())).await
            };
            let answer = call(&ports, &[(name, &value)], &unknown).await;
            let wrong = caller.header("no key of ours", caller.path(), body.as_bytes()).1;
            let expected = call(&FakePorts::default(), &[(name, &wrong)], caller.path()).await;
            assert_eq!(answer, expected, "{caller:?} {body}");
            let is_probe = caller == Caller::Engagelab && body == "{}";
            assert_eq!(answer.0, if is_probe { 200 } else { 401 });
            assert_eq!(ports.last_count(), if is_probe { "Accepted probe" } else { "Refused unknown_connection" });
            assert!(ports.queued().is_empty());
            // While names are guessed, the log has another reason, and the answer is the same.
            let guessed = FakePorts { names_are_guessed: true, ..FakePorts::default() };
            assert_eq!(call(&guessed, &[(name, &value)], &unknown).await, expected);
            assert_eq!(guessed.last_count(), if is_probe { "Accepted probe" } else { "Refused not_looked_up" });
            // Without a signature, too.
            assert_eq!(call(&ports, &[], &unknown).await, call(&ports, &[], caller.path()).await);
        }
    }
}

#[tokio::test]
async fn wrong_signatures_are_compared_with_what_is_accepted_of_the_same_provider() {
    for caller in Caller::ALL {
        let ports = FakePorts::default();
        let name = caller.source().name();
        caller.call(&ports, "another key", caller.path(), b"a=1").await;
        caller.call(&ports, KEY, caller.path(), b"a=1").await;
        send(&ports, Method::POST, caller.path(), &[], Body::Text("a=1".to_owned())).await;
        caller.call(&ports, "another key", &format!("{}/nobody", caller.path()), b"a=1").await;
        let watched = ports.watched.lock().expect("the counts").clone();
        // What a stranger sends without a signature, or for no connection, is no sign of a wrong key.
        assert_eq!(watched, [format!("WrongSignature {name}"), format!("accepted from {name}")]);
    }
    let ports = FakePorts { no_keys: true, ..FakePorts::default() };
    send(&ports, Method::POST, "/webhooks/engagelab", &[], Body::Text("{}".to_owned())).await;
    assert_eq!(ports.watched.lock().expect("the counts").len(), 0, "a probe needs no key");
}

#[tokio::test]
async fn an_old_signing_key_is_good_until_its_end() {
    for (until, status) in [(Some(NOW + 1), 200), (Some(NOW), 401), (None, 200)] {
        let ports = FakePorts { old_key_until: until, ..FakePorts::default() };
        assert_eq!(post(&ports, "/webhooks/calendly", &signature(KEY, NOW, b"{}"), b"{}").await, status, "{until:?}");
        assert_eq!(post(&ports, "/webhooks/calendly", &signature("the next key", NOW, b"{}"), b"{}").await, 200);
    }
}

#[tokio::test]
async fn a_rotated_key_is_accepted_at_once() {
    let ports = FakePorts { rotated: Some("the newest key"), ..FakePorts::default() };
    assert_eq!(post(&ports, "/webhooks/calendly", &signature("the newest key", NOW, b"{}"), b"{}").await, 200);
    assert_eq!(post(&ports, "/webhooks/calendly", &signature("no key of ours", NOW, b"{}"), b"{}").await, 401);
}

#[tokio::test]
async fn other_paths_methods_and_sizes_are_refused() {
    let ports = FakePorts::default();
    let header = signature(KEY, NOW, b"{}");
    for path in ["/", "/webhooks", "/webhooks/calendlyx", "/webhooks/calendly/No!", "/webhooks/calendly/a/b"] {
        assert_eq!(post(&ports, path, &header, b"{}").await, 404, "{path}");
    }
    assert_eq!(send_calendly(&ports, Method::GET, "/webhooks/calendly", None, Body::Empty).await.0, 405);
    assert_eq!(
        send_calendly(&ports, Method::GET, "/health", None, Body::Empty).await,
        (200, r#"{"status":"ok"}"#.to_owned())
    );
    assert_eq!(send_calendly(&ports, Method::POST, "/health", None, Body::Empty).await.0, 405);
}

#[tokio::test]
async fn a_large_body_with_a_good_signature_is_accepted_and_cut_only_if_the_queue_cannot_take_it() {
    for (size, is_cut) in
        [(300 << 10, false), (LARGEST_WHOLE_BODY, false), (LARGEST_WHOLE_BODY + 1, true), (5 << 20, true)]
    {
        let ports = FakePorts::default();
        let body = vec![b'x'; size];
        assert_eq!(post(&ports, "/webhooks/calendly", &signature("no key of ours", NOW, &body), &body).await, 401);
        assert_eq!(post(&ports, "/webhooks/calendly", &signature(KEY, NOW, &body), &body).await, 200, "{size}");
        assert_eq!(ports.last_count(), if is_cut { "Accepted cut" } else { "Accepted accepted" });
        let queued = ports.queued();
        let [envelope] = queued.as_slice() else { panic!("{queued:?}") };
        assert_eq!(envelope.cut.as_ref().map(|it| it.size), is_cut.then_some(size));
        assert!(envelope.to_json().len() < 1 << 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_queued_is_503_within_the_time_limit() {
    for caller in Caller::ALL {
        for (ports, why) in [
            (FakePorts { queue_is_down: true, ..FakePorts::default() }, "intake_queue"),
            (FakePorts { queue_hangs: true, ..FakePorts::default() }, "out_of_time"),
            (FakePorts { secrets_are_down: true, ..FakePorts::default() }, "signing_keys"),
        ] {
            let began = tokio::time::Instant::now();
            assert_eq!(caller.call(&ports, KEY, caller.path(), b"a=1").await.0, 503, "{caller:?} {why}");
            assert!(began.elapsed() <= Duration::from_millis(1_500));
            assert_eq!(ports.counted.lock().expect("counts")[0], format!("Unavailable {why}"));
        }
    }
}

/// The processors that work at the same time: `ProcessorConcurrency` of a stack with that many customers.
const PROCESSORS: usize = 10;

/// How long one webhook takes, in milliseconds.
const SERVICE: u64 = 300;

/// Returns when the quiet connection's webhook is done, counted from its arrival, in a standard queue as AWS documents
/// it: if one tenant has far more messages in flight than others, messages of the others are returned first.
fn waiting_time(queue: &[String], quiet: &str, is_fair: bool) -> u64 {
    let tenants = queue.iter().map(|it| Envelope::parse(it).expect("an envelope").connection.to_string());
    let mut waiting: VecDeque<_> = tenants.collect();
    let mut in_flight: Vec<(u64, String)> = Vec::new();
    // All processors are busy with the flood when the quiet connection's webhook arrives.
    for number in 0..PROCESSORS {
        let started: u64 = SERVICE * u64::try_from(number).expect("small") / u64::try_from(PROCESSORS).expect("small");
        in_flight.push((SERVICE - started, waiting.pop_front().expect("a message")));
    }
    loop {
        in_flight.sort();
        let (now, done) = in_flight.remove(0);
        if done == quiet {
            return now;
        }
        if waiting.is_empty() {
            continue;
        }
        let of_tenant = |tenant: &String| in_flight.iter().filter(|(_, it)| it == tenant).count();
        let next = if is_fair {
            (0..waiting.len()).min_by_key(|at| (of_tenant(&waiting[*at]), *at)).expect("a message")
        } else {
            0
        };
        in_flight.push((now + SERVICE, waiting.remove(next).expect("a message")));
    }
}

#[tokio::test]
async fn a_flood_of_one_connection_hardly_delays_the_webhook_of_another() {
    let ports = FakePorts::default();
    let body = br#"{"event":"invitee.created"}"#;
    for _ in 0..5_000 {
        Caller::Calendly.call(&ports, KEY, "/webhooks/calendly", body).await;
    }
    Caller::Calendly.call(&ports, KEY, "/webhooks/calendly/acme", body).await;
    let queue = ports.queue.lock().expect("the queue").clone();
    assert_eq!(queue.len(), 5_001);
    let delayed = waiting_time(&queue, "acme", true);
    assert!(delayed <= 2 * SERVICE, "{delayed} ms instead of {SERVICE}");
    assert!(waiting_time(&queue, "acme", false) > 100 * SERVICE, "the queue would not be fair without tenants");
}
