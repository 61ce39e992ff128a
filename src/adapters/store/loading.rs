//! Reading the organisations whole, with their keys: those of the main database, and those of each pinned one.

use super::error::{StoreError, damaged};
use super::members::token_context;
use super::pins::Pins;
use super::settings::{BANNER_WORDING, MAILBOX_LANGUAGE, from_word};
use super::{PinnedPart, Store, SystemRead, keys, placed};
use crate::adapters::arc::SealingKey;
use crate::limits;
use crate::model::{
    Domain, EmailAddress, Executive, NextHopAddress, NextHopTls, OrgId, Organisation, Preferences,
    ProtectedMailbox, Wording,
};
use crate::ports::Keyring as _;
use futures_util::future::join_all;
use secrecy::SecretString;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::sync::Arc;
use tokio::time::timeout;

/// The organisations as read, and when to read again.
pub(super) struct Loaded {
    /// Of the configuration, by the number of the database; one that is away has none.
    pub(super) generations: BTreeMap<u64, i64>,
    /// When the first token expires, Unix milliseconds.
    pub(super) stale_at: Option<i64>,
    /// By name.
    pub(super) organisations: Vec<Organisation>,
    /// Those whose own database did not answer.
    pub(super) away: Vec<Away>,
    /// Numbers of the databases that answered and cannot be understood, and why.
    pub(super) broken: BTreeMap<u64, String>,
}

/// An organisation whose own database does not answer.
#[derive(Clone, Debug)]
pub struct Away {
    /// What routes its mail: id, name, mailboxes, domains. Everything else is as nobody set it.
    pub organisation: Organisation,
    /// Why, for the operator.
    pub reason: String,
}

/// One database's organisations.
struct PartView {
    generation: i64,
    stale_at: Option<i64>,
    organisations: Vec<Organisation>,
    /// Those of them without keys. They are none: being erased, or their import has not ended.
    keyless: BTreeSet<OrgId>,
    arc: BTreeMap<OrgId, Arc<SealingKey>>,
}

/// Of an organisation whose object store cannot be opened nothing is decided, wherever its rows are.
fn set_aside(pins: &Pins, loaded: &mut Loaded) {
    let (fine, unusable): (Vec<_>, Vec<_>) = std::mem::take(&mut loaded.organisations)
        .into_iter()
        .partition(|org| !pins.unusable.contains_key(&org.id));
    loaded.organisations = fine;
    for organisation in unusable {
        let reason = pins.unusable.get(&organisation.id).cloned().unwrap_or_default();
        loaded.away.push(Away { organisation, reason });
    }
}

/// Current generation of the configuration.
pub(super) async fn generation(read: &mut AnyConnection) -> Result<i64, StoreError> {
    let sql = "SELECT value FROM generations WHERE name = 'config'";
    Ok(sqlx::query_scalar(sql).fetch_one(read).await?)
}

impl Store {
    /// Everything of the main database in one consistent read, and of each pinned one; loads the keys. A pinned database
    /// that is away, or lacks what it should have, takes nobody else with it.
    pub(super) async fn load(&self) -> Result<Loaded, StoreError> {
        let mut read = self.database.system(SystemRead::Organisations).await?;
        let pins = self.read_pins(&mut read).await?;
        let main = self.load_part(0, &mut read, None).await?;
        drop(read);
        let (stubs, mut here): (Vec<Organisation>, Vec<Organisation>) =
            main.organisations.into_iter().partition(|org| pins.elsewhere.contains_key(&org.id));
        here.retain(|org| !main.keyless.contains(&org.id));
        let mut loaded = Loaded {
            generations: BTreeMap::from([(0, main.generation)]),
            stale_at: main.stale_at,
            organisations: here,
            away: Vec::new(),
            broken: BTreeMap::new(),
        };
        let mut arc = main.arc;
        if self.database.follows_pins() {
            self.follow(&pins);
            self.load_pinned(&pins, stubs, &mut loaded, &mut arc).await;
            set_aside(&pins, &mut loaded);
        }
        self.arc.replace(arc);
        Ok(loaded)
    }

    async fn load_pinned(
        &self,
        pins: &Pins,
        stubs: Vec<Organisation>,
        loaded: &mut Loaded,
        arc: &mut BTreeMap<OrgId, Arc<SealingKey>>,
    ) {
        let parts = self.database.pinned();
        let views = join_all(parts.iter().map(|part| self.view_of(part))).await;
        let mut reasons = pins.unusable.clone();
        let mut gone = pins.erasing.clone();
        for (part, view) in parts.iter().zip(views) {
            match view {
                Ok(mut view) => {
                    let counts = |id: &OrgId| part.organisations.contains(id) && pins.is_ready(*id);
                    loaded.generations.insert(part.id, view.generation);
                    loaded.stale_at = [loaded.stale_at, view.stale_at].into_iter().flatten().min();
                    arc.extend(view.arc.into_iter().filter(|(id, _)| counts(id)));
                    gone.extend(view.keyless.iter().filter(|id| counts(id)));
                    view.organisations.retain(|org| counts(&org.id) && !view.keyless.contains(&org.id));
                    loaded.organisations.append(&mut view.organisations);
                }
                Err(error) => {
                    if !matches!(error, StoreError::Unavailable(_)) {
                        loaded.broken.insert(part.id, error.to_string());
                    }
                    // Its mail goes on being sealed under the key that was known.
                    let known = part.organisations.iter().filter_map(|id| Some((*id, self.arc.active(*id)?)));
                    arc.extend(known);
                    reasons.extend(part.organisations.iter().map(|id| (*id, error.to_string())));
                }
            }
        }
        let found: BTreeSet<OrgId> = loaded.organisations.iter().map(|org| org.id).collect();
        let is_away = |id: OrgId| !found.contains(&id) && pins.is_ready(id) && !gone.contains(&id);
        for stub in stubs.into_iter().filter(|stub| is_away(stub.id)) {
            let missing = || "its pinned database does not have it: restore it from a backup".to_owned();
            let reason = reasons.remove(&stub.id).unwrap_or_else(missing);
            loaded.away.push(Away { organisation: stub, reason });
        }
        loaded.organisations.sort_by(|a, b| a.name.cmp(&b.name));
    }

    async fn view_of(&self, part: &PinnedPart) -> Result<PartView, StoreError> {
        let view = async {
            let mut read = part.database.system(SystemRead::Organisations).await?;
            self.load_part(part.id, &mut read, Some(&part.organisations)).await
        };
        let in_time = timeout(limits::PINNED_LOAD_TIMEOUT, view).await;
        in_time.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
    }

    /// One database as it is, with those that have no keys; takes up its keys. A pinned one has no say about others than
    /// those pinned to it.
    async fn load_part(
        &self,
        number: u64,
        read: &mut AnyConnection,
        only: Option<&[OrgId]>,
    ) -> Result<PartView, StoreError> {
        let generation = generation(&mut *read).await?;
        let mut keys = keys::of_all(&mut *read).await?;
        keys.retain(|org, _| only.is_none_or(|only| only.contains(org)));
        self.keyring.take_up_from(number, generation, &keys)?;
        let arc = self.read_arc_keys(&mut *read).await?;
        let mut organisations = Vec::new();
        let rows = sqlx::query(
            "SELECT id, name, mode, tenant_id, fail_policy, next_hop_host, next_hop_port, next_hop_tls, \
             client_certificate, client_key, subject_prefix, directory_generation FROM organisations ORDER BY name",
        );
        for row in rows.fetch_all(&mut *read).await? {
            organisations.push(organisation(&row)?);
        }
        let mut by_id: BTreeMap<OrgId, &mut Organisation> =
            organisations.iter_mut().map(|org| (org.id, org)).collect();
        load_members(&mut *read, &mut by_id).await?;
        by_id.retain(|id, _| keys.contains_key(id));
        self.load_own_rules(&mut *read, &mut by_id).await?;
        let stale_at = self.load_tokens(&mut *read, &mut by_id).await?;
        let keyless = organisations.iter().map(|org| org.id).filter(|id| !keys.contains_key(id)).collect();
        Ok(PartView { generation, stale_at, organisations, keyless, arc })
    }

    async fn load_tokens(
        &self,
        read: &mut AnyConnection,
        by_id: &mut BTreeMap<OrgId, &mut Organisation>,
    ) -> Result<Option<i64>, StoreError> {
        let now = self.clock.now_ms();
        let rows = sqlx::query(
            "SELECT org_id, purpose, sealed, expires_at, id FROM org_tokens \
             WHERE expires_at IS NULL OR expires_at > $1 ORDER BY org_id, created_at DESC, id DESC",
        );
        let mut stale_at: Option<i64> = None;
        for row in rows.bind(now).fetch_all(&mut *read).await? {
            let Some((id, org)) = placed(&row, by_id)? else { continue };
            let purpose: String = row.try_get(1)?;
            let sealed: Vec<u8> = row.try_get(2)?;
            let expires_at: Option<i64> = row.try_get(3)?;
            let context = token_context(row.try_get(4)?);
            let token = String::from_utf8(self.keyring.open(id, &context, &sealed)?);
            let token = SecretString::from(token.map_err(|_| damaged("token"))?);
            if purpose == "ingress" {
                org.ingress_tokens.push(token);
            } else if org.return_token.is_none() {
                org.return_token = Some(token);
            }
            stale_at = [stale_at, expires_at].into_iter().flatten().min();
        }
        Ok(stale_at)
    }
}

fn organisation(row: &AnyRow) -> Result<Organisation, StoreError> {
    let host: Option<String> = row.try_get(5)?;
    let port: Option<i64> = row.try_get(6)?;
    let tls: Option<String> = row.try_get(7)?;
    let next_hop = match (host, port, tls) {
        (Some(host), Some(port), Some(tls)) => Some(NextHopAddress {
            host,
            port: u16::try_from(port).map_err(|_| damaged("next hop"))?,
            tls: from_word::<NextHopTls>(&tls)?,
        }),
        _ => None,
    };
    let chain: Option<String> = row.try_get(8)?;
    let key: Option<String> = row.try_get(9)?;
    Ok(Organisation {
        id: OrgId::from_str(row.try_get(0)?).map_err(|_| damaged("organisation id"))?,
        name: row.try_get(1)?,
        mode: from_word(row.try_get(2)?)?,
        tenant_id: row.try_get(3)?,
        fail_policy: from_word(row.try_get(4)?)?,
        next_hop,
        client_certificate: chain.zip(key),
        subject_prefix: row.try_get(10)?,
        preferences: Preferences::default(),
        mailbox_languages: BTreeMap::new(),
        wording: None,
        own_rules: None,
        directory_generation: row.try_get(11)?,
        domains: Vec::new(),
        mailboxes: Vec::new(),
        executives: Vec::new(),
        admin_emails: Vec::new(),
        ingress_tokens: Vec::new(),
        return_token: None,
    })
}

async fn load_members(
    read: &mut AnyConnection,
    by_id: &mut BTreeMap<OrgId, &mut Organisation>,
) -> Result<(), StoreError> {
    let email = |text: &str| EmailAddress::parse(text).map_err(|_| damaged("mail address"));
    let rows = sqlx::query("SELECT org_id, domain FROM org_domains ORDER BY org_id, domain");
    for row in rows.fetch_all(&mut *read).await? {
        let Some((_, org)) = placed(&row, by_id)? else { continue };
        org.domains.push(Domain::parse(row.try_get(1)?).map_err(|_| damaged("domain"))?);
    }
    // A primary address sorts before its aliases.
    let rows = sqlx::query(
        "SELECT org_id, address, CASE WHEN folded = mailbox THEN 0 ELSE 1 END AS is_alias \
         FROM mailbox_addresses ORDER BY org_id, mailbox, is_alias, folded",
    );
    for row in rows.fetch_all(&mut *read).await? {
        let Some((_, org)) = placed(&row, by_id)? else { continue };
        let address = email(row.try_get(1)?)?;
        match org.mailboxes.last_mut() {
            Some(mailbox) if row.try_get::<i64, _>(2)? == 1 => mailbox.aliases.push(address),
            _ => org.mailboxes.push(ProtectedMailbox { address, aliases: Vec::new() }),
        }
    }
    let rows = sqlx::query("SELECT org_id, name, addresses FROM executives ORDER BY org_id, folded");
    for row in rows.fetch_all(&mut *read).await? {
        let Some((_, org)) = placed(&row, by_id)? else { continue };
        let addresses = serde_json::from_str(row.try_get(2)?).map_err(|_| damaged("executive"))?;
        org.executives.push(Executive { name: row.try_get(1)?, addresses });
    }
    let rows = sqlx::query("SELECT org_id, name, value FROM settings ORDER BY org_id, name");
    for row in rows.fetch_all(&mut *read).await? {
        let Some((_, org)) = placed(&row, by_id)? else { continue };
        take_up_setting(org, &row.try_get::<String, _>(1)?, row.try_get(2)?);
    }
    let rows = sqlx::query("SELECT org_id, email FROM users WHERE role = 'admin' ORDER BY org_id, folded");
    for row in rows.fetch_all(&mut *read).await? {
        let Some((_, org)) = placed(&row, by_id)? else { continue };
        org.admin_emails.push(email(row.try_get(1)?)?);
    }
    Ok(())
}

/// One row of `settings`: a preference, the language of a mailbox, or the organisation's own banner texts. What this
/// version does not understand counts as not set: it was checked when it was written, perhaps by another version.
fn take_up_setting(org: &mut Organisation, name: &str, value: String) {
    if let Some(mailbox) = name.strip_prefix(MAILBOX_LANGUAGE) {
        org.mailbox_languages.insert(mailbox.to_owned(), value);
    } else if name == BANNER_WORDING {
        match Wording::parse(&value) {
            Ok(wording) => org.wording = Some(Arc::new(wording)),
            Err(reason) => {
                tracing::warn!(org.id = %org.id, reason, "the organisation's banner texts are not used");
            }
        }
    } else {
        org.preferences.take_up(name, value);
    }
}
