use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType};
use skybridge_core::Families;
use std::{
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
};

/// Asks the system for the addresses of one family, or both. That a name doesn't exist is an error of the kind
/// `NotFound`; no addresses are returned for one that has none of the family.
pub(crate) fn getaddrinfo(host: &str, family: Families) -> Result<Vec<SocketAddr>> {
    let hints = AddrInfoHints {
        address: match family {
            Families::V4 => AddrFamily::Inet.into(),
            Families::V6 => AddrFamily::Inet6.into(),
            _ => 0,
        },
        // Otherwise each address is listed once for each type of socket.
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    match dns_lookup::getaddrinfo(Some(host), None, Some(hints)) {
        Ok(found) => found.map(|info| info.map(|info| info.sockaddr)).collect(),
        Err(error) => match error.kind() {
            LookupErrorKind::NoName => Err(Error::new(ErrorKind::NotFound, Error::from(error))),
            LookupErrorKind::NoData => Ok(Vec::new()),
            _ if is_of_another_family(&error) => Ok(Vec::new()),
            _ => Err(error.into()),
        },
    }
}

/// `EAI_ADDRFAMILY`, which not every system has, and which glibc and the BSDs say for a name without addresses of the
/// family.
fn is_of_another_family(error: &dns_lookup::LookupError) -> bool {
    error.to_string().contains("ddress family for hostname not supported")
}
