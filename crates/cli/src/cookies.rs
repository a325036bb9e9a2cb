//! Cookies that servers set, and files of them (`-b FILE`, `-c FILE`): kept and sent as curl does.

mod cookie;
mod date;
mod file;
mod set_cookie;

use self::cookie::{Cookie, Site};
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    header::{COOKIE, HOST, SET_COOKIE},
};
use skybridge::types::sync::Mutex;
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::Builder;

/// How many are kept in all, and of one domain. The oldest go first.
const MOST: usize = 3_000;
const MOST_OF_DOMAIN: usize = 180;
/// How many one response sets.
const MOST_SET: usize = 50;
/// How many are sent, and the length of the field in bytes.
const MOST_SENT: usize = 150;
const LONGEST_SENT: usize = 8_190;

/// All cookies of a run, whichever part of the command line they are set in.
#[derive(Default)]
pub(crate) struct Jar {
    /// The oldest first; one that is replaced stays where it was.
    cookies: Mutex<Vec<Cookie>>,
}

/// What became of a file with cookies.
pub(crate) struct Loaded {
    pub(crate) is_there: bool,
    /// The first line that looks like a cookie and isn't kept, counted from 1, and why it isn't.
    pub(crate) passed_over: Option<(usize, &'static str)>,
}

/// Where a request goes.
pub(crate) struct Asked {
    host: String,
    path: String,
    is_secure: bool,
}

/// A cookie that a server sets. Its value is nobody's to see.
pub(crate) struct Noted {
    pub(crate) name: String,
    /// For which hosts it is kept, or why it isn't.
    pub(crate) of: Result<String, &'static str>,
}

impl Jar {
    /// Adds those of a file; `-` is stdin. As with curl, one that isn't there has none.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn load(&self, path: &Path, junks_sessions: bool, now: SystemTime) -> io::Result<Loaded> {
        let none = |is_there| Ok(Loaded { is_there, passed_over: None });
        let text = match path.to_str() {
            Some("") => return none(true),
            Some("-") => {
                let mut text = Vec::new();
                io::stdin().lock().read_to_end(&mut text)?;
                text
            }
            // Reading a folder has an error of its own on each system.
            _ if path.is_dir() => return none(false),
            _ => match fs::read(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return none(false),
                read => read?,
            },
        };
        let now = seconds(now);
        let mut kept = self.cookies.lock();
        let file::Read { cookies, passed_over } = file::read(&text, now);
        for cookie in cookies.into_iter().filter(|cookie| cookie.expires.is_some() || !junks_sessions) {
            // Files are trusted: they tell what was kept once.
            let _ = keep(&mut kept, cookie, now, true);
        }
        Ok(Loaded { is_there: true, passed_over })
    }

    /// Adds to a request what belongs to it, in front of what it has.
    pub(crate) fn add_to<B>(&self, request: &mut Request<B>, asked: &Asked, now: SystemTime) {
        let now = seconds(now);
        let kept = self.cookies.lock();
        let is_sent = |(_, cookie): &(usize, &Cookie)| cookie.is_for(asked.site()) && !is_over(cookie, now);
        let mut sent: Vec<_> = kept.iter().enumerate().filter(is_sent).take(MOST_SENT).collect();
        let lengths = |cookie: &Cookie| [cookie.path.len(), cookie.domain.len(), cookie.name.len()];
        sent.sort_by_key(|(at, cookie)| std::cmp::Reverse((lengths(cookie), *at)));
        let mut field = Vec::new();
        for (_, Cookie { name, value, .. }) in sent {
            if field.len() + name.len() + value.len() + "cookie: =; ".len() >= LONGEST_SENT {
                break;
            }
            if !field.is_empty() {
                field.extend_from_slice(b"; ");
            }
            field.extend([name, &b"="[..], value].concat());
        }
        if field.is_empty() {
            return;
        }
        for given in request.headers().get_all(COOKIE) {
            field.extend([b"; ", given.as_bytes()].concat());
        }
        if let Ok(mut value) = HeaderValue::from_bytes(&field) {
            value.set_sensitive(true);
            request.headers_mut().insert(COOKIE, value);
        }
    }

    /// Keeps what a response sets.
    pub(crate) fn note(&self, headers: &HeaderMap, asked: &Asked, now: SystemTime) -> Vec<Noted> {
        let now = seconds(now);
        let mut kept = self.cookies.lock();
        let set = headers.get_all(SET_COOKIE).iter().take(MOST_SET);
        set.map(|value| {
            // Without = it may be a value.
            let name = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            let name = name.iter().position(|byte| *byte == b'=').map_or(&b""[..], |at| &name[..at]);
            let name = String::from_utf8_lossy(name).trim().to_owned();
            let cookie = set_cookie::read(value.as_bytes(), asked.site(), now);
            Noted { name, of: cookie.and_then(|cookie| keep(&mut kept, cookie, now, asked.is_secure)) }
        })
        .collect()
    }

    /// Writes all of them to a file, whole or not at all; `-` is stdout. Blocks.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn write(&self, path: &Path, now: SystemTime) -> io::Result<()> {
        let now = seconds(now);
        let kept = self.cookies.lock();
        let text = file::written(kept.iter().rev().filter(|cookie| !is_over(cookie, now)));
        if path.as_os_str() == "-" {
            return io::stdout().lock().write_all(&text);
        }
        // Through links, to what is there.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(&path)?.write_all(&text),
            there => replace(&path, there.ok().as_ref(), &text),
        }
    }
}

impl Asked {
    /// As curl, by the `host` that the request says. That says nothing of where the request goes: what goes in
    /// cleartext is secure if `stays_here`, within this machine, and is for this machine too.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap, stays_here: bool) -> Self {
        let said = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<http::uri::Authority>().ok());
        let host = said.as_ref().map(|authority| authority.host()).or(uri.host()).unwrap_or_default();
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let is_secure = uri.scheme_str() == Some("https") || (stays_here && is_this_machine(&host));
        Self { host, path: uri.path().to_owned(), is_secure }
    }

    fn site(&self) -> Site<'_> {
        Site { host: &self.host, path: &self.path, is_secure: self.is_secure }
    }
}

/// As curl knows it, by name or address.
pub(crate) fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

/// Keeps a cookie; one of the past removes another. Returns for whom it is kept.
fn keep(kept: &mut Vec<Cookie>, cookie: Cookie, now: i64, is_secure: bool) -> Result<String, &'static str> {
    kept.retain(|other| !is_over(other, now));
    if !is_secure && kept.iter().any(|other| cookie.shadows(other)) {
        return Err("it comes in cleartext, and would stand before one that is secure");
    }
    let (dot, path) = (if cookie.is_for_subdomains { "." } else { "" }, String::from_utf8_lossy(&cookie.path));
    let whom = format!("{dot}{}{path}", cookie.domain);
    let replaced = kept.iter().position(|other| cookie.replaces(other));
    match (replaced, is_over(&cookie, now)) {
        (Some(at), true) => drop(kept.remove(at)),
        (None, true) => return Err("it is over"),
        (Some(at), false) => kept[at] = cookie,
        (None, false) => {
            let is_of_domain = |other: &&Cookie| other.domain == cookie.domain;
            if kept.iter().filter(is_of_domain).count() >= MOST_OF_DOMAIN
                && let Some(oldest) = kept.iter().position(|other| other.domain == cookie.domain)
            {
                kept.remove(oldest);
            } else if kept.len() >= MOST {
                kept.remove(0);
            }
            kept.push(cookie);
        }
    }
    Ok(whom)
}

fn is_over(cookie: &Cookie, now: i64) -> bool {
    cookie.expires.is_some_and(|expires| expires < now)
}

/// Beside the file, and then in its place. The name beside it is nobody's: what a run that was killed has left is
/// neither in the way nor written to.
fn replace(path: &Path, there: Option<&fs::Metadata>, text: &[u8]) -> io::Result<()> {
    if there.is_some() {
        // As with curl, one that may not be written stays as it is, though its folder would let another take its place.
        OpenOptions::new().write(true).open(path)?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = Builder::new().prefix(".cookies-").suffix(".tmp").make_in(folder, |name| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(name)
    })?;
    beside.write_all(text)?;
    #[cfg(unix)]
    there.map_or(Ok(()), |there| let_group(beside.as_file(), there))?;
    beside.as_file().sync_all()?;
    beside.persist(path).map(drop).map_err(|error| error.error)
}

/// Cookies are secrets: what its group may do with the old file stays, where it is the same group, and nobody else may
/// do anything. curl lets everybody read whom its first jar lets, which is by the umask.
#[cfg(unix)]
fn let_group(new: &fs::File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let is_same = new.metadata().map(|new| (new.uid(), new.gid()) == (old.uid(), old.gid()))?;
    let mode = if is_same { 0o600 | old.permissions().mode() & 0o060 } else { 0o600 };
    new.set_permissions(fs::Permissions::from_mode(mode))
}

fn seconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn asked(url: &str) -> Asked {
        Asked::of(&url.parse().unwrap(), &HeaderMap::new(), false)
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
    }

    fn set(jar: &Jar, url: &str, cookies: &[&str], now: u64) -> Vec<Result<String, &'static str>> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie.parse().unwrap());
        }
        jar.note(&headers, &asked(url), at(now)).into_iter().map(|noted| noted.of).collect()
    }

    fn sent(jar: &Jar, url: &str, now: u64) -> String {
        let mut request = Request::new(());
        jar.add_to(&mut request, &asked(url), at(now));
        request.headers().get(COOKIE).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn longer_paths_go_first_and_expired_cookies_nowhere() {
        let jar = Jar::default();
        let cookies = ["a=1", "b=2; path=/", "c=3; path=/x/y; max-age=10", "dd=4; path=/"];
        set(&jar, "http://a.test/x/", &cookies, 0);
        assert_eq!(sent(&jar, "http://a.test/x/y/z", 10), "c=3; a=1; dd=4; b=2");
        assert_eq!(sent(&jar, "http://a.test/x/y/z", 11), "a=1; dd=4; b=2");
        assert_eq!(sent(&jar, "http://b.test/x/y/z", 0), "");
        set(&jar, "http://a.test/x/", &["a=5", "b=; path=/; max-age=0"], 12);
        assert_eq!(sent(&jar, "http://a.test/x/", 12), "a=5; dd=4");
    }

    #[test]
    fn what_a_request_has_stays_behind_what_is_added() {
        let jar = Jar::default();
        set(&jar, "http://a.test/", &["a=1"], 0);
        let mut request = Request::builder().header(COOKIE, "b=2").header(COOKIE, "c=3").body(()).unwrap();
        jar.add_to(&mut request, &asked("http://a.test/"), at(0));
        assert_eq!(request.headers()[COOKIE], "a=1; b=2; c=3");
        assert!(request.headers()[COOKIE].is_sensitive());
    }

    #[test]
    fn neither_a_server_nor_a_request_has_more_than_its_share() {
        let jar = Jar::default();
        for round in 0..10 {
            let cookies: Vec<_> = (0..100).map(|at| format!("n{round}-{at}=v")).collect();
            let cookies: Vec<_> = cookies.iter().map(String::as_str).collect();
            assert_eq!(set(&jar, "http://a.test/", &cookies, 0).len(), MOST_SET);
        }
        assert_eq!(jar.cookies.lock().len(), MOST_OF_DOMAIN);
        assert_eq!(sent(&jar, "http://a.test/", 0).split("; ").count(), MOST_SENT);
        for host in 0..80 {
            let cookies: Vec<_> = (0..MOST_SET).map(|at| format!("n{at}=v")).collect();
            set(&jar, &format!("http://h{host}.test/"), &cookies.iter().map(String::as_str).collect::<Vec<_>>(), 0);
        }
        assert_eq!(jar.cookies.lock().len(), MOST);
        let long: Vec<_> = (0..4).map(|at| format!("l{at}={}", "v".repeat(4_000))).collect();
        set(&jar, "http://long.test/", &long.iter().map(String::as_str).collect::<Vec<_>>(), 0);
        assert!(sent(&jar, "http://long.test/", 0).len() < LONGEST_SENT);
    }

    #[test]
    fn a_secure_cookie_is_not_replaced_from_cleartext() {
        let jar = Jar::default();
        set(&jar, "https://a.test/", &["n=secret; secure; path=/"], 0);
        let told = set(&jar, "http://a.test/", &["n=fixed; path=/"], 0);
        assert!(told[0].as_ref().is_err_and(|why| why.contains("cleartext")));
        assert_eq!((&*sent(&jar, "https://a.test/", 0), &*sent(&jar, "http://a.test/", 0)), ("n=secret", ""));
        assert_eq!(set(&jar, "https://a.test/", &["n=2; path=/"], 0), [Ok("a.test/".to_owned())]);
        assert_eq!(sent(&jar, "http://a.test/", 0), "n=2");
    }

    #[test]
    fn a_file_is_replaced_whole_and_is_not_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jar");
        let jar = Jar::default();
        set(&jar, "http://a.test/", &["a=1", "b=2; max-age=10"], 0);
        jar.write(&path, at(0)).unwrap();
        #[cfg(unix)]
        for (mode, expected) in [(None, 0o600), (Some(0o640), 0o640), (Some(0o644), 0o640), (Some(0o666), 0o660)] {
            use std::os::unix::fs::PermissionsExt;
            if let Some(mode) = mode {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                jar.write(&path, at(0)).unwrap();
            }
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, expected, "{mode:?}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        for (junks, now, expected) in [(false, 0, "a=1; b=2"), (true, 0, "b=2"), (false, 11, "a=1")] {
            let other = Jar::default();
            other.load(&path, junks, at(now)).unwrap();
            assert_eq!(sent(&other, "http://a.test/", now), expected);
        }
        assert!(jar.write(&folder.path().join("none/jar"), at(0)).is_err());
        for none in ["", "none", "."] {
            Jar::default().load(&folder.path().join(none), false, at(0)).unwrap();
        }
    }
    /// As with one process in a container, which has the same number in each run.
    #[cfg(unix)]
    #[test]
    fn what_a_killed_run_left_beside_a_file_is_neither_in_the_way_nor_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("jar"), folder.path().join("other"));
        fs::write(&other, "mine").unwrap();
        for left in [format!("jar.{}.tmp", std::process::id()), "jar.tmp".to_owned()] {
            std::os::unix::fs::symlink(&other, folder.path().join(left)).unwrap();
        }
        Jar::default().write(&path, at(0)).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(b"# Netscape"));
        assert_eq!((fs::read(&other).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (b"mine".to_vec(), 4));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_may_not_be_written_stays_as_it_is() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jar");
        fs::write(&path, "mine").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        if OpenOptions::new().write(true).open(&path).is_ok() {
            // Root may write whatever there is.
            return;
        }
        assert_eq!(Jar::default().write(&path, at(0)).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn what_is_within_this_machine_is_secure_whatever_a_request_says_of_its_host() {
        let is_secure = |url: &str, host: &str, stays_here| {
            let headers: HeaderMap = [(HOST, host.parse().unwrap())].into_iter().collect();
            Asked::of(&url.parse().unwrap(), &headers, stays_here).is_secure
        };
        for here in ["localhost:81", "LOCALHOST", "127.0.0.1", "[::1]:80"] {
            assert!(is_secure("http://a.test/", here, true) && !is_secure("http://a.test/", here, false), "{here}");
        }
        assert!(!is_secure("http://localhost/", "a.test", true));
        assert!(is_secure("https://a.test/", "a.test", false));
    }
}
