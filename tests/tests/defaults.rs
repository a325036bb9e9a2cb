//! One table says what the defaults are, `skybridge::defaults`. The code and the other documents say the same.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::{AtConnectionLimit, AtStreamLimit, Phase, PoolConfig, Proxy, RaceLayer, RequestOptions};
use skybridge_testkit::net::Conn;
use skybridge_tests::{World, addr, get, h2, read, wishing};
use std::{collections::BTreeMap, future::pending, net::IpAddr, time::Duration};
use tokio::time::Instant;

const TABLE: &str = include_str!("../../crates/skybridge/docs/defaults.md");

/// The cells of a document's tables, row by row.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches('/').trim());
    let rows = lines.filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    rows.map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>())
}

/// What stands in backticks, without the path before it.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.map(|name| name.trim_start_matches("::")).map(|name| name.rsplit("::").next().unwrap_or(name))
}

/// The default of a setting, which has the name of a method, or of one of two types that have such a method.
fn table(setting: &str) -> &'static str {
    let named = |cell: &str| match setting.contains("::") {
        true => cell.contains(&format!("`{setting}`")),
        false => names(cell).any(|name| name == setting),
    };
    let mut found = rows(TABLE).filter(|row| row.get(2).is_some_and(|cell| named(cell)));
    found.next().unwrap_or_else(|| panic!("`{setting}` is not in the table"))[1]
}

/// The first duration of a text.
fn duration(text: &str) -> Duration {
    let mut words = text.split([' ', ',', ';']);
    let number: u64 = words.next().unwrap().parse().unwrap_or_else(|_| panic!("no duration: {text}"));
    match words.next().unwrap() {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "min" | "minutes" => Duration::from_secs(60 * number),
        unit => panic!("no unit of time: {unit}"),
    }
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

/// A client of which nothing is set but `race`, and that no connect has a second one beside it, meets what `prepare`
/// makes of the world: the phase and the time of its failure.
async fn expiry(
    prepare: impl FnOnce(&World) -> Option<Box<dyn Send>>,
    race: RaceLayer,
    request: http::Request<skybridge::RequestBody>,
) -> (Phase, Duration) {
    let world = World::new();
    let _serving = prepare(&world);
    let client = world.builder().race(race).pool(PoolConfig::new().backup_connect(Duration::MAX)).build();
    let start = Instant::now();
    let error = read(client.request(request)).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    (error.phase(), start.elapsed())
}

fn https() -> http::Request<skybridge::RequestBody> {
    http::Request::get("https://a.test:80/").body(().into()).unwrap()
}

fn proxied() -> http::Request<skybridge::RequestBody> {
    let proxy = Proxy::parse("socks5h://192.0.2.1:80").unwrap();
    wishing(get("/"), |options: RequestOptions| options.proxies([proxy]))
}

/// Takes connections and says nothing.
fn silent(world: &World) -> Box<dyn Send> {
    Box::new(world.listen().serve(|_, conn: Conn| async move {
        let _open = conn;
        pending::<()>().await;
    }))
}

#[tokio::test(start_paused = true)]
async fn each_time_limit_expires_when_the_table_says() {
    let race = RaceLayer::happy_eyeballs;
    let hangs = |world: &World| {
        world.net.host("a.test", []).hang();
        None
    };
    let black_holes = |count: u8| {
        move |world: &World| {
            let addrs = (1..=count).map(|last| IpAddr::from([192, 0, 2, last]));
            world.net.host("a.test", addrs.clone());
            for ip in addrs {
                world.net.at((ip, 80).into()).black_hole();
            }
            None
        }
    };
    let silent = |world: &World| Some(silent(world));
    let no_window = |world: &World| {
        world.net.at(addr()).window(0);
        silent(world)
    };
    let measured = [
        (Phase::Resolve, "Timeouts::resolve", expiry(hangs, race(), get("/")).await),
        (Phase::Tcp, "Timeouts::attempt", expiry(black_holes(1), race(), get("/")).await),
        (Phase::Tunnel, "Timeouts::tunnel", expiry(silent, race(), proxied()).await),
        (Phase::Tls, "Timeouts::tls", expiry(silent, race(), https()).await),
        (Phase::Handshake, "Timeouts::handshake", expiry(no_window, race(), h2(get("/"))).await),
        // Four attempts, one after the other, are beyond the limit of the whole.
        (Phase::Acquire, "Timeouts::connect", expiry(black_holes(4), RaceLayer::sequential(), get("/")).await),
    ];
    for (phase, setting, (failed_in, after)) in measured {
        assert_eq!(failed_in, phase, "{setting}");
        let late = after.checked_sub(duration(table(setting))).unwrap_or_else(|| panic!("{setting}: {after:?}"));
        assert!(late <= Duration::from_millis(2), "{setting}: {after:?}");
    }
}

#[test]
fn a_pools_configuration_is_what_the_table_says() {
    let pool = PoolConfig::default();
    let limit = |number: usize| if number == usize::MAX { "no limit".to_owned() } else { grouped(number) };
    let settings = [
        ("max_idle", grouped(pool.max_idle)),
        ("max_idle_per_origin", limit(pool.max_idle_per_origin)),
        ("max_per_origin", limit(pool.max_per_origin)),
        ("max_connecting_per_origin", grouped(pool.max_connecting_per_origin)),
        ("max_total", limit(pool.max_total)),
        ("max_overtaking", grouped(pool.max_overtaking)),
        ("max_waiting_per_origin", grouped(pool.max_waiting_per_origin)),
        ("max_requests", limit(usize::try_from(pool.max_requests).unwrap())),
        (
            "max_streams",
            if pool.max_streams == u32::MAX { "no limit".to_owned() } else { grouped(pool.max_streams as usize) },
        ),
        ("streams_before_settings", grouped(pool.streams_before_settings as usize)),
    ];
    settings.iter().for_each(|(name, value)| assert_eq!(table(name), value, "{name}"));
    assert_eq!((pool.max_age, table("PoolConfig::max_age")), (Duration::MAX, "no limit"));
    assert_eq!(duration(table("idle_timeout")), pool.idle_timeout);
    assert_eq!(duration(table("connect_timeout")), pool.connect_timeout);
    assert_eq!(duration(table("connect_backoff")), pool.connect_backoff);
    assert_eq!(duration(table("max_connect_backoff")), pool.max_connect_backoff);
    assert_eq!(duration(table("backup_connect")), pool.backup_connect);
    assert_eq!(duration(table("upload_grace")), pool.upload_grace);
    assert_eq!(duration(table("unread_grace")), pool.unread_grace);
    assert_eq!((pool.at_stream_limit, table("at_stream_limit")), (AtStreamLimit::Open, "open another"));
    assert_eq!((pool.at_connection_limit, table("at_connection_limit")), (AtConnectionLimit::Wait, "wait"));
    assert_eq!((pool.coalesce, table("coalesce")), (true, "yes"));
    assert_eq!((pool.drain_expired_certificates, table("drain_expired_certificates")), (false, "no"));
    assert_eq!((pool.drain_moved, table("drain_moved")), (false, "no"));
}

/// The documentation of a method, as one line.
fn docs_of(source: &str, method: &str) -> String {
    let at = source.find(&format!("pub fn {method}(")).unwrap_or_else(|| panic!("no method `{method}`"));
    let above = source[..at].lines().rev().skip_while(|line| !line.trim_start().starts_with("///"));
    let mut docs: Vec<_> = above.map_while(|line| line.trim_start().strip_prefix("///")).map(str::trim).collect();
    docs.reverse();
    docs.join(" ")
}

#[test]
fn the_documentation_of_each_layer_says_what_the_table_says() {
    macro_rules! source {
        ($file:literal) => {
            include_str!(concat!("../../crates/", $file))
        };
    }
    let methods = [
        (source!("route/src/config.rs"), "timeout", "Timeouts::resolve"),
        (source!("route/src/config.rs"), "failed_proxy_timeout", "failed_proxy_timeout"),
        (source!("route/src/config.rs"), "max_addresses", "max_addresses"),
        (source!("route/src/config.rs"), "max_attempts", "max_attempts"),
        (source!("route/src/config.rs"), "remember_failures", "remember_failures"),
        (source!("dns/src/system.rs"), "split_after", "split_after"),
        (source!("dns/src/hickory.rs"), "timeout", "Hickory::timeout"),
        (source!("dns/src/hickory.rs"), "https_delay", "Hickory::https_delay"),
        (source!("dns/src/cache.rs"), "min_ttl", "min_ttl"),
        (source!("dns/src/cache.rs"), "max_ttl", "max_ttl"),
        (source!("dns/src/cache.rs"), "negative_ttl", "negative_ttl"),
        (source!("dns/src/cache.rs"), "refresh_ahead", "refresh_ahead"),
        (source!("dns/src/cache.rs"), "stale_if_error", "stale_if_error"),
        (source!("dns/src/cache.rs"), "max_entries", "max_entries"),
        (source!("tcp/src/race.rs"), "timeout", "Timeouts::attempt"),
        (source!("tcp/src/race.rs"), "delay", "delay"),
        (source!("tcp/src/race.rs"), "first_family_count", "first_family_count"),
        (source!("tcp/src/race.rs"), "resolution_delay", "resolution_delay"),
        (source!("tcp/src/tcp.rs"), "user_timeout", "user_timeout"),
        (source!("tunnel/src/layer.rs"), "timeout", "Timeouts::tunnel"),
        (source!("tls/src/layer.rs"), "timeout", "Timeouts::tls"),
        (source!("tls/src/tls_connector.rs"), "timeout", "Timeouts::tls"),
        (source!("negotiate/src/layer.rs"), "timeout", "Timeouts::handshake"),
        (source!("hyper/src/layer.rs"), "timeout", "Timeouts::connect"),
        (source!("retry/src/layer.rs"), "max_age", "max_age"),
    ];
    for (source, method, setting) in methods {
        let docs = docs_of(source, method);
        let said = docs.split("(default: ").nth(1).unwrap_or_else(|| panic!("{method} names no default: {docs}"));
        let value: String = said.chars().take_while(|c| !matches!(c, ')' | ';' | ',')).collect();
        let expected = table(setting).split([',', ';']).next().unwrap();
        assert_eq!(value.replace(" minutes", " min"), expected, "{method}: {docs}");
    }
}

#[test]
fn the_tables_of_the_crates_say_what_the_table_says() {
    let tables = [
        (include_str!("../../crates/core/src/context/timeouts.rs"), "Timeouts::", 11),
        (include_str!("../../crates/route/src/config.rs"), "", 9),
        (include_str!("../../crates/pool/src/config.rs"), "", 23),
        (include_str!("../../crates/h1/src/handshake.rs"), "", 9),
        (include_str!("../../crates/h2/src/handshake.rs"), "", 12),
    ];
    for (source, prefix, settings) in tables {
        let mut compared = 0;
        for row in rows(docs_table(source)).filter(|row| row[0].contains('`') && !row[0].starts_with("setting")) {
            for name in names(row[0].split(" (").next().unwrap()) {
                let prefix = if name == "max_age" { "PoolConfig::" } else { prefix };
                let ours = table(&format!("{prefix}{name}"));
                let said = row[1].trim_end_matches(" each").replace(" minutes", " min").replace(" of each family", "");
                let said = if said == "none" { "no limit" } else { &said };
                let without_details = ours.split([',', ';']).next().unwrap();
                assert!(said == ours || said == without_details, "{name}: {said} here, {ours} in the table");
                compared += 1;
            }
        }
        assert_eq!(compared, settings, "{source}");
    }
}

/// A source's documentation up to the item that it is of.
fn docs_table(source: &str) -> &str {
    &source[..source.find("pub struct").unwrap()]
}

#[test]
fn the_command_lines_help_says_what_the_table_says() {
    let help = include_str!("../../crates/cli/src/args/route.rs");
    let delay = duration(table("delay")).as_millis();
    assert!(help.contains(&format!("two attempts to connect; {delay} unless given")), "{help}");
}

/// Nothing in the table has a name that isn't there any more.
#[test]
fn every_setting_of_the_table_is_a_method() {
    let sources = [
        include_str!("../../crates/balance/src/layer.rs"),
        include_str!("../../crates/core/src/context/timeouts.rs"),
        include_str!("../../crates/core/src/proxy.rs"),
        include_str!("../../crates/core/src/target/connect_options.rs"),
        include_str!("../../crates/dns/src/cache.rs"),
        include_str!("../../crates/dns/src/hickory.rs"),
        include_str!("../../crates/dns/src/system.rs"),
        include_str!("../../crates/h1/src/handshake.rs"),
        include_str!("../../crates/h2/src/handshake.rs"),
        include_str!("../../crates/pool/src/config.rs"),
        include_str!("../../crates/retry/src/layer.rs"),
        include_str!("../../crates/route/src/config.rs"),
        include_str!("../../crates/skybridge/src/body.rs"),
        include_str!("../../crates/skybridge/src/builder.rs"),
        include_str!("../../crates/tcp/src/race.rs"),
        include_str!("../../crates/tcp/src/tcp.rs"),
        include_str!("../../crates/tls/src/config/builder.rs"),
        include_str!("../../crates/tls/src/config/mod.rs"),
        include_str!("../../crates/tls/src/layer.rs"),
        include_str!("../../crates/tunnel/src/layer.rs"),
        include_str!("../../crates/negotiate/src/layer.rs"),
    ];
    let mut missing = BTreeMap::new();
    for row in rows(TABLE).filter(|row| row.len() > 2 && row[2] != "set by") {
        for name in names(row[2]).filter(|name| name.starts_with(char::is_lowercase)) {
            let methods = [format!("pub fn {name}("), format!("pub fn {name}<")];
            if !sources.iter().any(|source| methods.iter().any(|method| source.contains(method))) {
                missing.insert(name, row[0]);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
