//! What we say ourselves, beside the providers' templates.

use Language::{Danish, English, Romanian, TraditionalChinese};
use domain::{Language, Message};

/// An e-mail's subject. The Romanian confirmation is VAI's own.
pub(crate) fn subject(message: Message, language: Language, event: &str) -> String {
    let what = match (message, language) {
        (Message::Confirmation, English) => "Booking confirmed",
        (Message::Confirmation, Romanian) => "Confirmare programare",
        (Message::Confirmation, Danish) => "Booking bekræftet",
        (Message::Confirmation, TraditionalChinese) => "預約確認",
        (Message::Move, English) => "Booking moved",
        (Message::Move, Romanian) => "Programare mutată",
        (Message::Move, Danish) => "Booking flyttet",
        (Message::Move, TraditionalChinese) => "預約改期",
        (Message::Cancellation, English) => "Booking canceled",
        (Message::Cancellation, Romanian) => "Programare anulată",
        (Message::Cancellation, Danish) => "Booking aflyst",
        (Message::Cancellation, TraditionalChinese) => "預約取消",
        (Message::Reminder { .. }, English) => "Reminder",
        (Message::Reminder { .. }, Romanian) => "Memento programare",
        (Message::Reminder { .. }, Danish) => "Påmindelse",
        (Message::Reminder { .. }, TraditionalChinese) => "預約提醒",
        (Message::FollowUp { .. }, English) => "Thank you for your time",
        (Message::FollowUp { .. }, Romanian) => "Îți mulțumim pentru timpul acordat",
        (Message::FollowUp { .. }, Danish) => "Tak for din tid",
        (Message::FollowUp { .. }, TraditionalChinese) => "感謝您的參與",
        _ => "",
    };
    let colon = if language == TraditionalChinese { "：" } else { ": " };
    format!("{what}{colon}{event}")
}

/// What VAI's agent says to an invitee whose cancellation was about time. The Romanian is VAI's own.
pub(crate) fn help(language: Language) -> &'static str {
    match language {
        English => "I noticed that you canceled your booking. Can I help you find a more convenient time?",
        Romanian => "Am observat că ai anulat programarea. Pot să te ajut să găsim un moment mai convenabil?",
        Danish => "Jeg kan se, at du har aflyst din booking. Skal jeg hjælpe dig med at finde et bedre tidspunkt?",
        TraditionalChinese => "我注意到您取消了預約。需要我協助您找一個更方便的時間嗎？",
    }
}

/// Something that a template speaks of and a booking may lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    /// The invitee's name.
    Name,
    /// The event's name.
    Event,
    /// When it was before a move.
    OldTime,
    /// Where to join or to go.
    Link,
    /// Where to cancel or to move.
    SelfService,
    /// The host's name.
    Host,
}

/// What stands in for it.
pub(crate) fn stand_in(missing: Missing, language: Language) -> &'static str {
    match (missing, language) {
        (Missing::Name, English) => "guest",
        (Missing::Name, Romanian) => "invitat",
        (Missing::Name, Danish) => "gæst",
        (Missing::Name, TraditionalChinese) => "貴賓",
        (Missing::Event, English) => "meeting",
        (Missing::Event, Romanian) => "întâlnire",
        (Missing::Event, Danish) => "møde",
        (Missing::Event, TraditionalChinese) => "會議",
        (Missing::OldTime, English) => "the earlier time",
        (Missing::OldTime, Romanian) => "ora anterioară",
        (Missing::OldTime, Danish) => "det tidligere tidspunkt",
        (Missing::OldTime, TraditionalChinese) => "原定時間",
        (Missing::Link, English) => "link to follow",
        (Missing::Link, Romanian) => "linkul urmează",
        (Missing::Link, Danish) => "link følger",
        (Missing::Link, TraditionalChinese) => "連結稍後提供",
        (Missing::SelfService, English) => "please ask your host",
        (Missing::SelfService, Romanian) => "întreabă gazda",
        (Missing::SelfService, Danish) => "spørg din vært",
        (Missing::SelfService, TraditionalChinese) => "請洽主辦人",
        (Missing::Host, English) => "your host",
        (Missing::Host, Romanian) => "gazda ta",
        (Missing::Host, Danish) => "din vært",
        (Missing::Host, TraditionalChinese) => "主辦人",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_name_the_event() {
        assert_eq!(subject(Message::Confirmation, Romanian, "Demo"), "Confirmare programare: Demo");
        assert_eq!(subject(Message::Reminder { minutes_before: 60 }, English, "Demo"), "Reminder: Demo");
        assert_eq!(subject(Message::Cancellation, Danish, "Demo"), "Booking aflyst: Demo");
        assert_eq!(subject(Message::Move, TraditionalChinese, "Demo"), "預約改期：Demo");
    }
}
