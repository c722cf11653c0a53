//! What VAI's agents book, before it is a booking: event types, free slots, the booking form, the budget. Pure.

pub mod budget;
pub mod catalog;
pub mod form;
pub mod slots;
mod words;

pub use catalog::{Catalog, EventType, Host, LocationOption, NoMatch, Question, QuestionKind};
pub use form::{Form, Given, Meeting, Person, QuestionAnswered, Tracking};
pub use slots::{Day, Shift, Slot};
