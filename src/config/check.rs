//! [`Settings`](super::Settings) to [`Config`]: every value gets its meaning, or a problem with place and remedy.

use super::checked::{
    ArcConfig, Config, DatabaseConfig, KeysConfig, LogConfig, LogFormat, LogLevel, NextHopConfig, SmtpConfig,
};
use super::checker::Checker;
use super::error::ConfigErrors;
use super::read::{Origin, Sourced};
use super::settings::Secret;
use super::tls::{self, ServerTls};
use crate::adapters::arc::SealingKey;
use crate::adapters::directory::redis::Options as RedisOptions;
use crate::adapters::keyring::{MasterKeySource, MasterKeySources};
use crate::adapters::store::complain_about_url;
use crate::limits;
use crate::model::Domain;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// A range of trusted peers must name at least so many bits.
pub const NARROWEST_TRUST: u8 = 16;

/// Gives every value its meaning.
///
/// # Errors
/// Every value that has none.
pub(super) fn check(file: &Path, sourced: Sourced) -> Result<Config, ConfigErrors> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let base = absolute.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let mut checker = Checker { file, base, sourced, problems: Vec::new(), warnings: Vec::new() };
    let config = checker.config(absolute);
    match config {
        Some(config) if checker.problems.is_empty() => Ok(Config { warnings: checker.warnings, ..config }),
        _ => Err(ConfigErrors(checker.problems)),
    }
}

impl Checker<'_> {
    /// Visits every section before it gives up, so that all problems are reported.
    fn config(&mut self, file: PathBuf) -> Option<Config> {
        let settings = self.sourced.settings.clone();
        let hostname =
            self.parsed("server.hostname", &settings.server.hostname, Domain::parse, HOSTNAME_HELP);
        let smtp = self.smtp();
        let tls = self.tls();
        let next_hop = self.next_hop();
        let database = self.database();
        let redis = self.redis();
        let keys = self.keys();
        let arc = self.arc();
        let web = self.listen("web.listen", &settings.web.listen);
        let public_url = self.public_url(&settings.web.public_url);
        let metrics = self.listen("metrics.listen", &settings.metrics.listen);
        let log = self.log();
        let objects = self.objects();
        let backup = self.backup();
        let documents = self.documents();
        let identity = self.identity();
        let rules = self.rules(&settings.rules.folder);
        let hours = self.number("retention.interval_hours", settings.retention.interval_hours, 0, 744);
        let drain = self.number("limits.drain_seconds", settings.limits.drain_seconds, 0, 30);
        if smtp.implicit_tls_listen.is_empty() || tls.is_some() || !self.problems.is_empty() {
            // Nothing to say, or the missing certificate was said already.
        } else {
            self.problem(
                "smtp.implicit_tls_listen",
                "needs a certificate",
                "set tls.certificate and tls.key, or leave the list empty",
            );
        }
        Some(Config {
            file,
            hostname: hostname?,
            smtp,
            tls,
            next_hop,
            database: database?,
            redis,
            keys: keys?,
            arc,
            objects,
            backup,
            web,
            public_url,
            metrics,
            log: log?,
            documents,
            identity,
            rules,
            history: settings.history.enabled,
            retention: (hours > 0).then(|| Duration::from_secs(hours.saturating_mul(3_600))),
            drain: Duration::from_secs(drain),
            warnings: Vec::new(),
        })
    }

    fn smtp(&mut self) -> SmtpConfig {
        let smtp = self.sourced.settings.smtp.clone();
        let listen = self.each("smtp.listen", &smtp.listen, SocketAddr::from_str, LISTEN_HELP);
        let implicit = self.each(
            "smtp.implicit_tls_listen",
            &smtp.implicit_tls_listen,
            SocketAddr::from_str,
            LISTEN_HELP,
        );
        if smtp.listen.is_empty() && smtp.implicit_tls_listen.is_empty() {
            self.problem("smtp.listen", "names no address", "name at least one, like [\"0.0.0.0:25\"]");
        }
        let trust = self.each("smtp.trust", &smtp.trust, range, RANGE_HELP);
        for net in trust.iter().filter(|net| net.prefix_len() < NARROWEST_TRUST) {
            let what = format!("holds {net}, which is wider than /{NARROWEST_TRUST}");
            let help = "every host in the range could hand in mail unproven: name the relays themselves, like \"192.0.2.10/32\"";
            self.problem("smtp.trust", &what, help);
        }
        let size =
            self.number("smtp.max_message_size", smtp.max_message_size, 65_536, limits::MAX_MESSAGE_SIZE);
        let in_flight = self.number("smtp.bytes_in_flight", smtp.bytes_in_flight, 65_536, 1 << 40);
        if in_flight < size {
            let help = format!("at least {size}, as smtp.max_message_size, or no large message ever passes");
            self.problem("smtp.bytes_in_flight", "is smaller than one message may be", &help);
        }
        SmtpConfig {
            listen,
            implicit_tls_listen: implicit,
            trust,
            trust_auth_results: smtp.trust_auth_results,
            exchange_ranges: self.each("smtp.exchange_ranges", &smtp.exchange_ranges, range, RANGE_HELP),
            exchange_certificate_names: self.each(
                "smtp.exchange_certificate_names",
                &smtp.exchange_certificate_names,
                Domain::parse,
                HOSTNAME_HELP,
            ),
            client_ca: self.authorities("smtp.client_ca", &smtp.client_ca),
            max_message_size: size,
            max_recipients: self.count("smtp.max_recipients", smtp.max_recipients, 1, 10_000),
            max_sessions: self.count("smtp.max_sessions", smtp.max_sessions, 1, 100_000),
            max_sessions_per_peer: self.count(
                "smtp.max_sessions_per_peer",
                smtp.max_sessions_per_peer,
                1,
                100_000,
            ),
            bytes_in_flight: in_flight,
            command_timeout: self.seconds(
                "smtp.command_timeout_seconds",
                smtp.command_timeout_seconds,
                3_600,
            ),
            data_timeout: self.seconds("smtp.data_timeout_seconds", smtp.data_timeout_seconds, 3_600),
        }
    }

    fn tls(&mut self) -> Option<ServerTls> {
        let settings = self.sourced.settings.tls.clone();
        match (settings.certificate.is_empty(), settings.key.is_empty()) {
            (true, true) => return None,
            (true, false) => {
                self.problem("tls.certificate", "is empty while tls.key is set", "set both or neither");
                return None;
            }
            (false, true) => {
                self.problem("tls.key", "is empty while tls.certificate is set", "set both or neither");
                return None;
            }
            (false, false) => {}
        }
        match tls::server(self.path(&settings.certificate), self.path(&settings.key)) {
            Ok(server) => {
                self.warn_if_readable("tls.key", &server.key);
                Some(server)
            }
            Err((key, why)) => {
                self.problem(
                    key,
                    &format!("cannot be used: {why}"),
                    "name PEM files; `sentra init` makes a self-signed pair",
                );
                None
            }
        }
    }

    fn next_hop(&mut self) -> NextHopConfig {
        let next_hop = self.sourced.settings.next_hop.clone();
        let most = limits::MESSAGES_PER_CONNECTION as u64;
        NextHopConfig {
            roots: self.authorities("next_hop.roots", &next_hop.roots),
            dns_servers: self.each(
                "next_hop.dns_servers",
                &next_hop.dns_servers,
                name_server,
                "write an IP address, with a port if it is not 53: \"192.0.2.53\" or \"127.0.0.1:5353\"",
            ),
            connections: self.count(
                "next_hop.connections_per_organisation",
                next_hop.connections_per_organisation,
                1,
                1_000,
            ),
            messages_per_connection: self.count(
                "next_hop.messages_per_connection",
                next_hop.messages_per_connection,
                1,
                most,
            ),
            connect_timeout: self.seconds(
                "next_hop.connect_timeout_seconds",
                next_hop.connect_timeout_seconds,
                60,
            ),
        }
    }

    fn database(&mut self) -> Option<DatabaseConfig> {
        let database = self.sourced.settings.database.clone();
        let url = self.secret("database.url", &database.url, &database.url_file);
        let owner = self.secret("database.owner_url", &database.owner_url, &database.owner_url_file);
        let url = self.database_url("database.url", url.unwrap_or_default().expose_secret())?;
        let owner_url = match owner {
            Some(owner) => Some(self.database_url("database.owner_url", owner.expose_secret())?),
            None => None,
        };
        Some(DatabaseConfig { url, owner_url })
    }

    fn database_url(&mut self, key: &str, url: &str) -> Option<SecretString> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            if let Some((what, help)) = complain_about_url(url) {
                self.problem(key, what, help);
                return None;
            }
            return Some(url.to_owned().into());
        }
        let Some(rest) = url.strip_prefix("sqlite:") else {
            let what = if url.is_empty() { "is empty" } else { "is no database URL that Sentra knows" };
            self.problem(
                key,
                what,
                "write \"sqlite:data/sentra.db\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"",
            );
            return None;
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        if path.is_empty() || path == ":memory:" {
            self.problem(
                key,
                "names no file",
                "name a file, like \"sqlite:data/sentra.db\": what is held must outlive the process",
            );
            return None;
        }
        let path = self.path(path);
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        Some(format!("sqlite:{}{query}", path.display()).into())
    }

    fn redis(&mut self) -> Option<RedisOptions> {
        let redis = self.sourced.settings.redis.clone();
        let url = self.secret("redis.url", &redis.url, &redis.url_file)?;
        let password = self.secret("redis.password", &redis.password, &redis.password_file);
        let sentinel_password =
            self.secret("redis.sentinel_password", &redis.sentinel_password, &redis.sentinel_password_file);
        let identity = match (redis.client_certificate.as_str(), redis.client_key.as_str()) {
            ("", "") => None,
            ("", _) | (_, "") => {
                let help = "set redis.client_certificate and redis.client_key, or neither";
                self.problem("redis.client_certificate", "and its key are not both set", help);
                None
            }
            (certificate, key) => {
                let pair = tls::server(self.path(certificate), self.path(key));
                let problem = pair.as_ref().err().map(|(_, why)| format!("cannot be used: {why}"));
                if let Some(what) = problem {
                    self.problem("redis.client_certificate", &what, "name PEM files that belong together");
                }
                pair.ok().map(|pair| (pair.certificate, pair.key))
            }
        };
        if let Some((_, key)) = &identity {
            self.warn_if_readable("redis.client_key", key);
        }
        let options = RedisOptions {
            url,
            username: redis.username,
            password,
            sentinel_username: redis.sentinel_username,
            sentinel_password,
            authorities: self.authorities("redis.authorities", &redis.authorities),
            identity,
        };
        if let Err(error) = options.check() {
            let what = "is no Redis URL that can be used";
            self.problem("redis.url", what, error.to_string().trim_start_matches("redis: "));
        }
        Some(options)
    }

    fn keys(&mut self) -> Option<KeysConfig> {
        let keys = self.sourced.settings.keys.clone();
        let given = self.problems.len();
        let current = self.master_key(
            "keys.master_key",
            &keys.master_key,
            &keys.master_key_file,
            &keys.master_key_command,
        );
        if current.is_none() && given == self.problems.len() {
            let help = "set keys.master_key_file, keys.master_key_command or SENTRA_KEYS__MASTER_KEY; `sentra init` \
                        makes one";
            self.problem("keys.master_key", "is missing", help);
        }
        let previous = self.master_key(
            "keys.previous_master_key",
            &keys.previous_master_key,
            &keys.previous_master_key_file,
            &keys.previous_master_key_command,
        );
        Some(KeysConfig { master: MasterKeySources { current: current?, previous } })
    }

    /// All three keys or none.
    fn arc(&mut self) -> Option<ArcConfig> {
        let arc = self.sourced.settings.arc.clone();
        let texts =
            [("arc.domain", &arc.domain), ("arc.selector", &arc.selector), ("arc.key_file", &arc.key_file)];
        if texts.iter().all(|(_, text)| text.is_empty()) {
            return None;
        }
        for (key, _) in texts.iter().filter(|(_, text)| text.is_empty()) {
            self.problem(key, "is empty while other keys of [arc] are set", "set all three, or none");
        }
        let domain = self.parsed("arc.domain", &arc.domain, Domain::parse, HOSTNAME_HELP)?;
        if arc.selector.is_empty() || arc.key_file.is_empty() {
            return None;
        }
        let path = self.path(&arc.key_file);
        let help =
            "name a PEM file with an RSA key in PKCS #8; `sentra keys arc generate --gateway` makes one";
        match tls::private_key(&path) {
            Ok(key) if SealingKey::from_pkcs8(&domain, &arc.selector, &key).is_ok() => {
                self.warn_if_readable("arc.key_file", &path);
                Some(ArcConfig { domain, selector: arc.selector, key })
            }
            Ok(_) => {
                self.problem("arc.key_file", "holds no RSA key of 2048 bits or more", help);
                None
            }
            Err(why) => {
                let what = format!("cannot be used: {}: {why}", path.display());
                self.problem("arc.key_file", &what, help);
                None
            }
        }
    }

    /// A master key by text, file or command. What is set beats what is default; command and key both set is a mistake.
    fn master_key(
        &mut self,
        key: &str,
        own: &Secret,
        file: &str,
        command: &[String],
    ) -> Option<MasterKeySource> {
        let (command_key, file_key) = (format!("{key}_command"), format!("{key}_file"));
        if !command.is_empty() {
            let is_set = |key: &str| self.sourced.origin(key) != Origin::Default;
            if (is_set(key) && !own.is_empty()) || (is_set(&file_key) && !file.is_empty()) {
                let help = "keep one of them: the command, the file or the key itself";
                self.problem(&command_key, &format!("and {key} or {file_key} are both set"), help);
                return None;
            }
            if command.first().is_none_or(|program| program.trim().is_empty()) {
                let help = "write [\"/usr/local/bin/kms\", \"argument\"]";
                self.problem(&command_key, "names no program", help);
                return None;
            }
            return Some(MasterKeySource::Command(command.to_vec()));
        }
        let text = self.secret(key, own, file)?;
        let exposed = text.expose_secret();
        if exposed.len() != 64 || !exposed.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            let help =
                "64 hexadecimal digits (32 octets), as `sentra init` or `openssl rand -hex 32` makes them";
            let key = if own.is_empty() { file_key.as_str() } else { key };
            self.problem(key, "holds no master key", help);
        }
        Some(MasterKeySource::Text(text))
    }

    fn log(&mut self) -> Option<LogConfig> {
        let log = self.sourced.settings.log.clone();
        let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        let format = self.one_of("log.format", &log.format, &formats);
        let level = self.one_of("log.level", &log.level, &levels);
        Some(LogConfig { format: format?, level: level?, personal_data: log.personal_data })
    }

    fn public_url(&mut self, url: &str) -> Option<String> {
        let plain = url.trim_end_matches('/');
        let sound = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
        if plain.is_empty() {
            return None;
        }
        if !plain.starts_with("https://") || plain.len() > 120 || !plain.chars().all(sound) {
            self.problem(
                "web.public_url",
                "is no address that a banner can link to",
                "write it like \"https://sentra.contoso.com\", or leave it empty",
            );
            return None;
        }
        Some(plain.to_owned())
    }

    fn rules(&mut self, folder: &str) -> Option<PathBuf> {
        if folder.is_empty() {
            return None;
        }
        let path = self.path(folder);
        if !path.is_dir() {
            let what = format!("names no folder: {}", path.display());
            self.problem(
                "rules.folder",
                &what,
                "create the folder, or leave the key empty for the built-in rules alone",
            );
        }
        Some(path)
    }
}

pub(super) const LISTEN_HELP: &str = "write ADDRESS:PORT, like \"0.0.0.0:25\" or \"[::1]:2525\"";
const RANGE_HELP: &str = "write an address or a range, like \"192.0.2.10\" or \"192.0.2.0/24\"";
const HOSTNAME_HELP: &str = "write a host name, like \"mail.example.com\"";

/// A range, or one address; bits beyond the prefix are cleared.
fn range(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    text.parse::<IpNet>().map(|net| net.trunc()).map_err(|_| "not an address range".into())
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    text.parse::<SocketAddr>().map_err(|_| "not an address of a name server".into())
}
