//! A booking: the fold of all facts about one invitee's meeting, through all its moves.
//!
//! Facts may be applied in any order and any number of times; the result is the same. `decide` and `plan` decide what
//! to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stranger::StrangerText;

use crate::email_address::is_same_email;
use crate::fact::{Fact, FactKind};
use crate::ids::{BookingId, ConnectionName, InviteeUri, Token};
use crate::leg::{Cancellation, Details, Leg};
use crate::personal::Private;
use crate::reason::Reason;
use crate::request::{CalendlyRequest, CancellationRequest, KeyOrigin, Metadata, RequestState, RequestStatus};

/// The state of a booking, derived from its legs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BookingState<'a> {
    /// The meeting is booked. It may have been moved to this leg.
    Active(&'a Leg),
    /// The old half of a move is known, the new half is not known yet. No messages are sent.
    Moving(&'a Leg),
    /// The meeting is canceled.
    Canceled(&'a Leg, &'a Cancellation),
}

/// Who made a booking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingSource {
    /// VAI's agent, or a person with a link of VAI's agent.
    Vai,
    /// A person on Calendly's page.
    Page,
}

impl BookingSource {
    /// Every source, in the order in which they are documented.
    pub const ALL: [Self; 2] = [Self::Vai, Self::Page];

    /// Returns the name that settings and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vai => "vai",
            Self::Page => "page",
        }
    }
}

/// One meeting of one invitee, through all its moves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Booking {
    /// Our stable id.
    pub id: BookingId,
    /// Its connection.
    pub connection: ConnectionName,
    /// VAI's metadata; `None` for a booking that VAI did not make.
    pub metadata: Option<Metadata>,
    /// When it was imported, if that is how it became known. Nobody is told of what happened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Timestamp>,
    legs: BTreeMap<InviteeUri, Leg>,
    /// The requests to Calendly, by the token of the requested leg.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    requests: BTreeMap<Token, CalendlyRequest>,
    /// The cancellations that VAI's agents requested, by leg.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    cancel_requests: BTreeMap<InviteeUri, CancellationRequest>,
    /// The invitees of the chain of moves that belong to another booking: Calendly did not know a link of the chain
    /// when this one began.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    elsewhere: BTreeMap<InviteeUri, BookingId>,
}

/// The most requests that a booking stores.
const MOST_REQUESTS: usize = 32;

impl Booking {
    /// Returns a booking without facts.
    pub fn new(id: BookingId, connection: ConnectionName) -> Self {
        Self {
            id,
            connection,
            metadata: None,
            imported_at: None,
            legs: BTreeMap::new(),
            requests: BTreeMap::new(),
            cancel_requests: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
        }
    }

    /// Records that an invitee of the chain of moves belongs to another booking.
    pub fn record_elsewhere(&mut self, invitee: InviteeUri, booking: BookingId) {
        if booking != self.id && !self.legs.contains_key(&invitee) {
            self.elsewhere.insert(invitee, booking);
        }
    }

    /// Returns the invitees of the chain of moves that belong to another booking, and that booking.
    pub fn elsewhere(&self) -> &BTreeMap<InviteeUri, BookingId> {
        &self.elsewhere
    }

    /// Returns who made it.
    pub fn source(&self) -> BookingSource {
        if self.metadata.is_some() { BookingSource::Vai } else { BookingSource::Page }
    }

    /// Applies a fact. The order of facts does not matter, and a repeated fact changes nothing.
    pub fn apply_fact(&mut self, fact: &Fact) {
        let mut leg = fact.leg.clone();
        // A move by us is a booking and a cancellation to Calendly, so the link between the legs is added here.
        if leg.previous.is_none() {
            let request = leg.token.as_ref().and_then(|token| self.requests.get(token));
            leg.previous = request.and_then(|it| it.replaces.clone()).filter(|old| *old != leg.invitee);
        }
        leg.created_received |= fact.kind == FactKind::Created;
        leg.canceled_received |= fact.kind == FactKind::Canceled;
        match self.legs.get_mut(&leg.invitee) {
            Some(known) => known.join(leg),
            None => {
                self.legs.insert(leg.invitee.clone(), leg);
            }
        }
    }

    /// Returns whether a fact says anything new. The time of a look is nothing new.
    pub fn is_changed_by(&self, fact: &Fact) -> bool {
        let mut changed = self.clone();
        changed.apply_fact(fact);
        let invitee = &fact.leg.invitee;
        if let Some((new, old)) = changed.legs.get_mut(invitee).zip(self.legs.get(invitee)) {
            new.details.looked_at = old.details.looked_at;
        }
        changed != *self
    }

    /// Returns whether something happened before the booking was imported.
    pub(crate) fn happened_before_import(&self, at: Timestamp) -> bool {
        self.imported_at.is_some_and(|imported_at| at <= imported_at)
    }

    /// Records a request before it is sent, or its outcome. Only the latest refused requests are kept, so that an agent
    /// with many tries does not fill the row.
    pub(crate) fn record_request(&mut self, token: Token, request: CalendlyRequest) {
        self.requests.insert(token, request);
        while self.requests.len() > MOST_REQUESTS {
            let refused = self.requests.iter().filter(|(token, it)| it.is_refused() && self.leg_of(token).is_none());
            let Some(oldest) = refused.min_by_key(|(_, it)| it.at).map(|(token, _)| token.clone()) else { break };
            self.requests.remove(&oldest);
        }
    }

    /// Records an agent's request to cancel a leg.
    pub(crate) fn record_cancellation(&mut self, invitee: InviteeUri, request: CancellationRequest) {
        self.cancel_requests.insert(invitee, request);
    }

    /// Returns the request with a token.
    pub fn request_for(&self, token: &Token) -> Option<&CalendlyRequest> {
        self.requests.get(token)
    }

    /// Returns all requests, by token.
    pub fn requests(&self) -> &BTreeMap<Token, CalendlyRequest> {
        &self.requests
    }

    /// Returns the requests whose outcome is not known.
    pub fn open_requests(&self) -> impl Iterator<Item = (&Token, &CalendlyRequest)> {
        self.requests.iter().filter(|(token, it)| !it.is_refused() && self.leg_of(token).is_none())
    }

    /// Returns whether a request is still open and unchanged.
    pub fn is_open(&self, token: &Token, request: &CalendlyRequest) -> bool {
        self.request_for(token) == Some(request) && self.leg_of(token).is_none()
    }

    /// Returns what is known of a request with a token.
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
                // It was booked with a link that had the token. The link may have been passed on to another person.
                Some(leg) if is_same_email(leg.details.email.expose(), email.expose()) => RequestStatus::Booked,
                Some(_) => RequestStatus::KeyReused,
                None => RequestStatus::New,
            };
        };
        let is_same = request.digest == digest;
        // A derived key belongs to no request until something is booked.
        let is_binding = leg.is_some() || !request.is_refused() || origin == KeyOrigin::Caller;
        match leg {
            _ if is_binding && !is_same => RequestStatus::KeyReused,
            Some(_) => RequestStatus::Booked,
            None => RequestStatus::Unbooked(request),
        }
    }

    /// Returns whether the request with a token may replace a leg: the leg is current, its cancellation is not
    /// requested, and no other request is open. Two open requests could leave an unknown meeting.
    pub fn may_replace(&self, leg: &Leg, token: &Token) -> bool {
        let is_current = matches!(self.state(), Some(BookingState::Active(current)) if current.invitee == leg.invitee);
        let is_alone = self.open_requests().all(|(other, _)| other == token);
        is_current && is_alone && !self.cancel_requests.contains_key(&leg.invitee)
    }

    /// Records that Calendly has refused an agent's cancellation of a leg for good.
    pub(crate) fn record_refused_cancellation(&mut self, invitee: &InviteeUri) {
        if let Some(request) = self.cancel_requests.get_mut(invitee) {
            request.refused = true;
        }
    }

    /// Returns whether an agent has asked to cancel a leg and Calendly has not refused it. The meeting may still stand
    /// at Calendly, but nobody wants it.
    pub fn is_to_be_canceled(&self, leg: &Leg) -> bool {
        self.cancel_requests.get(&leg.invitee).is_some_and(|request| !request.refused)
    }

    /// Returns the cancellations that agents requested, by leg.
    pub fn cancel_requests(&self) -> &BTreeMap<InviteeUri, CancellationRequest> {
        &self.cancel_requests
    }

    /// Returns the first leg with a token. When the invitee moves the meeting, Calendly may copy the token to the next
    /// leg.
    pub fn leg_of(&self, token: &Token) -> Option<&Leg> {
        self.legs().into_iter().find(|leg| leg.token.as_ref() == Some(token))
    }

    /// Returns the tokens of our moves: they need an alias to this booking. The booking's id is derived from the first
    /// token, which needs none.
    pub fn move_tokens(&self) -> impl Iterator<Item = &Token> {
        self.requests.iter().filter(|(_, it)| it.replaces.is_some()).map(|(token, _)| token)
    }

    /// Returns whether we booked a leg, for VAI.
    pub fn was_booked_by_us(&self, leg: &Leg) -> bool {
        leg.token.as_ref().is_some_and(|token| self.requests.contains_key(token))
    }

    /// Returns the legs that must be canceled at Calendly: our moves replaced them, or an agent requested it.
    pub(crate) fn legs_to_cancel(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values().filter(|leg| {
            let is_unwanted = self.cancel_requests.contains_key(&leg.invitee)
                || self.replacing(leg).is_some()
                || self.is_superseded(leg);
            leg.canceled.is_none() && is_unwanted
        })
    }

    /// Returns whether a leg of our move is not current and has no next leg. This happens when our move and the
    /// invitee's move cross.
    fn is_superseded(&self, leg: &Leg) -> bool {
        let request = leg.token.as_ref().and_then(|token| self.requests.get(token));
        request.is_some_and(|it| it.replaces.is_some())
            && !self.is_followed(leg)
            && self.current_leg().is_some_and(|current| current.invitee != leg.invitee)
    }

    /// Returns the leg that replaced this one in a move by us.
    pub(crate) fn replacing(&self, leg: &Leg) -> Option<&Leg> {
        self.requests
            .iter()
            .filter(|(_, request)| request.replaces.as_ref() == Some(&leg.invitee))
            .find_map(|(token, _)| self.leg_of(token))
    }

    /// Returns whether a fact belongs to this booking's chain. An empty booking accepts any fact, and an open request
    /// accepts its leg.
    pub fn is_linked_to(&self, fact: &Fact) -> bool {
        let is_awaited = |token: &Token| self.requests.contains_key(token) && self.leg_of(token).is_none();
        // Calendly copies the token and the address to the next leg of a move.
        let is_moved_from_here = |token: &Token| {
            fact.leg.previous.is_some()
                && self
                    .leg_of(token)
                    .is_some_and(|leg| is_same_email(leg.details.email.expose(), fact.leg.details.email.expose()))
        };
        self.legs.is_empty()
            || fact.leg.token.as_ref().is_some_and(|token| is_awaited(token) || is_moved_from_here(token))
            || fact.chain().any(|uri| {
                self.legs.contains_key(uri)
                    || self
                        .legs
                        .values()
                        .any(|leg| leg.previous.as_ref() == Some(uri) || leg.next.as_ref() == Some(uri))
            })
    }

    /// Returns the leg of a command: a real leg, or a failed request in the form of a leg.
    pub fn leg_for_command(&self, invitee: &InviteeUri) -> Option<Cow<'_, Leg>> {
        if let Some(leg) = self.legs.get(invitee) {
            return Some(Cow::Borrowed(leg));
        }
        let (token, request) = self.requests.iter().find(|(token, _)| InviteeUri::for_request(token) == *invitee)?;
        Some(Cow::Owned(request.as_leg(token)))
    }

    /// Returns the latest request, in the form of a leg, if its outcome was unknown and then turned out to be "not
    /// booked"; and the time when that became known.
    pub(crate) fn failed_request(&self) -> Option<(Leg, Timestamp)> {
        let may_be_booked = !self.legs.is_empty() || self.open_requests().next().is_some();
        let (token, request) = self.requests.iter().max_by_key(|(_, it)| it.at).filter(|_| !may_be_booked)?;
        match request.state {
            // The agent did not get this refusal as an answer: it became known two minutes later.
            RequestState::Refused { reason: Reason::NotFound, at } => Some((request.as_leg(token), at)),
            RequestState::Refused { .. } | RequestState::Asking { .. } | RequestState::Doubtful => None,
        }
    }

    /// Returns the latest request, if it was to move this leg, its outcome was unknown and then turned out to be "not
    /// booked"; and the time when that became known. The agent did not get this as an answer.
    pub(crate) fn failed_move(&self, leg: &Leg) -> Option<(&Token, Timestamp)> {
        let (token, request) = self.requests.iter().max_by_key(|(_, it)| it.at)?;
        match request.state {
            RequestState::Refused { reason: Reason::NotFound, at }
                if request.replaces.as_ref() == Some(&leg.invitee) && self.leg_of(token).is_none() =>
            {
                Some((token, at))
            }
            _ => None,
        }
    }

    /// Returns a leg by its URI.
    pub fn leg(&self, invitee: &InviteeUri) -> Option<&Leg> {
        self.legs.get(invitee)
    }

    /// Returns the legs in the order of their links.
    pub fn legs(&self) -> Vec<&Leg> {
        let mut legs: Vec<_> = self.legs.values().collect();
        legs.sort_by_key(|leg| (self.depth(leg), leg.details.as_of, &leg.invitee));
        legs
    }

    /// Returns every invitee URI of this booking.
    pub fn aliases(&self) -> BTreeSet<&InviteeUri> {
        self.legs
            .values()
            .flat_map(|leg| [Some(&leg.invitee), leg.previous.as_ref(), leg.next.as_ref()])
            .flatten()
            .filter(|uri| !self.elsewhere.contains_key(uri))
            .collect()
    }

    /// Returns the booking's state; `None` before its first fact.
    pub fn state(&self) -> Option<BookingState<'_>> {
        let current = self.current_leg()?;
        Some(match &current.canceled {
            None => BookingState::Active(current),
            Some(end) if end.rescheduled => BookingState::Moving(current),
            Some(end) => BookingState::Canceled(current, end),
        })
    }

    /// Returns the place of a leg's meeting: the host's, or the one that a stranger named. Calendly says who named it
    /// only for one kind of place; for the others the metadata has what VAI's agent was told.
    pub fn places_of(&self, leg: &Leg) -> (Option<Private<String>>, Option<StrangerText>) {
        let Details { location, invitee_place, .. } = &leg.details;
        let named = self.metadata.as_ref().and_then(|it| it.place.as_ref());
        match location {
            Some(place) if named.is_some_and(|it| it.begins_with(place.expose())) => {
                (None, Some(place.expose().as_str().into()))
            }
            _ => (location.clone(), invitee_place.clone()),
        }
    }

    /// Returns the leg before this one, if known.
    pub fn before(&self, leg: &Leg) -> Option<&Leg> {
        match &leg.previous {
            Some(previous) => self.legs.get(previous),
            None => self.legs.values().find(|other| other.next.as_ref() == Some(&leg.invitee)),
        }
    }

    /// Returns whether this leg is the result of a move, even if the leg before it is not known.
    pub fn was_moved_to(&self, leg: &Leg) -> bool {
        leg.previous.is_some() || self.before(leg).is_some()
    }

    /// Returns the end of the last meeting or request. The expiry of the rows is counted from it.
    pub fn last_end(&self) -> Option<Timestamp> {
        let requested = self.requests.values().map(|it| it.start.max(it.at));
        self.legs.values().map(|leg| leg.details.end).chain(requested).max()
    }

    /// Returns the current leg: the one that no other leg follows. If several have no next leg (moves that cross, or
    /// wrong data), an active leg is preferred, then the one with the newest details, so that the order of arrival does
    /// not matter.
    pub fn current_leg(&self) -> Option<&Leg> {
        let newest = |leg: &&Leg| (leg.canceled.is_none(), leg.details.as_of, leg.invitee.clone());
        self.legs
            .values()
            .filter(|leg| !self.is_followed(leg))
            .max_by_key(newest)
            .or_else(|| self.legs.values().max_by_key(newest))
    }

    /// Returns whether another leg follows this one.
    fn is_followed(&self, leg: &Leg) -> bool {
        leg.next.as_ref().is_some_and(|next| self.legs.contains_key(next))
            || self.legs.values().any(|other| other.previous.as_ref() == Some(&leg.invitee))
    }

    /// Counts the legs before this one. The count is bounded, in case Calendly's data has a cycle.
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
