//! The banner's words and looks: pure ASCII, so that it fits any ASCII-compatible charset without re-encoding.
//!
//! HTML: one table with inline styles and `bgcolor`, because Outlook renders with Word; colours are explicit, for dark
//! mode. Styles that a sender's style sheet could use to hide the banner are repeated with `!important`, which no
//! sheet can outrank inline. Text: at most five lines between recognisable rules. Wording must be harmless when a
//! reply quotes it to the outside; it comes from the verdict, and is only made safe here.

use super::html::{BEGIN, END};
use crate::limits::MAX_BANNER;
use crate::model::Severity;
use std::fmt::Write as _;
use unicode_normalization::UnicodeNormalization as _;

/// First characters of the text banner's opening rule. No hyphens, which could make a MIME delimiter, and no equals
/// signs, which quoted-printable would triple. The same in every language: `older` recognises a banner by it.
pub(super) const TEXT_BEGIN: &str = "**** Sentra: ";
/// First characters of the text banner's closing rule; the same in every language.
pub(super) const TEXT_END: &str = "**** End of notice from Sentra ";
/// Columns of a rule and of wrapped text.
const COLUMNS: usize = 72;
/// Lines of wording in the text banner.
const TEXT_LINES: usize = 3;
/// Octets of each escaped sentence.
const MAX_SENTENCE: usize = 700;

/// What the banner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words<'a> {
    /// Colour and first word.
    pub(super) severity: Severity,
    /// First sentence.
    pub(super) headline: &'a str,
    /// What to do.
    pub(super) advice: &'a str,
}

/// Colours and first word of one severity.
pub(super) struct Look {
    pub(super) label: &'static str,
    pub(super) text: &'static str,
    pub(super) background: &'static str,
    pub(super) border: &'static str,
}

/// The look of a severity. Text on background has a contrast well above 4.5:1 (WCAG 2.2, 1.4.3).
pub(super) fn look(severity: Severity) -> Look {
    match severity {
        Severity::Danger => {
            Look { label: "Warning", text: "#5b0f0f", background: "#fbdcdc", border: "#b3261e" }
        }
        Severity::Caution => {
            Look { label: "Caution", text: "#4a3300", background: "#ffecc2", border: "#a86400" }
        }
        Severity::Info | Severity::None => {
            Look { label: "Check", text: "#0b2f4f", background: "#d9eafa", border: "#1f6fb2" }
        }
    }
}

/// The HTML banner between its markers, in whole lines; `extra` spaces longer.
pub(super) fn html(words: &Words<'_>, newline: &str, extra: usize) -> String {
    let Look { label, text, background, border } = look(words.severity);
    let (headline, advice) = (escape(words.headline), escape(words.advice));
    let between = if headline.is_empty() || advice.is_empty() { "" } else { "<br>" };
    let guard = "visibility:visible!important;opacity:1!important;position:static!important;\
                 float:none!important;transform:none!important;max-height:none!important;overflow:visible!important";
    let colours = format!(
        "background:{background};color:{text};background:{background}!important;color:{text}!important"
    );
    let lines = [
        BEGIN.to_owned(),
        format!(
            "<table role=\"presentation\" lang=\"en\" dir=\"ltr\" width=\"100%\" cellpadding=\"0\" \
             cellspacing=\"0\" border=\"0\" bgcolor=\"{background}\""
        ),
        format!("style=\"width:100%;margin:0 0 12px 0;border-collapse:collapse;{colours};"),
        format!("display:table!important;{guard}\"><tr>"),
        format!("<td align=\"left\" bgcolor=\"{background}\" style=\"padding:10px 14px;text-align:left;"),
        format!("border-left:8px solid {border};font-family:Segoe UI,Arial,sans-serif;"),
        "font-size:14px;line-height:20px;font-size:14px!important;line-height:20px!important;".to_owned(),
        format!("{colours};display:table-cell!important;{guard}\">"),
        format!("<b>{label}:</b> {headline}{between}"),
        advice,
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

/// The text banner, in whole lines with an empty one after it; `extra` characters longer.
pub(super) fn text(words: &Words<'_>, newline: &str, extra: usize) -> String {
    let headline = ascii(words.headline);
    let advice = ascii(words.advice);
    let mut lines = wrap(&headline, COLUMNS);
    lines.extend(wrap(&advice, COLUMNS));
    if lines.len() > TEXT_LINES {
        lines = vec![headline, advice];
    }
    let mut out = String::with_capacity(512);
    // Short, because lists of mail show the first sixty characters: the reason must begin among them.
    out.push_str(TEXT_BEGIN);
    out.push_str(look(words.severity).label);
    out.push_str(" ****");
    out.push_str(newline);
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

/// ASCII text: typographic characters by their plain twins, accents dropped, the rest `?`.
fn ascii(text: &str) -> String {
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
            'ß' => out.push_str("ss"),
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
mod tests {
    use super::*;

    const WORDS: Words<'static> = Words {
        severity: Severity::Danger,
        headline: "Bank details differ from your records for “Müller & Söhne” (account ••••6819).",
        advice: "Do not reply to confirm. Call the number in your records.",
    };

    /// WCAG 2.2 relative luminance.
    fn luminance(colour: &str) -> f64 {
        let channel = |i: usize| {
            let value = f64::from(u8::from_str_radix(&colour[i..i + 2], 16).expect("hex")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_look_is_readable() {
        for severity in [Severity::None, Severity::Info, Severity::Caution, Severity::Danger] {
            let look = look(severity);
            let (light, dark) = (luminance(look.background), luminance(look.text));
            let contrast = (light + 0.05) / (dark + 0.05);
            assert!(contrast >= 4.5, "{severity:?}: {contrast:.1}");
        }
    }

    #[test]
    fn the_html_is_small_ascii_and_in_short_lines() {
        let long = "é<script>".repeat(500);
        for words in [WORDS, Words { severity: Severity::Danger, headline: &long, advice: &long }] {
            let banner = html(&words, "\r\n", 2);
            assert!(banner.is_ascii() && banner.len() < MAX_BANNER, "{} octets", banner.len());
            assert!(banner.lines().all(|line| line.len() < 998));
            assert!(
                !banner.contains("<script") && banner.starts_with(BEGIN) && banner.trim_end().ends_with(END)
            );
            assert_eq!(html(&words, "\r\n", 2).len(), html(&words, "\r\n", 0).len() + 2);
        }
        assert!(html(&WORDS, "\r\n", 0).contains("&#8220;M&#252;ller &#38; S&#246;hne&#8221;"));
    }

    #[test]
    fn the_text_is_at_most_five_lines() {
        let banner = text(&WORDS, "\r\n", 0);
        assert_eq!(
            banner,
            "**** Sentra: Warning ****\r\n\
             Bank details differ from your records for \"Muller & Sohne\" (account\r\n\
             ****6819).\r\n\
             Do not reply to confirm. Call the number in your records.\r\n\
             **** End of notice from Sentra *****************************************\r\n\r\n"
        );
        let long = "word ".repeat(300);
        let banner = text(&Words { severity: Severity::Info, headline: &long, advice: &long }, "\n", 2);
        assert!(banner.trim_end().lines().count() <= 5 && banner.lines().all(|line| line.len() < 998));
    }

    #[test]
    fn words_cannot_break_out() {
        let nasty = "a\r\nb\u{202e}c <!-- /sentra:banner --> **** End";
        let words = Words { severity: Severity::Info, headline: nasty, advice: "From here\n> x" };
        let hyphens = Words { severity: Severity::Info, headline: "a", advice: "--x --y" };
        assert!(super::text(&hyphens, "\n", 0).lines().all(|line| !line.starts_with('-')));
        assert!(html(&hyphens, "\n", 0).lines().all(|line| !line.starts_with('-')));
        assert_eq!(html(&words, "\r\n", 0).matches(END).count(), 1);
        let text = text(&words, "\r\n", 0);
        assert!(text.contains("\r\n From here > x\r\n"), "{text}");
        assert!(text.contains("**** Sentra: Check ****\r\na bc"), "{text}");
    }
}
