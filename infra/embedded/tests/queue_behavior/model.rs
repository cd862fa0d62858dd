//! Any sequence of what can be done to a queue.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::message::Destination::Ingest;
use embedded::queue::Message;
use proptest::prelude::*;
use store::queue::Queue as _;

use crate::place::{LEASE, Place};

/// One thing done to a queue.
#[derive(Clone, Debug)]
enum Act {
    Send { delay_s: u64 },
    Receive { most: usize },
    Delete { lease: usize },
    Fail { lease: usize },
    Pass { seconds: u64 },
    RedriveAll,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..40_u64).prop_map(|delay_s| Act::Send { delay_s }),
        (1..4_usize).prop_map(|most| Act::Receive { most }),
        (0..20_usize).prop_map(|lease| Act::Delete { lease }),
        (0..20_usize).prop_map(|lease| Act::Fail { lease }),
        (0..400_u64).prop_map(|seconds| Act::Pass { seconds }),
        Just(Act::RedriveAll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// However messages are sent, received, failed and sent again: none is lost, none that was deleted comes again,
    /// none is leased twice at a time, and none is received more often than allowed.
    #[test]
    fn messages_are_neither_lost_nor_doubled(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(model(acts));
    }
}

async fn model(acts: Vec<Act>) {
    let place = Place::start(3).await;
    let mut sent = 0_usize;
    let mut deleted = Vec::new();
    let mut leases: Vec<(String, Message, i64)> = Vec::new();
    for act in acts {
        let now = place.milliseconds.load(Ordering::SeqCst);
        match act {
            Act::Send { delay_s } => {
                place
                    .queue
                    .send(Ingest, sent.to_string(), Duration::from_secs(delay_s))
                    .await
                    .unwrap();
                sent += 1;
            }
            Act::Receive { most } => {
                for message in place.queue.receive(Ingest, most, LEASE).await.unwrap() {
                    let held = leases.iter().filter(|(_, other, _)| other.id == message.id);
                    assert!(
                        held.into_iter().all(|(_, _, ends)| *ends <= now),
                        "leased twice"
                    );
                    assert!(
                        !deleted.contains(&message.body),
                        "came after it was deleted"
                    );
                    assert!((1..=3).contains(&message.receives));
                    let ends = now + i64::try_from(LEASE.as_millis()).unwrap();
                    leases.push((message.receipt.clone(), message, ends));
                }
            }
            Act::Delete { lease } if !leases.is_empty() => {
                let lease = lease % leases.len();
                let (receipt, message, _) = leases.swap_remove(lease);
                if place.queue.delete(receipt).await.unwrap() {
                    deleted.push(message.body);
                }
            }
            Act::Fail { lease } if !leases.is_empty() => {
                let lease = lease % leases.len();
                let (receipt, ..) = leases.swap_remove(lease);
                place.queue.settle(Vec::new(), vec![receipt]).await.unwrap();
            }
            Act::Delete { .. } | Act::Fail { .. } => {}
            Act::Pass { seconds } => place.pass(Duration::from_secs(seconds)),
            Act::RedriveAll => {
                for letter in place.queue.dead_letters(None, 100).await.unwrap() {
                    assert!(place.queue.redrive(letter.id).await.unwrap());
                }
            }
        }
        let counts = place.counts().await;
        assert_eq!(
            counts.pending + counts.in_flight + counts.dead,
            (sent - deleted.len()) as u64
        );
    }
}
