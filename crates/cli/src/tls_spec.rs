//! By which versions, cipher suites and groups TLS is spoken, as the flags say.

use crate::{
    args::{Args, Names},
    usage::Usage,
};
use skybridge::{ConnectionSpec, TlsVersion};
use std::ops::RangeInclusive;

/// All cipher suites of TLS 1.3 that are spoken, in the order of preference.
const TLS13_SUITES: [&str; 3] = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
/// The same of TLS 1.2.
const TLS12_SUITES: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// The spec that these flags make; none without any. Where one of the two lists of suites isn't given, it is all of
/// them.
pub(crate) fn of_command_line(
    ciphers: &Option<Names>,
    tls13: &Option<Names>,
    curves: &Option<Names>,
) -> Vec<ConnectionSpec> {
    if ciphers.is_none() && tls13.is_none() && curves.is_none() {
        return Vec::new();
    }
    let names = |given: &Option<Names>, all: &[&str]| match given {
        Some(names) => names.0.clone(),
        None => all.iter().copied().map(str::to_owned).collect(),
    };
    let mut spec = ConnectionSpec::new("of the command line");
    if ciphers.is_some() || tls13.is_some() {
        let suites = [names(tls13, &TLS13_SUITES), names(ciphers, &TLS12_SUITES)].concat();
        spec = spec.cipher_suites(suites);
    }
    if let Some(curves) = curves {
        spec = spec.key_exchange_groups(&curves.0);
    }
    vec![spec]
}

pub(crate) fn versions(args: &Args) -> Result<Option<RangeInclusive<TlsVersion>>, Usage> {
    let tls = &args.tls;
    let least = if tls.tlsv1_3 { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
    let most = tls.tls_max.unwrap_or(TlsVersion::Tls13);
    if least > most {
        return Err(Usage::of("--tls-max", "1.2", "less than --tlsv1.3 allows; nearest: --tls-max 1.3"));
    }
    let said = tls.tlsv1_2 || tls.tlsv1_3 || tls.tls_max.is_some();
    Ok(said.then_some(least..=most))
}
