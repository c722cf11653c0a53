//! The adapters of customers' CRMs. Each CRM has a folder; the port is [`engine::Crm`].

mod brevo;

pub use brevo::{AccountError, AccountProblem, Brevo};
