//! No crate of ours has files that import each other in a circle: each can be read after those that it imports.
//!
//! A file imports another when it names one of its items: in a `use`, or by a path in its code. `mod` declarations and
//! `pub use` re-exports are no imports, and tests are not counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module's path within its crate: `["scheduling", "form"]`; empty for the crate root.
pub(crate) type ModulePath = Vec<String>;

pub(crate) struct Module {
    file: PathBuf,
    path: ModulePath,
    pub(crate) items: Vec<Item>,
    /// Names of the items defined here.
    defined: BTreeSet<String>,
    /// Names brought in by `use`, with the paths that they stand for.
    imported: BTreeMap<String, Vec<String>>,
}

/// A crate's modules, by their paths.
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    pub(crate) fn read(root: &Path) -> Self {
        let mut krate = Self { modules: BTreeMap::new() };
        let source = fs::read_to_string(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
        let file = syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
        let folder = root.parent().expect("a folder").to_owned();
        krate.add(root.to_owned(), &folder, Vec::new(), file.items);
        krate
    }

    fn add(&mut self, file: PathBuf, folder: &Path, path: ModulePath, items: Vec<Item>) {
        let (mut defined, mut imported) = (BTreeSet::new(), BTreeMap::new());
        let mut own = Vec::new();
        for item in items {
            if is_test(attributes_of(&item)) {
                continue;
            }
            match &item {
                Item::Use(it) => flatten(&it.tree, &mut Vec::new(), &mut |name, target| {
                    imported.insert(name, target);
                }),
                Item::Mod(it) => {
                    let name = it.ident.to_string();
                    let child = [path.clone(), vec![name.clone()]].concat();
                    match &it.content {
                        Some((_, items)) => self.add(file.clone(), &folder.join(&name), child, items.clone()),
                        None => {
                            let flat = folder.join(format!("{name}.rs"));
                            let nested = folder.join(&name).join("mod.rs");
                            let found = if flat.exists() { flat } else { nested };
                            let source = fs::read_to_string(&found)
                                .unwrap_or_else(|error| panic!("{}: {error}", found.display()));
                            let parsed =
                                syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", found.display()));
                            self.add(found, &folder.join(&name), child, parsed.items);
                        }
                    }
                }
                other => defined.extend(name_of(other)),
            }
            own.push(item);
        }
        self.modules.insert(path.clone(), Module { file, path, items: own, defined, imported });
    }

    /// The file that defines what a path names, seen from a module.
    fn file_of(&self, from: &ModulePath, path: &[String], depth: usize) -> Option<&Path> {
        if depth > 8 {
            return None;
        }
        let mut rest = path.iter();
        let first = rest.next()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            name => {
                let child = [from.clone(), vec![name.to_owned()]].concat();
                if self.modules.contains_key(&child) {
                    child
                } else {
                    let target = self.modules.get(from)?.imported.get(name)?;
                    let whole: Vec<_> = target.iter().chain(rest).cloned().collect();
                    return self.file_of(from, &whole, depth + 1).filter(|_| whole != path);
                }
            }
        };
        for name in rest {
            let name = name.as_str();
            if name == "super" {
                at.pop()?;
                continue;
            }
            let child = [at.clone(), vec![name.to_owned()]].concat();
            let module = self.modules.get(&at)?;
            if self.modules.contains_key(&child) {
                at = child;
            } else if module.defined.contains(name) {
                return Some(&module.file);
            } else if let Some(target) = module.imported.get(name) {
                return self.file_of(&at, target, depth + 1);
            } else {
                return None;
            }
        }
        // A path to a module itself: `use crate::key;`. What is taken from it shows in the code.
        None
    }

    fn edges(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut edges: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for module in self.modules.values() {
            let mut paths = Paths::default();
            for item in &module.items {
                match item {
                    Item::Mod(_) => {}
                    Item::Use(it) if !matches!(it.vis, Visibility::Inherited) => {}
                    Item::Use(it) => flatten(&it.tree, &mut Vec::new(), &mut |_, target| paths.found.push(target)),
                    other => paths.visit_item(other),
                }
            }
            for path in &paths.found {
                if let Some(target) = self.file_of(&module.path, path, 0).filter(|it| *it != module.file) {
                    edges.entry(&module.file).or_default().insert(target);
                }
            }
        }
        edges
    }

    /// The files that import each other in a circle, one circle each.
    fn circles(&self) -> Vec<BTreeSet<&Path>> {
        let edges = self.edges();
        let reaches = |from: &Path| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(file) = open.pop() {
                for next in edges.get(file.as_path()).into_iter().flatten() {
                    if seen.insert(*next) {
                        open.push((*next).to_owned());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&Path, BTreeSet<&Path>> = edges.keys().map(|file| (*file, reaches(file))).collect();
        let circle = |file: &Path| -> BTreeSet<&Path> {
            let others =
                reached.iter().filter(|(other, theirs)| theirs.contains(file) && reached[file].contains(*other));
            others.map(|(other, _)| *other).collect()
        };
        let found: BTreeSet<_> = reached.keys().map(|file| circle(file)).filter(|it| !it.is_empty()).collect();
        found.into_iter().collect()
    }
}

/// The paths that code names.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.found.push(path.segments.iter().map(|it| it.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        // Arguments of macros are tokens: a path in them is a run of names and colons.
        let text = mac.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let paths = words.filter(|it| it.contains("::")).map(|it| it.split("::").map(str::to_owned).collect());
        self.found.extend(paths);
        visit::visit_macro(self, mac);
    }

    fn visit_item_use(&mut self, it: &'ast syn::ItemUse) {
        flatten(&it.tree, &mut Vec::new(), &mut |_, target| self.found.push(target));
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("test")
            || it.path().is_ident("cfg")
                && matches!(&it.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
    })
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Macro(it) => return macro_name(it),
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The name of a `macro_rules!`, or the first name that a call such as `identifier! { Name }` is given.
fn macro_name(it: &syn::ItemMacro) -> Option<String> {
    if let Some(name) = &it.ident {
        return Some(name.to_string());
    }
    let tokens = it.mac.tokens.to_string();
    tokens.rsplit(|c: char| !c.is_alphanumeric()).find(|word| word.starts_with(char::is_uppercase)).map(str::to_owned)
}

/// Each name that a `use` brings in, with the path that it stands for.
fn flatten(tree: &UseTree, path: &mut Vec<String>, found: &mut impl FnMut(String, Vec<String>)) {
    match tree {
        UseTree::Path(it) => {
            path.push(it.ident.to_string());
            flatten(&it.tree, path, found);
            path.pop();
        }
        UseTree::Name(it) if it.ident == "self" => found(path.last().cloned().unwrap_or_default(), path.clone()),
        UseTree::Name(it) => {
            let name = it.ident.to_string();
            found(name.clone(), [path.as_slice(), &[name]].concat());
        }
        UseTree::Rename(it) => {
            found(it.rename.to_string(), [path.as_slice(), &[it.ident.to_string()]].concat());
        }
        UseTree::Glob(_) => {}
        UseTree::Group(it) => it.items.iter().for_each(|item| flatten(item, path, found)),
    }
}

#[test]
fn no_crate_has_a_circle_of_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut found = Vec::new();
    for folder in ["functions", "shared", "tests"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let source = entry.expect("an entry").path().join("src");
            for name in ["lib.rs", "main.rs"].map(|name| source.join(name)).into_iter().filter(|it| it.exists()) {
                for circle in Crate::read(&name).circles() {
                    let files: Vec<_> = circle
                        .iter()
                        .map(|file| file.strip_prefix(root).unwrap_or(file).display().to_string())
                        .collect();
                    found.push(files.join(" <-> "));
                }
            }
        }
    }
    assert!(found.is_empty(), "files that import each other:\n{}", found.join("\n"));
}
