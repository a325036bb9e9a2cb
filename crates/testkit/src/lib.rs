//! Scripted peers, fake dialers and an in-memory network on virtual time, for testing connection layers.
