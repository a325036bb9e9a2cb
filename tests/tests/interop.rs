//! Against real servers, started by `cargo xtask interop`; what each variable names is in `xtask/fixtures/README.md`.
//!
//! These ask the servers themselves, over bare sockets: what a test of the stack concludes from their answers and their
//! logs is only worth something if the servers are as described.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own steps")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::{env, fs};

fn named(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} isn't set: run `cargo xtask interop`"))
}

/// The body of the answer to `GET /`, and whether the server keeps the connection.
fn get(connection: &mut BufReader<TcpStream>) -> (String, bool) {
    connection.get_mut().write_all(b"GET / HTTP/1.1\r\nhost: origin\r\n\r\n").unwrap();
    let (mut length, mut kept) = (0, true);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("connection", value)) => kept = value != "close",
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    (String::from_utf8(body).unwrap(), kept)
}

#[test]
fn nginx_numbers_connections_and_the_requests_on_them() {
    let mut connection = BufReader::new(TcpStream::connect(named("SKYBRIDGE_NGINX")).unwrap());
    let bodies: Vec<String> = (0..3).map(|_| get(&mut connection).0).collect();
    let (stem, _) = bodies[0].split_once(" req=").unwrap();
    assert!(stem.starts_with("nginx HTTP/1.1 conn="), "{stem}");
    let expected: Vec<String> = (1..=3).map(|number| format!("{stem} req={number}\n")).collect();
    assert_eq!(bodies, expected);

    let number = stem.rsplit('=').next().unwrap();
    let log = fs::read_to_string(named("SKYBRIDGE_NGINX_LOG")).unwrap();
    assert!(log.lines().any(|line| line.starts_with(&format!("{number} 2 GET / HTTP/1.1 port="))), "{log}");
}

#[test]
fn nginx_ends_a_connection_after_its_second_answer() {
    let mut connection = BufReader::new(TcpStream::connect(named("SKYBRIDGE_NGINX_KEEPALIVE2")).unwrap());
    assert!(get(&mut connection).1);
    assert!(!get(&mut connection).1);
    assert_eq!(connection.read(&mut [0]).unwrap(), 0);
}

#[test]
fn nghttpd_allows_a_hundred_streams_and_logs_by_connection() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"; // MAX_CONCURRENT_STREAMS = 100
    let mut connection = TcpStream::connect(named("SKYBRIDGE_NGHTTPD_H2C")).unwrap();
    connection.write_all(PREFACE).unwrap();
    let mut answer = [0; SETTINGS.len()];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(answer, SETTINGS);
    let log = fs::read_to_string(named("SKYBRIDGE_NGHTTPD_LOG")).unwrap();
    assert!(log.contains("[id=") && log.contains("send SETTINGS frame"), "{log}");
}
