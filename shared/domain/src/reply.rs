//! What a reply to an SMS means for further messages.

use std::collections::BTreeMap;
use std::iter;
use std::sync::LazyLock;

use events::ReplyMeaning;

use crate::reply_words::{Kind, SIMPLIFIED, VOCABULARY, kind_of_number};
use crate::settings::Settings;
use crate::words::words;

/// The most unknown words of a reply that still is an objection because it begins with a stop word.
const MOST_UNKNOWN_WORDS: usize = 3;

/// A stop word of the settings with fewer letters begins other sentences too ("End of the week works").
const SHORTEST_CLEAR_WORD: usize = 4;

const NEGATIONS: &[Kind] = &[Kind::Not, Kind::DanishNot];

const WISHES: &[Kind] = &[Kind::Want, Kind::Need];

type Vocabulary = BTreeMap<Vec<String>, Kind>;

static VOCABULARY_BY_WORDS: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut vocabulary = Vocabulary::new();
    for (kind, languages) in VOCABULARY {
        for entry in languages.iter().flat_map(|it| it.split(',')).map(read_words).filter(|it| !it.is_empty()) {
            vocabulary.entry(entry).or_insert(*kind);
        }
    }
    vocabulary
});

/// Returns what a reply means.
///
/// It is an objection to messages:
///
/// - when it says nothing else than that something must end, with polite words around it ("No, stop please"),
/// - when one of its clauses objects to messages ("I don't want these messages", "take my number off your list"),
/// - when one of its clauses says only "stop", or when it begins so and is short, unless it is about the meeting, a
///   time or a place.
///
/// In doubt whether messages are meant, the person is left alone. But what is about the meeting ("Cancel my booking"),
/// or a complaint that something did not arrive, is for a person to read.
pub fn understand_reply(reply: &str, settings: &Settings) -> ReplyMeaning {
    let own = vocabulary_of(settings);
    let clauses: Vec<_> = reply.split(ends_clause).map(|it| kinds_of(it, &own)).collect();
    // "Cancel my meeting and stop texting me": each half is tried, too.
    let parts: Vec<_> =
        clauses.iter().flat_map(|it| iter::once(it.as_slice()).chain(it.split(|kind| *kind == Kind::And))).collect();
    let all = clauses.concat();
    let unknown_words = all.iter().filter(|it| is_unknown(**it)).count();
    let asks_for_end = all.first() == Some(&Kind::Letter)
        || all.iter().any(|it| matches!(it, Kind::Objection | Kind::Stop | Kind::StopAlone));
    let is_about_meeting = all.iter().any(|it| matches!(it, Kind::Meeting | Kind::Time));
    let is_short_stop = unknown_words <= MOST_UNKNOWN_WORDS && begins_with_stop(&all);
    if asks_for_end && unknown_words == 0
        || parts.iter().any(|it| objects(it))
        || !is_about_meeting && (is_short_stop || parts.iter().any(|it| says_only_stop(it)))
    {
        ReplyMeaning::Stop
    } else if asks_for_start(&all) {
        ReplyMeaning::Start
    } else {
        ReplyMeaning::Other
    }
}

/// Returns the stop and start words of the settings.
fn vocabulary_of(settings: &Settings) -> Vocabulary {
    let stops = settings.stop_words.iter().map(|it| read_words(it)).map(|it| {
        let kind = match it.as_slice() {
            [word] if word.is_ascii() && word.len() < SHORTEST_CLEAR_WORD => Kind::StopAlone,
            [_] => Kind::Stop,
            _ => Kind::Objection,
        };
        (it, kind)
    });
    let starts = settings.start_words.iter().map(|it| (read_words(it), Kind::Start));
    // What is in both lists stops messages.
    starts.chain(stops).filter(|(words, _)| !words.is_empty()).collect()
}

fn ends_clause(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '\n' | '\r' | '…' | '—' | '–')
        || matches!(c, '。' | '，' | '、' | '；' | '：' | '！' | '？' | '（' | '）' | '．')
}

/// Returns a text's words. Chinese characters are traditional ones.
fn read_words(text: &str) -> Vec<String> {
    words(&text.chars().map(to_traditional).collect::<String>())
}

fn to_traditional(c: char) -> char {
    let traditional = SIMPLIFIED.split_whitespace().find_map(|pair| pair.strip_prefix(c)?.chars().next());
    traditional.unwrap_or(c)
}

/// Returns what the words of a clause say: at each place the longest entry counts, and at equal length that of the
/// settings. After a negation, no word asks for an end or a start ("don't stop").
fn kinds_of(clause: &str, own: &Vocabulary) -> Vec<Kind> {
    let words = read_words(clause);
    let longest = own.keys().chain(VOCABULARY_BY_WORDS.keys()).map(Vec::len).max().unwrap_or_default();
    let find = |words: &[String]| own.get(words).or_else(|| VOCABULARY_BY_WORDS.get(words)).copied();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut rest = words.as_slice();
    while let Some(word) = rest.first() {
        let found = (1..=longest.min(rest.len())).rev().find_map(|length| Some((find(&rest[..length])?, length)));
        let (kind, length) = found.unwrap_or_else(|| (kind_of_unknown(word), 1));
        let is_negated = kinds.last().is_some_and(|it| NEGATIONS.contains(it))
            && matches!(kind, Kind::Objection | Kind::Stop | Kind::StopAlone | Kind::Start);
        kinds.push(if is_negated { Kind::Other } else { kind });
        rest = &rest[length..];
    }
    kinds
}

fn kind_of_unknown(word: &str) -> Kind {
    if word.starts_with(char::is_numeric) { kind_of_number(word.chars().count()) } else { Kind::Other }
}

/// Returns whether words of this kind may change what the words around them say.
fn is_unknown(kind: Kind) -> bool {
    matches!(kind, Kind::Meeting | Kind::Time | Kind::Cancel | Kind::Doubt | Kind::Other)
}

fn begins_with_stop(reply: &[Kind]) -> bool {
    let first = reply.iter().find(|it| !matches!(it, Kind::Courtesy | Kind::Filler));
    matches!(first, Some(Kind::Objection | Kind::Stop))
}

fn says_only_stop(clause: &[Kind]) -> bool {
    clause.contains(&Kind::Stop) && !clause.iter().any(|it| is_unknown(*it))
}

fn asks_for_start(reply: &[Kind]) -> bool {
    let fits = |it: &Kind| {
        matches!(it, Kind::Start | Kind::Courtesy | Kind::And | Kind::Want | Kind::More | Kind::Listed)
            || matches!(it, Kind::Message | Kind::Contact | Kind::Send | Kind::Receive)
    };
    reply.contains(&Kind::Start) && reply.iter().all(fits)
}

/// Returns whether a clause objects to messages and says nothing of the meeting: by a phrase ("opt out"), by an end of
/// messages ("stop texting me", "cancel these messages"), by a removal ("take my number off your list"), or by a
/// refusal.
fn objects(clause: &[Kind]) -> bool {
    let has = |kind| clause.contains(&kind);
    let ends_messages = leads(clause, &[Kind::Stop], &[Kind::Message, Kind::Contact, Kind::Send])
        || leads(clause, &[Kind::StopAlone, Kind::Cancel], &[Kind::Message]);
    let removes_number =
        leads(clause, &[Kind::Remove], &[Kind::Listed]) || leads(clause, &[Kind::Listed], &[Kind::Remove]);
    let is_negated = has(Kind::Not) || has(Kind::DanishNot);
    !has(Kind::Meeting)
        && (has(Kind::Objection)
            || ends_messages
            || removes_number && !is_negated && !has(Kind::Time)
            || refuses(clause) && !has(Kind::Doubt) && !has(Kind::Cancel))
}

/// Returns whether a clause refuses messages: "don't text me", "I don't want your messages", "no more texts".
///
/// Without a wish, what is not received is a complaint: "I don't get your messages". What is not to be sent may be
/// something else: "Don't send the contract".
fn refuses(clause: &[Kind]) -> bool {
    let has = |kind| clause.contains(&kind);
    let is_plain = !clause.iter().any(|it| is_unknown(*it));
    let is_wish = WISHES.iter().any(|it| has(*it));
    let is_complaint = has(Kind::Receive) && !is_wish;
    let names_messages = has(Kind::Message);
    let wants_no_more = leads(clause, &[Kind::No, Kind::DanishNot], &[Kind::More]);
    let refuses_sending =
        negates(clause, &[Kind::Send]) && (is_plain || names_messages || has(Kind::More) || has(Kind::Listed));
    let refuses_contact = negates(clause, &[Kind::Contact]);
    let refuses_receiving = is_wish && negates(clause, &[Kind::Receive]) && (is_plain || names_messages);
    let refuses_messages = names_messages && (negates(clause, WISHES) || wants_no_more)
        || is_plain && (negates(clause, &[Kind::Message]) || leads(clause, &[Kind::No], &[Kind::Message]));
    let refuses_more = is_plain && (wants_no_more || negates(clause, WISHES) && has(Kind::More));
    refuses_sending || !is_complaint && (refuses_contact || refuses_receiving || refuses_messages || refuses_more)
}

fn negates(clause: &[Kind], what: &[Kind]) -> bool {
    leads(clause, NEGATIONS, what) || leads(clause, what, &[Kind::DanishNot])
}

/// Returns whether a word of a kind in `from` comes before one of a kind in `to`, with only known words between them.
fn leads(clause: &[Kind], from: &[Kind], to: &[Kind]) -> bool {
    let starts = clause.iter().enumerate().filter(|(_, it)| from.contains(it));
    let mut nexts = starts.filter_map(|(at, _)| clause[at + 1..].iter().find(|it| to.contains(it) || is_unknown(**it)));
    nexts.any(|it| to.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replies that are objections, a row for each language.
    const OBJECTIONS: [&str; 4] = [
        // English.
        "Could you please stop | Can you stop these messages? | No, stop | I don't want these messages | \
         I do not want to receive any more texts | No more please | Remove my phone number | \
         Take my number off your list | STOP | stop. | Stop! | STOP STOP | Stop. Thank you | Please stop | \
         stop pls 🙏 | Opt out | opt-out | OPTOUT | Opt me out please | Please stop texting me | \
         stop these messages | STOP ALL | I want to opt out | No more messages! | Don't text me again | \
         don’t text me | unsubscribe me | Leave me alone | Wrong number | Stop this nonsense | \
         stop, wrong number | Ｓｔｏｐ | End | Remove me from your list | stop calling me | stop start | \
         no more texts | no more sms | no more reminders | do not text | don't message | do not message | \
         don't contact | do not contact | don't send | do not send | don't write | do not write | stop messaging | \
         stop sending | stop contacting | stop writing | stop spamming | spam | this is spam | delete my number | \
         remove me | remove my number | take me off | Could you stop texting me please? | \
         Can you guys please stop | Yes, stop | ok stop | OK, you can stop now | NO!!! STOP!!! | Stop it | \
         Just stop | STOP🛑 | 🛑 stop 🛑 | Please remove me | Please take me off this list | take my number off | \
         Please delete my data | delete my number from your database or I will report you | \
         Remove my number from your list, thanks | I want my number removed | Can I be removed from the list? | \
         Cancel these messages | Please turn off the reminders | turn off notifications | No texts please | \
         No SMS | No reminders please | No further messages, thank you | \
         I don’t want any more of your stupid messages | I do not wish to receive texts from your company | \
         I'd prefer not to get these messages | I would like to stop receiving these texts | \
         I no longer want these texts | I don't need these reminders | please don’t ever text me again | \
         Do not contact me again | Never text me again | Don't call or text me | please do not bother me | \
         Dont send me anything | Don't send me any more messages please | Don‘t text me | Donʼt text me | \
         DON´T TEXT ME | Who is this? Stop | I never gave you my number. Stop! | \
         I can't come. Please stop texting me | Cancel my meeting and stop texting me | \
         How do I stop these messages? | I don't want to be contacted | Quit texting me | Enough! | \
         That's enough, thanks | Ok enough | Unsubscribe please | unsub | Not interested | \
         No thanks, not interested | If you don't stop texting me I'll call the police | \
         please, no more of these texts | I didn't sign up for this | no, thank you, stop | \
         I don't want texts but please keep the meeting | ＳＴＯＰ！ | Stop please, thank you! | stop sms | \
         please end | quit please | Unsubscribe, thanks | REVOKE, thank you | opt me out, thanks! | Opt out!!! | \
         optout please | stop all messages | stop-all | STOP.ALL | Hi, please stop. Ana | \
         Hello, could you stop sending these? | I am asking you to stop texting | Don't want messages | \
         dont want texts | I don't want any more | No more | no more thanks | no more sms please! | \
         No messages from you | no more reminders thx | Please no messages | Stop with the reminders already | \
         Stop spamming me you idiots | You are spamming me, stop | This is spam, stop | this is harassment. stop | \
         Stop, I will report you | stop, not me | I think you have the wrong number | sorry wrong number | \
         Wrong person, stop texting | remove me pls | pls delete me | Take us off your list | \
         take me off the mailing list | delete my phone number, please and thank you | Please erase my number | \
         block my number | i don't want to hear from you | I don't want to see these messages | \
         i dont like these messages | do not text this number | Don't message this number again | \
         Do not send any further messages to this number | please refrain... stop | \
         Don't ever contact me again!!! | don't send these anymore | Don't send me this crap again | \
         can you not text me | Could you please not send me texts | Would you please not text me anymore | \
         I'd rather not get texts | I'd like to unsubscribe | I want to unsubscribe please | \
         How do I unsubscribe? | Can I opt out? | I wish to opt out, thank you | STOP YES | yes stop | \
         Nope, stop | stop. no more. | Stop!!! 😡😡😡 | 😡 STOP 😡 | I said don't text me at work | \
         Stop all of this already | Delete my number in your list | Remove my number from here | \
         don't send me photos | no more | Would you stop? | I'm busy, stop texting | \
         What is this? Stop it please. | Sorry, wrong number. Thanks | opt out thank you very much | \
         stop plz tak | stopp | Don't text me I have no time | Please stop! I have told you already | \
         thanks but no more texts | \
         Kindly remove my details | Leave me in peace | I do not consent to these messages",
        // Romanian.
        "Nu mai vreau | Nu mai vreau să primesc mesaje | Nu vreau mesaje | Nu mai doresc mesaje | Dezabonați | \
         oprește | OPRESTE! | Vă rog opriți | stop, mulțumesc | Nu mai vreau mesaje | \
         Nu-mi mai trimiteți SMS-uri, vă rog | Vreau să mă dezabonez | Lăsați-mă în pace! | Număr greșit | \
         dezabonare vă rog | dezabonează-mă | opriți-vă | nu mai vreau sms | nu mai trimite | nu mai trimiteți | \
         nu îmi mai trimite | nu-mi mai trimite | nu mai scrie | nu îmi mai scrieți | nu mă mai contacta | \
         nu mă mai contactați | nu mă mai deranja | nu mă mai deranjați | lasă-mă în pace | ai greșit numărul | \
         șterge numărul | ștergeți numărul | mersi, stop | no more sms mulțumesc | Nu, stop | nu stop | \
         NU! STOP! | Stop va rog frumos | Va rog sa nu-mi mai trimiteti mesaje | \
         Vă rog să nu îmi mai trimiteți mesaje | Nu-mi mai trimite nimic | Nu vreau sa mai primesc sms-uri | \
         nu vreau sms uri | Nu doresc notificări | NU MAI VREAU MESAJE!!! | Nu mai vreau, mulțumesc | \
         Nu am nevoie de mesaje | Aș dori să nu mai primesc mesaje | Puteți să opriți mesajele? | \
         Opriți mesajele vă rog | opriti mesajele | Încetați! | incetati cu mesajele | Gata cu mesajele | \
         Ștergeți-mi numărul | Stergeti numarul meu din lista | Vă rog să mă ștergeți din baza de date | \
         Scoateți-mă de pe listă | Mă puteți scoate de pe listă? | Nu mă mai contactați vă rog | \
         Nu ma mai deranjati | Nu ne mai scrieți | nu mai scrieti va rog | Nu mai doresc, thanks | \
         Nu pot veni. Nu-mi mai trimiteți mesaje. | Dezabonare | Dezabonați-mă | dezabonati-ma va rog | \
         anulați notificările | Fără mesaje, vă rog | nu vreau mesaje de la voi | Nu sunt interesat | \
         stop sms, mulțumesc | stop mesaje | stop mesajele va rog | nu, mulțumesc, nu mai vreau mesaje | \
         nu mai trimite sms | nu mai trimiteti nimic | Nu mai trimiteți mesaje pe acest număr | \
         nu imi mai trimiteti | nu-mi trimiteți mesaje | Nu trimiteți mesaje | sa nu-mi mai trimiteti sms-uri | \
         Nu vreau SMS | Nu vrem mesaje | nu mai doresc sa fiu contactat | Nu doresc să fiu contactată | \
         Nu mai doresc să primesc notificări | nu vreau nicio notificare | Vreau sa nu mai primesc mesaje | \
         vreau să opresc mesajele | Doresc dezabonarea | Doresc să mă dezabonez, mulțumesc | \
         Vă rog dezabonați-mă de la mesaje | stop, vă rog | Opreste mesajele | opreşte | OPRIŢI | \
         Terminați cu mesajele | Încetaţi să-mi scrieţi | Lasati-ma in pace | lasa-ma in pace!! | \
         Ati gresit numarul | numar gresit | sterge-mi numarul | Eliminați numărul meu | Scoate-mă din listă | \
         Nu ma contactati | nu ma deranjati | Nu mă mai bateți la cap | destul! | De ajuns | Nu, opriți | \
         Nu! Opriți mesajele! | Da, opriți | Mulțumesc, dar nu mai vreau mesaje | Te rog stop | \
         stop te rog frumos | STOP MESAJE!!! | nu mai vreau să fiu contactat, mulțumesc | \
         Vă rog, opriți notificările. Mulțumesc! | Ștergeți-mă | Vă rog să mă ștergeți | \
         nu-mi mai dati sms | Renunțați la mesaje | Lasă-mă! | Destul cu mesajele",
        // Danish.
        "Nej, stop | Jeg vil ikke have flere beskeder | Hold op | Hold op med at skrive | Ikke flere tak | \
         Fjern mit nummer | Send ikke mere | Afmeld | afmeld mig tak | Stop venligst | Stop, tak | \
         Ikke flere beskeder | Ingen flere sms'er, tak | Lad mig være i fred | Forkert nummer | \
         Jeg vil gerne afmelde | afmelde | frameld mig | ikke flere sms'er | ingen flere beskeder | \
         send ikke flere | skriv ikke mere | skriv ikke flere | stop med at skrive | stop med at sende | \
         lad mig være | kontakt mig ikke | slet mit nummer | slet mig | fjern mig | Stop, tak! | nej stop | \
         Nej tak, stop | Kan du stoppe? | Kan I ikke stoppe | Vil du stoppe med at skrive til mig | \
         vær sød at stoppe | Hold nu op | hold op med de beskeder | Lad være | lad være med at skrive | \
         Jeg ønsker ikke flere beskeder | Jeg oensker ikke at modtage flere beskeder | \
         Jeg vil ikke modtage sms'er | Jeg gider ikke have flere sms’er | Jeg vil gerne slettes fra listen | \
         Vil I fjerne mit nummer? | Fjern mig fra jeres liste | Slet mit nr | Tag mig af listen | Ikke mere | \
         Ikke flere beskeder, tak | ingen beskeder tak | Send ikke flere beskeder | Send venligst ikke mere | \
         Send mig ikke flere sms'er | Skriv ikke til mig mere | Skriv venligst ikke igen | \
         I skal ikke skrive til mig | Du må ikke sende mig flere beskeder | Kontakt mig aldrig igen | Afmeld tak | \
         Afmeld mig venligst | Jeg behøver ikke påmindelser | Stop de beskeder | Stop nu | så stop dog | \
         Jeg kommer ikke. Stop med at skrive | Ikke interesseret, tak | Stop med at sende beskeder, thanks | \
         stop beskeder | stop sms'er tak | afmeld sms | Afmelding, tak. | Nej! Stop! | Stop det | Stop det nu | \
         Stop så | kan du stoppe med de beskeder? | stop venligst med at skrive | \
         Hold op med at sende mig beskeder | hold nu op med at skrive til mig | Jeg vil ikke have beskeder | \
         Jeg vil ikke have flere sms | jeg vil ikke ha flere beskeder | Jeg vil ikke have mere | \
         Jeg vil ikke mere have beskeder | jeg ønsker ingen beskeder | Jeg ønsker ikke at blive kontaktet | \
         jeg ønsker ikke beskeder fra jer | jeg vil gerne afmeldes | Vil gerne afmelde sms | \
         Kan jeg blive slettet fra listen? | Vil I slette mig? | Slet mit telefonnummer | \
         fjern mig fra listen tak | Fjern mit nummer! | Kontakt mig ikke mere | lad mig vaere | \
         Ikke flere påmindelser | ikke flere paamindelser | Ikke flere, tak | Ikke mere tak | \
         Nej, ikke flere beskeder | ingen sms tak | Skriv ikke mere til mig | skriv ikke til mig | \
         Skriv aldrig til mig igen | send ikke flere sms | send mig ikke mere | \
         Send ikke flere af de der beskeder | forkert nummer, stop | Det er nok | Tak, men ikke flere beskeder | \
         Jeg vil gerne framelde mig | Vil du slette mit nummer, tak | stop ikke flere beskeder | så stop | \
         Må I stoppe | Stop, tusind tak | Jeg kommer, men ingen beskeder tak | \
         Må jeg blive fri for beskeder | Undgå at skrive til mig | lad mig nu være i fred | Slet mine oplysninger",
        // Chinese.
        "不要发了 | 不要發簡訊給我 | 別發了 | 我不想再收到簡訊 | 請不要再打擾我 | 別煩我 | 請刪除我的號碼 | TD | \
         停止 | 停止。謝謝 | 請停止 | 退訂 | 取消訂閱 | 不要再傳簡訊給我了 | 不想收到這些訊息 | 打錯了 | \
         退订 | 取消订阅 | 拒收 | 不要再傳 | 不要再传 | 別再傳 | 别再传 | 不要再發 | 不要再发 | 別再發 | 别再发 | \
         不想收到 | 不要傳 | 不要传 | 不要再聯絡 | 不要再联系 | 請勿打擾 | 请勿打扰 | 打錯 | 打错 | 號碼錯誤 | \
         号码错误 | stop 謝謝 | ｓｔｏｐ　ｐｌｅａｓｅ | 停 | 停止發送 | 不要再發了 | 别再发短信了 | 別再傳了 | \
         請不要再傳簡訊給我,謝謝 | 不要再聯絡我 | 请不要再联系我 | 不想收到短信 | 我不想要這些訊息 | \
         我不要再收到你們的簡訊 | 不需要簡訊通知 | 不用再發了 | 勿擾 | 不要打擾我 | 別吵我 | 不要煩我了 | \
         可不可以不要再發了 | 能不能停止發簡訊 | 可以停止嗎 | 麻煩停止發送，謝謝 | 麻煩把我的號碼刪掉 | \
         请删除我的手机号 | 從名單中移除我 | 把我從名單移除 | 取消簡訊通知 | 关闭通知 | td | ＴＤ | T | Ｔ | \
         退訂,謝謝 | 我要退訂 | 夠了 | 够了，谢谢 | STOP 谢谢 | 不要發訊息 thank you | 不感興趣 | \
         不要再发垃圾短信 | 我不能來了。不要再發簡訊給我 | 停止簡訊 | 停止訊息，謝謝！ | 不要發 | 不要发 | \
         别发了 | 別再發了謝謝 | 请别再发了 | 請停止發送簡訊 | 请停止发短信 | 停止发短信 | 停止傳訊息給我 | \
         不要再發訊息給我 | 不要再給我發短信了 | 不要给我发短信 | 不要再寄簡訊給我 | 别给我发信息了 | 我不要簡訊 | \
         我不需要這些通知 | 我不想要收到通知 | 我不想再收到你们的短信了 | 我不想再看到這些訊息 | \
         希望不再收到簡訊 | 不要騷擾我 | 別再騷擾我 | 不要再煩我 | 别烦我！ | 別聯絡我 | 不要再找我 | 勿再聯絡 | \
         請勿再傳 | 请勿再发 | 請刪除我的電話 | 請把我的號碼刪除 | 请把我从名单里删除 | 刪除我的資料 | \
         移除我的號碼 | 取消訂閱，謝謝 | 取消接收簡訊 | 关闭提醒 | 停止，谢谢 | 不要了，停止 | 好，停止 | \
         不，停止 | 好煩，別再傳 | 回T | 回复TD | T谢谢 | t | 可以不要再發了嗎 | 能不能別發了 | 請不要再打扰 | \
         拒收！ | 垃圾簡訊 | 你打錯了 | 謝謝，但是不要再傳了 | 请停止打扰 | 请不要骚扰我了，谢谢 | 不想再被打扰 | \
         我不想再被打擾了 | 不需要了，請停止 | 不要訊息 | 麻煩不要再通知我了 | 请把我拉黑，别再发 | \
         別來煩我 | 煩死了，不要再傳了 | 請將我的號碼移除",
    ];

    /// Replies that a person must read, a row for each language.
    const FOR_A_PERSON: [&str; 4] = [
        // English.
        "I can't come | please cancel my meeting | stop by at 5? | I can't stop laughing | don't stop | \
         can you send the address again? | I did not receive the link | I don't have messages from you yet | \
         CANCEL | please cancel my booking | stop calling it a demo | ? | OK | Yes | No | Thank you | \
         Can you stop by at 5? | Stop by tomorrow | End of the week works | Where do I stop the car? | \
         Stop the meeting | thank you, Ana | I don't want to cancel | I don't want to come | No thanks | \
         No problem | No problem, see you tomorrow | Not today | Not anymore | Maybe | Yes please | Yes, see you | \
         Ok thanks, T | Thanks! T. | Can we start at 5? | Can we start? | please stop by my office | \
         Could you stop by at noon? | can you not come at 5 | I haven't received any messages | \
         I didn't get your message | I'm not getting your messages | I am not receiving texts | \
         No messages received | I received no messages | Why don't you send me the messages? | \
         Why did you not text me? | You did not text me | Don't forget to text me | \
         don't forget to send me the link | Don't hesitate to contact me | Don't worry, I'll text you | \
         I don't understand this message | I don't mind the messages | I don't want to miss your messages | \
         I don't want to bother you | Don't send the link, I have it | Please text me the address | \
         Text me, I'm not at my desk | Text me don't call me | Send me the code, I don't have it | \
         I can't open the link in the message | remove my colleague from the invite | \
         Please remove me from the meeting | Change my number to 0712345678 | \
         Delete the old number and use the new one | Don't remove me | Please do not remove me from the list | \
         Don't unsubscribe me | This is not a wrong number | Cancel | Cancel it please | Cancel, thanks | \
         I want to cancel my appointment | Thanks for the reminder | No need to move it, thanks for the reminder | \
         I don't need to reschedule thanks for the reminder | I will not be late, thanks for the message | \
         What does STOP mean? | The bus stop is closed | I am at the last stop | I don't have time tomorrow | \
         We don't need the meeting anymore | Please don't cancel my booking | I'll be there, no worries | \
         Don't start without me | Please never stop | more messages please | I can't make it | can't come, sorry | \
         I cant come today | Can not come | Running late, stop for gas first | I'm stuck at the stop sign | \
         Don't stop the good work | Don't stop sending reminders | please do not stop the messages | \
         I can't stop thinking about our call | Can we stop by tomorrow? | Stop in at 3 | When does it end? | \
         The meeting should end by 5 | Is there parking? | I don't know | I don't think so | \
         I don't see the link | I do not have the address | I don't have your number | I have no signal | \
         I got no message | I didn't get it | Did you send a message? | No message yet | No link in the message | \
         the link is not working | The link in your text does not work | I don't get the texts | \
         You never sent the link | you did not send me the link | You haven't texted me | nobody contacted me | \
         no one called | Have not heard from you | Please send the message again | Please resend the text | \
         Please do send reminders | Send me a reminder please | Text me | Call me | \
         Don't call me, text me instead | No, text me | No, send it again | No, not yet | Not sure | Not me | \
         not a good time | I can't talk now, text me | Remind me tomorrow | Please delete my appointment | \
         Delete my booking | Remove the demo | remove me from the meeting tomorrow | Take me to the office | \
         Please take my number: 0712345678 | My number is 0712345678 | Can you cancel? | please cancel for me | \
         Cancel my slot and text me | I want to move the meeting | don't want to reschedule | \
         I don't want to be late | I want more time | Yes! Thanks for the text | Got your message, thanks | \
         no longer in the city | I no longer need the appointment | I do not need the demo | \
         Is this a real person? | Who is this? | Wrong time, can we move? | wrong link | start at 5? | \
         Should I bring anything? | Yes I will be there | 👍 | 🙏 | ... | Thanks, end of story at noon | \
         Please send me the messages in English | No more seats? | I don't text while driving, call you at 5 | \
         Can you send a reminder? | Did you remove my booking? | We will need to stop for lunch at 12 | \
         I need to stop by the bank first | Stop here? | Not coming | not able to come | no show? | \
         I no longer need it tomorrow | I can no longer come | \
         I don't want to reschedule, thanks for the reminder | Don't you have a later slot? | \
         Do you not send links? | I don't have the message anymore | I don't have the link anymore | \
         I never received the address | the message did not arrive | Messages do not arrive | \
         my phone does not get messages | Is your number still the same? | the number does not work | \
         delete that last message, wrong chat | Please delete my previous message | \
         I’m driving with Do Not Disturb While Driving turned on. I’ll see your message when I get where I’m going. | \
         (I’m not receiving notifications. If this is urgent, reply “urgent” to send a notification through with your original message.) | \
         I'm driving right now - I'll get back to you later. | \
         I have Focus turned on and may not see your message | \
         Thank you for your message. I am out of the office until Monday. | Sorry, I can't talk right now. | \
         Can I call you later? | \
         I don't want another time | No more appointments this week? | Not enough time | My phone can't receive texts",
        // Romanian.
        "nu mai pot veni | nu mai vin | nu am primit linkul | Nu pot ajunge la programare | Da, mulțumesc | Nu | \
         Nu, mulțumesc | Nu pot | Nu pot veni mâine | Nu mai pot ajunge | nu mai ajung | Nu vreau să anulez | \
         Nu vreau să vin | Nu mai vreau întâlnirea | Nu mai vreau programarea | nu vreau sa va deranjez | \
         Nu am primit mesajul | nu am primit niciun mesaj | N-am primit linkul | Nu primesc mesaje | \
         Nu mai primesc mesaje de la voi | De ce nu trimiteți mesajele? | Nu mi-ați trimis adresa | \
         Nu uitați să trimiteți linkul | Trimiteți-mi adresa vă rog | Nu înțeleg mesajul | Nu opriți | \
         Nu mă deranjează | Anulați programarea | Puteți să-mi trimiteți din nou linkul? | \
         Opriți-vă la recepție la ora 5 | Da, vin | Ne vedem mâine | Mă opresc la birou | Nu pot azi | Nu azi | \
         nu stiu | Nu știu ce să fac | nu vin | Nu mai vin, scuze | nu mai am timp | Nu am timp | \
         Nu mai e valabil | Nu mai este nevoie de întâlnire | nu vreau sa intarzii | Nu vreau să schimb ora | \
         nu doresc anularea | Nu merge linkul | Nu găsesc linkul | nu gasesc adresa | Nu se deschide linkul | \
         nu am mesaje de la voi | Nu am primit niciun SMS | nu am primit nimic | Nu mi-a venit mesajul | \
         nu mi-ați trimis linkul | Nu m-ați contactat | Nu m-a sunat nimeni | nu ma sunati, scrieti-mi | \
         Imi puteti trimite linkul? | Scrieți-mi | Îmi scrieți adresa? | Vreau să anulez | Anulez | \
         anulati va rog | Ștergeți programarea | Scoateți-mă din programare | Trimite linkul | \
         Nu, trimiteți-mi linkul | Nu mă grăbesc | nu e problema | Nu vă faceți griji | nu va deranjati, vin eu | \
         Gata, am ajuns | gata | Ajunge colegul meu la 5 | da | Ba da | Nu încă | Nu mai am linkul | \
         Nu mai găsesc mesajul | Nu îmi mai amintesc ora | Nu îmi merge numărul | Puteți șterge întâlnirea? | \
         Nu ajunge mesajul | nu ajung la timp | Nu mi-a ajuns mesajul | nu știu cum ajung | \
         Mai trimiteți o dată linkul | Trimiteți mai multe detalii | Mai vreau o programare | \
         Conduc cu Nu deranja în timpul condusului activat | Pot să vă sun mai târziu?",
        // Danish.
        "kan ikke komme | jeg har ikke fået linket | Jeg kommer ikke | Tak | Nej | Nej tak | Ja tak | \
         Jeg kan ikke | Jeg kan desværre ikke komme i morgen | Jeg vil ikke aflyse | Jeg vil ikke forstyrre dig | \
         Jeg får ikke jeres beskeder | Jeg har ikke fået nogen beskeder | Jeg fik ikke beskeden | \
         Jeg har ikke modtaget sms'en | Jeg har ingen beskeder fået | Hvorfor sender I ikke beskeder? | \
         Send linket igen tak | Send mig adressen | Jeg vil ikke have mødet | Jeg forstår ikke beskeden | \
         Glem ikke at sende linket | Afbestil mødet | Aflys mit møde | Jeg kommer senere, skriver når jeg er der | \
         Hold da op | Ikke i dag | ok tak | Jeg stopper ved stationen | Vi ses | Kan jeg flytte mødet? | \
         Jeg kan ikke komme | jeg kan ik komme | Kan desværre ikke | Jeg kommer ikke alligevel | \
         Det passer mig ikke | Jeg er syg | Jeg har ikke tid | har ikke modtaget link | \
         Jeg modtager ikke beskeder fra jer | Jeg har ikke fået en sms | jeg mangler linket | \
         Der kom ingen besked | Der er ikke kommet nogen besked | Linket virker ikke | \
         Linket i beskeden virker ikke | I sendte ikke linket | Du har ikke skrevet til mig | Skriv til mig | \
         Ring til mig | Send mig en besked | Send en sms | Nej, send linket | Ikke nu | Ikke endnu | Ikke mig | \
         Jeg ved det ikke | Jeg er ikke sikker | Jeg vil ikke komme for sent | Jeg vil ikke have en anden tid | \
         Slet mødet | Slet min aftale | Slet ikke | Fjern aftalen | Jeg skal af ved næste stop | \
         Kan du stoppe ved kontoret | Tager bussen til sidste stop | Glæder mig | Nej det går ikke | \
         Hej, jeg kan ikke finde adressen | Jeg har ikke nummeret | Jeg kan ikke finde beskeden | \
         Jeg kan ikke se linket i beskeden | Linket er ikke kommet | Har I et nummer? | \
         Jeg vil gerne have linket igen | Jeg vil gerne have en påmindelse | Send gerne en påmindelse | \
         Jeg er på vej, stop ikke | Beskeden er ikke til at læse | Jeg kommer ikke mere | Skal jeg ikke svare? | \
         Må jeg komme igen? | \
         Jeg kører bil med Forstyr ikke under kørsel slået til. Jeg ser din besked, når jeg er fremme. | \
         Kan jeg ringe til dig senere? | \
         Jeg stopper lige på vejen | Der er ikke flere tider? | Jeg får ingen beskeder",
        // Chinese.
        "我不能來了 | 我沒收到連結 | 我要取消預約 | 謝謝 | 好的 | 不要 | 不用了，謝謝 | 不好意思，我會遲到 | \
         我沒有收到簡訊 | 我没收到链接 | 收不到簡訊 | 我還沒收到訊息 | 為什麼不發簡訊給我 | 怎麼沒發連結 | \
         請再發一次地址 | 請發連結給我 | 別忘了發連結給我 | 不要忘記聯絡我 | 看不懂簡訊 | 我不想取消 | 不要取消 | \
         我不會去了 | 不想來了 | 我不想打擾你 | 不能來的話再聯絡 | 不行的話再聯絡我 | 哪裡可以停車 | 可以停車嗎 | \
         改天再聯絡 | 有問題再聯絡我 | 取消 | 取消預約 | 我要改時間 | 別停 | 不要停止 | 謝謝你的提醒 | 收到 | \
         收到，谢谢 | 不確定 | 連結打不開 | 我來不了 | 不能去了 | 我去不了 | 不來了 | 今天不行 | 不行 | 不是我 | \
         不知道 | 不好意思，不能來 | 不方便 | 沒空 | 沒收到 | 没收到短信 | 都沒收到通知 | 我收不到通知 | \
         還沒有收到簡訊 | 短信没有链接 | 沒有連結 | 连接打不开 | 請再發一次 | 再發一次連結 | 不要發錯地址 | \
         不要遲到 | 別遲到 | 發給我 | 簡訊收到了 | 請傳簡訊給我 | 请用短信联系我 | 請聯絡我 | 不見不散 | 不客氣 | \
         我想改期 | 我想取消預約 | 刪除預約 | 不用改了 | 不用麻煩了 | 你是誰 | 到了 | 好，謝謝 | 在哪裡停車 | \
         停車場在哪 | 下一站停嗎 | 我不想再改時間 | 我不想錯過簡訊 | 我不知道地址，請發給我 | 還沒發連結嗎 | \
         不要緊 | 没关系 | 我要簡訊提醒 | 我想收到簡訊 | 可以發簡訊提醒我嗎 | 我換號碼了 | 號碼不對嗎 | \
         刪除昨天的預約 | 我到停車場了 | 電話打不通 | 我不能收簡訊 | 我正在開車，已開啟請勿打擾 | \
         我正在开车，开启了驾驶时勿扰模式。我会稍后查看信息 | 抱歉，我現在無法講電話 | 稍後再聯絡你好嗎？",
    ];

    /// Words of courtesy that may stand before or after an objection in any language.
    const COURTESIES: [&str; 9] =
        ["thank you", "Please", "mulțumesc", "vă rog", "tak", "venligst", "謝謝", "谢谢", "🙏"];

    /// Fails with the replies that are not understood as `expected`.
    fn assert_meaning<'a>(replies: impl IntoIterator<Item = &'a str>, expected: ReplyMeaning) {
        let settings = Settings::default();
        let wrong: Vec<_> = replies.into_iter().filter(|it| understand_reply(it, &settings) != expected).collect();
        assert!(wrong.is_empty(), "not understood as {expected:?}: {wrong:#?}");
    }

    #[test]
    fn an_objection_is_understood_in_each_language() {
        assert_meaning(OBJECTIONS.iter().flat_map(|it| it.split(" | ")), ReplyMeaning::Stop);
    }

    #[test]
    fn an_objection_is_understood_in_capitals_with_marks_and_with_courtesy_of_any_language() {
        for objection in OBJECTIONS.iter().flat_map(|it| it.split(" | ").take(12)) {
            let marked = COURTESIES.map(|it| format!(" {it}, {objection}!! {it} 😊\n"));
            assert_meaning(marked.iter().map(String::as_str), ReplyMeaning::Stop);
            assert_meaning([objection.to_uppercase().as_str()], ReplyMeaning::Stop);
        }
        assert_meaning(
            ["Stop\nThanks", "Stop\n\nAna", "S\u{200b}TOP", "ｓｔｏｐ　ｐｌｅａｓｅ", "don＇t text me"],
            ReplyMeaning::Stop,
        );
    }

    #[test]
    fn a_reply_about_the_meeting_is_no_objection() {
        assert_meaning(FOR_A_PERSON.iter().flat_map(|it| it.split(" | ")).chain([""]), ReplyMeaning::Other);
    }

    #[test]
    fn a_start_word_ends_an_objection() {
        assert_meaning(["START", "unstop", "Start, please", "開始", "abonare, mulțumesc"], ReplyMeaning::Start);
        assert_meaning(["stop start"], ReplyMeaning::Stop);
        assert_meaning(["Can we start?", "Don't start", "We need to start"], ReplyMeaning::Other);
    }

    #[test]
    fn the_settings_add_words() {
        let settings = Settings { stop_words: vec!["Basta ya".to_owned()], ..Settings::default() };
        assert_eq!(understand_reply("¡Basta ya! Thanks", &settings), ReplyMeaning::Stop);
        assert_eq!(understand_reply("opt out", &settings), ReplyMeaning::Stop);
    }

    #[test]
    fn a_word_has_one_kind() {
        let mut kinds = Vocabulary::new();
        for (kind, languages) in VOCABULARY {
            for entry in languages.iter().flat_map(|it| it.split(',')).map(read_words).filter(|it| !it.is_empty()) {
                assert_eq!(*kinds.entry(entry.clone()).or_insert(*kind), *kind, "{entry:?}");
            }
        }
    }
}
