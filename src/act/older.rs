//! Finds older banners of ours, so that a thread of five replies carries one and not five.
//!
//! A banner is known by its marks: the two comments in HTML, the two rules in text, there also behind the quoting of a
//! reply (`> `). A mail client that drops comments makes an old banner into ordinary text; nothing is guessed then,
//! because taking away what only looks like ours would be changing the sender's words.

use super::banner::{TEXT_BEGIN, TEXT_END};
use super::html::{BEGIN, END};
use crate::limits::{MAX_OLD_BANNER, MAX_OLD_BANNERS};
use memchr::memmem;
use std::ops::Range;

/// Lines of a text banner, rules included, in any version of ours.
const TEXT_LINES: usize = 12;
/// Octets of quoting before a line.
const MAX_PREFIX: usize = 32;

/// An older banner inside the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Older {
    /// Where it stands: offsets into the text that was searched.
    pub(super) range: Range<usize>,
    /// The quoting before each of its lines; empty in HTML.
    pub(super) prefix: String,
}

/// Whether a decoded text can hold an older banner: a cheap look before the octets are decoded.
pub(super) fn mentioned(text: &str, html: bool) -> bool {
    memmem::find(text.as_bytes(), if html { BEGIN } else { TEXT_BEGIN }.as_bytes()).is_some()
}

/// The banners that start at `at`, white space before and one line end after each included; else only the place.
pub(super) fn html_at(body: &[u8], at: usize) -> Range<usize> {
    let mut end = at;
    for _ in 0..MAX_OLD_BANNERS {
        let rest = body.get(end..).unwrap_or_default();
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        match closing(rest.get(blank..).unwrap_or_default()) {
            Some(length) => end += blank + length,
            None => break,
        }
    }
    at..end
}

/// The banners after `from`, in order, at most `limits::MAX_OLD_BANNERS`.
pub(super) fn html_after(body: &[u8], from: usize) -> Vec<Older> {
    let mut found: Vec<Older> = Vec::new();
    let mut at = from;
    while let Some(start) = memmem::find(body.get(at..).unwrap_or_default(), BEGIN.as_bytes()) {
        let start = at + start;
        let rest = body.get(start..).unwrap_or_default();
        at = start + BEGIN.len();
        if let Some(length) = closing(rest).filter(|length| is_table(rest.get(..*length).unwrap_or_default()))
        {
            found.push(Older { range: start..start + length, prefix: String::new() });
            at = start + length;
        }
        if found.len() >= MAX_OLD_BANNERS {
            break;
        }
    }
    found
}

/// Length of a banner at the start of `rest`, its line end included.
fn closing(rest: &[u8]) -> Option<usize> {
    let window = rest.get(..MAX_OLD_BANNER).unwrap_or(rest);
    if !window.starts_with(BEGIN.as_bytes()) {
        return None;
    }
    let end = memmem::find(window, END.as_bytes())? + END.len();
    Some(end + line_end(rest.get(end..).unwrap_or_default()))
}

/// Whether there is one table between the marks: in a quoted thread anything else stays.
fn is_table(banner: &[u8]) -> bool {
    let inside = banner.get(BEGIN.len()..).unwrap_or_default();
    let end = memmem::rfind(inside, END.as_bytes()).unwrap_or(inside.len());
    let inside = inside.get(..end).unwrap_or_default().trim_ascii();
    inside.starts_with(b"<table") && inside.ends_with(b"</table>") && memmem::find(inside, b"<!--").is_none()
}

/// The banners that start at `at` in text, the empty line after each included; else only the place.
pub(super) fn text_at(body: &[u8], at: usize) -> Range<usize> {
    let mut end = at;
    for _ in 0..MAX_OLD_BANNERS {
        match ruled(body.get(end..).unwrap_or_default(), "") {
            Some(length) => end += length,
            None => break,
        }
    }
    at..end
}

/// The banners after `from` in text, quoted or not, in order, at most `limits::MAX_OLD_BANNERS`.
pub(super) fn text_after(body: &[u8], from: usize) -> Vec<Older> {
    let mut found: Vec<Older> = Vec::new();
    let mut at = from;
    while let Some(begin) = memmem::find(body.get(at..).unwrap_or_default(), TEXT_BEGIN.as_bytes()) {
        let begin = at + begin;
        at = begin + TEXT_BEGIN.len();
        let before = body.get(from..begin).unwrap_or_default();
        let line = from + memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let Some(prefix) = body.get(line..begin).and_then(quoting) else { continue };
        if let Some(length) = ruled(body.get(line..).unwrap_or_default(), prefix) {
            found.push(Older { range: line..line + length, prefix: prefix.trim_end().to_owned() });
            at = line + length;
        }
        if found.len() >= MAX_OLD_BANNERS {
            break;
        }
    }
    found
}

/// The quoting that a line starts with, if it is nothing else.
fn quoting(prefix: &[u8]) -> Option<&str> {
    let sound = prefix.len() <= MAX_PREFIX && prefix.iter().all(|b| matches!(b, b'>' | b'|' | b' ' | b'\t'));
    std::str::from_utf8(prefix).ok().filter(|_| sound)
}

/// Length of a text banner whose lines all start with `prefix`, and of the empty line after it.
fn ruled(rest: &[u8], prefix: &str) -> Option<usize> {
    let window = rest.get(..MAX_OLD_BANNER).unwrap_or(rest);
    let bare = |line: &[u8]| line.strip_prefix(prefix.as_bytes()).map(<[u8]>::to_vec);
    let mut lines = window.split_inclusive(|b| *b == b'\n');
    let mut end = 0;
    let opening = lines.next()?;
    if !bare(opening)?.starts_with(TEXT_BEGIN.as_bytes()) {
        return None;
    }
    end += opening.len();
    for line in lines.by_ref().take(TEXT_LINES) {
        end += line.len();
        // A line that is only quoting may have lost its trailing space on the way.
        let text = bare(line).or_else(|| line.trim_ascii_end().is_empty().then(Vec::new));
        if text?.starts_with(TEXT_END.as_bytes()) {
            let quoted = prefix.trim_end().as_bytes();
            let blank = lines.next().filter(|line| line.trim_ascii_end() == quoted && line.ends_with(b"\n"));
            return Some(end + blank.map_or(0, <[u8]>::len));
        }
    }
    None
}

fn line_end(rest: &[u8]) -> usize {
    if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html_banner(text: &str) -> String {
        format!("{BEGIN}\r\n<table role=\"presentation\"><tr><td>{text}</td></tr></table>\r\n{END}\r\n")
    }

    fn text_banner(prefix: &str) -> String {
        ["**** Sentra: Caution ****", "Check it.", "**** End of notice from Sentra ****", ""]
            .map(|line| format!("{}\r\n", format!("{prefix}{line}").trim_end()))
            .concat()
    }

    #[test]
    fn banners_at_the_top_go_whole() {
        let two = format!("<body>\r\n{}{}<p>x", html_banner("a"), html_banner("b"));
        assert_eq!(&two[html_at(two.as_bytes(), 6).end..], "<p>x");
        let text = format!("{}{}Dear", text_banner(""), text_banner(""));
        assert_eq!(&text[text_at(text.as_bytes(), 0).end..], "Dear");
        for (name, body) in
            [("never closed", format!("{BEGIN}{}", "x".repeat(9_000))), ("none", "x".to_owned())]
        {
            assert!(html_at(body.as_bytes(), 0).is_empty(), "{name}");
            assert!(html_after(body.as_bytes(), 0).is_empty(), "{name}");
        }
        assert!(text_at(b"**** Sentra: Caution ****\r\nnever closed", 0).is_empty());
    }

    #[test]
    fn banners_in_a_thread_are_found_with_their_quoting() {
        let html = format!("<p>reply</p><blockquote>\r\n{}<p>first", html_banner("a"));
        let found = html_after(html.as_bytes(), 0);
        assert_eq!(found.len(), 1);
        assert_eq!(&html[found[0].range.clone()], html_banner("a"));
        for prefix in ["", ">", "> ", "> > ", ">> ", "| "] {
            let text = format!("reply\r\n{prefix}Hello\r\n{}{prefix}first\r\n", text_banner(prefix));
            let found = text_after(text.as_bytes(), 0);
            assert_eq!(found.len(), 1, "{prefix:?}");
            assert_eq!(found[0].prefix, prefix.trim_end());
            assert_eq!(&text[found[0].range.clone()], text_banner(prefix), "{prefix:?}");
        }
    }

    #[test]
    fn what_is_no_banner_stays() {
        for body in [
            format!("{BEGIN} pay to this account {END}"),
            format!("{BEGIN}<table ><tr><td>x <!-- y --></table>{END}"),
        ] {
            assert!(html_after(body.as_bytes(), 0).is_empty(), "{body}");
        }
        let said = "they wrote **** Sentra: Caution ****\r\n**** End of notice from Sentra ****\r\n";
        assert!(text_after(said.as_bytes(), 0).is_empty());
    }
}
