//! VAI's backend as a destination: news, offers of help, analytics.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::base::{Context, DeliveryGuarantee, Destination};
use crate::ids::{BookingId, CommandId, FactId, InviteeUri, Token};
use crate::language::Language;
use crate::leg::Leg;
use crate::reason::Reason;
use crate::time;

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
    /// Returns the `event_type` of `/analytics/log`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InviteeCreated => "invitee_created",
            Self::InviteeCanceled => "invitee_canceled",
            Self::InviteeRescheduled => "invitee_rescheduled",
        }
    }
}

/// A call to VAI's backend.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaiAction {
    /// News of the booking.
    #[serde(rename = "tell_vai")]
    SendNews(News),
    /// A request to VAI to continue the conversation and offer help: `/followup/schedule`.
    OfferHelp,
    /// A request to VAI to say that a move did not happen, and to help: `/followup/schedule`. The outcome of the move
    /// was unknown when the agent got its answer.
    ReportFailedMove(Token),
    /// A fact for VAI's analytics, with its payload.
    #[serde(rename = "log")]
    LogFact(Analytics, FactId),
}

/// The data of a booking for VAI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VaiOrder {
    /// Our id.
    pub booking: BookingId,
    /// The leg. Its URIs are sent together with our id.
    pub leg: Leg,
    /// VAI's conversation.
    pub conversation_id: String,
    /// VAI's user.
    pub user_id: Option<String>,
    /// The event type as VAI requested it, else the event's name.
    pub event_type: String,
    /// The start before a move.
    pub old_start: Option<Timestamp>,
    /// The invitee's language.
    pub language: Language,
}

/// Why VAI's agent offers help to find another time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HelpOccasion {
    /// The invitee canceled for lack of time.
    Canceled,
    /// The agent's move did not happen. The meeting is still at its old time.
    NotMoved,
}

/// A composed call to VAI's backend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VaiCall {
    /// Send news.
    SendNews(News, VaiOrder),
    /// Ask VAI to offer help at an instant.
    OfferHelp(HelpOccasion, VaiOrder, Timestamp),
    /// Log a fact. Its payload is stored with the fact.
    LogFact(Analytics, FactId),
}

/// How long after the meeting news may still be sent. Commands expire from the table after 90 days, and an expired
/// command must not be done again.
const NEWS_LATENESS: SignedDuration = SignedDuration::from_hours(30 * 24);

impl VaiAction {
    /// Composes the call.
    ///
    /// # Errors
    /// The reason why it cannot be made or should no longer be made.
    pub(crate) fn compose(&self, context: &Context<'_>) -> Result<VaiCall, Reason> {
        self.check(context)?;
        Ok(match self {
            Self::SendNews(news) => VaiCall::SendNews(*news, compose_order(context)?),
            Self::OfferHelp => {
                let wait = SignedDuration::from_mins(i64::from(context.settings.help_after_minutes));
                let from = context.leg.canceled.as_ref().map_or(context.now, |end| end.at);
                // If the cancellation arrived late, the time could be in the past.
                let at = time::add(from, wait).max(context.now);
                VaiCall::OfferHelp(HelpOccasion::Canceled, compose_order(context)?, at)
            }
            Self::ReportFailedMove(_) => {
                VaiCall::OfferHelp(HelpOccasion::NotMoved, compose_order(context)?, context.now)
            }
            Self::LogFact(analytics, fact) => VaiCall::LogFact(*analytics, fact.clone()),
        })
    }
}

impl Destination for VaiAction {
    fn slug(&self) -> String {
        match self {
            Self::SendNews(News::Booked) => "vai-booked".to_owned(),
            Self::SendNews(News::Confirmed) => "vai-confirmed".to_owned(),
            Self::SendNews(News::Canceled) => "vai-canceled".to_owned(),
            Self::SendNews(News::Rescheduled) => "vai-rescheduled".to_owned(),
            Self::OfferHelp => "vai-offer-help".to_owned(),
            Self::ReportFailedMove(_) => "vai-failed-move".to_owned(),
            Self::LogFact(analytics, _) => format!("log-{}", analytics.name().replace('_', "-")),
        }
    }

    fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        let slug = self.slug();
        match self {
            Self::LogFact(_, fact) => CommandId::from_parts(&slug, &[booking.as_str(), fact.as_str()]),
            Self::ReportFailedMove(token) => CommandId::from_parts(&slug, &[booking.as_str(), token.as_str()]),
            Self::SendNews(_) | Self::OfferHelp => {
                CommandId::from_parts(&slug, &[booking.as_str(), &slug, leg.as_str(), &start.to_string()])
            }
        }
    }

    fn guarantee(&self) -> DeliveryGuarantee {
        match self {
            // VAI's agent writes to the person: twice at most.
            Self::OfferHelp => DeliveryGuarantee::OnceMore,
            // Who is not told of it may come at the wrong time. That is worse than being told again.
            Self::SendNews(_) | Self::ReportFailedMove(_) | Self::LogFact(..) => DeliveryGuarantee::AtLeastOnce,
        }
    }

    fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        match self {
            Self::LogFact(..) => Ok(()),
            _ if context.now > time::add(context.leg.details.end, NEWS_LATENESS) => Err(Reason::TooLate),
            Self::ReportFailedMove(token)
                if context.booking.failed_move(context.leg).is_none_or(|(it, _)| it != token) =>
            {
                Err(Reason::TriedAgain)
            }
            // Calls to VAI are planned only for VAI's bookings, so the metadata should exist.
            Self::SendNews(_) | Self::OfferHelp | Self::ReportFailedMove(_) if context.booking.metadata.is_none() => {
                Err(Reason::Misconfigured)
            }
            Self::SendNews(_) | Self::OfferHelp | Self::ReportFailedMove(_) => Ok(()),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::SendNews(News::Booked) => "VAI told of its booking".to_owned(),
            Self::SendNews(News::Confirmed) => "VAI told of the confirmation".to_owned(),
            Self::SendNews(News::Canceled) => "VAI told of the cancellation".to_owned(),
            Self::SendNews(News::Rescheduled) => "VAI told of the move".to_owned(),
            Self::OfferHelp => "VAI asked to offer help".to_owned(),
            Self::ReportFailedMove(_) => "VAI told that a move did not happen".to_owned(),
            Self::LogFact(analytics, _) => format!("VAI's analytics, {}", analytics.name()),
        }
    }
}

fn compose_order(context: &Context<'_>) -> Result<VaiOrder, Reason> {
    let Context { booking, leg, .. } = context;
    let metadata = booking.metadata.as_ref().ok_or(Reason::Misconfigured)?;
    Ok(VaiOrder {
        booking: booking.id.clone(),
        leg: (*leg).clone(),
        conversation_id: metadata.conversation_id.clone(),
        user_id: metadata.user_id.clone(),
        event_type: metadata.event_type.clone().unwrap_or_else(|| leg.details.event_name.clone()),
        old_start: booking.before(leg).map(|old| old.details.start),
        language: context.language(),
    })
}
