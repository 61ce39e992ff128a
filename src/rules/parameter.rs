//! Parameters: the numbers of a rule that an organisation may set, each with bounds.

use super::source::ParameterSource;
use crate::limits;
use cel::Value;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// One parameter of a rule, `param.NAME` in its expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The value that counts here.
    pub value: i64,
    /// The value that the rule file says.
    pub default: i64,
    /// Least value.
    pub min: i64,
    /// Greatest value.
    pub max: i64,
    /// What it counts.
    pub unit: String,
    /// What it decides.
    pub doc: String,
}

impl Parameter {
    /// Those of one rule, by name.
    pub(super) fn read(sources: BTreeMap<String, ParameterSource>) -> Result<Vec<Self>, String> {
        if sources.len() > limits::MAX_PARAMETERS {
            return Err(format!("a rule has at most {} parameters", limits::MAX_PARAMETERS));
        }
        let read = |(name, source): (String, ParameterSource)| {
            let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !plain {
                return Err(format!("parameter {name:?}: a name is written lower_snake"));
            }
            if !(source.min..=source.max).contains(&source.default) {
                return Err(format!("parameter `{name}`: the default is outside min and max"));
            }
            let ParameterSource { default, min, max, unit, doc } = source;
            Ok(Self { name, value: default, default, min, max, unit, doc })
        };
        sources.into_iter().map(read).collect()
    }

    /// Takes a value that is within the bounds.
    pub(super) fn set(&mut self, value: i64) -> Result<(), String> {
        if !(self.min..=self.max).contains(&value) {
            return Err(format!("`{}` takes {} to {} {}", self.name, self.min, self.max, self.unit));
        }
        self.value = value;
        Ok(())
    }
}

/// The parameters as the expression sees them; `None` for a rule without.
pub(super) fn as_value(parameters: &[Parameter]) -> Option<Value> {
    let values: HashMap<String, Value> =
        parameters.iter().map(|known| (known.name.clone(), Value::Int(known.value))).collect();
    (!values.is_empty()).then(|| Value::Map(values.into()))
}
