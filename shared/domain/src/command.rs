//! Commands: things to do outside. Each is a row of the table.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::destinations::{Action, CalendlyAction, DeliveryGuarantee};
use crate::feedback::{ContactKey, Delivery, Receipt};
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::leg::Leg;
use crate::message::Message;
use crate::provider::Provider;
use crate::reason::{Hindrance, Reason};
use crate::settings::CalendarFile;
use crate::sms_cost::{SmsCharge, SmsCost};
use crate::time;

/// The outcome of a try, as reported by an adapter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The action is done.
    Done {
        /// The provider's own id, if it returns one.
        provider_id: Option<String>,
        /// What the provider says that an SMS costs, if it says so.
        charge: SmsCharge,
    },
    /// The action will never work.
    Refused {
        /// The reason.
        reason: Reason,
        /// Status and code, without personal data.
        detail: String,
    },
    /// The action was certainly not done. It may be tried again.
    Unsent {
        /// The reason.
        reason: Reason,
        /// The wait that the provider asked for, in seconds.
        after_seconds: Option<u32>,
        /// What went wrong, without personal data.
        detail: String,
    },
    /// It is not known whether the action was done.
    Unknown {
        /// The wait that the provider asked for, in seconds. It counts if the action is tried again.
        after_seconds: Option<u32>,
        /// What went wrong, without personal data.
        detail: String,
    },
}

impl Outcome {
    /// Returns that the action is done. `provider_id` is the provider's own id, if it returns one.
    pub const fn done(provider_id: Option<String>) -> Self {
        Self::Done { provider_id, charge: SmsCharge { segments: None, price: None } }
    }
}

/// The state of a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Must be done now, or needs a timer if it is due later.
    Open,
    /// Has a timer for its due time.
    Waiting,
    /// A function performs it, or was killed while performing it.
    Claimed {
        /// When the claim expires.
        until: Timestamp,
    },
    /// Done.
    Done {
        /// The provider's id.
        #[serde(default)]
        provider_id: Option<String>,
    },
    /// Not done, for a reason that was found when it was planned or when it was due.
    Skipped {
        /// The reason.
        reason: Reason,
    },
    /// No longer wanted. Its timer must still be removed.
    Withdrawing {
        /// The reason.
        reason: Reason,
    },
    /// No longer wanted.
    Withdrawn {
        /// The reason.
        reason: Reason,
    },
    /// It failed, and will not be tried again.
    Failed {
        /// The reason.
        reason: Reason,
    },
    /// It is not known whether the action was done.
    Unknown,
}

impl State {
    /// Returns the name that is stored and shown.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Claimed { .. } => "claimed",
            Self::Done { .. } => "done",
            Self::Skipped { .. } => "skipped",
            Self::Withdrawing { .. } => "withdrawing",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Failed { .. } => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Returns whether the command will not change any more.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Open | Self::Waiting | Self::Claimed { .. } | Self::Withdrawing { .. } => false,
            Self::Done { .. } | Self::Skipped { .. } | Self::Withdrawn { .. } | Self::Failed { .. } | Self::Unknown => {
                true
            }
        }
    }

    /// Returns the entry that the history gets when a command enters this state.
    fn change(&self) -> Change {
        match self {
            Self::Open => Change::Open,
            Self::Waiting => Change::Waiting,
            Self::Claimed { .. } => Change::Claimed,
            Self::Done { .. } => Change::Done,
            Self::Skipped { .. } => Change::Skipped,
            Self::Withdrawing { .. } => Change::Withdrawing,
            Self::Withdrawn { .. } => Change::Withdrawn,
            Self::Failed { .. } => Change::Failed,
            Self::Unknown => Change::Unknown,
        }
    }
}

/// What happened to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It must be done again.
    Open,
    /// A timer was created.
    Waiting,
    /// A function began to perform it.
    Claimed,
    /// It was done.
    Done,
    /// It was skipped for a reason.
    Skipped,
    /// It was withdrawn. Its timer must still be removed.
    Withdrawing,
    /// It was withdrawn and has no timer.
    Withdrawn,
    /// It failed.
    Failed,
    /// It is not known whether the action was done.
    Unknown,
    /// It will be tried again later.
    #[serde(rename = "retry")]
    RetryPlanned,
    /// It replaces an SMS. This is the first entry of such a command.
    #[serde(rename = "instead")]
    ReplacesSms,
    /// Its due time was moved out of quiet hours.
    Postponed,
    /// A provider could not or would not send it. The next provider tries.
    PassedOver,
    /// The provider passed the message on.
    Sent,
    /// The message arrived.
    Delivered,
    /// The message did not arrive.
    Undelivered,
    /// The recipient replied.
    Replied,
    /// The recipient objects to further messages, as the provider reports.
    Objected,
    /// Events were appended to the booking's log. This is the first entry of the command that tells of them.
    Appended,
}

impl From<Delivery> for Change {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Sent => Self::Sent,
            Delivery::Delivered => Self::Delivered,
            Delivery::Failed => Self::Undelivered,
        }
    }
}

/// One entry of a command's history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// When, by our clock.
    pub at: Timestamp,
    /// What happened.
    pub what: Change,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Details, without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Note {
    /// Returns whether its details have this text.
    fn names(&self, text: &str) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.contains(text))
    }
}

/// What is stored of a try before it is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attempt {
    /// Describes it, without personal data.
    pub detail: Option<String>,
    /// The key of the recipient's contact, an HMAC of the address.
    pub to: Option<ContactKey>,
    /// The attached calendar file.
    pub calendar: Option<CalendarFile>,
    /// What an SMS costs.
    pub cost: Option<SmsCost>,
}

/// One thing to do: a row of the outbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// The row's id, and the idempotency key of the call.
    pub id: CommandId,
    /// What to do.
    pub action: Action,
    /// The leg that it is about.
    pub leg: InviteeUri,
    /// The earliest time to do it. `None`: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Its state.
    #[serde(flatten)]
    pub state: State,
    /// The number of tries.
    #[serde(default)]
    pub attempts: u32,
    /// The number of times that its due time was moved out of quiet hours, or changed when it was reopened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub postponed: u32,
    /// The number of tries for which the connection had no login at Calendly. They do not count as tries that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parked: u32,
    /// The providers that could not or would not send it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<Provider>,
    /// How often it was another provider's turn, because one did not answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub turn: u32,
    /// Until when providers have asked us to wait before they are tried again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked_to_wait: BTreeMap<Provider, Timestamp>,
    /// The key of the recipient's contact, an HMAC of the address. Receipts and replies refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ContactKey>,
    /// The calendar file of the latest try that had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarFile>,
    /// What each try of an SMS costs that was sent or may have been sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<SmsCost>,
    /// The delivery state since the provider accepted the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Its history, in order.
    #[serde(default)]
    pub history: Vec<Note>,
    /// The number of changes. Conditional writes compare it. The table has it in a separate attribute.
    #[serde(skip)]
    pub revision: u64,
}

/// How long a command waits before it is tried again that needs a login at Calendly: SQS delays messages by at most
/// this.
const PARKED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// How long an SMS about what somebody has just done waits for its providers before an e-mail replaces it.
const NEWS_WAITS: SignedDuration = SignedDuration::from_mins(30);

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The tries by one provider that does not answer. Then the providers take turns.
const TRIES_BEFORE_TURNS: u32 = 2;

/// A provider that asks for a longer wait, in seconds, leaves its turn to another one.
const LONGEST_PATIENCE: u32 = 120;

/// How long a message waits at most until Calendly can be asked.
const LOOK_PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// The longest wait that a provider may ask for, in seconds: a day.
const LONGEST_RETRY_AFTER: u32 = 86_400;

/// How many tries in a row that fail for the same reason the history shows. Of later ones it shows the last.
const MOST_SHOWN: usize = 6;

/// The most replies to one message that are stored, so that they do not fill the row.
const MOST_REPLIES: usize = 20;

impl Command {
    /// Returns a new command.
    pub fn new(
        booking: &BookingId,
        action: impl Into<Action>,
        leg: InviteeUri,
        start: Timestamp,
        not_before: Option<Timestamp>,
    ) -> Self {
        let action = action.into();
        Self {
            id: action.command_id(booking, &leg, start),
            action,
            leg,
            not_before,
            state: State::Open,
            attempts: 0,
            postponed: 0,
            parked: 0,
            passed_over: Vec::new(),
            turn: 0,
            asked_to_wait: BTreeMap::new(),
            to: None,
            calendar: None,
            costs: Vec::new(),
            delivery: None,
            history: Vec::new(),
            revision: 0,
        }
    }

    /// Adds an entry to the history and increments the revision.
    fn note(mut self, at: Timestamp, what: Change, reason: Option<Reason>, detail: Option<String>) -> Self {
        self.history.push(Note { at, what, reason, detail });
        self.revision += 1;
        self
    }

    /// Puts the command into another state.
    pub fn with_state(mut self, state: State, now: Timestamp, reason: Option<Reason>, detail: Option<String>) -> Self {
        let change = state.change();
        self.state = state;
        self.note(now, change, reason, detail)
    }

    /// Marks the command as the replacement of an SMS, with the reason.
    pub(crate) fn mark_as_fallback(self, now: Timestamp, reason: Reason) -> Self {
        self.note(now, Change::ReplacesSms, Some(reason), None)
    }

    /// Marks the command as one that tells of events.
    pub(crate) fn mark_as_appended(self, now: Timestamp) -> Self {
        self.note(now, Change::Appended, None, None)
    }

    /// Returns whether it replaces an SMS.
    pub(crate) fn is_fallback(&self) -> bool {
        self.history.first().is_some_and(|note| note.what == Change::ReplacesSms)
    }

    /// Returns since when and why an e-mail should replace this SMS: it cannot be sent, was refused or did not arrive.
    /// An SMS that may have been sent is not replaced.
    pub(crate) fn email_fallback(&self) -> Option<(Timestamp, Reason)> {
        let ended = match self.state {
            State::Skipped { reason } => (reason.hindrance() == Hindrance::Sms).then_some(reason),
            State::Failed { reason } => Some(reason),
            // With several tries, the receipt may be about one of them only.
            State::Done { .. } => {
                let is_in_doubt = self.attempts > 1 && self.was_unknown_before();
                (self.delivery == Some(Delivery::Failed) && !is_in_doubt).then_some(Reason::Undelivered)
            }
            State::Open
            | State::Waiting
            | State::Claimed { .. }
            | State::Withdrawing { .. }
            | State::Withdrawn { .. }
            | State::Unknown => None,
        };
        // A person who opted out of follow-ups by SMS does not get them by e-mail.
        let is_unwanted =
            |reason: &Reason| *reason == Reason::OptedOut && self.action.message().is_some_and(Message::is_follow_up);
        Some((self.history.last()?.at, ended.filter(|reason| !is_unwanted(reason))?))
    }

    /// Returns whether it is an SMS that was not tried yet and is planned for later, so that an e-mail can still be
    /// planned for the same time.
    pub(crate) fn accepts_email(&self, now: Timestamp) -> bool {
        let is_pending = matches!(self.state, State::Open | State::Waiting);
        is_pending && self.attempts == 0 && self.not_before.is_some_and(|at| at > now)
    }

    /// Returns whether it is an SMS that an e-mail could replace.
    pub fn allows_email_fallback(&self) -> bool {
        self.action.by_email().is_some() && self.email_fallback().is_some()
    }

    /// Returns whether a command may be done after all, because the reason against it can end. It was withdrawn because
    /// of settings, the host's no-show mark, an agent's cancellation that Calendly refused, or another try by the
    /// agent; or it was skipped when it was planned, and its time has not come yet.
    pub(crate) fn may_be_reopened(&self, now: Timestamp) -> bool {
        use Reason::{
            CameAfterAll, CancelRequested, ConnectionDisabled, EventTypeIgnored, SettingsChanged, TriedAgain,
        };
        match self.state {
            State::Withdrawn { reason } | State::Withdrawing { reason } => matches!(
                reason,
                SettingsChanged | EventTypeIgnored | ConnectionDisabled | CameAfterAll | CancelRequested | TriedAgain
            ),
            // What people are told at once is told once. Old bookings are told nothing because of settings.
            State::Skipped { reason } => {
                reason.hindrance() != Hindrance::Final && self.not_before.is_some_and(|at| at > now)
            }
            _ => false,
        }
    }

    /// Reopens a withdrawn command. If its due time has changed, its timer gets another name, because the old timer may
    /// still exist.
    pub(crate) fn reopen(mut self, not_before: Option<Timestamp>, now: Timestamp) -> Self {
        if self.not_before != not_before {
            self.postponed += 1;
            self.not_before = not_before;
        }
        self.with_state(State::Open, now, None, None)
    }

    /// Moves the command to a due time outside quiet hours.
    pub fn postpone_to(mut self, hour: Timestamp, now: Timestamp) -> Self {
        self.postponed += 1;
        self.not_before = Some(hour);
        self.state = State::Open;
        self.note(now, Change::Postponed, None, None)
    }

    /// Moves a message to the time when Calendly can be asked again, so that it says what holds then. `seconds` is the
    /// time until Calendly's rate limit resets. Returns `None` if the message has waited long enough: for ten minutes,
    /// or for a quarter of the time that it comes ahead of the meeting.
    pub fn wait_for_look(mut self, seconds: Option<u32>, now: Timestamp) -> Option<Self> {
        let is_wait = |note: &&Note| note.what == Change::Postponed && note.reason == Some(Reason::RateLimited);
        let since = self.history.iter().find(is_wait).map_or(now, |note| note.at);
        let ahead = match self.action.message()? {
            Message::Reminder { minutes_before } | Message::Reconfirmation { minutes_before } => minutes_before,
            _ => u32::MAX,
        };
        let patience = LOOK_PATIENCE.min(SignedDuration::from_secs(i64::from(ahead) * 60 / 4));
        // Those that wait for the same reset go on spread over the minute after it.
        let wait = seconds.unwrap_or(0).min(60) + self.spread(self.postponed, 60);
        let at = now + SignedDuration::from_secs(i64::from(wait.max(1)));
        if at.duration_since(since) > patience {
            return None;
        }
        self.postponed += 1;
        self.not_before = Some(at);
        self.state = State::Open;
        Some(self.note(now, Change::Postponed, Some(Reason::RateLimited), None))
    }

    /// Settles a try. If the provider refused for reasons of its own or of its account, and there is a next provider,
    /// the command is reopened for that one. An opt-out or an unsuitable number is not passed on.
    pub fn settle_or_pass_on(
        mut self,
        outcome: Outcome,
        provider: Provider,
        next: Option<Provider>,
        now: Timestamp,
    ) -> Self {
        if matches!(outcome, Outcome::Refused { .. } | Outcome::Unsent { .. }) {
            self.costs.pop();
        }
        // A message that may have reached the person is not sent again by another provider.
        let next = next.filter(|_| !self.was_unknown_before());
        let (reason, detail, next) = match (outcome, next) {
            (Outcome::Refused { reason, detail }, Some(next))
                if matches!(reason, Reason::Misconfigured | Reason::ProviderRefused) =>
            {
                (reason, detail, next)
            }
            (Outcome::Unsent { reason: reason @ Reason::Misconfigured, detail, .. }, Some(next)) => {
                (reason, detail, next)
            }
            // It may answer again soon. If not, the providers take turns, and one need not wait for another.
            (Outcome::Unsent { reason, after_seconds, detail }, Some(next))
                if self.attempts >= TRIES_BEFORE_TURNS || after_seconds.is_some_and(|it| it > LONGEST_PATIENCE) =>
            {
                let after = |seconds: u32| now + SignedDuration::from_secs(i64::from(seconds));
                let backoff = self.action.retry_schedule().wait_after(self.attempts).unwrap_or(0);
                self.asked_to_wait.retain(|_, until| *until > now);
                self.asked_to_wait.extend(after_seconds.map(|seconds| (provider, after(seconds))));
                // The other provider may have asked for a longer wait.
                let other = self.asked_to_wait.get(&next).copied();
                if other.is_some_and(|until| until > after(backoff.max(after_seconds.unwrap_or(0)))) {
                    return self.settle(Outcome::Unsent { reason, after_seconds, detail }, now);
                }
                self.turn += 1;
                let detail = format!("{detail}; it is the turn of {}", next.title());
                let after_seconds = other.and_then(|until| u32::try_from(until.duration_since(now).as_secs()).ok());
                return self.settle(Outcome::Unsent { reason, after_seconds, detail }, now);
            }
            (outcome, _) => return self.settle(outcome, now),
        };
        self.passed_over.push(provider);
        self.state = State::Open;
        self.note(now, Change::PassedOver, Some(reason), Some(format!("{detail}; {} takes over", next.title())))
    }

    /// Applies a provider's receipt. Returns `None` if it has nothing new. A delivery state and a price count only for
    /// the message that this command sent; a delivery state also settles an unknown outcome; an objection always
    /// counts.
    pub fn apply_receipt(mut self, receipt: &Receipt, now: Timestamp) -> Option<Self> {
        let objected = receipt.objection.map(|(objection, source)| objection.describe(source));
        let is_known = |objected: &&str| self.history.iter().any(|note| note.names(objected));
        let objected = objected.filter(|it| !is_known(it));
        let delivery = receipt.delivery.filter(|it| self.matches_receipt(receipt) && self.delivery < Some(*it));
        let price = receipt.price.clone().filter(|_| self.matches_receipt(receipt));
        let charged = self.correct_cost(&SmsCharge { segments: None, price });
        let code = receipt.code.as_ref().map(|code| format!("code {code}"));
        let detail =
            [code.as_deref(), charged.as_deref(), objected].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let detail = Some(detail).filter(|it| !it.is_empty());
        let Some(delivery) = delivery else {
            if objected.is_some() {
                return Some(self.note(now, Change::Objected, None, detail));
            }
            // A price that comes late changes the cost, and is nothing that happened to the message.
            self.revision += 1;
            return charged.map(|_| self);
        };
        self.delivery = Some(delivery);
        if !matches!(self.state, State::Done { .. }) {
            self.state = State::Done { provider_id: receipt.provider_id.clone() };
        }
        let reason = (delivery == Delivery::Failed).then_some(Reason::Undelivered);
        Some(self.note(now, delivery.into(), reason, detail))
    }

    /// Returns whether a receipt is about the message that this command sent or may have sent.
    pub fn matches_receipt(&self, receipt: &Receipt) -> bool {
        match &self.state {
            State::Done { provider_id: Some(id) } => receipt.provider_id.as_ref().is_none_or(|other| other == id),
            State::Done { provider_id: None } | State::Unknown => true,
            // Its outcome was unknown, and it waits for another try.
            State::Open | State::Waiting => self.was_unknown_before(),
            State::Claimed { .. }
            | State::Skipped { .. }
            | State::Withdrawing { .. }
            | State::Withdrawn { .. }
            | State::Failed { .. } => false,
        }
    }

    /// Adds an entry for a reply; `meaning` is our interpretation and has no words of the person. Returns `None` if the
    /// reply already has an entry or there are too many.
    pub fn record_reply(&self, meaning: &str, at: Timestamp) -> Option<Self> {
        let mut replies = self.history.iter().filter(|note| note.what == Change::Replied);
        let is_known = replies.clone().count() >= MOST_REPLIES || replies.any(|note| note.at == at);
        (!is_known).then(|| self.clone().note(at, Change::Replied, None, Some(meaning.to_owned())))
    }

    /// Returns whether its last try failed because its contact was not in the CRM yet, or was being written.
    pub fn waits_for_contact(&self) -> bool {
        let last = self.history.iter().rfind(|note| note.what == Change::RetryPlanned);
        last.is_some_and(|note| note.reason == Some(Reason::ContactBusy))
    }

    /// Returns whether it is due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// Returns the name of its timer. Each retry has another name, because the earlier timer may still exist.
    pub fn timer(&self) -> String {
        let retry = if self.attempts == 0 { String::new() } else { format!("-r{}", self.attempts) };
        let postponed = if self.postponed == 0 { String::new() } else { format!("-p{}", self.postponed) };
        format!("{}{retry}{postponed}", self.id)
    }

    /// Skips the command when it is due. If an earlier try may have worked, the command ends as unknown.
    pub fn skip(self, reason: Reason, now: Timestamp) -> Self {
        let state = if self.was_unknown_before() { State::Unknown } else { State::Skipped { reason } };
        self.with_state(state, now, Some(reason), None)
    }

    /// Withdraws the command. Its timer, if any, must still be removed. If an earlier try may have worked, the command
    /// ends as unknown, and its timer does nothing.
    pub fn withdraw(self, reason: Reason, now: Timestamp) -> Self {
        let state = match self.state {
            _ if self.was_unknown_before() => State::Unknown,
            // It has no timer yet.
            State::Open => State::Withdrawn { reason },
            _ => State::Withdrawing { reason },
        };
        self.with_state(state, now, Some(reason), None)
    }

    /// Claims the command for a try until `until`.
    pub fn claim(mut self, now: Timestamp, until: Timestamp, attempt: Attempt) -> Self {
        let Attempt { detail, to, calendar, cost } = attempt;
        self.attempts += 1;
        self.costs.extend(cost);
        self.to = to.or(self.to);
        self.calendar = calendar.or(self.calendar);
        self.with_state(State::Claimed { until }, now, None, detail)
    }

    /// Gives a claim up before the call was made.
    #[must_use]
    pub fn unclaim(mut self, now: Timestamp) -> Self {
        self.costs.pop();
        self.with_state(State::Open, now, None, None)
    }

    /// Returns the calendar file that the recipient has or may have.
    pub(crate) fn sent_calendar(&self) -> Option<CalendarFile> {
        let may_have_arrived = match self.state {
            State::Done { .. } => self.delivery != Some(Delivery::Failed),
            State::Claimed { .. } | State::Unknown => true,
            _ => self.was_unknown_before(),
        };
        self.calendar.filter(|_| may_have_arrived)
    }

    /// Settles a call that only reads and needs no claim.
    pub fn settle_question(mut self, outcome: Outcome, now: Timestamp) -> Self {
        self.attempts += 1;
        self.settle(outcome, now)
    }

    /// Settles a try.
    pub fn settle(mut self, outcome: Outcome, now: Timestamp) -> Self {
        match outcome {
            Outcome::Done { provider_id, charge } => {
                let charged = self.correct_cost(&charge);
                self.with_state(State::Done { provider_id }, now, None, charged)
            }
            // What refuses this try does not take an earlier one back that may have worked.
            Outcome::Refused { reason, detail } => {
                let state = if self.was_unknown_before() { State::Unknown } else { State::Failed { reason } };
                self.with_state(state, now, Some(reason), Some(detail))
            }
            Outcome::Unsent { reason, after_seconds, detail } => self.retry_later(now, reason, after_seconds, detail),
            Outcome::Unknown { after_seconds, detail } => {
                let is_repeated = match self.action.guarantee() {
                    DeliveryGuarantee::AtMostOnce => false,
                    DeliveryGuarantee::OnceMore => !self.was_unknown_before(),
                    DeliveryGuarantee::AtLeastOnce => true,
                };
                if is_repeated {
                    self.retry_later(now, Reason::Unknown, after_seconds, detail)
                } else {
                    self.with_state(State::Unknown, now, Some(Reason::Unknown), Some(detail))
                }
            }
        }
    }

    /// Replaces the cost of the latest try by what the provider says. Returns the details for the history, if that is
    /// something else than was assumed.
    fn correct_cost(&mut self, charge: &SmsCharge) -> Option<String> {
        let cost = self.costs.last_mut()?;
        let charged = cost.charged(charge);
        if charged == *cost {
            return None;
        }
        *cost = charged;
        Some(format!("the provider counts {cost}"))
    }

    /// Gives up an SMS that was certainly not sent, so that an e-mail can replace it. Returns `None` if the next try
    /// comes early enough: before the start of its meeting, and within half an hour of the first try if it tells of
    /// what somebody has just done.
    pub fn give_way_to_email(&self, leg: &Leg, now: Timestamp) -> Option<Self> {
        let start = leg.details.start;
        let is_waiting = self.state == State::Open && !self.is_due(now) && !self.was_unknown_before();
        if !is_waiting || self.action.by_email().is_none() {
            return None;
        }
        let first_try = self.history.iter().find(|note| note.what == Change::Claimed).map(|note| note.at);
        let is_news = self.action.message().is_some_and(|message| !message.is_timed());
        let patience = first_try.filter(|_| is_news).map(|at| time::add(at, NEWS_WAITS));
        let latest = patience.into_iter().chain((now < start).then_some(start)).min()?;
        let reason = Reason::GaveUp;
        (!self.is_due(latest)).then(|| self.clone().with_state(State::Failed { reason }, now, Some(reason), None))
    }

    /// Brings the next try of a cancellation at Calendly forward as its meeting comes closer: to half of the time that
    /// is left, but to no less than a minute from now.
    #[must_use]
    pub fn hasten(mut self, leg: &Leg, now: Timestamp) -> Self {
        let is_waiting = self.state == State::Open && !self.is_due(now);
        if is_waiting && self.action == CalendlyAction::CancelEvent.into() {
            let half = leg.details.start.duration_since(now).as_secs() / 2;
            let soonest = now + SignedDuration::from_secs(half.max(60));
            self.not_before = self.not_before.map(|at| at.min(soonest));
        }
        self
    }

    /// Brings the next try forward as if time passed faster, but to no less than ten seconds from now: a timer may fire
    /// some seconds early, and would otherwise find it due at once. At speed 1 nothing changes.
    #[must_use]
    pub fn hurry_retry(mut self, speed: u32, now: Timestamp) -> Self {
        let is_retry = self.history.last().is_some_and(|note| note.what == Change::RetryPlanned);
        if speed > 1
            && is_retry
            && let Some(at) = self.not_before
        {
            let wait = at.duration_since(now).as_secs();
            self.not_before = Some(at.min(now + SignedDuration::from_secs((wait / i64::from(speed)).max(10))));
        }
        self
    }

    /// Returns a wait that is up to a fifth longer or shorter, so that commands that failed together are not all
    /// retried at the same time. It is derived from the command's id, because this crate has no randomness.
    fn jittered(&self, seconds: u32) -> u32 {
        let fifth = seconds / 5;
        seconds - fifth + self.spread(self.attempts, 2 * fifth + 1)
    }

    /// Returns a number below `end` that differs between commands and rounds.
    fn spread(&self, round: u32, end: u32) -> u32 {
        let mix = |mix: u64, byte: u8| (mix ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mixed = self.id.as_str().bytes().fold(u64::from(round), mix);
        u32::try_from((mixed >> 16) % u64::from(end.max(1))).unwrap_or_default()
    }

    /// Waits for somebody to connect again. The history has the first and the last of such tries.
    fn park(mut self, now: Timestamp, detail: String) -> Self {
        self.parked += 1;
        self.not_before = Some(now + PARKED_FOR);
        self.state = State::Open;
        let is_parking = |note: &Note| note.what == Change::RetryPlanned && note.reason == Some(Reason::NeedsReconnect);
        let is_between = |note: &Note| matches!(note.what, Change::Claimed | Change::Waiting);
        let run = self.history.iter().rev().take_while(|note| is_parking(note) || is_between(note)).count();
        let start = self.history.len() - run;
        if let Some(first) = self.history[start..].iter().position(is_parking) {
            self.history.truncate(start + first + 1);
        }
        self.note(now, Change::RetryPlanned, Some(Reason::NeedsReconnect), Some(detail))
    }

    /// Returns whether the outcome of an earlier try is unknown.
    pub(crate) fn was_unknown_before(&self) -> bool {
        self.history.iter().any(|note| note.reason == Some(Reason::Unknown))
    }

    fn retry_later(mut self, now: Timestamp, reason: Reason, after_seconds: Option<u32>, detail: String) -> Self {
        if reason == Reason::NeedsReconnect {
            return self.park(now, detail);
        }
        let Some(backoff) = self.action.retry_schedule().wait_after(self.attempts.saturating_sub(self.parked)) else {
            // An earlier try may have worked. The failure of the last try must not hide that.
            let (state, reason) = if reason == Reason::Unknown || self.was_unknown_before() {
                (State::Unknown, Reason::Unknown)
            } else {
                (State::Failed { reason: Reason::GaveUp }, Reason::GaveUp)
            };
            return self.with_state(state, now, Some(reason), Some(detail));
        };
        let backoff = self.jittered(backoff);
        // A provider may ask for a longer wait.
        let wait = after_seconds.map_or(backoff, |wait| wait.clamp(backoff, LONGEST_RETRY_AFTER.max(backoff)));
        self.not_before = Some(now + SignedDuration::from_secs(i64::from(wait)));
        self.state = State::Open;
        self.shorten_history(reason);
        self.note(now, Change::RetryPlanned, Some(reason), Some(detail))
    }

    /// Removes the last try from the history if there were many in a row with the same reason.
    fn shorten_history(&mut self, reason: Reason) {
        let is_retry = |note: &Note| note.what == Change::RetryPlanned && note.reason == Some(reason);
        let is_between = |note: &Note| matches!(note.what, Change::Claimed | Change::Waiting);
        let run = self.history.iter().rev().take_while(|note| is_retry(note) || is_between(note)).count();
        let start = self.history.len() - run;
        let mut retries = self.history[start..].iter().enumerate().filter(|(_, note)| is_retry(note));
        if let Some((index, _)) = retries.nth(MOST_SHOWN - 1) {
            self.history.truncate(start + index);
        }
    }
}
