//! The text of a provider's template, with its variables filled in.

use domain::{Message, MessageContent};

use super::check::{Piece, parse_pieces};
use super::variables::params;

/// Fills in the variables of a template's text. An unknown variable stays, as it would at the provider.
pub(crate) fn fill_template(
    text: &str,
    message: Message,
    content: &MessageContent,
    unsubscribe: Option<&str>,
) -> String {
    let params = params(message, content, unsubscribe);
    let piece = |piece| match piece {
        Piece::Words(words) => words.to_owned(),
        Piece::Variable(name, written) => params.get(name).cloned().unwrap_or_else(|| written.to_owned()),
    };
    parse_pieces(text).into_iter().map(piece).collect()
}
