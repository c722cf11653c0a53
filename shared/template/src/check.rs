//! The check of a template's syntax tree.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind};

/// The most tokens between `{{` and `}}`, or between `{%` and `%}`. A long chain, such as `a.b.b.b`, is a deep tree:
/// compiling it would use up the stack.
const MOST_TOKENS: usize = 150;
/// The most tags of a template, since each `elif` is nested in the one before it.
const MOST_TAGS: usize = 200;

/// What a template consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content<'source> {
    /// The expression, when the template is a single `{{ … }}` and nothing else.
    pub expression: Option<&'source str>,
    /// The paths of the values that it uses, in their order.
    pub paths: Vec<Path>,
}

/// The path of a value that a template uses, for example `data.hosts[0].name`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The names and positions, from the root.
    pub segments: Vec<String>,
    /// Whether the template says what to do without it: by `default`, `is defined` or `is undefined`.
    pub may_be_missing: bool,
}

/// Reads a template without compiling it. Refuses everything that can grow, and unknown filters.
pub fn read<'source>(
    environment: &Environment<'_>,
    name: &'source str,
    source: &'source str,
    filters: &[&str],
) -> Result<Content<'source>, Error> {
    check_tokens(environment, source)?;
    let tree = parse(source, name, environment.syntax().clone())?;
    let mut check = Check { filters, paths: Vec::new() };
    check.statement(&tree)?;
    let is_single = matches!(&tree, Stmt::Template(it) if matches!(it.children[..], [Stmt::EmitExpr(_)]));
    let inner = source.strip_prefix("{{").and_then(|it| it.strip_suffix("}}")).filter(|_| is_single);
    // `{{-` and `-}}` remove the blank space around them.
    let expression = inner.map(|it| it.strip_prefix(['-', '+']).unwrap_or(it).trim_end_matches(['-', '+']));
    Ok(Content { expression, paths: check.paths })
}

/// Counts the tokens before the parser, which is recursive, sees them.
fn check_tokens(environment: &Environment<'_>, source: &str) -> Result<(), Error> {
    let (mut tags, mut tokens, mut starts_tag) = (0, 0, false);
    for token in tokenize(source, false, environment.syntax().clone()) {
        let (token, span) = token?;
        tokens += 1;
        match token {
            Token::TemplateData(_) | Token::VariableStart => tokens = 0,
            Token::BlockStart => (tags, tokens) = (tags + 1, 0),
            Token::Ident(tag) if starts_tag && !["if", "elif", "else", "endif"].contains(&tag) => {
                return Err(refuse(&format!("`{{% {tag} %}}` is not understood; there is only `if`"), span));
            }
            _ => {}
        }
        if tokens > MOST_TOKENS {
            return Err(refuse(&format!("an expression has more than {MOST_TOKENS} words and signs"), span));
        }
        if tags > MOST_TAGS {
            return Err(refuse(&format!("there are more than {MOST_TAGS} tags"), span));
        }
        starts_tag = matches!(token, Token::BlockStart);
    }
    Ok(())
}

fn refuse(why: &str, span: Span) -> Error {
    Error::new(ErrorKind::SyntaxError, format!("{why} (line {})", span.start_line))
}

struct Check<'a> {
    filters: &'a [&'a str],
    paths: Vec<Path>,
}

impl Check<'_> {
    fn statement(&mut self, statement: &Stmt<'_>) -> Result<(), Error> {
        match statement {
            Stmt::Template(it) => it.children.iter().try_for_each(|it| self.statement(it)),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(it) => self.expression(&it.expr, false),
            Stmt::IfCond(it) => {
                self.expression(&it.expr, false)?;
                it.true_body.iter().chain(&it.false_body).try_for_each(|it| self.statement(it))
            }
            // The tokens have been checked. This refuses what a later version of minijinja may add.
            _ => Err(Error::new(ErrorKind::SyntaxError, "there is only the tag `if`")),
        }
    }

    /// Checks an expression. `may_be_missing` is whether the template says what to do without it.
    fn expression(&mut self, expression: &Expr<'_>, may_be_missing: bool) -> Result<(), Error> {
        let span = expression.span();
        match expression {
            Expr::Const(_) => Ok(()),
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => {
                if let Some(segments) = self.path(expression)? {
                    self.paths.push(Path { segments, may_be_missing });
                }
                Ok(())
            }
            Expr::UnaryOp(it) => self.expression(&it.expr, false),
            Expr::BinOp(it) => {
                check_operator(it.op, span)?;
                self.expression(&it.left, false)?;
                self.expression(&it.right, false)
            }
            Expr::Compare(it) => {
                self.expression(&it.expr, false)?;
                it.ops.iter().try_for_each(|it| self.expression(&it.expr, false))
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr, false)?;
                self.expression(&it.true_expr, false)?;
                it.false_expr.iter().try_for_each(|it| self.expression(it, false))
            }
            Expr::Slice(it) => {
                if it.step.is_some() || [&it.start, &it.stop].into_iter().flatten().any(|it| !is_whole_number(it)) {
                    return Err(refuse("the bounds of a slice are whole numbers, as in `[:10]`", span));
                }
                self.expression(&it.expr, false)
            }
            Expr::Test(it) => {
                if !["defined", "undefined"].contains(&it.name) {
                    let why = format!("the test `{}` is unknown; there are: defined, undefined", it.name);
                    return Err(refuse(&why, span));
                }
                self.expression(&it.expr, true)?;
                self.arguments(&it.args, span)
            }
            Expr::Filter(it) => {
                if !self.filters.contains(&it.name) {
                    let offered = if self.filters.is_empty() {
                        "there are none".to_owned()
                    } else {
                        format!("there are: {}", self.filters.join(", "))
                    };
                    return Err(refuse(&format!("the filter `{}` is unknown; {offered}", it.name), span));
                }
                it.expr.iter().try_for_each(|of| self.expression(of, it.name == "default"))?;
                self.arguments(&it.args, span)
            }
            Expr::List(it) if it.items.iter().all(|it| matches!(it, Expr::Const(_))) => Ok(()),
            Expr::List(_) => Err(refuse("a list consists of constants, as in `['a', 'b']`", span)),
            Expr::Tuple(_) | Expr::Map(_) | Expr::Call(_) => {
                Err(refuse(&format!("a {} is not understood", expression.description()), span))
            }
        }
    }

    /// Returns the path that an expression is, or checks what else it is.
    fn path(&mut self, expression: &Expr<'_>) -> Result<Option<Vec<String>>, Error> {
        let (base, segment) = match expression {
            Expr::Var(it) => return Ok(Some(vec![it.id.to_owned()])),
            Expr::GetAttr(it) => (self.path(&it.expr)?, Some(it.name.to_owned())),
            Expr::GetItem(it) => (self.path(&it.expr)?, self.subscript(&it.subscript_expr)?),
            _ => return self.expression(expression, false).map(|()| None),
        };
        match (base, segment) {
            (Some(mut segments), Some(segment)) => {
                segments.push(segment);
                Ok(Some(segments))
            }
            // Only the path up to here is known.
            (Some(segments), None) => {
                self.paths.push(Path { segments, may_be_missing: false });
                Ok(None)
            }
            (None, _) => Ok(None),
        }
    }

    /// Returns a constant subscript, or checks what else it is.
    fn subscript(&mut self, subscript: &Expr<'_>) -> Result<Option<String>, Error> {
        match subscript {
            Expr::Const(it) if matches!(it.value.kind(), ValueKind::String | ValueKind::Number) => {
                Ok(Some(it.value.to_string()))
            }
            _ => self.expression(subscript, false).map(|()| None),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>], span: Span) -> Result<(), Error> {
        arguments.iter().try_for_each(|it| match it {
            CallArg::Pos(value) => self.expression(value, false),
            CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                Err(refuse("arguments have no names, as in `truncate(80)`", span))
            }
        })
    }
}

/// Refuses the operators that make a text or a list longer.
fn check_operator(operator: BinOpKind, span: Span) -> Result<(), Error> {
    let refused = match operator {
        BinOpKind::Eq | BinOpKind::Ne | BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => {
            return Ok(());
        }
        BinOpKind::ScAnd | BinOpKind::ScOr | BinOpKind::In => return Ok(()),
        BinOpKind::Sub | BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem => return Ok(()),
        BinOpKind::Mul => "*",
        BinOpKind::Pow => "**",
        BinOpKind::Concat => "~",
        BinOpKind::Add => "+",
    };
    Err(refuse(&format!("`{refused}` is not understood; to join texts, write `{{{{ a }}}}{{{{ b }}}}`"), span))
}

fn is_whole_number(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(it) => it.value.is_integer(),
        Expr::UnaryOp(it) => matches!(it.op, UnaryOpKind::Neg) && is_whole_number(&it.expr),
        _ => false,
    }
}
