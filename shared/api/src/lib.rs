//! VAI's API as types: what is asked, what is answered, what is refused, and the documents that tell it to others.
//!
//! One table, [`call::ROUTES`], drives routing, the `OpenAPI` document ([`openapi::document`]) and the tools for models
//! ([`tools::tools`]). A limit is stated once, on the field it is about: there clients and models read it, and
//! [`read`](read::read) holds requests to it.
//! Nothing here knows of HTTP servers, of AWS or of what a call does.

pub mod answer;
pub mod call;
pub mod openapi;
pub mod read;
pub mod refusal;
pub mod request;
mod schema;
pub mod tools;
mod when;

pub use call::{Call, Invocation, Method, Operation, ROUTES, Route, RouteError, is_vai_path};
pub use read::{Fault, Request, read, read_params, read_value};
pub use refusal::{Code, Refusal, Why};
pub use when::When;
