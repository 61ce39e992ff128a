//! What of a text its author wrote now, and what is quoted from older messages.
//!
//! A quoted invoice does not make an answer an invoice. Only the category asks: accounts and phrases count wherever they
//! stand, because a reader sees them there too.

/// How the line before a quotation ends, in the languages of the lexicons.
const WROTE: &[&str] = &[
    "wrote:",
    "schrieb:",
    "a écrit :",
    "a écrit:",
    "escribió:",
    "ha scritto:",
    "schreef:",
    "escreveu:",
    "napisał:",
    "napisał(a):",
    "napisała:",
    "pisze:",
];
/// Beginnings of the first line of a quoted header section.
const FROM: &[&str] = &["from:", "von:", "de :", "de:", "da:", "van:", "od:"];
/// Beginnings of a later line of it.
const SENT: &[&str] = &[
    "sent:",
    "date:",
    "gesendet:",
    "datum:",
    "envoyé :",
    "envoyé:",
    "date :",
    "enviado:",
    "enviado el:",
    "fecha:",
    "inviato:",
    "data:",
    "verzonden:",
    "enviada:",
    "wysłano:",
];
/// Lines of a header section in which such a line stands.
const HEADERS: usize = 4;

/// The text written now and the quoted text. Linear.
pub(super) fn split(text: &str) -> (String, String) {
    let (mut fresh, mut quoted) = (String::with_capacity(text.len()), String::new());
    let mut ended = false;
    let lines: Vec<&str> = text.split('\n').collect();
    for (at, line) in lines.iter().enumerate() {
        ended = ended || ends_here(line, lines.get(at + 1..).unwrap_or_default());
        let to = if ended || line.trim_start().starts_with('>') { &mut quoted } else { &mut fresh };
        to.push_str(line);
        to.push('\n');
    }
    (fresh, quoted)
}

/// Whether everything from this line on is quoted.
fn ends_here(line: &str, next: &[&str]) -> bool {
    let line = line.trim();
    let bytes = line.as_bytes();
    // Cheap tests first: most lines are none of these.
    let dashes = bytes.starts_with(b"---")
        && line.len() < 120
        && line.chars().filter(|c| c.is_alphabetic()).count() >= 6;
    if dashes {
        return true;
    }
    if line.ends_with(':') && line.len() < 300 {
        let lower = line.to_lowercase();
        return WROTE.iter().any(|end| lower.ends_with(end));
    }
    if line.len() < 300 && begins(line, FROM) {
        return next.iter().take(HEADERS).any(|line| line.len() < 300 && begins(line.trim(), SENT));
    }
    false
}

fn begins(line: &str, with: &[&str]) -> bool {
    with.iter().any(|start| {
        let head: String = line.chars().take(start.chars().count()).flat_map(char::to_lowercase).collect();
        head == *start
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_messages_are_told_apart() {
        for (text, fresh) in [
            ("Thanks.\n> invoice 1\nBye", "Thanks.\nBye\n"),
            ("Thanks.\nOn Mon, 2 Dec 2024 Acme wrote:\ninvoice", "Thanks.\n"),
            (
                "Danke.\nAm 02.12.2024 schrieb Acme <a@b.test>:\nRechnung",
                "Danke.\nAm 02.12.2024 schrieb Acme <a@b.test>:\nRechnung\n",
            ),
            ("Danke.\nAcme schrieb:\nRechnung", "Danke.\n"),
            ("Hi\n-----Original Message-----\nFrom: x", "Hi\n"),
            ("Hi\nFrom: a@b.test\nSent: Monday\nTo: x\ninvoice", "Hi\n"),
            ("From: the desk of Acme\nPlease pay", "From: the desk of Acme\nPlease pay\n"),
            ("Terms:\npay now", "Terms:\npay now\n"),
            ("----\ntotal", "----\ntotal\n"),
        ] {
            assert_eq!(split(text).0, fresh, "{text}");
        }
    }
}
