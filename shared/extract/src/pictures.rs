//! Gives the pictures of scanned pages to the parent, which has them recognized. Runs in the child.

use std::io::{self, Write};

use pdf_oxide::PdfDocument;
use pdf_oxide::extractors::ImageData;
use pdf_oxide::extractors::images::{PdfFilter, PdfImageHandle};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::scan::Place;
use crate::source::Source;
use crate::{email, pdf};

/// Least pixels of a picture that may show text: a line of 10 pixels' height with a few words.
const LEAST_WIDTH: u32 = 60;
const LEAST_HEIGHT: u32 = 10;
const LEAST_PIXELS: u64 = 4_000;

/// Most pictures of one page. Some scanners cut a page into strips.
const MOST_OF_A_PAGE: usize = 16;

/// Announces one picture, as a line of JSON before its bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Which of the places asked for.
    pub(crate) place: usize,
    pub(crate) bytes: usize,
}

/// Writes the pictures at the places, in their order; a place may have none or several. What cannot be
/// decoded is left out, so its page stays unread.
pub(crate) fn write(
    source: &Source,
    media_type: &str,
    places: &[Place],
    limits: &Limits,
    out: &mut impl Write,
) {
    let mut rest = places;
    while let Some(first) = rest.first() {
        let same = rest
            .iter()
            .take_while(|place| place.attachments == first.attachments)
            .count();
        let (now, after) = rest.split_at(same);
        let begins_at = places.len() - rest.len();
        let written = email::attachment(source, media_type, &first.attachments, limits)
            .and_then(|(source, media_type)| {
                of_document(&source, &media_type, now, limits, |index, picture| {
                    write_one(begins_at + index, picture, out)
                })
            })
            .is_ok();
        // The parent has seen enough, or the file is not what it was a moment ago.
        if !written {
            return;
        }
        rest = after;
    }
}

fn write_one(place: usize, picture: &[u8], out: &mut impl Write) -> io::Result<()> {
    let header = Header {
        place,
        bytes: picture.len(),
    };
    serde_json::to_writer(&mut *out, &header)?;
    out.write_all(b"\n")?;
    out.write_all(picture)?;
    out.flush()
}

fn of_document(
    source: &Source,
    media_type: &str,
    places: &[Place],
    limits: &Limits,
    mut write: impl FnMut(usize, &[u8]) -> io::Result<()>,
) -> Result<(), Failure> {
    let gone = |_| crate::child::crashed();
    if media_type != media::PDF {
        return write(0, &source.bytes(limits)?).map_err(gone);
    }
    let document = pdf::open(source, limits)?;
    for (index, place) in places.iter().enumerate() {
        for handle in of_page(&document, place.page) {
            if let Some(picture) = encoded(&handle) {
                write(index, &picture).map_err(gone)?;
            }
        }
    }
    Ok(())
}

/// The pictures of a page that may show text, from the top of the page down.
pub(crate) fn of_page(document: &PdfDocument, page: usize) -> Vec<PdfImageHandle<'_>> {
    let mut handles = document.page_image_handles(page).unwrap_or_default();
    handles.retain(|handle| {
        let pixels = u64::from(handle.width) * u64::from(handle.height);
        handle.width >= LEAST_WIDTH && handle.height >= LEAST_HEIGHT && pixels >= LEAST_PIXELS
    });
    let top = |handle: &PdfImageHandle<'_>| handle.bbox.y + handle.bbox.height;
    handles.sort_by(|a, b| top(b).total_cmp(&top(a)));
    handles.truncate(MOST_OF_A_PAGE);
    handles
}

/// The picture as a file that any program reads: JPEG and JPEG 2000 as they are, others as PNG.
fn encoded(handle: &PdfImageHandle<'_>) -> Option<Vec<u8>> {
    if handle.filter_chain == [PdfFilter::JPXDecode] {
        return handle.raw_compressed_bytes().ok();
    }
    let picture = handle.decode().ok()?;
    match picture.data() {
        ImageData::Jpeg(bytes) if picture.color_space().components() != 4 => Some(bytes.clone()),
        _ => picture.to_png_bytes().ok(),
    }
}
