use der::{
    AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged,
    asn1::{ObjectIdentifier, OctetStringRef},
};

/// The fields of a certificate (RFC 5280, section 4.1), each with its DER header.
pub(crate) struct Fields<'a> {
    /// All that is signed.
    pub(crate) signed: &'a [u8],
    /// How it is signed, and the signature.
    pub(crate) signature: SliceReader<'a>,
    /// Whether it says which version it is. The first has no field for that, nor any extensions.
    pub(crate) has_version: bool,
    pub(crate) serial: &'a [u8],
    pub(crate) algorithm: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) validity: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) key: &'a [u8],
    /// What is in their list.
    extensions: Option<SliceReader<'a>>,
}

/// One of its extensions (section 4.2).
pub(crate) struct Extension<'a> {
    pub(crate) id: ObjectIdentifier,
    pub(crate) value: &'a [u8],
}

const VERSION: Tag = context(0);
const EXTENSIONS: Tag = context(3);

const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

impl<'a> Fields<'a> {
    pub(crate) fn of(certificate: &'a [u8]) -> der::Result<Self> {
        let mut signature = inside(&mut SliceReader::new(certificate)?, Tag::Sequence)?;
        let signed = signature.tlv_bytes()?;
        let mut fields = inside(&mut SliceReader::new(signed)?, Tag::Sequence)?;
        let has_version = Tag::peek(&fields)? == VERSION;
        if has_version {
            fields.tlv_bytes()?;
        }
        let mut fields = Self {
            signed,
            signature,
            has_version,
            serial: fields.tlv_bytes()?,
            algorithm: fields.tlv_bytes()?,
            issuer: fields.tlv_bytes()?,
            validity: fields.tlv_bytes()?,
            subject: fields.tlv_bytes()?,
            key: fields.tlv_bytes()?,
            extensions: Some(fields),
        };
        fields.extensions = fields.extensions.take().map(extensions).transpose()?.flatten();
        Ok(fields)
    }

    /// Its extensions, in their order. What follows one that can't be read isn't read.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = der::Result<Extension<'a>>> + 'a {
        let mut rest = self.extensions.clone();
        std::iter::from_fn(move || {
            let reader = rest.as_mut().filter(|reader| !reader.is_finished())?;
            let extension = extension(reader);
            if extension.is_err() {
                rest = None;
            }
            Some(extension)
        })
    }
}

fn extension<'a>(list: &mut SliceReader<'a>) -> der::Result<Extension<'a>> {
    let mut extension = inside(list, Tag::Sequence)?;
    let id = extension.decode()?;
    // Whether it is critical is webpki's to judge.
    extension.decode::<Option<bool>>()?;
    let value = extension.decode::<&OctetStringRef>()?;
    Ok(Extension { id, value: value.as_bytes() })
}

/// The list of extensions, among what follows the key: there may be identifiers of issuer and subject as well.
fn extensions(mut rest: SliceReader<'_>) -> der::Result<Option<SliceReader<'_>>> {
    while !rest.is_finished() {
        if Tag::peek(&rest)? == EXTENSIONS {
            return inside(&mut inside(&mut rest, EXTENSIONS)?, Tag::Sequence).map(Some);
        }
        rest.tlv_bytes()?;
    }
    Ok(None)
}

/// What is in the next element, which has this tag.
pub(crate) fn inside<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> der::Result<SliceReader<'a>> {
    let element = AnyRef::decode(reader)?;
    element.tag().assert_eq(tag)?;
    SliceReader::new(element.value())
}
