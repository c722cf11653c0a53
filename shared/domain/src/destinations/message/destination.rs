//! People as a destination.

use jiff::Timestamp;

use super::action::MessageAction;
use super::compose;
use crate::destinations::base::{Context, DeliveryGuarantee, Destination};
use crate::email_address::email_key;
use crate::ids::{BookingId, CommandId, InviteeUri};
use crate::message::{Message, Notice};
use crate::reason::Reason;

impl Destination for MessageAction {
    fn slug(&self) -> String {
        let slug = |channel: &str, message: &Message| {
            let name = message.name().replace('_', "-");
            match message {
                Message::Reminder { minutes_before } => format!("{channel}-{name}-{minutes_before}m"),
                // A timer's name has at most 64 characters.
                Message::Reconfirmation { minutes_before } => format!("{channel}-reconfirm-{minutes_before}m"),
                Message::FollowUp { minutes_after } => format!("{channel}-{name}-{minutes_after}m"),
                _ => format!("{channel}-{name}"),
            }
        };
        match self {
            Self::Sms(message) => slug("sms", message),
            Self::Email(message) => slug("mail", message),
            Self::SmsHost(notice, _) => format!("sms-host-{}", notice.name()),
            Self::EmailHost(notice, _) => format!("mail-host-{}", notice.name()),
        }
    }

    fn command_id(&self, booking: &BookingId, leg: &InviteeUri, start: Timestamp) -> CommandId {
        let (slug, start) = (self.slug(), start.to_string());
        let parts = [booking.as_str(), &slug, leg.as_str(), &start];
        match self {
            Self::Sms(_) | Self::Email(_) => CommandId::from_parts(&slug, &parts),
            Self::SmsHost(_, host) | Self::EmailHost(_, host) => {
                CommandId::from_parts(&slug, &[&parts[..], &[&email_key(host.expose())]].concat())
            }
        }
    }

    /// Returns the guarantee. Only Brevo documents an idempotency key, and only for half an hour.
    fn guarantee(&self) -> DeliveryGuarantee {
        match self {
            Self::Sms(message) | Self::Email(message) if message.is_timed() => DeliveryGuarantee::AtMostOnce,
            Self::Sms(_) | Self::Email(_) | Self::SmsHost(..) | Self::EmailHost(..) => DeliveryGuarantee::OnceMore,
        }
    }

    fn check(&self, context: &Context<'_>) -> Result<(), Reason> {
        compose::check(context, self)
    }

    fn title(&self) -> String {
        let channel = match self {
            Self::Sms(_) | Self::SmsHost(..) => "SMS",
            Self::Email(_) | Self::EmailHost(..) => "e-mail",
        };
        match self.message() {
            Message::Confirmation => format!("confirmation by {channel}"),
            Message::Move => format!("news of the move by {channel}"),
            Message::Cancellation => format!("cancellation by {channel}"),
            Message::Reminder { minutes_before } => format!("reminder by {channel}, {} before", span(minutes_before)),
            Message::FollowUp { minutes_after } => {
                format!("follow-up by {channel}, {} after the end", span(minutes_after))
            }
            Message::NoShow => format!("note to whoever did not come, by {channel}"),
            Message::Reconfirmation { minutes_before } => {
                format!("request to confirm by {channel}, {} before", span(minutes_before))
            }
            Message::NotBooked => format!("word by {channel} that nothing was booked"),
            Message::HostNotice(Notice::Booked) => format!("notice to the host by {channel}: booked"),
            Message::HostNotice(Notice::Moved) => format!("notice to the host by {channel}: moved"),
            Message::HostNotice(Notice::Canceled) => format!("notice to the host by {channel}: canceled"),
        }
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
