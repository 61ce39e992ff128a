//! What a browser runs when a page is opened as a file. Mail clients run nothing of it, browsers all of it, so what a
//! page with scripts shows can't be read out of it.

use lol_html::html_content::Element;

/// Types of `<script>` that are data.
const DATA: &[&str] =
    &["application/ld+json", "application/json", "text/template", "text/x-handlebars-template"];
/// What printable pages do at the press of a button.
const HARMLESS: &[&str] = &[
    "window.print()",
    "print()",
    "javascript:window.print()",
    "javascript:print()",
    "history.back()",
    "window.close()",
    "javascript:void(0)",
    "returnfalse",
];

/// Whether an element runs a program, or holds or loads another page in which one may.
pub(super) fn runs(element: &Element<'_, '_>, tag: &str) -> bool {
    let data = || {
        let kind = element.get_attribute("type").unwrap_or_default();
        DATA.iter().any(|known| kind.trim().eq_ignore_ascii_case(known))
    };
    let by_tag = match tag {
        "script" => !data(),
        "applet" | "portal" => true,
        "iframe" | "frame" | "object" | "embed" => {
            let names = ["src", "srcdoc", "data", "code"];
            names.iter().filter_map(|name| element.get_attribute(name)).any(|value| !value.trim().is_empty())
        }
        "meta" => {
            refreshes(element).is_some_and(|target| is_program(&target) || starts_with(&target, "data:"))
        }
        // SVG can set an attribute, also an event handler, while it runs.
        "set" | "animate" => element.get_attribute("attributename").is_some_and(|name| {
            let name = name.trim().to_ascii_lowercase();
            name.starts_with("on") || name.ends_with("href")
        }),
        _ => false,
    };
    by_tag || element.attributes().iter().any(|attribute| by_attribute(&attribute.name(), &attribute.value()))
}

/// Where `<meta http-equiv=refresh>` leads.
pub(super) fn refreshes(element: &Element<'_, '_>) -> Option<String> {
    let refresh = element.get_attribute("http-equiv")?.trim().eq_ignore_ascii_case("refresh");
    let content = element.get_attribute("content").filter(|_| refresh)?;
    let content = super::entities::decode(&content).into_owned();
    let (_, target) = content.split_once([';', ','])?;
    let target = target.trim();
    let target = match target.get(..3) {
        Some(word) if word.eq_ignore_ascii_case("url") => target.get(3..).unwrap_or_default().trim_start(),
        _ => target,
    };
    let target = target.trim_start_matches('=').trim().trim_matches(['"', '\'']);
    (!target.is_empty()).then(|| target.to_owned())
}

fn by_attribute(name: &str, value: &str) -> bool {
    let handler = name.len() > 3 && name.starts_with("on") && name.bytes().all(|b| b.is_ascii_alphabetic());
    let address = matches!(name, "href" | "xlink:href" | "src" | "action" | "formaction" | "data");
    if !handler && !address {
        return false;
    }
    let value = super::entities::decode(value);
    if handler { !is_harmless(&value) } else { is_program(&value) && !is_harmless(&value) }
}

fn is_harmless(value: &str) -> bool {
    let plain: String =
        value.chars().filter(|c| !c.is_whitespace() && *c != ';').collect::<String>().to_ascii_lowercase();
    plain.is_empty() || HARMLESS.contains(&plain.as_str())
}

fn is_program(target: &str) -> bool {
    starts_with(target, "javascript:") || starts_with(target, "vbscript:")
}

/// Browsers pass over white space and control characters in a scheme.
fn starts_with(target: &str, scheme: &str) -> bool {
    let mut chars = target.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    scheme.chars().all(|c| chars.next().is_some_and(|found| found.eq_ignore_ascii_case(&c)))
}
