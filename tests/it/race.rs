//! Two hundred calls at once for twenty slots, against the sandbox's Calendly over real HTTP, while answers get lost,
//! come late or never, webhooks go astray, the table fails and functions are killed: nobody is told what isn't so, and
//! nothing is booked that nobody knows of.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use calendly::Rest;
use domain::scheduling::budget::Span;
use domain::{BookingId, BookingState, Command, ConnectionName, FactKind, Settings, Token, uri_uuid};
use engine::{Clock, PortError, World};
use front::Input;
use futures_util::future::{LocalBoxFuture, join, join_all};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp, ToSpan};
use reqwest::{Client, Url};
use runtime::{ApiKeys, SecretError, Secrets, SystemClock};
use sandbox::Sandbox;
use schedule::{Ports, QueueState, Schedule};
use serde_json::{Value, json};
use stand_in::Exchange;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::world::Fake;

/// Where the dice begin: the callers' and Calendly's.
const SEED: u64 = 20;

/// Each conversation asks for two things, each of them twice at once.
const CONVERSATIONS: usize = 50;
const REQUESTS: usize = 2 * CONVERSATIONS;
const CALLS_EACH: usize = 2;

/// The slots of the day that everybody wants: the host's working day by half hours.
const SLOTS: usize = 20;

/// Functions at work side by side.
const OFFICES: usize = 5;

/// How often a caller asks in a round, and how many rounds there are at most: stormy ones, and calm ones after them.
const TRIES: usize = 3;
const STORMY: usize = 6;
const CALM: usize = 8;

/// How long our side waits for Calendly, and how late Calendly acts or answers at times. It is done before the next
/// round: what Calendly has not done by the end of a doubt, it never does.
const PATIENCE: Duration = Duration::from_millis(800);
const LATE_MS: u64 = 1_200;
const BREATH: Duration = Duration::from_millis(500);

/// How far the clock leaps amid a round, so that a bucket of the budget ends while calls are under way; and between two
/// rounds, so that the leases of those who died have lapsed.
const AMID: SignedDuration = SignedDuration::from_secs(10);
const BETWEEN: SignedDuration = SignedDuration::from_secs(36);

/// Lambda gives a function thirty seconds.
const TIME_OUT: SignedDuration = SignedDuration::from_secs(29);

/// So many times a fault happens at most; what is missing of it in the end has happened.
const PLENTY: u32 = 1_000_000;

/// Calendly is the sandbox's, the clock is the machine's and leaps when it is told to; all the rest is in memory.
struct Arena {
    url: String,
    fake: Fake,
    calendly: Rest,
    clock: Leaping,
    dice: Cell<u64>,
    /// Asks the sandbox what is so.
    witness: Client,
}

struct Leaping {
    ahead: Cell<SignedDuration>,
}

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.ahead.get()
    }
}

impl World for Arena {
    type Store = Fake;
    type Calendly = Rest;
    type Timers = Fake;
    type Clock = Leaping;
    type Messaging = Fake;

    fn store(&self) -> &Fake {
        &self.fake
    }
    fn calendly(&self) -> &Rest {
        &self.calendly
    }
    fn messaging(&self) -> Option<&Fake> {
        Some(&self.fake)
    }
    fn timers(&self) -> &Fake {
        &self.fake
    }
    fn clock(&self) -> &Leaping {
        &self.clock
    }
    fn observe(&self, _: &Command) {}
}

struct ArenaPorts<'a>(&'a Arena);

impl front::Ports for ArenaPorts<'_> {
    type World = Arena;

    fn world(&self) -> &Arena {
        self.0
    }

    async fn api_keys(&self) -> Result<ApiKeys, SecretError> {
        Ok(ApiKeys::default())
    }

    async fn reread_api_keys(&self) -> Option<ApiKeys> {
        None
    }

    fn public_url(&self) -> Option<&str> {
        None
    }

    fn count(&self, _: &str, _: &[(&str, &str)]) {}
}

impl Ports for ArenaPorts<'_> {
    async fn queues(&self) -> Result<Vec<QueueState>, PortError> {
        Ok(Vec::new())
    }

    fn random(&self) -> Result<[u8; 16], PortError> {
        Ok(u128::from(self.0.roll(u64::MAX)).to_be_bytes())
    }
}

fn client(patience: Duration) -> Client {
    #[expect(clippy::disallowed_methods, reason = "a test waits less long than the real client")]
    let builder = Client::builder();
    builder.no_proxy().pool_max_idle_per_host(0).read_timeout(patience).build().expect("a client")
}

impl Arena {
    async fn open(sandbox: &Sandbox) -> Self {
        let providers = json!({"calendly_token": sandbox::keys::CALENDLY}).to_string();
        let secrets = Secrets::fixed("t/", BTreeMap::from([("t/default/providers".to_owned(), providers)]));
        let url = sandbox.url().to_owned();
        let arena = Self {
            calendly: Rest::new(client(PATIENCE), format!("{url}/calendly"), Arc::new(secrets)),
            url,
            fake: Fake::new("2026-11-23T08:00:00Z"),
            clock: Leaping { ahead: Cell::new(SignedDuration::ZERO) },
            dice: Cell::new(SEED),
            witness: client(Duration::from_secs(20)),
        };
        arena.fake.yields.set(true);
        arena
            .tell("control/settings", &json!({"seed": SEED, "requests_per_minute": PLENTY, "retry_first_ms": 50}))
            .await;
        arena
    }

    /// Evenly from 0 to below `sides`.
    fn roll(&self, sides: u64) -> u64 {
        let dice = self.dice.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.dice.set(dice);
        (dice >> 33) % sides
    }

    async fn wait(&self, at_most_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.roll(at_most_ms))).await;
    }

    fn leap(&self, by: SignedDuration) {
        self.clock.ahead.set(self.clock.ahead.get() + by);
    }

    /// Posts to the sandbox.
    async fn tell(&self, path: &str, body: &Value) -> Value {
        let post = self.witness.post(format!("{}/{path}", self.url)).bearer_auth(sandbox::keys::CALENDLY).json(body);
        let answer = post.send().await.expect("the sandbox answers");
        let status = answer.status();
        let text = answer.text().await.expect("the sandbox answers");
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn see(&self, path: &str) -> Value {
        let answer = self.witness.get(format!("{}/{path}", self.url)).send().await;
        answer.expect("the sandbox answers").json().await.expect("JSON")
    }

    /// Everything that may go wrong at Calendly does so now and then.
    async fn storm(&self) {
        let late = json!({"delay_ms": LATE_MS});
        for (target, method, path, mode, probability, more) in [
            ("calendly", "POST", "/invitees", "drop", 0.15, json!({})),
            ("calendly", "POST", "/invitees", "slow", 0.1, late.clone()),
            ("calendly", "POST", "/invitees", "delay", 0.1, late.clone()),
            ("calendly", "POST", "/invitees", "hang", 0.05, json!({})),
            ("calendly", "POST", "/invitees", "fail", 0.1, json!({"status": 502})),
            ("calendly", "POST", "/invitees", "fail", 0.05, json!({"status": 500})),
            ("calendly", "GET", "", "fail", 0.05, json!({"status": 503})),
            ("calendly", "GET", "", "drop", 0.03, json!({})),
            ("calendly", "GET", "", "hang", 0.01, json!({})),
            ("calendly", "GET", "", "slow", 0.15, json!({"delay_ms": 300})),
            ("calendly", "GET", "", "delay", 0.15, json!({"delay_ms": 300})),
            ("webhooks", "POST", "", "drop", 0.5, json!({})),
            ("webhooks", "POST", "", "delay", 0.3, late.clone()),
            ("webhooks", "POST", "", "duplicate", 0.3, json!({})),
        ] {
            let mut fault = json!({
                "target": target, "method": method, "path_prefix": path, "mode": mode, "probability": probability,
                "times": PLENTY,
            });
            fault.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            self.tell("control/faults", &fault).await;
        }
    }

    /// Ends the storm; says how often what went wrong.
    async fn calm(&self) -> BTreeMap<String, u64> {
        let mut happened = BTreeMap::new();
        for fault in self.see("control/faults").await.as_array().expect("a list") {
            let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            let left = fault["times"].as_u64().expect("a number");
            let what = if text("target") == "webhooks" { text("target") } else { text("method") };
            *happened.entry(format!("{what} {}", text("mode"))).or_default() += u64::from(PLENTY) - left;
        }
        let cleared = self.witness.delete(format!("{}/control/faults", self.url)).send().await;
        assert!(cleared.expect("the sandbox answers").status().is_success());
        self.fake.fail_at_call.set(None);
        self.fake.lose_answer_at_call.set(None);
        happened
    }

    /// Has one of the table's next calls fail, and the answer of another get lost.
    fn shake_the_table(&self) {
        let next = self.fake.state.borrow().calls.len();
        let soon = |sides: u64| Some(next + usize::try_from(self.roll(sides)).expect("a few"));
        self.fake.fail_at_call.set(soon(100));
        self.fake.lose_answer_at_call.set(soon(100));
    }

    /// Takes Calendly's webhooks in, as the processor does; whatever it can't take comes again.
    async fn take_webhooks(&self, mut deliveries: UnboundedReceiver<Exchange>) {
        while let Some(delivery) = deliveries.recv().await {
            let body = &delivery.request.body;
            self.fake.now.set(self.clock.now());
            let event = message(self.fake.intake(body.as_bytes()));
            let handled = processor::handle(self, &self.fake, &event, self.clock.now() + TIME_OUT);
            let handled: LocalBoxFuture<'_, SqsBatchResponse> = Box::pin(handled);
            let status = if handled.await.batch_item_failures.is_empty() { 200 } else { 503 };
            delivery.respond(stand_in::Answer::new(status, ""));
        }
    }

    /// Brings what the due queue holds, each at its hour, until there is no more of it.
    async fn bring_what_is_due(&self) {
        for _ in 0..5_000 {
            let next = {
                let delayed = &mut self.fake.state.borrow_mut().delayed;
                let next = delayed.iter().enumerate().min_by_key(|(_, (hour, _))| *hour).map(|(at, _)| at);
                next.map(|at| delayed.remove(at))
            };
            let Some((hour, body)) = next else { return };
            self.leap(hour.duration_since(self.clock.now()).max(SignedDuration::ZERO));
            let event = message(body.clone());
            let handled = reminder::handle(self, &event, self.clock.now() + TIME_OUT);
            let handled: LocalBoxFuture<'_, SqsBatchResponse> = Box::pin(handled);
            if !handled.await.batch_item_failures.is_empty() {
                let again = self.clock.now() + SignedDuration::from_secs(180);
                self.fake.state.borrow_mut().delayed.push((again, body));
            }
        }
        panic!("what is due never ends");
    }
}

fn message(body: String) -> SqsEvent {
    let mut record = SqsMessage::default();
    record.message_id = Some("1".to_owned());
    record.body = Some(body);
    let mut event = SqsEvent::default();
    event.records.push(record);
    event
}

/// What one caller wants.
struct Request {
    number: usize,
    body: Value,
    key: Option<String>,
    email: String,
    wish: Timestamp,
    /// No other slot will do.
    is_exact: bool,
}

/// A working day a week ahead, in the host's time zone: its slots.
fn slots() -> Vec<Timestamp> {
    let today = SystemClock.now().in_tz("Europe/Bucharest").expect("a zone").date();
    let is_working_day = |weekday: Weekday| !matches!(weekday, Weekday::Saturday | Weekday::Sunday);
    let day = (7..).map(|days| today + days.days()).find(|day| is_working_day(day.weekday())).expect("a working day");
    let first = day.at(8, 0, 0, 0).in_tz("Europe/Bucharest").expect("a zone").timestamp();
    (0..).map(|slot| first + SignedDuration::from_mins(30 * slot)).take(SLOTS).collect()
}

/// Five requests for each slot, three of which take no other.
fn requests() -> Vec<Request> {
    let slots = slots();
    let request = |number: usize| {
        let (conversation, wish, is_exact) = (number % CONVERSATIONS, slots[number / 5 % SLOTS], number % 5 < 3);
        let email = format!("person-{conversation}@example.com");
        let mut body = json!({
            "eventType": "Sales Demo", "inviteeEmail": email, "inviteeName": format!("Person {conversation}"),
            "preferredTime": wish, "timezone": "Europe/Bucharest", "conversationId": format!("conversation-{conversation}"),
            "phone": format!("+4071234{conversation:04}"), "customAnswers": {"Company": "Exemplu SRL"},
            // It comes back as the campaign in Calendly's tracking: so an event tells which request it is of.
            "agentType": format!("request-{number}"),
        });
        if is_exact {
            body["maxShift"] = json!(0);
        }
        let key = number.is_multiple_of(2).then(|| format!("key-{number}"));
        Request { number, body, key, email, wish, is_exact }
    };
    (0..REQUESTS).map(request).collect()
}

/// The last word that a caller got.
struct Answer {
    request: usize,
    /// When the try began that brought it, and when it came; by the machine's clock.
    began: Timestamp,
    told: Timestamp,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        match self.body["success"] == true {
            true => "success",
            false => self.body["error"]["code"].as_str().unwrap_or_default(),
        }
    }

    fn of_booking(&self, key: &str) -> &str {
        self.body["booking"][key].as_str().unwrap_or_default()
    }

    fn link(&self) -> Option<Url> {
        Url::parse(self.body["error"]["link"].as_str()?).ok()
    }

    /// The starts that a refusal offers instead.
    fn offered(&self) -> Vec<Timestamp> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let slots = list(&self.body["suggestions"]).into_iter().flat_map(|day| list(&day["slots"]));
        slots.map(|slot| instant(&slot["start_time"])).collect()
    }
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().expect("an instant").parse().expect("an instant")
}

/// The callers, and the functions that they call.
struct Stage<'a> {
    arena: &'a Arena,
    offices: Vec<Schedule<ArenaPorts<'a>>>,
    answers: RefCell<Vec<Answer>>,
    /// What was found to be otherwise than was told.
    lies: RefCell<Vec<String>>,
    killed: Cell<usize>,
    rounds: Cell<usize>,
}

impl<'a> Stage<'a> {
    fn new(arena: &'a Arena) -> Self {
        Self {
            arena,
            offices: (0..OFFICES).map(|_| Schedule::new(ArenaPorts(arena))).collect(),
            answers: RefCell::default(),
            lies: RefCell::default(),
            killed: Cell::default(),
            rounds: Cell::default(),
        }
    }

    fn invoke(&self, office: usize, event: Value) -> LocalBoxFuture<'_, Value> {
        Box::pin(self.offices[office].handle(Input::Direct(event), self.arena.clock.now() + TIME_OUT))
    }

    /// Everybody asks at once; whoever got no answer to go by asks again in the next round. Gives back who never got
    /// one.
    async fn play<'r>(&self, open: Vec<&'r Request>, rounds: usize, is_stormy: bool) -> Vec<&'r Request> {
        let mut open = open;
        for _ in 0..rounds {
            if open.is_empty() {
                break;
            }
            // Nobody is always first.
            open.sort_by_cached_key(|_| self.arena.roll(PLENTY.into()));
            let asked = join_all(open.iter().map(|request| Box::pin(self.ask(request, is_stormy))));
            let meanwhile = async {
                for _ in 0..10 {
                    if is_stormy {
                        self.arena.shake_the_table();
                    }
                    self.arena.wait(80).await;
                }
                self.arena.leap(AMID);
            };
            let (told, ()) = join(asked, meanwhile).await;
            open = open.into_iter().zip(&told).filter(|(_, told)| told.is_none()).map(|(request, _)| request).collect();
            self.answers.borrow_mut().extend(told.into_iter().flatten());
            self.rounds.set(self.rounds.get() + 1);
            tokio::time::sleep(BREATH).await;
            self.arena.leap(BETWEEN);
        }
        open
    }

    /// One caller's tries in one round; the answer, if there was one to go by.
    async fn ask(&self, request: &Request, is_stormy: bool) -> Option<Answer> {
        let arena = self.arena;
        for _ in 0..TRIES {
            let office = usize::try_from(arena.roll(OFFICES as u64)).expect("a few");
            let began = SystemClock.now();
            let event = json!({"operation": "book", "idempotencyKey": request.key, "input": request.body});
            let handled = self.invoke(office, event);
            // Now and then a function is killed at whatever it is doing.
            let body = match is_stormy && arena.roll(12) == 0 {
                true => tokio::time::timeout(Duration::from_millis(arena.roll(1_000)), handled).await.ok(),
                false => Some(handled.await),
            };
            let told = SystemClock.now();
            let Some(body) = body else {
                self.killed.set(self.killed.get() + 1);
                continue;
            };
            let answer = Answer { request: request.number, began, told, body };
            match answer.code() {
                "success" => {
                    let is_so = Calendar::of(arena).await.holds(request, &answer);
                    if !is_so {
                        self.lie(format!("request {} was told of what is not so: {}", request.number, answer.body));
                    }
                    return Some(answer);
                }
                "slot_taken" | "no_slot" => return Some(answer),
                "budget_exhausted" if answer.link().is_some() => return Some(answer),
                "in_progress" | "calendly_unavailable" | "unavailable" | "budget_exhausted" => arena.wait(300).await,
                _ => {
                    self.lie(format!("request {}: {}", request.number, answer.body));
                    return Some(answer);
                }
            }
        }
        None
    }

    fn lie(&self, lie: String) {
        self.lies.borrow_mut().push(lie);
    }

    /// Plays it through the storm and after it, until everybody has an answer and what was left in doubt is settled;
    /// says what went wrong how often.
    async fn play_through(&self, requests: &[Request]) -> BTreeMap<String, u64> {
        for office in 0..OFFICES {
            self.invoke(office, json!({"operation": "event_types"})).await;
        }
        self.arena.storm().await;
        let callers = requests.iter().flat_map(|it| std::iter::repeat_n(it, CALLS_EACH)).collect();
        let open = self.play(callers, STORMY, true).await;
        let happened = self.arena.calm().await;
        for request in self.play(open, CALM, false).await {
            self.lie(format!("request {} never had an answer", request.number));
        }
        self.arena.bring_what_is_due().await;
        happened
    }

    /// Compares what everybody was told with what Calendly holds in the end, and with our own table. Nobody cancels
    /// here: what Calendly holds in the end says what it held at any time.
    fn check(&self, requests: &[Request], calendar: &Calendar) {
        let mut wrong = self.lies.borrow().clone();
        let events: Vec<_> = calendar.0.values().collect();
        if events.iter().map(|it| it.start).collect::<BTreeSet<_>>().len() != events.len() {
            wrong.push("a slot is booked twice".to_owned());
        }
        for request in requests {
            wrong.extend(self.check_request(request, calendar));
        }
        wrong.extend(check_table(self.arena, &events));
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    fn check_request(&self, request: &Request, calendar: &Calendar) -> Vec<String> {
        let mut wrong = Vec::new();
        let (number, answers) = (request.number, self.answers.borrow());
        let answers: Vec<_> = answers.iter().filter(|it| it.request == number).collect();
        let made: Vec<_> = calendar.0.values().filter(|it| it.request == number).collect();
        let told: BTreeSet<_> = answers
            .iter()
            .filter(|it| it.code() == "success")
            .map(|it| ["id", "eventUuid", "inviteeUuid", "startTime"].map(|key| it.of_booking(key)))
            .collect();
        if told.len() > 1 {
            wrong.push(format!("request {number} was told of several bookings: {told:?}"));
        }
        if made.len() > 1 {
            wrong.push(format!("request {number} was booked {} times", made.len()));
        }
        for event in made.iter().filter(|event| !told.iter().any(|it| it[1] == uri_uuid(&event.uri))) {
            let told: Vec<_> = answers.iter().map(|it| (it.code(), it.told)).collect();
            wrong.push(format!("nobody was told that request {number} was booked at {}: {told:?}", event.created));
        }
        for answer in answers.iter().filter(|it| it.code() != "success") {
            if let Some(event) = made.iter().find(|it| it.created < answer.told) {
                wrong.push(format!(
                    "request {number} (exact: {}) was told {} at {}, in a try begun at {}, and was booked at {}",
                    request.is_exact,
                    answer.code(),
                    answer.told,
                    answer.began,
                    event.created
                ));
            }
            let was_taken = |slot| calendar.0.values().any(|it| it.start == slot && it.created < answer.told);
            if answer.code() == "slot_taken" && request.is_exact && !was_taken(request.wish) {
                wrong.push(format!("request {number} was told slot_taken, and it was free"));
            }
            if answer.code() == "no_slot" {
                wrong.push(format!("request {number} was told no_slot, and the next day was free"));
            }
            for slot in answer.offered() {
                if calendar.0.values().any(|it| it.start == slot && it.created < answer.began) {
                    wrong.push(format!("request {number} was offered {slot}, which was taken"));
                }
            }
        }
        wrong
    }

    /// One line of figures.
    fn figures(&self, calendar: &Calendar, happened: &BTreeMap<String, u64>) -> String {
        let answers = self.answers.borrow();
        let count = |code: &str| answers.iter().filter(|it| it.code() == code).count();
        let state = self.arena.fake.state.borrow();
        let adopted = state.facts.values().filter(|it| it.kind == FactKind::LookedUp).count();
        format!(
            "seed {SEED}: {} booked, {adopted} of them found by asking for them later; {} told so, {} slot_taken, {} links; \
             {} rounds; {} functions killed, {happened:?}",
            calendar.0.len(),
            count("success"),
            count("slot_taken"),
            count("budget_exhausted"),
            self.rounds.get(),
            self.killed.get(),
        )
    }
}

/// Our table and Calendly's calendar hold the same, and everybody who has a meeting was sent a confirmation.
fn check_table(arena: &Arena, events: &[&Event]) -> Vec<String> {
    let mut wrong = Vec::new();
    let state = arena.fake.state.borrow();
    let mut known = BTreeSet::new();
    for (booking, _) in state.bookings.values() {
        wrong.extend(booking.open_requests().map(|(token, it)| format!("{token:?} is open still: {:?}", it.state)));
        known.extend(booking.legs().into_iter().map(|leg| leg.invitee.as_str().to_owned()));
    }
    for event in events {
        let booking = BookingId::from_token(&ConnectionName::default(), &event.token);
        let state = state.bookings.get(&booking).and_then(|(booking, _)| booking.state());
        if !matches!(state, Some(BookingState::Active(leg)) if leg.invitee.as_str() == event.invitee) {
            wrong.push(format!("our table does not know that request {} was booked", event.request));
        }
        known.remove(&event.invitee);
    }
    wrong.extend(known.iter().map(|it| format!("our table knows of a booking that is not: {it}")));
    let told: BTreeSet<_> = state.told.iter().filter(|it| it.starts_with("SMS confirmation")).collect();
    if told.len() != events.len() {
        wrong.push(format!("{} bookings, {} confirmations", events.len(), told.len()));
    }
    wrong
}

/// What is on in Calendly's calendar, by the event's UUID.
struct Calendar(BTreeMap<String, Event>);

struct Event {
    uri: String,
    invitee: String,
    start: Timestamp,
    created: Timestamp,
    email: String,
    request: usize,
    token: Token,
}

impl Calendar {
    async fn of(arena: &Arena) -> Self {
        let all = arena.see("calendly.json").await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |event: &Value| {
            let invitee = all["invitees"].as_array()?.iter().find(|it| it["event"] == event["uri"])?;
            Some(Event {
                uri: text(&event["uri"]),
                invitee: text(&invitee["uri"]),
                start: instant(&event["start_time"]),
                created: instant(&event["created_at"]),
                email: text(&invitee["email"]),
                request: text(&invitee["tracking"]["utm_campaign"]).strip_prefix("request-")?.parse().ok()?,
                token: Token::parse(&text(&invitee["tracking"]["utm_content"]))?,
            })
        };
        let active = all["events"].as_array().expect("a list").iter().filter(|it| it["status"] == "active");
        let events = active.map(|it| of(it).expect("an event of ours"));
        Self(events.map(|it| (uri_uuid(&it.uri).to_owned(), it)).collect())
    }

    /// Whether the booking that a caller is told of is there, and is theirs.
    fn holds(&self, request: &Request, answer: &Answer) -> bool {
        self.0.get(answer.of_booking("eventUuid")).is_some_and(|event| {
            uri_uuid(&event.invitee) == answer.of_booking("inviteeUuid")
                && (event.request, &event.email) == (request.number, &request.email)
                && instant(&answer.body["booking"]["startTime"]) == event.start
        })
    }
}

/// Opens an arena whose webhooks are heard while the story plays.
async fn on_stage(story: impl AsyncFnOnce(&Arena)) {
    let sandbox = sandbox::start(0).await.expect("a port");
    let arena = Arena::open(&sandbox).await;
    let (url, deliveries) = stand_in::listen();
    let organization = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c1";
    let events = ["invitee.created", "invitee.canceled"];
    let subscription = json!({"url": url, "events": events, "organization": organization, "scope": "organization"});
    arena.tell("calendly/webhook_subscriptions", &subscription).await;
    tokio::select! {
        () = arena.take_webhooks(deliveries) => {}
        () = story(&arena) => {}
    }
}

#[tokio::test]
async fn two_hundred_calls_for_twenty_slots_and_everybody_is_told_the_truth() {
    on_stage(async |arena| {
        {
            let limits = &mut arena.fake.state.borrow_mut().settings.booking;
            (limits.per_minute, limits.per_hour, limits.per_day) = (PLENTY, PLENTY, PLENTY);
        }
        let (stage, requests) = (Stage::new(arena), requests());
        let happened = stage.play_through(&requests).await;
        let calendar = Calendar::of(arena).await;
        println!("{}", stage.figures(&calendar, &happened));
        stage.check(&requests, &calendar);
        assert_eq!(stage.answers.borrow().len(), REQUESTS * CALLS_EACH);
        assert_eq!(calendar.0.len(), SLOTS, "somebody wanted each slot and would have no other");
        let lost = ["POST drop", "POST slow", "POST delay", "POST hang"].map(|what| happened[what]);
        assert!(lost.iter().sum::<u64>() > 5 && stage.killed.get() > 0, "the storm has blown: {lost:?}");
        assert!(stage.answers.borrow().iter().all(|it| it.code() != "budget_exhausted"));
    })
    .await;
}

#[tokio::test]
async fn what_is_over_the_budget_gets_a_link_and_its_turn_later() {
    on_stage(async |arena| {
        let (stage, requests) = (Stage::new(arena), requests());
        let happened = stage.play_through(&requests).await;
        let calendar = Calendar::of(arena).await;
        println!("{}", stage.figures(&calendar, &happened));
        stage.check(&requests, &calendar);
        within_limits(arena);
        assert_eq!(stage.answers.borrow().len(), REQUESTS * CALLS_EACH);

        // A person books on one of the links: that is the booking that the agent had asked for.
        let waiting = waiting(&stage, &requests);
        let is_free = |it: &Request| calendar.0.values().all(|event| event.start != it.wish);
        let (request, link) = waiting.iter().find(|(it, _)| is_free(it)).expect("a link for a slot that is free still");
        book_on(arena, request, link).await;
        stage.play(vec![*request], CALM, false).await;
        arena.bring_what_is_due().await;
        stage.check(&requests, &Calendar::of(arena).await);
        assert_eq!(stage.answers.borrow().last().expect("an answer").code(), "success");

        // The others have their turn, minute by minute.
        for _ in 0..20 {
            let waiting = self::waiting(&stage, &requests);
            if waiting.is_empty() {
                break;
            }
            stage.play(waiting.into_iter().map(|(request, _)| request).collect(), 1, false).await;
        }
        arena.bring_what_is_due().await;
        let calendar = Calendar::of(arena).await;
        println!("{}", stage.figures(&calendar, &happened));
        stage.check(&requests, &calendar);
        assert_eq!(calendar.0.len(), SLOTS);
        within_limits(arena);
    })
    .await;
}

/// The requests that have only a link so far. Each link is Calendly's own, has the form filled in and leads back to the
/// conversation.
fn waiting<'r>(stage: &Stage<'_>, requests: &'r [Request]) -> Vec<(&'r Request, Url)> {
    let answers = stage.answers.borrow();
    let state = stage.arena.fake.state.borrow();
    let mut waiting = BTreeMap::new();
    for answer in answers.iter() {
        let request = &requests[answer.request];
        waiting.remove(&answer.request);
        if let Some(link) = answer.link() {
            let query: BTreeMap<_, _> = link.query_pairs().into_owned().collect();
            assert!(
                link.as_str().starts_with("https://calendly.com/d/") && link.path().ends_with("/sales-demo"),
                "{link}"
            );
            assert_eq!(query["email"], request.email);
            let token = Token::parse(&query["utm_content"]).expect("a token");
            let booking = BookingId::from_token(&ConnectionName::default(), &token);
            assert_eq!(request.body["conversationId"], state.metadata[&booking].conversation_id);
            waiting.insert(answer.request, (request, link));
        }
    }
    waiting.into_values().collect()
}

/// A person fills in the page that a link leads to, which knows them already.
async fn book_on(arena: &Arena, request: &Request, link: &Url) {
    let query: BTreeMap<_, _> = link.query_pairs().into_owned().collect();
    let page = json!({
        "event_type": link.path_segments().and_then(|mut it| it.next_back()), "start_time": request.wish,
        "name": query["name"], "email": query["email"], "timezone": "Europe/Bucharest", "phone": request.body["phone"],
        "answers": {"Company": "Exemplu SRL"}, "utm_source": query["utm_source"], "utm_content": query["utm_content"],
        "utm_campaign": request.body["agentType"],
    });
    arena.tell("people/book", &page).await;
    // Its webhook is heard.
    tokio::time::sleep(BREATH).await;
}

/// No span holds more bookings of the agents' than Calendly takes.
fn within_limits(arena: &Arena) {
    let limits = Settings::default().booking.limits();
    let state = arena.fake.state.borrow();
    let booked = state.bookings.values().flat_map(|(booking, _)| {
        booking.requests().iter().filter(|(token, _)| booking.leg_of(token).is_some()).map(|(_, request)| request.at)
    });
    let booked: Vec<_> = booked.collect();
    for span in Span::ALL {
        for from in &booked {
            let within = booked.iter().filter(|it| (*from..*from + span.length()).contains(it)).count();
            assert!(within <= limits.of(span) as usize, "{within} in a {}", span.name());
        }
    }
}
