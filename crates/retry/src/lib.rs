//! Sends again what may safely be sent again.
