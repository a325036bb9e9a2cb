use crate::TlsError;
use skybridge_core::ConnectError;
use std::{error::Error, fmt, sync::Arc};

/// A handshake failed, after those with other [specs](crate::TlsConfigBuilder::specs) had failed as well. The source is
/// the last error.
#[non_exhaustive]
pub struct FallbackFailed {
    /// The spec of the last handshake.
    pub spec: Arc<str>,
    /// Why that failed.
    pub source: TlsError,
    /// The specs before it, in order, and why their handshakes failed.
    pub earlier: Box<[(Arc<str>, ConnectError)]>,
}

impl fmt::Display for FallbackFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handshake failed with the spec {}, as it had with ", self.spec)?;
        for (at, (spec, error)) in self.earlier.iter().enumerate() {
            let before = if at == 0 { "" } else { ", and with " };
            write!(f, "{before}{spec} ({})", error.reason().unwrap_or("no reason is known"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for FallbackFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for FallbackFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
