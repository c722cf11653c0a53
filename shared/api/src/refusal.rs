//! Refusals: a code for programs, and a sentence that an agent can read out.

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
        /// Why a call is refused, for programs.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, JsonSchema)]
        #[schemars(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the code as it is sent.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Returns its HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Returns what it means and what to do.
            pub fn meaning(self) -> String {
                schema::unwrap_lines(match self { $(Self::$name => concat!($($doc, "\n",)+),)* })
            }

            fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }
        }

        /// Why a call is refused, with data that helps the caller to go on.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
        #[serde(tag = "code", rename_all = "snake_case", rename_all_fields = "camelCase")]
        pub enum Why {
            $($(#[doc = $doc])+ $name $({ $($(#[$meta])* $field: $type,)+ })?,)*
        }

        impl Why {
            /// Returns its code.
            pub fn code(&self) -> Code {
                match self { $(Self::$name { .. } => Code::$name,)* }
            }
        }
    };
}

/// What can be done about a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The agent can act on it in the conversation.
    Agent,
    /// The agent can act on it, or make the same call later.
    Again,
    /// A developer or operator of the caller must act.
    Caller,
    /// Only time helps: the same call may work later.
    Time,
}

refusals! {
    /// The request is not valid: `details` says where and why.
    InvalidRequest = "invalid_request" 400 Caller {
        /// Every fault.
        details: Vec<Fault>,
    };
    /// The bearer key is missing or wrong.
    Unauthorized = "unauthorized" 401 Caller;
    /// The bearer key lacks the `scope` that the operation needs.
    Forbidden = "forbidden" 403 Caller {
        /// The scope that the operation needs.
        scope: String,
    };
    /// There is nothing at this path.
    NotFound = "not_found" 404 Caller;
    /// The path does not support this method.
    MethodNotAllowed = "method_not_allowed" 405 Caller {
        /// The supported methods.
        allowed: Vec<String>,
    };
    /// Too many calls: wait for `retryAfterSeconds`.
    RateLimited = "rate_limited" 429 Time;
    /// The time is not free, and no free time is near enough: offer the `alternatives`.
    SlotTaken = "slot_taken" 409 Agent {
        /// The nearest free times; empty if they could not be read.
        alternatives: Vec<DayView>,
    };
    /// The person has this meeting already: tell them so. To change it, move or cancel the `booking`.
    AlreadyBooked = "already_booked" 409 Agent {
        /// The id of the meeting's booking.
        booking: String,
        /// Its start.
        start_time: Timestamp,
        /// The start as a text for the person, in their language and zone.
        local_time: String,
    };
    /// Nothing is free around that time: look for other times with `available_times`.
    NoSlot = "no_slot" 409 Agent;
    /// No event type has this name: call again with one of `near`, or list the event types.
    EventTypeUnknown = "event_type_unknown" 404 Agent {
        /// Similar names.
        near: Vec<String>,
    };
    /// No event type is for this topic: call again with one of `near`, or name an event type.
    TopicUnknown = "topic_unknown" 404 Agent {
        /// Similar topics.
        near: Vec<String>,
    };
    /// Several event types match: let the person choose one of the `candidates`, and call again with its `uri`, or with
    /// a host.
    TopicAmbiguous = "topic_ambiguous" 409 Agent {
        /// The event types that match.
        candidates: Vec<Candidate>,
    };
    /// No host has this name: call again with one of `near`, or without a host.
    HostUnknown = "host_unknown" 404 Agent {
        /// Similar names.
        near: Vec<String>,
    };
    /// Required answers are missing: ask the person the `questions` and book again with the answers.
    QuestionMissing = "question_missing" 422 Agent {
        /// The questions without an answer.
        questions: Vec<QuestionView>,
    };
    /// An answer does not fit its question: ask the person again.
    AnswerInvalid = "answer_invalid" 422 Agent {
        /// The question.
        question: String,
        /// The choices, if the question has any.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        choices: Vec<String>,
    };
    /// The event type does not offer this location, or the location requires `needs`: choose one of `offered`.
    LocationInvalid = "location_invalid" 422 Agent {
        /// The offered locations.
        offered: Vec<LocationView>,
        /// What the requested location requires: `phone` or `location`.
        #[serde(skip_serializing_if = "Option::is_none")]
        needs: Option<String>,
    };
    /// Calendly accepts no more bookings at the moment: give the person the `link`, or book again at `availableAt`.
    BudgetExhausted = "budget_exhausted" 429 Again {
        /// The page where the person can book.
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<String>,
        /// When the next booking is possible.
        available_at: Timestamp,
        /// The limit that is reached: per `minute`, `hour` or `day`.
        window: String,
    };
    /// Data of the person is not valid: ask them again for the value of `field`.
    InviteeInvalid = "invitee_invalid" 422 Agent {
        /// The field of the request, such as `inviteeEmail`.
        field: String,
    };
    /// The time is in the past: ask for a future time.
    PastTime = "past_time" 422 Agent;
    /// The time zone does not exist: use an IANA name such as `Europe/Bucharest`.
    TimezoneUnknown = "timezone_unknown" 422 Agent;
    /// The booking does not exist: list the person's bookings and use an id from that list.
    BookingUnknown = "booking_unknown" 404 Agent;
    /// It is no booking of this conversation, or there is none: offer the person a code with `send_code`, which goes to
    /// the phone or e-mail address on the booking. After `confirm_code`, call again.
    NotYours = "not_yours" 403 Agent;
    /// The code is wrong, used or has expired, or was tried five times: offer to send a new one with `send_code`.
    CodeInvalid = "code_invalid" 422 Agent;
    /// No code can be sent here: do not offer one again. The person changes the booking by the links in the messages
    /// about it, or asks the host.
    CodeImpossible = "code_impossible" 422 Agent;
    /// The booking is already canceled, or in the past: there is nothing to do.
    BookingOver = "booking_over" 409 Agent;
    /// Other people are in the same meeting, so only the person can leave it: give them the links.
    SharedEvent = "shared_event" 409 Agent {
        /// The page where the person cancels.
        #[serde(skip_serializing_if = "Option::is_none")]
        cancel_url: Option<String>,
        /// The page where the person chooses another time.
        #[serde(skip_serializing_if = "Option::is_none")]
        reschedule_url: Option<String>,
    };
    /// The hold does not exist: prepare the booking again.
    HoldUnknown = "hold_unknown" 404 Agent;
    /// The hold has expired: prepare the booking again.
    HoldExpired = "hold_expired" 410 Agent;
    /// The same call is still in progress, or its outcome is not known yet: make it again, unchanged, after
    /// `retryAfterSeconds`.
    InProgress = "in_progress" 409 Time;
    /// The idempotency key, or this conversation and time, belongs to another request: look at its `booking` or
    /// `endpoint`, or use a new key.
    KeyReused = "key_reused" 409 Caller {
        /// The id of that request's booking.
        #[serde(skip_serializing_if = "Option::is_none")]
        booking: Option<String>,
        /// The id of that request's endpoint.
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    };
    /// The endpoint does not exist: list the endpoints and use an id from that list.
    EndpointUnknown = "endpoint_unknown" 404 Caller;
    /// The endpoint gets no events now: test it if it is `unverified`, enable it if it is `disabled`, then call again.
    EndpointInactive = "endpoint_inactive" 409 Caller {
        /// Its status.
        status: String,
    };
    /// The connection has the most endpoints that are possible: delete one first.
    TooManyEndpoints = "too_many_endpoints" 409 Caller {
        /// The most endpoints of a connection.
        most: u32,
    };
    /// The endpoint got no such delivery: list its deliveries with `attempts` and use an id from that list.
    DeliveryUnknown = "delivery_unknown" 404 Caller;
    /// The connection does not exist, or the key is another connection's.
    ConnectionUnknown = "connection_unknown" 404 Caller;
    /// The Calendly account cannot be connected: `problems` says why, and what to do.
    AccountRefused = "account_refused" 422 Caller {
        /// Each problem.
        problems: Vec<String>,
    };
    /// The stack has no OAuth app: its operator must store one, or use a personal access token.
    LoginUnavailable = "login_unavailable" 409 Caller;
    /// The connection is switched off: its operator can switch it on.
    ConnectionDisabled = "connection_disabled" 409 Caller;
    /// The setup token is not known, was used, or is older than an hour: make a new one.
    SetupTokenInvalid = "setup_token_invalid" 410 Caller;
    /// Calendly does not answer: make the same call again after `retryAfterSeconds`.
    CalendlyUnavailable = "calendly_unavailable" 503 Time;
    /// Calendly refuses the call and would refuse it again: a person must check the Calendly account.
    CalendlyRefused = "calendly_refused" 502 Caller;
    /// The service cannot answer now: make the same call again after `retryAfterSeconds`.
    Unavailable = "unavailable" 503 Time;
}

impl Code {
    /// Returns whether the same call may work later.
    pub fn is_retryable(self) -> bool {
        matches!(self.kind(), Kind::Again | Kind::Time)
    }

    /// Returns the HTTP status on VAI's own routes: 200 if an agent can act on the refusal.
    pub fn vai_status(self) -> u16 {
        if matches!(self.kind(), Kind::Agent | Kind::Again) { 200 } else { self.status() }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One of several matching event types.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its URI at Calendly. Use it as `eventType` when names are equal.
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
    /// The reason.
    #[serde(flatten)]
    pub why: Why,
    /// A sentence to read out, in the person's language.
    pub message: String,
    /// Whether the same call may be made again.
    pub retryable: bool,
    /// The number of seconds after which it may be made again.
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
    /// Other free times, if the requested time is not free. Empty: nothing is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions: Option<Vec<Suggestion>>,
    /// The refusal.
    pub error: &'a Refusal,
}

/// Free times of a day, with VAI's own names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Suggestion {
    /// The day, in the person's zone.
    pub date: jiff::civil::Date,
    /// Sorted by time.
    pub slots: Vec<SuggestedSlot>,
}

/// A free time, with VAI's own names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct SuggestedSlot {
    /// Its start.
    pub start_time: Timestamp,
    /// Its end.
    pub end_time: Timestamp,
    /// Always `available`.
    pub availability: Availability,
}

/// Whether a time is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It is free.
    Available,
}

impl Refusal {
    /// Returns a refusal; `message` is in the person's language.
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        let retryable = why.code().is_retryable();
        Self { why, message: message.into(), retryable, retry_after_seconds: None }
    }

    /// Sets the number of seconds after which the call may be made again.
    pub fn after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Returns its code.
    pub fn code(&self) -> Code {
        self.why.code()
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        self.code().status()
    }

    /// Returns the HTTP status on VAI's own routes: 200 if an agent can act on the refusal.
    pub fn vai_status(&self) -> u16 {
        self.code().vai_status()
    }

    /// Returns `{"error":{…}}`.
    pub fn body(&self) -> Value {
        json(&ErrorBody { error: self })
    }

    /// Returns `{"success":false,"message","suggestions"?,"error":{…}}`.
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
            AlreadyBooked {
                booking: "bk-1".to_owned(),
                start_time: at("2027-01-11T07:00:00Z"),
                local_time: "luni la 09:00".to_owned(),
            },
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
            NotYours,
            CodeInvalid,
            CodeImpossible,
            BookingOver,
            SharedEvent { cancel_url: None, reschedule_url: None },
            HoldUnknown,
            HoldExpired,
            InProgress,
            KeyReused { booking: Some("bk-1".to_owned()), endpoint: None },
            EndpointUnknown,
            EndpointInactive { status: "disabled".to_owned() },
            TooManyEndpoints { most: 50 },
            DeliveryUnknown,
            ConnectionUnknown,
            AccountRefused { problems: Vec::new() },
            LoginUnavailable,
            ConnectionDisabled,
            SetupTokenInvalid,
            CalendlyUnavailable,
            CalendlyRefused,
            Unavailable,
        ]
    }

    #[test]
    fn every_code_is_sent_under_its_name() {
        let codes: Vec<_> = all().iter().map(Why::code).collect();
        assert_eq!(codes, Code::ALL);
        assert_eq!(codes.iter().map(|it| it.name()).collect::<BTreeSet<_>>().len(), codes.len());
        for why in all() {
            let refusal = Refusal::new(why, "…");
            assert_eq!(refusal.body()["error"]["code"], refusal.code().name());
            assert_eq!(json!(refusal.code()), refusal.code().name());
            assert!((400..600).contains(&refusal.status()));
            // Programs retry on these statuses, so they are only for refusals that may be retried.
            assert!(refusal.retryable || ![429, 503].contains(&refusal.status()), "{:?}", refusal.code());
        }
    }

    #[test]
    fn a_refusal_that_an_agent_can_act_on_has_status_200() {
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
                "endpoint_unknown",
                "endpoint_inactive",
                "too_many_endpoints",
                "delivery_unknown",
                "connection_unknown",
                "account_refused",
                "login_unavailable",
                "connection_disabled",
                "setup_token_invalid",
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
    fn the_form_of_bodies_is_fixed() {
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
