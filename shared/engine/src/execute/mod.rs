//! The executor: claims, performs and settles each command separately, and only after it is stored.

mod calendly;
mod crm;
mod execution;
mod message;
mod publish;
mod run;
mod vai;

pub(crate) use execution::execute;
