//! A rotation killed again and again, on two nodes, while mail flows.

#![deny(dead_code)]

use super::*;

/// The real program's database, opened beside it.
async fn beside(world: &World) -> (Store, OrgId) {
    let key = std::fs::read_to_string(world.dir().join("keys/master.key")).unwrap();
    let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_hex(&key).unwrap()).unwrap());
    let database =
        Database::open(&format!("sqlite:{}", world.dir().join("data/sentra.db").display())).await.unwrap();
    let bodies = Bodies::new(&world.dir().join("data"));
    let store = Store::new(database, keyring, Arc::new(SystemClock), Arc::new(UlidSource::new()), bodies);
    let org = store.organisations().await.unwrap().remove(0).id;
    (store, org)
}

/// Rows of the record as much mail would leave them.
async fn fill_record(store: &Store, org: OrgId, rows: usize) {
    let mut write = store.database().scope(org).write().await.unwrap();
    for _ in 0..rows {
        let id = store.ids().ulid().to_string();
        let facts = store.keyring().seal(org, &format!("messages.facts|{id}"), id.as_bytes()).unwrap();
        sqlx::query(
            "INSERT INTO messages (id, org_id, received_at, action, severity, score, category, codes, ruleset, size, \
             facts, reply_code, outcome) VALUES ($1, $2, $4, 'deliver', 'none', 0, 'other', '', '', 1, $3, 250, 'relayed')",
        )
        .bind(id)
        .bind(org.to_string())
        .bind(facts)
        // Of today: what is old is purged by the server that starts.
        .bind(store.clock().now_ms())
        .execute(&mut *write)
        .await
        .unwrap();
    }
    write.commit().await.unwrap();
}

/// A second node on the same database.
struct Node(Child);

impl Node {
    fn start(world: &World) -> (Self, SocketAddr) {
        let mut command = world.command(&["serve"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the second node becomes ready").unwrap();
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = event.get("fields").unwrap_or(&event);
            if fields["message"] == "ready" {
                break fields["smtp"].as_str().unwrap().split(',').next().unwrap().trim().parse().unwrap();
            }
        };
        // A full pipe would stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        (Self(child), address)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Deterministic chance (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Mail through both nodes until it is told to stop; every reply that is not 250 is kept.
struct Load {
    stop: AtomicBool,
    next: AtomicU64,
    bad: std::sync::Mutex<Vec<String>>,
}

impl Load {
    async fn run(&self, address: SocketAddr) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let octets = if number.is_multiple_of(5) {
                changed_invoice(&format!("held-{number}@keys.test"))
            } else {
                clean_invoice(&format!("clean-{number}@keys.test"))
            };
            let mut client = Client::hello(address).await.unwrap();
            let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets);
            let reply = sent.await.unwrap();
            if reply.code != 250 {
                self.bad.lock().unwrap().push(format!("{number}: {} {}", reply.code, reply.text));
            }
        }
    }
}

/// Runs `sentra keys rotate …` and kills it after a while; true when it ended by itself before.
fn rotate_and_kill(world: &World, purpose: &str, after: Duration) -> bool {
    let arguments = ["keys", "rotate", "--purpose", purpose, "--settle", "3"];
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = std::time::Instant::now() + after;
    while std::time::Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

/// kill -9 at many points of a rotation leaves every value readable, a later run completes it, and mail through two
/// nodes is never deferred meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_killed_again_and_again_completes_and_mail_flows() {
    const ROWS: usize = 6_000;
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let (store, org) = beside(&world).await;
    fill_record(&store, org, ROWS).await;
    let (_second, second) = Node::start(&world);
    let load = Arc::new(Load {
        stop: AtomicBool::new(false),
        next: AtomicU64::new(0),
        bad: std::sync::Mutex::default(),
    });
    let senders: Vec<_> = [world.smtp, second]
        .into_iter()
        .map(|address| {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.run(address).await })
        })
        .collect();

    let mut chance = Chance(0x5eed_0008);
    let mut killed = BTreeMap::new();
    let world = Arc::new(world);
    for purpose in ["data", "fingerprint", "signing"] {
        let mut kills = 0;
        loop {
            // First in the waits between the steps, then within the work.
            let after = Duration::from_millis(if kills < 4 {
                900 + chance.below(900)
            } else {
                150 + chance.below(500)
            });
            let after = if kills > 25 { Duration::from_secs(120) } else { after };
            let at = Arc::clone(&world);
            let ended =
                tokio::task::spawn_blocking(move || rotate_and_kill(&at, purpose, after)).await.unwrap();
            if ended {
                break;
            }
            kills += 1;
        }
        killed.insert(purpose, kills);
    }
    load.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }

    println!("killed {killed:?}, {} messages meanwhile", load.next.load(Ordering::Relaxed));
    assert!(killed["data"] >= 4, "{killed:?}");
    assert_eq!(*load.bad.lock().unwrap(), Vec::<String>::new(), "no message was deferred");
    // One rotation each, however often it was begun.
    let status = &world.json(&["keys", "status"])[0]["keys"];
    for purpose in status["purposes"].as_array().unwrap() {
        assert_eq!(purpose["active"], 2, "{purpose}");
        assert_eq!(purpose["rotation"]["phase"], "done", "{purpose}");
        if purpose["purpose"] != "signing" {
            assert_eq!(purpose["under_others"], 0, "{purpose}");
        }
    }
    store.organisations().await.unwrap();
    let mut read = store.database().scope(org).read().await.unwrap();
    let rows = sqlx::query("SELECT id, facts FROM messages").fetch_all(&mut *read).await.unwrap();
    assert!(rows.len() > ROWS);
    for row in rows {
        let (id, facts): (String, Vec<u8>) = (row.get(0), row.get(1));
        assert_eq!(sealed_under(&facts), Some(2), "{id}");
        store.keyring().open(org, &format!("messages.facts|{id}"), &facts).unwrap();
    }
    // Suppliers were known all the time: what is theirs passed, what is not was held, and it can be taken out.
    let clean = sink.messages().iter().filter(|mail| holds(&mail.octets, "action=deliver")).count();
    let sent = usize::try_from(load.next.load(Ordering::Relaxed)).unwrap();
    let held = world.quarantine();
    assert_eq!((clean, held.len()), (sent - sent.div_ceil(5), sent.div_ceil(5)));
    for row in &held {
        let body = world.run(&["quarantine", "export", row["id"].as_str().unwrap()]);
        assert!(body.contains("GB94 BARC 1020 1530 0934 59"));
    }
}
