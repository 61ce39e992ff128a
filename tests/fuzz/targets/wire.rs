//! SMTP from both sides, and the pipes of the document workers.

use super::ignore;
use bytes::Bytes;
use sentra::wire::data_in::{ChunkReader, Content, DataReader, Fault};
use sentra::wire::data_out::DataContent;

/// Octets of content that are taken: small, so that the limit is met.
const LIMIT: usize = 1_024;

/// A command line of a sender.
pub fn smtp_command(octets: &[u8]) {
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        ignore(sentra::smtp::is_command(line));
    }
}

/// Message content. The first octet says how it is cut into pieces: the cut must not matter, and what we accept we send
/// so that a receiver reads the same.
pub fn smtp_data(octets: &[u8]) {
    let Some((step, octets)) = octets.split_first() else { return };
    let step = usize::from(*step).max(1);
    let whole = data(octets, octets.len().max(1));
    assert_eq!(whole, data(octets, step), "DATA depends on its segments");
    assert_eq!(chunks(octets, octets.len().max(1)), chunks(octets, step), "BDAT depends on its segments");
    if let (Some(Ok(content)), _) = whole {
        let sent: Vec<u8> = match DataContent::new(std::slice::from_ref(&content)) {
            Ok(data) => data.wire().collect::<Vec<_>>().concat(),
            Err(_) => panic!("content that was accepted holds a bare newline"),
        };
        assert_eq!(
            data(&sent, sent.len()),
            (Some(Ok(content)), sent.len()),
            "what is sent on reads differently"
        );
    }
}

/// What DATA gives once it ends, and how many octets it took.
fn data(octets: &[u8], step: usize) -> (Option<Result<Bytes, Fault>>, usize) {
    let mut reader = DataReader::new(Content::new(LIMIT));
    let mut taken = 0;
    for piece in octets.chunks(step) {
        let (read, done) = reader.read(piece);
        taken += read;
        assert!(read <= piece.len() && (done || read == piece.len()), "a piece was not taken whole");
        if done {
            return (Some(reader.finish()), taken);
        }
    }
    (None, taken)
}

fn chunks(octets: &[u8], step: usize) -> Result<(Bytes, bool), Fault> {
    let mut reader = ChunkReader::new(Content::new(LIMIT));
    octets.chunks(step).for_each(|piece| reader.read(piece));
    reader.finish()
}

/// Replies of a next hop, cut where the first octet says.
pub fn smtp_reply(octets: &[u8]) {
    let Some((cut, octets)) = octets.split_first() else { return };
    let whole = sentra::adapters::next_hop::replies(octets, 0);
    assert_eq!(
        whole,
        sentra::adapters::next_hop::replies(octets, usize::from(*cut)),
        "a reply depends on its segments"
    );
    for line in whole.iter().flat_map(|reply| &reply.lines) {
        assert!(
            line.bytes().all(|octet| matches!(octet, b' '..=b'~')),
            "a reply carries what is not printable"
        );
    }
}

/// What a worker that was taken over could say to the gateway.
pub fn frames(octets: &[u8]) {
    ignore(sentra::adapters::workers::frames(octets));
}
