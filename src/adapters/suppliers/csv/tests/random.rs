//! Rubbish, and that what is exported reads the same again.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_octets_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let parsed = parse(&bytes, ParseOptions { verified: true });
        prop_assert!(parsed.suppliers.len() <= parsed.rows);
    }

    #[test]
    fn no_table_panics_and_no_number_leaks(
        rows in proptest::collection::vec(("[A-Za-z ]{0,6}", "[A-Z0-9 .+-]{0,34}", "[0-9 -]{0,20}", "[0-9E+.]{0,18}"), 0..12),
        code in prop::sample::select(vec!["sort_code", "routing_number", "bsb", "transit_number", "ifsc", "bank code"]),
    ) {
        let mut text = format!("name,iban,{code},account_number\n");
        for (name, iban, bank, number) in &rows {
            text.push_str(&format!("{name},{iban},{bank},{number}\n"));
        }
        let parsed = read(&text);
        for error in parsed.errors.iter().chain(&parsed.warnings) {
            let mut run = 0;
            for c in error.reason.chars() {
                run = if c.is_ascii_digit() { run + 1 } else { 0 };
                prop_assert!(run <= 4 || error.reason.contains("over "), "{}", error.reason);
            }
        }
    }
}

fn record() -> impl Strategy<Value = SupplierRecord> {
    let text = "[A-Za-z0-9=+@'.\"-][A-Za-z0-9 =+@'.,;\"&-]{0,12}[A-Za-z0-9]";
    let accounts = prop::sample::subsequence(
        vec!["GB29NWBK60161331926819", "DE89370400440532013000", "NO9386011117947"],
        0..=3,
    );
    (text, proptest::collection::btree_set(text, 0..3), text, accounts, any::<bool>()).prop_map(
        |(name, aliases, phone, accounts, blocked)| SupplierRecord {
            id: SupplierId(String::new()),
            aliases: aliases.into_iter().filter(|alias| *alias != name).collect(),
            name,
            domains: Vec::new(),
            emails: Vec::new(),
            phones: vec![format!("{phone}1")],
            vat_number: None,
            company_number: Some("12345678".to_owned()),
            country: Some("GB".to_owned()),
            accounts: accounts
                .into_iter()
                .map(|iban| crate::model::SupplierAccount {
                    account: crate::model::account_check::iban(iban).expect("valid"),
                    bic: Some("NWBKGB2L".to_owned()),
                    account_name: Some(phone.clone()),
                    state: if blocked { AccountState::Blocked } else { AccountState::Verified },
                })
                .collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_exported_is_imported(records in proptest::collection::vec(record(), 1..6)) {
        let clean = |text: &str| crate::adapters::suppliers::csv::clean(text).into_owned();
        let records: Vec<SupplierRecord> = (0..).zip(records).map(|(n, record)| {
            let mut record = record;
            record.id = SupplierId(format!("=S{n}"));
            record.name = clean(&record.name);
            record.aliases = record.aliases.iter().map(|alias| clean(alias)).filter(|alias| *alias != record.name).collect();
            record.aliases.sort();
            record.aliases.dedup();
            record.phones = record.phones.iter().map(|phone| clean(phone)).collect();
            for account in &mut record.accounts {
                account.account_name = account.account_name.as_deref().map(clean);
            }
            record
        }).collect();
        // Phones are split at semicolons, as people write several.
        prop_assume!(records.iter().all(|r| !r.phones[0].contains(';')));
        let mut out = Vec::new();
        export::write(&records, true, &mut out).expect("writes");
        for cell in ::csv::Reader::from_reader(out.as_slice()).records().flat_map(|r| r.expect("row").iter().map(str::to_owned).collect::<Vec<_>>()) {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{}", cell);
        }
        let parsed = parse(&out, ParseOptions::default());
        prop_assert_eq!(parsed.errors, vec![]);
        prop_assert_eq!(parsed.suppliers, records);
    }
}
