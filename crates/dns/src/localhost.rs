use skybridge_core::{Endpoint, Families};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// The loopback addresses, IPv6 first, if the name is `localhost` or below it. Port 0 stands for that of the query.
///
/// Such names must not leave the machine: whoever answers for them on the network could have them lead elsewhere (RFC
/// 6761, section 6.3).
pub(crate) fn localhost(host: &str, families: Families) -> Option<Arc<[Endpoint]>> {
    if !is_localhost(host) {
        return None;
    }
    let v6 = (families != Families::V4).then_some(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let v4 = (families != Families::V6).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Some(v6.into_iter().chain(v4).map(|ip| SocketAddr::new(ip, 0).into()).collect())
}

/// Whether the last label is `localhost`, whatever its case. A name may end with a dot.
pub(crate) fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.rsplit('.').next().is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_names_below_it_are_this_machine_and_nothing_else_is() {
        for name in ["localhost", "localhost.", "LocalHost", "a.localhost", "a.b.LOCALHOST."] {
            assert!(is_localhost(name), "{name}");
        }
        for name in
            ["", ".", "localhost..", "localhost.test", "notlocalhost", "a.notlocalhost", "localhost.localdomain"]
        {
            assert!(!is_localhost(name), "{name}");
        }
    }

    #[test]
    fn the_families_asked_for_are_answered_ipv6_first() {
        let answers =
            [(Families::Both, "[::1]:0 127.0.0.1:0"), (Families::V4, "127.0.0.1:0"), (Families::V6, "[::1]:0")];
        for (families, expected) in answers {
            let found = localhost("a.localhost", families).unwrap();
            assert_eq!(found.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(" "), expected);
        }
    }
}
