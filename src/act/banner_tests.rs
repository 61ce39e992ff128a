use super::*;
use crate::model::{LANGUAGES, Severity};

const HEADLINE: &str = "Bank details differ from your records for “Müller & Söhne” (account ••••6819).";
const ADVICE: &str = "Do not reply to confirm. Call the number in your records.";

fn words() -> Words {
    Words::plain(Severity::Danger, HEADLINE, ADVICE)
}

#[test]
fn the_html_is_small_ascii_and_in_short_lines() {
    let long = "é<script>".repeat(500);
    let mut longest = Words::plain(Severity::Danger, &long, &long);
    longest.page = Some(format!("https://{}", "x".repeat(MAX_PAGE - 8)));
    longest.said.link = "é".repeat(40);
    longest.said.label = "é".repeat(24);
    for words in [words(), longest] {
        let banner = html(&words, "\r\n", 2);
        assert!(banner.is_ascii() && banner.len() < MAX_BANNER, "{} octets", banner.len());
        assert!(banner.lines().all(|line| line.len() < 998));
        assert!(!banner.contains("<script") && banner.starts_with(BEGIN) && banner.trim_end().ends_with(END));
        assert_eq!(html(&words, "\r\n", 2).len(), html(&words, "\r\n", 0).len() + 2);
    }
    assert!(html(&words(), "\r\n", 0).contains("&#8220;M&#252;ller &#38; S&#246;hne&#8221;"));
}

#[test]
fn the_text_is_at_most_five_lines_with_the_reason_first() {
    let mut words = words();
    words.page = Some("https://sentra.example/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned());
    assert_eq!(
        text(&words, "\r\n", 0),
        "**** Sentra: Bank details differ from your records for \"Muller & Sohne\"\r\n\
         (account ****6819).\r\n\
         Do not reply to confirm. Call the number in your records.\r\n\
         Open the review page: https://sentra.example/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV\r\n\
         **** Sentra ************************************************************\r\n\r\n"
    );
    let long = "word ".repeat(300);
    words = Words { page: words.page, ..Words::plain(Severity::Info, &long, &long) };
    let banner = text(&words, "\n", 2);
    assert!(banner.trim_end().lines().count() <= 5 && banner.lines().all(|line| line.len() < 998));
}

#[test]
fn german_is_written_out_and_others_lose_their_accents() {
    assert_eq!(ascii("Müller prüft „Straße“", true), "Mueller prueft \"Strasse\"");
    assert_eq!(ascii("Müller — żółć, ça, Ł", false), "Muller - zolc, ca, L");
}

#[test]
fn words_cannot_break_out() {
    let nasty = "a\r\nb\u{202e}c <!-- /sentra:banner --> **** End";
    let words = Words::plain(Severity::Info, nasty, "From here\n> x");
    let hyphens = Words::plain(Severity::Info, "a", "--x --y");
    assert!(super::text(&hyphens, "\n", 0).lines().all(|line| !line.starts_with('-')));
    assert!(html(&hyphens, "\n", 0).lines().all(|line| !line.starts_with('-')));
    assert_eq!(html(&words, "\r\n", 0).matches(END).count(), 1);
    let text = text(&words, "\r\n", 0);
    assert!(text.contains("\r\n From here > x\r\n"), "{text}");
    assert!(text.contains("**** Sentra: a bc"), "{text}");
    let mut linked = words;
    for page in ["https://x\" onclick=\"y", "https://x\r\nBcc: z", "https://é.example"] {
        linked.page = Some(page.to_owned());
        assert!(!html(&linked, "\n", 0).contains("<a "), "{page}");
    }
}

/// What Word, which renders for Outlook on Windows, honours ("Word 2007 HTML and CSS rendering capabilities in
/// Outlook 2007", Microsoft; unchanged since), as far as the banner uses it.
const WORD_HONOURS: &[&str] = &[
    "background",
    "border-collapse",
    "border-left",
    "color",
    "display",
    "font-family",
    "font-size",
    "line-height",
    "margin",
    "mso-hide",
    "padding",
    "text-align",
    "text-decoration",
    "width",
];
/// What Word ignores and other clients need against a sender's style sheet: the banner looks the same without.
const ONLY_ELSEWHERE: &[&str] =
    &["visibility", "opacity", "position", "float", "transform", "max-height", "overflow"];

#[test]
fn the_html_stays_within_what_outlook_renders() {
    let mut words = words();
    words.page = Some("https://sentra.example/messages/1".to_owned());
    let banner = html(&words, "\n", 0).replace('\n', " ");
    let tags: Vec<&str> = banner.split('<').skip(1).filter(|tag| !tag.starts_with('!')).collect();
    for tag in &tags {
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap();
        assert!(["table", "tr", "td", "b", "br", "a"].contains(&name), "{tag}");
        let style = tag.split_once("style=\"").map_or("", |(_, rest)| rest.split('"').next().unwrap());
        for property in style.split(';').map(str::trim).filter(|property| !property.is_empty()) {
            let (property, value) = property.split_once(':').unwrap();
            assert!(WORD_HONOURS.contains(&property) || ONLY_ELSEWHERE.contains(&property), "{property}");
            // Word takes padding from cells only.
            assert!(property != "padding" || name == "td", "{tag}");
            assert!(!value.contains("url(") && !value.contains("var("), "{value}");
        }
    }
    assert!(banner.contains("bgcolor=") && banner.contains("lang=\"en\" dir=\"ltr\""));
    assert!(!banner.contains("<img") && !banner.contains("class="));
}

#[test]
fn every_language_says_every_general_sentence_in_a_small_banner() {
    for language in LANGUAGES {
        for severity in [Severity::Info, Severity::Caution, Severity::Danger] {
            let verdict = crate::model::Verdict { severity, ..crate::model::Verdict::default() };
            let said = crate::model::Speaker::new(language, None, None).of_verdict(&verdict);
            let words = Words { said, page: None };
            assert!(html(&words, "\r\n", 2).len() < MAX_BANNER);
            assert!(text(&words, "\r\n", 2).trim_end().lines().count() <= 5);
            assert!(html(&words, "\r\n", 0).contains(&format!("lang=\"{language}\"")));
        }
    }
}

/// What people read, whole, one file a language: `tests/banner/*.golden`. `SENTRA_BLESS=1` writes them anew.
#[test]
fn every_banner_reads_as_reviewed() {
    const SAID: [(&str, Severity); 13] = [
        ("BANK_DETAILS_CHANGED", Severity::Danger),
        ("ACCOUNT_OF_OTHER_SUPPLIER", Severity::Danger),
        ("ACCOUNT_BLOCKED", Severity::Danger),
        ("ACCOUNT_RETIRED", Severity::Danger),
        ("ACCOUNT_PENDING", Severity::Caution),
        ("SUPPLIER_IMPERSONATED", Severity::Danger),
        ("LOOKALIKE_DOMAIN", Severity::Danger),
        ("EXECUTIVE_IMPERSONATED", Severity::Danger),
        ("SUPPLIER_UNKNOWN", Severity::Caution),
        ("DOCUMENT_UNREADABLE", Severity::Caution),
        ("MESSAGE_UNREADABLE", Severity::Caution),
        ("REPLY_TO_DIVERTED", Severity::Caution),
        ("ACCOUNT_VERIFIED", Severity::Info),
    ];
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/banner");
    let rules = std::fs::read_dir(root.join("rules")).unwrap();
    let rules: String = rules
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect::<Vec<_>>()
        .concat();
    for language in LANGUAGES {
        let mut whole = String::new();
        for (code, severity) in SAID {
            assert!(rules.contains(&format!("code = \"{code}\"")), "{code} is a rule");
            let words = Words { said: said(language, code, severity), page: Some(PAGE.to_owned()) };
            whole.push_str(&format!("== {code}\n{}", text(&words, "\n", 0)));
        }
        for (code, severity) in [SAID[0], SAID[8], SAID[12]] {
            let words = Words { said: said(language, code, severity), page: Some(PAGE.to_owned()) };
            whole.push_str(&format!("== HTML of {code}\n{}", html(&words, "\n", 0)));
        }
        let released = crate::model::Speaker::new(language, None, None).of_release("");
        whole.push_str(&format!("== released\n{}", text(&Words { said: released, page: None }, "\n", 0)));
        let file = folder.join(format!("{language}.golden"));
        if std::env::var_os("SENTRA_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &whole).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(whole, golden, "{language}: SENTRA_BLESS=1 writes the file anew; then read it");
    }
}

const PAGE: &str = "https://sentra.contoso.example/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// As said of the sample supplier; English sentences stand in the rules, so the rules' own are taken.
fn said(language: &str, code: &str, severity: Severity) -> BannerWords {
    let values = std::collections::BTreeMap::from([
        ("supplier.name", "Acme Building Supplies".to_owned()),
        ("reply_to.domain", "mail.example".to_owned()),
        ("lookalike.domain", "acme-suppiies.example".to_owned()),
        ("display_name.of", "Ada Lovelace".to_owned()),
    ]);
    let spoken = crate::model::Spoken { code: code.to_owned(), values };
    let (headline, advice) = if language == "en" { english(code, &spoken) } else { Default::default() };
    let verdict = crate::model::Verdict {
        severity,
        headline,
        advice,
        spoken: Some(spoken),
        ..crate::model::Verdict::default()
    };
    crate::model::Speaker::new(language, None, None).of_verdict(&verdict)
}

fn english(code: &str, spoken: &crate::model::Spoken) -> (String, String) {
    #[derive(serde::Deserialize)]
    struct File {
        rule: Vec<Rule>,
    }
    #[derive(serde::Deserialize)]
    struct Rule {
        code: String,
        text: String,
        advice: String,
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for name in ["accounts", "identity", "form", "pressure"] {
        let content = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let file: File = toml::from_str(&content).unwrap();
        if let Some(rule) = file.rule.into_iter().find(|rule| rule.code == code) {
            return (spoken.say(&crate::model::Sentence::parse(&rule.text).unwrap()), rule.advice);
        }
    }
    panic!("no rule {code}");
}
