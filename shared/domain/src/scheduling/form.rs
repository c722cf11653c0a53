//! The booking form: what `POST /invitees` is told, checked before Calendly checks it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::catalog::{EventType, LocationOption, Question, QuestionKind};
use super::words::{folded, is_equal, is_nearly, is_same, named};
use crate::{EventTypeUri, Phone, Private, Settings, Token};

/// The invitee.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The whole name.
    pub name: Private<String>,
    /// The address.
    pub email: Private<String>,
    /// IANA time zone.
    pub zone: String,
    /// For Calendly's own text reminders, and for ours.
    pub phone: Option<Phone>,
}

/// Where to meet, as `POST /invitees` takes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meeting {
    /// One of the event type's kinds.
    pub kind: String,
    /// What the kind needs to be told: an address, a phone number.
    pub location: Option<Private<String>>,
}

/// An answer under the exact text of its question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuestionAnswered {
    /// The question's exact text.
    pub question: String,
    /// The answer.
    pub answer: Private<String>,
    /// The question's place in the form.
    pub position: u32,
}

/// Calendly's six tracking keys; it wants all of them, null where there is nothing to say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tracking {
    /// `utm_source`.
    pub source: Option<String>,
    /// `utm_medium`.
    pub medium: Option<String>,
    /// `utm_campaign`.
    pub campaign: Option<String>,
    /// `utm_term`.
    pub term: Option<String>,
    /// `utm_content`: ours, by which the booking is known again.
    pub token: Token,
    /// `salesforce_uuid`.
    pub salesforce_uuid: Option<String>,
}

/// A booking to be made: nothing is left to be chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Form {
    /// The event type.
    pub event_type: EventTypeUri,
    /// Its name, for our records: Calendly is not told.
    pub event_name: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC, for our records: Calendly is not told.
    pub end: Timestamp,
    /// The invitee.
    pub person: Person,
    /// Where to meet; `None` leaves it to Calendly.
    pub meeting: Option<Meeting>,
    /// Answers to the form's questions.
    pub answers: Vec<QuestionAnswered>,
    /// At most ten further addresses.
    pub guests: Vec<Private<String>>,
    /// The tracking keys.
    pub tracking: Tracking,
}

/// Answers as the agent gave them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// Each beside its question, more or less in the form's words.
    Named(Vec<(String, Private<String>)>),
    /// One after the other, as the form asks.
    InOrder(Vec<Private<String>>),
}

impl Default for Given {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

/// Answers, sorted by what became of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answers {
    /// Those that the form takes, by position.
    pub filled: Vec<QuestionAnswered>,
    /// Those that answer no question of the form, each beside what it was said to answer.
    pub unmatched: Vec<(String, Private<String>)>,
}

/// What is wrong with the answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormFault {
    /// These must be answered, all of them.
    Missing(Vec<Question>),
    /// The answer to this one is no phone number, or none of the choices.
    Invalid {
        /// The question's exact text.
        question: String,
        /// What kind of answer it takes.
        kind: QuestionKind,
        /// The choices, for those that have them.
        choices: Vec<String>,
    },
}

/// The place that is wanted can't be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationFault {
    /// The ways to meet that there are.
    pub offered: Vec<LocationOption>,
    /// What must be told for the one that is meant: `phone` or `location`. `None`: none that is offered is meant.
    pub needs: Option<&'static str>,
}

/// What is wrong with the guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GuestFault {
    /// The one at this place in the list, counted from 0, is no e-mail address.
    Invalid(usize),
    /// There are so many, and only [`MOST_GUESTS`] may be.
    TooMany(usize),
}

/// Calendly takes no more guests.
pub const MOST_GUESTS: usize = 10;

const LONGEST_NAME: usize = 200;
const LONGEST_EMAIL: usize = 254;

/// Puts the answers under the exact texts of the form's questions.
///
/// A question is known by its text, else by what is the same text to a person, else by what nearly is, if that leads to
/// one question only; a second answer to a question is unmatched. An answer to a question with choices becomes the
/// exact text of the choice. If the form asks for a phone number and none is given, the invitee's is: under the first
/// question that the settings say is for it, else under the first that takes nothing but a phone number.
///
/// # Errors
/// A required question has no answer, or an answer is not one that its question takes.
pub fn answers(
    event_type: &EventType,
    given: &Given,
    phone: Option<&Phone>,
    settings: &Settings,
) -> Result<Answers, FormFault> {
    let mut questions: Vec<&Question> = event_type.questions.iter().collect();
    questions.sort_by_key(|it| it.position);
    let (mut said, unmatched) = match given {
        Given::Named(given) => by_name(&questions, given),
        Given::InOrder(given) => in_order(&questions, given),
    };
    if let Some(phone) = phone {
        fill_in(&questions, &mut said, phone, settings);
    }

    let is_missing = |(question, said): &(&&Question, &Option<&str>)| question.required && said.is_none();
    let missing: Vec<_> = questions.iter().zip(&said).filter(is_missing).map(|(it, _)| (*it).clone()).collect();
    if !missing.is_empty() {
        return Err(FormFault::Missing(missing));
    }
    let mut filled = Vec::new();
    for (question, said) in questions.into_iter().zip(said) {
        let Some(said) = said else { continue };
        let answer = taken(question, said).ok_or_else(|| FormFault::Invalid {
            question: question.name.clone(),
            kind: question.kind,
            choices: question.choices.clone(),
        })?;
        let answer = Private::new(answer);
        filled.push(QuestionAnswered { question: question.name.clone(), answer, position: question.position });
    }
    Ok(Answers { filled, unmatched })
}

/// For each question what is said to it, and what is said to none.
type Sorted<'a> = (Vec<Option<&'a str>>, Vec<(String, Private<String>)>);

fn in_order<'a>(questions: &[&Question], given: &'a [Private<String>]) -> Sorted<'a> {
    let mut said: Vec<Option<&str>> = given.iter().map(not_blank).collect();
    said.resize(questions.len(), None);
    let beyond = given.iter().enumerate().skip(questions.len()).filter(|(_, it)| not_blank(it).is_some());
    (said, beyond.map(|(at, it)| (format!("answer {}", at + 1), it.clone())).collect())
}

fn by_name<'a>(questions: &[&Question], given: &'a [(String, Private<String>)]) -> Sorted<'a> {
    let mut said: Vec<Option<&str>> = vec![None; questions.len()];
    let mut open: Vec<_> = given.iter().filter_map(|it| Some((it, not_blank(&it.1)?))).collect();
    let mut unmatched = Vec::new();
    for is_meant in [is_equal, is_same, is_nearly] {
        open.retain(|(one, answer)| {
            let meant: Vec<usize> = (0..questions.len()).filter(|at| is_meant(&questions[*at].name, &one.0)).collect();
            let Some(first) = meant.first() else { return true };
            // Questions of the very same text are answered one after the other.
            let is_one = meant.iter().all(|at| questions[*at].name == questions[*first].name);
            match meant.iter().find(|at| said[**at].is_none()) {
                Some(at) if is_one => said[*at] = Some(answer),
                _ => unmatched.push((*one).clone()),
            }
            false
        });
    }
    unmatched.extend(open.into_iter().map(|(one, _)| one.clone()));
    (said, unmatched)
}

fn not_blank(answer: &Private<String>) -> Option<&str> {
    Some(answer.expose().trim()).filter(|it| !it.is_empty())
}

fn fill_in<'a>(questions: &[&Question], said: &mut [Option<&'a str>], phone: &'a Phone, settings: &Settings) {
    let is_for_it = |it: &&Question| it.choices.is_empty() && settings.asks_for_phone(&it.name);
    let takes_nothing_else = |it: &&Question| it.kind == QuestionKind::Phone;
    let is_given = questions.iter().zip(said.iter()).any(|(it, said)| takes_nothing_else(it) && said.is_some());
    let named = questions.iter().position(is_for_it);
    let meant = named.or_else(|| questions.iter().position(takes_nothing_else).filter(|_| !is_given));
    if let Some(at) = meant {
        said[at].get_or_insert(phone.expose());
    }
}

/// The answer as the question takes it.
fn taken(question: &Question, said: &str) -> Option<String> {
    match question.kind {
        QuestionKind::Text => Some(said.to_owned()),
        QuestionKind::Phone => phone(said).map(|it| it.expose().to_owned()),
        QuestionKind::Single => {
            let other = || question.include_other.then_some(said);
            choice(question.choices.iter().collect(), said).or_else(other).map(str::to_owned)
        }
        QuestionKind::Multi => choices(question, said),
    }
}

/// The one choice that is meant.
fn choice<'a>(choices: Vec<&'a String>, said: &str) -> Option<&'a str> {
    match named(&choices, |it| it, said)[..] {
        [choice] => Some(choice),
        _ => None,
    }
}

const SEPARATORS: [char; 3] = ['\n', ';', ','];

/// Several choices, a line each. They are given with lines, semicolons or commas between them, and may hold such
/// themselves: the longest run of parts that is a choice is one. What is no choice, up to the next that is, is one
/// other answer.
fn choices(question: &Question, said: &str) -> Option<String> {
    let separators = |text: &str| text.matches(SEPARATORS).count();
    let bare = |text: &'_ str| text.trim_matches(|c: char| c.is_whitespace() || SEPARATORS.contains(&c)).to_owned();
    let longest = question.choices.iter().map(|it| separators(it)).max().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    let (mut at, mut other) = (0, None);
    while at < said.len() {
        let part = &said[at..];
        let ends: Vec<usize> =
            part.match_indices(SEPARATORS).map(|(end, _)| end).chain([part.len()]).take(longest + 1).collect();
        // "Sales, Support" is two choices, though it folds like a choice called "Sales Support".
        let run = ends.iter().enumerate().rev().find_map(|(held, end)| {
            let alike = question.choices.iter().filter(|it| separators(it) == held).collect();
            Some((*end, choice(alike, &part[..*end])?))
        });
        if let Some((end, choice)) = run {
            lines.extend(other.take().map(|from: usize| bare(&said[from..at])));
            lines.push(choice.to_owned());
            at += end + 1;
            continue;
        }
        if !part[..ends[0]].trim().is_empty() {
            if !question.include_other {
                return None;
            }
            other.get_or_insert(at);
        }
        at += ends[0] + 1;
    }
    lines.extend(other.map(|from| bare(&said[from..])));
    let mut once: Vec<&str> = Vec::new();
    for line in &lines {
        if !once.contains(&line.as_str()) {
            once.push(line);
        }
    }
    (!once.is_empty()).then(|| once.join("\n"))
}

/// A phone number as people write them; `00` stands for `+`.
pub fn phone(text: &str) -> Option<Phone> {
    let text: String = text.split_whitespace().collect();
    let international = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    Phone::parse(&international.unwrap_or(text)).ok()
}

/// Where to meet, as Calendly is told.
///
/// What is wanted is a kind, or what people call it ("Zoom", "phone call"), and what that needs to be told. Without a
/// wish it is the first way to meet that needs nothing of the invitee, else a call to the invitee's phone. `None`
/// leaves it to Calendly, which it wants for itself when it chooses the host.
///
/// # Errors
/// What is wanted is not offered, or needs something that is not known.
pub fn meeting(
    event_type: &EventType,
    wanted: Option<(&str, Option<&str>)>,
    phone: Option<&Phone>,
) -> Result<Option<Meeting>, LocationFault> {
    let offered = &event_type.locations;
    if event_type.is_round_robin || offered.is_empty() {
        return Ok(None);
    }
    let fault = |needs| LocationFault { offered: offered.clone(), needs };
    let Some((kind, location)) = wanted else {
        let without = offered.iter().find_map(|it| fill_location(it, None, None).ok());
        let found = without.map_or_else(|| first_complete(offered.iter(), None, phone), Ok);
        return found.map(Some).map_err(fault);
    };

    let mut meant: Vec<&LocationOption> =
        meant_by(kind).iter().flat_map(|it| offered.iter().filter(|at| at.kind == *it)).collect();
    if meant.is_empty() {
        meant = offered.iter().filter(|it| is_same(&it.kind, kind)).collect();
    }
    if meant.is_empty() {
        meant = offered.iter().filter(|it| it.location.as_deref().is_some_and(|it| is_same(it, kind))).collect();
    }
    // Of several addresses one must be named; the only one is meant however it is called.
    let addresses = meant.iter().filter(|it| has_address(it)).count();
    if let Some(location) = location.filter(|it| addresses > 1 && !it.trim().is_empty()) {
        meant.retain(|it| !has_address(it) || it.location.as_deref().is_some_and(|it| is_same(it, location)));
        if meant.is_empty() {
            return Err(fault(Some("location")));
        }
    }
    first_complete(meant.into_iter(), location, phone).map(Some).map_err(fault)
}

/// The first option that nothing is missing for, else what is missing for the first.
fn first_complete<'a>(
    options: impl Iterator<Item = &'a LocationOption>,
    location: Option<&str>,
    phone: Option<&Phone>,
) -> Result<Meeting, Option<&'static str>> {
    let mut needs = None;
    for option in options {
        match fill_location(option, location, phone) {
            Ok(meeting) => return Ok(meeting),
            Err(missing) => needs = needs.or(Some(missing)),
        }
    }
    Err(needs)
}

/// The location as Calendly takes it, or what is missing for it.
fn fill_location(
    option: &LocationOption,
    location: Option<&str>,
    known: Option<&Phone>,
) -> Result<Meeting, &'static str> {
    let location = location.map(str::trim).filter(|it| !it.is_empty());
    let location = match option.kind.as_str() {
        "outbound_call" => {
            let number = location.and_then(phone).or_else(|| known.cloned()).ok_or("phone")?;
            Some(number.expose().to_owned())
        }
        "ask_invitee" => Some(location.ok_or("location")?.to_owned()),
        "physical" | "custom" => {
            Some(option.location.clone().or_else(|| location.map(str::to_owned)).ok_or("location")?)
        }
        _ => None,
    };
    Ok(Meeting { kind: option.kind.clone(), location: location.map(Private::new) })
}

fn has_address(location: &LocationOption) -> bool {
    matches!(location.kind.as_str(), "physical" | "custom") && location.location.is_some()
}

/// The kinds that people mean by a word of theirs, the likeliest first.
fn meant_by(words: &str) -> &'static [&'static str] {
    match folded(words).as_str() {
        "zoom" | "zoommeeting" | "zoomcall" => &["zoom_conference"],
        "google" | "meet" | "googlemeet" | "hangouts" | "googlehangouts" => &["google_conference"],
        "teams" | "msteams" | "microsoft" | "microsoftteams" => &["microsoft_teams_conference"],
        "webex" | "ciscowebex" => &["webex_conference"],
        "goto" | "gotomeeting" => &["gotomeeting_conference"],
        "phone" | "call" | "phonecall" | "telephone" | "telefon" | "telefonic" | "apel" | "apeltelefonic"
        | "opkald" | "telefonopkald" | "電話" => &["outbound_call", "inbound_call"],
        "inperson" | "facetoface" | "onsite" | "office" | "address" | "inpersoana" | "fizic" | "labirou" | "fysisk"
        | "personligt" | "當面" | "面對面" => &["physical"],
        "video" | "videocall" | "videoconference" | "conference" | "online" | "virtual" | "onlinemode" | "視訊"
        | "線上" => &[
            "zoom_conference",
            "google_conference",
            "microsoft_teams_conference",
            "webex_conference",
            "gotomeeting_conference",
        ],
        _ => &[],
    }
}

/// The guests that Calendly is told: each once, without the invitee and without `never`, which holds addresses and
/// whole domains (`@example.com`).
///
/// # Errors
/// One is no address, or there are too many.
pub fn guests(
    given: &[Private<String>],
    never: &[String],
    invitee: &Private<String>,
) -> Result<Vec<Private<String>>, GuestFault> {
    let never: Vec<String> = never.iter().map(|it| it.trim().to_lowercase()).collect();
    let mut seen = vec![invitee.expose().trim().to_lowercase()];
    let mut guests = Vec::new();
    for (at, one) in given.iter().enumerate().filter(|(_, it)| not_blank(it).is_some()) {
        let address = email(one.expose()).ok_or(GuestFault::Invalid(at))?;
        let lower = address.expose().to_lowercase();
        let domain = lower.find('@').map_or("", |at| &lower[at..]);
        if never.iter().any(|it| *it == lower || *it == domain) || seen.contains(&lower) {
            continue;
        }
        seen.push(lower);
        guests.push(address);
    }
    if guests.len() > MOST_GUESTS { Err(GuestFault::TooMany(guests.len())) } else { Ok(guests) }
}

/// An e-mail address, if it can be one. Only sending to it would tell whether it is.
pub fn email(text: &str) -> Option<Private<String>> {
    let text = text.trim();
    let (local, host) = text.split_once('@')?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"".contains(c);
    let is_label = |it: &str| {
        it.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !it.is_empty()
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    let fits = text.len() <= LONGEST_EMAIL
        && !local.is_empty()
        && !local.contains(is_odd)
        && host.contains('.')
        && host.split('.').all(is_label);
    fits.then(|| text.into())
}

/// A person's name, if it can be one.
pub fn name(text: &str) -> Option<Private<String>> {
    let text = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
    fits.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::catalog::tests::event_type;
    use super::*;

    fn question(position: u32, name: &str, kind: QuestionKind) -> Question {
        let name = name.to_owned();
        Question { name, kind, position, required: false, choices: Vec::new(), include_other: false }
    }

    fn with_choices(position: u32, name: &str, kind: QuestionKind, choices: &[&str]) -> Question {
        Question { choices: choices.iter().map(|it| (*it).to_owned()).collect(), ..question(position, name, kind) }
    }

    fn asking(questions: Vec<Question>) -> EventType {
        EventType { questions, ..event_type("ET1", "Sales Demo", "sales-demo", &[]) }
    }

    fn meeting_at(locations: &[(&str, Option<&str>)]) -> EventType {
        let location = |(kind, location): &(&str, Option<&str>)| LocationOption {
            kind: (*kind).to_owned(),
            location: location.map(str::to_owned),
        };
        EventType { locations: locations.iter().map(location).collect(), ..asking(Vec::new()) }
    }

    fn named(given: &[(&str, &str)]) -> Given {
        Given::Named(given.iter().map(|(name, answer)| ((*name).to_owned(), Private::from(*answer))).collect())
    }

    fn in_order(given: &[&str]) -> Given {
        Given::InOrder(given.iter().map(|it| Private::from(*it)).collect())
    }

    /// `position=answer` of each, then `?name=answer` of those without a question.
    fn put(event_type: &EventType, given: &Given, phone: Option<&Phone>) -> Result<String, FormFault> {
        let answers = answers(event_type, given, phone, &Settings::default())?;
        let filled = answers.filled.iter().map(|it| format!("{}={}", it.position, it.answer.expose()));
        let unmatched = answers.unmatched.iter().map(|(name, it)| format!("?{name}={}", it.expose()));
        Ok(filled.chain(unmatched).collect::<Vec<_>>().join("|"))
    }

    fn number() -> Phone {
        Phone::parse("+40712345678").expect("a number")
    }

    #[test]
    fn answers_find_their_questions() {
        let form = asking(vec![
            question(1, "Numele companiei", QuestionKind::Text),
            question(0, "What would you like to discuss?", QuestionKind::Text),
            question(2, "Guest 1", QuestionKind::Text),
            question(3, "Guest 2", QuestionKind::Text),
        ]);
        for (given, expected) in [
            (named(&[("What would you like to discuss?", "prices"), ("Numele companiei", "ACME")]), "0=prices|1=ACME"),
            (named(&[("what would you like to discuss", " prices ")]), "0=prices"),
            (named(&[("What would you like to discus?", "prices")]), "0=prices"),
            (named(&[("numele companiĕi", "ACME"), ("Company", "x")]), "1=ACME|?Company=x"),
            // Exact goes before nearly, in whichever order they come.
            (named(&[("Numele compani", "near"), ("Numele companiei", "exact")]), "1=exact|?Numele compani=near"),
            (named(&[("Guest 3", "Ion"), ("Guest 1", "Ana"), ("guest 1", "Eva")]), "2=Ana|?guest 1=Eva|?Guest 3=Ion"),
            (named(&[("Numele companiei", "  "), ("Budget", "\n")]), ""),
            (in_order(&["prices", "", "Ana", "Ion", "", "more"]), "0=prices|2=Ana|3=Ion|?answer 6=more"),
            (Given::default(), ""),
        ] {
            assert_eq!(put(&form, &given, None).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_name_that_is_near_to_two_questions_is_neither() {
        let form = asking(vec![
            question(0, "Name of the company A", QuestionKind::Text),
            question(1, "Name of the company B", QuestionKind::Text),
        ]);
        let given = named(&[("Name of the company A", "ACME"), ("Name of the company", "x")]);
        assert_eq!(put(&form, &given, None).as_deref(), Ok("0=ACME|?Name of the company=x"));
        let twice = asking(vec![question(0, "Name", QuestionKind::Text), question(1, "Name", QuestionKind::Text)]);
        let given = named(&[("Name", "Ana"), ("Name", "Ion"), ("Name", "Eva")]);
        assert_eq!(put(&twice, &given, None).as_deref(), Ok("0=Ana|1=Ion|?Name=Eva"));
    }

    #[test]
    fn a_choice_is_taken_by_its_exact_text() {
        let choices = ["1–10 employees", "C", "C++", "Vânzări"];
        let form = asking(vec![with_choices(0, "Size", QuestionKind::Single, &choices)]);
        for (said, expected) in
            [("1-10 Employees", "0=1–10 employees"), ("c++", "0=C++"), ("c", "0=C"), ("vanzari", "0=Vânzări")]
        {
            assert_eq!(put(&form, &in_order(&[said]), None).as_deref(), Ok(expected), "{said}");
        }
        let fault = FormFault::Invalid {
            question: "Size".to_owned(),
            kind: QuestionKind::Single,
            choices: choices.map(str::to_owned).to_vec(),
        };
        assert_eq!(put(&form, &in_order(&["eleven"]), None), Err(fault));
        let open = asking(vec![Question { include_other: true, ..form.questions[0].clone() }]);
        assert_eq!(put(&open, &in_order(&[" eleven "]), None).as_deref(), Ok("0=eleven"));
    }

    #[test]
    fn several_choices_are_a_line_each() {
        let choices = ["Sales", "Support", "Sales Support", "Paris, France", "Bread, butter; and jam"];
        let form = asking(vec![with_choices(0, "What", QuestionKind::Multi, &choices)]);
        let open = asking(vec![Question { include_other: true, ..form.questions[0].clone() }]);
        for (said, expected) in [
            ("Sales", "0=Sales"),
            ("sales, support", "0=Sales\nSupport"),
            ("sales support", "0=Sales Support"),
            ("Support;Sales\nsupport", "0=Support\nSales"),
            ("paris, france", "0=Paris, France"),
            ("Sales, Paris, France, Support,", "0=Sales\nParis, France\nSupport"),
            ("bread, butter; and jam; sales", "0=Bread, butter; and jam\nSales"),
        ] {
            assert_eq!(put(&form, &in_order(&[said]), None).as_deref(), Ok(expected), "{said}");
            assert_eq!(put(&open, &in_order(&[said]), None).as_deref(), Ok(expected), "{said}");
        }
        let odd = asking(vec![with_choices(0, "What", QuestionKind::Multi, &["Yes, ", "No"])]);
        assert_eq!(put(&odd, &in_order(&["no, yes,"]), None).as_deref(), Ok("0=No\nYes, "));
        for said in ["Sales, Marketing", "Paris", ",;", "Bread, butter"] {
            assert!(matches!(put(&form, &in_order(&[said]), None), Err(FormFault::Invalid { .. })), "{said}");
        }
        let said = "Sales, marketing, and some more; Support, help";
        assert_eq!(
            put(&open, &in_order(&[said]), None).as_deref(),
            Ok("0=Sales\nmarketing, and some more\nSupport\nhelp")
        );
    }

    #[test]
    fn a_phone_number_is_written_as_calendly_takes_it() {
        let form = asking(vec![question(0, "Your number", QuestionKind::Phone)]);
        for said in ["+40 712-345-678", "0040 (712) 345 678", "+40712345678"] {
            assert_eq!(put(&form, &in_order(&[said]), None).as_deref(), Ok("0=+40712345678"), "{said}");
        }
        let fault =
            FormFault::Invalid { question: "Your number".to_owned(), kind: QuestionKind::Phone, choices: vec![] };
        assert_eq!(put(&form, &in_order(&["0712 345 678"]), Some(&number())), Err(fault));
    }

    #[test]
    fn the_invitees_number_fills_in_one_question() {
        let fills = |questions, given: &Given| put(&asking(questions), given, Some(&number()));
        let kinds = |first, second| vec![question(0, "Emergency", first), question(1, "Telefon", second)];
        let none = Given::default();
        assert_eq!(fills(kinds(QuestionKind::Phone, QuestionKind::Text), &none).as_deref(), Ok("1=+40712345678"));
        assert_eq!(fills(kinds(QuestionKind::Text, QuestionKind::Phone), &none).as_deref(), Ok("1=+40712345678"));
        let given = named(&[("telefon", "+4520123456")]);
        assert_eq!(fills(kinds(QuestionKind::Phone, QuestionKind::Phone), &given).as_deref(), Ok("1=+4520123456"));
        let second = vec![question(0, "Emergency", QuestionKind::Phone), question(1, "Mobile", QuestionKind::Phone)];
        let given = named(&[("mobile", "+4520123456")]);
        assert_eq!(
            fills(second, &given).as_deref(),
            Ok("1=+4520123456"),
            "a number is given: nobody else's is made up"
        );
        let only = vec![Question { required: true, ..question(0, "Mobile", QuestionKind::Phone) }];
        assert_eq!(fills(only, &none).as_deref(), Ok("0=+40712345678"));
        assert_eq!(fills(vec![question(0, "Company", QuestionKind::Text)], &none).as_deref(), Ok(""));
        let choice = vec![with_choices(0, "Phone", QuestionKind::Single, &["yes", "no"])];
        assert_eq!(fills(choice, &none).as_deref(), Ok(""), "a question whether, not which");
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let required = |position, name, kind| Question { required: true, ..question(position, name, kind) };
        let form = asking(vec![
            required(2, "Company", QuestionKind::Text),
            required(0, "Topic", QuestionKind::Text),
            required(1, "Mobile", QuestionKind::Phone),
        ]);
        let missing = |given: &Given| match put(&form, given, None) {
            Err(FormFault::Missing(questions)) => questions.into_iter().map(|it| it.name).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(&Given::default()), ["Topic", "Mobile", "Company"]);
        assert_eq!(missing(&in_order(&["prices", "no number", " "])), ["Company"]);
    }

    #[test]
    fn where_to_meet() {
        let at = |locations: &[(&str, Option<&str>)], wanted, phone: Option<&Phone>| {
            meeting(&meeting_at(locations), wanted, phone)
                .map(|it| it.map(|it| (it.kind, it.location.map(|it| it.expose().clone()))))
                .map_err(|it| it.needs)
        };
        let told = |kind: &str, location: Option<&str>| Ok(Some((kind.to_owned(), location.map(str::to_owned))));
        let phone = number();
        let many = [
            ("ask_invitee", None),
            ("outbound_call", None),
            ("physical", Some("Strada Lungă 1")),
            ("zoom_conference", None),
            ("physical", Some("Aarhus")),
        ];
        assert_eq!(at(&[], Some(("zoom", None)), None), Ok(None));
        assert_eq!(at(&many, None, Some(&phone)), told("physical", Some("Strada Lungă 1")));
        for zoom in ["zoom", "Zoom Conference", "zoom_conference", "online"] {
            assert_eq!(at(&many, Some((zoom, Some("https://zoom.example"))), None), told("zoom_conference", None));
        }
        assert_eq!(at(&many, Some(("in person", None)), None), told("physical", Some("Strada Lungă 1")));
        assert_eq!(at(&many, Some(("in person", Some("aarhus"))), None), told("physical", Some("Aarhus")));
        assert_eq!(at(&many, Some(("strada lunga 1", None)), None), told("physical", Some("Strada Lungă 1")));
        assert_eq!(at(&many, Some(("in person", Some("Paris"))), None), Err(Some("location")));
        assert_eq!(
            at(&many[2..4], Some(("in person", Some("your office"))), None),
            told("physical", Some("Strada Lungă 1"))
        );
        assert_eq!(at(&many, Some(("Phone call", None)), Some(&phone)), told("outbound_call", Some("+40712345678")));
        assert_eq!(
            at(&many, Some(("call", Some("0045 20123456"))), Some(&phone)),
            told("outbound_call", Some("+4520123456"))
        );
        assert_eq!(at(&many, Some(("call", Some("my mobile"))), None), Err(Some("phone")));
        assert_eq!(at(&many, Some(("ask_invitee", Some(" Café "))), None), told("ask_invitee", Some("Café")));
        assert_eq!(at(&many, Some(("ask_invitee", Some(" "))), None), Err(Some("location")));
        assert_eq!(at(&many, Some(("teams", None)), None), Err(None));
        assert_eq!(
            at(&[("inbound_call", Some("+4520123456"))], Some(("phone", None)), None),
            told("inbound_call", None)
        );
        let calls = [("outbound_call", None), ("inbound_call", None)];
        assert_eq!(at(&calls, Some(("phone", None)), None), told("inbound_call", None));
        assert_eq!(at(&calls[..1], None, Some(&phone)), told("outbound_call", Some("+40712345678")));
        assert_eq!(at(&calls[..1], None, None), Err(Some("phone")));
        assert_eq!(at(&[("ask_invitee", None)], None, Some(&phone)), Err(Some("location")));
        assert_eq!(at(&[("custom", None)], Some(("custom", Some("the moon"))), None), told("custom", Some("the moon")));
    }

    #[test]
    fn a_fault_tells_what_is_offered_and_calendly_chooses_where_it_chooses_the_host() {
        let mut event_type = meeting_at(&[("zoom_conference", None)]);
        let fault = meeting(&event_type, Some(("webex", None)), None).expect_err("not offered");
        assert_eq!(fault, LocationFault { offered: event_type.locations.clone(), needs: None });
        event_type.is_round_robin = true;
        assert_eq!(meeting(&event_type, Some(("webex", None)), None), Ok(None));
    }

    #[test]
    fn guests_are_told_once_and_never_those_of_the_house() {
        let list = |given: &[&str]| {
            let given: Vec<Private<String>> = given.iter().map(|it| Private::from(*it)).collect();
            let never = ["Agent@vai.example".to_owned(), " @bots.example".to_owned()];
            guests(&given, &never, &" Ana@example.com".into())
                .map(|it| it.iter().map(|it| it.expose().clone()).collect::<Vec<_>>())
        };
        assert_eq!(
            list(&[
                "ion@example.com",
                "ANA@example.com",
                " Ion@Example.com ",
                "",
                "agent@vai.example",
                "x@Bots.example",
                "x@sub.bots.example"
            ]),
            Ok(vec!["ion@example.com".to_owned(), "x@sub.bots.example".to_owned()])
        );
        assert_eq!(list(&["", "ion@example.com", "ion"]), Err(GuestFault::Invalid(2)));
        let many: Vec<String> = (0..12).map(|it| format!("g{it}@example.com")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(list(&many[..10]).map(|it| it.len()), Ok(10));
        let mut ten = many[..10].to_vec();
        ten.extend(["ana@example.com", "y@bots.example", "G0@example.com"]);
        assert_eq!(list(&ten).map(|it| it.len()), Ok(10));
        assert_eq!(list(&many), Err(GuestFault::TooMany(12)));
    }

    #[test]
    fn addresses_and_names_are_checked() {
        for good in ["ana@example.com", " ana.pop+x@sub.example.com ", "søren@kjær.dk", "o'neil@a-b.co"] {
            assert_eq!(email(good).map(|it| it.expose().clone()).as_deref(), Some(good.trim()));
        }
        let long = format!("{}@example.com", "x".repeat(243));
        for bad in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@localhost",
            "ana@@example.com",
            "a@b@example.com",
            "ana pop@example.com",
            "ana@exa mple.com",
            "ana@example..com",
            "ana@.com",
            "ana@-example.com",
            "Ana <ana@example.com>",
            "ana\u{0}@example.com",
            &long,
        ] {
            assert_eq!(email(bad), None, "{bad}");
        }
        assert!(email(&long[1..]).is_some());
        assert_eq!(name("  Ana Pop ").map(|it| it.expose().clone()).as_deref(), Some("Ana Pop"));
        assert!(name(&"ș".repeat(200)).is_some() && name(&"ș".repeat(201)).is_none());
        assert!(name(" \t").is_none() && name("Ana\nPop").is_none());
    }

    #[test]
    fn a_fault_holds_nothing_of_the_invitees() {
        let form = asking(vec![with_choices(0, "Size", QuestionKind::Single, &["big"])]);
        let faults = [
            format!("{:?}", put(&form, &in_order(&["Ana Pop"]), None)),
            format!(
                "{:?}",
                meeting(&meeting_at(&[("zoom_conference", None)]), Some(("Ana Pop", Some("Ana Pop"))), None)
            ),
            format!("{:?}", guests(&["Ana Pop".into()], &[], &"Ana Pop".into())),
        ];
        assert!(faults.iter().all(|it| it.contains("Err") && !it.contains("Ana")), "{faults:?}");
    }

    proptest! {
        /// Whatever is said in whatever words, each answer is on the form, or told as left over.
        #[test]
        fn no_answer_is_lost(
            questions in prop::collection::vec("[A-D ]{1,6}[0-9]?", 0..6),
            given in prop::collection::vec(("[A-Da-d ]{0,6}[0-9]?", "[a-z]{0,3}"), 0..8),
            is_in_order: bool,
        ) {
            let questions = (0..).zip(&questions).map(|(at, name)| question(at, name, QuestionKind::Text)).collect();
            let pairs: Vec<(&str, &str)> = given.iter().map(|(name, answer)| (name.as_str(), answer.as_str())).collect();
            let answered: Vec<&str> = pairs.iter().map(|(_, answer)| *answer).collect();
            let given = if is_in_order { in_order(&answered) } else { named(&pairs) };
            let answers = answers(&asking(questions), &given, None, &Settings::default()).expect("nothing is required");
            let mut told: Vec<&str> = answers.filled.iter().map(|it| it.answer.expose().as_str()).collect();
            told.extend(answers.unmatched.iter().map(|(_, it)| it.expose().as_str()));
            let mut expected: Vec<&str> = answered.into_iter().filter(|it| !it.is_empty()).collect();
            told.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(told, expected);
        }

        /// Any choices, given as a line each in any case, come back exactly; no text whatever upsets it.
        #[test]
        fn choices_come_back_exactly(
            choices in prop::collection::btree_set("[a-z]{1,4}([,;] ?[a-z]{1,3}){0,2}", 1..6),
            said in "\\PC{0,20}",
            pick: u8,
        ) {
            let all: Vec<&str> = choices.iter().map(String::as_str).collect();
            let one = all[usize::from(pick) % all.len()];
            let form = asking(vec![with_choices(0, "What", QuestionKind::Multi, &all)]);
            let exactly = format!("0={one}");
            let answered = put(&form, &in_order(&[one]), None);
            prop_assert_eq!(answered.as_deref(), Ok(exactly.as_str()));
            let _ = put(&form, &in_order(&[&said]), None);
        }
    }
}
