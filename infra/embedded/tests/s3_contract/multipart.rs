//! Multipart uploads.

use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

use crate::place::{Place, bytes, code, without_checksums};

/// Smallest part but for the last.
const PART: usize = 5 * 1024 * 1024;

impl Place {
    async fn begin(&self, key: &str) -> String {
        let create = without_checksums(&self.client)
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key);
        create.send().await.unwrap().upload_id.unwrap()
    }

    async fn part(&self, key: &str, upload: &str, number: i32, bytes: Vec<u8>) -> CompletedPart {
        let client = without_checksums(&self.client);
        let part = client
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload)
            .part_number(number);
        let etag = part.body(bytes.into()).send().await.unwrap().e_tag.unwrap();
        CompletedPart::builder()
            .part_number(number)
            .e_tag(etag)
            .build()
    }

    fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: &[CompletedPart],
    ) -> CompleteMultipartUploadFluentBuilder {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.to_vec()))
            .build();
        let client = without_checksums(&self.client);
        client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload)
            .multipart_upload(parts)
    }
}

#[tokio::test]
async fn parts_become_one_object() {
    let place = Place::start().await;
    let whole = bytes(2 * PART + 1000);
    let upload = place.begin("key").await;
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(whole.chunks(PART)) {
        parts.push(place.part("key", &upload, number, part.to_vec()).await);
    }
    assert!(!place.exists("key").await, "not before it is complete");

    let completed = place.complete("key", &upload, &parts).send().await.unwrap();

    assert!(completed.e_tag().unwrap().ends_with("-3\""));
    assert!(place.get("key").await == whole);
    let middle = format!("bytes={}-{}", PART - 3, 2 * PART + 2);
    let range = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .range(middle)
        .send()
        .await
        .unwrap();
    assert!(range.body.collect().await.unwrap().to_vec() == whole[PART - 3..2 * PART + 3]);
    assert!(place.files().is_none_or(|files| files == 3));
    place
        .client
        .delete_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();
    assert!(place.files().is_none_or(|files| files == 0));
}

#[tokio::test]
async fn part_sent_again_replaces_itself() {
    let place = Place::start().await;
    let upload = place.begin("key").await;
    let first = place.part("key", &upload, 1, b"first".to_vec()).await;
    let again = place.part("key", &upload, 1, b"again".to_vec()).await;

    let stale = place
        .complete("key", &upload, &[first])
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&stale), "InvalidPart");
    place
        .complete("key", &upload, &[again])
        .send()
        .await
        .unwrap();

    assert_eq!(place.get("key").await, b"again");
    assert!(place.files().is_none_or(|files| files == 1));
}

#[tokio::test]
async fn parts_that_arrived_are_listed_in_pages() {
    let place = Place::start().await;
    let upload = place.begin("key").await;
    for number in [7, 2, 5] {
        place
            .part(
                "key",
                &upload,
                number,
                vec![0; usize::try_from(number).unwrap()],
            )
            .await;
    }
    let list = || {
        place
            .client
            .list_parts()
            .bucket(&place.bucket)
            .key("key")
            .upload_id(&upload)
            .max_parts(2)
    };

    let first = list().send().await.unwrap();
    let marker = first.next_part_number_marker().unwrap();
    let second = list().part_number_marker(marker).send().await.unwrap();

    let numbers = |parts: &[aws_sdk_s3::types::Part]| {
        parts
            .iter()
            .map(|part| (part.part_number().unwrap(), part.size().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(first.parts()), [(2, 2), (5, 5)]);
    assert_eq!(first.is_truncated(), Some(true));
    assert_eq!(numbers(second.parts()), [(7, 7)]);
    assert_eq!(second.is_truncated(), Some(false));
}

#[tokio::test]
async fn complete_again_answers_the_same() {
    let place = Place::start().await;
    let upload = place.begin("key").await;
    let part = place.part("key", &upload, 1, b"x".to_vec()).await;

    let once = place
        .complete("key", &upload, std::slice::from_ref(&part))
        .if_none_match("*")
        .send()
        .await
        .unwrap();
    let twice = place
        .complete("key", &upload, std::slice::from_ref(&part))
        .if_none_match("*")
        .send()
        .await
        .unwrap();

    assert_eq!(once.e_tag(), twice.e_tag());
    assert_eq!(place.get("key").await, b"x");
}

#[tokio::test]
async fn complete_again_after_the_object_was_replaced_is_refused() {
    let place = Place::start().await;
    if place.queue().is_none() {
        return; // AWS leaves open what is answered.
    }
    let upload = place.begin("key").await;
    let part = place.part("key", &upload, 1, b"x".to_vec()).await;
    place
        .complete("key", &upload, std::slice::from_ref(&part))
        .send()
        .await
        .unwrap();
    place.put("key", b"newer".to_vec()).await;

    let again = place
        .complete("key", &upload, &[part])
        .send()
        .await
        .unwrap_err();

    assert_eq!(code(&again), "NoSuchUpload");
    assert_eq!(place.get("key").await, b"newer");
}

#[tokio::test]
async fn complete_checks_what_it_is_given() {
    let place = Place::start().await;
    if !place.is_strict() {
        return;
    }
    let upload = place.begin("key").await;
    let one = place.part("key", &upload, 1, b"small".to_vec()).await;
    let two = place.part("key", &upload, 2, b"last".to_vec()).await;
    let unknown = CompletedPart::builder()
        .part_number(3)
        .e_tag(one.e_tag().unwrap())
        .build();
    let refusals = [
        (vec![two.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), unknown], "InvalidPart"),
        (vec![one.clone(), two.clone()], "EntityTooSmall"),
        (vec![], "MalformedXML"),
    ];

    for (parts, refusal) in refusals {
        let complete = place
            .complete("key", &upload, &parts)
            .send()
            .await
            .unwrap_err();
        assert_eq!(code(&complete), refusal);
    }

    assert!(!place.exists("key").await);
    place.complete("key", &upload, &[two]).send().await.unwrap();
    assert!(
        place.files().is_none_or(|files| files == 1),
        "parts left out are removed"
    );
}

#[tokio::test]
async fn complete_does_not_replace_when_asked_not_to() {
    let place = Place::start().await;
    place.put("key", b"there".to_vec()).await;
    let upload = place.begin("key").await;
    let part = place.part("key", &upload, 1, b"x".to_vec()).await;

    let complete = place
        .complete("key", &upload, &[part])
        .if_none_match("*")
        .send()
        .await
        .unwrap_err();

    assert_eq!(code(&complete), "PreconditionFailed");
    assert_eq!(place.get("key").await, b"there");
}

#[tokio::test]
async fn aborted_upload_and_its_parts_are_gone() {
    let place = Place::start().await;
    let upload = place.begin("key").await;
    let part = place.part("key", &upload, 1, b"x".to_vec()).await;
    let abort = || {
        place
            .client
            .abort_multipart_upload()
            .bucket(&place.bucket)
            .key("key")
            .upload_id(&upload)
    };

    abort().send().await.unwrap();

    assert_eq!(
        code(
            &place
                .complete("key", &upload, &[part])
                .send()
                .await
                .unwrap_err()
        ),
        "NoSuchUpload"
    );
    assert!(place.files().is_none_or(|files| files == 0));
    let upload_part = place
        .client
        .upload_part()
        .bucket(&place.bucket)
        .key("key")
        .upload_id(&upload)
        .part_number(1);
    let late = upload_part
        .body(ByteStream::from_static(b"late"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&late), "NoSuchUpload");
}

#[tokio::test]
async fn open_uploads_are_listed_in_pages() {
    let place = Place::start().await;
    let mut begun = Vec::new();
    for key in ["a/1", "a/2", "a/2", "b"] {
        begun.push((key.to_owned(), place.begin(key).await));
    }
    begun.pop();
    begun.sort();
    let mut found = Vec::new();
    let (mut key, mut upload) = (None, None);
    loop {
        let list = place
            .client
            .list_multipart_uploads()
            .bucket(&place.bucket)
            .prefix("a/")
            .max_uploads(2);
        let page = list
            .set_key_marker(key)
            .set_upload_id_marker(upload)
            .send()
            .await
            .unwrap();
        let uploads = page.uploads().iter();
        found.extend(uploads.map(|u| {
            (
                u.key().unwrap().to_owned(),
                u.upload_id().unwrap().to_owned(),
            )
        }));
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, upload) = (page.next_key_marker, page.next_upload_id_marker);
    }
    assert_eq!(found, begun);
}

#[tokio::test]
async fn composite_checksum_is_checked_part_by_part() {
    let place = Place::start().await;
    let create = place
        .client
        .create_multipart_upload()
        .bucket(&place.bucket)
        .key("key");
    let created = create
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();
    let upload = created.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, part) in [(1, bytes(PART)), (2, b"tail".to_vec())] {
        let request = place
            .client
            .upload_part()
            .bucket(&place.bucket)
            .key("key")
            .upload_id(upload);
        let request = request
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Sha256);
        let sent = request.body(part.into()).send().await.unwrap();
        let part = CompletedPart::builder()
            .part_number(number)
            .e_tag(sent.e_tag().unwrap());
        parts.push(
            part.checksum_sha256(sent.checksum_sha256().unwrap())
                .build(),
        );
    }

    let completed = place.complete("key", upload, &parts).send().await.unwrap();

    assert!(completed.checksum_sha256().unwrap().ends_with("-2"));
    assert_eq!(completed.checksum_type(), Some(&ChecksumType::Composite));
    assert_eq!(place.get("key").await.len(), PART + 4);
}

#[tokio::test]
async fn whole_checksum_of_parts_can_be_asked_for() {
    let place = Place::start().await;
    if !place.is_strict() {
        return;
    }
    let create = place
        .client
        .create_multipart_upload()
        .bucket(&place.bucket)
        .key("key");
    let create = create
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
        .checksum_type(ChecksumType::FullObject);
    let upload = create.send().await.unwrap().upload_id.unwrap();
    let whole = bytes(PART + 77);
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(whole.chunks(PART)) {
        let request = place
            .client
            .upload_part()
            .bucket(&place.bucket)
            .key("key")
            .upload_id(&upload);
        let request = request
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let sent = request.body(part.to_vec().into()).send().await.unwrap();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .e_tag(sent.e_tag().unwrap())
                .build(),
        );
    }
    place.complete("key", &upload, &parts).send().await.unwrap();

    let put = place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("one piece")
        .body(whole.clone().into());
    let in_one_piece = put
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
        .send()
        .await
        .unwrap();
    let head = place.client.head_object().bucket(&place.bucket).key("key");
    let head = head
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();

    assert_eq!(
        head.checksum_crc64_nvme(),
        in_one_piece.checksum_crc64_nvme()
    );
    // The SDK checks the bytes against it.
    assert!(place.get("key").await == whole);
}

#[tokio::test]
async fn parts_are_copied_from_objects_and_from_ranges_of_them() {
    let place = Place::start().await;
    let source = bytes(2 * PART + 1000);
    place.put("source", source.clone()).await;
    let upload = place.begin("key").await;
    let copy = async |number: i32, range: Option<&str>| {
        place
            .client
            .upload_part_copy()
            .bucket(&place.bucket)
            .key("key")
            .upload_id(&upload)
            .part_number(number)
            .copy_source(format!("{}/source", place.bucket))
            .set_copy_source_range(range.map(ToOwned::to_owned))
            .send()
            .await
    };

    let middle = format!("bytes=1000-{}", 1000 + PART - 1);
    let range = copy(1, Some(&middle)).await.unwrap();
    let whole = copy(2, None).await.unwrap();
    let parts: Vec<CompletedPart> = (1..)
        .zip([range, whole])
        .map(|(number, copied)| {
            let etag = copied.copy_part_result.unwrap().e_tag.unwrap();
            CompletedPart::builder()
                .part_number(number)
                .e_tag(etag)
                .build()
        })
        .collect();
    place.complete("key", &upload, &parts).send().await.unwrap();

    let expected = [&source[1000..1000 + PART], &source[..]].concat();
    assert!(place.get("key").await == expected);
    assert!(place.get("source").await == source);
}

#[tokio::test]
async fn copying_a_part_from_what_is_not_there_is_refused() {
    let place = Place::start().await;
    place.put("source", bytes(100)).await;
    let upload = place.begin("key").await;
    let copy = async |from: &str, range: &str| {
        let copied = place
            .client
            .upload_part_copy()
            .bucket(&place.bucket)
            .key("key")
            .upload_id(&upload)
            .part_number(1)
            .copy_source(format!("{}/{from}", place.bucket))
            .copy_source_range(range)
            .send()
            .await;
        code(&copied.unwrap_err())
    };

    assert_eq!(copy("nothing", "bytes=0-9").await, "NoSuchKey");
    assert_eq!(copy("source", "bytes=9-").await, "InvalidArgument");
    assert_eq!(copy("source", "bytes=100-109").await, "InvalidRange");
}
