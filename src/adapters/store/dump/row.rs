//! One row as octets: a length, then each column as a tag and its value. Numbers are little endian.

use super::super::error::{StoreError, damaged};
use super::{Column, Kind};
use sqlx::Row as _;
use sqlx::any::AnyRow;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const BYTES: u8 = 3;
const REAL: u8 = 4;

/// A value on its way back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null(Kind),
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
    Real(f64),
}

/// Appends a row with its length before it.
pub(super) fn encode(row: &AnyRow, columns: &[Column], out: &mut Vec<u8>) -> Result<(), StoreError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (index, column) in columns.iter().enumerate() {
        match column.kind {
            Kind::Integer => {
                put(out, INTEGER, row.try_get::<Option<i64>, _>(index)?.map(i64::to_le_bytes).as_ref())
            }
            Kind::Real => {
                put(out, REAL, row.try_get::<Option<f64>, _>(index)?.map(f64::to_le_bytes).as_ref())
            }
            Kind::Text => {
                put_long(out, TEXT, row.try_get::<Option<String>, _>(index)?.map(String::into_bytes))?
            }
            Kind::Bytes => put_long(out, BYTES, row.try_get::<Option<Vec<u8>>, _>(index)?)?,
        }
    }
    let length = length(out.len().saturating_sub(start).saturating_sub(4))?;
    if let Some(place) = out.get_mut(start..start.saturating_add(4)) {
        place.copy_from_slice(&length);
    }
    Ok(())
}

fn put(out: &mut Vec<u8>, tag: u8, octets: Option<&[u8; 8]>) {
    match octets {
        None => out.push(NULL),
        Some(octets) => {
            out.push(tag);
            out.extend_from_slice(octets);
        }
    }
}

fn put_long(out: &mut Vec<u8>, tag: u8, octets: Option<Vec<u8>>) -> Result<(), StoreError> {
    match octets {
        None => out.push(NULL),
        Some(octets) => {
            out.push(tag);
            out.extend_from_slice(&length(octets.len())?);
            out.extend_from_slice(&octets);
        }
    }
    Ok(())
}

fn length(octets: usize) -> Result<[u8; 4], StoreError> {
    let length = u32::try_from(octets);
    length.map(u32::to_le_bytes).map_err(|_| StoreError::Invalid("a row is larger than 4 GiB".to_owned()))
}

/// The values of a row, its length already taken off.
pub(super) fn decode(mut record: &[u8], columns: &[Column]) -> Result<Vec<Value>, StoreError> {
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        let [tag] = take::<1>(&mut record)?;
        values.push(match tag {
            NULL => Value::Null(column.kind),
            INTEGER => Value::Integer(i64::from_le_bytes(take(&mut record)?)),
            REAL => Value::Real(f64::from_le_bytes(take(&mut record)?)),
            TEXT => Value::Text(String::from_utf8(take_long(&mut record)?).map_err(|_| damaged("row"))?),
            BYTES => Value::Bytes(take_long(&mut record)?),
            _ => return Err(damaged("row")),
        });
    }
    if record.is_empty() { Ok(values) } else { Err(damaged("row")) }
}

fn take<const N: usize>(record: &mut &[u8]) -> Result<[u8; N], StoreError> {
    let (head, rest) = record.split_first_chunk::<N>().ok_or_else(|| damaged("row"))?;
    *record = rest;
    Ok(*head)
}

fn take_long(record: &mut &[u8]) -> Result<Vec<u8>, StoreError> {
    let length = u32::from_le_bytes(take(record)?);
    let length = usize::try_from(length).map_err(|_| damaged("row"))?;
    let (head, rest) = record.split_at_checked(length).ok_or_else(|| damaged("row"))?;
    *record = rest;
    Ok(head.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_rows_are_refused() {
        let columns = [Column { name: "a".to_owned(), kind: Kind::Text }];
        for record in [&b""[..], &[2][..], &[2, 5, 0, 0, 0, b'x'], &[9], &[0, 0], &[2, 1, 0, 0, 0, 0xFF]] {
            assert!(decode(record, &columns).is_err(), "{record:?}");
        }
        assert_eq!(decode(&[2, 1, 0, 0, 0, b'x'], &columns).unwrap(), [Value::Text("x".to_owned())]);
        assert_eq!(decode(&[0], &columns).unwrap(), [Value::Null(Kind::Text)]);
    }
}
