use super::*;
use crate::adapters::suppliers::export;
use crate::adapters::suppliers::feed::Lifecycle;
use crate::adapters::suppliers::map::Map;
use crate::adapters::suppliers::reading::ReadOptions;
use crate::model::AccountState;
use std::collections::BTreeMap;

mod ledgers;
mod random;

fn reading(text: &[u8], options: ReadOptions) -> Reading {
    Reading::of_file(Box::new(Cursor::new(text.to_vec())), options)
}

fn read(text: &str) -> ParsedSuppliers {
    parse(text.as_bytes(), ParseOptions::default())
}

/// Everything that a test cares about, one line a supplier.
fn summary(parsed: &ParsedSuppliers) -> Vec<String> {
    let line = |s: &SupplierRecord| {
        let accounts: Vec<String> =
            s.accounts.iter().map(|a| format!("{}:{}", a.account.reveal(), a.state.as_str())).collect();
        let domains: Vec<&str> = s.domains.iter().map(|d| d.as_str()).collect();
        format!("{} {} [{}] [{}]", s.id, s.name, domains.join(" "), accounts.join(" "))
    };
    parsed.suppliers.iter().map(line).collect()
}

#[test]
fn canonical_columns_all_filled() {
    let parsed = read(
        "supplier_id,name,aliases,domains,emails,phones,vat_number,company_number,country,iban,bic,sort_code,account_number,routing_number,bsb,transit_number,institution_number,ifsc,account_name,status\n\
         S1,Acme Ltd,Acme Trading|ACME,acme.co.uk|acme.com,billing@acme.co.uk,+44 20 7946 0018,GB980780684,01234567,GB,GB29NWBK60161331926819,NWBKGB2L,60-16-13,31926819,,,,,,Acme Ltd,verified\n",
    );
    assert_eq!(parsed.errors, []);
    let [acme] = parsed.suppliers.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(acme.aliases, ["Acme Trading", "ACME"]);
    assert_eq!(acme.phones, ["+44 20 7946 0018"]);
    assert_eq!(acme.vat_number.as_deref(), Some("GB980780684"));
    assert_eq!(acme.accounts[0].bic.as_deref(), Some("NWBKGB2L"));
    assert_eq!(acme.accounts[0].account_name.as_deref(), Some("Acme Ltd"));
    assert_eq!(summary(&parsed), ["S1 Acme Ltd [acme.co.uk acme.com] [GB29NWBK60161331926819:verified]"]);
}

#[test]
fn rows_of_one_supplier_fold_and_others_do_not() {
    let rows = [
        (
            "by id",
            "supplier_id,name,iban\nS1,Acme,GB29NWBK60161331926819\nS1,Acme,DE89370400440532013000\n",
            1,
            2,
        ),
        (
            "by tax number",
            "name,vat_number,iban\nAcme,GB980780684,GB29NWBK60161331926819\nAcme UK,980780684,DE89370400440532013000\n",
            1,
            2,
        ),
        (
            "by name alone",
            "name,iban\nAcme Ltd,GB29NWBK60161331926819\nACME Limited,DE89370400440532013000\n",
            1,
            2,
        ),
        ("by name and domain", "name,domains\nAcme,acme.com\nAcme,acme.com|acme.de\n", 1, 0),
        ("same name, other domain", "name,domains\nAcme,acme.com\nAcme,acme.fr\n", 2, 0),
        ("same name, other tax number", "name,vat_number\nAcme,GB980780684\nAcme,GB111111111\n", 2, 0),
        ("same name, other id", "supplier_id,name\nS1,Acme\nS2,Acme\n", 2, 0),
        ("id given later", "supplier_id,name,domains\n,Acme,acme.com\nS1,Acme,acme.com\n", 1, 0),
        (
            "same account twice",
            "name,iban,sort_code,account_number\nAcme,GB29NWBK60161331926819,,\nAcme,,601613,31926819\n",
            1,
            1,
        ),
    ];
    for (name, text, suppliers, accounts) in rows {
        let parsed = read(text);
        assert_eq!(parsed.errors, [], "{name}");
        assert_eq!((parsed.suppliers.len(), parsed.accounts), (suppliers, accounts), "{name}");
    }
    let ambiguous = read("supplier_id,name\nS1,Acme\nS2,Acme\n,Acme\n");
    assert_eq!((ambiguous.rejected, ambiguous.errors[0].line), (1, 4));
}

#[test]
fn statuses() {
    let text = "name,iban,status\nA,GB29NWBK60161331926819,\nB,DE89370400440532013000,Retired\nC,NL91ABNA0417164300,blocked\nD,NO9386011117947,verified\n";
    let states = |verified| {
        let parsed = parse(text.as_bytes(), ParseOptions { verified });
        parsed.suppliers.iter().map(|s| s.accounts[0].state).collect::<Vec<_>>()
    };
    use AccountState::{Blocked, Pending, Retired, Verified};
    assert_eq!(states(false), [Pending, Retired, Blocked, Verified]);
    assert_eq!(states(true), [Verified, Retired, Blocked, Verified]);
    assert_eq!(
        read("name,status\nA,own\n").errors[0].reason,
        "is none of pending, verified, retired, blocked"
    );
    let torn = read("name,iban,status\nA,NO9386011117947,blocked\nA,NO9386011117947,verified\n");
    assert_eq!(torn.suppliers[0].accounts[0].state, Blocked, "contradiction verifies nothing");
}

#[test]
fn bad_rows_are_named_and_good_ones_stand() {
    let text = "name,domains,emails,iban\n\
                Good,good.com,,\n\
                ,x.com,,\n\
                Bad iban,,,GB29NWBK60161331926818\n\
                Bad domain,co.uk,,\n\
                Bad mail,,nonsense,\n\
                Shifted,a.com,a@a.com,,extra\n\
                \"Quoted,\nname\",ok.com,,\n\
                ,,,\n";
    let parsed = read(text);
    let errors: Vec<(u64, &str)> = parsed.errors.iter().map(|e| (e.line, e.column.as_str())).collect();
    assert_eq!(errors, [(3, "name"), (4, "iban"), (5, "domains"), (6, "emails"), (7, "")]);
    assert_eq!((parsed.rows, parsed.rejected), (7, 5));
    assert_eq!(summary(&parsed), ["line:2 Good [good.com] []", "line:8 Quoted, name [ok.com] []"]);
}

#[test]
fn a_mail_providers_domain_identifies_nobody() {
    let parsed =
        read("name,domains,emails\nA,gmail.com,a@gmail.com\nB,,b@post.xero.com\nC,,c@c.onmicrosoft.com\n");
    assert_eq!(summary(&parsed), ["line:2 A [] []", "line:3 B [] []", "line:4 C [c.onmicrosoft.com] []"]);
}

#[test]
fn what_is_no_supplier_file_is_one_error() {
    let rows = [
        ("empty", "", "the file has no rows below its header"),
        ("header only", "name,iban\n", "the file has no rows below its header"),
        (
            "no name",
            "foo,bar\n1,2\n",
            "there is no column `name` (or a ledger's word for it) in the header row",
        ),
        (
            "unclosed",
            "name\n\"Acme\nBeta\n",
            "a quotation mark that opens here is never closed; nothing was read",
        ),
    ];
    for (name, text, reason) in rows {
        let parsed = read(text);
        assert_eq!(parsed.errors.iter().map(|e| e.reason.as_str()).collect::<Vec<_>>(), [reason], "{name}");
        assert_eq!(parsed.suppliers, [], "{name}");
    }
}

#[test]
fn one_account_of_two_suppliers_is_worth_a_look() {
    let parsed = read("name,iban\nA,NO9386011117947\nB,NO9386011117947\n");
    assert!(
        parsed
            .warnings
            .iter()
            .any(|w| w.line == 3 && w.reason.contains("••••7947 stands also on another supplier"))
    );
}

#[test]
fn export_is_read_back_and_runs_no_formula() {
    let parsed = read(
        "supplier_id,name,aliases,domains,emails,phones,vat_number,country,iban,sort_code,account_number,routing_number,bsb,transit_number,institution_number,ifsc,status\n\
         S1,=cmd|' /C calc'!A0,@a|b,a.com,x@a.com,+44 20,GB980780684,GB,GB29NWBK60161331926819,,,,,,,,verified\n\
         S1,=cmd|' /C calc'!A0,,,,,,,,200000,55779911,,,,,,retired\n\
         S2,Two,,,,,,,,,1234567,111000025,,,,,blocked\n\
         S3,Three,,,,,,,,,012345678,,082082,,,,pending\n\
         S4,Four,,,,,,,,,1234567,,,00006,003,,verified\n\
         S5,Five,,,,,,,,,123456789012,,,,,HDFC0002854,verified\n\
         S6,Six,,,,,,,,,01-0242-0100194-00,,,,,,verified\n\
         S7,Seven,,seven.com,,,,,,,,,,,,,\n",
    );
    assert_eq!(parsed.errors, []);
    let mut out = Vec::new();
    export::write(&parsed.suppliers, true, &mut out).expect("writes");
    let text = String::from_utf8(out.clone()).expect("utf-8");
    for cell in ::csv::Reader::from_reader(text.as_bytes())
        .records()
        .flat_map(|r| r.expect("row").iter().map(str::to_owned).collect::<Vec<_>>())
    {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    assert_eq!(parse(&out, ParseOptions::default()).suppliers, parsed.suppliers);
}

#[test]
fn a_map_tells_what_is_what() {
    let map = "[file]\nheader = false\ndelimiter = \"|\"\n[columns]\nname = 2\naccount_number = 4\nbank_code = 3\n\
               country = { constant = \"GB\" }\nemails = [5, 6]\n";
    let options = ReadOptions { map: Some(Map::parse(map).expect("a map")), ..ReadOptions::default() };
    let mut read = reading(b"x|Acme|601613|31926819|a@acme.co.uk|b@acme.co.uk\n", options);
    let batch = read.next_batch(10).expect("reads");
    let supplier = &batch[0].supplier;
    assert_eq!(
        (supplier.name.as_str(), supplier.emails.len(), batch[0].lines.as_slice()),
        ("Acme", 2, &[1][..])
    );
    assert_eq!(supplier.accounts[0].account.reveal(), "60161331926819");
    let by_name = Map::parse("[columns]\nname = \"Firma\"\niban = \"Konto\"\n").expect("a map");
    let options = ReadOptions { map: Some(by_name), ..ReadOptions::default() };
    let missing = reading(b"Firma,IBAN\nAcme,\n", options.clone());
    assert!(
        missing.found.stopped && missing.found.errors[0].reason.contains("`Konto`"),
        "{:?}",
        missing.found
    );
    assert_eq!(reading(b"firma,KONTO\nAcme,NO9386011117947\n", options).found.accounts, 1);
}

#[test]
fn refused_rows_are_corrected_and_fed_again() {
    let text = "supplier_id,name,phones,iban\nS1,Good,+47 1,NO9386011117947\nS2,=Bad,-47,NO9386011117948\n\
                S3,Shifted,1,,x\nS4,\"Mis\"quoted,1,\nS5,Twin,1,\n";
    let mut first = reading(text.as_bytes(), ReadOptions::default());
    assert_eq!((first.found.suppliers, first.found.rejected), (2, 3));
    let more = BTreeMap::from([(6, "several fit".to_owned())]);
    let mut rejects = Vec::new();
    assert_eq!(first.write_rejects(&more, &mut rejects).expect("writes"), 4);
    let rejects = String::from_utf8(rejects).expect("text");
    assert_eq!(
        rejects,
        "supplier_id,name,phones,iban,reason\r\n\
         S2,'=Bad,'-47,NO9386011117948,\"line 3, iban: IBAN ••••7948 has wrong check digits (a digit is mistyped or altered)\"\r\n\
         S3,Shifted,1,,x,\"line 4: the row has 5 cells, the header 4: a value that holds the delimiter needs quotation marks\"\r\n\
         S4,Misquoted,1,,line 5: a quotation mark stands inside a quoted cell: write it twice\r\n\
         S5,Twin,1,,line 6: several fit\r\n"
    );
    let corrected = rejects.replace("NO9386011117948", "NO9386011117947").replace("1,,x,", "1,,");
    let second = read(&corrected);
    assert_eq!((second.suppliers.len(), second.errors), (4, vec![]), "the reason is not read");
    assert_eq!((second.suppliers[0].name.as_str(), second.suppliers[0].phones[0].as_str()), ("=Bad", "-47"));
    // A file without a header row keeps its positions.
    let mut cells = vec!["\"\""; 42];
    (cells[0], cells[1], cells[38], cells[39]) = ("ACME01", "Acme Ltd", "60161", "31926819");
    let mut sage = reading(format!("{}\n", cells.join(",")).as_bytes(), ReadOptions::default());
    let mut rejects = Vec::new();
    assert_eq!(sage.write_rejects(&BTreeMap::new(), &mut rejects).expect("writes"), 1);
    let corrected = String::from_utf8(rejects).expect("text").replace(",60161,", ",601613,");
    assert_eq!(summary(&read(&corrected)), ["ACME01 Acme Ltd [] [60161331926819:pending]"]);
}

#[test]
fn what_is_odd_is_said() {
    for (text, want) in [
        ("name,abn\nA,51824753557\n", "abn: has a wrong check digit"),
        (
            "supplier_id,name,vat_number\n1,A,GB980780684\n2,B,980780684\n",
            "vat_number: stands also on another supplier, in line 2",
        ),
        ("name,phones\nA,1\n", "1 suppliers have no domain of their own"),
        ("name,domains\nA,a.com\n", "1 suppliers have no phone number"),
        ("name,email,email\nA,a@a.com,b@b.com\n", "stands several times in the header row (columns 2, 3)"),
        ("name,iban\nA,\nName,IBAN\nB,\n", "says the header row again"),
        ("name,active\nA,perhaps\n", "active: has a word that is not known"),
    ] {
        let parsed = read(text);
        let found = parsed.warnings.iter().any(|w| format!("{}: {}", w.column, w.reason).contains(want));
        assert!(found && parsed.errors.is_empty(), "{want}: {:?} {:?}", parsed.warnings, parsed.errors);
    }
    for (text, want) in [
        ("name,vat_number\nA,1.23457E+11\n", "rounded by a spreadsheet"),
        ("name,phones\nA,4.42079E+11\n", "rounded by a spreadsheet"),
        ("name,iban\nA\u{0}B,\n", "holds a NUL octet"),
        ("\u{feff}name,iban\nA\u{fffd},\n", "not of the file's encoding"),
    ] {
        let parsed = read(text);
        assert!(
            parsed.errors.iter().any(|e| e.line == 2 && e.reason.contains(want)),
            "{want}: {:?}",
            parsed.errors
        );
    }
}

#[test]
fn a_file_with_a_broken_end_gives_nothing() {
    let mut text = String::from("name,iban\n");
    for n in 0..50 {
        text.push_str(&format!("Supplier {n},\n"));
    }
    text.push_str("\"open,\n");
    let parsed = read(&text);
    assert_eq!((parsed.suppliers.len(), parsed.accounts, parsed.errors[0].line), (0, 0, 52));
}

#[test]
fn rows_of_a_supplier_may_stand_anywhere_in_a_large_file() {
    let mut text = String::from("supplier_id,name,iban,emails\n");
    let ibans = ["GB29NWBK60161331926819", "DE89370400440532013000", "NO9386011117947"];
    for iban in ibans {
        for n in 0..4_000 {
            text.push_str(&format!("S{n},Supplier {n},{iban},a{n}@s{n}.com\n"));
        }
    }
    let mut read = reading(text.as_bytes(), ReadOptions::default());
    assert_eq!((read.found.suppliers, read.found.rows, read.found.rejected), (4_000, 12_000, 0));
    for _ in 0..2 {
        let mut count = 0;
        loop {
            let batch = read.next_batch(300).expect("reads");
            if batch.is_empty() {
                break;
            }
            for incoming in batch {
                assert_eq!(incoming.supplier.id.0, format!("S{count}"));
                assert_eq!(incoming.supplier.accounts.len(), 3);
                count += 1;
            }
        }
        assert_eq!(count, 4_000);
        read.rewind();
    }
}
