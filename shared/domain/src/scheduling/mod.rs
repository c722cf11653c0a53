//! Scheduling before a booking exists: event types, free slots, the booking form, the budget.

pub mod budget;
pub mod catalog;
pub mod form;
pub mod slots;

pub use catalog::{Catalog, EventType, Host, LocationOption, NoMatch, Question, QuestionKind};
pub use form::{Form, GivenAnswers, Meeting, Person, QuestionAnswered, Tracking};
pub use slots::{Day, Shift, Slot};
