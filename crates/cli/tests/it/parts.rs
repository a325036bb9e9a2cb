//! `--next`: what follows has options of its own, and the connections that there are.

use crate::{
    cleartext::echo,
    ran::{reports, skybridge},
};

#[tokio::test]
async fn a_part_has_its_own_options_and_the_same_connection() {
    let origin = echo().await;
    let urls = ["/1", "/2", "/3"].map(|path| origin.url(path));
    let line = [
        &["-d", "a", "-w", "<1>", &urls[0], "--next", "-X", "PUT", "-d", "b", "-w", "<2>", &urls[1]][..],
        &["-:", "-s", "--connect-timeout", "9", "-m", "9", &urls[2]],
    ];
    let ran = skybridge(line.concat()).await;
    assert_eq!((ran.exit, &*ran.out), (0, "a<1>b<2>"), "{}", ran.err);
    let methods: Vec<_> = origin.requests().iter().map(|seen| seen.method.to_string()).collect();
    assert_eq!(methods, ["POST", "PUT", "GET"]);
    assert_eq!(origin.connections(), 1);

    // With another client the second has a connection of its own, and all are reported, by the numbers of all calls.
    let line = ["--report", "-", &urls[0], "-:", "--pool-idle", "1", &urls[1], "-:", "-o", "/dev/null", &urls[2]];
    let ran = skybridge(line).await;
    let calls: Vec<_> = reports(&ran).iter().map(|line| line["call"].as_u64()).collect();
    assert_eq!((ran.exit, calls), (0, vec![Some(1), Some(2), Some(3)]), "{}", ran.err);
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn what_is_for_all_may_be_said_in_any_part() {
    let origin = echo().await;
    let (url, refused) = (origin.url("/"), "http://nobody.invalid/");
    let ran = skybridge([refused, "--next", "-s", &url]).await;
    assert_eq!((ran.exit, &*ran.err), (6, ""), "silent is for all");
    let ran = skybridge(["-Z", &url, "-:", "-v", "-d", "x", &url]).await;
    assert_eq!((ran.exit, ran.err.matches("HTTP/1.1 200").count()), (0, 2), "{}", ran.err);
    for (line, told) in [
        (&[&*url, "--next"][..], "there is no URL"),
        (&[&url, "--next", "--time-cond", "x", &url], "--time-cond x is a flag of curl that is not here"),
        (&[&url, "--next", "-Z", "--parallel-max", "0", &url], "--parallel-max \"0\""),
    ] {
        let ran = skybridge(line).await;
        assert!(ran.exit == 2 && ran.err.contains(told), "{line:?}: {}", ran.err);
    }
    assert_eq!(origin.requests().len(), 3, "and nothing is fetched");
}
