//! Rich Text Format (1.9.1): visible text, hidden text (`\v`, deletions, annotations), field codes.
//!
//! A walk with a stack of group states; unknown destinations are skipped, as the format asks. What an embedded object
//! holds is not read and said so.

use super::reading::Reading;
use super::{File, Format};
use crate::limits::RTF_DEPTH;
use crate::model::{SpanKind, Unread};
use encoding_rs::Encoding;

/// Destinations without text that people read.
const SKIPPED: &[&str] = &[
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "themedata",
    "colorschememapping",
    "datastore",
    "latentstyles",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "xmlnstbl",
    "filetbl",
    "revtbl",
    "blipuid",
    "pgdsctbl",
    "panose",
    "falt",
    "nonshppict",
    "bkmkstart",
    "bkmkend",
    "sn",
    "mmathPr",
    "private",
    "atnid",
    "atnauthor",
    "atntime",
    "atndate",
    "atnref",
    "htmltag",
    "mhtmltag",
];
/// Destinations after `\*` that are read all the same.
const TEXTUAL: &[&str] = &[
    "fldinst",
    "shpinst",
    "shptxt",
    "sp",
    "sv",
    "annotation",
    "shppict",
    "footnote",
    "nesttableprops",
    "txfieldtext",
    "formfield",
    "ffdeftext",
    "ffl",
];

/// RTF.
pub(super) struct Rtf;

impl Format for Rtf {
    fn media_type(&self) -> &'static str {
        "text/rtf"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        file.octets.trim_ascii_start().starts_with(b"{\\rt")
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        read(file.octets, reading);
    }
}

/// Reads RTF text.
pub(super) fn read(octets: &[u8], reading: &mut Reading<'_>) {
    let mut walk = Walk::new();
    walk.run(octets, reading);
    reading.say(SpanKind::Visible, None, &walk.shown);
    reading.say(SpanKind::Hidden, None, &walk.hidden);
    reading.say(SpanKind::Machine, None, &walk.code);
}

/// What holds inside a group.
#[derive(Clone, Copy)]
struct Group {
    skip: bool,
    hidden: bool,
    code: bool,
    /// Characters that stand for one of Unicode, for programs that don't know it.
    substitutes: usize,
}

struct Walk {
    shown: String,
    hidden: String,
    code: String,
    group: Group,
    outer: Vec<Group>,
    encoding: &'static Encoding,
    /// Octets of the current code page, not yet decoded: a character may take two.
    pending: Vec<u8>,
    surrogate: Option<u16>,
    /// Substitutes still to be skipped.
    passing: usize,
    /// `\*` was the last word.
    starred: bool,
    has_object: bool,
}

impl Walk {
    fn new() -> Self {
        Self {
            shown: String::new(),
            hidden: String::new(),
            code: String::new(),
            group: Group { skip: false, hidden: false, code: false, substitutes: 1 },
            outer: Vec::new(),
            encoding: encoding_rs::WINDOWS_1252,
            pending: Vec::new(),
            surrogate: None,
            passing: 0,
            starred: false,
            has_object: false,
        }
    }

    fn run(&mut self, octets: &[u8], reading: &mut Reading<'_>) {
        let mut rest = octets;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match first {
                b'{' => {
                    self.flush();
                    if self.outer.len() >= RTF_DEPTH {
                        reading.gap(Unread::Limit);
                        return;
                    }
                    self.outer.push(self.group);
                    self.passing = 0;
                }
                b'}' => {
                    self.flush();
                    match self.outer.pop() {
                        Some(outer) => self.group = outer,
                        None => break,
                    }
                    self.starred = false;
                    self.passing = 0;
                }
                b'\\' => rest = self.control(after),
                b'\r' | b'\n' => {}
                octet => self.octet(*octet),
            }
        }
        self.flush();
        if !self.outer.is_empty() {
            reading.gap(Unread::Damaged);
        }
        if self.has_object {
            reading.gap(Unread::Unsupported);
        }
    }

    /// A control symbol or word after its backslash; gives back what follows.
    fn control<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let Some((first, after)) = octets.split_first() else { return octets };
        match first {
            b'\'' => {
                let digits = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
                if let Some(octet) = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                    self.octet(octet);
                }
                after.get(2..).unwrap_or_default()
            }
            b'*' => {
                self.starred = true;
                after
            }
            b'~' => self.symbol(" ", after),
            b'_' => self.symbol("-", after),
            b'\\' | b'{' | b'}' => {
                self.octet(*first);
                after
            }
            b'\r' | b'\n' => self.symbol("\n", after),
            octet if octet.is_ascii_alphabetic() => self.word_at(octets),
            _ => after,
        }
    }

    fn symbol<'a>(&mut self, text: &str, after: &'a [u8]) -> &'a [u8] {
        self.text(text);
        after
    }

    fn word_at<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let length = octets.iter().take(32).take_while(|octet| octet.is_ascii_alphabetic()).count();
        let (word, mut rest) = octets.split_at_checked(length).unwrap_or((octets, &[]));
        let word = std::str::from_utf8(word).unwrap_or_default();
        let negative = rest.first() == Some(&b'-');
        let digits = rest.get(usize::from(negative)..).unwrap_or_default();
        let count = digits.iter().take(10).take_while(|octet| octet.is_ascii_digit()).count();
        let mut parameter = None;
        if count > 0 {
            let text = digits.get(..count).and_then(|digits| std::str::from_utf8(digits).ok());
            let number = text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            parameter = Some(if negative { -number } else { number });
            rest = digits.get(count..).unwrap_or_default();
        }
        // One space ends the word and belongs to it.
        rest = rest.strip_prefix(b" ").unwrap_or(rest);
        if word == "bin" {
            let skipped = usize::try_from(parameter.unwrap_or(0)).unwrap_or(0);
            return rest.get(skipped..).unwrap_or_default();
        }
        self.word(word, parameter);
        rest
    }

    fn word(&mut self, word: &str, parameter: Option<i64>) {
        let starred = std::mem::take(&mut self.starred);
        if self.passing > 0 && word != "u" {
            self.passing -= 1;
            return;
        }
        let on = parameter != Some(0);
        if SKIPPED.contains(&word) || (starred && !TEXTUAL.contains(&word)) {
            self.has_object |= word == "objdata";
            self.flush();
            self.group.skip = true;
            return;
        }
        match word {
            "objdata" => {
                self.has_object = true;
                self.group.skip = true;
            }
            "u" => self.unicode(parameter.unwrap_or(0)),
            "uc" => self.group.substitutes = usize::try_from(parameter.unwrap_or(1)).unwrap_or(1).min(8),
            "ansicpg" => self.encoding = code_page(parameter.unwrap_or(1252)),
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "v" | "deleted" => self.set_hidden(on),
            "plain" => self.set_hidden(false),
            "annotation" => self.set_hidden(true),
            "fldinst" => {
                self.flush();
                self.group.code = true;
            }
            "par" | "line" | "page" | "sect" | "row" | "nestrow" | "column" => self.text("\n"),
            "tab" | "cell" | "nestcell" => self.text("\t"),
            "emdash" | "endash" => self.text("-"),
            "enspace" | "emspace" | "qmspace" => self.text(" "),
            _ => {}
        }
    }

    fn set_hidden(&mut self, hidden: bool) {
        self.flush();
        self.group.hidden = hidden;
    }

    /// `\uN`: one unit of UTF-16, as a signed number.
    fn unicode(&mut self, number: i64) {
        self.flush_octets();
        let Ok(unit) = u16::try_from(number.rem_euclid(65_536)) else { return };
        let units = match self.surrogate.take() {
            Some(high) => vec![high, unit],
            None if (0xD800..0xDC00).contains(&unit) => {
                self.surrogate = Some(unit);
                Vec::new()
            }
            None => vec![unit],
        };
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect();
        self.push(&text);
        self.passing = self.group.substitutes;
    }

    fn octet(&mut self, octet: u8) {
        self.starred = false;
        if self.passing > 0 {
            self.passing -= 1;
        } else if !self.group.skip {
            self.pending.push(octet);
        }
    }

    fn text(&mut self, text: &str) {
        self.flush();
        self.push(text);
    }

    fn flush(&mut self) {
        self.flush_octets();
        if self.surrogate.take().is_some() {
            self.push("\u{FFFD}");
        }
    }

    fn flush_octets(&mut self) {
        if !self.pending.is_empty() {
            let octets = std::mem::take(&mut self.pending);
            let text = self.encoding.decode_without_bom_handling(&octets).0;
            self.push(&text);
        }
    }

    fn push(&mut self, text: &str) {
        if self.group.skip {
            return;
        }
        let to = if self.group.code {
            &mut self.code
        } else if self.group.hidden {
            &mut self.hidden
        } else {
            &mut self.shown
        };
        to.push_str(text);
    }
}

fn code_page(number: i64) -> &'static Encoding {
    let label = match number {
        874 => "windows-874".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        65_001 => "utf-8".to_owned(),
        10_000 => "macintosh".to_owned(),
        number => format!("windows-{number}"),
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::WINDOWS_1252)
}
