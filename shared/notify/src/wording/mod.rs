//! What we say: the wording of each message in each language, filled in.
//!
//! What may be missing is missing by rule, not by luck. [`offers`] says of each message which variables always have a value
//! (a stand-in, where a booking lacks a name) and which may have none. One that has none is undefined, and undefined can
//! be asked for in an `if` but not be said: wording that says it unasked is broken, here and, before that, in [`check()`].
//! So no message ever has a gap, a "none" or a dead link in it; a blank value, or a link that is none, counts as missing.
//!
//! The language is that of minijinja without its filters, functions, loops and includes: `{{ variable }}` and
//! `{% if %}`, `{% elif %}`, `{% else %}`, `{% endif %}`. Values are single lines, and escaped in HTML.

mod built_in;
mod check;
mod fill;
mod part;
mod render;
mod variables;

pub(crate) use check::{Piece, pieces, samples_of};
pub use check::{check, check_wording};
pub use render::{Broken, Rendered, mail, sms};
pub use variables::{Offers, offers, params};
