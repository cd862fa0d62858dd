use proptest::prelude::*;

use super::*;

/// A local file header as ZIP writes it, with an empty member.
fn member(name: &str) -> Vec<u8> {
    let mut header = b"PK\x03\x04".to_vec();
    header.extend([0; 22]);
    header.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    header.extend([0; 2]);
    header.extend(name.as_bytes());
    header
}

fn archive(names: &[&str]) -> Vec<u8> {
    names.iter().flat_map(|name| member(name)).collect()
}

const MESSAGE: &[u8] = b"Return-Path: <a@b>\r\nReceived: from x\r\n by y; Mon\r\nFrom: a@b\r\nDate: Mon, 1 Jan 2024\r\n\r\nHi";

#[test]
fn bytes_decide_and_the_name_only_chooses_within_a_family() {
    let word = archive(&["[Content_Types].xml", "_rels/.rels", "word/document.xml"]);
    let sheet = archive(&["docProps/app.xml", "xl/workbook.xml"]);
    let unknown_office = archive(&["[Content_Types].xml", "_rels/.rels"]);
    let text_document = [&member("mimetype")[..], ODT.as_bytes()].concat();
    let binary = [MESSAGE, b"\0\x01\x02"].concat();
    let utf16: Vec<u8> = "Total: 5"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: &[(&[u8], &str, Option<&str>, &str)] = &[
        (b"%PDF-1.7\n%\xE2\xE3", "a.txt", None, PDF),
        (b"\x00\x01junk%PDF-1.4", "a", None, PDF),
        (b"A note on the %PDF- header", "a.md", None, MARKDOWN),
        (&word, "a.zip", Some("application/zip"), DOCX),
        (&sheet, "a.docx", None, XLSX),
        (&sheet, "a.xlsm", None, XLSM),
        (&unknown_office, "a.pptx", None, PPTX),
        (&unknown_office, "a.exe", Some(XLSX), XLSX),
        (&text_document, "a", None, ODT),
        (&archive(&["photo.jpg"]), "a.docx", Some(DOCX), ZIP),
        (
            &archive(&["META-INF/MANIFEST.MF"]),
            "a.zip",
            None,
            "application/java-archive",
        ),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest", "a.xls", None, XLS),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest", "a.docx", None, OLE),
        (b"date,amount\n", "a.csv", None, CSV),
        (
            b"date,amount\n",
            "export",
            Some("text/csv; charset=utf-8"),
            CSV,
        ),
        (b"# Title\n", "README.md", None, MARKDOWN),
        (b"  <!DOCTYPE HTML><p>", "a.txt", Some(TEXT), HTML),
        (
            b"\xEF\xBB\xBF<?xml version='1.0'?><svg/>",
            "a.svg",
            None,
            "image/svg+xml",
        ),
        (b"{\"a\":1}", "a.json", None, JSON),
        (b"a: 1\n", "a.yml", None, YAML),
        (b"caf\xE9 cr\xE8me", "a.txt", None, TEXT),
        (&utf16, "a.txt", None, TEXT),
        (b"MZ Motors, invoice 12", "a.txt", None, TEXT),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "a.csv",
            Some(CSV),
            "image/png",
        ),
        (b"\x01\x02\x03\x04", "a.csv", Some(CSV), OCTET_STREAM),
        (MESSAGE, "a", None, EMAIL),
        (MESSAGE, "a.eml", Some(OCTET_STREAM), EMAIL),
        (MESSAGE, "headers.txt", None, TEXT),
        (&binary, "a.eml", None, EMAIL),
        (&binary, "a.bin", None, OCTET_STREAM),
        (b"From: me\nTo: you\n\nHello", "note", None, TEXT),
        (b"int main() {}", "a.cc", None, "text/x-c++"),
        (b"key = 1\n", "a.tf", None, "text/x-hcl"),
        (b"{\\rtf1 x}", "a.doc", None, RTF),
        (b"II*\0\x08\0\0\0\x0E\0\0\x01\x04\0\x01\0", "a", None, TIFF),
        (b"GIF89a\x01\0\x01\0\0\0", "a.txt", None, GIF),
        (b"", "a.csv", None, CSV),
        (b"", "a.pdf", None, OCTET_STREAM),
        (b"", "", None, OCTET_STREAM),
    ];
    for (head, name, declared, expected) in cases {
        assert_eq!(
            sniff(head, name, *declared),
            *expected,
            "{name} {:?}",
            String::from_utf8_lossy(head)
        );
    }
}

#[test]
fn programs_are_executable_and_documents_are_not() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    let windows = [b"MZ\x90\0\x03".as_slice(), &[0; 64]].concat();
    let mach = [b"\xCF\xFA\xED\xFE".as_slice(), &[0; 64]].concat();
    let java = b"\xCA\xFE\xBA\xBE\0\0\0\x41".to_vec();
    let programs: &[(&[u8], &str)] = &[
        (&elf, "invoice.pdf"),
        (&windows, "invoice.pdf"),
        (&windows, "library.dll"),
        (&mach, "a"),
        (&java, "A.class"),
        (b"#!/bin/sh\necho", "notes.txt"),
        (b"#!/usr/bin/env bash\n", "a"),
        (b"@echo off\r\n", "run.bat"),
        (b"Get-Item .\r\n", "run.ps1"),
    ];
    for (head, name) in programs {
        let media_type = sniff(head, name, Some("application/pdf"));
        assert!(is_executable(&media_type), "{name} is {media_type}");
    }
    for media_type in [
        PDF,
        DOCX,
        TEXT,
        "text/x-python",
        "image/png",
        ZIP,
        OCTET_STREAM,
    ] {
        assert!(!is_executable(media_type), "{media_type}");
    }
    assert_eq!(
        sniff(b"#!/usr/bin/env python3\n", "a.py", None),
        "text/x-python"
    );
}

#[test]
fn pictures_are_those_whose_text_can_be_recognized() {
    let png = sniff(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a", None);
    assert!(is_picture(&png) && is_picture("Image/JPEG; q=1"));
    assert!(!is_picture("image/svg+xml") && !is_picture(PDF));
}

#[test]
fn head_cut_inside_a_character_is_still_text() {
    let text = "zł".repeat(10_000).into_bytes();
    assert_eq!(sniff(&text[..HEAD_BYTES - 1], "a.txt", None), TEXT);
}

proptest! {
    #[test]
    fn any_bytes_get_a_type(head in proptest::collection::vec(any::<u8>(), 0..300), name in ".{0,12}", prefix in 0_usize..5) {
        let prefixes: [&[u8]; 5] = [b"", b"PK\x03\x04", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", b"%PDF-", b"\x1f\x8b"];
        let head = [prefixes[prefix], &head].concat();
        let media_type = sniff(&head, &name, None);
        prop_assert!(media_type.contains('/'));
    }
}
