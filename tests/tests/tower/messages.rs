//! What is written into requests, and read from responses.

use super::{Flaky, ask, erased, pool};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use skybridge::{RequestBody, RetryLayer};
use skybridge_testkit::origin::Origin;
use skybridge_tests::{World, get};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::{
    ServiceBuilder, ServiceExt,
    util::{MapRequestLayer, MapResponseLayer},
};
use tower_http::{
    decompression::DecompressionLayer,
    request_id::{MakeRequestId, RequestId, SetRequestIdLayer},
    set_header::SetRequestHeaderLayer,
    trace::TraceLayer,
};
use tracing::Span;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// Signs what is there, with a number that is never used again, as a server wants that refuses replays.
fn signing() -> MapRequestLayer<impl Fn(Request<RequestBody>) -> Request<RequestBody> + Clone> {
    let next = Arc::new(AtomicUsize::new(0));
    MapRequestLayer::new(move |mut request: Request<RequestBody>| {
        let names: Vec<_> =
            request.headers().keys().map(HeaderName::as_str).filter(|name| *name != "signature").collect();
        let signed = format!("{} {}", next.fetch_add(1, SeqCst), names.join(","));
        request.headers_mut().insert(SIGNATURE, signed.trim_end().parse().unwrap());
        request
    })
}

/// The first try ends without an answer.
#[tokio::test(start_paused = true)]
async fn signing_above_retry_sends_one_signature_twice_below_it_each_try_has_its_own() {
    for (above, signatures) in [(true, ["0", "0"]), (false, ["0", "1"])] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 1, Duration::ZERO);
        let stack = if above {
            erased(ServiceBuilder::new().layer(signing()).layer(RetryLayer::safe()).service(pool(&world)))
        } else {
            erased(ServiceBuilder::new().layer(RetryLayer::safe()).layer(signing()).service(pool(&world)))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        assert_eq!(origin.values("signature"), signatures);
    }
}

#[tokio::test(start_paused = true)]
async fn set_header_below_signing_is_not_signed() {
    for (above, signature) in [(true, "0 tenant"), (false, "0")] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 0, Duration::ZERO);
        let tenant = HeaderName::from_static("tenant");
        let set = SetRequestHeaderLayer::overriding(tenant, HeaderValue::from_static("7"));
        let stack = if above {
            erased(ServiceBuilder::new().layer(set).layer(signing()).service(world.client()))
        } else {
            erased(ServiceBuilder::new().layer(signing()).layer(set).service(world.client()))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        assert_eq!((origin.values("signature"), origin.values("tenant")), (vec![signature.into()], vec!["7".into()]));
    }
}

#[derive(Clone, Default)]
struct Numbers(Arc<AtomicUsize>);

impl MakeRequestId for Numbers {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        Some(RequestId::new(self.0.fetch_add(1, SeqCst).into()))
    }
}

/// A request that comes back has its id already.
#[tokio::test(start_paused = true)]
async fn request_id_is_one_for_all_tries_above_retry_and_below_it() {
    for above in [true, false] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 1, Duration::ZERO);
        let id = SetRequestIdLayer::x_request_id(Numbers::default());
        let stack = if above {
            erased(ServiceBuilder::new().layer(id).layer(RetryLayer::safe()).service(pool(&world)))
        } else {
            erased(ServiceBuilder::new().layer(RetryLayer::safe()).layer(id).service(pool(&world)))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        assert_eq!(origin.values("x-request-id"), ["0", "0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn trace_above_retry_sees_calls_below_it_tries() {
    for (above, seen) in [(true, 1), (false, 2)] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 1, Duration::ZERO);
        let spans = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&spans);
        let trace = TraceLayer::new_for_http().on_request(move |_: &Request<RequestBody>, _: &Span| {
            counted.fetch_add(1, SeqCst);
        });
        let stack = if above {
            erased(ServiceBuilder::new().layer(trace).layer(RetryLayer::safe()).service(pool(&world)))
        } else {
            erased(ServiceBuilder::new().layer(RetryLayer::safe()).layer(trace).service(pool(&world)))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap(), "hello");
        assert_eq!((spans.load(SeqCst), origin.asked()), (seen, 2));
    }
}

/// An origin whose answer is compressed for who asks for it.
fn compressing(world: &World) -> Origin {
    let answer = |request: Request<_>| async move {
        let asked = request.headers().get(header::ACCEPT_ENCODING).is_some_and(|coding| coding.as_bytes() == b"gzip");
        let mut coder = GzEncoder::new(Vec::new(), Compression::default());
        coder.write_all(&[b'x'; 10_000]).unwrap();
        let (coding, body) =
            if asked { ("gzip", coder.finish().unwrap()) } else { ("identity", [b'x'; 10_000].to_vec()) };
        Response::builder().header("content-encoding", coding).body(Full::new(bytes::Bytes::from(body))).unwrap()
    };
    Origin::h1().handle(answer).serve_on(world.listen())
}

#[tokio::test(start_paused = true)]
async fn decompression_below_what_reads_bodies_gives_it_what_was_meant() {
    for below in [true, false] {
        let world = World::new();
        let _origin = compressing(&world);
        let read = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read);
        let stack = ServiceBuilder::new().layer(RetryLayer::safe()).service(pool(&world));
        let plain = DecompressionLayer::new();
        let stack = if below {
            erased(ServiceBuilder::new().layer(counting(count)).layer(plain).service(erased(stack)))
        } else {
            erased(ServiceBuilder::new().layer(plain).layer(counting(count)).service(erased(stack)))
        };
        assert_eq!(ask(&stack, get("/")).await.unwrap().len(), 10_000);
        assert_eq!(read.load(SeqCst) == 10_000, below);
    }
}

/// Counts the bytes of bodies.
fn counting<B>(
    count: Arc<AtomicUsize>,
) -> MapResponseLayer<impl Fn(Response<B>) -> Response<http_body_util::combinators::MapFrame<B, Frames>> + Clone>
where
    B: http_body::Body<Data = bytes::Bytes>,
{
    MapResponseLayer::new(move |response: Response<B>| {
        let count = Arc::clone(&count);
        response.map(|body| {
            let frames: Frames = Box::new(move |frame: http_body::Frame<bytes::Bytes>| {
                count.fetch_add(frame.data_ref().map_or(0, bytes::Bytes::len), SeqCst);
                frame
            });
            body.map_frame(frames)
        })
    })
}

type Frames = Box<dyn FnMut(http_body::Frame<bytes::Bytes>) -> http_body::Frame<bytes::Bytes> + Send>;

/// A request that the caller hasn't signed as it is sent isn't what was signed.
#[tokio::test(start_paused = true)]
async fn decompression_below_signing_adds_a_field_that_is_not_signed() {
    for (above, signature) in [(true, "0 accept-encoding"), (false, "0")] {
        let world = World::new();
        let origin = Flaky::new(world.listen(), 0, Duration::ZERO);
        let plain = DecompressionLayer::new();
        let stack = if above {
            erased(ServiceBuilder::new().layer(plain).layer(signing()).service(world.client()))
        } else {
            erased(ServiceBuilder::new().layer(signing()).layer(plain).service(world.client()))
        };
        let response = stack.oneshot(get("/")).await.unwrap();
        drop(response);
        assert_eq!(origin.values("signature"), [signature]);
        assert_eq!(origin.values("accept-encoding"), ["gzip"]);
    }
}
