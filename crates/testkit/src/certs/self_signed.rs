use super::{Cert, cert::Leaf};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, date_time_ymd};

/// A server's certificate that it has signed itself, and that says CA:TRUE, which is what `openssl req -x509` makes.
/// Whoever trusts it has it as a root.
pub struct SelfSigned(Leaf);

impl SelfSigned {
    /// For these names and addresses, valid from 1975 to 4096, with no restriction of its usage.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut leaf = Leaf::server(names);
        leaf.params.extended_key_usages = Vec::new();
        leaf.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // rcgen adds the usages of a CA otherwise.
        leaf.params.key_usages = Vec::new();
        Self(leaf)
    }

    /// Says CA:FALSE.
    pub fn not_a_ca(mut self) -> Self {
        self.0.params.is_ca = IsCa::ExplicitNoCa;
        self
    }

    /// Has expired.
    pub fn expired(mut self) -> Self {
        self.0.params.not_after = date_time_ymd(2001, 2, 3);
        self
    }

    /// Is not valid yet.
    pub fn not_yet_valid(mut self) -> Self {
        self.0.params.not_before = date_time_ymd(4000, 1, 1);
        self
    }

    /// Its extended key usage is for servers, or for clients alone.
    pub fn for_servers(mut self, servers: bool) -> Self {
        let usage = if servers { ExtendedKeyUsagePurpose::ServerAuth } else { ExtendedKeyUsagePurpose::ClientAuth };
        self.0.params.extended_key_usages = vec![usage];
        self
    }

    /// Its key may sign certificates, and a handshake too if `handshakes`.
    pub fn signs_certificates(mut self, handshakes: bool) -> Self {
        self.0.params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        self.0.params.key_usages.extend(handshakes.then_some(KeyUsagePurpose::DigitalSignature));
        self
    }

    /// The certificate.
    pub fn make(self) -> Cert {
        self.0.self_signed()
    }
}

impl std::fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SelfSigned").finish_non_exhaustive()
    }
}
