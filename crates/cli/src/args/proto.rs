//! Which URLs may be fetched, by their scheme: `--proto` and `--proto-redir`.

use clap::Args;
use std::str::FromStr;

#[derive(Args, Clone, Copy)]
#[command(next_help_heading = "Protocol and pool")]
pub(crate) struct Protos {
    /// Which URLs may be fetched, redirects' too: =https refuses http ones before a name is looked up, -http does the
    /// same, + adds and all is each that there is; the default is =http,https
    #[arg(long, value_name = "PROTOCOLS")]
    proto: Option<Proto>,
    /// The same of redirects alone: what --proto refuses stays refused
    #[arg(long, value_name = "PROTOCOLS")]
    proto_redir: Option<Proto>,
}

/// What one of the two permits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Proto {
    http: bool,
    https: bool,
    /// Something that isn't spoken here.
    others: bool,
}

/// What curl speaks, or has spoken.
const OTHERS: [&str; 33] = [
    "dict", "file", "ftp", "ftps", "gopher", "gophers", "imap", "imaps", "ipfs", "ipns", "ldap", "ldaps", "mqtt",
    "mqtts", "pop3", "pop3s", "rtmp", "rtmpe", "rtmps", "rtmpt", "rtmpte", "rtmpts", "rtsp", "scp", "sftp", "smb",
    "smbs", "smtp", "smtps", "telnet", "tftp", "ws", "wss",
];

impl Protos {
    /// Whether a URL of this scheme may be fetched. If not: the flag that says so.
    pub(crate) fn check(self, scheme: &str) -> Result<(), &'static str> {
        if self.proto.is_none_or(|proto| proto.permits(scheme)) { Ok(()) } else { Err("--proto") }
    }

    /// The same of a redirect to such a URL.
    pub(crate) fn check_redirect(self, scheme: &str) -> Result<(), &'static str> {
        self.check(scheme)?;
        if self.proto_redir.is_none_or(|proto| proto.permits(scheme)) { Ok(()) } else { Err("--proto-redir") }
    }
}

impl Proto {
    const ALL: Self = Self { http: true, https: true, others: true };

    fn permits(self, scheme: &str) -> bool {
        match scheme {
            "http" => self.http,
            "https" => self.https,
            // Refused in other words, as it isn't spoken.
            _ => true,
        }
    }

    fn set(&mut self, name: &str, permits: bool) -> Result<(), String> {
        match name {
            "http" => self.http = permits,
            "https" => self.https = permits,
            "all" => *self = if permits { Self::ALL } else { Self::default() },
            name if OTHERS.contains(&name) => self.others |= permits,
            "" => return Err("a protocol has no name".to_owned()),
            // One that is mistyped would stay permitted.
            name => return Err(format!("`{name}` is no protocol")),
        }
        Ok(())
    }
}

impl FromStr for Proto {
    type Err = String;

    /// As curl: `=` names all that are permitted, `+` and `-` add and take away, and a name alone adds.
    fn from_str(text: &str) -> Result<Self, String> {
        let nearest = "nearest: =https or =http,https";
        let mut all = Self::ALL;
        for part in text.split(',') {
            let name = part.trim().trim_start_matches(['=', '+', '-']);
            let signs = part.trim().strip_suffix(name).unwrap_or_default();
            if signs.ends_with('=') {
                all = Self::default();
            }
            let set = all.set(&name.to_ascii_lowercase(), !signs.ends_with('-'));
            set.map_err(|why| format!("{why}; {nearest}"))?;
        }
        if all == Self::default() { Err(format!("it permits nothing; {nearest}")) } else { Ok(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_read_as_curl_does() {
        let (none, http, https, both) = ((false, false), (true, false), (false, true), (true, true));
        let rows = [
            ("=https", Some(https)),
            ("=http,https", Some(both)),
            ("=https,+http", Some(both)),
            ("-http", Some(https)),
            ("-all,https", Some(https)),
            ("-all,https,+http", Some(both)),
            ("https", Some(both)),
            ("-ftp,-http", Some(https)),
            ("=HTTPS", Some(https)),
            ("=http", Some(http)),
            ("-https", Some(http)),
            ("=ftp", Some(none)),
            ("-all,+ftp", Some(none)),
            ("=https,=http", Some(http)),
            ("=https, -https, all", Some(both)),
            ("-all", None),
            ("=https,-https", None),
            ("-htp", None),
            ("", None),
            ("=", None),
            ("http,", None),
        ];
        for (text, expected) in rows {
            let read = text.parse::<Proto>();
            assert_eq!(read.as_ref().ok().map(|proto| (proto.http, proto.https)), expected, "{text}: {read:?}");
        }
    }
}
