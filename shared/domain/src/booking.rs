//! A booking: the fold of every fact about one invitee's meeting, through all its moves.
//!
//! The fold is a join: it takes facts in any order, any number of times, and ends in the same state. What to do about
//! that state is not decided here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BookingId, ConnectionName, EventTypeUri, EventUri, Fact, FactKind, InviteeUri, Private, Reason, Token};

/// What VAI wrote down about a booking that one of its agents made. Kept through moves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Metadata {
    /// The conversation in which the booking was made.
    pub conversation_id: String,
    /// VAI's user.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The kind of agent, for example `sales`.
    #[serde(default)]
    pub agent_type: Option<String>,
    /// The event type as VAI asked for it; VAI is told this name back.
    #[serde(default)]
    pub event_type: Option<String>,
    /// Where the booking comes from: `vai_agent`.
    #[serde(default)]
    pub source: Option<String>,
    /// The agent's notes; they go to VAI's own e-mail template and nowhere else.
    #[serde(default)]
    pub notes: Option<Private<String>>,
    /// A phone number that VAI knows.
    #[serde(default)]
    pub phone: Option<Private<String>>,
    /// The language of the conversation, a BCP 47 tag.
    #[serde(default)]
    pub language: Option<String>,
    /// What the invitee wants to talk about, where that chose the event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What the agent found out about the invitee, and answers that the form has no question for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub qualification: BTreeMap<String, Private<String>>,
    /// When the row was written.
    pub created_at: Timestamp,
}

/// Where a phone number was found. The order is the order of trust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneSource {
    /// Calendly's own text reminder number.
    TextReminderNumber,
    /// The answer to a question that the settings name.
    Question,
    /// The number the host is to call (location `outbound_call`).
    OutboundCall,
    /// What VAI wrote down.
    Metadata,
    /// The settings, for a host.
    Settings,
}

impl PhoneSource {
    /// The source's name in the timeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextReminderNumber => "text_reminder_number",
            Self::Question => "a question",
            Self::OutboundCall => "the outbound call",
            Self::Metadata => "VAI",
            Self::Settings => "the settings",
        }
    }
}

/// A text that may be a phone number, and where it stood.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PhoneCandidate {
    /// Where it stood.
    pub source: PhoneSource,
    /// The question's text, for [`PhoneSource::Question`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// As the person wrote it.
    pub text: Private<String>,
}

/// Who ended a meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanceledBy {
    /// The person who had booked.
    Invitee,
    /// The host.
    Host,
    /// Calendly named somebody else, or nobody.
    Other,
}

/// The end of one leg: a cancellation, or the old half of a move.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cancellation {
    /// When, by Calendly's clock.
    pub at: Timestamp,
    /// By whom.
    pub by: CanceledBy,
    /// In the person's own words.
    #[serde(default)]
    pub reason: Option<Private<String>>,
    /// Whether Calendly calls it a move rather than a cancellation.
    pub rescheduled: bool,
}

/// Somebody who hosts the event: one of Calendly's event memberships.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventHost {
    /// Calendly's URI of the user.
    #[serde(default)]
    pub user: Option<String>,
    /// The host's name.
    #[serde(default)]
    pub name: Option<String>,
    /// The address at Calendly.
    pub email: Private<String>,
}

/// What is known of a leg's meeting. Replaced whole by a newer account of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Details {
    /// Calendly's `updated_at`: the newest account wins.
    pub as_of: Timestamp,
    /// The scheduled event.
    pub event: EventUri,
    /// The event type, where it still exists.
    pub event_type: Option<EventTypeUri>,
    /// The event's name, as the host gave it.
    pub event_name: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC.
    pub end: Timestamp,
    /// The invitee's name.
    pub name: Private<String>,
    /// The invitee's first name, where Calendly has it apart.
    #[serde(default)]
    pub first_name: Option<Private<String>>,
    /// The invitee's e-mail address.
    pub email: Private<String>,
    /// The invitee's IANA time zone, if it is one that exists.
    pub zone: Option<String>,
    /// The link to join, if there is one already.
    #[serde(default)]
    pub join_url: Option<String>,
    /// Where to go, for a meeting that is not a link.
    #[serde(default, rename = "place")]
    pub location: Option<Private<String>>,
    /// Where the invitee cancels.
    #[serde(default)]
    pub cancel_url: Option<String>,
    /// Where the invitee moves the meeting.
    #[serde(default)]
    pub reschedule_url: Option<String>,
    /// Whether people meet in one place, and so live by the clock of that place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_person: bool,
    /// Whether people meet by video, on a link that Calendly makes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub online: bool,
    /// Whether the host calls the invitee.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_phone: bool,
    /// The first host's name.
    #[serde(default)]
    pub host: Option<String>,
    /// Every host that Calendly names an address of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<EventHost>,
    /// What may be phone numbers, in order of trust.
    #[serde(default)]
    pub phones: Vec<PhoneCandidate>,
    /// Calendly asked the invitee to confirm once more, and perhaps they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconfirmation: Option<Reconfirmation>,
    /// The routing form submission that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_form_submission: Option<String>,
    /// The payment, as Calendly tells it (JSON).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Private<String>>,
}

/// A request to confirm once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reconfirmation {
    /// When Calendly asked.
    pub asked_at: Timestamp,
    /// When the invitee confirmed.
    #[serde(default)]
    pub confirmed_at: Option<Timestamp>,
}

/// Whether the host marked the invitee as not having come; the latest word counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NoShow {
    /// When it was said.
    pub at: Timestamp,
    /// Marked, or unmarked.
    pub marked: bool,
}

/// One place of a booking in time: one invitee URI. A move ends a leg and begins the next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leg {
    /// Calendly's URI of it.
    pub invitee: InviteeUri,
    /// Our tracking token, where it carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The leg it was moved from.
    #[serde(default)]
    pub previous: Option<InviteeUri>,
    /// The leg it was moved to.
    #[serde(default)]
    pub next: Option<InviteeUri>,
    /// What is known of the meeting.
    pub details: Details,
    /// How it ended, if it did.
    #[serde(default)]
    pub canceled: Option<Cancellation>,
    /// The host's word on whether the invitee came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_show: Option<NoShow>,
    /// Whether `invitee.created` was heard for it.
    #[serde(default)]
    pub heard_created: bool,
    /// Whether `invitee.canceled` was heard for it.
    #[serde(default)]
    pub heard_canceled: bool,
}

/// Where a booking stands, read off its legs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BookingState<'a> {
    /// The meeting is on; it may have been moved here.
    Active(&'a Leg),
    /// The old half of a move is known, the new half is not yet: nobody is told anything.
    Moving(&'a Leg),
    /// The meeting is off.
    Canceled(&'a Leg, &'a Cancellation),
}

/// One meeting of one invitee, through all its moves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Booking {
    /// Our stable id.
    pub id: BookingId,
    /// Whose it is.
    pub connection: ConnectionName,
    /// What VAI knows of it; `None` for a booking that VAI did not make.
    pub metadata: Option<Metadata>,
    legs: BTreeMap<InviteeUri, Leg>,
    /// What we asked Calendly to book for it, by the token that the leg was to carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    requests: BTreeMap<Token, CalendlyRequest>,
    /// The legs that VAI's agent asked to be canceled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    cancel_requests: BTreeMap<InviteeUri, CancellationRequest>,
}

/// How many requests a booking remembers.
const MOST_REQUESTS: usize = 32;

/// A leg that we asked Calendly to book: written down before Calendly hears of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalendlyRequest {
    /// When, by our clock; of the last try.
    pub at: Timestamp,
    /// What equals for the same request and differs for another under the same key.
    pub digest: String,
    /// The event type's name.
    pub event_name: String,
    /// The start that was asked for, UTC.
    pub start: Timestamp,
    /// The event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventTypeUri>,
    /// The invitee's name.
    #[serde(default)]
    pub name: Private<String>,
    /// The invitee's address: what Calendly is asked by, should its answer be lost.
    pub email: Private<String>,
    /// IANA time zone that times are told in.
    pub zone: String,
    /// The leg that it is to take the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<InviteeUri>,
    /// How it stands, as long as no leg carries its token.
    #[serde(rename = "stands")]
    pub state: RequestState,
}

/// How a request stands that has not become a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Calendly is being asked; whoever does it has died if it is not settled by then.
    Asking {
        /// When that is.
        until: Timestamp,
    },
    /// Calendly did not answer: nobody knows yet.
    Doubtful,
    /// Nothing was booked.
    Refused {
        /// Why.
        reason: Reason,
        /// Since when.
        at: Timestamp,
    },
}

/// An agent's wish to cancel a leg.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CancellationRequest {
    /// When, by our clock.
    pub at: Timestamp,
    /// What Calendly tells the people concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Private<String>>,
}

impl Booking {
    /// A booking without facts, to be filled by [`Booking::learn`].
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

    /// Takes a fact in. Facts commute, and a second time changes nothing.
    pub fn apply_fact(&mut self, fact: &Fact) {
        let mut told = fact.leg.clone();
        // Calendly knows nothing of a move of ours: it sees a booking and a cancellation.
        if told.previous.is_none() {
            let request = told.token.as_ref().and_then(|token| self.requests.get(token));
            told.previous = request.and_then(|it| it.replaces.clone()).filter(|old| *old != told.invitee);
        }
        told.heard_created |= fact.kind == FactKind::Created;
        told.heard_canceled |= fact.kind == FactKind::Canceled;
        match self.legs.get_mut(&told.invitee) {
            Some(known) => known.join(told),
            None => {
                self.legs.insert(told.invitee.clone(), told);
            }
        }
    }

    /// Writes down what Calendly is about to be asked for, or how that ended. Of what was refused long ago only the latest
    /// is kept: an agent that tries a hundred times must not fill the row.
    pub(crate) fn request(&mut self, token: Token, requested: CalendlyRequest) {
        self.requests.insert(token, requested);
        let is_refused = |it: &CalendlyRequest| matches!(it.state, RequestState::Refused { .. });
        while self.requests.len() > MOST_REQUESTS {
            let refused = self.requests.iter().filter(|(token, it)| is_refused(it) && self.leg_of(token).is_none());
            let Some(oldest) = refused.min_by_key(|(_, it)| it.at).map(|(token, _)| token.clone()) else { break };
            self.requests.remove(&oldest);
        }
    }

    /// Writes down that a leg is to be canceled.
    pub(crate) fn request_cancellation(&mut self, invitee: InviteeUri, requested: CancellationRequest) {
        self.cancel_requests.insert(invitee, requested);
    }

    /// What Calendly was asked to book under a token.
    pub fn request_for(&self, token: &Token) -> Option<&CalendlyRequest> {
        self.requests.get(token)
    }

    /// Everything that Calendly was asked to book, by its token.
    pub fn requests(&self) -> &BTreeMap<Token, CalendlyRequest> {
        &self.requests
    }

    /// What Calendly was asked to book and nobody knows the end of.
    pub fn open_requests(&self) -> impl Iterator<Item = (&Token, &CalendlyRequest)> {
        let is_settled = |it: &CalendlyRequest| matches!(it.state, RequestState::Refused { .. });
        self.requests.iter().filter(move |(token, it)| !is_settled(it) && self.leg_of(token).is_none())
    }

    /// Every leg that somebody asked to be canceled.
    pub fn cancel_requests(&self) -> &BTreeMap<InviteeUri, CancellationRequest> {
        &self.cancel_requests
    }

    /// The first leg that carries a token: should the invitee move on from there, Calendly may carry it along.
    pub fn leg_of(&self, token: &Token) -> Option<&Leg> {
        self.legs().into_iter().find(|leg| leg.token.as_ref() == Some(token))
    }

    /// The tokens by which others must find this booking: those of moves of ours. That of its first leg leads here anyway.
    pub fn move_tokens(&self) -> impl Iterator<Item = &Token> {
        self.requests.iter().filter(|(_, it)| it.replaces.is_some()).map(|(token, _)| token)
    }

    /// Whether we booked a leg, at VAI's wish.
    pub fn was_booked_by_us(&self, leg: &Leg) -> bool {
        leg.token.as_ref().is_some_and(|token| self.requests.contains_key(token))
    }

    /// The legs that are to be canceled at Calendly, by us: those whose place another has taken at our request, and those
    /// that an agent canceled.
    pub(crate) fn legs_to_cancel(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values().filter(|leg| {
            let is_unwanted = self.cancel_requests.contains_key(&leg.invitee)
                || self.replacing(leg).is_some()
                || self.is_stranded(leg);
            leg.canceled.is_none() && is_unwanted
        })
    }

    /// Whether a leg that we asked for lost its place before it was known: two moves of one leg that crossed.
    fn is_stranded(&self, leg: &Leg) -> bool {
        let request = leg.token.as_ref().and_then(|token| self.requests.get(token));
        request.is_some_and(|it| it.replaces.is_some())
            && !self.is_followed(leg)
            && self.current_leg().is_some_and(|head| head.invitee != leg.invitee)
    }

    /// The leg that took this one's place at our request.
    pub(crate) fn replacing(&self, leg: &Leg) -> Option<&Leg> {
        self.requests
            .iter()
            .filter(|(_, request)| request.replaces.as_ref() == Some(&leg.invitee))
            .find_map(|(token, _)| self.leg_of(token))
    }

    /// Whether a fact speaks of this booking's chain. An empty booking takes any, and one that waits for a leg takes that.
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

    /// What a command is about: a leg, or the meeting that was asked for and never came to be, told as if it were one.
    pub fn leg_for_command(&self, of: &InviteeUri) -> Option<Cow<'_, Leg>> {
        if let Some(leg) = self.legs.get(of) {
            return Some(Cow::Borrowed(leg));
        }
        let (token, request) = self.requests.iter().find(|(token, _)| InviteeUri::for_request(token) == *of)?;
        Some(Cow::Owned(request.as_leg(token)))
    }

    /// The meeting that VAI's agent asked for, was told to wait for, and that Calendly never made; since when that is known.
    pub(crate) fn failed_request(&self) -> Option<(Leg, Timestamp)> {
        let is_hoped_for = !self.legs.is_empty() || self.open_requests().next().is_some();
        let (token, request) = self.requests.iter().max_by_key(|(_, it)| it.at).filter(|_| !is_hoped_for)?;
        match request.state {
            // Of all refusals this is the one that no agent was there to hear: Calendly was asked for two minutes.
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

    /// Where the booking stands; `None` before its first fact.
    pub fn state(&self) -> Option<BookingState<'_>> {
        let head = self.current_leg()?;
        Some(match &head.canceled {
            None => BookingState::Active(head),
            Some(end) if end.rescheduled => BookingState::Moving(head),
            Some(end) => BookingState::Canceled(head, end),
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

    /// The end of the last meeting this booking ever stood for, or was to stand for: what its rows' expiry is reckoned from.
    pub fn last_end(&self) -> Option<Timestamp> {
        let wished = self.requests.values().map(|it| it.start.max(it.at));
        self.legs.values().map(|leg| leg.details.end).chain(wished).max()
    }

    /// The leg that no other leg follows. Calendly makes chains; should its data ever fork, or two moves of ours cross, a
    /// meeting that is on goes before one that is off, and then the newest account decides, so that every order of arrival
    /// agrees.
    fn current_leg(&self) -> Option<&Leg> {
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

    /// How many legs come before this one, bounded so that a cycle in foreign data ends.
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

impl CalendlyRequest {
    fn as_leg(&self, token: &Token) -> Leg {
        let mut leg = Leg::bare(InviteeUri::for_request(token), &self.event_name, self.start, self.start);
        leg.details.as_of = self.at;
        leg.details.event_type.clone_from(&self.event_type);
        leg.details.name = self.name.clone();
        leg.details.email = self.email.clone();
        leg.details.zone = Some(self.zone.clone());
        leg
    }
}

impl Leg {
    /// A leg of which nothing is known but what it is called and when it is.
    pub fn bare(invitee: InviteeUri, event_name: &str, start: Timestamp, end: Timestamp) -> Self {
        Self {
            invitee,
            token: None,
            previous: None,
            next: None,
            details: Details {
                as_of: start,
                event: EventUri::new(""),
                event_type: None,
                event_name: event_name.to_owned(),
                start,
                end,
                name: Private::default(),
                first_name: None,
                email: Private::default(),
                zone: None,
                join_url: None,
                location: None,
                cancel_url: None,
                reschedule_url: None,
                in_person: false,
                online: false,
                by_phone: false,
                host: None,
                hosts: Vec::new(),
                phones: Vec::new(),
                reconfirmation: None,
                routing_form_submission: None,
                payment: None,
            },
            canceled: None,
            no_show: None,
            heard_created: false,
            heard_canceled: false,
        }
    }

    /// Whether the invitee did not come, by the host's latest word.
    pub fn is_no_show(&self) -> bool {
        self.no_show.is_some_and(|word| word.marked)
    }

    /// Joins another account of the same leg into this one: links and ends are kept once known, of details and
    /// cancellations the newest account wins, and ties are settled by content, so that order never matters.
    fn join(&mut self, other: Self) {
        self.heard_created |= other.heard_created;
        self.heard_canceled |= other.heard_canceled;
        self.no_show = self.no_show.max(other.no_show);
        self.token = self.token.take().max(other.token);
        self.previous = self.previous.take().max(other.previous);
        self.next = self.next.take().max(other.next);
        self.canceled = match (self.canceled.take(), other.canceled) {
            (Some(a), Some(b)) => Some(if a.rank() >= b.rank() { a } else { b }),
            (a, b) => a.or(b),
        };
        if other.details.rank() > self.details.rank() {
            self.details = other.details;
        }
    }
}

impl Details {
    /// Of accounts of the same instant the one that knows more outranks the other: a link that Calendly was still making is
    /// not lost again.
    fn rank(&self) -> (Timestamp, usize, String) {
        let links = [&self.join_url, &self.cancel_url, &self.reschedule_url, &self.host, &self.zone];
        let known =
            links.iter().filter(|it| it.is_some()).count() + usize::from(self.location.is_some()) + self.phones.len();
        (self.as_of, known, rank_of(self))
    }
}

impl Cancellation {
    /// An account that says who it was outranks one that doesn't.
    fn rank(&self) -> (bool, Timestamp, String) {
        (self.by != CanceledBy::Other, self.at, rank_of(self))
    }
}

/// A total order among accounts of the same instant: their serialised form. Two that tie here are equal.
fn rank_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
