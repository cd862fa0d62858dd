//! Receipts of deletions, checked here: what the server says of itself is not taken for granted.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A receipt, its times as they came: they are part of what was signed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) workspace: String,
    pub(crate) file_id: String,
    pub(crate) reason: String,
    pub(crate) gone_at: String,
    pub(crate) removed_at: String,
    #[serde(default)]
    pub(crate) version_count: Option<u64>,
    #[serde(default)]
    pub(crate) size_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) manifest_sha256: Option<String>,
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) key_id: Option<String>,
    #[serde(default)]
    pub(crate) signature: Option<String>,
}

/// A JSON Web Key Set.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Keys {
    keys: Vec<JsonWebKey>,
}

#[derive(Clone, Debug, Deserialize)]
struct JsonWebKey {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
}

/// A manifest, as far as it is compared with its receipt.
#[derive(Debug, Deserialize)]
struct Manifest {
    receipt: String,
    file: String,
    versions: Vec<serde::de::IgnoredAny>,
}

impl Receipt {
    /// Checks the digest and its signature.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn check(&self, keys: &Keys) -> Result<(), String> {
        let (Some(key_id), Some(signature)) = (&self.key_id, &self.signature) else {
            return Err("it is not signed: it is from before receipts were".to_owned());
        };
        let digest = self
            .compute_digest()
            .ok_or("it names no manifest, so its digest cannot be computed")?;
        if hex::encode(digest) != self.digest {
            return Err("its digest is not that of its fields: one of them was changed".to_owned());
        }
        let key = keys
            .keys
            .iter()
            .find(|key| key.kid == *key_id && key.crv == "Ed25519")
            .ok_or_else(|| format!("it is signed with {key_id}, which is none of the keys"))?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        UnparsedPublicKey::new(&ED25519, decode(&key.x))
            .verify(&digest, &decode(signature))
            .map_err(|_| format!("its signature is not one of the key {key_id}"))
    }

    /// Checks that a manifest is the one that it names.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn check_manifest(&self, bytes: &[u8]) -> Result<(), String> {
        let named = self.manifest_sha256.as_deref().unwrap_or_default();
        if hex::encode(Sha256::digest(bytes)) != named {
            return Err("its manifest is not the one that was signed".to_owned());
        }
        let manifest: Manifest = serde_json::from_slice(bytes)
            .map_err(|error| format!("its manifest cannot be read: {error}"))?;
        let lists = u64::try_from(manifest.versions.len()).ok();
        if manifest.receipt == self.id
            && manifest.file == self.file_id
            && lists == self.version_count
        {
            Ok(())
        } else {
            Err("its manifest is of another deletion".to_owned())
        }
    }

    /// Computes what is signed: the hash of a line for each field, as docs/receipts.md says.
    fn compute_digest(&self) -> Option<[u8; 32]> {
        let (count, size) = (self.version_count?, self.size_bytes?);
        let text = format!(
            "sheaf-receipt-1\n{}\n{}\n{}\n{}\n{}\n{}\n{count}\n{size}\n{}\n",
            self.workspace,
            self.id,
            self.file_id,
            self.reason,
            self.gone_at,
            self.removed_at,
            self.manifest_sha256.as_ref()?
        );
        Some(Sha256::digest(text.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000064";
    const FILE: &str = "00000000-0000-0000-0000-0000000000c8";

    fn manifest() -> Vec<u8> {
        let manifest = json!({
            "format": 1, "workspace": "acme", "receipt": ID, "file": FILE,
            "versions": [{"version": 1}],
        });
        manifest.to_string().into_bytes()
    }

    fn signed() -> (Receipt, Keys) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let mut receipt = Receipt {
            id: ID.to_owned(),
            workspace: "acme".to_owned(),
            file_id: FILE.to_owned(),
            reason: "expired".to_owned(),
            gone_at: "2026-01-01T00:00:00Z".to_owned(),
            removed_at: "2026-01-01T00:05:00Z".to_owned(),
            version_count: Some(1),
            size_bytes: Some(5),
            manifest_sha256: Some(hex::encode(Sha256::digest(manifest()))),
            digest: String::new(),
            key_id: Some("one".to_owned()),
            signature: None,
        };
        let digest = receipt.compute_digest().unwrap();
        receipt.digest = hex::encode(digest);
        receipt.signature = Some(URL_SAFE_NO_PAD.encode(pair.sign(&digest).as_ref()));
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let keys = json!({"keys": [{"kid": "one", "crv": "Ed25519", "x": x}]});
        (receipt, serde_json::from_value(keys).unwrap())
    }

    #[test]
    fn a_receipt_that_was_signed_holds_with_its_manifest() {
        let (receipt, keys) = signed();
        assert_eq!(receipt.check(&keys), Ok(()));
        assert_eq!(receipt.check_manifest(&manifest()), Ok(()));
    }

    #[test]
    fn a_changed_field_another_key_or_no_signature_does_not_hold() {
        let (receipt, keys) = signed();
        let (_, others) = signed();
        let refused = |change: fn(&mut Receipt), keys: &Keys| {
            let mut changed = receipt.clone();
            change(&mut changed);
            changed.check(keys).unwrap_err()
        };
        assert!(refused(|changed| changed.size_bytes = Some(6), &keys).contains("digest"));
        assert!(refused(|changed| changed.reason = "deleted".to_owned(), &keys).contains("digest"));
        // The digest was computed anew, too.
        let forge: fn(&mut Receipt) = |changed| {
            changed.size_bytes = Some(6);
            changed.digest = hex::encode(changed.compute_digest().unwrap());
        };
        assert!(refused(forge, &keys).contains("signature"));
        assert!(refused(|_| (), &others).contains("signature"));
        assert!(refused(|_| (), &Keys::default()).contains("none of the keys"));
        assert!(refused(|changed| changed.signature = None, &keys).contains("not signed"));
        assert!(refused(|changed| changed.manifest_sha256 = None, &keys).contains("no manifest"));
    }

    #[test]
    fn another_manifest_does_not_hold() {
        let (receipt, _) = signed();
        let changed = String::from_utf8(manifest()).unwrap().replace('1', "2");
        assert!(receipt.check_manifest(changed.as_bytes()).is_err());
        let mut of_another = receipt.clone();
        of_another.file_id = ID.to_owned();
        assert!(of_another.check_manifest(&manifest()).is_err());
    }
}
