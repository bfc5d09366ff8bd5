//! An answer as fields that can be compared.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

/// Names and values; names that come twice are numbered.
pub(crate) type Fields = BTreeMap<String, String>;

/// What stands for a field that is not there.
const ABSENT: &str = "(none)";

/// The fields that are not the same: both values.
pub(crate) fn differ(a: &Fields, b: &Fields) -> Vec<(String, (String, String))> {
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let value = |fields: &Fields, name| {
        fields
            .get(name)
            .map_or_else(|| ABSENT.to_owned(), String::clone)
    };
    names
        .into_iter()
        .map(|name| (name.clone(), (value(a, name), value(b, name))))
        .filter(|(name, (a, b))| !alike(name, a, b))
        .collect()
}

/// Two routers are asked side by side, not at the same instant.
fn alike(name: &str, a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let runs = name.contains("NewLease") || name.ends_with("NewUptime");
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(a), Ok(b)) => runs && (a - b).abs() <= 20,
        _ => false,
    }
}

/// Adds a field; a second one of this name gets a number.
pub(crate) fn add(fields: &mut Fields, name: &str, value: &str) {
    // Differences are told in lines, with bars between their parts.
    let value = value
        .replace('|', "/")
        .replace(['\r', '\n'], " ")
        .trim()
        .to_owned();
    let mut unused = name.to_owned();
    for n in 2.. {
        if !fields.contains_key(&unused) {
            break;
        }
        unused = format!("{name} {n}");
    }
    fields.insert(unused, value);
}

/// The first line of a head by its words, and the header fields with their names as they came.
pub(crate) fn head(fields: &mut Fields, head: &str) {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
    for name in ["version", "status", "reason"] {
        add(fields, name, words.next().unwrap_or_default());
    }
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        // These follow from the clock and from the other fields.
        if !["date", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
            add(fields, name, value);
        }
    }
}

/// A body: SOAP by its arguments or its failure, a description by its devices and services, and
/// any other by its size.
pub(crate) fn body(fields: &mut Fields, body: &str) {
    if body.is_empty() {
        return;
    }
    match Document::parse(body.trim_end_matches('\0')) {
        Err(_) => add(fields, "body", body),
        Ok(document) => {
            let root = document.root_element();
            match root.tag_name().name() {
                "Envelope" => soap(fields, root),
                "scpd" => scpd(fields, root),
                _ => leaves(fields, root, ""),
            }
        }
    }
}

fn soap(fields: &mut Fields, root: Node<'_, '_>) {
    let Some(answer) = root.descendants().filter(Node::is_element).find(|n| {
        n.parent()
            .is_some_and(|p| p.has_tag_name("Body") || p.tag_name().name() == "Body")
    }) else {
        return add(fields, "body", "an empty envelope");
    };
    add(fields, "answer", answer.tag_name().name());
    add(
        fields,
        "namespace",
        answer.tag_name().namespace().unwrap_or_default(),
    );
    for leaf in answer
        .descendants()
        .filter(|n| n.is_element() && *n != answer)
    {
        if !leaf.children().any(|n| n.is_element()) {
            let text = leaf.text().unwrap_or_default();
            // A list of mappings is a document in a text.
            match Document::parse(text) {
                Ok(inner) => leaves(fields, inner.root_element(), leaf.tag_name().name()),
                Err(_) => add(fields, leaf.tag_name().name(), text),
            }
        }
    }
}

/// A service: each action with its arguments, each variable with its type.
fn scpd(fields: &mut Fields, root: Node<'_, '_>) {
    let text = |node: Node<'_, '_>, name: &str| {
        let found = node.children().find(|n| n.tag_name().name() == name);
        found
            .and_then(|n| n.text())
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let all = |name: &'static str| {
        root.descendants()
            .filter(move |n| n.tag_name().name() == name)
    };
    for action in all("action") {
        let args = action
            .descendants()
            .filter(|n| n.tag_name().name() == "argument");
        let args: Vec<String> = args
            .map(|n| {
                let variable = text(n, "relatedStateVariable");
                format!("{} {} ({variable})", text(n, "direction"), text(n, "name"))
            })
            .collect();
        add(
            fields,
            &format!("action {}", text(action, "name")),
            &args.join(", "),
        );
    }
    for variable in all("stateVariable") {
        let events = variable.attribute("sendEvents").unwrap_or("yes");
        let told = format!("{}, events {events}", text(variable, "dataType"));
        add(
            fields,
            &format!("variable {}", text(variable, "name")),
            &told,
        );
    }
}

/// The paths of all leaves and their texts.
fn leaves(fields: &mut Fields, node: Node<'_, '_>, path: &str) {
    let path = format!("{path}/{}", node.tag_name().name());
    let mut children = node.children().filter(Node::is_element).peekable();
    if children.peek().is_none() {
        add(fields, &path, node.text().unwrap_or_default());
    }
    for child in children {
        leaves(fields, child, &path);
    }
}
