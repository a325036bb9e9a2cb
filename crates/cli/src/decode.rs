//! `--compressed`: content codings (RFC 9110, section 8.4.1). What is decoded is all that was encoded, or an error:
//! never a part of it.

mod brotli;
#[cfg(feature = "zstd")]
mod zstd;

use self::brotli::Brotli;
#[cfg(feature = "zstd")]
use self::zstd::Zstd;
use crate::fault::BoxError;
use bytes::Bytes;
use flate2::{Decompress, write::MultiGzDecoder};
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use http_body::{Body, Frame};
use std::{
    fmt,
    io::{self, Write},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What is asked for.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static(CODINGS);

const CODINGS: &str = if cfg!(feature = "zstd") { "gzip, deflate, br, zstd" } else { "gzip, deflate, br" };

/// The same, for people.
pub(crate) const DECODED: &str = if cfg!(feature = "zstd") {
    "gzip, deflate, br and zstd; nearest: leave out -H 'accept-encoding: ...'"
} else {
    "gzip, deflate and br, zstd not in this build; nearest: leave out -H 'accept-encoding: ...'"
};

/// How much is decoded at once: it may become a thousand times as long.
const STEP: usize = 4 * 1024;
/// How many codings one body may have, as with curl.
const MOST: usize = 5;

/// A body that is decoded while it is read.
pub(crate) struct Decoded<B> {
    body: B,
    /// The one that was applied last comes first.
    stages: Vec<Stage>,
    /// They come behind all that is decoded.
    trailers: Option<HeaderMap>,
}

struct Stage {
    decoder: Decoder,
    /// What isn't decoded yet.
    input: Bytes,
    is_begun: bool,
    has_ended: bool,
}

enum Decoder {
    /// All members (RFC 1952, section 2.2).
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Deflate),
    Brotli(Brotli),
    #[cfg(feature = "zstd")]
    Zstd(Zstd),
}

/// In zlib's wrapper (RFC 1950), or without one, as some servers have it.
enum Deflate {
    /// Its first byte, if that has come: two tell which it is.
    Unknown(Option<u8>),
    Known(Box<Decompress>),
    Done,
}

/// The coding that isn't known, or that there are too many.
pub(crate) struct Unsupported(pub(crate) String);

impl<B> Decoded<B> {
    /// # Errors
    /// When a coding isn't supported, or there is no memory for its decoder.
    pub(crate) fn new(body: B, headers: &HeaderMap) -> Result<Self, Unsupported> {
        let mut stages = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in String::from_utf8_lossy(value.as_bytes()).split(',').map(str::trim) {
                let decoder = match name.to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Decoder::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
                    "deflate" => Decoder::Deflate(Deflate::Unknown(None)),
                    "br" => Decoder::Brotli(Brotli::new()),
                    #[cfg(feature = "zstd")]
                    "zstd" => Decoder::Zstd(Zstd::new().map_err(|error| Unsupported(format!("{name}: {error}")))?),
                    _ => return Err(Unsupported(name.to_owned())),
                };
                stages.push(Stage { decoder, input: Bytes::new(), is_begun: false, has_ended: false });
            }
        }
        if stages.len() > MOST {
            return Err(Unsupported(format!("{} codings, one upon the other", stages.len())));
        }
        stages.reverse();
        Ok(Self { body, stages, trailers: None })
    }
}

impl<B> Body for Decoded<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, stages, trailers } = &mut *self;
        let data = match ready!(poll_read(body, stages, trailers, cx)) {
            Ok(Some(data)) => Some(Ok(Frame::data(data))),
            Ok(None) => trailers.take().map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(error)),
        };
        Poll::Ready(data)
    }
}

/// The next bytes behind all stages, the last of which is asked first; `None` at the end.
fn poll_read<B>(
    body: &mut B,
    stages: &mut [Stage],
    trailers: &mut Option<HeaderMap>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>, BoxError>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let Some((stage, below)) = stages.split_last_mut() else {
        loop {
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Ok(Some(data))),
                    Ok(_) => {}
                    // They say nothing about bytes.
                    Err(frame) => *trailers = frame.into_trailers().ok(),
                },
            }
        }
    };
    loop {
        if stage.has_ended {
            return Poll::Ready(Ok(None));
        }
        if stage.input.is_empty() && !stage.decoder.holds_more() {
            match ready!(poll_read(body, below, trailers, cx))? {
                Some(data) => stage.input = data,
                None => {
                    stage.has_ended = true;
                    let rest = stage.finish()?;
                    return Poll::Ready(Ok(Some(rest).filter(|rest| !rest.is_empty())));
                }
            }
        }
        let decoded = stage.step()?;
        if !decoded.is_empty() {
            return Poll::Ready(Ok(Some(decoded)));
        }
    }
}

impl Stage {
    /// Decodes a piece of the input.
    fn step(&mut self) -> io::Result<Bytes> {
        self.is_begun = true;
        self.decoder.decode(&mut self.input).map(Bytes::from)
    }

    /// What is left when the input has ended. No input at all is no encoded body, and an empty one.
    fn finish(&mut self) -> io::Result<Bytes> {
        if self.is_begun { self.decoder.finish().map(Bytes::from) } else { Ok(Bytes::new()) }
    }
}

impl Decoder {
    /// Whether it can decode more without any input.
    fn holds_more(&self) -> bool {
        match self {
            Self::Gzip(_) | Self::Deflate(_) => false,
            Self::Brotli(brotli) => brotli.holds_more(),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.holds_more(),
        }
    }

    /// Decodes what the input begins with.
    fn decode(&mut self, input: &mut Bytes) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(gzip) => {
                gzip.write_all(&input.split_to(input.len().min(STEP)))?;
                // What is decoded already, and held back.
                gzip.flush()?;
                Ok(mem::take(gzip.get_mut()))
            }
            Self::Deflate(deflate) => deflate.decode(&input.split_to(input.len().min(STEP))),
            Self::Brotli(brotli) => brotli.decode(input),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.decode(input),
        }
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(gzip) => {
                gzip.try_finish()?;
                Ok(mem::take(gzip.get_mut()))
            }
            Self::Deflate(Deflate::Done) => Ok(Vec::new()),
            Self::Brotli(brotli) if brotli.is_whole() => Ok(Vec::new()),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) if zstd.is_whole() => Ok(Vec::new()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Deflate {
    fn decode(&mut self, input: &[u8]) -> io::Result<Vec<u8>> {
        let mut both;
        let input = match self {
            Self::Unknown(first) => {
                both = first.iter().copied().collect::<Vec<_>>();
                both.extend_from_slice(input);
                let [one, two, ..] = both[..] else {
                    *first = both.first().copied();
                    return Ok(Vec::new());
                };
                // RFC 1950, section 2.2: method 8, and a checksum.
                let is_wrapped = one & 0xf == 8 && u16::from_be_bytes([one, two]).is_multiple_of(31);
                *self = Self::Known(Box::new(Decompress::new(is_wrapped)));
                &both[..]
            }
            Self::Known(_) | Self::Done => input,
        };
        let mut decoded = Vec::new();
        let mut rest = input;
        while let Self::Known(inflate) = self {
            let (read, written) = (inflate.total_in(), decoded.len());
            decoded.reserve(16 * 1024);
            let status = inflate.decompress_vec(rest, &mut decoded, flate2::FlushDecompress::None);
            let status = status.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let taken = usize::try_from(inflate.total_in() - read).map_err(io::Error::other)?;
            rest = &rest[taken..];
            if status == flate2::Status::StreamEnd {
                *self = Self::Done;
            } else if taken == 0 && decoded.len() == written {
                return Ok(decoded);
            }
        }
        if rest.is_empty() {
            return Ok(decoded);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "there is more behind the end of the deflate stream"))
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use http_body_util::BodyExt;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// "first second", 5,000 times x, and 8 MiB of zeros, as brotli has them.
    const BR: &[u8] = &[27, 11, 0, 248, 37, 64, 106, 16, 70, 10, 2, 74, 24];
    const BR_X: &[u8] = &[27, 135, 19, 248, 37, 240, 226, 177, 64, 32, 104, 1, 0];
    const BR_ZEROS: &[u8] = &[203, 255, 255, 63, 248, 39, 0, 226, 177, 64, 32, 247, 254, 111];

    /// With a checksum.
    #[cfg(feature = "zstd")]
    fn zstd(text: &[u8]) -> Vec<u8> {
        use zstd_safe::{CCtx, CParameter, compress_bound};
        let mut context = CCtx::create();
        context.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
        let mut encoded = Vec::with_capacity(compress_bound(text.len()));
        context.compress2(&mut encoded, text).unwrap();
        encoded
    }

    /// Decodes what comes in pieces of this length.
    fn decoded(codings: &[&'static str], body: &[u8], piece: usize) -> Result<Vec<u8>, String> {
        let headers = codings.iter().map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding))).collect();
        let pieces: Vec<_> = body.chunks(piece).map(Bytes::copy_from_slice).collect();
        let mut pieces = pieces.into_iter();
        let stream = Pieces(move || pieces.next());
        let body = Decoded::new(stream, &headers).map_err(|unsupported| unsupported.to_string())?;
        let read = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body.collect());
        read.map(|body| body.to_bytes().to_vec()).map_err(|error| error.to_string())
    }

    struct Pieces<F>(F);

    impl<F: FnMut() -> Option<Bytes> + Unpin> Body for Pieces<F> {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready((self.0)().map(|data| Ok(Frame::data(data))))
        }
    }

    #[test]
    fn all_of_it_is_decoded_however_it_is_cut() {
        let two = [gzip(b"first "), gzip(b"second")].concat();
        let text = b"first second";
        let (whole, wrapped, unwrapped, twice) = (gzip(text), zlib(text), raw(text), gzip(&zlib(text)));
        let mut rows: Vec<(&[&'static str], &[u8])> = vec![
            (&["gzip"], &whole),
            (&["gzip"], &two),
            (&["GZIP"], &two),
            (&["x-gzip"], &two),
            (&["Deflate"], &wrapped),
            (&["deflate"], &unwrapped),
            (&["deflate, gzip"], &twice),
            (&["deflate", "identity, gzip"], &twice),
            (&["identity"], text),
            (&["Br"], BR),
        ];
        let over_br = gzip(BR);
        rows.push((&["br", "gzip"], &over_br));
        #[cfg(feature = "zstd")]
        let frames = {
            // Skippable frames (RFC 8878, section 3.1.2) and an empty one, before, between and behind.
            let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'a', b'b', b'c'];
            [&skipped[..], &zstd(b"first "), &skipped, &zstd(b""), &zstd(b"second"), &skipped].concat()
        };
        #[cfg(feature = "zstd")]
        let (one, two_of_br) = (zstd(text), zstd(BR));
        #[cfg(feature = "zstd")]
        rows.extend::<[(&[&'static str], &[u8]); 3]>([
            (&["zstd"], &one),
            (&["ZSTD"], &frames),
            (&["br, zstd"], &two_of_br),
        ]);
        for (codings, body) in rows {
            for piece in 1..=body.len() {
                let read = decoded(codings, body, piece);
                assert_eq!(read.as_deref(), Ok(&text[..]), "{codings:?} by {piece}");
            }
        }
        // Empty members, and no body at all.
        assert_eq!(decoded(&["gzip"], &[gzip(b""), gzip(b"x"), gzip(b"")].concat(), 7).as_deref(), Ok(&b"x"[..]));
        for coding in CODINGS.split(", ") {
            assert_eq!(decoded(&[coding], b"", 1).as_deref(), Ok(&b""[..]), "{coding}");
        }
    }

    #[test]
    fn what_is_cut_wrong_or_has_more_behind_it_is_an_error() {
        let text = &vec![b'x'; 5_000][..];
        let mut rows = vec![("gzip", gzip(text)), ("deflate", zlib(text)), ("deflate", raw(text))];
        rows.extend([("br", BR_X.to_vec()), ("br", BR.to_vec())]);
        #[cfg(feature = "zstd")]
        rows.push(("zstd", zstd(text)));
        for (coding, whole) in rows {
            for length in 1..whole.len() {
                assert!(decoded(&[coding], &whole[..length], 3).is_err(), "{coding} {length}");
            }
            for behind in [&b"more"[..], b"m", b"\0"] {
                let more = [&whole[..], behind].concat();
                for piece in [1, 3, more.len()] {
                    assert!(decoded(&[coding], &more, piece).is_err(), "{coding} by {piece}: {behind:?}");
                }
            }
        }
        let mut wrong = gzip(text);
        let at = wrong.len() - 8;
        wrong[at] ^= 1;
        assert!(decoded(&["gzip"], &wrong, 9).is_err(), "its checksum");
        #[cfg(feature = "zstd")]
        {
            let mut wrong = zstd(b"first second");
            *wrong.last_mut().unwrap() ^= 1;
            assert!(decoded(&["zstd"], &wrong, 9).is_err(), "its checksum");
            // A window of 8 MiB is the largest (RFC 9659), and the next one is 9 MiB.
            let with_window = |byte| [0x28, 0xb5, 0x2f, 0xfd, 0, byte, 0x09, 0, 0, b'x'];
            assert_eq!(decoded(&["zstd"], &with_window(13 << 3), 9).as_deref(), Ok(&b"x"[..]));
            assert!(decoded(&["zstd"], &with_window(13 << 3 | 1), 9).unwrap_err().contains("too much memory"));
        }
        // Large windows are no part of RFC 7932.
        assert!(decoded(&["br"], &[0x11, 0x1e, 3], 1).is_err());
        assert!(decoded(&["xz"], b"x", 1).is_err() && decoded(&["gzip,gzip,gzip", "gzip,gzip,gzip"], b"x", 1).is_err());
    }

    /// A megabyte of zeros is a kilobyte.
    #[test]
    fn what_grows_comes_in_pieces() {
        let zeros = vec![0; 8 << 20];
        assert_eq!(decoded(&["gzip"], &gzip(&zeros), 1 << 20).map(|read| read.len()), Ok(8 << 20));
        assert_eq!(decoded(&["br"], BR_ZEROS, 1 << 20).map(|read| read.len()), Ok(8 << 20));
        let gzip = (Decoder::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))), gzip(&zeros), 5 << 20);
        let mut rows = vec![gzip, (Decoder::Brotli(Brotli::new()), BR_ZEROS.to_vec(), 64 << 10)];
        #[cfg(feature = "zstd")]
        {
            assert_eq!(decoded(&["zstd"], &zstd(&zeros), 1 << 20).map(|read| read.len()), Ok(8 << 20));
            rows.push((Decoder::Zstd(Zstd::new().unwrap()), zstd(&zeros), 64 << 10));
        }
        for (decoder, body, most) in rows {
            let mut stage = Stage { decoder, input: body.into(), is_begun: false, has_ended: false };
            assert!(stage.step().unwrap().len() <= most);
        }
    }
}
