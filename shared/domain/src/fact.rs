//! A fact: what Calendly says of one invitee at one moment.

use jiff::Timestamp;

use crate::ids::{FactId, InviteeUri};
use crate::leg::Leg;

/// Where a fact comes from.
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
    /// An answer of Calendly's REST API, asked because something was missing.
    LookedUp,
    /// Calendly's answer to a booking of ours.
    Booked,
}

impl FactKind {
    /// Every kind there is.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Canceled, Self::NoShow, Self::NoShowRemoved, Self::LookedUp, Self::Booked];

    /// The name that is stored and shown.
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
    /// Where it comes from.
    pub kind: FactKind,
    /// When it happened, by Calendly's clock.
    pub occurred_at: Timestamp,
    /// The invitee as this fact shows it.
    pub leg: Leg,
}

impl Fact {
    /// Every invitee URI that this fact links into one chain: its own, the one before, the one after.
    pub fn chain(&self) -> impl Iterator<Item = &InviteeUri> {
        [Some(&self.leg.invitee), self.leg.previous.as_ref(), self.leg.next.as_ref()].into_iter().flatten()
    }
}
