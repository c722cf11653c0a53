//! The fake world with the functions at work in it: webhooks arrive, timers fire, records that fail are redelivered.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Deref;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use batch::RecordQueue;
use domain::settings::{Audience, MessageFilter, Provider, Template};
use domain::{
    Booking, BookingId, CalendlyBinding, Command, Connection, ConnectionName, Delivery, Fact, Feedback, LoginKind,
    Message, Metadata, Outcome, Reason, Receipt, Settings, Token,
};
use endpoints::{Endpoint, EndpointId, EndpointSecrets};
use engine::{CallLimiter, EngineError, Invocation, PortError};
use events::Stream;
use fakes::{Call, Fake, Script, TIME_OUT};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use reminder::Endpoints;
use wire::due::Due;
use wire::intake::{Envelope, Source};

use crate::payload::{NOTES, TOKEN, at};

/// The queues' visibility time-out.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(180);

/// How often a queue delivers a message, as in the template.
const MOST_RECEIVES: u32 = 480;

/// A queue, and the function that takes its messages.
#[derive(Clone, Copy)]
pub(crate) enum Queue {
    /// The processor's.
    Intake,
    /// The reminder's.
    Due,
}

/// A customer's endpoint that gets its events by e-mail, as the reminder reads it.
#[derive(Clone, Default)]
pub(crate) struct FakeEndpoints {
    /// The endpoint with its address.
    pub(crate) endpoint: Option<(Endpoint, EndpointSecrets)>,
    /// Its delivery.
    pub(crate) delivery: Option<endpoints::Delivery>,
}

impl Endpoints for FakeEndpoints {
    async fn load_endpoint(&self, _: &ConnectionName, id: &EndpointId) -> Result<Option<Endpoint>, PortError> {
        Ok(self.endpoint.as_ref().map(|(endpoint, _)| endpoint.clone()).filter(|it| it.id == *id))
    }

    async fn load_delivery(
        &self,
        _: &ConnectionName,
        _: &EndpointId,
        stream: &Stream,
        number: u64,
    ) -> Result<Option<endpoints::Delivery>, PortError> {
        Ok(self.delivery.clone().filter(|it| it.stream == stream.to_string() && it.number == number))
    }

    async fn open(&self, _: &ConnectionName, _: &Endpoint) -> Result<EndpointSecrets, PortError> {
        self.endpoint.as_ref().map(|(_, secrets)| secrets.clone()).ok_or_else(|| PortError::unreadable("no secrets"))
    }

    fn public_url(&self) -> Option<&str> {
        Some("https://hooks.example.com")
    }
}

/// The fake world with the functions at work in it.
pub(crate) struct TestWorld {
    fake: Fake<Script>,
    /// Whether every message is delivered twice.
    pub(crate) delivers_twice: bool,
    /// The wait of the record that was put off last.
    put_off: Cell<Option<Duration>>,
    /// How often the record that is being delivered has failed so that nobody foresaw it.
    failures: Cell<u64>,
    /// When what a test has taken down works again.
    outage_ends: Cell<Option<Timestamp>>,
}

impl Deref for TestWorld {
    type Target = Fake<Script>;

    fn deref(&self) -> &Fake<Script> {
        &self.fake
    }
}

/// A queue for functions whose records are delivered again by the test itself.
pub(crate) struct NoQueue;

impl RecordQueue for NoQueue {
    async fn put_off(&self, _: &str, _: Duration) -> Result<(), String> {
        Ok(())
    }

    async fn send_again(&self, _: &str, _: &str, _: u64) -> Result<(), String> {
        Err("the test delivers it again".to_owned())
    }

    async fn bury(&self, _: &str, _: &str, reason: &str) -> Result<(), String> {
        Err(format!("there is no dead-letter queue: {reason}"))
    }
}

impl RecordQueue for TestWorld {
    async fn put_off(&self, _: &str, wait: Duration) -> Result<(), String> {
        self.put_off.set(Some(wait));
        Ok(())
    }

    async fn send_again(&self, _: &str, _: &str, failures: u64) -> Result<(), String> {
        self.failures.set(failures);
        Err("it is delivered again".to_owned())
    }

    async fn bury(&self, message: &str, _: &str, reason: &str) -> Result<(), String> {
        let letter = (message.to_owned(), reason.to_owned());
        let buried = self.call(Call::Bury, |state| state.dead_letters.push(letter)).await;
        buried.map_err(|error| PortError::from(error).to_string())
    }
}

impl TestWorld {
    /// Makes a world with the settings of the stories.
    pub(crate) fn new(now: &str) -> Self {
        let fake = Fake::new(at(now), settings(), Script::default());
        let binding = CalendlyBinding {
            organization: "https://api.calendly.com/organizations/O".to_owned(),
            user: "https://api.calendly.com/users/M".to_owned(),
            subscription: "https://api.calendly.com/webhook_subscriptions/W".to_owned(),
        };
        let connection =
            Connection::new(ConnectionName::default(), at(now)).connected(LoginKind::PersonalToken, binding);
        fake.state.borrow_mut().connections.insert(ConnectionName::default(), connection);
        Self {
            fake,
            delivers_twice: false,
            put_off: Cell::default(),
            failures: Cell::default(),
            outage_ends: Cell::default(),
        }
    }

    /// Changes the connection's settings.
    pub(crate) fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.borrow_mut().settings);
    }

    /// Stores metadata, as VAI's agent does before it books.
    pub(crate) fn store_metadata(&self) {
        let token = Token::parse(TOKEN).expect("a token");
        let metadata = Metadata {
            conversation_id: "conv-1".to_owned(),
            user_id: Some("user-1".to_owned()),
            agent_type: Some("sales".to_owned()),
            event_type: Some("sales-demo".to_owned()),
            source: Some("vai_agent".to_owned()),
            notes: Some(NOTES.into()),
            phone: None,
            language: None,
            zone_source: None,
            wished_start: None,
            topic: None,
            qualification: BTreeMap::new(),
            place: None,
            created_at: self.now.get(),
        };
        self.state.borrow_mut().metadata.insert(BookingId::from_token(&ConnectionName::default(), &token), metadata);
    }

    /// Returns a webhook of Calendly's as the intake queue holds it.
    pub(crate) fn envelope(&self, body: &[u8]) -> String {
        Envelope::new(Source::Calendly, ConnectionName::default(), self.now.get(), body.to_vec()).fitted().to_json()
    }

    /// Has a webhook of Calendly's arrive and be processed.
    pub(crate) fn receive_webhook(&self, body: &[u8]) {
        let message = self.envelope(body);
        for _ in 0..if self.delivers_twice { 2 } else { 1 } {
            self.deliver(Queue::Intake, &message);
        }
    }

    /// Moves the clock. Timers fire on the way.
    pub(crate) fn wait_until(&self, until: &str) {
        let until = at(until);
        while let Some((due, body)) = self.take_next_timer(until) {
            self.now.set(self.now.get().max(due));
            for _ in 0..if self.delivers_twice { 2 } else { 1 } {
                self.deliver(Queue::Due, &body);
            }
        }
        self.now.set(self.now.get().max(until));
    }

    /// Moves the clock by a duration.
    pub(crate) fn wait(&self, duration: SignedDuration) {
        self.wait_until(&(self.now.get() + duration).to_string());
    }

    fn take_next_timer(&self, until: Timestamp) -> Option<(Timestamp, String)> {
        let state = &mut *self.state.borrow_mut();
        let schedule = state.schedules.iter().map(|(name, (due, _))| (*due, name.clone())).min_by_key(|(due, _)| *due);
        let delayed = state.delayed.iter().enumerate().map(|(index, (due, _))| (*due, index)).min();
        let (due, message) = match (schedule, delayed) {
            (Some((due, name)), other) if due <= until && other.is_none_or(|(it, _)| due <= it) => {
                state.schedules.remove(&name)?
            }
            (_, Some((due, index))) if due <= until => state.delayed.remove(index),
            _ => return None,
        };
        Some((due, message.to_json()))
    }

    /// Delivers a message until it is processed, as often as the template says. Then it is a dead letter.
    fn deliver(&self, queue: Queue, body: &str) {
        self.failures.set(0);
        for receives in 1..=MOST_RECEIVES {
            if self.outage_ends.get().is_some_and(|end| self.now.get() >= end) {
                self.outage_ends.set(None);
                self.faults.restore();
            }
            if self.invocation(queue, &[body], receives).now_or_never() == Some(vec![]) {
                return;
            }
            self.wait_for_record();
        }
        self.state.borrow_mut().dead_letters.push((body.to_owned(), "maxReceiveCount".to_owned()));
    }

    /// Waits until a record is delivered again that came back.
    fn wait_for_record(&self) {
        let wait = self.put_off.take().and_then(|it| SignedDuration::try_from(it).ok());
        self.now.set(self.now.get() + wait.unwrap_or(VISIBILITY));
    }

    /// Ends what a test has taken down at an instant, also while a message is delivered again and again.
    pub(crate) fn ends_outage_at(&self, end: &str) {
        self.outage_ends.set(Some(at(end)));
    }

    /// Delivers an e-mail's message to the reminder once. Returns whether it must come back.
    pub(crate) fn send_email(&self, endpoints: &FakeEndpoints, due: &Due) -> bool {
        self.send_email_of(self.now.get(), endpoints, due)
    }

    /// Delivers an e-mail's message to the reminder until it has been processed or buried. Returns how often.
    pub(crate) fn deliver_email(&self, endpoints: &FakeEndpoints, due: &Due) -> usize {
        let sent = self.now.get();
        let mut times = 1;
        while self.send_email_of(sent, endpoints, due) {
            times += 1;
            self.wait_for_record();
        }
        times
    }

    fn send_email_of(&self, sent: Timestamp, endpoints: &FakeEndpoints, due: &Due) -> bool {
        let (event, deadline) = (sqs_event(&[&due.to_json()], 1, 0, sent), self.now.get() + TIME_OUT);
        let response = reminder::handle(&self.fake, endpoints, self, &event, deadline).now_or_never();
        !response.expect("it was not killed").batch_item_failures.is_empty()
    }

    /// Invokes a function with a batch. Returns the indexes of the records that must come back; `None` if it was
    /// killed.
    pub(crate) fn invoke(&self, queue: Queue, bodies: &[&str]) -> Option<Vec<usize>> {
        self.invocation(queue, bodies, 1).now_or_never()
    }

    async fn invocation(&self, queue: Queue, bodies: &[&str], receives: u32) -> Vec<usize> {
        let event = sqs_event(bodies, receives, self.failures.get(), self.now.get());
        let deadline = self.now.get() + TIME_OUT;
        let response = match queue {
            Queue::Intake => processor::handle(&self.fake, self, &event, deadline).await,
            Queue::Due => reminder::handle(&self.fake, &FakeEndpoints::default(), self, &event, deadline).await,
        };
        response.batch_item_failures.iter().map(|it| it.item_identifier.parse().expect("an index")).collect()
    }

    /// Runs two invocations at once, their calls interleaved by the seed. Then what failed is redelivered.
    pub(crate) fn invoke_two_at_once(&self, messages: [(Queue, &str); 2], seed: u64) {
        let bodies = messages.map(|(_, body)| [body]);
        let invocations = messages.iter().zip(&bodies).map(|((queue, _), body)| self.invocation(*queue, body, 1));
        let failures = self.interleave(invocations.collect(), seed);
        for ((queue, body), _) in messages.into_iter().zip(failures).filter(|(_, failed)| !failed.is_empty()) {
            self.now.set(self.now.get() + VISIBILITY);
            self.deliver(queue, body);
        }
    }

    /// Invokes the processor with a batch, whose records' calls are interleaved.
    pub(crate) fn invoke_interleaved(&self, bodies: &[&str]) -> Vec<usize> {
        self.interleave(vec![self.invocation(Queue::Intake, bodies, 1)], 0).remove(0)
    }

    /// Runs futures at once, their calls interleaved by the seed. Returns their results, in the futures' order.
    pub(crate) fn interleave<T>(&self, futures: Vec<impl Future<Output = T>>, seed: u64) -> Vec<T> {
        self.yields.set(true);
        let mut results: Vec<_> = futures.iter().map(|_| None).collect();
        let mut running: Vec<_> = futures.into_iter().map(Box::pin).enumerate().collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut random = seed | 1;
        while !running.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chosen = usize::try_from(random >> 33).expect("31 bits") % running.len();
            if let Poll::Ready(result) = running[chosen].1.as_mut().poll(&mut context) {
                let (index, _) = running.swap_remove(chosen);
                results[index] = Some(result);
            }
        }
        self.yields.set(false);
        results.into_iter().map(|it| it.expect("a result")).collect()
    }

    /// Processes feedback. Returns its effect.
    pub(crate) fn process_feedback(&self, feedback: &Feedback) -> &'static str {
        self.try_process_feedback(feedback).expect("it is processed")
    }

    /// Processes feedback while calls may fail.
    pub(crate) fn try_process_feedback(&self, feedback: &Feedback) -> Result<&'static str, EngineError> {
        self.in_invocation(TIME_OUT, async |invocation| invocation.process_feedback(feedback).await)
    }

    /// Runs something in an invocation that ends after a time.
    pub(crate) fn in_invocation<T>(
        &self,
        time: SignedDuration,
        run: impl AsyncFnOnce(Invocation<'_, Fake<Script>>) -> T,
    ) -> T {
        self.try_in_invocation(time, run).expect("nothing stops it")
    }

    /// Runs something in an invocation that may be killed. Returns `None` if it was.
    pub(crate) fn try_in_invocation<T>(
        &self,
        time: SignedDuration,
        run: impl AsyncFnOnce(Invocation<'_, Fake<Script>>) -> T,
    ) -> Option<T> {
        let (limiter, connection) = (CallLimiter::default(), ConnectionName::default());
        let deadline = self.now.get() + time;
        let invocation = Invocation { world: &self.fake, limiter: &limiter, connection: &connection, deadline };
        run(invocation).now_or_never()
    }

    /// Returns a provider's receipt for the first command whose id begins so.
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
            price: None,
            objection: None,
            email: None,
        }
    }

    /// Returns the one booking of a story.
    pub(crate) fn booking(&self) -> Booking {
        let state = self.state.borrow();
        assert_eq!(state.bookings.len(), 1, "one booking: {:?}", state.bookings.keys());
        state.bookings.values().next().expect("a booking").0.clone()
    }

    /// Returns the commands with their states, one line each.
    pub(crate) fn command_lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.state.borrow().commands.values().map(|(_, it)| command_line(it)).collect();
        lines.sort();
        lines
    }

    /// Returns what was done outside, one line each.
    pub(crate) fn effects(&self) -> Vec<String> {
        self.state.borrow().effects.iter().map(|it| it.text.clone()).collect()
    }

    /// Counts the effects whose line begins so.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.effects().iter().filter(|it| it.starts_with(start)).count()
    }

    /// Asserts that a command has this line.
    pub(crate) fn assert_command(&self, line: &str) {
        assert!(self.command_lines().iter().any(|it| it == line), "{line}: {:#?}", self.command_lines());
    }

    /// Takes the schedules away, as if EventBridge were down.
    pub(crate) fn take_timers(&self) -> BTreeMap<String, (Timestamp, Due)> {
        std::mem::take(&mut self.state.borrow_mut().schedules)
    }

    /// Has Calendly know an invitee.
    pub(crate) fn add_to_calendly(&self, fact: Fact) {
        self.state.borrow_mut().calendly.invitees.insert(fact.leg.invitee.clone(), fact);
    }

    /// Returns the calls of ports from a number on.
    pub(crate) fn calls_from(&self, number: usize) -> Vec<Call> {
        self.state.borrow().calls[number..].to_vec()
    }

    /// Returns how many calls there were.
    pub(crate) fn call_count(&self) -> usize {
        self.state.borrow().calls.len()
    }

    /// Returns how often a port was called.
    pub(crate) fn count_calls(&self, call: Call) -> usize {
        self.state.borrow().calls.iter().filter(|it| **it == call).count()
    }
}

/// Returns the event that Lambda makes of a batch whose messages were sent at an instant, and were received and failed
/// a number of times. The records' ids are their indexes.
pub(crate) fn sqs_event(bodies: &[&str], receives: u32, failures: u64, sent: Timestamp) -> SqsEvent {
    let mut event = SqsEvent::default();
    for (index, body) in bodies.iter().enumerate() {
        let mut record = SqsMessage::default();
        record.message_id = Some(index.to_string());
        record.receipt_handle = Some(index.to_string());
        record.attributes.insert("ApproximateReceiveCount".to_owned(), receives.to_string());
        record.attributes.insert("SentTimestamp".to_owned(), sent.as_millisecond().to_string());
        let mut counted = SqsMessageAttribute::default();
        counted.string_value = Some(failures.to_string());
        record.message_attributes.insert("failures".to_owned(), counted);
        record.body = Some((*body).to_owned());
        event.records.push(record);
    }
    event
}

fn command_line(command: &Command) -> String {
    let reason =
        command.history.last().and_then(|it| it.reason).map(|it| format!(" ({})", it.code())).unwrap_or_default();
    let leg = domain::uri_uuid(command.leg.as_str());
    format!("{} of {leg}: {}{reason}", command.action.slug(), command.state.name())
}

/// Returns the stories' settings: an EngageLab template for each message, whatever the language. The invitees of public
/// pages get SMS, too.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings { sms_for: Audience::All, ..Settings::default() };
    for message in Message::NAMES {
        settings.templates.push(Template {
            filter: MessageFilter::of(message),
            provider: Provider::Engagelab,
            text: None,
            id: format!("{message}-1"),
        });
    }
    settings
}

/// A provider that can't be reached.
pub(crate) fn unreachable(detail: &str) -> Outcome {
    Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: detail.to_owned() }
}

/// A provider that acts, and whose answer is lost.
pub(crate) fn no_answer() -> Outcome {
    Outcome::Unknown { after_seconds: None, detail: "timed out".to_owned() }
}

/// A provider that refuses for good.
pub(crate) fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, detail: "as the test asks".to_owned() }
}
