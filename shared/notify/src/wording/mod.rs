//! The wording of each message in each language, and its rendering.
//!
//! [`offers`] lists the variables of each message: those that always have a value (a fallback, where a booking lacks a
//! name) and those that may have none. A variable without a value is undefined. Wording may test it in an `if`; wording
//! that prints it is broken, which [`check()`] finds before it is saved. A blank value and an invalid link count as
//! missing. So no message ever shows a gap, a "none" or a dead link.
//!
//! The language is minijinja without filters, functions, loops and includes: `{{ variable }}` and `{% if %}`,
//! `{% elif %}`, `{% else %}`, `{% endif %}`. Values are single lines, and escaped in HTML.

mod built_in;
mod check;
mod fill;
mod part;
mod render;
mod template_text;
mod variables;

pub(crate) use check::messages_named;
pub use check::{check, check_wording};
pub use render::{Broken, Rendered, render_email, render_sms};
pub(crate) use template_text::fill_template;
pub use variables::{Offers, offers, params};
