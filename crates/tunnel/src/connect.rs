use crate::{TunnelError, hop::Hop, proxy_target::ProxyTarget, settings::Settings};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use skybridge_core::{Io, Partition, Proxy, ProxyAnswer, ProxyRequest, Route};
use skybridge_h1_codec::{
    BodyDecoder, BodyFraming, ConnectionOptions, FieldCase, Framing, HeadDecoder, HeadError, Limits, Piece,
    RequestHead, RequestTarget, ResponseHead, http1_0,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The largest head of a proxy's response, in bytes.
pub(crate) const HEAD_LIMIT: usize = 64 * 1024;
/// The most of a refusal's body that is kept, in bytes.
pub(crate) const BODY_LIMIT: usize = 16 * 1024;
/// How many interim answers (1xx) one request may get.
const MAX_INFORMATIONAL: u32 = 64;

/// The dialogue with one proxy.
struct Dialogue<'a, I> {
    io: I,
    hop: Hop<'a>,
    read: BytesMut,
    decoder: HeadDecoder,
    limits: Limits,
    http1_0: bool,
    /// Each answer was strictly HTTP/1.1, and lets the connection be used again.
    goes_on: bool,
}

/// A refusal, with as much of its body as has arrived.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: Box<HeaderMap>,
    pub(crate) body: BytesMut,
    pub(crate) authorized: bool,
    pub(crate) allowed: &'static str,
}

/// What is known of one proxy's authentication, beyond the connection on which it was asked.
#[derive(Default)]
pub(crate) struct Challenges {
    /// For whom the tunnel is.
    partition: Option<Partition>,
    /// How many were answered.
    answered: usize,
    /// So many were answered that the last one wasn't.
    too_many: bool,
    /// The proxy has refused a stream of HTTP/2, without doing anything for it.
    pub(crate) refused_stream: bool,
    /// The answer to the last one, to be sent on a new connection.
    pub(crate) answer: Option<HeaderValue>,
    /// The refusal whose body is being read: if reading it times out, the caller still knows why there is no tunnel.
    pub(crate) refusal: Option<Refusal>,
}

/// CONNECT (RFC 9110, section 9.3.6) over HTTP/1.1. Returns the stream, and the bytes that arrived after the response's
/// head. A challenge is answered on the same connection; where that can't go on, `challenges` has the answer for a
/// [new one](Challenges::need_new_connection), and the error is the refusal.
pub(crate) async fn connect<I: Io>(
    io: I,
    hop: Hop<'_>,
    proxy_target: &ProxyTarget,
    settings: &Settings,
    challenges: &mut Challenges,
) -> Result<(I, Bytes), TunnelError> {
    let proxy = hop.proxy();
    let fields = settings.fields(proxy);
    let mut dialogue = Dialogue::new(io, hop, settings.http1_0);
    let authority = HeaderValue::try_from(proxy_target.to_string()).map_err(|_| TunnelError::HostUnsupported)?;
    let partition = challenges.partition().cloned();
    let asked = ProxyRequest::new(proxy, &Method::CONNECT, proxy_target).for_partition(partition.as_ref());
    let mut credentials = challenges.answer.take().or_else(|| asked.authorize(None));
    let mut refused_before = None;
    loop {
        let authorized = credentials.is_some();
        let head = match (dialogue.ask(&authority, &fields, credentials.as_ref()).await, refused_before) {
            (Ok(head), _) => head,
            // A proxy that challenges and hangs up without a word: it takes the answer on a new connection.
            (Err(TunnelError::Closed | TunnelError::Io(_)), Some(refused)) => {
                challenges.answer = credentials;
                return Err(refused);
            }
            (Err(error), _) => return Err(error),
        };
        // Any 2xx makes a tunnel (RFC 9110, section 9.3.6); what came behind its head is the origin's already.
        if head.framing == Framing::Upgrade && head.status.is_success() {
            return Ok((dialogue.io, dialogue.read.freeze()));
        }
        let headers = Box::new(head.headers);
        let allowed = allowed(proxy);
        let refusal = Refusal { status: head.status, headers, body: BytesMut::new(), authorized, allowed };
        let refusal = challenges.refusal.insert(refusal);
        let complete = dialogue.read_body(head.framing, &mut refusal.body).await;
        // What is left over came before the next request, and would be taken for the answer to it.
        let in_step = complete && dialogue.goes_on && dialogue.read.is_empty();
        let Some((answer, refused)) = challenges.answer_refusal(asked.refused(credentials.as_ref())) else {
            return Err(challenges.take_refusal().unwrap_or(TunnelError::Closed));
        };
        if !in_step {
            challenges.answer = Some(answer);
            return Err(refused);
        }
        (credentials, refused_before) = (Some(answer), Some(refused));
    }
}

// === impl Challenges ===

impl Challenges {
    /// Those of a proxy of this route, before any.
    pub(crate) fn none(route: &Route) -> Self {
        Self { partition: route.target.connect_options().partition.clone(), ..Self::default() }
    }

    /// For whom the tunnel is.
    pub(crate) fn partition(&self) -> Option<&Partition> {
        self.partition.as_ref()
    }

    /// Whether the proxy has refused a stream since this was last asked.
    pub(crate) fn take_refused_stream(&mut self) -> bool {
        std::mem::take(&mut self.refused_stream)
    }

    /// Whether there is an answer that must be sent on a new connection.
    pub(crate) fn need_new_connection(&self) -> bool {
        self.answer.is_some()
    }

    /// How many were answered.
    pub(crate) fn answered(&self) -> usize {
        self.answered
    }

    /// The refusal that was read when the time was up.
    pub(crate) fn take_refusal(&mut self) -> Option<TunnelError> {
        let refused = self.refusal.take()?.into_error();
        Some(if self.too_many { TunnelError::Challenged(refused.into()) } else { refused })
    }

    /// The answer to the refusal, and the refusal as an error. One that is no challenge, can't be answered, or comes
    /// after too many, stays.
    pub(crate) fn answer_refusal(&mut self, asked: ProxyRequest<'_>) -> Option<(HeaderValue, TunnelError)> {
        let refusal = self.refusal.as_ref()?;
        if refusal.status != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return None;
        }
        let answer = asked.authorize(Some(&refusal.headers))?;
        if self.answered == ProxyAnswer::LIMIT {
            self.too_many = true;
            return None;
        }
        self.answered += 1;
        Some((answer, self.take_refusal()?))
    }
}

// === impl Refusal ===

/// By which schemes credentials may be shown to a proxy.
pub(crate) fn allowed(proxy: &Proxy) -> &'static str {
    proxy.auth.as_ref().map_or("", |auth| auth.0.schemes())
}

impl Refusal {
    fn into_error(self) -> TunnelError {
        let Self { status, headers, body, authorized, allowed } = self;
        TunnelError::Refused { status, headers, body: body.freeze(), authorized, allowed }
    }
}

// === impl Dialogue ===

impl<'a, I: Io> Dialogue<'a, I> {
    fn new(io: I, hop: Hop<'a>, http1_0: bool) -> Self {
        let mut limits = Limits::default();
        limits.head_bytes = HEAD_LIMIT;
        // Only who observes it sees the head as it came.
        let decoder = HeadDecoder::default().keep_spelling(hop.is_observed());
        Self { io, hop, read: BytesMut::new(), decoder, limits, http1_0, goes_on: !http1_0 }
    }

    /// Asks for a tunnel, and gives the head of the answer; interim ones (1xx) are skipped.
    async fn ask(
        &mut self,
        authority: &HeaderValue,
        fields: &HeaderMap,
        credentials: Option<&HeaderValue>,
    ) -> Result<ResponseHead, TunnelError> {
        let mut request = Vec::new();
        let head = RequestHead {
            method: &Method::CONNECT,
            target: RequestTarget::Authority(authority.to_str().unwrap_or_default()),
            host: authority,
            headers: fields,
            body: BodyFraming::Empty,
            options: ConnectionOptions::default(),
            credentials,
            case: FieldCase::Lower,
        };
        head.encode(&mut request);
        let version = if self.http1_0 { Version::HTTP_10 } else { Version::HTTP_11 };
        self.hop.requested(authority, fields, credentials, version);
        if self.http1_0 {
            http1_0(&mut request);
        }
        // A proxy that has answered and hung up before it was asked has answered: why it can't be written comes second.
        let written = match self.io.write_all(&request).await {
            Ok(()) => self.io.flush().await,
            failed => failed,
        };
        match (self.head().await, written) {
            (Err(TunnelError::Closed | TunnelError::Io(_)), Err(error)) => Err(error.into()),
            (answer, _) => answer,
        }
    }

    async fn head(&mut self) -> Result<ResponseHead, TunnelError> {
        for _ in 0..=MAX_INFORMATIONAL {
            let head = loop {
                let not_http = |error: HeadError| TunnelError::NotHttp(error.without_text().into());
                let decoded = self.decoder.decode(&mut self.read, &Method::CONNECT, &self.limits);
                if let Some(head) = decoded.map_err(not_http)? {
                    break head;
                }
                if self.io.read_buf(&mut self.read).await? == 0 {
                    self.decoder.eof(&self.read, &self.limits).map_err(not_http)?;
                    return Err(TunnelError::Closed);
                }
            };
            self.goes_on &= head.is_keep_alive() && head.is_strict();
            if !head.is_interim() {
                let kept = head.spelling.as_ref().map(|kept| &**kept.head());
                self.hop.answered(head.status, head.version, &head.headers, kept);
                return Ok(head);
            }
        }
        Err(TunnelError::NotHttp("it sends nothing but interim responses (1xx)".into()))
    }

    /// As much of a body as is kept; whether that is all of it. One that breaks off is kept too.
    async fn read_body(&mut self, framing: Framing, kept: &mut BytesMut) -> bool {
        let mut body = BodyDecoder::new(framing);
        while kept.len() < BODY_LIMIT {
            match body.decode(&mut self.read, &self.limits) {
                Ok(Some(Piece::Data(data))) => kept.extend_from_slice(&data[..data.len().min(BODY_LIMIT - kept.len())]),
                Ok(Some(Piece::Trailers(_))) => {}
                Ok(None) if body.is_done() => return true,
                Ok(None) => match self.io.read_buf(&mut self.read).await {
                    Ok(0) => return body.eof().is_ok(),
                    Ok(_) => {}
                    Err(_) => return false,
                },
                Err(_) => return false,
            }
        }
        false
    }
}
