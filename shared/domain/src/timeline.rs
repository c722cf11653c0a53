//! The story of a booking, for the person who is asked "why did she get no reminder?".

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    Action, Booking, CalendlyRequest, Command, FactKind, InviteeUri, Leg, Message, News, Note, Notice, Reason,
    RequestState, State, Token,
};

/// One line of a booking's story. Instants are UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// Who or what it is about, for example `reminder by SMS, 60 min before`.
    pub what: String,
    /// What happened.
    pub happened: String,
}

/// A fact as the store keeps it, without its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactRecord {
    /// How it came.
    pub kind: FactKind,
    /// The invitee it is about.
    pub invitee: InviteeUri,
    /// When it happened, by Calendly's clock.
    pub occurred_at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
}

/// Everything that is known of a booking, in order.
pub fn timeline(booking: &Booking, facts: &[FactRecord], commands: &[Command]) -> Vec<Line> {
    // What was asked for goes before what came of it in the same second.
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
        command.action != Action::FetchMissingHalf || command.state != arrived
    };
    // What takes another's place is told after it.
    let (instead, others): (Vec<_>, Vec<_>) = commands.iter().filter(was_needed).partition(|it| it.is_fallback());
    for command in others.into_iter().chain(instead) {
        let what = match booking.leg(&command.leg) {
            // After a move there are two of everything.
            Some(leg) if booking.legs().len() > 1 => {
                format!("{} (of {})", title(&command.action), day(leg, leg.details.start))
            }
            _ => title(&command.action),
        };
        if command.history.is_empty() {
            let heard = facts.iter().filter(|it| it.invitee == command.leg).map(|it| it.received_at).max();
            let happened = "planned, not begun yet".to_owned();
            lines.extend(heard.map(|at| Line { at, what: what.clone(), happened }));
        }
        let mut claim = None;
        for (index, note) in command.history.iter().enumerate() {
            // A claim is worth a line only while nothing came of it.
            if note.what == "claimed" && index + 1 < command.history.len() {
                claim = note.detail.as_deref();
                continue;
            }
            let detail = [note.detail.as_deref(), claim.take()].into_iter().flatten().collect::<Vec<_>>().join("; ");
            lines.push(Line { at: note.at, what: what.clone(), happened: note_text(booking, command, note, &detail) });
        }
    }
    lines.sort_by_key(|line| line.at);
    lines.dedup();
    lines
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

/// What we asked Calendly to book, and what came of it if nothing did.
fn request_lines(booking: &Booking, token: &Token, request: &CalendlyRequest) -> Vec<Line> {
    let line = |at, happened| Line { at, what: "VAI's agent".to_owned(), happened };
    let verb = if request.replaces.is_some() { "asks for a move" } else { "asks for a booking" };
    let wish = time_in_zone(&request.zone, request.start);
    let mut lines = vec![line(request.at, format!("{verb}: {}, {wish}", request.event_name))];
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
    let plain = match note.what.as_str() {
        "waiting" => match command.not_before {
            Some(at) => format!("has a timer for {}", local(booking, &command.leg, at)),
            None => "has a timer".to_owned(),
        },
        "claimed" => "is being sent".to_owned(),
        "done" => match &command.state {
            State::Done { provider_id: Some(id) } => format!("accepted by the provider as {id}"),
            _ => "accepted by the provider".to_owned(),
        },
        "skipped" => "not sent".to_owned(),
        "withdrawing" => "taken back".to_owned(),
        "withdrawn" => "timer removed".to_owned(),
        "failed" => "failed".to_owned(),
        "unknown" => "outcome unknown".to_owned(),
        "retry" => "will be tried again".to_owned(),
        "instead" => "takes the place of the SMS".to_owned(),
        "postponed" => match command.not_before {
            Some(at) => format!("waits out the quiet hours until {}", local(booking, &command.leg, at)),
            None => "waits out the quiet hours".to_owned(),
        },
        "passed_over" => "turned down".to_owned(),
        "sent" => "passed on by the provider".to_owned(),
        "delivered" => "has arrived".to_owned(),
        "undelivered" => "has not arrived".to_owned(),
        "replied" => "the person replied".to_owned(),
        other => other.to_owned(),
    };
    format!("{plain}{}{detail}", reason.unwrap_or_default())
}

fn title(action: &Action) -> String {
    let message = |message: &Message, channel: &str| match message {
        Message::Confirmation => format!("confirmation by {channel}"),
        Message::Move => format!("news of the move by {channel}"),
        Message::Cancellation => format!("cancellation by {channel}"),
        Message::Reminder { minutes_before } => format!("reminder by {channel}, {} before", span(*minutes_before)),
        Message::FollowUp { minutes_after } => {
            format!("follow-up by {channel}, {} after the end", span(*minutes_after))
        }
        Message::NoShow => format!("note to whoever did not come, by {channel}"),
        Message::Reconfirmation { minutes_before } => {
            format!("request to confirm by {channel}, {} before", span(*minutes_before))
        }
        Message::NotBooked => format!("word by {channel} that nothing was booked"),
        Message::HostNotice(Notice::Booked) => format!("notice to the host by {channel}: booked"),
        Message::HostNotice(Notice::Moved) => format!("notice to the host by {channel}: moved"),
        Message::HostNotice(Notice::Canceled) => format!("notice to the host by {channel}: canceled"),
    };
    match action {
        Action::Sms(text) => message(text, "SMS"),
        Action::Email(mail) => message(mail, "e-mail"),
        Action::SmsHost(notice, _) => message(&Message::HostNotice(*notice), "SMS"),
        Action::EmailHost(notice, _) => message(&Message::HostNotice(*notice), "e-mail"),
        Action::TellVai(News::Booked) => "VAI told of its booking".to_owned(),
        Action::TellVai(News::Confirmed) => "VAI told of the confirmation".to_owned(),
        Action::TellVai(News::Canceled) => "VAI told of the cancellation".to_owned(),
        Action::TellVai(News::Rescheduled) => "VAI told of the move".to_owned(),
        Action::OfferHelp => "VAI asked to offer help".to_owned(),
        Action::Log(what, _) => format!("VAI's analytics, {}", what.name()),
        Action::FetchMissingHalf => "asking Calendly for the rest of the move".to_owned(),
        Action::Cancel => "canceling at Calendly".to_owned(),
    }
}

fn span(minutes: u32) -> String {
    match minutes {
        0..60 => format!("{minutes} min"),
        _ if minutes.is_multiple_of(1440) && minutes > 1440 => format!("{} days", minutes / 1440),
        _ if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// A day in the invitee's zone, such as `25 Nov`.
fn day(leg: &Leg, at: Timestamp) -> String {
    let tz = leg.details.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
    at.to_zoned(tz).strftime("%d %b").to_string()
}

/// An instant in the invitee's zone, the zone named.
fn local(booking: &Booking, invitee: &InviteeUri, at: Timestamp) -> String {
    time_in_zone(booking.leg(invitee).and_then(|leg| leg.details.zone.as_deref()).unwrap_or("UTC"), at)
}

fn time_in_zone(zone: &str, at: Timestamp) -> String {
    match TimeZone::get(zone) {
        Ok(tz) => format!("{} {zone}", at.to_zoned(tz).strftime("%a %d %b %Y %H:%M")),
        Err(_) => format!("{} UTC", at.to_zoned(TimeZone::UTC).strftime("%a %d %b %Y %H:%M")),
    }
}
