use super::*;
use crate::model::{HeaderField, Mailbox};
use proptest::prelude::*;

const INNER: &str = "Received: from BN9PR03CA0123.namprd03.prod.outlook.com (2603:10b6:408:fe::1) by\r\n \
    MW4PR01MB6178.prod.exchangelabs.com (2603:10b6:303:a6::11) with Microsoft SMTP Server; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
const FRONTEND: &str = "Received: from mx.supplier.example (203.0.113.7) by\r\n \
    BN8NAM11FT066.mail.protection.outlook.com (10.13.177.138) with Microsoft SMTP Server via Frontend Transport; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
const OUTSIDE: &str =
    "Received: from laptop by mx.supplier.example with ESMTP; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
const PASS: &str = "Authentication-Results: spf=pass (sender IP is 203.0.113.7)\r\n \
    smtp.mailfrom=supplier.example; dkim=pass (signature was verified)\r\n \
    header.d=supplier.example;dmarc=pass action=none\r\n header.from=supplier.example;compauth=pass reason=100\r\n";
const FAIL: &str = "Authentication-Results: spf=fail (sender IP is 198.51.100.9)\r\n smtp.mailfrom=supplier.example; \
    dkim=none (message not signed)\r\n header.d=none;dmarc=fail action=oreject\r\n \
    header.from=supplier.example;compauth=fail reason=000\r\n";
const FROM: &str = "From: Supplier <billing@supplier.example>\r\n";

/// A reader of header fields just good enough for these texts.
fn parsed(text: &str) -> Message {
    let mut message = Message::default();
    let mut at = 0;
    for line in text.split_inclusive("\r\n") {
        let end = at + line.len();
        if line.starts_with([' ', '\t']) {
            if let Some(field) = message.headers.last_mut() {
                field.range.end = end;
                field.value.end = end;
            }
        } else if let Some((name, _)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("from") {
                let address = line.split(['<', '>']).nth(1).unwrap_or("").to_owned();
                message.from.push(Mailbox { name: None, address });
            }
            let value = at + name.len() + 1..end;
            message.headers.push(HeaderField { name: name.to_owned(), range: at..end, value });
        }
        at = end;
    }
    message.body_start = at;
    message
}

fn results(parts: &[&str]) -> AuthResults {
    let text = parts.concat();
    upstream_results(&parsed(&text), text.as_bytes())
}

#[test]
fn position_decides_who_is_believed() {
    let original = PASS.replace("Authentication-Results", "Authentication-Results-Original");
    let with_id = PASS.replace("spf=pass (", "mx.supplier.example; spf=pass (");
    let helo_lies = FRONTEND.replace("mx.supplier.example", "x.prod.outlook.com");
    let submission = INNER.replace("BN9PR03CA0123.namprd03.prod.outlook.com", "laptop");
    let by_in_helo = "Received: from x (by y.prod.outlook.com helo) by mx.supplier.example with ESMTP\r\n";
    for (name, parts, known, authenticated) in [
        ("as Exchange stamps it", &[INNER, PASS, FRONTEND, OUTSIDE, FROM][..], true, true),
        ("no hop at all above", &[PASS, FROM], true, true),
        (
            "failure at the border, forged pass below",
            &[INNER, FAIL, FRONTEND, PASS, OUTSIDE, FROM],
            true,
            false,
        ),
        ("forged pass below the border only", &[INNER, FRONTEND, PASS, OUTSIDE, FROM], false, false),
        ("forged pass below a forged border", &[INNER, FRONTEND, PASS, FRONTEND, FROM], false, false),
        ("entering hop with a Microsoft HELO", &[INNER, &helo_lies, PASS, FROM], false, false),
        ("client submission with a forged pass", &[INNER, &submission, PASS, FROM], false, false),
        ("below a foreign hop", &[OUTSIDE, PASS, FRONTEND, FROM], false, false),
        ("a hop whose comment says by Microsoft", &[by_in_helo, PASS, FROM], false, false),
        ("renamed by Exchange", &[INNER, &original, FRONTEND, FROM], false, false),
        ("somebody else's, with authserv-id", &[INNER, &with_id, FRONTEND, FROM], false, false),
        ("two above: the topmost", &[INNER, FAIL, PASS, FRONTEND, FROM], true, false),
        ("none", &[INNER, FRONTEND, FROM], false, false),
        ("two authors", &[PASS, FROM, "From: Other <x@other.example>\r\n"], true, false),
        ("pass for another author", &[PASS, "From: Other <x@other.example>\r\n"], true, false),
    ] {
        let got = results(parts);
        assert_eq!((got.known, got.authenticated), (known, authenticated), "{name}: {got:?}");
    }
}

#[test]
fn everything_is_read() {
    let got = results(&[INNER, PASS, FRONTEND, FROM]);
    assert_eq!(
        (got.spf.result.as_str(), got.dkim.result.as_str(), got.dmarc.result.as_str()),
        ("pass", "pass", "pass")
    );
    assert_eq!(got.spf.domain.as_ref().map(Domain::as_str), Some("supplier.example"));
    assert_eq!((got.compauth.as_str(), got.compauth_reason), ("pass", Some(100)));
    assert_eq!(got.method, AuthMethod::Dmarc);
    let got = results(&[INNER, FAIL, FRONTEND, FROM]);
    assert!(got.failed && !got.authenticated);
    assert_eq!((got.compauth_reason, got.dkim.domain), (Some(0), None));
}

#[test]
fn conclusions() {
    let author = Domain::parse("mail.supplier.example").expect("valid");
    for (name, value, method, failed) in [
        ("dmarc", "spf=none;dmarc=pass header.from=supplier.example", AuthMethod::Dmarc, false),
        (
            "old form",
            "spf=pass smtp.mailfrom=a.example; contoso.com; dkim=pass header.d=supplier.example;contoso.com; dmarc=none",
            AuthMethod::Dkim,
            false,
        ),
        (
            "aligned spf",
            "spf=pass smtp.mailfrom=bounce.supplier.example;dkim=none;dmarc=none",
            AuthMethod::Spf,
            false,
        ),
        (
            "spf of another domain",
            "spf=pass smtp.mailfrom=sendgrid.example;dkim=none;dmarc=none",
            AuthMethod::None,
            false,
        ),
        (
            "second signature is the aligned one",
            "spf=none;dkim=pass header.d=esp.example;dkim=pass header.d=supplier.example",
            AuthMethod::Dkim,
            false,
        ),
        (
            "an aligned signature that fails",
            "spf=none;dkim=fail header.d=supplier.example;dkim=pass header.d=esp.example",
            AuthMethod::None,
            false,
        ),
        (
            "best guess is no pass",
            "spf=none;dmarc=bestguesspass header.from=supplier.example",
            AuthMethod::None,
            false,
        ),
        ("combined", "spf=none;dkim=none;dmarc=none;compauth=pass reason=109", AuthMethod::Upstream, false),
        ("soft pass is no pass", "spf=none;compauth=softpass reason=201", AuthMethod::None, false),
        (
            "a trusted chain explains it",
            "spf=fail;dmarc=fail header.from=supplier.example;compauth=pass reason=130",
            AuthMethod::Upstream,
            false,
        ),
        (
            "dmarc fail",
            "spf=pass smtp.mailfrom=x.example;dmarc=fail header.from=supplier.example;compauth=none",
            AuthMethod::None,
            true,
        ),
        (
            "compauth fail outranks aligned spf",
            "spf=pass smtp.mailfrom=supplier.example;compauth=fail reason=001",
            AuthMethod::None,
            true,
        ),
        (
            "results smuggled in by an address",
            "spf=pass smtp.mailfrom=a;dmarc=pass header.from=supplier.example;dmarc=fail header.from=supplier.example",
            AuthMethod::None,
            true,
        ),
        (
            "results in a comment",
            "spf=none (;dmarc=pass header.from=supplier.example;) smtp.mailfrom=x.example",
            AuthMethod::None,
            false,
        ),
        ("unclosed comment", "spf=none (x;dmarc=pass header.from=supplier.example", AuthMethod::None, false),
        ("folded case", "SPF=Pass SMTP.MailFrom=Supplier.Example", AuthMethod::Spf, false),
        (
            "inside the tenant",
            "dkim=none (message not signed) header.d=none;dmarc=none action=none header.from=supplier.example;",
            AuthMethod::None,
            false,
        ),
    ] {
        let got = parse_results(value, Some(&author));
        assert_eq!((got.method, got.failed), (method, failed), "{name}: {got:?}");
        assert_eq!(got.authenticated, method != AuthMethod::None, "{name}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(value in "[a-z=;.() \"\\\\]{0,200}") {
        let author = Domain::parse("supplier.example").expect("valid");
        let got = parse_results(&value, Some(&author));
        prop_assert!(!(got.failed && got.authenticated));
    }

    #[test]
    fn any_header_is_read_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..300), end in 0usize..400) {
        let field = |name: &str| HeaderField { name: name.to_owned(), range: 0..end, value: 0..end };
        let headers = vec![field("Received"), field("Authentication-Results")];
        let message = Message { headers, ..Message::default() };
        let got = upstream_results(&message, &octets);
        prop_assert!(!got.authenticated);
    }
}
