//! The limits of one booking: how many SMS it may cause, and of how many moves people are told in an hour.
//!
//! The booking's own commands are the count. Each is a row of the table that is written before its call, so a function
//! that is killed can only make the count too high. The store counts for numbers and for the connection.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::command::{Change, Command, State};
use crate::destinations::Action;
use crate::ids::{CommandId, InviteeUri};
use crate::message::{Message, Notice};
use crate::reason::Reason;
use crate::settings::SmsBudget;

/// The span of `moves_per_hour`.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Checks the limits of a command's booking. `commands` are all that the booking has. An e-mail counts only where it
/// replaces an SMS: the others are what `channels` asks for.
///
/// # Errors
/// [`Reason::SmsBudget`].
pub fn check_booking_limits(
    command: &Command,
    commands: &[Command],
    limits: &SmsBudget,
    now: Timestamp,
) -> Result<(), Reason> {
    let Some(is_sms) = is_sms(command).filter(|is_sms| *is_sms || command.is_fallback()) else { return Ok(()) };
    let others = commands.iter().filter(|other| other.id != command.id && self::is_sms(other) == Some(is_sms));
    let sent: Vec<_> = others.filter_map(|other| Some((other, sent_at(other, &command.id, now)?))).collect();
    let is_below = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|count| count < limit);
    if is_sms && !is_below(sent.len(), limits.messages_per_booking) {
        return Err(Reason::SmsBudget);
    }
    if tells_of_move(command) {
        let is_recent = |at: Timestamp| now.duration_since(at) < HOUR;
        let moves =
            sent.iter().filter(|(other, at)| tells_of_move(other) && is_recent(*at)).map(|(other, _)| &other.leg);
        let others: BTreeSet<&InviteeUri> = moves.filter(|leg| **leg != command.leg).collect();
        if !is_below(others.len(), limits.moves_per_hour) {
            return Err(Reason::SmsBudget);
        }
    }
    Ok(())
}

/// Returns whether a command sends an SMS; `None` if it sends no message.
fn is_sms(command: &Command) -> Option<bool> {
    match &command.action {
        Action::Message(action) => Some(action.is_sms()),
        _ => None,
    }
}

fn tells_of_move(command: &Command) -> bool {
    matches!(command.action.message(), Some(Message::Move | Message::HostNotice(Notice::Moved)))
}

/// Returns when a message was sent or may have been sent; or now, if it is about to be. Of those that are due together,
/// the one with the smaller id comes first.
fn sent_at(command: &Command, own: &CommandId, now: Timestamp) -> Option<Timestamp> {
    let claimed_at = || command.history.iter().rev().find(|note| note.what == Change::Claimed).map_or(now, |it| it.at);
    match command.state {
        State::Done { .. } | State::Claimed { .. } | State::Unknown => Some(claimed_at()),
        State::Open | State::Waiting if command.was_unknown_before() => Some(claimed_at()),
        State::Open | State::Waiting if command.is_due(now) && command.id < *own => Some(now),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::MessageAction;
    use crate::ids::BookingId;
    use crate::settings::Settings;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn command(number: u32, action: MessageAction) -> Command {
        let leg = InviteeUri::new(format!("https://api.calendly.com/scheduled_events/E/invitees/{number}"));
        Command::new(&BookingId::new("bk-1"), action, leg, at("2026-11-25T08:30:00Z"), None)
    }

    /// A command that was performed.
    fn sent(number: u32, action: MessageAction, when: &str) -> Command {
        let claimed = command(number, action).claim(at(when), at(when), crate::Attempt::default());
        claimed.settle(crate::Outcome::done(None), at(when))
    }

    #[test]
    fn so_many_moves_are_told_in_any_hour_to_the_invitee_and_the_hosts() {
        let told = MessageAction::Sms(Message::Move);
        let host = MessageAction::SmsHost(Notice::Moved, "maria@example.com".into());
        let limits = SmsBudget { moves_per_hour: 2, ..Settings::default().sms_budget };
        let known = [
            sent(1, told.clone(), "2026-11-20T09:00:00Z"),
            sent(1, host.clone(), "2026-11-20T09:00:00Z"),
            sent(2, told.clone(), "2026-11-20T09:30:00Z"),
        ];
        let check = |action: &MessageAction, when: &str| {
            check_booking_limits(&command(3, action.clone()), &known, &limits, at(when))
        };
        assert_eq!(check(&told, "2026-11-20T09:59:59Z"), Err(Reason::SmsBudget));
        assert_eq!(check(&host, "2026-11-20T09:59:59Z"), Err(Reason::SmsBudget));
        assert_eq!(check(&told, "2026-11-20T10:00:00Z"), Ok(()));
        assert_eq!(check(&MessageAction::Sms(Message::Cancellation), "2026-11-20T09:59:59Z"), Ok(()));
        // A host is told of a move that the invitee was told of.
        let second = command(2, host);
        assert_eq!(check_booking_limits(&second, &known, &limits, at("2026-11-20T09:31:00Z")), Ok(()));
    }

    #[test]
    fn a_booking_causes_so_many_sms_and_no_more_than_that_at_the_same_time() {
        let limits = SmsBudget { messages_per_booking: 3, ..Settings::default().sms_budget };
        let mut all: Vec<_> =
            (1..=5).map(|number| command(number, MessageAction::Sms(Message::Confirmation))).collect();
        let now = at("2026-11-20T09:00:00Z");
        let passed =
            |all: &[Command]| all.iter().filter(|it| check_booking_limits(it, all, &limits, now).is_ok()).count();
        assert_eq!(passed(&all), 3);
        all[0] = sent(1, MessageAction::Sms(Message::Confirmation), "2026-11-20T08:00:00Z");
        let others = all[1..].iter().filter(|it| check_booking_limits(it, &all, &limits, now).is_ok()).count();
        assert_eq!(others, 2);
        let email = command(9, MessageAction::Email(Message::Move));
        assert_eq!(check_booking_limits(&email, &all, &limits, now), Ok(()), "an e-mail is no SMS");
    }
}
