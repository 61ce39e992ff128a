//! Xero: the contacts of one organisation by the accounting API 2.0.
//!
//! Whoever runs Sentra registers an app of their own (a public client with PKCE, or one with a secret). Contacts come
//! page by page, changed ones only (`If-Modified-Since`) once all have been read; archived and erased ones are asked for
//! too, because they retire accounts. Limits of 60 requests a minute answer 429 with `Retry-After`, which is waited for.

use super::oauth::{Authorization, Tokens};
use super::{Changes, Kind, OptionSpec, Options, RowSink, SourceError, SupplierSource, TokenVault, checked_url, http};
use crate::adapters::clock::SystemClock;
use crate::adapters::suppliers::xero::{Contact, header};
use crate::limits;
use crate::ports::Clock as _;
use async_trait::async_trait;
use reqwest::header::{ACCEPT, DATE, IF_MODIFIED_SINCE};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{Duration, OffsetDateTime};

/// Read, and go on reading while nobody is there.
const SCOPES: &str = "offline_access accounting.contacts.read";
/// What changed while a page was made is asked for again.
const OVERLAP: Duration = Duration::minutes(2);

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "xero",
    about: "The contacts of a Xero organisation; needs `sentra suppliers connect`.",
    options: &[
        OptionSpec {
            name: "client_id",
            secret: false,
            default: None,
            about: "Client id of the app that you registered at developer.xero.com.",
        },
        OptionSpec {
            name: "client_secret",
            secret: true,
            default: Some(""),
            about: "Its secret; an app for PKCE has none.",
        },
        OptionSpec {
            name: "tenant_id",
            secret: false,
            default: Some(""),
            about: "The Xero organisation, where the consent covers several.",
        },
        OptionSpec {
            name: "authorize_url",
            secret: false,
            default: Some("https://login.xero.com/identity/connect/authorize"),
            about: "Page that asks for consent.",
        },
        OptionSpec {
            name: "token_url",
            secret: false,
            default: Some("https://identity.xero.com/connect/token"),
            about: "Token server.",
        },
        OptionSpec {
            name: "revoke_url",
            secret: false,
            default: Some("https://identity.xero.com/connect/revocation"),
            about: "Where consent is taken back.",
        },
        OptionSpec { name: "api_url", secret: false, default: Some("https://api.xero.com"), about: "The API." },
        OptionSpec {
            name: "page_size",
            secret: false,
            default: Some("100"),
            about: "Contacts of one page, 1 to 1000.",
        },
    ],
    check,
    build,
    authorization: Some(authorization),
};

fn check(options: &Options) -> Result<(), String> {
    for name in ["authorize_url", "token_url", "revoke_url", "api_url"] {
        checked_url(name, options.get(name))?;
    }
    if options.get("client_id").trim().is_empty() {
        return Err("`client_id` is empty".to_owned());
    }
    page_size(options).map(|_| ())
}

fn page_size(options: &Options) -> Result<usize, String> {
    let size = options.get("page_size").parse().ok().filter(|size| (1..=1_000).contains(size));
    size.ok_or_else(|| "`page_size` is a number from 1 to 1000".to_owned())
}

fn authorization(options: &Options) -> Result<Authorization, SourceError> {
    let url = |name| checked_url(name, options.get(name)).map_err(SourceError::Refused);
    Ok(Authorization {
        authorize: url("authorize_url")?,
        token: url("token_url")?,
        revoke: url("revoke_url")?,
        client_id: options.get("client_id").to_owned(),
        client_secret: options.get("client_secret").to_owned(),
        scopes: SCOPES,
    })
}

fn build(options: Options, vault: Box<dyn TokenVault>) -> Result<Box<dyn SupplierSource>, SourceError> {
    Ok(Box::new(Xero {
        authorization: authorization(&options)?,
        api: checked_url("api_url", options.get("api_url")).map_err(SourceError::Refused)?,
        tenant: options.get("tenant_id").to_owned(),
        page_size: page_size(&options).map_err(SourceError::Refused)?,
        client: http::client()?,
        vault,
    }))
}

struct Xero {
    authorization: Authorization,
    api: Url,
    tenant: String,
    page_size: usize,
    client: Client,
    vault: Box<dyn TokenVault>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "Contacts")]
    contacts: Vec<Contact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    tenant_id: String,
    #[serde(default)]
    tenant_type: String,
}

#[async_trait]
impl SupplierSource for Xero {
    async fn changes(&self, since: Option<&str>, out: &mut RowSink) -> Result<Changes, SourceError> {
        let mut tokens = self.vault.load().await?.ok_or(SourceError::NotConnected)?;
        let tenant = self.tenant(&mut tokens).await?;
        let (mut cursor, mut line) = (None, 0_u64);
        for page in 1..=limits::MAX_SYNC_PAGES {
            let answer = self.page(&mut tokens, &tenant, page, since).await?;
            cursor.get_or_insert_with(|| moment(&answer));
            if answer.status() == StatusCode::NOT_MODIFIED {
                break;
            }
            let contacts = http::json::<Page>(answer).await?.contacts;
            let count = contacts.len();
            if page == 1 {
                out.send(header()).await?;
            }
            for contact in contacts.iter() {
                line = line.saturating_add(1);
                if contact.is_supplier() {
                    let mut notes = Vec::new();
                    for row in contact.rows(line, &mut notes) {
                        out.send(row).await?;
                    }
                    notes.into_iter().for_each(|note| out.note(note));
                }
            }
            if count < self.page_size {
                break;
            }
            if page == limits::MAX_SYNC_PAGES {
                return Err(SourceError::Refused(format!("it has over {page} pages of contacts")));
            }
        }
        Ok(Changes { cursor: cursor.flatten() })
    }
}

impl Xero {
    /// The organisation at Xero: the one that was named, or the only one that the consent covers.
    async fn tenant(&self, tokens: &mut Tokens) -> Result<String, SourceError> {
        if !self.tenant.is_empty() {
            return Ok(self.tenant.clone());
        }
        let url = self.address("connections")?;
        let answer = self.ask(tokens, |access| self.client.get(url.clone()).bearer_auth(access)).await?;
        let all: Vec<Connection> = http::json(answer).await?;
        let mut organisations = all.into_iter().filter(|one| matches!(one.tenant_type.as_str(), "" | "ORGANISATION"));
        match (organisations.next(), organisations.next()) {
            (Some(only), None) => Ok(only.tenant_id),
            (None, _) => Err(SourceError::NotConnected),
            _ => Err(SourceError::Refused(
                "the consent covers several organisations: set tenant_id to the one that is meant".to_owned(),
            )),
        }
    }

    async fn page(
        &self,
        tokens: &mut Tokens,
        tenant: &str,
        page: usize,
        since: Option<&str>,
    ) -> Result<Response, SourceError> {
        let mut url = self.address("api.xro/2.0/Contacts")?;
        url.query_pairs_mut()
            .append_pair("page", &page.to_string())
            .append_pair("pageSize", &self.page_size.to_string())
            .append_pair("order", "UpdatedDateUTC ASC")
            .append_pair("includeArchived", "true");
        self.ask(tokens, |access| {
            let request = self.client.get(url.clone()).bearer_auth(access).header(ACCEPT, "application/json");
            let request = request.header("xero-tenant-id", tenant);
            match since {
                Some(since) => request.header(IF_MODIFIED_SINCE, since),
                None => request,
            }
        })
        .await
    }

    fn address(&self, path: &str) -> Result<Url, SourceError> {
        let base = self.api.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{path}")).map_err(|_| SourceError::Refused("`api_url` is no address".to_owned()))
    }

    /// Asks with a good token: an old one is refreshed before, a refused one once after.
    async fn ask(
        &self,
        tokens: &mut Tokens,
        request: impl Fn(&str) -> reqwest::RequestBuilder,
    ) -> Result<Response, SourceError> {
        if !tokens.is_fresh(SystemClock.now_ms()) {
            self.refresh(tokens).await?;
        }
        let mut answer = http::send(|| request(&tokens.access)).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.refresh(tokens).await?;
            answer = http::send(|| request(&tokens.access)).await?;
        }
        match answer.status() {
            status if status.is_success() || status == StatusCode::NOT_MODIFIED => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(SourceError::NotConnected),
            StatusCode::FORBIDDEN => Err(SourceError::Refused("the consent does not cover this".to_owned())),
            status => Err(SourceError::Refused(format!("it answers {}", status.as_u16()))),
        }
    }

    /// New tokens, kept before they are used: the old refresh token is void from now on.
    async fn refresh(&self, tokens: &mut Tokens) -> Result<(), SourceError> {
        *tokens = self.authorization.refresh(&self.client, tokens, SystemClock.now_ms()).await?;
        self.vault.save(tokens).await
    }
}

/// The moment of an answer by the ledger's own clock, less the overlap, as `If-Modified-Since` takes it.
fn moment(answer: &Response) -> Option<String> {
    let text = answer.headers().get(DATE)?.to_str().ok()?.replace("GMT", "+0000");
    let at = OffsetDateTime::parse(&text, &Rfc2822).ok()?.checked_sub(OVERLAP)?;
    at.format(&Rfc3339).ok().map(|text| text.trim_end_matches('Z').to_owned())
}
