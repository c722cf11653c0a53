//! The parser of conditions. Each error names its column and what was expected there.

use std::iter::Peekable;
use std::str::{CharIndices, FromStr};

use serde_json::{Number, Value};

use super::tree::{Node, Operator, Path, RESERVED, Segment, begins_word, continues_word};
use crate::problem::Problem;

/// The longest condition, in characters.
const LONGEST: usize = 500;
/// The most levels of parentheses and of `not`: each takes up stack.
const DEEPEST: usize = 16;

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(Problem::new("", format!("has {length} characters; at most {LONGEST} are allowed")));
    }
    let mut parser = Parser { tokens: tokenize(text)?, at: 0, depth: 0 };
    let node = parser.any()?;
    match parser.token() {
        Token::End => Ok(node),
        _ => Err(parser.expected("`and`, `or` or the end")),
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    /// The number, and how it was written.
    Number(Number, String),
    Text(String),
    Operator(Operator),
    /// One of `( ) [ ] , .`
    Sign(char),
    End,
}

/// Splits a condition into tokens with their columns. The last token is the end.
fn tokenize(text: &str) -> Result<Vec<(Token, usize)>, Problem> {
    let mut tokens = Vec::new();
    let mut column = 0;
    let mut rest = text;
    loop {
        let blank = rest.len() - rest.trim_start().len();
        column += rest[..blank].chars().count();
        rest = &rest[blank..];
        let (token, length) = read_token(rest).map_err(|(ahead, why)| problem_at(column + ahead, why))?;
        let is_end = token == Token::End;
        tokens.push((token, column));
        if is_end {
            return Ok(tokens);
        }
        column += rest[..length].chars().count();
        rest = &rest[length..];
    }
}

fn problem_at(column: usize, why: impl Into<String>) -> Problem {
    Problem::new(format!("column {}", column + 1), why)
}

/// Reads the first token of a text: the token and its length in bytes, or how many characters ahead the problem is.
fn read_token(text: &str) -> Result<(Token, usize), (usize, String)> {
    let mut chars = text.char_indices().peekable();
    let Some((_, first)) = chars.next() else { return Ok((Token::End, 0)) };
    let second = chars.peek().map(|it| it.1);
    let operator = |operator, length| Ok((Token::Operator(operator), length));
    match (first, second) {
        ('=', Some('=')) => operator(Operator::Equal, 2),
        ('=', _) => operator(Operator::Equal, 1),
        ('!', Some('=')) => operator(Operator::NotEqual, 2),
        ('<', Some('=')) => operator(Operator::LessOrEqual, 2),
        ('<', _) => operator(Operator::Less, 1),
        ('>', Some('=')) => operator(Operator::GreaterOrEqual, 2),
        ('>', _) => operator(Operator::Greater, 1),
        ('(' | ')' | '[' | ']' | ',' | '.', _) => Ok((Token::Sign(first), 1)),
        ('\'' | '"', _) => read_text(first, chars),
        ('0'..='9', _) | ('-', Some('0'..='9')) => read_number(text),
        _ if begins_word(first) => {
            let end = text.find(|c| !continues_word(c)).unwrap_or(text.len());
            Ok((Token::Word(text[..end].to_owned()), end))
        }
        _ => Err((0, format!("`{first}` is not understood"))),
    }
}

fn read_text(quote: char, mut rest: Peekable<CharIndices<'_>>) -> Result<(Token, usize), (usize, String)> {
    let mut read = String::new();
    let mut ahead = 0;
    while let Some((at, c)) = rest.next() {
        ahead += 1;
        match c {
            '\\' => match rest.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => {
                    ahead += 1;
                    read.push(escaped);
                }
                _ => return Err((ahead, "expected a quote or `\\` after `\\`".to_owned())),
            },
            _ if c == quote => return Ok((Token::Text(read), at + 1)),
            _ => read.push(c),
        }
    }
    Err((0, "the text has no closing quote".to_owned()))
}

fn read_number(text: &str) -> Result<(Token, usize), (usize, String)> {
    let belongs = |(at, c): &(usize, char)| {
        let after_e = *at > 0 && matches!(text.as_bytes()[at - 1], b'e' | b'E');
        c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || (matches!(c, '+' | '-') && (*at == 0 || after_e))
    };
    let length = text.char_indices().take_while(belongs).count();
    let written = &text[..length];
    let refuse = || (0, format!("`{written}` is no number"));
    let number = Number::from_str(written).map_err(|_| refuse())?;
    // serde_json may read the last digit of a long fraction wrongly, and then a printed condition is another one.
    let exact = || written.parse().ok().and_then(Number::from_f64).ok_or_else(refuse);
    let number = if number.is_f64() { exact()? } else { number };
    Ok((Token::Number(number, written.to_owned()), length))
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        &self.tokens[self.at].0
    }

    /// Goes to the next token. Stays at the end.
    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.token(), Token::Word(it) if it == word);
        if found {
            self.advance();
        }
        found
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let found = *self.token() == Token::Sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn expected(&self, what: &str) -> Problem {
        let found = match self.token() {
            Token::End => "the end".to_owned(),
            Token::Word(word) => format!("`{word}`"),
            Token::Number(_, written) => format!("`{written}`"),
            Token::Text(_) => "a text".to_owned(),
            Token::Operator(operator) => format!("`{}`", operator.name()),
            Token::Sign(sign) => format!("`{sign}`"),
        };
        problem_at(self.tokens[self.at].1, format!("expected {what}, found {found}"))
    }

    fn any(&mut self) -> Result<Node, Problem> {
        self.chain("or", Self::all, Node::Any)
    }

    fn all(&mut self) -> Result<Node, Problem> {
        self.chain("and", Self::not, Node::All)
    }

    fn chain(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Node, Problem>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Node, Problem> {
        let first = part(self)?;
        let mut nodes = vec![first];
        while self.take_word(word) {
            nodes.push(part(self)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { join(nodes) })
    }

    fn not(&mut self) -> Result<Node, Problem> {
        if self.take_word("not") {
            return self.nest(Self::not).map(|it| Node::Not(Box::new(it)));
        }
        if self.take_sign('(') {
            let node = self.nest(Self::any)?;
            return if self.take_sign(')') { Ok(node) } else { Err(self.expected("`)`")) };
        }
        self.comparison()
    }

    fn nest(&mut self, part: fn(&mut Self) -> Result<Node, Problem>) -> Result<Node, Problem> {
        if self.depth == DEEPEST {
            let column = self.tokens[self.at].1;
            return Err(problem_at(column, format!("the condition is nested more than {DEEPEST} levels")));
        }
        self.depth += 1;
        let node = part(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, Problem> {
        let path = self.path()?;
        if let Token::Operator(operator) = *self.token() {
            self.advance();
            return Ok(Node::Compare(path, operator, self.literal()?));
        }
        if self.take_word("in") {
            return Ok(Node::In(path, self.list()?));
        }
        if self.take_word("contains") {
            return Ok(Node::Contains(path, self.literal()?));
        }
        if self.take_word("exists") {
            return Ok(Node::Exists(path));
        }
        Err(self.expected("`=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `contains` or `exists`"))
    }

    fn path(&mut self) -> Result<Path, Problem> {
        let mut segments = match self.token() {
            Token::Word(word) if !RESERVED.contains(&word.as_str()) => {
                let first = Segment::Key(word.clone());
                self.advance();
                vec![first]
            }
            // A key in quotes follows.
            Token::Sign('[') => Vec::new(),
            _ => return Err(self.expected("a path, `not` or `(`")),
        };
        loop {
            if self.take_sign('.') {
                let Token::Word(word) = self.token() else { return Err(self.expected("a key")) };
                segments.push(Segment::Key(word.clone()));
                self.advance();
            } else if self.take_sign('[') {
                segments.push(self.subscript()?);
                if !self.take_sign(']') {
                    return Err(self.expected("`]`"));
                }
            } else {
                return Ok(Path(segments));
            }
        }
    }

    fn subscript(&mut self) -> Result<Segment, Problem> {
        let index = |number: &Number| number.as_u64().and_then(|it| usize::try_from(it).ok());
        let segment = match self.token() {
            Token::Text(key) => Some(Segment::Key(key.clone())),
            Token::Number(number, _) => index(number).map(Segment::Index),
            _ => None,
        };
        let segment = segment.ok_or_else(|| self.expected("a position or a key in quotes"))?;
        self.advance();
        Ok(segment)
    }

    fn literal(&mut self) -> Result<Value, Problem> {
        let literal = match self.token() {
            Token::Number(number, _) => Value::Number(number.clone()),
            Token::Text(text) => Value::String(text.clone()),
            Token::Word(word) if word == "true" => Value::Bool(true),
            Token::Word(word) if word == "false" => Value::Bool(false),
            Token::Word(word) if word == "null" => Value::Null,
            _ => return Err(self.expected("a number, a text in quotes, `true`, `false` or `null`")),
        };
        self.advance();
        Ok(literal)
    }

    fn list(&mut self) -> Result<Vec<Value>, Problem> {
        if !self.take_sign('[') {
            return Err(self.expected("`[`"));
        }
        let mut literals = Vec::new();
        if self.take_sign(']') {
            return Ok(literals);
        }
        loop {
            literals.push(self.literal()?);
            if self.take_sign(']') {
                return Ok(literals);
            }
            if !self.take_sign(',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }
}
