//! The operations: one table for routing, the `OpenAPI` document and the tools.

use domain::Scope;
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::{
    AvailabilityView, BookAnswer, BookingView, BusyView, CancelView, CodeConfirmedView, CodeSentView, EventTypesView,
    HoldView, LinkView, MeView, MessagesView, MetadataView, MoveView, NoShowView, StatusView, TimelineView, TimesView,
    ToolView, UpcomingAnswer,
};
use crate::connection_answer::{ConnectionView, ConnectionsView, LoginLinkView};
use crate::connection_request::{
    ConnectionIdRequest, CreateConnectionRequest, RotateSigningKeyRequest, UpdateConnectionRequest,
};
use crate::endpoint_answer::{
    AllStatisticsView, AttemptsView, CatchUpView, CreatedEndpointView, DoneView, EndpointView, EndpointsView, FeedView,
    PostedEventsView, RotatedSecretView, SetupTokenView, SetupView, StatisticsView, TestView, UpdatedEndpointView,
    WebhookEventTypesView, WebhookKeysView,
};
use crate::endpoint_request::{
    AllStatisticsRequest, AttemptsRequest, BookingEventsRequest, ConversationEventsRequest, CreateEndpointRequest,
    EndpointEventsRequest, EndpointIdRequest, EndpointStatisticsRequest, ListEndpointsRequest, PostEventsRequest,
    RecoverRequest, ReplayRequest, RotateSecretRequest, SetupRequest, SetupTokenRequest, TestEndpointRequest,
    UpdateEndpointRequest, WebhookKeysRequest,
};
use crate::import::{ImportRequest, ImportView, ImportsView};
use crate::read::{json, read_with};
use crate::refusal::Code;
use crate::report::{BookingsView, ListBookingsRequest, ReportRequest, ReportView};
use crate::request::{
    AlternativesRequest, AvailableTimesRequest, BookRequest, BookingIdRequest, BusyTimesRequest, CancelRequest,
    ConfirmCodeRequest, ConfirmRequest, EventTypesRequest, HostRequest, LinkRequest, MoveRequest, Nothing,
    PreviewRequest, SendCodeRequest, UpcomingRequest,
};
use crate::settings_answer::{SettingsChangeView, SettingsVersionsView, SettingsView};
use crate::settings_request::{PutSettingsRequest, RestoreSettingsRequest};
use crate::{Fault, Request, schema};

/// An HTTP method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reads. Its input is the query.
    Get,
    /// Acts. Its input is the body.
    Post,
    /// Acts. A second call changes nothing.
    Put,
    /// Changes what the body names.
    Patch,
    /// Undoes.
    Delete,
}

impl Method {
    /// Returns the name, such as `GET`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A function that answers calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// Meetings, for agents.
    Schedule,
    /// Endpoints of webhooks, and events.
    Admin,
}

impl Function {
    /// Returns the function's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Admin => "admin",
        }
    }
}

/// What a caller must present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// An API key with the scope [`Scope::Read`].
    Read,
    /// An API key with the scope [`Scope::Book`].
    Book,
    /// An API key with the scope [`Scope::Change`].
    Change,
    /// An API key with the scope [`Scope::Events`].
    Events,
    /// An API key with the scope [`Scope::Admin`].
    Admin,
    /// An API key with the scope [`Scope::Connections`].
    Connections,
    /// The catch-up token of an endpoint. It opens nothing else.
    CatchUpToken,
    /// Nothing: the answer is public, or the input proves who calls.
    Nothing,
}

impl Access {
    /// Returns the scope that an API key needs; `None` if no API key is asked for.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Read => Some(Scope::Read),
            Self::Book => Some(Scope::Book),
            Self::Change => Some(Scope::Change),
            Self::Events => Some(Scope::Events),
            Self::Admin => Some(Scope::Admin),
            Self::Connections => Some(Scope::Connections),
            Self::CatchUpToken | Self::Nothing => None,
        }
    }

    /// Returns the name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::CatchUpToken => "catch-up token",
            Self::Nothing => "nothing",
            Self::Read | Self::Book | Self::Change | Self::Events | Self::Admin | Self::Connections => {
                self.scope().map_or("", Scope::name)
            }
        }
    }
}

/// A property of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trait {
    /// It is in VAI's own document: every body has `success` and `message`.
    Vai,
    /// It accepts an idempotency key.
    Keyed,
    /// It is a tool for language models.
    Tool,
    /// It takes many events at once.
    Large,
    /// Its answer may be kept for a day.
    Cached,
    /// Its answer may be a file of comma-separated values.
    Csv,
    /// It is about one person: it takes the headers that say whom the caller's agent talks to.
    Person,
    /// It shows bookings of everybody: it needs a trusted caller.
    Everybody,
}

/// An operation with everything that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The operation.
    pub operation: Operation,
    /// Its name, for direct invocation and as a tool.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path, with at most one `{parameter}`.
    pub path: &'static str,
    /// What a caller must present.
    pub access: Access,
    /// The function that answers.
    pub function: Function,
    /// The codes of its own refusals.
    refusals: &'static [Code],
    lines: &'static [&'static str],
    traits: &'static [Trait],
}

macro_rules! operations {
    ($(function $function:ident($calls:ident): $(
        $(#[doc = $doc:literal])+
        $name:ident($request:ty) -> $answer:ty =
            $text:literal $method:ident $path:literal needs $access:ident [$($trait:ident)*]
            refuses [$($code:ident)*];
    )*)*) => {
        /// The operations.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Operation {
            $($($(#[doc = $doc])+ $name,)*)*
        }

        /// Every operation, in the order of [`Operation`].
        pub const ROUTES: &[Route] = &[$($(Route {
            operation: Operation::$name,
            name: $text,
            method: Method::$method,
            path: $path,
            access: Access::$access,
            function: Function::$function,
            refusals: &[$(Code::$code,)*],
            lines: &[$($doc,)+],
            traits: &[$(Trait::$trait,)*],
        },)*)*];

        $(
            #[doc = concat!("A call of the function ", stringify!($function), ".")]
            #[derive(Clone, PartialEq, Eq, Debug)]
            pub enum $calls {
                $($(#[doc = $doc])+ $name($request),)*
            }
        )*

        /// A call with its input.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Call {
            $(#[doc = concat!("Of the function ", stringify!($function), ".")] $function($calls),)*
        }

        impl Call {
            /// Returns its operation.
            pub fn operation(&self) -> Operation {
                match self { $(Self::$function(call) => match call { $($calls::$name(_) => Operation::$name,)* },)* }
            }

            /// Returns the language that the request asks for, a BCP 47 tag.
            pub fn language(&self) -> Option<&str> {
                match self { $(Self::$function(call) => match call { $($calls::$name(it) => it.language(),)* },)* }
            }

            /// Returns the connection that the request itself names.
            pub fn connection(&self) -> Option<&str> {
                match self { $(Self::$function(call) => match call { $($calls::$name(it) => it.connection(),)* },)* }
            }

            /// Returns the conversation that the request itself names.
            pub fn conversation(&self) -> Option<&str> {
                match self { $(Self::$function(call) => match call { $($calls::$name(it) => it.conversation(),)* },)* }
            }

            /// Returns the user that the request itself names.
            pub fn user(&self) -> Option<&str> {
                match self { $(Self::$function(call) => match call { $($calls::$name(it) => it.user(),)* },)* }
            }

            /// Returns the booking that the request names, by any of its ids.
            pub fn booking(&self) -> Option<&str> {
                match self { $(Self::$function(call) => match call { $($calls::$name(it) => it.booking(),)* },)* }
            }

            fn read(operation: Operation, body: Value, params: &[(String, String)]) -> Result<Self, Vec<Fault>> {
                match operation {
                    $($(Operation::$name => {
                        read_with(body, params).map(|request| Self::$function($calls::$name(request)))
                    })*)*
                }
            }
        }

        impl Operation {
            /// Returns the schema of its input, without references.
            pub(crate) fn input(self) -> Map<String, Value> {
                match self { $($(Self::$name => schema::inline_schema::<$request>(),)*)* }
            }

            /// Returns whether language models write its input: see [`Request::IS_FROM_MODELS`].
            pub(crate) fn is_from_models(self) -> bool {
                match self { $($(Self::$name => <$request as Request>::IS_FROM_MODELS,)*)* }
            }

            /// Returns a reference to the schema of its input.
            pub(crate) fn request_schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $($(Self::$name => generator.subschema_for::<$request>(),)*)* }
            }

            /// Returns a reference to the schema of its answer.
            pub(crate) fn answer_schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $($(Self::$name => generator.subschema_for::<$answer>(),)*)* }
            }
        }
    };
}

operations! {
    function Schedule(ScheduleCall):

    /// Lists the event types that can be booked.
    ///
    /// Begin here, unless you already know the event types. Each has a name, a duration, hosts, the questions of its
    /// form and the offered locations. Copy names and questions exactly into later calls.
    EventTypes(EventTypesRequest) -> EventTypesView =
        "event_types" Get "/api/calendly/event-types" needs Read [Tool] refuses [EventTypeUnknown TopicAmbiguous];

    /// Lists the free times of an event type, by day.
    ///
    /// Offer only times that this or `alternatives` returned; never invent one. A free time may be taken a moment
    /// later.
    AvailableTimes(AvailableTimesRequest) -> TimesView =
        "available_times" Get "/api/calendly/available-times" needs Read [Tool]
        refuses [EventTypeUnknown TopicAmbiguous HostUnknown TimezoneUnknown];

    /// Lists free times near the time that a person prefers.
    ///
    /// Use it before booking, when the person has no fixed time in mind or has refused one. Offer the `localTime` of a
    /// few; book with the `startTime` of the one they choose.
    Alternatives(AlternativesRequest) -> TimesView =
        "alternatives" Get "/api/calendly/alternatives" needs Read [Tool Person]
        refuses [EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown NoSlot InviteeInvalid TimezoneUnknown];

    /// Books a meeting.
    ///
    /// Call it only after the person has agreed to the time and given their name and e-mail address. It is booked only
    /// if `success` is true. If an answer was lost, repeat the call unchanged: it books once.
    ///
    /// If `success` is false, read out `message` and act on `error.code`:
    /// - `slot_taken`: offer each `localTime` in `error.alternatives`; book the `startTime` they choose.
    /// - `already_booked`: they have it, at `error.localTime`.
    /// - `no_slot`: look in another week with `available_times`.
    /// - `question_missing`, `answer_invalid`: ask, and book again with `customAnswers`.
    /// - `invitee_invalid`: ask for `error.field`.
    /// - `event_type_unknown`, `topic_unknown`, `host_unknown`: use one of `error.near`.
    /// - `topic_ambiguous`: let the person choose one of `error.candidates`; use its `uri` as `eventType`.
    /// - `location_invalid`: use `error.offered`.
    /// - `budget_exhausted`: give the person `error.link`.
    /// - `key_reused`: look at `error.booking`.
    /// - others with `error.retryable`: repeat unchanged after `error.retryAfterSeconds`.
    Book(BookRequest) -> BookAnswer =
        "book" Post "/api/calendly/schedule" needs Book [Vai Keyed Tool Person]
        refuses [SlotTaken AlreadyBooked NoSlot EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown QuestionMissing
            AnswerInvalid LocationInvalid BudgetExhausted InviteeInvalid PastTime TimezoneUnknown InProgress KeyReused];

    /// Prepares a booking that the person must confirm.
    ///
    /// It has the same input as `book` and checks all of it, but books nothing. Read `message` to the person. If they
    /// agree, call `confirm` with the `hold` from the answer before `expiresAt`. The time is not reserved. The refusals
    /// are those of `book`.
    Hold(BookRequest) -> HoldView =
        "hold" Post "/api/calendly/hold" needs Book [Tool Person]
        refuses [SlotTaken AlreadyBooked NoSlot EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown QuestionMissing
            AnswerInvalid LocationInvalid BudgetExhausted InviteeInvalid PastTime TimezoneUnknown InProgress KeyReused];

    /// Books a prepared booking.
    ///
    /// Call it only after the person has agreed. A hold that is confirmed twice books once, so repeat the call if an
    /// answer was lost. On `slot_taken` offer the times in `error.alternatives` and begin again; on `hold_expired` or
    /// `hold_unknown` prepare a new hold; on `budget_exhausted` give the person `error.link`; on `in_progress` repeat
    /// the call after `error.retryAfterSeconds`.
    Confirm(ConfirmRequest) -> BookAnswer =
        "confirm" Post "/api/calendly/confirm" needs Book [Tool Person]
        refuses [HoldUnknown HoldExpired SlotTaken AlreadyBooked NoSlot EventTypeUnknown BudgetExhausted InviteeInvalid LocationInvalid
            PastTime InProgress KeyReused];

    /// Lists a person's upcoming meetings.
    ///
    /// Use it to find the `id` of a booking that the person wants to cancel or move. List only the meetings of the
    /// person you are talking to. On `not_yours` offer the person a code with `send_code`.
    Upcoming(UpcomingRequest) -> UpcomingAnswer =
        "upcoming" Get "/api/calendly/upcoming/{userEmail}" needs Read [Vai Tool Person]
        refuses [InviteeInvalid NotYours];

    /// Sends the person a code, with which they show that a booking is theirs.
    ///
    /// Use it after `not_yours`, when the person agrees. The code goes to the e-mail address or the phone on the
    /// booking, never to one that the person names otherwise. The answer is the same if there is no such booking. Read
    /// out `message`, ask for the six digits, and call `confirm_code` with the `challenge` from the answer. On
    /// `code_impossible` say that the person can use the links in the messages about the booking, or ask the host.
    SendCode(SendCodeRequest) -> CodeSentView =
        "send_code" Post "/api/codes" needs Read [Tool Person] refuses [InviteeInvalid CodeImpossible];

    /// Checks the code that the person has read out.
    ///
    /// After it, the person's bookings can be listed, moved and canceled in this conversation for an hour. A code works
    /// once, for ten minutes, and can be tried five times. On `code_invalid` ask once more, or offer a new code.
    ConfirmCode(ConfirmCodeRequest) -> CodeConfirmedView =
        "confirm_code" Post "/api/codes/confirm" needs Read [Tool Person] refuses [CodeInvalid];

    /// Returns a booking.
    Booking(BookingIdRequest) -> BookingView =
        "booking" Get "/api/calendly/bookings/{booking}" needs Read [Person]
        refuses [BookingUnknown NotYours];

    /// Returns a booking's timeline: what happened, what was sent, what was not sent, and why.
    Timeline(BookingIdRequest) -> TimelineView =
        "timeline" Get "/api/calendly/bookings/{booking}/timeline" needs Read [Person]
        refuses [BookingUnknown NotYours];

    /// Returns the metadata that VAI stored with a booking.
    Metadata(BookingIdRequest) -> MetadataView =
        "metadata" Get "/api/calendly/metadata/{booking}" needs Read [Person]
        refuses [BookingUnknown NotYours];

    /// Cancels a booking.
    ///
    /// Call it only after the person has said which one, and that they are sure. On `shared_event` other people are in
    /// the same meeting: give the person `error.cancelUrl`. On `booking_over` say that there is nothing to cancel; on
    /// `booking_unknown` look the booking up with `upcoming`; on `not_yours` offer the person a code with `send_code`;
    /// if `error.retryable` is true, repeat the call after `error.retryAfterSeconds`.
    Cancel(CancelRequest) -> CancelView =
        "cancel" Post "/api/calendly/bookings/{booking}/cancel" needs Change [Tool Person]
        refuses [BookingUnknown NotYours BookingOver SharedEvent InProgress];

    /// Moves a booking to another time.
    ///
    /// Call it only after the person has agreed to the new time. The new time is booked before the old one is canceled,
    /// so the person always has a meeting. A repeated call moves once. On `slot_taken` offer the times in
    /// `error.alternatives`; on `shared_event` give the person `error.rescheduleUrl`; on `booking_over` make a new
    /// booking; on `booking_unknown` look the booking up with `upcoming`; on `not_yours` offer the person a code with
    /// `send_code`; on `budget_exhausted` give the person `error.link`; on `in_progress` repeat the call unchanged
    /// after `error.retryAfterSeconds`.
    Move(MoveRequest) -> MoveView =
        "move" Post "/api/calendly/bookings/{booking}/move" needs Change [Keyed Tool Person]
        refuses [BookingUnknown NotYours BookingOver SharedEvent EventTypeUnknown SlotTaken NoSlot BudgetExhausted PastTime
            TimezoneUnknown InviteeInvalid LocationInvalid InProgress KeyReused];

    /// Marks the person as a no-show.
    MarkNoShow(BookingIdRequest) -> NoShowView =
        "mark_no_show" Put "/api/calendly/bookings/{booking}/no-show" needs Change [Person]
        refuses [BookingUnknown NotYours BookingOver InProgress];

    /// Removes the no-show mark.
    UnmarkNoShow(BookingIdRequest) -> NoShowView =
        "unmark_no_show" Delete "/api/calendly/bookings/{booking}/no-show" needs Change [Person]
        refuses [BookingUnknown NotYours BookingOver InProgress];

    /// Returns whether the person is marked as a no-show.
    NoShow(BookingIdRequest) -> NoShowView =
        "no_show" Get "/api/calendly/bookings/{booking}/no-show" needs Read [Person]
        refuses [BookingUnknown NotYours];

    /// Creates a link with which a person can book once.
    Link(LinkRequest) -> LinkView =
        "link" Post "/api/calendly/links" needs Book [Person]
        refuses [EventTypeUnknown TopicUnknown TopicAmbiguous HostUnknown InviteeInvalid];

    /// Lists a host's working hours.
    Availability(HostRequest) -> AvailabilityView =
        "availability" Get "/api/calendly/hosts/{host}/availability" needs Read [] refuses [HostUnknown];

    /// Lists when a host is busy.
    BusyTimes(BusyTimesRequest) -> BusyView =
        "busy_times" Get "/api/calendly/hosts/{host}/busy" needs Read [] refuses [HostUnknown];

    /// Returns the owner of the Calendly token.
    Me(Nothing) -> MeView = "me" Get "/api/calendly/me" needs Read [] refuses [];

    /// Returns the state of the system: the last webhook, the bookings, the queues, the subscription, and problems that
    /// a person must look at.
    Status(Nothing) -> StatusView = "status" Get "/api/status" needs Read [] refuses [];

    /// Shows messages as people would receive them, without sending any.
    ///
    /// Each message is shown in each language and channel, with two made-up bookings: one with all optional values, one
    /// with none. For an SMS, the segments, encoding and price are shown, too.
    PreviewTemplates(PreviewRequest) -> MessagesView = "preview_templates" Post "/api/templates/preview" needs Read [] refuses [];

    /// Lists the tools for function-calling models.
    Tools(Nothing) -> Vec<ToolView> = "tools" Get "/api/tools" needs Read [] refuses [];

    /// Returns this document.
    OpenApi(Nothing) -> Map<String, Value> = "openapi" Get "/api/openapi.json" needs Read [] refuses [];

    function Admin(AdminCall):

    /// Creates an endpoint: where a customer's events go, and which they are.
    ///
    /// The shape of VAI's own documents is accepted. The URL is not called, unless `verify` is true; its events wait
    /// until it has answered a signed test. `secret` and `catchUpToken` are shown in this answer only. The same request
    /// with the same idempotency key, or with the same `id`, gives the same endpoint, without them. A connection has at
    /// most 50 endpoints.
    CreateEndpoint(CreateEndpointRequest) -> CreatedEndpointView =
        "create_endpoint" Post "/api/endpoints" needs Admin [Keyed]
        refuses [KeyReused TooManyEndpoints];

    /// Lists the endpoints, in the order of their ids.
    ListEndpoints(ListEndpointsRequest) -> EndpointsView =
        "list_endpoints" Get "/api/endpoints" needs Admin [] refuses [];

    /// Returns an endpoint.
    Endpoint(EndpointIdRequest) -> EndpointView =
        "endpoint" Get "/api/endpoints/{endpoint}" needs Admin [] refuses [EndpointUnknown];

    /// Changes the fields of an endpoint that the body has.
    ///
    /// `headers`, `events`, `output` and `retryConfig` are replaced as a whole. An empty `condition` or `description`
    /// removes it. An endpoint with another URL must be verified again: until then its events wait. A `secret` replaces
    /// the old one as `rotate_secret` does, with a grace of a day.
    UpdateEndpoint(UpdateEndpointRequest) -> UpdatedEndpointView =
        "update_endpoint" Patch "/api/endpoints/{endpoint}" needs Admin [] refuses [EndpointUnknown];

    /// Deletes an endpoint. It gets nothing any more, and its catch-up token opens nothing.
    DeleteEndpoint(EndpointIdRequest) -> DoneView =
        "delete_endpoint" Delete "/api/endpoints/{endpoint}" needs Admin [] refuses [EndpointUnknown];

    /// Enables an endpoint that was disabled. The events since then are sent.
    EnableEndpoint(EndpointIdRequest) -> EndpointView =
        "enable_endpoint" Post "/api/endpoints/{endpoint}/enable" needs Admin []
        refuses [EndpointUnknown EndpointInactive];

    /// Disables an endpoint: its events wait until it is enabled.
    DisableEndpoint(EndpointIdRequest) -> EndpointView =
        "disable_endpoint" Post "/api/endpoints/{endpoint}/disable" needs Admin []
        refuses [EndpointUnknown EndpointInactive];

    /// Replaces the secret and the catch-up token of an endpoint.
    ///
    /// During the grace, deliveries are signed with both secrets. The old catch-up token opens nothing from now on.
    /// Both new ones are shown in this answer only.
    RotateSecret(RotateSecretRequest) -> RotatedSecretView =
        "rotate_secret" Post "/api/endpoints/{endpoint}/rotate-secret" needs Admin [] refuses [EndpointUnknown];

    /// Sends a signed sample to an endpoint, and answers what came back.
    ///
    /// An endpoint that was not verified is verified by a success: its events are sent from now on. The sample is no
    /// delivery: it has no number, is not repeated and does not count.
    TestEndpoint(TestEndpointRequest) -> TestView =
        "test_endpoint" Post "/api/endpoints/{endpoint}/test" needs Admin [] refuses [EndpointUnknown];

    /// Returns the statistics of an endpoint, by hour.
    EndpointStatistics(EndpointStatisticsRequest) -> StatisticsView =
        "endpoint_statistics" Get "/api/endpoints/{endpoint}/statistics" needs Admin [] refuses [EndpointUnknown];

    /// Returns the statistics of all endpoints.
    AllStatistics(AllStatisticsRequest) -> AllStatisticsView =
        "all_statistics" Get "/api/endpoints/statistics" needs Admin [] refuses [];

    /// Lists the deliveries to an endpoint with their attempts, newest event first.
    Attempts(AttemptsRequest) -> AttemptsView =
        "attempts" Get "/api/endpoints/{endpoint}/attempts" needs Admin [] refuses [EndpointUnknown];

    /// Repeats a delivery that has ended, or all that ended of events since an instant.
    ///
    /// A repeated delivery has the same id and body. Receivers recognize it by `webhook-id`.
    Replay(ReplayRequest) -> DoneView =
        "replay" Post "/api/endpoints/{endpoint}/replay" needs Admin []
        refuses [EndpointUnknown EndpointInactive DeliveryUnknown];

    /// Repeats the deliveries that were given up, of events since an instant.
    Recover(RecoverRequest) -> DoneView =
        "recover" Post "/api/endpoints/{endpoint}/recover" needs Admin [] refuses [EndpointUnknown EndpointInactive];

    /// Makes a token with which a receiver registers its own URL, once and within an hour.
    SetupToken(SetupTokenRequest) -> SetupTokenView =
        "setup_token" Post "/api/endpoints/setup-token" needs Admin [] refuses [];

    /// Creates an endpoint with a setup token. The receiver calls this; it has no API key.
    Setup(SetupRequest) -> SetupView =
        "setup" Post "/api/endpoints/setup" needs Nothing [] refuses [SetupTokenInvalid TooManyEndpoints];

    /// Takes events of VAI, one or up to 100 under `events`.
    ///
    /// Each is checked and answered by itself: a refused event of a batch does not stop the others. An event with the
    /// id of an earlier one changes nothing, so a call may be repeated unchanged. A single event that is not valid is
    /// refused as a whole.
    PostEvents(PostEventsRequest) -> PostedEventsView =
        "post_events" Post "/api/events" needs Events [Large] refuses [];

    /// Lists the types of events, each with its JSON Schema and a sample.
    WebhookEventTypes(Nothing) -> WebhookEventTypesView =
        "webhook_event_types" Get "/api/events/types" needs Read [] refuses [];

    /// Lists the events of a booking that the token's endpoint got or was to get, in order.
    BookingEvents(BookingEventsRequest) -> CatchUpView =
        "booking_events" Get "/api/bookings/{booking}/events" needs CatchUpToken [Person] refuses [NotYours];

    /// Lists the events of a conversation that the token's endpoint got or was to get, in order.
    ConversationEvents(ConversationEventsRequest) -> CatchUpView =
        "conversation_events" Get "/api/conversations/{conversation}/events" needs CatchUpToken [Person]
        refuses [NotYours];

    /// Lists the events of the token's endpoint, for endpoints that ask for their events instead of being called.
    ///
    /// Store `next` after you have handled the events, and send it as `after` in the next call.
    EndpointEvents(EndpointEventsRequest) -> FeedView =
        "endpoint_events" Get "/api/endpoints/{endpoint}/events" needs CatchUpToken [] refuses [EndpointUnknown];

    /// Returns the public keys that sign a connection's deliveries with ed25519 (`v1a` of Standard Webhooks).
    ///
    /// The answer may be kept for a day. A key is published for longer than that before it signs.
    WebhookKeys(WebhookKeysRequest) -> WebhookKeysView =
        "webhook_keys" Get "/.well-known/webhook-keys/{connection}" needs Nothing [Cached] refuses [];

    /// Makes a new ed25519 key for the connection, and returns its public keys.
    ///
    /// The new key is published at once and signs in 25 hours, when every copy of the public keys has it. So receivers
    /// have nothing to do. While a new key waits, another call changes nothing.
    RotateWebhookKey(Nothing) -> WebhookKeysView =
        "rotate_webhook_key" Post "/api/endpoints/rotate-webhook-key" needs Admin [] refuses [];

    /// Lists bookings whose meetings begin within a span.
    ///
    /// They are listed by status, then by start. Invitees are not named: ask for one booking for that. It needs a
    /// trusted key, because it lists the bookings of every conversation.
    ListBookings(ListBookingsRequest) -> BookingsView =
        "list_bookings" Get "/api/bookings" needs Read [Everybody] refuses [NotYours];

    /// Counts bookings: booked, moved, canceled (by whom, about time), no-shows, completed, and how long ahead.
    BookingsReport(ReportRequest) -> ReportView =
        "bookings_report" Get "/api/reports/bookings" needs Read [Csv] refuses [];

    /// Creates a connection: a customer's Calendly account.
    ///
    /// With a personal access token in `credentials`, the account is connected at once, and its webhook subscription is
    /// made. Without one, give the link of `calendly_login` to the customer. A repeated call changes nothing. It also
    /// connects an account again; an account of another organization is refused.
    CreateConnection(CreateConnectionRequest) -> ConnectionView =
        "create_connection" Post "/api/connections" needs Connections []
        refuses [AccountRefused CalendlyUnavailable];

    /// Lists the connections of the stack.
    ListConnections(Nothing) -> ConnectionsView =
        "list_connections" Get "/api/connections" needs Connections [] refuses [];

    /// Returns a connection.
    Connection(ConnectionIdRequest) -> ConnectionView =
        "connection" Get "/api/connections/{connection}" needs Admin [] refuses [ConnectionUnknown];

    /// Replaces keys of Calendly and the providers.
    ///
    /// A new `calendly_token` connects the account again.
    UpdateConnection(UpdateConnectionRequest) -> ConnectionView =
        "update_connection" Patch "/api/connections/{connection}" needs Admin []
        refuses [ConnectionUnknown AccountRefused CalendlyUnavailable];

    /// Makes a link with which the customer logs in to Calendly, for the first time or again.
    ///
    /// It works once, for ten minutes.
    CalendlyLogin(ConnectionIdRequest) -> LoginLinkView =
        "calendly_login" Post "/api/connections/{connection}/calendly-login" needs Admin []
        refuses [ConnectionUnknown LoginUnavailable];

    /// Makes a new webhook subscription with a new signing key, and deletes the old one.
    ///
    /// Webhooks that are on their way are still accepted.
    RotateSigningKey(RotateSigningKeyRequest) -> ConnectionView =
        "rotate_signing_key" Post "/api/connections/{connection}/rotate-signing-key" needs Admin []
        refuses [ConnectionUnknown AccountRefused CalendlyUnavailable];

    /// Switches a connection off.
    ///
    /// What happens at Calendly is still recorded. Nothing is sent or booked.
    DisableConnection(ConnectionIdRequest) -> ConnectionView =
        "disable_connection" Post "/api/connections/{connection}/disable" needs Admin [] refuses [ConnectionUnknown];

    /// Switches a connection on again.
    EnableConnection(ConnectionIdRequest) -> ConnectionView =
        "enable_connection" Post "/api/connections/{connection}/enable" needs Admin [] refuses [ConnectionUnknown];

    /// Returns the settings of a connection, and how far the last re-planning is.
    Settings(ConnectionIdRequest) -> SettingsView =
        "settings" Get "/api/connections/{connection}/settings" needs Admin [] refuses [ConnectionUnknown];

    /// Replaces the settings of a connection.
    ///
    /// The document is checked whole, and nothing is written if it has an error. Then the messages of meetings that are
    /// booked are planned again. With `dryRun`, the answer says what would change.
    PutSettings(PutSettingsRequest) -> SettingsChangeView =
        "put_settings" Put "/api/connections/{connection}/settings" needs Admin []
        refuses [ConnectionUnknown];

    /// Lists the versions of the settings, with what each changed.
    SettingsVersions(ConnectionIdRequest) -> SettingsVersionsView =
        "settings_versions" Get "/api/connections/{connection}/settings/versions" needs Admin []
        refuses [ConnectionUnknown];

    /// Returns to an earlier version of the settings, as a new version.
    RestoreSettings(RestoreSettingsRequest) -> SettingsChangeView =
        "restore_settings" Post "/api/connections/{connection}/settings/restore" needs Admin []
        refuses [ConnectionUnknown];

    /// Returns the JSON Schema of a settings document, for editors.
    SettingsSchema(Nothing) -> Map<String, Value> =
        "settings_schema" Get "/api/settings/schema" needs Read [] refuses [];

    /// Imports meetings that exist at Calendly.
    ///
    /// Their reminders are planned, and their invitees become contacts of the CRM. Nobody is told of what has happened
    /// before. Importing again changes nothing. It goes on by itself; `last_import` says how far it is.
    ImportBookings(ImportRequest) -> ImportView =
        "import_bookings" Post "/api/connections/{connection}/import" needs Admin []
        refuses [ConnectionUnknown BookingUnknown];

    /// Returns how far the last import is.
    LastImport(ConnectionIdRequest) -> ImportsView =
        "last_import" Get "/api/connections/{connection}/import" needs Admin [] refuses [ConnectionUnknown];

    /// Deletes a connection: its webhook subscription, its login, its keys and its endpoints.
    ///
    /// Its bookings expire by themselves.
    DeleteConnection(ConnectionIdRequest) -> DoneView =
        "delete_connection" Delete "/api/connections/{connection}" needs Connections []
        refuses [ConnectionUnknown CalendlyUnavailable];
}

impl Route {
    /// Returns the codes of all its refusals.
    pub fn codes(&self) -> Vec<Code> {
        let mut common = vec![Code::InvalidRequest, Code::Unavailable];
        if self.access != Access::Nothing {
            common.extend([Code::Unauthorized, Code::RateLimited]);
        }
        common.extend(self.access.scope().map(|_| Code::Forbidden));
        // A value that is no name may make a path that leads nowhere; so may a token that names no connection.
        let may_lead_nowhere = self.path_parameter().is_some() || self.access == Access::Nothing;
        common.extend(may_lead_nowhere.then_some(Code::NotFound));
        common.extend(matches!(self.access, Access::Book | Access::Change).then_some(Code::ConnectionDisabled));
        let calls_calendly = self.path.starts_with("/api/calendly/");
        let calendly = [Code::CalendlyUnavailable, Code::CalendlyRefused].into_iter().filter(|_| calls_calendly);
        common.into_iter().chain(calendly).chain(self.refusals.iter().copied()).collect()
    }

    /// Returns what it does, in one sentence.
    pub fn summary(&self) -> String {
        let lines: Vec<_> = self.lines.iter().copied().take_while(|line| !line.trim().is_empty()).collect();
        schema::unwrap_lines(&lines.join("\n"))
    }

    /// Returns what it does and how to use it.
    pub fn description(&self) -> String {
        schema::unwrap_lines(&self.lines.join("\n"))
    }

    /// Returns whether it is in VAI's own document. If so, every body has `success` and `message`.
    pub fn is_vai(&self) -> bool {
        self.traits.contains(&Trait::Vai)
    }

    /// Returns whether it accepts an idempotency key.
    pub fn takes_key(&self) -> bool {
        self.traits.contains(&Trait::Keyed)
    }

    /// Returns whether it is a tool for language models.
    pub fn is_tool(&self) -> bool {
        self.traits.contains(&Trait::Tool)
    }

    /// Returns whether its answer may be kept for a day.
    pub fn is_cached(&self) -> bool {
        self.traits.contains(&Trait::Cached)
    }

    /// Returns whether its answer may be a file of comma-separated values.
    pub fn may_be_csv(&self) -> bool {
        self.traits.contains(&Trait::Csv)
    }

    /// Returns whether it is about one person, so that it takes the headers that say whom the caller's agent talks to.
    pub fn is_about_person(&self) -> bool {
        self.traits.contains(&Trait::Person)
    }

    /// Returns whether it shows bookings of everybody, so that it needs a trusted caller.
    pub fn is_about_everybody(&self) -> bool {
        self.traits.contains(&Trait::Everybody)
    }

    /// Returns the most bytes of its request.
    fn largest(&self) -> usize {
        if self.traits.contains(&Trait::Large) { LARGEST_BATCH } else { LARGEST_REQUEST }
    }

    /// Returns the name of the parameter in its path.
    pub fn path_parameter(&self) -> Option<&'static str> {
        Some(self.path.split_once('{')?.1.split_once('}')?.0)
    }

    /// Returns the value of the parameter in a path, still encoded; `None` if the path does not match.
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
    /// Returns its route.
    pub fn route(self) -> &'static Route {
        &ROUTES[self as usize]
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        self.route().name
    }

    /// Returns the operation with a name.
    pub fn parse(name: &str) -> Option<Self> {
        ROUTES.iter().find(|it| it.name == name).map(|it| it.operation)
    }

    /// Returns the operations of a function.
    pub fn of(function: Function) -> impl Iterator<Item = Self> {
        ROUTES.iter().filter(move |it| it.function == function).map(|it| it.operation)
    }
}

/// Returns whether a path is in VAI's own document. If so, every body has `success` and `message`.
pub fn is_vai_path(path: &str) -> bool {
    candidates(Function::Schedule, path).iter().any(|it| it.is_vai())
}

/// Returns whether everything at a path of a function can be called without a key.
pub fn is_public_path(function: Function, path: &str) -> bool {
    let routes = candidates(function, path);
    !routes.is_empty() && routes.iter().all(|it| it.access == Access::Nothing)
}

/// A direct invocation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invocation {
    /// The operation's name.
    #[schemars(length(min = 1, max = 64))]
    pub operation: String,
    /// The connection. Default: `default`.
    #[schemars(length(min = 1, max = 40))]
    pub connection: Option<String>,
    /// Identifies repetitions of the same call.
    #[schemars(length(max = 255))]
    pub idempotency_key: Option<String>,
    /// The conversation that the caller's agent has with the person. The backend says it, never a model.
    #[schemars(length(min = 1, max = 512))]
    pub conversation: Option<String>,
    /// The person's id at VAI, if VAI has verified it.
    #[schemars(length(min = 1, max = 512))]
    pub user: Option<String>,
    /// The operation's input.
    #[schemars(with = "Map<String, Value>")]
    #[serde(default)]
    pub input: Value,
}

impl Request for Invocation {
    fn check(&self) -> Vec<Fault> {
        let is_blank = self.idempotency_key.as_deref().is_some_and(|it| it.trim().is_empty());
        Vec::from_iter(is_blank.then(|| Fault::new("idempotencyKey", "must not be empty")))
    }
}

/// The most bytes of a request. Its stored part must fit into a row of the table.
pub const LARGEST_REQUEST: usize = 128 * 1024;

/// The most bytes of a batch of events.
pub const LARGEST_BATCH: usize = 1024 * 1024;

/// Why an HTTP request is not a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteError {
    /// There is nothing at this path.
    NotFound,
    /// The path does not support this method.
    MethodNotAllowed {
        /// The supported methods.
        allowed: Vec<Method>,
    },
    /// The input is not valid.
    Faults {
        /// The requested operation.
        operation: Operation,
        /// Everything that is wrong with the input.
        faults: Vec<Fault>,
    },
}

impl Call {
    /// Reads the call of a direct invocation of a function.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_direct(function: Function, operation: &str, input: Value) -> Result<Self, Vec<Fault>> {
        let known = Operation::parse(operation).filter(|it| it.route().function == function);
        let operation = known.ok_or_else(|| {
            let names: Vec<_> = Operation::of(function).map(Operation::name).collect();
            vec![Fault::new("operation", format!("must be one of {}", names.join(", ")))]
        })?;
        let input = if input.is_null() { Value::Object(Map::new()) } else { input };
        check_size(input.to_string().len(), operation.route().largest())?;
        Self::read(operation, input, &[])
    }

    /// Reads the call of an HTTP request to a function. The path and the query are percent-encoded, as received.
    ///
    /// # Errors
    /// It leads nowhere, or everything that is wrong with its input.
    pub fn from_http(
        function: Function,
        method: &str,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Result<Self, RouteError> {
        let route = Route::find(function, method, path)?;
        let operation = route.operation;
        route.read(path, query, body).map_err(|faults| RouteError::Faults { operation, faults })
    }
}

fn check_size(length: usize, most: usize) -> Result<(), Vec<Fault>> {
    let problem = || vec![Fault::new("body", format!("must be at most {} KiB long", most / 1024))];
    if length > most { Err(problem()) } else { Ok(()) }
}

/// Returns a function's routes of a path, one for each method. If several paths match, one without a parameter counts,
/// else the longest.
fn candidates(function: Function, path: &str) -> Vec<&'static Route> {
    let matching = || ROUTES.iter().filter(|it| it.function == function && it.matches(path).is_some());
    let best = matching().map(|it| it.path).max_by_key(|it| (!it.contains('{'), it.len()));
    matching().filter(|it| Some(it.path) == best).collect()
}

impl Route {
    /// Finds the route of an HTTP request to a function.
    ///
    /// # Errors
    /// There is nothing at this path, or the path does not support this method.
    pub fn find(function: Function, method: &str, path: &str) -> Result<&'static Self, RouteError> {
        let candidates = candidates(function, path);
        if candidates.is_empty() {
            return Err(RouteError::NotFound);
        }
        let found = candidates.iter().find(|it| it.method.name() == method).copied();
        found.ok_or_else(|| RouteError::MethodNotAllowed { allowed: candidates.iter().map(|it| it.method).collect() })
    }

    fn read(&self, path: &str, query: &str, body: &[u8]) -> Result<Call, Vec<Fault>> {
        let in_path = self.path_parameter().zip(self.matches(path));
        let in_path =
            in_path.map(|(name, text)| (name.to_owned(), percent_decode_str(text).decode_utf8_lossy().into()));
        let in_query = form_urlencoded::parse(query.as_bytes()).into_owned();
        if self.method == Method::Get {
            let params: Vec<_> = in_path.into_iter().chain(in_query).collect();
            return Call::read(self.operation, Value::Object(Map::new()), &params);
        }
        // Operations that act have their input in the body: proxies write queries to logs.
        if in_query.count() > 0 {
            return Err(vec![Fault::new("query", "must be empty: the input is the body")]);
        }
        check_size(body.len(), self.largest())?;
        Call::read(self.operation, json(body)?, in_path.as_slice())
    }
}
