//! The table of `rules/policy.toml`: what facts amount to, whatever rules and rows lead there.

use super::*;
use crate::model::AuthMethod;

/// The combinations of `rules/policy.toml`.
#[test]
fn combinations_come_out_as_the_policy_file_says() {
    let set = RuleSet::load(None).expect("shipped rules");
    let file: source::PolicyFile = toml::from_str(source::SHIPPED_POLICY.1).expect("the shipped policy");
    assert!(file.combination.len() >= 50);
    for test in &file.combination {
        let verdict = set.judge(&test.facts, &Places::default(), Mode::Enforce);
        let found: Vec<&str> = verdict.findings.iter().map(|finding| finding.code.0.as_str()).collect();
        assert_eq!(verdict.action, test.action, "{}: {found:?}", test.name);
        if let Some(severity) = test.severity {
            assert_eq!(verdict.severity, severity, "{}: {found:?}", test.name);
        }
        for code in &test.codes {
            assert!(found.contains(&code.as_str()), "{}: {code} is not among {found:?}", test.name);
        }
        // A pass of the sender never lowers what the rest says.
        let mut passed = test.facts.clone();
        if !passed.sender.auth_failed {
            passed.sender.authenticated = true;
            passed.sender.auth_known = true;
            passed.sender.method = AuthMethod::Dmarc;
            let vouched = set.judge(&passed, &Places::default(), Mode::Enforce);
            assert!(vouched.action >= verdict.action, "{}: softened by a DMARC pass", test.name);
        }
    }
}
