//! Outages of hours: one service outside does not work for a span of time.

use domain::{Outcome, Reason};
use fakes::{Call, Fault, Random};
use jiff::{SignedDuration, Timestamp};

/// A service outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outside {
    /// DynamoDB.
    Table,
    /// EventBridge Scheduler.
    Timers,
    /// Calendly's API.
    Calendly,
    /// The provider of SMS.
    Sms,
    /// The provider of e-mail.
    Email,
    /// VAI.
    Vai,
}

/// What a service answers while it does not work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// No connection.
    Unreachable,
    /// 503 or 429 with so many seconds to wait.
    Busy(u32),
    /// 500, 502, 504 or nothing: it may have acted. It has not.
    Silent,
}

/// An outage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outage {
    /// When it begins.
    pub(crate) from: Timestamp,
    /// When it ends.
    pub(crate) until: Timestamp,
    /// What does not work.
    pub(crate) outside: Outside,
    /// What it answers.
    pub(crate) answer: Answer,
}

/// How long after an outage everything goes on at the latest: providers are tried every hour, with a fifth of jitter.
const GOES_ON_WITHIN: SignedDuration = SignedDuration::from_mins(90);

impl Outage {
    /// Rolls an outage of 1 to 24 hours that begins within three days after an instant.
    pub(crate) fn new(begin: Timestamp, random: &mut Random) -> Self {
        use Outside::{Calendly, Email, Sms, Table, Timers, Vai};
        let from = begin + SignedDuration::from_mins(random.between(-60, 3 * 24 * 60));
        let until = from + SignedDuration::from_mins(random.between(60, 24 * 60));
        let outside = random.one_of(&[Table, Timers, Calendly, Sms, Sms, Email, Vai]);
        let answer = match random.between(0, 3) {
            0 => Answer::Unreachable,
            1 => Answer::Busy(u32::try_from(random.between(1, 3_600)).unwrap_or(60)),
            _ => Answer::Silent,
        };
        Self { from, until, outside, answer }
    }

    /// Returns the fault of a call at an instant; `None` if it works.
    pub(crate) fn fault(&self, call: Call, now: Timestamp) -> Option<Fault> {
        let is_down = self.from <= now && now < self.until && self.outside == outside_of(call)?;
        is_down.then(|| match (call.is_provider(), self.answer) {
            (false, _) => Fault::Fails,
            (true, Answer::Silent) => Fault::NoAnswer { has_effect: false },
            (true, answer) => Fault::Answers(Outcome::Unsent {
                reason: Reason::Unreachable,
                after_seconds: match answer {
                    Answer::Busy(seconds) => Some(seconds),
                    Answer::Unreachable | Answer::Silent => None,
                },
                detail: String::new(),
            }),
        })
    }

    /// Returns when something that is due at an instant, and takes so long without an outage, has happened.
    pub(crate) fn delay(&self, at: Timestamp, within: SignedDuration) -> Timestamp {
        let is_concerned = self.from < at + within && at < self.until;
        if is_concerned { self.until + GOES_ON_WITHIN } else { at }
    }
}

/// Returns the service that a call goes to.
fn outside_of(call: Call) -> Option<Outside> {
    Some(match call {
        Call::Aliases
        | Call::LoadBooking
        | Call::CommitDecision
        | Call::Claim
        | Call::Settle
        | Call::ReplaceCommand
        | Call::LoadContact
        | Call::ReserveSms
        | Call::CorrectSms
        | Call::WriteShortLinks
        | Call::LoadSettingsVersion => Outside::Table,
        Call::SetTimer | Call::RemoveTimer => Outside::Timers,
        Call::FetchInvitee | Call::CancelEvent | Call::FindBooking => Outside::Calendly,
        Call::SendSms => Outside::Sms,
        Call::SendEmail => Outside::Email,
        Call::CallVai => Outside::Vai,
        _ => return None,
    })
}
