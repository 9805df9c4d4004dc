//! Parser of Lucene's regular expression syntax.

use super::interval::interval;
use super::{Flags, SyntaxError, push_literal};

/// Upper limit on nested groups, because each group uses stack.
const MAX_DEPTH: usize = 100;

/// An expression whose plain parts, in the syntax of the `regex` crate, may stand anywhere in a
/// sequence.
type Node = super::Node<String>;

pub(super) fn parse(pattern: &str, case_insensitive: bool, flags: Flags) -> Result<Node, SyntaxError> {
    if pattern.is_empty() {
        return Ok(Node::Plain(String::new()));
    }
    let mut parser = Parser { pattern, at: 0, depth: 0, case_insensitive, flags };
    let node = parser.union()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("a `)` without its `(`", "write `\\)` for the character itself")),
    }
}

struct Parser<'a> {
    pattern: &'a str,
    at: usize,
    depth: usize,
    case_insensitive: bool,
    flags: Flags,
}

impl Parser<'_> {
    fn union(&mut self) -> Result<Node, SyntaxError> {
        let mut parts = vec![self.intersection()?];
        while self.take('|') {
            parts.push(self.intersection()?);
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let plain: Option<Vec<&str>> = parts.iter().map(as_plain).collect();
        Ok(match plain {
            Some(plain) => Node::Plain(format!("(?:{})", plain.join("|"))),
            None => Node::Any(parts),
        })
    }

    fn intersection(&mut self) -> Result<Node, SyntaxError> {
        let mut parts = vec![self.sequence()?];
        while self.flags.intersection && self.take('&') {
            parts.push(self.sequence()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::All(parts) })
    }

    fn sequence(&mut self) -> Result<Node, SyntaxError> {
        let mut starts = vec![self.at];
        let mut parts = vec![self.repetition()?];
        while self.peek().is_some_and(|c| c != ')' && c != '|' && !(c == '&' && self.flags.intersection)) {
            starts.push(self.at);
            parts.push(self.repetition()?);
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let mut pattern = String::new();
        for (part, start) in parts.iter().zip(starts) {
            pattern.push_str(plain_part(part, start)?);
        }
        Ok(Node::Plain(pattern))
    }

    fn repetition(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let mut node = self.complement()?;
        while let Some(c) = self.peek().filter(|c| "?*+{".contains(*c)) {
            let suffix_at = self.at;
            self.at += 1;
            let suffix = match c {
                '{' => self.limits(suffix_at)?,
                _ => c.to_string(),
            };
            // without the group, the `regex` crate would read `a*?` as a lazy repetition
            node = Node::Plain(format!("(?:{}){suffix}", plain_part(&node, start)?));
        }
        Ok(node)
    }

    fn limits(&mut self, start: usize) -> Result<String, SyntaxError> {
        let Some(low) = self.number()? else {
            return Err(self.error(
                "a repetition without a number",
                "expected `{2}`, `{2,}` or `{2,3}`; write `\\{` for the character itself",
            ));
        };
        let high = if self.take(',') { self.number()? } else { Some(low) };
        if !self.take('}') {
            return Err(self.error("a `{` is not closed", "expected `}`; write `\\{` for the character itself"));
        }
        match high {
            Some(high) if high < low => Err(SyntaxError::new(
                start,
                "a repetition whose limits are in the wrong order",
                "write the smaller number first",
            )),
            Some(high) => Ok(format!("{{{low},{high}}}")),
            None => Ok(format!("{{{low},}}")),
        }
    }

    fn number(&mut self) -> Result<Option<u32>, SyntaxError> {
        let digits = self.pattern[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        let text = &self.pattern[self.at..self.at + digits];
        let number = text.parse().ok();
        if digits > 0 && number.is_none() {
            return Err(self.error("a number that is too large", "expected a number below 4294967296"));
        }
        self.at += digits;
        Ok(number)
    }

    fn complement(&mut self) -> Result<Node, SyntaxError> {
        if self.flags.complement && self.take('~') {
            self.enter()?;
            let node = self.complement()?;
            self.depth -= 1;
            return Ok(Node::Not(Box::new(node)));
        }
        if self.take('[') { self.class() } else { self.simple() }
    }

    fn class(&mut self) -> Result<Node, SyntaxError> {
        let mut class = String::from(if self.take('^') { "[^" } else { "[" });
        loop {
            if self.peek().is_none() {
                return Err(self.error("a `[` is not closed", "expected `]`; write `\\[` for the character itself"));
            }
            self.class_member(&mut class)?;
            if self.peek() == Some(']') {
                break;
            }
        }
        self.at += 1;
        class.push(']');
        Ok(Node::Plain(class))
    }

    fn class_member(&mut self, class: &mut String) -> Result<(), SyntaxError> {
        let start = self.at;
        if let Some(predefined) = self.predefined()? {
            class.push_str(predefined);
            return Ok(());
        }
        let low = self.character()?;
        if !self.take('-') {
            if self.case_insensitive && low.is_ascii_alphabetic() {
                class.extend([low.to_ascii_lowercase(), low.to_ascii_uppercase()]);
            } else {
                push_class_char(class, low);
            }
            return Ok(());
        }
        let high = self.character()?;
        if high < low {
            return Err(SyntaxError::new(
                start,
                "a character range in the wrong order",
                "write the smaller character first",
            ));
        }
        push_class_char(class, low);
        class.push('-');
        push_class_char(class, high);
        Ok(())
    }

    fn simple(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let pattern = match self.peek() {
            Some('.') => ".".to_owned(),
            Some('#') if self.flags.empty => r"[^\s\S]".to_owned(),
            Some('@') if self.flags.any_string => ".*".to_owned(),
            Some('"') => return self.quoted(),
            Some('(') => return self.group(),
            Some('<') if self.flags.interval => return self.interval(start),
            _ => return self.literal(),
        };
        self.at += 1;
        Ok(Node::Plain(pattern))
    }

    fn literal(&mut self) -> Result<Node, SyntaxError> {
        if let Some(predefined) = self.predefined()? {
            return Ok(Node::Plain(format!("[{predefined}]")));
        }
        let mut pattern = String::new();
        push_literal(&mut pattern, self.character()?, self.case_insensitive);
        Ok(Node::Plain(pattern))
    }

    fn quoted(&mut self) -> Result<Node, SyntaxError> {
        self.at += 1;
        let rest = &self.pattern[self.at..];
        let Some(length) = rest.find('"') else {
            self.at = self.pattern.len();
            return Err(
                self.error("a quoted text is not closed", "expected `\"`; write `\\\"` for the character itself")
            );
        };
        let mut pattern = String::from("(?:");
        rest[..length].chars().for_each(|c| push_literal(&mut pattern, c, self.case_insensitive));
        pattern.push(')');
        self.at += length + 1;
        Ok(Node::Plain(pattern))
    }

    fn group(&mut self) -> Result<Node, SyntaxError> {
        self.at += 1;
        if self.take(')') {
            return Ok(Node::Plain("(?:)".to_owned()));
        }
        self.enter()?;
        let node = self.union()?;
        self.depth -= 1;
        if !self.take(')') {
            return Err(self.error("a `(` is not closed", "expected `)`; write `\\(` for the character itself"));
        }
        Ok(match node {
            Node::Plain(pattern) => Node::Plain(format!("(?:{pattern})")),
            node => node,
        })
    }

    fn interval(&mut self, start: usize) -> Result<Node, SyntaxError> {
        let wrong = || {
            let help = "expected two numbers such as `<1-10>`; write `\\<` for the character itself";
            SyntaxError::new(start, "a named automaton or an incomplete numeric interval", help)
        };
        self.at += 1;
        let (inside, _) = self.pattern[self.at..].split_once('>').ok_or_else(wrong)?;
        let (low_text, high_text) = inside.split_once('-').ok_or_else(wrong)?;
        let number = |text: &str| {
            text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())).ok_or_else(wrong)
        };
        let (low, high) = (number(low_text)?, number(high_text)?);
        self.at += inside.len() + 1;
        let digits = (low_text.len() == high_text.len()).then_some(low_text.len());
        Ok(Node::Plain(interval(low.min(high), low.max(high), digits)))
    }

    /// Reads `\d` and the like, as the inside of a character class.
    fn predefined(&mut self) -> Result<Option<&'static str>, SyntaxError> {
        let mut ahead = self.pattern[self.at..].chars();
        let (Some('\\'), Some(letter)) = (ahead.next(), ahead.next()) else { return Ok(None) };
        let class = match letter {
            'd' => "0-9",
            'D' => "[^0-9]",
            's' => r" \t\n\r",
            'S' => r"[^ \t\n\r]",
            'w' => "a-zA-Z_0-9",
            'W' => "[^a-zA-Z_0-9]",
            _ if letter.is_ascii_alphabetic() => {
                let help = r"expected \d, \D, \s, \S, \w or \W, or a character that is not a letter";
                return Err(SyntaxError::new(self.at + 1, "an unknown escape", help));
            }
            _ => return Ok(None),
        };
        self.at += 2;
        Ok(Some(class))
    }

    /// Reads one character, escaped or not.
    fn character(&mut self) -> Result<char, SyntaxError> {
        self.take('\\');
        let c = self.peek().ok_or_else(|| {
            self.error(
                "the regular expression ends too early",
                "expected a character; write `\\` in front of an operator for the character itself",
            )
        })?;
        self.at += c.len_utf8();
        Ok(c)
    }

    fn enter(&mut self) -> Result<(), SyntaxError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("too many groups inside each other", "take parentheses away"));
        }
        self.depth += 1;
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.pattern[self.at..].chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn error(&self, message: &str, help: &str) -> SyntaxError {
        SyntaxError::new(self.at, message, help)
    }
}

fn as_plain(node: &Node) -> Option<&str> {
    match node {
        Node::Plain(pattern) => Some(pattern),
        _ => None,
    }
}

fn plain_part(node: &Node, at: usize) -> Result<&str, SyntaxError> {
    as_plain(node).ok_or_else(|| {
        let help = "events from files know these operators only around whole expressions: `~(...)`, `a&b`; combine two clauses with AND or NOT instead";
        SyntaxError::new(at, "`~` or `&` inside a sequence or repetition", help)
    })
}

fn push_class_char(class: &mut String, c: char) {
    // escaped angle brackets are boundaries of words
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        class.push('\\');
    }
    class.push(c);
}
