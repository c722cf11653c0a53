//! Patterns of event types.

use serde::{Deserialize, Serialize};

use crate::problem::{Problem, suggest};

/// The most patterns of an endpoint.
const MOST_PATTERNS: usize = 50;

/// The event types that an endpoint gets: exact names, `booking.*`, or `*` for all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypePatterns(Vec<String>);

impl TypePatterns {
    /// Reads patterns. Refuses one that matches none of the `known` types: its endpoint would wait in vain.
    pub fn parse(patterns: &[String], known: &[&str]) -> Result<Self, Vec<Problem>> {
        if patterns.is_empty() {
            return Err(vec![Problem::new("", "names no event type; `*` stands for all")]);
        }
        if patterns.len() > MOST_PATTERNS {
            let problem = format!("has {} patterns; at most {MOST_PATTERNS} are allowed", patterns.len());
            return Err(vec![Problem::new("", problem)]);
        }
        let problems: Vec<_> = patterns
            .iter()
            .enumerate()
            .filter_map(|(at, pattern)| Some(Problem::new(format!("/{at}"), find_problem(pattern, known)?)))
            .collect();
        if problems.is_empty() { Ok(Self(patterns.to_vec())) } else { Err(problems) }
    }

    /// Returns whether one of the patterns matches an event type.
    pub fn matches(&self, event_type: &str) -> bool {
        self.0.iter().any(|pattern| matches_pattern(pattern, event_type))
    }

    /// Returns the patterns as they were written.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

fn matches_pattern(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        // The dot stays, so that `booking.*` does not match `bookings.created`.
        Some(group) if group.ends_with('.') => event_type.len() > group.len() && event_type.starts_with(group),
        _ => pattern == event_type,
    }
}

fn find_problem(pattern: &str, known: &[&str]) -> Option<String> {
    if known.iter().any(|it| matches_pattern(pattern, it)) {
        return None;
    }
    let misplaced = pattern.contains('*') && !(pattern.ends_with(".*") && pattern.matches('*').count() == 1);
    if misplaced {
        return Some("has a `*` that is neither alone nor the last part, as in `booking.*`".to_owned());
    }
    let shown: String = pattern.chars().take(80).collect();
    let groups: Vec<_> = known.iter().filter_map(|it| Some(format!("{}.*", it.rsplit_once('.')?.0))).collect();
    let suggestion = suggest(&shown, known.iter().copied().chain(groups.iter().map(String::as_str)));
    let suggestion = match suggestion.as_str() {
        "" => format!("; there are: {}", known.join(", ")),
        _ => suggestion,
    };
    Some(format!("`{shown}` is no event type{suggestion}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: [&str; 5] =
        ["booking.created", "booking.canceled", "booking.no_show", "conversation.ended", "webhook.test"];

    fn parse(patterns: &[&str]) -> Result<TypePatterns, Vec<String>> {
        let patterns: Vec<_> = patterns.iter().map(|it| (*it).to_owned()).collect();
        TypePatterns::parse(&patterns, &KNOWN).map_err(|it| it.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_groups_and_all_match() {
        let patterns = parse(&["booking.*", "webhook.test"]).expect("patterns");
        for (event_type, expected) in [
            ("booking.created", true),
            ("booking.no_show", true),
            ("webhook.test", true),
            ("booking.", false),
            ("booking", false),
            ("bookings.created", false),
            ("webhook.tested", false),
            ("conversation.ended", false),
        ] {
            assert_eq!(patterns.matches(event_type), expected, "{event_type}");
        }
        assert!(parse(&["*"]).expect("all").matches("anything.at.all"));
    }

    #[test]
    fn patterns_that_match_nothing_are_refused_with_near_names() {
        for (pattern, expected) in [
            ("booking.created", None),
            ("booking.create", Some("/0: `booking.create` is no event type; did you mean `booking.created`")),
            ("bookings.*", Some("/0: `bookings.*` is no event type; did you mean `booking.*`")),
            ("lead", Some("/0: `lead` is no event type; there are: booking.created, booking.canceled, ")),
            ("", Some("/0: `` is no event type; there are: booking.created, ")),
            ("book*", Some("/0: has a `*` that is neither alone nor the last part")),
            ("*.created", Some("/0: has a `*` that is neither alone nor the last part")),
            ("**", Some("/0: has a `*` that is neither alone nor the last part")),
            ("*.*", Some("/0: has a `*` that is neither alone nor the last part")),
        ] {
            let problem = parse(&[pattern]).err().map(|it| it.concat());
            match (&problem, expected) {
                (Some(problem), Some(expected)) => assert!(problem.starts_with(expected), "{problem}"),
                _ => assert_eq!(problem.as_deref(), expected),
            }
        }
        assert_eq!(parse(&[]), Err(vec!["names no event type; `*` stands for all".to_owned()]));
        assert_eq!(parse(&["x", "*", "y"]).expect_err("two problems").len(), 2);
        assert_eq!(parse(&["*"; 51]), Err(vec!["has 51 patterns; at most 50 are allowed".to_owned()]));
    }

    proptest! {
        #[test]
        fn any_pattern_is_refused_or_matches_a_known_type(pattern in any::<String>(), other in "[a-z*.]{0,12}") {
            for pattern in [pattern, other] {
                if let Ok(patterns) = parse(&[&pattern]) {
                    prop_assert!(KNOWN.iter().any(|it| patterns.matches(it)));
                }
            }
        }
    }
}
