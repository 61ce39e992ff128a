//! What rules may cost, and what reports about past traffic hold.

/// Entries of the longest list that a rule can run through ([`super::MAX_ACCOUNTS`], and room).
pub const RULE_LIST: u64 = 64;
/// Steps that one rule may take at worst: a few milliseconds, on a message with the most accounts there can be.
pub const MAX_RULE_COST: u64 = 100_000;
/// Characters of a rule's expression.
pub const MAX_RULE_EXPRESSION: usize = 4_000;
/// Parameters of one rule.
pub const MAX_PARAMETERS: usize = 8;
/// Tests of one own rule: they run again when the rules of its organisation are joined.
pub const MAX_OWN_TESTS: usize = 20;
/// Rules of an organisation's own.
pub const MAX_OWN_RULES: usize = 50;
/// Steps that all own rules of an organisation may take together at worst: the gateway is shared.
pub const MAX_OWN_COST: u64 = 250_000;
/// Octets of one own rule as written.
pub const MAX_OWN_RULE: usize = 16 * 1_024;
/// Organisations whose joined rule sets are kept; beyond it one is dropped and joined again when it is needed.
pub const MAX_JOINED_SETS: usize = 4_096;
/// Versions of an organisation's rules that are kept: a verdict under any of them can be replayed.
pub const MAX_RULE_VERSIONS: i64 = 1_000;
/// Suppliers, days or codes of one report about past traffic; what is beyond is counted together.
pub const MAX_REPORT_ROWS: usize = 10_000;
/// Examples of one report about past traffic.
pub const MAX_EXAMPLES: usize = 1_000;
