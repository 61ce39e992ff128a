//! The golden corpus: over three hundred messages, and for each what was changed as byte ranges of the received octets,
//! that the sender's text and tree are the same when mail-parser and Python's `email` read it again, and that
//! annotating twice is annotating once.

use super::generate::{Mail, tables};
use super::{delivered, outline_loosely, received, torture};
use mail_parser::{MessageParser, MimeHeaders as _, PartType};
use sentra::act::BannerOutcome;
use sentra::model::{Action, ReceivedMail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

fn corpus() -> Vec<Mail> {
    let mut all = tables();
    all.extend(torture::all());
    all
}

/// A python that has the packages of Debian: the one in the path may be another.
pub fn python() -> Command {
    let debian = Path::new("/usr/bin/python3");
    Command::new(if debian.exists() { debian } else { Path::new("python3") })
}

/// Replaced ranges of the received octets behind the header section, and what stands there now.
fn changes(mail: &ReceivedMail, segments: &[bytes::Bytes]) -> Vec<(std::ops::Range<usize>, Vec<u8>)> {
    let base = mail.octets.as_ptr() as usize;
    let end = base + mail.octets.len();
    let mut found: Vec<(std::ops::Range<usize>, Vec<u8>)> = Vec::new();
    let mut at = 0;
    let mut ours: Vec<u8> = Vec::new();
    // The first segment is our header block.
    for segment in &segments[1..] {
        let start = segment.as_ptr() as usize;
        if (base..end).contains(&start) {
            let start = start - base;
            assert!(start >= at, "slices are in order");
            if start > at || !ours.is_empty() {
                found.push((at..start, std::mem::take(&mut ours)));
            }
            at = start + segment.len();
        } else {
            ours.extend_from_slice(segment);
        }
    }
    if at < mail.octets.len() || !ours.is_empty() {
        found.push((at..mail.octets.len(), ours));
    }
    found
}

fn outcome(banner: BannerOutcome) -> String {
    match banner {
        BannerOutcome::Inserted { parts, missed: None } => format!("in {parts}"),
        BannerOutcome::Inserted { parts, missed: Some(why) } => {
            format!("in {parts}, not all: {}", why.as_str())
        }
        BannerOutcome::Added => "added".to_owned(),
        BannerOutcome::NotWanted => "not wanted".to_owned(),
        BannerOutcome::LeftAlone(why) => format!("left: {}", why.as_str()),
    }
}

fn digest(octets: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets);
    hash.as_ref()[..6].iter().fold(String::new(), |mut out, b| {
        write!(out, "{b:02x}").unwrap();
        out
    })
}

/// `SENTRA_BLESS=1` writes the golden file anew. Its ranges are those of the received octets: `200..200` is an
/// insertion, anything longer was encoded anew or was an older banner of ours.
#[test]
fn the_corpus_changes_where_the_golden_file_says() {
    let mut found = String::new();
    for Mail { name, octets } in corpus() {
        let mail = received(octets);
        let (_, outgoing) = delivered(&mail, Action::Tag);
        let ranges: Vec<String> = changes(&mail, &outgoing.segments)
            .iter()
            .map(|(range, _)| format!("{}..{}", range.start, range.end))
            .collect();
        let ranges = if ranges.is_empty() { "-".to_owned() } else { ranges.join(" ") };
        let (hash, outcome) = (digest(&mail.octets), outcome(outgoing.banner));
        writeln!(found, "{name} | {} octets {hash} | {outcome} | {ranges}", mail.octets.len()).unwrap();
    }
    assert!(found.lines().count() >= 200);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails/annotate/corpus.golden");
    if std::env::var_os("SENTRA_BLESS").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    let differing: Vec<(&str, &str)> =
        found.lines().zip(expected.lines().chain(std::iter::repeat(""))).filter(|(a, b)| a != b).collect();
    assert!(found == expected, "{} lines differ, first: {:#?}", differing.len(), differing.first());
}

#[test]
fn annotating_twice_is_annotating_once() {
    for Mail { name, octets } in corpus() {
        let mail = received(octets);
        let (once, _) = delivered(&mail, Action::Tag);
        let (twice, _) = delivered(&received(once.clone()), Action::Tag);
        let body = |octets: &[u8]| {
            let text = octets.windows(2).position(|w| w == b"\n\n").map(|at| at + 2);
            let at = octets.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
            String::from_utf8_lossy(&octets[at.or(text).unwrap_or(octets.len())..]).into_owned()
        };
        assert_eq!(body(&once), body(&twice), "{name}");
    }
}

#[test]
fn taking_our_octets_out_gives_the_received_ones_back() {
    for Mail { name, octets } in corpus() {
        let mail = received(octets);
        let (found, outgoing) = delivered(&mail, Action::Tag);
        let block = outgoing.segments[0].len();
        let mut back = Vec::new();
        let (mut at, mut taken) = (0, block);
        for (range, ours) in changes(&mail, &outgoing.segments) {
            let kept = range.start - at;
            back.extend_from_slice(&found[taken..taken + kept]);
            assert_eq!(found[taken + kept..taken + kept + ours.len()], ours, "{name}");
            back.extend_from_slice(&mail.octets[range.clone()]);
            (at, taken) = (range.end, taken + kept + ours.len());
        }
        back.extend_from_slice(&found[taken..]);
        assert!(back == mail.octets, "{name}");
    }
}

/// The media types as mail-parser reads them, depth first, attached messages closed.
fn tree(octets: &[u8]) -> Vec<String> {
    let Some(mail) = MessageParser::default().parse(octets) else { return Vec::new() };
    let media_type = |part: &mail_parser::MessagePart<'_>| match part.content_type() {
        Some(kind) => format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("plain")).to_lowercase(),
        None => "text/plain".to_owned(),
    };
    let mut found = Vec::new();
    let mut stack = vec![0_usize];
    while let Some(index) = stack.pop() {
        let part = &mail.parts[index];
        found.push(media_type(part));
        if let PartType::Multipart(children) = &part.body {
            stack.extend(children.iter().rev().map(|child| *child as usize));
        }
    }
    found
}

#[test]
fn two_independent_parsers_find_the_senders_text_and_tree_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let mut problems: Vec<String> = Vec::new();
    let mut trees: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
    for Mail { name, octets } in corpus() {
        let mail = received(octets);
        let (found, outgoing) = delivered(&mail, Action::Tag);
        std::fs::write(folder.path().join(format!("{name}.before")), &mail.octets).unwrap();
        std::fs::write(folder.path().join(format!("{name}.after")), &found).unwrap();
        trees.insert(name.clone(), [tree(&mail.octets), tree(&found)]);
        // mail-parser shows damaged base64 as it stands: the reason why such mail gets a notice beside the banner.
        let unlike = outgoing.banner == BannerOutcome::Added
            || outgoing.banner.unsaid() == Some(sentra::act::LeaveReason::Damaged);
        if !unlike && outline_loosely(&mail.octets) != outline_loosely(&found) {
            problems.push(format!(
                "{name}: mail-parser: {:?} {:?}",
                outline_loosely(&mail.octets),
                outline_loosely(&found)
            ));
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/annotated.py");
    let done = python()
        .arg(script)
        .arg(folder.path())
        .output()
        .expect("python3 is installed: apt-get install python3");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout).unwrap();
    assert_eq!(lines.lines().count(), trees.len());
    for line in lines.lines() {
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = read["name"].as_str().unwrap();
        if read["problems"] != serde_json::json!([]) {
            problems.push(format!("{name}: Python's email: {}", read["problems"]));
        }
        // Where both read the received message alike, both read the delivered one alike.
        let [before, after] = &trees[name];
        if read["before"] == serde_json::json!(before) && read["after"] != serde_json::json!(after) {
            problems.push(format!("{name}: the parsers disagree: {} {after:?}", read["after"]));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
