//! A client of tus that can be made to do anything wrong.

use http::Method;
use testkit::{Answer, Client};

/// An upload by tus, as its client sees it.
#[derive(Clone, Debug)]
pub struct Upload {
    client: Client,
    path: String,
}

/// Encodes metadata as the protocol has it.
#[must_use]
pub fn metadata(pairs: &[(&str, &str)]) -> String {
    use base64::Engine;
    let encode = |value: &str| base64::engine::general_purpose::STANDARD.encode(value);
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// Sends a request with the headers of the protocol.
pub async fn send(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Vec<u8>>,
) -> Answer {
    let mut all = vec![("tus-resumable", "1.0.0")];
    if body.is_some() {
        all.push(("content-type", "application/offset+octet-stream"));
    }
    all.extend_from_slice(headers);
    client
        .send(method, path, &all, body.unwrap_or_default())
        .await
}

/// Begins an upload.
pub async fn create(client: &Client, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
    send(client, Method::POST, "/v1/tus", headers, body).await
}

impl Upload {
    /// Begins an upload of so many bytes.
    pub async fn begin(client: &Client, length: usize, pairs: &[(&str, &str)]) -> Self {
        let (length, metadata) = (length.to_string(), metadata(pairs));
        let headers = [
            ("upload-length", length.as_str()),
            ("upload-metadata", metadata.as_str()),
        ];
        Self::of(client, &create(client, &headers, None).await.expect(201))
    }

    /// The upload that an answer names.
    #[must_use]
    pub fn of(client: &Client, created: &Answer) -> Self {
        Self {
            client: client.clone(),
            path: created.header("location").to_owned(),
        }
    }

    /// The same upload in the hands of another client.
    #[must_use]
    pub fn by(&self, client: &Client) -> Self {
        Self {
            client: client.clone(),
            path: self.path.clone(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Asks how far it is.
    pub async fn head(&self) -> Answer {
        send(&self.client, Method::HEAD, &self.path, &[], None).await
    }

    /// Returns how many bytes have come.
    pub async fn offset(&self) -> usize {
        let head = self.head().await.expect(200);
        head.header("upload-offset").parse().expect("an offset")
    }

    /// Sends bytes.
    pub async fn patch(&self, offset: usize, bytes: &[u8]) -> Answer {
        self.patch_with(offset, bytes, &[]).await
    }

    /// Sends bytes with more headers.
    pub async fn patch_with(
        &self,
        offset: usize,
        bytes: &[u8],
        headers: &[(&str, &str)],
    ) -> Answer {
        let offset = offset.to_string();
        let mut all = vec![("upload-offset", offset.as_str())];
        all.extend_from_slice(headers);
        let body = Some(bytes.to_vec());
        send(&self.client, Method::PATCH, &self.path, &all, body).await
    }

    /// Sends all bytes in chunks, from where it is, and returns the last answer.
    pub async fn send_all(&self, bytes: &[u8], chunk: usize) -> Answer {
        let mut offset = self.offset().await;
        loop {
            let until = bytes.len().min(offset + chunk);
            let answer = self.patch(offset, &bytes[offset..until]).await.expect(204);
            offset = until;
            if offset == bytes.len() {
                return answer;
            }
        }
    }

    /// Gives it up.
    pub async fn terminate(&self) -> Answer {
        send(&self.client, Method::DELETE, &self.path, &[], None).await
    }
}
