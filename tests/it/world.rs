//! A fake world in memory: the table, Calendly, phones, inboxes, VAI, timers and queues, each holding state.
//!
//! Every port call is numbered. At a chosen one the world stops the program, before or after the call took effect, as a
//! killed function would be; and at a chosen one it can fail. Time moves only when a story says so.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::task::{Context, Poll, Waker};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use domain::scheduling::Form;
use domain::{
    Analytics, Booking, BookingId, CanceledBy, Cancellation, Command, CommandId, ConnectionName, ConsentSource,
    ContactKey, Decision, Delivery, Details, EmailOrder, EventTypeUri, EventUri, Fact, FactId, FactKind, Feedback,
    InviteeUri, Leg, Message, Metadata, News, Objection, Outcome, Phone, PhoneCandidate, PhoneSource, Private, Reason,
    Receipt, Settings, SmsOrder, Snapshot, Token, VaiOrder,
};
use engine::{
    Aliases, BookOutcome, BookingQuery, CalendlyError, CommitError, Contact, Messaging, NoMessaging, PortError,
    StoredFact, TimerKind, UnhandledEvent, World,
};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use processor::DeadLetters;
use wire::due::Due;
use wire::intake::{Envelope, Source};

use crate::desk::Ports;
use crate::payload::{NOTES, TOKEN, at};

/// Where the program is stopped: at which port call, and whether the call takes effect first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Crash {
    pub(crate) at_call: usize,
    pub(crate) after_effect: bool,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) bookings: BTreeMap<BookingId, (Booking, u64)>,
    pub(crate) commands: BTreeMap<CommandId, (BookingId, Command)>,
    pub(crate) metadata: BTreeMap<BookingId, Metadata>,
    pub(crate) aliases: BTreeMap<InviteeUri, BookingId>,
    pub(crate) token_aliases: BTreeMap<Token, BookingId>,
    pub(crate) event_types_changed_at: Option<Timestamp>,
    /// What the schedule function keeps.
    pub(crate) desk: Ports,
    /// Whether Calendly's webhook is processed before its answer to a booking arrives.
    pub(crate) webhook_first: bool,
    /// Whether Calendly has a seat for everybody, as for a round robin.
    pub(crate) has_room_for_all: bool,
    /// Whether Calendly refuses every booking.
    pub(crate) refuses_books: bool,
    /// What it finds fault with then.
    pub(crate) refused_parameters: Vec<String>,
    /// How many more bookings Calendly takes, if it is limited.
    pub(crate) books_left: Option<u32>,
    /// The forms that Calendly took.
    pub(crate) forms: BTreeMap<InviteeUri, Form>,
    pub(crate) facts: BTreeMap<FactId, StoredFact>,
    pub(crate) unknown: BTreeMap<FactId, UnhandledEvent>,
    pub(crate) settings: Settings,
    pub(crate) at_calendly: BTreeMap<InviteeUri, Fact>,
    pub(crate) schedules: BTreeMap<String, (Timestamp, String)>,
    pub(crate) delayed: Vec<(Timestamp, String)>,
    /// What people and programs were told, in order.
    pub(crate) told: Vec<String>,
    pub(crate) dead: Vec<(String, String)>,
    /// Outcomes that providers give before they do what they are asked, in order.
    pub(crate) outcomes: VecDeque<Outcome>,
    /// What is known of people's addresses.
    pub(crate) contacts: BTreeMap<ContactKey, Contact>,
    /// When the last word on each was spoken.
    pub(crate) objected: BTreeMap<ContactKey, Timestamp>,
    /// The numbers that were used, for what, and when first.
    pub(crate) nonces: BTreeMap<String, (String, Timestamp)>,
    /// Landlines.
    pub(crate) landlines: Vec<String>,
    /// The hosts' zones, by their URI.
    pub(crate) host_zones: BTreeMap<String, String>,
    /// The names of the port calls.
    pub(crate) calls: Vec<&'static str>,
    /// How many commits still find that somebody else wrote first.
    pub(crate) conflicts: usize,
    /// Calls that sending takes, and that are under way; and the most there ever were.
    pub(crate) under_way: usize,
    pub(crate) most_under_way: usize,
}

impl State {
    pub(crate) fn commit_decision(
        &mut self,
        decision: &Decision,
        stored_facts: &[StoredFact],
    ) -> Result<(), CommitError> {
        let id = &decision.booking.id;
        let revision = self.bookings.get(id).map_or(0, |it| it.1);
        let alias_taken =
            decision.booking.aliases().into_iter().any(|it| self.aliases.get(it).is_some_and(|of| of != id));
        let row_changed = decision
            .commands
            .iter()
            .any(|it| self.commands.get(&it.command.id).map(|(_, row)| row.revision) != it.expected);
        let is_beaten = self.conflicts > 0;
        self.conflicts = self.conflicts.saturating_sub(1);
        if is_beaten || revision != decision.revision || alias_taken || row_changed {
            return Err(CommitError::Conflict);
        }
        if decision.booking_changed {
            self.bookings.insert(id.clone(), (decision.booking.clone(), revision + 1));
            self.aliases.extend(decision.booking.aliases().into_iter().map(|it| (it.clone(), id.clone())));
            self.token_aliases.extend(decision.booking.move_tokens().map(|it| (it.clone(), id.clone())));
        }
        for changed in &decision.commands {
            self.commands.insert(changed.command.id.clone(), (id.clone(), changed.command.clone()));
        }
        for fact in stored_facts {
            self.facts.entry(fact.id.clone()).or_insert_with(|| fact.clone());
        }
        Ok(())
    }
}

pub(crate) struct Fake {
    pub(crate) state: RefCell<State>,
    pub(crate) now: Cell<Timestamp>,
    pub(crate) crash: Cell<Option<Crash>>,
    pub(crate) fail_at_call: Cell<Option<usize>>,
    /// The call at this number takes effect, and its answer is lost.
    pub(crate) lose_answer_at_call: Cell<Option<usize>>,
    /// The provider's call at this number is refused, for good.
    pub(crate) refuse_at_call: Cell<Option<usize>>,
    /// Whether each call gives others a turn, as a real one does.
    pub(crate) yields: Cell<bool>,
    /// Whether a tenth of a second goes by with each call.
    pub(crate) ticks: Cell<bool>,
    pub(crate) twice: bool,
}

/// Lambda gives the functions thirty seconds.
const TIME_OUT: SignedDuration = SignedDuration::from_secs(30);
/// The queues' visibility time-out.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(180);

impl Fake {
    pub(crate) fn new(now: &str) -> Self {
        Self {
            state: RefCell::new(State { settings: settings(), ..State::default() }),
            now: Cell::new(at(now)),
            crash: Cell::new(None),
            fail_at_call: Cell::new(None),
            lose_answer_at_call: Cell::new(None),
            refuse_at_call: Cell::new(None),
            yields: Cell::new(false),
            ticks: Cell::new(false),
            twice: false,
        }
    }

    /// VAI's agent writes its row before it books.
    pub(crate) fn vai_writes_metadata(&self) {
        let token = Token::parse(TOKEN).expect("a token");
        let metadata = Metadata {
            conversation_id: "conv-1".to_owned(),
            user_id: Some("user-1".to_owned()),
            agent_type: Some("sales".to_owned()),
            event_type: Some("sales-demo".to_owned()),
            source: Some("vai_agent".to_owned()),
            notes: Some(Private::from(NOTES)),
            phone: None,
            language: None,
            topic: None,
            qualification: BTreeMap::new(),
            created_at: self.now.get(),
        };
        self.state.borrow_mut().metadata.insert(BookingId::from_token(&ConnectionName::default(), &token), metadata);
    }

    /// A webhook arrives and is handled, again and again until its record is gone.
    pub(crate) fn webhook(&self, body: &[u8]) {
        let message = self.intake(body);
        for _ in 0..if self.twice { 2 } else { 1 } {
            self.deliver(&message, true);
        }
    }

    /// Time goes on until `until`; timers fire at their hour.
    pub(crate) fn wait_until(&self, until: &str) {
        let until = at(until);
        while let Some((hour, body)) = self.next_timer(until) {
            self.now.set(self.now.get().max(hour));
            for _ in 0..if self.twice { 2 } else { 1 } {
                self.deliver(&body, false);
            }
        }
        self.now.set(self.now.get().max(until));
    }

    fn next_timer(&self, until: Timestamp) -> Option<(Timestamp, String)> {
        let mut state = self.state.borrow_mut();
        let schedule =
            state.schedules.iter().min_by_key(|(_, (hour, _))| *hour).map(|(name, (hour, _))| (*hour, name.clone()));
        let delayed = state
            .delayed
            .iter()
            .enumerate()
            .min_by_key(|(_, (hour, _))| *hour)
            .map(|(index, (hour, _))| (*hour, index));
        match (schedule, delayed) {
            (Some((hour, name)), other) if hour <= until && other.is_none_or(|(it, _)| hour <= it) => {
                state.schedules.remove(&name)
            }
            (_, Some((hour, index))) if hour <= until => Some(state.delayed.remove(index)),
            _ => None,
        }
    }

    /// A queue's message, redelivered until it is taken or has failed five times.
    fn deliver(&self, body: &str, is_intake: bool) {
        for _ in 0..5 {
            if self.try_once(&[body], is_intake) == Some(vec![]) {
                return;
            }
            self.now.set(self.now.get() + VISIBILITY);
        }
        self.state.borrow_mut().dead.push((body.to_owned(), "maxReceiveCount".to_owned()));
    }

    /// One invocation with a batch: the indexes that must come back; `None` when it was killed.
    pub(crate) fn try_once(&self, bodies: &[&str], is_intake: bool) -> Option<Vec<usize>> {
        self.invocation(bodies, is_intake).now_or_never()
    }

    async fn invocation(&self, bodies: &[&str], is_intake: bool) -> Vec<usize> {
        let mut event = SqsEvent::default();
        for (index, body) in bodies.iter().enumerate() {
            let mut record = SqsMessage::default();
            record.message_id = Some(index.to_string());
            record.body = Some((*body).to_owned());
            event.records.push(record);
        }
        let deadline = self.now.get() + TIME_OUT;
        let response = if is_intake {
            processor::handle(self, self, &event, deadline).await
        } else {
            reminder::handle(self, &event, deadline).await
        };
        response.batch_item_failures.iter().map(|it| it.item_identifier.parse().expect("an index")).collect()
    }

    /// Two invocations at once, their port calls interleaved as the seed says; then what must come back does.
    pub(crate) fn two_at_once(&self, messages: [(&str, bool); 2], seed: u64) {
        let mut random = seed | 1;
        let mut context = Context::from_waker(Waker::noop());
        self.yields.set(true);
        let bodies = messages.map(|(body, _)| [body]);
        let mut running: Vec<_> =
            (0..2).map(|at| (at, Box::pin(self.invocation(&bodies[at], messages[at].1)))).collect();
        let mut come_back = Vec::new();
        while !running.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chosen = usize::try_from(random >> 33).expect("31 bits") % running.len();
            if let Poll::Ready(failures) = running[chosen].1.as_mut().poll(&mut context) {
                let (at, _) = running.swap_remove(chosen);
                if !failures.is_empty() {
                    come_back.push(messages[at]);
                }
            }
        }
        self.yields.set(false);
        for (body, is_intake) in come_back {
            self.now.set(self.now.get() + VISIBILITY);
            self.deliver(body, is_intake);
        }
    }

    /// Many records in one invocation, all side by side.
    pub(crate) fn batch(&self, bodies: &[&str]) -> Vec<usize> {
        let mut context = Context::from_waker(Waker::noop());
        self.yields.set(true);
        let mut running = Box::pin(self.invocation(bodies, true));
        loop {
            if let Poll::Ready(failures) = running.as_mut().poll(&mut context) {
                self.yields.set(false);
                return failures;
            }
        }
    }

    /// A webhook as the intake queue holds it.
    pub(crate) fn intake(&self, body: &[u8]) -> String {
        let connection = ConnectionName::default();
        Envelope::new(Source::Calendly, connection, self.now.get(), body.to_vec()).to_json()
    }

    /// One port call: counted, stopped or failed as the test asks, otherwise carried out.
    pub(crate) async fn call<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> T,
    ) -> Result<T, PortError> {
        let number = {
            let mut state = self.state.borrow_mut();
            state.calls.push(name);
            if OF_SENDING.contains(&name) {
                state.under_way += 1;
                state.most_under_way = state.most_under_way.max(state.under_way);
            }
            state.calls.len() - 1
        };
        let result = self.make(name, number, effect).await;
        if OF_SENDING.contains(&name) {
            self.state.borrow_mut().under_way -= 1;
        }
        result
    }

    async fn make<T>(
        &self,
        name: &'static str,
        number: usize,
        effect: impl FnOnce(&mut State) -> T,
    ) -> Result<T, PortError> {
        if self.yields.get() {
            give_way().await;
        }
        if self.ticks.get() {
            self.now.set(self.now.get() + SignedDuration::from_millis(100));
        }
        if self.fail_at_call.get() == Some(number) {
            return Err(PortError::unavailable(format!("{name} fails as the test asks")));
        }
        let crash = self.crash.get().filter(|it| it.at_call == number);
        if crash.is_some_and(|it| !it.after_effect) {
            std::future::pending::<()>().await;
        }
        let result = effect(&mut self.state.borrow_mut());
        if crash.is_some() {
            std::future::pending::<()>().await;
        }
        if self.lose_answer_at_call.get() == Some(number) {
            return Err(PortError::unavailable(LOST.to_owned()));
        }
        Ok(result)
    }

    async fn provider(&self, name: &'static str, line: String, key: &CommandId) -> Outcome {
        if self.refuse_at_call.get() == Some(self.state.borrow().calls.len()) {
            self.state.borrow_mut().outcomes.push_front(Outcome::Refused {
                reason: domain::Reason::ProviderRefused,
                detail: "as the test asks".to_owned(),
            });
        }
        let done = |state: &mut State| {
            let outcome = state.outcomes.pop_front();
            if let Some(Outcome::Refused { .. } | Outcome::Unsent { .. }) = outcome {
                return outcome.expect("it is there");
            }
            state.told.push(line);
            outcome.unwrap_or_else(|| Outcome::Done { provider_id: Some(format!("id-of-{key}")) })
        };
        let outcome = self.call(name, done).await;
        outcome.unwrap_or_else(|error| match error.to_string().as_str() {
            LOST => Outcome::Unknown { detail: LOST.to_owned() },
            _ => {
                Outcome::Unsent { reason: domain::Reason::Unreachable, after_seconds: None, detail: error.to_string() }
            }
        })
    }

    /// Something is heard from a provider, or from a person through one; says what it came to.
    pub(crate) fn hears(&self, heard: &Feedback) -> &'static str {
        let (limiter, connection) = (engine::CallLimiter::default(), ConnectionName::default());
        let deadline = self.now.get() + TIME_OUT;
        let invocation = engine::Invocation { world: self, limiter: &limiter, connection: &connection, deadline };
        invocation.process_feedback(heard).now_or_never().expect("nothing stops it").expect("it was taken in")
    }

    /// A provider's word on the first command whose id begins so.
    pub(crate) fn receipt(&self, slug: &str, delivery: Delivery) -> Receipt {
        let state = self.state.borrow();
        let (booking, command) =
            state.commands.values().find(|(_, it)| it.id.as_str().starts_with(slug)).expect("a command");
        Receipt {
            booking: booking.clone(),
            command: command.id.clone(),
            provider_id: Some(format!("id-of-{}", command.id)),
            delivery: Some(delivery),
            at: self.now.get(),
            code: None,
            objection: None,
        }
    }

    /// The one booking of a story.
    pub(crate) fn booking(&self) -> Booking {
        let state = self.state.borrow();
        assert_eq!(state.bookings.len(), 1, "one booking: {:?}", state.bookings.keys());
        state.bookings.values().next().expect("a booking").0.clone()
    }

    /// The commands with their states, one line each.
    pub(crate) fn ledger(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.state.borrow().commands.values().map(|(_, it)| line(it)).collect();
        lines.sort();
        lines
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.state.borrow().told.clone()
    }
}

/// The calls that sending one thing takes, one after the other.
const OF_SENDING: [&str; 7] = ["contact", "claim", "text", "mail", "vai", "settle", "reached"];

const LOST: &str = "the answer is lost";

/// Lets whoever else is running have a turn.
async fn give_way() {
    let mut gave = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut gave, true) {
            Poll::Ready(())
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

fn line(command: &Command) -> String {
    let reason =
        command.history.last().and_then(|it| it.reason).map(|it| format!(" ({})", it.code())).unwrap_or_default();
    let leg = domain::uri_uuid(command.leg.as_str());
    format!("{} of {leg}: {}{reason}", command.action.slug(), command.state.name())
}

/// The stories' settings: an EngageLab template for each message, whatever the language.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    for message in Message::NAMES {
        settings.templates.push(domain::settings::Template {
            message: message.to_owned(),
            provider: domain::settings::Provider::Engagelab,
            language: None,
            event_type: None,
            text: None,
            id: format!("{message}-1"),
        });
    }
    settings
}

fn local(at: Timestamp, zone: &str) -> String {
    at.in_tz(zone).expect("a zone").strftime("%a %d %b %H:%M").to_string()
}

impl engine::Store for Fake {
    async fn aliases(
        &self,
        _: &ConnectionName,
        invitees: &[InviteeUri],
        token: Option<&Token>,
    ) -> Result<Aliases, PortError> {
        self.call("aliases", |state| {
            let known =
                invitees.iter().filter_map(|uri| Some((uri.clone(), state.aliases.get(uri)?.clone()))).collect();
            Aliases { invitees: known, token: token.and_then(|it| state.token_aliases.get(it)).cloned() }
        })
        .await
    }

    async fn load_booking(&self, connection: &ConnectionName, booking: &BookingId) -> Result<Snapshot, PortError> {
        self.call("load", |state| {
            let empty = Snapshot::empty(booking.clone(), connection.clone());
            let (known, revision) = state.bookings.get(booking).cloned().unwrap_or((empty.booking, 0));
            let commands = state.commands.values().filter(|(of, _)| of == booking).map(|(_, it)| it.clone()).collect();
            Snapshot { booking: known, revision, metadata: state.metadata.get(booking).cloned(), commands }
        })
        .await
    }

    async fn commit_decision(&self, decision: &Decision, stored_facts: &[StoredFact]) -> Result<(), CommitError> {
        self.call("commit", |state| state.commit_decision(decision, stored_facts)).await?
    }

    async fn mark_event_types_changed(&self, _: &ConnectionName, at: Timestamp) -> Result<(), PortError> {
        self.call("event_types_changed", |state| state.event_types_changed_at = Some(at)).await
    }

    async fn replace_command(
        &self,
        _: &ConnectionName,
        booking: &BookingId,
        command: &Command,
        expected: u64,
    ) -> Result<bool, PortError> {
        // What a swap means for the honest gap: beginning an effect, ending it, or neither.
        let was_claimed =
            self.state.borrow().commands.get(&command.id).is_some_and(|(_, row)| row.state.name() == "claimed");
        let name = match command.state.name() {
            "claimed" => "claim",
            _ if was_claimed => "settle",
            _ => "turn",
        };
        self.call(name, |state| {
            let holds = state.commands.get(&command.id).is_some_and(|(_, row)| row.revision == expected);
            if holds {
                state.commands.insert(command.id.clone(), (booking.clone(), command.clone()));
            }
            holds
        })
        .await
    }

    async fn load_payload(
        &self,
        _: &ConnectionName,
        _: &BookingId,
        fact: &FactId,
    ) -> Result<Option<Vec<u8>>, PortError> {
        self.call("payload", |state| state.facts.get(fact).map(|it| it.payload.clone())).await
    }

    async fn load_contact(&self, _: &ConnectionName, key: &ContactKey) -> Result<Contact, PortError> {
        self.call("contact", |state| state.contacts.get(key).cloned().unwrap_or_default()).await
    }

    async fn write_objection(
        &self,
        _: &ConnectionName,
        key: &ContactKey,
        objection: Option<Objection>,
        source: ConsentSource,
        at: Timestamp,
    ) -> Result<(), PortError> {
        self.call("object", |state| {
            // The latest word counts.
            let last = state.objected.entry(key.clone()).or_insert(at);
            if at >= *last {
                *last = at;
                state.contacts.entry(key.clone()).or_default().objection = objection.map(|it| (it, source));
            }
        })
        .await
    }

    async fn record_reached(
        &self,
        _: &ConnectionName,
        key: &ContactKey,
        booking: &BookingId,
        command: &CommandId,
        _: Timestamp,
    ) -> Result<(), PortError> {
        self.call("reached", |state| {
            state.contacts.entry(key.clone()).or_default().last = Some((booking.clone(), command.clone()));
        })
        .await
    }

    async fn claim_nonce(
        &self,
        _: &ConnectionName,
        nonce: &str,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        self.call("first_use", |state| {
            let (used_for, at) = state.nonces.entry(nonce.to_owned()).or_insert_with(|| (digest.to_owned(), now));
            (used_for == digest).then_some(*at)
        })
        .await
    }

    async fn store_unhandled_event(&self, _: &ConnectionName, event: &UnhandledEvent) -> Result<(), PortError> {
        self.call("keep_unknown", |state| {
            state.unknown.entry(event.id.clone()).or_insert_with(|| event.clone());
        })
        .await
    }

    async fn load_settings(&self, _: &ConnectionName) -> Result<Settings, PortError> {
        // Cached in the process: no call of the outside.
        Ok(self.state.borrow().settings.clone())
    }
}

impl engine::Calendly for Fake {
    async fn fetch_invitee(&self, _: &ConnectionName, invitee: &InviteeUri) -> Result<Option<Fact>, PortError> {
        self.call("look_up", |state| state.at_calendly.get(invitee).cloned()).await
    }

    async fn create_booking(&self, _: &ConnectionName, form: &Form) -> BookOutcome {
        let now = self.now.get();
        if self.state.borrow().desk.down.contains(&"book") {
            let _ = self.call("book", |_| ()).await;
            return BookOutcome::Unknown { detail: "Calendly is down, as the test asks".to_owned() };
        }
        let made = self.call("book", |state| {
            if state.refuses_books {
                return BookOutcome::Refused {
                    reason: domain::Reason::ProviderRefused,
                    detail: "as the test asks".to_owned(),
                    parameters: state.refused_parameters.clone(),
                };
            }
            if state.books_left == Some(0) {
                return BookOutcome::Limited { reset_seconds: 40 };
            }
            let is_taken = |fact: &Fact| fact.leg.canceled.is_none() && fact.leg.details.start == form.start;
            if !state.has_room_for_all && state.at_calendly.values().any(is_taken) {
                return BookOutcome::Filled;
            }
            let fact = calendly_books(form, state.at_calendly.len() + 1, now);
            state.at_calendly.insert(fact.leg.invitee.clone(), fact.clone());
            state.forms.insert(fact.leg.invitee.clone(), form.clone());
            BookOutcome::Booking { fact: Box::new(fact), closed_for_seconds: None }
        });
        let made = made.await;
        if self.state.borrow().webhook_first
            && let Ok(BookOutcome::Booking { fact, .. }) = &made
        {
            // As another function would take it in, at the same time.
            let received = engine::ReceivedFact {
                fact: Fact { kind: FactKind::Created, ..(**fact).clone() },
                at: now,
                payload: br#"{"payload":{"uri":"x"}}"#.to_vec(),
            };
            let (limiter, connection) = (engine::CallLimiter::default(), ConnectionName::default());
            let deadline = now + TIME_OUT;
            let invocation = engine::Invocation { world: self, limiter: &limiter, connection: &connection, deadline };
            let taken = Box::pin(invocation.process_fact(&received));
            taken.await.expect("the webhook is taken in");
        }
        made.unwrap_or_else(|error| match error.to_string().as_str() {
            LOST => BookOutcome::Unknown { detail: error.to_string() },
            _ => BookOutcome::Unsent { detail: error.to_string() },
        })
    }

    async fn find_booking(&self, _: &ConnectionName, wanted: &BookingQuery) -> Result<Option<Fact>, PortError> {
        let is_it = |fact: &&Fact| {
            fact.leg.token.as_ref() == Some(&wanted.token)
                && fact.leg.details.start == wanted.start
                && fact.leg.details.email == wanted.email
        };
        let is_down = self.state.borrow().desk.down.contains(&"find_booking");
        let found = self.call("find_booking", |state| state.at_calendly.values().find(is_it).cloned()).await;
        if is_down { Err(PortError::unavailable("Calendly is down, as the test asks".to_owned())) } else { found }
    }

    async fn cancel_event(&self, _: &ConnectionName, invitee: &InviteeUri, reason: &str) -> Outcome {
        let now = self.now.get();
        let is_down = self.state.borrow().desk.down.contains(&"cancel");
        let done = self.call("cancel", |state| {
            if is_down {
                return Outcome::Unknown { detail: "Calendly is down, as the test asks".to_owned() };
            }
            let Some(fact) = state.at_calendly.get_mut(invitee) else {
                return Outcome::Refused { reason: domain::Reason::NotFound, detail: String::new() };
            };
            if fact.leg.canceled.is_none() {
                let reason = (!reason.is_empty()).then(|| Private::from(reason));
                fact.leg.canceled =
                    Some(Cancellation { at: now, by: CanceledBy::Host, reason: reason.clone(), rescheduled: false });
                fact.leg.details.as_of = now;
                state.told.push(format!("Calendly cancels {}", fact.leg.details.start));
            }
            Outcome::Done { provider_id: None }
        });
        done.await.unwrap_or_else(|error| match error.to_string().as_str() {
            LOST => Outcome::Unknown { detail: error.to_string() },
            _ => {
                Outcome::Unsent { reason: domain::Reason::Unreachable, after_seconds: None, detail: error.to_string() }
            }
        })
    }

    async fn fetch_host_zone(&self, _: &ConnectionName, host: &str) -> Result<Option<String>, PortError> {
        self.call("host_zone", |state| state.host_zones.get(host).cloned()).await
    }

    async fn create_single_use_link(&self, _: &ConnectionName, _: &EventTypeUri) -> Result<String, CalendlyError> {
        if self.state.borrow().desk.down.contains(&"link") {
            return Err(CalendlyError::Unavailable("Calendly is down, as the test asks".to_owned()));
        }
        let made = self.call("single_use_link", |state| {
            state.desk.links += 1;
            format!("https://calendly.com/d/abc-{}", state.desk.links)
        });
        made.await.map_err(|error| CalendlyError::Unavailable(error.to_string()))
    }
}

/// What Calendly answers to a form that it takes.
fn calendly_books(form: &Form, number: usize, now: Timestamp) -> Fact {
    let event = format!("https://api.calendly.com/scheduled_events/E{number}");
    let invitee = InviteeUri::new(format!("{event}/invitees/I{number}"));
    Fact {
        id: FactId::of("booked", invitee.as_str(), &now.to_string()),
        kind: FactKind::LookedUp,
        occurred_at: now,
        leg: Leg {
            invitee,
            token: Some(form.tracking.token.clone()),
            previous: None,
            next: None,
            details: Details {
                as_of: now,
                event: EventUri::new(event.clone()),
                event_type: Some(form.event_type.clone()),
                event_name: form.event_name.clone(),
                start: form.start,
                end: form.end,
                name: form.person.name.clone(),
                first_name: None,
                email: form.person.email.clone(),
                zone: Some(form.person.zone.clone()),
                join_url: Some(format!("https://meet.example.com/{number}")),
                location: None,
                cancel_url: Some(format!("https://calendly.com/cancellations/I{number}")),
                reschedule_url: Some(format!("https://calendly.com/reschedulings/I{number}")),
                in_person: false,
                online: false,
                by_phone: false,
                host: Some("Maria Popescu".to_owned()),
                hosts: Vec::new(),
                phones: form
                    .person
                    .phone
                    .iter()
                    .map(|phone| PhoneCandidate {
                        source: PhoneSource::TextReminderNumber,
                        question: None,
                        text: Private::new(phone.expose().to_owned()),
                    })
                    .collect(),
                reconfirmation: None,
                routing_form_submission: None,
                payment: None,
            },
            canceled: None,
            no_show: None,
            heard_created: false,
            heard_canceled: false,
        },
    }
}

/// A message, as the stories call it.
fn name(message: Message) -> String {
    match message {
        Message::HostNotice(notice) => format!("to the host: {}", notice.name()),
        other => other.name().to_owned(),
    }
}

impl engine::Sms for Fake {
    fn parse_number(&self, text: &str, _: Option<&str>) -> Result<Phone, Reason> {
        let phone = Phone::parse(text).map_err(|_| Reason::PhoneInvalid)?;
        let is_landline = self.state.borrow().landlines.iter().any(|it| it == phone.expose());
        if is_landline { Err(Reason::Landline) } else { Ok(phone) }
    }

    async fn send(&self, _: &ConnectionName, key: &CommandId, to: &Phone, order: &SmsOrder) -> Outcome {
        let content = &order.content;
        let line = format!(
            "SMS {}{} [{}, {}] to {}: {} {} {}",
            name(order.message),
            if content.by_invitee && content.notice.is_some() { " by the invitee" } else { "" },
            order.template.as_deref().unwrap_or(order.provider.name()),
            content.language.tag(),
            to.expose(),
            content.event,
            local(content.start, &content.zone),
            content.zone
        );
        self.provider("text", line, key).await
    }
}

impl engine::Email for Fake {
    async fn send(&self, _: &ConnectionName, key: &CommandId, order: &EmailOrder) -> Outcome {
        let content = &order.content;
        let line = format!(
            "e-mail {} [{}, {}] to {}: {} {} {}",
            name(order.message),
            order.template.as_deref().unwrap_or(order.provider.name()),
            content.language.tag(),
            order.to.expose(),
            content.event,
            local(content.start, &content.zone),
            content.zone
        );
        self.provider("mail", line, key).await
    }
}

impl engine::Vai for Fake {
    async fn send_news(
        &self,
        _: &ConnectionName,
        key: &CommandId,
        news: News,
        order: &VaiOrder,
        _: Timestamp,
    ) -> Outcome {
        let details = &order.leg.details;
        let line = match news {
            News::Booked => format!("VAI's agent has booked {} {}", order.event_type, details.start),
            News::Confirmed => format!("VAI confirmed {} {}", order.event_type, details.start),
            News::Canceled => format!("VAI canceled {}", order.conversation_id),
            News::Rescheduled => {
                let old = order.old_start.map_or_else(|| "?".to_owned(), |it| it.to_string());
                format!("VAI rescheduled {old} -> {}", details.start)
            }
        };
        self.provider("vai", line, key).await
    }

    async fn offer_help(&self, _: &ConnectionName, key: &CommandId, order: &VaiOrder, at: Timestamp) -> Outcome {
        self.provider("vai", format!("VAI offers help to {} at {at}", order.leg.details.email.expose()), key).await
    }

    async fn log_fact(
        &self,
        _: &ConnectionName,
        key: &CommandId,
        what: Analytics,
        payload: &[u8],
        _: Timestamp,
    ) -> Outcome {
        let body: serde_json::Value = serde_json::from_slice(payload).expect("a payload");
        let invitee = domain::uri_uuid(body["payload"]["uri"].as_str().expect("a URI")).to_owned();
        self.provider("vai", format!("analytics {} {invitee}", what.name()), key).await
    }
}

impl engine::Timers for Fake {
    async fn set_timer(
        &self,
        name: &str,
        due: &Due,
        at: Timestamp,
        now: Timestamp,
        kind: TimerKind,
    ) -> Result<(), PortError> {
        assert!(name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name}");
        let wait = at.duration_since(now);
        self.call("timer", |state| match kind {
            TimerKind::Schedule => {
                state.schedules.entry(name.to_owned()).or_insert_with(|| (at, due.to_json()));
            }
            TimerKind::DelayedMessage => {
                assert!(wait <= SignedDuration::from_mins(15), "SQS delays at most 15 minutes");
                state.delayed.push((at, due.to_json()));
            }
        })
        .await
    }

    async fn remove_timer(&self, name: &str) -> Result<(), PortError> {
        self.call("timer", |state| {
            state.schedules.remove(name);
        })
        .await
    }
}

impl engine::Clock for Fake {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl DeadLetters for Fake {
    async fn bury(&self, message: &str, reason: &str) -> Result<(), PortError> {
        self.call("bury", |state| state.dead.push((message.to_owned(), reason.to_owned()))).await
    }
}

impl World for Fake {
    type Store = Self;
    type Calendly = Self;
    type Timers = Self;
    type Clock = Self;
    type Messaging = Self;

    fn store(&self) -> &Self {
        self
    }
    fn calendly(&self) -> &Self {
        self
    }
    fn timers(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn messaging(&self) -> Option<&Self> {
        Some(self)
    }
    fn observe(&self, _: &Command) {}
}

impl Messaging for Fake {
    type Sms = Self;
    type Email = Self;
    type Vai = Self;

    fn sms(&self) -> &Self {
        self
    }
    fn email(&self) -> &Self {
        self
    }
    fn vai(&self) -> &Self {
        self
    }
}

/// The same world for a function that sends no messages.
pub(crate) struct WithoutMessaging<'a>(pub(crate) &'a Fake);

impl World for WithoutMessaging<'_> {
    type Store = Fake;
    type Calendly = Fake;
    type Timers = Fake;
    type Clock = Fake;
    type Messaging = NoMessaging;

    fn store(&self) -> &Fake {
        self.0
    }
    fn calendly(&self) -> &Fake {
        self.0
    }
    fn timers(&self) -> &Fake {
        self.0
    }
    fn clock(&self) -> &Fake {
        self.0
    }
    fn messaging(&self) -> Option<&NoMessaging> {
        None
    }
    fn observe(&self, _: &Command) {}
}
