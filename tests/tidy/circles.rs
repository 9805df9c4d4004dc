//! Circles of imports between siblings: the files and folders of one folder must have an order in
//! which each imports only earlier ones.
//!
//! A folder counts as one sibling with all its files. A `mod.rs` and its own children may use each
//! other: it declares what they have in common. A name that it only passes on counts as an import
//! from the child that declares it.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{File, assert_listed, files};

/// Folders with the siblings that are in circles, and the reason.
const CIRCLES: &[(&str, &[&str], &str)] =
    &[("python/regex", &["class", "groups", "translate"], "one translator, whose methods fill three files")];

/// Segments of the path to a module or an item.
type Names = Vec<String>;

/// Modules of the crate, without tests.
struct Tree {
    code: BTreeMap<Names, String>,
    /// Per module: names that it takes from its children, with their paths from the module.
    from_children: BTreeMap<Names, BTreeMap<String, Names>>,
}

impl Tree {
    fn of(files: &[File]) -> Self {
        let code: BTreeMap<Names, String> =
            files.iter().filter_map(|file| Some((module_names(&file.path)?, file.code()))).collect();
        let from_children =
            code.iter().map(|(module, text)| (module.clone(), names_from_children(module, text, &code)));
        Tree { from_children: from_children.collect(), code }
    }

    /// Returns the module that declares the item at `path`, as seen from the module `from`.
    fn resolve(&self, from: &[String], path: &[String]) -> Names {
        let n_supers = path.iter().take_while(|name| *name == "super").count();
        let mut module = match path.first() {
            Some(first) if first == "crate" => Names::new(),
            _ => from[..from.len().saturating_sub(n_supers)].to_vec(),
        };
        let mut rest = path[n_supers.max(1)..].to_vec();
        while let Some(first) = rest.first() {
            let child = [&module[..], &rest[..1]].concat();
            if self.code.contains_key(&child) {
                module = child;
                rest.remove(0);
            } else if let Some(target) = self.from_children.get(&module).and_then(|names| names.get(first)) {
                rest = [&target[..], &rest[1..]].concat();
            } else {
                break;
            }
        }
        module
    }

    /// Returns, per folder, the siblings that each sibling imports.
    fn imports(&self) -> BTreeMap<String, BTreeMap<&str, BTreeSet<String>>> {
        let mut imports: BTreeMap<String, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
        for (module, code) in &self.code {
            for target in paths(code).iter().map(|path| self.resolve(module, path)) {
                let n_common = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
                if let (Some(importer), Some(imported)) = (module.get(n_common), target.get(n_common)) {
                    let siblings = imports.entry(module[..n_common].join("/")).or_default();
                    siblings.entry(importer).or_default().insert(imported.clone());
                }
            }
        }
        imports
    }

    /// Returns the siblings that import themselves through others, as `FOLDER/NAME`.
    fn circles(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (folder, siblings) in &self.imports() {
            let circular = siblings.keys().filter(|name| reaches(siblings, name, name));
            found.extend(circular.map(|name| format!("{folder}/{name}")));
        }
        found
    }
}

/// True if `from` imports `to`, directly or through others.
fn reaches(imports: &BTreeMap<&str, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        for next in imports.get(name).into_iter().flatten() {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

/// Returns the path of the module in a file; `None` for the roots of the library and the program.
fn module_names(file: &str) -> Option<Names> {
    let inner = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    (!["lib", "main"].contains(&inner)).then(|| inner.split('/').map(str::to_owned).collect())
}

/// Returns the names in `use child::...` of a module, with their paths from the module.
fn names_from_children(module: &[String], text: &str, code: &BTreeMap<Names, String>) -> BTreeMap<String, Names> {
    let start = Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?use (?:self::)?").expect("a valid pattern");
    let paths = start.find_iter(text).flat_map(|found| expand(&text[found.end()..]).0);
    let of_children = paths.filter(|path| path.first().is_some_and(|child| is_child(module, child, code)));
    of_children.filter_map(|path| Some((path.last()?.clone(), path))).collect()
}

fn is_child(module: &[String], child: &str, code: &BTreeMap<Names, String>) -> bool {
    code.contains_key(&[module, &[child.to_owned()]].concat())
}

/// Returns the paths in `code` that begin with `crate`, `super` or `self`, groups expanded.
fn paths(code: &str) -> Vec<Names> {
    let starts = ["crate::", "super::", "self::"].into_iter().flat_map(|start| code.match_indices(start));
    let whole = starts.filter(|(at, _)| !code[..*at].ends_with(|c: char| is_word(c) || c == ':'));
    whole.flat_map(|(at, _)| expand(&code[at..]).0).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the paths of the tree at the beginning of `text`, and the rest of the text after it:
/// `a::{b, c::d}` has the paths `a::b` and `a::c::d`.
fn expand(text: &str) -> (Vec<Names>, &str) {
    let mut path = Names::new();
    let mut rest = text;
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            let (inner, behind) = expand_group(group);
            return (inner.into_iter().map(|end| [path.clone(), end].concat()).collect(), behind);
        }
        let (word, behind) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        path.extend((!word.is_empty()).then(|| word.to_owned()));
        match behind.strip_prefix("::") {
            Some(behind) if !word.is_empty() => rest = behind,
            _ => return (vec![path], behind),
        }
    }
}

/// Returns the paths of the entries in a group, given the text after its opening brace, and the
/// rest of the text after its closing one.
fn expand_group(group: &str) -> (Vec<Names>, &str) {
    let mut paths = Vec::new();
    let mut rest = group;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if let Some(behind) = rest.strip_prefix('}') {
            return (paths, behind);
        }
        if rest.is_empty() {
            return (paths, rest);
        }
        let (entry, behind) = expand(rest);
        paths.extend(entry);
        // skips `*` and `as NAME`
        rest = &behind[behind.find([',', '}']).unwrap_or(behind.len())..];
    }
}

fn tree(texts: &[(&str, &str)]) -> Tree {
    let file = |(path, text): &(&str, &str)| File { path: format!("src/{path}"), text: (*text).to_owned() };
    Tree::of(&texts.iter().map(file).collect::<Vec<_>>())
}

#[test]
fn groups_of_paths_are_expanded() {
    let joined = |code: &str| paths(code).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        joined("use super::{a::{B, C as D},\n e, f::*};\nuse crate::g;\nfn f(x: self::h::I<super::super::J>) {}"),
        ["crate::g", "super::a::B", "super::a::C", "super::e", "super::f", "super::super::J", "self::h::I"]
    );
    assert_eq!(joined("use some_crate::x; use other::super_x; a::self::b"), Vec::<String>::new());
}

#[test]
fn a_small_circle_is_found() {
    let parent = "mod b;\nmod c;\nmod d;\npub use b::B;\nuse c::C;\npub struct A;\n";
    let with = |c: &'static str| {
        [("a/mod.rs", parent), ("a/b.rs", "use super::c::{self, C};"), ("a/c/mod.rs", c), ("a/d.rs", "use super::b;")]
    };
    for straight in ["", "use super::A;", "use crate::a::A;", "// use super::b;\n", "use super::super::z::b;"] {
        assert_eq!(tree(&with(straight)).circles(), BTreeSet::new(), "{straight}");
    }
    let expected = BTreeSet::from(["a/b", "a/c"].map(str::to_owned));
    for closing in [
        "use super::b;",
        "use super::{A, b::{self, X}};",
        "use crate::a::b::X;",
        "fn f() { super::b::g() }",
        // through the parent
        "use super::B;",
    ] {
        assert_eq!(tree(&with(closing)).circles(), expected, "{closing}");
    }
    let three = tree(&with("use super::d::X;"));
    assert_eq!(three.circles(), BTreeSet::from(["a/b", "a/c", "a/d"].map(str::to_owned)));
    let mut inner = with("mod e;").to_vec();
    inner.push(("a/c/e.rs", "use super::super::b::X;"));
    assert_eq!(tree(&inner).circles(), expected);
}

#[test]
fn siblings_do_not_import_each_other_in_circles() {
    let tree = Tree::of(&files(&["src"], &["rs"]));
    assert!(tree.imports().len() > 20, "too few imports were found");
    let listed = CIRCLES.iter().flat_map(|(folder, names, _)| names.iter().map(move |name| format!("{folder}/{name}")));
    assert_listed(&tree.circles(), &listed.collect(), "imports itself through its siblings");
}
