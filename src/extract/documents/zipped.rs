//! Everything that is a ZIP archive: Office packages, OpenDocument, and plain archives. Content decides which.

use super::package::Package;
use super::reading::Reading;
use super::{File, Format, archive, office, open_document};
use memchr::memmem;

/// Extensions of files that programs open as archives although rubbish stands before them.
const NAMES: &[&str] = &["zip", "docx", "docm", "dotx", "xlsx", "xlsm", "xlsb", "pptx", "odt", "ods", "odp"];

/// ZIP archives.
pub(super) struct Zipped;

impl Format for Zipped {
    fn accepts(&self, file: &File<'_>) -> bool {
        file.octets.starts_with(b"PK\x03\x04")
            || file.octets.starts_with(b"PK\x05\x06")
            || (file.named(NAMES) && memmem::rfind(file.octets, b"PK\x05\x06").is_some())
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let Some(mut package) = Package::open(file.octets, reading) else { return };
        if package.find("[Content_Types].xml").is_some() {
            office::read(&mut package, file, reading);
        } else if is_open_document(&package) {
            open_document::read(&mut package, reading);
        } else {
            archive::read(&mut package, reading);
        }
    }
}

/// Office programs offer to mend one that lacks its manifest, and show it.
fn is_open_document(package: &Package<'_>) -> bool {
    let has = |name: &str| package.find(name).is_some();
    has("content.xml") && (has("META-INF/manifest.xml") || has("mimetype"))
}
