//! The words by which replies are understood: in English, Romanian, Danish and Chinese.

/// What a word, or some words together, say in a reply. What no list has is `Other`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Asks for no more messages, whatever stands around it: "opt out".
    Objection,
    /// Asks for an end, of messages if nothing else is said: "stop".
    Stop,
    /// Asks for an end only where nothing else is said, because it begins other sentences, too: "enough".
    StopAlone,
    /// A letter that asks for an end where a reply begins with it. Elsewhere it is a signature: "Thanks, T."
    Letter,
    /// Asks for messages again.
    Start,
    /// Negates what comes after it: "don't", "nu".
    Not,
    /// Negates what comes before or after it: "skriv ikke", "ikke skrive".
    DanishNot,
    /// Negates the noun after it: "no messages". It is also an answer: "No, stop".
    No,
    /// A wish: "want".
    Want,
    /// A need, a duty, a preference: "need".
    Need,
    /// "more", "again".
    More,
    /// What people call our messages: "texts".
    Message,
    /// What we do to a person with messages: "text", "bother me".
    Contact,
    /// To send. It may be said of other things, too.
    Send,
    /// To receive. Without a wish, its negation is a complaint that nothing arrived.
    Receive,
    /// Makes a negation doubtful: "why don't you send messages", "I don't want to miss the messages".
    Doubt,
    /// To take something out of a list: "remove".
    Remove,
    /// What is taken out: "my number".
    Listed,
    /// To end something. Without a word for messages, it is the meeting: "cancel".
    Cancel,
    /// Joins two statements: "and".
    And,
    /// Changes nothing in what a reply means: "please", "thank you".
    Courtesy,
    /// Changes nothing in an objection, but may around a word that asks for messages again: "Can we start?" is about
    /// the meeting.
    Filler,
    /// About the meeting or what belongs to it ("link"), or from a phone that answers by itself ("driving").
    Meeting,
    /// About a time or a place: "stop by at five".
    Time,
    /// Anything else.
    Other,
}

/// Returns the kind of a number: three digits or more may be a phone number, fewer are a time.
pub(crate) fn kind_of_number(digits: usize) -> Kind {
    if digits > 2 { Kind::Listed } else { Kind::Time }
}

/// The words of each kind, with commas between them: English, Romanian, Danish, Chinese. Case, accents and punctuation
/// do not matter. Of two entries that fit, the longer one counts: so "can't stop" is no "stop".
pub(crate) const VOCABULARY: &[(Kind, [&str; 4])] = &[
    (
        Kind::Objection,
        [
            "opt out, opt me out, opting out, stop all, this is spam, leave me alone, leave us alone, \
             leave me in peace, wrong number, go away, get lost, fuck off, piss off, stop calling me, \
             not interested, no further contact, off your list, off the list, off this list, take me off, \
             take us off, my number off, this number off, phone number off, do not disturb, lose my number, \
             didn't sign up, did not sign up, never signed up, didn't subscribe, did not subscribe, \
             never subscribed, didn't ask for these, did not ask for these",
            "mă dezabonez, dezabonează-mă, dezabonați-mă, lasă-mă în pace, lăsați-mă în pace, lasă-ne în pace, \
             lăsați-ne în pace, număr greșit, ai greșit numărul, ați greșit numărul, nu mă interesează, \
             nu sunt interesat, nu sunt interesată, nu m-am abonat, nu m-am înscris",
            "afmeld mig, frameld mig, lad mig være, lad mig nu være, lad os være, fri for beskeder, fri for sms, \
             slippe for beskeder, slippe for sms, forkert nummer, ikke interesseret, tag mig af listen, \
             tag mig af jeres liste, tag mit nummer af, skrid, ikke tilmeldt, ikke bedt om",
            "退訂, 取消訂閱, 拒收, 請勿打擾, 勿擾, 免打擾, 打錯, 號碼錯誤, 刪除我, 移除我, 不感興趣, 沒興趣, \
             沒有興趣, 走開, 滾開, 沒訂閱, 沒有訂閱",
        ],
    ),
    (
        Kind::Stop,
        [
            "stop, stopp, stop it, quit it, unsubscribe, unsub, cease, desist, spam, if you don't stop, \
             if you do not stop, make it stop",
            "opri, opriți, opriți-vă, oprește-te, oprești, opresc, încetați, încetează, înceta, încetezi, \
             terminați, termină, gata cu, dezabonează, dezabonați, dezabonare, dezabonarea, dezabonez, dezabonezi, \
             dezabonat, dacă nu opriți, dacă nu încetați",
            "stoppe, stopper i, stopper du, i stopper, undgå at, hold op, holde op, hold nu op, hold så op, \
             lad være, lade være, lad nu være, afmeld, afmelde, afmelding, afmeldes, frameld, framelde, \
             framelding, stop ikke flere, stop ikke mere, nu stop, nu stoppe, nu stopper, ikke stopper",
            "停止, 停掉, 住手, 垃圾簡訊, 垃圾短信, 垃圾訊息",
        ],
    ),
    (
        Kind::StopAlone,
        [
            "enough, enough is enough, that's enough, stahp",
            "destul, destul cu, ajunge, ajunge cu, de ajuns, lasă-mă, lăsați-mă",
            "slut, det er nok, så er det nok, nok er nok",
            "停, 夠了, 滾, 退, TD, 回TD, 回T, 回復TD, 回復T, 回覆TD, 回覆T",
        ],
    ),
    (Kind::Letter, ["", "", "", "T"]),
    (Kind::Start, ["", "", "start nu, tilmeld nu", ""]),
    (
        Kind::Not,
        [
            "don't, do not, don't ever, do not ever, not, never, never ever, no longer, doesn't, does not, mustn't",
            "nu, niciodată, nu vă, nu te",
            "",
            "不, 別, 別來, 勿, 甭, 不准, 不許, 不用, 不必",
        ],
    ),
    (Kind::DanishNot, ["", "", "ikke, ikke at, ik, aldrig, slet ikke, ikke nogen", ""]),
    (Kind::No, ["no, zero, nope, nah", "niciun, nicio, fără", "ingen, nej, næ", "無"]),
    (
        Kind::Want,
        [
            "want, wanna, wish, would like, like",
            "vreau, vrem, doresc, dorim, aș vrea, am vrea, aș dori, am dori",
            "vil, ville, ønsker, oensker, ønske, gider",
            "想, 要, 想要, 希望, 願意",
        ],
    ),
    (
        Kind::Need,
        [
            "need, needed, should, have to, prefer, rather, require, consent, agree, interested in, care for",
            "am nevoie, avem nevoie, e nevoie, este nevoie, nevoie, accept, vreți",
            "behøver, skal, du må, i må, må du, må i, må ikke, bør, har brug for, brug for, har lyst til",
            "需要",
        ],
    ),
    (
        Kind::More,
        [
            "more, any more, anymore, again, further, another, ever again",
            "mai, din nou, iar, alte",
            "mere, flere, igen, yderligere",
            "再, 了, 繼續, 再次",
        ],
    ),
    (
        Kind::Message,
        [
            "messages, texts, text messages, sms, sms messages, msgs, reminder, reminders, notification, \
             notifications, alerts, updates, newsletters, ads, junk, crap, spams",
            "mesaj, mesaje, mesajul, mesajele, mesajelor, sms-uri, sms-urile, sms-urilor, notificări, \
             notificările, notificare, remindere, reminderele, memento-uri, reclame",
            "besked, beskeden, beskeder, beskederne, sms'er, sms'erne, smser, tekstbeskeder, påmindelse, \
             påmindelser, påmindelserne, paamindelser, notifikationer, notifikationerne, meddelelser, reklamer",
            "簡訊, 短信, 短訊, 訊息, 信息, 消息, 通知, 提醒, 推播, 廣告, 垃圾",
        ],
    ),
    (
        Kind::Contact,
        [
            "text, texting, be texted, message, messaging, be messaged, msg, contact, contacting, be contacted, \
             write, writing, call or text, call or message, spamming, spam me, spam us, bother me, bothering me, \
             bother us, disturb me, disturbing me, disturb us, be disturbed, be bothered, annoy me, annoying me, \
             harass me, harassing me, bug me, bugging me, pester me, pestering me, reach out, reach out to me",
            "mai scrie, mai scrieți, mai scrii, mi scrie, îmi scrie, scrieți, mai contacta, mai contactați, \
             mai contactezi, mă contacta, mă contactați, mă contactezi, contactați, fi contactat, fiu contactat, \
             fiu contactată, mai deranja, mai deranjați, mai deranjezi, mă deranja, mă deranjați, mă deranjezi, \
             fi deranjat, fiu deranjat, fiu deranjată, mai enerva, mai enervați, mai stresa, mai stresați, \
             bate la cap, bateți la cap",
            "skriv, skrive, kontakt, kontakte, kontaktes, forstyr, forstyrre mig, forstyrres, blive kontaktet, \
             genere mig, spam mig, spamme mig, sms mig",
            "打擾, 打攪, 騷擾, 煩我, 煩, 吵我, 吵, 聯絡, 聯繫, 連絡, 找我",
        ],
    ),
    (
        Kind::Send,
        [
            "send, sending, deliver",
            "trimite, mai da, mai dați, trimiteți, trimiți, trimită, expedia, expediați",
            "send, sende",
            "發, 發送, 傳, 傳送, 寄, 送, 推送, 寄送",
        ],
    ),
    (
        Kind::Receive,
        [
            "receive, receiving, get, getting, have, see, hear, be receiving, be getting",
            "primesc, primi, primim, am, avem, aud, văd",
            "have, få, faa, får, faar, modtage, modtager, høre, hoere, se",
            "收, 收到, 接, 接到, 接收, 看到, 看見, 聽到",
        ],
    ),
    (
        Kind::Doubt,
        [
            "why, how come, if, unless, miss, lose, mind, understand, bother you, disturb you, yet",
            "de ce, dacă, pierd, pierdem, ratez, vă deranjez, te deranjez, încă",
            "hvorfor, hvis, medmindre, gå glip, miste, forstyrre dig, forstyrre jer, kommer, endnu",
            "為什麼, 為何, 怎麼, 幹嘛, 如果, 要是, 假如, 錯過, 漏掉, 打擾你, 打擾您, 打擾到, 還沒, 還",
        ],
    ),
    (
        Kind::Remove,
        [
            "remove, removed, removing, delete, deleted, deleting, erase, erased, block, blacklist, take out, \
             get rid of",
            "șterge, ștergeți, ștergi, șters, ștearsă, ștergerea, elimină, eliminați, elimini, scoate, scoateți, \
             scoți, scos, scoasă",
            "fjern, fjerne, fjernet, fjernes, slet, slette, slettet, slettes, stryg",
            "刪除, 刪掉, 刪, 刪了, 移除, 移出, 去掉, 拿掉, 剔除, 除名",
        ],
    ),
    (
        Kind::Listed,
        [
            "me, us, number, phone, list, database, data, details, records",
            "mă, ne, număr, numărul, telefonul, listă, lista, listele, datele, baza de date",
            "mig, os, nummer, nr, nummeret, telefonnummer, liste, listen, database, data, oplysninger",
            "號碼, 電話, 電話號碼, 手機, 手機號, 手機號碼, 名單, 資料, 把我",
        ],
    ),
    (
        Kind::Cancel,
        [
            "cancel, disable, turn off, switch off, deactivate, mute, end",
            "anulează, anulați, anula, anulez, dezactivează, dezactivați, renunț la, renunțați la",
            "annuller, annullere, afbestil, afbestille, opsig, slå fra, sluk for, drop",
            "取消, 關閉, 關掉, 停用, 停發",
        ],
    ),
    (Kind::And, ["and, but, so", "și, dar, deci", "og, men", "但, 但是, 而且, 並且, 並, 所以"]),
    (
        Kind::Courtesy,
        [
            "please, pls, plz, kindly, thank you, thank you very much, thanks, thanks a lot, thx, ty, ok, okay, \
             hi, hello, hey, sorry, now, immediately, right away, i, i'd, we, would, to, you, my, this, these, \
             those, it, all, any, your, the, from, forever",
            "te rog, vă rog, rog, mulțumesc, mulțumim, mersi, bună, bună ziua, salut, acum, imediat, să, îmi, mi, \
             mie, cu, de, aceste",
            "tak, mange tak, venligst, hej, nu gerne, med det samme, jeg, gerne, disse, de, med, fra, jer",
            "謝謝, 感謝, 請, 麻煩, 您好, 你好, 我, 吧, 的, 給我, 這些",
        ],
    ),
    (
        Kind::Filler,
        [
            "yes, yeah, yep, can, can you, can't you, could, couldn't you, will you, won't you, why don't you, \
             why won't you, how do i, how can i, how to, may, be, being, do, just, really, finally, already, \
             many thanks, this is, i'm, i am, a, u, of, with, anything, something, ever, all the time, at once, \
             for good, for now, for me, to this, on this, on my, in my, in your, in the, on your, from here, guys, \
             folks, sir, madam, dear, god, damn, the hell, fucking, freaking, bloody",
            "da, ba, ba nu, puteți, poți, nu puteți, nu poți, ați putea, ai putea, nu ați putea, nu ai putea, \
             se poate, pot, putea, putem, cum pot, cum mă, fi, fiu, vă dați, hai, domnule, doamnă, odată, mult, \
             frumos, merci, vă rugăm, de la, pe, din, acest, asta, astea, meu, mele, voi, dumneavoastră, dvs, \
             nimic, vă, te, ni, noi, eu",
            "ja, jo, jep, kan, kunne, kan du ikke, kan i ikke, vil du ikke, vil i ikke, vil du, vil i, hvordan, \
             godt, lige, bare, nok, dog, du, man, blive, for fanden, for helvede, da, tusind tak, på forhånd tak, \
             vær sød at, vær venlig at, goddag, undskyld, omgående, straks, mvh, dem, det, den, der, jeres, mit, \
             min, mine, noget, med at, om at, for at, til, på, af, om, en, et, længere",
            "是, 是的, 好, 好的, 好嗎, 可以, 可以嗎, 能, 能不能, 可不可以, 可否, 能否, 好不好, 行不行, 是不是, \
             不好意思, 對不起, 抱歉, 嗎, 你, 您, 你們, 妳, 妳們, 貴公司, 一直, 老是, 一下, 對, 也, 就, 多謝, 感恩, \
             拜託, 我們, 給, 這, 這種, 這個, 那些, 任何, 被, 向, 從, 裡, 中, 以後, 馬上, 立刻, 立即, 現在, 都, 啊, \
             啦, 喔, 哦, 呀",
        ],
    ),
    (
        Kind::Meeting,
        [
            "meeting, meetings, appointment, appointments, booking, bookings, reservation, demo, slot, event, \
             session, interview, consultation, guest, attendee, participant, invite, invitation, calendar, link, \
             links, address, directions, location, code, password, zoom, teams, reschedule, move, change, confirm, \
             add, driving, turned on",
            "întâlnire, întâlnirea, întâlniri, întâlnirii, ședință, ședința, ședinței, programare, programarea, \
             programării, rezervare, rezervarea, rezervării, consultație, consultația, invitație, invitația, \
             invitat, participant, calendar, linkul, linkuri, adresa, locația, codul, parola, reprogramez, mut, \
             schimb, confirm, conduc, condusului, activat",
            "møde, mødet, moede, moedet, møder, aftale, aftalen, bookingen, tid, tiden, samtale, samtalen, \
             konsultation, invitation, invitationen, gæst, deltager, kalender, kalenderen, linket, adresse, \
             adressen, lokation, kode, koden, flytte, ændre, bekræfte, kørsel, slået til",
            "會, 約, 預, 連結, 鏈接, 網址, 地址, 邀請, 行事曆, 日曆, 日程, 密碼, 改期, 時間, 開車, 駕駛, 開啟",
        ],
    ),
    (
        Kind::Time,
        [
            "by, at, in, on, over, until, before, after, here, there, for, call, calling, time, today, tonight, \
             tomorrow, monday, tuesday, wednesday, thursday, friday, saturday, sunday, week, hour, minutes, office",
            "azi, astăzi, mâine, poimâine, diseară, ora, la, aici, acolo, lângă",
            "i dag, i morgen, i aften, morgen, klokken, kl, her, ved, hos",
            "時, 點, 停車, 停車場, 停在, 停電, 在, 今天, 明天, 後天",
        ],
    ),
    (
        Kind::Other,
        [
            "can't stop, cannot stop, can not stop, won't stop, will not stop, did not, have not, has not, \
             had not, can not, could not, will not, would not, not a wrong number, not the wrong number, i have, \
             we have, bus stop, last stop, next stop",
            "nu pot, nu mai pot, nu putem, nu mai putem, nu poate",
            "kan ikke, kan desværre ikke, stop ikke, har ikke, havde ikke, fik ikke, er ikke",
            "不要停, 不要停止, 別停止, 不能, 不會, 無法, 不可以, 不行, 不是, 不知道, 不確定, 收不到, 看不到, \
             看不懂, 聯絡不上, 來不及",
        ],
    ),
];

/// Each simplified character of the words above, and of the settings' words, with its traditional form.
pub(crate) const SIMPLIFIED: &str = "\
    个個 们們 传傳 别別 删刪 单單 场場 够夠 对對 干幹 广廣 后後 从從 复復 扰擾 搅攪 时時 会會 机機 没沒 \
    滚滾 为為 无無 烦煩 现現 发發 码碼 种種 简簡 约約 结結 络絡 给給 网網 系繫 联聯 听聽 号號 见見 订訂 \
    讯訊 许許 话話 误誤 请請 谢謝 贵貴 资資 这這 连連 过過 还還 错錯 链鏈 闭閉 开開 间間 阅閱 关關 电電 \
    预預 愿願 马馬 骚騷 么麼 点點 兴興 车車 并並 托託 绝絕 继繼 续續 吗嗎 确確 里裡 启啟 驾駕";
