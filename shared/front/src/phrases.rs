//! The sentences of answers and refusals, in each language. An agent reads them out to the invitee.

use api::Code;
use domain::Language;
use jiff::Timestamp;

use Language::{Danish, English, Romanian, TraditionalChinese};

use crate::locale::Locale;

impl Locale {
    fn choose(&self, [english, romanian, danish, chinese]: [String; 4]) -> String {
        match self.language {
            English => english,
            Romanian => romanian,
            Danish => danish,
            TraditionalChinese => chinese,
        }
    }

    /// Says that a booking is made.
    pub fn booked(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” is booked for {when}."),
            format!("Întâlnirea „{event}” a fost programată pentru {when}."),
            format!("”{event}” er booket til {when}."),
            format!("已為您預約「{event}」：{when}。"),
        ])
    }

    /// Offers a free time to the invitee. The time is not reserved.
    pub fn held(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("I can book “{event}” for {when}. Shall I?"),
            format!("Întâlnirea „{event}” poate avea loc {when}. O programez?"),
            format!("”{event}” kan holdes {when}. Skal jeg booke mødet?"),
            format!("「{event}」可以安排在{when}。要為您預約嗎？"),
        ])
    }

    /// Says that a booking was moved.
    pub fn moved(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” has been moved to {when}."),
            format!("Întâlnirea „{event}” a fost mutată pe {when}."),
            format!("”{event}” er flyttet til {when}."),
            format!("「{event}」已改期至{when}。"),
        ])
    }

    /// Says that a booking is canceled.
    pub fn canceled(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” on {when} has been canceled."),
            format!("Întâlnirea „{event}” de {when} a fost anulată."),
            format!("”{event}” {when} er aflyst."),
            format!("{when}的「{event}」已取消。"),
        ])
    }

    /// Says that a booking is being canceled: Calendly has not confirmed it yet.
    pub fn canceling(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("“{event}” on {when} is being canceled. The calendar has not confirmed it yet; I'll keep trying."),
            format!(
                "Întâlnirea „{event}” de {when} este în curs de anulare. Calendarul nu a confirmat încă; voi încerca în continuare."
            ),
            format!(
                "”{event}” {when} er ved at blive aflyst. Kalenderen har ikke bekræftet det endnu; jeg prøver igen."
            ),
            format!("正在取消{when}的「{event}」，行事曆尚未確認，系統會持續重試。"),
        ])
    }

    /// Introduces a link with which the invitee chooses a time.
    pub fn pick(&self, event: &str) -> String {
        self.choose([
            format!("Here is the link to choose a time for “{event}”."),
            format!("Iată linkul pentru a alege ora întâlnirii „{event}”."),
            format!("Her er linket til at vælge et tidspunkt for ”{event}”."),
            format!("這是選擇「{event}」時間的連結。"),
        ])
    }

    /// Introduces times to choose from.
    pub fn choices(&self, event: &str) -> String {
        self.choose([
            format!("“{event}” is possible at any of these times. Which suits you best?"),
            format!(
                "Întâlnirea „{event}” poate avea loc la oricare dintre aceste ore. Care se potrivește cel mai bine?"
            ),
            format!("”{event}” kan holdes på et af disse tidspunkter. Hvilket passer dig bedst?"),
            format!("「{event}」可選擇以下任一時段，請問哪個時段方便？"),
        ])
    }

    /// Says how many upcoming meetings there are.
    pub fn upcoming(&self, count: usize) -> String {
        self.choose([
            match count {
                0 => "There are no upcoming meetings.".to_owned(),
                1 => "There is one upcoming meeting.".to_owned(),
                _ => format!("There are {count} upcoming meetings."),
            },
            match count {
                0 => "Nu există întâlniri programate.".to_owned(),
                1 => "Există o întâlnire programată.".to_owned(),
                // From twenty on, Romanian needs "de" after the number.
                _ if matches!(count % 100, 0 | 20..) => format!("Există {count} de întâlniri programate."),
                _ => format!("Există {count} întâlniri programate."),
            },
            match count {
                0 => "Der er ingen kommende møder.".to_owned(),
                1 => "Der er ét kommende møde.".to_owned(),
                _ => format!("Der er {count} kommende møder."),
            },
            match count {
                0 => "您目前沒有已預約的會議。".to_owned(),
                _ => format!("您目前有 {count} 場已預約的會議。"),
            },
        ])
    }

    /// Says that the slot is not free, and offers others if there are any.
    pub fn taken(&self, requested: Timestamp, has_others: bool) -> String {
        let when = self.when(requested);
        let taken = self.choose([
            format!("{when} is not free."),
            format!("Ora dorită nu este liberă: {when}."),
            format!("Tidspunktet {when} er ikke ledigt."),
            format!("{when}已無空檔。"),
        ]);
        let others = self.choose([
            " These are the nearest free times.".to_owned(),
            " Acestea sunt cele mai apropiate ore libere.".to_owned(),
            " Her er de nærmeste ledige tidspunkter.".to_owned(),
            "以下是最接近的可預約時段。".to_owned(),
        ]);
        if has_others { taken + &others } else { taken }
    }

    /// Says that the person has this meeting already.
    pub fn already_booked(&self, event: &str, start: Timestamp) -> String {
        let when = self.when(start);
        self.choose([
            format!("You already have “{event}” on {when}."),
            format!("Întâlnirea „{event}” este deja programată: {when}."),
            format!("Du har allerede booket ”{event}”: {when}."),
            format!("您已預約「{event}」，時間為{when}。"),
        ])
    }

    /// Says that a code may be on its way.
    pub fn code_sent(&self) -> String {
        let told = [
            "If there is a booking with these details, a code of six digits is on its way. What is the code?",
            "Dacă există o programare cu aceste date, un cod de șase cifre este pe drum. Care este codul?",
            "Hvis der er en aftale med de oplysninger, er en kode på seks cifre på vej. Hvad er koden?",
            "如果有符合資料的預約，六位數驗證碼已經寄出。請告訴我驗證碼，好嗎？",
        ];
        self.choose(told.map(str::to_owned))
    }

    /// Says that a person has shown that bookings are theirs.
    pub fn code_confirmed(&self) -> String {
        let told = [
            "Thank you. I can now look after your bookings.",
            "Mulțumesc. Acum mă pot ocupa de aceste programări.",
            "Tak. Nu kan jeg tage mig af dine aftaler.",
            "謝謝您，現在可以為您處理預約了。",
        ];
        self.choose(told.map(str::to_owned))
    }

    /// Says that a time has passed.
    pub fn past(&self, requested: Timestamp) -> String {
        let when = self.when(requested);
        self.choose([
            format!("{when} is in the past. What later time would suit you?"),
            format!("Ora aleasă a trecut deja: {when}. Ce altă oră se potrivește?"),
            format!("Tidspunktet {when} er allerede passeret. Hvilket senere tidspunkt passer dig?"),
            format!("{when}已經過了。請問之後什麼時間方便？"),
        ])
    }

    /// Asks the questions that must be answered first.
    pub fn questions(&self, questions: &[&str]) -> String {
        let list = questions.join("; ");
        self.choose([
            format!("Before booking I need to know: {list}"),
            format!("Înainte de programare trebuie să știu: {list}"),
            format!("Før jeg kan booke, skal jeg vide: {list}"),
            format!("預約前需要先了解：{list}"),
        ])
    }

    /// Says that an answer does not fit its question.
    pub fn answer(&self, question: &str) -> String {
        self.choose([
            format!("The form doesn't accept that answer to “{question}”."),
            format!("Formularul nu acceptă acest răspuns la „{question}”."),
            format!("Formularen kan ikke bruge svaret på ”{question}”."),
            format!("「{question}」的回答不符合表單要求。"),
        ])
    }

    /// Says that the budget is spent, and offers a link if there is one.
    pub fn busy(&self, event: &str, has_link: bool) -> String {
        if has_link {
            return self.choose([
                format!("I can't book “{event}” for you right now. With this link you can choose a time yourself."),
                format!("Nu pot programa acum „{event}”. Cu acest link ora se poate alege direct."),
                format!("Jeg kan ikke booke ”{event}” for dig lige nu. Med dette link kan du selv vælge et tidspunkt."),
                format!("目前無法為您預約「{event}」。您可以用這個連結自行選擇時間。"),
            ]);
        }
        self.choose([
            format!("I can't book “{event}” right now. Let's try again a little later."),
            format!("Nu pot programa acum „{event}”. Încercăm din nou puțin mai târziu."),
            format!("Jeg kan ikke booke ”{event}” lige nu. Lad os prøve igen om lidt."),
            format!("目前無法預約「{event}」，請稍後再試。"),
        ])
    }

    /// Says that a field about the invitee is not valid.
    pub fn invitee(&self, field: &str) -> String {
        let [english, romanian, danish, chinese] = match field {
            "inviteeName" => ["name", "Numele", "Navnet", "姓名"],
            "phone" => ["phone number", "Numărul de telefon", "Telefonnummeret", "電話號碼"],
            _ => ["e-mail address", "Adresa de e-mail", "E-mailadressen", "電子郵件"],
        };
        self.choose([
            format!("That {english} doesn't look right. Could you check it?"),
            format!("{romanian} nu pare să fie în regulă. Putem verifica?"),
            format!("{danish} ser ikke rigtigt ud. Vil du tjekke det?"),
            format!("{chinese}似乎有誤，請再確認一次。"),
        ])
    }

    /// Asks for the country code of a phone number.
    pub fn country_code(&self) -> String {
        let told = [
            "Could you give me the phone number with its country code, such as +40?",
            "Care este numărul de telefon, cu prefixul țării, de exemplu +40?",
            "Vil du give mig telefonnummeret med landekode, for eksempel +45?",
            "請提供含國碼的電話號碼，例如 +886。",
        ];
        self.choose(told.map(str::to_owned))
    }

    /// Says that the event type does not offer this location, or that the location requires more data.
    pub fn location(&self, needs: Option<&str>) -> String {
        let told = match needs {
            Some("phone") => [
                "For this meeting I need your phone number.",
                "Pentru această întâlnire am nevoie de un număr de telefon.",
                "Til dette møde skal jeg bruge dit telefonnummer.",
                "這場會議需要您的電話號碼。",
            ],
            Some(_) => [
                "Where would you like to meet?",
                "Care ar fi locul potrivit pentru întâlnire?",
                "Hvor vil du mødes?",
                "請問您希望在哪裡見面？",
            ],
            None => [
                "This meeting can't be held in that way. Which of these would suit you?",
                "Întâlnirea nu poate avea loc astfel. Care dintre aceste variante se potrivește?",
                "Mødet kan ikke holdes på den måde. Hvilken af disse passer dig?",
                "這場會議無法以該方式進行，請問哪一種合適？",
            ],
        };
        self.choose(told.map(str::to_owned))
    }

    /// Returns the sentence of any other refusal.
    pub(crate) fn refusal(&self, code: Code) -> String {
        let told = match code {
            Code::NoSlot => [
                "There are no free times for this meeting around that date.",
                "Nu am găsit intervale orare disponibile pentru această întâlnire în jurul acelei date.",
                "Der er ingen ledige tidspunkter til dette møde omkring den dato.",
                "這場會議在該日期前後沒有可預約的時段。",
            ],
            Code::EventTypeUnknown => [
                "I can't find that type of meeting.",
                "Nu găsesc acest tip de întâlnire.",
                "Jeg kan ikke finde den mødetype.",
                "找不到這種會議類型。",
            ],
            Code::TopicUnknown => [
                "I don't know whom to book for that topic.",
                "Nu știu cu cine să programez o întâlnire pe acest subiect.",
                "Jeg ved ikke, hvem der tager sig af det emne.",
                "目前沒有負責這個主題的人員。",
            ],
            Code::TopicAmbiguous => [
                "Several kinds of meeting would fit. Which would you like?",
                "Se potrivesc mai multe tipuri de întâlnire. Care este cel dorit?",
                "Flere mødetyper passer. Hvilken skal det være?",
                "有多種會議符合，請問是哪一種？",
            ],
            Code::HostUnknown => [
                "I can't find that person.",
                "Nu găsesc această persoană.",
                "Jeg kan ikke finde den person.",
                "找不到這位人員。",
            ],
            Code::TimezoneUnknown => [
                "I don't know that time zone. Which city are you in?",
                "Nu cunosc acest fus orar. Despre ce oraș este vorba?",
                "Den tidszone kender jeg ikke. Hvilken by er du i?",
                "無法辨識這個時區，請問您在哪個城市？",
            ],
            Code::BookingUnknown => [
                "I can't find that booking.",
                "Nu găsesc această programare.",
                "Jeg kan ikke finde den aftale.",
                "找不到這筆預約。",
            ],
            Code::NotYours => [
                "I can only look at bookings that were made in this conversation. \
                 Shall I send a code to the address or phone on the booking?",
                "Pot vedea doar programările făcute în această conversație. \
                 Trimit un cod la adresa sau telefonul din programare?",
                "Jeg kan kun se aftaler fra denne samtale. \
                 Skal jeg sende en kode til den adresse eller telefon, der står på aftalen?",
                "我只能查看在這個對話中建立的預約。要將驗證碼傳送到預約所留的電子郵件或電話嗎？",
            ],
            Code::CodeInvalid => [
                "That code is wrong or has expired. Could you check it, or shall I send a new one?",
                "Codul este greșit sau a expirat. Îl verificăm sau trimit unul nou?",
                "Koden er forkert eller udløbet. Vil du tjekke den, eller skal jeg sende en ny?",
                "驗證碼錯誤或已失效。請再確認一次，或由我重新傳送？",
            ],
            Code::CodeImpossible => [
                "I can't send codes here. Please use the link in the messages about your booking, or ask your host.",
                "Aici nu pot trimite coduri. Folosește linkul din mesajele despre programare sau întreabă gazda.",
                "Jeg kan ikke sende koder her. Brug linket i beskederne om din booking, eller spørg din vært.",
                "這裡無法傳送驗證碼。請使用預約訊息中的連結，或洽詢會議主辦人。",
            ],
            Code::BookingOver => [
                "This meeting has already begun, or was canceled.",
                "Această întâlnire a început deja sau a fost anulată.",
                "Mødet er allerede begyndt eller er aflyst.",
                "這場會議已經開始或已取消。",
            ],
            Code::SharedEvent => [
                "Others take part in this meeting. With these links you can change your own place in it.",
                "La această întâlnire participă și alții. Cu aceste linkuri se poate schimba propria participare.",
                "Der er flere deltagere i mødet. Med disse links kan du ændre din egen plads.",
                "這場會議還有其他參加者。您可以用這些連結更改自己的預約。",
            ],
            Code::HoldUnknown | Code::HoldExpired => [
                "That offer has expired. Shall I look for a time again?",
                "Propunerea a expirat. Caut din nou o oră liberă?",
                "Forslaget er udløbet. Skal jeg finde et nyt tidspunkt?",
                "先前的提議已失效，要重新為您查詢時段嗎？",
            ],
            Code::InProgress => [
                "That is still being worked on. I'll know in a moment.",
                "Solicitarea este încă în lucru. Aflu imediat rezultatul.",
                "Der arbejdes stadig på det. Jeg har svar om et øjeblik.",
                "仍在處理中，稍後就會有結果。",
            ],
            Code::KeyReused => [
                "This conversation has another booking for that very time.",
                "Această conversație are deja altă programare exact la acea oră.",
                "Samtalen har allerede en anden aftale på netop det tidspunkt.",
                "這個對話在該時間已有另一筆預約。",
            ],
            Code::CalendlyUnavailable | Code::Unavailable => [
                "The calendar isn't responding right now. Let's try again in a moment.",
                "Calendarul nu răspunde acum. Încercăm din nou peste câteva clipe.",
                "Kalenderen svarer ikke lige nu. Lad os prøve igen om lidt.",
                "行事曆暫時沒有回應，請稍後再試。",
            ],
            Code::RateLimited => [
                "Too many requests at once. Let's wait a moment.",
                "Prea multe cereri deodată. Așteptăm puțin.",
                "For mange forespørgsler på én gang. Lad os vente et øjeblik.",
                "目前操作過於頻繁，請稍候。",
            ],
            Code::CalendlyRefused => [
                "The calendar doesn't allow this.",
                "Calendarul nu permite acest lucru.",
                "Kalenderen tillader det ikke.",
                "行事曆不允許這項操作。",
            ],
            // Each of these has its own sentence, or is for the developer of the caller.
            Code::InvalidRequest
            | Code::Unauthorized
            | Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::SlotTaken
            | Code::AlreadyBooked
            | Code::QuestionMissing
            | Code::AnswerInvalid
            | Code::LocationInvalid
            | Code::InviteeInvalid
            | Code::BudgetExhausted
            | Code::EndpointUnknown
            | Code::EndpointInactive
            | Code::TooManyEndpoints
            | Code::DeliveryUnknown
            | Code::ConnectionUnknown
            | Code::AccountRefused
            | Code::LoginUnavailable
            | Code::ConnectionDisabled
            | Code::SetupTokenInvalid
            | Code::PastTime => [
                "Something is missing or wrong in what was asked.",
                "Lipsește ceva sau ceva nu este corect în cerere.",
                "Noget mangler eller er forkert i forespørgslen.",
                "提供的內容有缺漏或錯誤。",
            ],
        };
        self.choose(told.map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_says_everything_its_own_way() {
        let at = "2027-01-11T08:00:00Z".parse().expect("an instant");
        let said = |language: Language| {
            let locale = Locale { language, zone: "Europe/Bucharest".to_owned(), host_zone: None };
            let mut said: Vec<_> = Code::ALL.iter().map(|code| locale.refusal(*code)).collect();
            said.extend(["inviteeName", "inviteeEmail", "phone"].map(|field| locale.invitee(field)));
            said.push(locale.country_code());
            said.extend([locale.code_sent(), locale.code_confirmed()]);
            said.extend([None, Some("phone"), Some("location")].map(|needs| locale.location(needs)));
            said.extend([0, 1, 2, 19, 20, 101, 120].map(|count| locale.upcoming(count)));
            said.push(locale.already_booked("Demo", at));
            said.extend([locale.booked("Demo", at), locale.held("Demo", at), locale.moved("Demo", at)]);
            said.extend([
                locale.canceled("Demo", at),
                locale.canceling("Demo", at),
                locale.pick("Demo"),
                locale.past(at),
            ]);
            said.extend([locale.choices("Demo"), locale.taken(at, true), locale.taken(at, false), locale.answer("Q")]);
            said.extend([locale.busy("Demo", true), locale.busy("Demo", false), locale.questions(&["A", "B"])]);
            said
        };
        let [english, romanian, danish, chinese] = Language::ALL.map(said);
        for index in 0..english.len() {
            let all = [&english[index], &romanian[index], &danish[index], &chinese[index]];
            let unique: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(unique.len(), 4, "{all:?}");
            assert!(all.iter().all(|it| it.ends_with(['.', '?', '。', '？', 'B'])), "{all:?}");
        }
    }

    #[test]
    fn romanian_counts_with_de_from_twenty_on() {
        let locale = Locale { language: Romanian, zone: "UTC".to_owned(), host_zone: None };
        let said = [1, 2, 19, 20, 100, 101, 119].map(|count| locale.upcoming(count));
        assert_eq!(
            said,
            [
                "Există o întâlnire programată.",
                "Există 2 întâlniri programate.",
                "Există 19 întâlniri programate.",
                "Există 20 de întâlniri programate.",
                "Există 100 de întâlniri programate.",
                "Există 101 întâlniri programate.",
                "Există 119 întâlniri programate.",
            ]
        );
    }
}
