//! Checks an expression against the facts before it ever sees a message.
//!
//! CEL is typed at run time only, and `&&` hides what stands behind a false left side. So every name is looked up in
//! complete sample facts, lists and their elements included, and every part of the expression is evaluated on its own:
//! a misspelt field or a text compared with a number is found here, whatever the values of the sample are.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, operators};
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
                small_steps(call, sample)?;
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

/// Refuses steps that are as long as their values: the cost of an expression is told by its steps (`super::cost`).
/// Joined texts would double with every loop, and whole lists are long to compare.
fn small_steps(call: &CallExpr, sample: &Context) -> Result<(), String> {
    let sides: &[IdedExpr] = match call.func_name.as_str() {
        operators::ADD | operators::EQUALS | operators::NOT_EQUALS => &call.args,
        operators::IN => call.args.get(..1).unwrap_or_default(),
        _ => return Ok(()),
    };
    for side in sides {
        let value = sample.resolve(side).map_err(|error| error.to_string())?;
        match (&value, call.func_name.as_str()) {
            (Value::Int(_) | Value::UInt(_) | Value::Float(_), _) => {}
            (_, operators::ADD) => {
                return Err("`+` is for numbers: texts and lists are not joined".to_owned());
            }
            (Value::List(_) | Value::Map(_), _) => {
                return Err("whole lists and structures are not compared: use `size` or `exists`".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

/// `exists`, `all`, `filter` …: the loop's variable stands for an element of the list it runs over.
fn walk_macro(
    comprehension: &ComprehensionExpr,
    scope: &Scope<'_>,
    sample: &Context,
    depth: usize,
) -> Result<Option<Value>, String> {
    if makes_values(comprehension) {
        return Err("there is no macro `map` (known: exists, all, exists_one, filter)".to_owned());
    }
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

/// `map`: its list is of other values than the elements of the list it runs over, and could grow with every loop.
fn makes_values(comprehension: &ComprehensionExpr) -> bool {
    fn appended(step: &IdedExpr) -> Option<&IdedExpr> {
        match &step.expr {
            Expr::List(list) => list.elements.first(),
            Expr::Call(call) => match call.func_name.as_str() {
                operators::ADD => call.args.get(1).and_then(appended),
                operators::CONDITIONAL => call.args.get(1).and_then(appended),
                _ => None,
            },
            _ => None,
        }
    }
    let of_list = matches!(comprehension.accu_init.expr, Expr::List(_));
    let kept = appended(&comprehension.loop_step)
        .is_some_and(|value| matches!(&value.expr, Expr::Ident(name) if *name == comprehension.iter_var));
    of_list && !kept
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
