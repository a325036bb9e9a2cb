//! A layer for attempts, put where routes are.

use skybridge::{tower::util::MapRequestLayer, types::Attempt, *};

fn main() {
    let _client = Client::builder().above_race(MapRequestLayer::new(|attempt: Attempt| attempt)).build();
}
