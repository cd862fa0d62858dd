//! `ListObjectsV2`.

use crate::place::{Place, code};

async fn with(keys: &[&str]) -> Place {
    let place = Place::start().await;
    for key in keys {
        place.put(key, b"x".to_vec()).await;
    }
    place
}

#[tokio::test]
async fn prefix_limits_the_list() {
    let place = with(&["a/1", "a/2", "a0", "b/1", "a\u{7f}", "å"]).await;
    let list = place
        .client
        .list_objects_v2()
        .bucket(&place.bucket)
        .prefix("a/")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = list
        .contents()
        .iter()
        .map(|object| object.key().unwrap())
        .collect();
    assert_eq!(keys, ["a/1", "a/2"]);
    assert_eq!(list.contents()[0].size(), Some(1));
    assert!(list.contents()[0].last_modified().is_some());
    assert_eq!(
        list.contents()[0].e_tag(),
        Some("\"9dd4e461268c8034f5c8564e155c67a6\"")
    );
}

#[tokio::test]
async fn delimiter_groups_what_lies_deeper() {
    let place = with(&["top", "a/1", "a/2/3", "a/2/4", "b/1", "a0"]).await;
    let list = |prefix: &str| {
        place
            .client
            .list_objects_v2()
            .bucket(&place.bucket)
            .prefix(prefix)
            .delimiter("/")
            .send()
    };

    let root = list("").await.unwrap();
    let deeper = list("a/").await.unwrap();

    let keys = |l: &aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output| {
        l.contents()
            .iter()
            .map(|o| o.key().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let groups = |l: &aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output| {
        l.common_prefixes()
            .iter()
            .map(|p| p.prefix().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (keys(&root), groups(&root)),
        (
            vec!["a0".into(), "top".into()],
            vec!["a/".into(), "b/".into()]
        )
    );
    assert_eq!(
        (keys(&deeper), groups(&deeper)),
        (vec!["a/1".into()], vec!["a/2/".into()])
    );
}

#[tokio::test]
async fn pages_cover_everything_once() {
    let keys: Vec<String> = (0..23)
        .map(|n| format!("k/{n:02}"))
        .chain((0..9).map(|n| format!("p{n}/x")))
        .collect();
    let place = with(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;

    for delimiter in [None, Some("/")] {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let list = place
                .client
                .list_objects_v2()
                .bucket(&place.bucket)
                .max_keys(4);
            let page = list
                .set_delimiter(delimiter.map(str::to_owned))
                .set_continuation_token(token);
            let page = page.send().await.unwrap();
            found.extend(
                page.contents()
                    .iter()
                    .map(|object| object.key().unwrap().to_owned()),
            );
            found.extend(
                page.common_prefixes()
                    .iter()
                    .map(|prefix| prefix.prefix().unwrap().to_owned()),
            );
            assert!(page.key_count().unwrap() <= 4);
            token = page.next_continuation_token().map(str::to_owned);
            assert_eq!(page.is_truncated(), Some(token.is_some()));
            if token.is_none() {
                break;
            }
        }
        match delimiter {
            None => assert_eq!(found, keys),
            Some(_) => assert_eq!(
                found,
                [
                    "k/", "p0/", "p1/", "p2/", "p3/", "p4/", "p5/", "p6/", "p7/", "p8/"
                ]
            ),
        }
    }
}

#[tokio::test]
async fn list_starts_after_a_key() {
    let place = with(&["a", "b", "b0", "c"]).await;
    let list = place
        .client
        .list_objects_v2()
        .bucket(&place.bucket)
        .start_after("b")
        .send()
        .await
        .unwrap();
    assert_eq!(
        list.contents()
            .iter()
            .map(|o| o.key().unwrap())
            .collect::<Vec<_>>(),
        ["b0", "c"]
    );
}

#[tokio::test]
async fn made_up_token_is_refused() {
    let place = with(&[]).await;
    if !place.is_strict() {
        return;
    }
    let list = place
        .client
        .list_objects_v2()
        .bucket(&place.bucket)
        .continuation_token("!!!")
        .send()
        .await;
    assert_eq!(code(&list.unwrap_err()), "InvalidArgument");
}
