//! `[identity]`: whose word counts on who sent a message.

use super::checker::Checker;
use crate::adapters::sender_auth::{Mode, Options};
use crate::model::Domain;

impl Checker<'_> {
    pub(super) fn identity(&mut self) -> Options {
        let said = self.sourced.settings.identity.clone();
        let modes = [
            ("exchange", Mode::Exchange),
            ("verify", Mode::Verify),
            ("both", Mode::Both),
            ("none", Mode::None),
        ];
        let help = "write a domain, like \"microsoft.com\"";
        Options {
            mode: self.one_of("identity.authentication", &said.authentication, &modes).unwrap_or_default(),
            trust_auth_results: self.sourced.settings.smtp.trust_auth_results,
            trusted_sealers: self.each(
                "identity.trusted_sealers",
                &said.trusted_sealers,
                Domain::parse,
                help,
            ),
        }
    }
}
