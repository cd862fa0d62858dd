//! The main job from end to end, through the public API alone.

mod access;
mod archives;
mod documents;
mod input;
mod names;
mod receipts;
mod tus;
mod uploads;

use sha2::{Digest, Sha256};

fn bill(date: &str, amount: &str) -> String {
    format!("Pine Grove Electric\n\nStatement date: {date}\nUsage: 850 kWh\nTotal due: ${amount}\n")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
