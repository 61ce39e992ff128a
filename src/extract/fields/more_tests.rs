//! Tables for what stands beside an account and in its place: other ways to be paid, names, codes, references.

use super::tests::claims;

fn accounts(text: &str) -> String {
    claims(text).accounts.iter().map(|c| c.account.reveal().to_owned()).collect::<Vec<_>>().join(" ")
}

#[test]
fn national_forms_become_ibans() {
    for (name, text, expected) in [
        ("polish", "Nr konta: 61 1090 1014 0000 0712 1981 2874", "PL61109010140000071219812874"),
        ("polish, wrong", "Nr konta: 61 1090 1014 0000 0712 1981 2875", ""),
        // Its first 23 digits are a French number by chance.
        (
            "polish, french inside",
            "Nr rachunku\n70 7402 5150 4737 7145 3931 2570",
            "PL70740251504737714539312570",
        ),
        ("polish, no label", "61 1090 1014 0000 0712 1981 2874", ""),
        ("spanish", "Número de cuenta: 2100 0418 45 0200051332", "ES9121000418450200051332"),
        ("spanish, hyphens", "CCC 2100-0418-45-0200051332", "ES9121000418450200051332"),
        ("portuguese", "NIB: 0002 0123 12345678901 54", "PT50000201231234567890154"),
        ("french", "RIB : 20041 01005 0500013M026 06", "FR1420041010050500013M02606"),
        (
            "french table",
            "Code banque\tCode guichet\tN° de compte\tClé\n20041\t01005\t0500013M026\t06",
            "FR1420041010050500013M02606",
        ),
        ("german", "BLZ 370 400 44, Kto.-Nr. 532013000", "DE89370400440532013000"),
        ("german, account first", "Konto 532 013 000 BLZ 37040044", "DE89370400440532013000"),
        ("letters like digits", "Sort code: 2O-32-O6 Account number: l3456789", "20320613456789"),
        ("letters like digits, no label", "Order 2O-32-O6 l3456789", ""),
        ("bank in general", "Bank: 203299 / 13456789", "20329913456789"),
        ("bank and a date", "Bank 261231 / 13456789", ""),
        (
            "french, each part with its label",
            "Code banque 30006 Code guichet 00001 N° de compte 12345678901 Clé 89",
            "FR7630006000011234567890189",
        ),
        ("an order behind no label", "Bestellnummer 21000418450200051332", ""),
    ] {
        assert_eq!(accounts(text), expected, "{name}");
    }
}

#[test]
fn other_ways_to_be_paid() {
    for (text, expected) in [
        ("Biller Code: 23796 Ref: 1234 5674", "bpay 23796-12345674 Some(true)"),
        ("BPAY Biller Code 23796\nCustomer Reference Number: 12345675", "bpay 23796-12345675 None"),
        ("Biller code is printed overleaf", ""),
        ("PayID: accounts@acme.example", "payid accounts@acme.example None"),
        ("Pay by PayID +61 412 345 678", "payid 61412345678 None"),
        ("PayID (ABN) 51 824 753 556", "payid 51824753556 None"),
        ("UPI ID: acme@okhdfcbank", "upi acme@okhdfcbank None"),
        ("VPA acme.traders@ybl", "upi acme.traders@ybl None"),
        ("UPI is accepted, write to acme@example.com", ""),
        ("Pay here: https://www.paypal.me/AcmeLtd/50", "paypal acmeltd None"),
        (
            "pay to 1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD today",
            "bitcoin 1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD Some(true)",
        ),
        (
            "wallet: bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4.",
            "bitcoin bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 Some(true)",
        ),
        (
            "USDT address 0x52908400098527886E0F7030069857D2E4169EE7",
            "ethereum 0x52908400098527886E0F7030069857D2E4169EE7 None",
        ),
        ("commit 0x52908400098527886E0F7030069857D2E4169EE7", ""),
    ] {
        let found = claims(text);
        let shown: Vec<String> =
            found.methods.iter().map(|m| format!("{} {} {:?}", m.provider, m.value, m.valid)).collect();
        assert_eq!(shown.join(", "), expected, "{text}");
        assert_eq!(accounts(text), "", "{text}");
    }
}

#[test]
fn bics_behind_their_label() {
    for (text, expected) in [
        ("BIC: NWBKGB2L", "NWBKGB2L"),
        ("SWIFT/BIC DEUTDEFF500", "DEUTDEFF500"),
        ("Swift code: nwbkgb2l", "NWBKGB2L"),
        ("BIC: NWBK GB 2L", "NWBKGB2L"),
        ("SWIFT business", ""),
        ("BIC is required for DELIVERY", ""),
        ("CUSTOMER DELIVERY DEUTDEFF", ""),
        ("BIC: DEUTXXFF", ""),
    ] {
        let found: Vec<String> = claims(text).bics.into_iter().map(|b| b.value).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }
}

#[test]
fn holders_of_accounts() {
    for (text, expected) in [
        ("Account name: Acme Ltd\nSort code 20-00-00", "Acme Ltd"),
        ("Account Name\tAcme & Sons (Builders) Ltd.", "Acme & Sons (Builders) Ltd."),
        ("Kontoinhaber: Bäckerei Müller GmbH, IBAN DE89370400440532013000", "Bäckerei Müller GmbH"),
        ("Account name\tAccount number\tSort code\nAcme Ltd\t55779911\t20-00-00", "Acme Ltd"),
        ("Sort code\tAccount name\tAccount number\n20-00-00\tAcme Ltd\t55779911", "Acme Ltd"),
        ("Beneficiary:\nAcme Ltd\nIBAN: x", "Acme Ltd"),
        ("Titulaire du compte : SARL Dupont", "SARL Dupont"),
        ("Odbiorca: Zakład Kowalski sp. z o.o.", "Zakład Kowalski sp. z o.o."),
        ("Account name: 12345678", ""),
        ("Beneficiary: accounts@acme.example", ""),
    ] {
        assert_eq!(claims(text).payees.join("|"), expected, "{text}");
    }
}

#[test]
fn references_and_phones() {
    for (text, references, phones) in [
        ("Payment reference: INV-10023", "INV-10023", ""),
        ("Verwendungszweck: RE 2024-0815", "2024-0815", ""),
        ("Referenz 21 00000 00003 13947 14300 09017", "210000000003139471430009017", ""),
        ("RF18 5390 0754 7034", "RF18539007547034", ""),
        ("reference to our talk", "", ""),
        ("Tel: 020 7946 0018", "", "02079460018"),
        ("Call us on +44 (0)20 7946 0018.", "", "+442079460018"),
        ("Telefon +49 30 901820, Fax 030/901821", "", "+4930901820|030901821"),
        ("Tel. 12", "", ""),
    ] {
        let found = claims(text);
        let mut sorted = found.phones.clone();
        sorted.sort();
        let mut wanted: Vec<&str> = phones.split('|').filter(|p| !p.is_empty()).collect();
        wanted.sort_unstable();
        assert_eq!(
            (found.references.join("|"), sorted),
            (references.to_owned(), wanted.iter().map(|p| (*p).to_owned()).collect()),
            "{text}"
        );
        assert_eq!(accounts(text), "", "{text}");
    }
}

#[test]
fn numbers_of_other_kinds_are_no_accounts() {
    let signature = "Jane Doe, Accounts | Tel 020 7946 0018 | Mob 07700 900123 | Fax 020 7946 0019\n\
        Company No. 01234567 | VAT No. GB 980 7806 84 | UTR 1234567890 | EORI GB980780684000\n\
        Order No 12345678 | PO 87654321 | Customer No 11223344 | Invoice INV-55779911 | Job 99887766\n\
        ABN 51 824 753 556 | ACN 004 085 616 | EIN 12-3456789 | Card no 4111 1111 1111 1111\n\
        Creditor ID DE98ZZZ09999999999 | RF18 5390 0754 7034 | Ref 21 00000 00003 13947 14300 09017";
    assert_eq!(accounts(signature), "");
    // Beside a real pair of numbers, none of them takes its place.
    let text = format!("{signature}\nSort code 20-00-00 Account number 55779911\n{signature}");
    assert_eq!(accounts(&text), "20000055779911");
}

#[test]
fn australian_numbers_tie_to_a_record() {
    let found = claims("ABN 51 824 753 556, ACN 004 085 616");
    assert_eq!(
        (found.tax_numbers.join(" "), found.company_numbers.join(" ")),
        ("51824753556".into(), "004085616".into())
    );
    assert!(!found.tax_number_invalid);
    assert!(claims("ABN 51 824 753 557").tax_number_invalid);
    assert!(claims("USt-IdNr. DE136695978").tax_number_invalid);
}

/// The check digits of these hold by chance once letters count as digits.
#[test]
fn names_that_look_like_an_iban_by_chance_are_none() {
    for text in ["Test_EeISI_100\n380\n20181112\ninvoice note", "EeISI100 380 20181112 1"] {
        assert_eq!(claims(text).accounts, [], "{text}");
    }
}

#[test]
fn disguised_accounts_are_marked() {
    for (text, disguised) in [
        ("IBAN GB29 NWBK 6016 1331 9268 19", false),
        ("IBAN GB29\u{a0}NWBK\u{2009}6016-1331.9268 19", false),
        ("> IBAN GB29 NWBK 6016\n> 1331 9268 19", false),
        ("Sort code 20\u{2013}00\u{2013}00 Account 55779911", false),
        ("BLZ 370 400 44, Kto.-Nr. 532013000", false),
        ("Account 01-0242-0100194-00", false),
        ("IBAN GB29 NWBK 6016 1331 92\u{200b}68 19", true),
        ("ＧＢ２９ＮＷＢＫ６０１６１３３１９２６８１９", true),
        ("IBAN GB29NWBK60161331926B19", true),
        ("Sort code 20-00-00 Account 5577\u{2060}9911", true),
    ] {
        let found = claims(text);
        assert_eq!(found.accounts.iter().map(|c| c.disguised).collect::<Vec<_>>(), [disguised], "{text}");
    }
}
