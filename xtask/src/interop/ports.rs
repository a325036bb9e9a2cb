//! Free ports, and who listens on one, without connecting: a probe would count as a connection.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process;

use crate::command::{Failure, Outcome};

/// Below the range from which the kernel takes ports for outgoing connections, so that none takes ours in between.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// Ports nobody listens on, all different; a second call gives those again on which still nobody does.
pub(crate) fn free<const N: usize>() -> Outcome<[u16; N]> {
    let span = u32::from(LAST - FIRST);
    let start = u16::try_from(process::id() % span).unwrap_or(0); // two runs at once begin at different places
    let held: Vec<TcpListener> = (FIRST + start..LAST)
        .chain(FIRST..FIRST + start)
        .filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .take(N)
        .collect();
    let ports: Vec<u16> = held.iter().filter_map(|held| held.local_addr().ok()).map(|at| at.port()).collect();
    ports.try_into().map_err(|_| Failure::new(format!("no {N} free ports between {FIRST} and {LAST}")))
}

/// Whether anybody listens on the port in the network of this process, from the kernel's table.
pub(crate) fn listening(process: u32, port: u16) -> Outcome<bool> {
    let file = format!("/proc/{process}/net/tcp");
    let table = fs::read_to_string(&file).map_err(Failure::during(format!("cannot read {file}")))?;
    Ok(table.lines().skip(1).any(|row| is_listener(row, port)))
}

/// `sl local_address rem_address st ...`, addresses as `0100007F:1F90`, 0A being LISTEN.
fn is_listener(row: &str, port: u16) -> bool {
    let mut columns = row.split_whitespace().skip(1);
    let local = columns.next().and_then(|address| address.rsplit(':').next());
    let state = columns.nth(1);
    local.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port) && state == Some("0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen_and_a_connection_is_not_one() {
        let listener = "   0: 0100007F:55EF 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 15681";
        let connection = "   1: 0100007F:55EF 0100007F:A2F0 01 00000000:00000000 00:00000000 00000000 0 0 15682";
        assert!(is_listener(listener, 0x55EF));
        assert!(!is_listener(listener, 0x55EE));
        assert!(!is_listener(connection, 0x55EF));
    }

    #[test]
    fn free_ports_are_different_and_nobody_listens_on_them() {
        let [a, b, c] = free().unwrap();
        assert!(a != b && b != c && a != c);
        assert!(!listening(process::id(), a).unwrap());
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, a)).unwrap();
        assert!(listening(process::id(), a).unwrap());
    }
}
