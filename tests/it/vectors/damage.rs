//! The check of the vectors must refuse a damaged file, or its passing would mean nothing.

use std::collections::HashSet;

use serde_json::Value;

use super::check;

const OURS: &str = include_str!("../formats.json");

/// The JSON pointers of every text and number in the file.
fn values(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                values(item, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                values(field, &format!("{pointer}/{name}"), found);
            }
        }
        _ => found.push(pointer.to_owned()),
    }
}

/// Another character of the same kind, so that the damage is as small as can be.
fn neighbour(character: char) -> char {
    match character {
        '0'..='8' | 'a'..='e' | 'g'..='y' | 'A'..='Y' => {
            char::from_u32(u32::from(character) + 1).expect("the next letter or digit")
        }
        '9' => '8',
        'f' => 'e',
        'z' => 'y',
        'Z' => 'Y',
        other => char::from_u32(u32::from(other) ^ 1).expect("a neighbouring character"),
    }
}

/// The same text with the character at this place replaced.
fn replaced(text: &str, place: usize, by: impl Fn(char) -> char) -> String {
    let change = |(at, old)| if at == place { by(old) } else { old };
    text.chars().enumerate().map(change).collect()
}

fn must_refuse(vectors: &Value, pointer: &str, damaged: Value) {
    let mut vectors = vectors.clone();
    let shown = damaged.to_string();
    *vectors.pointer_mut(pointer).expect("a pointer into the file") = damaged;
    assert!(check(&vectors.to_string()).is_err(), "{pointer} may be {shown}");
}

#[test]
fn one_wrong_character_anywhere_is_refused() {
    let vectors: Value = serde_json::from_str(OURS).expect("the file is JSON");
    assert_eq!(check(&vectors.to_string()), Ok(()));
    let mut pointers = Vec::new();
    values(&vectors, "", &mut pointers);
    let mut kinds = HashSet::new();
    for (turn, pointer) in pointers.iter().enumerate() {
        // The first of every kind of field is damaged at many places, the others at one.
        let kind: String = pointer.chars().filter(|character| !character.is_ascii_digit()).collect();
        let first = kinds.insert(kind);
        match vectors.pointer(pointer).expect("a pointer into the file") {
            Value::Number(number) => {
                let number = number.as_i64().expect("the file has whole numbers");
                must_refuse(&vectors, pointer, Value::from(number + 1));
                must_refuse(&vectors, pointer, Value::from(number - 1));
                let digits = number.to_string();
                let changed = replaced(&digits, turn % digits.len(), neighbour);
                must_refuse(&vectors, pointer, Value::from(changed.parse::<i64>().expect("digits")));
            }
            Value::String(text) => {
                let length = text.chars().count();
                let step = if first { length.div_ceil(24) } else { length };
                let places = (turn * 7 % length..length).step_by(step);
                for place in places.chain([0, length - 1].into_iter().filter(|_| first)) {
                    must_refuse(&vectors, pointer, replaced(text, place, neighbour).into());
                }
                if first {
                    let lower_or_upper = |old: char| {
                        if old.is_lowercase() { old.to_ascii_uppercase() } else { old.to_ascii_lowercase() }
                    };
                    if let Some(letter) = text.chars().position(char::is_alphabetic) {
                        must_refuse(&vectors, pointer, replaced(text, letter, lower_or_upper).into());
                    }
                    must_refuse(&vectors, pointer, format!("{text}0").into());
                    must_refuse(&vectors, pointer, format!(" {text}").into());
                    must_refuse(&vectors, pointer, text[..text.len() - 1].into());
                }
            }
            other => panic!("{pointer} is {other}, which no check looks at"),
        }
    }
    // Six of a token, four of the key, the leaf, six of an entry, seven of a tree, nine of a seal.
    assert_eq!(kinds.len(), 6 + 4 + 1 + 6 + 7 + 9);
}

#[test]
fn a_field_more_or_less_is_refused() {
    let vectors: Value = serde_json::from_str(OURS).expect("the file is JSON");
    for pointer in [
        "",
        "/tokens/0",
        "/ed25519",
        "/entries/0",
        "/trees/1",
        "/trees/1/inclusion",
        "/trees/1/consistency",
        "/seals/0",
    ] {
        let fields = vectors.pointer(pointer).and_then(Value::as_object).expect("an object");
        let mut more = fields.clone();
        more.insert("unknown".to_owned(), Value::from(0));
        must_refuse(&vectors, pointer, more.into());
        for name in fields.keys() {
            let mut less = fields.clone();
            less.remove(name);
            must_refuse(&vectors, pointer, less.into());
        }
    }
    for pointer in ["/leaf_data", "/trees/6/inclusion/path", "/trees/6/consistency/path"] {
        let items = vectors.pointer(pointer).and_then(Value::as_array).expect("an array");
        let (mut shorter, mut longer) = (items.clone(), items.clone());
        shorter.pop();
        longer.push(items[0].clone());
        must_refuse(&vectors, pointer, shorter.into());
        if pointer != "/leaf_data" {
            must_refuse(&vectors, pointer, longer.into());
        }
    }
    for pointer in ["/tokens", "/leaf_data", "/entries", "/trees", "/seals"] {
        must_refuse(&vectors, pointer, Value::Array(Vec::new()));
    }
    must_refuse(&vectors, "/trees/0", {
        let mut empty = vectors["trees"][0].clone();
        empty["inclusion"] = vectors["trees"][1]["inclusion"].clone();
        empty
    });
}
