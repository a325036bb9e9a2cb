//! Which file of a crate imports from which other: read from `use` items and from the paths in the code.
//!
//! A name that is imported by way of a re-export counts as an import from the file that defines it, so that a `lib.rs`
//! which is a table of contents joins nothing. Tests and documentation don't count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::arrows::source::Source;
use crate::command::{Failure, Outcome};
use crate::files;

/// For each file, as its path below `src` without `.rs`, the files that it imports from.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;

/// A module's path below the crate's root: `["error", "connect"]`.
type Module = Vec<String>;

/// How many re-exports a name may go through.
const MOST_STEPS: usize = 16;

/// Reads all files below a crate's `src`.
pub(crate) fn read(src: &Path) -> Outcome<Imports> {
    let mut sources = BTreeMap::new();
    for file in files::sources(src)? {
        let name = file.strip_prefix(src).unwrap_or(&file).with_extension("").to_string_lossy().replace('\\', "/");
        sources.insert(name, files::read(&file)?);
    }
    imports(&sources)
}

/// From the texts of the files, each under its name.
pub(crate) fn imports(sources: &BTreeMap<String, String>) -> Outcome<Imports> {
    let mut krate = Crate::default();
    for (name, text) in sources {
        let source = Source::parse(text).map_err(Failure::during(format!("cannot parse {name}.rs")))?;
        krate.0.insert(module(name, sources), (name.clone(), source));
    }
    krate.drop_tests();
    let files = krate.0.iter().map(|(module, (name, source))| (name.clone(), krate.imported_by(module, source)));
    Ok(files.collect())
}

/// A binary beside a library is a crate of its own, which no module of the library can import.
fn module(name: &str, sources: &BTreeMap<String, String>) -> Module {
    let is_root = name == "lib" || name == "main" && !sources.contains_key("lib");
    let path = name.strip_suffix("/mod").unwrap_or(name);
    if is_root { Module::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The modules of a crate, each with the name of its file.
#[derive(Default)]
struct Crate(BTreeMap<Module, (String, Source)>);

// === impl Crate ===

impl Crate {
    fn drop_tests(&mut self) {
        let tests = self.0.iter().flat_map(|(module, (_, source))| {
            source.tests.iter().map(move |child| [module.as_slice(), std::slice::from_ref(child)].concat())
        });
        let tests: Vec<Module> = tests.collect();
        self.0.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    }

    fn imported_by(&self, module: &Module, source: &Source) -> BTreeSet<String> {
        let counts = |name: &&String| !source.exported.contains(*name) || source.used.contains(*name);
        let named = source.names.iter().filter(|(name, _)| counts(name)).map(|(_, path)| path);
        let paths = named.chain(&source.globs).chain(&source.paths);
        let modules = paths.filter_map(|path| self.resolve(module, path, 0)).filter(|other| other != module);
        modules.filter_map(|other| self.0.get(&other)).map(|(name, _)| name.clone()).collect()
    }

    /// The module that defines what a path leads to, if that is one of this crate's.
    fn resolve(&self, module: &Module, path: &[String], steps: usize) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let parent = || module.split_last().map(|(_, parent)| parent.to_vec());
        match first.as_str() {
            _ if steps > MOST_STEPS => None,
            "crate" => self.walk(Module::new(), rest, steps),
            "self" => self.walk(module.clone(), rest, steps),
            "super" if rest.first().is_some_and(|next| next == "super") => self.resolve(&parent()?, rest, steps),
            "super" => self.walk(parent()?, rest, steps),
            child if self.child(module, child).is_some() => self.walk(module.clone(), path, steps),
            _ => None,
        }
    }

    fn walk(&self, module: Module, path: &[String], steps: usize) -> Option<Module> {
        let (_, source) = self.0.get(&module)?;
        let Some((name, rest)) = path.split_first() else { return Some(module) };
        if let Some(child) = self.child(&module, name) {
            return self.walk(child, rest, steps);
        }
        if let Some(path) = source.names.get(name) {
            return self.resolve(&module, &[path.as_slice(), rest].concat(), steps + 1);
        }
        let mut globs = source.globs.iter().filter_map(|glob| self.resolve(&module, glob, steps + 1));
        globs.find(|other| self.0[other].1.items.contains(name)).or(Some(module))
    }

    fn child(&self, module: &Module, name: &str) -> Option<Module> {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        self.0.contains_key(&child).then_some(child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> String {
        let sources = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let imports = imports(&sources).unwrap();
        let arrows = imports.iter().flat_map(|(from, to)| to.iter().map(move |to| format!("{from} -> {to}")));
        arrows.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn an_import_by_way_of_the_root_is_one_outside_that_defines_it() {
        let lib = ("lib", "mod a; mod b; pub use self::{a::A, b::{B, C as D}};");
        let b = ("b", "pub struct B; pub struct C;");
        assert_eq!(read(&[lib, ("a", "use crate::B;"), b]), "a -> b");
        assert_eq!(read(&[lib, ("a", "use crate::{D, Unknown};"), b]), "a -> b, a -> lib");
        assert_eq!(read(&[lib, ("a", "fn f() -> crate::b::C { loop {} }"), b]), "a -> b");
        assert_eq!(read(&[lib, ("a", "use crate::b::{self, B as X};"), b]), "a -> b");
        assert_eq!(read(&[lib, ("a", "fn f() { vec![crate::B] }"), b]), "a -> b");
    }

    #[test]
    fn a_root_that_uses_what_it_exports_imports_it() {
        let a = ("a", "pub struct A;");
        assert_eq!(read(&[("lib", "mod a; pub use a::A; pub struct B(A);"), a]), "lib -> a");
        assert_eq!(read(&[("lib", "mod a; pub use a::A;"), a]), "");
    }

    #[test]
    fn folders_are_modules_and_parents_are_reached_by_super() {
        let files = [
            ("lib", "mod error; mod other;"),
            ("error", "mod cause; mod kind; pub use self::{cause::Cause, kind::*}; use std::fmt;"),
            ("error/cause", "use super::Kind; use super::super::other::O; pub struct Cause;"),
            ("error/kind", "use super::fmt::Debug; pub struct Kind;"),
            ("other", "use crate::error::Kind; pub struct O;"),
        ];
        assert_eq!(
            read(&files),
            "error -> error/kind, error/cause -> error/kind, error/cause -> other, \
             other -> error/kind"
        );
    }

    #[test]
    fn tests_documentation_and_visibility_are_no_imports() {
        let text = "
            #[cfg(test)] mod tests { use crate::b::B; }
            #[cfg(test)] mod more;
            /// [`B`](crate::b::B)
            pub(in crate::b) struct A;";
        let lib = ("lib", "mod a; mod b;");
        assert_eq!(read(&[lib, ("a", text), ("a/more", "use crate::b::B;"), ("b", "pub struct B;")]), "");
    }

    #[test]
    fn a_module_inside_of_a_file_is_that_file() {
        let text = "struct A; mod inner { use super::A; use super::super::b::B; }";
        assert_eq!(read(&[("lib", "mod a; mod b;"), ("a", text), ("b", "pub struct B;")]), "a -> b");
    }

    #[test]
    fn a_binary_beside_a_library_is_no_module_of_it() {
        let files = [("lib", "mod a;"), ("main", "use crate::a::A;"), ("a", "pub struct A;")];
        assert_eq!(read(&files), "main -> a", "{}", "by name alone, and nothing can import it");
    }
}
