//! The shared cache over every topology of Redis: one server, TLS with access control, a cluster, sentinels. The same
//! behaviour is asked of each, and then a server dies under look-ups.

use crate::support::redis::{Redises, Topology, eventually};
use crate::support::world::{Setup, World};
use secrecy::ExposeSecret as _;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::directory::Directory;
use sentra::adapters::directory::redis::Redis;
use sentra::adapters::keyring::LocalKeyring;
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Book, Database, Store};
use sentra::model::{
    AccountState, DirectoryAnswer, DirectoryKey, DirectoryQuery, Domain, EmailAddress, Lookup, Organisation,
    account_check, fold_name,
};
use sentra::ports::SupplierDirectory as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Verified account of S1, an account on nobody's record, and one that is blocked later.
const OURS: &str = "GB29NWBK60161331926819";
const UNKNOWN: &str = "NL91ABNA0417164300";
const FRAUD: &str = "GB39LOYD30963418273645";

/// An installation whose database several nodes read.
struct Installation {
    world: World,
    redises: Redises,
    org: Organisation,
    store: Arc<Store>,
}

/// One gateway node: caches of its own, the same database and Redis.
struct Node {
    directory: Directory,
    redis: Redis,
}

impl Installation {
    async fn new(topology: Topology) -> Self {
        let redises = Redises::start(topology);
        let mut setup = Setup::new(([127, 0, 0, 1], 9).into());
        setup.env = redises.environment();
        let world = World::prepare(setup);
        let store = open(&world).await;
        let org = store.organisations().await.unwrap().remove(0);
        Self { world, redises, org, store }
    }

    fn node(&self) -> Node {
        let redis = Redis::connect(&self.redises.options()).unwrap();
        let waiting = redis.clone();
        tokio::task::block_in_place(|| eventually("a healthy Redis", || waiting.is_healthy()));
        let keyring = Arc::clone(self.store.keyring()) as _;
        let directory = Directory::new(self.store.database().clone(), keyring, Some(redis.clone()));
        Node { directory, redis }
    }

    /// A node whose answers are all in Redis.
    async fn warm_node(&self) -> Node {
        let node = self.node();
        assert_right(&node.ask(&self.org).await);
        let all = query().keys.len() + 1;
        tokio::task::block_in_place(|| {
            eventually("the answers in Redis", || self.redises.dump().len() >= all);
        });
        node
    }

    fn block(&self, iban: &str) {
        let row = format!("supplier_id,name,iban,status\nS9,Fraud Ltd,{iban},blocked\n");
        self.world.import(&row, &[]);
    }
}

async fn open(world: &World) -> Arc<Store> {
    let environment = sentra::config::Environment::new();
    let config = sentra::config::load_with(&world.config_file(), &environment).unwrap();
    let (master, _) = config.keys.master.fetch().await.unwrap();
    let keyring = Arc::new(LocalKeyring::new(&master).unwrap());
    let database = Database::open(config.database.url.expose_secret()).await.unwrap();
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UlidSource::new()));
    let store = Arc::new(Store::new(database, keyring, clock, ids, Bodies::new(&world.dir().join("data"))));
    Book::new(Arc::clone(&store)).refresh().await.unwrap();
    store
}

impl Node {
    async fn ask(&self, org: &Organisation) -> DirectoryAnswer {
        let deadline = Instant::now() + Duration::from_secs(10);
        match self.directory.look_up(org, query(), deadline).await {
            Lookup::Found(answer) => answer,
            other => panic!("{other:?}"),
        }
    }
}

fn account(iban: &str) -> DirectoryKey {
    DirectoryKey::Account(account_check::iban(iban).unwrap().comparison_key())
}

fn query() -> DirectoryQuery {
    DirectoryQuery {
        keys: vec![
            DirectoryKey::Address(EmailAddress::parse("accounts@acme-supplies.example").unwrap()),
            DirectoryKey::Domain(Domain::parse("bramble-timber.example").unwrap()),
            DirectoryKey::Name(fold_name("Acme Building Supplies Ltd")),
            DirectoryKey::Domain(Domain::parse("nobody.example").unwrap()),
            account(OURS),
            account(UNKNOWN),
            account(FRAUD),
        ],
    }
}

fn state(answer: &DirectoryAnswer, iban: &str) -> Option<AccountState> {
    let DirectoryKey::Account(key) = account(iban) else { unreachable!() };
    answer.accounts.get(&key).map(|hits| hits[0].state)
}

fn assert_right(answer: &DirectoryAnswer) {
    let found: Vec<usize> =
        query().keys.iter().map(|key| answer.suppliers.get(key).map_or(0, Vec::len)).collect();
    assert_eq!(found, [1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(state(answer, OURS), Some(AccountState::Verified));
    assert_eq!(state(answer, UNKNOWN), None);
    assert_eq!(answer.known_domains.len(), 3);
}

// ── the same behaviour over each topology ──────────────────────────────────────────────────────────────────────────

async fn behaves(topology: Topology) {
    let all = Installation::new(topology).await;
    let first = all.warm_node().await;

    // Another node is answered in one round trip, then by its own memory.
    let second = all.node();
    let mget = all.redises.calls("mget");
    for _ in 0..10 {
        assert_right(&second.ask(&all.org).await);
    }
    assert_eq!(all.redises.calls("mget"), mget + 1, "{topology:?}");

    // Neither keys nor values nor what the servers save tell what it is about.
    let mut octets = all.redises.saved();
    for (key, value) in all.redises.dump() {
        assert!(key.starts_with(&format!("sentra:1:{{{}}}:", all.org.id)), "{topology:?}: {key}");
        octets.extend(key.as_bytes());
        octets.extend(value);
    }
    let lower = octets.to_ascii_lowercase();
    for secret in
        ["60161331926819", "31926819", "0417164300", "acme", "bramble", "timber", "verified", "contoso"]
    {
        assert!(memchr::memmem::find(&lower, secret.as_bytes()).is_none(), "{topology:?}: {secret}");
    }

    // A change reaches a node by its announcement alone: it is handed the old organisation on purpose.
    all.block(FRAUD);
    let changed = all.store.organisation(all.org.id).await.unwrap().unwrap();
    assert!(changed.directory_generation > all.org.directory_generation);
    first.redis.announce(all.org.id, changed.directory_generation).await.unwrap();
    let mut answer = second.ask(&all.org).await;
    for _ in 0..2_000 {
        if state(&answer, FRAUD).is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer = second.ask(&all.org).await;
    }
    assert_eq!(state(&answer, FRAUD), Some(AccountState::Blocked), "{topology:?}");
    assert_right(&answer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server() {
    behaves(Topology::Single).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_a_client_certificate_and_a_user_who_may_do_little() {
    behaves(Topology::Secured).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_three() {
    behaves(Topology::Cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_and_a_replica_under_a_sentinel() {
    behaves(Topology::Sentinel).await;
}

// ── faults ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Look-ups go on while the server with the organisation's keys dies. Each is answered and right; what was blocked
/// meanwhile is known as soon as the organisation's book says so; Redis is used again after.
async fn survives(topology: Topology) {
    let mut all = Installation::new(topology).await;
    let node = Arc::new(all.warm_node().await);
    let organisation = Arc::new(std::sync::Mutex::new(all.org.clone()));
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let traffic = {
        let (node, organisation) = (Arc::clone(&node), Arc::clone(&organisation));
        let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let org = organisation.lock().unwrap().clone();
                assert_right(&node.ask(&org).await);
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    let id = all.org.id.to_string();
    all.redises.home_of(&id).kill();
    // Nothing can be announced now; the book reads the database each second.
    all.block(FRAUD);
    let changed = all.store.organisation(all.org.id).await.unwrap().unwrap();
    *organisation.lock().unwrap() = changed.clone();
    let answer = node.ask(&changed).await;
    assert_right(&answer);
    assert_eq!(state(&answer, FRAUD), Some(AccountState::Blocked), "{topology:?}: blocked during the outage");

    if matches!(topology, Topology::Single | Topology::Secured) {
        assert!(all.redises.home_of(&id).restart(), "it comes back on its port");
    }
    let waiting = Arc::clone(&node);
    tokio::task::block_in_place(|| eventually("Redis to be used again", || waiting.redis.is_healthy()));
    // A node that starts now asks Redis, fills it at the new master, and the next one is answered from there.
    if topology != Topology::Cluster {
        let mut served = false;
        for _ in 0..1_000 {
            let fresh = all.node();
            assert_eq!(state(&fresh.ask(&changed).await, FRAUD), Some(AccountState::Blocked), "{topology:?}");
            served = fresh.directory.database_reads() == 0;
            if served {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(served, "{topology:?}: Redis answers again");
    }
    tokio::task::block_in_place(|| {
        eventually("look-ups to go on", || asked.load(Ordering::Relaxed) > 20 || traffic.is_finished());
    });
    stop.store(true, Ordering::Relaxed);
    traffic.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_dies_and_comes_back() {
    survives(Topology::Single).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_cluster_dies_and_nobody_takes_over() {
    survives(Topology::Cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_cluster_dies_and_its_replica_takes_over() {
    survives(Topology::ReplicatedCluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_dies_and_the_sentinel_names_another() {
    survives(Topology::Sentinel).await;
}

/// It keeps its connections and answers nothing: one look-up waits for it, the others don't ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_not_asked_twice() {
    let all = Installation::new(Topology::Single).await;
    let node = all.warm_node().await;
    let cold = all.node();
    all.redises.servers[0].signal("STOP");
    assert_right(&cold.ask(&all.org).await);
    let waiting = cold.redis.clone();
    tokio::task::block_in_place(|| eventually("the breaker", || !waiting.is_healthy()));
    for _ in 0..50 {
        assert_right(&cold.ask(&all.org).await);
    }
    all.redises.servers[0].signal("CONT");
    tokio::task::block_in_place(|| eventually("Redis to answer again", || waiting.is_healthy()));
    assert_right(&node.ask(&all.org).await);
}

/// A slot moves to another node while it is asked for: MOVED and ASK are followed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_is_followed() {
    let mut all = Installation::new(Topology::Cluster).await;
    let node = all.warm_node().await;
    let org = all.org.id.to_string();
    let from = all.redises.home_of(&org).port;
    let servers = &all.redises.servers;
    let slot: u64 = servers[0].command(&["CLUSTER", "KEYSLOT", &format!("{{{org}}}")]);
    let slot = slot.to_string();
    let old = servers.iter().find(|server| server.port == from).unwrap();
    let new = servers.iter().find(|server| server.port != from).unwrap();
    let (old_id, new_id): (String, String) =
        (old.command(&["CLUSTER", "MYID"]), new.command(&["CLUSTER", "MYID"]));
    let _: String = new.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &old_id]);
    let _: String = old.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &new_id]);
    // Keys lie on both sides: some questions get TRYAGAIN or ASK.
    let keys: Vec<String> = old.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
    let port = new.port.to_string();
    for (number, key) in keys.iter().enumerate() {
        let _: String = old.command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000", "REPLACE"]);
        if number % 3 == 0 {
            assert_right(&all.node().ask(&all.org).await);
        }
    }
    for server in servers {
        let _: String = server.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &new_id]);
    }
    assert_right(&node.ask(&all.org).await);
    let fresh = all.node();
    let mget = new.calls("mget");
    assert_right(&fresh.ask(&all.org).await);
    assert_eq!(new.calls("mget"), mget + 1, "the new node answers");
}

/// Many messages miss the same keys at once: one reads the database, the others wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_cold_misses_are_one_read() {
    let all = Installation::new(Topology::Single).await;
    let node = Arc::new(all.node());
    let mut asking = tokio::task::JoinSet::new();
    let together = Arc::new(tokio::sync::Barrier::new(100));
    for _ in 0..100 {
        let (node, org, together) = (Arc::clone(&node), all.org.clone(), Arc::clone(&together));
        asking.spawn(async move {
            together.wait().await;
            assert_right(&node.ask(&org).await);
        });
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    assert_eq!(node.directory.database_reads(), 1, "read once");
    assert_eq!(all.redises.calls("mget"), 1, "and Redis was asked once");
}
