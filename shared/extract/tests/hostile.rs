//! Files that are locked, broken or made to hurt are refused with a reason; nothing hangs or crashes
//! the parent.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use extract::{Code, Extraction, Extractor, Failure, Limits, Outcome};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MIB: usize = 1024 * 1024;

fn child(limits: Limits) -> Extractor {
    Extractor::new(env!("CARGO_BIN_EXE_extract-child").into(), limits)
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn crate_file(path: &str) -> Vec<u8> {
    std::fs::read(fixture(path)).unwrap()
}

/// Writes the bytes under a name and reads them the way an upload is read: sniffed, then extracted.
async fn read_under(limits: Limits, name: &str, content: &[u8]) -> Result<Extraction, Failure> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    child(limits)
        .extract(&path, &media::sniff(content, name, None))
        .await
}

async fn read(name: &str, content: &[u8]) -> Result<Extraction, Failure> {
    read_under(Limits::default(), name, content).await
}

async fn code(name: &str, content: &[u8]) -> Code {
    let failure = read(name, content).await.unwrap_err();
    assert!(
        failure.detail.len() > 20 && failure.detail.ends_with('.'),
        "{failure}"
    );
    failure.code
}

async fn text(name: &str, content: &[u8]) -> String {
    match read(name, content).await.unwrap().outcome {
        Outcome::Text(text) => text,
        other => panic!("{name} gave {other:?}"),
    }
}

/// A ZIP of deflated members.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in members {
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn pdf_that_asks_for_a_password_is_encrypted() {
    assert_eq!(
        code("a.pdf", &crate_file("tests/fixtures/password-to-open.pdf")).await,
        Code::Encrypted
    );
}

#[tokio::test]
async fn pdf_that_only_forbids_changes_is_read() {
    let text = text(
        "a.pdf",
        &crate_file("tests/fixtures/password-to-change.pdf"),
    )
    .await;
    assert!(text.contains("Total: $12.34"), "{text}");
}

#[tokio::test]
async fn pdf_with_more_pages_than_allowed_is_too_large_inside() {
    let limits = Limits {
        pages: 0,
        ..Limits::default()
    };
    let whole = crate_file("../../samples/school-tuition-receipt.pdf");
    let failure = read_under(limits, "a.pdf", &whole).await.unwrap_err();
    assert_eq!(failure.code, Code::TooLargeInside);
}

#[tokio::test]
async fn pdf_with_a_blank_page_has_no_text() {
    let mut blank = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
    ]
    .iter()
    .enumerate()
    {
        places.push(blank.len());
        write!(&mut blank, "{} 0 obj\n{object}\nendobj\n", index + 1).unwrap();
    }
    let table = blank.len();
    blank.extend(b"xref\n0 4\n0000000000 65535 f \n");
    for place in places {
        writeln!(&mut blank, "{place:010} 00000 n ").unwrap();
    }
    write!(
        &mut blank,
        "trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"
    )
    .unwrap();
    assert_eq!(
        read("blank.pdf", &blank).await.unwrap().outcome,
        Outcome::NoText
    );
}

#[tokio::test]
async fn office_document_with_a_password_is_encrypted() {
    let mut locked = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    locked.resize(2048, 0);
    locked.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(code("report.docx", &locked).await, Code::Encrypted);
    assert_eq!(code("report.xlsx", &locked).await, Code::Encrypted);
}

#[tokio::test]
async fn truncated_documents_are_corrupt() {
    for name in [
        "school-tuition-receipt.pdf",
        "lexus-2024-03-20-tire-rotation.docx",
        "electricity-2024-10.xlsx",
    ] {
        let whole = crate_file(&format!("../../samples/{name}"));
        for parts in [2, 5, 9] {
            let cut = &whole[..whole.len() * parts / 10];
            assert_eq!(
                code(name, cut).await,
                Code::Corrupt,
                "{name} cut to {}",
                cut.len()
            );
        }
    }
}

#[tokio::test]
async fn damaged_documents_end_in_text_or_a_reason() {
    for name in [
        "electricity-2024-11.pdf",
        "school-enrollment-confirmation.docx",
        "electricity-2024-10.xlsx",
    ] {
        let whole = crate_file(&format!("../../samples/{name}"));
        for seed in 1..12_usize {
            let mut damaged = whole.clone();
            for step in 1..20 {
                let at = (seed * 7919 + step * step * 104_729) % damaged.len();
                damaged[at] ^= u8::try_from(seed * step % 255).unwrap() | 1;
            }
            match read(name, &damaged).await {
                Ok(_) => {}
                Err(failure) => assert_ne!(failure.code, Code::Unavailable, "{name} {seed}"),
            }
        }
    }
}

#[tokio::test]
async fn zip_bombs_are_too_large_inside() {
    let zeros = vec![b' '; 8 * MIB];
    let bomb = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", &zeros),
    ]);
    assert!(bomb.len() < 100_000);
    assert_eq!(code("a.docx", &bomb).await, Code::TooLargeInside);
    let bomb = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/worksheets/sheet1.xml", &zeros),
    ]);
    assert_eq!(code("a.xlsx", &bomb).await, Code::TooLargeInside);
    let bomb = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/presentation.xml", &zeros),
    ]);
    assert_eq!(code("a.pptx", &bomb).await, Code::TooLargeInside);

    let many: Vec<String> = (0..10_001)
        .map(|number| format!("word/{number}.xml"))
        .collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|name| (name.as_str(), b"".as_slice()))
        .collect();
    assert_eq!(code("a.docx", &archive(&many)).await, Code::TooLargeInside);
}

#[tokio::test]
async fn spreadsheet_with_cells_far_apart_is_read() {
    let sheet = br#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
        <row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>"#;
    let book = br#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
        <sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    let links = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship
        Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
        Target="worksheets/sheet1.xml"/></Relationships>"#;
    let root = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship
        Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
        Target="xl/workbook.xml"/></Relationships>"#;
    let content = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", root),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", links),
        ("xl/worksheets/sheet1.xml", sheet),
    ]);
    assert_eq!(text("far.xlsx", &content).await, "S\n1");
}

#[tokio::test]
async fn attachment_that_is_made_to_hurt_does_not_fail_its_message() {
    let zeros = vec![b' '; 8 * MIB];
    let bomb = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", &zeros),
    ]);
    let locked = crate_file("tests/fixtures/password-to-open.pdf");
    let mut message =
        b"From: a@example.org\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n".to_vec();
    for (name, content) in [("bomb.docx", &bomb), ("locked.pdf", &locked)] {
        write!(
            &mut message,
            "\r\n--x\r\nContent-Type: application/octet-stream; name={name}\r\n\
             Content-Transfer-Encoding: binary\r\n\r\n"
        )
        .unwrap();
        message.extend(content);
    }
    message.extend(b"\r\n--x--\r\n");
    let text = text("a.eml", &message).await;
    assert!(
        text.contains("Attachment: bomb.docx (not read: A part of it unpacks"),
        "{text}"
    );
    assert!(
        text.contains("Attachment: locked.pdf (not read: The file is protected"),
        "{text}"
    );
}

#[tokio::test]
async fn entity_bomb_in_a_document_expands_to_nothing() {
    let mut body = String::from("<!DOCTYPE d [<!ENTITY a \"lol\">");
    for level in 0..9 {
        let ten = "&a;".repeat(10);
        write!(body, "<!ENTITY b{level} \"{ten}\">").unwrap();
    }
    body.push_str("]><w:document><w:p><w:r><w:t>safe &b8;</w:t></w:r></w:p></w:document>");
    let content = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", body.as_bytes()),
    ]);
    assert_eq!(text("a.docx", &content).await, "safe");
}

#[tokio::test]
async fn text_that_is_not_utf8_is_read() {
    assert_eq!(
        text("a.txt", b"Caf\xE9 cr\xE8me, total pay\xE9 : 5,00 \x80").await,
        "Café crème, total payé : 5,00 €"
    );
}

#[tokio::test]
async fn files_without_text_say_so() {
    for (name, content) in [
        ("a.txt", b"".as_slice()),
        ("a.pdf", b""),
        ("a.csv", b" \n"),
        ("a.html", b"<html></html>"),
    ] {
        assert_eq!(
            read(name, content).await.unwrap().outcome,
            Outcome::NoText,
            "{name}"
        );
    }
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (name, content) in [
        ("a.png", png.as_slice()),
        ("a.zip", &archive(&[("photo.jpg", b"x")])),
        ("a.bin", b"\0\x01"),
    ] {
        assert_eq!(
            read(name, content).await.unwrap().outcome,
            Outcome::Unsupported,
            "{name}"
        );
    }
}

#[tokio::test]
async fn more_text_than_allowed_is_refused() {
    let limits = Limits {
        text_bytes: 1000,
        ..Limits::default()
    };
    let prose = "word ".repeat(300);
    for name in ["a.txt", "a.md", "a.html"] {
        let failure = read_under(limits, name, prose.as_bytes())
            .await
            .unwrap_err();
        assert_eq!(failure.code, Code::LimitOutput, "{name}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn file_that_needs_too_much_memory_is_refused() {
    let limits = Limits {
        memory_bytes: 300 * MIB as u64,
        ..Limits::default()
    };
    // 200 MiB of text need their bytes and their decoded copy.
    let failure = read_under(limits, "a.txt", &vec![b'a'; 200 * MIB])
        .await
        .unwrap_err();
    assert_eq!(failure.code, Code::LimitMemory);
}

#[tokio::test]
async fn child_that_takes_too_long_is_ended() {
    let limits = Limits {
        wall: Duration::from_millis(200),
        ..Limits::default()
    };
    let begin = Instant::now();
    let failure = misbehaving("hangs", limits).await.unwrap_err();
    assert_eq!(failure.code, Code::LimitTime);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn child_that_uses_up_its_processor_time_is_ended() {
    let failure = misbehaving("spins", Limits::default()).await.unwrap_err();
    assert_eq!(failure.code, Code::LimitTime);
}

#[tokio::test]
async fn child_that_says_nothing_or_too_much_is_a_failure() {
    let limits = Limits {
        text_bytes: 1000,
        ..Limits::default()
    };
    assert_eq!(
        misbehaving("silent", limits).await.unwrap_err().code,
        Code::Crashed
    );
    assert_eq!(
        misbehaving("loud", limits).await.unwrap_err().code,
        Code::LimitOutput
    );
    let failure = misbehaving("missing", limits).await.unwrap_err();
    assert!(failure.retry() && failure.code == Code::Unavailable);
}

#[tokio::test]
async fn child_sees_no_environment() {
    let extraction = misbehaving("spy", Limits::default()).await.unwrap();
    assert_eq!(extraction.outcome, Outcome::Text(String::new()));
}

/// The restrictions hold for the thread that asks for them, so each test takes a thread of its own.
#[cfg(target_os = "linux")]
mod confined {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::thread;

    use extract::confine::{Confinement, confine};

    fn within<T: Send + 'static>(
        confinement: Confinement,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let confined = move || {
            confine(confinement).unwrap();
            work()
        };
        thread::spawn(confined).join().unwrap()
    }

    fn refused<T>(result: std::io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn nothing_of_the_network_can_be_reached() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        assert!(TcpStream::connect(address).is_ok());
        for confinement in [Confinement::Reader, Confinement::Program] {
            within(confinement, move || {
                assert!(refused(TcpStream::connect(address)));
                assert!(refused(TcpListener::bind("127.0.0.1:0")));
                assert!(refused(UdpSocket::bind("127.0.0.1:0")));
                assert!(refused(UnixStream::pair()));
            });
        }
    }

    #[test]
    fn reader_opens_no_other_file_and_starts_no_process() {
        within(Confinement::Reader, || {
            assert!(refused(File::open("/proc/self/environ")));
            assert!(refused(File::open("/etc/hostname")));
            assert!(refused(File::create("/tmp/never")));
            assert!(refused(std::fs::remove_file("/tmp/never")));
            assert!(refused(Command::new("/bin/true").status()));
        });
    }

    #[test]
    fn reader_may_start_threads_and_read_what_is_open() {
        let file = File::open("/etc/passwd").unwrap();
        let read = within(Confinement::Reader, move || {
            let reading = thread::spawn(move || std::io::read_to_string(file).unwrap());
            reading.join().unwrap()
        });
        assert!(read.contains("root"));
    }

    #[test]
    fn program_opens_files_and_what_it_starts_is_confined_too() {
        let status = within(Confinement::Program, || {
            assert!(File::open("/etc/passwd").is_ok());
            // Bash opens a socket for this name.
            Command::new("bash")
                .args(["-c", "exec 3<>/dev/udp/127.0.0.1/9"])
                .stderr(std::process::Stdio::null())
                .status()
                .unwrap()
        });
        assert!(!status.success());
    }
}

/// Lets a script stand in for the child.
async fn misbehaving(script: &str, limits: Limits) -> Result<Extraction, Failure> {
    let program = fixture(&format!("tests/fixtures/children/{script}.sh"));
    Extractor::new(program, limits)
        .extract(Path::new("/dev/null"), media::TEXT)
        .await
}
