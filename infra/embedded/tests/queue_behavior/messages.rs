//! One message at a time.

use std::time::Duration;

use domain::message::Destination::{Ingest, Summarize};
use store::queue::Queue as _;

use crate::place::{LEASE, Place, TICK, counts};

#[tokio::test]
async fn message_goes_to_its_queue_only() {
    let place = Place::start(3).await;
    place.send("body").await;
    assert!(
        place
            .queue
            .receive(Summarize, 10, LEASE)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(place.receive().await[0].body, "body");
}

#[tokio::test]
async fn delayed_message_comes_when_its_delay_is_over() {
    let place = Place::start(3).await;
    place
        .queue
        .send(Ingest, "later".to_owned(), Duration::from_secs(30))
        .await
        .unwrap();

    place.pass(Duration::from_millis(29_999));
    assert!(place.receive().await.is_empty());
    place.pass(Duration::from_millis(1));
    assert_eq!(place.receive().await.len(), 1);
}

#[tokio::test]
async fn what_sqs_would_refuse_is_refused() {
    let place = Place::start(3).await;
    assert!(
        place
            .queue
            .send(Ingest, String::new(), Duration::from_secs(901))
            .await
            .is_err()
    );
    assert!(
        place
            .queue
            .send(Ingest, "x".repeat(1024 * 1024 + 1), Duration::ZERO)
            .await
            .is_err()
    );
    assert_eq!(place.counts().await, counts(0, 0, 0));
}

#[tokio::test]
async fn leased_message_comes_again_only_after_its_lease() {
    let place = Place::start(3).await;
    place.send("body").await;
    let first = place.receive().await.remove(0);
    assert_eq!(place.counts().await, counts(0, 1, 0));

    place.pass(LEASE.saturating_sub(TICK));
    assert!(place.receive().await.is_empty());
    place.pass(TICK);
    let second = place.receive().await.remove(0);

    assert_eq!((second.id, second.receives), (first.id, 2));
    assert_eq!(
        (second.sent_at, second.first_received_at),
        (first.sent_at, first.first_received_at)
    );
    assert_ne!(second.receipt, first.receipt);
}

#[tokio::test]
async fn message_is_deleted_by_its_current_receipt_only() {
    let place = Place::start(3).await;
    place.send("body").await;
    let stale = place.receive().await.remove(0);
    place.pass(LEASE);
    let current = place.receive().await.remove(0);

    assert!(!place.queue.delete(stale.receipt).await.unwrap());
    assert!(!place.queue.delete("no receipt".to_owned()).await.unwrap());
    assert!(place.queue.delete(current.receipt).await.unwrap());
    assert_eq!(place.counts().await, counts(0, 0, 0));
}

#[tokio::test]
async fn failed_message_waits_longer_each_time() {
    let place = Place::start(9).await;
    place.send("body").await;
    for longest in [1, 6, 10, 10] {
        let message = place.receive().await.remove(0);
        place
            .queue
            .settle(Vec::new(), vec![message.receipt])
            .await
            .unwrap();
        assert_eq!(place.counts().await, counts(1, 0, 0));

        place.pass((Duration::from_secs(longest) / 2).saturating_sub(TICK));
        assert!(
            place.receive().await.is_empty(),
            "before half of {longest} s"
        );
        place.pass(Duration::from_secs(longest) / 2 + TICK);
    }
}

#[tokio::test]
async fn message_received_too_often_is_a_dead_letter_until_it_is_sent_again() {
    let place = Place::start(2).await;
    place.send("poison").await;
    for _ in 0..2 {
        let message = place.receive().await.remove(0);
        place
            .queue
            .settle(Vec::new(), vec![message.receipt])
            .await
            .unwrap();
        place.pass(Duration::from_mins(1));
    }
    assert!(place.receive().await.is_empty());
    assert_eq!(place.counts().await, counts(0, 0, 1));
    let letter = place.queue.dead_letters(None, 10).await.unwrap().remove(0);
    assert_eq!(
        (letter.body.as_str(), letter.receives, letter.destination),
        ("poison", 2, Ingest)
    );

    assert!(place.queue.redrive(letter.id).await.unwrap());
    assert!(!place.queue.redrive(letter.id).await.unwrap());

    assert_eq!(place.counts().await, counts(1, 0, 0));
    let again = place.receive().await.remove(0);
    assert_eq!((again.id, again.receives), (letter.id, 1));
}

#[tokio::test]
async fn message_of_a_killed_process_becomes_a_dead_letter_after_its_tries() {
    let place = Place::start(2).await;
    place.send("kills").await;
    place.send("harmless").await;
    let harmless = place.receive().await.remove(1);
    place.queue.delete(harmless.receipt).await.unwrap();
    place.pass(LEASE);
    assert_eq!(place.receive().await.len(), 1);
    place.pass(LEASE);
    place.send("next").await;

    let received = place.receive().await;

    assert_eq!(
        received.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(),
        ["next"]
    );
    assert_eq!(place.counts().await, counts(0, 1, 1));
}

#[tokio::test]
async fn spent_messages_hide_none_behind_them() {
    let place = Place::start(1).await;
    for _ in 0..25 {
        place.send("kills").await;
    }
    while !place.receive().await.is_empty() {}
    place.pass(LEASE);
    place.send("next").await;
    assert_eq!(place.receive().await[0].body, "next");
    assert_eq!(place.counts().await.dead, 25);
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages() {
    let place = Place::start(1).await;
    for body in ["a", "b", "c"] {
        place.send(body).await;
    }
    let receipts = place
        .receive()
        .await
        .into_iter()
        .map(|message| message.receipt)
        .collect();
    place.queue.settle(Vec::new(), receipts).await.unwrap();

    let first = place.queue.dead_letters(None, 2).await.unwrap();
    let second = place
        .queue
        .dead_letters(Some(first[1].id), 2)
        .await
        .unwrap();

    let bodies = |letters: &[embedded::queue::DeadLetter]| {
        letters.iter().map(|l| l.body.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (bodies(&first), bodies(&second)),
        (vec!["a".into(), "b".into()], vec!["c".into()])
    );
}
