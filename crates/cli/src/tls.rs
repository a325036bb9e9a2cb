//! Roots, pins and client certificates, of origins and of proxies, which are set separately as with curl.

use crate::{
    args::{Args, EchArg, Hashes},
    armour::Encoding,
    exit::Exit,
    fault::chain,
    pinned_file,
    start_error::StartError,
    stderr,
    tls_files::{folder_of_pems, is_der, read, read_ours, unreadable},
    tls_spec::{of_command_line, versions},
};
use skybridge::{ConnectionSpec, PinError, Pins, Roots, TlsConfig, TlsConfigError, TlsConnector, TlsLayer, TlsVersion};
use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// What `TlsConfigError::Pem` calls the contents of `-E` and `--key`.
const CERT: &str = "client certificate";
const KEY: &str = "client's private key";
/// And those of `--crlfile`.
const CRL: &str = "list of revoked certificates";

/// The settings of one of the two.
struct TlsSettings<'a> {
    /// What the names of its flags begin with.
    flags: &'static str,
    cacert: Option<&'a Path>,
    capath: Option<&'a Path>,
    crlfile: Option<&'a Path>,
    cert_status: bool,
    insecure: bool,
    cert: Option<OurFiles<'a>>,
    /// Pins for the leaf of every host, since redirects may lead anywhere.
    every_leaf: Vec<String>,
    /// Pins by pattern.
    pins: Vec<(&'a str, &'a str)>,
    /// Nobody is refused by these two.
    report_only: bool,
    versions: Option<RangeInclusive<TlsVersion>>,
    /// How it is spoken, if not as by default.
    specs: Vec<ConnectionSpec>,
    /// Keys of Encrypted Client Hello, for every host.
    ech_keys: Option<&'a [u8]>,
    /// Where the secrets of connections are written.
    key_log: Option<&'a Path>,
    /// A file of the folder that can't be used is named on stderr.
    warns: bool,
}

/// Our certificate and its key, which may be in one file.
struct OurFiles<'a> {
    cert: &'a Path,
    cert_type: Encoding,
    key: &'a Path,
    /// Which flag names it.
    key_flag: &'static str,
    key_type: Encoding,
}

/// # Errors
/// When a file can't be read or used (77, 82, 58), or a pin is malformed (2).
pub(crate) fn origins(args: &Args) -> Result<TlsLayer, StartError> {
    let tls = &args.tls;
    let settings = TlsSettings {
        flags: "--",
        cacert: tls.cacert.as_deref(),
        capath: tls.capath.as_deref(),
        crlfile: tls.crlfile.as_deref(),
        cert_status: tls.cert_status,
        insecure: tls.insecure,
        cert: identity((&tls.cert, tls.cert_type), (&tls.key, tls.key_type)),
        every_leaf: hashes("--pinnedpubkey", &tls.pinnedpubkey)?,
        pins: tls.pin.iter().map(|rule| (rule.pattern.as_str(), rule.pin.as_str())).collect(),
        report_only: tls.pin_report_only,
        versions: versions(args)?,
        specs: match &tls.tls_fallback {
            Some(specs) => specs.0.clone(),
            None => of_command_line(&tls.ciphers, &tls.tls13_ciphers, &tls.curves),
        },
        ech_keys: EchArg::keys(&tls.ech),
        key_log: tls.sslkeylogfile.as_deref(),
        warns: args.prints_errors(),
    };
    Ok(settings.config()?.map_or_else(|| system(args), TlsLayer::new))
}

/// The system's roots, which are read now where they are needed for sure, and not within the first call. What goes
/// wrong is that call's error all the same.
fn system(args: &Args) -> TlsLayer {
    let needed =
        args.urls().iter().any(|url| url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")));
    let config = if needed { TlsConfig::builder().build().ok() } else { None };
    config.map_or_else(TlsLayer::native, TlsLayer::new)
}

/// # Errors
/// As for [`origins`].
pub(crate) fn proxies(args: &Args) -> Result<TlsConnector, StartError> {
    let tls = &args.tls;
    let settings = TlsSettings {
        flags: "--proxy-",
        cacert: tls.proxy_cacert.as_deref(),
        capath: None,
        crlfile: tls.proxy_crlfile.as_deref(),
        cert_status: false,
        insecure: tls.proxy_insecure,
        cert: identity((&tls.proxy_cert, tls.proxy_cert_type), (&tls.proxy_key, tls.proxy_key_type)),
        every_leaf: hashes("--proxy-pinnedpubkey", &tls.proxy_pinnedpubkey)?,
        pins: Vec::new(),
        report_only: false,
        versions: None,
        specs: of_command_line(&tls.proxy_ciphers, &tls.proxy_tls13_ciphers, &None),
        ech_keys: None,
        key_log: tls.sslkeylogfile.as_deref(),
        warns: false,
    };
    Ok(settings.config()?.map_or_else(|| TlsLayer::native().proxy_connector(), |config| config.tls_connector()))
}

/// For DNS servers: the roots of origins. They verify with `-k` too, which is about what is fetched, and are neither
/// told who we are nor held to the pin of every host.
///
/// # Errors
/// As for [`origins`].
pub(crate) fn dns_servers(args: &Args) -> Result<TlsConnector, StartError> {
    let native = || TlsLayer::native().proxy_connector();
    let config = TlsSettings::of_dns_servers(args, false).config()?;
    Ok(config.map_or_else(native, |config| config.tls_connector()).no_alpn())
}

/// The same for the server of `--doh-url`, unless `--doh-insecure` is given.
///
/// # Errors
/// As for [`origins`].
pub(crate) fn doh(args: &Args) -> Result<TlsLayer, StartError> {
    let settings = TlsSettings::of_dns_servers(args, args.route.doh_insecure);
    Ok(settings.config()?.map_or_else(TlsLayer::native, TlsLayer::new))
}

type Given<'a> = (&'a Option<PathBuf>, Option<Encoding>);

fn identity<'a>((cert, cert_type): Given<'a>, (key, key_type): Given<'a>) -> Option<OurFiles<'a>> {
    let (cert, cert_type) = (cert.as_deref()?, cert_type.unwrap_or_default());
    // What is in one file is of one encoding: DER has no room for both.
    let (key_flag, key, key_type) =
        key.as_deref().map_or(("cert", cert, cert_type), |key| ("key", key, key_type.unwrap_or_default()));
    Some(OurFiles { cert, cert_type, key, key_flag, key_type })
}

/// # Errors
/// When a file has no public key: then no peer can have it (90).
fn hashes(flag: &str, given: &Option<Hashes>) -> Result<Vec<String>, StartError> {
    match given {
        None => Ok(Vec::new()),
        Some(Hashes::Listed(hashes)) => Ok(hashes.clone()),
        Some(Hashes::File(path)) => Ok(vec![pinned_file::pin(flag, path)?.to_string()]),
    }
}

impl<'a> TlsSettings<'a> {
    fn of_dns_servers(args: &'a Args, insecure: bool) -> Self {
        let tls = &args.tls;
        Self {
            flags: "--",
            cacert: tls.cacert.as_deref(),
            capath: tls.capath.as_deref(),
            crlfile: tls.crlfile.as_deref(),
            cert_status: false,
            insecure,
            cert: None,
            every_leaf: Vec::new(),
            pins: tls.pin.iter().map(|rule| (rule.pattern.as_str(), rule.pin.as_str())).collect(),
            report_only: tls.pin_report_only,
            versions: None,
            specs: Vec::new(),
            ech_keys: None,
            key_log: tls.sslkeylogfile.as_deref(),
            warns: false,
        }
    }

    /// `None` without any flag: the default configuration then reads the system's roots on first use.
    fn config(self) -> Result<Option<TlsConfig>, StartError> {
        let revocation = self.crlfile.is_some() || self.cert_status;
        let trusts = self.cacert.is_some() || self.capath.is_some() || revocation || self.insecure;
        let pins = !self.every_leaf.is_empty() || !self.pins.is_empty();
        let writes = self.key_log.is_some() || !self.specs.is_empty();
        if !trusts && !pins && !writes && self.cert.is_none() && self.versions.is_none() && self.ech_keys.is_none() {
            return Ok(None);
        }
        let (cacert, crlfile, flags) = (self.cacert, self.crlfile, self.flags);
        let mut builder = TlsConfig::builder();
        if self.cacert.is_some() || self.capath.is_some() {
            builder = builder.roots(Roots::Given(Vec::new()));
            for pem in self.roots()? {
                builder = builder.add_root_pem(&pem);
            }
        }
        if let Some(file) = self.crlfile {
            builder = builder.crl_pem(&read(&format!("{flags}crlfile"), file, Exit::CRL)?).crl_required(true);
        }
        if self.cert_status {
            builder = builder.require_staple(true);
        }
        if self.insecure {
            builder = builder.insecure();
        }
        if let Some(ours) = &self.cert {
            let chain = ours.cert_type.certificate(read_ours(&format!("{flags}cert"), ours.cert)?);
            let key = ours.key_type.key(read_ours(&format!("{flags}{}", ours.key_flag), ours.key)?);
            builder = builder.client_auth_pem(&chain, &key);
        }
        let pinned =
            pinned(&self.every_leaf, &self.pins).map_err(|error| refused(None, &TlsConfigError::Pin(error)))?;
        builder = builder.pins(if self.report_only { pinned.report_only() } else { pinned });
        if let Some(versions) = self.versions {
            builder = builder.versions(versions);
        }
        if !self.specs.is_empty() {
            // `--proto` says whether cleartext is permitted.
            builder = builder.specs(self.specs.into_iter().chain([ConnectionSpec::CLEARTEXT]));
        }
        if let Some(path) = self.key_log {
            builder = builder.key_log_file(path);
        }
        if let Some(keys) = self.ech_keys {
            builder = builder.ech_keys_for_every_host(keys);
        }
        builder.build().map(Some).map_err(|error| {
            let file = match &error {
                TlsConfigError::Pem { what: KEY, .. } | TlsConfigError::Key(_) | TlsConfigError::EncryptedKey => {
                    self.cert.as_ref().map(|ours| (ours.key_flag, ours.key))
                }
                TlsConfigError::Pem { what: CERT, .. } | TlsConfigError::Identity(_) => {
                    self.cert.as_ref().map(|ours| ("cert", ours.cert))
                }
                TlsConfigError::Pem { what: CRL, .. } | TlsConfigError::Crl { .. } => {
                    crlfile.map(|file| ("crlfile", file))
                }
                // Of a folder, what can't be used was left out before.
                TlsConfigError::Pem { .. } | TlsConfigError::Root { .. } => cacert.map(|file| ("cacert", file)),
                _ => None,
            };
            refused(file.map(|(flag, file)| (format!("{flags}{flag}"), file)), &error)
        })
    }

    fn roots(&self) -> Result<Vec<Vec<u8>>, StartError> {
        let mut roots = Vec::new();
        if let Some(file) = self.cacert {
            roots.push(read(&format!("{}cacert", self.flags), file, Exit::ROOTS)?);
        }
        if let Some(folder) = self.capath {
            let files = folder_of_pems(folder).map_err(|error| unreadable("--capath", folder, &error, Exit::ROOTS))?;
            roots.extend(files.into_iter().filter_map(|(path, pem)| self.usable(&path, pem)));
            if roots.is_empty() && !self.insecure {
                let nothing = "no file in it has a certificate that can be used";
                return Err(unreadable("--capath", folder, nothing, Exit::ROOTS));
            }
        }
        Ok(roots)
    }

    /// One of many files that can't be used leaves the others as good as they were.
    fn usable(&self, path: &Path, pem: io::Result<Vec<u8>>) -> Option<Vec<u8>> {
        let why = match pem {
            Ok(pem) => match TlsConfig::builder().roots(Roots::Given(Vec::new())).add_root_pem(&pem).build() {
                Ok(_) => return Some(pem),
                Err(error) => chain(&error).map(ToString::to_string).collect::<Vec<_>>().join(": "),
            },
            Err(error) => error.to_string(),
        };
        if self.warns {
            let warning = format!("skybridge: {} isn't used: {why}", path.display());
            stderr::print(format_args!("{}\n", skybridge_trace::clean(&warning)));
        }
        None
    }
}

/// Keys of which every server has one itself, and others by pattern.
fn pinned(every_leaf: &[String], pins: &[(&str, &str)]) -> Result<Pins, PinError> {
    let leaves = every_leaf.iter().try_fold(Pins::new(), |all, pin| all.pin_every_leaf(pin))?;
    pins.iter().try_fold(leaves, |all, (pattern, pin)| all.pin(pattern, pin))
}

fn refused(file: Option<(String, &Path)>, error: &TlsConfigError) -> StartError {
    let exit = match error {
        TlsConfigError::Pem { what: CERT | KEY, .. }
        | TlsConfigError::Key(_)
        | TlsConfigError::EncryptedKey
        | TlsConfigError::Identity(_) => Exit::IDENTITY,
        TlsConfigError::Pem { what: CRL, .. } | TlsConfigError::Crl { .. } => Exit::CRL,
        TlsConfigError::Pin(_) | TlsConfigError::Ech(_) | TlsConfigError::Spec { .. } => Exit::USAGE,
        TlsConfigError::KeyLog { .. } => Exit::WRITE,
        TlsConfigError::NoRoots | TlsConfigError::Root { .. } | TlsConfigError::Pem { .. } => Exit::ROOTS,
        _ => Exit::TLS,
    };
    let der = match error {
        TlsConfigError::Pem { what, .. } if file.as_ref().is_some_and(|(_, file)| is_der(file)) => match *what {
            CERT => "; it looks like DER; nearest: --cert-type DER",
            KEY => "; it looks like DER; nearest: --key-type DER",
            CRL => "; it looks like DER; nearest: PEM, by `openssl crl -inform DER`",
            _ => "; it looks like DER; nearest: PEM, by `openssl x509 -inform DER`",
        },
        _ => "",
    };
    let file = file.map(|(flag, file)| format!("{flag} {}", file.display()));
    let why: Vec<_> = file.into_iter().chain(chain(error).map(ToString::to_string)).collect();
    StartError(exit, format!("({exit}) {}{der}", why.join(": ")))
}
