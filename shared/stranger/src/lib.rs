//! Text that strangers wrote: names, answers, places, reasons of cancellations, questions. Anybody can book on a public
//! page and anybody can talk to an agent, so such a text may be a link, an instruction for a model, a formula or a
//! picture made of characters.
//!
//! [`StrangerText`] holds it. Nothing gets it out but a rule with a name:
//!
//! | rule | for | takes away |
//! |---|---|---|
//! | [`StrangerText::as_name`] | names in messages, headers and calendar files | everything but a short name |
//! | [`StrangerText::as_line`] | sentences to people, such as a place or a reason | links, addresses, formatting |
//! | [`StrangerText::as_written_shortened`] | data fields that are marked as a stranger's | what can't be seen |
//! | [`StrangerText::as_cell`] | values of a CRM or a table | what can't be seen, and formulas |
//! | [`StrangerText::unchanged`] | Calendly, and comparisons | nothing |

mod hidden;
mod line;
mod name;
mod text;

pub use hidden::is_invisible;
pub use text::{StrangerText, Unchanged};
