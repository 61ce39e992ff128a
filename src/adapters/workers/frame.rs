//! What goes over the pipes: a length in four octets, most significant first, then JSON; after the head of a job the
//! document's octets as they are, after an answer the pixels of its images.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Said once, when a worker is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Why it is not shut in; `None`: it is.
    pub(super) unconfined: Option<String>,
}

/// What is done for what is only seen: pictures, pages without text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// Nothing: texts are read.
    #[default]
    No,
    /// Pictures are decoded and pages drawn, to find QR codes.
    Look,
    /// Images of what has to be recognised are handed back as well.
    Recognise,
}

/// The head of a job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) media_type: String,
    /// The mail shows it inside its text.
    pub(super) inline: bool,
    pub(super) sight: Sight,
    /// Octets of the document, which follow.
    pub(super) octets: usize,
}

/// Said when a document has arrived whole and its reading begins: a worker that ends before was not ended by it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Taken {}

/// A frame of a value.
pub(super) fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(value)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes(), json.as_slice()].concat())
}

/// A length that was read, if it is within the limit.
pub(super) fn length(octets: [u8; 4], most: usize) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(octets)).unwrap_or(usize::MAX);
    if length <= most { Ok(length) } else { Err(io::Error::other("a frame is larger than agreed")) }
}

/// A value out of a frame's octets.
pub(super) fn decode<T: DeserializeOwned>(json: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(json)?)
}

/// Reads a frame; `None` at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read, most: usize) -> io::Result<Option<T>> {
    let mut size = [0; 4];
    match from.read_exact(&mut size) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut json = vec![0; length(size, most)?];
    from.read_exact(&mut json)?;
    decode(&json).map(Some)
}

/// Writes a frame.
pub(super) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(value)?)?;
    to.flush()
}
