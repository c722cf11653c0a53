//! The executor: claim, perform, settle; each command apart, and each only after it is durable.

use std::borrow::Cow;
use std::future::Future;

use domain::{
    Action, Command, ConnectionName, ConsentSource, ContactKey, Fact, InviteeUri, Message, Number, Objection, Order,
    Outcome, Phone, PhoneSource, Reason, Settings, Snapshot, State, compose, postponed,
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use wire::due::Due;

use crate::drive::{EngineError, ReceivedFact, schedule_recheck};
use crate::ports::{Calendly, Clock, Email, Sms, Store, TimerKind, Timers, Unavailable, Vai, World};

/// How long a claim holds. Claiming, reading a secret, the provider's call and settling end within 8 seconds each; the
/// queue brings a record back after 180, so that a claim that died has lapsed by then.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// No call is begun that could not end before the function is stopped.
pub(crate) const LAST_START: SignedDuration = SignedDuration::from_secs(10);

/// Calls of providers that one invocation makes side by side.
const SIDE_BY_SIDE: usize = 8;

/// The longest delay of an SQS message.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// A schedule this near might lie in the past by the time it is made.
const NEAREST_SCHEDULE: SignedDuration = SignedDuration::from_secs(30);

/// Clocks differ: a timer that fires this much too early has fired.
const EARLY: SignedDuration = SignedDuration::from_secs(5);

/// Limits how many calls of providers one invocation makes at a time, over all its records.
#[derive(Debug)]
pub struct CallLimiter(Semaphore);

impl Default for CallLimiter {
    fn default() -> Self {
        Self(Semaphore::new(SIDE_BY_SIDE))
    }
}

impl CallLimiter {
    async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        let permit = self.0.acquire().await;
        let result = call.await;
        drop(permit);
        result
    }
}

/// What was left of a command.
enum Left {
    /// Nothing to do now.
    Nothing,
    /// It was a message that could not be sent that way: another may take its place.
    Missed,
    /// Something, for when the record comes back.
    Open,
    /// Somebody else is at it.
    Held,
    /// A fact that Calendly was asked for.
    Learned(Box<Fact>),
}

/// What is to be decided on after commands were carried out.
#[derive(Default)]
pub(crate) struct Carried {
    /// What Calendly was asked for.
    pub(crate) learned: Vec<Fact>,
    /// Whether a message could not be sent that way.
    pub(crate) missed: bool,
}

/// Carries every command of a booking as far as it goes now. What is new is made before what is old is removed.
pub(crate) async fn execute<W: World>(
    world: &W,
    limiter: &CallLimiter,
    connection: &ConnectionName,
    snapshot: &Snapshot,
    settings: &Settings,
    received: Option<&ReceivedFact>,
    deadline: Timestamp,
) -> Result<Carried, EngineError> {
    let run = Run { world, limiter, connection, snapshot, settings, received, deadline };
    let is_removal = |it: &&Command| matches!(it.state, State::Withdrawing { .. });
    let (removals, others): (Vec<_>, Vec<_>) =
        snapshot.commands.iter().filter(|it| !it.state.is_final()).partition(is_removal);
    let (mut open, mut held, mut carried) = (0, 0, Carried::default());
    for group in [others, removals] {
        for left in join_all(group.into_iter().map(|command| run.carry(command.clone()))).await {
            match left {
                Left::Nothing => {}
                Left::Open => open += 1,
                Left::Held => held += 1,
                Left::Missed => carried.missed = true,
                Left::Learned(fact) => carried.learned.push(*fact),
            }
        }
    }
    if open > 0 {
        return Err(EngineError::Unfinished(open));
    }
    if held > 0 {
        run.come_again().await?;
    }
    Ok(carried)
}

/// Whom a message goes to.
struct Recipient {
    key: ContactKey,
    /// The number of an SMS, and where it was found.
    phone: Option<(Phone, PhoneSource)>,
}

/// Why a message goes to nobody now.
enum Unaddressed {
    /// They don't want it, or can't get it.
    Skip(Reason),
    /// Nobody can tell.
    Unavailable(Unavailable),
}

struct Run<'a, W> {
    world: &'a W,
    limiter: &'a CallLimiter,
    connection: &'a ConnectionName,
    snapshot: &'a Snapshot,
    settings: &'a Settings,
    received: Option<&'a ReceivedFact>,
    deadline: Timestamp,
}

impl<W: World> Run<'_, W> {
    /// Takes a command from state to state until it is done, waits for a timer, or can't go on in this invocation.
    async fn carry(&self, mut command: Command) -> Left {
        // What a reminder learned by looking again.
        let mut news = None;
        loop {
            let now = self.world.clock().now();
            let next = match &command.state {
                State::Done { .. }
                | State::Skipped { .. }
                | State::Withdrawn { .. }
                | State::Failed { .. }
                | State::Unknown => {
                    return match news {
                        Some(fact) => Left::Learned(fact),
                        None if self.settings.email_instead_of_sms && command.allows_email_fallback() => Left::Missed,
                        None => Left::Nothing,
                    };
                }
                State::Waiting if !command.is_due(now + EARLY) => return Left::Nothing,
                State::Open if !command.is_due(now + EARLY) => self.set_timer(&command, now).await,
                State::Claimed { until } if *until > now => return Left::Held,
                State::Open | State::Waiting if command.action == Action::FetchMissingHalf => {
                    return self.fetch_missing_half(&command, now).await;
                }
                State::Open | State::Waiting => match self.perform(&command, &mut news, now).await {
                    Ok(done) if done.action == Action::Cancel && matches!(done.state, State::Done { .. }) => {
                        return self.learn_of(&done.leg).await;
                    }
                    next => next,
                },
                State::Claimed { .. } => {
                    // Whoever claimed it died before settling: the provider may have acted.
                    let outcome = Outcome::Unknown { detail: "cut off before its outcome was written down".to_owned() };
                    let settled = command.clone().settle(outcome, now);
                    self.replace_command(&command, settled).await
                }
                State::Withdrawing { reason } => match self.world.timers().remove_timer(&command.timer()).await {
                    Ok(()) => {
                        let withdrawn =
                            command.clone().with_state(State::Withdrawn { reason: *reason }, now, None, None);
                        self.replace_command(&command, withdrawn).await
                    }
                    Err(error) => Err(self.stays_open(&command, "its timer could not be removed", &error)),
                },
            };
            match next {
                Ok(next) => command = next,
                Err(left) => return left,
            }
        }
    }

    /// Asks Calendly for the missing half of a move. A question needs no claim, and its answer is a fact like any other:
    /// once it is committed nothing wants the question any more.
    async fn fetch_missing_half(&self, command: &Command, now: Timestamp) -> Left {
        let outcome = match self.snapshot.booking.leg(&command.leg).and_then(|leg| leg.next.as_ref()) {
            Some(uri) => match self.world.calendly().look_up(self.connection, uri).await {
                Ok(Some(fact)) => return Left::Learned(Box::new(fact)),
                Ok(None) => {
                    Outcome::Refused { reason: Reason::NotFound, detail: "the new half of the move".to_owned() }
                }
                Err(error) => {
                    Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: error.to_string() }
                }
            },
            None => Outcome::Refused { reason: Reason::NotFound, detail: "its address is not known".to_owned() },
        };
        let mut asked = command.clone();
        asked.attempts += 1;
        let settled = match self.replace_command(command, asked.settle(outcome, now)).await {
            Ok(again) if again.state == State::Open => self.set_timer(&again, now).await,
            settled => settled,
        };
        settled.err().unwrap_or(Left::Nothing)
    }

    /// Takes in what Calendly says of a leg that we have changed there. When it does not say, its webhook will.
    async fn learn_of(&self, invitee: &InviteeUri) -> Left {
        match self.world.calendly().look_up(self.connection, invitee).await {
            Ok(Some(fact)) => Left::Learned(Box::new(fact)),
            Ok(None) | Err(_) => Left::Nothing,
        }
    }

    /// Has the booking looked at again when the claims of others have ended or lapsed.
    async fn come_again(&self) -> Result<(), EngineError> {
        let at = self.world.clock().now() + LEASE + SignedDuration::from_secs(1);
        Ok(schedule_recheck(self.world, self.connection, &self.snapshot.booking.id, at).await?)
    }

    /// Gives a command the timer that will bring it back. Idempotent by name, so it needs no claim.
    async fn set_timer(&self, command: &Command, now: Timestamp) -> Result<Command, Left> {
        let at = command.not_before.unwrap_or(now);
        let wait = at.duration_since(now);
        let is_retry = command.attempts > 0;
        let kind = if wait < NEAREST_SCHEDULE || (is_retry && wait <= LONGEST_DELAY) {
            TimerKind::DelayedMessage
        } else {
            TimerKind::Schedule
        };
        let due = Due::V1 {
            connection: self.connection.clone(),
            booking: self.snapshot.booking.id.clone(),
            commands: vec![command.id.clone()],
        };
        match self.world.timers().set_timer(&command.timer(), &due, at, now, kind).await {
            Ok(()) => self.replace_command(command, command.clone().with_state(State::Waiting, now, None, None)).await,
            Err(error) => Err(self.stays_open(command, "its timer could not be made", &error)),
        }
    }

    /// Claims a command, does it and settles it; or skips it, when it should not be done any more; or gives it another hour.
    /// `news` is what Calendly says of the meeting now, where it was asked.
    async fn perform(&self, command: &Command, news: &mut Option<Box<Fact>>, now: Timestamp) -> Result<Command, Left> {
        if let Some(moved) = self.quiet(command, now) {
            return self.replace_command(command, moved).await;
        }
        if matches!(command.action.message(), Some(Message::Reminder { .. })) && news.is_none() {
            *news = self.news_of(&command.leg).await;
        }
        let order = match self.compose(command, news.as_deref(), now) {
            Ok(order) => order,
            Err(reason) => return self.replace_command(command, command.clone().skip(reason, now)).await,
        };
        let call = async {
            let (order, to) = match self.address(command, order).await {
                Ok(addressed) => addressed,
                Err(Unaddressed::Skip(reason)) => {
                    return self.replace_command(command, command.clone().skip(reason, now)).await;
                }
                Err(Unaddressed::Unavailable(error)) => {
                    return Err(self.stays_open(command, "its recipient's wishes could not be read", &error));
                }
            };
            let now = self.world.clock().now();
            if now + LAST_START > self.deadline {
                return Err(Left::Open);
            }
            let key = to.as_ref().map(|it| it.key.clone());
            let source = to.as_ref().and_then(|it| it.phone.as_ref()).map(|(_, source)| *source);
            let claimed = command.clone().claim(now, now + LEASE, order.detail(source), key);
            let claimed = self.replace_command(command, claimed).await?;
            let now = self.world.clock().now();
            if now + LAST_START > self.deadline {
                // Claiming took too long. Nothing was begun.
                let open = claimed.clone().with_state(State::Open, now, None, None);
                self.replace_command(&claimed, open).await?;
                return Err(Left::Open);
            }
            let outcome = self.call(&claimed, &order, to.as_ref(), now).await;
            let settled_at = self.world.clock().now();
            let settled = match order.providers() {
                Some((provider, next)) => {
                    claimed.clone().settle_or_pass_on(outcome.clone(), provider, next, settled_at)
                }
                None => claimed.clone().settle(outcome.clone(), settled_at),
            };
            let settled = self.replace_command(&claimed, self.in_time(settled, settled_at)).await?;
            self.note(&settled, to.as_ref(), &outcome, settled_at).await;
            Ok(settled)
        };
        self.limiter.pass(call).await
    }

    /// A command whose hour has come in quiet hours, with another hour, or without: a retry, a booking that became known
    /// late, settings that have changed.
    fn quiet(&self, command: &Command, now: Timestamp) -> Option<Command> {
        let leg = self.snapshot.booking.leg(&command.leg)?;
        match postponed(leg, &command.action, now, self.settings, now) {
            Ok(hour) if hour <= now + EARLY => None,
            Ok(hour) => Some(command.clone().postpone_to(hour, now)),
            Err(reason) => Some(command.clone().skip(reason, now)),
        }
    }

    /// What Calendly says of a meeting now: the link is often still being made when it is booked, and its webhooks can be
    /// late. What can't be asked is left as it is known.
    async fn news_of(&self, invitee: &InviteeUri) -> Option<Box<Fact>> {
        let asked = self.limiter.pass(self.world.calendly().look_up(self.connection, invitee)).await;
        let fact = asked.ok().flatten()?;
        let mut booking = self.snapshot.booking.clone();
        booking.apply_fact(&fact);
        (booking != self.snapshot.booking).then(|| Box::new(fact))
    }

    fn compose(&self, command: &Command, news: Option<&Fact>, now: Timestamp) -> Result<Order, Reason> {
        let mut booking = Cow::Borrowed(&self.snapshot.booking);
        if let Some(fact) = news {
            booking.to_mut().apply_fact(fact);
        }
        let leg = booking.leg_for_command(&command.leg).ok_or(Reason::NotFound)?;
        compose(&booking, &leg, &command.action, &command.passed_over, self.settings, now)
    }

    /// Finds out whom a message really goes to, whether they want it, and what it still lacks: a host's zone, a new link.
    /// Without these two it goes out all the same.
    async fn address(&self, command: &Command, mut order: Order) -> Result<(Order, Option<Recipient>), Unaddressed> {
        let to = match &order {
            Order::Sms(text) => {
                let region = text.region.as_deref();
                let read = |it: &Number| Ok((self.world.sms().number(it.text.expose(), region)?, it.source));
                let mut read = text.numbers.iter().map(read);
                let first = read.next().unwrap_or(Err(Reason::NoPhone));
                let found = first.or_else(|reason| read.find_map(Result::ok).ok_or(reason));
                let (phone, source) = found.map_err(Unaddressed::Skip)?;
                let key = ContactKey::for_phone(self.connection, &phone);
                Recipient { key, phone: Some((phone, source)) }
            }
            Order::Email(mail) => {
                let key = ContactKey::for_email(self.connection, mail.to.expose());
                Recipient { key, phone: None }
            }
            Order::News(..) | Order::Help(..) | Order::Log(..) | Order::Cancel(..) => return Ok((order, None)),
        };
        let contact = self.world.store().contact(self.connection, &to.key).await.map_err(Unaddressed::Unavailable)?;
        let is_follow_up = command.action.message().is_some_and(Message::is_follow_up);
        match contact.objection {
            Some((Objection::Everything, ConsentSource::Bounce | ConsentSource::Complaint)) => {
                return Err(Unaddressed::Skip(Reason::Suppressed));
            }
            Some((Objection::Everything, _)) => return Err(Unaddressed::Skip(Reason::OptedOut)),
            Some((Objection::FollowUps, _)) if is_follow_up => return Err(Unaddressed::Skip(Reason::OptedOut)),
            Some((Objection::FollowUps, _)) | None => {}
        }
        if to.phone.is_some() {
            // People reply to texts, and may to one of which nobody knows whether it was sent.
            let (booking, now) = (&self.snapshot.booking.id, self.world.clock().now());
            let reached = self.world.store().record_reached(self.connection, &to.key, booking, &command.id, now).await;
            reached.map_err(Unaddressed::Unavailable)?;
        }
        if let Some(content) = order.content_mut() {
            let calendly = self.world.calendly();
            if let Some(host) = &content.zone_of
                && let Ok(Some(zone)) = calendly.host_zone(self.connection, host).await
            {
                content.zone = zone;
            }
            if let Some(event_type) = &content.link_for {
                content.booking_url = calendly.single_use_link(self.connection, event_type).await.ok();
            }
        }
        Ok((order, Some(to)))
    }

    /// Keeps what a provider has taught of a recipient. Should this fail, its next refusal says it again.
    async fn note(&self, command: &Command, to: Option<&Recipient>, outcome: &Outcome, now: Timestamp) {
        let Some(to) = to else { return };
        if !matches!(outcome, Outcome::Refused { reason: Reason::OptedOut, .. }) {
            return;
        }
        let objection = Some(Objection::Everything);
        let noted =
            self.world.store().write_objection(self.connection, &to.key, objection, ConsentSource::Provider, now).await;
        if let Err(error) = noted {
            let booking = &self.snapshot.booking.id;
            tracing::warn!(booking.id = %booking, command.id = %command.id, error = %error, "an objection was not noted");
        }
    }

    /// A command that would be tried again only when its meeting has begun has failed now, as long as an e-mail could still
    /// take its place.
    fn in_time(&self, command: Command, now: Timestamp) -> Command {
        let leg = self.snapshot.booking.leg(&command.leg);
        let is_in_doubt = command.history.last().is_some_and(|note| note.reason == Some(Reason::Unknown));
        let comes_too_late = command.state == State::Open
            && !is_in_doubt
            && command.action.by_email().is_some()
            && leg.is_some_and(|leg| now < leg.details.start && !command.is_due(leg.details.start));
        if comes_too_late {
            let reason = Reason::GaveUp;
            return command.with_state(State::Failed { reason }, now, Some(reason), None);
        }
        command
    }

    async fn call(&self, command: &Command, order: &Order, to: Option<&Recipient>, now: Timestamp) -> Outcome {
        let (world, connection, key) = (self.world, self.connection, &command.id);
        match order {
            Order::Sms(text) => match to.and_then(|it| it.phone.as_ref()) {
                Some((phone, _)) => world.sms().send(connection, key, phone, text).await,
                None => Outcome::Refused { reason: Reason::NoPhone, detail: "nobody to send it to".to_owned() },
            },
            Order::Email(mail) => world.email().send(connection, key, mail).await,
            Order::News(news, about) => world.vai().tell(connection, key, *news, about, now).await,
            Order::Help(about, at) => world.vai().offer_help(connection, key, about, *at).await,
            Order::Cancel(invitee, reason) => world.calendly().cancel(connection, invitee, reason.expose()).await,
            Order::Log(what, fact) => {
                let payload = match self.received.filter(|it| it.fact.id == *fact) {
                    Some(received) => Ok(Some(received.payload.clone())),
                    None => world.store().payload(connection, &self.snapshot.booking.id, fact).await,
                };
                match payload {
                    Ok(Some(payload)) => world.vai().log(connection, key, *what, &payload, now).await,
                    Ok(None) => {
                        Outcome::Refused { reason: Reason::TooLate, detail: "the payload is no longer kept".to_owned() }
                    }
                    Err(error) => {
                        Outcome::Unsent { reason: Reason::Unreachable, after_seconds: None, detail: error.to_string() }
                    }
                }
            }
        }
    }

    /// Replaces a command's row.
    async fn replace_command(&self, was: &Command, becomes: Command) -> Result<Command, Left> {
        let (store, booking) = (self.world.store(), &self.snapshot.booking.id);
        match store.replace_command(self.connection, booking, &becomes, was.revision()).await {
            Ok(true) => {
                let reason = becomes.history.last().and_then(|it| it.reason).map_or("", Reason::code);
                tracing::info!(
                    booking.id = %booking,
                    command.id = %becomes.id,
                    command.state = becomes.state.name(),
                    command.reason = reason,
                    "command {}",
                    becomes.state.name()
                );
                self.world.observe(&becomes);
                Ok(becomes)
            }
            Ok(false) => {
                tracing::info!(booking.id = %booking, command.id = %was.id, "somebody else has the command");
                Err(Left::Held)
            }
            Err(error) => Err(self.stays_open(was, "its row could not be written", &error)),
        }
    }

    fn stays_open(&self, command: &Command, what: &str, error: &dyn std::fmt::Display) -> Left {
        let booking = &self.snapshot.booking.id;
        tracing::warn!(booking.id = %booking, command.id = %command.id, error = %error, "a command stays open: {what}");
        Left::Open
    }
}
