//! The timeline of a booking. It answers questions such as "why did she get no reminder?".

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::booking::Booking;
use crate::command::{Change, Command, Note, State};
use crate::destinations::{Action, CalendlyAction, PublishAction};
use crate::fact::FactKind;
use crate::ids::{InviteeUri, Token};
use crate::leg::Leg;
use crate::reason::Reason;
use crate::request::{CalendlyRequest, RequestState};
use crate::short_link::Opening;

/// One line of a booking's timeline. Instants are UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// What it is about, for example `reminder by SMS, 60 min before`.
    pub what: String,
    /// What happened.
    pub happened: String,
}

/// A stored fact, without its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactRecord {
    /// Its source.
    pub kind: FactKind,
    /// The invitee it is about.
    pub invitee: InviteeUri,
    /// When it happened, by Calendly's clock.
    pub occurred_at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
}

/// What a customer's endpoint got of a booking: one event, with its attempts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRecord {
    /// The endpoint's id.
    pub endpoint: String,
    /// The event's type.
    pub event: String,
    /// The event's number in the endpoint's sequence of this booking.
    pub number: u64,
    /// When each attempt was begun, and how it ended.
    pub attempts: Vec<(Timestamp, String)>,
}

/// Lists everything that is known of a booking, in order.
pub fn timeline(
    booking: &Booking,
    facts: &[FactRecord],
    commands: &[Command],
    deliveries: &[DeliveryRecord],
    openings: &[Opening],
) -> Vec<Line> {
    // A request comes before its outcome in the same second.
    let mut lines: Vec<Line> =
        booking.requests().iter().flat_map(|(token, request)| request_lines(booking, token, request)).collect();
    lines.extend(booking.cancel_requests().values().map(|request| Line {
        at: request.at,
        what: "VAI's agent".to_owned(),
        happened: "asks for the meeting to be canceled".to_owned(),
    }));
    lines.extend(facts.iter().map(|fact| fact_line(booking, fact)));
    let was_needed = |command: &&Command| {
        let arrived = State::Withdrawn { reason: Reason::Arrived };
        command.action != Action::Calendly(CalendlyAction::FetchMissingHalf) || command.state != arrived
    };
    lines.extend(booking.elsewhere().iter().filter_map(|(invitee, other)| {
        let goes_on = booking.legs().into_iter().find(|leg| leg.next.as_ref() == Some(invitee));
        let comes_from = booking.legs().into_iter().find(|leg| leg.previous.as_ref() == Some(invitee));
        let (leg, happened) = match (goes_on, comes_from) {
            (Some(leg), _) => (leg, format!("the meeting goes on as booking {other}")),
            (None, Some(leg)) => (leg, format!("the meeting comes from booking {other}")),
            (None, None) => return None,
        };
        let at = leg.canceled.as_ref().map_or(leg.details.as_of, |end| end.at);
        Some(Line { at, what: "move".to_owned(), happened })
    }));
    // An e-mail that replaces an SMS comes after it.
    let (fallbacks, others): (Vec<_>, Vec<_>) = commands.iter().filter(was_needed).partition(|it| it.is_fallback());
    for command in others.into_iter().chain(fallbacks) {
        let what = match booking.leg(&command.leg) {
            // After a move, each message exists for two legs.
            Some(leg) if booking.legs().len() > 1 => {
                format!("{} (of {})", command.action.title(), day(leg, leg.details.start))
            }
            _ => command.action.title(),
        };
        if command.history.is_empty() {
            let known_at = facts.iter().filter(|it| it.invitee == command.leg).map(|it| it.received_at).max();
            let happened = "planned, not begun yet".to_owned();
            lines.extend(known_at.map(|at| Line { at, what: what.clone(), happened }));
        }
        let mut claim = None;
        for (index, note) in command.history.iter().enumerate() {
            // A claim gets a line only while it is not settled.
            if note.what == Change::Claimed && index + 1 < command.history.len() {
                claim = note.detail.as_deref();
                continue;
            }
            let detail = [note.detail.as_deref(), claim.take()].into_iter().flatten().collect::<Vec<_>>().join("; ");
            lines.push(Line { at: note.at, what: what.clone(), happened: note_text(booking, command, note, &detail) });
        }
    }
    lines.extend(deliveries.iter().flat_map(delivery_lines));
    lines.extend(openings.iter().map(|opening| {
        let sent = commands.iter().find(|it| it.id == opening.command);
        let what = sent.map_or_else(|| "message".to_owned(), |it| it.action.title());
        Line { at: opening.at, what, happened: opening.purpose.opened().to_owned() }
    }));
    lines.sort_by_key(|line| line.at);
    lines.dedup();
    lines
}

fn delivery_lines(delivery: &DeliveryRecord) -> impl Iterator<Item = Line> {
    let DeliveryRecord { endpoint, event, number, attempts } = delivery;
    let what = format!("endpoint {endpoint}");
    (1..).zip(attempts).map(move |(attempt, (at, result))| Line {
        at: *at,
        what: what.clone(),
        happened: format!("{event}, its number {number}: attempt {attempt}, {result}"),
    })
}

fn fact_line(booking: &Booking, fact: &FactRecord) -> Line {
    let leg = booking.leg(&fact.invitee);
    let start = |at| local(booking, &fact.invitee, at);
    let happened = match (fact.kind, leg) {
        (FactKind::Created, Some(leg)) if booking.was_moved_to(leg) => {
            format!("Calendly tells that the meeting was moved to {}", start(leg.details.start))
        }
        (FactKind::Created, Some(leg)) => {
            format!("Calendly tells of a booking: {}, {}", leg.details.event_name, start(leg.details.start))
        }
        (FactKind::Canceled, Some(leg)) => match &leg.canceled {
            Some(end) if end.rescheduled => {
                format!("Calendly tells that {} was given up for another time", start(leg.details.start))
            }
            _ => format!("Calendly tells that the meeting of {} was canceled", start(leg.details.start)),
        },
        (FactKind::NoShow, _) => "the host marks the invitee as not having come".to_owned(),
        (FactKind::NoShowRemoved, _) => "the host takes the no-show back".to_owned(),
        (FactKind::LookedUp, _) => "Calendly was asked for what was missing".to_owned(),
        (FactKind::Booked, Some(leg)) => {
            format!("Calendly has booked it: {}, {}", leg.details.event_name, start(leg.details.start))
        }
        (_, None) => "a fact about a meeting that is no longer on record".to_owned(),
    };
    Line { at: fact.received_at, what: fact.kind.name().to_owned(), happened }
}

/// Returns the lines of a request to Calendly, with its end if nothing was booked.
fn request_lines(booking: &Booking, token: &Token, request: &CalendlyRequest) -> Vec<Line> {
    let line = |at, happened| Line { at, what: "VAI's agent".to_owned(), happened };
    let verb = if request.replaces.is_some() { "asks for a move" } else { "asks for a booking" };
    let start = time_in_zone(&request.zone, request.start);
    let mut lines = vec![line(request.at, format!("{verb}: {}, {start}", request.event_name))];
    match request.state {
        _ if booking.leg_of(token).is_some() => {}
        RequestState::Asking { .. } => {}
        RequestState::Doubtful => {
            lines.push(line(request.at, "Calendly gave no answer: it is being asked whether it has booked".to_owned()));
        }
        RequestState::Refused { reason, at } => {
            lines.push(line(at, format!("nothing was booked: {} ({})", reason.sentence(), reason.code())));
        }
    }
    lines
}

fn note_text(booking: &Booking, command: &Command, note: &Note, detail: &str) -> String {
    let reason = note.reason.map(|reason| format!(": {} ({})", reason.sentence(), reason.code()));
    let detail = if detail.is_empty() { String::new() } else { format!(" [{detail}]") };
    let with_due_time = |verb: &str, preposition: &str| match command.not_before {
        Some(at) => format!("{verb} {preposition} {}", local(booking, &command.leg, at)),
        None => verb.to_owned(),
    };
    let text = match note.what {
        Change::Open => "open".to_owned(),
        Change::Waiting => with_due_time("has a timer", "for"),
        Change::Claimed => "is being sent".to_owned(),
        Change::Appended => appended(&command.action),
        Change::Done if command.action == PublishAction::Completion.into() => {
            "the meeting counts as completed".to_owned()
        }
        Change::Done if matches!(command.action, Action::Publish(_)) => "passed to the deliveries queue".to_owned(),
        Change::Done => match &command.state {
            State::Done { provider_id: Some(id) } => format!("accepted by the provider as {id}"),
            _ => "accepted by the provider".to_owned(),
        },
        Change::Skipped => "not sent".to_owned(),
        Change::Withdrawing => "taken back".to_owned(),
        Change::Withdrawn => "timer removed".to_owned(),
        Change::Failed => "failed".to_owned(),
        Change::Unknown => "outcome unknown".to_owned(),
        Change::RetryPlanned => "will be tried again".to_owned(),
        Change::ReplacesSms if note.reason == Some(Reason::CountryLinks) => "has what the SMS may not have".to_owned(),
        Change::ReplacesSms => "takes the place of the SMS".to_owned(),
        Change::Postponed if note.reason.is_some() => with_due_time("waits until Calendly can be asked", "until"),
        Change::Postponed => with_due_time("waits out the quiet hours", "until"),
        Change::PassedOver => "turned down".to_owned(),
        Change::Sent => "passed on by the provider".to_owned(),
        Change::Delivered => "has arrived".to_owned(),
        Change::Undelivered => "has not arrived".to_owned(),
        Change::Replied => "the person replied".to_owned(),
        Change::Objected => "the provider reports an objection".to_owned(),
    };
    format!("{text}{}{detail}", reason.unwrap_or_default())
}

/// Returns which events were appended, such as `booking.created appended as number 1`.
fn appended(action: &Action) -> String {
    let Action::Publish(PublishAction::Events { events, .. }) = action else { return String::new() };
    let events = events.iter().map(|(number, kind)| format!("{kind} appended as number {number}"));
    events.collect::<Vec<_>>().join(", ")
}

/// Returns a day in the invitee's zone, such as `25 Nov`.
fn day(leg: &Leg, at: Timestamp) -> String {
    let tz = leg.details.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
    at.to_zoned(tz).strftime("%d %b").to_string()
}

/// Returns an instant in the invitee's zone, with the zone's name.
fn local(booking: &Booking, invitee: &InviteeUri, at: Timestamp) -> String {
    time_in_zone(booking.leg(invitee).and_then(|leg| leg.details.zone.as_deref()).unwrap_or("UTC"), at)
}

fn time_in_zone(zone: &str, at: Timestamp) -> String {
    match TimeZone::get(zone) {
        Ok(tz) => format!("{} {zone}", at.to_zoned(tz).strftime("%a %d %b %Y %H:%M")),
        Err(_) => format!("{} UTC", at.to_zoned(TimeZone::UTC).strftime("%a %d %b %Y %H:%M")),
    }
}
