//! What one file imports, and which names it passes on: read with `syn`, so that neither a comment nor a string is
//! taken for code.

use std::collections::{BTreeSet, HashMap};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

/// What one file says of itself.
#[derive(Default)]
pub(crate) struct Source {
    /// Names that it imports, and what they are paths to. Its children can reach them too.
    pub(crate) names: HashMap<String, Vec<String>>,
    pub(crate) globs: Vec<Vec<String>>,
    /// Of the above, those that are re-exports. They count only where the file uses the name itself.
    pub(crate) exported: BTreeSet<String>,
    /// Other paths in it, from `crate`, `self`, `super` or a child on.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// First segments of all paths: the names that it uses.
    pub(crate) used: BTreeSet<String>,
    /// Names of items that it defines.
    pub(crate) items: BTreeSet<String>,
    /// Child modules that are there for tests alone.
    pub(crate) tests: BTreeSet<String>,
    /// How deep inside of modules in the same file.
    depth: usize,
}

impl Source {
    pub(crate) fn parse(text: &str) -> syn::Result<Self> {
        let mut source = Self::default();
        source.visit_file(&syn::parse_file(text)?);
        Ok(source)
    }

    fn import(&mut self, mut prefix: Vec<String>, tree: &UseTree, exported: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(prefix, &path.tree, exported);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(prefix.clone(), tree, exported));
            }
            UseTree::Glob(_) => self.globs.extend(self.outside(prefix)),
            UseTree::Name(name) => self.name(prefix, name.ident.to_string(), name.ident.to_string(), exported),
            UseTree::Rename(name) => self.name(prefix, name.ident.to_string(), name.rename.to_string(), exported),
        }
    }

    fn name(&mut self, mut path: Vec<String>, name: String, alias: String, exported: bool) {
        let alias = if alias == "self" { path.last().cloned().unwrap_or_default() } else { alias };
        if name != "self" {
            path.push(name);
        }
        let Some(path) = self.outside(path) else { return };
        if self.depth > 0 {
            self.paths.insert(path);
            return;
        }
        if exported {
            self.exported.insert(alias.clone());
        }
        self.names.insert(alias, path);
    }

    /// The path as the file itself would write it: one in a module inside of the file may begin with more `super`s.
    /// `None` when it stays within the file.
    fn outside(&self, path: Vec<String>) -> Option<Vec<String>> {
        let first = path.first().map(String::as_str);
        if self.depth == 0 || !matches!(first, Some("super" | "self")) {
            return Some(path);
        }
        let up = path.iter().take_while(|segment| *segment == "super").count();
        (up > self.depth).then(|| path[self.depth..].to_vec())
    }

    fn path(&mut self, path: Vec<String>) {
        self.used.extend(path.first().cloned());
        if path.len() > 1
            && let Some(path) = self.outside(path)
        {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            if let Item::Mod(module) = item {
                self.tests.insert(module.ident.to_string());
            }
            return;
        }
        if self.depth == 0
            && let Some(name) = defined(item)
        {
            self.items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(Vec::new(), &item.tree, !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        // What a macro makes of its tokens isn't known: whatever looks like a path is taken for one.
        for path in paths(&call.tokens.to_string()) {
            self.path(path);
        }
    }

    // Links in documentation, and who may see an item, are no imports.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// The paths in the text of tokens.
fn paths(tokens: &str) -> Vec<Vec<String>> {
    let spaced = tokens.replace("::", " :: ");
    let is_name = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut paths: Vec<Vec<String>> = Vec::new();
    let mut goes_on = false;
    for word in spaced.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).filter(|word| !word.is_empty()) {
        match paths.last_mut() {
            Some(path) if goes_on && is_name(word) => path.push(word.to_owned()),
            _ if is_name(word) => paths.push(vec![word.to_owned()]),
            _ => {}
        }
        goes_on = word == "::";
    }
    paths
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let condition = list.tokens.to_string();
        condition == "test" || condition.replace(' ', "").starts_with("all(test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Mod(item) => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}
