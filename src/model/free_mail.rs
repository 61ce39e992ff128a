//! Free mail providers: a domain of theirs identifies nobody.

use super::Domain;
use std::collections::HashSet;
use std::sync::LazyLock;

static FREE_MAIL: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../../rules/lexicons/free-mail.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// Whether anybody can have a mailbox in this domain (`rules/lexicons/free-mail.txt`). Such a domain never stands
/// for a supplier; an address in it may.
#[must_use]
pub fn is_free_mail(domain: &Domain) -> bool {
    FREE_MAIL.contains(domain.as_str()) || FREE_MAIL.contains(domain.registrable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_told_from_companies() {
        for (domain, free) in
            [("gmail.com", true), ("yahoo.co.uk", true), ("acme.example", false), ("notgmail.com", false)]
        {
            assert_eq!(is_free_mail(&Domain::parse(domain).expect(domain)), free, "{domain}");
        }
    }

    #[test]
    fn every_line_of_the_list_is_a_domain_in_comparable_form() {
        let lines: std::collections::BTreeSet<&&str> = FREE_MAIL.iter().collect();
        for line in lines {
            assert_eq!(Domain::parse(line).expect(line).as_str(), *line);
        }
    }
}
