//! `--next`: a command line in parts. Each has its own options, but for those that are about the whole run.

use super::{Args, config};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, parser::ValueSource};
use std::ffi::OsString;

/// Which options hold for all parts, wherever they stand: curl's global ones, and ours that say what is shown.
const FOR_ALL: [&str; 14] = [
    "silent",
    "parallel",
    "parallel_max",
    "show_error",
    "stderr",
    "no_progress_meter",
    "progress_bar",
    "timeline",
    "timeline_svg",
    "har",
    "color",
    "events",
    "report",
    "show_secrets",
];

/// Options under these headings are about a request, or about what is shown of it; all others are about the client.
const OF_REQUESTS: [&str; 5] = ["Request", "Data", "Output", "Trying again", "Seeing what happened"];
/// These are said with each request, too.
const SAID_WITH_REQUESTS: [&str; 8] =
    ["http1_1", "http2", "http2_prior_knowledge", "egress", "proxy_filters_egress", "ech", "connect_to", "unix_socket"];

/// A part of the command line.
pub(crate) struct Part {
    pub(crate) args: Args,
    /// What its client is like. Parts in which that is the same share one, and its connections.
    pub(crate) client: ClientKey,
}

/// The options of a client, as they were given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClientKey(Vec<(String, Vec<OsString>)>);

/// Parses each part.
///
/// # Errors
/// With the part that is wrong.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Vec<Part>, (clap::Error, Vec<OsString>)> {
    let command = with_values_as_given(Args::command());
    let mut parts = split(&command, arguments);
    if parts.len() > 1 {
        let mut for_all = Vec::new();
        for part in &parts {
            let matches = command.clone().try_get_matches_from(part).map_err(|error| (error, part.clone()))?;
            for_all.extend(said_for_all(&command, &matches));
        }
        for part in &mut parts {
            part.splice(1..1, for_all.iter().cloned());
        }
    }
    let parts = parts.into_iter().map(|part| Part::of(&command, &part).map_err(|error| (error, part)));
    let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
    // Not as often as all parts say it: as often as one does.
    let verbose = parts.iter().map(|part| part.args.request.verbose).max().unwrap_or(0);
    parts.iter_mut().for_each(|part| part.args.request.verbose = verbose);
    let mut before = 0;
    let total = parts.iter().map(|part| part.args.urls().len()).sum();
    for part in &mut parts {
        part.args.numbers = (before, total);
        before += part.args.urls().len();
    }
    Ok(parts)
}

/// As with curl, what stands behind a flag that needs a value is its value, whatever it begins with: bodies of forms as
/// browsers copy them begin with dashes. Taken for a flag, it would be named in the error.
fn with_values_as_given(command: Command) -> Command {
    command.mut_args(|known| {
        let takes = config::has_value(&known) && !known.is_positional();
        if takes { known.allow_hyphen_values(true) } else { known }
    })
}

/// Each part begins with the program's name.
fn split(command: &Command, arguments: Vec<OsString>) -> Vec<Vec<OsString>> {
    let mut arguments = arguments.into_iter();
    let name = arguments.next().unwrap_or_default();
    let mut parts = vec![vec![name.clone()]];
    let (mut is_value, mut is_over) = (false, false);
    for argument in arguments {
        let is_next = !is_value && !is_over && (argument == "--next" || argument == "-:");
        // Behind `--` there are URLs alone.
        is_over = is_over || (!is_value && argument == "--");
        is_value = !is_value && matches!(config::flag_with_value(command, &argument), Some((_, None)));
        if is_next {
            parts.push(vec![name.clone()]);
        } else if let Some(part) = parts.last_mut() {
            part.push(argument);
        }
    }
    parts
}

/// As it may stand in any part.
fn said_for_all(command: &Command, matches: &ArgMatches) -> Vec<OsString> {
    let known = command.get_arguments().filter(|known| FOR_ALL.contains(&known.get_id().as_str()));
    let said = known.filter(|known| is_said(matches, known.get_id().as_str())).filter_map(|known| {
        let mut argument = OsString::from(format!("--{}", known.get_long()?));
        if config::has_value(known) {
            argument.push("=");
            argument.push(matches.get_raw(known.get_id().as_str())?.next_back()?);
        }
        Some(argument)
    });
    said.collect()
}

fn is_said(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

impl Part {
    fn of(command: &Command, part: &[OsString]) -> Result<Self, clap::Error> {
        let matches = command.clone().try_get_matches_from(part)?;
        let args = Args::from_arg_matches(&matches)?;
        Ok(Self { client: ClientKey::of(command, &matches, &args), args })
    }
}

impl ClientKey {
    fn of(command: &Command, matches: &ArgMatches, args: &Args) -> Self {
        let is_of_client = |known: &&clap::Arg| {
            let id = known.get_id().as_str();
            let heading = known.get_help_heading();
            let is_of_request = heading.is_none_or(|heading| OF_REQUESTS.contains(&heading));
            // Tunnels say who asks.
            let is_of_client = (id == "user_agent" && args.proxy.may_be_used()) || !is_of_request;
            is_of_client && !SAID_WITH_REQUESTS.contains(&id) && is_said(matches, id)
        };
        let said = command.get_arguments().filter(is_of_client).map(|known| {
            let values = matches.get_raw(known.get_id().as_str()).into_iter().flatten();
            (known.get_id().to_string(), values.map(Into::into).collect())
        });
        Self(said.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Vec<Part> {
        parse(["x"].into_iter().chain(line.split(' ')).map(Into::into).collect())
            .unwrap_or_else(|(error, _)| panic!("{error}"))
    }

    #[test]
    fn each_part_has_its_own_options_and_those_for_all() {
        let all = parts("-sv -d a u1 u2 --next --parallel-max=7 -v -I u3 -: --stderr x -X PUT -- u4 --next");
        assert_eq!(all.len(), 3);
        let urls: Vec<_> = all.iter().map(|part| part.args.urls()).collect();
        assert_eq!(urls, [&["u1", "u2"][..], &["u3"], &["u4", "--next"]]);
        for part in &all {
            let request = &part.args.request;
            assert!(request.silent && request.verbose == 1 && part.args.output.stderr.is_some());
            assert_eq!(request.parallel_max, 7);
        }
        let [one, two, three] = &all[..] else { panic!("three") };
        assert!(!one.args.data.is_empty() && two.args.data.is_empty() && three.args.data.is_empty());
        assert!(!one.args.request.head && two.args.request.head && !three.args.request.head);
        // What is a value is no divider.
        let line = ["x", "-r", "--next", "u1"].map(OsString::from);
        assert_eq!(split(&Args::command(), line.to_vec()).len(), 1);
    }

    #[test]
    fn values_may_begin_with_dashes() {
        let all = parts("-u -me:pw -H -x:y --data-raw --next -d -- -A -s -X -I u1");
        let [Part { args, .. }] = &all[..] else { panic!("one part") };
        assert_eq!(args.urls(), ["u1"]);
        assert!(!args.data.is_empty() && !args.request.silent && !args.request.head);
    }

    #[test]
    fn parts_share_a_client_where_it_is_the_same() {
        let rows = [
            ("-d a -L --http1.1 -m 3 -A me u -: -I --connect-timeout 2 u", true),
            ("-k u -: u", false),
            ("-k u -: --insecure u", true),
            ("-x p.test u -: u", false),
            ("-x p.test u -: -x p.test u", true),
            ("-x p.test u -: -A me -x p.test u", false),
            ("--resolve a.test:80:127.0.0.1 u -: --resolve a.test:80:127.0.0.2 u", false),
            ("-v u -: -i u", true),
        ];
        for (line, is_shared) in rows {
            let all = parts(line);
            assert_eq!(all[0].client == all[1].client, is_shared, "{line}");
        }
    }
}
