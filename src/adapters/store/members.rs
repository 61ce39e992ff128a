//! What belongs to an organisation: mailboxes, domains, executives, administrators, own accounts, tokens.

use super::error::{StoreError, damaged};
use super::settings::{MAILBOX_LANGUAGE, put_setting, taken};
use super::{Event, Store, append_audit, config_changed, directory_changed};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{
    Account, Domain, EmailAddress, Executive, Fingerprint, OrgId, ProtectedMailbox, Scheme, fold_name,
};
use crate::ports::Keyring as _;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize as _;
use serde::de::value::{Error as NameError, StrDeserializer};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row as _};

/// One change to what belongs to an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A protected mailbox with its aliases; its domain is registered. Adding it again replaces the aliases.
    Mailbox(ProtectedMailbox),
    /// A registered domain.
    Domain(Domain),
    /// Somebody worth impersonating. Adding the name again replaces the addresses.
    Executive(Executive),
    /// An administrator: gets the notices.
    Admin(EmailAddress),
    /// One of the organisation's own bank accounts.
    OwnAccount(Account),
}

impl Membership {
    fn kind(&self) -> &'static str {
        match self {
            Self::Mailbox(_) => "mailbox",
            Self::Domain(_) => "domain",
            Self::Executive(_) => "executive",
            Self::Admin(_) => "admin",
            Self::OwnAccount(_) => "own account",
        }
    }

    /// What the audit calls it: never an account number, and no person by name (addresses become pseudonyms there).
    fn subject(&self) -> String {
        match self {
            Self::Mailbox(mailbox) => mailbox.address.folded(),
            Self::Domain(domain) => domain.to_string(),
            Self::Executive(_) => self.kind().to_owned(),
            Self::Admin(email) => email.folded(),
            Self::OwnAccount(account) => account.masked(),
        }
    }

    /// Detail and private fields of the audit entry.
    fn noted(&self) -> (Value, Option<Value>) {
        match self {
            Self::Mailbox(mailbox) => (json!({ "aliases": mailbox.aliases.len() }), None),
            Self::Executive(executive) => (
                json!({ "addresses": executive.addresses.len() }),
                Some(json!({ "name": executive.name, "addresses": executive.addresses })),
            ),
            Self::Domain(_) | Self::Admin(_) | Self::OwnAccount(_) => (json!({}), None),
        }
    }

    fn action(&self, added: bool) -> AuditAction {
        match (self, added) {
            (Self::Mailbox(_), true) => AuditAction::MailboxAdd,
            (Self::Mailbox(_), false) => AuditAction::MailboxRemove,
            (Self::Domain(_), true) => AuditAction::DomainAdd,
            (Self::Domain(_), false) => AuditAction::DomainRemove,
            (Self::Executive(_), true) => AuditAction::ExecutiveAdd,
            (Self::Executive(_), false) => AuditAction::ExecutiveRemove,
            (Self::Admin(_), true) => AuditAction::AdminAdd,
            (Self::Admin(_), false) => AuditAction::AdminRemove,
            (Self::OwnAccount(_), true) => AuditAction::OwnAccountAdd,
            (Self::OwnAccount(_), false) => AuditAction::OwnAccountRemove,
        }
    }
}

const REMOVE_OWN_ACCOUNT: &str = "DELETE FROM own_accounts WHERE org_id = $1 AND fingerprint = $2";

impl Store {
    /// Adds something to an organisation.
    ///
    /// # Errors
    /// [`StoreError::Taken`] for an address that another mailbox has; [`StoreError::NotFound`] organisation.
    pub async fn add_member(&self, org: OrgId, member: &Membership, actor: &str) -> Result<(), StoreError> {
        self.reserve(org, member).await?;
        let added = self.put_member(org, member, actor).await;
        self.copy_routes(org).await;
        added
    }

    async fn put_member(&self, org: OrgId, member: &Membership, actor: &str) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write().await?;
        match member {
            Membership::Mailbox(mailbox) => self.put_mailbox(&mut write, org, mailbox).await?,
            Membership::Domain(domain) => put_domain(&mut write, org, domain).await?,
            Membership::Executive(executive) => put_executive(&mut write, org, executive).await?,
            Membership::Admin(email) => self.put_admin(&mut write, org, email, None).await?,
            Membership::OwnAccount(account) => self.put_own_account(&mut write, org, account).await?,
        }
        self.noted_change(&mut write, org, member, true, actor).await?;
        write.commit().await
    }

    /// Removes something from an organisation. Of a mailbox only the primary address counts; its aliases go with it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was not there.
    pub async fn remove_member(
        &self,
        org: OrgId,
        member: &Membership,
        actor: &str,
    ) -> Result<(), StoreError> {
        let (sql, keys) = match member {
            Membership::Mailbox(mailbox) => (
                "DELETE FROM mailbox_addresses WHERE org_id = $1 AND mailbox = $2",
                vec![mailbox.address.folded()],
            ),
            Membership::Domain(domain) => {
                ("DELETE FROM org_domains WHERE org_id = $1 AND domain = $2", vec![domain.to_string()])
            }
            Membership::Executive(executive) => {
                ("DELETE FROM executives WHERE org_id = $1 AND folded = $2", vec![fold_name(&executive.name)])
            }
            Membership::Admin(email) => (
                "DELETE FROM users WHERE org_id = $1 AND folded = $2 AND role = 'admin'",
                vec![email.folded()],
            ),
            Membership::OwnAccount(account) => {
                let prints = self.keyring.fingerprints(org, &account.comparison_key())?;
                (REMOVE_OWN_ACCOUNT, prints.iter().map(|print| print.to_hex()).collect())
            }
        };
        let mut write = self.database.scope(org).write().await?;
        let mut removed = 0_u64;
        for key in keys {
            let done = sqlx::query(sql).bind(org.to_string()).bind(key).execute(&mut *write).await?;
            removed = removed.saturating_add(done.rows_affected());
        }
        if removed == 0 {
            return Err(StoreError::NotFound(member.kind()));
        }
        if let Membership::Mailbox(mailbox) = member {
            // What was chosen for it names its address.
            let name = format!("{MAILBOX_LANGUAGE}{}", mailbox.address.folded());
            put_setting(&mut write, org, &name, None).await?;
        }
        self.noted_change(&mut write, org, member, false, actor).await?;
        write.commit().await?;
        self.copy_routes(org).await;
        Ok(())
    }

    /// The organisation's own accounts with their fingerprints.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn own_accounts(&self, org: OrgId) -> Result<Vec<(Fingerprint, Account)>, StoreError> {
        let sql =
            "SELECT scheme, country, sealed_number FROM own_accounts WHERE org_id = $1 ORDER BY created_at";
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sql).bind(org.to_string()).fetch_all(&mut *read).await?;
        drop(read);
        rows.iter()
            .map(|row| {
                let scheme = scheme_from_name(row.try_get(0)?).ok_or_else(|| damaged("account"))?;
                let country: String = row.try_get(1)?;
                let country = <[u8; 2]>::try_from(country.as_bytes()).map_err(|_| damaged("account"))?;
                let sealed: Vec<u8> = row.try_get(2)?;
                let number = self.keyring.open(org, "own_accounts.sealed_number", &sealed)?;
                let number = String::from_utf8(number).map_err(|_| damaged("account"))?;
                let account =
                    Account::from_canonical(scheme, country, &number).map_err(|_| damaged("account"))?;
                Ok((self.keyring.fingerprint(org, &account.comparison_key())?, account))
            })
            .collect()
    }

    /// Makes a new ingress token. The older ones stay valid for `limits::TOKEN_OVERLAP`, so that the tenant's rule can
    /// be changed without a refused message; of those at most one is kept.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn rotate_ingress_token(&self, org: OrgId, actor: &str) -> Result<SecretString, StoreError> {
        let now = self.clock.now_ms();
        let overlap = i64::try_from(limits::TOKEN_OVERLAP.as_millis()).unwrap_or(i64::MAX);
        let mut write = self.database.scope(org).write().await?;
        let expired =
            "DELETE FROM org_tokens WHERE org_id = $1 AND purpose = 'ingress' AND expires_at IS NOT NULL";
        sqlx::query(expired).bind(org.to_string()).execute(&mut *write).await?;
        let ending = "UPDATE org_tokens SET expires_at = $1 WHERE org_id = $2 AND purpose = 'ingress'";
        sqlx::query(ending)
            .bind(now.saturating_add(overlap))
            .bind(org.to_string())
            .execute(&mut *write)
            .await?;
        let token = self.put_token(&mut write, org, "ingress").await?;
        self.note(&mut write, org, actor, AuditAction::TokenRotate, "ingress", json!({})).await?;
        config_changed(&mut write).await?;
        write.commit().await?;
        Ok(token)
    }

    /// Makes a new return token; it counts at once.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn rotate_return_token(&self, org: OrgId, actor: &str) -> Result<SecretString, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let old = "DELETE FROM org_tokens WHERE org_id = $1 AND purpose = 'return'";
        sqlx::query(old).bind(org.to_string()).execute(&mut *write).await?;
        let token = self.put_token(&mut write, org, "return").await?;
        self.note(&mut write, org, actor, AuditAction::TokenRotate, "return", json!({})).await?;
        config_changed(&mut write).await?;
        write.commit().await?;
        Ok(token)
    }

    async fn noted_change(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        member: &Membership,
        added: bool,
        actor: &str,
    ) -> Result<(), StoreError> {
        let (at, subject, (detail, private)) = (self.clock.now_ms(), member.subject(), member.noted());
        let event =
            Event { org, at, actor, action: member.action(added), subject: &subject, detail, private };
        append_audit(write, self.keyring.as_ref(), event).await?;
        // The audit chain first, then what all organisations share: every writer locks in this order.
        match member {
            Membership::OwnAccount(_) => directory_changed(write, org).await,
            _ => config_changed(write).await,
        }
    }

    pub(super) async fn put_mailbox(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        mailbox: &ProtectedMailbox,
    ) -> Result<(), StoreError> {
        let primary = mailbox.address.folded();
        let old = "DELETE FROM mailbox_addresses WHERE org_id = $1 AND mailbox = $2";
        sqlx::query(old).bind(org.to_string()).bind(&primary).execute(&mut *write).await?;
        for address in std::iter::once(&mailbox.address).chain(&mailbox.aliases) {
            let sql =
                "INSERT INTO mailbox_addresses (folded, org_id, address, mailbox) VALUES ($1, $2, $3, $4)";
            sqlx::query(sql)
                .bind(address.folded())
                .bind(org.to_string())
                .bind(address.to_string())
                .bind(&primary)
                .execute(&mut *write)
                .await
                .map_err(taken("one of these addresses belongs to another protected mailbox"))?;
            put_domain(write, org, address.domain()).await?;
        }
        Ok(())
    }

    pub(super) async fn put_admin(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        email: &EmailAddress,
        password_hash: Option<String>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO users (org_id, folded, id, email, role, password_hash, created_at) \
             VALUES ($1, $2, $3, $4, 'admin', $5, $6) ON CONFLICT (org_id, folded) DO UPDATE SET role = 'admin', \
             password_hash = COALESCE(excluded.password_hash, users.password_hash)",
        )
        .bind(org.to_string())
        .bind(email.folded())
        .bind(self.ids.ulid().to_string())
        .bind(email.to_string())
        .bind(password_hash)
        .bind(self.clock.now_ms())
        .execute(write)
        .await?;
        Ok(())
    }

    async fn put_own_account(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        account: &Account,
    ) -> Result<(), StoreError> {
        let prints = self.keyring.fingerprints(org, &account.comparison_key())?;
        let Some((fingerprint, before)) = prints.split_first() else {
            return Err(damaged("fingerprint key"));
        };
        let sealed = self.keyring.seal(org, "own_accounts.sealed_number", account.reveal().as_bytes())?;
        // The same account under a key that is being rotated: one row is enough.
        for print in before {
            let query = sqlx::query(REMOVE_OWN_ACCOUNT).bind(org.to_string()).bind(print.to_hex());
            query.execute(&mut *write).await?;
        }
        sqlx::query(
            "INSERT INTO own_accounts (org_id, fingerprint, scheme, country, sealed_number, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, fingerprint) DO NOTHING",
        )
        .bind(org.to_string())
        .bind(fingerprint.to_hex())
        .bind(account.scheme().as_str())
        .bind(account.country())
        .bind(sealed)
        .bind(self.clock.now_ms())
        .execute(write)
        .await?;
        Ok(())
    }

    pub(super) async fn put_token(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        purpose: &str,
    ) -> Result<SecretString, StoreError> {
        let token = new_token()?;
        let id = self.ids.ulid().to_string();
        let sealed = self.keyring.seal(org, &token_context(&id), token.expose_secret().as_bytes())?;
        let sql =
            "INSERT INTO org_tokens (org_id, id, purpose, sealed, created_at) VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(sql)
            .bind(org.to_string())
            .bind(id)
            .bind(purpose)
            .bind(sealed)
            .bind(self.clock.now_ms())
            .execute(write)
            .await?;
        Ok(token)
    }
}

/// Bound to its row: a token whose time ran out cannot be put in the place of one that counts.
pub(super) fn token_context(id: &str) -> String {
    format!("org_tokens.sealed|{id}")
}

/// 256 random bits, base64url: 43 characters that any header and any rule can hold.
fn new_token() -> Result<SecretString, StoreError> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes)
        .map_err(|_| StoreError::Unavailable("the system's random source failed".to_owned()))?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}

async fn put_domain(write: &mut AnyConnection, org: OrgId, domain: &Domain) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO org_domains (org_id, domain) VALUES ($1, $2) ON CONFLICT (org_id, domain) DO NOTHING";
    sqlx::query(sql).bind(org.to_string()).bind(domain.as_str()).execute(write).await?;
    Ok(())
}

async fn put_executive(
    write: &mut AnyConnection,
    org: OrgId,
    executive: &Executive,
) -> Result<(), StoreError> {
    let folded = fold_name(&executive.name);
    if folded.is_empty() {
        return Err(StoreError::Invalid("an executive's name has at least one letter".to_owned()));
    }
    let addresses = serde_json::to_string(&executive.addresses);
    sqlx::query(
        "INSERT INTO executives (org_id, folded, name, addresses) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (org_id, folded) DO UPDATE SET name = excluded.name, addresses = excluded.addresses",
    )
    .bind(org.to_string())
    .bind(folded)
    .bind(&executive.name)
    .bind(addresses.map_err(|error| StoreError::Invalid(error.to_string()))?)
    .execute(write)
    .await?;
    Ok(())
}

/// The scheme by its name in SQL. Read as in JSON, so that none can be left out.
pub fn scheme_from_name(name: &str) -> Option<Scheme> {
    Scheme::deserialize(StrDeserializer::<NameError>::new(name)).ok()
}
