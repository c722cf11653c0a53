//! Fixed texts in each language: e-mail subjects for providers' templates, and fallbacks for missing values.

use Language::{Danish, English, Romanian, TraditionalChinese};
use domain::{HelpOccasion, Language, Message, Notice};

/// Returns how long it is until a meeting, in whole minutes, hours or days: "24 hours".
pub(crate) fn advance(minutes: u32, language: Language) -> String {
    const HOUR: u32 = 60;
    const DAY: u32 = 24 * HOUR;
    let rounded = |unit: u32| (minutes + unit / 2) / unit;
    let (count, unit) = match minutes {
        // One minute, not none.
        _ if minutes < HOUR => (minutes.max(1), 0),
        _ if rounded(HOUR) <= 36 => (rounded(HOUR), 1),
        _ => (rounded(DAY), 2),
    };
    let [one, several] = match language {
        English => [["minute", "minutes"], ["hour", "hours"], ["day", "days"]],
        Romanian => [["minut", "minute"], ["oră", "ore"], ["zi", "zile"]],
        Danish => [["minut", "minutter"], ["time", "timer"], ["dag", "dage"]],
        TraditionalChinese => [["分鐘", "分鐘"], ["小時", "小時"], ["天", "天"]],
    }[unit];
    match language {
        Romanian if count == 1 => format!("{} {one}", if unit == 0 { "un" } else { "o" }),
        // From 20 on, "de" stands between the number and the noun.
        Romanian if count % 100 == 0 || count % 100 >= 20 => format!("{count} de {several}"),
        _ if count == 1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

/// Returns an e-mail's subject. VAI wrote the Romanian confirmation.
pub(crate) fn subject(message: Message, language: Language, event: &str) -> String {
    let what = match (message, language) {
        (Message::Confirmation, English) => "Booking confirmed",
        (Message::Confirmation, Romanian) => "Confirmare programare",
        (Message::Confirmation, Danish) => "Aftale bekræftet",
        (Message::Confirmation, TraditionalChinese) => "預約確認",
        (Message::Move, English) => "Booking moved",
        (Message::Move, Romanian) => "Programare mutată",
        (Message::Move, Danish) => "Aftale flyttet",
        (Message::Move, TraditionalChinese) => "預約改期",
        (Message::Cancellation, English) => "Booking canceled",
        (Message::Cancellation, Romanian) => "Programare anulată",
        (Message::Cancellation, Danish) => "Aftale aflyst",
        (Message::Cancellation, TraditionalChinese) => "預約取消",
        (Message::Reminder { .. }, English) => "Reminder",
        (Message::Reminder { .. }, Romanian) => "Reamintire programare",
        (Message::Reminder { .. }, Danish) => "Påmindelse",
        (Message::Reminder { .. }, TraditionalChinese) => "預約提醒",
        (Message::FollowUp { .. }, English) => "Thank you for your time",
        (Message::FollowUp { .. }, Romanian) => "Vă mulțumim pentru timpul acordat",
        (Message::FollowUp { .. }, Danish) => "Tak for din tid",
        (Message::FollowUp { .. }, TraditionalChinese) => "感謝您的參與",
        (Message::NoShow, English) => "Sorry we missed each other",
        (Message::NoShow, Romanian) => "Ne pare rău că nu ne-am întâlnit",
        (Message::NoShow, Danish) => "Vi gik desværre galt af hinanden",
        (Message::NoShow, TraditionalChinese) => "很可惜沒能碰面",
        (Message::Reconfirmation { .. }, English) => "Still coming?",
        (Message::Reconfirmation { .. }, Romanian) => "Mai participați la întâlnire?",
        (Message::Reconfirmation { .. }, Danish) => "Kommer du stadig?",
        (Message::Reconfirmation { .. }, TraditionalChinese) => "請確認是否參加",
        (Message::NotBooked, English) => "Not booked",
        (Message::NotBooked, Romanian) => "Nu s-a putut programa",
        (Message::NotBooked, Danish) => "Ikke booket",
        (Message::NotBooked, TraditionalChinese) => "預約未成立",
        (Message::HostNotice(Notice::Booked), English) => "New booking",
        (Message::HostNotice(Notice::Booked), Romanian) => "Programare nouă",
        (Message::HostNotice(Notice::Booked), Danish) => "Ny aftale",
        (Message::HostNotice(Notice::Booked), TraditionalChinese) => "新預約",
        (Message::HostNotice(Notice::Moved), English) => "Moved",
        (Message::HostNotice(Notice::Moved), Romanian) => "Întâlnire mutată",
        (Message::HostNotice(Notice::Moved), Danish) => "Flyttet",
        (Message::HostNotice(Notice::Moved), TraditionalChinese) => "已改期",
        (Message::HostNotice(Notice::Canceled), English) => "Canceled",
        (Message::HostNotice(Notice::Canceled), Romanian) => "Întâlnire anulată",
        (Message::HostNotice(Notice::Canceled), Danish) => "Aflyst",
        (Message::HostNotice(Notice::Canceled), TraditionalChinese) => "已取消",
    };
    let colon = match language {
        TraditionalChinese => "：",
        _ if what.ends_with('?') => " ",
        _ => ": ",
    };
    format!("{what}{colon}{event}")
}

/// Returns the offer of VAI's agent to help to find another time. VAI wrote the Romanian text for a cancellation, as
/// its agent speaks: it is the only one that says "tu".
pub(crate) fn help_offer(occasion: HelpOccasion, language: Language) -> &'static str {
    match (occasion, language) {
        (HelpOccasion::Canceled, English) => {
            "I noticed that you canceled your booking. Can I help you find a more convenient time?"
        }
        (HelpOccasion::Canceled, Romanian) => {
            "Am observat că ai anulat programarea. Pot să te ajut să găsim un moment mai convenabil?"
        }
        (HelpOccasion::Canceled, Danish) => {
            "Jeg kan se, at du har aflyst din aftale. Skal jeg hjælpe dig med at finde et bedre tidspunkt?"
        }
        (HelpOccasion::Canceled, TraditionalChinese) => "我注意到您取消了預約。需要我協助您找一個更方便的時間嗎？",
        (HelpOccasion::NotMoved, English) => {
            "I could not move your booking after all: it is still at its old time. Shall I look for another time?"
        }
        (HelpOccasion::NotMoved, Romanian) => {
            "Până la urmă nu am reușit să mut programarea: rămâne la ora stabilită. Caut altă oră?"
        }
        (HelpOccasion::NotMoved, Danish) => {
            "Det lykkedes desværre ikke at flytte din aftale: den ligger stadig på det gamle tidspunkt. Skal jeg finde \
             et andet tidspunkt?"
        }
        (HelpOccasion::NotMoved, TraditionalChinese) => {
            "很抱歉，未能更改您的預約，仍維持原來的時間。需要我為您另找時間嗎？"
        }
    }
}

/// Returns the place of a meeting in which the host calls.
pub(crate) fn by_phone(language: Language) -> &'static str {
    match language {
        English => "by phone, we will call you",
        Romanian => "la telefon, vă sunăm noi",
        Danish => "pr. telefon, vi ringer til dig",
        TraditionalChinese => "以電話進行，我們會致電給您",
    }
}

/// Returns the place of a meeting whose invitee was asked for it.
pub(crate) fn own_place(language: Language) -> &'static str {
    match language {
        English => "the place you chose",
        Romanian => "locul ales la programare",
        Danish => "det sted, du har valgt",
        TraditionalChinese => "您指定的地點",
    }
}

/// Returns how a person can stop messages to which no answer comes back.
pub(crate) fn way_out(language: Language) -> &'static str {
    match language {
        English => "Replies don't reach us. To stop these messages, tell your host.",
        Romanian => "Răspunsurile nu ajung la noi. Nu mai doriți mesaje? Anunțați organizatorul.",
        Danish => "Vi kan ikke modtage svar. Vil du ikke have flere beskeder, så sig det til arrangøren.",
        TraditionalChinese => "我們無法收到回覆；若不想再收到訊息，請告知主辦人。",
    }
}

/// Returns a notice to a host in one word: a provider's template can't choose between sentences.
pub(crate) fn notice_word(notice: Notice, language: Language) -> &'static str {
    match (notice, language) {
        (Notice::Booked, English) => "booked",
        (Notice::Booked, Romanian) => "programată",
        (Notice::Booked, Danish) => "booket",
        (Notice::Booked, TraditionalChinese) => "已預約",
        (Notice::Moved, English) => "moved",
        (Notice::Moved, Romanian) => "mutată",
        (Notice::Moved, Danish) => "flyttet",
        (Notice::Moved, TraditionalChinese) => "已改期",
        (Notice::Canceled, English) => "canceled",
        (Notice::Canceled, Romanian) => "anulată",
        (Notice::Canceled, Danish) => "aflyst",
        (Notice::Canceled, TraditionalChinese) => "已取消",
    }
}

/// Greets a person. Without a name the greeting has no noun in its place: nobody is called "guest".
pub(crate) fn greeting(name: Option<&str>, language: Language) -> String {
    match (name, language) {
        (Some(name), English) => format!("Hi {name}"),
        (Some(name), Romanian) => format!("Bună ziua, {name}"),
        (Some(name), Danish) => format!("Hej {name}"),
        (Some(name), TraditionalChinese) => format!("{name} 您好"),
        (None, English) => "Hello".to_owned(),
        (None, Romanian) => "Bună ziua".to_owned(),
        (None, Danish) => "Hej".to_owned(),
        (None, TraditionalChinese) => "您好".to_owned(),
    }
}

/// A value that wording prints and a booking may lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    /// The name of the invitee who is written to. Our own wording greets without it.
    Name,
    /// The name of the host who is written to.
    NameOfHost,
    /// The invitee's name, in a message to a host.
    Invitee,
    /// The event's name.
    Event,
    /// The time before a move.
    OldTime,
    /// The link to join, or the place.
    Link,
    /// The link to cancel, to move or to book.
    SelfService,
    /// The link to a survey, or to end follow-ups.
    Contact,
    /// What an SMS may not have in the number's country. An e-mail has it.
    ByEmail,
    /// The host's name.
    Host,
}

/// Returns the text in place of a missing value.
pub(crate) fn fallback_text(missing: Missing, language: Language) -> &'static str {
    match (missing, language) {
        (Missing::Name, English) => "guest",
        (Missing::Name, Romanian) => "invitat",
        (Missing::Name, Danish) => "gæst",
        (Missing::Name, TraditionalChinese) => "貴賓",
        (Missing::NameOfHost, English) => "host",
        (Missing::NameOfHost, Romanian) => "organizator",
        (Missing::NameOfHost, Danish) => "arrangør",
        (Missing::NameOfHost, TraditionalChinese) => "主辦人",
        (Missing::Invitee, English) => "your guest",
        (Missing::Invitee, Romanian) => "un participant",
        (Missing::Invitee, Danish) => "din gæst",
        (Missing::Invitee, TraditionalChinese) => "對方",
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
        (Missing::SelfService, Romanian) => "întrebați organizatorul",
        (Missing::SelfService, Danish) => "spørg arrangøren",
        (Missing::SelfService, TraditionalChinese) => "請洽主辦人",
        (Missing::Contact, English) => "please tell your host",
        (Missing::Contact, Romanian) => "anunțați organizatorul",
        (Missing::Contact, Danish) => "skriv til arrangøren",
        (Missing::Contact, TraditionalChinese) => "請告知主辦人",
        (Missing::ByEmail, English) => "see our e-mail",
        (Missing::ByEmail, Romanian) => "vedeți e-mailul nostru",
        (Missing::ByEmail, Danish) => "se vores e-mail",
        (Missing::ByEmail, TraditionalChinese) => "請見電子郵件",
        (Missing::Host, English) => "your host",
        (Missing::Host, Romanian) => "organizatorul",
        (Missing::Host, Danish) => "arrangøren",
        (Missing::Host, TraditionalChinese) => "主辦人",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_until_a_meeting_is_said_in_each_language() {
        for (minutes, expected) in [
            (0, ["1 minute", "un minut", "1 minut", "1 分鐘"]),
            (30, ["30 minutes", "30 de minute", "30 minutter", "30 分鐘"]),
            (60, ["1 hour", "o oră", "1 time", "1 小時"]),
            (100, ["2 hours", "2 ore", "2 timer", "2 小時"]),
            (1_140, ["19 hours", "19 ore", "19 timer", "19 小時"]),
            (1_440, ["24 hours", "24 de ore", "24 timer", "24 小時"]),
            (2_880, ["2 days", "2 zile", "2 dage", "2 天"]),
            (10_080, ["7 days", "7 zile", "7 dage", "7 天"]),
        ] {
            assert_eq!(Language::ALL.map(|language| advance(minutes, language)), expected, "{minutes}");
        }
    }

    #[test]
    fn subjects_name_the_event() {
        assert_eq!(subject(Message::Confirmation, Romanian, "Demo"), "Confirmare programare: Demo");
        assert_eq!(subject(Message::Reminder { minutes_before: 60 }, English, "Demo"), "Reminder: Demo");
        assert_eq!(subject(Message::Cancellation, Danish, "Demo"), "Aftale aflyst: Demo");
        assert_eq!(subject(Message::Move, TraditionalChinese, "Demo"), "預約改期：Demo");
        assert_eq!(subject(Message::Reconfirmation { minutes_before: 60 }, English, "Demo"), "Still coming? Demo");
    }
}
