//! No two files of a crate need each other: one can be read, tested and replaced without the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use crate::arrows::imports::{self, Imports};
use crate::command::Outcome;

/// One sentence for each cycle among the files of these crates.
pub(crate) fn found(crates: &Path, checked: &[&str]) -> Outcome<Vec<String>> {
    let mut sentences = Vec::new();
    for krate in checked {
        let imports = imports::read(&crates.join(krate).join("src"))?;
        let cycles = cycles(&imports);
        let told = cycles.iter().map(|cycle| format!("crates/{krate}/src: an import cycle: {}", cycle.join(" -> ")));
        sentences.extend(told);
    }
    Ok(sentences)
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

    fn told(arrows: &[(&str, &str)]) -> Vec<String> {
        let mut imports = Imports::new();
        for (from, to) in arrows {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        cycles(&imports).iter().map(|cycle| cycle.join(" -> ")).collect()
    }

    #[test]
    fn a_cycle_is_told_as_a_way_back_to_where_it_begins() {
        assert_eq!(told(&[("a", "b"), ("b", "c"), ("a", "c")]), [""; 0]);
        assert_eq!(told(&[("a", "b"), ("b", "c"), ("c", "a")]), ["a -> b -> c -> a"]);
        assert_eq!(told(&[("x", "a"), ("a", "b"), ("b", "a"), ("b", "x")]).len(), 2);
    }
}
