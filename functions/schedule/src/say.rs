//! What the invitee is told, in their language: one sentence for each answer, for an agent to read out.

use api::{Code, Refusal, Why};
use domain::{Language, Settings};
use engine::{Denied, Trouble, Unavailable};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use notify::when;

use Language::{Danish, English, Romanian, TraditionalChinese};

/// To whom, and in which zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Voice {
    /// The invitee's language.
    pub(crate) language: Language,
    /// The IANA time zone that times are told in.
    pub(crate) zone: String,
}

impl Voice {
    /// The voice for a person in a zone: the language that was asked for, else the zone's likely one, else the default.
    pub(crate) fn of(language: Option<&str>, zone: &str, settings: &Settings) -> Self {
        let asked = language.and_then(Language::parse).or_else(|| Language::likely_in(zone));
        Self { language: asked.unwrap_or(settings.default_language), zone: zone.to_owned() }
    }

    /// For those of whom nothing is known.
    pub(crate) fn plain() -> Self {
        Self { language: English, zone: "UTC".to_owned() }
    }

    /// The zone that times are told in.
    pub(crate) fn tz(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// A refusal, in words.
    pub(crate) fn refuse(&self, why: Why) -> Refusal {
        let message = self.refusal(why.code());
        Refusal::new(why, message)
    }

    /// The table or a queue could not be asked.
    pub(crate) fn unavailable(&self, error: &Unavailable) -> Refusal {
        tracing::error!(error = %error, "a request could not be served");
        self.refuse(Why::Unavailable).after(5)
    }

    /// A booking could not be worked on.
    pub(crate) fn trouble(&self, error: &Trouble) -> Refusal {
        tracing::error!(error = %error, "a request could not be served");
        self.refuse(Why::Unavailable).after(5)
    }

    /// Calendly did not give what was asked for.
    pub(crate) fn denied(&self, error: &Denied) -> Refusal {
        tracing::warn!(error = %error, "Calendly did not give what was asked for");
        match error {
            Denied::Unavailable(_) => self.refuse(Why::CalendlyUnavailable).after(5),
            Denied::Limited(seconds) => self.refuse(Why::CalendlyUnavailable).after(*seconds),
            Denied::NotFound => self.refuse(Why::BookingUnknown),
            Denied::Refused(_) => self.refuse(Why::CalendlyRefused),
        }
    }

    /// An instant in words, the zone named.
    pub(crate) fn when(&self, at: Timestamp) -> String {
        when::tell(at, &self.zone, self.language)
    }

    fn choose(&self, [english, romanian, danish, chinese]: [String; 4]) -> String {
        match self.language {
            English => english,
            Romanian => romanian,
            Danish => danish,
            TraditionalChinese => chinese,
        }
    }

    /// A booking stands.
    pub(crate) fn booked(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” is booked for {when}."),
            format!("Întâlnirea „{event}” a fost programată pentru {when}."),
            format!("“{event}” er booket til {when}."),
            format!("「{event}」已預約：{when}。"),
        ])
    }

    /// A time that the invitee may say yes to. It is free, and not kept.
    pub(crate) fn held(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” can be on {when}. Shall I book it?"),
            format!("Întâlnirea „{event}” poate avea loc {when}. O programez?"),
            format!("“{event}” kan være {when}. Skal jeg booke det?"),
            format!("「{event}」可以安排在{when}。要為您預約嗎？"),
        ])
    }

    /// A booking has moved.
    pub(crate) fn moved(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” has moved to {when}."),
            format!("Întâlnirea „{event}” a fost mutată pe {when}."),
            format!("“{event}” er flyttet til {when}."),
            format!("「{event}」已改期至{when}。"),
        ])
    }

    /// A booking is off.
    pub(crate) fn canceled(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” of {when} is canceled."),
            format!("Întâlnirea „{event}” din {when} a fost anulată."),
            format!("“{event}” {when} er aflyst."),
            format!("{when}的「{event}」已取消。"),
        ])
    }

    /// A booking will be off as soon as Calendly takes it.
    pub(crate) fn canceling(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” of {when} is being canceled; it is tried until it holds."),
            format!("Întâlnirea „{event}” din {when} se anulează; se încearcă până reușește."),
            format!("“{event}” {when} er ved at blive aflyst; der prøves, til det lykkes."),
            format!("正在取消{when}的「{event}」，將持續重試直到完成。"),
        ])
    }

    /// Where the invitee picks another time.
    pub(crate) fn pick(&self, event: &str) -> String {
        self.choose([
            format!("Here is the link to choose a time for “{event}”."),
            format!("Iată linkul pentru a alege ora întâlnirii „{event}”."),
            format!("Her er linket til at vælge et tidspunkt for “{event}”."),
            format!("這是選擇「{event}」時間的連結。"),
        ])
    }

    /// Times to choose from.
    pub(crate) fn choices(&self, event: &str) -> String {
        self.choose([
            format!("“{event}” can be at any of these times. Which one suits best?"),
            format!("Întâlnirea „{event}” poate avea loc la oricare dintre aceste ore. Care se potrivește?"),
            format!("“{event}” kan være på et af disse tidspunkter. Hvilket passer bedst?"),
            format!("「{event}」可以選擇以下任一時段，哪個最合適？"),
        ])
    }

    /// How many meetings are ahead.
    pub(crate) fn upcoming(&self, count: usize) -> String {
        self.choose([
            match count {
                0 => "No meetings are ahead.".to_owned(),
                1 => "One meeting is ahead.".to_owned(),
                _ => format!("{count} meetings are ahead."),
            },
            match count {
                0 => "Nu urmează nicio întâlnire.".to_owned(),
                1 => "Urmează o întâlnire.".to_owned(),
                // From twenty on, Romanian puts "de" between.
                _ if matches!(count % 100, 0 | 20..) => format!("Urmează {count} de întâlniri."),
                _ => format!("Urmează {count} întâlniri."),
            },
            match count {
                0 => "Der er ingen kommende møder.".to_owned(),
                1 => "Der er ét kommende møde.".to_owned(),
                _ => format!("Der er {count} kommende møder."),
            },
            format!("接下來有 {count} 場會議。"),
        ])
    }

    /// The slot that was wished for is not free.
    pub(crate) fn taken(&self, wish: Timestamp) -> String {
        let when = self.when(wish);
        self.choose([
            format!("{when} is not free. These times are the nearest."),
            format!("Ora dorită nu este liberă: {when}. Acestea sunt cele mai apropiate ore."),
            format!("{when} er ikke ledigt. Disse tidspunkter ligger nærmest."),
            format!("{when}已無空檔。以下是最接近的時段。"),
        ])
    }

    /// A time that has passed.
    pub(crate) fn past(&self, wish: Timestamp) -> String {
        let when = self.when(wish);
        self.choose([
            format!("{when} has passed. Which time ahead would suit?"),
            format!("Momentul ales a trecut: {when}. Ce oră viitoare ți se potrivește?"),
            format!("{when} er allerede passeret. Hvilket kommende tidspunkt passer?"),
            format!("{when}已經過了。請問哪個之後的時間合適？"),
        ])
    }

    /// Questions that must be answered first.
    pub(crate) fn questions(&self, questions: &[&str]) -> String {
        let list = questions.join("; ");
        self.choose([
            format!("Before booking I need to know: {list}"),
            format!("Înainte de programare trebuie să știu: {list}"),
            format!("Før jeg kan booke, skal jeg vide: {list}"),
            format!("預約前需要先了解：{list}"),
        ])
    }

    /// An answer that its question does not take.
    pub(crate) fn answer(&self, question: &str) -> String {
        self.choose([
            format!("The answer to “{question}” is not one that the form takes."),
            format!("Răspunsul la „{question}” nu este unul acceptat de formular."),
            format!("Svaret på “{question}” kan formularen ikke bruge."),
            format!("「{question}」的回答不符合表單要求。"),
        ])
    }

    /// The budget is spent; a link does instead.
    pub(crate) fn busy(&self, event: &str, has_link: bool) -> String {
        if has_link {
            return self.choose([
                format!("I can't book “{event}” for you right now. With this link you can choose a time yourself."),
                format!("Nu pot programa acum „{event}” în locul tău. Cu acest link poți alege singur ora."),
                format!("Jeg kan ikke booke “{event}” for dig lige nu. Med dette link kan du selv vælge et tidspunkt."),
                format!("目前無法為您預約「{event}」。您可以用這個連結自行選擇時間。"),
            ]);
        }
        self.choose([
            format!("I can't book “{event}” right now. Let us try again in a while."),
            format!("Nu pot programa acum „{event}”. Încercăm din nou puțin mai târziu."),
            format!("Jeg kan ikke booke “{event}” lige nu. Lad os prøve igen om lidt."),
            format!("目前無法預約「{event}」，請稍後再試。"),
        ])
    }

    /// Any other refusal.
    pub(crate) fn refusal(&self, code: Code) -> String {
        let told = match code {
            Code::NoSlot => [
                "There are no free times for this meeting in the days around.",
                "Nu am găsit intervale orare disponibile pentru această întâlnire în zilele apropiate.",
                "Der er ingen ledige tidspunkter til dette møde i de nærmeste dage.",
                "這場會議在近日沒有可預約的時段。",
            ],
            Code::EventTypeUnknown => [
                "There is no such meeting to be booked.",
                "Nu există un astfel de tip de întâlnire.",
                "Den slags møde findes ikke.",
                "沒有這種會議類型。",
            ],
            Code::TopicUnknown => [
                "Nobody is named for this topic.",
                "Nimeni nu este desemnat pentru acest subiect.",
                "Der er ikke knyttet nogen til det emne.",
                "這個主題目前沒有對應的人員。",
            ],
            Code::TopicAmbiguous => [
                "Several meetings would fit. Which one is it?",
                "Se potrivesc mai multe tipuri de întâlnire. Care dintre ele?",
                "Flere møder passer. Hvilket er det?",
                "有多種會議符合，請問是哪一種？",
            ],
            Code::HostUnknown => [
                "There is no such host.",
                "Nu există o astfel de gazdă.",
                "Den vært findes ikke.",
                "找不到這位主辦人。",
            ],
            Code::LocationInvalid => [
                "This meeting can't be held in that way. Which of these would suit?",
                "Întâlnirea nu poate avea loc astfel. Care dintre aceste variante se potrivește?",
                "Mødet kan ikke holdes på den måde. Hvilken af disse passer?",
                "這場會議無法以該方式進行，請問哪一種合適？",
            ],
            Code::InviteeInvalid => [
                "Something about the name, the e-mail address or the phone number is not right.",
                "Numele, adresa de e-mail sau numărul de telefon nu este corect.",
                "Navnet, e-mailadressen eller telefonnummeret er ikke rigtigt.",
                "姓名、電子郵件或電話號碼有誤。",
            ],
            Code::TimezoneUnknown => [
                "I don't know that time zone. In which city are you?",
                "Nu cunosc acest fus orar. În ce oraș te afli?",
                "Den tidszone kender jeg ikke. Hvilken by er du i?",
                "無法辨識這個時區，請問您在哪個城市？",
            ],
            Code::BookingUnknown => [
                "I find no such booking.",
                "Nu găsesc această programare.",
                "Jeg kan ikke finde den booking.",
                "找不到這筆預約。",
            ],
            Code::BookingOver => [
                "This meeting is over or canceled already.",
                "Această întâlnire a avut loc sau este deja anulată.",
                "Mødet er allerede overstået eller aflyst.",
                "這場會議已結束或已取消。",
            ],
            Code::SharedEvent => [
                "Others take part in this meeting. With these links you can change your own place in it.",
                "La această întâlnire participă și alții. Cu aceste linkuri îți poți schimba propria participare.",
                "Der er flere deltagere i mødet. Med disse links kan du ændre din egen plads.",
                "這場會議還有其他參加者。您可以用這些連結更改自己的預約。",
            ],
            Code::HoldUnknown | Code::HoldExpired => [
                "That offer has lapsed. Shall I look for a time again?",
                "Oferta a expirat. Caut din nou o oră?",
                "Tilbuddet er udløbet. Skal jeg finde et tidspunkt igen?",
                "該時段保留已失效，要重新為您查詢嗎？",
            ],
            Code::InProgress => [
                "Your booking is being made. I'll know in a moment.",
                "Programarea este în curs. Aflu imediat rezultatul.",
                "Din booking er i gang. Jeg ved besked om et øjeblik.",
                "預約處理中，稍後就會有結果。",
            ],
            Code::KeyReused => [
                "This conversation has another booking for that very time.",
                "Această conversație are deja altă programare exact la acea oră.",
                "Samtalen har allerede en anden booking på netop det tidspunkt.",
                "這個對話在該時間已有另一筆預約。",
            ],
            Code::CalendlyUnavailable | Code::RateLimited | Code::Unavailable => [
                "The calendar does not answer just now. Let us try again in a moment.",
                "Calendarul nu răspunde acum. Încercăm din nou imediat.",
                "Kalenderen svarer ikke lige nu. Lad os prøve igen om lidt.",
                "行事曆暫時沒有回應，請稍後再試。",
            ],
            Code::CalendlyRefused => [
                "The calendar does not accept this booking.",
                "Calendarul nu acceptă această programare.",
                "Kalenderen accepterer ikke denne booking.",
                "行事曆不接受這筆預約。",
            ],
            Code::InvalidRequest
            | Code::Unauthorized
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::SlotTaken
            | Code::QuestionMissing
            | Code::AnswerInvalid
            | Code::BudgetExhausted
            | Code::PastTime => [
                "Something is missing or wrong in what was asked.",
                "Lipsește ceva sau ceva nu este corect în cerere.",
                "Noget mangler eller er forkert i forespørgslen.",
                "請求內容有缺漏或錯誤。",
            ],
        };
        self.choose(told.map(str::to_owned))
    }
}
