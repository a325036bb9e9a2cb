//! Resolvers as tower services: the system's, and overrides.
