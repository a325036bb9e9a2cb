//! Reads certificates (RFC 5280), by RustCrypto's `der`, without copying them.
//!
//! A certificate is taken apart into its fields, and each of these is read by itself: what is odd in one of them hides
//! nothing of the others.

mod checked;
mod client;
mod describe;
mod fields;
mod key;
mod name;
mod parts;
mod tls_feature;

pub(crate) use self::{
    checked::{Validity, issuer, sequence_header, signed, usage, validity},
    client::{is_encrypted_key, key_of_version_1},
    describe::{anchor, certificate},
    fields::inside,
    key::{is_public_key, key},
    name::shortest,
    parts::{
        for_each_dns_name, has_purpose, hosts, issuer_name, key_info, purposes, serial, signed_by, subject,
        subject_name, this_update,
    },
    tls_feature::must_be_stapled,
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skybridge_core::{Certificate, SubjectName};
    use skybridge_testkit::certs::{Ca, SelfSigned};
    use std::sync::LazyLock;

    static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let root = Ca::new("a root");
        let leaf = root.leaf(["a.test", "*.b.test", "2001:db8::1"]);
        let own = SelfSigned::new(["c.test"]).signs_certificates(true).for_servers(true).make();
        [root.der(), leaf.chain()[0].clone(), own.chain()[0].clone()].map(|der| der.to_vec()).into()
    });

    /// A certificate with some of its bytes changed, and what is behind a place left out.
    fn spoiled() -> impl Strategy<Value = Vec<u8>> {
        let change = (any::<prop::sample::Index>(), any::<u8>());
        (0..REAL.len(), prop::collection::vec(change, 0..4), prop::option::of(any::<prop::sample::Index>())).prop_map(
            |(of, changes, cut)| {
                let mut der = REAL[of].clone();
                for (at, byte) in changes {
                    let at = at.index(der.len());
                    der[at] = byte;
                }
                if let Some(cut) = cut {
                    der.truncate(cut.index(der.len()));
                }
                der
            },
        )
    }

    fn texts(certificate: &Certificate) -> Vec<&str> {
        let Certificate { subject, issuer, signature_algorithm, serial, pin, key, names, .. } = certificate;
        let names = names.iter().flatten().filter_map(|name| match name {
            SubjectName::Dns(text) | SubjectName::Email(text) | SubjectName::Uri(text) => Some(&**text),
            _ => None,
        });
        let fields = [subject, issuer, signature_algorithm, serial, pin].into_iter().flatten().map(|text| &**text);
        fields.chain(key.iter().map(|key| &*key.algorithm)).chain(names).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_in_a_certificate_panics_or_reaches_a_terminal(
            der in prop_oneof![4 => spoiled(), 1 => prop::collection::vec(any::<u8>(), 0..200)]
        ) {
            let read = certificate(&der);
            for text in texts(&read) {
                prop_assert!(!text.contains(char::is_control), "{text:?}");
            }
            prop_assert_eq!(&*read.der, &*der);
            let (dates, _) = (validity(&der), (usage(&der), signed(&der), issuer(&der)));
            let seconds = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            prop_assert_eq!(dates.map(|dates| dates.not_after.as_secs()), read.not_after.map(seconds));
        }
    }
}
