//! `--dns-servers`: whom to ask for addresses, in place of the system.

use skybridge::types::Dial;
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

const PORT: u16 = 53;
const TLS_PORT: u16 = 853;

/// At least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DnsServers {
    Cleartext(Vec<SocketAddr>),
    /// With the name, or address, that each must prove.
    Tls(Vec<(SocketAddr, Box<str>)>),
}

impl FromStr for DnsServers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let servers: Vec<_> = text.split(',').map(str::trim).collect();
        let tls: Vec<_> = servers.iter().filter_map(|server| server.strip_prefix("tls://")).collect();
        if tls.is_empty() {
            let servers = servers.into_iter().map(|server| address(server, PORT));
            return servers.collect::<Result<_, _>>().map(Self::Cleartext);
        }
        if tls.len() < servers.len() {
            return Err(why("either all servers are asked over TLS or none"));
        }
        tls.into_iter().map(named).collect::<Result<_, _>>().map(Self::Tls)
    }
}

fn why(what: &str) -> String {
    format!("{what}; nearest: 192.0.2.1,[2001:db8::1]:5353 or tls://192.0.2.1#dns.test")
}

/// `ADDRESS#NAME`.
fn named(text: &str) -> Result<(SocketAddr, Box<str>), String> {
    let (server, name) = text.split_once('#').map_or((text, None), |(server, name)| (server, Some(name)));
    let server = address(server, TLS_PORT)?;
    match name {
        Some("") => Err(why("there is no name behind #")),
        Some(name) => {
            Dial::host_and_port(name, server.port()).map_err(|error| why(&error.to_string()))?;
            Ok((server, name.into()))
        }
        None => Ok((server, server.ip().to_string().into())),
    }
}

fn address(text: &str, port: u16) -> Result<SocketAddr, String> {
    if text.is_empty() {
        return Err(why("a server is missing"));
    }
    // An address without a port may be in brackets.
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, port));
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
        let DnsServers::Cleartext(servers) = servers else { panic!("{servers:?}") };
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53", "[2001:db8::2]:53", "[::1]:54"]);
    }

    #[test]
    fn a_server_over_tls_proves_its_name_or_its_address() {
        let servers = "tls://192.0.2.1#dns.test,tls://[2001:db8::1]:8853, tls://2001:db8::2".parse();
        let at = |addr: &str, name: &str| (addr.parse().unwrap(), name.into());
        let expected = vec![
            at("192.0.2.1:853", "dns.test"),
            at("[2001:db8::1]:8853", "2001:db8::1"),
            at("[2001:db8::2]:853", "2001:db8::2"),
        ];
        assert_eq!(servers, Ok(DnsServers::Tls(expected)));
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
            ("https://192.0.2.1", "not addresses of DNS servers"),
            ("tls://dns.test", "not addresses of DNS servers"),
            ("tls://192.0.2.1#", "there is no name"),
            ("tls://192.0.2.1#dns.test:853", "the host"),
            ("tls://192.0.2.1,192.0.2.2", "either all servers"),
            ("192.0.2.1:0", "0 is no port"),
            ("0.0.0.0", "an address that is no single server's"),
            ("[fe80::1%2]:53", "an address with a zone"),
        ];
        for (text, why) in rows {
            let error = text.parse::<DnsServers>().unwrap_err();
            assert!(error.starts_with(why) && error.ends_with("tls://192.0.2.1#dns.test"), "{text}: {error}");
        }
    }
}
