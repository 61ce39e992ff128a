//! What only an eye sees: pictures, rendered pages, the QR codes on them, and images for a program that recognises text.
//!
//! Octets of a picture, or a PDF and the number of a page, go in; a grey bitmap comes out, is searched for codes, and is
//! made fit for recognition. Pure, and bounded by `limits::SIGHT_*` and `limits::PICTURE_*`. Decoders and the renderer
//! are others' and run on hostile octets: everything here belongs into a process that may be killed.

mod codes;
mod decode;
mod finders;
mod grey;
mod payment;
mod render;
#[cfg(test)]
mod tests;

pub(super) use codes::{Codes, find as find_codes};
pub(super) use decode::{Decoded, pictures};
pub(super) use grey::{Grey, Kind};
pub(super) use payment::read as read_code;
pub(super) use render::Renderer;
