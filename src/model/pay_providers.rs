//! Services whose pages take payments for others, and those that count clicks: a link to one says nothing about who is
//! paid, and is no page that somebody put up for a fraud alone.

use super::Domain;
use std::collections::HashSet;
use std::sync::LazyLock;

static PROVIDERS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../../rules/lexicons/pay-providers.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// Whether the domain, or the registrable one above it, is in `rules/lexicons/pay-providers.txt`.
#[must_use]
pub fn is_pay_provider(domain: &Domain) -> bool {
    PROVIDERS.contains(domain.as_str()) || PROVIDERS.contains(domain.registrable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_told_from_others() {
        for (domain, known) in [
            ("in.xero.com", true),
            ("buy.stripe.com", true),
            ("xero.com.evil.example", false),
            ("pay-xero.com", false),
        ] {
            assert_eq!(is_pay_provider(&Domain::parse(domain).expect(domain)), known, "{domain}");
        }
    }

    #[test]
    fn every_line_of_the_list_is_a_domain_in_comparable_form() {
        let lines: std::collections::BTreeSet<&&str> = PROVIDERS.iter().collect();
        for line in lines {
            assert_eq!(Domain::parse(line).expect(line).as_str(), *line);
        }
    }
}
