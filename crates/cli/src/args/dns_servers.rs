//! `--dns-servers`: whom to ask for addresses, in place of the system.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

const PORT: u16 = 53;

/// At least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DnsServers(pub(crate) Vec<SocketAddr>);

impl FromStr for DnsServers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(server).collect::<Result<_, _>>().map(Self)
    }
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let nearest = "nearest: 192.0.2.1,192.0.2.2:5353,[2001:db8::1]:53";
    let why = |what: &str| format!("{what}; {nearest}");
    if text.is_empty() {
        return Err(why("a server is missing"));
    }
    // An address without a port may be in brackets.
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT));
    let server = ip.or_else(|_| text.parse()).map_err(|_| {
        why("not addresses of DNS servers, each with a port or without; a name would need a server to be found")
    })?;
    match server {
        SocketAddr::V6(server) if server.scope_id() != 0 => Err(why("an address with a zone can't be asked")),
        server if server.port() == 0 => Err(why("0 is no port")),
        server if server.ip().is_unspecified() || server.ip().is_multicast() => {
            Err(why("an address that is no single server's"))
        }
        server => Ok(server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_of_either_family_with_a_port_or_without() {
        let servers: DnsServers = "192.0.2.1, 192.0.2.2:5353,2001:db8::1,[2001:db8::2],[::1]:54".parse().unwrap();
        let servers: Vec<_> = servers.0.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53", "[2001:db8::2]:53", "[::1]:54"]);
    }

    #[test]
    fn what_is_no_server_says_why_and_what_would_do() {
        let rows = [
            ("", "a server is missing"),
            ("192.0.2.1,", "a server is missing"),
            ("dns.test", "not addresses of DNS servers"),
            ("192.0.2.1:", "not addresses of DNS servers"),
            ("192.0.2.1:dns", "not addresses of DNS servers"),
            ("192.0.2.1:65536", "not addresses of DNS servers"),
            ("[192.0.2.1]:53", "not addresses of DNS servers"),
            ("tls://192.0.2.1", "not addresses of DNS servers"),
            ("192.0.2.1:0", "0 is no port"),
            ("0.0.0.0", "an address that is no single server's"),
            ("[fe80::1%2]:53", "an address with a zone"),
        ];
        for (text, why) in rows {
            let error = text.parse::<DnsServers>().unwrap_err();
            assert!(error.starts_with(why) && error.ends_with("[2001:db8::1]:53"), "{text}: {error}");
        }
    }
}
