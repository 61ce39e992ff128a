//! Where Redis is: one server, a cluster, or sentinels that know which server is the master, and who we are there.

use crate::limits;
use crate::ports::PortError;
use ::redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, RedisResult,
};
use ::redis::{ClientTlsConfig, TlsCertificates};
use secrecy::{ExposeSecret as _, SecretString};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The forms of the URL, for errors.
const FORMS: &str = "write redis://HOST:PORT, redis-cluster://HOST:PORT,HOST:PORT or \
                     redis+sentinel://HOST:PORT,HOST:PORT/MASTER (rediss… for TLS)";
/// Where a sentinel listens unless the URL says otherwise.
const SENTINEL_PORT: u16 = 26_379;

/// What is needed to reach Redis. What is empty or `None` is not used.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `redis://…`, `redis-cluster://A,B`, `redis+sentinel://A,B/MASTER`, each also as `rediss…` (TLS), or
    /// `redis+unix:///PATH`. May hold user and password (percent-encoded).
    pub url: SecretString,
    /// User of the access control list (Redis 6); goes before the URL's.
    pub username: String,
    /// Its password; goes before the URL's.
    pub password: Option<SecretString>,
    /// User at the sentinels, which have access control lists of their own.
    pub sentinel_username: String,
    /// Password at the sentinels.
    pub sentinel_password: Option<SecretString>,
    /// PEM file of the authorities that may have issued the server's certificate; `None`: the system's.
    pub authorities: Option<PathBuf>,
    /// PEM files of our own certificate and its key, for servers that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Options {
    /// Everything in the URL.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Whether these options can be used, without connecting.
    ///
    /// # Errors
    /// [`PortError::Permanent`] says what is wrong and the remedy; no URL and no password is repeated.
    pub fn check(&self) -> Result<(), PortError> {
        Target::new(self).map(|_| ())
    }
}

/// How the nodes of the URL belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    /// One server.
    Single,
    /// Nodes of a cluster; the others are found through them.
    Cluster,
    /// Sentinels that watch a master by this name.
    Sentinel(String),
}

/// Options, understood.
pub(super) struct Target {
    pub(super) topology: Topology,
    /// The servers, or the sentinels.
    pub(super) nodes: Vec<ConnectionInfo>,
    pub(super) certificates: Option<TlsCertificates>,
    /// User, password and database at the server, not at a sentinel.
    server: RedisConnectionInfo,
    tls: bool,
}

impl Target {
    pub(super) fn new(options: &Options) -> Result<Self, PortError> {
        let url = options.url.expose_secret().trim();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (kind, tls) = match scheme {
            "redis" | "unix" | "redis+unix" => ("single", false),
            "rediss" => ("single", true),
            "redis-cluster" => ("cluster", false),
            "rediss-cluster" => ("cluster", true),
            "redis+sentinel" | "redis-sentinel" => ("sentinel", false),
            "rediss+sentinel" | "rediss-sentinel" => ("sentinel", true),
            _ => return Err(unusable("the URL is of no kind that is known", FORMS)),
        };
        if rest.contains('#') {
            return Err(unusable(
                "the URL has a fragment",
                "leave it out: certificates are always checked; percent-encode a # in a password as %23",
            ));
        }
        let certificates = certificates(options, tls)?;
        let (nodes, topology) = if scheme.ends_with("unix") {
            (vec![parsed(url)?], Topology::Single)
        } else {
            let authority = Authority::split(rest, kind)?;
            let topology = match (kind, authority.master) {
                ("sentinel", Some(master)) => Topology::Sentinel(master.to_owned()),
                ("cluster", _) => Topology::Cluster,
                _ => Topology::Single,
            };
            (authority.nodes(tls, kind)?, topology)
        };
        let Some(first) = nodes.first() else {
            return Err(unusable("the URL names no server", FORMS));
        };
        let mut target = Self { topology, server: first.redis_settings().clone(), nodes, certificates, tls };
        target.identify(options);
        Ok(target)
    }

    /// Puts the user in: at the server the options' or the URL's, at a sentinel its own.
    fn identify(&mut self, options: &Options) {
        if !options.username.is_empty() {
            self.server = self.server.clone().set_username(&options.username);
        }
        if let Some(password) = &options.password {
            self.server = self.server.clone().set_password(password.expose_secret());
        }
        let mut there = self.server.clone();
        if matches!(self.topology, Topology::Sentinel(_)) {
            there = RedisConnectionInfo::default();
            if !options.sentinel_username.is_empty() {
                there = there.set_username(&options.sentinel_username);
            }
            if let Some(password) = &options.sentinel_password {
                there = there.set_password(password.expose_secret());
            }
        }
        let nodes = self.nodes.drain(..).map(|node| node.set_redis_settings(there.clone()));
        self.nodes = nodes.collect();
    }

    /// A client for one of [`Target::nodes`], or for [`Target::server`].
    pub(super) fn client(&self, node: &ConnectionInfo) -> RedisResult<Client> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(node.clone(), certificates.clone()),
            None => Client::open(node.clone()),
        }
    }

    /// A server that was learned of: the sentinels' master, a node of the cluster.
    pub(super) fn server(&self, host: &str, port: u16) -> RedisResult<ConnectionInfo> {
        let addr = if self.tls {
            ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host.to_owned(), port)
        };
        Ok(addr.into_connection_info()?.set_redis_settings(self.server.clone()))
    }
}

/// `[user[:password]@]host[:port][,host[:port]…][/path]`
struct Authority<'a> {
    user: Option<&'a str>,
    hosts: Vec<&'a str>,
    /// Of the path, for sentinels.
    master: Option<&'a str>,
    /// Number in the path; empty for none.
    database: &'a str,
}

impl<'a> Authority<'a> {
    fn split(rest: &'a str, kind: &str) -> Result<Self, PortError> {
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let (master, database) = match kind {
            "sentinel" => {
                path.split_once('/').map_or((Some(path), ""), |(name, number)| (Some(name), number))
            }
            _ => (None, path),
        };
        if master == Some("") {
            let help = "write the name that the sentinels watch it under: redis+sentinel://HOST:PORT/MASTER";
            return Err(unusable("the URL names no master", help));
        }
        if kind == "cluster" && !database.is_empty() {
            return Err(unusable(
                "the URL of a cluster names a database",
                "leave it out: a cluster has only one",
            ));
        }
        let hosts: Vec<&str> = hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
        if kind == "single" && hosts.len() > 1 {
            return Err(unusable(
                "the URL names several servers without saying how they belong together",
                FORMS,
            ));
        }
        if hosts.len() > limits::MAX_REDIS_NODES {
            let what = format!("the URL names more than {} servers", limits::MAX_REDIS_NODES);
            return Err(unusable(&what, "name some; the others are found through them"));
        }
        Ok(Self { user, hosts, master, database })
    }

    fn nodes(&self, tls: bool, kind: &str) -> Result<Vec<ConnectionInfo>, PortError> {
        let scheme = if tls { "rediss" } else { "redis" };
        let node = |host: &&str| {
            let user = self.user.map_or_else(String::new, |user| format!("{user}@"));
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
            let port =
                if has_port || kind != "sentinel" { String::new() } else { format!(":{SENTINEL_PORT}") };
            parsed(&format!("{scheme}://{user}{host}{port}/{}", self.database))
        };
        self.hosts.iter().map(node).collect()
    }
}

fn parsed(url: &str) -> Result<ConnectionInfo, PortError> {
    url.into_connection_info().map_err(|_| {
        unusable(
            "the URL cannot be understood",
            &format!("{FORMS}; percent-encode special characters of a password, or use redis.password"),
        )
    })
}

/// The files are read at the start: a changed one is taken up by a restart.
fn certificates(options: &Options, tls: bool) -> Result<Option<TlsCertificates>, PortError> {
    if options.authorities.is_none() && options.identity.is_none() {
        return Ok(None);
    }
    if !tls {
        return Err(unusable("certificates are set and the URL asks for no TLS", "write rediss… in the URL"));
    }
    let root_cert = options.authorities.as_deref().map(read).transpose()?;
    let client_tls = match &options.identity {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    Ok(Some(TlsCertificates { client_tls, root_cert }))
}

fn read(file: &Path) -> Result<Vec<u8>, PortError> {
    let mut octets = Vec::new();
    let opened = std::fs::File::open(file);
    let done = opened.and_then(|file| file.take(limits::MAX_SECRET_FILE).read_to_end(&mut octets));
    done.map_err(|error| {
        let what = format!("the file {} cannot be read: {error}", file.display());
        unusable(&what, "check path and permissions")
    })?;
    Ok(octets)
}

fn unusable(what: &str, help: &str) -> PortError {
    PortError::Permanent { what: "redis", detail: format!("{what}: {help}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Topology, addresses, user and database at the server.
    fn seen(url: &str) -> Result<(Topology, String, String), String> {
        let target = Target::new(&Options::new(url)).map_err(|error| error.to_string())?;
        let nodes: Vec<String> = target.nodes.iter().map(|node| node.addr().to_string()).collect();
        let server = &target.server;
        let who = format!(
            "{}:{}/{}",
            server.username().unwrap_or_default(),
            server.password().unwrap_or_default(),
            server.db()
        );
        Ok((target.topology, nodes.join(" "), who))
    }

    #[test]
    fn urls() {
        let sentinel = || Topology::Sentinel("main".to_owned());
        let rows = [
            ("redis://a:1", Topology::Single, "a:1", ":/0"),
            ("rediss://u:p%40q@a:1/3", Topology::Single, "a:1", "u:p@q/3"),
            ("redis+unix:///run/redis.sock", Topology::Single, "/run/redis.sock", ":/0"),
            ("redis-cluster://u:p@a:1,b:2/", Topology::Cluster, "a:1 b:2", "u:p/0"),
            ("rediss-cluster://a, b:2", Topology::Cluster, "a:6379 b:2", ":/0"),
            ("redis+sentinel://:p@a,b:2/main", sentinel(), "a:26379 b:2", ":p/0"),
            ("rediss-sentinel://u:p@[::1],[::1]:7/main/4", sentinel(), "::1:26379 ::1:7", "u:p/4"),
        ];
        for (url, topology, nodes, who) in rows {
            assert_eq!(seen(url), Ok((topology, nodes.to_owned(), who.to_owned())), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_password() {
        let rows = [
            ("http://u:hunter2@a", "of no kind"),
            ("hunter2", "of no kind"),
            ("redis://u:hunter2@a,b", "several servers"),
            ("redis://u:hunter2@", "names no server"),
            ("redis-cluster://", "names no server"),
            ("redis-cluster://u:hunter2@a/1", "only one"),
            ("redis+sentinel://u:hunter2@a", "names no master"),
            ("rediss://u:hunter2@a/#insecure", "always checked"),
            ("redis://u:hunter2@a/x", "cannot be understood"),
        ];
        for (url, expected) in rows {
            let error = Options::new(url).check().unwrap_err();
            assert!(!error.is_transient() && error.to_string().contains(expected), "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn keys_of_their_own_go_before_the_url_and_sentinels_have_their_own() {
        let options = Options {
            username: "gateway".to_owned(),
            password: Some("new".into()),
            sentinel_username: "watch".to_owned(),
            sentinel_password: Some("other".into()),
            ..Options::new("redis+sentinel://u:p@a/main")
        };
        let target = Target::new(&options).unwrap();
        let at = |info: &ConnectionInfo| {
            let redis = info.redis_settings();
            (redis.username().map(str::to_owned), redis.password().map(str::to_owned))
        };
        let who = |name: &str, word: &str| (Some(name.to_owned()), Some(word.to_owned()));
        assert_eq!(at(&target.nodes[0]), who("watch", "other"));
        assert_eq!(at(&target.server("b", 1).unwrap()), who("gateway", "new"));
    }

    #[test]
    fn certificates_need_tls_and_readable_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let plain = Options { authorities: Some(path), ..Options::new("redis://a") };
        assert!(plain.check().unwrap_err().to_string().contains("asks for no TLS"));
        let missing = Options { authorities: Some("/nowhere.pem".into()), ..Options::new("rediss://a") };
        assert!(missing.check().unwrap_err().to_string().contains("/nowhere.pem"));
    }
}
