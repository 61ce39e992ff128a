//! What fails around the gateway and what must hold then: nothing accepted is lost, nothing is half delivered, the
//! sender hears the truth, and the next try succeeds once the fault is gone.

mod outbox;
mod redis;
mod relay;
mod steps;
mod store;

use crate::support::client::{Client, Reply};
use crate::support::sink::Behaviour;
use crate::support::world::World;

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";

/// What goes wrong at the next hop.
type Change = fn(&mut Behaviour);

/// Hands one message of the supplier to the protected mailbox, over a session of its own.
async fn hand_in(world: &World, octets: &[u8]) -> Reply {
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], octets).await.unwrap()
}

/// MAIL, RCPT and content in one BDAT chunk; stops at the first reply that is not positive.
async fn hand_in_by_bdat(client: &mut Client, mail: &str, octets: &[u8]) -> Reply {
    for line in [mail, "RCPT TO:<accounts@contoso.example>"] {
        let reply = client.say(line).await.unwrap();
        if reply.code != 250 {
            client.say("RSET").await.unwrap();
            return reply;
        }
    }
    client.write(format!("BDAT {} LAST\r\n", octets.len()).as_bytes()).await.unwrap();
    client.write(octets).await.unwrap();
    client.reply().await.unwrap()
}

/// Code and the beginning of the text, as in `451 4.4.1`.
fn assert_says(reply: &Reply, expected: &str, name: &str) {
    assert!(format!("{} {}", reply.code, reply.text).starts_with(expected), "{name}: {reply:?}");
}
