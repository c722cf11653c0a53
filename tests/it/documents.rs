//! The documents against the tree: links, make targets, test names, lengths, and what a checklist must not forget.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest README that is still one screen of what the project is.
const README_LINES: usize = 150;

/// The longest front page of the architecture, in words of prose.
const ARCHITECTURE_WORDS: usize = 400;

/// The width that rustfmt keeps code to, and does not keep comments to.
const LINE_WIDTH: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder, except below `target` and hidden folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match path.is_dir() {
            true if name == "target" || name.starts_with('.') => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it == extension)
}

pub(crate) fn rust_files() -> Vec<PathBuf> {
    let folders = ["events", "functions", "shared", "tests"].map(|name| files(&root().join(name)));
    folders.into_iter().flatten().filter(|path| has_extension(path, "rs")).collect()
}

/// A path as people write it: from the workspace's root.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The written documents.
fn documents() -> Vec<PathBuf> {
    let named = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "events/README.md"];
    let named =
        named.into_iter().chain(["events/receiver/README.md", "tests/sandbox/README.md"]).map(|name| root().join(name));
    named.chain(files(&root().join("docs")).into_iter().filter(|path| has_extension(path, "md"))).collect()
}

/// The lines of a document, each with whether it stands in a code block.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut is_code = false;
    text.lines().map(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (is_code || is_fence, line)
    })
}

/// The lines of a document that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter(|(is_code, _)| !is_code).map(|(_, line)| line)
}

/// The names in backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of a line's links.
fn links(line: &str) -> Vec<&str> {
    let unquoted: Vec<_> = line.split('`').step_by(2).collect();
    unquoted.iter().flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next()).collect()
}

/// The names that a document's headings have in links, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |it: &char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_');
    headings.map(|it| it.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut problems = Vec::new();
    for document in documents() {
        let text = read(&document);
        let inside = |link: &&str| !link.contains("://") && !link.starts_with("mailto:");
        for link in prose(&text).flat_map(links).filter(inside) {
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target =
                if path.is_empty() { document.clone() } else { document.parent().expect("a folder").join(path) };
            if !target.exists() {
                problems.push(format!("{}: {link} leads nowhere", shown(&document)));
            } else if anchor.is_some_and(|it| !anchors(&read(&target)).contains(it)) {
                problems.push(format!("{}: {link} leads to no heading", shown(&document)));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_file_that_the_documents_name_exists() {
    let is_path = |name: &&str| {
        let is_plain = name.chars().all(|it| it.is_ascii_alphanumeric() || "/._-".contains(it));
        let is_ours = !["target/", ".local/", ".tools/", "/"].iter().any(|start| name.starts_with(start));
        let is_file = ["rs", "toml", "json", "yaml", "py", "md"].iter().any(|it| has_extension(Path::new(name), it));
        is_plain && is_ours && is_file && name.contains('/')
    };
    let mut problems = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = document.parent().expect("a folder");
        for name in prose(&text).flat_map(quoted).filter(is_path) {
            if !root().join(name).exists() && !folder.join(name).exists() {
                problems.push(format!("{}: there is no {name}", shown(&document)));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_make_target_exists() {
    let makefile = read(&root().join("Makefile"));
    let targets: BTreeSet<_> = makefile.lines().filter_map(|line| line.strip_prefix(".PHONY: ")).collect();
    let mut problems = Vec::new();
    for document in documents() {
        let text = read(&document);
        for (is_code, line) in lines(&text) {
            // In prose a command stands in backticks; in a code block it begins the line or follows a pipe.
            let commands: Vec<_> = if is_code { vec![line] } else { quoted(line).collect() };
            for command in commands.iter().flat_map(|it| it.split(['|', ';', '#'])) {
                let Some(rest) = command.trim().strip_prefix("make ") else { continue };
                let target = rest.split_whitespace().find(|word| !word.contains('='));
                if target.is_none_or(|it| !targets.contains(it)) {
                    problems.push(format!("{}: make {rest}", shown(&document)));
                }
            }
        }
    }
    assert_none(&problems);
}

/// The parts of a Rust file's path that name its module: `shared/wire/src/signature/mod.rs` is `wire`, `signature`.
fn module(path: &Path) -> Vec<String> {
    let path = shown(&path.with_extension(""));
    let left_out = ["functions", "shared", "src", "tests", "mod", "lib"];
    path.split('/').filter(|part| !left_out.contains(part)).map(str::to_owned).collect()
}

/// Every file that can hold a test, in Rust or Python: its module and its text.
fn sources() -> Vec<(Vec<String>, String)> {
    let python = files(&root().join("tests/stack")).into_iter().filter(|path| has_extension(path, "py"));
    rust_files().into_iter().chain(python).map(|path| (module(&path), read(&path))).collect()
}

/// The path and the name of a function, if that is what a name in backticks means. It is a sentence in small letters; a
/// command has spaces, a type or variant has capitals.
fn function_of(name: &str) -> Option<(Vec<String>, &str)> {
    let (path, function) = name.rsplit_once("::")?;
    let is_function = function.contains('_') && !name.chars().any(|it| it.is_uppercase() || it.is_whitespace());
    is_function.then(|| (path.split("::").map(str::to_owned).collect(), function))
}

/// Whether a text has a test of this name: in Rust a function below an attribute such as `#[tokio::test]`.
fn has_test(text: &str, function: &str) -> bool {
    let (rust, python) = (format!("fn {function}("), format!("def {function}("));
    let mut is_marked = false;
    text.lines().map(str::trim_start).any(|line| {
        if (is_marked && line.contains(&rust)) || (function.starts_with("test_") && line.starts_with(&python)) {
            return true;
        }
        let is_mark = line.starts_with("#[") && line.contains("test") && !line.contains("cfg(");
        is_marked = is_mark || (is_marked && (line.starts_with("#[") || line.starts_with("//")));
        false
    })
}

/// The names of tests on a line that are no test.
fn missing_tests<'a>(line: &'a str, sources: &[(Vec<String>, String)]) -> Vec<&'a str> {
    let is_test = |name: &&str| {
        let Some((path, function)) = function_of(name) else { return true };
        sources.iter().any(|(module, text)| module.ends_with(&path) && has_test(text, function))
    };
    quoted(line).filter(|name| !is_test(name)).collect()
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let sources = sources();
    let decisions = files(&root().join("docs/decisions")).into_iter().map(|path| shown(&path));
    let mut problems = Vec::new();
    for name in ["docs/invariants.md", "docs/security.md"].map(str::to_owned).into_iter().chain(decisions) {
        let text = read(&root().join(&name));
        let missing = prose(&text).flat_map(|line| missing_tests(line, &sources));
        problems.extend(missing.map(|test| format!("{name}: there is no test {test}")));
    }
    assert_none(&problems);
    // A name that is no test is found, whether the function is missing or is none.
    let [line, other] = ["`documents::nobody_wrote_this_test`", "`documents::rust_files`, `documents::has_test`"];
    assert_eq!(missing_tests(line, &sources), ["documents::nobody_wrote_this_test"]);
    assert_eq!(missing_tests(other, &sources), ["documents::rust_files", "documents::has_test"]);
}

#[test]
fn every_function_that_the_guide_names_exists() {
    let sources = sources();
    let text = read(&root().join("CONTRIBUTING.md"));
    let mut problems = Vec::new();
    for (name, (path, function)) in prose(&text).flat_map(quoted).filter_map(|it| Some((it, function_of(it)?))) {
        let definition = format!("fn {function}(");
        if !sources.iter().any(|(module, text)| module.ends_with(&path) && text.contains(&definition)) {
            problems.push(format!("CONTRIBUTING.md: there is no {name}"));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_promise_of_security_names_its_test() {
    let text = read(&root().join("docs/security.md"));
    let (mut problems, mut promises, mut is_promise) = (Vec::new(), 0, false);
    for line in prose(&text) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["promise", "test"] => is_promise = true,
            [promise, tests] if is_promise && !promise.starts_with("---") => {
                promises += 1;
                if !quoted(tests).any(|it| function_of(it).is_some()) {
                    problems.push(format!("docs/security.md: no test of \"{promise}\""));
                }
            }
            [_, _] => {}
            _ => is_promise = false,
        }
    }
    assert_none(&problems);
    assert!(promises >= 40, "{promises} promises are found");
}

#[test]
fn the_front_pages_are_short() {
    let mut problems = Vec::new();
    let count = read(&root().join("README.md")).lines().count();
    if count > README_LINES {
        problems.push(format!("README.md has {count} lines, more than {README_LINES}"));
    }
    let text = read(&root().join("ARCHITECTURE.md"));
    let before_glossary = text.split("\n## Glossary").next().unwrap_or_default();
    let sentences = prose(before_glossary).filter(|line| !line.starts_with('|') && !line.starts_with('#'));
    let words: usize = sentences.map(|line| line.split_whitespace().count()).sum();
    if words > ARCHITECTURE_WORDS {
        problems.push(format!("ARCHITECTURE.md has {words} words of prose, more than {ARCHITECTURE_WORDS}"));
    }
    assert_none(&problems);
}

/// Returns the document that has the table with an operation.
fn document_of(route: &api::Route) -> &'static str {
    match route.function {
        api::Function::Schedule => "docs/booking-api.md",
        api::Function::Admin
            if route.path.starts_with("/api/connections") || route.path.starts_with("/api/settings") =>
        {
            "docs/connections.md"
        }
        api::Function::Admin if route.path == "/api/bookings" || route.path.starts_with("/api/reports") => {
            "docs/reports.md"
        }
        api::Function::Admin => "docs/webhooks.md",
    }
}

#[test]
fn the_documents_name_every_message_operation_and_crate() {
    let folders = |name: &str| {
        let entries = fs::read_dir(root().join(name)).expect("a folder").map(|it| it.expect("an entry").path());
        entries.filter(|path| path.join("Cargo.toml").exists()).map(|path| shown(&path)).collect::<Vec<_>>()
    };
    let crates = ["functions", "shared", "tests"].into_iter().flat_map(folders).collect();
    let messages = domain::Message::NAMES.map(str::to_owned).to_vec();
    let operations = |document: &str| {
        let routes = api::ROUTES.iter().filter(|route| document_of(route) == document);
        routes.map(|route| route.name.to_owned()).collect()
    };
    let mut problems = Vec::new();
    for (document, names) in [
        ("docs/messages.md", messages),
        ("docs/booking-api.md", operations("docs/booking-api.md")),
        ("docs/connections.md", operations("docs/connections.md")),
        ("docs/reports.md", operations("docs/reports.md")),
        ("docs/webhooks.md", operations("docs/webhooks.md")),
        ("ARCHITECTURE.md", crates),
    ] {
        let text = read(&root().join(document));
        let missing = names.into_iter().filter(|name: &String| !text.contains(&format!("`{name}`")));
        problems.extend(missing.map(|name| format!("{document} does not name `{name}`")));
    }
    assert_none(&problems);
}

#[test]
fn every_message_has_its_settings() {
    let default = read(&root().join("shared/domain/settings.default.toml"));
    let sandbox = read(&root().join("tests/sandbox/settings.toml"));
    let mut problems = Vec::new();
    for message in domain::Message::NAMES {
        if !default.lines().any(|line| line.starts_with(&format!("{message} = ["))) {
            problems.push(format!("settings.default.toml has no channels of {message}"));
        }
        for language in domain::Language::ALL.map(domain::Language::tag) {
            let template = format!("message = \"{message}\", provider = \"engagelab\", language = \"{language}\"");
            if !sandbox.contains(&template) {
                problems.push(format!("tests/sandbox/settings.toml has no template of {message} in {language}"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_operation_has_a_sample() {
    let mut problems = Vec::new();
    for route in api::ROUTES {
        let (name, path) = (route.name, format!("events/{}/{}.json", route.function.name(), route.name));
        let sample = fs::read_to_string(root().join(&path)).unwrap_or_default();
        if !sample.contains(&format!("\"operation\": \"{name}\"")) {
            problems.push(format!("{path} is missing, or of another operation"));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_function_is_built_deployed_and_logged() {
    let mut problems = Vec::new();
    for entry in fs::read_dir(root().join("functions")).expect("functions/") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let resource = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        let events = root().join("events");
        if !events.join(format!("lambda_{name}.json")).exists() && !events.join(&name).is_dir() {
            problems.push(format!("events/ has no sample for the function {name}"));
        }
        for (file, start, wanted) in [
            ("Makefile", "FUNCTIONS :=", name.clone()),
            ("tests/stack/stack.py", "FUNCTIONS =", format!("\"{name}\"")),
            ("tests/it/crate_graph.rs", "pub(crate) const FUNCTIONS:", format!("\"{name}\"")),
            ("shared/runtime/src/telemetry.rs", "    \"", format!("\"{name}\"")),
            ("template.yaml", "      CodeUri:", format!("target/package/{name}/")),
            ("template.yaml", "                  Dimensions: [{ Name: FunctionName,", format!("!Ref {resource} }}")),
        ] {
            if !read(&root().join(file)).lines().any(|line| line.starts_with(start) && line.contains(&wanted)) {
                problems.push(format!("{file} does not name the function {name}"));
            }
        }
    }
    assert_none(&problems);
}

/// The variants of every enum in a Rust file, and how long its list of names of them says that it is.
fn listed_enums(path: &Path) -> Vec<(String, usize, usize)> {
    let items = syn::parse_file(&read(path)).expect("Rust").items;
    let variants = |name: &syn::Ident| {
        items.iter().find_map(|item| match item {
            syn::Item::Enum(it) if it.ident == *name => Some(it.variants.len()),
            _ => None,
        })
    };
    let mut found = Vec::new();
    for item in &items {
        let syn::Item::Impl(syn::ItemImpl { self_ty, items, .. }) = item else { continue };
        let syn::Type::Path(syn::TypePath { path, .. }) = &**self_ty else { continue };
        let Some(name) = path.get_ident() else { continue };
        for item in items {
            if let syn::ImplItem::Const(list) = item
                && (list.ident == "ALL" || list.ident == "NAMES")
                && let syn::Type::Array(syn::TypeArray { len, .. }) = &list.ty
                && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(length), .. }) = len
                && let Some(variants) = variants(name)
            {
                found.push((format!("{name}::{}", list.ident), variants, length.base10_parse().expect("a length")));
            }
        }
    }
    found
}

#[test]
fn every_list_of_all_variants_has_them_all() {
    let lists: Vec<_> = rust_files().iter().flat_map(|path| listed_enums(path)).collect();
    for name in ["Message::NAMES", "Provider::ALL", "Language::ALL", "FactKind::ALL", "Scope::ALL"] {
        assert!(lists.iter().any(|(list, ..)| list == name), "{name} is found");
    }
    let wrong = lists.into_iter().filter(|(_, variants, length)| variants != length);
    let problems: Vec<_> = wrong.map(|(name, variants, length)| format!("{name} has {length} of {variants}")).collect();
    assert_none(&problems);
}

#[test]
fn the_command_id_of_every_action_is_pinned() {
    let pinned = read(&root().join("shared/domain/tests/command_ids.rs"));
    let sources = files(&root().join("shared/domain/src/destinations"));
    let sources = sources.iter().filter(|it| it.extension().is_some_and(|it| it == "rs"));
    let items: Vec<_> = sources.flat_map(|it| syn::parse_file(&read(it)).expect("Rust").items).collect();
    let is_of = |item: &syn::ItemImpl, name: &syn::Ident| {
        let is_destination = item.trait_.as_ref().is_some_and(|(_, it, _)| it.is_ident("Destination"));
        is_destination && matches!(&*item.self_ty, syn::Type::Path(it) if it.path.is_ident(name))
    };
    let is_action = |name| items.iter().any(|item| matches!(item, syn::Item::Impl(it) if is_of(it, name)));
    let enums = items.iter().filter_map(|item| match item {
        syn::Item::Enum(it) if is_action(&it.ident) => Some(it),
        _ => None,
    });
    let actions: Vec<_> = enums
        .flat_map(|it| it.variants.iter().map(move |variant| format!("{}::{}", it.ident, variant.ident)))
        .collect();
    assert!(actions.len() >= 9, "actions are found: {actions:?}");
    let missing = actions.into_iter().filter(|name| !pinned.contains(name.as_str()));
    assert_none(&missing.map(|name| format!("command_ids.rs has no {name}")).collect::<Vec<_>>());
}

#[test]
fn the_documents_name_every_provider_and_language() {
    let providers = domain::settings::Provider::ALL.map(|it| it.title().to_owned()).to_vec();
    let language = |it: domain::Language| match it {
        domain::Language::TraditionalChinese => "Traditional Chinese".to_owned(),
        _ => format!("{it:?}"),
    };
    let languages = domain::Language::ALL.map(language).to_vec();
    let mut problems = Vec::new();
    for (document, names) in [
        ("README.md", [providers.clone(), languages.clone()].concat()),
        ("CHANGELOG.md", [providers.clone(), languages].concat()),
        ("docs/messages.md", providers.clone()),
        ("docs/deploying.md", providers),
    ] {
        let text = read(&root().join(document));
        let missing = names.into_iter().filter(|name: &String| !text.contains(name.as_str()));
        problems.extend(missing.map(|name| format!("{document} does not name {name}")));
    }
    assert_none(&problems);
}

#[test]
fn the_documented_scope_of_each_operation_is_its_scope() {
    let mut problems = Vec::new();
    for route in api::ROUTES {
        let document = document_of(route);
        let text = read(&root().join(document));
        let operation = format!("`{}`", route.name);
        let is_row = |line: &&str| line.split('|').nth(2).is_some_and(|cell| cell.contains(&operation));
        let scope = text.lines().find(is_row).and_then(|line| line.split('|').nth(4)).map(str::trim);
        if scope != Some(&format!("`{}`", route.access.name())) {
            problems.push(format!("{document} has {} with the scope {scope:?}", route.name));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_webhook_of_a_fact_is_subscribed_to_and_read() {
    let facts = read(&root().join("shared/domain/src/fact.rs"));
    let webhooks = facts.lines().filter_map(|line| line.trim().strip_prefix("/// The webhook `")?.split('`').next());
    let webhooks: Vec<_> = webhooks.collect();
    assert!(webhooks.len() >= 4, "fact.rs names the webhooks: {webhooks:?}");
    let reader = read(&root().join("shared/wire/src/calendly.rs"));
    let mut problems = Vec::new();
    for webhook in webhooks {
        if !calendly::EVENTS.contains(&webhook) {
            problems.push(format!("shared/calendly/src/subscriptions.rs does not subscribe to {webhook}"));
        }
        if !reader.contains(&format!("\"{webhook}\" =>")) {
            problems.push(format!("shared/wire/src/calendly.rs does not read {webhook}"));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_sample_has_its_row() {
    let text = read(&root().join("events/README.md"));
    let samples = fs::read_dir(root().join("events")).expect("events/").map(|it| it.expect("an entry").path());
    let missing = samples.filter(|it| has_extension(it, "json")).map(|it| shown(&it).replace("events/", ""));
    let missing = missing.filter(|name| !text.contains(&format!("`{name}`")));
    assert_none(&missing.map(|name| format!("events/README.md has no row of {name}")).collect::<Vec<_>>());
}

#[test]
fn every_partition_is_documented() {
    let text = read(&root().join("docs/table.md"));
    let keys = read(&root().join("shared/store/src/key.rs"));
    let partitions = keys.split("format!(\"{connection}#").skip(1).filter_map(|it| it.split(['"', '#']).next());
    let missing = partitions.filter(|name| !name.starts_with('{') && !text.contains(&format!("`<connection>#{name}")));
    assert_none(&missing.map(|name| format!("docs/table.md has no partition of {name}")).collect::<Vec<_>>());
}

/// Whether a line of Rust has a comment: two slashes outside a text, so that those of a URL are none.
fn has_comment(line: &str) -> bool {
    let is_outside = |at: usize| line[..at].matches('"').count().is_multiple_of(2) && !line[..at].ends_with(':');
    line.match_indices("//").any(|(at, _)| is_outside(at))
}

#[test]
fn comments_fit_into_the_line_width() {
    let mut problems = Vec::new();
    for path in rust_files() {
        for (index, line) in read(&path).lines().enumerate() {
            let width = line.chars().count();
            if width > LINE_WIDTH && has_comment(line) {
                problems.push(format!("{}:{} has {width} columns", shown(&path), index + 1));
            }
        }
    }
    assert_none(&problems);
}
