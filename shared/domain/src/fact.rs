//! A fact: one statement of Calendly about one invitee at one moment.

use jiff::Timestamp;

use crate::ids::{FactId, InviteeUri};
use crate::leg::Leg;

/// The source of a fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactKind {
    /// The webhook `invitee.created`.
    Created,
    /// The webhook `invitee.canceled`; also the old half of a move.
    Canceled,
    /// The webhook `invitee_no_show.created`.
    NoShow,
    /// The webhook `invitee_no_show.deleted`.
    NoShowRemoved,
    /// An answer of Calendly's REST API, read because something was missing.
    LookedUp,
    /// Calendly's answer to a booking by us.
    Booked,
}

impl FactKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Canceled, Self::NoShow, Self::NoShowRemoved, Self::LookedUp, Self::Booked];

    /// Returns the name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "invitee.created",
            Self::Canceled => "invitee.canceled",
            Self::NoShow => "invitee_no_show.created",
            Self::NoShowRemoved => "invitee_no_show.deleted",
            Self::LookedUp => "invitee.looked_up",
            Self::Booked => "invitee.booked",
        }
    }
}

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Equal for each delivery of the same fact.
    pub id: FactId,
    /// Its source.
    pub kind: FactKind,
    /// When it happened, by Calendly's clock.
    pub occurred_at: Timestamp,
    /// The invitee's leg in this fact.
    pub leg: Leg,
}

impl Fact {
    /// Returns every invitee URI that this fact links into one chain: its own, the previous and the next one.
    pub fn chain(&self) -> impl Iterator<Item = &InviteeUri> {
        [Some(&self.leg.invitee), self.leg.previous.as_ref(), self.leg.next.as_ref()].into_iter().flatten()
    }
}
