//! Checks an expression against the facts before it ever sees a message.
//!
//! CEL is typed at run time only, and `&&` hides what stands behind a false left side. So every name is looked up in
//! complete sample facts, lists and their elements included, and every part of the expression is evaluated on its own:
//! a misspelt field or a text compared with a number is found here, whatever the values of the sample are.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr};
use cel::{Context, Value};

use super::text::member;

/// Functions that rules may call, beside operators and macros.
const FUNCTIONS: &[&str] =
    &["size", "contains", "startsWith", "endsWith", "matches", "int", "string", "double"];
/// Nesting of an expression: rules are short, and the walk is recursive.
const MAX_NESTING: usize = 64;

/// Checks names, fields, functions and types of an expression over the variables bound in `sample` (values in
/// `variables`).
pub(super) fn check(expr: &IdedExpr, variables: &[(&str, Value)], sample: &Context) -> Result<(), String> {
    let scope = Scope { bound: variables.iter().map(|(name, value)| (*name, Some(value.clone()))).collect() };
    walk(expr, &scope, sample, 0)?;
    match sample.resolve(expr) {
        Ok(Value::Bool(_)) => Ok(()),
        Ok(other) => Err(format!("gives {} instead of true or false", other.type_of())),
        Err(error) => Err(error.to_string()),
    }
}

struct Scope<'a> {
    /// Name and example; `None` where nothing is known (an accumulator).
    bound: Vec<(&'a str, Option<Value>)>,
}

/// Walks an expression and gives an example of its value where names alone tell it.
fn walk(expr: &IdedExpr, scope: &Scope<'_>, sample: &Context, depth: usize) -> Result<Option<Value>, String> {
    if depth > MAX_NESTING {
        return Err("is nested too deeply".to_owned());
    }
    let next = depth + 1;
    match &expr.expr {
        Expr::Ident(name) => match scope.bound.iter().rev().find(|(bound, _)| bound == name) {
            Some((_, example)) => Ok(example.clone()),
            None => Err(format!("there is no fact `{name}`")),
        },
        Expr::Select(select) => {
            let holder = walk(&select.operand, scope, sample, next)?;
            let Some(holder) = holder else { return Ok(None) };
            match member(&holder, &select.field) {
                Some(value) => Ok(Some(value.clone())),
                None => Err(format!("there is no fact `{}` in `{}`", select.field, spell(&select.operand))),
            }
        }
        Expr::Call(call) => {
            let operator = !call.func_name.starts_with(|c: char| c.is_ascii_alphabetic());
            if !operator && !FUNCTIONS.contains(&call.func_name.as_str()) {
                return Err(format!(
                    "there is no function `{}` (known: {})",
                    call.func_name,
                    FUNCTIONS.join(", ")
                ));
            }
            let mut element = None;
            for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                let example = walk(part, scope, sample, next)?;
                if element.is_none()
                    && let Some(Value::List(list)) = &example
                {
                    element = list.first().cloned();
                }
            }
            if !speaks_of_accumulator(expr) {
                sample.resolve(expr).map_err(|error| error.to_string())?;
            }
            Ok(element.filter(|_| call.func_name == "_[_]"))
        }
        Expr::Comprehension(comprehension) => walk_macro(comprehension, scope, sample, next),
        Expr::List(list) => {
            for element in &list.elements {
                walk(element, scope, sample, next)?;
            }
            Ok(None)
        }
        Expr::Map(_) | Expr::Struct(_) => Err("maps and structures are not for rules".to_owned()),
        Expr::Literal(_) | Expr::Unspecified => Ok(None),
    }
}

/// `exists`, `all`, `filter` …: the loop's variable stands for an element of the list it runs over.
fn walk_macro(
    comprehension: &ComprehensionExpr,
    scope: &Scope<'_>,
    sample: &Context,
    depth: usize,
) -> Result<Option<Value>, String> {
    let element = match walk(&comprehension.iter_range, scope, sample, depth)? {
        Some(Value::List(list)) => list.first().cloned(),
        _ => None,
    };
    let mut inner = Scope { bound: scope.bound.clone() };
    let mut inner_sample = sample.new_inner_scope();
    if let Some(element) = &element {
        inner_sample.add_variable_from_value(comprehension.iter_var.as_str(), element.clone());
    }
    inner.bound.push((&comprehension.accu_var, None));
    inner.bound.push((&comprehension.iter_var, element));
    walk(&comprehension.accu_init, scope, sample, depth)?;
    for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
        walk(part, &inner, &inner_sample, depth)?;
    }
    Ok(None)
}

/// Macros keep their state in a variable whose name begins with `@`; it has no value outside the macro.
fn speaks_of_accumulator(expr: &IdedExpr) -> bool {
    match &expr.expr {
        Expr::Ident(name) => name.starts_with('@'),
        Expr::Select(select) => speaks_of_accumulator(&select.operand),
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).any(speaks_of_accumulator)
        }
        Expr::List(list) => list.elements.iter().any(speaks_of_accumulator),
        Expr::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => speaks_of_accumulator(&entry.value),
            EntryExpr::StructField(field) => speaks_of_accumulator(&field.value),
        }),
        // A whole macro closes over its own state.
        Expr::Comprehension(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => false,
    }
}

fn spell(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", spell(&select.operand), select.field),
        _ => "this expression".to_owned(),
    }
}
