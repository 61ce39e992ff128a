//! What the recipient sees and what not.

use super::read;

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn visible_and_hidden_text() {
    for (name, html, visible, hidden) in [
        ("inline", "a<b>b</b>c", "abc", ""),
        ("blocks", "<div>a</div><div>b</div><p>c<br>d", "a b c d", ""),
        ("cells", "<table><tr><td>20-00-00<td>55779911</table>", "20-00-00 55779911", ""),
        ("hidden digits", "12<span style='display:none'>99</span>34", "1234", "99"),
        ("hidden attribute", "a<div hidden>b</div>c", "a c", "b"),
        ("visibility", "a<span style=\"VISIBILITY : hidden\">b</span>", "a", "b"),
        ("font size", "a<span style='font-size:0'>b</span><i style='font-size:1px'>c</i>", "a", "b c"),
        ("normal font size", "<span style='font-size:1em'>b</span><i style='font-size:10px'>c</i>", "bc", ""),
        ("opacity", "<p style='opacity:0'>b</p>c", "c", "b"),
        ("mso-hide", "<p style='mso-hide:all'>b</p>c", "c", "b"),
        ("clipped", "<p style='max-height:0;overflow:hidden'>b</p>c", "c", "b"),
        (
            "class",
            "<style>.x,td.y{display:none}</style><p class='a x'>b</p><table><td class=y>c</table>d",
            "d",
            "b c",
        ),
        ("media rule", "<style>@media screen{.x{display:none}}</style><p class=x>b</p>", "b", ""),
        ("unclosed", "<p style='display:none'>a<p>b", "b", "a"),
        ("nested", "<div style='display:none'>a<b>b</b><div>c</div></div>d", "d", "ab c"),
        ("script", "a<script>var b='<p>c</p>'</script>d", "ad", ""),
        ("comment", "a<!-- b -->c", "ac", ""),
        ("conditional comment", "a<!--[if mso]><p>b</p><![endif]-->c", "ac", "b"),
        ("title", "<head><title>a</title></head><body>b", "b", ""),
        ("input", "<input value='GB29'><input type=hidden value=x>", "GB29", "x"),
        ("placeholder", "<input placeholder='GB29'><textarea placeholder=x></textarea>", "GB29 x", ""),
        ("label of an option", "<select><option label='GB29'></select>", "GB29", ""),
        ("title of an element", "a<span title='GB29'>b</span>", "ab", "GB29"),
        ("alt", "<img alt='Sort code 20-00-00'>", "Sort code 20-00-00", ""),
        (
            "entities",
            "&pound;1&nbsp;234&#46;50 &#x20AC;2 &amp;amp; &#128; &bogus;",
            "£1 234.50 €2 &amp; € &bogus;",
            "",
        ),
    ] {
        let text = read(html);
        assert_eq!(
            (words(&text.visible), words(&text.hidden)),
            (visible.to_owned(), hidden.to_owned()),
            "{name}"
        );
        assert!(!text.incomplete, "{name}");
    }
}

#[test]
fn digits_join_as_some_client_shows_them() {
    let decoys = [
        ("element", "<style>i{display:none}</style>", "<i>99</i>"),
        ("combinator", "<style>p span.y i{display:none}</style>", "<span class=y><i>99</i></span>"),
        ("attribute", "<style>[data-x]{display:none}</style>", "<b data-x=1>99</b>"),
        ("state", "<style>b.x:hover{display:none}</style>", "<b class=x>99</b>"),
        ("some screens", "<style>@media screen{.x{display:none}}</style>", "<b class=x>99</b>"),
        ("white", "", "<span style='color:#ffffff'>99</span>"),
        ("white by attribute", "", "<font color=white>99</font>"),
        (
            "colour of the background",
            "<div style='background:#123'>",
            "<b style='color:rgb(17,34,51)'>99</b>",
        ),
        ("tiny", "", "<span style='font-size:.1em'>99</span>"),
        ("short form", "", "<span style='font:0/0 a'>99</span>"),
        ("comment in the style", "", "<span style='display:/**/none'>99</span>"),
        ("escape in the style", "", "<span style='d\\69splay:none'>99</span>"),
        ("clipped", "", "<span style='position:absolute;clip:rect(0,0,0,0)'>99</span>"),
        ("shrunk", "", "<span style='transform:scale(0)'>99</span>"),
        ("template", "", "<template>99</template>"),
        ("suggestions", "", "<datalist><option>99</datalist>"),
        (
            "shown against its class",
            "<style>.x{display:none}</style>",
            "<b class=x style='display:inline!important'></b>",
        ),
    ];
    for (name, before, decoy) in decoys {
        let text = read(&format!("{before}<p>12{decoy}34</p>"));
        let readings = [&text.visible, &text.readings[0], &text.readings[1]];
        assert!(readings.iter().any(|text| text.contains("1234")), "{name}: {text:?}");
    }
    let late = read("<p>12<i class=x>99</i>34</p><style>.x{display:none}</style>");
    assert!(late.visible.contains("1234"), "{late:?}");
    let kept = read("<style>.x{display:none}</style>12<b class=x style='display:inline!important'>34</b>");
    assert!(kept.readings[0].contains("1234"), "{kept:?}");
}

#[test]
fn text_without_hiding_has_one_reading() {
    assert_eq!(read("<p style='color:#333;font:14px Arial'>a</p>").readings, <[String; 2]>::default());
}

#[test]
fn turned_text_is_marked() {
    for html in ["<bdo dir=RTL>43</bdo>", "<i style='unicode-bidi:bidi-override;direction:rtl'>43</i>"] {
        assert_eq!(read(html).visible, "\u{202e}43\u{202c}");
    }
}

#[test]
fn hostile_markup_ends() {
    for (name, html) in [
        ("nesting", "<div>".repeat(100_000)),
        ("attributes", format!("<p {}>x", "a=b ".repeat(100_000))),
        ("bold", "<b>".repeat(300_000)),
        ("entities", "&".repeat(1_000_000)),
        ("open tag", "<".repeat(1_000_000)),
        ("hidden", "<p hidden><i hidden>".repeat(50_000)),
        ("style", "<style>".to_owned() + &".a{display:none}".repeat(50_000)),
    ] {
        let text = read(&html);
        assert!(text.visible.len() <= html.len(), "{name}");
    }
}

#[test]
fn a_part_over_the_limit_is_incomplete() {
    assert!(read(&"x".repeat(crate::limits::MAX_HTML + 1)).incomplete);
}

#[test]
fn text_behind_too_much_nesting_is_read_all_the_same() {
    let text = read(&format!("{}<p>IBAN GB29</p>", "<div>".repeat(100_000)));
    assert!(text.incomplete && text.visible.contains("IBAN GB29"));
}

#[test]
fn links_show_one_thing_and_lead_to_another() {
    let anchor = |text: &str, target: &str| (text.to_owned(), target.to_owned());
    for (html, expected) in [
        ("<p>x <a href='https://e.example/?a&amp;b'>acme.example</a> y", "acme.example"),
        ("<a href='https://e.example/?a&amp;b'>acme.example", "acme.example"),
        ("<a href='https://e.example/?a&amp;b'>acme.example<a name=x>", "acme.example"),
        ("<a href='https://e.example/?a&amp;b'><b>acme</b>.<i hidden>x</i>example</a>", "acme.example"),
    ] {
        assert_eq!(read(html).anchors.first(), Some(&anchor(expected, "https://e.example/?a&b")), "{html}");
    }
    let many = "<a href=b>c</a>".repeat(crate::limits::MAX_ANCHORS + 50);
    assert_eq!(read(&many).anchors.len(), crate::limits::MAX_ANCHORS);
    let long = format!("<a href=b>{}</a>", "c".repeat(crate::limits::MAX_ANCHOR_TEXT + 1));
    assert!(read(&long).anchors.is_empty());
}

#[test]
fn text_that_style_sheets_write() {
    for (name, sheet, shown, drawn) in [
        (
            "string",
            ".x::before{content:'GB29 NWBK'}.y:after{content:\"6016 1331\"}",
            "GB29 NWBK 6016 1331",
            true,
        ),
        ("attribute", ".x::after{content:attr(data-v)}", "DE89", false),
        ("counter", ".x:before{counter-reset:a 203206;content:counter(a)}", "203206", true),
        ("icon", ".x:before{content:'\\f101'}", "", false),
        ("address behind a link", "a:after{content:' (' attr(href) ')'}", "", false),
    ] {
        let text = read(&format!("<style>{sheet}</style><p class=x data-v=DE89></p>"));
        assert!(words(&text.visible).contains(shown), "{name}");
        assert_eq!(text.drawn, drawn, "{name}");
    }
}
