//! Organisations: creating one, and finding one.

use super::error::StoreError;
use super::loading::Away;
use super::settings::{checked_name, checked_tenant, taken, word};
use super::{Pin, Store, audit, config_changed, keys};
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::WrappedKey;
use crate::model::{EmailAddress, Mode, NextHopAddress, OrgId, Organisation, ProtectedMailbox};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::AnyConnection;

/// What a new organisation starts with; everything can be changed later.
#[derive(Clone, Debug)]
pub struct NewOrganisation {
    /// Name, unique.
    pub name: String,
    /// Mode.
    pub mode: Mode,
    /// Microsoft 365 tenant id (GUID), if known.
    pub tenant_id: Option<String>,
    /// Where its mail goes on, if known.
    pub next_hop: Option<NextHopAddress>,
    /// Protected mailboxes; their domains are registered.
    pub mailboxes: Vec<ProtectedMailbox>,
    /// Where notices go.
    pub admin_emails: Vec<EmailAddress>,
}

/// A new organisation and its tokens, which are shown once.
#[derive(Debug)]
pub struct CreatedOrganisation {
    /// The organisation as stored.
    pub organisation: Organisation,
    /// `X-Sentra-Ingress` for the tenant's routing rule.
    pub ingress_token: SecretString,
    /// `X-Sentra-Return` for the tenant's return rule.
    pub return_token: SecretString,
}

impl Store {
    /// Creates an organisation with its keys and tokens, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Taken`] for a name or address that another organisation has; [`StoreError::Invalid`].
    pub async fn create_organisation(
        &self,
        new: NewOrganisation,
        actor: &str,
    ) -> Result<CreatedOrganisation, StoreError> {
        let id = OrgId(self.ids.ulid());
        let keys = self.keyring.generate(id)?;
        self.keyring.load(id, &keys)?;
        let mut write = self.database.scope(id).write().await?;
        let (ingress_token, return_token) =
            self.put_whole(&mut write, id, &new, &keys, actor, &Pin::default()).await?;
        write.commit().await?;
        let organisation = self.organisation(id).await?.ok_or(StoreError::NotFound("organisation"))?;
        Ok(CreatedOrganisation { organisation, ingress_token, return_token })
    }

    /// An organisation with its keys, members and tokens (ingress, return), audited with where it is pinned to, in the
    /// caller's transaction.
    pub(super) async fn put_whole(
        &self,
        write: &mut AnyConnection,
        id: OrgId,
        new: &NewOrganisation,
        keys: &[WrappedKey],
        actor: &str,
        pin: &Pin,
    ) -> Result<(SecretString, SecretString), StoreError> {
        let now = self.clock.now_ms();
        let name = checked_name(&new.name)?;
        insert(&mut *write, id, &name, new, now).await?;
        for key in keys {
            keys::insert(&mut *write, id, key, now).await?;
        }
        audit::start(&mut *write, id).await?;
        for mailbox in &new.mailboxes {
            self.put_mailbox(&mut *write, id, mailbox).await?;
        }
        for email in &new.admin_emails {
            self.put_admin(&mut *write, id, email, None).await?;
        }
        let ingress_token = self.put_token(&mut *write, id, "ingress").await?;
        let return_token = self.put_token(&mut *write, id, "return").await?;
        let mut detail = json!({ "mode": new.mode.as_str() });
        if let (Some(detail), Value::Object(places)) = (detail.as_object_mut(), pin.described()) {
            detail.extend(places);
        }
        self.note(&mut *write, id, actor, AuditAction::OrgCreate, &name, detail).await?;
        config_changed(&mut *write).await?;
        Ok((ingress_token, return_token))
    }

    /// All organisations whose database answers, by name. Their keys are loaded on the way.
    ///
    /// # Errors
    /// [`StoreError`]; of the keys when the master key is not this installation's.
    pub async fn organisations(&self) -> Result<Vec<Organisation>, StoreError> {
        Ok(self.load().await?.organisations)
    }

    /// Those that are in the main database itself: what its backup holds.
    ///
    /// # Errors
    /// As [`Store::organisations`].
    pub async fn organisations_here(&self) -> Result<Vec<Organisation>, StoreError> {
        let mut all = self.organisations().await?;
        all.retain(|org| !self.database.is_pinned(org.id));
        Ok(all)
    }

    /// One organisation by its id.
    ///
    /// # Errors
    /// As [`Store::organisations`].
    pub async fn organisation(&self, id: OrgId) -> Result<Option<Organisation>, StoreError> {
        Ok(self.organisations().await?.into_iter().find(|org| org.id == id))
    }

    /// One organisation by its name.
    ///
    /// # Errors
    /// As [`Store::organisations`].
    pub async fn organisation_named(&self, name: &str) -> Result<Option<Organisation>, StoreError> {
        Ok(self.organisations().await?.into_iter().find(|org| org.name == name))
    }

    /// The organisations whose database does not answer, as far as the main one knows them, and why.
    ///
    /// # Errors
    /// As [`Store::organisations`].
    pub async fn organisations_away(&self) -> Result<Vec<Away>, StoreError> {
        // Most installations pin nobody and need not be read twice.
        if self.database.has_pins() { Ok(self.load().await?.away) } else { Ok(Vec::new()) }
    }
}

pub(super) async fn insert(
    write: &mut AnyConnection,
    id: OrgId,
    name: &str,
    new: &NewOrganisation,
    now: i64,
) -> Result<(), StoreError> {
    let hop = new.next_hop.as_ref();
    sqlx::query(
        "INSERT INTO organisations (id, name, mode, tenant_id, fail_policy, next_hop_host, next_hop_port, \
         next_hop_tls, created_at, updated_at) VALUES ($1, $2, $3, $4, 'defer', $5, $6, $7, $8, $8)",
    )
    .bind(id.to_string())
    .bind(name)
    .bind(new.mode.as_str())
    .bind(new.tenant_id.as_deref().map(checked_tenant).transpose()?)
    .bind(hop.map(|hop| hop.host.clone()))
    .bind(hop.map(|hop| i64::from(hop.port)))
    .bind(hop.map(|hop| word(&hop.tls)).transpose()?)
    .bind(now)
    .execute(write)
    .await
    .map_err(taken("an organisation of that name exists"))?;
    Ok(())
}
