//! The whole product in a temporary folder: `sentra init`, a supplier file, the gateway, an independent receiving
//! server, and sample mail over real SMTP.
//!
//! Nothing here is special: the installation is made by the same command that users run, the gateway is the same
//! [`App`], and every sample travels through its sockets. The table at the end compares what became of each sample
//! with what must become of it.

mod receiver;
mod samples;
mod show;

use crate::adapters::suppliers::csv;
use crate::adapters::suppliers::feed::ListFeed;
use crate::adapters::suppliers::import::ImportOptions;
use crate::adapters::suppliers::records::SupplierRecords;
use crate::app::{Addresses, App};
use crate::cli::{self, Failure, Globals, Io};
use crate::config::{self, Environment};
use crate::rules::RuleSet;
use mail_send::SmtpClient;
use samples::{SAMPLES, SUPPLIERS, Sample};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The protected mailbox of the demo.
const MAILBOX: &str = "accounts@contoso.example";
/// Nothing in the demo takes longer; it is a loopback.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of one sample.
struct Outcome {
    sample: &'static Sample,
    reply: String,
    /// As it arrived at the mailbox, if it did.
    arrived: Option<Vec<u8>>,
    /// The verdict field of what arrived, or the quarantine's row.
    verdict: show::Shown,
}

/// Runs the demo and prints the table; true when every sample went as expected. With `stay` it then serves until
/// SIGINT or SIGTERM. The folder goes with it, however it ends.
///
/// # Errors
/// What could not be started, with its remedy.
pub async fn run(stay: bool, colour: bool, out: &mut dyn Write) -> Result<bool, Failure> {
    let folder = tempfile::Builder::new().prefix("sentra-demo-").tempdir().map_err(|error| {
        Failure::new(format!("no temporary folder can be made: {error}"))
            .help("set TMPDIR to a folder that can be written")
    })?;
    let on = |kind| signal(kind).map_err(|error| Failure::new(format!("signals can't be received: {error}")));
    let (mut interrupt, mut terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
    let told_to_end = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let dir = folder.path().join("sentra");
    let end = CancellationToken::new();
    let watch = tokio::spawn(end.clone().run_until_cancelled_owned(told_to_end));
    let demonstrated = Box::pin(demonstrate(&dir, stay, colour, watch, out)).await;
    end.cancel();
    demonstrated
}

/// The demo in its folder; `told_to_end` ends with the signal.
async fn demonstrate(
    dir: &Path,
    stay: bool,
    colour: bool,
    told_to_end: JoinHandle<Option<()>>,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let (mailbox_address, mailbox) = receiver::start()?;
    let globals = Box::pin(initialise(dir, mailbox_address)).await?;
    let config = config::load_with(&globals.config, &Environment::default())?;
    import(&globals).await?;

    let app = App::build(config).await?;
    let addresses = app.addresses();
    let shutdown = CancellationToken::new();
    let (_reload, reloads) = mpsc::channel(1);
    let running = tokio::spawn(app.run(shutdown.clone(), reloads));

    let smtp =
        addresses.smtp.first().copied().ok_or_else(|| Failure::new("the gateway has no SMTP address"))?;
    let mut outcomes = Vec::with_capacity(SAMPLES.len());
    for sample in SAMPLES.iter().take_while(|_| !told_to_end.is_finished()) {
        let reply = send(smtp, sample).await;
        let id = samples::message_id(sample.octets);
        let arrived = mailbox.get(&id);
        outcomes.push((sample, reply, arrived, id));
    }
    let held = cli::open(&globals).await?;
    let organisation = held.organisation(&globals).await?;
    let rows = held.store.held(organisation.id, &[], None).await?;
    let outcomes: Vec<Outcome> = outcomes
        .into_iter()
        .map(|(sample, reply, arrived, id)| {
            let row = rows.iter().find(|row| row.message_id == id);
            let verdict = show::Shown::of(arrived.as_deref(), row);
            Outcome { sample, reply, arrived, verdict }
        })
        .collect();
    let count = outcomes.len();
    writeln!(out, "{count} mails for {MAILBOX}, handed to the gateway on {smtp} by SMTP:\n")?;
    let as_expected =
        show::table(&outcomes, &RuleSet::load(None)?, colour, out)? && outcomes.len() == SAMPLES.len();

    if stay {
        invite(&addresses, &globals, out)?;
        told_to_end.await.ok();
    }
    shutdown.cancel();
    running.await.ok();
    Ok(as_expected)
}

/// `sentra init` on free loopback ports.
async fn initialise(dir: &Path, next_hop: SocketAddr) -> Result<Globals, Failure> {
    let (folder, next_hop) = (dir.display().to_string(), next_hop.to_string());
    let arguments = [
        "sentra",
        "init",
        "--dir",
        &folder,
        "--org",
        "Contoso",
        "--mailbox",
        MAILBOX,
        "--next-hop",
        &next_hop,
        "--next-hop-tls",
        "none",
        "--hostname",
        "sentra.demo.example",
        "--smtp",
        "127.0.0.1:0",
        "--web",
        "127.0.0.1:0",
        "--metrics",
        "127.0.0.1:0",
        "--trust",
        "127.0.0.0/16",
        "--yes",
    ];
    let globals =
        Globals { config: dir.join("sentra.toml"), json: false, org: None, without_environment: true };
    let (mut said, mut complaints) = (Vec::new(), Vec::new());
    Box::pin(cli::run_within(arguments, &mut Io::new(&mut said, &mut complaints, std::io::empty()))).await?;
    let executive = ["sentra", "org", "executive", "add", "Priya Raman"];
    let config = globals.config.display().to_string();
    let executive = executive.into_iter().chain(["--config", &config]);
    Box::pin(cli::run_within(executive, &mut Io::new(&mut said, &mut complaints, std::io::empty()))).await?;
    Ok(globals)
}

/// The sample suppliers, as `sentra suppliers import --verified` would take them.
async fn import(globals: &Globals) -> Result<(), Failure> {
    let at = cli::open(globals).await?;
    let organisation = at.organisation(globals).await?;
    let (store, keyring) = (&at.store, Arc::clone(at.store.keyring()));
    let records = SupplierRecords::new(
        store.database().clone(),
        keyring as _,
        Arc::clone(store.clock()),
        Arc::clone(store.ids()),
    );
    let parsed = csv::parse(SUPPLIERS.as_bytes(), csv::ParseOptions { verified: true });
    let options = ImportOptions {
        verified: true,
        dry_run: false,
        actor: "demo",
        source: "suppliers.csv",
        ..ImportOptions::default()
    };
    records.import(organisation.id, &mut ListFeed::new(parsed.suppliers), &options).await?;
    Ok(())
}

/// Hands one sample to the gateway and returns its last reply.
async fn send(gateway: SocketAddr, sample: &Sample) -> String {
    match tokio::time::timeout(PATIENCE, dialog(gateway, sample)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    }
}

/// The samples hold no line that begins with a dot, which a test shows, so content needs no stuffing.
async fn dialog(gateway: SocketAddr, sample: &Sample) -> mail_send::Result<String> {
    let mut client = SmtpClient::connect(gateway, PATIENCE).await?;
    client.read().await?;
    client.ehlo("exchange.demo.example").await?;
    let commands = [
        format!("MAIL FROM:<{}>\r\n", sample.from),
        format!("RCPT TO:<{MAILBOX}>\r\n"),
        "DATA\r\n".to_owned(),
    ];
    for command in commands {
        let reply = client.cmd(command.as_bytes()).await?;
        if reply.code >= 400 {
            return Ok(format!("{} {}", reply.code, reply.message));
        }
    }
    let reply = client.cmd([sample.octets, b".\r\n"].concat()).await?;
    client.cmd(b"QUIT\r\n").await?;
    Ok(format!("{} {}", reply.code, reply.message))
}

/// What to try next.
fn invite(addresses: &Addresses, globals: &Globals, out: &mut dyn Write) -> std::io::Result<()> {
    let smtp = addresses.smtp.first().map(ToString::to_string).unwrap_or_default();
    let config = globals.config.display();
    writeln!(out, "\nThe gateway listens on {smtp} until you press Ctrl-C. Hand it mail of your own:")?;
    writeln!(
        out,
        "  swaks --server {smtp} --to {MAILBOX} --from you@example.org --body 'Pay GB94BARC10201530093459'"
    )?;
    writeln!(out, "\nLook inside, from another terminal:")?;
    writeln!(out, "  export SENTRA_CONFIG={config}")?;
    writeln!(out, "  sentra quarantine list")?;
    writeln!(out, "  sentra suppliers list")?;
    for (what, address) in [("readyz", addresses.web), ("metrics", addresses.metrics)] {
        if let Some(address) = address {
            writeln!(out, "  curl http://{address}/{what}")?;
        }
    }
    writeln!(out, "\nThe demo's folder is removed at the end.")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::samples::{SAMPLES, message_id};

    #[test]
    fn samples_are_fit_for_the_wire() {
        for sample in SAMPLES {
            let text = String::from_utf8_lossy(sample.octets);
            assert!(
                text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']),
                "{}",
                sample.title
            );
            assert!(!text.lines().any(|line| line.starts_with('.')), "{}", sample.title);
            assert!(!message_id(sample.octets).is_empty(), "{}", sample.title);
        }
    }
}
