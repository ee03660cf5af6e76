//! Fields that hold one word of a list: what is not on the list is told which word was probably meant.

use super::{shown, word};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields::{self, listed};
use crate::manifest::tree::{Node, Value};
use crate::plan::{AspectRatio, Model, Operation};

/// Reads a model id.
pub(in crate::manifest) fn model(
    name: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Model> {
    let text = word(name, node, diagnostics)?;
    let model = Model::parse(text);
    if model.is_none() {
        let message = format!("there is no model `{}`", shown(text));
        diagnostics.push(Diagnostic::error(
            "unknown-model",
            &node.span,
            message,
            model_advice(text),
        ));
    }
    model
}

/// The models that were probably meant: by tier and resolution, then by spelling, else all eight.
pub(in crate::manifest) fn model_advice(text: &str) -> String {
    let all: Vec<&str> = Model::ALL.iter().map(|model| model.as_str()).collect();
    // The letter that looks like a zero stands in no name of a model.
    let lower = text.trim().to_lowercase().replace('o', "0");
    let is_seedance = lower.contains("dance");
    let tier = ["fast", "mini"]
        .into_iter()
        .find(|tier| lower.contains(tier));
    let resolution = [
        ("480", "480p"),
        ("720", "720p"),
        ("1080", "1080p"),
        ("4k", "4k"),
        ("2160", "4k"),
    ]
    .into_iter()
    .find_map(|(digits, resolution)| lower.contains(digits).then_some(resolution));
    let of_tier: Vec<&str> = all
        .iter()
        .copied()
        .filter(|model| match tier {
            Some(tier) => model.contains(tier),
            None => !model.contains("fast") && !model.contains("mini"),
        })
        .collect();
    let meant =
        resolution.and_then(|resolution| of_tier.iter().find(|model| model.ends_with(resolution)));
    let nearest = fields::nearest(text, &all);
    let says_resolution = lower.ends_with(['p', 'k']);
    match (meant, resolution, nearest) {
        (Some(model), ..) if is_seedance => format!("did you mean `{model}`?"),
        (None, Some(_), _) if is_seedance => format!("this tier has {}", listed(&of_tier)),
        (.., Some(model)) if says_resolution => format!("did you mean `{model}`?"),
        _ if is_seedance => format!(
            "the resolution is part of the model id: {}",
            listed(&of_tier)
        ),
        _ => format!("the models are {}", listed(&all)),
    }
}

/// Reads the shape of the picture.
pub(in crate::manifest) fn aspect_ratio(
    name: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<AspectRatio> {
    let written = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.clone(),
        _ => word(name, node, diagnostics)?.to_owned(),
    };
    let ratio = AspectRatio::parse(&written);
    if ratio.is_none() {
        let message = format!("`{}` is not an aspect ratio the model has", shown(&written));
        let help = match ratio_meant(&written) {
            Some(ratio) if matches!(node.value, Value::Integer(_)) => {
                format!(
                    "did you mean `{ratio}`? a YAML 1.1 tool reads that as a number; here it is text, quoted or not"
                )
            }
            Some(ratio) => format!("did you mean `{ratio}`?"),
            None => "write `16:9`, `9:16` or `1:1`".to_owned(),
        };
        diagnostics.push(Diagnostic::error(
            "unknown-aspect-ratio",
            &node.span,
            message,
            help,
        ));
    }
    ratio
}

/// The shape in `16x9`, `16/9`, `1920x1080`, `16:09:00` or `04:09:00 PM` (what spreadsheets make of `16:9`), `969` (what YAML 1.1 made
/// of it) or `landscape`.
pub(in crate::manifest) fn ratio_meant(written: &str) -> Option<AspectRatio> {
    let lower = written.trim().to_lowercase();
    match lower.as_str() {
        "969" | "landscape" | "horizontal" | "wide" | "widescreen" | "querformat" | "quer"
        | "paysage" | "横屏" | "横版" | "橫版" => {
            return Some(AspectRatio::Landscape);
        }
        "556" | "portrait" | "vertical" | "upright" | "hochformat" | "hoch" | "竖屏" | "竖版"
        | "直版" => {
            return Some(AspectRatio::Portrait);
        }
        "61" | "square" | "quadrat" | "quadratisch" | "carré" | "方形" | "方图" => {
            return Some(AspectRatio::Square);
        }
        _ => {}
    }
    // What a spreadsheet makes of `=16/9`.
    let quotient = lower.replacen(',', ".", 1).parse::<f64>();
    match quotient {
        Ok(1.77..1.79) => return Some(AspectRatio::Landscape),
        Ok(0.56..0.57) => return Some(AspectRatio::Portrait),
        _ => {}
    }
    let mut numbers = lower
        .split(|character: char| !character.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<u32>().ok().filter(|number| *number > 0));
    let (width, height) = (numbers.next()??, numbers.next()??);
    // A spreadsheet of another country shows the time as `04:09:00 PM`.
    let is_afternoon = lower.ends_with("pm") && width < 12;
    let width = if is_afternoon { width + 12 } else { width };
    let divisor = greatest_common_divisor(width, height);
    match (width / divisor, height / divisor) {
        (16, 9) => Some(AspectRatio::Landscape),
        (9, 16) => Some(AspectRatio::Portrait),
        (1, 1) => Some(AspectRatio::Square),
        _ => None,
    }
}

fn greatest_common_divisor(left: u32, right: u32) -> u32 {
    if right == 0 {
        left
    } else {
        greatest_common_divisor(right, left % right)
    }
}

/// Reads the compatibility layer's operation.
pub(in crate::manifest) fn operation(
    name: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Operation> {
    let text = word(name, node, diagnostics)?;
    let operation = Operation::parse(text);
    if operation.is_none() {
        let all: Vec<&str> = Operation::ALL.iter().map(|known| known.as_str()).collect();
        let help = match fields::nearest(text, &all) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the operations are {}; most jobs need none", listed(&all)),
        };
        let message = format!("there is no operation `{}`", shown(text));
        diagnostics.push(Diagnostic::error(
            "unknown-operation",
            &node.span,
            message,
            help,
        ));
    }
    operation
}
