//! Commands: what is to be done in the outside world, one durable row each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::settings::Provider;
use crate::{BookingId, CommandId, ContactKey, Delivery, FactId, InviteeUri, Private, Reason, Receipt};

/// A message to a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The meeting is booked.
    Confirmation,
    /// The meeting is at another time now.
    Move,
    /// The meeting is off.
    Cancellation,
    /// The meeting is near.
    Reminder {
        /// Minutes before the start.
        minutes_before: u32,
    },
    /// The meeting is over.
    FollowUp {
        /// Minutes after the end.
        minutes_after: u32,
    },
    /// The host said that the invitee did not come.
    NoShow,
    /// The invitee is asked to say if they are not coming after all.
    Reconfirmation {
        /// Minutes before the start.
        minutes_before: u32,
    },
    /// What VAI's agent was to book could not be booked in the end.
    NotBooked,
    /// To a host.
    HostNotice(Notice),
}

/// What a host is told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The meeting is booked.
    Booked,
    /// The meeting is at another time now.
    Moved,
    /// The meeting is off.
    Canceled,
}

impl Notice {
    /// The name that wording uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Moved => "moved",
            Self::Canceled => "canceled",
        }
    }
}

impl Message {
    /// The names of all messages, in the order in which they are listed to people.
    pub const NAMES: [&str; 9] = [
        "confirmation",
        "move",
        "cancellation",
        "reminder",
        "follow_up",
        "no_show",
        "host_notice",
        "reconfirmation",
        "not_booked",
    ];

    /// Every message that differs from the others in what it says, as it is previewed.
    pub const SAMPLES: [Self; 11] = [
        Self::Confirmation,
        Self::Move,
        Self::Cancellation,
        Self::Reminder { minutes_before: 60 },
        Self::FollowUp { minutes_after: 30 },
        Self::NoShow,
        Self::HostNotice(Notice::Booked),
        Self::HostNotice(Notice::Moved),
        Self::HostNotice(Notice::Canceled),
        Self::Reconfirmation { minutes_before: 1440 },
        Self::NotBooked,
    ];

    /// The name that settings and templates use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Move => "move",
            Self::Cancellation => "cancellation",
            Self::Reminder { .. } => "reminder",
            Self::FollowUp { .. } => "follow_up",
            Self::NoShow => "no_show",
            Self::HostNotice(_) => "host_notice",
            Self::Reconfirmation { .. } => "reconfirmation",
            Self::NotBooked => "not_booked",
        }
    }

    /// Whether it comes of a clock rather than of something that somebody has just done: quiet hours are kept for it, and
    /// nobody is told twice when in doubt.
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Reminder { .. } | Self::FollowUp { .. } | Self::NoShow | Self::Reconfirmation { .. })
    }

    /// Whether it is about no meeting that is to come: people may object to these alone.
    pub fn is_follow_up(self) -> bool {
        matches!(self, Self::FollowUp { .. } | Self::NoShow)
    }
}

/// News for VAI's backend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// `/calendly/notify`: an agent's booking was made.
    Booked,
    /// `/calendly/confirmed`.
    Confirmed,
    /// `/calendly/canceled`.
    Canceled,
    /// `/calendly/rescheduled`.
    Rescheduled,
}

/// The three facts that VAI's analytics wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analytics {
    /// `invitee_created`.
    InviteeCreated,
    /// `invitee_canceled`.
    InviteeCanceled,
    /// `invitee_rescheduled`.
    InviteeRescheduled,
}

impl Analytics {
    /// The `event_type` of `/analytics/log`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InviteeCreated => "invitee_created",
            Self::InviteeCanceled => "invitee_canceled",
            Self::InviteeRescheduled => "invitee_rescheduled",
        }
    }
}

/// What a command does. Who gets it and what it says is composed when it is performed, from the booking of that moment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An SMS to the invitee.
    #[serde(rename = "text")]
    Sms(Message),
    /// An e-mail to the invitee.
    #[serde(rename = "mail")]
    Email(Message),
    /// An SMS to a host, named by the address at Calendly; the empty one stands for the settings' one phone for all.
    #[serde(rename = "text_host")]
    SmsHost(Notice, Private<String>),
    /// An e-mail to a host.
    #[serde(rename = "mail_host")]
    EmailHost(Notice, Private<String>),
    /// News for VAI.
    TellVai(News),
    /// A conversation that VAI takes up again: `/followup/schedule`.
    OfferHelp,
    /// A fact for VAI's analytics, with the payload that told it.
    Log(Analytics, FactId),
    /// The new half of a move is missing: Calendly is asked for it.
    #[serde(rename = "heal")]
    FetchMissingHalf,
    /// The event is canceled at Calendly: an agent said so, or it was moved by us.
    Cancel,
}

/// Which way an action errs when nobody can tell whether it was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryGuarantee {
    /// Rather not at all than twice: it stays unknown.
    AtMostOnce,
    /// Rather twice than not at all, but never thrice: one more try.
    OnceMore,
    /// As often as it takes: the receiver gets our idempotency key and can tell.
    AtLeastOnce,
}

impl Action {
    /// How this action errs. Of the providers only Brevo has an idempotency that is documented, and only for half an hour,
    /// so every action must say.
    pub fn guarantee(&self) -> DeliveryGuarantee {
        match self {
            Self::Sms(message) | Self::Email(message) if message.is_timed() => DeliveryGuarantee::AtMostOnce,
            Self::OfferHelp => DeliveryGuarantee::AtMostOnce,
            Self::Sms(_) | Self::Email(_) | Self::SmsHost(..) | Self::EmailHost(..) => DeliveryGuarantee::OnceMore,
            // What is canceled stays so.
            Self::TellVai(_) | Self::Log(..) | Self::FetchMissingHalf | Self::Cancel => DeliveryGuarantee::AtLeastOnce,
        }
    }

    /// The message that it brings to a person.
    pub fn message(&self) -> Option<Message> {
        match self {
            Self::Sms(message) | Self::Email(message) => Some(*message),
            Self::SmsHost(notice, _) | Self::EmailHost(notice, _) => Some(Message::HostNotice(*notice)),
            Self::TellVai(_) | Self::OfferHelp | Self::Log(..) | Self::FetchMissingHalf | Self::Cancel => None,
        }
    }

    /// For an SMS: the e-mail that says the same.
    pub fn by_email(&self) -> Option<Self> {
        match self {
            Self::Sms(message) => Some(Self::Email(*message)),
            Self::SmsHost(notice, host) if !host.expose().is_empty() => Some(Self::EmailHost(*notice, host.clone())),
            _ => None,
        }
    }

    /// The readable part of a command's id.
    pub fn slug(&self) -> String {
        let message = |channel: &str, message: &Message| {
            let name = message.name().replace('_', "-");
            match message {
                Message::Reminder { minutes_before } => format!("{channel}-{name}-{minutes_before}m"),
                // A timer's name has 64 characters.
                Message::Reconfirmation { minutes_before } => format!("{channel}-reconfirm-{minutes_before}m"),
                Message::FollowUp { minutes_after } => format!("{channel}-{name}-{minutes_after}m"),
                _ => format!("{channel}-{name}"),
            }
        };
        match self {
            Self::Sms(text) => message("sms", text),
            Self::Email(mail) => message("mail", mail),
            Self::SmsHost(notice, _) => format!("sms-host-{}", notice.name()),
            Self::EmailHost(notice, _) => format!("mail-host-{}", notice.name()),
            Self::TellVai(News::Booked) => "vai-booked".to_owned(),
            Self::TellVai(News::Confirmed) => "vai-confirmed".to_owned(),
            Self::TellVai(News::Canceled) => "vai-canceled".to_owned(),
            Self::TellVai(News::Rescheduled) => "vai-rescheduled".to_owned(),
            Self::OfferHelp => "vai-offer-help".to_owned(),
            Self::Log(what, _) => format!("log-{}", what.name().replace('_', "-")),
            Self::FetchMissingHalf => "heal".to_owned(),
            Self::Cancel => "cancel".to_owned(),
        }
    }
}

/// What became of an attempt, as a provider's adapter reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The provider has it.
    Done {
        /// The provider's own id of it, where it gives one.
        provider_id: Option<String>,
    },
    /// It will never work.
    Refused {
        /// Why.
        reason: Reason,
        /// The provider's words, without personal data.
        detail: String,
    },
    /// It was certainly not done, and may be tried again.
    Unsent {
        /// Why.
        reason: Reason,
        /// How long the provider asked us to wait.
        after_seconds: Option<u32>,
        /// What went wrong, without personal data.
        detail: String,
    },
    /// It may or may not have been done.
    Unknown {
        /// What went wrong, without personal data.
        detail: String,
    },
}

/// Where a command stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// To be done, or to be given a timer when its hour is ahead.
    Open,
    /// A timer will bring it back at its hour.
    Waiting,
    /// Somebody is doing it, or died while doing it.
    Claimed {
        /// When the claim lapses.
        until: Timestamp,
    },
    /// Done.
    Done {
        /// The provider's id of it.
        #[serde(default)]
        provider_id: Option<String>,
    },
    /// Decided against from the beginning or at its hour.
    Skipped {
        /// Why.
        reason: Reason,
    },
    /// Taken back; its timer is still to be removed.
    Withdrawing {
        /// Why.
        reason: Reason,
    },
    /// Taken back before it happened.
    Withdrawn {
        /// Why.
        reason: Reason,
    },
    /// It did not work and never will.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// The provider may or may not have acted.
    Unknown,
}

impl State {
    /// The name under which it is stored and shown.
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

    /// Whether nothing more will happen to the command.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Open | Self::Waiting | Self::Claimed { .. } | Self::Withdrawing { .. } => false,
            Self::Done { .. } | Self::Skipped { .. } | Self::Withdrawn { .. } | Self::Failed { .. } | Self::Unknown => {
                true
            }
        }
    }
}

/// One line of a command's history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// When, by our clock.
    pub at: Timestamp,
    /// What happened: a state's name, or `retry`.
    pub what: String,
    /// The reason's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// More of it, without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One thing to be done, as a row of the outbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// The row's id, and the idempotency key.
    pub id: CommandId,
    /// What to do.
    pub action: Action,
    /// Which leg of the booking it is about.
    pub leg: InviteeUri,
    /// Not before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// How often its hour was moved because it had come in quiet hours.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub postponed: u32,
    /// The providers that could not or would not send it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<Provider>,
    /// Whom it was sent to, as a hash: whose consent a receipt or a reply is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ContactKey>,
    /// How far the message has come since its provider took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// What happened to it, in order.
    #[serde(default)]
    pub history: Vec<Note>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The note that begins the history of a command that takes another's place.
const FALLBACK: &str = "instead";

/// So many replies to one message are told; whoever writes a thousand must not fill the row.
const MOST_REPLIES: usize = 20;

/// The note of a reply.
const REPLIED: &str = "replied";

/// Waits before the tries after the first, in seconds; when they are spent, the command has failed.
const BACKOFF_SECONDS: [u32; 6] = [30, 120, 600, 3_600, 14_400, 43_200];

impl Command {
    /// A new command. Its id is a hash of the booking, the action, the invitee and the start: of nothing that a retry,
    /// another order of arrival or another machine would see differently.
    pub fn new(
        booking: &BookingId,
        action: Action,
        leg: InviteeUri,
        start: Timestamp,
        not_before: Option<Timestamp>,
    ) -> Self {
        let slug = action.slug();
        let id = match &action {
            Action::Log(_, fact) => CommandId::of(&slug, &[booking.as_str(), fact.as_str()]),
            Action::SmsHost(_, host) | Action::EmailHost(_, host) => CommandId::of(
                &slug,
                &[booking.as_str(), &slug, leg.as_str(), &start.to_string(), &host.expose().to_lowercase()],
            ),
            Action::Sms(_)
            | Action::Email(_)
            | Action::TellVai(_)
            | Action::OfferHelp
            | Action::FetchMissingHalf
            | Action::Cancel => CommandId::of(&slug, &[booking.as_str(), &slug, leg.as_str(), &start.to_string()]),
        };
        Self {
            id,
            action,
            leg,
            not_before,
            state: State::Open,
            attempts: 0,
            postponed: 0,
            passed_over: Vec::new(),
            to: None,
            delivery: None,
            history: Vec::new(),
        }
    }

    /// The command as one that takes another's place, for which `reason` says why.
    pub(crate) fn as_fallback(mut self, now: Timestamp, reason: Reason) -> Self {
        self.history.push(Note { at: now, what: FALLBACK.to_owned(), reason: Some(reason), detail: None });
        self
    }

    /// Whether it takes another's place.
    pub(crate) fn is_fallback(&self) -> bool {
        self.history.first().is_some_and(|note| note.what == FALLBACK)
    }

    /// Why its e-mail should go out in its place, and since when: it is an SMS that can't be sent, was refused or did not
    /// arrive. One that may have been sent has no place to take.
    pub(crate) fn email_fallback(&self) -> Option<(Timestamp, Reason)> {
        let ended = match self.state {
            State::Skipped { reason } => {
                use Reason::{Landline, NoPhone, NoTemplate, OptedOut, PhoneInvalid, QuietHours};
                let is_about_sms =
                    matches!(reason, NoPhone | PhoneInvalid | Landline | NoTemplate | OptedOut | QuietHours);
                is_about_sms.then_some(reason)
            }
            State::Failed { reason } => Some(reason),
            State::Done { .. } => (self.delivery == Some(Delivery::Failed)).then_some(Reason::Undelivered),
            State::Open
            | State::Waiting
            | State::Claimed { .. }
            | State::Withdrawing { .. }
            | State::Withdrawn { .. }
            | State::Unknown => None,
        };
        // Who wants no more follow-ups wants none by e-mail either.
        let is_unwanted =
            |reason: &Reason| *reason == Reason::OptedOut && self.action.message().is_some_and(Message::is_follow_up);
        Some((self.history.last()?.at, ended.filter(|reason| !is_unwanted(reason))?))
    }

    /// The command, which was taken back, open again; with another hour, under a timer of another name: the old one may be
    /// about.
    pub(crate) fn reopen(mut self, not_before: Option<Timestamp>, now: Timestamp) -> Self {
        if self.not_before != not_before {
            self.postponed += 1;
            self.not_before = not_before;
        }
        self.with_state(State::Open, now, None, None)
    }

    /// Whether it is an SMS in whose place an e-mail could go.
    pub fn allows_email_fallback(&self) -> bool {
        self.action.by_email().is_some() && self.email_fallback().is_some()
    }

    /// The command with an hour that is not in quiet hours.
    pub fn postpone_to(mut self, hour: Timestamp, now: Timestamp) -> Self {
        self.postponed += 1;
        self.not_before = Some(hour);
        self.history.push(Note { at: now, what: "postponed".to_owned(), reason: None, detail: None });
        self.state = State::Open;
        self
    }

    /// What a provider's outcome makes of the command when another provider could take over: what it will never send, or
    /// can't for reasons of its account, is the next one's. A person's objection or a number that can't be texted is
    /// nobody's.
    pub fn settle_or_pass_on(
        self,
        outcome: Outcome,
        provider: Provider,
        next: Option<Provider>,
        now: Timestamp,
    ) -> Self {
        let own = match (&outcome, next) {
            (Outcome::Refused { reason, .. } | Outcome::Unsent { reason, .. }, Some(next)) => {
                let is_final = matches!(outcome, Outcome::Refused { .. });
                let passes = match reason {
                    Reason::Misconfigured => true,
                    Reason::ProviderRefused => is_final,
                    _ => false,
                };
                passes.then_some(next)
            }
            _ => None,
        };
        match (own, outcome) {
            (Some(next), Outcome::Refused { reason, detail } | Outcome::Unsent { reason, detail, .. }) => {
                let mut command = self;
                command.passed_over.push(provider);
                let detail = format!("{detail}; {} takes over", next.title());
                command.history.push(Note {
                    at: now,
                    what: "passed_over".to_owned(),
                    reason: Some(reason),
                    detail: Some(detail),
                });
                command.state = State::Open;
                command
            }
            (_, outcome) => self.settle(outcome, now),
        }
    }

    /// Takes in a provider's word on the message. `None` when it says nothing new: what was overtaken, what is about
    /// another message, what was never sent. A word on a message that nobody knew to be sent is how it becomes known.
    pub fn apply_receipt(mut self, receipt: &Receipt, now: Timestamp) -> Option<Self> {
        let delivery = receipt.delivery?;
        let was_in_doubt = !matches!(self.state, State::Done { .. });
        if !self.matches_receipt(receipt) || self.delivery >= Some(delivery) {
            return None;
        }
        self.delivery = Some(delivery);
        let reason = (delivery == Delivery::Failed).then_some(Reason::Undelivered);
        let detail = receipt.code.as_ref().map(|code| format!("code {code}"));
        self.history.push(Note { at: now, what: delivery.name().to_owned(), reason, detail });
        if was_in_doubt {
            self.state = State::Done { provider_id: receipt.provider_id.clone() };
        }
        Some(self)
    }

    /// Whether a receipt speaks of the very message that this command sent, or may have sent.
    pub fn matches_receipt(&self, receipt: &Receipt) -> bool {
        match &self.state {
            State::Done { provider_id: Some(id) } => receipt.provider_id.as_ref().is_none_or(|told| told == id),
            State::Done { provider_id: None } | State::Unknown => true,
            // It waits to be sent once more, because nobody knew.
            State::Open | State::Waiting => self.was_unknown_before(),
            State::Claimed { .. }
            | State::Skipped { .. }
            | State::Withdrawing { .. }
            | State::Withdrawn { .. }
            | State::Failed { .. } => false,
        }
    }

    /// Whether a reply of that instant has its line already, or there are so many that one more would tell nothing.
    pub fn has_reply(&self, at: Timestamp) -> bool {
        let mut replies = self.history.iter().filter(|note| note.what == REPLIED);
        replies.clone().count() >= MOST_REPLIES || replies.any(|note| note.at == at)
    }

    /// The command with a line that its recipient has replied; `meaning` is no word of theirs.
    pub fn record_reply(mut self, meaning: &str, now: Timestamp) -> Self {
        self.history.push(Note { at: now, what: REPLIED.to_owned(), reason: None, detail: Some(meaning.to_owned()) });
        self
    }

    /// Every change adds a line to the history, so its length is the row's revision: what conditional writes compare.
    pub fn revision(&self) -> u64 {
        self.history.len() as u64
    }

    /// Whether its hour has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// The name of its timer. A retry's timer has a name of its own: the first one may still be about.
    pub fn timer(&self) -> String {
        let retry = if self.attempts == 0 { String::new() } else { format!("-r{}", self.attempts) };
        let postponed = if self.postponed == 0 { String::new() } else { format!("-p{}", self.postponed) };
        format!("{}{retry}{postponed}", self.id)
    }

    /// The command in another state, with a line in its history.
    pub fn with_state(mut self, state: State, now: Timestamp, reason: Option<Reason>, detail: Option<String>) -> Self {
        self.history.push(Note { at: now, what: state.name().to_owned(), reason, detail });
        self.state = state;
        self
    }

    /// The command, decided against at its hour. If an earlier try may have been heard, that is not hidden.
    pub fn skip(self, reason: Reason, now: Timestamp) -> Self {
        let state = if self.was_unknown_before() { State::Unknown } else { State::Skipped { reason } };
        self.with_state(state, now, Some(reason), None)
    }

    /// The command, taken back; the timer it may have is still to be removed. If an earlier try may have been heard, that
    /// is not hidden, and its timer fires for nothing.
    pub fn withdraw(self, reason: Reason, now: Timestamp) -> Self {
        let state = match self.state {
            _ if self.was_unknown_before() => State::Unknown,
            // A timer may stand only where one was asked for.
            State::Open => State::Withdrawn { reason },
            _ => State::Withdrawing { reason },
        };
        self.with_state(state, now, Some(reason), None)
    }

    /// The command, claimed until `until`; `detail` says what is about to be done, without personal data; `to`, for whom.
    pub fn claim(mut self, now: Timestamp, until: Timestamp, detail: Option<String>, to: Option<ContactKey>) -> Self {
        self.attempts += 1;
        self.to = to.or(self.to);
        self.with_state(State::Claimed { until }, now, None, detail)
    }

    /// What an attempt's outcome makes of the command. Pure: the backoff is data and the clock an argument.
    pub fn settle(self, outcome: Outcome, now: Timestamp) -> Self {
        match outcome {
            Outcome::Done { provider_id } => self.with_state(State::Done { provider_id }, now, None, None),
            Outcome::Refused { reason, detail } => {
                self.with_state(State::Failed { reason }, now, Some(reason), Some(detail))
            }
            Outcome::Unsent { reason, after_seconds, detail } => self.retry_later(now, reason, after_seconds, detail),
            Outcome::Unknown { detail } => {
                let once_more = match self.action.guarantee() {
                    DeliveryGuarantee::AtMostOnce => false,
                    DeliveryGuarantee::OnceMore => !self.was_unknown_before(),
                    DeliveryGuarantee::AtLeastOnce => true,
                };
                if once_more {
                    self.retry_later(now, Reason::Unknown, None, detail)
                } else {
                    self.with_state(State::Unknown, now, Some(Reason::Unknown), Some(detail))
                }
            }
        }
    }

    /// Up to a fifth more or less, so that what failed together does not come back together. Read off the command's own
    /// id: the core knows no randomness, and the same try always waits as long.
    fn jittered(&self, seconds: u32) -> u32 {
        let mixed = self
            .id
            .as_str()
            .bytes()
            .fold(u64::from(self.attempts), |mix, byte| (mix ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let fifth = seconds / 5;
        let offset = u32::try_from((mixed >> 16) % u64::from(2 * fifth + 1)).unwrap_or(fifth);
        seconds - fifth + offset
    }

    fn was_unknown_before(&self) -> bool {
        self.history.iter().any(|note| note.reason == Some(Reason::Unknown))
    }

    fn retry_later(mut self, now: Timestamp, reason: Reason, after_seconds: Option<u32>, detail: String) -> Self {
        let tried = usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        // A cancellation is owed until it holds, or the meeting begins.
        let last = BACKOFF_SECONDS.last().filter(|_| self.action == Action::Cancel);
        let Some(&backoff) = BACKOFF_SECONDS.get(tried).or(last) else {
            // One of the tries may have been heard: that is not hidden behind the last one's failure.
            return if reason == Reason::Unknown || self.was_unknown_before() {
                self.with_state(State::Unknown, now, Some(Reason::Unknown), Some(detail))
            } else {
                self.with_state(State::Failed { reason: Reason::GaveUp }, now, Some(Reason::GaveUp), Some(detail))
            };
        };
        let backoff = self.jittered(backoff);
        // A provider may ask for a longer wait, within reason.
        let wait = after_seconds.map_or(backoff, |asked| asked.clamp(backoff, backoff.saturating_mul(2).max(900)));
        self.history.push(Note { at: now, what: "retry".to_owned(), reason: Some(reason), detail: Some(detail) });
        self.not_before = Some(now + jiff::SignedDuration::from_secs(i64::from(wait)));
        self.state = State::Open;
        self
    }
}
