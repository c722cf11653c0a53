//! The functions' roles in template.yaml, held against the SDK calls in the code that each function reaches.
//!
//! The local stack enforces the roles too, with their resources and conditions, but only for what the story does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{MetadataCommand, Package, TargetKind};
use syn::visit::{self, Visit};

use crate::crate_graph::{FUNCTIONS, Graph};
use crate::import_circles::Crate;

/// A query of an index needs a permission of its own.
const INDEX_QUERY: &str = "dynamodb:Query of an index";

/// What a function reaches in shared crates but does not do, and why. Its role does not permit it.
const NOT_DONE: &[(&str, &str, &str)] = &[
    ("webhook", "sqs:ChangeMessageVisibility", NO_RECORDS),
    ("schedule", "sqs:ChangeMessageVisibility", NO_RECORDS),
    ("admin", "sqs:ChangeMessageVisibility", NO_RECORDS),
    ("processor", "dynamodb:DeleteItem", ENDPOINTS),
    ("processor", INDEX_QUERY, "only queries of the API, deliveries and the operator search"),
    ("reminder", "dynamodb:DeleteItem", ENDPOINTS),
    ("reminder", "kms:GenerateDataKey", "it opens addresses and seals none"),
    ("schedule", "dynamodb:DeleteItem", ENDPOINTS),
    ("schedule", "ses:SendEmail", "it sends no messages"),
    ("schedule", "ses:SendRawEmail", "it sends no messages"),
    ("admin", "dynamodb:ConditionCheckItem", "only decisions about bookings have conditions on rows that stay"),
    ("admin", "ses:SendEmail", "it checks the wording of settings and sends no messages"),
    ("admin", "ses:SendRawEmail", "it checks the wording of settings and sends no messages"),
    ("admin", "lambda:InvokeFunction", "it hands out the tokens of logins itself"),
    ("admin", "iam:PassRole", "it makes no schedules: its only delay is 10 seconds"),
    ("admin", "scheduler:CreateSchedule", "it makes no schedules: its only delay is 10 seconds"),
    ("admin", "scheduler:DeleteSchedule", "it makes no schedules: its only delay is 10 seconds"),
    ("admin", "sqs:GetQueueAttributes", "only the API of bookings shows how full the queues are"),
    ("dispatcher", "dynamodb:ConditionCheckItem", "only decisions about bookings have conditions on rows that stay"),
    ("dispatcher", "dynamodb:DeleteItem", ENDPOINTS),
    ("dispatcher", "kms:GenerateDataKey", "it opens secrets and seals none"),
    ("dispatcher", "scheduler:DeleteSchedule", "a schedule that comes too early or too late finds nothing to do"),
    ("dispatcher", "secretsmanager:GetSecretValue", "the secrets of endpoints are in the table"),
];

/// Why a function puts no record off.
const NO_RECORDS: &str = "it gets no records of a queue";

/// Why a function deletes no row.
const ENDPOINTS: &str = "only customers' endpoints are deleted, by the API";

/// What Lambda does as a function's role.
const DONE_BY_LAMBDA: &[&str] =
    &["logs:CreateLogStream", "logs:PutLogEvents", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// The SDK calls in a crate's code, as the permissions that they need.
struct Calls<'a> {
    /// The operations of each SDK crate that the crate uses, by its service's name in IAM.
    operations: &'a [(String, BTreeSet<String>)],
    permissions: BTreeSet<String>,
}

impl Calls<'_> {
    /// Adds what a method needs, if it is an operation: a client's method of that name without arguments.
    fn add(&mut self, method: &str) {
        for (service, operations) in self.operations {
            if operations.contains(method) {
                self.permissions.extend(permissions(service, method));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let method = call.method.to_string();
        if call.args.is_empty() {
            self.add(&method);
        } else if method == "index_name" {
            self.permissions.insert(INDEX_QUERY.to_owned());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let text: String = mac.tokens.to_string().split_whitespace().collect();
        let parts = text.split('.').filter_map(|it| it.split_once("()"));
        parts.for_each(|(method, _)| self.add(method));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        // An item of a transaction needs the permission of its single call.
        if let [.., item, builder] = names.as_slice()
            && builder == "builder"
            && self.operations.iter().any(|(service, _)| service == "dynamodb")
        {
            match item.as_str() {
                "ConditionCheck" | "Delete" | "Get" | "Put" | "Update" => {
                    self.permissions.insert(format!("dynamodb:{item}Item"));
                }
                _ => {}
            }
        }
        visit::visit_path(self, path);
    }
}

/// Returns what an operation of the SDK needs, by AWS's Service Authorization Reference.
fn permissions(service: &str, operation: &str) -> Vec<String> {
    match (service, operation) {
        // Its items need theirs.
        ("dynamodb", "transact_write_items" | "transact_get_items") => Vec::new(),
        ("lambda", "invoke") => vec!["lambda:InvokeFunction".to_owned()],
        ("scheduler", "create_schedule") => vec!["scheduler:CreateSchedule".to_owned(), "iam:PassRole".to_owned()],
        // Which of them depends on the content.
        ("ses", "send_email") => vec!["ses:SendEmail".to_owned(), "ses:SendRawEmail".to_owned()],
        ("sqs", _) => vec![in_iam(service, operation.strip_suffix("_batch").unwrap_or(operation))],
        _ => vec![in_iam(service, operation)],
    }
}

/// Returns an operation's name in IAM: `sqs:SendMessage` for `send_message`.
fn in_iam(service: &str, operation: &str) -> String {
    let words = operation.split('_').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]));
    format!("{service}:{}", words.collect::<String>())
}

/// Returns the operations of an SDK crate: it has a folder for each.
fn operations(sdk: &Package) -> (String, BTreeSet<String>) {
    let name = sdk.name.trim_start_matches("aws-sdk-");
    let folder = sdk.manifest_path.parent().expect("a folder").join("src/operation");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.filter_map(|it| it.expect("an entry").file_name().into_string().ok());
    let service = match name {
        "cloudwatchlogs" => "logs",
        "sesv2" => "ses",
        same => same,
    };
    (service.to_owned(), names.filter(|it| !it.contains('.')).collect())
}

/// Returns the permissions that each crate's own code needs.
fn permissions_by_crate() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().exec().expect("cargo metadata");
    let sdks: BTreeMap<_, _> = metadata
        .packages
        .iter()
        .filter(|it| it.name.starts_with("aws-sdk-"))
        .map(|it| (it.name.to_string(), operations(it)))
        .collect();
    let read = |package: &Package| {
        let used = package.dependencies.iter().filter_map(|it| sdks.get(&it.name).cloned()).collect::<Vec<_>>();
        let mut calls = Calls { operations: &used, permissions: BTreeSet::new() };
        for target in package.targets.iter().filter(|it| it.is_kind(TargetKind::Lib) || it.is_kind(TargetKind::Bin)) {
            for module in Crate::read(target.src_path.as_std_path()).modules.values() {
                module.items.iter().for_each(|item| calls.visit_item(item));
            }
        }
        (package.name.to_string(), calls.permissions)
    };
    metadata.workspace_packages().into_iter().map(read).collect()
}

/// Returns the actions that a role of template.yaml permits.
fn permitted(template: &str, role: &str) -> BTreeSet<String> {
    let start = format!("  {role}:");
    let lines = template.lines().skip_while(|line| **line != *start).skip(1);
    let lines: Vec<_> = lines.take_while(|line| line.is_empty() || line.starts_with("   ")).collect();
    assert!(!lines.is_empty(), "template.yaml has no {role}");
    let is_action = |line: &&&str| line.trim_start().starts_with("- ") || line.contains("Action:");
    let words = lines.iter().filter(is_action).flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != ':'));
    let is_name = |word: &&str| {
        word.split_once(':').is_some_and(|(service, action)| {
            service.starts_with(char::is_lowercase)
                && action.starts_with(char::is_uppercase)
                && word != &"sts:AssumeRole"
        })
    };
    let index = lines.iter().any(|line| line.contains("/index/*")).then_some(INDEX_QUERY);
    words.filter(is_name).chain(index).map(str::to_owned).collect()
}

#[test]
fn each_role_permits_what_its_functions_code_does_and_nothing_else() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("template.yaml");
    let template = fs::read_to_string(path).expect("template.yaml");
    let (graph, needed) = (Graph::read(), permissions_by_crate());
    let mut problems = Vec::new();
    for function in FUNCTIONS {
        let role = format!("{}{}Role", function[..1].to_uppercase(), &function[1..]);
        let permitted = permitted(&template, &role);
        let mut done = BTreeMap::new();
        for name in graph.reaches(function).into_iter().chain([function.to_owned()]) {
            for permission in needed.get(&name).into_iter().flatten() {
                done.entry(permission.clone()).or_insert_with(Vec::new).push(name.clone());
            }
        }
        for (_, permission, _) in NOT_DONE.iter().filter(|(whose, ..)| *whose == function) {
            if permitted.contains(*permission) {
                problems.push(format!("{role} permits {permission}: remove it there, or the line from NOT_DONE"));
            } else if done.remove(*permission).is_none() {
                problems.push(format!("no crate of {function} can do {permission}: remove the line from NOT_DONE"));
            }
        }
        for (permission, crates) in &done {
            if !permitted.contains(permission) {
                let crates = crates.join(", ");
                problems.push(format!("{role} does not permit {permission}, which {function} reaches in {crates}"));
            }
        }
        for permission in &permitted {
            if !done.contains_key(permission) && !DONE_BY_LAMBDA.contains(&permission.as_str()) {
                problems.push(format!("{role} permits {permission}, which no crate of {function} does"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
