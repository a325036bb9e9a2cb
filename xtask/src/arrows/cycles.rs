//! No two files of a crate need each other: one can be read, tested and replaced without the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use crate::arrows::imports::{self, Imports};
use crate::command::Outcome;

/// A type and the future that it makes. The future works on the type, and the type's method returns the future.
pub(crate) struct OwnFuture {
    /// The folder below `crates`.
    pub(crate) krate: &'static str,
    pub(crate) of: &'static str,
    pub(crate) future: &'static str,
    /// Why the future needs the type.
    pub(crate) reason: &'static str,
}

/// One sentence for each cycle among the files of these crates, and for each exception that nothing needs any more.
pub(crate) fn found(crates: &Path, checked: &[&str], allowed: &[OwnFuture]) -> Outcome<Vec<String>> {
    let mut sentences = Vec::new();
    for krate in checked {
        let imports = imports::read(&crates.join(krate).join("src"))?;
        let own: Vec<&OwnFuture> = allowed.iter().filter(|pair| pair.krate == *krate).collect();
        sentences.extend(judge(imports, &own).into_iter().map(|sentence| format!("crates/{krate}/src: {sentence}")));
    }
    Ok(sentences)
}

fn judge(mut imports: Imports, allowed: &[&OwnFuture]) -> Vec<String> {
    let mut sentences = Vec::new();
    for OwnFuture { of, future, reason, .. } in allowed {
        let forth = imports.get(*of).is_some_and(|to| to.contains(*future));
        let back = imports.get_mut(*future).is_some_and(|to| to.remove(*of));
        if !(forth && back) {
            sentences.push(format!("{of} and {future} no longer import each other; they were allowed to as {reason}"));
        }
    }
    let cycles = cycles(&imports);
    sentences.extend(cycles.iter().map(|cycle| format!("an import cycle: {}", cycle.join(" -> "))));
    sentences
}

/// The shortest cycle through each file that is in one, but only the first through the same files.
fn cycles(imports: &Imports) -> Vec<Vec<&str>> {
    let mut seen = BTreeSet::new();
    let mut cycles = Vec::new();
    for file in imports.keys() {
        if !seen.contains(file.as_str())
            && let Some(cycle) = shortest(imports, file)
        {
            seen.extend(cycle.iter().copied());
            cycles.push(cycle);
        }
    }
    cycles
}

fn shortest<'a>(imports: &'a Imports, file: &'a str) -> Option<Vec<&'a str>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([file]);
    while let Some(next) = queue.pop_front() {
        for to in imports.get(next).into_iter().flatten() {
            if to == file {
                let mut cycle = vec![file];
                let path = std::iter::successors(Some(next), |at| (*at != file).then(|| from[at]));
                cycle.extend(path);
                cycle.reverse();
                return Some(cycle);
            }
            if !from.contains_key(to.as_str()) {
                from.insert(to, next);
                queue.push_back(to);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(arrows: &[(&str, &str)], allowed: &[&OwnFuture]) -> Vec<String> {
        let mut imports = Imports::new();
        for (from, to) in arrows {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        judge(imports, allowed)
    }

    const PAIR: OwnFuture = OwnFuture { krate: "x", of: "a", future: "b", reason: "b runs a" };

    #[test]
    fn a_cycle_is_told_as_a_way_back_to_where_it_begins() {
        assert_eq!(judged(&[("a", "b"), ("b", "c"), ("a", "c")], &[]), [""; 0]);
        assert_eq!(judged(&[("a", "b"), ("b", "c"), ("c", "a")], &[]), ["an import cycle: a -> b -> c -> a"]);
        assert_eq!(judged(&[("x", "a"), ("a", "b"), ("b", "a"), ("b", "x")], &[]).len(), 2);
    }

    #[test]
    fn a_type_and_its_own_future_may_know_each_other_and_nothing_else_by_way_of_them() {
        assert_eq!(judged(&[("a", "b"), ("b", "a")], &[&PAIR]), [""; 0]);
        let through = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")];
        assert_eq!(judged(&through, &[&PAIR]), ["an import cycle: a -> b -> c -> a"]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_told() {
        assert_eq!(
            judged(&[("a", "b")], &[&PAIR]),
            ["a and b no longer import each other; they were allowed to as b runs a"]
        );
    }
}
