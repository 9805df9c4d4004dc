//! Wraps summaries greedily at 150 characters, by the break rules of Python's `textwrap`, so that
//! stored summaries stay equal to those of earlier versions.

use super::{decimal_digit, is_space as is_python_space};

/// Upper limit on the characters of a line.
const WIDTH: usize = 150;

/// Columns per tab stop.
const TAB: usize = 8;

/// Wraps `text` into lines of at most 150 characters.
pub fn wrap(text: &str) -> String {
    if text.len() <= WIDTH && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        // the common case: one line
        return text.trim_end_matches(' ').to_owned();
    }
    let characters = blanks_only(text);
    let mut chunks = split(&characters);
    chunks.reverse();
    let mut lines: Vec<String> = Vec::new();
    while !chunks.is_empty() {
        if !lines.is_empty() {
            chunks.pop_if(|chunk| is_blank(chunk));
        }
        let line = fill_line(&mut chunks);
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Expands tabs to their stops and turns every other white space into one space.
fn blanks_only(text: &str) -> Vec<char> {
    let mut characters = Vec::with_capacity(text.len());
    let mut column = 0;
    for character in text.chars() {
        match character {
            '\t' => {
                let n = TAB - column % TAB;
                characters.extend(std::iter::repeat_n(' ', n));
                column += n;
            }
            '\n' | '\r' => {
                characters.push(' ');
                column = 0;
            }
            _ => {
                characters.push(if matches!(character, '\x0b' | '\x0c') { ' ' } else { character });
                column += 1;
            }
        }
    }
    characters
}

/// Takes chunks from the end of `chunks` until the line is full.
fn fill_line(chunks: &mut Vec<&[char]>) -> String {
    let mut line = Vec::new();
    let mut length = 0;
    while let Some(chunk) = chunks.pop_if(|chunk| length + chunk.len() <= WIDTH) {
        length += chunk.len();
        line.push(chunk);
    }
    if let Some(chunk) = chunks.last_mut()
        && chunk.len() > WIDTH
    {
        // a word longer than a line is cut at the end of the line
        let (start, rest) = chunk.split_at(WIDTH - length);
        line.push(start);
        *chunk = rest;
    }
    line.pop_if(|chunk| is_blank(chunk));
    line.into_iter().flatten().collect()
}

fn is_blank(chunk: &[char]) -> bool {
    chunk.iter().all(|character| is_python_space(*character))
}

fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_letter(character: char) -> bool {
    is_word_character(character) && decimal_digit(character).is_none()
}

/// True for the characters that may precede an em-dash.
fn is_word_punctuation(character: char) -> bool {
    is_word_character(character) || "!\"'&.,?".contains(character)
}

/// Splits into the pieces between which a line may break: runs of spaces, em-dashes between words,
/// and words that end after a hyphen between letters.
fn split(text: &[char]) -> Vec<&[char]> {
    let mut chunks = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = next_end(text, start);
        chunks.push(&text[start..end]);
        start = end;
    }
    chunks
}

fn next_end(text: &[char], start: usize) -> usize {
    if is_space(text[start]) {
        return run_end(text, start, is_space);
    }
    if is_em_dash(text, start) {
        return run_end(text, start, |character| character == '-');
    }
    let mut at = start + 1;
    while at < text.len() && !is_space(text[at]) {
        if ends_behind_hyphen(text, start, at) || is_em_dash(text, at) {
            return at;
        }
        at += 1;
    }
    at
}

fn run_end(text: &[char], start: usize, belongs: impl Fn(char) -> bool) -> usize {
    text[start..].iter().position(|character| !belongs(*character)).map_or(text.len(), |length| start + length)
}

/// True at the start of two or more hyphens between a word and a word character.
fn is_em_dash(text: &[char], at: usize) -> bool {
    let is_start = text[at] == '-' && at > 0 && is_word_punctuation(text[at - 1]) && text[at - 1] != '-';
    if !is_start {
        return false;
    }
    let end = run_end(text, at, |character| character == '-');
    end - at >= 2 && text.get(end).is_some_and(|&next| is_word_character(next))
}

/// True if a word breaks at `at`, after a hyphen. Both sides of the hyphen need two letters, or a
/// letter, a hyphen and another letter.
fn ends_behind_hyphen(text: &[char], start: usize, at: usize) -> bool {
    if at < start + 2 || text[at - 1] != '-' || text[at] == '-' {
        return false;
    }
    matches!(text[..at - 1], [.., a, b] | [.., a, '-', b] if is_letter(a) && is_letter(b))
        && matches!(text[at..], [a, b, ..] | [a, '-', b, ..] if is_letter(a) && is_letter(b))
}

#[cfg(test)]
mod tests;
