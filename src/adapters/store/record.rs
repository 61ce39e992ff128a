//! Reading the record of one message.

use super::Store;
use super::error::StoreError;
use crate::model::OrgId;
use serde::Serialize;
use sqlx::Row as _;

/// What was decided about a message, as recorded before it left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedVerdict {
    /// `deliver`, `tag` or `quarantine`.
    pub action: String,
    /// Severity name.
    pub severity: String,
    /// 0 to 100.
    pub score: i64,
    /// Finding codes, loudest first.
    pub codes: Vec<String>,
}

impl Store {
    /// The recorded verdict of a message by its `X-Sentra-Id`; `None` when there is none (any more).
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn recorded_verdict(
        &self,
        org: OrgId,
        id: &str,
    ) -> Result<Option<RecordedVerdict>, StoreError> {
        let sql = "SELECT action, severity, score, codes FROM messages WHERE org_id = $1 AND id = $2";
        let mut read = self.database.scope(org).read().await?;
        let row = sqlx::query(sql).bind(org.to_string()).bind(id).fetch_optional(&mut *read).await?;
        let Some(row) = row else { return Ok(None) };
        let codes: String = row.try_get(3)?;
        Ok(Some(RecordedVerdict {
            action: row.try_get(0)?,
            severity: row.try_get(1)?,
            score: row.try_get(2)?,
            codes: codes.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
        }))
    }
}
