//! What a PDF holds beside the content of its pages: links, annotations, form values, attached files, layers.

use super::canvas::Canvas;
use super::geometry::Area;
use super::seen::Page;
use super::{Attached, PdfReading};
use crate::limits::{MAX_ANCHORS, PDF_EMBEDDED_FILES, PDF_EMBEDDED_OCTETS, PDF_NODES, PDF_TREE_DEPTH};
use lopdf::{Dictionary, Document, Object, ObjectId};
use std::collections::HashSet;

/// Optional-content groups that are switched off when the file is opened (ISO 32000-1, 8.11.4.3).
pub(super) fn layers_off(doc: &Document) -> HashSet<ObjectId> {
    let dict =
        |parent: &Dictionary, key: &[u8]| parent.get_deref(key, doc).and_then(Object::as_dict).ok().cloned();
    let ids = |parent: &Dictionary, key: &[u8]| -> HashSet<ObjectId> {
        let list = parent.get_deref(key, doc).and_then(Object::as_array).ok();
        list.into_iter().flatten().take(PDF_NODES).filter_map(|group| group.as_reference().ok()).collect()
    };
    let Some(properties) = doc.catalog().ok().and_then(|catalog| dict(catalog, b"OCProperties")) else {
        return HashSet::new();
    };
    let Some(settings) = dict(&properties, b"D") else { return HashSet::new() };
    let mut off = ids(&settings, b"OFF");
    if settings.get(b"BaseState").and_then(Object::as_name).is_ok_and(|state| state == b"OFF") {
        off.extend(ids(&properties, b"OCGs"));
        let on = ids(&settings, b"ON");
        off.retain(|group| !on.contains(group));
    }
    off
}

/// Reads a page's annotations: links to the reading, appearances to the page, notes as text of their own.
pub(super) fn annotations(
    canvas: &mut Canvas<'_>,
    page_id: ObjectId,
    number: u32,
    area: Area,
    page: &mut Page,
    reading: &mut PdfReading,
) {
    let doc = canvas.doc;
    let Ok(dict) = doc.get_dictionary(page_id) else { return };
    let Ok(list) = dict.get_deref(b"Annots", doc).and_then(Object::as_array) else { return };
    for annotation in list.iter().take(PDF_NODES) {
        let Ok((_, annotation)) = doc.dereference(annotation) else { continue };
        let Ok(annotation) = annotation.as_dict() else { continue };
        if let Ok(action) = annotation.get_deref(b"A", doc).and_then(Object::as_dict)
            && let Ok(target) = action.get_deref(b"URI", doc).and_then(Object::as_str)
        {
            let target = String::from_utf8_lossy(target).into_owned();
            // The first links of a document are enough: comparing costs a look at all characters of the page.
            if let Some(place) = place(doc, annotation).filter(|_| reading.links.len() < MAX_ANCHORS) {
                page.links.push((place, target.clone()));
            }
            reading.links.push((number, target));
        }
        let hidden = is_hidden(annotation);
        if let Some(note) = text(doc, annotation, b"Contents") {
            reading.say(&note, hidden, Some(number));
        }
        if let Ok(file) = annotation.get_deref(b"FS", doc) {
            attach(doc, file, reading);
        }
        if let (Some(id), Some(place)) = (appearance(doc, annotation), place(doc, annotation)) {
            canvas.draw_form(id, place, area, hidden, page);
        }
    }
}

fn place(doc: &Document, annotation: &Dictionary) -> Option<Area> {
    Area::of(annotation.get_deref(b"Rect", doc).and_then(Object::as_array).ok()?)
}

/// Flags of ISO 32000-1, 12.5.3: hidden, or not shown on a screen.
fn is_hidden(annotation: &Dictionary) -> bool {
    let flags = annotation.get(b"F").and_then(Object::as_i64).unwrap_or_default();
    flags & 0b10_0010 != 0
}

/// The stream that draws an annotation as it stands.
fn appearance(doc: &Document, annotation: &Dictionary) -> Option<ObjectId> {
    let all = annotation.get_deref(b"AP", doc).and_then(Object::as_dict).ok()?;
    let normal = all.get(b"N").ok()?;
    let (id, shown) = doc.dereference(normal).ok()?;
    match shown {
        Object::Stream(_) => id,
        Object::Dictionary(states) => {
            let state = annotation.get_deref(b"AS", doc).and_then(Object::as_name).ok()?;
            states.get(state).and_then(Object::as_reference).ok()
        }
        _ => None,
    }
}

/// Text of form fields, each with its name before it: `IBAN: DE89…`.
pub(super) fn form_values(doc: &Document, reading: &mut PdfReading) {
    let Ok(catalog) = doc.catalog() else { return };
    let Ok(form) = catalog.get_deref(b"AcroForm", doc).and_then(Object::as_dict) else { return };
    let Ok(fields) = form.get_deref(b"Fields", doc).and_then(Object::as_array) else { return };
    let mut waiting: Vec<(&Object, usize)> = fields.iter().rev().map(|field| (field, 0)).collect();
    let mut visited = 0;
    while let Some((field, depth)) = waiting.pop() {
        visited += 1;
        if visited > PDF_NODES || depth > PDF_TREE_DEPTH {
            reading.gap("limit");
            return;
        }
        let Ok((_, field)) = doc.dereference(field) else { continue };
        let Ok(field) = field.as_dict() else { continue };
        if let Ok(kids) = field.get_deref(b"Kids", doc).and_then(Object::as_array) {
            waiting.extend(kids.iter().rev().take(PDF_NODES).map(|kid| (kid, depth + 1)));
        }
        let Some(value) = text(doc, field, b"V") else { continue };
        let name = text(doc, field, b"TU").or_else(|| text(doc, field, b"T")).unwrap_or_default();
        reading.say(&format!("{name}: {value}"), is_hidden(field), None);
    }
}

fn text(doc: &Document, dict: &Dictionary, key: &[u8]) -> Option<String> {
    let value = dict.get_deref(key, doc).ok()?;
    let text = match value {
        Object::Stream(stream) => {
            let octets = stream.get_plain_content_with_limit(PDF_EMBEDDED_OCTETS).ok()?;
            String::from_utf8_lossy(&octets).into_owned()
        }
        other => lopdf::decode_text_string(other).ok()?,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// Takes the files that the document carries: the name tree, and those associated with the whole document.
pub(super) fn files(doc: &Document, reading: &mut PdfReading) {
    let Ok(catalog) = doc.catalog() else { return };
    if let Ok(associated) = catalog.get_deref(b"AF", doc).and_then(Object::as_array) {
        for file in associated.iter().take(PDF_NODES) {
            attach(doc, file, reading);
        }
    }
    let Ok(names) = catalog.get_deref(b"Names", doc).and_then(Object::as_dict) else { return };
    let Ok(tree) = names.get(b"EmbeddedFiles") else { return };
    let mut waiting = vec![(tree, 0)];
    let mut visited = 0;
    while let Some((node, depth)) = waiting.pop() {
        visited += 1;
        if visited > PDF_NODES || depth > PDF_TREE_DEPTH {
            reading.gap("limit");
            return;
        }
        let Ok((_, node)) = doc.dereference(node) else { continue };
        let Ok(node) = node.as_dict() else { continue };
        if let Ok(pairs) = node.get_deref(b"Names", doc).and_then(Object::as_array) {
            for file in pairs.iter().skip(1).step_by(2).take(PDF_NODES) {
                attach(doc, file, reading);
            }
        }
        if let Ok(kids) = node.get_deref(b"Kids", doc).and_then(Object::as_array) {
            waiting.extend(kids.iter().take(PDF_NODES).map(|kid| (kid, depth + 1)));
        }
    }
}

/// Takes the file of a file specification (ISO 32000-1, 7.11.3), each stream once.
fn attach(doc: &Document, file: &Object, reading: &mut PdfReading) {
    let Ok((_, file)) = doc.dereference(file) else { return };
    let Ok(file) = file.as_dict() else { return };
    let Ok(streams) = file.get_deref(b"EF", doc).and_then(Object::as_dict) else { return };
    let Ok(stream) = streams.get(b"UF").or_else(|_| streams.get(b"F")) else { return };
    let Ok((Some(id), Object::Stream(stream))) = doc.dereference(stream) else { return };
    if reading.taken.contains(&id) {
        return;
    }
    let held: usize = reading.attached.iter().map(|attached| attached.octets.len()).sum();
    if reading.attached.len() >= PDF_EMBEDDED_FILES {
        reading.gap("limit");
        return;
    }
    let Ok(octets) = stream.get_plain_content_with_limit(PDF_EMBEDDED_OCTETS.saturating_sub(held)) else {
        reading.gap("limit");
        return;
    };
    let name = text(doc, file, b"UF").or_else(|| text(doc, file, b"F")).unwrap_or_default();
    let media_type = stream.dict.get_deref(b"Subtype", doc).and_then(Object::as_name).unwrap_or_default();
    let media_type = String::from_utf8_lossy(media_type).to_ascii_lowercase();
    reading.taken.push(id);
    reading.attached.push(Attached { name, media_type, octets });
}
