//! Expressions read back: as text, as the facts they speak of, and as the conditions they are made of.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue};
use std::collections::BTreeSet;

/// An expression as a person would write it.
pub(super) fn spell(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", spell(&select.operand), select.field),
        Expr::Literal(literal) => spell_literal(literal),
        Expr::List(list) => format!("[{}]", joined(&list.elements)),
        Expr::Call(call) => spell_call(call),
        Expr::Comprehension(comprehension) => spell_macro(comprehension),
        Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => "…".to_owned(),
    }
}

fn joined(parts: &[IdedExpr]) -> String {
    parts.iter().map(spell).collect::<Vec<_>>().join(", ")
}

fn spell_literal(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(value) => value.inner().to_string(),
        LiteralValue::Int(value) => value.inner().to_string(),
        LiteralValue::String(text) => format!("{:?}", text.inner()),
        LiteralValue::Null => "null".to_owned(),
        LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => "…".to_owned(),
    }
}

fn spell_call(call: &CallExpr) -> String {
    let name = call.func_name.as_str();
    match (name, call.target.as_deref(), call.args.as_slice()) {
        ("!_", None, [one]) => format!("!{}", grouped(one)),
        ("-_", None, [one]) => format!("-{}", grouped(one)),
        ("_[_]", None, [list, index]) => format!("{}[{}]", spell(list), spell(index)),
        ("_?_:_", None, [condition, yes, no]) => {
            format!("{} ? {} : {}", grouped(condition), grouped(yes), grouped(no))
        }
        (_, None, [left, right]) if !name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let operator = if name == "@in" { "in" } else { name.trim_matches('_') };
            format!("{} {operator} {}", grouped(left), grouped(right))
        }
        (_, Some(target), arguments) => format!("{}.{name}({})", spell(target), joined(arguments)),
        (_, None, arguments) => format!("{name}({})", joined(arguments)),
    }
}

/// In parentheses where it is made of others.
fn grouped(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Call(call) if matches!(call.func_name.as_str(), "_&&_" | "_||_" | "_?_:_") => {
            format!("({})", spell(expr))
        }
        _ => spell(expr),
    }
}

/// The macros are known by how they begin and go on.
fn spell_macro(comprehension: &ComprehensionExpr) -> String {
    let name = match (&comprehension.accu_init.expr, &comprehension.loop_step.expr) {
        (Expr::Literal(LiteralValue::Boolean(value)), _) => {
            if *value.inner() {
                "all"
            } else {
                "exists"
            }
        }
        (Expr::Literal(LiteralValue::Int(_)), _) => "exists_one",
        (_, Expr::Call(call)) if call.func_name == "_?_:_" => "filter",
        _ => "map",
    };
    let body = match &comprehension.loop_step.expr {
        Expr::Call(call) if matches!(name, "all" | "exists") => call.args.last(),
        Expr::Call(call) if matches!(name, "exists_one" | "filter") => call.args.first(),
        _ => None,
    };
    let body = body.map_or_else(|| "…".to_owned(), spell);
    format!("{}.{name}({}, {body})", spell(&comprehension.iter_range), comprehension.iter_var)
}

/// The facts that an expression speaks of, as `sender.domain`; a field of a list's elements as `accounts.status`.
pub(super) fn paths(expr: &IdedExpr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(expr, &mut Vec::new(), &mut found);
    found
}

/// `names`: loop variables and the lists they run over.
fn collect(expr: &IdedExpr, names: &mut Vec<(String, String)>, found: &mut BTreeSet<String>) {
    match &expr.expr {
        Expr::Ident(_) | Expr::Select(_) => match path(expr, names) {
            Some(path) if !path.starts_with('@') => {
                found.insert(path);
            }
            Some(_) => {}
            None => {
                if let Expr::Select(select) = &expr.expr {
                    collect(&select.operand, names, found);
                }
            }
        },
        Expr::Call(call) => {
            for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                collect(part, names, found);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|element| collect(element, names, found)),
        Expr::Comprehension(comprehension) => {
            // A list that is only run through is told of by the fields of its elements.
            let range = path(&comprehension.iter_range, names);
            if range.is_none() {
                collect(&comprehension.iter_range, names, found);
            }
            names.push((comprehension.iter_var.clone(), range.unwrap_or_default()));
            for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                collect(part, names, found);
            }
            names.pop();
        }
        Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn path(expr: &IdedExpr, names: &[(String, String)]) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => {
            let list = names.iter().rev().find(|(variable, _)| variable == name);
            Some(list.map_or_else(|| name.clone(), |(_, list)| list.clone()))
        }
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand, names)?, select.field)),
        _ => None,
    }
}

/// The ways in which an expression can hold: each is a list of conditions that must all hold.
pub(super) fn alternatives(expr: &IdedExpr) -> Vec<Vec<&IdedExpr>> {
    flat(expr, "_||_").into_iter().map(|way| flat(way, "_&&_")).collect()
}

/// `a && b && c` as its parts.
fn flat<'a>(expr: &'a IdedExpr, operator: &str) -> Vec<&'a IdedExpr> {
    match &expr.expr {
        Expr::Call(call) if call.func_name == operator && call.target.is_none() => {
            call.args.iter().flat_map(|part| flat(part, operator)).collect()
        }
        _ => vec![expr],
    }
}

/// Whether a condition asks that something is not so: true of nearly every mail, and no sign of nearness.
pub(super) fn is_denial(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Call(call) if matches!(call.func_name.as_str(), "!_" | "_!=_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cel::Program;

    #[test]
    fn expressions_read_back_as_they_were_written() {
        for (text, facts) in [
            ("mail.list", "mail.list"),
            ("!mail.list && sender.domain == \"a.example\"", "mail.list sender.domain"),
            ("(mail.list || mail.signed) && size(accounts) > 1", "accounts mail.list mail.signed"),
            ("accounts.exists(a, a.new_payee && !a.hidden)", "accounts.hidden accounts.new_payee"),
            ("accounts.all(a, a.valid)", "accounts.valid"),
            ("accounts.exists_one(a, a.valid)", "accounts.valid"),
            ("account.status in [\"match\", \"own\"]", "account.status"),
            ("sender.domain.endsWith(\".example\")", "sender.domain"),
            ("history.dormant_days >= param.silence", "history.dormant_days param.silence"),
        ] {
            let program = Program::compile(text).unwrap();
            assert_eq!(spell(program.expression()), text);
            let found: Vec<String> = paths(program.expression()).into_iter().collect();
            assert_eq!(found.join(" "), facts, "{text}");
        }
    }

    #[test]
    fn ways_to_hold_are_told_apart() {
        let program = Program::compile("a && b || c && (d || e) && f").unwrap();
        let ways: Vec<Vec<String>> = alternatives(program.expression())
            .iter()
            .map(|way| way.iter().map(|part| spell(part)).collect())
            .collect();
        assert_eq!(ways, [vec!["a", "b"], vec!["c", "d || e", "f"]]);
    }
}
