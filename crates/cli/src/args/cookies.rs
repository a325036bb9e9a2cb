//! Cookies to send, and files of them.

use clap::{ArgAction, Args};
use http::HeaderValue;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct CookieArgs {
    /// Cookies to send: 'NAME=VALUE; NAME=VALUE'. Without = it is a file with some, as -c or a browser writes it, of
    /// which each goes to where it belongs; cookies that servers set are then kept and sent too. '' is no file at all
    #[arg(short = 'b', long, value_name = "COOKIES|FILE", action = ArgAction::Append, value_parser = Given::read)]
    cookie: Vec<Given>,
    /// Keep the cookies that servers set, send them, and write all that are known here in the end; - is stdout
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(crate) cookie_jar: Option<PathBuf>,
    /// Of files with cookies, leave out those that end with a session
    #[arg(short = 'j', long)]
    pub(crate) junk_session_cookies: bool,
}

/// One `-b`.
#[derive(Clone)]
enum Given {
    Cookies(HeaderValue),
    File(PathBuf),
}

impl Given {
    fn read(text: &str) -> Result<Self, &'static str> {
        if !text.contains('=') {
            return Ok(Self::File(text.into()));
        }
        let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| "not cookies, such as 'a=1; b=2'")?;
        value.set_sensitive(true);
        Ok(Self::Cookies(value))
    }
}

impl CookieArgs {
    /// Those to send, in one field, as the one of a browser.
    pub(crate) fn given(&self) -> Option<HeaderValue> {
        let given = self.cookie.iter().filter_map(|given| match given {
            Given::Cookies(value) => Some(value.as_bytes()),
            Given::File(_) => None,
        });
        let all = given.collect::<Vec<_>>().join(&b"; "[..]);
        let mut value = HeaderValue::from_bytes(&all).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.cookie.iter().filter_map(|given| match given {
            Given::File(path) => Some(&**path),
            Given::Cookies(_) => None,
        })
    }

    /// Whether what servers set is kept.
    pub(crate) fn keeps(&self) -> bool {
        self.cookie_jar.is_some() || self.files().next().is_some()
    }
}
