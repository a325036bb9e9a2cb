//! Files of cookies: Netscape's form, which all such tools read, and lines of `set-cookie` as servers send them.

use super::{
    cookie::{Cookie, Site, is_address, path},
    set_cookie,
};

const HEAD: &[u8] = b"# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n# Written by skybridge, \
    and read by curl too. Edit at your own risk.\n\n";

/// In front of a line: scripts of a page aren't shown it.
const HTTP_ONLY: &[u8] = b"#HttpOnly_";

/// What a file has.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) cookies: Vec<Cookie>,
    /// The first of the lines that look like a cookie and aren't kept, counted from 1, and why it isn't.
    pub(crate) passed_over: Option<(usize, &'static str)>,
}

/// The cookies of a file. A line that is none is passed over, as is one that names no domain: nobody could say for whom
/// it is. curl sends that of a `set-cookie` line to every host.
pub(crate) fn read(text: &[u8], now: i64) -> Read {
    let mut read = Read::default();
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        match one(line.strip_suffix(b"\r").unwrap_or(line), now) {
            Some(Ok(cookie)) => read.cookies.push(cookie),
            Some(Err(why)) => drop(read.passed_over.get_or_insert((number, why))),
            None => {}
        }
    }
    read
}

/// All of a file with these.
pub(crate) fn written<'a>(cookies: impl Iterator<Item = &'a Cookie>) -> Vec<u8> {
    cookies.fold(HEAD.to_vec(), |mut all, cookie| {
        line(cookie, &mut all);
        all
    })
}

/// `None` where nobody would take it for a cookie.
fn one(line: &[u8], now: i64) -> Option<Result<Cookie, &'static str>> {
    if let Some((name, header)) = line.split_at_checked("set-cookie:".len())
        && name.eq_ignore_ascii_case(b"set-cookie:")
    {
        return Some(of_header(header, now));
    }
    let (line, http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |rest| (rest, true));
    if line.starts_with(b"#") {
        return None;
    }
    let has_flags = line.split(u8::is_ascii_whitespace).any(is_flag);
    let has_fields = line.iter().filter(|byte| **byte == b'\t').count() >= 5;
    (has_flags || has_fields).then(|| of_fields(line, http_only))
}

fn is_flag(field: &[u8]) -> bool {
    field.eq_ignore_ascii_case(b"TRUE") || field.eq_ignore_ascii_case(b"FALSE")
}

fn of_fields(line: &[u8], http_only: bool) -> Result<Cookie, &'static str> {
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    if fields.get(2).is_some_and(|field| is_flag(field)) {
        fields.insert(2, b"/");
    }
    if fields.len() == 6 {
        fields.push(b"");
    }
    let [domain, below, at, secure, expires, name, value] = fields[..] else {
        return Err("it hasn't seven fields with one tab between two");
    };
    let domain = std::str::from_utf8(domain).map_err(|_| "its domain is no name")?.to_ascii_lowercase();
    let cookie = Cookie {
        name: name.to_vec(),
        value: value.to_vec(),
        domain: domain.strip_prefix('.').unwrap_or(&domain).to_owned(),
        is_for_subdomains: below.eq_ignore_ascii_case(b"TRUE"),
        path: path(at),
        secure: secure.eq_ignore_ascii_case(b"TRUE"),
        http_only,
        expires: Some(seconds(expires).ok_or("when it expires is no number")?).filter(|expires| *expires > 0),
    };
    checked(cookie)
}

/// As curl reads it: some tools write fractions behind it.
fn seconds(text: &[u8]) -> Option<i64> {
    let digits = text.iter().position(|byte| !byte.is_ascii_digit()).map_or(text, |end| &text[..end]);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Of the domain that it names, the last if there are several.
fn of_header(header: &[u8], now: i64) -> Result<Cookie, &'static str> {
    let (mut domain, mut rest) = (&b""[..], Vec::new());
    for (at, piece) in header.split(|byte| *byte == b';').enumerate() {
        let equals = piece.iter().position(|byte| *byte == b'=').filter(|_| at > 0);
        match equals.map(|equals| (piece[..equals].trim_ascii(), piece[equals + 1..].trim_ascii())) {
            Some((name, b"")) if name.eq_ignore_ascii_case(b"domain") => {}
            Some((name, value)) if name.eq_ignore_ascii_case(b"domain") => domain = value,
            _ => rest.push(piece),
        }
    }
    let domain = std::str::from_utf8(domain).map_err(|_| "its domain is no name")?.to_ascii_lowercase();
    let host = domain.strip_prefix('.').unwrap_or(&domain);
    let mut cookie = set_cookie::read(&rest.join(&b';'), Site { host, path: "/", is_secure: true }, now)?;
    cookie.is_for_subdomains = !is_address(host);
    checked(cookie)
}

fn checked(cookie: Cookie) -> Result<Cookie, &'static str> {
    if cookie.domain.is_empty() {
        return Err("it names no domain");
    }
    if cookie.is_for_subdomains && !is_address(&cookie.domain) && set_cookie::is_suffix(&cookie.domain) {
        return Err("its domain is a public suffix");
    }
    cookie.check()?;
    Ok(cookie)
}

fn line(cookie: &Cookie, out: &mut Vec<u8>) {
    let flag = |is: bool| if is { &b"TRUE"[..] } else { b"FALSE" };
    let dot = if cookie.is_for_subdomains { &b"."[..] } else { b"" };
    let domain = [if cookie.http_only { HTTP_ONLY } else { b"" }, dot, cookie.domain.as_bytes()].concat();
    let expires = cookie.expires.unwrap_or(0).to_string();
    let fields = [
        &domain,
        flag(cookie.is_for_subdomains),
        &cookie.path,
        flag(cookie.secure),
        expires.as_bytes(),
        &cookie.name,
        &cookie.value,
    ];
    out.extend(fields.join(&b'\t'));
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "# Netscape HTTP Cookie File\n\n\
            a.test\tFALSE\t/x\tTRUE\t2000000000\tn\tv w\r\n\
            #HttpOnly_.b.test\tTRUE\t/\tFALSE\t0\tm\t\n\
            #HttpOnly_.b.test\tTRUE\t/\tFALSE\t0\tm2\n\
            .c.test\tTRUE\tFALSE\t0\tnopath\tv\n\
            # a.test\tFALSE\t/x\tTRUE\t0\tn\tv\n\
            a.test\tFALSE\t/x\tTRUE\tsoon\tn\tv\n\
            a.test\tFALSE\t/x\tTRUE\t0\t\tv\n\
            a.test\tFALSE\n\
            Set-Cookie: h=v; domain=.d.test; path=/p; secure\n\
            set-cookie: nobody=v\n";
        let Read { cookies: all, passed_over } = read(text.as_bytes(), 1);
        assert_eq!(passed_over, Some((8, "when it expires is no number")));
        let rows: Vec<_> = all.iter().map(|cookie| (&*cookie.domain, String::from_utf8_lossy(&cookie.name))).collect();
        let rows: Vec<_> = rows.iter().map(|(domain, name)| (*domain, &**name)).collect();
        assert_eq!(rows, [("a.test", "n"), ("b.test", "m"), ("b.test", "m2"), ("c.test", "nopath"), ("d.test", "h")]);
        assert_eq!((all[0].expires, all[0].secure, all[1].http_only), (Some(2_000_000_000), true, true));
        assert!(all[3].path == b"/" && all[4].secure && all[4].is_for_subdomains && all[4].path == b"/p");
        assert_eq!(read(&written(all.iter()), 1).cookies, all);
        assert!(written(all.iter()).ends_with(b"\n.d.test\tTRUE\t/p\tTRUE\t0\th\tv\n"));
    }
    /// A row a line of a file: its domain with a dot where it is for those below, or why it isn't kept.
    #[test]
    fn a_line_is_for_the_domain_that_it_names_or_for_nobody() {
        let rows = [
            ("set-cookie: n=v; domain=a.test", Ok(".a.test")),
            ("Set-Cookie:n=v;DOMAIN = .A.test ;secure", Ok(".a.test")),
            ("set-cookie: n=v; domain=a.test; domain=; domain=b.test", Ok(".b.test")),
            ("set-cookie: n=v; domain=192.0.2.1", Ok("192.0.2.1")),
            ("set-cookie: n=v; domain=2001:db8::1", Ok("2001:db8::1")),
            ("set-cookie: n=v", Err("it names no domain")),
            ("set-cookie: domain=a.test", Err("it names no domain")),
            ("set-cookie: n=v; domain=", Err("it names no domain")),
            ("set-cookie: n=v; domain=.", Err("it names no domain")),
            ("set-cookie: n=v; domain=co.uk", Err("its domain is a public suffix")),
            ("set-cookie: __Host-n=v; secure; path=/; domain=a.test", Err("by its name it is of one host")),
            ("set-cookie: v; domain=a.test", Err("it has no =")),
            (".a.test\tTRUE\t/\tFALSE\t0\tn\tv", Ok(".a.test")),
            ("a.test\tFALSE\t/\tFALSE\t1893456000.75\tn\tv", Ok("a.test")),
            ("co.uk\tFALSE\t/\tFALSE\t0\tn\tv", Ok("co.uk")),
            ("localhost\tFALSE\t/\tFALSE\t0\tn\tv", Ok("localhost")),
            (".co.uk\tTRUE\t/\tFALSE\t0\tn\tv", Err("its domain is a public suffix")),
            ("\tFALSE\t/\tFALSE\t0\tn\tv", Err("it names no domain")),
            (".\tTRUE\t/\tFALSE\t0\tn\tv", Err("it names no domain")),
            ("a.test\tFALSE\t/\tFALSE\t-1\tn\tv", Err("when it expires is no number")),
            ("a.test\t0\t/\t0\t0\tn\tv", Ok("a.test")),
            ("a.test FALSE / FALSE 0 n v", Err("it hasn't seven fields")),
        ];
        for (line, expected) in rows {
            let told = one(line.as_bytes(), 1).unwrap();
            let whom = told.map(|cookie| [if cookie.is_for_subdomains { "." } else { "" }, &cookie.domain].concat());
            match expected {
                Ok(domain) => assert_eq!(whom.as_deref(), Ok(domain), "{line}"),
                Err(why) => assert!(whom.as_ref().is_err_and(|told| told.starts_with(why)), "{line}: {whom:?}"),
            }
        }
        for line in ["", "HTTP/1.1 200 OK", "server: x", "# a.test\tFALSE\t/\tFALSE\t0\tn\tv"] {
            assert!(one(line.as_bytes(), 1).is_none(), "{line}");
        }
    }
}
