//! YAML with places, as far as rules need it: the core schema, under limits that no rule reaches.
//!
//! Rules come from strangers. Nesting, sizes and what aliases repeat are bounded, keys are texts
//! and occur once, and each error names its place.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::config::{Location, Problem};

/// Upper limit on the bytes of a file.
const MAX_BYTES: usize = 4 << 20;
/// Upper limit on nested lists and mappings.
const MAX_DEPTH: usize = 64;
/// Upper limit on the values of a file, those that aliases repeat included.
const MAX_NODES: usize = 200_000;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Yaml,
    pub(super) location: Location,
}

#[derive(Clone, Debug)]
pub(super) enum Yaml {
    Null,
    Bool(bool),
    /// Decimal number, as written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A pair of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) location: Location,
    pub(super) value: Node,
}

/// Reads all documents of a file. Those before an error are returned with it.
pub(super) fn documents(bytes: &[u8], file: &Arc<Path>) -> (Vec<Node>, Option<Problem>) {
    let mut reader = Reader { file: Arc::clone(file), open: Vec::new(), anchors: HashMap::new(), n_nodes: 0 };
    let mut documents = Vec::new();
    let problem = match text(bytes, &reader) {
        Ok(text) => reader.read(text, &mut documents).err(),
        Err(problem) => Some(problem),
    };
    (documents, problem.map(|problem| *problem))
}

fn text<'a>(bytes: &'a [u8], reader: &Reader) -> Result<&'a str, Box<Problem>> {
    if bytes.len() > MAX_BYTES {
        let message = format!("a file of {} bytes: the limit is {MAX_BYTES}", bytes.len());
        return Err(Box::new(Problem::error(message).at(reader.location(1, 1)).help("split it into several files")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let problem = Problem::error("not UTF-8").at(reader.location(line, column));
        Box::new(problem.help("store the file as UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Lists and mappings that are not complete.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, Location)>,
    keys: HashMap<String, u32>,
}

struct Reader {
    file: Arc<Path>,
    open: Vec<Open>,
    /// Complete values that aliases may repeat, and the number of values in them.
    anchors: HashMap<usize, (Node, usize)>,
    n_nodes: usize,
}

impl Reader {
    fn read(&mut self, text: &str, documents: &mut Vec<Node>) -> Result<(), Box<Problem>> {
        let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let problem = Problem::error(format!("not YAML: {}", error.info()));
                Box::new(problem.at(self.place(error.marker())).help("correct the syntax"))
            })?;
            if let Some(document) = self.take(event, span)? {
                documents.push(document);
            }
        }
        Ok(())
    }

    /// Takes an event; returns the document that it completes.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, Box<Problem>> {
        let location = self.place(&span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(None),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(None)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(problem("an alias of a value that is not complete", location, "write the value out"));
                };
                self.count(size, &location)?;
                self.add(node, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, &location)?;
                let value = scalar(&text, style, tag.as_deref(), &location)?;
                self.add(Node { value, location }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(Yaml::List(Vec::new()), anchor, location),
            Event::MappingStart(anchor, _) => self.begin(Yaml::Map(Vec::new()), anchor, location),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, .. }) => self.add(node, anchor),
                None => Ok(None),
            },
        }
    }

    fn begin(&mut self, value: Yaml, anchor: usize, location: Location) -> Result<Option<Node>, Box<Problem>> {
        self.count(1, &location)?;
        if self.open.len() == MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} lists and mappings inside each other");
            return Err(problem(&message, location, "take levels away"));
        }
        self.open.push(Open { node: Node { value, location }, anchor, key: None, keys: HashMap::new() });
        Ok(None)
    }

    /// Adds a complete value to what is open; returns it if it is a document.
    fn add(&mut self, node: Node, anchor: usize) -> Result<Option<Node>, Box<Problem>> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size(&node)));
        }
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut open.node.value {
            Yaml::List(elements) => elements.push(node),
            Yaml::Map(members) => match open.key.take() {
                Some((key, location)) => members.push(Member { key, location, value: node }),
                None => {
                    let key = key(&node)?;
                    if let Some(line) = open.keys.insert(key.clone(), node.location.line) {
                        let message = format!("the key `{key}` is given twice: it is also in line {line}");
                        return Err(problem(&message, node.location, "keep one of them, or write a list of values"));
                    }
                    open.key = Some((key, node.location));
                }
            },
            _ => {}
        }
        Ok(None)
    }

    fn count(&mut self, nodes: usize, location: &Location) -> Result<(), Box<Problem>> {
        self.n_nodes = self.n_nodes.saturating_add(nodes);
        if self.n_nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values, those that aliases repeat included");
            return Err(problem(&message, location.clone(), "split the file, or remove aliases"));
        }
        Ok(())
    }

    fn place(&self, marker: &Marker) -> Location {
        self.location(marker.line(), marker.col() + 1)
    }

    fn location(&self, line: usize, column: usize) -> Location {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Location { file: Arc::clone(&self.file), line: number(line), column: number(column) }
    }
}

fn problem(message: &str, location: Location, help: &str) -> Box<Problem> {
    Box::new(Problem::error(message).at(location).help(help))
}

/// Returns the number of values in `node`, itself included.
fn size(node: &Node) -> usize {
    match &node.value {
        Yaml::List(elements) => 1 + elements.iter().map(size).sum::<usize>(),
        Yaml::Map(members) => 1 + members.iter().map(|member| 1 + size(&member.value)).sum::<usize>(),
        _ => 1,
    }
}

fn key(node: &Node) -> Result<String, Box<Problem>> {
    match &node.value {
        Yaml::Text(key) if key == "<<" => {
            Err(problem("merge keys are not supported", node.location.clone(), "write the keys out"))
        }
        Yaml::Text(key) | Yaml::Number(key) => Ok(key.clone()),
        Yaml::Bool(key) => Ok(key.to_string()),
        Yaml::Null | Yaml::List(_) | Yaml::Map(_) => {
            Err(problem("a key that is not a text", node.location.clone(), "quote the key"))
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, location: &Location) -> Result<Yaml, Box<Problem>> {
    let as_text = || Yaml::Text(text.to_owned());
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => return Ok(as_text()),
        Some(tag) if !tag.is_yaml_core_schema() => {
            let message = format!("the tag `{tag}` is not supported");
            return Err(problem(&message, location.clone(), "remove the tag, or write the value as text"));
        }
        _ => {}
    }
    if style != ScalarStyle::Plain {
        return Ok(as_text());
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Yaml::Null,
        "true" | "True" | "TRUE" => Yaml::Bool(true),
        "false" | "False" | "FALSE" => Yaml::Bool(false),
        _ => number(text).map_or_else(as_text, Yaml::Number),
    })
}

/// Returns a number in decimal notation.
fn number(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|number| number.to_string());
    }
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && text.parse::<f64>().is_ok_and(f64::is_finite);
    is_number.then(|| text.strip_prefix('+').unwrap_or(text).to_owned())
}

impl Node {
    /// The value of `key`, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// The pairs of a mapping; nothing for other values.
    pub(super) fn members(&self) -> &[Member] {
        match &self.value {
            Yaml::Map(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list, or the value itself.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.value {
            Yaml::List(elements) => elements,
            _ => std::slice::from_ref(self),
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<String> {
        match &self.value {
            Yaml::Text(text) | Yaml::Number(text) => Some(text.clone()),
            Yaml::Bool(value) => Some(value.to_string()),
            Yaml::Null | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    /// The text of the scalar named `key`.
    pub(super) fn text_of(&self, key: &str) -> Option<String> {
        self.get(key).and_then(Node::text)
    }

    /// The texts of the list, or of the single value, named `key`.
    pub(super) fn texts_of(&self, key: &str) -> Vec<String> {
        self.get(key).map(|node| node.elements().iter().filter_map(Node::text).collect()).unwrap_or_default()
    }

    /// Returns an error at the place of this value.
    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<String>) -> Box<Problem> {
        Box::new(Problem::error(message).at(self.location.clone()).help(help))
    }
}
