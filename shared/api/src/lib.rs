//! VAI's API as types: requests, answers, refusals, and the documents that describe them.
//!
//! One table, [`call::ROUTES`], drives routing, the `OpenAPI` document ([`openapi::document`]) and the tools for
//! language models ([`tools::tools`]). Each limit is stated once, on its field. The documents publish it from there,
//! and [`read`](read::read) checks requests against it. Nothing here depends on an HTTP server, on AWS or on what an
//! operation does.

pub mod answer;
pub mod call;
pub mod connection_answer;
pub mod connection_request;
pub mod endpoint_answer;
pub mod endpoint_request;
pub mod import;
mod normalize;
pub mod openapi;
pub mod read;
pub mod refusal;
pub mod report;
pub mod request;
mod schema;
pub mod settings_answer;
pub mod settings_request;
pub mod tools;
mod when;

pub use call::{
    Access, AdminCall, Call, Function, Invocation, Method, Operation, ROUTES, Route, RouteError, ScheduleCall,
    is_public_path, is_vai_path,
};
pub use read::{Fault, Request, read, read_value};
pub use refusal::{Code, Refusal, Why};
pub use when::When;
