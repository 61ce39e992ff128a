//! Changing one setting of an organisation.

use super::error::{StoreError, damaged};
use super::{Event, Store, append_audit, config_changed};
use crate::adapters::audit::AuditAction;
use crate::model::{EmailAddress, FailPolicy, LANGUAGES, Mode, NextHopAddress, OrgId, Preference, Wording};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sqlx::AnyConnection;
use std::borrow::Cow;

/// Name of a mailbox's language in `settings`, before its folded address.
pub(super) const MAILBOX_LANGUAGE: &str = "mailbox.language|";
/// Name of the organisation's banner texts in `settings`.
pub(super) const BANNER_WORDING: &str = "banner.wording";

/// One setting of an organisation with its new value.
#[derive(Clone, Debug)]
pub enum OrgSetting {
    /// `name`
    Name(String),
    /// `mode`
    Mode(Mode),
    /// `tenant-id`
    TenantId(Option<String>),
    /// `fail-policy`
    FailPolicy(FailPolicy),
    /// `next-hop` with its `next-hop-tls`
    NextHop(Option<NextHopAddress>),
    /// `client-certificate`: file names of chain and key (PEM)
    ClientCertificate(Option<(String, String)>),
    /// `subject-prefix`
    SubjectPrefix(Option<String>),
    /// The language of one mailbox, by its primary address; `None` goes back to the organisation's.
    MailboxLanguage(EmailAddress, Option<String>),
    /// Banner texts and colours: a file as [`Wording::parse`] takes it; `None` goes back to the installation's.
    BannerWording(Option<String>),
    /// One of [`crate::model::PREFERENCES`]; `None` goes back to its default.
    Preference(&'static Preference, Option<String>),
}

impl OrgSetting {
    /// The name in commands and audit.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Mode(_) => "mode",
            Self::TenantId(_) => "tenant-id",
            Self::FailPolicy(_) => "fail-policy",
            Self::NextHop(_) => "next-hop",
            Self::ClientCertificate(_) => "client-certificate",
            Self::SubjectPrefix(_) => "subject-prefix",
            Self::MailboxLanguage(..) => "mailbox-language",
            Self::BannerWording(_) => "banner-wording",
            Self::Preference(preference, _) => preference.name,
        }
    }

    /// Columns and values; the value of the first describes the change in the audit.
    fn columns(&self) -> Result<Vec<(&'static str, Option<String>)>, StoreError> {
        Ok(match self {
            Self::Name(name) => vec![("name", Some(checked_name(name)?))],
            Self::Mode(mode) => vec![("mode", Some(mode.as_str().to_owned()))],
            Self::TenantId(id) => vec![("tenant_id", id.as_deref().map(checked_tenant).transpose()?)],
            Self::FailPolicy(policy) => vec![("fail_policy", Some(word(policy)?))],
            Self::NextHop(hop) => vec![
                ("next_hop_host", hop.as_ref().map(|hop| hop.host.clone())),
                ("next_hop_tls", hop.as_ref().map(|hop| word(&hop.tls)).transpose()?),
            ],
            Self::ClientCertificate(files) => vec![
                ("client_certificate", files.as_ref().map(|(chain, _)| chain.clone())),
                ("client_key", files.as_ref().map(|(_, key)| key.clone())),
            ],
            Self::SubjectPrefix(prefix) => vec![("subject_prefix", checked_prefix(prefix.as_deref())?)],
            Self::MailboxLanguage(..) | Self::BannerWording(_) | Self::Preference(..) => Vec::new(),
        })
    }
}

/// Name and value of a row of `settings`; no value: the row goes.
type Row<'a> = (Cow<'static, str>, Option<&'a str>);

impl OrgSetting {
    /// Name and value in `settings`, for what has no column of its own; `None` as value removes the row.
    fn row(&self) -> Result<Option<Row<'_>>, StoreError> {
        match self {
            Self::MailboxLanguage(address, language) => {
                let known = language.as_deref().is_none_or(|language| LANGUAGES.contains(&language));
                if !known {
                    return Err(StoreError::Invalid(format!(
                        "a language is one of {}",
                        LANGUAGES.join(", ")
                    )));
                }
                let name = format!("{MAILBOX_LANGUAGE}{}", address.folded());
                Ok(Some((Cow::Owned(name), language.as_deref())))
            }
            Self::BannerWording(file) => {
                if let Some(file) = file {
                    Wording::parse(file).map_err(StoreError::Invalid)?;
                }
                Ok(Some((Cow::Borrowed(BANNER_WORDING), file.as_deref())))
            }
            Self::Preference(preference, value) => {
                if value.as_deref().is_some_and(|value| !preference.values.allow(value)) {
                    let valid = preference.values.described();
                    return Err(StoreError::Invalid(format!("{} is one of: {valid}", preference.name)));
                }
                Ok(Some((Cow::Borrowed(preference.name), value.as_deref())))
            }
            _ => Ok(None),
        }
    }
}

impl Store {
    /// Changes one setting.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Taken`] for a name, [`StoreError::Invalid`] for a value.
    pub async fn set_organisation(
        &self,
        org: OrgId,
        setting: &OrgSetting,
        actor: &str,
    ) -> Result<(), StoreError> {
        let OrgSetting::Name(name) = setting else { return self.put_organisation(org, setting, actor).await };
        self.reserve_name(org, &checked_name(name)?).await?;
        let changed = self.put_organisation(org, setting, actor).await;
        if changed.is_err() {
            // The reserved name goes back.
            self.copy_routes(org).await;
        }
        changed
    }

    async fn put_organisation(
        &self,
        org: OrgId,
        setting: &OrgSetting,
        actor: &str,
    ) -> Result<(), StoreError> {
        let (columns, now) = (setting.columns()?, self.clock.now_ms());
        let mut write = self.database.scope(org).write().await?;
        for (column, value) in &columns {
            // Column names are literals of this file.
            let sql = format!("UPDATE organisations SET {column} = $1, updated_at = $2 WHERE id = $3");
            let update =
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(value.clone()).bind(now).bind(org.to_string());
            let done =
                update.execute(&mut *write).await.map_err(taken("an organisation of that name exists"))?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound("organisation"));
            }
        }
        let port = match setting {
            OrgSetting::NextHop(hop) => Some(hop.as_ref().map(|hop| i64::from(hop.port))),
            _ => None,
        };
        if let Some(port) = port {
            let sql = "UPDATE organisations SET next_hop_port = $1 WHERE id = $2";
            sqlx::query(sql).bind(port).bind(org.to_string()).execute(&mut *write).await?;
        }
        let mut value = columns.first().and_then(|(_, value)| value.clone());
        if let Some((name, chosen)) = setting.row()? {
            put_setting(&mut write, org, &name, chosen).await?;
            // The texts themselves are not repeated in the audit.
            let shown = !matches!(setting, OrgSetting::BannerWording(_));
            value = chosen.filter(|_| shown).map(str::to_owned);
        }
        // A value with an address in it names a person.
        let (open, private) = match value {
            Some(value) if value.contains('@') => (None, Some(json!({ "value": value }))),
            value => (value, None),
        };
        let detail = json!({ "setting": setting.name(), "value": open });
        let (action, subject) = (AuditAction::OrgSet, setting.name());
        let event = Event { org, at: now, actor, action, subject, detail, private };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        write.commit().await
    }
}

pub(super) async fn put_setting(
    write: &mut AnyConnection,
    org: OrgId,
    name: &str,
    value: Option<&str>,
) -> Result<(), StoreError> {
    let Some(value) = value else {
        let sql = "DELETE FROM settings WHERE org_id = $1 AND name = $2";
        sqlx::query(sql).bind(org.to_string()).bind(name).execute(write).await?;
        return Ok(());
    };
    let sql = "INSERT INTO settings (org_id, name, value) VALUES ($1, $2, $3) \
               ON CONFLICT (org_id, name) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(org.to_string()).bind(name).bind(value).execute(write).await?;
    Ok(())
}

/// The word that serde writes for a unit variant: one table of names for SQL, JSON and configuration.
pub(super) fn word(value: &impl Serialize) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(StoreError::Invalid("a value has no name".to_owned())),
    }
}

pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| damaged("setting"))
}

/// Turns a unique violation into words.
pub(super) fn taken(message: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match &error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => StoreError::Taken(message.to_owned()),
        _ => error.into(),
    }
}

pub(super) fn checked_name(name: &str) -> Result<String, StoreError> {
    let name = name.trim();
    let ok = !name.is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    ok.then(|| name.to_owned()).ok_or_else(|| {
        StoreError::Invalid("an organisation's name has 1 to 200 printable characters".to_owned())
    })
}

pub(super) fn checked_tenant(id: &str) -> Result<String, StoreError> {
    let id = id.trim().to_ascii_lowercase();
    let lengths = [8_usize, 4, 4, 4, 12];
    let groups: Vec<&str> = id.split('-').collect();
    let ok = groups.len() == lengths.len()
        && groups
            .iter()
            .zip(lengths)
            .all(|(group, length)| group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit()));
    ok.then_some(id).ok_or_else(|| {
        StoreError::Invalid("a tenant id is a GUID such as 0a1b2c3d-0000-4000-8000-000000000000".to_owned())
    })
}

fn checked_prefix(prefix: Option<&str>) -> Result<Option<String>, StoreError> {
    match prefix {
        Some(text) if text.chars().count() > 40 || text.chars().any(char::is_control) => {
            Err(StoreError::Invalid("a subject prefix has at most 40 printable characters".to_owned()))
        }
        other => Ok(other.filter(|text| !text.is_empty()).map(str::to_owned)),
    }
}
