//! The calls to KMS, one by one, and answers that an emulator does not give.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::ConnectionName;
use futures_util::future::try_join_all;
use serde_json::json;
use stand_in::{Answer, Request, StandIn};
use tracing::Level;

use crate::kms::MAX_CACHED;
use crate::{Sealed, Sealing, SealingError};

const SECRET: &[u8] = b"whsec_hush";

/// A KMS with one key, in memory.
struct Kms {
    server: StandIn,
    fault: Arc<Mutex<Option<Answer>>>,
}

impl Kms {
    fn start() -> Self {
        let fault = Arc::<Mutex<Option<Answer>>>::default();
        let current = Arc::clone(&fault);
        let mut contexts = Vec::new();
        let server = StandIn::start(move |request| {
            if let Some(fault) = &*current.lock().unwrap_or_else(PoisonError::into_inner) {
                return fault.clone();
            }
            let body = request.json();
            let context = &body["EncryptionContext"];
            let wrapped = |number: usize| BASE64_STANDARD.encode(format!("wrapped {number}"));
            if operation(request) == "GenerateDataKey" {
                contexts.push(context.clone());
            }
            let found = (0..contexts.len()).rev().find(|number| {
                contexts[*number] == *context
                    && body.get("CiphertextBlob").is_none_or(|blob| *blob == wrapped(*number).as_str())
            });
            let Some(number) = found else { return refusal(400, "InvalidCiphertextException") };
            let plaintext: Vec<_> = number.to_be_bytes().into_iter().cycle().take(32).collect();
            let plaintext = BASE64_STANDARD.encode(plaintext);
            Answer::json(200, json!({ "CiphertextBlob": wrapped(number), "Plaintext": plaintext }))
        });
        Self { server, fault }
    }

    /// Makes another instance of a function, which has no data keys yet.
    fn instance(&self) -> Sealing {
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(self.server.url())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        Sealing::new(Client::from_conf(config), "key-1")
    }

    fn fail_with(&self, fault: impl Into<Option<Answer>>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault.into();
    }

    fn operations(&self) -> Vec<String> {
        self.server.requests().iter().map(operation).collect()
    }
}

/// Log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn operation(request: &Request) -> String {
    request.header("x-amz-target").unwrap_or_default().replace("TrentService.", "")
}

fn refusal(status: u16, code: &str) -> Answer {
    Answer::json(status, json!({ "__type": code, "message": "no" }))
}

fn internal_error() -> Answer {
    refusal(500, "KMSInternalException")
}

fn connection(name: &str) -> ConnectionName {
    ConnectionName::parse(name).expect("a connection")
}

async fn seal(sealing: &Sealing, endpoint: &str) -> Sealed {
    sealing.seal(&connection("acme"), endpoint, SECRET).await.expect("sealed")
}

async fn open(sealing: &Sealing, sealed: &Sealed) -> Result<Vec<u8>, SealingError> {
    sealing.open(&connection("acme"), "ep-1", sealed).await
}

async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn another_instance_opens_a_secret_for_its_connection_and_endpoint_only() {
    let kms = Kms::start();
    let sealed = seal(&kms.instance(), "ep-1").await;
    let other = kms.instance();
    for (name, endpoint) in [("acme", "ep-2"), ("other", "ep-1"), ("other", "ep-2")] {
        let opened = other.open(&connection(name), endpoint, &sealed).await;
        assert!(matches!(opened, Err(SealingError::Rejected)), "{name} {endpoint}");
    }
    assert_eq!(open(&other, &sealed).await.expect("opened"), SECRET);
    let bodies: Vec<_> = kms.server.requests().iter().map(Request::json).collect();
    let context = json!({ "connection": "acme" });
    assert_eq!(bodies[0], json!({ "KeyId": "key-1", "KeySpec": "AES_256", "EncryptionContext": context }));
    let wrapped = BASE64_STANDARD.encode("wrapped 0");
    assert_eq!(bodies[1], json!({ "KeyId": "key-1", "CiphertextBlob": wrapped, "EncryptionContext": context }));
}

#[tokio::test]
async fn a_thousand_opens_are_one_call_in_five_minutes() {
    let kms = Kms::start();
    let sealed = seal(&kms.instance(), "ep-1").await;
    let sealing = kms.instance();
    let open_all = async || try_join_all((0..1_000).map(|_| open(&sealing, &sealed))).await.expect("opened");
    open_all().await;
    pass(295).await;
    open_all().await;
    assert_eq!(kms.operations(), ["GenerateDataKey", "Decrypt"]);
    pass(10).await;
    open_all().await;
    assert_eq!(kms.operations(), ["GenerateDataKey", "Decrypt", "Decrypt"]);
}

#[tokio::test]
async fn the_secrets_of_a_connection_share_a_data_key_for_five_minutes() {
    let kms = Kms::start();
    let sealing = kms.instance();
    let endpoints: Vec<_> = (0..100).map(|number| format!("ep-{number}")).collect();
    let mut sealed = Vec::new();
    for endpoint in &endpoints {
        sealed.push(seal(&sealing, endpoint).await);
    }
    assert_eq!(kms.operations(), ["GenerateDataKey"]);
    sealing.seal(&connection("other"), "ep-1", SECRET).await.expect("sealed");
    assert_eq!(kms.operations(), ["GenerateDataKey"; 2]);
    pass(305).await;
    seal(&sealing, "ep-1").await;
    assert_eq!(kms.operations(), ["GenerateDataKey"; 3]);
    for (endpoint, sealed) in endpoints.iter().zip(&sealed) {
        assert_eq!(sealing.open(&connection("acme"), endpoint, sealed).await.expect("opened"), SECRET);
    }
    assert_eq!(kms.operations()[3..], ["Decrypt"]);
}

#[tokio::test]
async fn without_kms_a_data_key_at_hand_is_used_and_this_is_logged_once() {
    let kms = Kms::start();
    let sealing = kms.instance();
    let sealed = seal(&sealing, "ep-1").await;
    open(&sealing, &sealed).await.expect("opened");
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(Level::WARN).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let throttled = refusal(400, "ThrottlingException");
    for fault in [internal_error(), throttled, Answer::closes_connection(), Answer::never_answers()] {
        kms.fail_with(fault);
        pass(305).await;
        assert_eq!(open(&sealing, &sealed).await.expect("opened"), SECRET);
    }
    let calls = kms.operations().len();
    for _ in 0..100 {
        open(&sealing, &sealed).await.expect("opened");
    }
    assert_eq!(kms.operations().len(), calls, "KMS is not asked again at once");
    seal(&sealing, "ep-1").await;
    let text = lines.text();
    assert_eq!(text.matches("the stale one is used").count(), 2, "once for opening, once for sealing: {text}");
    assert!(text.contains("KMSInternalException") && !text.contains("hush"), "{text}");
    kms.fail_with(None);
    pass(35).await;
    let calls = kms.operations().len();
    for _ in 0..100 {
        open(&sealing, &sealed).await.expect("opened");
    }
    assert_eq!(kms.operations().len(), calls + 1, "KMS is back");
}

#[tokio::test]
async fn without_kms_and_without_a_data_key_the_error_has_its_cause() {
    let kms = Kms::start();
    let sealed = seal(&kms.instance(), "ep-1").await;
    let no_key = Answer::json(200, json!({ "CiphertextBlob": "AAAA", "Plaintext": BASE64_STANDARD.encode([0; 16]) }));
    let faults =
        [(internal_error(), "KMSInternalException"), (no_key, "32 bytes"), (Answer::json(200, "{}"), "32 bytes")];
    for (fault, cause) in faults {
        kms.fail_with(fault);
        let sealing = kms.instance();
        let opened = open(&sealing, &sealed).await.expect_err("no data key");
        let made = sealing.seal(&connection("acme"), "ep-1", SECRET).await.expect_err("no data key");
        for error in [opened, made] {
            let text = domain::error_chain(&error);
            assert!(matches!(error, SealingError::Unavailable { .. }) && text.contains(cause), "{text}");
        }
        kms.fail_with(None);
        assert_eq!(open(&sealing, &sealed).await.expect("an error is not remembered"), SECRET);
    }
}

#[tokio::test]
async fn a_key_that_kms_refuses_is_no_longer_used() {
    for (status, code) in [
        (400, "AccessDeniedException"),
        (409, "DisabledException"),
        (400, "IncorrectKeyException"),
        (400, "InvalidKeyUsageException"),
        (409, "KMSInvalidStateException"),
        (400, "NotFoundException"),
    ] {
        let kms = Kms::start();
        let sealing = kms.instance();
        let sealed = seal(&sealing, "ep-1").await;
        open(&sealing, &sealed).await.expect("opened");
        kms.fail_with(refusal(status, code));
        pass(305).await;
        let opened = open(&sealing, &sealed).await.expect_err("refused");
        let made = sealing.seal(&connection("acme"), "ep-1", SECRET).await.expect_err("refused");
        for error in [opened, made] {
            let text = domain::error_chain(&error);
            assert!(text.starts_with("KMS refuses the key key-1: check") && text.contains(code), "{text}");
        }
        kms.fail_with(internal_error());
        assert!(open(&sealing, &sealed).await.is_err(), "it was dropped");
    }
}

#[tokio::test]
async fn every_changed_bit_and_every_cut_is_noticed() {
    let kms = Kms::start();
    let sealed = seal(&kms.instance(), "ep-1").await;
    let text: String = serde_json::from_value(serde_json::to_value(&sealed).expect("JSON")).expect("text");
    let flipped = (0..text.len() * 8).filter_map(|bit| {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8(bytes).ok()
    });
    let cut = (0..text.len()).flat_map(|at| [text[..at].to_owned(), text[at + 1..].to_owned()]);
    let longer = [format!("{text}."), format!("{text}A"), format!("{text}="), format!(" {text}"), format!("{text}\n")];
    let sealing = kms.instance();
    for changed in flipped.chain(cut).chain(longer) {
        let sealed = serde_json::from_value(changed.clone().into()).expect("text");
        let opened = open(&sealing, &sealed).await;
        assert!(matches!(opened, Err(SealingError::Malformed | SealingError::Rejected)), "{changed}: {opened:?}");
    }
    assert_eq!(open(&sealing, &sealed).await.expect("opened"), SECRET);
}

#[tokio::test]
async fn data_keys_are_bounded_and_the_one_unused_for_longest_goes() {
    let kms = Kms::start();
    let sealing = kms.instance();
    let seal = async |number: usize| {
        sealing.seal(&connection(&format!("c-{number}")), "ep-1", SECRET).await.expect("sealed");
        kms.operations().len()
    };
    for number in 0..MAX_CACHED {
        seal(number).await;
    }
    assert_eq!(seal(0).await, MAX_CACHED, "it is at hand");
    assert_eq!(seal(MAX_CACHED).await, MAX_CACHED + 1);
    assert_eq!(sealing.slots.lock().unwrap_or_else(PoisonError::into_inner).len(), MAX_CACHED);
    assert_eq!(seal(0).await, MAX_CACHED + 1, "it was used since");
    assert_eq!(seal(1).await, MAX_CACHED + 2, "it was dropped");
}
