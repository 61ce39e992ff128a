//! `sentra suppliers connect|disconnect`: a person's consent for a ledger, given in the browser.
//!
//! The command prints the ledger's page and waits on this machine for the browser to come back with a code; where the
//! browser runs elsewhere, --paste takes the address that it ended at.

use super::sources::At;
use crate::adapters::suppliers::sources::{NewSource, SourceError, oauth::Pending};
use crate::cli::database::OPERATOR;
use crate::cli::{Failure, Io};
use crate::limits;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Arguments of `sentra suppliers connect`.
#[derive(Clone, Debug, clap::Args)]
pub struct ConnectArgs {
    /// The source. One that is not there yet is added, of the kind of its name.
    pub name: String,
    /// Client id of your registration at the ledger, for a source that is not there yet.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Ask it every so many seconds, for a source that is not there yet.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub every: u64,
    /// Address that the ledger sends the browser back to, as it is registered there.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8765/callback")]
    pub redirect: String,
    /// The browser runs on another machine: paste the address that it ends at.
    #[arg(long)]
    pub paste: bool,
}

/// `sentra suppliers connect`
pub(super) async fn connect(at: &At<'_>, args: &ConnectArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let sources = at.syncing.sources();
    let known = sources.list(at.org.id).await?.into_iter().any(|source| source.name == args.name);
    match (&args.client_id, known) {
        (Some(client_id), false) => {
            let options = BTreeMap::from([("client_id".to_owned(), client_id.clone())]);
            let every = Some(std::time::Duration::from_secs(args.every).max(limits::SYNC_EVERY_MIN));
            let new = NewSource { name: args.name.clone(), kind: args.name.clone(), options, every };
            sources.add(at.org.id, &new, OPERATOR).await?;
        }
        (Some(_), true) => {
            return Err(Failure::usage("the source is there already, with its own client id")
                .help("leave --client-id out, or remove the source first"));
        }
        (None, _) => {}
    }
    let pending = sources.authorization(at.org.id, &args.name).await?.begin(&args.redirect)?;
    let code = match args.paste {
        true => pasted(&pending, io)?,
        false => {
            let listener = listen(&args.redirect).await?;
            io.line(&format!("Open this page and give consent:\n{}", pending.url()))?;
            io.out().flush()?;
            let waiting = tokio::time::timeout(limits::CONSENT_TIMEOUT, wait(&listener, &pending)).await;
            waiting.map_err(|_| {
                Failure::new("nobody gave consent in time")
                    .help("run the command again; --paste needs no connection back")
            })??
        }
    };
    let tokens = pending.exchange(&code, at.installation.store.clock().now_ms()).await?;
    sources.connect(at.org.id, &args.name, &tokens, OPERATOR).await?;
    if at.json {
        return io.json(&json!({ "source": args.name, "connected": true }));
    }
    io.line(&format!("Connected; `sentra suppliers sync {} --dry-run` tries it", args.name))
}

/// `sentra suppliers disconnect`
pub(super) async fn disconnect(at: &At<'_>, name: &str, io: &mut Io<'_>) -> Result<(), Failure> {
    let sources = at.syncing.sources();
    let authorization = sources.authorization(at.org.id, name).await?;
    let tokens = sources.vault(at.org.id, name).load().await?;
    let revoked = match &tokens {
        Some(tokens) => authorization.revoke(tokens).await,
        None => Err(SourceError::NotConnected),
    };
    // Whatever the ledger says, we forget them.
    sources.disconnect(at.org.id, name, OPERATOR).await?;
    if let (Some(_), Err(error)) = (&tokens, &revoked) {
        return Err(Failure::new(format!(
            "the tokens are deleted here, but not taken back at the ledger: {error}"
        ))
        .at(name)
        .help("take the app's access away in the ledger's own settings"));
    }
    if at.json {
        return io.json(&json!({ "source": name, "connected": false }));
    }
    io.line(&format!("Source {name} is disconnected: its tokens are taken back and deleted"))
}

fn pasted(pending: &Pending, io: &mut Io<'_>) -> Result<String, Failure> {
    io.line(&format!("Open this page and give consent:\n{}", pending.url()))?;
    io.out().flush()?;
    let address = io.ask("The address that the browser ended at")?.unwrap_or_default();
    pending.code(&address)?.ok_or_else(|| {
        Failure::new("this address does not belong to the page above")
            .help("paste the whole address line of the browser, from this run of the command")
    })
}

async fn listen(redirect: &str) -> Result<TcpListener, Failure> {
    let wrong = || {
        Failure::usage("--redirect is no address of this machine, such as http://localhost:8765/callback")
            .help("register such an address at the ledger, or use --paste")
    };
    let rest = redirect.strip_prefix("http://").ok_or_else(wrong)?;
    let (host, port) = rest.split('/').next().and_then(|at| at.rsplit_once(':')).ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if !matches!(host, "localhost" | "127.0.0.1") {
        return Err(wrong());
    }
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        Failure::new(format!("port {port} of this machine cannot be listened on: {error}"))
            .help("register and give another --redirect, or use --paste")
    })
}

/// Answers browsers until one brings our consent; whatever else comes is told so.
async fn wait(listener: &TcpListener, pending: &Pending) -> Result<String, Failure> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let reading = tokio::time::timeout(limits::HTTP_HEADER_TIMEOUT, target(&mut stream)).await;
        let Ok(Some(target)) = reading else { continue };
        let answer = pending.code(&target);
        let (status, text) = match &answer {
            Ok(Some(_)) => ("200 OK", "Sentra has the consent. You can close this page."),
            Ok(None) => ("404 Not Found", "This page belongs to no consent that Sentra asked for."),
            Err(_) => ("200 OK", "No consent was given. You can close this page."),
        };
        let page = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        // The browser may be gone already; the code counts all the same.
        stream.write_all(page.as_bytes()).await.ok();
        stream.shutdown().await.ok();
        match answer? {
            Some(code) => return Ok(code),
            None => continue,
        }
    }
}

/// The target of an HTTP GET.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut octets = Vec::new();
    while !octets.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0_u8; 1_024];
        let length = stream.read(&mut chunk).await.ok()?;
        if length == 0 || octets.len() > limits::MAX_CONSENT_REQUEST {
            return None;
        }
        octets.extend_from_slice(chunk.get(..length)?);
    }
    let text = String::from_utf8(octets).ok()?;
    let line = text.lines().next()?;
    line.strip_prefix("GET ")?.split(' ').next().map(str::to_owned)
}
