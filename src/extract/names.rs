//! In whose name a message presents itself: the letterhead of a document, the signature below a body.
//!
//! Only lines that name a company by its legal form are taken (`Acme Supplies Ltd`, `Müller Stahl GmbH`), because business
//! letters have to show it, and from nowhere but the head and the foot. What is found is a claim to be compared with the
//! suppliers on record, never a proof.

use crate::limits::{MAX_NAME_CLAIMS, NAME_LINES};
use crate::model::{PartKind, PaymentClaims, Place, Sourced};

/// Legal forms as they are written, in small letters.
const LEGAL_FORMS: &[&str] = &[
    "ltd",
    "ltd.",
    "limited",
    "plc",
    "llp",
    "llc",
    "inc",
    "inc.",
    "corp",
    "corp.",
    "corporation",
    "gmbh",
    "ag",
    "kg",
    "ohg",
    "ug",
    "e.k.",
    "mbh",
    "b.v.",
    "bv",
    "n.v.",
    "nv",
    "s.a.",
    "sa",
    "sas",
    "s.a.s.",
    "sarl",
    "s.a.r.l.",
    "s.r.l.",
    "srl",
    "s.p.a.",
    "spa",
    "s.l.",
    "sl",
    "s.l.u.",
    "lda",
    "lda.",
    "ab",
    "oy",
    "a/s",
    "aps",
    "as",
    "pty",
    "z.o.o.",
    "sp.",
];
/// Characters of a line that may be a name.
const LONGEST: usize = 80;

/// Collects the names at the head and foot of a text.
pub(super) fn read(text: &str, place: &Place, claims: &mut PaymentClaims) {
    let first_page = place.page.is_none_or(|page| page == 1);
    if !place.is_print() || !first_page {
        return;
    }
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let (head, foot) = match place.part {
        PartKind::Attachment => (lines().take(NAME_LINES), lines().rev().take(NAME_LINES / 2)),
        // A body begins with whom it speaks to.
        PartKind::Body | PartKind::Html => (lines().take(0), lines().rev().take(NAME_LINES)),
    };
    for name in head.chain(foot).filter_map(name_in) {
        let known = claims.names.iter().any(|known| known.value == name);
        if claims.names.len() < MAX_NAME_CLAIMS && !known {
            claims.names.push(Sourced { value: name.to_owned(), place: place.clone() });
        }
    }
}

/// The name of a company that a line shows first.
fn name_in(line: &str) -> Option<&str> {
    let first = line.split(['|', '•', '·', ',', ';', '\t']).next()?;
    let first = first.split(" - ").next()?.split(" – ").next()?;
    let name = first.trim().trim_matches(['*', '_', '-', '~', '#']).trim();
    let strange = name.contains(['@', ':', '/', '?', '!']) && !name.to_lowercase().contains("a/s");
    let mut words = name.split_whitespace();
    // The form stands behind the name.
    let shows_form = words.next().is_some()
        && words.any(|word| LEGAL_FORMS.contains(&word.trim_matches(['(', ')']).to_lowercase().as_str()));
    let digits = name.chars().filter(char::is_ascii_digit).count();
    (shows_form && !strange && digits <= 6 && name.chars().count() <= LONGEST).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lines_with_a_legal_form() {
        for (line, expected) in [
            ("Acme Building Supplies Ltd", Some("Acme Building Supplies Ltd")),
            (
                "  **Acme Building Supplies Limited** | Registered in England",
                Some("Acme Building Supplies Limited"),
            ),
            ("Müller Stahl GmbH & Co. KG, Hauptstr. 1", Some("Müller Stahl GmbH & Co. KG")),
            ("Bolt Fixings S.r.l. - Via Roma 1", Some("Bolt Fixings S.r.l.")),
            ("Kind regards", None),
            ("Ltd", None),
            ("To: Contoso Ltd", None),
            ("Pay Acme Ltd at https://pay.example", None),
        ] {
            assert_eq!(name_in(line), expected, "{line}");
        }
    }

    #[test]
    fn only_head_and_foot_are_read() {
        let filler = "A line of goods\n".repeat(60);
        let text = format!("Head Ltd\n{filler}Middle Ltd\n{filler}Foot Ltd\n");
        let names = |part| {
            let mut claims = PaymentClaims::default();
            read(&text, &Place::of(part, 0), &mut claims);
            claims.names.into_iter().map(|name| name.value).collect::<Vec<_>>()
        };
        assert_eq!(names(PartKind::Attachment), ["Head Ltd", "Foot Ltd"]);
        assert_eq!(names(PartKind::Body), ["Foot Ltd"]);
        let mut claims = PaymentClaims::default();
        let many: String = (0..500).map(|n| format!("Firm {n} Ltd\n")).collect();
        read(&many, &Place::of(PartKind::Attachment, 0), &mut claims);
        assert!(claims.names.len() <= MAX_NAME_CLAIMS);
    }
}
