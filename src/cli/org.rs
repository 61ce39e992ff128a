//! `sentra org …`: organisations and what belongs to each.

use super::database::{Installation, OPERATOR, open};
use super::{Failure, Globals, Io, account};
use crate::adapters::store::{CreatedOrganisation, Membership, NewOrganisation, OrgSetting};
use crate::model::{
    Domain, EmailAddress, Executive, FailPolicy, Mode, NextHopAddress, NextHopTls, Organisation,
    ProtectedMailbox,
};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::io::Read;

/// Commands of `sentra org`.
#[derive(Debug, Subcommand)]
pub(super) enum OrgCommand {
    /// List the organisations
    #[command(after_help = "Example:\n  sentra org list --json")]
    List,
    /// Show one organisation
    #[command(after_help = "Example:\n  sentra org show --org Contoso")]
    Show,
    /// Create an organisation and print its tokens, once
    #[command(
        after_help = "Example:\n  sentra org create Contoso --mailbox accounts@contoso.com --tenant-id \
                            0a1b2c3d-0000-4000-8000-000000000000 --next-hop contoso-com.mail.protection.outlook.com:25"
    )]
    Create(Box<CreateArgs>),
    /// Change settings
    #[command(after_help = SET_HELP)]
    Set {
        /// Settings to change; an empty value unsets
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Protected mailboxes
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Registered domains beyond those of the mailboxes
    #[command(subcommand)]
    Domain(DomainCommand),
    /// People whose name is worth impersonating
    #[command(subcommand)]
    Executive(ExecutiveCommand),
    /// Administrators: they get the notices
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The organisation's own bank accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Tokens that prove the tenant
    #[command(subcommand)]
    Token(TokenCommand),
}

const SET_HELP: &str = "\
Keys:
  name                The organisation's name
  mode                monitor, tag or enforce
  tenant-id           Microsoft 365 tenant id (GUID)
  next-hop            HOST:PORT
  next-hop-tls        required, opportunistic or none
  fail-policy         defer or deliver-unverified
  client-certificate  CHAIN.pem,KEY.pem
  subject-prefix      Text before the subject of tagged mail

Example:
  sentra org set mode=tag next-hop=mail.contoso.com:25 --org Contoso";

/// Flags of `org create`, shared with `init`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Name, unique
    name: String,
    #[command(flatten)]
    profile: Profile,
}

/// What an organisation starts with.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Profile {
    /// Protected mailbox; may be repeated
    #[arg(long = "mailbox", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    pub(super) mailboxes: Vec<EmailAddress>,
    /// How it runs
    #[arg(long, value_enum, default_value = "enforce")]
    pub(super) mode: ModeName,
    /// Microsoft 365 tenant id
    #[arg(long, value_name = "GUID")]
    pub(super) tenant_id: Option<String>,
    /// Where its mail goes on
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) next_hop: Option<String>,
    /// TLS towards the next hop
    #[arg(long, value_enum, default_value = "required", value_name = "POLICY")]
    pub(super) next_hop_tls: TlsName,
    /// First administrator: gets the notices
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    pub(super) admin_email: Option<EmailAddress>,
    /// Read the administrator's password from standard input
    #[arg(long, requires = "admin_email")]
    pub(super) admin_password_stdin: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum ModeName {
    /// Record only
    Monitor,
    /// Warn, never hold
    Tag,
    /// Warn and hold
    #[default]
    Enforce,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum TlsName {
    /// Verified certificate, or nothing is sent
    #[default]
    Required,
    /// When offered, unverified
    Opportunistic,
    /// Plain text: tests, local relays
    None,
}

#[derive(Debug, Subcommand)]
pub(super) enum MailboxCommand {
    /// Protect a mailbox; adding it again replaces its aliases
    #[command(
        after_help = "Example:\n  sentra org mailbox add accounts@contoso.com --alias invoices@contoso.com"
    )]
    Add {
        /// Primary address
        #[arg(value_parser = EmailAddress::parse)]
        address: EmailAddress,
        /// Another address of the same mailbox; may be repeated
        #[arg(long = "alias", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
        aliases: Vec<EmailAddress>,
    },
    /// Stop protecting a mailbox and its aliases
    #[command(after_help = "Example:\n  sentra org mailbox remove accounts@contoso.com")]
    Remove {
        /// Primary address
        #[arg(value_parser = EmailAddress::parse)]
        address: EmailAddress,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DomainCommand {
    /// Register a domain
    #[command(after_help = "Example:\n  sentra org domain add contoso.onmicrosoft.com")]
    Add {
        /// Domain
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
    /// Remove a domain
    Remove {
        /// Domain
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ExecutiveCommand {
    /// Add somebody; adding the name again replaces the addresses
    #[command(after_help = "Example:\n  sentra org executive add 'Ada Lovelace' --address ada@contoso.com")]
    Add {
        /// Full name
        name: String,
        /// One of their own addresses; may be repeated
        #[arg(long = "address", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
        addresses: Vec<EmailAddress>,
    },
    /// Remove somebody
    Remove {
        /// Full name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Add an administrator, or change the password
    #[command(after_help = "Example:\n  sentra org admin add ada@contoso.com --password-stdin < password")]
    Add {
        /// Mail address
        #[arg(value_parser = EmailAddress::parse)]
        email: EmailAddress,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove an administrator
    Remove {
        /// Mail address
        #[arg(value_parser = EmailAddress::parse)]
        email: EmailAddress,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// List the own accounts, masked
    List,
    /// Add an own account: payments to it are no alarm
    #[command(after_help = "Example:\n  sentra org account add 'GB29 NWBK 6016 1331 9268 19'")]
    Add {
        /// IBAN, or a national number in canonical form
        account: String,
    },
    /// Remove an own account
    Remove {
        /// IBAN, or a national number in canonical form
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a new ingress token and print it; the old one stays valid for a day
    #[command(
        after_help = "Examples:\n  sentra org token rotate --org Contoso\n  sentra org token rotate --return"
    )]
    Rotate {
        /// The return token instead; the old one ends at once
        #[arg(long = "return")]
        return_token: bool,
    },
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Monitor => Self::Monitor,
            ModeName::Tag => Self::Tag,
            ModeName::Enforce => Self::Enforce,
        }
    }
}

impl From<TlsName> for NextHopTls {
    fn from(name: TlsName) -> Self {
        match name {
            TlsName::Required => Self::Required,
            TlsName::Opportunistic => Self::Opportunistic,
            TlsName::None => Self::None,
        }
    }
}

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

/// `HOST:PORT`, `[IPv6]:PORT`, or a host alone with port 25.
pub(super) fn next_hop(text: &str, tls: NextHopTls) -> Result<NextHopAddress, Failure> {
    let wrong = || {
        Failure::usage(format!("{text:?} is no next hop"))
            .help("write HOST:PORT, like mail.contoso.com:25 or [::1]:2525")
    };
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("25"))),
        None => text.rsplit_once(':').map_or((text, Some("25")), |(host, port)| (host, Some(port))),
    };
    let port = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0).ok_or_else(wrong)?;
    let host = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => Domain::parse(host).map_err(|_| wrong())?.as_str().to_owned(),
    };
    Ok(NextHopAddress { host, port, tls })
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
        OrgCommand::Show => show(&at.organisation(globals).await?, globals, io),
        OrgCommand::Create(args) => create(&at, globals, *args, io).await,
        OrgCommand::Set { settings } => set(&at, globals, &settings, io).await,
        OrgCommand::Mailbox(MailboxCommand::Add { address, aliases }) => {
            let member = Membership::Mailbox(ProtectedMailbox { address, aliases });
            member_command(&at, globals, member, true, io).await
        }
        OrgCommand::Mailbox(MailboxCommand::Remove { address }) => {
            let member = Membership::Mailbox(ProtectedMailbox { address, aliases: Vec::new() });
            member_command(&at, globals, member, false, io).await
        }
        OrgCommand::Domain(DomainCommand::Add { domain }) => {
            member_command(&at, globals, Membership::Domain(domain), true, io).await
        }
        OrgCommand::Domain(DomainCommand::Remove { domain }) => {
            member_command(&at, globals, Membership::Domain(domain), false, io).await
        }
        OrgCommand::Executive(ExecutiveCommand::Add { name, addresses }) => {
            let member = Membership::Executive(Executive { name, addresses });
            member_command(&at, globals, member, true, io).await
        }
        OrgCommand::Executive(ExecutiveCommand::Remove { name }) => {
            let member = Membership::Executive(Executive { name, addresses: Vec::new() });
            member_command(&at, globals, member, false, io).await
        }
        OrgCommand::Admin(AdminCommand::Add { email, password_stdin: true }) => {
            let org = at.organisation(globals).await?;
            let password = read_password(io)?;
            at.store.set_admin_password(org.id, &email, password, OPERATOR).await?;
            done(&org, globals, io)
        }
        OrgCommand::Admin(AdminCommand::Add { email, password_stdin: false }) => {
            member_command(&at, globals, Membership::Admin(email), true, io).await
        }
        OrgCommand::Admin(AdminCommand::Remove { email }) => {
            member_command(&at, globals, Membership::Admin(email), false, io).await
        }
        OrgCommand::Account(command) => own_account(&at, globals, command, io).await,
        OrgCommand::Token(TokenCommand::Rotate { return_token }) => {
            rotate(&at, globals, return_token, io).await
        }
    }
}

async fn list(at: &Installation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let all = at.store.organisations().await?;
    if globals.json {
        return all.iter().try_for_each(|org| io.json(&described(org)));
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
    io.table(&["NAME", "ID", "MODE", "MAILBOXES", "NEXT HOP"], all.iter().map(row).collect())
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
    for mailbox in &org.mailboxes {
        let aliases = if mailbox.aliases.is_empty() {
            String::new()
        } else {
            format!(" (also {})", joined(&mailbox.aliases))
        };
        pairs.push(("mailbox", format!("{}{aliases}", mailbox.address)));
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
    let created = at.store.create_organisation(args.profile.organisation(&args.name)?, OPERATOR).await?;
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
            if globals.json {
                return accounts.iter().try_for_each(|(_, account)| {
                    let scheme = account.scheme().as_str();
                    io.json(&json!({ "scheme": scheme, "country": account.country(), "masked": account.masked() }))
                });
            }
            let row = |account: &crate::model::Account| {
                vec![account.scheme().as_str().to_owned(), account.country().to_owned(), account.masked()]
            };
            let rows = accounts.iter().map(|(_, account)| row(account)).collect();
            return io.table(&["SCHEME", "COUNTRY", "ACCOUNT"], rows);
        }
    };
    member_command(at, globals, Membership::OwnAccount(account::parse(&text)?), add, io).await
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

const SETTINGS: [&str; 8] = [
    "name",
    "mode",
    "tenant-id",
    "next-hop",
    "next-hop-tls",
    "fail-policy",
    "client-certificate",
    "subject-prefix",
];

fn parse_settings(org: &Organisation, settings: &[String]) -> Result<Vec<OrgSetting>, Failure> {
    let mut changes = Vec::new();
    let mut hop = org.next_hop.clone();
    let mut hop_changed = false;
    for setting in settings {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(
                Failure::usage(format!("{setting:?} is not KEY=VALUE")).help("write it like mode=tag")
            );
        };
        let some = (!value.is_empty()).then(|| value.to_owned());
        match key.replace('_', "-").as_str() {
            "name" => changes.push(OrgSetting::Name(value.to_owned())),
            "mode" => changes.push(OrgSetting::Mode(one_of::<ModeName>(key, value)?.into())),
            "tenant-id" => changes.push(OrgSetting::TenantId(some)),
            "subject-prefix" => changes.push(OrgSetting::SubjectPrefix(some)),
            "fail-policy" => changes.push(OrgSetting::FailPolicy(match value {
                "defer" => FailPolicy::Defer,
                "deliver-unverified" => FailPolicy::DeliverUnverified,
                _ => return Err(unknown_value(key, value, "defer, deliver-unverified")),
            })),
            "next-hop" => {
                let tls = hop.as_ref().map_or(NextHopTls::Required, |hop| hop.tls);
                hop = some.map(|text| next_hop(&text, tls)).transpose()?;
                hop_changed = true;
            }
            "next-hop-tls" => {
                let tls = one_of::<TlsName>(key, value)?.into();
                let Some(hop) = &mut hop else {
                    return Err(
                        Failure::usage("there is no next hop yet").help("set next-hop=HOST:PORT first")
                    );
                };
                hop.tls = tls;
                hop_changed = true;
            }
            "client-certificate" => {
                changes.push(OrgSetting::ClientCertificate(match value.split_once(',') {
                    Some((chain, key)) => Some((chain.trim().to_owned(), key.trim().to_owned())),
                    None if value.is_empty() => None,
                    None => return Err(unknown_value(key, value, "CHAIN.pem,KEY.pem")),
                }))
            }
            other => return Err(unknown_setting(other)),
        }
    }
    if hop_changed {
        changes.push(OrgSetting::NextHop(hop));
    }
    Ok(changes)
}

fn one_of<T: ValueEnum>(key: &str, value: &str) -> Result<T, Failure> {
    T::from_str(value, false).map_err(|_| {
        let names = T::value_variants().iter().filter_map(|variant| variant.to_possible_value());
        let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        unknown_value(key, value, &names.join(", "))
    })
}

fn unknown_value(key: &str, value: &str, valid: &str) -> Failure {
    Failure::usage(format!("{key} cannot be {value:?}")).help(format!("it is one of: {valid}"))
}

fn unknown_setting(key: &str) -> Failure {
    let help = match crate::config::nearest(key, SETTINGS) {
        Some(near) => format!("did you mean {near}? The settings are {}", SETTINGS.join(", ")),
        None => format!("the settings are {}", SETTINGS.join(", ")),
    };
    Failure::usage(format!("an organisation has no setting {key:?}")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_are_read() {
        let rows = [
            ("mail.contoso.com:25", Some(("mail.contoso.com", 25))),
            ("mail.contoso.com", Some(("mail.contoso.com", 25))),
            ("127.0.0.1:2525", Some(("127.0.0.1", 2525))),
            ("[::1]:2525", Some(("::1", 2525))),
            ("[::1]", Some(("::1", 25))),
            ("mail.contoso.com:0", None),
            ("mail.contoso.com:99999", None),
            ("a b:25", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let got = next_hop(text, NextHopTls::None).ok();
            assert_eq!(got.as_ref().map(|hop| (hop.host.as_str(), hop.port)), expected, "{text}");
        }
    }
}
