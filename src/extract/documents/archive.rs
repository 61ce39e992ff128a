//! ZIP archives: their files are embedded files.

use super::package::Package;
use super::reading::Reading;
use crate::model::Unread;

pub(super) fn read(package: &mut Package<'_>, reading: &mut Reading<'_>) {
    "application/zip".clone_into(&mut reading.file.media_type);
    let names = package.names().to_vec();
    for (at, name) in names.iter().enumerate() {
        // What macOS keeps beside each file holds no text.
        if name.ends_with('/') || name.starts_with("__MACOSX/") {
            continue;
        }
        if reading.is_full() {
            reading.gap(Unread::Limit);
            return;
        }
        if let Some(octets) = package.octets(at, reading) {
            reading.embed(name, "", octets);
        }
    }
}
