//! Archives as text: a mutated ZIP file fails at its checksums and never reaches what reads its parts, so some inputs are
//! lists of files, packed here.

/// Packs `=== NAME` lines, each followed by that file's content, into a ZIP archive without compression (APPNOTE 4.3).
pub fn packed(listing: &[u8]) -> Vec<u8> {
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for (name, content) in files(listing).take(64) {
        let at = out.len() as u32;
        let fixed = header(name, content);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&fixed);
        out.extend_from_slice(name);
        out.extend_from_slice(content);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&fixed);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(name);
        count += 1;
    }
    let at = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

/// From "version needed" to "extra field length": the same in both headers.
fn header(name: &[u8], content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32).to_le_bytes();
    let mut out = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    out.extend_from_slice(&checksum(content).to_le_bytes());
    out.extend_from_slice(&size);
    out.extend_from_slice(&size);
    out.extend_from_slice(&(name.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

/// The files of a listing; what stands before the first name is ignored.
fn files(listing: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = listing;
    std::iter::from_fn(move || {
        let start = after(rest, b"=== ")?;
        let end = rest[start..].iter().position(|octet| *octet == b'\n').map_or(rest.len(), |at| start + at);
        let name = &rest[start..end];
        let content = &rest[(end + 1).min(rest.len())..];
        let length = after(content, b"\n=== ").map_or(content.len(), |at| at - 5);
        rest = &content[length..];
        Some((&name[..name.len().min(200)], &content[..length]))
    })
}

fn after(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what).map(|at| at + what.len())
}

/// CRC-32 as ZIP has it.
fn checksum(octets: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !octets.iter().fold(!0_u32, |sum, octet| TABLE[usize::from(sum as u8 ^ octet)] ^ (sum >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}
