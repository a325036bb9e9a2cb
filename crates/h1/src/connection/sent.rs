use http::{Extensions, Method, Request, request::Parts};
use skybridge_core::Replays;

/// The request, as long as it can be given back as it came down.
#[expect(clippy::large_enum_variant, reason = "a request without a body shall cost no allocation")]
pub(super) enum Sent<B> {
    Nothing,
    /// Nothing was taken from its body.
    Whole(Request<B>),
    /// Its body is being read. There may be another one like it.
    Begun(Box<Begun<B>>),
}

pub(super) struct Begun<B> {
    parts: Parts,
    again: Option<B>,
    /// It is of use even if the request may have been processed.
    may_repeat: bool,
}

impl<B> Sent<B> {
    #[inline]
    pub(super) fn begin(&mut self, request: Request<B>) {
        *self = Self::Whole(request);
    }

    #[inline]
    pub(super) fn method(&self) -> &Method {
        match self {
            Self::Whole(request) => request.method(),
            Self::Begun(begun) => &begun.parts.method,
            Self::Nothing => &Method::GET,
        }
    }

    pub(super) fn extensions(&self) -> Option<&Extensions> {
        match self {
            Self::Whole(request) => Some(request.extensions()),
            Self::Begun(begun) => Some(&begun.parts.extensions),
            Self::Nothing => None,
        }
    }

    /// The body, to be read from here on. It may be had once more, if whoever is above asks for that.
    pub(super) fn take_body(&mut self) -> Option<B>
    where
        B: 'static,
    {
        match std::mem::replace(self, Self::Nothing) {
            Self::Whole(request) => {
                let (mut again, mut may_repeat) = (None, false);
                if let Some(replays) = Replays::wanted() {
                    may_repeat = replays.may_repeat(request.method());
                    if may_repeat || replays.wants_follow_ups() {
                        again = replays.body(request.body());
                    }
                }
                let (parts, body) = request.into_parts();
                *self = Self::Begun(Box::new(Begun { parts, again, may_repeat }));
                Some(body)
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// The request as it came down, if that can be had. `processed`: it may have been.
    #[cold]
    pub(super) fn take(&mut self, processed: bool) -> Option<Request<B>> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Whole(request) => Some(request),
            Self::Begun(begun) => {
                let Begun { parts, again, may_repeat } = *begun;
                let body = again.filter(|_| may_repeat || !processed)?;
                Some(Request::from_parts(parts, body))
            }
            Self::Nothing => None,
        }
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        *self = Self::Nothing;
    }
}
