//! What an expression can cost at worst, before it ever runs.
//!
//! CEL has no loops but those over lists, and the lists of the facts are bounded. So the worst case follows from the
//! expression alone: steps, times the longest list for everything inside `exists`, `all` and `filter`. Own rules of
//! organisations share one gateway, so no rule may cost more than [`limits::MAX_RULE_COST`].

use crate::limits;
use cel::common::ast::{Expr, IdedExpr, LiteralValue};

/// Steps of a function that reads a text.
const TEXT: u64 = 10;
/// Steps of `matches`, which compiles its pattern each time: a few in one rule, and none in a loop.
const PATTERN: u64 = 10_000;
/// Steps of each character of a pattern.
const PATTERN_CHARACTER: u64 = 100;
/// Steps of a dot: every character there is, as octets.
const PATTERN_ANY: u64 = 2_000;
/// Steps of a class of Unicode (`\w`, `\d`, `\p{L}` …): measured, most of a millisecond to compile each.
const PATTERN_CLASS: u64 = 25_000;
/// Characters of a pattern.
const MAX_PATTERN: usize = 100;

/// Steps at worst; for a rule over each account, of all accounts together.
///
/// # Errors
/// Why the expression costs too much, or cannot be bounded.
pub(super) fn checked(expr: &IdedExpr, each_account: bool) -> Result<u64, String> {
    let times = if each_account { limits::RULE_LIST } else { 1 };
    let steps = steps(expr)?.saturating_mul(times);
    if steps > limits::MAX_RULE_COST {
        return Err(format!(
            "may take {steps} steps, {} are allowed: nest fewer loops, and keep `matches` out of them",
            limits::MAX_RULE_COST
        ));
    }
    Ok(steps)
}

fn steps(expr: &IdedExpr) -> Result<u64, String> {
    match &expr.expr {
        Expr::Call(call) => {
            let own = match call.func_name.as_str() {
                "matches" => pattern(call.args.last())?,
                "contains" | "startsWith" | "endsWith" | "string" | "int" | "double" => TEXT,
                "@in" => limits::RULE_LIST,
                _ => 1,
            };
            let parts = sum(call.target.iter().map(AsRef::as_ref).chain(&call.args))?;
            Ok(parts.saturating_add(own))
        }
        Expr::Select(select) => Ok(steps(&select.operand)?.saturating_add(1)),
        Expr::List(list) => sum(list.elements.iter()),
        Expr::Comprehension(comprehension) => {
            let inside = steps(&comprehension.loop_cond)?.saturating_add(steps(&comprehension.loop_step)?);
            let once = [&comprehension.iter_range, &comprehension.accu_init, &comprehension.result];
            let outside = sum(once.into_iter())?;
            Ok(inside.saturating_mul(limits::RULE_LIST).saturating_add(outside))
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified | Expr::Map(_) | Expr::Struct(_) => Ok(1),
    }
}

/// A step, and those of the parts.
fn sum<'a>(mut parts: impl Iterator<Item = &'a IdedExpr>) -> Result<u64, String> {
    parts.try_fold(1_u64, |sum, part| Ok(sum.saturating_add(steps(part)?)))
}

/// A pattern is a short literal without counted repetitions; what it costs is told by what stands in it.
fn pattern(pattern: Option<&IdedExpr>) -> Result<u64, String> {
    let Some(Expr::Literal(LiteralValue::String(text))) = pattern.map(|pattern| &pattern.expr) else {
        return Err("the pattern of `matches` must be written out".to_owned());
    };
    let text = text.inner();
    if text.chars().count() > MAX_PATTERN || text.replace("\\p{", "").contains('{') {
        return Err(format!(
            "the pattern of `matches` has at most {MAX_PATTERN} characters and no counted repetition `{{…}}`"
        ));
    }
    let mut cost = PATTERN;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let own = match character {
            '\\' if characters.next().is_some_and(|class| "wWdDsSpPbB".contains(class)) => PATTERN_CLASS,
            // `?` may begin flags: without regard to case, every letter is several.
            '?' | '.' => PATTERN_ANY,
            _ => PATTERN_CHARACTER,
        };
        cost = cost.saturating_add(own);
    }
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cel::Program;

    #[test]
    fn what_could_take_long_is_refused_before_it_runs() {
        let deep = "accounts.exists(a, accounts.exists(b, accounts.exists(c, a.name == b.name)))";
        for (expression, each, allowed) in [
            ("mail.list", false, true),
            ("accounts.exists(a, a.hidden)", true, true),
            ("accounts.exists(a, accounts.exists(b, a.hidden && b.valid))", false, true),
            (deep, false, false),
            ("accounts.exists(a, accounts.exists(b, a.hidden && b.valid))", true, false),
            ("sender.domain.matches('^a+$')", false, true),
            ("sender.domain.matches('^a{1000}$')", false, false),
            (r"sender.domain.matches('^\\d+-\\p{L}+\\.example$')", false, true),
            (r"sender.domain.matches('\\w\\w\\w\\w\\w')", false, false),
            (
                "sender.domain.matches('^[a-z0-9.-]+$') || sender.domain.matches('^.+[.]example$')",
                false,
                true,
            ),
            ("sender.domain.matches(sender.address)", false, false),
            ("accounts.exists(a, a.name.matches('x'))", false, false),
        ] {
            let program = Program::compile(expression).unwrap();
            assert_eq!(checked(program.expression(), each).is_ok(), allowed, "{expression}");
        }
    }
}
