//! Redirects, and what is seen of them.

use super::{ask, erased};
use http::{Request, Response, header::AUTHORIZATION};
use skybridge::{Client, Error, HttpVersions, RequestBody, RequestOptions};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, get, post, wishing};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tower::{ServiceBuilder, filter::FilterLayer};
use tower_http::{
    auth::AddAuthorizationLayer,
    follow_redirect::{
        FollowRedirectLayer,
        policy::{FilterCredentials, Limited, PolicyExt, clone_body_fn},
    },
    request_id::{MakeRequestId, RequestId, SetRequestIdLayer},
};

/// `a.test` leads to `b.test` with this status, and that answers.
fn two_hosts(world: &World, status: u16) -> [Origin; 2] {
    let other = "192.0.2.2:80".parse::<std::net::SocketAddr>().unwrap();
    world.net.host("b.test", [other.ip()]);
    let leads = move |_| async move {
        Response::builder().status(status).header("location", "http://b.test/there").body(String::new()).unwrap()
    };
    let answers = |_| async { Response::new("hello".to_owned()) };
    [
        Origin::h1().handle(leads).serve_on(world.listen()),
        Origin::h1().handle(answers).serve_on(world.net.listen(other)),
    ]
}

/// What each host was told in a field.
fn told(origins: &[Origin; 2], name: &str) -> [Option<String>; 2] {
    [0, 1].map(|index| origins[index].requests()[0].header(name).map(ToOwned::to_owned))
}

fn follow() -> FollowRedirectLayer<impl tower_http::follow_redirect::policy::Policy<RequestBody, Error> + Clone> {
    let kept = clone_body_fn(RequestBody::replay);
    let policy = Limited::new(10).and::<_, RequestBody, Error>(FilterCredentials::new());
    FollowRedirectLayer::with_policy(policy.and::<_, RequestBody, Error>(kept))
}

#[tokio::test(start_paused = true)]
async fn redirect_with_a_body_is_followed_only_with_clone_body_fn() {
    for (kept, answer) in [(true, "hello"), (false, "")] {
        let world = World::new();
        let origins = two_hosts(&world, 307);
        let stack = if kept {
            erased(ServiceBuilder::new().layer(follow()).service(world.client()))
        } else {
            erased(ServiceBuilder::new().layer(FollowRedirectLayer::new()).service(world.client()))
        };
        assert_eq!(ask(&stack, post("meow")).await.unwrap(), answer);
        let lines: Vec<_> = origins[1].requests().iter().map(|request| request.line()).collect();
        assert_eq!(lines, if kept { vec!["POST /there HTTP/1.1"] } else { vec![] });
        if kept {
            assert_eq!(told(&origins, "content-length"), ["4", "4"].map(|length| Some(length.to_owned())));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn auth_below_redirects_tells_the_secret_to_whomever_they_lead_to() {
    for above in [true, false] {
        let world = World::new();
        let origins = two_hosts(&world, 302);
        let auth = AddAuthorizationLayer::bearer("secret");
        let stack = if above {
            erased(ServiceBuilder::new().layer(auth).layer(follow()).service(world.client()))
        } else {
            erased(ServiceBuilder::new().layer(follow()).layer(auth).service(world.client()))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        let secret = Some("Bearer secret".to_owned());
        assert_eq!(told(&origins, AUTHORIZATION.as_str()), [secret.clone(), secret.filter(|_| !above)]);
    }
}

#[derive(Debug)]
struct Elsewhere;

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only a.test may be asked")
    }
}

impl std::error::Error for Elsewhere {}

#[tokio::test(start_paused = true)]
async fn filter_above_redirects_judges_the_first_request_alone() {
    for above in [true, false] {
        let world = World::new();
        let origins = two_hosts(&world, 302);
        let only_a = |request: Request<RequestBody>| match request.uri().host() {
            Some("a.test") => Ok(request),
            _ => Err(Elsewhere),
        };
        let filter = FilterLayer::new(only_a);
        let follow = FollowRedirectLayer::new();
        let stack = if above {
            erased(ServiceBuilder::new().layer(filter).layer(follow).service(world.client()))
        } else {
            erased(ServiceBuilder::new().layer(follow).layer(filter).service(world.client()))
        };
        assert_eq!(ask(&stack, get("/")).await.is_ok(), above);
        assert_eq!(origins[1].requests().len(), usize::from(above));
    }
}

#[derive(Clone, Default)]
struct Numbers(Arc<AtomicUsize>);

impl MakeRequestId for Numbers {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        Some(RequestId::new(self.0.fetch_add(1, SeqCst).into()))
    }
}

#[tokio::test(start_paused = true)]
async fn request_id_above_redirects_is_of_the_call_below_them_of_each_hop() {
    for (above, ids) in [(true, ["0", "0"]), (false, ["0", "1"])] {
        let world = World::new();
        let origins = two_hosts(&world, 302);
        let id = SetRequestIdLayer::x_request_id(Numbers::default());
        let stack = if above {
            erased(ServiceBuilder::new().layer(id).layer(follow()).service(world.client()))
        } else {
            erased(ServiceBuilder::new().layer(follow()).layer(id).service(world.client()))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        assert_eq!(told(&origins, "x-request-id"), ids.map(|id| Some(id.to_owned())));
    }
}

/// HTTP/2 is asked for, and one of the two hosts speaks nothing else.
#[tokio::test(start_paused = true)]
async fn request_options_above_redirects_are_lost_at_the_first_hop() {
    for (above, answered) in [(true, false), (false, true)] {
        let world = World::new();
        let other = "192.0.2.2:80".parse::<std::net::SocketAddr>().unwrap();
        world.net.host("b.test", [other.ip()]);
        let leads = |_| async {
            Response::builder().status(302).header("location", "http://b.test/").body(String::new()).unwrap()
        };
        let _first = Origin::h2c().handle(leads).serve_on(world.listen());
        let _second =
            Origin::h2c().handle(|_| async { Response::new("hello".to_owned()) }).serve_on(world.net.listen(other));
        let http2 = |request| wishing(request, |options: RequestOptions| options.http_versions(HttpVersions::Http2));
        let client: Client = world.client();
        let stack = if above {
            erased(ServiceBuilder::new().map_request(http2).layer(follow()).service(client))
        } else {
            erased(ServiceBuilder::new().layer(follow()).map_request(http2).service(client))
        };
        assert_eq!(ask(&stack, get("/")).await.is_ok_and(|answer| answer == "hello"), answered);
    }
}
