//! What a reply to an SMS means for further messages.

use events::ReplyMeaning;

use crate::settings::Settings;
use crate::words::words;

/// Phrases that always ask for no more messages, besides the settings' stop words. Case, accents and punctuation do not
/// matter.
const STOP_PHRASES: &[&str] = &[
    // English.
    "opt out",
    "opt me out",
    "unsubscribe",
    "stop all",
    "remove me",
    "remove my number",
    "delete my number",
    "take me off",
    "no more messages",
    "no more texts",
    "no more sms",
    "no more reminders",
    "don't text",
    "do not text",
    "don't message",
    "do not message",
    "don't contact",
    "do not contact",
    "don't send",
    "do not send",
    "don't write",
    "do not write",
    "stop texting",
    "stop messaging",
    "stop sending",
    "stop contacting",
    "stop writing",
    "stop spamming",
    "stop calling me",
    "leave me alone",
    "wrong number",
    "spam",
    "this is spam",
    // Romanian.
    "dezabonare",
    "dezabonează-mă",
    "dezabonați-mă",
    "mă dezabonez",
    "opriți",
    "opriți-vă",
    "nu mai vreau mesaje",
    "nu mai vreau sms",
    "nu mai trimite",
    "nu mai trimiteți",
    "nu îmi mai trimite",
    "nu îmi mai trimiteți",
    "nu-mi mai trimite",
    "nu-mi mai trimiteți",
    "nu mai scrie",
    "nu mai scrieți",
    "nu îmi mai scrie",
    "nu îmi mai scrieți",
    "nu-mi mai scrie",
    "nu-mi mai scrieți",
    "nu mă mai contacta",
    "nu mă mai contactați",
    "nu mă mai deranja",
    "nu mă mai deranjați",
    "lasă-mă în pace",
    "lăsați-mă în pace",
    "număr greșit",
    "ai greșit numărul",
    "ați greșit numărul",
    "șterge numărul",
    "ștergeți numărul",
    // Danish.
    "afmeld",
    "afmelde",
    "afmeld mig",
    "frameld",
    "framelde",
    "frameld mig",
    "ikke flere beskeder",
    "ikke flere sms",
    "ikke flere sms'er",
    "ingen flere beskeder",
    "ingen flere sms",
    "ingen flere sms'er",
    "send ikke flere",
    "skriv ikke mere",
    "skriv ikke flere",
    "stop med at skrive",
    "stop med at sende",
    "lad mig være",
    "lad mig være i fred",
    "forkert nummer",
    "kontakt mig ikke",
    "slet mit nummer",
    "slet mig",
    "fjern mig",
    // Chinese.
    "停止",
    "退訂",
    "退订",
    "取消訂閱",
    "取消订阅",
    "拒收",
    "不要再傳",
    "不要再传",
    "別再傳",
    "别再传",
    "不要再發",
    "不要再发",
    "別再發",
    "别再发",
    "不想收到",
    "不要傳",
    "不要传",
    "不要再聯絡",
    "不要再联系",
    "請勿打擾",
    "请勿打扰",
    "打錯",
    "打错",
    "號碼錯誤",
    "号码错误",
];

/// Words that change nothing in what a reply means.
const COURTESY: &[&str] = &[
    // English.
    "please",
    "pls",
    "plz",
    "kindly",
    "thank you",
    "thank you very much",
    "thanks",
    "thanks a lot",
    "thx",
    "ty",
    "ok",
    "okay",
    "hi",
    "hello",
    "hey",
    "sorry",
    "now",
    "immediately",
    "right away",
    "i",
    "i'd",
    "we",
    "want",
    "would",
    "like",
    "wish",
    "to",
    "you",
    "me",
    "my",
    "us",
    "this",
    "these",
    "those",
    "it",
    "all",
    "any",
    "your",
    "the",
    "from",
    "and",
    "sms",
    "text",
    "texts",
    "texting",
    "message",
    "messages",
    "messaging",
    "msg",
    "msgs",
    "sending",
    "getting",
    "receiving",
    "reminder",
    "reminders",
    "notification",
    "notifications",
    "number",
    "phone",
    "list",
    "again",
    "forever",
    "anymore",
    // Romanian.
    "te rog",
    "vă rog",
    "rog",
    "mulțumesc",
    "mulțumim",
    "mersi",
    "bună",
    "bună ziua",
    "salut",
    "acum",
    "imediat",
    "vreau",
    "doresc",
    "aș vrea",
    "să",
    "mai",
    "primesc",
    "îmi",
    "mie",
    "cu",
    "de",
    "mesaje",
    "mesajele",
    "mesaj",
    "sms-uri",
    "sms-urile",
    "notificări",
    "notificările",
    "aceste",
    // Danish.
    "tak",
    "mange tak",
    "venligst",
    "hej",
    "nu",
    "med det samme",
    "jeg",
    "vil",
    "gerne",
    "beskeder",
    "beskederne",
    "sms'er",
    "sms'erne",
    "påmindelser",
    "påmindelserne",
    "disse",
    "de",
    "med",
    "fra",
    "jer",
    "mig",
    "mere",
    // Chinese.
    "謝謝",
    "谢谢",
    "感謝",
    "感谢",
    "請",
    "请",
    "麻煩",
    "麻烦",
    "您好",
    "你好",
    "我",
    "了",
    "吧",
    "要",
    "想",
    "再",
    "的",
    "給我",
    "给我",
    "這些",
    "这些",
    "簡訊",
    "短信",
    "訊息",
    "信息",
    "通知",
];

/// Words with which a reply is about the meeting.
const ABOUT_MEETING: &[&str] = &[
    "meeting",
    "meetings",
    "appointment",
    "appointments",
    "booking",
    "bookings",
    "reservation",
    "demo",
    "slot",
    "întâlnire",
    "întâlnirea",
    "programare",
    "programarea",
    "rezervare",
    "rezervarea",
    "møde",
    "mødet",
    "aftale",
    "aftalen",
    "bookingen",
    "tid",
    "tiden",
    "samtale",
    "samtalen",
    "會",
    "会",
    "約",
    "约",
    "預",
    "预",
];

/// Words with which a sentence that begins with a stop word is about a time or a place ("stop by at five").
const ABOUT_TIME: &[&str] = &[
    "by",
    "at",
    "in",
    "on",
    "over",
    "until",
    "before",
    "after",
    "call",
    "calling",
    "time",
    "today",
    "tomorrow",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "week",
    "hour",
    "minutes",
    "office",
    "azi",
    "mâine",
    "ora",
    "la",
    "morgen",
    "klokken",
    "kl",
    "時",
    "时",
    "點",
    "点",
];

/// The most other words of a reply that still is an objection because it begins with one.
const MOST_OTHER_WORDS: usize = 3;

/// A stop word with fewer letters begins other sentences too ("End of the week works").
const SHORTEST_CLEAR_WORD: usize = 4;

/// Returns what a reply means.
///
/// A reply is an objection, or its end, when it has no other words than the settings' stop or start words, the phrases
/// above, and words of courtesy. In doubt, the person is left alone: a phrase of several words is an objection wherever
/// it stands, unless the reply is about the meeting, and so is a short reply that begins with a stop word and says
/// nothing of the meeting or a time. "Cancel my booking" is no objection.
pub fn understand_reply(reply: &str, settings: &Settings) -> ReplyMeaning {
    let reply = words(reply);
    let stops = phrases(settings.stop_words.iter().map(String::as_str).chain(STOP_PHRASES.iter().copied()));
    let starts = phrases(settings.start_words.iter().map(String::as_str));
    let courtesy = phrases(COURTESY.iter().copied());
    let (mut is_stop, mut is_phrase, mut is_first_word, mut is_start) = (false, false, false, false);
    let mut others = Vec::new();
    let mut rest = reply.as_slice();
    while let Some((word, after)) = rest.split_first() {
        if let Some(length) = longest_prefix(&stops, rest) {
            is_stop = true;
            is_phrase |= length > 1;
            is_first_word |= others.is_empty() && is_clear(word);
            rest = &rest[length..];
        } else if let Some(length) = longest_prefix(&starts, rest) {
            is_start = true;
            rest = &rest[length..];
        } else if let Some(length) = longest_prefix(&courtesy, rest) {
            rest = &rest[length..];
        } else {
            others.push(word.as_str());
            rest = after;
        }
    }
    let says = |list: &[&str]| {
        let words: Vec<_> = phrases(list.iter().copied()).into_iter().flatten().collect();
        others.iter().any(|other| words.iter().any(|it| it == other))
    };
    let is_about_meeting = says(ABOUT_MEETING);
    let is_about_time = says(ABOUT_TIME) || others.iter().any(|it| it.starts_with(|c: char| c.is_numeric()));
    let is_short = others.len() <= MOST_OTHER_WORDS;
    match (is_stop, is_start, others.is_empty()) {
        (true, _, true) => ReplyMeaning::Stop,
        (false, true, true) => ReplyMeaning::Start,
        _ if is_phrase && !is_about_meeting => ReplyMeaning::Stop,
        _ if is_first_word && is_short && !is_about_meeting && !is_about_time => ReplyMeaning::Stop,
        _ => ReplyMeaning::Other,
    }
}

fn phrases<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Vec<String>> {
    texts.map(words).filter(|it| !it.is_empty()).collect()
}

/// Returns the length of the longest phrase that the words begin with.
fn longest_prefix(phrases: &[Vec<String>], words: &[String]) -> Option<usize> {
    phrases.iter().filter(|it| words.starts_with(it)).map(Vec::len).max()
}

fn is_clear(word: &str) -> bool {
    !word.is_ascii() || word.len() >= SHORTEST_CLEAR_WORD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meanings(replies: &[&str], expected: ReplyMeaning) {
        let settings = Settings::default();
        for reply in replies {
            assert_eq!(understand_reply(reply, &settings), expected, "{reply}");
        }
    }

    #[test]
    fn an_objection_is_understood_in_each_language() {
        meanings(
            &[
                "STOP",
                " stop. ",
                "Stop!",
                "STOP STOP",
                "Stop. Thank you",
                "Please stop",
                "stop pls 🙏",
                "Opt out",
                "opt-out",
                "OPTOUT",
                "Opt me out please",
                "Please stop texting me",
                "stop these messages",
                "STOP ALL",
                "I want to opt out",
                "No more messages!",
                "Don't text me again",
                "don’t text me",
                "unsubscribe me",
                "Leave me alone",
                "Wrong number",
                "Stop this nonsense",
                "stop, wrong number",
                "Ｓｔｏｐ",
                "End",
                "Remove me from your list",
                "stop calling me",
            ],
            ReplyMeaning::Stop,
        );
        meanings(
            &[
                "oprește",
                "OPRESTE!",
                "Vă rog opriți",
                "stop, mulțumesc",
                "Nu mai vreau mesaje",
                "Nu-mi mai trimiteți SMS-uri, vă rog",
                "Vreau să mă dezabonez",
                "Lăsați-mă în pace!",
                "Număr greșit",
                "dezabonare vă rog",
            ],
            ReplyMeaning::Stop,
        );
        meanings(
            &[
                "Afmeld",
                "afmeld mig tak",
                "Stop venligst",
                "Stop, tak",
                "Ikke flere beskeder",
                "Ingen flere sms'er, tak",
                "Lad mig være i fred",
                "Forkert nummer",
                "Jeg vil gerne afmelde",
            ],
            ReplyMeaning::Stop,
        );
        meanings(
            &["停止", "停止。謝謝", "請停止", "退訂", "取消訂閱", "不要再傳簡訊給我了", "不想收到這些訊息", "打錯了"],
            ReplyMeaning::Stop,
        );
    }

    #[test]
    fn a_reply_about_the_meeting_is_no_objection() {
        meanings(
            &[
                "CANCEL",
                "please cancel my booking",
                "stop calling it a demo",
                "",
                "?",
                "OK",
                "Yes",
                "No",
                "Thank you",
                "Can you stop by at 5?",
                "Stop by tomorrow",
                "End of the week works",
                "I can't stop laughing",
                "Where do I stop the car?",
                "Stop the meeting",
                "Nu pot ajunge la programare",
                "Jeg kommer ikke",
                "我要取消預約",
                "謝謝",
                "Da, mulțumesc",
                "Tak",
            ],
            ReplyMeaning::Other,
        );
    }

    #[test]
    fn a_start_word_ends_an_objection() {
        meanings(&["START", "unstop", "Start, please", "開始", "abonare, mulțumesc"], ReplyMeaning::Start);
        meanings(&["stop start"], ReplyMeaning::Stop);
    }

    #[test]
    fn the_settings_add_words() {
        let settings = Settings { stop_words: vec!["Basta ya".to_owned()], ..Settings::default() };
        assert_eq!(understand_reply("¡Basta ya! Thanks", &settings), ReplyMeaning::Stop);
        assert_eq!(understand_reply("opt out", &settings), ReplyMeaning::Stop);
    }
}
