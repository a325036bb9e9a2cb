//! What it costs to look on: allocations per request of the default client, by who observes it. Printed, without a
//! gate: who doesn't observe pays nothing, which the others hold, and who does pays for what is told.

use crate::{
    client,
    counted::{COUNTED, WARM},
};
use skybridge::Observe;
use skybridge_bare::{Over, Shape, Version, runtime};
use skybridge_counting::allocations;
use skybridge_trace::{Metrics, Recorder, Spans};
use std::{error::Error, io, sync::Arc};
use tracing_subscriber::{EnvFilter, util::SubscriberInitExt};

/// False when it can't be measured.
pub(crate) fn print() -> bool {
    match counts() {
        Ok(counts) => {
            let counts: Vec<_> = counts.iter().map(|(who, count)| format!("{who} {count:.2}")).collect();
            println!("\nallocations per request of a client that is observed (h1 GET): {}", counts.join(", "));
            true
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            false
        }
    }
}

fn counts() -> Result<[(&'static str, f64); 6], Box<dyn Error>> {
    let unseen = per_request(Some(Spans::new()))?;
    let lines = to_nowhere("skybridge::call=debug,skybridge::connection=debug", || per_request(Some(Spans::new())))?;
    let all = to_nowhere("skybridge=trace", || per_request(Some(Spans::new())))?;
    Ok([
        ("by nobody", per_request(None)?),
        ("by a recorder", per_request(Some(Recorder::new()))?),
        ("by metrics without a recorder", per_request(Some(Metrics::new()))?),
        ("by spans without a subscriber", unseen),
        ("with calls and connections in a log", lines),
        ("with all spans", all),
    ])
}

/// With a subscriber that writes lines to nowhere.
fn to_nowhere<T>(filter: &str, measure: impl FnOnce() -> T) -> T {
    let filter = EnvFilter::new(filter);
    let _subscribed = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::sink).finish().set_default();
    measure()
}

fn per_request(observer: Option<Arc<dyn Observe>>) -> Result<f64, Box<dyn Error>> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let client = client::client(Version::H1, Over::Nothing, observer);
        let (mut before, mut after) = (0, 0);
        for n in 1..=WARM + COUNTED {
            client::send(&client, Shape::Plain, Over::Nothing).await?;
            if n == WARM {
                before = allocations();
            }
            after = allocations();
        }
        Ok((after - before) as f64 / COUNTED as f64)
    })
}
