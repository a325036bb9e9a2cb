mod diagnosis;

use std::fmt;

/// What an error means, and what to do about it.
///
/// One table, from which come the last lines of a [report](crate::Error::report), what the command line says, and the
/// page `errors.md` of `skybridge`. A layer that knows more of a failure than its [`Cause`](crate::Cause) tells
/// [says so](crate::Error::advise).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Advice {
    /// The URL is none, or none that can be fetched.
    Url,
    /// The request can't be sent as it is.
    Request,
    /// The name doesn't exist.
    NoSuchName,
    /// The name has no address of the families that were asked for, or is an address of another.
    NoAddresses,
    /// The name could not be looked up.
    NoAnswer,
    /// The name doesn't exist here, and a proxy was to be given an address.
    LocalLookup,
    /// An environment variable that should name a proxy names none.
    ProxyVariable,
    /// There is no proxy where one should be.
    NoProxyThere,
    /// Whoever selects proxies has failed, or has named no way.
    ProxySelection,
    /// Nothing listens there.
    NothingListens,
    /// Nothing listens at the path of a Unix socket, or it can't be opened.
    UnixSocket,
    /// The address can't be reached.
    Unreachable,
    /// The address is of one link alone, and nothing says of which.
    LinkLocal,
    /// An own policy refuses the address.
    Egress,
    /// An own policy refuses cleartext.
    Cleartext,
    /// Connecting took too long.
    SlowConnect,
    /// The peer was reached, and the step after that took too long.
    SlowHandshake,
    /// The peer wants a certificate of the client, or another one.
    ClientCertificate,
    /// The peer's certificate is its own issuer.
    SelfSigned,
    /// The peer's certificate is by an issuer who is not trusted.
    UnknownIssuer,
    /// The same, and the peer has shown no other certificate.
    MissingIntermediate,
    /// The peer's certificate is for other names.
    WrongName,
    /// The peer's certificate has expired.
    Expired,
    /// The peer's certificate is not valid yet.
    NotYetValid,
    /// The peer's certificate was revoked.
    Revoked,
    /// It can't be told whether the peer's certificate was revoked.
    RevocationUnknown,
    /// The peer's certificate must be stapled, and isn't.
    MustStaple,
    /// The peer's certificate can't be used: it is malformed, for another purpose, or signed by means that are too
    /// weak.
    UnfitCertificate,
    /// The peer's keys are not the pinned ones.
    Pins,
    /// The peer's name must be encrypted (Encrypted Client Hello), and can't be.
    Ech,
    /// A proxy could not prove who it is.
    ProxyCertificate,
    /// The peer ended the connection in the TLS handshake, without saying why.
    TlsEnded,
    /// TLS was spoken to a port that speaks something else.
    NotTls,
    /// There is no version of TLS, cipher suite, key exchange or kind of signature that both sides allow.
    NothingInCommon,
    /// The server speaks TLS, and none of the versions of HTTP that were offered by ALPN.
    NoCommonProtocol,
    /// A request in cleartext was sent to a port that speaks TLS.
    WantsTls,
    /// HTTP/2 alone was spoken or allowed, and the port doesn't speak it.
    NotHttp2,
    /// HTTP/1.1 was spoken to a port that speaks HTTP/2.
    WantsHttp2,
    /// The server wants HTTP/1.1 for what was asked by HTTP/2.
    WantsHttp1,
    /// What answers speaks no HTTP.
    NotHttp,
    /// What answers speaks HTTP, and breaks its rules.
    BrokenHttp,
    /// The head of a response is larger than this side takes.
    HeadTooLarge,
    /// A proxy wants credentials, and was given none.
    ProxyCredentials,
    /// A proxy does not accept the credentials.
    ProxyCredentialsRefused,
    /// A SOCKS proxy wants a user and password, or others.
    SocksCredentials,
    /// A proxy refuses the tunnel.
    ProxyRefused,
    /// A proxy can't reach the server.
    BeyondProxy,
    /// What was to be a proxy speaks something else.
    NotThatProxy,
    /// The peer closes connections without a response.
    NoResponse,
    /// The response broke off.
    Incomplete,
    /// No response came in time.
    SlowResponse,
    /// The call as a whole took too long.
    SlowCall,
    /// The body has more bytes than are taken.
    TooLarge,
    /// A limit on this side is reached.
    Overloaded,
    /// No descriptor is left for another socket.
    Descriptors,
}

/// A row of the table.
struct Row {
    key: &'static str,
    means: &'static str,
    in_code: &'static str,
    on_command_line: &'static str,
}

const fn row(key: &'static str, means: &'static str, in_code: &'static str, on_command_line: &'static str) -> Row {
    Row { key, means, in_code, on_command_line }
}

impl Advice {
    /// All of them, in the order of a request's trip.
    pub const ALL: [Self; 55] = [
        Self::Url,
        Self::Request,
        Self::NoSuchName,
        Self::NoAddresses,
        Self::NoAnswer,
        Self::LocalLookup,
        Self::ProxyVariable,
        Self::NoProxyThere,
        Self::ProxySelection,
        Self::NothingListens,
        Self::UnixSocket,
        Self::Unreachable,
        Self::LinkLocal,
        Self::Egress,
        Self::Cleartext,
        Self::SlowConnect,
        Self::SlowHandshake,
        Self::ClientCertificate,
        Self::SelfSigned,
        Self::UnknownIssuer,
        Self::MissingIntermediate,
        Self::WrongName,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::RevocationUnknown,
        Self::MustStaple,
        Self::UnfitCertificate,
        Self::Pins,
        Self::Ech,
        Self::ProxyCertificate,
        Self::TlsEnded,
        Self::NotTls,
        Self::NothingInCommon,
        Self::NoCommonProtocol,
        Self::WantsTls,
        Self::NotHttp2,
        Self::WantsHttp2,
        Self::WantsHttp1,
        Self::NotHttp,
        Self::BrokenHttp,
        Self::HeadTooLarge,
        Self::ProxyCredentials,
        Self::ProxyCredentialsRefused,
        Self::SocksCredentials,
        Self::ProxyRefused,
        Self::BeyondProxy,
        Self::NotThatProxy,
        Self::NoResponse,
        Self::Incomplete,
        Self::SlowResponse,
        Self::SlowCall,
        Self::TooLarge,
        Self::Overloaded,
        Self::Descriptors,
    ];

    fn row(self) -> Row {
        match self {
            Self::Url => row(
                "url",
                "The URL can't be fetched.",
                "write it as `https://host/path`, percent-encoded, without a user and password",
                "write it as https://host/path, percent-encoded",
            ),
            Self::Request => row(
                "request",
                "The request is invalid, or its own body failed.",
                "change the method, header or body that is named",
                "change the method (-X), header (-H) or body (-d) that is named",
            ),
            Self::NoSuchName => row(
                "no_such_name",
                "The name doesn't exist, as far as the resolver knows.",
                "check the spelling, and the resolver that is asked; `Overrides` gives a name addresses of your own",
                "check the spelling; --resolve HOST:PORT:ADDR gives an address, --dns-servers asks other servers",
            ),
            Self::NoAddresses => row(
                "no_addresses",
                "The name has no address of the families that were asked for, or is itself an address of another.",
                "ask for both families: `RouteConfig::families(Families::Both)`, the default",
                "leave out -4 or -6",
            ),
            Self::NoAnswer => row(
                "no_answer",
                "The name could not be looked up: the resolver failed, or took too long.",
                "check the resolver; `Timeouts::resolve` is how long it may take",
                "check the resolver; --dns-servers asks other servers",
            ),
            Self::LocalLookup => row(
                "local_lookup",
                "The name doesn't exist as far as this side knows, which was to look it up for the proxy.",
                "let the proxy look it up: `socks5h://` or `socks4a://`; or check the spelling",
                "let the proxy look it up: socks5h:// or socks4a://; or check the spelling",
            ),
            Self::ProxyVariable => row(
                "proxy_variable",
                "An environment variable that should name a proxy names none.",
                "set it to a URL such as `http://proxy.test:3128`, or unset it; `ProxySelector` needs no environment",
                "set it to the URL of a proxy, or unset it; -x URL is used in its place",
            ),
            Self::NoProxyThere => row(
                "no_proxy_there",
                "The proxy's name doesn't exist, or nothing listens at its port.",
                "check the proxy's URL, the variable that it may be from, and that it runs",
                "check --proxy, or the variable that names it (skybridge explain says which), and that it runs",
            ),
            Self::ProxySelection => row(
                "proxy_selection",
                "Whoever selects the proxies has failed, or has named no way, not even a direct one.",
                "mend your `ProxySelector`, or the list of `RouteConfig::proxies`: an empty chain is a direct connection",
                "this is the library's, not the command line's",
            ),
            Self::NothingListens => row(
                "nothing_listens",
                "The host is there, and nothing listens at the port.",
                "check the port, and that the server runs",
                "check the port, and that the server runs",
            ),
            Self::UnixSocket => row(
                "unix_socket",
                "Nothing listens at the path of the Unix socket, or it can't be opened.",
                "check the path, that the server runs, and that this user may write to the socket",
                "check the path, that the server runs, and that this user may write to the socket",
            ),
            Self::Unreachable => row(
                "unreachable",
                "There is no way to the address from here.",
                "check the network, and the local address or interface of `Tcp`",
                "check the network, and --interface; -4 or -6 leaves out the other family",
            ),
            Self::LinkLocal => row(
                "link_local",
                "The address is of one link alone (fe80::/10), and nothing says by which interface it is reached.",
                "name the interface: `Tcp::interface`",
                "name the interface: --interface NAME",
            ),
            Self::Egress => row(
                "egress",
                "This side's own policy of egress refuses the address.",
                "allow it in `ConnectOptions::egress`, or ask for another host",
                "leave out --egress if the address may be reached",
            ),
            Self::Cleartext => row(
                "cleartext",
                "The URL is an http one, and this side's own policy permits no cleartext to its host.",
                "use `https://`, or permit it: `ClientBuilder::cleartext` and `Egress::cleartext`, and `ConnectionSpec::CLEARTEXT` among specs",
                "use https://, or leave out --proto =https",
            ),
            Self::SlowConnect => row(
                "slow_connect",
                "No address could be connected to in time.",
                "a firewall may drop the packets without a word; `Timeouts::connect` and `attempt` are the limits",
                "a firewall may drop the packets without a word; --connect-timeout SECONDS is the limit",
            ),
            Self::SlowHandshake => row(
                "slow_handshake",
                "The peer was reached, and did not answer in time to what was said next.",
                "check scheme and port: it may speak something else, or a proxy not reach the server; `Timeouts` has the limits",
                "check scheme and port: it may speak something else, or a proxy not reach the server; --connect-timeout SECONDS is the limit",
            ),
            Self::ClientCertificate => row(
                "client_certificate",
                "The server wants a certificate of the client, or does not accept the one that it was shown.",
                "give it one that it accepts: `TlsConfig::builder().client_auth_pem(chain, key)`",
                "give it one that it accepts: --cert FILE --key FILE, or to a proxy: --proxy-cert FILE --proxy-key FILE",
            ),
            Self::SelfSigned => row(
                "self_signed",
                "The server vouches for itself.",
                "trust that one certificate: `TlsConfig::builder().add_root_pem(pem)`",
                "trust that one certificate: --cacert FILE",
            ),
            Self::UnknownIssuer => row(
                "unknown_issuer",
                "An authority that is not trusted has issued the server's certificate, as a company's own or a proxy's.",
                "trust it: `TlsConfig::builder().add_root_pem(pem)`",
                "trust it: --cacert FILE",
            ),
            Self::MissingIntermediate => row(
                "missing_intermediate",
                "The server has sent its own certificate alone. Either the one of its issuer is missing, or that is not trusted.",
                "mend the server: it must send its chain; or `TlsConfig::builder().add_root_pem(pem)` with the issuer",
                "mend the server: it must send its chain; or --cacert FILE with the issuer",
            ),
            Self::WrongName => row(
                "wrong_name",
                "The server's certificate is for other names than the one that was asked for.",
                "ask for one of its names; `ConnectOptions::server_name` is for a server that is known by another",
                "ask for one of its names; --connect-to NAME:PORT:HOST:PORT leads a name to another host",
            ),
            Self::Expired => row(
                "expired",
                "A certificate has expired, or the clock of this machine is wrong.",
                "renew the server's certificate; check the clock",
                "renew the server's certificate; check the clock",
            ),
            Self::NotYetValid => row(
                "not_yet_valid",
                "A certificate is not valid yet, or the clock of this machine is wrong.",
                "check the clock",
                "check the clock",
            ),
            Self::Revoked => row(
                "revoked",
                "The server's certificate, or one of its issuers', was revoked.",
                "mend the server: it needs another certificate",
                "mend the server: it needs another certificate",
            ),
            Self::RevocationUnknown => row(
                "revocation_unknown",
                "Nothing that is known here says that the server's certificate was not revoked.",
                "give a current list of each issuer; a required staple must come from the server (OCSP)",
                "--crlfile FILE must have a current list of each issuer; for --cert-status the server must staple (OCSP)",
            ),
            Self::MustStaple => row(
                "must_staple",
                "The server's certificate says that a proof is stapled to it that it isn't revoked, and the server has sent none.",
                "mend the server: it must staple (OCSP), or needs a certificate that doesn't say so",
                "mend the server: it must staple (OCSP), or needs a certificate that doesn't say so",
            ),
            Self::UnfitCertificate => row(
                "unfit_certificate",
                "The server's certificate, or its issuer's, is malformed, for another purpose, or signed too weakly.",
                "mend the server: it needs another certificate",
                "mend the server: it needs another certificate",
            ),
            Self::Pins => row(
                "pins",
                "The server is trusted, and its keys are none of those that are pinned for it.",
                "somebody may be in between; if the server has new keys (`TlsError::find` has them), pin those: `TlsConfig::builder().pin(host, pin)`",
                "somebody may be in between; if the server has new keys (skybridge pins HOST prints them), pin those: --pin HOST=PIN",
            ),
            Self::Ech => row(
                "ech",
                "The server's name must be encrypted, and can't be: no keys are known for it, or the server accepts none of them.",
                "give the server's present keys: `TlsConfig::builder().ech_keys(host, list)`, or have `Hickory` find them",
                "give the server's present keys: --ech ecl:BASE64, or have --dns-servers find them",
            ),
            Self::ProxyCertificate => row(
                "proxy_certificate",
                "The proxy's certificate is not trusted, or for another name.",
                "check the proxy's URL; `TunnelLayer::proxy_tls` has the roots for proxies",
                "check the URL of --proxy; --proxy-cacert FILE trusts it",
            ),
            Self::TlsEnded => row(
                "tls_ended",
                "The peer ended the connection in the middle of the TLS handshake, without saying why.",
                "check host and port: it may speak no TLS, or know no such host; a proxy or firewall may have cut it off",
                "check host and port: it may speak no TLS, or know no such host; a proxy or firewall may have cut it off",
            ),
            Self::NotTls => row(
                "not_tls",
                "The server does not speak TLS at this port.",
                "use `http://`, or the port for TLS",
                "use http://, or the port for TLS",
            ),
            Self::NothingInCommon => row(
                "nothing_in_common",
                "There is no version of TLS, cipher suite, key exchange or kind of signature that both sides allow.",
                "`TlsConfig::builder().versions(..)` and `specs(..)` say what is allowed; TLS 1.1 and before are never spoken",
                "--tlsv1.2, --tls-max and --tls-fallback set versions, --ciphers, --tls13-ciphers and --curves the rest; TLS 1.1 is never spoken",
            ),
            Self::NoCommonProtocol => row(
                "no_common_protocol",
                "The server speaks TLS, and none of the versions of HTTP that were offered by ALPN.",
                "offer both: `ConnectOptions::http_versions(HttpVersions::Any)`, the default; or check the port",
                "leave out --http1.1 or --http2-prior-knowledge, to a proxy --proxy-http2; or check the port",
            ),
            Self::WantsTls => row(
                "wants_tls",
                "The server speaks TLS at this port, and got a request in cleartext.",
                "use `https://`",
                "use https://",
            ),
            Self::NotHttp2 => row(
                "not_http2",
                "HTTP/2 was spoken at once, or nothing else allowed, and the server does not seem to speak it.",
                "let it be negotiated: `ConnectOptions::http_versions(HttpVersions::Any)`, the default",
                "leave out --http2-prior-knowledge",
            ),
            Self::WantsHttp2 => row(
                "wants_http2",
                "The server speaks HTTP/2 in cleartext and nothing else.",
                "speak it at once: `ConnectOptions::http_versions(HttpVersions::Http2)`",
                "speak it at once: --http2-prior-knowledge",
            ),
            Self::WantsHttp1 => row(
                "wants_http1",
                "The server wants HTTP/1.1 for this request (HTTP_1_1_REQUIRED), as for a certificate of the client.",
                "ask for it: `ConnectOptions::http_versions(HttpVersions::Http1)`",
                "ask for it: --http1.1",
            ),
            Self::NotHttp => {
                row("not_http", "What answers at this port speaks no HTTP/1.x.", "check the port", "check the port")
            }
            Self::BrokenHttp => row(
                "broken_http",
                "What answers breaks the rules of HTTP. It is not guessed what it may mean.",
                "mend the server: its answer is wrong in the way that is named",
                "mend the server: its answer is wrong in the way that is named",
            ),
            Self::HeadTooLarge => row(
                "head_too_large",
                "The response's head is larger than this side takes, or has more headers.",
                "look at what the server sends; `H1::head_limit` and `max_headers` are the limits, `H2::max_header_list_size`",
                "look at what the server sends, cookies for example; the limit is this program's own, and no flag raises it",
            ),
            Self::ProxyCredentials => row(
                "proxy_credentials",
                "The proxy wants credentials, and was given none that it takes.",
                "put them into the proxy's URL, or into `Proxy::auth`; `PasswordAuth` answers Digest",
                "--proxy-user USER:PASSWORD; --proxy-digest or --proxy-anyauth answers Digest",
            ),
            Self::ProxyCredentialsRefused => row(
                "proxy_credentials_refused",
                "The proxy does not accept the credentials, or not by this scheme.",
                "check user and password; `PasswordAuth` answers Digest",
                "check --proxy-user; --proxy-digest or --proxy-anyauth answers Digest",
            ),
            Self::SocksCredentials => row(
                "socks_credentials",
                "The SOCKS proxy wants a user and password, or others than it was shown.",
                "put them into the proxy's URL, or into `Proxy::auth`",
                "--proxy-user USER:PASSWORD",
            ),
            Self::ProxyRefused => row(
                "proxy_refused",
                "The proxy gives no tunnel to the server.",
                "ask who runs the proxy; `NoProxy` names the hosts that need none",
                "ask who runs the proxy; --noproxy LIST names the hosts that need none",
            ),
            Self::BeyondProxy => row(
                "beyond_proxy",
                "The proxy is there, and can't reach the server.",
                "check the host and the port; `NoProxy` names the hosts that need no proxy",
                "check the host and the port; --noproxy LIST names the hosts that need no proxy",
            ),
            Self::NotThatProxy => row(
                "not_that_proxy",
                "What was to be a proxy does not speak its protocol.",
                "check its URL: `http://`, `https://`, `socks4://`, `socks5://`",
                "check the URL of --proxy: http://, https://, socks4://, socks5://",
            ),
            Self::NoResponse => row(
                "no_response",
                "The server closed the connection without a response.",
                "look into the server's log: it may have crashed, or want `https://` or another port",
                "look into the server's log: it may have crashed, or want https:// or another port",
            ),
            Self::Incomplete => row(
                "incomplete",
                "The connection ended in the middle of the response.",
                "what was read is not the whole; ask again",
                "what was written is not the whole; ask again",
            ),
            Self::SlowResponse => row(
                "slow_response",
                "The server has the request, or a part of it, and is silent.",
                "`Timeouts::response_head` and `read_idle` are the limits",
                "--read-timeout SECONDS is the limit",
            ),
            Self::SlowCall => row(
                "slow_call",
                "All in all the call took longer than it may.",
                "`Timeouts::call` is the limit, or what the request itself says: `RequestOptions::call_within`, by gRPC `grpc-timeout`",
                "--max-time SECONDS is the limit",
            ),
            Self::TooLarge => row(
                "too_large",
                "The body has more bytes than are taken into memory at once.",
                "`Body::bytes_up_to` and `text_up_to` take more; as a stream it may have any length",
                "this is the library's, not the command line's",
            ),
            Self::Overloaded => row(
                "overloaded",
                "A limit on this side is reached, so that the request was not sent.",
                "wait for others to end, or raise the limit of `PoolConfig` that is named",
                "--parallel-max and --pool-max-per-host are limits",
            ),
            Self::Descriptors => row(
                "descriptors",
                "This process may not open another socket.",
                "raise the limit of the process (`ulimit -n`), or set `PoolConfig::max_total`",
                "raise the limit of the shell (ulimit -n), or lower --parallel-max",
            ),
        }
    }

    /// A name for logs and metrics, in lower case, which never changes: `unknown_issuer`.
    pub fn key(self) -> &'static str {
        self.row().key
    }

    /// What it means, as a sentence.
    pub fn means(self) -> &'static str {
        self.row().means
    }

    /// What to do about it in a program that uses the library.
    pub fn in_code(self) -> &'static str {
        self.row().in_code
    }

    /// What to do about it on the command line.
    pub fn on_command_line(self) -> &'static str {
        self.row().on_command_line
    }
}

impl fmt::Display for Advice {
    /// The [key](Self::key).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
