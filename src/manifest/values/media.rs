//! Fields that hold addresses of pictures, videos and sounds, and the lengths that are stated with videos.

use std::time::Duration;

use super::{described, is_cell, shown, wrong_type};
use crate::manifest::address;
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields::{self, List};
use crate::manifest::tree::{Key, Node, Value};

/// Shortest and longest reference video, in milliseconds (API page: "each 2–15 seconds").
pub(in crate::manifest) const VIDEO_MILLIS: std::ops::RangeInclusive<u64> = 2_000..=15_000;

/// Most wrong elements of one list that are reported: a cell may hold a million of them.
const REFUSALS_SHOWN: usize = 20;

/// Reads the address of one picture.
pub(in crate::manifest) fn picture(
    name: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Box<str>> {
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        Value::Cell(text) => text.trim(),
        Value::List(_) => {
            let help =
                format!("`{name}` takes one address; several reference pictures go into `images`");
            diagnostics.push(wrong_type(name, node, "one address", &help));
            return None;
        }
        _ => {
            let help = format!("write `{name}: \"https://…\"`");
            diagnostics.push(wrong_type(name, node, "an address", &help));
            return None;
        }
    };
    checked_address(name, text, node, diagnostics)
}

fn checked_address(
    name: &str,
    text: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Box<str>> {
    match address::refusal(name, text) {
        None => Some(text.into()),
        Some(refusal) => {
            diagnostics.push(Diagnostic::error(
                refusal.code,
                &node.span,
                refusal.message,
                refusal.help,
            ));
            None
        }
    }
}

/// Reads a list of addresses: a list, or a cell with `|` or line breaks between them.
pub(in crate::manifest) fn addresses(
    name: &str,
    list: List,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Box<str>>> {
    let split;
    let elements = match &node.value {
        Value::List(elements) => &elements[..],
        Value::Cell(text) => {
            split = split_cell(text, node);
            &split[..]
        }
        other => {
            let help = match other {
                Value::Text(_) | Value::Map(_) => {
                    format!("write a list: `{name}: [\"https://…\"]`")
                }
                _ => format!("write `{name}: [\"https://…\"]`, or leave the field out"),
            };
            diagnostics.push(wrong_type(name, node, "a list of addresses", &help));
            return None;
        }
    };
    if elements.is_empty() {
        let help = if is_cell(node) {
            "leave the cell empty".to_owned()
        } else {
            format!("leave `{name}` out, or write `{name}: null` to remove a default")
        };
        let message = format!("`{name}` is an empty list");
        diagnostics.push(Diagnostic::error("empty-list", &node.span, message, help));
        return None;
    }
    let spread = spread(elements, diagnostics);
    let elements = spread.as_deref().unwrap_or(elements);
    let within = within_limit(name, list, elements, diagnostics);
    let read = references(name, elements, diagnostics);
    let lengths = total_length(name, node, &read, diagnostics);
    let addresses: Option<Vec<_>> = read
        .into_iter()
        .map(|reference| reference.address)
        .collect();
    addresses.filter(|_| within && lengths && spread.is_none())
}

/// The elements of a list with each that is several addresses in place of one reported, and taken apart, so that all of
/// them are counted and checked; none if each is one.
fn spread(elements: &[Node], diagnostics: &mut Diagnostics) -> Option<Vec<Node>> {
    elements.iter().find(|node| parts(node).is_some())?;
    let mut all = Vec::new();
    for node in elements {
        let Some((text, parts)) = parts(node) else {
            all.push(node.clone());
            continue;
        };
        diagnostics.push(several_in_one(text, parts.len(), node));
        all.extend(parts.into_iter().map(|part| Node {
            value: Value::Cell(part.to_owned()),
            span: node.span.clone(),
        }));
    }
    Some(all)
}

/// The text of an element, and the addresses in it, if there are several.
fn parts(node: &Node) -> Option<(&str, Vec<&str>)> {
    match &node.value {
        Value::Text(text) | Value::Cell(text) => Some((text, address::several(text)?)),
        _ => None,
    }
}

fn several_in_one(text: &str, count: usize, node: &Node) -> Diagnostic {
    let message = format!("`{}` is {count} addresses in the place of one", shown(text));
    let help = if is_cell(node) {
        "put `|` or a line break between the addresses: `https://… | https://…`"
    } else {
        "write a list: `[\"https://…\", \"https://…\"]`"
    };
    Diagnostic::error("bad-url", &node.span, message, help)
}

fn references(name: &str, elements: &[Node], diagnostics: &mut Diagnostics) -> Vec<Reference> {
    let mut read = Vec::new();
    let mut refused = 0;
    for element in elements {
        let reference = reference(name, element, diagnostics);
        refused += usize::from(reference.address.is_none());
        read.push(reference);
        if refused == REFUSALS_SHOWN {
            break;
        }
    }
    read
}

/// The addresses in a cell of a table.
pub(in crate::manifest) fn split_cell(text: &str, node: &Node) -> Vec<Node> {
    text.split(['|', '\n', '\r'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| Node {
            value: Value::Cell(part.to_owned()),
            span: node.span.clone(),
        })
        .collect()
}

fn within_limit(name: &str, list: List, elements: &[Node], diagnostics: &mut Diagnostics) -> bool {
    let Some((limit, first_over)) = list
        .limit
        .and_then(|limit| Some((limit, elements.get(limit)?)))
    else {
        return true;
    };
    let code = match name {
        "images" => "too-many-images",
        _ => "too-many-videos",
    };
    let message = format!(
        "{} {name}, but the API takes at most {limit}",
        elements.len()
    );
    let help = format!("keep {limit} of them, or make two jobs");
    diagnostics.push(
        Diagnostic::error(code, &first_over.span, message, help)
            .label(format!("the first over {limit}")),
    );
    false
}

/// One address of a list, unless it was refused, with its length if that was stated and not refused.
#[derive(Default)]
struct Reference {
    address: Option<Box<str>>,
    millis: Option<u64>,
}

fn reference(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Reference {
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        Value::Cell(text) => text.trim(),
        Value::Map(map) if name == "videos" => return video(map, node, diagnostics),
        _ => {
            let help = match (&node.value, name) {
                (Value::Null, _) => "write the address, or remove the empty element",
                (Value::Map(_), _) => "write the address alone, without `url:`",
                (_, "videos") => {
                    "write each as `\"https://…\"` or `{url: \"https://…\", seconds: 6}`"
                }
                _ => "write each as `\"https://…\"`",
            };
            let message = format!("`{name}` holds addresses, not {}", described(&node.value));
            diagnostics.push(Diagnostic::error("wrong-type", &node.span, message, help));
            return Reference::default();
        }
    };
    Reference {
        address: checked_address(name, text, node, diagnostics),
        millis: None,
    }
}

/// Reads `{url, seconds}`.
fn video(map: &[(Key, Node)], node: &Node, diagnostics: &mut Diagnostics) -> Reference {
    let (mut url, mut seconds) = (None, None);
    let mut well_formed = true;
    for (key, value) in map {
        let meant = fields::nearest(&key.name, &["url", "seconds"]);
        if key.name == "url" || meant == Some("url") {
            url = Some(picture("url", value, diagnostics));
        }
        if key.name == "seconds" {
            seconds = Some(video_millis(value, diagnostics));
        }
        if !["url", "seconds"].contains(&key.name.as_str()) {
            well_formed = false;
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "a video has `url` and `seconds`".to_owned(),
            };
            let message = format!("unknown field `{}` of a video", shown(&key.name));
            diagnostics.push(Diagnostic::error("unknown-field", &key.span, message, help));
        }
    }
    if url.is_none() {
        let help = "write `{url: \"https://…\", seconds: 6}`, or the address alone";
        diagnostics.push(Diagnostic::error(
            "missing-url",
            &node.span,
            "this video has no `url`",
            help,
        ));
    }
    let is_right = well_formed && seconds != Some(None);
    Reference {
        address: url.flatten().filter(|_| is_right),
        millis: seconds.flatten(),
    }
}

/// Reads the length of a reference video, 2–15 seconds, decimals allowed.
fn video_millis(node: &Node, diagnostics: &mut Diagnostics) -> Option<u64> {
    let written = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.clone(),
        _ => {
            let help = "write the length as a number of seconds, such as `6` or `4.5`";
            diagnostics.push(wrong_type("seconds", node, "a number", help));
            return None;
        }
    };
    let millis = decimal_millis(&written);
    if millis.is_none() {
        let message = format!(
            "a reference video of `{}` seconds is not between 2 and 15 seconds long",
            shown(&written)
        );
        let help = "cut the video to 2 to 15 seconds";
        diagnostics.push(Diagnostic::error("video-length", &node.span, message, help));
    }
    millis
}

/// The length that is written beside a video, unless it is refused.
pub(in crate::manifest) fn stated_length(node: &Node) -> Option<Duration> {
    video_millis(node, &mut Diagnostics::default()).map(Duration::from_millis)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what saturates is out of range"
)]
fn decimal_millis(written: &str) -> Option<u64> {
    let millis = written.parse::<f64>().ok()? * 1000.0;
    let is_within = |millis: f64| VIDEO_MILLIS.contains(&(millis as u64));
    // A little too short or too long is not rounded into the range.
    (is_within(millis.floor()) && is_within(millis.ceil())).then_some(millis.round() as u64)
}

/// Whether the stated lengths are within 15 seconds together.
fn total_length(
    name: &str,
    node: &Node,
    references: &[Reference],
    diagnostics: &mut Diagnostics,
) -> bool {
    let stated = references.iter().filter_map(|reference| reference.millis);
    let (count, total) = stated.fold((0, 0), |(count, total), millis| (count + 1, total + millis));
    if total <= *VIDEO_MILLIS.end() {
        return true;
    }
    let message = format!(
        "the {count} {name} are {} seconds long together, but the API takes at most 15",
        Duration::from_millis(total).as_secs_f64()
    );
    let help = "leave one out, or cut them shorter";
    diagnostics.push(Diagnostic::error(
        "videos-total-length",
        &node.span,
        message,
        help,
    ));
    false
}
