use crate::{ConnectOptions, Origin, OriginError, OriginRef};

/// Everything that decides whether two requests may share a connection. `Eq` and `Hash` are derived, for the owned and
/// the borrowed form alike.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Key<O = Origin, T = ConnectOptions> {
    /// The origin.
    pub origin: O,
    /// What is asked of the connection.
    pub connect_options: T,
}

/// A [`Key`] borrowed from a request, so that a lookup in a pool needs no allocation.
pub type KeyRef<'a> = Key<OriginRef<'a>, &'a ConnectOptions>;

impl Key {
    /// A key of this origin and these options.
    pub fn new(origin: Origin, connect_options: ConnectOptions) -> Self {
        Self { origin, connect_options }
    }

    /// The borrowed form, which is equal and has the same hash.
    #[inline]
    pub fn as_ref(&self) -> KeyRef<'_> {
        Key { origin: self.origin.as_ref(), connect_options: &self.connect_options }
    }
}

impl<'a> KeyRef<'a> {
    /// A borrowed key of this origin and these options.
    #[inline]
    pub fn of(origin: OriginRef<'a>, connect_options: &'a ConnectOptions) -> Self {
        Key { origin, connect_options }
    }

    /// The owned form.
    ///
    /// # Errors
    /// When the origin's host is not valid.
    #[allow(clippy::wrong_self_convention, reason = "the word of the standard library; it may fail")]
    pub fn to_owned(self) -> Result<Key, OriginError> {
        Ok(Key { origin: self.origin.to_owned()?, connect_options: self.connect_options.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EchMode, Egress, EgressRule, Endpoint, HttpVersions, Partition};
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn every_term_makes_a_key_of_its_own_and_the_borrowed_key_agrees() {
        let uri = "http://a.test/".parse().unwrap();
        let origin = OriginRef::of(&uri).unwrap();
        let all = [
            ConnectOptions::default(),
            ConnectOptions { http_versions: HttpVersions::Http1, ..ConnectOptions::default() },
            ConnectOptions { http_versions: HttpVersions::Http2, ..ConnectOptions::default() },
            ConnectOptions::default().ech(EchMode::Off),
            ConnectOptions::default().ech(EchMode::Offer),
            ConnectOptions::default().ech(EchMode::Require),
            ConnectOptions { partition: Some(Partition::new("a")), ..ConnectOptions::default() },
            ConnectOptions { partition: Some(Partition::new("b")), ..ConnectOptions::default() },
            ConnectOptions { proxies: Some([].into()), ..ConnectOptions::default() },
            ConnectOptions { dial: Some([Endpoint::from(([127, 0, 0, 1], 1))].into()), ..ConnectOptions::default() },
            ConnectOptions { dial: Some([Endpoint::from(([127, 0, 0, 1], 2))].into()), ..ConnectOptions::default() },
            ConnectOptions::default().connect_to("b.test", 1).unwrap(),
            ConnectOptions::default().connect_to("b.test", 2).unwrap(),
            ConnectOptions { server_name: Some("b.test".into()), ..ConnectOptions::default() },
            ConnectOptions { egress: Egress::public(), ..ConnectOptions::default() },
            ConnectOptions { egress: Egress::public().deny(EgressRule::new().port(25)), ..ConnectOptions::default() },
            ConnectOptions { egress: Egress::public().allow(EgressRule::new().port(25)), ..ConnectOptions::default() },
        ];
        let state = RandomState::new();
        for (i, a) in all.iter().enumerate() {
            let borrowed = KeyRef::of(origin, a);
            let owned = borrowed.to_owned().unwrap();
            assert_eq!(owned.as_ref(), borrowed);
            assert_eq!(state.hash_one(&owned), state.hash_one(borrowed));
            for (j, b) in all.iter().enumerate() {
                assert_eq!(KeyRef::of(origin, b) == borrowed, i == j, "{a:?} {b:?}");
            }
        }
    }
}
