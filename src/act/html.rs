//! Finds the place in HTML where the first visible content starts, as a browser's parser would see it.
//!
//! A `<body>` tag alone is no guide: a fifth of real HTML mail has none, and a fraudster can put it inside a comment,
//! a script or a hidden block further down. So this walks the tokens (WHATWG HTML section 13.2.5, as far as a head can
//! hold them) and stops at the first that opens the body, by name or by being content. Outlook for Windows reads more
//! than a browser: what a conditional comment holds for it, and not what one keeps from it. The place is therefore
//! never inside a conditional and never behind one that opens content.

use memchr::memchr;

/// Opening marker of a banner.
pub(super) const BEGIN: &str = "<!-- sentra:banner -->";
/// Closing marker of a banner.
pub(super) const END: &str = "<!-- /sentra:banner -->";

/// Where a banner goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this offset.
    At(usize),
    /// The document is a frameset: it shows no body.
    Frameset,
    /// The given octets end before the place; best guess so far inside.
    Beyond(usize),
}

/// What one token means for the place.
enum Step {
    /// Goes on at this offset.
    Next(usize),
    /// The place is right after this token.
    After(usize),
    /// The token is content: the place is before it.
    Before,
    Frameset,
    /// The token does not end.
    Unfinished,
}

/// The place in `html`, the beginning of a document in an ASCII-compatible charset.
pub(super) fn place(html: &[u8]) -> Place {
    let mut at = if html.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    // After the last whole token: inserting there is inside none.
    let mut safe = at;
    // Where a conditional that is still open began: nothing inside is sure to be shown.
    let mut conditional: Option<usize> = None;
    loop {
        let rest = html.get(at..).unwrap_or_default();
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let rest = rest.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return Place::Beyond(safe);
        }
        at += blank;
        match conditional_mark(rest) {
            Some(Mark::Opens) => conditional = conditional.or(Some(safe)),
            Some(Mark::Closes) => conditional = None,
            None => {}
        }
        match step(rest) {
            Step::Next(length) => at += length,
            Step::After(length) => return Place::At(after_body(html, at + length, conditional)),
            Step::Before => return Place::At(conditional.unwrap_or(safe)),
            Step::Frameset => return Place::Frameset,
            Step::Unfinished => return Place::Beyond(safe),
        }
        safe = at;
    }
}

/// A token that begins or ends what Outlook for Windows passes over and browsers show.
enum Mark {
    Opens,
    Closes,
}

/// `<![if …]>` and `<!--[if …]><!-->` open, `<![endif]>` and `<!--<![endif]-->` close.
fn conditional_mark(rest: &[u8]) -> Option<Mark> {
    let inner = rest.strip_prefix(b"<!--").or_else(|| rest.strip_prefix(b"<!"))?;
    let inner = inner.strip_prefix(b"<!").unwrap_or(inner);
    if starts_with_word(inner, b"[endif]") {
        return Some(Mark::Closes);
    }
    if !starts_with_word(inner, b"[if") {
        return None;
    }
    let hidden = rest.starts_with(b"<!--") && hidden_content(inner).is_none_or(|content| !content.is_empty());
    (!hidden).then_some(Mark::Opens)
}

fn starts_with_word(octets: &[u8], word: &[u8]) -> bool {
    octets.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// What a conditional comment that starts at `[if` holds: nothing where it only opens a revealed conditional.
fn hidden_content(inner: &[u8]) -> Option<&[u8]> {
    let comment = inner.get(..comment_end(inner)?)?;
    let content = comment.get(memchr::memmem::find(comment, b"]>")? + 2..)?;
    let content = content.strip_suffix(b"-->").unwrap_or(content).trim_ascii();
    Some(content.strip_suffix(b"<!").unwrap_or(content))
}

/// The place behind a `<body>`: behind a conditional that ends there too, or before one that goes on.
fn after_body(html: &[u8], at: usize, conditional: Option<usize>) -> usize {
    let Some(before) = conditional else { return at };
    let rest = html.get(at..).unwrap_or_default();
    let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let rest = rest.get(blank..).unwrap_or_default();
    match (conditional_mark(rest), memchr(b'>', rest)) {
        (Some(Mark::Closes), Some(end)) => at + blank + end + 1,
        _ => before,
    }
}

/// Whether a conditional comment holds an element that opens content for Outlook: what stands behind it may be inside
/// something hidden.
fn opens_content(comment: &[u8]) -> bool {
    const HARMLESS: [&[u8]; 11] = [
        b"xml",
        b"style",
        b"meta",
        b"link",
        b"title",
        b"base",
        b"noscript",
        b"script",
        b"html",
        b"head",
        b"body",
    ];
    let content = starts_with_word(comment, b"[if").then(|| hidden_content(comment)).flatten();
    let content = content.unwrap_or_default();
    memchr::memchr_iter(b'<', content).any(|at| {
        let named = content.get(at + 1..).unwrap_or_default();
        let length = named.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b':').count();
        let name = named.get(..length).unwrap_or_default();
        let element = name.first().is_some_and(u8::is_ascii_alphabetic);
        // `o:p`, `v:rect`: settings of Office, which stand in `<xml>`.
        element && !name.contains(&b':') && !HARMLESS.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Judges the token at the start of `rest`. Offsets are relative to it.
fn step(rest: &[u8]) -> Step {
    let next = |end: Option<usize>| end.map_or(Step::Unfinished, Step::Next);
    let bogus = || memchr(b'>', rest).map(|at| at + 1);
    match rest {
        [b'<', b'!', b'-', b'-', comment @ ..] => {
            if rest.starts_with(BEGIN.as_bytes()) {
                return Step::Before;
            }
            if opens_content(comment) {
                return Step::Before;
            }
            next(comment_end(comment).map(|end| end + 4))
        }
        // A start that may become a comment or a tag once more octets are there.
        b"<" | b"<!" | b"<!-" | b"</" => Step::Unfinished,
        [b'<', b'!' | b'?', ..] => next(bogus()),
        [b'<', b'/', letter, ..] if letter.is_ascii_alphabetic() => match tag(rest, 2) {
            Some((name, end)) if name.eq_ignore_ascii_case(b"head") => Step::Next(end),
            Some(_) => Step::Before,
            None => Step::Unfinished,
        },
        [b'<', b'/', ..] => next(bogus()),
        [b'<', letter, ..] if letter.is_ascii_alphabetic() => match tag(rest, 1) {
            Some((name, end)) => start_tag(rest, &name.to_ascii_lowercase(), end),
            None => Step::Unfinished,
        },
        _ => Step::Before,
    }
}

fn start_tag(rest: &[u8], name: &[u8], end: usize) -> Step {
    match name {
        b"html" | b"head" | b"meta" | b"link" | b"base" | b"basefont" | b"bgsound" => Step::Next(end),
        b"body" => Step::After(end),
        b"frameset" => Step::Frameset,
        b"title" | b"style" | b"script" => {
            let Some((inside, length)) = raw_text(rest, end, name) else { return Step::Unfinished };
            // `<script><!--<script></script>` does not end there for a browser: better before than inside.
            let nested = name == b"script" && memchr::memmem::find(inside, b"<!--").is_some();
            if nested { Step::Before } else { Step::Next(length) }
        }
        _ => Step::Before,
    }
}

/// Name and end of the tag whose name starts at `from`.
fn tag(rest: &[u8], from: usize) -> Option<(&[u8], usize)> {
    enum State {
        BeforeName,
        Name,
        AfterName,
        BeforeValue,
        Quoted(u8),
        Unquoted,
    }
    let named = rest.get(from..)?;
    let length = named.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'))?;
    let name = named.get(..length)?;
    let mut state = State::BeforeName;
    for (i, &b) in named.iter().enumerate().skip(length) {
        let blank = b.is_ascii_whitespace();
        state = match (state, b) {
            (State::Quoted(quote), _) if b == quote => State::BeforeName,
            (State::Quoted(quote), _) => State::Quoted(quote),
            (_, b'>') => return Some((name, from + i + 1)),
            (State::BeforeName, b'/') => State::BeforeName,
            (State::BeforeName, _) => {
                if blank {
                    State::BeforeName
                } else {
                    State::Name
                }
            }
            (State::Name | State::AfterName, b'/') => State::BeforeName,
            (State::Name | State::AfterName, b'=') => State::BeforeValue,
            (State::Name | State::AfterName, _) if blank => State::AfterName,
            (State::Name | State::AfterName, _) => State::Name,
            (State::BeforeValue, b'"' | b'\'') => State::Quoted(b),
            (State::BeforeValue, _) => {
                if blank {
                    State::BeforeValue
                } else {
                    State::Unquoted
                }
            }
            (State::Unquoted, _) => {
                if blank {
                    State::BeforeName
                } else {
                    State::Unquoted
                }
            }
        };
    }
    None
}

/// Where a comment's content ends, its closing included (`-->`, `--!>`, and the abrupt `>` and `->`).
fn comment_end(content: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'>', content)
        .find(|&at| {
            let before = content.get(..at).unwrap_or_default();
            before.is_empty() || before == b"-" || before.ends_with(b"--") || before.ends_with(b"--!")
        })
        .map(|at| at + 1)
}

/// Content of a raw-text element whose start tag ends at `from`, and the offset after its end tag.
fn raw_text<'a>(rest: &'a [u8], from: usize, name: &[u8]) -> Option<(&'a [u8], usize)> {
    let content = rest.get(from..)?;
    for at in memchr::memchr_iter(b'<', content) {
        let Some([b'/', closing @ ..]) = content.get(at + 1..) else { continue };
        let Some((found, after)) = closing.split_at_checked(name.len()) else { continue };
        let ends =
            matches!(after.first(), Some(b'>' | b'/')) || after.first().is_some_and(u8::is_ascii_whitespace);
        if found.eq_ignore_ascii_case(name) && ends {
            let (_, end) = tag(rest, from + at + 2)?;
            return Some((content.get(..at)?, end));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` marks the expected place.
    #[test]
    fn the_place_is_where_a_browser_starts_the_body() {
        for (name, marked) in [
            ("body", "<html><body>|<p>x"),
            ("attributes", "<HTML><BODY bgcolor=\"a>b\" class='>' x=y>|<p>"),
            ("quote in attribute name", "<body a\"b>|<p>\">"),
            ("equals sign first", "<body =\"x>|<p>\">"),
            ("unquoted value with quote", "<body a=b=\"c>|d\">"),
            ("no body", "<html><head><title>t</title></head>|<p>x"),
            ("nothing but content", "|<p>x"),
            ("text", "|Dear sir"),
            ("doctype", "<!DOCTYPE html>|<div>x"),
            ("head only, content inside", "<html><head><meta charset=utf-8>|<div>x</div></head><body>"),
            ("text in head", "<html><head><title>t</title>| pay now <body>"),
            ("late body is a trap", "|<div>pay now</div><div style=\"display:none\"><body>"),
            ("body in comment", "<html><!-- <body> --><body>|x"),
            ("conditional comment", "<head><!--[if mso]><body><![endif]--></head><body>|x"),
            ("revealed conditional", "<html>|<![if !mso]><body>x<![endif]>"),
            ("revealed conditional that ends", "<![if !mso]><body><![endif]>|x"),
            (
                "two bodies",
                "<!--[if mso]><body class=a><![endif]--><!--[if !mso]><!--><body class=b> <!--<![endif]-->|x",
            ),
            ("kept from Outlook", "<head></head>|<!--[if !mso]><!--><p>x</p><!--<![endif]--><body>"),
            (
                "hidden for Outlook",
                "<head>|<!--[if mso]><div style=\"mso-hide:all\"><![endif]--></head><body>x",
            ),
            (
                "office settings",
                "<head><!--[if gte mso 9]><xml><o:OfficeDocumentSettings/></xml><![endif]--></head><body>|x",
            ),
            ("closed before", "<head><![if !mso]><style>a{}</style><![endif]></head><body>|x"),
            ("abrupt comment", "<!--><body>|--><p>"),
            ("abrupt comment with dash", "<!---><body>|--><p>"),
            ("comment closed with bang", "<!-- a --!><body>|x"),
            ("body in style", "<head><style>a{content:'<body>'}</style></head><body>|x"),
            ("body in script", "<head><script>'<body>'</script></head><body>|x"),
            ("double-escaped script", "<head>|<script><!--<script></script><body>--></script>"),
            ("body in title", "<title><body></title><body>|x"),
            ("body in attribute", "<html lang=\"<body>\"><body>|x"),
            ("template hides", "<head>|<template><body></template><body>"),
            ("end tag", "|</div><body>"),
            ("xml declaration", "<?xml version=\"1.0\"?><html><body>|x"),
            ("office namespace in head", "<head>|<xml><o:x/></xml></head><body>"),
            ("our own marker", "<html>|<!-- sentra:banner --><table>"),
            ("bom", "\u{feff}|<p>x"),
            ("blank before content", "<html>|\r\n\r\n  <p>x"),
        ] {
            let expected = marked.find('|').expect("marked");
            let html = marked.replacen('|', "", 1);
            assert_eq!(place(html.as_bytes()), Place::At(expected), "{name}");
        }
    }

    #[test]
    fn framesets_and_unfinished_documents() {
        assert_eq!(place(b"<html><head></head><frameset rows=1>"), Place::Frameset);
        for html in
            ["", "<html>", "<html><!-- never closed", "<html><body class=\"", "<html><style>x", "<html><"]
        {
            assert_eq!(
                place(html.as_bytes()),
                Place::Beyond(html.find('>').map_or(0, |at| at + 1)),
                "{html}"
            );
        }
    }

    proptest::proptest! {
        /// No octets make it panic, and the place is inside.
        #[test]
        fn any_octets(html in "(<|>|!|-|/|=|\"|'|body|head|script|style|title|html|template| |x|\\?){0,60}") {
            match place(html.as_bytes()) {
                Place::At(at) | Place::Beyond(at) => proptest::prop_assert!(at <= html.len()),
                Place::Frameset => {}
            }
        }
    }
}
