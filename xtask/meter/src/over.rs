/// What is between HTTP and the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Over {
    Nothing,
    Tls,
}
