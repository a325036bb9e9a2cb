//! Opens one socket to one endpoint, and races several.
