#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use skybridge_core::{Connector as _, Protocol};
use skybridge_testkit::{executor::Executor, net::Network, nouns};
use std::{thread, time::Duration};

/// One thread takes connections out of the pool, the other gives back what it had of them, as soon as it can see that.
#[tokio::test(start_paused = true)]
async fn who_sees_that_it_drains_sees_why() {
    type End = fn(&Arc<Record<()>>);
    let (net, endpoint) = (Network::new(), "192.0.2.1:80");
    let _listener = net.listen(endpoint.parse().unwrap());
    let route = nouns::route("http://a.test", [endpoint], Executor::new().ctx());
    let info = net.connector().connect(route).await.unwrap().info.freeze(Protocol::Http2);
    let home = Arc::new(Bucket::<()>::new(nouns::key("http://a.test"), 0, Weak::new()));
    let ends: [End; 2] =
        [|record| record.drain(CloseReason::PeerGoAway), |record| record.close(CloseReason::PeerGoAway)];
    for end in ends {
        let uploads = Arc::new(Uploads::new(Duration::ZERO));
        let times = || Times { until: None, keep: 0, exchanges: None, uploads: Arc::clone(&uploads) };
        let new = |_| Record::new(Arc::clone(&info), Slots::new(1, false), true, &home, Arc::default(), times());
        let records: Vec<_> = (0..20_000).map(new).collect();
        thread::scope(|scope| {
            scope.spawn(|| records.iter().for_each(end));
            for record in &records {
                while record.slots.is_open() {
                    std::hint::spin_loop();
                }
                assert_eq!(record.drain_reason(), CloseReason::PeerGoAway);
            }
        });
    }
}
