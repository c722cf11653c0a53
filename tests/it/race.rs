//! Two hundred calls at once for twenty slots, against the sandbox's Calendly over real HTTP. Meanwhile answers are
//! lost, late or missing, webhooks are dropped, the table fails and functions are killed. Every answer must be true,
//! and every booking must be known to its caller.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use calendly::Rest;
use domain::scheduling::budget::Span;
use domain::{BookingId, BookingState, ConnectionName, FactKind, Settings, Token, uri_uuid};
use engine::Clock;
use fakes::{Fake, Fault, Mixed, Random, Script};
use futures_util::future::{LocalBoxFuture, join, join_all};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp, ToSpan};
use reqwest::{Client, Url};
use runtime::{Secrets, SystemClock};
use sandbox::Sandbox;
use serde_json::{Value, json};
use stand_in::Exchange;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::api::TestApi;
use crate::world::{FakeEndpoints, NoQueue, TestWorld, sqs_event};

/// The seed of the callers' dice and Calendly's.
const SEED: u64 = 20;

/// Each conversation has two requests, each of them sent twice at once.
const CONVERSATIONS: usize = 50;
const REQUESTS: usize = 2 * CONVERSATIONS;
const CALLS_EACH: usize = 2;

/// The slots of the day that everybody wants: the host's working day by half hours.
const SLOTS: usize = 20;

/// Instances of the schedule function.
const INSTANCES: usize = 5;

/// How often a caller tries in a round.
const TRIES: usize = 3;

/// How many rounds there are at most, first with faults and then without.
const FAULTY_ROUNDS: usize = 6;
const CALM_ROUNDS: usize = 8;

/// How long our side waits for Calendly, and how late Calendly acts or answers at times. It has acted before the next
/// round: what Calendly has not done by the end of a doubt, it never does.
const READ_TIME_OUT: Duration = Duration::from_millis(800);
const LATE_MS: u64 = 1_200;
const PAUSE: Duration = Duration::from_millis(500);

/// How far the clock leaps within a round, so that a bucket of the budget ends during calls.
const LEAP_WITHIN_ROUND: SignedDuration = SignedDuration::from_secs(10);

/// How far it leaps between two rounds, so that the leases of killed functions have ended.
const LEAP_BETWEEN_ROUNDS: SignedDuration = SignedDuration::from_secs(36);

/// Lambda gives a function 30 seconds.
const TIME_OUT: SignedDuration = SignedDuration::from_secs(29);

/// How often a fault may happen. What is left of it in the end has not happened.
const UNLIMITED: u32 = 1_000_000;

/// The machine's clock, ahead by its leaps.
struct LeapingClock {
    ahead: Cell<SignedDuration>,
}

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.ahead.get()
    }
}

/// The fake world with the sandbox's Calendly and a leaping clock.
struct RaceWorld {
    url: String,
    fake: TestWorld,
    calendly: Rest,
    clock: LeapingClock,
    dice: RefCell<Random>,
    /// Reads from the sandbox what is true.
    observer: Client,
}

type World<'a> = Mixed<'a, Script, Rest, LeapingClock, Fake<Script>>;

fn client(read_time_out: Duration) -> Client {
    #[expect(clippy::disallowed_methods, reason = "a test waits less long than the real client")]
    let builder = Client::builder();
    builder.no_proxy().pool_max_idle_per_host(0).read_timeout(read_time_out).build().expect("a client")
}

impl RaceWorld {
    async fn open(sandbox: &Sandbox) -> Self {
        let providers = json!({"calendly_token": sandbox::keys::CALENDLY}).to_string();
        let secrets = Secrets::fixed("t/", BTreeMap::from([("t/default/providers".to_owned(), providers)]));
        let url = sandbox.url().to_owned();
        let world = Self {
            calendly: Rest::new(client(READ_TIME_OUT), format!("{url}/calendly"), Arc::new(secrets)),
            url,
            fake: TestWorld::new("2026-11-23T08:00:00Z"),
            clock: LeapingClock { ahead: Cell::new(SignedDuration::ZERO) },
            dice: RefCell::new(Random::new(SEED, 0)),
            observer: client(Duration::from_secs(20)),
        };
        world.fake.yields.set(true);
        world.fake.change_settings(|settings| settings.booking.requests_per_minute = UNLIMITED);
        let settings = json!({"seed": SEED, "requests_per_minute": UNLIMITED, "retry_first_ms": 50});
        world.post_to_sandbox("control/settings", &settings).await;
        world
    }

    fn world(&self) -> World<'_> {
        self.fake.with_calendly(&self.calendly, &self.clock)
    }

    /// Returns a number below `sides`, all of them equally likely.
    fn roll(&self, sides: usize) -> usize {
        self.dice.borrow_mut().index(sides)
    }

    fn roll_duration(&self, below_ms: usize) -> Duration {
        Duration::from_millis(self.roll(below_ms) as u64)
    }

    async fn wait(&self, below_ms: usize) {
        tokio::time::sleep(self.roll_duration(below_ms)).await;
    }

    fn leap(&self, by: SignedDuration) {
        self.clock.ahead.set(self.clock.ahead.get() + by);
    }

    async fn post_to_sandbox(&self, path: &str, body: &Value) -> Value {
        let post = self.observer.post(format!("{}/{path}", self.url)).bearer_auth(sandbox::keys::CALENDLY).json(body);
        let answer = post.send().await.expect("the sandbox answers");
        let status = answer.status();
        let text = answer.text().await.expect("the sandbox answers");
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn get_from_sandbox(&self, path: &str) -> Value {
        let answer = self.observer.get(format!("{}/{path}", self.url)).send().await;
        answer.expect("the sandbox answers").json().await.expect("JSON")
    }

    /// Has everything that can go wrong at Calendly happen at times.
    async fn start_faults(&self) {
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
                "times": UNLIMITED,
            });
            fault.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            self.post_to_sandbox("control/faults", &fault).await;
        }
    }

    /// Ends the faults. Returns how often each has happened.
    async fn end_faults(&self) -> BTreeMap<String, u64> {
        let mut happened = BTreeMap::new();
        for fault in self.get_from_sandbox("control/faults").await.as_array().expect("a list") {
            let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            let left = fault["times"].as_u64().expect("a number");
            let what = if text("target") == "webhooks" { text("target") } else { text("method") };
            *happened.entry(format!("{what} {}", text("mode"))).or_default() += u64::from(UNLIMITED) - left;
        }
        let cleared = self.observer.delete(format!("{}/control/faults", self.url)).send().await;
        assert!(cleared.expect("the sandbox answers").status().is_success());
        self.fake.faults.clear_calls();
        happened
    }

    /// Has one of the next calls in memory fail, and the answer of another get lost.
    fn fail_next_calls(&self) {
        let soon = || self.fake.call_count() + self.roll(100);
        self.fake.faults.clear_calls();
        self.fake.faults.at_call(soon(), Fault::NoAnswer { has_effect: true });
        self.fake.faults.at_call(soon(), Fault::Fails);
    }

    /// Processes Calendly's webhooks. Those that fail are answered with 503, and Calendly repeats them.
    async fn process_webhooks(&self, mut deliveries: UnboundedReceiver<Exchange>) {
        while let Some(delivery) = deliveries.recv().await {
            self.fake.now.set(self.clock.now());
            let event = sqs_event(&[&self.fake.envelope(delivery.request.body.as_bytes())], 1, 0, self.clock.now());
            let world = self.world();
            let handled: LocalBoxFuture<'_, SqsBatchResponse> =
                Box::pin(processor::handle(&world, &NoQueue, &event, self.clock.now() + TIME_OUT));
            let status = if handled.await.batch_item_failures.is_empty() { 200 } else { 503 };
            delivery.respond(stand_in::Answer::new(status, ""));
        }
    }

    /// Processes the delayed messages, each when it is due, until there are no more.
    async fn process_due_messages(&self) {
        for _ in 0..5_000 {
            let next = {
                let delayed = &mut self.fake.state.borrow_mut().delayed;
                let next = delayed.iter().enumerate().min_by_key(|(_, (due, _))| *due).map(|(index, _)| index);
                next.map(|index| delayed.remove(index))
            };
            let Some((due, message)) = next else { return };
            self.leap(due.duration_since(self.clock.now()).max(SignedDuration::ZERO));
            let (event, world) = (sqs_event(&[&message.to_json()], 1, 0, self.clock.now()), self.world());
            let endpoints = FakeEndpoints::default();
            let handled: LocalBoxFuture<'_, SqsBatchResponse> =
                Box::pin(reminder::handle(&world, &endpoints, &NoQueue, &event, self.clock.now() + TIME_OUT));
            if !handled.await.batch_item_failures.is_empty() {
                let again = self.clock.now() + SignedDuration::from_secs(180);
                self.fake.state.borrow_mut().delayed.push((again, message));
            }
        }
        panic!("there are always more due messages");
    }
}

/// A request of one caller.
struct Request {
    number: usize,
    body: Value,
    key: Option<String>,
    email: String,
    wish: Timestamp,
    /// Whether no other slot is accepted.
    is_exact: bool,
}

/// Returns the slots of a working day a week ahead, in the host's time zone.
fn slots() -> Vec<Timestamp> {
    let today = SystemClock.now().in_tz("Europe/Bucharest").expect("a zone").date();
    let is_working_day = |weekday: Weekday| !matches!(weekday, Weekday::Saturday | Weekday::Sunday);
    let day = (7..).map(|days| today + days.days()).find(|day| is_working_day(day.weekday())).expect("a working day");
    let first = day.at(8, 0, 0, 0).in_tz("Europe/Bucharest").expect("a zone").timestamp();
    (0..).map(|slot| first + SignedDuration::from_mins(30 * slot)).take(SLOTS).collect()
}

/// Returns five requests for each slot. Three of them accept no other.
fn requests() -> Vec<Request> {
    let slots = slots();
    let request = |number: usize| {
        let (conversation, wish, is_exact) = (number % CONVERSATIONS, slots[number / 5 % SLOTS], number % 5 < 3);
        let email = format!("person-{conversation}@example.com");
        let mut body = json!({
            "eventType": "Sales Demo", "inviteeEmail": email, "inviteeName": format!("Person {conversation}"),
            "preferredTime": wish, "timezone": "Europe/Bucharest", "conversationId": format!("conversation-{conversation}"),
            "phone": format!("+4071234{conversation:04}"), "customAnswers": {"Company": "Exemplu SRL"},
            // It is the campaign in Calendly's tracking, by which an event is matched with its request.
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

/// The final answer to a caller.
struct Answer {
    request: usize,
    /// When its try began and when it arrived, by the machine's clock.
    began: Timestamp,
    arrived: Timestamp,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        match self.body["success"] == true {
            true => "success",
            false => self.body["error"]["code"].as_str().unwrap_or_default(),
        }
    }

    fn booking_field(&self, key: &str) -> &str {
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

/// The callers, and the instances that they call.
struct Race<'a> {
    world: &'a RaceWorld,
    instances: Vec<TestApi<'a, World<'a>>>,
    answers: RefCell<Vec<Answer>>,
    /// Answers that were not true.
    problems: RefCell<Vec<String>>,
    killed: Cell<usize>,
    rounds: Cell<usize>,
}

impl<'a> Race<'a> {
    fn new(world: &'a RaceWorld) -> Self {
        let random = || world.dice.borrow_mut().between(0, i64::MAX).unsigned_abs().into();
        Self {
            world,
            instances: (0..INSTANCES).map(|_| TestApi::new(world.world(), random)).collect(),
            answers: RefCell::default(),
            problems: RefCell::default(),
            killed: Cell::default(),
            rounds: Cell::default(),
        }
    }

    fn invoke(&self, instance: usize, event: Value) -> LocalBoxFuture<'_, Value> {
        Box::pin(self.instances[instance].invoke(event, self.world.clock.now() + TIME_OUT))
    }

    /// Has everybody call at once. Those without a final answer call again in the next round. Returns the requests that
    /// never had one.
    async fn play_rounds<'r>(&self, mut open: Vec<&'r Request>, rounds: usize, has_faults: bool) -> Vec<&'r Request> {
        for _ in 0..rounds {
            if open.is_empty() {
                break;
            }
            // In another order each time.
            open.sort_by_cached_key(|_| self.world.roll(UNLIMITED as usize));
            let calls = join_all(open.iter().map(|request| Box::pin(self.book(request, has_faults))));
            let meanwhile = async {
                for _ in 0..10 {
                    if has_faults {
                        self.world.fail_next_calls();
                    }
                    self.world.wait(80).await;
                }
                self.world.leap(LEAP_WITHIN_ROUND);
            };
            let (answers, ()) = join(calls, meanwhile).await;
            open = open.into_iter().zip(&answers).filter(|(_, it)| it.is_none()).map(|(request, _)| request).collect();
            self.answers.borrow_mut().extend(answers.into_iter().flatten());
            self.rounds.set(self.rounds.get() + 1);
            tokio::time::sleep(PAUSE).await;
            self.world.leap(LEAP_BETWEEN_ROUNDS);
        }
        open
    }

    /// One caller's tries in one round. Returns the final answer, if there was one.
    async fn book(&self, request: &Request, has_faults: bool) -> Option<Answer> {
        for _ in 0..TRIES {
            let began = SystemClock.now();
            let event = json!({"operation": "book", "idempotencyKey": request.key, "input": request.body});
            let invocation = self.invoke(self.world.roll(INSTANCES), event);
            // At times the function is killed, at any point of its work.
            let body = match has_faults && self.world.roll(12) == 0 {
                true => tokio::time::timeout(self.world.roll_duration(1_000), invocation).await.ok(),
                false => Some(invocation.await),
            };
            let arrived = SystemClock.now();
            let Some(body) = body else {
                self.killed.set(self.killed.get() + 1);
                continue;
            };
            let answer = Answer { request: request.number, began, arrived, body };
            match answer.code() {
                "success" => {
                    if !Calendar::read(self.world).await.holds(request, &answer) {
                        self.report(format!("request {} was answered with {}", request.number, answer.body));
                    }
                    return Some(answer);
                }
                "slot_taken" | "no_slot" => return Some(answer),
                "budget_exhausted" if answer.link().is_some() => return Some(answer),
                "in_progress" | "calendly_unavailable" | "unavailable" | "budget_exhausted" => {
                    self.world.wait(300).await;
                }
                _ => {
                    self.report(format!("request {}: {}", request.number, answer.body));
                    return Some(answer);
                }
            }
        }
        None
    }

    fn report(&self, problem: String) {
        self.problems.borrow_mut().push(problem);
    }

    /// Plays rounds with faults and without, until every request has a final answer and every doubt is settled.
    /// Returns how often each fault has happened.
    async fn play(&self, requests: &[Request]) -> BTreeMap<String, u64> {
        for instance in 0..INSTANCES {
            self.invoke(instance, json!({"operation": "event_types"})).await;
        }
        self.world.start_faults().await;
        let callers = requests.iter().flat_map(|it| std::iter::repeat_n(it, CALLS_EACH)).collect();
        let open = self.play_rounds(callers, FAULTY_ROUNDS, true).await;
        let happened = self.world.end_faults().await;
        for request in self.play_rounds(open, CALM_ROUNDS, false).await {
            self.report(format!("request {} never had an answer", request.number));
        }
        self.world.process_due_messages().await;
        happened
    }

    /// Compares every answer with what Calendly holds in the end, and with our own table. Nobody cancels, so what
    /// Calendly holds in the end shows what it held at any time.
    fn check(&self, requests: &[Request], calendar: &Calendar) {
        let mut wrong = self.problems.borrow().clone();
        let events: Vec<_> = calendar.0.values().collect();
        if events.iter().map(|it| it.start).collect::<BTreeSet<_>>().len() != events.len() {
            wrong.push("a slot is booked twice".to_owned());
        }
        for request in requests {
            wrong.extend(self.check_request(request, calendar));
        }
        wrong.extend(check_table(self.world, &events));
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    fn check_request(&self, request: &Request, calendar: &Calendar) -> Vec<String> {
        let mut wrong = Vec::new();
        let (number, answers) = (request.number, self.answers.borrow());
        let answers: Vec<_> = answers.iter().filter(|it| it.request == number).collect();
        let made: Vec<_> = calendar.0.values().filter(|it| it.request == number).collect();
        let bookings: BTreeSet<_> = answers
            .iter()
            .filter(|it| it.code() == "success")
            .map(|it| ["id", "eventUuid", "inviteeUuid", "startTime"].map(|key| it.booking_field(key)))
            .collect();
        if bookings.len() > 1 {
            wrong.push(format!("request {number} was answered with several bookings: {bookings:?}"));
        }
        if made.len() > 1 {
            wrong.push(format!("request {number} was booked {} times", made.len()));
        }
        for event in made.iter().filter(|event| !bookings.iter().any(|it| it[1] == uri_uuid(&event.uri))) {
            let codes: Vec<_> = answers.iter().map(|it| (it.code(), it.arrived)).collect();
            wrong.push(format!("no answer says that request {number} was booked at {}: {codes:?}", event.created));
        }
        for answer in answers.iter().filter(|it| it.code() != "success") {
            if let Some(event) = made.iter().find(|it| it.created < answer.arrived) {
                wrong.push(format!(
                    "request {number} (exact: {}) was answered {} at {}, in a try begun at {}, and was booked at {}",
                    request.is_exact,
                    answer.code(),
                    answer.arrived,
                    answer.began,
                    event.created
                ));
            }
            let was_taken = |slot| calendar.0.values().any(|it| it.start == slot && it.created < answer.arrived);
            if answer.code() == "slot_taken" && request.is_exact && !was_taken(request.wish) {
                wrong.push(format!("request {number} was answered slot_taken, and the slot was free"));
            }
            if answer.code() == "no_slot" {
                wrong.push(format!("request {number} was answered no_slot, and the next day was free"));
            }
            for slot in answer.offered() {
                if calendar.0.values().any(|it| it.start == slot && it.created < answer.began) {
                    wrong.push(format!("request {number} was offered {slot}, which was taken"));
                }
            }
        }
        wrong
    }

    /// Returns a line of figures.
    fn figures(&self, calendar: &Calendar, happened: &BTreeMap<String, u64>) -> String {
        let answers = self.answers.borrow();
        let count = |code: &str| answers.iter().filter(|it| it.code() == code).count();
        let state = self.world.fake.state.borrow();
        let adopted = state.facts.values().filter(|it| it.kind == FactKind::LookedUp).count();
        format!(
            "seed {SEED}: {} booked, {adopted} of them looked up later; answers: {} success, {} slot_taken, {} links; \
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

/// Checks that our table and Calendly's calendar hold the same, and that every meeting was confirmed.
fn check_table(world: &RaceWorld, events: &[&Event]) -> Vec<String> {
    let mut wrong = Vec::new();
    let state = world.fake.state.borrow();
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
    wrong.extend(known.iter().map(|it| format!("our table has a booking that does not exist: {it}")));
    let texts = state.effects.iter().map(|it| &it.text);
    let confirmations: BTreeSet<_> = texts.filter(|it| it.starts_with("SMS confirmation")).collect();
    if confirmations.len() != events.len() {
        wrong.push(format!("{} bookings, {} confirmations", events.len(), confirmations.len()));
    }
    wrong
}

/// The active events in Calendly's calendar, by UUID.
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
    async fn read(world: &RaceWorld) -> Self {
        let all = world.get_from_sandbox("calendly.json").await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let read_event = |event: &Value| {
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
        let events = active.map(|it| read_event(it).expect("an event of ours"));
        Self(events.map(|it| (uri_uuid(&it.uri).to_owned(), it)).collect())
    }

    /// Whether the booking in an answer exists and is the caller's.
    fn holds(&self, request: &Request, answer: &Answer) -> bool {
        self.0.get(answer.booking_field("eventUuid")).is_some_and(|event| {
            uri_uuid(&event.invitee) == answer.booking_field("inviteeUuid")
                && event.email == request.email
                // It is their own, of this request or at its very time.
                && (event.request == request.number || event.start == request.wish)
                && instant(&answer.body["booking"]["startTime"]) == event.start
        })
    }
}

/// Plays a story while webhooks are processed.
async fn with_webhooks(story: impl AsyncFnOnce(&RaceWorld)) {
    let sandbox = sandbox::start(0).await.expect("a port");
    let world = RaceWorld::open(&sandbox).await;
    let (url, deliveries) = stand_in::listen();
    let organization = "https://api.calendly.com/organizations/00000000-0000-4000-8000-0000000000c1";
    let events = ["invitee.created", "invitee.canceled"];
    let subscription = json!({"url": url, "events": events, "organization": organization, "scope": "organization"});
    world.post_to_sandbox("calendly/webhook_subscriptions", &subscription).await;
    tokio::select! {
        () = world.process_webhooks(deliveries) => {}
        () = story(&world) => {}
    }
}

#[tokio::test]
async fn two_hundred_calls_for_twenty_slots_get_true_answers() {
    with_webhooks(async |world| {
        world.fake.change_settings(|settings| {
            let limits = &mut settings.booking;
            (limits.per_minute, limits.per_hour, limits.per_day) = (UNLIMITED, UNLIMITED, UNLIMITED);
        });
        let (race, requests) = (Race::new(world), requests());
        let happened = race.play(&requests).await;
        let calendar = Calendar::read(world).await;
        println!("{}", race.figures(&calendar, &happened));
        race.check(&requests, &calendar);
        assert_eq!(race.answers.borrow().len(), REQUESTS * CALLS_EACH);
        assert_eq!(calendar.0.len(), SLOTS, "each slot has requests that accept no other");
        let lost = ["POST drop", "POST slow", "POST delay", "POST hang"].map(|what| happened[what]);
        assert!(lost.iter().sum::<u64>() > 5 && race.killed.get() > 0, "faults have happened: {lost:?}");
        assert!(race.answers.borrow().iter().all(|it| it.code() != "budget_exhausted"));
    })
    .await;
}

#[tokio::test]
async fn requests_over_the_budget_get_a_link_and_are_booked_later() {
    with_webhooks(async |world| {
        let (race, requests) = (Race::new(world), requests());
        let happened = race.play(&requests).await;
        let calendar = Calendar::read(world).await;
        println!("{}", race.figures(&calendar, &happened));
        race.check(&requests, &calendar);
        check_limits(world);
        assert_eq!(race.answers.borrow().len(), REQUESTS * CALLS_EACH);

        // A person books on one of the links. That is the booking that the agent had requested.
        let waiting = waiting(&race, &requests);
        let is_free = |it: &Request| calendar.0.values().all(|event| event.start != it.wish);
        let (request, link) = waiting.iter().find(|(it, _)| is_free(it)).expect("a link for a slot that is still free");
        book_on_link(world, request, link).await;
        race.play_rounds(vec![*request], CALM_ROUNDS, false).await;
        world.process_due_messages().await;
        race.check(&requests, &Calendar::read(world).await);
        assert_eq!(race.answers.borrow().last().expect("an answer").code(), "success");

        // The others are booked minute by minute.
        for _ in 0..20 {
            let waiting = self::waiting(&race, &requests);
            if waiting.is_empty() {
                break;
            }
            race.play_rounds(waiting.into_iter().map(|(request, _)| request).collect(), 1, false).await;
        }
        world.process_due_messages().await;
        let calendar = Calendar::read(world).await;
        println!("{}", race.figures(&calendar, &happened));
        race.check(&requests, &calendar);
        assert_eq!(calendar.0.len(), SLOTS);
        check_limits(world);
    })
    .await;
}

/// Returns the requests that have only a link so far. Each link is Calendly's own, has the form filled in and leads
/// back to the conversation.
fn waiting<'r>(race: &Race<'_>, requests: &'r [Request]) -> Vec<(&'r Request, Url)> {
    let answers = race.answers.borrow();
    let state = race.world.fake.state.borrow();
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

/// Books as a person does on the page that a link leads to, in which the form is filled in.
async fn book_on_link(world: &RaceWorld, request: &Request, link: &Url) {
    let query: BTreeMap<_, _> = link.query_pairs().into_owned().collect();
    let page = json!({
        "event_type": link.path_segments().and_then(|mut it| it.next_back()), "start_time": request.wish,
        "name": query["name"], "email": query["email"], "timezone": "Europe/Bucharest", "phone": request.body["phone"],
        "answers": {"Company": "Exemplu SRL"}, "utm_source": query["utm_source"], "utm_content": query["utm_content"],
        "utm_campaign": request.body["agentType"],
    });
    world.post_to_sandbox("people/book", &page).await;
    // Its webhook is processed meanwhile.
    tokio::time::sleep(PAUSE).await;
}

/// Checks that no span holds more bookings by agents than Calendly accepts.
fn check_limits(world: &RaceWorld) {
    let limits = Settings::default().booking.limits();
    let state = world.fake.state.borrow();
    let booked = state.bookings.values().flat_map(|(booking, _)| {
        booking.requests().iter().filter(|(token, _)| booking.leg_of(token).is_some()).map(|(_, request)| request.at)
    });
    let booked: Vec<_> = booked.collect();
    for span in Span::ALL {
        for from in &booked {
            let within = booked.iter().filter(|it| (*from..*from + span.length()).contains(it)).count();
            assert!(within <= limits.limit(span) as usize, "{within} in a {}", span.name());
        }
    }
}
