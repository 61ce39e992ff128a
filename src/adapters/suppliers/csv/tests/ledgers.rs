//! What ledgers export.

use super::*;

#[test]
fn exports_of_ledgers_are_recognised() {
    let rows = [
        (
            "Xero",
            "*ContactName,AccountNumber,EmailAddress,PhoneNumber,BankAccountName,BankAccountNumber,TaxNumber,Website,CompanyNumber\n\
             Acme Pty Ltd,ACM01,ap@acme.com.au,02 9999,Acme,082-082 012345678,51 824 753 556,https://www.acme.com.au/x,\n\
             Kiwi,,,,,01-0242-0100194-00,,,\n",
            vec![
                "error 2: stands without a bank code: add sort_code, routing_number, bsb, transit_number and institution_number, ifsc, or bic, or give the iban",
                "line:3 Kiwi [] [01-0242-0100194-000:pending]",
            ],
        ),
        (
            "QuickBooks",
            "Vendor,Company,Email,Phone,Account No.,Country\nAcme,Acme Incorporated,ap@acme.com,1,OUR-7,USA\n",
            vec!["line:2 Acme [acme.com] []"],
        ),
        (
            "MYOB",
            "{}\nCo./Last Name\tCard ID\tEmail\tEmail\tA.B.N.\tBSB\tAccount Number\tAccount Name\nAcme Pty\tC1\tap@acme.com.au\tother@acme.com.au\t51824753556\t062-000\t12345678\tAcme\n",
            vec!["C1 Acme Pty [acme.com.au] [062000-12345678:pending]"],
        ),
        (
            "Sage",
            "A/C;Name;E-mail;Telephone;Sort Code;Account Number;BIC;IBAN\nACME01;Acme;a@acme.co.uk;1;601613;31926819;;\n",
            vec!["ACME01 Acme [acme.co.uk] [60161331926819:pending]"],
        ),
        (
            "Business Central",
            "No.,Name,E-Mail,Phone No.,VAT Registration No.,Country/Region Code,Bank Branch No.,Bank Account No.,IBAN,SWIFT Code\n\
             V10000,Acme,a@acme.de,1,DE123456789,DE,10050000,532013000,DE89 3704 0044 0532 0130 00,COBADEFFXXX\n\
             V20000,Beta,a@beta.co.uk,1,,GB,601613,31926819,,\n",
            vec![
                "V10000 Acme [acme.de] [DE89370400440532013000:pending]",
                "V20000 Beta [beta.co.uk] [60161331926819:pending]",
            ],
        ),
    ];
    for (name, text, want) in rows {
        let parsed = read(text);
        let mut got: Vec<String> =
            parsed.errors.iter().map(|e| format!("error {}: {}", e.line, e.reason)).collect();
        got.extend(summary(&parsed));
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_sage_50_file_without_header_is_read_by_position() {
    let mut cells = vec![""; 42];
    for (at, text) in [
        (0, "ACME01"),
        (1, "Acme Ltd"),
        (8, "0207"),
        (14, "GB980780684"),
        (26, "a@acme.co.uk"),
        (38, "601613"),
        (39, "31926819"),
    ] {
        cells[at] = text;
    }
    let parsed = read(&format!("{}\n", cells.join(",")));
    assert_eq!(parsed.errors, []);
    assert_eq!(summary(&parsed), ["ACME01 Acme Ltd [acme.co.uk] [60161331926819:pending]"]);
}

#[test]
fn more_ledgers() {
    let rows = [
        (
            "NetSuite",
            "Internal ID,entityid,companyname,email,phone,vatregnumber,custrecord_2663_entity_acct_name,custrecord_2663_entity_acct_no,custrecord_2663_entity_bank_no,custrecord_2663_entity_iban,custrecord_2663_entity_bic,custrecord_2663_entity_country,isinactive\n\
             77,V-9,Acme Pty Ltd,ap@acme.com.au,1,51824753556,Acme,12345678,062000,,,Australia,No\n",
            vec!["V-9 Acme Pty Ltd [acme.com.au] [062000-12345678:pending]"],
        ),
        (
            "Sage Accounting",
            "name,reference,email,main_contact_person.telephone,tax_number,bank_account_details.account_name,bank_account_details.account_number,bank_account_details.sort_code,gdpr_obfuscated\n\
             Acme,A1,a@acme.co.uk,1,GB980780684,Acme,31926819,601613,false\n",
            vec!["A1 Acme [acme.co.uk] [60161331926819:pending]"],
        ),
        (
            "MYOB, a person",
            "{}\nCo./Last Name\tFirst Name\tCard ID\tCard Status\tBSB\tAccount Number\nSmith\tJohn\tC1\tN\t062000\t12345678\nOld\t\tC2\tI\t062000\t12345679\n",
            vec!["C1 John Smith [] [062000-12345678:pending]", "C2 Old [] [062000-12345679:retired]"],
        ),
        (
            "Business Central, two accounts",
            "Vendor No.,Vendor Name,Code,Name,Bank Branch No.,Bank Account No.,IBAN,Country/Region Code,Blocked\n\
             V1,Acme,MAIN,Nordbank,,,DE89370400440532013000,DE,_x0020_\n\
             V1,Acme,OLD,Südbank,,,NO9386011117947,NO,_x0020_\n",
            vec!["V1 Acme [] [DE89370400440532013000:pending NO9386011117947:pending]"],
        ),
    ];
    for (name, text, want) in rows {
        let parsed = read(text);
        assert_eq!(
            (summary(&parsed), parsed.errors),
            (want.into_iter().map(str::to_owned).collect(), vec![]),
            "{name}"
        );
    }
    let list = read("Vendor No.,Code,Name,Bank Account No.,IBAN\nV1,MAIN,Nordbank,,DE89370400440532013000\n");
    assert!(list.suppliers.is_empty(), "the bank's name is no supplier's: {list:?}");
}

#[test]
fn a_saved_answer_of_xero() {
    let text = r#"{"Id":"x","Contacts":[
        {"ContactID":"c1","Name":"Acme","ContactStatus":"ACTIVE","EmailAddress":"a@acme.co.uk","IsSupplier":true,
         "BankAccountDetails":"GB29NWBK60161331926819","BatchPayments":{"BankAccountNumber":"GB29 NWBK 6016 1331 9268 19"}},
        {"ContactID":"c2","Name":"Gone","ContactStatus":"ARCHIVED","IsSupplier":true,"BankAccountDetails":"NO9386011117947"},
        {"ContactID":"c3","Name":"Customer","IsCustomer":true}]}"#;
    let parsed = read(text);
    assert_eq!(
        summary(&parsed),
        ["c1 Acme [acme.co.uk] [GB29NWBK60161331926819:pending]", "c2 Gone [] [NO9386011117947:retired]"]
    );
    assert_eq!(
        read("{\"Contacts\":[}").errors[0].reason,
        "the file is no answer of Xero's contacts (column 14)"
    );
}

#[test]
fn a_ledgers_erased_supplier_says_nothing() {
    let text =
        b"supplier_id,name,emails,iban,contact_status\nS1,Redacted,x@x.com,NO9386011117947,GDPRREQUEST\n";
    let batch = reading(text, ReadOptions::default()).next_batch(5).expect("reads");
    let [erased] = batch.as_slice() else { panic!("{batch:?}") };
    assert_eq!(erased.lifecycle, Lifecycle::Erased);
    assert!(
        erased.supplier.emails.is_empty() && erased.supplier.accounts.is_empty() && erased.derived.is_empty()
    );
}
