//! Which events an endpoint gets, and in what form.
//!
//! An event is `{"event","type","id","timestamp","sequence","data"}`. [`TypePatterns`] choose by its type, a
//! [`Condition`] by its data. An [`Output`] makes the body of the delivery: the event as it is, one of the ready-made
//! forms, or a customer's own [`Transformation`].

mod condition;
mod filters;
mod output;
mod problem;
#[cfg(test)]
mod samples;
mod transformation;
mod types;

pub use condition::Condition;
pub use output::{Output, Rendered};
pub use problem::Problem;
pub use transformation::{TransformError, Transformation, refuse_javascript};
pub use types::TypePatterns;
