//! What `sentra org` takes on its command line.

use super::banner::BannerCommand;
use super::erase::EraseArgs;
use super::transfer::{ExportArgs, ImportArgs};
use crate::model::{Domain, EmailAddress, LANGUAGES, Mode, NextHopTls, PREFERENCES};
use clap::{Args, Subcommand, ValueEnum};

/// Commands of `sentra org`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OrgCommand {
    /// List the organisations
    #[command(after_help = "Example:\n  sentra org list --json")]
    List,
    /// Show one organisation
    #[command(after_help = "Example:\n  sentra org show --org Contoso")]
    Show,
    /// Create an organisation and print its tokens, once
    #[command(
        after_help = "Example:\n  sentra org create Contoso --mailbox accounts@contoso.com --tenant-id \
                            0a1b2c3d-0000-4000-8000-000000000000 --next-hop contoso-com.mail.protection.outlook.com:25\n  \
                            sentra org create Fabrikam --mailbox accounts@fabrikam.com --database @/etc/sentra/fabrikam.url \
                            --objects s3://fabrikam-mail/sentra\n\nOne with a database or store of its own: docs/pinned.md"
    )]
    Create(Box<CreateArgs>),
    /// Change settings
    #[command(after_help = set_help())]
    Set {
        /// Settings to change; an empty value unsets
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Protected mailboxes
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Texts and colours of the banners that its people see
    #[command(subcommand)]
    Banner(BannerCommand),
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
    /// Write everything an organisation has into an encrypted file
    ///
    /// Rows, keys, bodies of held mail, audit, history: whatever the engine, into an installation of this version or a later
    /// one. The organisation goes on here; whoever moves it erases it afterwards. Audited.
    #[command(
        after_help = "Examples:\n  openssl rand -hex 32 > contoso.key\n  sentra org export Contoso --out contoso.sentra --key-file contoso.key\n  sentra org export Contoso --out contoso.sentra --passphrase-file passphrase"
    )]
    Export(ExportArgs),
    /// Bring in an organisation from such a file
    ///
    /// All or nothing, beside a running server too: the file is read to its end and its audit walked before anything is
    /// touched, and a killed import can be run again. An organisation that is here is refused. Audited.
    #[command(after_help = "Example:\n  sentra org import contoso.sentra --key-file contoso.key")]
    Import(ImportArgs),
    /// Erase an organisation: its keys first, then everything; leaves a signed certificate
    ///
    /// Without --yes it only shows what would go. A run that was killed is finished by the same command. Running servers drop
    /// the organisation within a second: its mail is then answered like that of an unknown one.
    #[command(
        after_help = "Examples:\n  sentra org erase Contoso\n  sentra org erase Contoso --yes --confirm Contoso --certificate contoso-erased.json"
    )]
    Erase(EraseArgs),
    /// Check a certificate of erasure
    #[command(after_help = "Example:\n  sentra org certificate contoso-erased.json")]
    Certificate {
        /// The JSON file
        file: std::path::PathBuf,
    },
}

/// The columns of the organisation by hand, the preferences from their list.
fn set_help() -> String {
    let mut help = SET_KEYS.to_owned();
    for known in PREFERENCES {
        help.push_str(&format!(
            "  {:<18}  {}: {} ({})\n",
            known.name,
            known.doc,
            known.values.described(),
            known.default
        ));
    }
    help.push_str("\nExample:\n  sentra org set mode=tag next-hop=mail.contoso.com:25 --org Contoso");
    help
}

const SET_KEYS: &str = "\
Keys:
  name                The organisation's name
  mode                monitor, tag or enforce
  tenant-id           Microsoft 365 tenant id (GUID)
  next-hop            HOST:PORT
  next-hop-tls        required, opportunistic or none
  fail-policy         defer or deliver-unverified
  client-certificate  CHAIN.pem,KEY.pem
  subject-prefix      Text before the subject of tagged mail
";

/// Flags of `org create`, shared with `init`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    /// Name, unique
    pub(super) name: String,
    #[command(flatten)]
    pub(super) profile: Profile,
    #[command(flatten)]
    pub(super) places: Places,
}

/// Places of the organisation's own. `@FILE` reads a URL from a file: a command line is seen by others.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Places {
    /// Keep its rows in a database of its own: sqlite:/PATH or postgres://…
    #[arg(long, value_name = "URL|@FILE")]
    pub(super) database: Option<String>,
    /// PostgreSQL: URL of the role that owns that database's tables; used once, to make them
    #[arg(long, value_name = "URL|@FILE", requires = "database")]
    pub(super) database_owner: Option<String>,
    /// Keep its mail in an object store of its own: file:/PATH, s3://ID:SECRET@BUCKET/PREFIX or az://…
    #[arg(long, value_name = "URL|@FILE")]
    pub(super) objects: Option<String>,
}

/// What an organisation starts with.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Profile {
    /// Protected mailbox; may be repeated
    #[arg(long = "mailbox", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    pub(in crate::cli) mailboxes: Vec<EmailAddress>,
    /// How it runs
    #[arg(long, value_enum, default_value = "enforce")]
    pub(in crate::cli) mode: ModeName,
    /// Microsoft 365 tenant id
    #[arg(long, value_name = "GUID")]
    pub(in crate::cli) tenant_id: Option<String>,
    /// Where its mail goes on
    #[arg(long, value_name = "HOST:PORT")]
    pub(in crate::cli) next_hop: Option<String>,
    /// TLS towards the next hop
    #[arg(long, value_enum, default_value = "required", value_name = "POLICY")]
    pub(in crate::cli) next_hop_tls: TlsName,
    /// First administrator: gets the notices
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    pub(in crate::cli) admin_email: Option<EmailAddress>,
    /// Read the administrator's password from standard input
    #[arg(long, requires = "admin_email")]
    pub(in crate::cli) admin_password_stdin: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in crate::cli) enum ModeName {
    /// Record only
    Monitor,
    /// Warn, never hold
    Tag,
    /// Warn and hold
    #[default]
    Enforce,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in crate::cli) enum TlsName {
    /// Verified certificate, or nothing is sent
    #[default]
    Required,
    /// When offered, unverified
    Opportunistic,
    /// Plain text: tests, local relays
    None,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MailboxCommand {
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
    /// In which language the readers of a mailbox are addressed
    #[command(after_help = "Example:\n  sentra org mailbox language buchhaltung@contoso.com de")]
    Language {
        /// Primary address
        #[arg(value_parser = EmailAddress::parse)]
        address: EmailAddress,
        /// Language; `-` goes back to the organisation's
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(LANGUAGES.iter().copied().chain(["-"])))]
        language: String,
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
pub(in crate::cli) enum DomainCommand {
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
pub(in crate::cli) enum ExecutiveCommand {
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
pub(in crate::cli) enum AdminCommand {
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
pub(in crate::cli) enum AccountCommand {
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
pub(in crate::cli) enum TokenCommand {
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
