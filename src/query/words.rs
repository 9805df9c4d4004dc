//! Words of analysed text, as the standard analyser makes them: runs of letters and digits, in lower case.
//!
//! An approximation of the word boundaries of Unicode (UAX #29): apostrophes and full stops between letters, full stops and commas between
//! digits, and underscores belong to words; ideographs, kana and syllables of Hangul are words of their own.

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (idx, &character) in characters.iter().enumerate() {
        if is_ideograph(character) {
            end(&mut word, &mut words);
            words.push(character.to_string());
        } else if is_part(character) || joins(&characters, idx) {
            word.extend(character.to_lowercase());
        } else {
            end(&mut word, &mut words);
        }
    }
    end(&mut word, &mut words);
    words
}

fn end(word: &mut String, words: &mut Vec<String>) {
    // underscores alone are no word
    if word.chars().any(char::is_alphanumeric) {
        words.push(std::mem::take(word));
    }
    word.clear();
}

fn is_part(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2fa1f}')
}

/// Whether a sign stands inside of a word.
fn joins(characters: &[char], idx: usize) -> bool {
    let (Some(&before), Some(&after)) =
        (idx.checked_sub(1).and_then(|before| characters.get(before)), characters.get(idx + 1))
    else {
        return false;
    };
    match characters[idx] {
        '.' | '\'' | '\u{2019}' | '\u{2024}' | '\u{fe52}' | '\u{ff07}' | '\u{ff0e}' => {
            (before.is_alphabetic() && after.is_alphabetic()) || (before.is_numeric() && after.is_numeric())
        }
        ':' | '\u{b7}' => before.is_alphabetic() && after.is_alphabetic(),
        ',' | ';' => before.is_numeric() && after.is_numeric(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_signs() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
        check("The QUICK brown-fox", &["the", "quick", "brown", "fox"]);
        check("can't 3.14 1,000 cmd.exe", &["can't", "3.14", "1,000", "cmd.exe"]);
        check("C:\\Windows\\cmd.exe /c", &["c", "windows", "cmd.exe", "c"]);
        check("a_b __ end.", &["a_b", "end"]);
        check("世界 münchen", &["世", "界", "münchen"]);
        check("", &[]);
    }
}
