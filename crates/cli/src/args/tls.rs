use super::{EchArg, Names, PinRule, Specs};
use crate::armour::Encoding;
use clap::{ArgAction, Args};
use skybridge::{Pin, TlsVersion};
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Trust whom these certificates (PEM) name, and nobody else
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// The same, of every file of a folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) capath: Option<PathBuf>,
    /// Refuse what these lists (PEM) say is revoked, and what no list is about: one of each issuer, up to the root
    #[arg(long, value_name = "FILE")]
    pub(crate) crlfile: Option<PathBuf>,
    /// Refuse servers that don't staple to their certificate (OCSP) that it isn't revoked
    #[arg(long)]
    pub(crate) cert_status: bool,
    /// Accept any certificate of anybody
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Our certificate, for servers that ask
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// How it is encoded: PEM, which is the default, or DER
    #[arg(long, value_name = "PEM|DER", requires = "cert")]
    pub(crate) cert_type: Option<Encoding>,
    /// Its key; in the certificate's file unless given
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// How that is encoded: PEM, which is the default, or DER
    #[arg(long, value_name = "PEM|DER", requires = "key")]
    pub(crate) key_type: Option<Encoding>,
    /// The keys of which every https server, redirects' too, must have one itself, as curl writes them:
    /// sha256//BASE64;sha256//BASE64, or a file with a public key (PEM or DER)
    #[arg(long, value_name = "HASHES|FILE")]
    pub(crate) pinnedpubkey: Option<Hashes>,
    /// Keys of which one must be on the verified path of hosts: a.test, *.a.test or **.a.test; besides --pinnedpubkey
    #[arg(long, value_name = "PATTERN=sha256/BASE64", action = ArgAction::Append)]
    pub(crate) pin: Vec<PinRule>,
    /// Refuse nobody by --pin and --pinnedpubkey, and say with -v or --events who has none of these keys
    #[arg(long)]
    pub(crate) pin_report_only: bool,
    /// TLS 1.2 or newer, which is the default
    #[arg(long = "tlsv1.2", overrides_with = "tlsv1_3")]
    pub(crate) tlsv1_2: bool,
    /// TLS 1.3 or newer
    #[arg(long = "tlsv1.3", overrides_with = "tlsv1_2")]
    pub(crate) tlsv1_3: bool,
    /// TLS 1.2 at most, or 1.3
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) tls_max: Option<TlsVersion>,
    /// Speak TLS by the first of these specs - restricted (TLS 1.3), modern (1.2 too, the default), compatible (without
    /// post-quantum key exchange) - and where the server can't, by the next one on another connection. Whoever can
    /// write to the connection can force that, so each time it is told with -v
    #[arg(long, value_name = "SPEC,SPEC", conflicts_with_all = ["ciphers", "tls13_ciphers", "curves"])]
    pub(crate) tls_fallback: Option<Specs>,
    /// The cipher suites of TLS 1.2, by OpenSSL's names, the preferred one first
    #[arg(long, value_name = "NAME:NAME")]
    pub(crate) ciphers: Option<Names>,
    /// Those of TLS 1.3
    #[arg(long = "tls13-ciphers", value_name = "NAME:NAME")]
    pub(crate) tls13_ciphers: Option<Names>,
    /// How keys are exchanged, the preferred group first: X25519MLKEM768, X25519, P-256 and others
    #[arg(long, value_name = "NAME:NAME")]
    pub(crate) curves: Option<Names>,
    /// Encrypt the names of https servers (Encrypted Client Hello): true where their HTTPS records have keys, as
    /// --dns-servers tells them; hard there or not at all; ecl:BASE64 or ecl:@FILE with these keys or not at all;
    /// false; grease, which only looks like it; or true-or-grease, which looks like it where there are no keys
    #[arg(long, value_name = "true|hard|ecl:BASE64|false|grease|true-or-grease", action = ArgAction::Append)]
    pub(crate) ech: Vec<EchArg>,
    /// Append the secrets of all TLS connections to this file (mode 0600), with which Wireshark reads everything that
    /// was sent; the variable SSLKEYLOGFILE alone does nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) sslkeylogfile: Option<PathBuf>,
    /// As --cacert, for proxies
    #[arg(long, value_name = "FILE")]
    pub(crate) proxy_cacert: Option<PathBuf>,
    /// As --crlfile, for proxies
    #[arg(long, value_name = "FILE")]
    pub(crate) proxy_crlfile: Option<PathBuf>,
    /// As --cert, for proxies
    #[arg(long, value_name = "FILE")]
    pub(crate) proxy_cert: Option<PathBuf>,
    /// As --cert-type, for proxies
    #[arg(long, value_name = "PEM|DER", requires = "proxy_cert")]
    pub(crate) proxy_cert_type: Option<Encoding>,
    /// As --key, for proxies
    #[arg(long, value_name = "FILE", requires = "proxy_cert")]
    pub(crate) proxy_key: Option<PathBuf>,
    /// As --key-type, for proxies
    #[arg(long, value_name = "PEM|DER", requires = "proxy_key")]
    pub(crate) proxy_key_type: Option<Encoding>,
    /// As --insecure, for proxies
    #[arg(long)]
    pub(crate) proxy_insecure: bool,
    /// As --ciphers, for proxies
    #[arg(long, value_name = "NAME:NAME")]
    pub(crate) proxy_ciphers: Option<Names>,
    /// As --tls13-ciphers, for proxies
    #[arg(long = "proxy-tls13-ciphers", value_name = "NAME:NAME")]
    pub(crate) proxy_tls13_ciphers: Option<Names>,
    /// As --pinnedpubkey, for proxies
    #[arg(long, value_name = "HASHES|FILE")]
    pub(crate) proxy_pinnedpubkey: Option<Hashes>,
}

/// Keys, as curl takes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Hashes {
    /// Hashes, as [`Pins`](skybridge::Pins) take them.
    Listed(Vec<String>),
    /// A file with a public key.
    File(PathBuf),
}

impl std::str::FromStr for Hashes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nearest = "nearest: 'sha256//BASE64;sha256//BASE64' or the name of a file";
        if text.is_empty() {
            return Err(nearest.to_owned());
        }
        if !text.starts_with("sha256//") {
            return Ok(Self::File(text.into()));
        }
        let hash = |part: &str| {
            let hash = part.strip_prefix("sha256//").map(|base64| format!("sha256/{base64}"));
            let hash = hash.filter(|hash| hash.parse::<Pin>().is_ok());
            hash.ok_or_else(|| format!("`{part}` is not sha256// and the base64 of 32 bytes; {nearest}"))
        };
        text.split(';').map(|part| hash(part.trim())).collect::<Result<_, _>>().map(Self::Listed)
    }
}

fn version(text: &str) -> Result<TlsVersion, &'static str> {
    match text {
        "1.2" => Ok(TlsVersion::Tls12),
        "1.3" | "default" => Ok(TlsVersion::Tls13),
        _ => Err("nearest: 1.2 or 1.3"),
    }
}
