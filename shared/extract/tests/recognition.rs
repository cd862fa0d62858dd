//! Scans are read where Tesseract is installed, and stay unread where it is not.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]
#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

use std::path::{Path, PathBuf};

use extract::{Extraction, Extractor, Limits, Outcome, PartKind, Tesseract};
use tempfile::TempDir;

const FIRST: &str = "Invoice 4711 of 12 March 2024";
const SECOND: &str = "Consumption 420 kWh";

fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fixtures.join(name)
}

fn extractor(limits: Limits) -> Extractor {
    Extractor::new(env!("CARGO_BIN_EXE_extract-child").into(), limits)
}

/// Reads with Tesseract, or says that it is missing.
fn with_tesseract(limits: Limits) -> Option<Extractor> {
    let path = std::env::var_os("PATH").unwrap();
    if Tesseract::in_path(&path).is_none() {
        eprintln!("left out: Tesseract is not installed");
        return None;
    }
    let english = vec!["eng".to_owned()];
    Some(extractor(limits).with_tesseract_in(&path, english))
}

async fn read(extractor: &Extractor, path: &Path) -> Extraction {
    let content = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let media_type = media::sniff(&content, name, None);
    extractor.extract(path, &media_type).await.unwrap()
}

fn starts(extraction: &Extraction) -> Vec<(PartKind, bool)> {
    let text = extraction.as_text().unwrap_or_default();
    let parts = extraction.parts.iter();
    parts
        .map(|part| (part.kind, text[part.starts_at..].contains(SECOND)))
        .collect()
}

#[tokio::test]
async fn scans_stay_unread_without_tesseract() {
    let bare = extractor(Limits::default());
    let picture = read(&bare, &fixture("scan.png")).await;
    assert_eq!(picture.outcome, Outcome::Unsupported);
    assert_eq!(picture.unread_pictures(), 1);
    let pdf = read(&bare, &fixture("scan.pdf")).await;
    assert_eq!(pdf.outcome, Outcome::NoText);
    assert_eq!(pdf.unread_pictures(), 2);
    assert!(pdf.parts.is_empty());
}

#[tokio::test]
async fn tesseract_that_is_not_there_leaves_scans_unread() {
    let missing = Tesseract::new(
        env!("CARGO_BIN_EXE_extract-child").into(),
        "/no/such/tesseract".into(),
        Vec::new(),
        Limits::default(),
    );
    let extractor = extractor(Limits::default()).with_tesseract(missing);
    let picture = read(&extractor, &fixture("scan.png")).await;
    assert_eq!(picture.outcome, Outcome::Unsupported);
}

#[tokio::test]
async fn pages_of_scans_are_read_with_their_positions() {
    let Some(extractor) = with_tesseract(Limits::default()) else {
        return;
    };
    for name in ["scan.pdf", "scan.tiff"] {
        let extraction = read(&extractor, &fixture(name)).await;
        let text = extraction.as_text().unwrap();
        assert!(text.contains(FIRST) && text.contains(SECOND), "{text}");
        assert_eq!(
            starts(&extraction),
            [(PartKind::Page, true), (PartKind::Page, true)],
            "{name}"
        );
        let second = extraction.part_at(text.find(SECOND).unwrap()).unwrap().0;
        let first = extraction.part_at(text.find(FIRST).unwrap()).unwrap().0;
        assert_eq!((first, second), (0, 1), "{name}");
        assert_eq!(extraction.unread_pictures(), 0, "{name}");
    }
}

#[tokio::test]
async fn more_scans_than_allowed_stay_unread() {
    let limits = Limits {
        recognized_pictures: 1,
        ..Limits::default()
    };
    let Some(extractor) = with_tesseract(limits) else {
        return;
    };
    let extraction = read(&extractor, &fixture("scan.pdf")).await;
    let text = extraction.as_text().unwrap();
    assert!(text.contains(FIRST) && !text.contains(SECOND), "{text}");
    assert_eq!(extraction.unread_pictures(), 1);
}

#[tokio::test]
async fn picture_attached_to_a_message_is_read() {
    let Some(extractor) = with_tesseract(Limits::default()) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.eml");
    let mut message = b"From: a@example.org\r\nSubject: Scan\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee below.\r\n--x\r\n\
        Content-Type: image/png; name=scan.png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        .to_vec();
    message.extend(std::fs::read(fixture("scan.png")).unwrap());
    message.extend(b"\r\n--x--\r\n");
    std::fs::write(&path, message).unwrap();
    let extraction = extractor.extract(&path, media::EMAIL).await.unwrap();
    let text = extraction.as_text().unwrap();
    let place = text.find(FIRST).unwrap();
    assert!(place > text.find("Attachment: scan.png").unwrap(), "{text}");
    let (_, part) = extraction.part_at(place).unwrap();
    assert_eq!(part.kind, PartKind::Page);
}

#[tokio::test]
async fn noise_and_broken_pictures_give_no_text() {
    let Some(extractor) = with_tesseract(Limits::default()) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let (width, height) = (400_u32, 300_u32);
    let mut bitmap = b"BM".to_vec();
    for field in [0, 0, 54, 40, width, height, 0x0018_0001, 0, 0, 0, 0, 0, 0] {
        bitmap.extend(u32::to_le_bytes(field));
    }
    let mut state = 1_u32;
    for _ in 0..width * height * 3 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bitmap.push(state.to_le_bytes()[3]);
    }
    let whole = std::fs::read(fixture("scan.png")).unwrap();
    let cases = [("noise.bmp", &bitmap[..]), ("cut.png", &whole[..200])];
    for (name, content) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let extraction = read(&extractor, &path).await;
        assert_eq!(extraction.outcome, Outcome::Unsupported, "{name}");
    }
}
