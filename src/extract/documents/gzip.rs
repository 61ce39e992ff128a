//! Gzip: one file inside.

use super::reading::Reading;
use super::{File, Format};
use flate2::read::MultiGzDecoder;

/// Gzip.
pub(super) struct Gzip;

impl Format for Gzip {
    fn media_type(&self) -> &'static str {
        "application/gzip"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        file.octets.starts_with(b"\x1F\x8B")
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let octets = reading.unpack(MultiGzDecoder::new(file.octets));
        let lower = file.name.to_ascii_lowercase();
        let inner = [".gz", ".gzip"].iter().find_map(|end| lower.ends_with(end).then_some(end.len()));
        let name = file.name.get(..file.name.len().saturating_sub(inner.unwrap_or(0))).unwrap_or_default();
        reading.embed(name, "", octets);
    }
}
