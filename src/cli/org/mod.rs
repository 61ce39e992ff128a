//! `sentra org …`: organisations and what belongs to each.

mod args;
mod banner;
mod erase;
mod pinned;
mod settings;
mod transfer;

pub(super) use args::{OrgCommand, Profile};
pub(super) use settings::next_hop;

use super::database::{Installation, OPERATOR, open};
use super::{Failure, Globals, Io, account};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{CreatedOrganisation, Membership, NewOrganisation, OrgSetting};
use crate::model::{
    Account, EmailAddress, Executive, FailPolicy, NextHopAddress, NextHopTls, Organisation, ProtectedMailbox,
};
use args::{
    AccountCommand, AdminCommand, CreateArgs, DomainCommand, ExecutiveCommand, MailboxCommand, TokenCommand,
};
pub(super) use pinned::read as read_url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use settings::parse_settings;
use std::io::Read;

impl Profile {
    /// The organisation to create.
    pub(super) fn organisation(&self, name: &str) -> Result<NewOrganisation, Failure> {
        let next_hop =
            self.next_hop.as_deref().map(|text| next_hop(text, self.next_hop_tls.into())).transpose()?;
        let mailbox =
            |address: &EmailAddress| ProtectedMailbox { address: address.clone(), aliases: Vec::new() };
        Ok(NewOrganisation {
            name: name.to_owned(),
            mode: self.mode.into(),
            tenant_id: self.tenant_id.clone(),
            next_hop,
            mailboxes: self.mailboxes.iter().map(mailbox).collect(),
            admin_emails: self.admin_email.iter().cloned().collect(),
        })
    }
}

/// The password on standard input: its first line.
pub(super) fn read_password(io: &mut Io<'_>) -> Result<SecretString, Failure> {
    /// Longer than any password that the store takes.
    const LONGEST: u64 = 4_096;
    let mut text = String::new();
    let mut input = (&mut io.input).take(LONGEST);
    std::io::BufRead::read_line(&mut input, &mut text).map_err(|error| {
        Failure::new(format!("the password cannot be read: {error}")).at("standard input")
    })?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure::usage("there is no password")
            .at("standard input")
            .help("pipe it in: `… < password-file`"));
    }
    Ok(SecretString::from(line.to_owned()))
}

pub(super) async fn run(globals: &Globals, command: OrgCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    let at = open(globals).await?;
    match command {
        OrgCommand::List => list(&at, globals, io).await,
        OrgCommand::Show => {
            let org = at.organisation(globals).await?;
            let (action, subject) = (AuditAction::OrgShow, org.id.to_string());
            at.store.note_read(org.id, OPERATOR, action, &subject, json!({})).await?;
            if globals.json {
                return io.json(&pinned::described(&at, &org));
            }
            show(&org, globals, io)?;
            pinned::show(&at, &org, io)
        }
        OrgCommand::Create(args) => create(&at, globals, *args, io).await,
        OrgCommand::Set { settings } => set(&at, globals, &settings, io).await,
        OrgCommand::Mailbox(command) => mailbox(&at, globals, command, io).await,
        OrgCommand::Banner(command) => banner::run(&at, globals, command, io).await,
        OrgCommand::Domain(DomainCommand::Add { domain }) => {
            member_command(&at, globals, Membership::Domain(domain), true, io).await
        }
        OrgCommand::Domain(DomainCommand::Remove { domain }) => {
            member_command(&at, globals, Membership::Domain(domain), false, io).await
        }
        OrgCommand::Executive(command) => executive(&at, globals, command, io).await,
        OrgCommand::Admin(command) => admin(&at, globals, command, io).await,
        OrgCommand::Account(command) => own_account(&at, globals, command, io).await,
        OrgCommand::Token(TokenCommand::Rotate { return_token }) => {
            rotate(&at, globals, return_token, io).await
        }
        OrgCommand::Export(args) => transfer::export(&at, globals, &args, io).await,
        OrgCommand::Import(args) => Box::pin(transfer::import(&at, globals, &args, io)).await,
        OrgCommand::Erase(args) => Box::pin(erase::run(&at, globals, &args, io)).await,
        OrgCommand::Certificate { file } => erase::check(&at, &file, globals, io),
    }
}

/// The organisation of this name or id.
async fn named(at: &Installation, name: &str) -> Result<Organisation, Failure> {
    let all = at.store.organisations().await?;
    let names = all.iter().map(|org| org.name.clone()).collect::<Vec<_>>().join(", ");
    let is = |org: &Organisation| org.name == name || org.id.to_string() == name;
    if let Some(away) = at.store.organisations_away().await?.iter().find(|away| is(&away.organisation)) {
        return Err(super::database::is_away(away));
    }
    all.into_iter().find(is).ok_or_else(|| {
        Failure::new(format!("there is no organisation {name:?}")).help(format!("there are: {names}"))
    })
}

/// RFC 3339, UTC.
fn when(ms: i64) -> String {
    super::audit::when(ms)
}

async fn executive(
    at: &Installation,
    globals: &Globals,
    command: ExecutiveCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let (name, addresses, add) = match command {
        ExecutiveCommand::Add { name, addresses } => (name, addresses, true),
        ExecutiveCommand::Remove { name } => (name, Vec::new(), false),
    };
    member_command(at, globals, Membership::Executive(Executive { name, addresses }), add, io).await
}

async fn admin(
    at: &Installation,
    globals: &Globals,
    command: AdminCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    match command {
        AdminCommand::Add { email, password_stdin: true } => {
            let org = at.organisation(globals).await?;
            let password = read_password(io)?;
            at.store.set_admin_password(org.id, &email, password, OPERATOR).await?;
            done(&org, globals, io)
        }
        AdminCommand::Add { email, password_stdin: false } => {
            member_command(at, globals, Membership::Admin(email), true, io).await
        }
        AdminCommand::Remove { email } => {
            member_command(at, globals, Membership::Admin(email), false, io).await
        }
    }
}

async fn mailbox(
    at: &Installation,
    globals: &Globals,
    command: MailboxCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    match command {
        MailboxCommand::Add { address, aliases } => {
            let member = Membership::Mailbox(ProtectedMailbox { address, aliases });
            member_command(at, globals, member, true, io).await
        }
        MailboxCommand::Remove { address } => {
            let member = Membership::Mailbox(ProtectedMailbox { address, aliases: Vec::new() });
            member_command(at, globals, member, false, io).await
        }
        MailboxCommand::Language { address, language } => {
            mailbox_language(at, globals, address, language, io).await
        }
    }
}

async fn list(at: &Installation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let all = at.store.organisations().await?;
    let away = at.store.organisations_away().await?;
    if globals.json {
        all.iter().try_for_each(|org| io.json(&described(org)))?;
        return away.iter().try_for_each(|away| io.json(&pinned::described_away(away)));
    }
    let row = |org: &Organisation| {
        let next_hop = org.next_hop.as_ref().map_or_else(|| "-".to_owned(), hop_text);
        vec![
            org.name.clone(),
            org.id.to_string(),
            org.mode.as_str().to_owned(),
            org.mailboxes.len().to_string(),
            next_hop,
        ]
    };
    let rows = all.iter().map(row).chain(away.iter().map(pinned::row_away)).collect();
    io.table(&["NAME", "ID", "MODE", "MAILBOXES", "NEXT HOP"], rows)
}

fn hop_text(hop: &NextHopAddress) -> String {
    let host = if hop.host.contains(':') { format!("[{}]", hop.host) } else { hop.host.clone() };
    format!("{host}:{} ({})", hop.port, tls_word(hop.tls))
}

fn tls_word(tls: NextHopTls) -> &'static str {
    match tls {
        NextHopTls::Required => "required",
        NextHopTls::Opportunistic => "opportunistic",
        NextHopTls::None => "none",
    }
}

/// An organisation without its tokens.
pub(super) fn described(org: &Organisation) -> Value {
    json!({
        "id": org.id, "name": org.name, "mode": org.mode, "tenant_id": org.tenant_id, "domains": org.domains,
        "mailboxes": org.mailboxes, "executives": org.executives, "admin_emails": org.admin_emails,
        "next_hop": org.next_hop, "fail_policy": org.fail_policy, "subject_prefix": org.subject_prefix,
        "client_certificate": org.client_certificate.as_ref().map(|(chain, _)| chain),
        "mailbox_languages": org.mailbox_languages, "own_banner": org.wording.is_some(),
        "preferences": org.preferences.all().collect::<std::collections::BTreeMap<_, _>>(),
        "ingress_tokens": org.ingress_tokens.len(), "return_token": org.return_token.is_some(),
        "accepts_proven_peers": org.tenant_id.is_some() && !org.ingress_tokens.is_empty(),
    })
}

fn show(org: &Organisation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return io.json(&described(org));
    }
    let none = || "-".to_owned();
    let mut pairs = vec![
        ("name", org.name.clone()),
        ("id", org.id.to_string()),
        ("mode", org.mode.as_str().to_owned()),
        ("tenant id", org.tenant_id.clone().unwrap_or_else(none)),
        ("next hop", org.next_hop.as_ref().map_or_else(none, hop_text)),
        (
            "without a store",
            if org.fail_policy == FailPolicy::Defer { "defer" } else { "deliver-unverified" }.into(),
        ),
        ("subject prefix", org.subject_prefix.clone().unwrap_or_else(none)),
        ("ingress tokens", org.ingress_tokens.len().to_string()),
        ("domains", joined(&org.domains)),
    ];
    for (name, value) in org.preferences.all() {
        pairs.push((name, value.to_owned()));
    }
    for mailbox in &org.mailboxes {
        let aliases = if mailbox.aliases.is_empty() {
            String::new()
        } else {
            format!(" (also {})", joined(&mailbox.aliases))
        };
        let language = org.mailbox_languages.get(&mailbox.address.folded());
        let language = language.map(|language| format!(" [{language}]")).unwrap_or_default();
        pairs.push(("mailbox", format!("{}{aliases}{language}", mailbox.address)));
    }
    for executive in &org.executives {
        pairs.push(("executive", format!("{} <{}>", executive.name, joined(&executive.addresses))));
    }
    for email in &org.admin_emails {
        pairs.push(("administrator", email.to_string()));
    }
    io.pairs(&pairs)
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn create(
    at: &Installation,
    globals: &Globals,
    args: CreateArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let password = args.profile.admin_password_stdin.then(|| read_password(io)).transpose()?;
    let created = pinned::create(at, &args).await?;
    if let (Some(password), Some(email)) = (password, &args.profile.admin_email) {
        at.store.set_admin_password(created.organisation.id, email, password, OPERATOR).await?;
    }
    if globals.json {
        return io.json(&created_json(&created));
    }
    show(&created.organisation, globals, io)?;
    io.pairs(&token_pairs(&created))
}

/// The new organisation with its tokens, which are shown this once.
pub(super) fn created_json(created: &CreatedOrganisation) -> Value {
    let mut object = described(&created.organisation);
    if let Some(object) = object.as_object_mut() {
        object.insert("ingress_token".into(), created.ingress_token.expose_secret().into());
        object.insert("return_token".into(), created.return_token.expose_secret().into());
    }
    object
}

/// The tokens with what to do with them.
pub(super) fn token_pairs(created: &CreatedOrganisation) -> [(&'static str, String); 2] {
    [
        ("ingress token (header X-Sentra-Ingress)", created.ingress_token.expose_secret().to_owned()),
        ("return token (header X-Sentra-Return)", created.return_token.expose_secret().to_owned()),
    ]
}

async fn member_command(
    at: &Installation,
    globals: &Globals,
    member: Membership,
    add: bool,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let org = at.organisation(globals).await?;
    if add {
        at.store.add_member(org.id, &member, OPERATOR).await?;
    } else {
        at.store.remove_member(org.id, &member, OPERATOR).await?;
    }
    let changed = at.store.organisation(org.id).await?.unwrap_or(org);
    done(&changed, globals, io)
}

async fn mailbox_language(
    at: &Installation,
    globals: &Globals,
    address: EmailAddress,
    language: String,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let org = at.organisation(globals).await?;
    if !org.mailboxes.iter().any(|mailbox| mailbox.address == address) {
        return Err(Failure::usage(format!("{address} is no protected mailbox of {}", org.name))
            .help("sentra org show lists them"));
    }
    let language = Some(language).filter(|language| language != "-");
    at.store.set_organisation(org.id, &OrgSetting::MailboxLanguage(address, language), OPERATOR).await?;
    let changed = at.store.organisation(org.id).await?.unwrap_or(org);
    done(&changed, globals, io)
}

fn done(org: &Organisation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return io.json(&described(org));
    }
    io.line(&format!("{} is changed; a running server takes it up within a second", org.name))
}

async fn own_account(
    at: &Installation,
    globals: &Globals,
    command: AccountCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let (text, add) = match command {
        AccountCommand::Add { account } => (account, true),
        AccountCommand::Remove { account } => (account, false),
        AccountCommand::List => {
            let org = at.organisation(globals).await?;
            let accounts = at.store.own_accounts(org.id).await?;
            let (action, detail) = (AuditAction::OwnAccountList, json!({ "count": accounts.len() }));
            at.store.note_read(org.id, OPERATOR, action, "accounts", detail).await?;
            if globals.json {
                return accounts.iter().try_for_each(|(_, account)| {
                    let scheme = account.scheme().as_str();
                    io.json(&json!({ "scheme": scheme, "country": account.country(), "masked": account.masked() }))
                });
            }
            let row = |account: &Account| {
                vec![account.scheme().as_str().to_owned(), account.country().to_owned(), account.masked()]
            };
            let rows = accounts.iter().map(|(_, account)| row(account)).collect();
            return io.table(&["SCHEME", "COUNTRY", "ACCOUNT"], rows);
        }
    };
    let org = at.organisation(globals).await?;
    // One text may stand for an account of either of two countries: then both are the organisation's.
    for account in account::parse(&text)? {
        let member = Membership::OwnAccount(account);
        if add {
            at.store.add_member(org.id, &member, OPERATOR).await?;
        } else {
            at.store.remove_member(org.id, &member, OPERATOR).await?;
        }
    }
    done(&org, globals, io)
}

async fn rotate(at: &Installation, globals: &Globals, back: bool, io: &mut Io<'_>) -> Result<(), Failure> {
    let org = at.organisation(globals).await?;
    let (kind, token) = if back {
        ("return", at.store.rotate_return_token(org.id, OPERATOR).await?)
    } else {
        ("ingress", at.store.rotate_ingress_token(org.id, OPERATOR).await?)
    };
    if globals.json {
        return io.json(&json!({ "org": org.id, "purpose": kind, "token": token.expose_secret() }));
    }
    io.line(token.expose_secret())?;
    let until = if back {
        "the old one is no longer stamped"
    } else {
        "the old one is accepted for another 24 hours"
    };
    io.note(&format!("{} has a new {kind} token; {until}", org.name));
    Ok(())
}

async fn set(
    at: &Installation,
    globals: &Globals,
    settings: &[String],
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let org = at.organisation(globals).await?;
    // All are read before the first is written.
    let changes = parse_settings(&org, settings)?;
    for change in &changes {
        at.store.set_organisation(org.id, change, OPERATOR).await?;
    }
    let changed = at.store.organisation(org.id).await?.unwrap_or(org);
    done(&changed, globals, io)
}
