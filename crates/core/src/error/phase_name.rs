use crate::Phase;

/// A phase as a person calls it.
pub(super) fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Backoff => "the pause before the connect",
        Phase::LookupQueue => "the wait for the name lookup",
        Phase::Resolve => "the name lookup",
        Phase::Tcp => "TCP",
        Phase::Tunnel => "the tunnel",
        Phase::Tls => "TLS",
        Phase::Handshake => "the HTTP handshake",
        Phase::Acquire => "connecting",
        Phase::Send => "sending",
        Phase::Wait => "waiting",
        Phase::Body => "the body",
        Phase::Call => "the call",
        Phase::Other(name) => name.as_str(),
    }
}
