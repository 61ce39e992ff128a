//! The banner's looks: pure ASCII, so that it fits any ASCII-compatible charset without re-encoding.
//!
//! HTML: one table with inline styles and `bgcolor`, because Outlook renders with Word; colours are explicit, for dark
//! mode. Styles that a sender's style sheet could use to hide the banner are repeated with `!important`, which no
//! sheet can outrank inline. Text: at most five lines, from one recognisable rule to the other; the reason stands on
//! the first, where lists of mail show it. The words come from [`crate::model::Speaker`] and are only made safe here.

use super::html::{BEGIN, END};
use crate::limits::MAX_BANNER;
use crate::model::BannerWords;
use std::fmt::Write as _;
use unicode_normalization::UnicodeNormalization as _;

/// First characters of the text banner's opening line. No hyphens, which could make a MIME delimiter, and no equals
/// signs, which quoted-printable would triple. The same in every language: `older` recognises a banner by it.
pub(super) const TEXT_BEGIN: &str = "**** Sentra: ";
/// First characters of the text banner's closing rule; the same in every language.
pub(super) const TEXT_END: &str = "**** Sentra *";
/// Columns of a rule and of wrapped text.
const COLUMNS: usize = 72;
/// Lines of wording in the text banner, the opening one included and the link not.
const TEXT_LINES: usize = 3;
/// Octets of each escaped sentence.
const MAX_SENTENCE: usize = 600;
/// Octets of the link to the message's page.
const MAX_PAGE: usize = 200;

/// What the banner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Sentences, first word and colours.
    pub(super) said: BannerWords,
    /// The message's page, for whoever may sign in there. It changes nothing by being opened.
    pub(super) page: Option<String>,
}

/// The HTML banner between its markers, in whole lines; `extra` spaces longer.
pub(super) fn html(words: &Words, newline: &str, extra: usize) -> String {
    let BannerWords { language, label, colours, link, .. } = &words.said;
    let (text, background, border) = (&colours.text, &colours.background, &colours.border);
    let (headline, advice) = (escape(&words.said.headline), escape(&words.said.advice));
    let between = if headline.is_empty() || advice.is_empty() { "" } else { "<br>" };
    let guard = "mso-hide:none;visibility:visible!important;opacity:1!important;position:static!important;\
                 float:none!important;transform:none!important;max-height:none!important;overflow:visible!important";
    let colours = format!(
        "background:{background};color:{text};background:{background}!important;color:{text}!important"
    );
    let lines = [
        BEGIN.to_owned(),
        format!(
            "<table role=\"presentation\" lang=\"{language}\" dir=\"ltr\" width=\"100%\" cellpadding=\"0\" \
             cellspacing=\"0\" border=\"0\" bgcolor=\"{background}\""
        ),
        format!("style=\"width:100%;margin:0 0 12px 0;border-collapse:collapse;{colours};"),
        format!("display:table!important;{guard}\"><tr>"),
        format!("<td align=\"left\" bgcolor=\"{background}\" style=\"padding:10px 14px;text-align:left;"),
        format!("border-left:8px solid {border};font-family:Segoe UI,Arial,sans-serif;"),
        "font-size:14px;line-height:20px;font-size:14px!important;line-height:20px!important;".to_owned(),
        format!("{colours};display:table-cell!important;{guard}\">"),
        format!("<b>{}: {headline}</b>{between}", escape(label)),
        advice,
        page(words).map(|page| html_link(page, &escape(link), text)).unwrap_or_default(),
        "</td></tr></table>".to_owned(),
        format!("{}{END}", " ".repeat(extra)),
    ];
    let mut out = String::with_capacity(MAX_BANNER);
    for line in lines.iter().filter(|line| !line.is_empty()) {
        for piece in line.split('\n') {
            out.push_str(piece);
            out.push_str(newline);
        }
    }
    out
}

fn html_link(page: &str, link: &str, colour: &str) -> String {
    format!("<br><a href=\"{page}\" style=\"color:{colour}!important;text-decoration:underline\">{link}</a>")
}

/// The page's address, if it can stand in an attribute and a line of text as it is.
fn page(words: &Words) -> Option<&str> {
    let sound = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '&' | '`');
    words.page.as_deref().filter(|page| page.len() <= MAX_PAGE && page.chars().all(sound))
}

/// The text banner, in whole lines with an empty one after it; `extra` characters longer.
pub(super) fn text(words: &Words, newline: &str, extra: usize) -> String {
    let german = words.said.language == "de";
    let opening = format!("{TEXT_BEGIN}{}", ascii(&words.said.headline, german));
    let advice = ascii(&words.said.advice, german);
    let mut lines = wrap(&opening, COLUMNS);
    lines.extend(wrap(&advice, COLUMNS));
    if lines.len() > TEXT_LINES {
        lines = vec![opening, advice];
    }
    if let Some(page) = page(words) {
        lines.push(format!("{}: {page}", ascii(&words.said.link, german)));
    }
    let mut out = String::with_capacity(512);
    for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        // What a format=flowed reader (RFC 3676) would take for quoting or unstuff, a mailbox file for its mark, and a
        // MIME reader for a delimiter, which the sender chooses.
        if line.starts_with(['>', '-']) || line.starts_with("From ") {
            out.push(' ');
        }
        out.push_str(line);
        out.push_str(newline);
    }
    out.push_str(TEXT_END);
    out.push_str(&"*".repeat(COLUMNS.saturating_sub(TEXT_END.len()) + extra));
    out.push_str(newline);
    out.push_str(newline);
    out
}

/// One line without control, bidirectional and invisible characters.
pub(super) fn one_line(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}');
    let visible: String =
        text.chars().filter(|c| !hidden(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// ASCII text: typographic characters by their plain twins, accents dropped (in German written out), the rest `?`.
fn ascii(text: &str, german: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if out.len() >= MAX_SENTENCE {
            out.push_str("...");
            break;
        }
        match c {
            ' '..='~' => out.push(c),
            '‘' | '’' | '‚' => out.push('\''),
            '“' | '”' | '„' | '«' | '»' => out.push('"'),
            '‐'..='―' => out.push('-'),
            '…' => out.push_str("..."),
            '•' | '·' => out.push('*'),
            'ä' | 'ö' | 'ü' | 'Ä' | 'Ö' | 'Ü' if german => out.push_str(umlaut(c)),
            'ß' => out.push_str("ss"),
            'ł' => out.push('l'),
            'Ł' => out.push('L'),
            'ø' => out.push('o'),
            'Ø' => out.push('O'),
            'æ' => out.push_str("ae"),
            'Æ' => out.push_str("AE"),
            '£' => out.push_str("GBP"),
            '€' => out.push_str("EUR"),
            _ => {
                let plain: String = std::iter::once(c).nfkd().filter(char::is_ascii).collect();
                out.push_str(if plain.is_empty() { "?" } else { &plain });
            }
        }
    }
    out
}

/// As Germans write it without their own keys.
fn umlaut(c: char) -> &'static str {
    match c {
        'ä' => "ae",
        'ö' => "oe",
        'ü' => "ue",
        'Ä' => "Ae",
        'Ö' => "Oe",
        _ => "Ue",
    }
}

/// HTML text in ASCII: markup escaped, other characters as numeric references, a line break now and then.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut column = 0;
    for word in one_line(text).split(' ').filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(if column > COLUMNS { '\n' } else { ' ' });
            column = if column > COLUMNS { 0 } else { column + 1 };
        }
        for c in word.chars() {
            if out.len() >= MAX_SENTENCE {
                out.push_str("...");
                return out;
            }
            let before = out.len();
            match c {
                // At a line's start it could make a MIME delimiter, which the sender chooses.
                '-' if column == 0 => out.push_str("&#45;"),
                '&' | '<' | '>' | '"' | '\'' | '\u{7f}'.. => {
                    // Writing into a String cannot fail.
                    write!(out, "&#{};", u32::from(c)).ok();
                }
                _ => out.push(c),
            }
            column += out.len() - before;
        }
    }
    out
}

/// Breaks at spaces; a longer word stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
impl Words {
    /// English words without a page, for tests of whoever inserts them.
    pub(super) fn plain(severity: crate::model::Severity, headline: &str, advice: &str) -> Self {
        let verdict = crate::model::Verdict {
            severity,
            headline: headline.to_owned(),
            advice: advice.to_owned(),
            ..crate::model::Verdict::default()
        };
        Self { said: crate::model::Speaker::new("en", None, None).of_verdict(&verdict), page: None }
    }
}

#[cfg(test)]
#[path = "banner_tests.rs"]
mod tests;
