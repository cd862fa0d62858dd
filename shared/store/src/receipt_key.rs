//! The key that signs receipts, and the public keys that check them.
//!
//! The private key is an object that only the functions which erase may read. It is made by the
//! first of them that signs; where several do at once, the one that S3 takes stands. The public key
//! is a row, written before anything is signed with it, and stays when another key takes its place.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::receipt::{Receipt, Seal};
use domain::{Error, Result, Sha256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::Store;
use crate::blob::ObjectKey;
use crate::keys::{Key, RECEIPT_KEY_PREFIX, receipt_keys_partition};
use crate::table::{Query, Rejected, Write, to_row};

/// Digits of a key's id: enough that two keys of a deployment never share one.
const ID_DIGITS: usize = 16;

/// Signs receipts by one key, which is read when it is first needed. Clones share it.
#[derive(Clone)]
pub struct Signer {
    number: u32,
    key: Arc<OnceCell<SigningKey>>,
}

struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

impl Signer {
    /// Signs by the key of this number; another number is another key.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            key: Arc::default(),
        }
    }
}

/// A public key that checks receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its id: the first digits of its SHA-256.
    pub key_id: String,
    /// Its 32 bytes, in base64 for URLs without padding.
    pub public_key: String,
    /// When it was made known.
    pub made_at: Timestamp,
}

impl PublicKey {
    /// Says whether a seal is of this key and of the receipt's digest.
    pub fn checks(&self, receipt: &Receipt, seal: &Seal) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(&seal.signature);
        let public = URL_SAFE_NO_PAD.decode(&self.public_key);
        let (Ok(signature), Ok(public)) = (signature, public) else {
            return false;
        };
        seal.key_id == self.key_id
            && UnparsedPublicKey::new(&ED25519, public)
                .verify(receipt.digest.as_bytes(), &signature)
                .is_ok()
    }
}

impl Store {
    /// Signs the digest of a receipt.
    pub(crate) async fn seal(&self, digest: Sha256) -> Result<Seal> {
        let key = self
            .signer
            .key
            .get_or_try_init(|| self.signing_key())
            .await?;
        let signature = key.pair.sign(digest.as_bytes());
        Ok(Seal {
            key_id: key.id.clone(),
            signature: URL_SAFE_NO_PAD.encode(signature.as_ref()),
        })
    }

    /// Reads the key, which is made when there is none, and makes its public half known.
    async fn signing_key(&self) -> Result<SigningKey> {
        let object = ObjectKey::ReceiptKey(self.signer.number);
        // Made first and read then: the one that is there stands, and whoever may not list the bucket
        // is not told that there is none.
        self.blobs
            .create(&object, new_key()?, "application/octet-stream")
            .await?;
        let bytes = self.blobs.read(&object).await?;
        let pair = Ed25519KeyPair::from_pkcs8(&bytes)
            .map_err(|_| Error::corrupt("the key that signs receipts is none"))?;
        let public = pair.public_key().as_ref();
        let id: String = Sha256::of(public)
            .to_string()
            .chars()
            .take(ID_DIGITS)
            .collect();
        let item = PublicKey {
            key_id: id.clone(),
            public_key: URL_SAFE_NO_PAD.encode(public),
            made_at: self.clock.now(),
        };
        let write = Write::create(to_row(Key::receipt_key(&id), &item)?);
        match self.table.transact(vec![write]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(SigningKey { pair, id }),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Returns all keys that receipts were ever signed with.
    pub async fn receipt_keys(&self) -> Result<Vec<PublicKey>> {
        self.table
            .query_all(Query::prefix(receipt_keys_partition(), RECEIPT_KEY_PREFIX))
            .await
    }

    /// Returns the key of an id.
    pub(crate) async fn receipt_key(&self, id: &str) -> Result<Option<PublicKey>> {
        self.table.get(Key::receipt_key(id)).await
    }
}

fn new_key() -> Result<Bytes> {
    Ed25519KeyPair::generate()
        .and_then(|pair| Ok(Bytes::copy_from_slice(pair.to_pkcs8v1()?.as_ref())))
        .map_err(|_| Error::corrupt("no key to sign receipts with could be made"))
}
