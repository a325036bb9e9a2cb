//! Files of cookies: Netscape's form, which all such tools read, and lines of `set-cookie` as servers send them.

use super::{
    cookie::{Cookie, Site, path},
    set_cookie,
};

const HEAD: &[u8] = b"# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n# Written by skybridge, \
    and read by curl too. Edit at your own risk.\n\n";

/// In front of a line: scripts of a page aren't shown it.
const HTTP_ONLY: &[u8] = b"#HttpOnly_";

/// The cookies of a file. A line that is none is passed over, as is one of `set-cookie` without a domain: nobody could
/// say for whom it is.
pub(crate) fn read(text: &[u8], now: i64) -> Vec<Cookie> {
    text.split(|byte| *byte == b'\n').filter_map(|line| one(line.strip_suffix(b"\r").unwrap_or(line), now)).collect()
}

/// All of a file with these.
pub(crate) fn written<'a>(cookies: impl Iterator<Item = &'a Cookie>) -> Vec<u8> {
    cookies.fold(HEAD.to_vec(), |mut all, cookie| {
        line(cookie, &mut all);
        all
    })
}

fn one(line: &[u8], now: i64) -> Option<Cookie> {
    if let Some((name, header)) = line.split_at_checked("set-cookie:".len())
        && name.eq_ignore_ascii_case(b"set-cookie:")
    {
        return of_header(header, now);
    }
    let (line, http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |rest| (rest, true));
    if line.starts_with(b"#") {
        return None;
    }
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    let is_flag = |field: &[u8]| matches!(field, b"TRUE" | b"FALSE");
    if fields.get(2).is_some_and(|field| is_flag(field)) {
        fields.insert(2, b"/");
    }
    if fields.len() == 6 {
        fields.push(b"");
    }
    let [domain, below, at, secure, expires, name, value] = fields[..] else { return None };
    let domain = std::str::from_utf8(domain).ok()?.to_ascii_lowercase();
    let expires: i64 = std::str::from_utf8(expires).ok()?.parse().ok().filter(|expires| *expires >= 0)?;
    let cookie = Cookie {
        name: name.to_vec(),
        value: value.to_vec(),
        domain: domain.strip_prefix('.').unwrap_or(&domain).to_owned(),
        is_for_subdomains: below.eq_ignore_ascii_case(b"TRUE"),
        path: path(at),
        secure: secure.eq_ignore_ascii_case(b"TRUE"),
        http_only,
        expires: (expires > 0).then_some(expires),
    };
    (!cookie.domain.is_empty() && cookie.check().is_ok()).then_some(cookie)
}

/// Of the domain that it names.
fn of_header(header: &[u8], now: i64) -> Option<Cookie> {
    let attributes = header.split(|byte| *byte == b';').skip(1).filter_map(|piece| std::str::from_utf8(piece).ok());
    let named = attributes.filter_map(|piece| piece.split_once('='));
    let domain = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("domain")).last()?.1.trim();
    let host = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    set_cookie::read(header, Site { host: &host, path: "/", is_secure: true }, now).ok()
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
        let all = read(text.as_bytes(), 1);
        let rows: Vec<_> = all.iter().map(|cookie| (&*cookie.domain, String::from_utf8_lossy(&cookie.name))).collect();
        let rows: Vec<_> = rows.iter().map(|(domain, name)| (*domain, &**name)).collect();
        assert_eq!(rows, [("a.test", "n"), ("b.test", "m"), ("b.test", "m2"), ("c.test", "nopath"), ("d.test", "h")]);
        assert_eq!((all[0].expires, all[0].secure, all[1].http_only), (Some(2_000_000_000), true, true));
        assert!(all[3].path == b"/" && all[4].secure && all[4].is_for_subdomains && all[4].path == b"/p");
        assert_eq!(read(&written(all.iter()), 1), all);
        assert!(written(all.iter()).ends_with(b"\n.d.test\tTRUE\t/p\tTRUE\t0\th\tv\n"));
    }
}
