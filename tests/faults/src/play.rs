//! One booking, played to its end and judged.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::LazyLock;

use domain::settings::{Audience, MessageFilter, Provider, SmsBudget, Template};
use domain::{
    Action, BookingId, CommandId, ConnectionName, DeliveryGuarantee, Fact, InviteeUri, Metadata, Reason, Settings,
    State, VaiAction, uri_uuid,
};
use engine::{CallLimiter, Invocation, ReceivedFact};
use events::Event;
use fakes::{Call, Dice, Fake, Fault, FaultPolicy, Random, TIME_OUT};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use wire::due::Due;

use crate::odds::Odds;
use crate::outage::Outage;
use crate::table::Table;
use crate::truth::{Expected, KNOWN_WITHIN, Truth};

/// How often a message is delivered before it is a dead letter, as in the template.
const MOST_DELIVERIES: u32 = 480;

/// The settings of the simulation: everything on, a template for everything. What is expected follows from the clock
/// alone and goes by SMS alone: there are no quiet hours and no e-mails instead.
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let mut settings = Settings { time_words: vec!["time".to_owned()], ..Settings::default() };
    settings.quiet_hours.until = settings.quiet_hours.from;
    settings.email_instead_of_sms = false;
    // Everybody gets everything: the budgets have tests of their own.
    settings.sms_for = Audience::All;
    settings.countries = vec!["*".to_owned()];
    let many = 1_000_000;
    settings.sms_budget = SmsBudget {
        per_number_and_day: many,
        per_host_and_day: many,
        per_day: many,
        messages_per_booking: many,
        moves_per_hour: many,
        ..settings.sms_budget
    };
    for message in ["confirmation", "move", "cancellation", "reminder", "follow_up"] {
        settings.templates.push(Template {
            filter: MessageFilter::of(message),
            provider: Provider::Engagelab,
            id: message.to_owned(),
            text: None,
        });
    }
    settings
});

/// Whether the connection of a booking has endpoints: that of every other.
fn publishes(number: u64) -> bool {
    !number.is_multiple_of(2)
}

/// Plays many bookings on so many threads. The table does not depend on how many.
pub fn simulate(bookings: u64, seed: u64, odds: &Odds, threads: u64) -> Table {
    let mut total = Table::default();
    std::thread::scope(|scope| {
        let play_share = |thread: u64| {
            let mut table = Table::default();
            for number in (thread..bookings).step_by(usize::try_from(threads).unwrap_or(1)) {
                table.add(&play(number, seed, odds));
            }
            table
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || play_share(thread))).collect();
        for thread in running {
            match thread.join() {
                Ok(table) => total.add(&table),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    total
}

/// Plays one booking.
pub fn play(number: u64, seed: u64, odds: &Odds) -> Table {
    let mut random = Random::new(seed, number);
    let truth = Truth::new(number, odds.outage, &mut random);
    let mut play = Play::to_its_end(number, &truth, random, odds);
    play.judge(number);
    play.table
}

/// Returns what happened to one booking, line by line.
pub fn explain(number: u64, seed: u64, odds: &Odds) -> Vec<String> {
    let mut random = Random::new(seed, number);
    let truth = Truth::new(number, odds.outage, &mut random);
    let mut play = Play::to_its_end(number, &truth, random, odds);
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    for fact in truth.facts() {
        let line = format!("Calendly: {} of {}, start {}", fact.kind.name(), fact.leg.invitee, fact.leg.details.start);
        lines.push((fact.occurred_at, line));
    }
    {
        let state = play.world.state.borrow();
        let done = state.effects.iter().filter_map(|it| Some((it.at, format!("done: {}", it.command.as_ref()?))));
        lines.extend(done);
        for (_, command) in state.commands.values() {
            let (id, leg) = (&command.id, uri_uuid(command.leg.as_str()));
            lines.extend(command.history.iter().map(|note| {
                (note.at, format!("{id} of {leg}: {:?} {}", note.what, note.reason.map_or("", Reason::code)))
            }));
        }
    }
    lines.sort();
    play.judge(number);
    let mut lines: Vec<_> = lines.into_iter().map(|(at, line)| format!("{at}  {line}")).collect();
    lines.push(format!("known within {KNOWN_WITHIN:?}; expected: {:?}", truth.expected()));
    lines.push(format!("{:#?}", play.table));
    lines
}

/// Faults by dice, in a world in which people book for themselves at Calendly.
struct Simulation<'a> {
    dice: Dice,
    truth: &'a Truth,
    outage: Option<Outage>,
    /// The time of the invocation.
    now: Cell<Timestamp>,
}

impl FaultPolicy for Simulation<'_> {
    const DESCRIBES_EFFECTS: bool = Dice::DESCRIBES_EFFECTS;

    fn fault(&self, number: usize, call: Call, command: Option<&CommandId>) -> Option<Fault> {
        let down = self.outage.and_then(|outage| outage.fault(call, self.now.get()));
        if let Some(fault) = down {
            // An outcome that could not be written is as unknown as one that was not answered.
            if matches!(fault, Fault::NoAnswer { .. }) || call == Call::Settle {
                self.dice.count_ambiguous(command);
            }
            return Some(fault);
        }
        self.dice.fault(number, call, command)
    }

    fn invitee(&self, _: &fakes::State, invitee: &InviteeUri, now: Timestamp) -> Option<Fact> {
        self.truth.looked_up(invitee, now)
    }
}

/// What a function is invoked with.
#[derive(Clone, Debug)]
enum Message {
    /// A webhook, or a fact that reconciliation read from Calendly.
    Fact(Box<Fact>),
    /// A timer.
    Due(BookingId),
}

/// A message in its queue, in order of delivery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Queued {
    at: Timestamp,
    /// Makes the order of messages of one instant that in which they were sent.
    sequence: u64,
    message: usize,
    deliveries: u32,
}

/// One booking's world.
struct Play<'a> {
    world: Fake<Simulation<'a>>,
    truth: &'a Truth,
    odds: &'a Odds,
    messages: Vec<Message>,
    queue: BinaryHeap<Reverse<Queued>>,
    sequence: u64,
    table: Table,
}

impl<'a> Play<'a> {
    fn to_its_end(number: u64, truth: &'a Truth, random: Random, odds: &'a Odds) -> Self {
        let begin = truth.meetings[0].booked_at;
        let simulation =
            Simulation { dice: Dice::new(odds.calls, random), truth, outage: truth.outage, now: Cell::new(begin) };
        let settings = Settings { publishes: publishes(number), ..SETTINGS.clone() };
        let mut play = Self {
            world: Fake::new(begin, settings, simulation),
            truth,
            odds,
            messages: Vec::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            table: Table { bookings: 1, outages: u64::from(truth.outage.is_some()), ..Table::default() },
        };
        if let Some(token) = &truth.token {
            let booking = BookingId::from_token(&ConnectionName::default(), token);
            play.world.state.borrow_mut().metadata.insert(booking, metadata(begin));
        }
        play.send_webhooks();
        play.run();
        play
    }

    fn roll<T>(&self, roll: impl FnOnce(&mut Random) -> T) -> T {
        self.world.faults.dice.roll(roll)
    }

    fn send(&mut self, at: Timestamp, message: Message) {
        self.messages.push(message);
        self.enqueue(at, self.messages.len() - 1, 0);
    }

    fn enqueue(&mut self, at: Timestamp, message: usize, deliveries: u32) {
        self.sequence += 1;
        self.queue.push(Reverse(Queued { at, sequence: self.sequence, message, deliveries }));
    }

    /// Sends Calendly's webhooks with their delays, and after each change the hourly reconciliation.
    fn send_webhooks(&mut self) {
        for fact in self.truth.facts() {
            self.table.facts += 1;
            let at = fact.occurred_at;
            let (dropped, copies, delays) = self.roll(|random| {
                let copies = if random.happens(self.odds.duplicated) { 2 } else { 1 };
                let mut delay = || match random.between(0, 10) {
                    0..5 => random.between(0, 3),
                    5..8 => random.between(0, 600),
                    _ => random.between(0, 4 * 3_600),
                };
                let delays = [delay(), delay()];
                (random.happens(self.odds.dropped), copies, delays)
            });
            for delay in delays.into_iter().take(if dropped { 0 } else { copies }) {
                self.table.deliveries += 1;
                self.send(at + SignedDuration::from_secs(delay), Message::Fact(Box::new(fact.clone())));
            }
            // Every hour the changes are read from Calendly. Nothing changes between this hour and the next change, so
            // further readings would find nothing.
            let next_hour = Timestamp::from_second((at.as_second() / 3_600 + 1) * 3_600).unwrap_or(at);
            if let Some(fact) = self.truth.looked_up(&fact.leg.invitee, next_hour) {
                self.send(next_hour, Message::Fact(Box::new(fact)));
            }
        }
    }

    fn run(&mut self) {
        while let Some(Queued { at, message, deliveries, .. }) = self.take_next() {
            self.world.now.set(self.world.now.get().max(at));
            if self.invoke(&self.messages[message].clone()) {
                continue;
            }
            if deliveries + 1 < MOST_DELIVERIES {
                let wait = batch::wait_after(u64::from(deliveries) + 1);
                let wait = SignedDuration::from_secs(i64::try_from(wait).unwrap_or(i64::MAX));
                self.enqueue(self.world.now.get() + wait, message, deliveries + 1);
            } else {
                self.table.dead += 1;
            }
        }
    }

    /// Takes the next message. On the way, timers that fire become messages.
    fn take_next(&mut self) -> Option<Queued> {
        while let Some((due, at, is_schedule)) = self.take_next_timer() {
            let Due::V1 { booking, .. } = due else { continue };
            if !is_schedule {
                self.send(at, Message::Due(booking));
                continue;
            }
            let (late, twice) = self.roll(|random| {
                let late = if random.happens(self.odds.timer_late) { random.between(60, 1_200) } else { 0 };
                (late, random.happens(self.odds.timer_twice).then(|| random.between(0, 300)))
            });
            let fires_at = at + SignedDuration::from_secs(late);
            self.send(fires_at, Message::Due(booking.clone()));
            if let Some(later) = twice {
                self.send(fires_at + SignedDuration::from_secs(later), Message::Due(booking));
            }
        }
        self.queue.pop().map(|Reverse(queued)| queued)
    }

    /// Takes the delayed message or schedule that fires before every message, if there is one.
    fn take_next_timer(&mut self) -> Option<(Due, Timestamp, bool)> {
        let state = &mut *self.world.state.borrow_mut();
        let queued = self.queue.peek().map(|Reverse(it)| it.at);
        let schedule = state.schedules.iter().map(|(name, (at, _))| (*at, name)).min();
        let delayed = state.delayed.iter().enumerate().map(|(index, (at, _))| (*at, index)).min();
        let first = [queued, schedule.map(|it| it.0), delayed.map(|it| it.0)].into_iter().flatten().min()?;
        if let Some((_, index)) = delayed.filter(|(at, _)| *at == first) {
            let (at, due) = state.delayed.remove(index);
            return Some((due, at, false));
        }
        let (_, name) = schedule.filter(|(at, _)| *at == first)?;
        let name = name.clone();
        let (at, due) = state.schedules.remove(&name)?;
        Some((due, at, true))
    }

    /// Invokes a function. Returns whether its message was processed.
    fn invoke(&mut self, message: &Message) -> bool {
        self.table.invocations += 1;
        let world = &self.world;
        world.faults.dice.begin_invocation();
        world.faults.now.set(world.now.get());
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

    /// Compares what was done with what had to be done.
    fn judge(&mut self, number: u64) {
        let (truth, table, state) = (self.truth, &mut self.table, self.world.state.borrow());
        let meeting_of = |invitee: &InviteeUri| truth.meetings.iter().position(|it| it.invitee == *invitee);
        let mut done: BTreeMap<(String, usize), usize> = BTreeMap::new();
        for (id, at) in state.effects.iter().filter_map(|it| Some((it.command.as_ref()?, it.at))) {
            let command = &state.commands[id].1;
            let Some(meeting) = meeting_of(&command.leg) else { continue };
            let slug = command.action.slug();
            table.wrong += u64::from(truth.is_wrong(&slug, meeting, at));
            *done.entry((slug, meeting)).or_default() += 1;
        }
        for (id, (_, command)) in &state.commands {
            let ambiguous = self.world.faults.dice.times_ambiguous(id);
            let Some(meeting) = meeting_of(&command.leg) else { continue };
            let copies = done.get(&(command.action.slug(), meeting)).copied().unwrap_or(0);
            let declared = match command.action.guarantee() {
                DeliveryGuarantee::AtMostOnce => 1,
                DeliveryGuarantee::OnceMore => 1 + usize::from(ambiguous > 0),
                DeliveryGuarantee::AtLeastOnce => 1 + usize::try_from(ambiguous).unwrap_or(usize::MAX - 1),
            };
            // Each fact is logged under an id of its own.
            if !matches!(command.action, Action::Vai(VaiAction::LogFact(..))) {
                table.undeclared += u64::from(copies > declared);
            }
            table.open += u64::from(!command.state.is_final());
            table.shown_unknown += u64::from(command.state == State::Unknown);
            let is_done = matches!(command.state, State::Done { .. });
            table.left_ambiguous += u64::from(ambiguous > 0 && !is_done);
        }
        for Expected { slug, meeting } in truth.expected() {
            table.due += 1;
            let is_it = |it: &&domain::Command| it.action.slug() == slug && meeting_of(&it.leg) == Some(meeting);
            let command = state.commands.values().map(|(_, it)| it).find(is_it);
            let is_unknown = command.is_some_and(|it| it.state == State::Unknown);
            match done.get(&(slug.to_owned(), meeting)).copied().unwrap_or(0) {
                0 if is_unknown => table.unknown += 1,
                0 => table.missed += 1,
                1 => table.once += 1,
                _ => table.twice += 1,
            }
        }
        let told: BTreeSet<_> = state.published.iter().flat_map(|call| call.events.iter().copied()).collect();
        let numbers = state.events.iter().map(|((_, number), event)| (*number, event.kind));
        let ids: BTreeSet<_> = state.events.values().map(|it| &it.id).collect();
        table.events += state.events.len() as u64;
        table.untold += numbers.clone().filter(|it| !told.contains(it)).count() as u64;
        table.misnumbered += (1..).zip(numbers).filter(|(expected, (number, _))| expected != number).count() as u64;
        table.misnumbered += (state.events.len() - ids.len()) as u64;
        for (kind, meeting) in truth.expected_events().into_iter().filter(|_| publishes(number)) {
            let invitee = uri_uuid(truth.meetings[meeting].invitee.as_str());
            let is_it = |it: &&Event| it.kind == kind && it.data["booking"]["inviteeUuid"] == invitee;
            table.lost += u64::from(state.events.values().filter(is_it).count() != 1);
        }
        if !table.holds() {
            table.first_failure = Some(number);
        }
    }
}

/// VAI's metadata of a booking.
fn metadata(created_at: Timestamp) -> Metadata {
    Metadata {
        conversation_id: "c".to_owned(),
        user_id: None,
        agent_type: None,
        event_type: None,
        source: None,
        notes: None,
        phone: None,
        language: None,
        zone_source: None,
        wished_start: None,
        topic: None,
        qualification: BTreeMap::new(),
        place: None,
        created_at,
    }
}
