//! A booking: the fold of every fact about one invitee's meeting, through all its moves.
//!
//! The fold is a join: it takes facts in any order, any number of times, and ends in the same state. What to do about
//! that state is decided elsewhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Fact, FactKind};
use crate::ids::{BookingId, ConnectionName, InviteeUri, Token};
use crate::leg::{Cancellation, Leg};
use crate::personal::Private;
use crate::reason::Reason;
use crate::request::{CalendlyRequest, CancellationRequest, KeyOrigin, Metadata, RequestState, RequestStatus};

/// The state of a booking, read off its legs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BookingState<'a> {
    /// The meeting is on. It may have been moved here.
    Active(&'a Leg),
    /// The old half of a move is known, the new half is not yet. Nobody is told anything.
    Moving(&'a Leg),
    /// The meeting is canceled.
    Canceled(&'a Leg, &'a Cancellation),
}

/// One meeting of one invitee, through all its moves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Booking {
    /// Our stable id.
    pub id: BookingId,
    /// The connection that it belongs to.
    pub connection: ConnectionName,
    /// What VAI knows of it; `None` for a booking that VAI did not make.
    pub metadata: Option<Metadata>,
    legs: BTreeMap<InviteeUri, Leg>,
    /// What Calendly was asked to book for it, by the token that the leg was to carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    requests: BTreeMap<Token, CalendlyRequest>,
    /// The legs that VAI's agent asked to cancel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    cancel_requests: BTreeMap<InviteeUri, CancellationRequest>,
}

/// How many requests a booking remembers.
const MOST_REQUESTS: usize = 32;

impl Booking {
    /// A booking without facts.
    pub fn new(id: BookingId, connection: ConnectionName) -> Self {
        Self {
            id,
            connection,
            metadata: None,
            legs: BTreeMap::new(),
            requests: BTreeMap::new(),
            cancel_requests: BTreeMap::new(),
        }
    }

    /// Applies a fact. Facts commute, and a second time changes nothing.
    pub fn apply_fact(&mut self, fact: &Fact) {
        let mut leg = fact.leg.clone();
        // Calendly knows nothing of a move of ours: it sees a booking and a cancellation.
        if leg.previous.is_none() {
            let request = leg.token.as_ref().and_then(|token| self.requests.get(token));
            leg.previous = request.and_then(|it| it.replaces.clone()).filter(|old| *old != leg.invitee);
        }
        leg.heard_created |= fact.kind == FactKind::Created;
        leg.heard_canceled |= fact.kind == FactKind::Canceled;
        match self.legs.get_mut(&leg.invitee) {
            Some(known) => known.join(leg),
            None => {
                self.legs.insert(leg.invitee.clone(), leg);
            }
        }
    }

    /// Records what Calendly is about to be asked for, or how that ended. Of many refused requests only the latest are
    /// kept: an agent that tries a hundred times must not fill the row.
    pub(crate) fn record_request(&mut self, token: Token, request: CalendlyRequest) {
        self.requests.insert(token, request);
        while self.requests.len() > MOST_REQUESTS {
            let refused = self.requests.iter().filter(|(token, it)| it.is_refused() && self.leg_of(token).is_none());
            let Some(oldest) = refused.min_by_key(|(_, it)| it.at).map(|(token, _)| token.clone()) else { break };
            self.requests.remove(&oldest);
        }
    }

    /// Records that a leg is to be canceled.
    pub(crate) fn record_cancellation(&mut self, invitee: InviteeUri, request: CancellationRequest) {
        self.cancel_requests.insert(invitee, request);
    }

    /// What Calendly was asked to book under a token.
    pub fn request_for(&self, token: &Token) -> Option<&CalendlyRequest> {
        self.requests.get(token)
    }

    /// Everything that Calendly was asked to book, by its token.
    pub fn requests(&self) -> &BTreeMap<Token, CalendlyRequest> {
        &self.requests
    }

    /// The requests whose outcome is not known.
    pub fn open_requests(&self) -> impl Iterator<Item = (&Token, &CalendlyRequest)> {
        self.requests.iter().filter(|(token, it)| !it.is_refused() && self.leg_of(token).is_none())
    }

    /// Whether a request is still open, exactly as it was seen.
    pub fn is_open(&self, token: &Token, request: &CalendlyRequest) -> bool {
        self.request_for(token) == Some(request) && self.leg_of(token).is_none()
    }

    /// What is known of a request that is made under a token: whether it is new, booked, unsettled, or another's key.
    pub fn request_status(
        &self,
        token: &Token,
        digest: &str,
        email: &Private<String>,
        origin: KeyOrigin,
    ) -> RequestStatus<'_> {
        let leg = self.leg_of(token);
        let Some(request) = self.request_for(token) else {
            return match leg {
                // Booked by a person, on a link that carried the token; perhaps by somebody whom the link was passed on
                // to.
                Some(leg) if leg.details.email.expose().eq_ignore_ascii_case(email.expose()) => RequestStatus::Booked,
                Some(_) => RequestStatus::KeyReused,
                None => RequestStatus::New,
            };
        };
        let is_same = request.digest == digest;
        // A derived key stands for nothing as long as nothing was booked.
        let is_binding = leg.is_some() || !request.is_refused() || origin == KeyOrigin::Caller;
        match leg {
            _ if is_binding && !is_same => RequestStatus::KeyReused,
            Some(_) => RequestStatus::Booked,
            None => RequestStatus::Unbooked(request),
        }
    }

    /// Whether a leg may be replaced by the request under a token: the booking is at this leg, nobody has asked to
    /// cancel it, and no other request is open. Two at once would leave a meeting that nobody knows of.
    pub fn may_replace(&self, leg: &Leg, token: &Token) -> bool {
        let is_current = matches!(self.state(), Some(BookingState::Active(current)) if current.invitee == leg.invitee);
        let is_alone = self.open_requests().all(|(other, _)| other == token);
        is_current && is_alone && !self.cancel_requests.contains_key(&leg.invitee)
    }

    /// The legs that an agent asked to cancel.
    pub fn cancel_requests(&self) -> &BTreeMap<InviteeUri, CancellationRequest> {
        &self.cancel_requests
    }

    /// The first leg that carries a token. If the invitee moves on from there, Calendly may carry the token along.
    pub fn leg_of(&self, token: &Token) -> Option<&Leg> {
        self.legs().into_iter().find(|leg| leg.token.as_ref() == Some(token))
    }

    /// The tokens by which others must find this booking: those of moves of ours. The first leg's token leads here
    /// anyway.
    pub fn move_tokens(&self) -> impl Iterator<Item = &Token> {
        self.requests.iter().filter(|(_, it)| it.replaces.is_some()).map(|(token, _)| token)
    }

    /// Whether we booked a leg, for VAI.
    pub fn was_booked_by_us(&self, leg: &Leg) -> bool {
        leg.token.as_ref().is_some_and(|token| self.requests.contains_key(token))
    }

    /// The legs that we have to cancel at Calendly: those that a request of ours replaced, and those that an agent
    /// canceled.
    pub(crate) fn legs_to_cancel(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values().filter(|leg| {
            let is_unwanted = self.cancel_requests.contains_key(&leg.invitee)
                || self.replacing(leg).is_some()
                || self.is_superseded(leg);
            leg.canceled.is_none() && is_unwanted
        })
    }

    /// Whether another leg took the place of a leg that we asked for before it was known: two moves that crossed.
    fn is_superseded(&self, leg: &Leg) -> bool {
        let request = leg.token.as_ref().and_then(|token| self.requests.get(token));
        request.is_some_and(|it| it.replaces.is_some())
            && !self.is_followed(leg)
            && self.current_leg().is_some_and(|current| current.invitee != leg.invitee)
    }

    /// The leg that replaced this one at our request.
    pub(crate) fn replacing(&self, leg: &Leg) -> Option<&Leg> {
        self.requests
            .iter()
            .filter(|(_, request)| request.replaces.as_ref() == Some(&leg.invitee))
            .find_map(|(token, _)| self.leg_of(token))
    }

    /// Whether a fact belongs to this booking's chain. An empty booking takes any, and one that waits for a leg takes
    /// that.
    pub fn is_linked_to(&self, fact: &Fact) -> bool {
        let is_awaited = |token: &Token| self.requests.contains_key(token) && self.leg_of(token).is_none();
        self.legs.is_empty()
            || fact.leg.token.as_ref().is_some_and(is_awaited)
            || fact.chain().any(|uri| {
                self.legs.contains_key(uri)
                    || self
                        .legs
                        .values()
                        .any(|leg| leg.previous.as_ref() == Some(uri) || leg.next.as_ref() == Some(uri))
            })
    }

    /// What a command is about: a leg, or the meeting that was asked for and never made, in the form of a leg.
    pub fn leg_for_command(&self, invitee: &InviteeUri) -> Option<Cow<'_, Leg>> {
        if let Some(leg) = self.legs.get(invitee) {
            return Some(Cow::Borrowed(leg));
        }
        let (token, request) = self.requests.iter().find(|(token, _)| InviteeUri::for_request(token) == *invitee)?;
        Some(Cow::Owned(request.as_leg(token)))
    }

    /// The meeting that VAI's agent asked for, whose outcome was in doubt, and that Calendly never made; and when that
    /// became known.
    pub(crate) fn failed_request(&self) -> Option<(Leg, Timestamp)> {
        let may_be_booked = !self.legs.is_empty() || self.open_requests().next().is_some();
        let (token, request) = self.requests.iter().max_by_key(|(_, it)| it.at).filter(|_| !may_be_booked)?;
        match request.state {
            // The one refusal that the agent did not hear: it came two minutes later.
            RequestState::Refused { reason: Reason::NotFound, at } => Some((request.as_leg(token), at)),
            RequestState::Refused { .. } | RequestState::Asking { .. } | RequestState::Doubtful => None,
        }
    }

    /// A leg by its URI.
    pub fn leg(&self, invitee: &InviteeUri) -> Option<&Leg> {
        self.legs.get(invitee)
    }

    /// The legs, from the first to the last as far as they are linked.
    pub fn legs(&self) -> Vec<&Leg> {
        let mut legs: Vec<_> = self.legs.values().collect();
        legs.sort_by_key(|leg| (self.depth(leg), leg.details.as_of, &leg.invitee));
        legs
    }

    /// Every invitee URI that leads to this booking.
    pub fn aliases(&self) -> BTreeSet<&InviteeUri> {
        self.legs
            .values()
            .flat_map(|leg| [Some(&leg.invitee), leg.previous.as_ref(), leg.next.as_ref()])
            .flatten()
            .collect()
    }

    /// The booking's state; `None` before its first fact.
    pub fn state(&self) -> Option<BookingState<'_>> {
        let current = self.current_leg()?;
        Some(match &current.canceled {
            None => BookingState::Active(current),
            Some(end) if end.rescheduled => BookingState::Moving(current),
            Some(end) => BookingState::Canceled(current, end),
        })
    }

    /// The leg before this one, where it is known.
    pub fn before(&self, leg: &Leg) -> Option<&Leg> {
        match &leg.previous {
            Some(previous) => self.legs.get(previous),
            None => self.legs.values().find(|other| other.next.as_ref() == Some(&leg.invitee)),
        }
    }

    /// Whether this leg came out of a move, even when the leg before it is not known.
    pub fn was_moved_to(&self, leg: &Leg) -> bool {
        leg.previous.is_some() || self.before(leg).is_some()
    }

    /// The end of the last meeting of this booking, or of the last that was asked for. The rows' expiry is counted from
    /// it.
    pub fn last_end(&self) -> Option<Timestamp> {
        let requested = self.requests.values().map(|it| it.start.max(it.at));
        self.legs.values().map(|leg| leg.details.end).chain(requested).max()
    }

    /// The leg that the booking is at, or was at last: the one that no other leg follows. Calendly makes chains. If its
    /// data ever forks, or two moves of ours cross, an active meeting goes before a canceled one, and then the newest
    /// account decides, so that every order of arrival agrees.
    pub fn current_leg(&self) -> Option<&Leg> {
        let newest = |leg: &&Leg| (leg.canceled.is_none(), leg.details.as_of, leg.invitee.clone());
        self.legs
            .values()
            .filter(|leg| !self.is_followed(leg))
            .max_by_key(newest)
            .or_else(|| self.legs.values().max_by_key(newest))
    }

    /// Whether another leg is known to come after this one.
    fn is_followed(&self, leg: &Leg) -> bool {
        leg.next.as_ref().is_some_and(|next| self.legs.contains_key(next))
            || self.legs.values().any(|other| other.previous.as_ref() == Some(&leg.invitee))
    }

    /// How many legs come before this one, bounded so that a cycle in Calendly's data ends.
    fn depth(&self, leg: &Leg) -> usize {
        let mut depth = 0;
        let mut at = leg;
        while let Some(before) = self.before(at) {
            depth += 1;
            if depth > self.legs.len() {
                break;
            }
            at = before;
        }
        depth
    }
}
