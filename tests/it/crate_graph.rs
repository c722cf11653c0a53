//! The import rules, asserted over `cargo metadata`: what a crate reaches, itself or through others.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};
use runtime::telemetry::OUR_CRATES;

pub(crate) struct Graph {
    names: BTreeMap<PackageId, String>,
    edges: BTreeMap<PackageId, Vec<PackageId>>,
    members: BTreeMap<String, PackageId>,
}

impl Graph {
    pub(crate) fn read() -> Self {
        let metadata = MetadataCommand::new().exec().expect("cargo metadata");
        let names: BTreeMap<_, _> = metadata.packages.iter().map(|it| (it.id.clone(), it.name.to_string())).collect();
        let members = metadata.workspace_members.iter().map(|id| (names[id].clone(), id.clone())).collect();
        let resolve = metadata.resolve.expect("a resolved graph");
        let is_normal =
            |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|it| it.kind == DependencyKind::Normal);
        let edges = resolve
            .nodes
            .into_iter()
            .map(|node| {
                (node.id, node.deps.into_iter().filter(|it| is_normal(&it.dep_kinds)).map(|it| it.pkg).collect())
            })
            .collect();
        Self { names, edges, members }
    }

    pub(crate) fn reaches(&self, member: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![self.members[member].clone()];
        while let Some(id) = open.pop() {
            for next in &self.edges[&id] {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen.iter().map(|id| self.names[id].clone()).collect()
    }

    pub(crate) fn needs(&self, member: &str) -> BTreeSet<String> {
        self.edges[&self.members[member]].iter().map(|id| self.names[id].clone()).collect()
    }

    fn refuse(&self, member: &str, refused: impl Fn(&str) -> bool) {
        let found: Vec<_> = self.reaches(member).into_iter().filter(|it| refused(it)).collect();
        assert!(found.is_empty(), "{member} must not reach {found:?}");
    }
}

fn is_aws(name: &str) -> bool {
    name.starts_with("aws-") || name.starts_with("aws_")
}

fn is_lambda(name: &str) -> bool {
    name.starts_with("lambda_")
}

/// The map of ARCHITECTURE.md: every crate that is deployed, and the crates of ours that it may use directly.
const MAP: &[(&str, &[&str])] = &[
    // Pure: no I/O, no clock, no randomness.
    ("events", &[]),
    ("stranger", &[]),
    ("countries", &[]),
    ("domain", &["countries", "events", "stranger"]),
    ("wire", &["domain", "events"]),
    ("api", &["domain"]),
    ("local-time", &["domain"]),
    ("endpoints", &[]),
    ("signing", &[]),
    ("template", &[]),
    ("transform", &["stranger", "template"]),
    // The loop and its ports.
    ("engine", &["domain", "events", "wire"]),
    ("oauth", &["domain", "engine"]),
    ("deliveries", &["domain", "endpoints", "engine", "events", "signing", "transform", "wire"]),
    // What adapters and functions share.
    ("runtime", &["domain"]),
    ("http-client", &[]),
    ("batch", &["domain", "engine", "runtime"]),
    ("front", &["api", "domain", "engine", "local-time", "runtime"]),
    // Adapters: what the ports are in production.
    ("store", &["deliveries", "domain", "endpoints", "engine", "events", "runtime"]),
    ("egress", &["http-client"]),
    ("calendly", &["domain", "engine", "http-client", "oauth", "runtime", "wire"]),
    ("connecting", &["calendly", "domain", "engine", "runtime", "wire"]),
    ("outcome", &["domain", "http-client", "runtime"]),
    ("crm", &["domain", "engine", "http-client", "outcome", "runtime"]),
    ("notify", &["domain", "engine", "http-client", "local-time", "outcome", "runtime", "template", "wire"]),
    ("settings-document", &["domain", "notify"]),
    ("one-shot", &["engine"]),
    ("sealing", &["domain"]),
    (
        "world",
        &["calendly", "crm", "domain", "engine", "http-client", "notify", "one-shot", "runtime", "store", "wire"],
    ),
    (
        "delivery-world",
        &[
            "deliveries",
            "domain",
            "egress",
            "endpoints",
            "engine",
            "one-shot",
            "runtime",
            "sealing",
            "signing",
            "store",
            "wire",
        ],
    ),
    // Functions.
    ("webhook", &["domain", "runtime", "wire"]),
    ("processor", &["batch", "domain", "engine", "runtime", "wire", "world"]),
    (
        "reminder",
        &["batch", "deliveries", "domain", "endpoints", "engine", "events", "runtime", "sealing", "wire", "world"],
    ),
    ("schedule", &["api", "batch", "domain", "engine", "front", "notify", "runtime", "world"]),
    ("dispatcher", &["batch", "deliveries", "delivery-world", "domain", "runtime", "wire"]),
    (
        "admin",
        &[
            "api",
            "batch",
            "calendly",
            "connecting",
            "crm",
            "deliveries",
            "delivery-world",
            "domain",
            "egress",
            "endpoints",
            "engine",
            "events",
            "front",
            "http-client",
            "notify",
            "oauth",
            "runtime",
            "settings-document",
            "signing",
            "store",
            "transform",
            "wire",
        ],
    ),
    // The operator's program.
    (
        "operator",
        &[
            "calendly",
            "connecting",
            "crm",
            "deliveries",
            "domain",
            "endpoints",
            "engine",
            "http-client",
            "notify",
            "runtime",
            "settings-document",
            "store",
            "wire",
        ],
    ),
];

/// The crates without I/O, clock and randomness.
const PURE: &[&str] = &[
    "events",
    "countries",
    "endpoints",
    "signing",
    "stranger",
    "template",
    "transform",
    "domain",
    "wire",
    "api",
    "local-time",
];

/// The functions that are deployed.
pub(crate) const FUNCTIONS: [&str; 6] = ["webhook", "processor", "reminder", "schedule", "dispatcher", "admin"];

/// Crates for development, which nothing that is deployed may reach.
const FOR_DEVELOPMENT: [&str; 9] =
    ["bench", "deliveries-world", "empty", "fakes", "faults", "receiver", "sandbox", "stand-in", "tests"];

#[test]
fn the_crates_depend_on_each_other_as_the_map_says() {
    let graph = Graph::read();
    let members: BTreeSet<_> = graph.members.keys().cloned().collect();
    let on_the_map = MAP.iter().map(|(name, _)| *name).chain(FOR_DEVELOPMENT).map(str::to_owned).collect();
    assert_eq!(members, on_the_map, "every crate is on the map");
    for (name, allowed) in MAP {
        let used: BTreeSet<_> = graph.needs(name).intersection(&members).cloned().collect();
        let allowed: BTreeSet<_> = allowed.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(used, allowed, "{name} uses what the map says");
    }
    let used_by_sandbox: BTreeSet<_> = graph.reaches("sandbox").intersection(&members).cloned().collect();
    assert!(used_by_sandbox.is_empty(), "the sandbox is the outside world, which knows nothing of our crates");
}

#[test]
fn the_core_has_no_io() {
    let graph = Graph::read();
    for pure in PURE {
        graph.refuse(pure, |it| {
            is_aws(it) || ["tokio", "reqwest", "hyper", "tracing", "rand", "getrandom"].contains(&it)
        });
    }
    graph.refuse("engine", |it| is_aws(it) || is_lambda(it) || it == "reqwest" || it == "hyper");
}

#[test]
fn the_webhook_starts_without_what_only_messages_need() {
    // It answers within two seconds from a cold start.
    let graph = Graph::read();
    let heavy = ["reqwest", "phonenumber", "minijinja", "icalendar", "icu_datetime", "mail-builder", "aws-sdk-sesv2"];
    graph.refuse("webhook", |it| heavy.contains(&it));
}

#[test]
fn the_dispatcher_links_no_message_provider() {
    let graph = Graph::read();
    let providers = ["notify", "calendly", "world", "aws-sdk-sesv2", "phonenumber", "icalendar", "icu_datetime"];
    graph.refuse("dispatcher", |it| providers.contains(&it));
}

#[test]
fn each_client_library_is_used_by_its_adapters_only() {
    let graph = Graph::read();
    for (library, adapters) in [
        ("reqwest", ["calendly", "crm", "egress", "http-client", "notify", "outcome"].as_slice()),
        ("aws-sdk-cloudwatchlogs", &["runtime"]),
        ("aws-sdk-dynamodb", &["delivery-world", "store", "world", "operator"]),
        ("aws-sdk-kms", &["delivery-world", "reminder", "sealing"]),
        ("aws-sdk-scheduler", &["one-shot", "operator"]),
        ("aws-sdk-sesv2", &["notify", "operator"]),
        ("aws-sdk-sqs", &["delivery-world", "operator", "runtime", "webhook", "world"]),
        ("aws-sdk-lambda", &["calendly", "operator"]),
        ("aws-sdk-secretsmanager", &["admin", "connecting", "operator", "runtime", "webhook", "world"]),
    ] {
        for (member, _) in MAP.iter().filter(|(member, _)| !adapters.contains(member)) {
            assert!(!graph.needs(member).contains(library), "{member} uses {library}");
        }
    }
}

#[test]
fn every_crate_of_a_function_logs_at_the_functions_level() {
    let graph = Graph::read();
    let members: BTreeSet<_> = graph.members.keys().cloned().collect();
    let reached = FUNCTIONS.iter().flat_map(|it| graph.reaches(it)).chain(FUNCTIONS.map(str::to_owned));
    let ours: BTreeSet<_> = reached.filter(|it| members.contains(it)).map(|it| it.replace('-', "_")).collect();
    assert_eq!(ours, OUR_CRATES.map(str::to_owned).into());
}

#[test]
fn nobody_brings_the_legacy_http_stack_back() {
    let graph = Graph::read();
    for member in graph.members.keys() {
        graph.refuse(member, |it| ["openssl", "native-tls"].contains(&it));
    }
    let metadata = MetadataCommand::new().exec().expect("cargo metadata");
    for package in &metadata.packages {
        let (name, version) = (package.name.as_str(), (package.version.major, package.version.minor));
        let is_legacy = name == "hyper" && version == (0, 14) || name == "rustls" && version < (0, 23);
        assert!(!is_legacy, "{name} {}", package.version);
    }
    let ours = metadata.packages.iter().filter(|it| metadata.workspace_members.contains(&it.id));
    for dependency in ours.flat_map(|it| &it.dependencies).filter(|it| it.name.starts_with("aws-sdk-")) {
        assert!(!dependency.uses_default_features, "{} has its default features on", dependency.name);
    }
}
