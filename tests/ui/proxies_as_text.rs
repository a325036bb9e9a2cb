//! Proxies that are text yet, or no list.

use skybridge::{Client, Proxy, RequestOptions, RouteConfig};

fn main() {
    let _client = Client::builder().proxies(["http://proxy.test:3128"]).build();
    let _client = Client::builder().proxies([["http://proxy.test:3128"]]).build();
    let _client = Client::builder().proxies([Proxy::parse("http://proxy.test:3128").unwrap()]).build();
    let _config = RouteConfig::new().proxies(["http://proxy.test:3128"]);
    let _options = RequestOptions::new().proxies(["http://proxy.test:3128"]);
}
