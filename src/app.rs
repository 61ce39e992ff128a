//! The composition root: configuration in, running parts out, in the order in which they depend on each other.
//!
//! [`App::build`] opens and binds everything, so that addresses are known and every mistake shows before the first
//! message; [`App::run`] serves until it is told to stop. Nothing else in the house knows how the parts are joined.

mod anchoring;
mod backing_up;
mod counting;
mod readiness;
mod retaining;
mod start_error;
pub(crate) mod syncs;

use crate::act::Voice;
use crate::adapters::arc::{ArcSealing, SealingKey};
use crate::adapters::audit::AuditAction;
use crate::adapters::backup::Backups;
use crate::adapters::clock::{SystemClock, UlidSource};
use crate::adapters::directory::Directory;
use crate::adapters::directory::redis::Redis;
use crate::adapters::dns::{self, Dns};
use crate::adapters::history::{DatabaseHistory, NoHistory};
use crate::adapters::keyring::{LocalKeyring, MasterKeySources};
use crate::adapters::next_hop::{self, SmtpNextHop};
use crate::adapters::objects::{Bodies, Objects};
use crate::adapters::sender_auth::SenderAuthentication;
use crate::adapters::store::{Book, Database, JournalWriter, Store};
use crate::adapters::workers::Workers;
use crate::config::{self, Config};
use crate::evidence::Sources;
use crate::extract;
use crate::gateway::{Gateway, Handler, Inspector, Unproven};
use crate::jobs;
use crate::ports::{AnchorAudit, BackUp, ChainSealer, Count, History};
use crate::release::Releases;
use crate::rules::{RuleSet, RunningRules};
use crate::smtp::{self, TlsOptions, TlsReload};
use crate::telemetry::{self, Alarm, Ready};
use crate::web;
use backing_up::BackingUp;
use counting::Counting;
use secrecy::ExposeSecret as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use start_error::StartError;

/// Everything bound and ready to run.
pub struct App {
    config: Config,
    server: smtp::Server,
    web: Option<TcpListener>,
    metrics: Option<TcpListener>,
    parts: Parts,
}

/// The long-lived parts that jobs, health pages and reload share.
struct Parts {
    store: Arc<Store>,
    book: Arc<Book>,
    redis: Option<Redis>,
    counting: Arc<dyn Count>,
    backups: Option<Arc<dyn BackUp>>,
    releases: Arc<Releases>,
    rules: Arc<RunningRules>,
    voice: Arc<Voice>,
    tls: TlsReload,
    /// Ends what must outlive the sessions: the journal's writer.
    last: CancellationToken,
    /// What writes until the end: the journal, the history.
    writers: Vec<tokio::task::JoinHandle<()>>,
}

/// Where it listens.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// SMTP with STARTTLS.
    pub smtp: Vec<SocketAddr>,
    /// SMTP with TLS at once.
    pub smtps: Vec<SocketAddr>,
    /// Health pages.
    pub web: Option<SocketAddr>,
    /// Prometheus.
    pub metrics: Option<SocketAddr>,
}

impl App {
    /// Opens the store, loads rules and certificates, binds every listener.
    ///
    /// # Errors
    /// [`StartError`] names the part and the remedy; nothing keeps running.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        telemetry::metrics::install();
        extract::prepare();
        let kept = Kept::open(&config).await?;
        let Kept { store, book, journal, history, writers, last } = kept;
        let (keyring, clock) = (Arc::clone(store.keyring()), Arc::clone(store.clock()));
        let redis = config.redis.as_ref().map(Redis::connect).transpose()?;
        let dns = Arc::new(Dns::new(dns::Options {
            servers: config.next_hop.dns_servers.clone(),
            ..dns::Options::default()
        }));
        let rules = Arc::new(RunningRules::new(RuleSet::load(config.rules.as_deref())?));
        let voice = Arc::new(Voice::new(rules.base().wording().clone(), config.public_url.clone()));
        let next_hop = Arc::new(SmtpNextHop::new(next_hop_options(&config), Arc::clone(&dns))?);
        let sealer = sealer(&config, &store, Arc::clone(&dns))?;
        let documents = Arc::new(Workers::start(config.documents.clone()).await?);
        let gateway = Arc::new(Gateway {
            hostname: config.hostname.to_string(),
            inspector: Inspector {
                sources: sources(&config, &store, redis.clone(), Arc::clone(&history), dns),
                documents,
                rules: Arc::clone(&rules),
                blocking: Arc::new(Semaphore::new(blocking_inspections())),
            },
            book: Arc::clone(&book) as _,
            next_hop: Arc::clone(&next_hop) as _,
            journal: Arc::new(journal),
            quarantine: Arc::clone(&store) as _,
            companions: Arc::clone(&store) as _,
            keyring: Arc::clone(&keyring) as _,
            sealer: Arc::clone(&sealer),
            clock: Arc::clone(&clock),
            ids: Arc::clone(store.ids()),
            voice: Arc::clone(&voice),
            unproven: Arc::new(Unproven::default()),
        });
        let releases = Arc::new(Releases {
            outbox: Arc::clone(&store) as _,
            book: Arc::clone(&book) as _,
            next_hop,
            keyring,
            sealer,
            clock,
            history,
            hostname: config.hostname.to_string(),
            voice: Arc::clone(&voice),
        });
        let tls = certificate(&config)?;
        let server =
            smtp::Server::bind(smtp_options(&config), tls.clone(), Arc::new(Handler(gateway))).await?;
        let web = listen("web.listen", config.web).await?;
        let metrics = listen("metrics.listen", config.metrics).await?;
        let counting = Arc::new(Counting(Arc::clone(&store)));
        let backups = backing_up(&config, &store)?;
        let parts =
            Parts { store, book, redis, counting, backups, releases, rules, voice, tls, last, writers };
        Ok(Self { config, server, web, metrics, parts })
    }

    /// The addresses that were really bound.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        let bound = |listener: &Option<TcpListener>| {
            listener.as_ref().and_then(|listener| listener.local_addr().ok())
        };
        Addresses {
            smtp: self.server.addresses().smtp.clone(),
            smtps: self.server.addresses().smtps.clone(),
            web: bound(&self.web),
            metrics: bound(&self.metrics),
        }
    }

    /// Serves until `shutdown`, then drains and closes the store. `reload` is asked for by SIGHUP.
    pub async fn run(self, shutdown: CancellationToken, mut reload: tokio::sync::mpsc::Receiver<()>) {
        let addresses = self.addresses();
        let Self { config, server, web, metrics, parts } = self;
        let tasks = TaskTracker::new();
        let hostname = config.hostname.to_string();
        let syncing = Arc::new(syncs::Syncing::new(Arc::clone(&parts.store), parts.redis.clone(), hostname));
        let jobs_stop = CancellationToken::new();
        jobs::report_open_intents(parts.counting.as_ref(), parts.store.clock().now_ms()).await;
        tasks.spawn(jobs::refresh_book(Arc::clone(&parts.book) as _, jobs_stop.clone()));
        // Ends while the sessions drain: nothing new is begun that the end would cut.
        tasks.spawn(jobs::send_outbox(Arc::clone(&parts.releases), shutdown.clone()));
        tasks.spawn(jobs::measure(Arc::clone(&parts.counting), jobs_stop.clone()));
        tasks.spawn(jobs::sync_suppliers(syncing, jobs_stop.clone()));
        tasks.spawn(jobs::sweep(Arc::clone(&parts.counting), jobs_stop.clone()));
        if let Some(every) = config.retention {
            let retaining = Arc::new(retaining::Retaining(Arc::clone(&parts.store)));
            tasks.spawn(jobs::retain(retaining, every, jobs_stop.clone()));
        }
        if let (Some(backups), Some(options)) = (&parts.backups, &config.backup) {
            let plan = jobs::BackupPlan { interval: options.interval, alarm_after: options.alarm_after };
            tasks.spawn(jobs::back_up(Arc::clone(backups), plan, jobs_stop.clone()));
        }
        note(&parts.store, &parts.rules, AuditAction::SystemStart, env!("CARGO_PKG_VERSION")).await;
        tasks.spawn(jobs::anchor(anchors(&config, &parts.store), jobs_stop.clone()));
        let folding = tokio::spawn(telemetry::metrics::upkeep());
        let readiness = Arc::new(readiness::Dependent::new(&parts, shutdown.clone()));
        if let Some(listener) = web {
            tasks.spawn(web::serve(listener, web::health_routes(readiness), jobs_stop.clone()));
        }
        if let Some(listener) = metrics {
            tasks.spawn(web::serve(listener, web::metrics_routes(), jobs_stop.clone()));
        }
        let reloading = async {
            while reload.recv().await.is_some() {
                reload_parts(&config, &parts).await;
            }
            std::future::pending::<()>().await;
        };
        telemetry::ready(&Ready {
            smtp: &addresses.smtp,
            smtps: &addresses.smtps,
            web: addresses.web,
            metrics: addresses.metrics,
        });
        tokio::select! {
            () = server.run(shutdown) => {}
            () = reloading => {}
        }
        folding.abort();
        jobs_stop.cancel();
        tasks.close();
        tasks.wait().await;
        // Outcomes of the last messages are written before the database closes.
        parts.last.cancel();
        for writer in parts.writers {
            writer.await.ok();
        }
        note(&parts.store, &parts.rules, AuditAction::SystemStop, env!("CARGO_PKG_VERSION")).await;
        parts.store.database().close().await;
    }
}

/// Notes what concerns the whole machine in every organisation's audit. Mail does not wait for it and does not fail by it.
async fn note(store: &Store, rules: &RunningRules, action: AuditAction, subject: &str) {
    let detail = serde_json::json!({ "ruleset": rules.base().hash() });
    if let Err(error) = store.note_everywhere(action, subject, &detail).await {
        telemetry::alarm(
            Alarm::Database,
            None,
            &format!("{} could not be audited: {error}", action.as_str()),
        );
    }
}

/// Whoever writes the audit's anchors.
fn anchors(config: &Config, store: &Arc<Store>) -> Arc<dyn AnchorAudit> {
    Arc::new(anchoring::Anchors {
        store: Arc::clone(store),
        anchors: Arc::new(store.bodies().clone()),
        hostname: config.hostname.to_string(),
    })
}

/// What is kept: database, keys, organisations in memory, journal, history.
struct Kept {
    store: Arc<Store>,
    book: Arc<Book>,
    journal: JournalWriter,
    history: Arc<dyn History>,
    writers: Vec<tokio::task::JoinHandle<()>>,
    last: CancellationToken,
}

impl Kept {
    async fn open(config: &Config) -> Result<Self, StartError> {
        let (master, previous) = config.keys.master.fetch().await?;
        let keyring = Arc::new(LocalKeyring::with(&master, &previous)?);
        let database = Database::open(config.database.url.expose_secret()).await?;
        database.migrate().await?;
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UlidSource::new()));
        let bodies = Bodies::over(Objects::open(&config.objects)?);
        let store = Arc::new(Store::new(database.clone(), keyring, clock, ids, bodies));
        store.settle_creations().await?;
        let book = Arc::new(Book::new(Arc::clone(&store)));
        book.refresh().await?;
        let last = CancellationToken::new();
        let (journal, writer) = JournalWriter::start(database.clone(), last.clone());
        let mut writers = vec![writer];
        let history: Arc<dyn History> = if config.history {
            let (keyring, clock) = (Arc::clone(store.keyring()) as _, Arc::clone(store.clock()));
            let (history, writer) = DatabaseHistory::start(database, keyring, clock, last.clone());
            writers.push(writer);
            Arc::new(history)
        } else {
            Arc::new(NoHistory)
        };
        Ok(Self { store, book, journal, history, writers, last })
    }
}

/// The backups that the configuration asks for.
fn backing_up(config: &Config, store: &Arc<Store>) -> Result<Option<Arc<dyn BackUp>>, StartError> {
    let Some(options) = &config.backup else { return Ok(None) };
    let backups = Backups::new(Arc::clone(store), options.clone());
    let backups = backups.map_err(|error| StartError::Backup(error.to_string()))?;
    Ok(Some(Arc::new(BackingUp { backups, store: Arc::clone(store) })))
}

/// Who is asked about a message: sender authentication, supplier directory, history.
fn sources(
    config: &Config,
    store: &Arc<Store>,
    redis: Option<Redis>,
    history: Arc<dyn History>,
    dns: Arc<Dns>,
) -> Sources {
    let keyring = Arc::clone(store.keyring());
    Sources {
        auth: Arc::new(SenderAuthentication::new(config.identity.clone(), dns)),
        directory: Arc::new(Directory::new(store.database().clone(), keyring, redis)),
        history,
    }
}

/// Who seals: the organisation's key, or the gateway's.
fn sealer(config: &Config, store: &Arc<Store>, dns: Arc<Dns>) -> Result<Arc<dyn ChainSealer>, StartError> {
    let gateway = match &config.arc {
        Some(arc) => Some(Arc::new(SealingKey::from_pkcs8(&arc.domain, &arc.selector, &arc.key)?)),
        None => None,
    };
    let keys = Arc::clone(store.arc_sealing_keys());
    Ok(Arc::new(ArcSealing::new(dns, keys, gateway, config.hostname.to_string())))
}

/// The server's certificate, reloadable.
fn certificate(config: &Config) -> Result<TlsReload, StartError> {
    let files = config.tls.as_ref().ok_or(StartError::NoCertificate)?;
    Ok(TlsReload::load(TlsOptions {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        client_roots: config.smtp.client_ca.clone(),
    })?)
}

/// SIGHUP: certificates and rules are read again, the file is checked whole; whatever is wrong, what runs stays.
async fn reload_parts(config: &Config, parts: &Parts) {
    let (file, tls) = (config.file.clone(), parts.tls.clone());
    let (rules, voice) = (Arc::clone(&parts.rules), Arc::clone(&parts.voice));
    let done = tokio::task::spawn_blocking(move || -> Result<MasterKeySources, String> {
        let fresh = config::reload(&file).map_err(|errors| errors.to_string())?;
        let set = RuleSet::load(fresh.rules.as_deref()).map_err(|error| error.to_string())?;
        tls.reload().map_err(|error| error.to_string())?;
        voice.reword(set.wording().clone());
        rules.replace(set);
        Ok(fresh.keys.master)
    });
    let outcome = match done.await {
        Ok(Ok(masters)) => {
            take_up_masters(&masters, parts).await;
            tracing::info!(
                "rules, certificates and master keys were read again; other changed keys wait for a restart"
            );
            "taken_up"
        }
        Ok(Err(why)) => {
            telemetry::alarm(Alarm::ReloadRefused, None, &why);
            "refused"
        }
        Err(_) => {
            telemetry::alarm(Alarm::ReloadRefused, None, "reading the configuration panicked");
            "refused"
        }
    };
    note(&parts.store, &parts.rules, AuditAction::SystemReload, outcome).await;
    if let Err(error) = parts.book.refresh().await {
        telemetry::alarm(Alarm::Database, None, &error.to_string());
    }
}

/// Master keys change without a restart: a rotation needs every node to know the new and the old one.
async fn take_up_masters(sources: &MasterKeySources, parts: &Parts) {
    let taken = match sources.fetch().await {
        Ok((current, previous)) => parts.store.keyring().change_masters(&current, &previous),
        Err(error) => Err(error),
    };
    if let Err(error) = taken {
        telemetry::alarm(Alarm::ReloadRefused, None, &error.to_string());
    }
}

async fn listen(key: &'static str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    match address {
        None => Ok(None),
        Some(address) => match TcpListener::bind(address).await {
            Ok(listener) => Ok(Some(listener)),
            Err(source) => Err(StartError::Listen { key, address, source }),
        },
    }
}

/// Large messages inspected at once: one a core, so that they never starve the sessions.
fn blocking_inspections() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn smtp_options(config: &Config) -> smtp::Options {
    let smtp = &config.smtp;
    smtp::Options {
        hostname: config.hostname.to_string(),
        smtp: smtp.listen.clone(),
        smtps: smtp.implicit_tls_listen.clone(),
        trust: smtp.trust.clone(),
        exchange_ranges: smtp.exchange_ranges.clone(),
        exchange_names: smtp.exchange_certificate_names.clone(),
        max_message_size: smtp.max_message_size,
        max_recipients: smtp.max_recipients,
        max_sessions: smtp.max_sessions,
        max_sessions_per_peer: smtp.max_sessions_per_peer,
        bytes_in_flight: smtp.bytes_in_flight,
        command_timeout: smtp.command_timeout,
        data_timeout: smtp.data_timeout,
        drain: config.drain,
        ..smtp::Options::default()
    }
}

fn next_hop_options(config: &Config) -> next_hop::Options {
    let next_hop = &config.next_hop;
    next_hop::Options {
        hostname: config.hostname.to_string(),
        roots: next_hop.roots.clone(),
        connections_per_organisation: next_hop.connections,
        messages_per_connection: next_hop.messages_per_connection,
        connect_timeout: next_hop.connect_timeout,
        ..next_hop::Options::default()
    }
}
