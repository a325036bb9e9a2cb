//! By the page of `skybridge_h1_codec`.

use bytes::BytesMut;
use http::Method;
use skybridge_h1_codec::{BodyDecoder, Framing, HeadDecoder, HeadError, Limits, Piece};

/// Bytes from anywhere, as they come.
#[test]
fn a_response_is_read_piece_by_piece() {
    let mut wire = BytesMut::new();
    let mut heads = HeadDecoder::default();
    let limits = Limits::default();
    let mut head = None;
    for part in ["HTTP/1.1 200 OK\r\ncontent-", "length: 4\r\n", "\r\nme"] {
        wire.extend_from_slice(part.as_bytes());
        head = heads.decode(&mut wire, &Method::GET, &limits).unwrap();
    }
    let head = head.unwrap();
    assert_eq!((head.status.as_u16(), head.framing), (200, Framing::Length(4)));

    let mut body = BodyDecoder::new(head.framing);
    assert_eq!(body.decode(&mut wire, &limits).unwrap(), Some(Piece::Data("me".into())));
    assert_eq!(body.decode(&mut wire, &limits).unwrap(), None);
    wire.extend_from_slice(b"ow");
    assert_eq!(body.decode(&mut wire, &limits).unwrap(), Some(Piece::Data("ow".into())));
    assert!(body.is_done());
}

#[test]
fn a_head_that_could_be_split_is_refused() {
    let mut wire = BytesMut::from("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n");
    let refused: HeadError = HeadDecoder::default().decode(&mut wire, &Method::GET, &Limits::default()).unwrap_err();
    assert!(refused.to_string().contains("transfer-encoding"), "{refused}");
}
