//! The admin function in a world in memory: a table for each connection, a queue, a receiver, and secrets.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use admin::{Admin, CalendlyService, Documents, Grants, find_token_owner};
use connecting::SecretKind;
use deliveries::{
    Answer, DeliveryQueue, DeliveryStore, Dispatcher, EndpointStore, EventLog, Limits, Page, Receiver, Seal,
    Settlement, Slot, Vault,
};
use deliveries_world::World;
use domain::settings::CrmSettings;
use domain::{BookingId, Connection, ConnectionName, Settings, ShortLink, Snapshot};
use egress::AddressPolicy;
use endpoints::{AttemptResult, Delivery, Endpoint, EndpointId, EndpointSecrets, Health, Lane, Statistics};
use engine::{
    BookingList, BookingLists, BookingPage, Clock, CommitError, Connections, Import, ImportStore, ListedBookings,
    PortError, Replan, SettingsStore, SettingsVersion,
};
use events::{Event, Stream};
use front::{Input, TokenOwner};
use jiff::{SignedDuration, Timestamp};
use oauth::{Grant, GrantStore, Pause};
use runtime::config::DirectAccess;
use runtime::{ApiKeys, CalendlyApp, SecretError, Secrets};
use serde_json::{Map, Value, json};
use sha2::Digest;
use signing::{KeyRing, SigningKeyPair};
use wire::deliveries::Delivery as Message;
use wire::due::Due;

/// The keys of the connection `default`: for everything, for reading only, and for events only.
pub(crate) const ADMIN: &str = "vai_admin";
pub(crate) const READER: &str = "vai_reader";
pub(crate) const POSTER: &str = "vai_poster";
/// The key of the connection `other`.
pub(crate) const OTHER: &str = "vai_other";
/// The operator's key, which manages all connections.
pub(crate) const OPERATOR: &str = "vai_operator";

/// The secrets of connections, by name.
type StoredSecrets = BTreeMap<(ConnectionName, &'static str), Map<String, Value>>;

/// A call that the receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// The world outside the function.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) now: Cell<Timestamp>,
    tables: RefCell<BTreeMap<ConnectionName, World>>,
    pub(crate) queue: RefCell<Vec<Message>>,
    pub(crate) delayed: RefCell<Vec<Message>>,
    pub(crate) posts: RefCell<Vec<Post>>,
    /// The e-mails that were handed over to the function that sends messages.
    pub(crate) emails: RefCell<Vec<Due>>,
    pub(crate) settings: RefCell<Settings>,
    /// What the receiver answers.
    pub(crate) answer: RefCell<AttemptResult>,
    pub(crate) publishing: RefCell<BTreeMap<ConnectionName, bool>>,
    setup_tokens: RefCell<BTreeMap<(ConnectionName, String), (String, Timestamp)>>,
    rings: RefCell<BTreeMap<ConnectionName, KeyRing>>,
    random: Cell<u64>,
    policy: AddressPolicy,
    secrets: Secrets,
    pub(crate) connections: RefCell<BTreeMap<ConnectionName, Connection>>,
    pub(crate) grants: RefCell<BTreeMap<ConnectionName, (Grant, u64)>>,
    /// The secrets of connections.
    pub(crate) documents: RefCell<StoredSecrets>,
    pub(crate) calendly: CalendlyService,
    pub(crate) has_app: Cell<bool>,
    pub(crate) counted: RefCell<Vec<String>>,
    /// The lines of the audit.
    pub(crate) audit: RefCell<Vec<String>>,
    /// The versions of settings of each connection, and its re-planning.
    settings_versions: RefCell<BTreeMap<ConnectionName, Vec<SettingsVersion>>>,
    replans: RefCell<BTreeMap<ConnectionName, Replan>>,
    imports: RefCell<BTreeMap<ConnectionName, Import>>,
    /// The bookings that a dry run looks at.
    pub(crate) snapshots: RefCell<Vec<Snapshot>>,
    /// What is wrong with the account at the CRM.
    pub(crate) crm_problems: RefCell<Vec<String>>,
    /// The short links, by their codes.
    pub(crate) short_links: RefCell<BTreeMap<String, ShortLink>>,
    /// When short links were first opened.
    pub(crate) openings: RefCell<Vec<(ShortLink, Timestamp)>>,
    /// The calls to our own stores before one fails; none fails without it.
    pub(crate) fails_after: Cell<Option<u32>>,
    pub(crate) has_failed: Cell<bool>,
}

/// The ports, as the function and the dispatcher see them.
#[derive(Clone, Debug)]
pub(crate) struct Ports(pub(crate) Rc<Outside>);

/// One instance of the function, and its world.
pub(crate) struct Instance {
    admin: Admin<Ports>,
    pub(crate) outside: Rc<Outside>,
}

/// What only some requests have.
#[derive(Clone, Copy, Default)]
struct Extras<'a> {
    cookie: Option<&'a str>,
    /// The conversation that the caller's backend names.
    conversation: Option<&'a str>,
}

/// An HTTP answer.
pub(crate) struct Response {
    pub(crate) status: u64,
    pub(crate) body: Value,
    pub(crate) headers: Value,
}

impl Response {
    /// Returns the code of a refusal, or `ok`.
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("ok")
    }

    /// Returns the faults of a request, as `path: problem`.
    pub(crate) fn faults(&self) -> Vec<String> {
        let faults = self.body["error"]["details"].as_array().cloned().unwrap_or_default();
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        faults.iter().map(|it| format!("{}: {}", text(it, "path"), text(it, "problem"))).collect()
    }

    /// Returns the body of a call that must have worked.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }
}

/// Reads JSON; any other body is a text.
fn read_body(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| body.into())
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self::with_calendly("http://127.0.0.1:1")
    }

    /// Returns an instance whose Calendly is a sandbox.
    pub(crate) fn with_calendly(sandbox: &str) -> Self {
        let digest = |key: &str| hex::encode(sha2::Sha256::digest(key));
        let keys = json!({"keys": [
            {"name": "admin", "connection": "default", "scopes": ["read", "admin", "events"], "sha256": digest(ADMIN)},
            {"name": "reader", "connection": "default", "scopes": ["read"], "sha256": digest(READER)},
            {"name": "poster", "connection": "default", "scopes": ["events"], "sha256": digest(POSTER)},
            {"name": "other", "connection": "other", "scopes": ["read", "admin", "events"], "sha256": digest(OTHER)},
            {"name": "operator", "connection": "default", "scopes": ["admin", "connections"], "sha256": digest(OPERATOR)},
        ]});
        let secrets = BTreeMap::from([("t/api-keys".to_owned(), keys.to_string())]);
        let outside = Rc::new(Outside {
            now: Cell::new("2026-11-26T12:00:00Z".parse().expect("an instant")),
            tables: RefCell::default(),
            queue: RefCell::default(),
            delayed: RefCell::default(),
            posts: RefCell::default(),
            emails: RefCell::default(),
            settings: RefCell::default(),
            answer: RefCell::new(AttemptResult::answered(200, "thanks")),
            publishing: RefCell::default(),
            setup_tokens: RefCell::default(),
            rings: RefCell::default(),
            random: Cell::new(0),
            policy: AddressPolicy::default(),
            secrets: Secrets::fixed("t/", secrets),
            connections: RefCell::default(),
            grants: RefCell::default(),
            documents: RefCell::default(),
            calendly: CalendlyService {
                client: http_client::client().expect("a client"),
                api_url: format!("{sandbox}/calendly"),
                auth_url: format!("{sandbox}/calendly-auth"),
            },
            has_app: Cell::new(true),
            counted: RefCell::default(),
            audit: RefCell::default(),
            settings_versions: RefCell::default(),
            replans: RefCell::default(),
            imports: RefCell::default(),
            snapshots: RefCell::default(),
            crm_problems: RefCell::default(),
            short_links: RefCell::default(),
            openings: RefCell::default(),
            fails_after: Cell::new(None),
            has_failed: Cell::new(false),
        });
        Self { admin: Admin::new(Ports(Rc::clone(&outside))), outside }
    }

    /// Calls the function over HTTP.
    pub(crate) fn http(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
        bearer: Option<&str>,
        idempotency_key: Option<&str>,
    ) -> Response {
        read_response(&self.answer(method, target, body, bearer, idempotency_key))
    }

    /// Calls the function over HTTP with `GET`, for a conversation if one is given.
    pub(crate) fn get_for(&self, conversation: Option<&str>, target: &str, bearer: &str) -> Response {
        let extras = Extras { conversation, ..Extras::default() };
        read_response(&self.answer_to("GET", target, None, Some(bearer), None, extras))
    }

    /// Opens a page. Returns the status and the page.
    pub(crate) fn page(&self, method: &str, target: &str) -> (u64, String) {
        read_page(&self.answer(method, target, None, None, None))
    }

    /// Follows a link with a cookie. Returns the whole answer.
    pub(crate) fn open(&self, target: &str, cookie: Option<&str>) -> Value {
        self.answer_to("GET", target, None, None, None, Extras { cookie, ..Extras::default() })
    }

    /// Asks for a token, as another function does.
    pub(crate) fn ask_for_token(&self, request: Value) -> Value {
        run(self.admin.handle_token_request(request))
    }

    fn answer(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
        bearer: Option<&str>,
        idempotency_key: Option<&str>,
    ) -> Value {
        self.answer_to(method, target, body, bearer, idempotency_key, Extras::default())
    }

    fn answer_to(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
        bearer: Option<&str>,
        idempotency_key: Option<&str>,
        extras: Extras<'_>,
    ) -> Value {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = BTreeMap::new();
        headers.extend(bearer.map(|it| ("authorization", format!("Bearer {it}"))));
        headers.extend(idempotency_key.map(|it| ("idempotency-key", it.to_owned())));
        headers.extend(extras.conversation.map(|it| ("x-vai-conversation", it.to_owned())));
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
            "requestContext": {
                "accountId": "1", "apiId": "a", "stage": "$default", "requestId": "r", "time": "", "timeEpoch": 0,
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "curl",
                },
            },
            "cookies": extras.cookie.map(|it| [it]), "body": body.map(Value::to_string), "isBase64Encoded": false,
        });
        let input: Input = serde_json::from_value(event).expect("an event");
        run(self.admin.handle(input, self.outside.now.get() + SignedDuration::from_secs(29)))
    }

    /// Calls the function with the key for everything.
    pub(crate) fn call(&self, method: &str, target: &str, body: &Value) -> Response {
        self.http(method, target, Some(body).filter(|it| !it.is_null()), Some(ADMIN), None)
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.call("GET", target, &Value::Null)
    }

    pub(crate) fn post(&self, target: &str, body: &Value) -> Response {
        self.call("POST", target, body)
    }

    /// Invokes the function directly.
    pub(crate) fn invoke(&self, event: Value) -> Value {
        run(self.admin.handle(Input::Direct(event), self.outside.now.get() + SignedDuration::from_secs(29)))
    }

    /// Creates an endpoint that is verified, and returns its answer.
    pub(crate) fn verified(&self, id: &str, bearer: &str) -> Value {
        let request = json!({
            "id": id, "url": format!("https://{id}.example.com/hook"), "events": ["*"], "verify": true,
        });
        self.http("POST", "/api/endpoints", Some(&request), Some(bearer), None).ok()
    }

    /// Has the dispatcher process all messages that are not delayed.
    pub(crate) fn dispatch(&self) {
        let ports = Ports(Rc::clone(&self.outside));
        loop {
            let messages = std::mem::take(&mut *self.outside.queue.borrow_mut());
            if messages.is_empty() {
                return;
            }
            let deadline = self.outside.now.get() + SignedDuration::from_secs(60);
            let dispatcher = Dispatcher { ports: &ports, limits: Limits::default(), deadline };
            for message in messages {
                run(dispatcher.process(&message)).expect("processed");
            }
        }
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.outside.now.set(self.outside.now.get() + SignedDuration::from_secs(seconds));
    }

    pub(crate) fn answer_with(&self, status: u16, body: &str) {
        *self.outside.answer.borrow_mut() = AttemptResult::answered(status, body);
    }
}

impl Outside {
    /// Returns the table of a connection.
    pub(crate) fn table(&self, connection: &ConnectionName) -> World {
        let mut tables = self.tables.borrow_mut();
        tables.entry(connection.clone()).or_insert_with(|| World::new(self.now.get())).clone()
    }

    pub(crate) fn last_post(&self) -> Post {
        self.posts.borrow().last().cloned().expect("a call")
    }
}

fn read_response(answer: &Value) -> Response {
    Response {
        status: answer["statusCode"].as_u64().expect("a status"),
        body: read_body(answer["body"].as_str().expect("a body")),
        headers: answer["headers"].clone(),
    }
}

/// Returns the status and the text of a page.
pub(crate) fn read_page(answer: &Value) -> (u64, String) {
    assert_eq!(answer["headers"]["content-type"], "text/html; charset=utf-8");
    (answer["statusCode"].as_u64().expect("a status"), answer["body"].as_str().expect("a page").to_owned())
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        self.0.now.get()
    }
}

impl front::Ports for Ports {
    async fn load_settings(&self, _: &ConnectionName) -> Result<Settings, PortError> {
        Ok(self.0.settings.borrow().clone())
    }

    async fn reserve_permits(&self, _: &str, wanted: u32, _: u32, _: Timestamp) -> Result<u32, PortError> {
        Ok(wanted)
    }

    fn now(&self) -> Timestamp {
        self.0.now.get()
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        self.0.secrets.api_keys().await
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        None
    }

    async fn token_owner(&self, token: &str) -> Result<Option<TokenOwner>, PortError> {
        find_token_owner(self, token).await
    }

    fn direct_access(&self) -> DirectAccess {
        DirectAccess { connections: "*".to_owned(), is_trusted: true }
    }

    fn public_url(&self) -> Option<&str> {
        Some("https://hooks.example.com")
    }

    async fn write_audit(&self, line: &str) -> Result<(), PortError> {
        self.0.audit.borrow_mut().push(line.to_owned());
        Ok(())
    }

    fn count(&self, metric: &str, _: &[(&str, &str)]) {
        self.0.counted.borrow_mut().push(metric.to_owned());
    }
}

impl Ports {
    /// Fails when the time for it has come.
    fn step(&self) -> Result<(), PortError> {
        match self.0.fails_after.get() {
            Some(0) => {
                self.0.has_failed.set(true);
                Err(PortError::unavailable("told to fail"))
            }
            Some(left) => {
                self.0.fails_after.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Connections for Ports {
    async fn list_connections(&self) -> Result<Vec<Connection>, PortError> {
        self.step()?;
        Ok(self.0.connections.borrow().values().cloned().collect())
    }

    async fn load_connection(&self, name: &ConnectionName) -> Result<Option<Connection>, PortError> {
        self.step()?;
        Ok(self.0.connections.borrow().get(name).cloned())
    }

    async fn write_connection(&self, connection: &Connection) -> Result<(), CommitError> {
        self.step()?;
        let mut all = self.0.connections.borrow_mut();
        if all.get(&connection.name).map_or(0, |it| it.revision) != connection.revision {
            return Err(CommitError::Conflict);
        }
        let stored = Connection { revision: connection.revision + 1, ..connection.clone() };
        all.insert(connection.name.clone(), stored);
        Ok(())
    }

    async fn delete_connection(&self, name: &ConnectionName) -> Result<(), PortError> {
        self.step()?;
        self.0.connections.borrow_mut().remove(name);
        Ok(())
    }
}

impl GrantStore for Ports {
    async fn load_grant(&self, connection: &ConnectionName) -> Result<Option<(Grant, u64)>, PortError> {
        self.step()?;
        Ok(self.0.grants.borrow().get(connection).cloned())
    }

    async fn write_grant(&self, connection: &ConnectionName, grant: &Grant, revision: u64) -> Result<(), CommitError> {
        self.step()?;
        let mut all = self.0.grants.borrow_mut();
        if all.get(connection).map_or(0, |(_, stored)| *stored) != revision {
            return Err(CommitError::Conflict);
        }
        all.insert(connection.clone(), (grant.clone(), revision + 1));
        Ok(())
    }
}

impl Grants for Ports {
    async fn delete_grant(&self, connection: &ConnectionName) -> Result<(), PortError> {
        self.step()?;
        self.0.grants.borrow_mut().remove(connection);
        Ok(())
    }
}

impl Pause for Ports {
    async fn pause(&self, time: SignedDuration) {
        self.0.now.set(self.0.now.get() + time);
    }
}

/// The secrets of one connection.
pub(crate) struct ConnectionDocuments(Ports, ConnectionName);

fn kind_name(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::Signing => "signing",
        SecretKind::Providers => "providers",
        SecretKind::ApiKeys | SecretKind::CalendlyApp => panic!("not a connection's"),
    }
}

impl Documents for ConnectionDocuments {
    async fn read(&self, kind: SecretKind) -> Result<Map<String, Value>, PortError> {
        self.0.step()?;
        let all = self.0.0.documents.borrow();
        Ok(all.get(&(self.1.clone(), kind_name(kind))).cloned().unwrap_or_default())
    }

    async fn write(&self, kind: SecretKind, document: &Map<String, Value>) -> Result<(), PortError> {
        self.0.step()?;
        self.0.0.documents.borrow_mut().insert((self.1.clone(), kind_name(kind)), document.clone());
        Ok(())
    }

    async fn delete(&self, kind: SecretKind) -> Result<(), PortError> {
        self.0.step()?;
        self.0.0.documents.borrow_mut().remove(&(self.1.clone(), kind_name(kind)));
        Ok(())
    }
}

impl admin::Ports for Ports {
    type Deliveries = Self;
    type Connections = Self;
    type Grants = Self;
    type Documents = ConnectionDocuments;
    type Clock = Self;
    type Table = Self;

    fn table(&self) -> &Self {
        self
    }

    async fn load_booking(&self, _: &ConnectionName, booking: &BookingId) -> Result<Snapshot, PortError> {
        let snapshots = self.0.snapshots.borrow();
        let found = snapshots.iter().find(|it| it.booking.id == *booking).cloned();
        Ok(found.unwrap_or_else(|| Snapshot::empty(booking.clone(), ConnectionName::default())))
    }

    async fn load_short_link(&self, code: &str) -> Result<Option<ShortLink>, PortError> {
        Ok(self.0.short_links.borrow().get(code).cloned())
    }

    async fn record_opening(&self, link: &ShortLink, at: Timestamp) -> Result<(), PortError> {
        let mut openings = self.0.openings.borrow_mut();
        if !openings.iter().any(|(opened, _)| opened == link) {
            openings.push((link.clone(), at));
        }
        Ok(())
    }

    async fn prepare_crm(&self, _: &ConnectionName, _: &CrmSettings, _: bool) -> Result<Vec<String>, String> {
        Ok(self.0.crm_problems.borrow().clone())
    }

    fn connections(&self) -> &Self {
        self
    }

    fn grants(&self) -> &Self {
        self
    }

    fn documents(&self, connection: &ConnectionName) -> ConnectionDocuments {
        ConnectionDocuments(self.clone(), connection.clone())
    }

    fn clock(&self) -> &Self {
        self
    }

    fn calendly(&self) -> &CalendlyService {
        &self.0.calendly
    }

    async fn calendly_app(&self) -> Result<CalendlyApp, SecretError> {
        if !self.0.has_app.get() {
            return Err(SecretError::Unknown("t/calendly-oauth".to_owned()));
        }
        Ok(CalendlyApp {
            client_id: sandbox::keys::CALENDLY_APP_ID.to_owned(),
            client_secret: sandbox::keys::CALENDLY_APP_SECRET.into(),
            signing_key: sandbox::keys::CALENDLY_APP_SIGNING.into(),
        })
    }

    fn deliveries(&self) -> &Self {
        self
    }

    fn address_policy(&self) -> &AddressPolicy {
        &self.0.policy
    }

    fn random(&self) -> Result<[u8; 32], PortError> {
        self.0.random.set(self.0.random.get() + 1);
        Ok(sha2::Sha256::digest(self.0.random.get().to_be_bytes()).into())
    }

    async fn set_publishing(&self, connection: &ConnectionName, publishes: bool) -> Result<(), PortError> {
        self.0.publishing.borrow_mut().insert(connection.clone(), publishes);
        Ok(())
    }

    async fn key_ring(&self, connection: &ConnectionName) -> Result<KeyRing, PortError> {
        Ok(self.0.rings.borrow().get(connection).cloned().unwrap_or_default())
    }

    async fn ensure_key(&self, connection: &ConnectionName) -> Result<(), PortError> {
        let seed = sha2::Sha256::digest(connection.as_str()).into();
        let mut rings = self.0.rings.borrow_mut();
        rings.entry(connection.clone()).or_insert_with(|| KeyRing::default().rotate(self.0.now.get(), seed));
        Ok(())
    }

    async fn rotate_key(&self, connection: &ConnectionName) -> Result<KeyRing, PortError> {
        let (seed, now) = (admin::Ports::random(self)?, self.0.now.get());
        let mut rings = self.0.rings.borrow_mut();
        let ring = rings.entry(connection.clone()).or_default();
        *ring = ring.rotate_once(now, seed).unwrap_or_else(|| ring.clone());
        Ok(ring.clone())
    }

    async fn put_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
        document: &str,
        expires: Timestamp,
    ) -> Result<(), PortError> {
        let key = (connection.clone(), digest.to_owned());
        self.0.setup_tokens.borrow_mut().insert(key, (document.to_owned(), expires));
        Ok(())
    }

    async fn take_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError> {
        self.step()?;
        Ok(self.0.setup_tokens.borrow_mut().remove(&(connection.clone(), digest.to_owned())))
    }

    async fn load_setup_token(
        &self,
        connection: &ConnectionName,
        digest: &str,
    ) -> Result<Option<(String, Timestamp)>, PortError> {
        Ok(self.0.setup_tokens.borrow().get(&(connection.clone(), digest.to_owned())).cloned())
    }
}

impl SettingsStore for Ports {
    async fn load_settings_version(&self, connection: &ConnectionName) -> Result<(Settings, u64), PortError> {
        let versions = self.0.settings_versions.borrow();
        let last = versions.get(connection).and_then(|it| it.last());
        Ok(last.map_or_else(Default::default, |it| (it.settings.clone(), it.version)))
    }

    async fn write_settings(
        &self,
        connection: &ConnectionName,
        settings: &Settings,
        last: u64,
        at: Timestamp,
    ) -> Result<u64, CommitError> {
        self.step()?;
        let mut versions = self.0.settings_versions.borrow_mut();
        let versions = versions.entry(connection.clone()).or_default();
        if versions.last().map_or(0, |it| it.version) != last {
            return Err(CommitError::Conflict);
        }
        versions.push(SettingsVersion { version: last + 1, at, settings: settings.clone() });
        Ok(last + 1)
    }

    async fn list_settings_versions(&self, connection: &ConnectionName) -> Result<Vec<SettingsVersion>, PortError> {
        let versions = self.0.settings_versions.borrow();
        Ok(versions.get(connection).into_iter().flatten().rev().cloned().collect())
    }

    async fn load_settings_of(&self, connection: &ConnectionName, version: u64) -> Result<Option<Settings>, PortError> {
        let versions = self.0.settings_versions.borrow();
        let found = versions.get(connection).into_iter().flatten().find(|it| it.version == version);
        Ok(found.map(|it| it.settings.clone()))
    }

    async fn require_settings(&self, _: &ConnectionName, _: u64) -> Result<(), PortError> {
        Ok(())
    }

    async fn load_replan(&self, connection: &ConnectionName) -> Result<Option<Replan>, PortError> {
        Ok(self.0.replans.borrow().get(connection).cloned())
    }

    async fn write_replan(&self, connection: &ConnectionName, replan: &Replan) -> Result<(), PortError> {
        self.step()?;
        self.0.replans.borrow_mut().insert(connection.clone(), replan.clone());
        Ok(())
    }

    async fn list_upcoming(
        &self,
        _: &ConnectionName,
        _: Timestamp,
        _: Option<&str>,
        _: usize,
    ) -> Result<BookingPage, PortError> {
        let bookings = self.0.snapshots.borrow().iter().map(|it| it.booking.id.clone()).collect();
        Ok(BookingPage { bookings, next: None })
    }
}

impl BookingLists for Ports {
    async fn list_bookings(
        &self,
        connection: &ConnectionName,
        list: &BookingList,
    ) -> Result<Option<ListedBookings>, PortError> {
        let first: usize = match list.after.as_deref().map(str::parse) {
            Some(Err(_)) => return Ok(None),
            Some(Ok(first)) => first,
            None => 0,
        };
        let snapshots = self.0.snapshots.borrow();
        let all: Vec<_> = snapshots
            .iter()
            .map(|it| &it.booking)
            .filter(|it| it.connection == *connection)
            .filter(|it| it.current_leg().is_some_and(|leg| (list.from..list.until).contains(&leg.details.start)))
            .cloned()
            .collect();
        let bookings = all.iter().skip(first).take(list.limit).cloned().collect();
        let next = (all.len() > first + list.limit).then(|| (first + list.limit).to_string());
        Ok(Some(ListedBookings { bookings, next }))
    }
}

impl ImportStore for Ports {
    async fn load_import(&self, connection: &ConnectionName) -> Result<Option<Import>, PortError> {
        Ok(self.0.imports.borrow().get(connection).cloned())
    }

    async fn write_import(&self, connection: &ConnectionName, import: &Import) -> Result<(), PortError> {
        self.0.imports.borrow_mut().insert(connection.clone(), import.clone());
        Ok(())
    }
}

impl deliveries::Ports for Ports {
    type Store = Self;
    type Queue = Self;
    type Receiver = Self;
    type Vault = Self;
    type Clock = Self;

    fn store(&self) -> &Self {
        self
    }
    fn queue(&self) -> &Self {
        self
    }
    fn receiver(&self) -> &Self {
        self
    }
    fn vault(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn count(&self, _: &str, _: &[(&str, &str)]) {}
}

impl DeliveryQueue for Ports {
    async fn send(&self, messages: &[Message]) -> Result<(), PortError> {
        self.0.queue.borrow_mut().extend_from_slice(messages);
        Ok(())
    }

    async fn send_at(&self, _: &str, message: &Message, _: Timestamp, _: Timestamp) -> Result<(), PortError> {
        self.0.delayed.borrow_mut().push(message.clone());
        Ok(())
    }

    async fn hand_over(&self, email: &Due) -> Result<(), PortError> {
        self.step()?;
        self.0.emails.borrow_mut().push(email.clone());
        Ok(())
    }
}

impl Receiver for Ports {
    async fn post(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        let headers = headers.iter().cloned().collect();
        self.0.posts.borrow_mut().push(Post { url: url.to_owned(), headers, body });
        Answer { result: self.0.answer.borrow().clone(), retry_after: None, millis: 20 }
    }
}

impl Vault for Ports {
    async fn open(&self, connection: &ConnectionName, endpoint: &Endpoint) -> Result<EndpointSecrets, PortError> {
        let opened = hex::decode(&endpoint.sealed).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let opened = opened.ok_or_else(|| PortError::unreadable("no secrets"))?;
        assert_eq!(opened["for"], json!([connection, endpoint.id]), "secrets of another endpoint");
        serde_json::from_value(opened["secrets"].clone()).map_err(|_| PortError::unreadable("no secrets"))
    }

    async fn signing_key(
        &self,
        connection: &ConnectionName,
        now: Timestamp,
    ) -> Result<Option<SigningKeyPair>, PortError> {
        Ok(self.0.rings.borrow().get(connection).and_then(|ring| ring.signing_key(now)))
    }
}

impl Seal for Ports {
    async fn seal(
        &self,
        connection: &ConnectionName,
        endpoint: &EndpointId,
        secrets: &EndpointSecrets,
    ) -> Result<String, PortError> {
        Ok(hex::encode(json!({"for": [connection, endpoint], "secrets": secrets}).to_string()))
    }
}

/// Passes each call on to the table of its connection.
macro_rules! pass_on {
    ($port:ident: $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl $port for Ports {
            $(async fn $name(&self, connection: &ConnectionName, $($argument: $type),*) -> $answer {
                self.0.table(connection).$name(connection, $($argument),*).await
            })*
        }
    };
}

pass_on! { EventLog:
    fn read_events(stream: &Stream, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, PortError>;
    fn append_event(stream: &Stream, event: &Event, now: Timestamp) -> Result<(u64, bool), PortError>;
}

pass_on! { DeliveryStore:
    fn list_endpoints() -> Result<Vec<Endpoint>, PortError>;
    fn count_endpoints() -> Result<u32, PortError>;
    fn load_endpoint(endpoint: &EndpointId) -> Result<Option<Endpoint>, PortError>;
    fn write_endpoint(endpoint: &Endpoint) -> Result<(), CommitError>;
    fn load_lane(endpoint: &EndpointId, stream: &Stream) -> Result<Lane, PortError>;
    fn write_lane(endpoint: &EndpointId, stream: &Stream, lane: &Lane, now: Timestamp) -> Result<bool, PortError>;
    fn stalled_lanes(endpoint: &EndpointId, after: Option<&Stream>, limit: u32) -> Result<Vec<Stream>, PortError>;
    fn load_delivery(endpoint: &EndpointId, stream: &Stream, number: u64) -> Result<Option<Delivery>, PortError>;
    fn settle_attempt(endpoint: &EndpointId, settlement: &Settlement) -> Result<bool, PortError>;
    fn deliveries_since(
        endpoint: &EndpointId, since: Timestamp, after: Option<&str>, limit: u32
    ) -> Result<Page<Delivery>, PortError>;
    fn load_health(endpoint: &EndpointId) -> Result<(Health, BTreeMap<u32, Timestamp>), PortError>;
    fn write_health(endpoint: &EndpointId, health: &Health) -> Result<bool, PortError>;
    fn take_slot(endpoint: &EndpointId, slot: &Slot, now: Timestamp) -> Result<bool, PortError>;
    fn release_slot(endpoint: &EndpointId, slot: &Slot) -> Result<(), PortError>;
}

pass_on! { EndpointStore:
    fn delete_endpoint(endpoint: &Endpoint) -> Result<(), CommitError>;
    fn load_statistics(endpoint: &EndpointId, since: Timestamp) -> Result<Statistics, PortError>;
    fn recent_deliveries(
        endpoint: &EndpointId, before: Option<&str>, limit: u32
    ) -> Result<Page<Delivery>, PortError>;
    fn feed_after(endpoint: &EndpointId, after: u64, limit: u32) -> Result<Vec<(u64, Delivery)>, PortError>;
    fn stream_deliveries(
        endpoint: &EndpointId, stream: &Stream, after: u64, limit: u32
    ) -> Result<Vec<Delivery>, PortError>;
}
