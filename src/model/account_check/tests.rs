//! Written bank details and what they are.

use super::iban::{BBAN, IBAN_LENGTHS};
use super::*;
use proptest::prelude::*;

#[test]
fn ibans() {
    let good = [
        "GB29NWBK60161331926819",
        "DE89 3704 0044 0532 0130 00",
        "fr14 2004 1010 0505 0001 3M02 606",
        "NL91ABNA0417164300",
        "BE68539007547034",
        "IE29AIBK93115212345678",
        "CH9300762011623852957",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "PK36SCBL0000001123456702",
        "MA64011519000001205000534921",
        "ES-15-0049-1806-9121-1186-9374",
        "IBAN GB52CHAS60924280033041",
        "\u{ff24}\u{ff25}89370400440532013000",
    ];
    for text in good {
        assert!(iban(text).is_ok(), "{text}");
    }
    let bad = [
        ("GB82 WEST 1234 5698 7654 33", AccountError::CheckDigits),
        ("DE88370400440532013000", AccountError::CheckDigits),
        ("GL89647100010002067", AccountError::Length),
        ("XX431234", AccountError::Length),
        ("DE12345BEISPIELSTADTBE", AccountError::Structure),
        ("NE20X150GBECHERSCHOKO20X150G", AccountError::Structure),
        ("GE12412345678910111213", AccountError::Structure),
        ("1.23457E+11", AccountError::Character),
        ("", AccountError::Character),
    ];
    for (text, error) in bad {
        assert_eq!(iban(text), Err(error), "{text}");
    }
}

#[test]
fn every_country_has_a_length_that_an_iban_can_have() {
    for (country, _) in BBAN {
        assert!(IBAN_LENGTHS.contains(&iban_length(country).expect(country)), "{country}");
    }
    assert_eq!(iban_length("GB"), Some(22));
    assert_eq!(iban_length("MT"), Some(31));
    assert_eq!(iban_length("US"), None);
}

#[test]
fn national_schemes() {
    use CheckDigits::{Failed, None as Without, Passed};
    let rows = [
        ("uk", uk("60-16-13", "31926819"), Ok(("60161331926819", Without))),
        ("uk padded", uk("60 16 13", "1926819"), Ok(("60161301926819", Without))),
        ("uk zeros lost", uk("8999", "66374958"), Err(AccountError::Length)),
        ("uk rounded", uk("601613", "1.23457E+11"), Err(AccountError::Character)),
        ("us", us("111000025", "1234567"), Ok(("111000025-1234567", Passed))),
        ("us wrong digit", us("112000025", "1234567"), Ok(("112000025-1234567", Failed))),
        ("us no prefix", us("123456789", "1234567"), Ok(("123456789-1234567", Failed))),
        ("au", au("082-082", "012345678"), Ok(("082082-012345678", Without))),
        ("au zeros lost", au("62000", "12345678"), Err(AccountError::Length)),
        ("nz", nz("01-0242-0100194-00"), Ok(("01-0242-0100194-000", Passed))),
        ("nz wrong", nz("01-0242-0100195-00"), Ok(("01-0242-0100195-000", Failed))),
        ("nz digits", nz("010242010019400"), Ok(("01-0242-0100194-000", Passed))),
        ("nz other bank", nz("12-3113-0003869-00"), Ok(("12-3113-0003869-000", Passed))),
        ("ca", ca("00006", "0003", "1234567"), Ok(("00006-003-1234567", Without))),
        ("in", india("hdfc0002854", "123456789012"), Ok(("HDFC0002854-123456789012", Without))),
        ("in letter", india("BOTM0XEEMR", "123456789"), Err(AccountError::Length)),
        ("in without zero", india("HDFC1002854", "123456789"), Err(AccountError::Structure)),
    ];
    for (name, got, want) in rows {
        let got = got.map(|c| (c.account.reveal().to_owned(), c.check));
        assert_eq!(got, want.map(|(text, check)| (text.to_owned(), check)), "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(a in "\\PC{0,60}", b in "\\PC{0,60}", c in "\\PC{0,60}") {
        drop((iban(&a), uk(&a, &b), us(&a, &b), au(&a, &b), nz(&a), ca(&a, &b, &c), india(&a, &b)));
    }

    #[test]
    fn one_changed_digit_is_always_noticed(at in 4_usize..22, new in 0_u8..10) {
        let good = "DE89370400440532013000";
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = b'0' + new;
        let text = String::from_utf8(bytes).expect("ascii");
        prop_assert_eq!(iban(&text).is_ok(), text == good);
    }
}
