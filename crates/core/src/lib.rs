//! The nouns and the contracts of skybridge: no IO, no policy.
