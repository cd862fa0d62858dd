//! The events an object makes when it lands under a watched prefix.

use std::time::Duration;

use aws_lambda_events::event::s3::S3Event;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use domain::message::Destination;
use embedded::queue::Queue;

use crate::place::{Place, without_checksums};

async fn events(queue: &Queue) -> Vec<S3Event> {
    let messages = queue
        .receive(Destination::Ingest, 100, Duration::from_mins(1))
        .await
        .unwrap();
    messages
        .iter()
        .map(|message| serde_json::from_str(&message.body).unwrap())
        .collect()
}

#[tokio::test]
async fn object_in_the_inbox_is_told_of() {
    let place = Place::start().await;
    let Some(queue) = place.queue() else { return };
    place
        .put("inbox/w/my bill (1).pdf", b"12345".to_vec())
        .await;
    place.put("blobs/not/told", b"x".to_vec()).await;

    let events = events(queue).await;

    assert_eq!(events.len(), 1);
    let record = &events[0].records[0];
    assert_eq!(record.event_version.as_deref(), Some("2.1"));
    assert_eq!(record.event_source.as_deref(), Some("aws:s3"));
    assert_eq!(record.event_name.as_deref(), Some("ObjectCreated:Put"));
    assert_eq!(record.s3.bucket.name.as_deref(), Some("contract"));
    assert_eq!(
        record.s3.object.key.as_deref(),
        Some("inbox/w/my+bill+%281%29.pdf")
    );
    assert_eq!(record.s3.object.size, Some(5));
    assert_eq!(
        record.s3.object.e_tag.as_deref(),
        Some("827ccb0eea8a706c4c34a16891f84e7b")
    );
}

#[tokio::test]
async fn completed_upload_is_told_of_once() {
    let place = Place::start().await;
    let Some(queue) = place.queue() else { return };
    let client = without_checksums(&place.client);
    let created = client
        .create_multipart_upload()
        .bucket(&place.bucket)
        .key("presigned/u")
        .send()
        .await
        .unwrap();
    let upload = created.upload_id().unwrap();
    let part = client
        .upload_part()
        .bucket(&place.bucket)
        .key("presigned/u")
        .upload_id(upload)
        .part_number(1);
    let part = part
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .e_tag(part.e_tag().unwrap())
        .build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    for _ in 0..2 {
        let complete = client
            .complete_multipart_upload()
            .bucket(&place.bucket)
            .key("presigned/u")
            .upload_id(upload);
        complete
            .multipart_upload(parts.clone())
            .send()
            .await
            .unwrap();
    }

    let events = events(queue).await;

    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0].records[0].event_name.as_deref(),
        Some("ObjectCreated:CompleteMultipartUpload")
    );
}

#[tokio::test]
async fn refused_write_tells_nothing() {
    let place = Place::start().await;
    let Some(queue) = place.queue() else { return };
    place.put("inbox/w/a", b"x".to_vec()).await;
    let put = place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("inbox/w/a")
        .if_none_match("*");
    put.body(ByteStream::from_static(b"y"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(events(queue).await.len(), 1);
}

#[tokio::test]
async fn later_event_has_the_higher_sequencer() {
    let place = Place::start().await;
    let Some(queue) = place.queue() else { return };
    for _ in 0..3 {
        place.put("inbox/w/a", b"x".to_vec()).await;
    }
    let sequencers: Vec<_> = events(queue)
        .await
        .into_iter()
        .map(|event| event.records[0].s3.object.sequencer.clone())
        .collect();
    assert!(sequencers.is_sorted_by(|one, next| one < next));
}
