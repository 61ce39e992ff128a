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
    for html in [
        "<bdo dir=RTL>43</bdo>",
        "<i style='unicode-bidi:bidi-override;direction:rtl'>43</i>",
        "<style>.x{unicode-bidi:bidi-override;direction:rtl}</style><i class=x>43</i>",
        "<style>.x{direction:rtl}</style><b class=x><i style='unicode-bidi:isolate-override'>43</i></b>",
    ] {
        assert_eq!(read(html).visible, "\u{202e}43\u{202c}", "{html}");
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
        ("turned", "<i dir=rtl>".repeat(3_000) + &"12 3 a ".repeat(100_000)),
        ("moved", "<i style='order:1'>".repeat(3_000) + &"12 34 ".repeat(100_000)),
        (
            "foreign",
            "<style>@font-face{font-family:a;src:url(b)}</style>".to_owned()
                + &"<font face=a>IBAN ".repeat(20_000),
        ),
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
            ".x::before{content:'GB29 NWBK '}.x:after{content:\"6016 1331\"}",
            "GB29 NWBK DE 6016 1331",
            false,
        ),
        ("label", "p:before{content:'Sort code '}", "Sort code DE", false),
        ("string of a list", "p{list-style-type:'2032'}", "2032DE", false),
        ("attribute", ".x::after{content:attr(data-v)}", "DE89", false),
        ("counter", ".x:before{counter-reset:a 203206;content:counter(a)}", "203206", true),
        ("counter elsewhere", "p{counter-reset:a 203206}.x:before{content:counter(a)}", "203206", true),
        ("style of a counter", "@counter-style c{symbols:'2032' '06'}", "2032 06", true),
        ("quotation marks", "q{quotes:'2032' '06'}", "2032 06", true),
        ("icon", ".x:before{content:'\\f101'}", "DE", false),
        ("picture", ".x:before{content:url(https://e.example/12345.png)}", "DE", false),
        ("address behind a link", "a:after{content:' (' attr(href) ')'}", "", false),
        (
            "vector picture",
            "p{background:url(\"data:image/svg+xml,<svg><text>20 32 06</text></svg>\")}",
            "20 32 06",
            true,
        ),
    ] {
        let text = read(&format!("<style>{sheet}</style><p class=x data-v=DE89>DE </p>"));
        assert!(words(&text.visible).contains(shown), "{name}: {}", text.visible);
        assert_eq!(text.drawn, drawn, "{name}");
    }
    let much = format!("<style>*:before{{content:'{}'}}</style>{}", "9".repeat(1_000), "<i>".repeat(1_000));
    let text = read(&much);
    assert!(text.drawn && text.visible.len() <= crate::limits::MAX_GENERATED);
    let both = read("<style>i:before{content:'99'}</style>12<i></i>34");
    assert!(both.visible.contains("129934") && both.readings[1].contains("1234"), "{both:?}");
}

#[test]
fn numbers_of_lists() {
    for (html, expected) in [
        ("<ol start=203206><li>a<li>b</ol>", "203206. a 203207. b"),
        ("<ul><li value=55779911>a</ul>", "55779911. a"),
        ("<ol start=3><li>a</ol>", "a"),
    ] {
        assert_eq!(words(&read(html).visible), expected);
    }
}

/// An account whose digits stand in another order than they are shown in, or have other shapes.
#[test]
fn layouts_that_take_a_number_apart() {
    let pieces = |style: &str| {
        format!("<p>Sort code 20-00-00<br>Account <span style='{style}'>1926</span><span>3819</span></p>")
    };
    let by_sheet = |sheet: &str, inner: &str| format!("<style>{sheet}</style><p>Account number {inner}</p>");
    for (name, html) in [
        ("order", pieces("order:2")),
        ("order of Safari", pieces("-webkit-box-ordinal-group:2")),
        ("grid", pieces("grid-column:2")),
        ("float", pieces("float:right")),
        ("placed", pieces("position:absolute;left:40px")),
        ("shifted", pieces("position:relative;left:3em")),
        ("pulled back", pieces("margin-right:-40px")),
        ("translated", pieces("transform:translateX(4em)")),
        ("footer of a table", pieces("display:table-footer-group")),
        (
            "turned container",
            "<p>Sort code</p><div style='display:flex;flex-direction:row-reverse'><span>2000</span><span>4731</span></div>"
                .to_owned(),
        ),
        (
            "turned container of blocks",
            "IBAN <div style='display:flex;flex-flow:column-reverse'><div>6016</div><div>GB29</div></div>".to_owned(),
        ),
        ("class", by_sheet(".a{order:1}", "<b class=a>1926</b><b>3819</b>")),
        ("id", by_sheet("#a{float:right}", "<b id=a>1926</b>3819")),
        ("element", by_sheet("b{position:absolute}", "<b>1926</b><b>3819</b>")),
        ("combinator", by_sheet("p b + b{order:1}", "<b>1926</b><b>3819</b>")),
        ("state that is none", by_sheet(":is(.a){order:1}", "<b class=a>1926</b><b>3819</b>")),
        ("screens", by_sheet("@media screen{.a{order:1}}", "<b class=a>1926</b><b>3819</b>")),
        ("half in the sheet", by_sheet(".a{position:relative}", "<b class=a style='left:3em'>1926</b>3819")),
        (
            "more rules than are kept",
            by_sheet(
                &(0..500).map(|n| format!(".x{n}{{order:1}}")).chain(["b{order:1}".to_owned()]).collect::<String>(),
                "<b>1926</b><b>3819</b>",
            ),
        ),
        (
            "scattered",
            by_sheet("i{position:absolute}", "<i>19</i>and<i>26</i>so<i>38</i>on"),
        ),
        ("mirrored", "<p style='transform:scaleX(-1)'>IBAN GB29 NWBK 6016 1331 9268 19".to_owned()),
        ("upside down", "<p style='rotate:180deg'>Sort code 66-99-88".to_owned()),
        ("over each other", "<p style='letter-spacing:-1.2em'>IBAN GB29 NWBK 6016 1331 9268 19".to_owned()),
        ("groups from the right", "<p>Sort code <span dir=rtl>12 34 56</span>".to_owned()),
        ("groups from the right by class", by_sheet(".a{direction:rtl}", "<b class=a>1234 5678</b>")),
        ("SVG", "<svg><text x=9>Account 3192</text><text x=1>6819</text></svg>".to_owned()),
    ] {
        assert!(read(&html).drawn, "{name}");
    }
}

/// What ordinary mail does.
#[test]
fn layouts_that_leave_numbers_whole() {
    for (name, html) in [
        (
            "value on the right",
            "<p>Sort code <span style='float:right'>20-00-00</span><br>Account <b>31926819</b></p>",
        ),
        (
            "columns",
            "<div style='float:left'>Sort code<br>Account</div><div style='float:left'>20-00-00<br>31926819</div>",
        ),
        (
            "amounts",
            "<p>Sort code 20-00-00</p><div style='float:right'>1200.00</div><div style='float:right'>1440.00</div>",
        ),
        (
            "rows in reverse",
            "<div style='display:flex;flex-direction:row-reverse'><div>Account 31926819</div><div>Total 12</div></div>",
        ),
        ("bold digits", "<p>Account 3192<b>6819</b>"),
        ("number without an account", "<p>Call 0800 <span style='float:right'>123</span><span>4567</span>"),
        ("button", "<a style='position:relative;top:2px'>Pay</a> Account 31926819"),
        (
            "button under the pointer",
            "<style>a:hover{transform:rotate(2deg)}</style><a>Sort code 20-00-00, account 31926819</a>",
        ),
        ("tight heading", "<h1 style='letter-spacing:-0.5px'>IBAN GB29 NWBK 6016 1331 9268 19</h1>"),
        ("Hebrew", "<div dir=rtl>שלום IBAN GB29 NWBK 6016 1331 9268 19 20-00-00</div>"),
        ("overlay", "<p>Sort code 20-00-00</p><div style='position:absolute;top:0'>12 March 2024</div>"),
        ("floating picture", "<img style='float:right' src=cid:1>Sort code 20-00-00 account 31926819"),
    ] {
        assert!(!read(html).drawn, "{name}");
    }
}

#[test]
fn fonts_with_shapes_of_their_own() {
    let face = |source: &str| format!("<style>@font-face{{font-family:Brand;src:url({source})}}</style>");
    let foreign = face("https://acme.example/brand.woff2");
    let account = "IBAN GB29 NWBK 6016 1331 9268 19";
    for (name, html, expected) in [
        ("inline", format!("{foreign}<p style=\"font-family:'Brand',Arial\">{account}"), true),
        (
            "embedded",
            format!("{}<p style='font:12px Brand'>{account}", face("data:font/woff2;base64,AA")),
            true,
        ),
        ("class", format!("{foreign}<style>.a{{font-family:brand}}</style><p class=a>{account}"), true),
        ("used before it is declared", format!("<p style='font-family:Brand'>{account}</p>{foreign}"), true),
        ("element of old", format!("{foreign}<font face=Brand>{account}</font>"), true),
        ("digits alone", format!("{foreign}<p>Sort code: <b style='font-family:Brand'>20-00-00</b>"), true),
        (
            "letters behind a label",
            format!("{foreign}<p>IBAN <b style='font-family:Brand'>qwertyuiopas</b>"),
            true,
        ),
        ("font of SVG", format!("<svg><font><glyph unicode=1 /></font></svg>{account}"), true),
        (
            "sheet from elsewhere",
            format!("<link rel=stylesheet href='https://e.example/a.css'>{account}"),
            true,
        ),
        ("imported sheet", format!("<style>@import url(https://e.example/a.css);</style>{account}"), true),
        (
            "published font",
            format!("{}<p style='font-family:Brand'>{account}", face("https://fonts.gstatic.com/a")),
            false,
        ),
        (
            "published sheet",
            format!("<link rel=stylesheet href='https://fonts.googleapis.com/css?x'>{account}"),
            false,
        ),
        (
            "elsewhere on the page",
            format!("{foreign}<h1 style='font-family:Brand'>Hello</h1>{}<p>{account}", "text ".repeat(40)),
            false,
        ),
        (
            "newsletter",
            format!("{foreign}<p style='font-family:Brand'>Your order 123456789 of 12 March"),
            false,
        ),
        ("declared only", format!("{foreign}<p>{account}"), false),
    ] {
        assert_eq!(read(&html).drawn, expected, "{name}");
    }
}

#[test]
fn codes_in_cells() {
    let cell = |dark: bool| if dark { "<td bgcolor=#000></td>" } else { "<td bgcolor=#fff>&nbsp;</td>" };
    let row = |row: usize| (0..21).map(|column| cell((row * column) % 3 == 1)).collect::<String>();
    let table: String = (0..21).map(|at| format!("<tr>{}</tr>", row(at))).collect();
    assert!(read(&format!("<table>{table}</table>")).drawn);
    let by_class = "<i class=d></i>".repeat(441);
    assert!(read(&format!("<style>.d{{background:#000;width:4px}}</style>{by_class}")).drawn);
    let shadows = "0 0 #000,".repeat(250);
    assert!(read(&format!("<p style='box-shadow:{shadows}0 0 #fff'>")).drawn);
    let priced = "<tr><td bgcolor=#eee>10.00<td bgcolor=#fff>20.00".repeat(300);
    assert!(!read(&format!("<table>{priced}</table>")).drawn);
}

#[test]
fn pictures_in_addresses() {
    let vector = "data:image/svg+xml,%3Csvg%3E%3Ctext%3EIBAN GB29 NWBK%3C/text%3E%3C/svg%3E";
    for html in [
        format!("<img src=\"{vector}\">"),
        format!("<svg><image href=\"{vector}\"/></svg>"),
        "<svg><text>IBAN</text><foreignObject><p>GB29 NWBK</p></foreignObject></svg>".to_owned(),
    ] {
        assert!(words(&read(&html).visible).contains("IBAN GB29 NWBK"), "{html}");
    }
    let nested = "data:image/svg+xml,%3Csvg%3E%3Cimage href='data:image/svg+xml,%253Csvg%253E'/%3E%3C/svg%3E";
    assert!(read(&format!("<img src=\"{nested}\">")).drawn);
}
