//! The operations: one table that routes calls, and that the `OpenAPI` document and the tools are made of.

use domain::Scope;
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::{
    AvailabilityView, BookAnswer, BookingView, BusyView, CancelView, EventTypesView, HoldView, LinkView, MeView,
    MessagesView, MetadataView, MoveView, NoShowView, StatusView, TimelineView, TimesView, UpcomingAnswer,
};
use crate::read::{json, read_with};
use crate::refusal::Code;
use crate::request::{
    AlternativesRequest, AvailableTimesRequest, BookRequest, BookingIdRequest, BusyTimesRequest, CancelRequest,
    ConfirmRequest, EventTypesRequest, HostRequest, LinkRequest, MoveRequest, Nothing, PreviewRequest, UpcomingRequest,
};
use crate::{Fault, Request, schema};

/// An HTTP method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Asks; its input stands in the query.
    Get,
    /// Acts; its input is the body.
    Post,
    /// Acts, and a second time changes nothing.
    Put,
    /// Takes back.
    Delete,
}

impl Method {
    /// `GET`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What is special about an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trait {
    /// VAI's document shows it: every body has `success` and `message`.
    Vai,
    /// It takes an idempotency key.
    Keyed,
    /// Models have it as a tool.
    Tool,
}

/// An operation and all that is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Which.
    pub operation: Operation,
    /// Its name, for direct invocation and as a tool.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path, with at most one `{parameter}`.
    pub path: &'static str,
    /// What a key must permit.
    pub scope: Scope,
    /// The codes of refusals that are its own.
    refusals: &'static [Code],
    lines: &'static [&'static str],
    traits: &'static [Trait],
}

macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($request:ty) -> $answer:ty =
            $text:literal $method:ident $path:literal needs $scope:ident [$($trait:ident)*]
            refuses [$($code:ident)*];
    )*) => {
        /// What can be asked for.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Operation {
            $($(#[doc = $doc])+ $name,)*
        }

        /// Every operation, in the order of [`Operation`].
        pub const ROUTES: &[Route] = &[$(Route {
            operation: Operation::$name,
            name: $text,
            method: Method::$method,
            path: $path,
            scope: Scope::$scope,
            refusals: &[$(Code::$code,)*],
            lines: &[$($doc,)+],
            traits: &[$(Trait::$trait,)*],
        },)*];

        /// A call, with its input read.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Call {
            $($(#[doc = $doc])+ $name($request),)*
        }

        impl Call {
            /// Its operation.
            pub fn operation(&self) -> Operation {
                match self { $(Self::$name(_) => Operation::$name,)* }
            }

            /// The language that the request asks for, a BCP 47 tag.
            pub fn language(&self) -> Option<&str> {
                match self { $(Self::$name(request) => request.language(),)* }
            }

            fn read(operation: Operation, body: Value, params: &[(String, String)]) -> Result<Self, Vec<Fault>> {
                match operation { $(Operation::$name => read_with(body, params).map(Self::$name),)* }
            }
        }

        impl Operation {
            /// The schema of its input, whole.
            pub(crate) fn input(self) -> Map<String, Value> {
                match self { $(Self::$name => schema::of::<$request>(),)* }
            }

            /// A reference to the schema of its input.
            pub(crate) fn request_schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $(Self::$name => generator.subschema_for::<$request>(),)* }
            }

            /// A reference to the schema of its answer.
            pub(crate) fn answer_schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $(Self::$name => generator.subschema_for::<$answer>(),)* }
            }
        }
    };
}

operations! {
    /// Lists what can be booked.
    ///
    /// Begin here, unless you know already what is on offer. Each event type has a name, a duration, its hosts, the
    /// questions its form asks and the ways to meet. Use names and questions letter by letter in later calls.
    EventTypes(EventTypesRequest) -> EventTypesView =
        "event_types" Get "/api/calendly/event-types" needs Read [Tool] refuses [EventTypeUnknown TopicAmbiguous];

    /// Lists the free times of an event type, by day.
    ///
    /// Offer only times that this or `alternatives` told: never make one up. A free time may be gone a moment later.
    AvailableTimes(AvailableTimesRequest) -> TimesView =
        "available_times" Get "/api/calendly/available-times" needs Read [Tool]
        refuses [EventTypeUnknown TopicAmbiguous HostUnknown TimezoneUnknown];

    /// Lists free times near the time that a person would like best.
    ///
    /// Use it before booking, when the person has no fixed time in mind, or has refused one. Tell the person the
    /// `localTime` of a few; book with the `startTime` of the one they choose.
    Alternatives(AlternativesRequest) -> TimesView =
        "alternatives" Get "/api/calendly/alternatives" needs Read [Tool]
        refuses [EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown NoSlot InviteeInvalid TimezoneUnknown];

    /// Books a meeting.
    ///
    /// Only once the person has agreed to the time and given their name and e-mail address. It is booked when `success`
    /// is true, and not before. The same call repeated books once: if an answer was lost, repeat it unchanged.
    ///
    /// If `success` is false, read out `message` and act on `error.code`:
    /// - `slot_taken`: offer each `localTime` in `error.alternatives`; book with the `startTime` of the one they
    ///   choose.
    /// - `no_slot`: look in another week with `available_times`.
    /// - `question_missing`, `answer_invalid`: ask the person, and book again with `customAnswers`.
    /// - `invitee_invalid`: ask again for `error.field`.
    /// - `event_type_unknown`, `topic_unknown`, `host_unknown`: use one of `error.near`.
    /// - `topic_ambiguous`: let them choose of `error.candidates`; the `uri` is the `eventType`.
    /// - `location_invalid`: use one of `error.offered`.
    /// - `budget_exhausted`: give the person `error.link`.
    /// - `key_reused`: look at `error.booking`.
    /// - any other with `error.retryable`: repeat unchanged after `error.retryAfterSeconds`.
    Book(BookRequest) -> BookAnswer =
        "book" Post "/api/calendly/schedule" needs Book [Vai Keyed Tool]
        refuses [SlotTaken NoSlot EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown QuestionMissing AnswerInvalid
            LocationInvalid BudgetExhausted InviteeInvalid PastTime TimezoneUnknown InProgress KeyReused];

    /// Prepares a booking, to be confirmed by the person.
    ///
    /// Takes the same input as `book` and checks all of it, but books nothing: read `message` to the person, and once
    /// they agree, call `confirm` with the `hold` of the answer before `expiresAt`. The time is not reserved meanwhile.
    /// Refusals are those of `book`.
    Hold(BookRequest) -> HoldView =
        "hold" Post "/api/calendly/hold" needs Book [Tool]
        refuses [SlotTaken NoSlot EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown QuestionMissing AnswerInvalid
            LocationInvalid BudgetExhausted InviteeInvalid PastTime TimezoneUnknown InProgress KeyReused];

    /// Books what a hold prepared.
    ///
    /// Only after the person has agreed. The same hold confirmed twice books once, so repeat the call if an answer was
    /// lost. On `slot_taken` offer the times in `error.alternatives` and begin again; on `hold_expired` or
    /// `hold_unknown` prepare a new hold; on `budget_exhausted` give the person `error.link`; on `in_progress` repeat
    /// the call after `error.retryAfterSeconds`.
    Confirm(ConfirmRequest) -> BookAnswer =
        "confirm" Post "/api/calendly/confirm" needs Book [Tool]
        refuses [HoldUnknown HoldExpired SlotTaken NoSlot EventTypeUnknown BudgetExhausted InviteeInvalid LocationInvalid
            PastTime InProgress KeyReused];

    /// Lists a person's meetings to come.
    ///
    /// Use it to find the `id` of a booking that the person wants to cancel or move. Only ever list the meetings of the
    /// person you are talking to.
    Upcoming(UpcomingRequest) -> UpcomingAnswer =
        "upcoming" Get "/api/calendly/upcoming/{userEmail}" needs Read [Vai Tool] refuses [InviteeInvalid];

    /// Tells how a booking stands.
    Booking(BookingIdRequest) -> BookingView =
        "booking" Get "/api/calendly/bookings/{booking}" needs Read [] refuses [BookingUnknown];

    /// Tells a booking's story: what happened, what was sent and what was not, and why.
    Timeline(BookingIdRequest) -> TimelineView =
        "timeline" Get "/api/calendly/bookings/{booking}/timeline" needs Read [] refuses [BookingUnknown];

    /// Tells what VAI wrote down with a booking.
    Metadata(BookingIdRequest) -> MetadataView =
        "metadata" Get "/api/calendly/metadata/{booking}" needs Read [] refuses [BookingUnknown];

    /// Cancels a booking.
    ///
    /// Only once the person has said which one, and that they are sure. On `shared_event` others are in the same
    /// meeting: give the person `error.cancelUrl`. On `booking_over` tell them that there is nothing to cancel; on
    /// `booking_unknown` look the booking up with `upcoming`; if `error.retryable` is true, repeat the call after
    /// `error.retryAfterSeconds`.
    Cancel(CancelRequest) -> CancelView =
        "cancel" Post "/api/calendly/bookings/{booking}/cancel" needs Change [Tool]
        refuses [BookingUnknown BookingOver SharedEvent InProgress];

    /// Moves a booking to another time.
    ///
    /// Only once the person has agreed to the new time. The new time is booked before the old one is given up, so the
    /// person is never left without a meeting. The same call made twice moves once. On `slot_taken` offer the times in
    /// `error.alternatives`; on `shared_event` give the person `error.rescheduleUrl`; on `booking_over` book anew; on
    /// `booking_unknown` look the booking up with `upcoming`; on `budget_exhausted` give the person `error.link`; on
    /// `in_progress` repeat the call unchanged after `error.retryAfterSeconds`.
    Move(MoveRequest) -> MoveView =
        "move" Post "/api/calendly/bookings/{booking}/move" needs Change [Keyed Tool]
        refuses [BookingUnknown BookingOver SharedEvent EventTypeUnknown SlotTaken NoSlot BudgetExhausted PastTime
            TimezoneUnknown InviteeInvalid LocationInvalid InProgress KeyReused];

    /// Marks the person as not having come.
    MarkNoShow(BookingIdRequest) -> NoShowView =
        "mark_no_show" Put "/api/calendly/bookings/{booking}/no-show" needs Change []
        refuses [BookingUnknown BookingOver InProgress];

    /// Takes back that the person did not come.
    UnmarkNoShow(BookingIdRequest) -> NoShowView =
        "unmark_no_show" Delete "/api/calendly/bookings/{booking}/no-show" needs Change []
        refuses [BookingUnknown BookingOver InProgress];

    /// Tells whether the person came, by the host's word.
    NoShow(BookingIdRequest) -> NoShowView =
        "no_show" Get "/api/calendly/bookings/{booking}/no-show" needs Read [] refuses [BookingUnknown];

    /// Makes a link on which a person books once.
    Link(LinkRequest) -> LinkView =
        "link" Post "/api/calendly/links" needs Book []
        refuses [EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown InviteeInvalid];

    /// Lists a host's hours at work.
    Availability(HostRequest) -> AvailabilityView =
        "availability" Get "/api/calendly/hosts/{host}/availability" needs Read [] refuses [HostUnknown];

    /// Lists when a host is busy.
    BusyTimes(BusyTimesRequest) -> BusyView =
        "busy_times" Get "/api/calendly/hosts/{host}/busy" needs Read [] refuses [HostUnknown];

    /// Tells whose token Calendly is asked with.
    Me(Nothing) -> MeView = "me" Get "/api/calendly/me" needs Read [] refuses [];

    /// Tells how the whole stands: the last webhook, the bookings, the queues, the subscription, and what needs a
    /// person's eye.
    Status(Nothing) -> StatusView = "status" Get "/api/status" needs Read [] refuses [];

    /// Shows messages as people would get them, without sending any.
    ///
    /// Each message in each language by each channel, with made-up bookings: one that has all there can be, and one
    /// that lacks all that may be missing; of an SMS also its segments, its encoding and its price.
    PreviewTemplates(PreviewRequest) -> MessagesView = "preview_templates" Post "/api/templates/preview" needs Read [] refuses [];

    /// Lists the tools for function-calling models.
    Tools(Nothing) -> Value = "tools" Get "/api/tools" needs Read [] refuses [];

    /// Tells this document.
    OpenApi(Nothing) -> Value = "openapi" Get "/api/openapi.json" needs Read [] refuses [];
}

impl Route {
    /// The codes of all its refusals.
    pub fn codes(&self) -> Vec<Code> {
        let everywhere =
            [Code::InvalidRequest, Code::Unauthorized, Code::Forbidden, Code::RateLimited, Code::Unavailable];
        let asks_calendly = self.path.starts_with("/api/calendly/");
        let of_calendly = [Code::CalendlyUnavailable, Code::CalendlyRefused].into_iter().filter(|_| asks_calendly);
        everywhere.into_iter().chain(of_calendly).chain(self.refusals.iter().copied()).collect()
    }

    /// What it does, in a sentence.
    pub fn summary(&self) -> String {
        let lines: Vec<_> = self.lines.iter().copied().take_while(|line| !line.trim().is_empty()).collect();
        schema::unwrapped(&lines.join("\n"))
    }

    /// What it does and how to use it.
    pub fn description(&self) -> String {
        schema::unwrapped(&self.lines.join("\n"))
    }

    /// Whether VAI's document shows it: then every body has `success` and `message`.
    pub fn is_vai(&self) -> bool {
        self.traits.contains(&Trait::Vai)
    }

    /// Whether it takes an idempotency key.
    pub fn takes_key(&self) -> bool {
        self.traits.contains(&Trait::Keyed)
    }

    /// Whether models have it as a tool.
    pub fn is_tool(&self) -> bool {
        self.traits.contains(&Trait::Tool)
    }

    /// The name of the parameter in its path.
    pub fn path_parameter(&self) -> Option<&'static str> {
        Some(self.path.split_once('{')?.1.split_once('}')?.0)
    }

    /// What a path has in the place of the parameter, still encoded; `None` when it is another path.
    fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some((before, rest)) = self.path.split_once('{') else {
            return (path == self.path).then_some("");
        };
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        let found = path.strip_prefix(before)?.strip_suffix(after)?;
        // An id may be a URI whose slashes were decoded on the way here.
        let fits = !found.is_empty() && (!found.contains('/') || found.starts_with("https:"));
        fits.then_some(found)
    }
}

impl Operation {
    /// All that is told of it.
    pub fn route(self) -> &'static Route {
        &ROUTES[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.route().name
    }

    /// The operation of a name.
    pub fn parse(name: &str) -> Option<Self> {
        ROUTES.iter().find(|it| it.name == name).map(|it| it.operation)
    }
}

/// Whether a path is one of those that VAI's document shows: then every body has `success` and `message`.
pub fn is_vai_path(path: &str) -> bool {
    candidates(path).iter().any(|it| it.is_vai())
}

/// A direct invocation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invocation {
    /// The operation's name.
    #[schemars(length(min = 1, max = 64))]
    pub operation: String,
    /// Whose Calendly; `default` when left out.
    #[schemars(length(min = 1, max = 40))]
    pub connection: Option<String>,
    /// By which the same call is known again.
    #[schemars(length(min = 1, max = 255))]
    pub idempotency_key: Option<String>,
    /// The operation's input.
    #[schemars(with = "Map<String, Value>")]
    #[serde(default)]
    pub input: Value,
}

impl Request for Invocation {}

/// A request has at most so many bytes: what is kept of it must fit into a row of the table.
pub const LARGEST_REQUEST: usize = 128 * 1024;

/// Why an HTTP request is no call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteError {
    /// There is nothing at this path.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed {
        /// Those it takes.
        allowed: Vec<Method>,
    },
    /// The input is not as it must be.
    Faults {
        /// The operation that was meant.
        operation: Operation,
        /// Everything that is wrong with the input.
        faults: Vec<Fault>,
    },
}

impl Call {
    /// Reads a direct invocation's call.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_direct(operation: &str, input: Value) -> Result<Self, Vec<Fault>> {
        let operation = Operation::parse(operation).ok_or_else(|| {
            let names: Vec<_> = ROUTES.iter().map(|it| it.name).collect();
            vec![Fault::new("operation", format!("must be one of {}", names.join(", ")))]
        })?;
        let input = if input.is_null() { Value::Object(Map::new()) } else { input };
        fits(input.to_string().len())?;
        Self::read(operation, input, &[])
    }

    /// Reads an HTTP request's call. The path and the query are as they were sent, percent-encoded.
    ///
    /// # Errors
    /// It leads nowhere, or everything that is wrong with its input.
    pub fn from_http(method: &str, path: &str, query: &str, body: &[u8]) -> Result<Self, RouteError> {
        let candidates = candidates(path);
        if candidates.is_empty() {
            return Err(RouteError::NotFound);
        }
        let Some(route) = candidates.iter().find(|it| it.method.name() == method) else {
            return Err(RouteError::MethodNotAllowed { allowed: candidates.iter().map(|it| it.method).collect() });
        };
        let operation = route.operation;
        route.read(path, query, body).map_err(|faults| RouteError::Faults { operation, faults })
    }
}

fn fits(length: usize) -> Result<(), Vec<Fault>> {
    let problem = || vec![Fault::new("body", format!("must be at most {} KiB long", LARGEST_REQUEST / 1024))];
    if length > LARGEST_REQUEST { Err(problem()) } else { Ok(()) }
}

/// The routes of a path, for each method that it takes. Of several that fit the most particular counts.
fn candidates(path: &str) -> Vec<&'static Route> {
    let fitting = || ROUTES.iter().filter(|it| it.matches(path).is_some());
    let nearest = fitting().map(|it| it.path).max_by_key(|it| it.len());
    fitting().filter(|it| Some(it.path) == nearest).collect()
}

impl Route {
    fn read(&self, path: &str, query: &str, body: &[u8]) -> Result<Call, Vec<Fault>> {
        let in_path = self.path_parameter().zip(self.matches(path));
        let in_path =
            in_path.map(|(name, text)| (name.to_owned(), percent_decode_str(text).decode_utf8_lossy().into()));
        let in_query = form_urlencoded::parse(query.as_bytes()).into_owned();
        if self.method == Method::Get {
            let params: Vec<_> = in_path.into_iter().chain(in_query).collect();
            return Call::read(self.operation, Value::Object(Map::new()), &params);
        }
        // What acts takes its input from the body: queries are written to logs on their way.
        if in_query.count() > 0 {
            return Err(vec![Fault::new("query", "must be empty: the input is the body")]);
        }
        fits(body.len())?;
        Call::read(self.operation, json(body)?, in_path.as_slice())
    }
}
