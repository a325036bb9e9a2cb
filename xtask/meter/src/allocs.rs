//! `allocs`: allocations per request above bare, by exact count.

use crate::{
    case::{Case, Sender},
    connects,
    counted::{COUNTED, WARM},
    memory, names, observed, passing, sessions,
    stack::Retry,
};
use skybridge_bare::{Over, Shape, Version};
use skybridge_counting::allocations;

/// Prints what each case costs; false when one costs more than it may.
pub(crate) fn gate() -> bool {
    println!("allocations per request, warm, on the client's side; the gate is on what is above bare\n");
    println!("{:<7}{:<24}{:>8}{:>10}{:>8}{:>10}{:>8}", "", "", "bare", "unsent()", "above", "safe()", "above");
    let mut good = true;
    for version in [Version::H1, Version::H2] {
        for over in [Over::Nothing, Over::Tls] {
            for shape in Shape::ALL {
                good &= row(version, over, shape);
            }
        }
    }
    good &= passing::gate();
    good &= names::gate();
    good &= connects::gate();
    good &= sessions::gate();
    good &= observed::print();
    good &= memory::gate();
    println!("\n{}", if good { "no allocation above what is allowed" } else { "MORE than is allowed" });
    good
}

fn row(version: Version, over: Over, shape: Shape) -> bool {
    let measure = |sender| per_request(Case { version, over, sender, shape });
    let counts = [Sender::Bare, Sender::Stack(Retry::Unsent), Sender::Stack(Retry::Safe)].map(measure);
    let [Ok(bare), Ok(unsent), Ok(safe)] = &counts else {
        counts.iter().filter_map(|count| count.as_ref().err()).for_each(|error| println!("FAILED: {error}"));
        return false;
    };
    let allowed = shape.owned_values() as f64;
    let (above_unsent, above_safe) = (unsent - bare, safe - bare);
    let good = above_unsent <= 0.0 && above_safe <= allowed;
    println!(
        "{:<7}{:<24}{bare:>8.2}{unsent:>10.2}{above_unsent:>+8.2}{safe:>10.2}{above_safe:>+8.2}   {}",
        name(version, over),
        shape.name(),
        if good { "ok" } else { "TOO MANY" },
    );
    good
}

fn name(version: Version, over: Over) -> &'static str {
    match (version, over) {
        (Version::H1, Over::Nothing) => "h1",
        (Version::H1, Over::Tls) => "h1 tls",
        (Version::H2, Over::Nothing) => "h2",
        (Version::H2, Over::Tls) => "h2 tls",
    }
}

fn per_request(case: Case) -> Result<f64, String> {
    let (mut before, mut after) = (0, 0);
    case.run(WARM + COUNTED, |n| {
        if n == WARM {
            before = allocations();
        }
        after = allocations();
    })
    .map_err(|error| format!("{}: {error}", case.name()))?;
    Ok((after - before) as f64 / COUNTED as f64)
}
