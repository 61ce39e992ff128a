//! Character references (HTML 13.1.4) that occur in mail: all numeric ones, and the named ones of Latin-1, typography
//! and punctuation. Others stay as written: they cannot be part of a number.

use std::borrow::Cow;

/// Longest reference that is looked at.
const MAX_REFERENCE: usize = 12;

/// Named references; the semicolon is optional, as in browsers.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("NonBreakingSpace", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("emsp13", ' '),
    ("emsp14", ' '),
    ("numsp", ' '),
    ("puncsp", ' '),
    ("thinsp", ' '),
    ("ThinSpace", ' '),
    ("hairsp", ' '),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("shy", '\u{ad}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("NoBreak", '\u{2060}'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("ndash", '-'),
    ("mdash", '-'),
    ("dash", '-'),
    ("hyphen", '-'),
    ("horbar", '-'),
    ("minus", '-'),
    ("period", '.'),
    ("comma", ','),
    ("colon", ':'),
    ("semi", ';'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("num", '#'),
    ("excl", '!'),
    ("quest", '?'),
    ("commat", '@'),
    ("lowbar", '_'),
    ("plus", '+'),
    ("equals", '='),
    ("percnt", '%'),
    ("dollar", '$'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("rsqb", ']'),
    ("ast", '*'),
    ("verbar", '|'),
    ("grave", '`'),
    ("pound", '£'),
    ("euro", '€'),
    ("yen", '¥'),
    ("cent", '¢'),
    ("curren", '¤'),
    ("sect", '§'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("deg", '°'),
    ("ordm", 'º'),
    ("ordf", 'ª'),
    ("sup1", '¹'),
    ("sup2", '²'),
    ("sup3", '³'),
    ("frac12", '½'),
    ("frac14", '¼'),
    ("micro", 'µ'),
    ("para", '¶'),
    ("middot", '·'),
    ("bull", '•'),
    ("hellip", '…'),
    ("lsquo", '\''),
    ("rsquo", '\''),
    ("sbquo", '\''),
    ("ldquo", '"'),
    ("rdquo", '"'),
    ("bdquo", '"'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("times", '×'),
    ("divide", '÷'),
    ("plusmn", '±'),
    ("iexcl", '¡'),
    ("iquest", '¿'),
    ("szlig", 'ß'),
    ("Agrave", 'À'),
    ("Aacute", 'Á'),
    ("Acirc", 'Â'),
    ("Atilde", 'Ã'),
    ("Auml", 'Ä'),
    ("Aring", 'Å'),
    ("AElig", 'Æ'),
    ("Ccedil", 'Ç'),
    ("Egrave", 'È'),
    ("Eacute", 'É'),
    ("Ecirc", 'Ê'),
    ("Euml", 'Ë'),
    ("Igrave", 'Ì'),
    ("Iacute", 'Í'),
    ("Icirc", 'Î'),
    ("Iuml", 'Ï'),
    ("Ntilde", 'Ñ'),
    ("Ograve", 'Ò'),
    ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'),
    ("Otilde", 'Õ'),
    ("Ouml", 'Ö'),
    ("Oslash", 'Ø'),
    ("Ugrave", 'Ù'),
    ("Uacute", 'Ú'),
    ("Ucirc", 'Û'),
    ("Uuml", 'Ü'),
    ("Yacute", 'Ý'),
    ("agrave", 'à'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("aring", 'å'),
    ("aelig", 'æ'),
    ("ccedil", 'ç'),
    ("egrave", 'è'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("igrave", 'ì'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("ntilde", 'ñ'),
    ("ograve", 'ò'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("oslash", 'ø'),
    ("ugrave", 'ù'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("yacute", 'ý'),
    ("yuml", 'ÿ'),
    ("oelig", 'œ'),
    ("OElig", 'Œ'),
    ("lstrok", 'ł'),
    ("sacute", 'ś'),
    ("zdot", 'ż'),
    ("eogon", 'ę'),
    ("aogon", 'ą'),
    ("cacute", 'ć'),
    ("nacute", 'ń'),
    ("zacute", 'ź'),
];

/// Replaces character references. Linear: each is at most twelve octets long.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        rest = match reference(after) {
            Some((c, length)) => {
                out.push(c);
                after.get(length..).unwrap_or_default()
            }
            None => {
                out.push('&');
                after
            }
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character and the length of the reference after `&`.
fn reference(after: &str) -> Option<(char, usize)> {
    let length =
        after.bytes().take(MAX_REFERENCE + 8).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
    let body = after.get(..length)?;
    let with_semicolon = |used: usize| used + usize::from(after.as_bytes().get(used) == Some(&b';'));
    if let Some(number) = body.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let digits = hex.unwrap_or(number);
        let radix = if hex.is_some() { 16 } else { 10 };
        let count = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
        let code = u32::from_str_radix(digits.get(..count)?, radix).ok()?;
        let used = length - digits.len() + count;
        return Some((windows_1252(code), with_semicolon(used)));
    }
    let named = |name: &str| NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
    if let Some(c) = named(body) {
        return Some((c, with_semicolon(length)));
    }
    // Without a semicolon browsers take the longest name: "&pound12".
    let (name, c) =
        NAMED.iter().filter(|(name, _)| body.starts_with(name)).max_by_key(|(name, _)| name.len())?;
    (body.as_bytes().get(name.len()).is_some_and(u8::is_ascii_digit)).then_some((*c, name.len()))
}

/// References 128 to 159 mean windows-1252 (HTML 13.2.5.80).
fn windows_1252(code: u32) -> char {
    match u8::try_from(code) {
        Ok(byte @ 0x80..=0x9f) => {
            let octets = [byte];
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&octets);
            text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}
