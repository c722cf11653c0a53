//! The fault table: many bookings over weeks of virtual time, each in a world of its own, while webhooks are dropped,
//! duplicated, shuffled and delayed by hours, functions are killed at any call, providers fail or don't answer, timers
//! fire late or twice, and clocks change. What the program did is held against what really happened.
//!
//! Deterministic: a seed and a number make the same booking's story again. Nothing sleeps; no JSON is read.

mod random;
mod truth;
mod world;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::LazyLock;

use domain::settings::{Provider, Template};
use domain::{BookingId, ConnectionName, DeliveryGuarantee, Fact, Settings, State};
use engine::{CallLimiter, Invocation, ReceivedFact};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use random::Random;
use truth::{Expected, KNOWN_WITHIN, Truth};
use world::SimWorld;

/// How often things go wrong, in ten thousand.
#[derive(Clone, Debug)]
pub struct Odds {
    /// A webhook is never delivered.
    pub dropped: u32,
    /// A webhook is delivered a second time.
    pub duplicated: u32,
    /// An invocation is killed at this call; of whole invocations it is then about one in a hundred.
    pub killed_at_a_call: u32,
    /// A call of the table, the timers or Calendly fails.
    pub call_fails: u32,
    /// A provider is down.
    pub provider_down: u32,
    /// A provider does not answer; half the time it has acted.
    pub provider_silent: u32,
    /// A timer fires up to twenty minutes late.
    pub timer_late: u32,
    /// A timer fires twice.
    pub timer_twice: u32,
}

impl Default for Odds {
    fn default() -> Self {
        Self {
            dropped: 1_000,
            duplicated: 2_000,
            killed_at_a_call: 15,
            call_fails: 10,
            provider_down: 300,
            provider_silent: 50,
            timer_late: 500,
            timer_twice: 300,
        }
    }
}

/// What became of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Bookings played.
    pub bookings: u64,
    /// Facts at Calendly.
    pub facts: u64,
    /// Webhooks that arrived, repeats among them.
    pub deliveries: u64,
    /// Invocations of functions.
    pub invocations: u64,
    /// Invocations that were killed.
    pub killed: u64,
    /// Messages that had to reach somebody.
    pub due: u64,
    /// Of those, told once.
    pub once: u64,
    /// Of those, told twice because nobody could tell, as their kind declares.
    pub twice: u64,
    /// Of those, neither told nor known to be unknown. Must be 0.
    pub missed: u64,
    /// Of those, not told and shown as unknown.
    pub unknown: u64,
    /// Of everything told: more often than its kind declares. Must be 0.
    pub undeclared: u64,
    /// Told though it was known no longer to hold. Must be 0.
    pub wrong: u64,
    /// Commands shown as unknown, of whatever kind.
    pub shown_unknown: u64,
    /// Commands whose outcome was made ambiguous and never cleared up. Must equal `shown_unknown`.
    pub left_ambiguous: u64,
    /// Records that failed five times and went to the dead-letter queue, with its alarm. What was lost with them would be
    /// missed.
    pub dead: u64,
    /// Commands that were neither done nor given up in the end. Must be 0.
    pub open: u64,
    /// The first booking that went wrong, to be played again.
    pub first_failure: Option<u64>,
}

impl Table {
    /// Whether every promise was kept.
    pub fn holds(&self) -> bool {
        self.missed + self.undeclared + self.wrong + self.open == 0 && self.shown_unknown == self.left_ambiguous
    }

    fn add(&mut self, other: &Self) {
        for (total, part) in [
            (&mut self.bookings, other.bookings),
            (&mut self.facts, other.facts),
            (&mut self.deliveries, other.deliveries),
            (&mut self.invocations, other.invocations),
            (&mut self.killed, other.killed),
            (&mut self.due, other.due),
            (&mut self.once, other.once),
            (&mut self.twice, other.twice),
            (&mut self.missed, other.missed),
            (&mut self.unknown, other.unknown),
            (&mut self.undeclared, other.undeclared),
            (&mut self.wrong, other.wrong),
            (&mut self.shown_unknown, other.shown_unknown),
            (&mut self.left_ambiguous, other.left_ambiguous),
            (&mut self.dead, other.dead),
            (&mut self.open, other.open),
        ] {
            *total += part;
        }
        self.first_failure = match (self.first_failure, other.first_failure) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// The settings of the simulation: everything on, a template for everything.
pub(crate) static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let mut settings = Settings { time_words: vec!["time".to_owned()], ..Settings::default() };
    // The truth is told by the clock alone, by SMS alone.
    settings.quiet_hours.until = settings.quiet_hours.from;
    settings.email_instead_of_sms = false;
    // The truth is told by the clock alone, by SMS alone.
    settings.quiet_hours.until = settings.quiet_hours.from;
    settings.email_instead_of_sms = false;
    for message in ["confirmation", "move", "cancellation", "reminder", "follow_up"] {
        settings.templates.push(Template {
            message: message.to_owned(),
            provider: Provider::Engagelab,
            language: None,
            event_type: None,
            id: message.to_owned(),
            text: None,
        });
    }
    settings
});

/// Plays many bookings on so many threads. The table does not depend on how many.
pub fn simulate(bookings: u64, seed: u64, odds: &Odds, threads: u64) -> Table {
    let mut total = Table::default();
    std::thread::scope(|scope| {
        let play = |thread: u64| {
            let mut table = Table::default();
            for number in (thread..bookings).step_by(usize::try_from(threads).unwrap_or(1)) {
                table.add(&play(number, seed, odds));
            }
            table
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || play(thread))).collect();
        for thread in running {
            match thread.join() {
                Ok(table) => total.add(&table),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    total
}

/// What a function is invoked with.
#[derive(Clone, Debug)]
enum Message {
    /// A webhook, or an answer that reconciliation had from Calendly.
    Fact(Box<Fact>),
    /// A timer.
    Due(BookingId),
}

/// A message in its queue, by the instant at which it is taken; and how often it was.
type Queued = (Timestamp, u64, usize, u32);

const VISIBILITY: SignedDuration = SignedDuration::from_secs(180);
const TIME_OUT: SignedDuration = SignedDuration::from_secs(30);
const MOST_RECEIVES: u32 = 5;

/// One booking's world, played to its end.
struct Play<'a> {
    world: SimWorld<'a>,
    odds: &'a Odds,
    messages: Vec<Message>,
    queue: BinaryHeap<Reverse<Queued>>,
    count: u64,
    table: Table,
}

/// Plays one booking.
pub fn play(number: u64, seed: u64, odds: &Odds) -> Table {
    let mut random = Random::new(seed, number);
    let truth = Truth::new(number, &mut random);
    let mut play = Play::to_its_end(&truth, random, odds);
    play.judge(&truth, number);
    play.table
}

impl<'a> Play<'a> {
    fn to_its_end(truth: &'a Truth, random: Random, odds: &'a Odds) -> Self {
        let mut play = Self {
            world: SimWorld::new(truth, odds, random, truth.places[0].since),
            odds,
            messages: Vec::new(),
            queue: BinaryHeap::new(),
            count: 0,
            table: Table { bookings: 1, ..Table::default() },
        };
        play.send_webhooks(truth);
        play.run();
        play
    }

    fn send(&mut self, at: Timestamp, message: Message) {
        self.messages.push(message);
        self.count += 1;
        self.queue.push(Reverse((at, self.count, self.messages.len() - 1, 0)));
    }

    /// Calendly's webhooks on their crooked ways, and behind each change the hourly reconciliation.
    fn send_webhooks(&mut self, truth: &Truth) {
        for told in truth.webhooks() {
            self.table.facts += 1;
            let (dropped, copies, delays) = {
                let mut random = self.world.random.borrow_mut();
                let copies = if random.happens(self.odds.duplicated) { 2 } else { 1 };
                let mut delay = || match random.between(0, 10) {
                    0..5 => random.between(0, 3),
                    5..8 => random.between(0, 600),
                    _ => random.between(0, 4 * 3_600),
                };
                let delays = [delay(), delay()];
                (random.happens(self.odds.dropped), copies, delays)
            };
            for delay in delays.into_iter().take(if dropped { 0 } else { copies }) {
                self.table.deliveries += 1;
                self.send(told.at + SignedDuration::from_secs(delay), Message::Fact(Box::new(told.fact.clone())));
            }
            // Every hour what changed is read from Calendly. Nothing changes between this hour and the next change, so
            // further readings would find nothing.
            let next_hour = Timestamp::from_second((told.at.as_second() / 3_600 + 1) * 3_600).unwrap_or(told.at);
            if let Some(fact) = truth.looked_up(&told.fact.leg.invitee, next_hour) {
                self.send(next_hour, Message::Fact(Box::new(fact)));
            }
        }
    }

    fn run(&mut self) {
        while let Some((at, taken)) = self.next() {
            self.world.now.set(self.world.now.get().max(at));
            let (message, receives) = taken;
            if !self.invoke(&self.messages[message].clone()) {
                if receives + 1 < MOST_RECEIVES {
                    self.count += 1;
                    let again = self.world.now.get() + VISIBILITY;
                    self.queue.push(Reverse((again, self.count, message, receives + 1)));
                } else {
                    self.table.dead += 1;
                }
            }
        }
    }

    /// The next thing to happen: a message is taken, or a timer fires and becomes one.
    fn next(&mut self) -> Option<(Timestamp, (usize, u32))> {
        loop {
            let queued = self.queue.peek().map(|Reverse((at, ..))| *at);
            let timer = self.world.timers.borrow().iter().map(|(name, (at, _))| (*at, name.clone())).min();
            let delayed = self.world.delayed.borrow().iter().enumerate().map(|(index, (at, _))| (*at, index)).min();
            let first = [queued, timer.as_ref().map(|it| it.0), delayed.map(|it| it.0)].into_iter().flatten().min()?;
            if delayed.is_some_and(|(at, _)| at == first) {
                let (at, booking) = self.world.delayed.borrow_mut().remove(delayed?.1);
                self.send(at, Message::Due(booking));
            } else if timer.as_ref().is_some_and(|(at, _)| *at == first) {
                let (at, booking) = self.world.timers.borrow_mut().remove(&timer?.1)?;
                let (late, twice) = {
                    let mut random = self.world.random.borrow_mut();
                    let late = if random.happens(self.odds.timer_late) { random.between(60, 1_200) } else { 0 };
                    (late, random.happens(self.odds.timer_twice).then(|| random.between(0, 300)))
                };
                let fires = at + SignedDuration::from_secs(late);
                self.send(fires, Message::Due(booking.clone()));
                if let Some(later) = twice {
                    self.send(fires + SignedDuration::from_secs(later), Message::Due(booking));
                }
            } else {
                let Reverse((at, _, message, receives)) = self.queue.pop()?;
                return Some((at, (message, receives)));
            }
        }
    }

    /// One invocation; whether its message is done with.
    fn invoke(&mut self, message: &Message) -> bool {
        self.table.invocations += 1;
        let world = &self.world;
        world.begin();
        let (connection, limiter) = (ConnectionName::default(), CallLimiter::default());
        let deadline = world.now.get() + TIME_OUT;
        let invocation = Invocation { world, limiter: &limiter, connection: &connection, deadline };
        let outcome = match message {
            Message::Fact(fact) => {
                let received = ReceivedFact { fact: (**fact).clone(), at: world.now.get(), payload: Vec::new() };
                invocation.process_fact(&received).now_or_never()
            }
            Message::Due(booking) => invocation.resume_booking(booking).now_or_never(),
        };
        self.table.killed += u64::from(outcome.is_none());
        matches!(outcome, Some(Ok(_)))
    }

    /// Holds what was told against what had to be.
    fn judge(&mut self, truth: &Truth, number: u64) {
        let (commands, doubts) = (self.world.commands.borrow(), self.world.doubts.borrow());
        let table = &mut self.table;
        let mut told: BTreeMap<(String, usize), Vec<Timestamp>> = BTreeMap::new();
        let place_of = |invitee: &domain::InviteeUri| (0..truth.places.len()).find(|it| truth.invitee(*it) == *invitee);
        for telling in self.world.told.borrow().iter() {
            let command = &commands[&telling.key].1;
            let Some(place) = place_of(&command.leg) else { continue };
            let slug = command.action.slug();
            table.wrong += u64::from(truth.is_wrong(&slug, place, telling.at));
            told.entry((slug, place)).or_default().push(telling.at);
        }
        for (id, (_, command)) in commands.iter() {
            let ambiguous = doubts.get(id).copied().unwrap_or(0);
            let Some(place) = place_of(&command.leg) else { continue };
            let copies = told.get(&(command.action.slug(), place)).map_or(0, Vec::len);
            let declared = match command.action.guarantee() {
                DeliveryGuarantee::AtMostOnce => 1,
                DeliveryGuarantee::OnceMore => 1 + usize::from(ambiguous > 0),
                DeliveryGuarantee::AtLeastOnce => 1 + usize::try_from(ambiguous).unwrap_or(usize::MAX - 1),
            };
            // Facts are logged each under an id of their own.
            if !matches!(command.action, domain::Action::Vai(domain::VaiAction::LogFact(..))) {
                table.undeclared += u64::from(copies > declared);
            }
            table.open += u64::from(!command.state.is_final());
            table.shown_unknown += u64::from(command.state == State::Unknown);
            let is_done = matches!(command.state, State::Done { .. });
            table.left_ambiguous += u64::from(ambiguous > 0 && !is_done);
        }
        for Expected { slug, place } in truth.expected() {
            table.due += 1;
            let copies = told.get(&(slug.to_owned(), place)).map_or(0, Vec::len);
            let command = commands
                .values()
                .map(|(_, it)| it)
                .find(|it| it.action.slug() == slug && place_of(&it.leg) == Some(place));
            let is_unknown = command.is_some_and(|it| it.state == State::Unknown);
            match copies {
                0 if is_unknown => table.unknown += 1,
                0 => table.missed += 1,
                1 => table.once += 1,
                _ => table.twice += 1,
            }
        }
        if !table.holds() {
            table.first_failure = Some(number);
        }
    }
}

/// What happened to one booking, line by line: for whoever looks into a failure.
pub fn explain(number: u64, seed: u64, odds: &Odds) -> Vec<String> {
    let mut random = Random::new(seed, number);
    let truth = Truth::new(number, &mut random);
    let mut play = Play::to_its_end(&truth, random, odds);
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    for told in truth.webhooks() {
        lines.push((
            told.at,
            format!(
                "Calendly: {} of {}, start {}",
                told.fact.kind.name(),
                told.fact.leg.invitee,
                told.fact.leg.details.start
            ),
        ));
    }
    for telling in play.world.told.borrow().iter() {
        lines.push((telling.at, format!("told: {}", telling.key)));
    }
    for (_, command) in play.world.commands.borrow().values() {
        for note in &command.history {
            let reason = note.reason.map_or("", domain::Reason::code);
            lines.push((
                note.at,
                format!("{} of {}: {:?} {reason}", command.id, domain::uri_uuid(command.leg.as_str()), note.what),
            ));
        }
    }
    lines.sort();
    play.judge(&truth, number);
    let mut lines: Vec<_> = lines.into_iter().map(|(at, line)| format!("{at}  {line}")).collect();
    lines.push(format!("known within {KNOWN_WITHIN:?}; expected: {:?}", truth.expected()));
    lines.push(format!("{:#?}", play.table));
    lines
}
