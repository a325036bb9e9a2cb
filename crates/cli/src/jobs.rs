//! What there is to fetch: the URLs of the command line, one by one.

use crate::{
    args::Args,
    exit::Exit,
    glob::{self, GlobError},
    start_error::StartError,
};
use skybridge::types::CallId;
use std::{path::PathBuf, sync::Arc};

/// A URL of the command line, or one of those that its globs stand for.
pub(crate) struct ListedUrl {
    pub(crate) url: Arc<str>,
    pub(crate) place: usize,
    pub(crate) globs: Arc<[String]>,
    pub(crate) upload: Option<usize>,
}

/// A URL to fetch.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) url: Arc<str>,
    /// Its index in the list of URLs, which is the same for all that one with globs stands for.
    pub(crate) place: usize,
    /// What the globs are in it.
    pub(crate) globs: Arc<[String]>,
    /// Which file of `-T` it carries.
    pub(crate) upload: Option<usize>,
}

/// Those of the command line, one with globs is several; and the files that they carry. Each of the files that a `-T`
/// stands for goes to each of the URLs that its URL stands for.
pub(crate) fn urls(args: &Args) -> Result<(Vec<ListedUrl>, Vec<PathBuf>), StartError> {
    let (mut all, mut files) = (Vec::new(), Vec::new());
    for (place, url) in args.urls().into_iter().enumerate() {
        let wrong = |error: GlobError| StartError(Exit::URL, format!("{}{error}", args.which(place)));
        let listed = |(url, globs): (&str, Arc<[String]>), upload| ListedUrl { url: url.into(), place, globs, upload };
        let globbed = if args.globoff {
            vec![(url.to_owned(), Arc::default())]
        } else {
            let globbed = glob::expand(url).map_err(wrong)?;
            globbed.into_iter().map(|glob| (glob.url, glob.values.into())).collect()
        };
        let Some(named) = args.data.upload_file.get(place) else {
            all.extend(globbed.into_iter().map(|(url, globs)| listed((&url, globs), None)));
            continue;
        };
        let named = if args.globoff { vec![named.clone()] } else { glob::files(named).map_err(wrong)? };
        glob::fit(named.len(), globbed.len()).map_err(wrong)?;
        for file in named {
            files.push(file);
            let upload = Some(files.len() - 1);
            all.extend(globbed.iter().map(|(url, globs)| listed((url, Arc::clone(globs)), upload)));
        }
    }
    Ok((all, files))
}
