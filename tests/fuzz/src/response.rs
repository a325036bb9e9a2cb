//! The codec on one peer's bytes, cut in all ways.

use crate::{
    input::{Cuts, Input},
    ours::{self, Ours},
    outcome::{End, Outcome},
    wire,
};
use skybridge_h1_codec::{Framing, Limits};

/// A response is the same however its bytes arrive, it stays within its limits, and what is said to be strict is.
pub fn h1_response(input: &[u8]) {
    let Some(Input { method, cuts, wire }) = Input::parse(input) else { return };
    let wire = &*wire;
    for limits in [Limits::default(), few()] {
        let whole = ours::read(&method, &Cuts::NONE.pieces(wire), &limits);
        check(&whole, wire, &limits);
        let same = |pieces: &[&[u8]]| {
            let cut = ours::read(&method, pieces, &limits);
            check(&cut, wire, &limits);
            if let Err(difference) = compare(&whole, &cut) {
                let pieces: Vec<_> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
                panic!(
                    "{difference}\npieces: {pieces:#?}\nwhole: {:#?}, {:?}\ncut: {:#?}, {:?}",
                    whole.outcome, whole.framing, cut.outcome, cut.framing
                );
            }
        };
        same(&Cuts::EVERYWHERE.pieces(wire));
        same(&cuts.pieces(wire));
        if wire.len() <= 200 {
            (1..wire.len()).map(|at| wire.split_at(at)).for_each(|(one, other)| same(&[one, other]));
        }
    }
}

/// Limits that a short input reaches.
fn few() -> Limits {
    let mut limits = Limits::default();
    (limits.head_bytes, limits.fields, limits.chunk_extension_bytes) = (160, 4, 12);
    limits
}

fn compare(whole: &Ours, cut: &Ours) -> Result<(), &'static str> {
    if whole.interim != cut.interim {
        return Err("other interim responses");
    }
    match (&whole.outcome, &cut.outcome) {
        // Which of several mistakes is seen first depends on what is there to be seen. That it is one doesn't.
        (Outcome::HeadRefused(_), Outcome::HeadRefused(_)) | (Outcome::HeadIncomplete, Outcome::HeadIncomplete) => {
            Ok(())
        }
        (Outcome::Read(whole_response), Outcome::Read(cut_response)) => {
            let facts = |ours: &Ours| (ours.framing, ours.strict, ours.keep_alive, ours.head);
            if facts(whole) != facts(cut) {
                return Err("the heads are taken for something else");
            }
            let (one, other) = (whole_response, cut_response);
            if (one.status, one.version, &one.reason, &one.headers)
                != (other.status, other.version, &other.reason, &other.headers)
            {
                return Err("the heads differ");
            }
            if (&one.body, &one.trailers) != (&other.body, &other.trailers) {
                return Err("the bodies differ");
            }
            match (&one.end, &other.end) {
                (End::Whole { left: one }, End::Whole { left: other }) if one == other => Ok(()),
                (End::Refused(one), End::Refused(other))
                    if std::mem::discriminant(one) == std::mem::discriminant(other) =>
                {
                    Ok(())
                }
                (End::Incomplete, End::Incomplete) => Ok(()),
                _ => Err("they end otherwise"),
            }
        }
        _ => Err("one is a response"),
    }
}

/// What holds for every response.
fn check(ours: &Ours, wire: &[u8], limits: &Limits) {
    let Outcome::Read(response) = &ours.outcome else { return };
    let head = &wire[..ours.head.1];
    let irregular = wire::has_fold(head) || wire::has_bare_lf(head) || wire::has_empty_start(head);
    assert!(!(ours.strict && irregular), "not strict: {}", head.escape_ascii());
    let behind = wire.len() - ours.head.1;
    assert!(response.body.len() <= behind, "more than there was");
    assert!(response.headers.len() <= limits.fields);
    let forbidden = |name: &str| wire::NO_TRAILERS.contains(&name);
    let mut trailers = response.trailers.iter().flat_map(|trailers| trailers.keys());
    assert!(!trailers.any(|name| forbidden(name.as_str())), "{:?}", response.trailers);
    match (ours.framing, &response.end) {
        (Some(Framing::Empty | Framing::Upgrade), End::Whole { left }) => {
            assert!(response.body.is_empty() && *left == behind);
        }
        (Some(Framing::Length(length)), End::Whole { left }) => {
            assert!(response.body.len() as u64 == length && left + response.body.len() == behind);
        }
        (Some(Framing::UntilClose), End::Whole { left }) => {
            assert!(*left == 0 && response.body == wire[ours.head.1..]);
        }
        (Some(Framing::Chunked), End::Whole { left }) => assert!(left + response.body.len() + 5 <= behind),
        (Some(Framing::Length(_) | Framing::Chunked), End::Incomplete) => {}
        (Some(Framing::Chunked), End::Refused(_)) => {}
        (framing, end) => panic!("{framing:?} can't end so: {end:?}"),
    }
}
