//! The state machine of a command, and the execution of all commands of a booking.

use std::borrow::Cow;
use std::cell::Cell;

use domain::{
    Action, Attempt, CalendlyAction, CalendlyCall, Command, ConsentOrder, ConsentSource, Context, CrmAction, CrmCall,
    CrmEventOrder, Fact, Leg, Objection, Order, Outcome, PublishAction, Reason, Settings, Snapshot, State, VaiCall,
    email_would_replace, find_sent_calendar, has_event,
};
use futures_util::future::join_all;
use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};

use super::message::{AddressedMessage, NotSent};
use super::run::{CLOCK_SKEW, Look, Run, Stop};
use crate::invocation::{EngineError, Invocation, LEASE, ReceivedFact};
use crate::ports::{Store, Timers, World};

/// A message about a booking or a move that is sent so long after it is checked first. A webhook takes some seconds.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// What must be decided after commands were executed.
#[derive(Default)]
pub(crate) struct Execution {
    /// The facts in Calendly's answers.
    pub(crate) facts: Vec<Fact>,
    /// Whether an SMS could not be sent. An e-mail may replace it.
    pub(crate) has_missed_sms: bool,
    /// Whether a command has ended in a way that is an event for customers' systems or the CRM.
    pub(crate) has_event: bool,
    /// Whether Calendly refused a cancellation. What was withdrawn because of it is planned again.
    pub(crate) is_refused: bool,
}

impl Execution {
    /// Returns whether there is nothing to decide.
    pub(crate) fn is_finished(&self) -> bool {
        self.facts.is_empty() && !self.has_missed_sms && !self.has_event && !self.is_refused
    }
}

/// How the work on one command ended in this invocation.
enum CommandEnd {
    /// Nothing is left to do now.
    Finished,
    /// An SMS could not be sent. An e-mail may replace it.
    MissedSms,
    /// It is an event for customers' systems or the CRM.
    HasEvent,
    /// Calendly refused a cancellation: the meeting stays.
    Refused,
    /// Calendly answered with a fact.
    Answered(Box<Fact>),
    /// See [`Stop`].
    Stopped(Stop),
}

/// Executes every command of a booking, as far as possible now. New timers are created before old ones are removed.
pub(crate) async fn execute<W: World>(
    invocation: Invocation<'_, W>,
    snapshot: &Snapshot,
    settings: &Settings,
    received: Option<&ReceivedFact>,
) -> Result<Execution, EngineError> {
    let (looked, wrote_contact) = (Mutex::default(), Cell::default());
    let run = Run { invocation, snapshot, settings, received, looked, wrote_contact };
    let is_removal = |it: &&Command| matches!(it.state, State::Withdrawing { .. });
    let (removals, others): (Vec<_>, Vec<_>) =
        snapshot.commands.iter().filter(|it| !it.state.is_final()).partition(is_removal);
    // An event waits until the CRM has the contact.
    let is_crm_event = |it: &&Command| matches!(it.action, Action::Crm(CrmAction::SendEvent { .. }));
    let (crm_events, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_crm_event);
    let (mut open, mut is_held, mut is_left) = (0, false, false);
    let mut execution = Execution::default();
    for group in [others, crm_events, removals] {
        for end in join_all(group.into_iter().map(|command| run.execute_command(command.clone()))).await {
            match end {
                CommandEnd::Finished => {}
                CommandEnd::MissedSms => execution.has_missed_sms = true,
                CommandEnd::HasEvent => execution.has_event = true,
                CommandEnd::Refused => execution.is_refused = true,
                CommandEnd::Answered(fact) => execution.facts.push(*fact),
                CommandEnd::Stopped(Stop::Open) => open += 1,
                CommandEnd::Stopped(Stop::LeftToDueQueue) => is_left = true,
                CommandEnd::Stopped(Stop::Held) => is_held = true,
            }
        }
    }
    if is_left {
        run.schedule_recheck(run.now()).await?;
    }
    if open > 0 {
        return Err(EngineError::Unfinished(open));
    }
    if is_held {
        // By then the other functions' claims are settled or have expired.
        run.schedule_recheck(run.now() + LEASE + SignedDuration::from_secs(1)).await?;
    }
    Ok(execution)
}

/// A composed command with everything that its call needs.
enum Prepared<'a, M> {
    Message(&'a M, Box<AddressedMessage>),
    Vai(&'a M, Box<VaiCall>),
    Calendly(CalendlyCall),
    CrmEvent(&'a M, CrmEventOrder),
    Consent(&'a M, ConsentOrder),
}

impl<W: World> Run<'_, W> {
    /// Advances a command from state to state until it is final, waits for a timer, or stops in this invocation.
    async fn execute_command(&self, mut command: Command) -> CommandEnd {
        // What was seen at Calendly before a message that is timed or late.
        let mut look = None;
        let mut is_due_now = self.wrote_contact.get() && command.waits_for_contact();
        loop {
            let now = self.now();
            let is_early = !std::mem::take(&mut is_due_now) && !command.is_due(now + CLOCK_SKEW);
            let next = match &command.state {
                State::Done { .. }
                | State::Skipped { .. }
                | State::Withdrawn { .. }
                | State::Failed { .. }
                | State::Unknown => return self.finish(&command, look).await,
                State::Waiting if is_early => return CommandEnd::Finished,
                State::Open if is_early => self.set_timer(&command).await,
                State::Claimed { until } if *until > now => return CommandEnd::Stopped(Stop::Held),
                State::Claimed { .. } => {
                    // The function that claimed it was killed before it settled it. The provider may have acted.
                    let detail = "cut off before its outcome was written down".to_owned();
                    let outcome = Outcome::Unknown { after_seconds: None, detail };
                    let settled = command.clone().settle(outcome, now);
                    self.replace_command(&command, settled).await
                }
                State::Open | State::Waiting => match &command.action {
                    Action::Calendly(CalendlyAction::FetchMissingHalf) => {
                        return self.ask_calendly(&command, now).await;
                    }
                    Action::Publish(PublishAction::Completion) => {
                        let done = State::Done { provider_id: None };
                        self.replace_command(&command, command.clone().with_state(done, now, None, None)).await
                    }
                    Action::Message(_)
                    | Action::Vai(_)
                    | Action::Calendly(CalendlyAction::CancelEvent)
                    | Action::Publish(PublishAction::Events { .. })
                    | Action::Crm(_) => self.perform(&command, &mut look, now).await,
                },
                State::Withdrawing { reason } => match self.world().timers().remove_timer(&command.timer()).await {
                    Ok(()) => {
                        let withdrawn =
                            command.clone().with_state(State::Withdrawn { reason: *reason }, now, None, None);
                        self.replace_command(&command, withdrawn).await
                    }
                    Err(error) => Err(self.leave_open(&command, "its timer could not be removed", &error)),
                },
            };
            match next {
                Ok(next) => command = next,
                Err(stop) => return CommandEnd::Stopped(stop),
            }
        }
    }

    /// Ends the work on a command that is final.
    async fn finish(&self, command: &Command, look: Option<Look>) -> CommandEnd {
        if let Some(Look::Changed(fact)) = look {
            return CommandEnd::Answered(fact);
        }
        let is_cancellation = command.action == Action::Calendly(CalendlyAction::CancelEvent);
        if is_cancellation && matches!(command.state, State::Done { .. }) {
            let fact = self.fetch_changed_leg(&command.leg).await;
            return fact.map_or(CommandEnd::Finished, |fact| CommandEnd::Answered(Box::new(fact)));
        }
        if is_cancellation && matches!(command.state, State::Failed { .. }) {
            return CommandEnd::Refused;
        }
        if self.settings.email_instead_of_sms && command.allows_email_fallback() {
            return CommandEnd::MissedSms;
        }
        let is_completion = command.action == Action::Publish(PublishAction::Completion);
        let has_listener = self.settings.publishes || self.settings.crm.is_some() && is_completion;
        if has_listener && has_event(command) {
            return CommandEnd::HasEvent;
        }
        CommandEnd::Finished
    }

    /// Fetches the missing half of a move from Calendly. A read needs no claim. Its answer is a fact; after the fact is
    /// committed, the command is no longer planned.
    async fn ask_calendly(&self, command: &Command, now: Timestamp) -> CommandEnd {
        let outcome = match self.fetch_missing_half(command).await {
            Ok(fact) => return CommandEnd::Answered(Box::new(fact)),
            Err(outcome) => outcome,
        };
        let settled = match self.replace_command(command, command.clone().settle_question(outcome, now)).await {
            Ok(reopened) if reopened.state == State::Open => self.set_timer(&reopened).await,
            settled => settled,
        };
        settled.map_or_else(CommandEnd::Stopped, |_| CommandEnd::Finished)
    }

    /// Returns whether Calendly must be asked before a message is sent: it is sent at a planned time, or so late that
    /// what it tells of may have changed. After an outage, webhooks are processed in any order.
    fn is_doubtful(&self, command: &Command, now: Timestamp) -> bool {
        let Some(message) = command.action.message() else { return false };
        let active = self.snapshot.booking.leg(&command.leg).filter(|leg| leg.canceled.is_none());
        let begun = active.map(|leg| leg.booked_at.unwrap_or(leg.details.as_of));
        message.is_timed() || begun.is_some_and(|at| now.duration_since(at) >= STALE_AFTER)
    }

    /// Claims a command, performs it and settles it. Skips it if it should no longer be done, or moves it out of quiet
    /// hours. `look` is what was seen at Calendly, if a look was needed.
    async fn perform(&self, command: &Command, look: &mut Option<Look>, now: Timestamp) -> Result<Command, Stop> {
        if let Some(changed) = self.leave_quiet_hours(command, now) {
            return self.replace_command(command, changed).await;
        }
        // What is said must hold, although webhooks are late or lost.
        if self.is_doubtful(command, now) && look.is_none() && self.world().messaging().is_some() {
            let seen = self.look_at_meeting(&command.leg).await;
            if let Look::Failed(Reason::RateLimited, wait) = seen
                && let Some(waiting) = command.clone().wait_for_look(wait, now)
            {
                return self.replace_command(command, waiting).await;
            }
            if let Look::Failed(reason, _) = seen {
                self.world().observe_failed_look(reason);
            }
            *look = Some(seen);
        }
        let order = match self.compose(command, look.as_ref(), now) {
            Ok(order) => order,
            Err(reason) => return self.replace_command(command, command.clone().skip(reason, now)).await,
        };
        let failed_look = match look {
            Some(Look::Failed(reason, _)) => Some(*reason),
            _ => None,
        };
        self.invocation.limiter.run(self.perform_order(command, order, failed_look)).await
    }

    /// Performs a composed command, under a claim if a repetition would do harm. `failed_look` is why Calendly could
    /// not be asked first.
    async fn perform_order(
        &self,
        command: &Command,
        order: Order,
        failed_look: Option<Reason>,
    ) -> Result<Command, Stop> {
        let prepared = match (order, self.world().messaging()) {
            (Order::Calendly(call), _) => Prepared::Calendly(call),
            (Order::Vai(call), Some(messaging)) => Prepared::Vai(messaging, call),
            (Order::Message(order), Some(messaging)) => match self.address_message(messaging, command, *order).await {
                Ok(message) => Prepared::Message(messaging, Box::new(message)),
                Err(NotSent::Skip(reason)) => {
                    return self.replace_command(command, command.clone().skip(reason, self.now())).await;
                }
                Err(NotSent::Stop(stop)) => return Err(stop),
            },
            (Order::Publish(call), Some(messaging)) => return self.publish(messaging, command, &call).await,
            (Order::Crm(CrmCall::SyncContact(order)), Some(messaging)) => {
                return self.sync_contact(messaging, command, &order).await;
            }
            (Order::Crm(CrmCall::SendEvent(order)), Some(messaging)) => {
                if let Some(outcome) = self.wait_for_contact(command, &order).await? {
                    let waiting = command.clone().settle_question(outcome, self.now());
                    return self.replace_command(command, waiting).await;
                }
                Prepared::CrmEvent(messaging, order)
            }
            (Order::Crm(CrmCall::AskConsent(order)), Some(messaging)) => Prepared::Consent(messaging, order),
            (Order::Vai(_) | Order::Message(_) | Order::Publish(_) | Order::Crm(_), None) => {
                return Err(Stop::LeftToDueQueue);
            }
        };
        let attempt = match &prepared {
            Prepared::Message(_, message) => message.attempt(failed_look),
            Prepared::Vai(..) | Prepared::Calendly(_) | Prepared::CrmEvent(..) | Prepared::Consent(..) => {
                Attempt::default()
            }
        };
        if !self.invocation.has_time_for_call() {
            self.give_back_unsent(command, &prepared).await;
            return Err(Stop::Open);
        }
        let now = self.now();
        let claimed = match self.replace_command(command, command.clone().claim(now, now + LEASE, attempt)).await {
            Ok(claimed) => claimed,
            Err(stop) => {
                self.give_back_unsent(command, &prepared).await;
                return Err(stop);
            }
        };
        if !self.invocation.has_time_for_call() {
            // Claiming took too long. Nothing was sent.
            let open = claimed.clone().unclaim(self.now());
            self.replace_command(&claimed, open).await?;
            self.give_back_unsent(command, &prepared).await;
            return Err(Stop::Open);
        }
        let outcome = match &prepared {
            Prepared::Message(messaging, message) => self.send_message(messaging, &claimed, message).await,
            Prepared::Vai(messaging, call) => self.call_vai(messaging, &claimed, call, self.now()).await,
            Prepared::Calendly(call) => self.call_calendly(call).await,
            Prepared::CrmEvent(messaging, order) => self.send_crm_event(messaging, order).await,
            Prepared::Consent(messaging, order) => self.ask_consent(messaging, order).await,
        };
        let now = self.now();
        let settled = match &prepared {
            Prepared::Message(_, message) => {
                let (provider, next) = message.providers();
                claimed.clone().settle_or_pass_on(outcome.clone(), provider, next, now)
            }
            Prepared::Vai(..) | Prepared::Calendly(_) | Prepared::CrmEvent(..) | Prepared::Consent(..) => {
                claimed.clone().settle(outcome.clone(), now)
            }
        };
        let settled = match self.snapshot.booking.leg_for_command(&command.leg) {
            Some(leg) => self.give_way_to_email(&settled, &leg, now).await.unwrap_or(settled).hasten(&leg, now),
            None => settled,
        };
        let settled = self.replace_command(&claimed, settled).await?;
        if let Prepared::Message(_, message) = &prepared {
            self.store_refused_opt_out(&settled, &message.contact, &outcome, now).await;
            self.count_outcome(&settled, message, &outcome).await;
        }
        Ok(settled)
    }

    /// Gives up an SMS that waits for its providers for too long, if an e-mail would replace it that the person wants.
    async fn give_way_to_email(&self, command: &Command, leg: &Leg, now: Timestamp) -> Option<Command> {
        let failed = command.give_way_to_email(leg, now).filter(|it| self.may_be_replaced(it, now))?;
        let Some(Action::Message(email)) = command.action.by_email() else { return None };
        if email.is_to_invitee() {
            // Without an answer, the SMS is tried on.
            let key = self.invocation.key_of_email(leg.details.email.expose()).await.ok()?;
            let contact = self.world().store().load_contact(self.invocation.connection, &key).await.ok()?;
            let forbids = |(objection, source): (Objection, ConsentSource)| objection.forbids(source, email.message());
            if contact.objection.and_then(forbids).is_some() {
                return None;
            }
        }
        Some(failed)
    }

    /// Returns whether an e-mail would replace an SMS that ended so.
    fn may_be_replaced(&self, ended: &Command, now: Timestamp) -> bool {
        self.settings.email_instead_of_sms && email_would_replace(self.snapshot, ended, self.settings, now)
    }

    /// Gives back what a prepared message took out of the budgets.
    async fn give_back_unsent(&self, command: &Command, prepared: &Prepared<'_, W::Messaging>) {
        if let Prepared::Message(_, message) = prepared {
            self.give_back(command, message).await;
        }
    }

    /// Moves a command that is due in quiet hours to another time, or skips it. This happens for a retry, a booking
    /// that became known late, or changed settings. `None` if it may be performed now.
    fn leave_quiet_hours(&self, command: &Command, now: Timestamp) -> Option<Command> {
        let leg = self.snapshot.booking.leg_for_command(&command.leg)?;
        let about = (&self.snapshot.booking, &*leg);
        match command.action.time_outside_quiet_hours(about, now, self.settings, now) {
            Ok(time) if time <= now + CLOCK_SKEW => None,
            Ok(time) => Some(command.clone().postpone_to(time, now)),
            Err(reason) => {
                let skipped = command.clone().skip(reason, now);
                // News that no e-mail can bring is better told at night than never. The law of a country holds.
                let is_news = command.action.message().is_some_and(|it| !it.is_timed());
                let is_told_now = reason == Reason::QuietHours && is_news && !self.may_be_replaced(&skipped, now);
                (!is_told_now).then_some(skipped)
            }
        }
    }

    fn compose(&self, command: &Command, look: Option<&Look>, now: Timestamp) -> Result<Order, Reason> {
        let mut booking = Cow::Borrowed(&self.snapshot.booking);
        if let Some(Look::Changed(fact)) = look {
            booking.to_mut().apply_fact(fact);
        }
        let leg = booking.leg_for_command(&command.leg).ok_or(Reason::NotFound)?;
        let Command { passed_over, turn, .. } = command;
        let calendar = find_sent_calendar(&self.snapshot.commands);
        let (turn, settings) = (*turn, self.settings);
        let context = Context { booking: &booking, leg: &leg, passed_over, turn, calendar, settings, now };
        command.action.compose(&context)
    }
}
