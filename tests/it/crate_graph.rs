//! The import rules, asserted over `cargo metadata`: what a crate reaches, itself or through others.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};

struct Graph {
    names: BTreeMap<PackageId, String>,
    edges: BTreeMap<PackageId, Vec<PackageId>>,
    members: BTreeMap<String, PackageId>,
}

impl Graph {
    fn read() -> Self {
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

    fn reaches(&self, member: &str) -> BTreeSet<String> {
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

    fn needs(&self, member: &str) -> BTreeSet<String> {
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

#[test]
fn the_core_is_pure() {
    let graph = Graph::read();
    for pure in ["domain", "wire", "api"] {
        graph.refuse(pure, |it| {
            is_aws(it) || ["tokio", "reqwest", "hyper", "tracing", "rand", "getrandom"].contains(&it)
        });
    }
    graph.refuse("engine", |it| is_aws(it) || is_lambda(it) || it == "reqwest" || it == "hyper");
}

#[test]
fn the_webhook_reaches_wire_and_runtime_only() {
    let graph = Graph::read();
    let members: BTreeSet<_> = graph.members.keys().cloned().collect();
    let reached: BTreeSet<_> = graph.reaches("webhook").intersection(&members).cloned().collect();
    assert_eq!(reached, ["domain", "runtime", "wire"].map(str::to_owned).into());
    // It answers within two seconds from a cold start: nothing that only messages need is in it.
    let heavy = ["reqwest", "phonenumber", "minijinja", "icalendar", "mail-builder"];
    graph.refuse("webhook", |it| heavy.contains(&it) || it == "aws-sdk-sesv2");
}

#[test]
fn no_function_reaches_another_and_no_program_a_sandbox() {
    let graph = Graph::read();
    let functions = ["webhook", "processor", "reminder", "schedule"];
    let members: BTreeSet<_> = graph.members.keys().cloned().collect();
    assert!(graph.reaches("sandbox").is_disjoint(&members), "the outside world knows nothing of us");
    for function in functions {
        graph.refuse(function, |it| {
            functions.contains(&it) && it != function || ["sandbox", "stand-in", "tests"].contains(&it)
        });
    }
}

#[test]
fn http_lives_in_the_adapters_and_aws_where_it_is_adapted() {
    let graph = Graph::read();
    for member in graph.members.keys().filter(|it| !["sandbox", "tests"].contains(&it.as_str())) {
        let needs = graph.needs(member);
        let is_http_adapter = ["calendly", "http-client", "notify"].contains(&member.as_str());
        assert!(is_http_adapter || !needs.contains("reqwest"), "{member} takes reqwest");
        assert!(
            member == "store" || member == "world" || member == "operator" || !needs.contains("aws-sdk-dynamodb"),
            "{member}"
        );
        assert!(member == "world" || member == "operator" || !needs.contains("aws-sdk-scheduler"), "{member}");
        assert!(member == "notify" || !needs.contains("aws-sdk-sesv2"), "{member}");
    }
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
