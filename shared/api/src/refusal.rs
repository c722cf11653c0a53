//! What is refused: a code for programs, and a sentence that an agent can read out.

use domain::scheduling::EventType;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::answer::{DayView, LocationView, QuestionView, True};
use crate::{Fault, schema};

macro_rules! refusals {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $code:literal $status:literal $kind:ident
        $({ $($(#[$meta:meta])* $field:ident: $type:ty,)+ })?;
    )*) => {
        /// Why something is refused, for programs.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, JsonSchema)]
        #[schemars(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is told.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it means and what to do.
            pub fn meaning(self) -> String {
                schema::unwrapped(match self { $(Self::$name => concat!($($doc, "\n",)+),)* })
            }

            fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }
        }

        /// Why something is refused, with what helps the caller on.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
        #[serde(tag = "code", rename_all = "snake_case", rename_all_fields = "camelCase")]
        pub enum Why {
            $($(#[doc = $doc])+ $name $({ $($(#[$meta])* $field: $type,)+ })?,)*
        }

        impl Why {
            /// Its code.
            pub fn code(&self) -> Code {
                match self { $(Self::$name { .. } => Code::$name,)* }
            }
        }
    };
}

/// Who can do something about a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The agent, in the conversation.
    Agent,
    /// The agent, by making the same call again later.
    Again,
    /// Whoever wrote or runs the caller.
    Caller,
    /// Nobody but time.
    Time,
}

refusals! {
    /// The request is not as it must be: `details` says where and how.
    InvalidRequest = "invalid_request" 400 Caller {
        /// Every fault.
        details: Vec<Fault>,
    };
    /// The bearer key is missing or wrong.
    Unauthorized = "unauthorized" 401 Caller;
    /// The bearer key does not permit this: it lacks the `scope`.
    Forbidden = "forbidden" 403 Caller {
        /// The scope that the operation needs.
        scope: String,
    };
    /// There is nothing at this path.
    NotFound = "not_found" 404 Caller;
    /// The path does not take this method.
    MethodNotAllowed = "method_not_allowed" 405 Caller {
        /// The methods it takes.
        allowed: Vec<String>,
    };
    /// Too many calls: wait for `retryAfterSeconds`.
    RateLimited = "rate_limited" 429 Time;
    /// The time is not free, nor any other near enough to it: offer the `alternatives`.
    SlotTaken = "slot_taken" 409 Agent {
        /// The nearest free times; none if they could not be asked for.
        alternatives: Vec<DayView>,
    };
    /// Nothing is free around that time: ask for times further off with `available_times`.
    NoSlot = "no_slot" 409 Agent;
    /// No event type is called so: ask again with one of `near`, or list them.
    EventTypeUnknown = "event_type_unknown" 404 Agent {
        /// Names that are like it.
        near: Vec<String>,
    };
    /// No event type is for this topic: ask again with one of `near`, or name an event type.
    TopicUnknown = "topic_unknown" 404 Agent {
        /// Topics that are like it.
        near: Vec<String>,
    };
    /// Several event types fit: let the person choose among the `candidates`, and ask again with the `uri` of one, or
    /// with a host.
    TopicAmbiguous = "topic_ambiguous" 409 Agent {
        /// The event types that fit.
        candidates: Vec<Candidate>,
    };
    /// No host is called so: ask again with one of `near`, or leave the host out.
    HostUnknown = "host_unknown" 404 Agent {
        /// Names that are like it.
        near: Vec<String>,
    };
    /// The event type asks for more: put the `questions` to the person and book again with their answers.
    QuestionMissing = "question_missing" 422 Agent {
        /// The questions without an answer.
        questions: Vec<QuestionView>,
    };
    /// An answer does not fit its question: ask the person again.
    AnswerInvalid = "answer_invalid" 422 Agent {
        /// The question.
        question: String,
        /// The answers to choose from, where there are any.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        choices: Vec<String>,
    };
    /// The event type does not offer this way to meet, or it needs what `needs` names: choose one of `offered`.
    LocationInvalid = "location_invalid" 422 Agent {
        /// The ways to meet.
        offered: Vec<LocationView>,
        /// What must be told for the one that is meant: `phone` or `location`.
        #[serde(skip_serializing_if = "Option::is_none")]
        needs: Option<String>,
    };
    /// Calendly takes no more bookings for now: give the person the `link`, or book again at `availableAt`.
    BudgetExhausted = "budget_exhausted" 429 Again {
        /// Where the person books it themselves.
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<String>,
        /// When the next booking is taken.
        available_at: Timestamp,
        /// The span whose limit is reached: `minute`, `hour` or `day`.
        window: String,
    };
    /// Something about the person does not work: ask them again for what `field` names.
    InviteeInvalid = "invitee_invalid" 422 Agent {
        /// The field of the request, such as `inviteeEmail`.
        field: String,
    };
    /// The time is past: ask for one to come.
    PastTime = "past_time" 422 Agent;
    /// There is no such time zone: use an IANA name such as `Europe/Bucharest`.
    TimezoneUnknown = "timezone_unknown" 422 Agent;
    /// There is no such booking: list the person's bookings and use an id from there.
    BookingUnknown = "booking_unknown" 404 Agent;
    /// The booking is canceled already, or past: nothing is to be done.
    BookingOver = "booking_over" 409 Agent;
    /// Others are in the same meeting, so only the person can leave it: give them the links.
    SharedEvent = "shared_event" 409 Agent {
        /// Where the person cancels.
        #[serde(skip_serializing_if = "Option::is_none")]
        cancel_url: Option<String>,
        /// Where the person chooses another time.
        #[serde(skip_serializing_if = "Option::is_none")]
        reschedule_url: Option<String>,
    };
    /// There is no such hold: prepare the booking again.
    HoldUnknown = "hold_unknown" 404 Agent;
    /// The hold is too old: prepare the booking again.
    HoldExpired = "hold_expired" 410 Agent;
    /// The same call is still being worked on, or its outcome is not known yet: make it again, unchanged, after
    /// `retryAfterSeconds`.
    InProgress = "in_progress" 409 Time;
    /// The idempotency key, or this conversation and time, stands for another request: look at the `booking` it became,
    /// or use a new key.
    KeyReused = "key_reused" 409 Caller {
        /// The id of the booking that it stands for.
        booking: String,
    };
    /// Calendly does not answer: make the same call again after `retryAfterSeconds`.
    CalendlyUnavailable = "calendly_unavailable" 503 Time;
    /// Calendly refuses, and would again: somebody must look at the account.
    CalendlyRefused = "calendly_refused" 502 Caller;
    /// We can't answer just now: make the same call again after `retryAfterSeconds`.
    Unavailable = "unavailable" 503 Time;
}

impl Code {
    /// Whether the same call may work later.
    pub fn is_retryable(self) -> bool {
        matches!(self.kind(), Kind::Again | Kind::Time)
    }

    /// The HTTP status on VAI's own routes: 200 for what an agent can act on.
    pub fn vai_status(self) -> u16 {
        if matches!(self.kind(), Kind::Agent | Kind::Again) { 200 } else { self.status() }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One of several event types.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its URI at Calendly: what `eventType` takes where names are alike.
    pub uri: String,
    /// The hosts' names.
    pub hosts: Vec<String>,
}

impl From<&EventType> for Candidate {
    fn from(it: &EventType) -> Self {
        let hosts = it.hosts.iter().map(|host| host.name.clone()).collect();
        Self { name: it.name.clone(), uri: it.uri.as_str().to_owned(), hosts }
    }
}

/// A refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Why.
    #[serde(flatten)]
    pub why: Why,
    /// A sentence to read out, in the person's language.
    pub message: String,
    /// Whether the same call may be made again.
    pub retryable: bool,
    /// After how many seconds it may be made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// The body of a refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody<'a> {
    /// The refusal.
    pub error: &'a Refusal,
}

/// The body of a refusal on VAI's own routes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaiErrorBody<'a> {
    /// False.
    pub success: True<false>,
    /// A sentence to read out, in the person's language.
    pub message: &'a str,
    /// Free times to offer instead, where that is the trouble; none: nothing is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions: Option<Vec<Suggestion>>,
    /// The refusal.
    pub error: &'a Refusal,
}

/// Free times of a day, in VAI's spelling.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Suggestion {
    /// The day, in the person's zone.
    pub date: jiff::civil::Date,
    /// In order.
    pub slots: Vec<SuggestedSlot>,
}

/// A free time, in VAI's spelling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct SuggestedSlot {
    /// Its start.
    pub start_time: Timestamp,
    /// Its end.
    pub end_time: Timestamp,
    /// Free.
    pub availability: Availability,
}

/// Whether a time is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It is.
    Available,
}

impl Refusal {
    /// A refusal; `message` is in the person's language.
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        let retryable = why.code().is_retryable();
        Self { why, message: message.into(), retryable, retry_after_seconds: None }
    }

    /// The same, with a time after which the call may be made again.
    pub fn after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.why.code()
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code().status()
    }

    /// The HTTP status on VAI's own routes: 200 for what an agent can act on.
    pub fn vai_status(&self) -> u16 {
        self.code().vai_status()
    }

    /// `{"error":{…}}`.
    pub fn body(&self) -> Value {
        json(&ErrorBody { error: self })
    }

    /// `{"success":false,"message","suggestions"?,"error":{…}}`.
    pub fn vai_body(&self) -> Value {
        let suggestions = match &self.why {
            Why::SlotTaken { alternatives } => Some(alternatives.iter().map(Suggestion::from).collect()),
            Why::NoSlot => Some(Vec::new()),
            _ => None,
        };
        json(&VaiErrorBody { success: True, message: &self.message, suggestions, error: self })
    }
}

impl From<&DayView> for Suggestion {
    fn from(day: &DayView) -> Self {
        let slots = day.slots.iter().map(|slot| SuggestedSlot {
            start_time: slot.start_time,
            end_time: slot.end_time,
            availability: Availability::Available,
        });
        Self { date: day.date, slots: slots.collect() }
    }
}

fn json(body: &impl Serialize) -> Value {
    serde_json::to_value(body).expect("keys are texts and nothing in it fails to serialise")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::answer::SlotView;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn monday() -> Vec<DayView> {
        let slot = SlotView {
            start_time: at("2027-01-11T07:00:00Z"),
            end_time: at("2027-01-11T07:30:00Z"),
            local_time: "luni, 11 ianuarie 2027, 09:00".to_owned(),
            remaining: 1,
        };
        vec![DayView { date: "2027-01-11".parse().unwrap(), slots: vec![slot] }]
    }

    fn all() -> Vec<Why> {
        use Why::*;
        let near = || vec!["Sales Demo".to_owned()];
        vec![
            InvalidRequest { details: vec![Fault::new("inviteeName", "is missing")] },
            Unauthorized,
            Forbidden { scope: "bookings:write".to_owned() },
            NotFound,
            MethodNotAllowed { allowed: vec!["POST".to_owned()] },
            RateLimited,
            SlotTaken { alternatives: monday() },
            NoSlot,
            EventTypeUnknown { near: near() },
            TopicUnknown { near: near() },
            TopicAmbiguous { candidates: Vec::new() },
            HostUnknown { near: near() },
            QuestionMissing { questions: Vec::new() },
            AnswerInvalid { question: "Company?".to_owned(), choices: Vec::new() },
            LocationInvalid { offered: Vec::new(), needs: None },
            BudgetExhausted {
                link: Some("https://calendly.com/d/1".to_owned()),
                available_at: at("2027-01-11T07:01:00Z"),
                window: "minute".to_owned(),
            },
            InviteeInvalid { field: "inviteeEmail".to_owned() },
            PastTime,
            TimezoneUnknown,
            BookingUnknown,
            BookingOver,
            SharedEvent { cancel_url: None, reschedule_url: None },
            HoldUnknown,
            HoldExpired,
            InProgress,
            KeyReused { booking: "bk-1".to_owned() },
            CalendlyUnavailable,
            CalendlyRefused,
            Unavailable,
        ]
    }

    #[test]
    fn every_code_is_told_as_it_is_named() {
        let codes: Vec<_> = all().iter().map(Why::code).collect();
        assert_eq!(codes, Code::ALL);
        assert_eq!(codes.iter().map(|it| it.name()).collect::<BTreeSet<_>>().len(), codes.len());
        for why in all() {
            let refusal = Refusal::new(why, "…");
            assert_eq!(refusal.body()["error"]["code"], refusal.code().name());
            assert_eq!(json!(refusal.code()), refusal.code().name());
            assert!((400..600).contains(&refusal.status()));
            // What only time heals must reach programs that retry on a status.
            assert!(refusal.retryable || ![429, 503].contains(&refusal.status()), "{:?}", refusal.code());
        }
    }

    #[test]
    fn an_agent_is_answered_with_200_where_it_can_act() {
        let others: Vec<_> = Code::ALL.iter().filter(|it| it.vai_status() != 200).map(|it| it.name()).collect();
        assert_eq!(
            others,
            [
                "invalid_request",
                "unauthorized",
                "forbidden",
                "not_found",
                "method_not_allowed",
                "rate_limited",
                "in_progress",
                "key_reused",
                "calendly_unavailable",
                "calendly_refused",
                "unavailable",
            ]
        );
        for code in Code::ALL.iter().filter(|it| it.vai_status() != 200) {
            assert_eq!(code.vai_status(), code.status());
        }
    }

    #[test]
    fn bodies_are_as_agreed() {
        let taken = Refusal::new(Why::SlotTaken { alternatives: monday() }, "Ora nu mai este liberă.");
        let error = json!({
            "code": "slot_taken", "message": "Ora nu mai este liberă.", "retryable": false,
            "alternatives": [{ "date": "2027-01-11", "slots": [{
                "startTime": "2027-01-11T07:00:00Z", "endTime": "2027-01-11T07:30:00Z",
                "localTime": "luni, 11 ianuarie 2027, 09:00", "remaining": 1,
            }] }],
        });
        assert_eq!(taken.body(), json!({ "error": error }));
        assert_eq!(
            taken.vai_body(),
            json!({
                "success": false, "message": "Ora nu mai este liberă.", "error": error,
                "suggestions": [{ "date": "2027-01-11", "slots": [{
                    "start_time": "2027-01-11T07:00:00Z", "end_time": "2027-01-11T07:30:00Z", "availability": "available",
                }] }],
            })
        );
        assert_eq!((taken.status(), taken.vai_status()), (409, 200));

        let busy = Refusal::new(Why::InProgress, "Still at it.").after(5);
        let error =
            json!({ "code": "in_progress", "message": "Still at it.", "retryable": true, "retryAfterSeconds": 5 });
        assert_eq!(busy.vai_body(), json!({ "success": false, "message": "Still at it.", "error": error }));

        let spent = Refusal::new(
            Why::BudgetExhausted { link: None, available_at: at("2027-01-11T07:01:00Z"), window: "minute".to_owned() },
            "Later.",
        );
        assert_eq!(spent.body()["error"]["availableAt"], "2027-01-11T07:01:00Z");
    }
}
