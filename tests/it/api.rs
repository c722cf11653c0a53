//! The schedule function over a fake world: its ports, and how it is called.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::{ConnectionName, Settings};
use engine::{ApiStore, CalendlyAccount, Clock, Connections, PortError, Store, World};
use front::Input;
use jiff::Timestamp;
use runtime::config::DirectAccess;
use runtime::{ApiKeys, SecretError, Secrets};
use schedule::{Ports, QueueState, Schedule};
use serde_json::{Value, json};
use sha2::Digest;

/// The key that VAI calls with.
pub(crate) const KEY: &str = "vai_secret";

/// A key that permits reading only.
pub(crate) const READER_KEY: &str = "vai_reader";

/// A key that acts for its own conversations only.
pub(crate) const OWN_KEY: &str = "vai_own";

/// Such a key of another connection.
pub(crate) const ELSEWHERE_KEY: &str = "vai_elsewhere";

/// A trusted key of another connection.
pub(crate) const ELSEWHERE_TRUSTED_KEY: &str = "vai_elsewhere_trusted";

/// A trusted key that does not permit reading.
pub(crate) const BOOKER_KEY: &str = "vai_booker";

/// The log group of the audit, and the metrics of an instance.
#[derive(Debug, Default)]
pub(crate) struct FakeAudit {
    /// The lines.
    pub(crate) lines: RefCell<Vec<String>>,
    /// Whether it takes no lines.
    pub(crate) is_down: Cell<bool>,
    /// The metrics that were counted.
    pub(crate) counted: RefCell<Vec<String>>,
}

struct FakePorts<'a, W> {
    world: W,
    direct: DirectAccess,
    audit: Rc<FakeAudit>,
    secrets: Secrets,
    random: Box<dyn Fn() -> u128 + 'a>,
}

impl<W: World<Store: ApiStore + Connections, Calendly: CalendlyAccount>> front::Ports for FakePorts<'_, W> {
    async fn load_settings(&self, connection: &ConnectionName) -> Result<Settings, PortError> {
        self.world.store().load_settings(connection).await
    }

    async fn reserve_permits(&self, key: &str, wanted: u32, limit: u32, now: Timestamp) -> Result<u32, PortError> {
        self.world.store().reserve_permits(key, wanted, limit, now).await
    }

    fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.secrets.api_keys().await
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        None
    }

    fn direct_access(&self) -> DirectAccess {
        self.direct.clone()
    }

    fn public_url(&self) -> Option<&str> {
        Some("https://hooks.example.com")
    }

    async fn write_audit(&self, line: &str) -> Result<(), PortError> {
        if self.audit.is_down.get() {
            return Err(PortError::unavailable("told to fail"));
        }
        // Who searches the log for personal data finds the lines of the audit, too.
        tracing::info!(audit = line, "audit line written");
        self.audit.lines.borrow_mut().push(line.to_owned());
        Ok(())
    }

    fn count(&self, metric: &str, _: &[(&str, &str)]) {
        self.audit.counted.borrow_mut().push(metric.to_owned());
    }
}

impl<W: World<Store: ApiStore + Connections, Calendly: CalendlyAccount>> Ports for FakePorts<'_, W> {
    type World = W;

    fn world(&self) -> &W {
        &self.world
    }

    async fn queues(&self) -> Result<Vec<QueueState>, PortError> {
        Ok(vec![
            QueueState { name: "intake", waiting: 2, in_flight: 1, dead: 0 },
            QueueState { name: "due", waiting: 0, in_flight: 0, dead: 3 },
        ])
    }

    fn random(&self) -> Result<[u8; 16], PortError> {
        Ok((self.random)().to_be_bytes())
    }
}

/// One instance of the schedule function.
pub(crate) struct TestApi<'a, W> {
    schedule: Schedule<FakePorts<'a, W>>,
    pub(crate) audit: Rc<FakeAudit>,
}

impl<'a, W: World<Store: ApiStore + Connections, Calendly: CalendlyAccount>> TestApi<'a, W> {
    /// Makes an instance that has no requests behind it.
    pub(crate) fn new(world: W, random: impl Fn() -> u128 + 'a) -> Self {
        Self::with_direct_calls(world, random, true)
    }

    /// Makes an instance whose direct invocations are trusted, or act for the conversation that they name.
    pub(crate) fn with_direct_calls(world: W, random: impl Fn() -> u128 + 'a, is_trusted: bool) -> Self {
        let digest = |key: &str| hex::encode(sha2::Sha256::digest(key));
        let keys = json!({"keys": [
            {"name": "vai-1", "connection": "default", "sha256": digest(KEY)},
            {"name": "reader", "connection": "default", "scopes": ["read"], "sha256": digest(READER_KEY)},
            {"name": "own", "connection": "default", "trusted": false, "sha256": digest(OWN_KEY)},
            {"name": "elsewhere", "connection": "acme", "trusted": false, "sha256": digest(ELSEWHERE_KEY)},
            {"name": "elsewhere-trusted", "connection": "acme", "sha256": digest(ELSEWHERE_TRUSTED_KEY)},
            {"name": "booker", "connection": "default", "scopes": ["book", "change"], "sha256": digest(BOOKER_KEY)},
        ]});
        let secrets = BTreeMap::from([("t/api-keys".to_owned(), keys.to_string())]);
        let direct = DirectAccess { connections: "default".to_owned(), is_trusted };
        let secrets = Secrets::fixed("t/", secrets);
        let audit = Rc::new(FakeAudit::default());
        let ports = FakePorts { world, direct, audit: Rc::clone(&audit), secrets, random: Box::new(random) };
        Self { schedule: Schedule::new(ports), audit }
    }

    /// Invokes it directly.
    pub(crate) async fn invoke(&self, event: Value, deadline: Timestamp) -> Value {
        self.schedule.handle(Input::Direct(event), deadline).await
    }

    /// Invokes it as API Gateway does. Returns status, body and headers.
    pub(crate) async fn invoke_http(&self, event: Value, deadline: Timestamp) -> (u64, Value, Value) {
        let input: Input = serde_json::from_value(event).expect("an event");
        assert!(matches!(input, Input::Http(_)));
        let response = self.schedule.handle(input, deadline).await;
        let body = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
        (response["statusCode"].as_u64().expect("a status"), body, response["headers"].clone())
    }
}
