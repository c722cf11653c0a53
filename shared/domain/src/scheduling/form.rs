//! The booking form: the input of `POST /invitees`, checked before Calendly checks it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stranger::StrangerText;

use super::catalog::{EventType, LocationOption, Question, QuestionKind};
use crate::words::{find_named, fold, is_equal, is_same, is_similar};
use crate::{EventTypeUri, Phone, Private, Settings, Token, email_key, parse_email, read_phone};

/// The invitee.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The full name.
    pub name: StrangerText,
    /// The address.
    pub email: Private<String>,
    /// IANA time zone.
    pub zone: String,
    /// The number for Calendly's SMS reminders and ours.
    pub phone: Option<Phone>,
}

/// The location, in the form of `POST /invitees`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meeting {
    /// One of the event type's kinds.
    pub kind: String,
    /// The data that the kind needs: an address or a phone number.
    pub location: Option<Private<String>>,
}

/// An answer with the exact text of its question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QuestionAnswered {
    /// The question's exact text.
    pub question: String,
    /// The answer.
    pub answer: Private<String>,
    /// The question's position in the form.
    pub position: u32,
}

/// Calendly's six tracking keys. It requires all of them; they may be null.
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
    /// `utm_content`: our token, which identifies the booking.
    pub token: Token,
    /// `salesforce_uuid`.
    pub salesforce_uuid: Option<String>,
}

/// A complete booking form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Form {
    /// The event type.
    pub event_type: EventTypeUri,
    /// Its name. It is not sent to Calendly.
    pub event_name: String,
    /// Start, UTC.
    pub start: Timestamp,
    /// End, UTC. It is not sent to Calendly.
    pub end: Timestamp,
    /// The invitee.
    pub person: Person,
    /// The location; `None` if Calendly chooses it.
    pub meeting: Option<Meeting>,
    /// Answers to the form's questions.
    pub answers: Vec<QuestionAnswered>,
    /// At most ten further e-mail addresses.
    pub guests: Vec<Private<String>>,
    /// The tracking keys.
    pub tracking: Tracking,
}

/// Answers as the agent gave them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GivenAnswers {
    /// Each with its question, whose text may differ slightly from the form's.
    Named(Vec<(String, Private<String>)>),
    /// In the order of the form's questions.
    InOrder(Vec<Private<String>>),
}

impl Default for GivenAnswers {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

/// Answers that were matched to the form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answers {
    /// The answers to the form's questions, by position.
    pub filled: Vec<QuestionAnswered>,
    /// The answers to no question of the form, each with the given question.
    pub unmatched: Vec<(String, Private<String>)>,
}

/// An error in the answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormFault {
    /// All required questions without an answer.
    Missing(Vec<Question>),
    /// The answer to a question is not a phone number, or not one of the choices.
    Invalid {
        /// The question's exact text.
        question: String,
        /// The kind of answer that it expects.
        kind: QuestionKind,
        /// The choices, for kinds with choices.
        choices: Vec<String>,
    },
}

/// The requested location is not possible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationFault {
    /// The offered locations.
    pub offered: Vec<LocationOption>,
    /// What the requested location requires: `phone` or `location`. `None`: the location is not offered.
    pub needs: Option<&'static str>,
}

/// An error in the guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GuestFault {
    /// The guest at this index is not an e-mail address.
    Invalid(usize),
    /// The number of guests, which is more than [`MOST_GUESTS`].
    TooMany(usize),
}

/// Calendly accepts at most this many guests.
pub const MOST_GUESTS: usize = 10;

const LONGEST_NAME: usize = 200;
/// Matches answers to the form's questions.
///
/// A question matches by its exact text, else by the same text without case, accents and punctuation, else by a similar
/// text if only one question is similar. A second answer to a question is unmatched. An answer to a question with
/// choices becomes the exact text of the choice. If the form asks for a phone number and none is given, the invitee's
/// number is filled in: for the first phone question of the settings, else for the first question of the kind phone.
///
/// # Errors
/// A required question has no answer, or an answer does not fit its question.
pub fn match_answers(
    event_type: &EventType,
    given: &GivenAnswers,
    phone: Option<&Phone>,
    settings: &Settings,
) -> Result<Answers, FormFault> {
    let mut questions: Vec<&Question> = event_type.questions.iter().collect();
    questions.sort_by_key(|it| it.position);
    let (mut matched, unmatched) = match given {
        GivenAnswers::Named(given) => match_by_name(&questions, given),
        GivenAnswers::InOrder(given) => match_in_order(&questions, given),
    };
    if let Some(phone) = phone {
        fill_in_phone(&questions, &mut matched, phone, settings);
    }

    let is_missing = |(question, answer): &(&&Question, &Option<&str>)| question.required && answer.is_none();
    let missing: Vec<_> = questions.iter().zip(&matched).filter(is_missing).map(|(it, _)| (*it).clone()).collect();
    if !missing.is_empty() {
        return Err(FormFault::Missing(missing));
    }
    let mut filled = Vec::new();
    for (question, answer) in questions.into_iter().zip(matched) {
        let Some(answer) = answer else { continue };
        let answer = accepted_answer(question, answer, settings).ok_or_else(|| FormFault::Invalid {
            question: question.name.clone(),
            kind: question.kind,
            choices: question.choices.clone(),
        })?;
        let answer = Private::new(answer);
        filled.push(QuestionAnswered { question: question.name.clone(), answer, position: question.position });
    }
    Ok(Answers { filled, unmatched })
}

/// The answer to each question, and the answers to no question.
type Matched<'a> = (Vec<Option<&'a str>>, Vec<(String, Private<String>)>);

fn match_in_order<'a>(questions: &[&Question], given: &'a [Private<String>]) -> Matched<'a> {
    let mut matched: Vec<Option<&str>> = given.iter().map(not_blank).collect();
    matched.resize(questions.len(), None);
    let unmatched = given.iter().enumerate().skip(questions.len()).filter(|(_, it)| not_blank(it).is_some());
    (matched, unmatched.map(|(at, it)| (format!("answer {}", at + 1), it.clone())).collect())
}

fn match_by_name<'a>(questions: &[&Question], given: &'a [(String, Private<String>)]) -> Matched<'a> {
    let mut matched: Vec<Option<&str>> = vec![None; questions.len()];
    let mut open: Vec<_> = given.iter().filter_map(|it| Some((it, not_blank(&it.1)?))).collect();
    let mut unmatched = Vec::new();
    for is_match in [is_equal, is_same, is_similar] {
        open.retain(|(pair, answer)| {
            let found: Vec<usize> = (0..questions.len()).filter(|at| is_match(&questions[*at].name, &pair.0)).collect();
            let Some(first) = found.first() else { return true };
            // Questions with the same text get their answers in order.
            let is_unambiguous = found.iter().all(|at| questions[*at].name == questions[*first].name);
            match found.iter().find(|at| matched[**at].is_none()) {
                Some(at) if is_unambiguous => matched[*at] = Some(answer),
                _ => unmatched.push((*pair).clone()),
            }
            false
        });
    }
    unmatched.extend(open.into_iter().map(|(pair, _)| pair.clone()));
    (matched, unmatched)
}

fn not_blank(answer: &Private<String>) -> Option<&str> {
    Some(answer.expose().trim()).filter(|it| !it.is_empty())
}

fn fill_in_phone<'a>(questions: &[&Question], matched: &mut [Option<&'a str>], phone: &'a Phone, settings: &Settings) {
    let is_in_settings = |it: &&Question| it.choices.is_empty() && settings.asks_for_phone(&it.name);
    let is_of_kind = |it: &&Question| it.kind == QuestionKind::Phone;
    let is_given = questions.iter().zip(matched.iter()).any(|(it, answer)| is_of_kind(it) && answer.is_some());
    let in_settings = questions.iter().position(is_in_settings);
    let position = in_settings.or_else(|| questions.iter().position(is_of_kind).filter(|_| !is_given));
    if let Some(at) = position {
        matched[at].get_or_insert(phone.expose());
    }
}

/// Returns the answer in the form that the question requires; `None` if it does not fit.
fn accepted_answer(question: &Question, text: &str, settings: &Settings) -> Option<String> {
    let phone = || Some(read_phone(text, settings.default_region.as_deref()).ok()?.expose().to_owned());
    match question.kind {
        QuestionKind::Text if settings.asks_for_phone(&question.name) => {
            Some(phone().unwrap_or_else(|| text.to_owned()))
        }
        QuestionKind::Text => Some(text.to_owned()),
        QuestionKind::Phone => phone(),
        QuestionKind::Single => {
            let other = || question.include_other.then_some(text);
            find_choice(question.choices.iter().collect(), text).or_else(other).map(str::to_owned)
        }
        QuestionKind::Multi => parse_choices(question, text),
    }
}

/// Returns the only choice that matches.
fn find_choice<'a>(choices: Vec<&'a String>, text: &str) -> Option<&'a str> {
    match find_named(&choices, |it| it, text)[..] {
        [choice] => Some(choice),
        _ => None,
    }
}

const SEPARATORS: [char; 3] = ['\n', ';', ','];

/// Returns several choices, one on each line. The input separates them by line breaks, semicolons or commas, and a
/// choice may contain these: the longest sequence of parts that is a choice counts. Text between two choices is another
/// answer.
fn parse_choices(question: &Question, answer: &str) -> Option<String> {
    let count_separators = |text: &str| text.matches(SEPARATORS).count();
    let trim = |text: &'_ str| text.trim_matches(|c: char| c.is_whitespace() || SEPARATORS.contains(&c)).to_owned();
    let longest = question.choices.iter().map(|it| count_separators(it)).max().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    let (mut at, mut other) = (0, None);
    while at < answer.len() {
        let part = &answer[at..];
        let ends: Vec<usize> =
            part.match_indices(SEPARATORS).map(|(end, _)| end).chain([part.len()]).take(longest + 1).collect();
        // "Sales, Support" is two choices, although a choice "Sales Support" folds to the same text.
        let found = ends.iter().enumerate().rev().find_map(|(count, end)| {
            let choices = question.choices.iter().filter(|it| count_separators(it) == count).collect();
            Some((*end, find_choice(choices, &part[..*end])?))
        });
        if let Some((end, choice)) = found {
            lines.extend(other.take().map(|from: usize| trim(&answer[from..at])));
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
    lines.extend(other.map(|from| trim(&answer[from..])));
    let mut distinct: Vec<&str> = Vec::new();
    for line in &lines {
        if !distinct.contains(&line.as_str()) {
            distinct.push(line);
        }
    }
    (!distinct.is_empty()).then(|| distinct.join("\n"))
}

/// Chooses the location.
///
/// `wanted` is a kind or a common name of it ("Zoom", "phone call"), and the data that it needs. Without `wanted` it is
/// the first location that needs nothing from the invitee, else a call to the invitee's phone. `None`: Calendly chooses
/// the location, which it requires when it chooses the host. `region` is the country of a number without country code.
///
/// # Errors
/// The location is not offered, or requires data that is not known.
pub fn choose_location(
    event_type: &EventType,
    wanted: Option<(&str, Option<&str>)>,
    phone: Option<&Phone>,
    region: Option<&str>,
) -> Result<Option<Meeting>, LocationFault> {
    let numbers = Numbers { phone, region };
    let offered = &event_type.locations;
    if event_type.is_round_robin || offered.is_empty() {
        return Ok(None);
    }
    let fault = |needs| LocationFault { offered: offered.clone(), needs };
    let Some((kind, location)) = wanted else {
        let without = offered.iter().find_map(|it| fill_location(it, None, Numbers::default()).ok());
        let found = without.map_or_else(|| first_complete(offered.iter(), None, numbers), Ok);
        return found.map(Some).map_err(fault);
    };

    let mut found: Vec<&LocationOption> =
        kinds_for_name(kind).iter().flat_map(|it| offered.iter().filter(|at| at.kind == *it)).collect();
    if found.is_empty() {
        found = offered.iter().filter(|it| is_same(&it.kind, kind)).collect();
    }
    if found.is_empty() {
        found = offered.iter().filter(|it| it.location.as_deref().is_some_and(|it| is_same(it, kind))).collect();
    }
    // If there are several addresses, one must be named. A single address is chosen for any name.
    let addresses = found.iter().filter(|it| has_address(it)).count();
    if let Some(location) = location.filter(|it| addresses > 1 && !it.trim().is_empty()) {
        found.retain(|it| !has_address(it) || it.location.as_deref().is_some_and(|it| is_same(it, location)));
        if found.is_empty() {
            return Err(fault(Some("location")));
        }
    }
    first_complete(found.into_iter(), location, numbers).map(Some).map_err(fault)
}

/// The numbers for a call to the invitee.
#[derive(Clone, Copy, Default)]
struct Numbers<'a> {
    /// The invitee's number.
    phone: Option<&'a Phone>,
    /// The country of a number without country code.
    region: Option<&'a str>,
}

/// Returns the first option with complete data, else the error of the first option.
fn first_complete<'a>(
    options: impl Iterator<Item = &'a LocationOption>,
    location: Option<&str>,
    numbers: Numbers<'_>,
) -> Result<Meeting, Option<&'static str>> {
    let mut needs = None;
    for option in options {
        match fill_location(option, location, numbers) {
            Ok(meeting) => return Ok(meeting),
            Err(missing) => needs = needs.or(Some(missing)),
        }
    }
    Err(needs)
}

/// Returns the location in Calendly's form.
fn fill_location(
    option: &LocationOption,
    location: Option<&str>,
    numbers: Numbers<'_>,
) -> Result<Meeting, &'static str> {
    let location = location.map(str::trim).filter(|it| !it.is_empty());
    let location = match option.kind.as_str() {
        "outbound_call" => {
            let given = location.and_then(|it| read_phone(it, numbers.region).ok());
            Some(given.as_ref().or(numbers.phone).ok_or("phone")?.expose().to_owned())
        }
        "ask_invitee" => Some(location.ok_or("location")?.to_owned()),
        "physical" | "custom" => {
            Some(option.location.clone().or_else(|| location.map(str::to_owned)).ok_or("location")?)
        }
        _ => None,
    };
    Ok(Meeting { kind: option.kind.clone(), location: location.map(Private::new) })
}

/// Returns the place to meet, if it is none that the host has set: the words of the invitee or the agent.
pub fn place_of_stranger(event_type: &EventType, meeting: &Meeting) -> Option<StrangerText> {
    let is_place = matches!(meeting.kind.as_str(), "ask_invitee" | "physical" | "custom");
    let place = meeting.location.as_ref().filter(|_| is_place)?.expose().as_str();
    let of_host = event_type.locations.iter().filter(|it| it.kind == meeting.kind);
    let is_of_host = of_host.filter_map(|it| it.location.as_deref()).any(|it| it == place);
    (!is_of_host).then(|| place.into())
}

fn has_address(location: &LocationOption) -> bool {
    matches!(location.kind.as_str(), "physical" | "custom") && location.location.is_some()
}

/// Calendly's kinds of locations.
const LOCATION_KINDS: [&str; 10] = [
    "zoom_conference",
    "google_conference",
    "microsoft_teams_conference",
    "webex_conference",
    "gotomeeting_conference",
    "outbound_call",
    "inbound_call",
    "physical",
    "ask_invitee",
    "custom",
];

/// Returns whether a text is one of Calendly's kinds of locations, or a common name of one ("Zoom", "phone call").
pub fn is_location_name(text: &str) -> bool {
    !kinds_for_name(text).is_empty() || LOCATION_KINDS.iter().any(|kind| is_same(kind, text))
}

/// Returns the kinds for a common name of a location, the most likely first.
fn kinds_for_name(name: &str) -> &'static [&'static str] {
    match fold(name).as_str() {
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

/// Returns the guests for Calendly: each once, without the invitee and without those in `never`, which has addresses
/// and domains (`@example.com`).
///
/// # Errors
/// A guest is not an e-mail address, or there are too many.
pub fn filter_guests(
    given: &[Private<String>],
    never: &[String],
    invitee: &Private<String>,
) -> Result<Vec<Private<String>>, GuestFault> {
    let never: Vec<String> = never.iter().map(|it| email_key(it)).collect();
    let mut seen = vec![email_key(invitee.expose())];
    let mut guests = Vec::new();
    for (at, guest) in given.iter().enumerate().filter(|(_, it)| not_blank(it).is_some()) {
        let address = parse_email(guest.expose()).ok_or(GuestFault::Invalid(at))?;
        let key = email_key(address.expose());
        let domain = key.find('@').map_or("", |at| &key[at..]);
        if never.iter().any(|it| *it == key || *it == domain) || seen.contains(&key) {
            continue;
        }
        seen.push(key);
        guests.push(address);
    }
    if guests.len() > MOST_GUESTS { Err(GuestFault::TooMany(guests.len())) } else { Ok(guests) }
}

/// Parses a person's name.
pub fn parse_name(text: &str) -> Option<StrangerText> {
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

    fn named(given: &[(&str, &str)]) -> GivenAnswers {
        GivenAnswers::Named(given.iter().map(|(name, answer)| ((*name).to_owned(), Private::from(*answer))).collect())
    }

    fn in_order(given: &[&str]) -> GivenAnswers {
        GivenAnswers::InOrder(given.iter().map(|it| Private::from(*it)).collect())
    }

    /// Returns `position=answer` of each answer, then `?name=answer` of those without a question.
    fn fill(event_type: &EventType, given: &GivenAnswers, phone: Option<&Phone>) -> Result<String, FormFault> {
        let answers = match_answers(
            event_type,
            given,
            phone,
            &Settings { default_region: Some("RO".to_owned()), ..Settings::default() },
        )?;
        let filled = answers.filled.iter().map(|it| format!("{}={}", it.position, it.answer.expose()));
        let unmatched = answers.unmatched.iter().map(|(name, it)| format!("?{name}={}", it.expose()));
        Ok(filled.chain(unmatched).collect::<Vec<_>>().join("|"))
    }

    fn number() -> Phone {
        Phone::parse("+40712345678").expect("a number")
    }

    #[test]
    fn answers_are_matched_to_questions() {
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
            // An exact match is preferred to a similar one, in any order.
            (named(&[("Numele compani", "near"), ("Numele companiei", "exact")]), "1=exact|?Numele compani=near"),
            (named(&[("Guest 3", "Ion"), ("Guest 1", "Ana"), ("guest 1", "Eva")]), "2=Ana|?guest 1=Eva|?Guest 3=Ion"),
            (named(&[("Numele companiei", "  "), ("Budget", "\n")]), ""),
            (in_order(&["prices", "", "Ana", "Ion", "", "more"]), "0=prices|2=Ana|3=Ion|?answer 6=more"),
            (GivenAnswers::default(), ""),
        ] {
            assert_eq!(fill(&form, &given, None).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_name_that_is_similar_to_two_questions_is_unmatched() {
        let form = asking(vec![
            question(0, "Name of the company A", QuestionKind::Text),
            question(1, "Name of the company B", QuestionKind::Text),
        ]);
        let given = named(&[("Name of the company A", "ACME"), ("Name of the company", "x")]);
        assert_eq!(fill(&form, &given, None).as_deref(), Ok("0=ACME|?Name of the company=x"));
        let twice = asking(vec![question(0, "Name", QuestionKind::Text), question(1, "Name", QuestionKind::Text)]);
        let given = named(&[("Name", "Ana"), ("Name", "Ion"), ("Name", "Eva")]);
        assert_eq!(fill(&twice, &given, None).as_deref(), Ok("0=Ana|1=Ion|?Name=Eva"));
    }

    #[test]
    fn an_answer_becomes_the_exact_text_of_its_choice() {
        let choices = ["1–10 employees", "C", "C++", "Vânzări"];
        let form = asking(vec![with_choices(0, "Size", QuestionKind::Single, &choices)]);
        for (answer, expected) in
            [("1-10 Employees", "0=1–10 employees"), ("c++", "0=C++"), ("c", "0=C"), ("vanzari", "0=Vânzări")]
        {
            assert_eq!(fill(&form, &in_order(&[answer]), None).as_deref(), Ok(expected), "{answer}");
        }
        let fault = FormFault::Invalid {
            question: "Size".to_owned(),
            kind: QuestionKind::Single,
            choices: choices.map(str::to_owned).to_vec(),
        };
        assert_eq!(fill(&form, &in_order(&["eleven"]), None), Err(fault));
        let open = asking(vec![Question { include_other: true, ..form.questions[0].clone() }]);
        assert_eq!(fill(&open, &in_order(&[" eleven "]), None).as_deref(), Ok("0=eleven"));
    }

    #[test]
    fn each_of_several_choices_is_on_its_own_line() {
        let choices = ["Sales", "Support", "Sales Support", "Paris, France", "Bread, butter; and jam"];
        let form = asking(vec![with_choices(0, "What", QuestionKind::Multi, &choices)]);
        let open = asking(vec![Question { include_other: true, ..form.questions[0].clone() }]);
        for (answer, expected) in [
            ("Sales", "0=Sales"),
            ("sales, support", "0=Sales\nSupport"),
            ("sales support", "0=Sales Support"),
            ("Support;Sales\nsupport", "0=Support\nSales"),
            ("paris, france", "0=Paris, France"),
            ("Sales, Paris, France, Support,", "0=Sales\nParis, France\nSupport"),
            ("bread, butter; and jam; sales", "0=Bread, butter; and jam\nSales"),
        ] {
            assert_eq!(fill(&form, &in_order(&[answer]), None).as_deref(), Ok(expected), "{answer}");
            assert_eq!(fill(&open, &in_order(&[answer]), None).as_deref(), Ok(expected), "{answer}");
        }
        let odd = asking(vec![with_choices(0, "What", QuestionKind::Multi, &["Yes, ", "No"])]);
        assert_eq!(fill(&odd, &in_order(&["no, yes,"]), None).as_deref(), Ok("0=No\nYes, "));
        for answer in ["Sales, Marketing", "Paris", ",;", "Bread, butter"] {
            assert!(matches!(fill(&form, &in_order(&[answer]), None), Err(FormFault::Invalid { .. })), "{answer}");
        }
        let answer = "Sales, marketing, and some more; Support, help";
        assert_eq!(
            fill(&open, &in_order(&[answer]), None).as_deref(),
            Ok("0=Sales\nmarketing, and some more\nSupport\nhelp")
        );
    }

    #[test]
    fn a_phone_number_is_written_in_e164() {
        let form = asking(vec![question(0, "Your number", QuestionKind::Phone)]);
        for answer in ["+40 712-345-678", "0040 (712) 345 678", "+40712345678", "0712 345 678"] {
            assert_eq!(fill(&form, &in_order(&[answer]), None).as_deref(), Ok("0=+40712345678"), "{answer}");
        }
        let fault =
            FormFault::Invalid { question: "Your number".to_owned(), kind: QuestionKind::Phone, choices: vec![] };
        assert_eq!(fill(&form, &in_order(&["0712 345"]), Some(&number())), Err(fault));
        let named_in_settings = asking(vec![question(0, "Telefon", QuestionKind::Text)]);
        assert_eq!(fill(&named_in_settings, &in_order(&["0712 345 678"]), None).as_deref(), Ok("0=+40712345678"));
        assert_eq!(fill(&named_in_settings, &in_order(&["none"]), None).as_deref(), Ok("0=none"));
    }

    #[test]
    fn the_invitees_number_fills_in_one_question() {
        let fill_in = |questions, given: &GivenAnswers| fill(&asking(questions), given, Some(&number()));
        let kinds = |first, second| vec![question(0, "Emergency", first), question(1, "Telefon", second)];
        let none = GivenAnswers::default();
        assert_eq!(fill_in(kinds(QuestionKind::Phone, QuestionKind::Text), &none).as_deref(), Ok("1=+40712345678"));
        assert_eq!(fill_in(kinds(QuestionKind::Text, QuestionKind::Phone), &none).as_deref(), Ok("1=+40712345678"));
        let given = named(&[("telefon", "+4520123456")]);
        assert_eq!(fill_in(kinds(QuestionKind::Phone, QuestionKind::Phone), &given).as_deref(), Ok("1=+4520123456"));
        let second = vec![question(0, "Emergency", QuestionKind::Phone), question(1, "Mobile", QuestionKind::Phone)];
        let given = named(&[("mobile", "+4520123456")]);
        assert_eq!(
            fill_in(second, &given).as_deref(),
            Ok("1=+4520123456"),
            "a number is given, so the invitee's is not filled in"
        );
        let only = vec![Question { required: true, ..question(0, "Mobile", QuestionKind::Phone) }];
        assert_eq!(fill_in(only, &none).as_deref(), Ok("0=+40712345678"));
        assert_eq!(fill_in(vec![question(0, "Company", QuestionKind::Text)], &none).as_deref(), Ok(""));
        let choice = vec![with_choices(0, "Phone", QuestionKind::Single, &["yes", "no"])];
        assert_eq!(fill_in(choice, &none).as_deref(), Ok(""), "a question with choices gets no number");
    }

    #[test]
    fn all_missing_answers_are_reported_at_once() {
        let required = |position, name, kind| Question { required: true, ..question(position, name, kind) };
        let form = asking(vec![
            required(2, "Company", QuestionKind::Text),
            required(0, "Topic", QuestionKind::Text),
            required(1, "Mobile", QuestionKind::Phone),
        ]);
        let missing = |given: &GivenAnswers| match fill(&form, given, None) {
            Err(FormFault::Missing(questions)) => questions.into_iter().map(|it| it.name).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(&GivenAnswers::default()), ["Topic", "Mobile", "Company"]);
        assert_eq!(missing(&in_order(&["prices", "no number", " "])), ["Company"]);
    }

    #[test]
    fn a_location_is_chosen_by_kind_common_name_or_address() {
        let at = |locations: &[(&str, Option<&str>)], wanted, phone: Option<&Phone>| {
            choose_location(&meeting_at(locations), wanted, phone, None)
                .map(|it| it.map(|it| (it.kind, it.location.map(|it| it.expose().clone()))))
                .map_err(|it| it.needs)
        };
        let chosen = |kind: &str, location: Option<&str>| Ok(Some((kind.to_owned(), location.map(str::to_owned))));
        let phone = number();
        let many = [
            ("ask_invitee", None),
            ("outbound_call", None),
            ("physical", Some("Strada Lungă 1")),
            ("zoom_conference", None),
            ("physical", Some("Aarhus")),
        ];
        assert_eq!(at(&[], Some(("zoom", None)), None), Ok(None));
        assert_eq!(at(&many, None, Some(&phone)), chosen("physical", Some("Strada Lungă 1")));
        for zoom in ["zoom", "Zoom Conference", "zoom_conference", "online"] {
            assert_eq!(at(&many, Some((zoom, Some("https://zoom.example"))), None), chosen("zoom_conference", None));
        }
        assert_eq!(at(&many, Some(("in person", None)), None), chosen("physical", Some("Strada Lungă 1")));
        assert_eq!(at(&many, Some(("in person", Some("aarhus"))), None), chosen("physical", Some("Aarhus")));
        assert_eq!(at(&many, Some(("strada lunga 1", None)), None), chosen("physical", Some("Strada Lungă 1")));
        assert_eq!(at(&many, Some(("in person", Some("Paris"))), None), Err(Some("location")));
        assert_eq!(
            at(&many[2..4], Some(("in person", Some("your office"))), None),
            chosen("physical", Some("Strada Lungă 1"))
        );
        assert_eq!(at(&many, Some(("Phone call", None)), Some(&phone)), chosen("outbound_call", Some("+40712345678")));
        assert_eq!(
            at(&many, Some(("call", Some("0045 20123456"))), Some(&phone)),
            chosen("outbound_call", Some("+4520123456"))
        );
        assert_eq!(at(&many, Some(("call", Some("my mobile"))), None), Err(Some("phone")));
        assert_eq!(at(&many, Some(("ask_invitee", Some(" Café "))), None), chosen("ask_invitee", Some("Café")));
        assert_eq!(at(&many, Some(("ask_invitee", Some(" "))), None), Err(Some("location")));
        assert_eq!(at(&many, Some(("teams", None)), None), Err(None));
        assert_eq!(
            at(&[("inbound_call", Some("+4520123456"))], Some(("phone", None)), None),
            chosen("inbound_call", None)
        );
        let calls = [("outbound_call", None), ("inbound_call", None)];
        assert_eq!(at(&calls, Some(("phone", None)), None), chosen("inbound_call", None));
        assert_eq!(at(&calls[..1], None, Some(&phone)), chosen("outbound_call", Some("+40712345678")));
        assert_eq!(at(&calls[..1], None, None), Err(Some("phone")));
        assert_eq!(at(&[("ask_invitee", None)], None, Some(&phone)), Err(Some("location")));
        assert_eq!(
            at(&[("custom", None)], Some(("custom", Some("the moon"))), None),
            chosen("custom", Some("the moon"))
        );
    }

    #[test]
    fn a_place_that_the_host_has_not_set_is_a_stranger_s() {
        let offered =
            [("physical", Some("Strada Lungă 1")), ("physical", None), ("custom", None), ("ask_invitee", None)];
        let event_type = meeting_at(&offered);
        for (kind, location, is_stranger_s) in [
            ("physical", Some("Strada Lungă 1"), false),
            ("physical", Some("the moon"), true),
            ("custom", Some("Strada Lungă 1"), true),
            ("ask_invitee", Some("Café"), true),
            ("outbound_call", Some("+40712345678"), false),
            ("zoom_conference", None, false),
        ] {
            let meeting = Meeting { kind: kind.to_owned(), location: location.map(Private::from) };
            let expected = location.filter(|_| is_stranger_s).map(StrangerText::from);
            assert_eq!(place_of_stranger(&event_type, &meeting), expected, "{kind} {location:?}");
        }
    }

    #[test]
    fn a_location_has_kinds_and_common_names() {
        for name in ["zoom", "Google Meet", "ask_invitee", "custom", "inbound_call", "In person", "opkald"] {
            assert!(is_location_name(name), "{name}");
        }
        for other in ["", "Strada Lungă 1", "zoom or teams", "null"] {
            assert!(!is_location_name(other), "{other}");
        }
    }

    #[test]
    fn a_fault_has_the_offered_locations_and_a_round_robin_leaves_the_location_to_calendly() {
        let mut event_type = meeting_at(&[("zoom_conference", None)]);
        let fault = choose_location(&event_type, Some(("webex", None)), None, None).expect_err("not offered");
        assert_eq!(fault, LocationFault { offered: event_type.locations.clone(), needs: None });
        event_type.is_round_robin = true;
        assert_eq!(choose_location(&event_type, Some(("webex", None)), None, None), Ok(None));
    }

    #[test]
    fn guests_are_listed_once_without_the_invitee_and_excluded_addresses() {
        let list = |given: &[&str]| {
            let given: Vec<Private<String>> = given.iter().map(|it| Private::from(*it)).collect();
            let never = ["Agent@vai.example".to_owned(), " @bots.example".to_owned()];
            filter_guests(&given, &never, &" Ana@example.com".into())
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
    fn guests_are_excluded_in_any_form_of_their_domain() {
        let never = ["@bücher.example".to_owned(), "agent@例え.テスト".to_owned()];
        let guests = ["x@xn--bcher-kva.example", "y@BÜCHER.example", "agent@xn--r8jz45g.xn--zckzah", "ion@example.com"];
        let guests = guests.map(Private::from);
        let left = filter_guests(&guests, &never, &"ana@example.com".into());
        assert_eq!(left, Ok(vec!["ion@example.com".into()]));
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(parse_name("  Ana Pop "), Some("Ana Pop".into()));
        assert!(parse_name(&"ș".repeat(200)).is_some() && parse_name(&"ș".repeat(201)).is_none());
        assert!(parse_name(" \t").is_none() && parse_name("Ana\nPop").is_none());
    }

    #[test]
    fn a_fault_has_no_data_of_the_invitee() {
        let form = asking(vec![with_choices(0, "Size", QuestionKind::Single, &["big"])]);
        let faults = [
            format!("{:?}", fill(&form, &in_order(&["Ana Pop"]), None)),
            format!(
                "{:?}",
                choose_location(
                    &meeting_at(&[("zoom_conference", None)]),
                    Some(("Ana Pop", Some("Ana Pop"))),
                    None,
                    None
                )
            ),
            format!("{:?}", filter_guests(&["Ana Pop".into()], &[], &"Ana Pop".into())),
        ];
        assert!(faults.iter().all(|it| it.contains("Err") && !it.contains("Ana")), "{faults:?}");
    }

    proptest! {
        /// Each answer is in the form or among the unmatched ones.
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
            let answers = match_answers(&asking(questions), &given, None, &Settings::default()).expect("nothing is required");
            let mut found: Vec<&str> = answers.filled.iter().map(|it| it.answer.expose().as_str()).collect();
            found.extend(answers.unmatched.iter().map(|(_, it)| it.expose().as_str()));
            let mut expected: Vec<&str> = answered.into_iter().filter(|it| !it.is_empty()).collect();
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }

        /// Each choice is found by its exact text, and no text causes a panic.
        #[test]
        fn each_choice_is_found_by_its_exact_text(
            choices in prop::collection::btree_set("[a-z]{1,4}([,;] ?[a-z]{1,3}){0,2}", 1..6),
            other in "\\PC{0,20}",
            pick: u8,
        ) {
            let all: Vec<&str> = choices.iter().map(String::as_str).collect();
            let choice = all[usize::from(pick) % all.len()];
            let form = asking(vec![with_choices(0, "What", QuestionKind::Multi, &all)]);
            let exactly = format!("0={choice}");
            let answered = fill(&form, &in_order(&[choice]), None);
            prop_assert_eq!(answered.as_deref(), Ok(exactly.as_str()));
            let _ = fill(&form, &in_order(&[&other]), None);
        }
    }
}
