//! Lines of a shell, as documents and helps write them.

/// Name by which the documents call the program.
const PROGRAM: &str = "ee-outliers";

/// Arguments of the calls of the program in a script, each with the name of the program in front.
pub(super) fn calls(script: &str) -> Vec<Vec<String>> {
    let commands = commands(&script.replace("\\\n", " "));
    commands.into_iter().filter(|words| words.first().is_some_and(|word| word == PROGRAM)).collect()
}

/// Words of each command of a script, without redirections and comments.
fn commands(script: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut is_target = false;
    let mut chars = script.chars().peekable();
    let end_word = |word: &mut Option<String>, is_target: &mut bool, commands: &mut Vec<Vec<String>>| {
        let Some(word) = word.take() else { return };
        if !std::mem::take(is_target) {
            commands.last_mut().expect("one at least").push(word);
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let quoted = chars.by_ref().take_while(|inner| *inner != c);
                word.get_or_insert_default().extend(quoted);
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '#' if word.is_none() => drop(chars.by_ref().find(|c| *c == '\n').map(|_| commands.push(Vec::new()))),
            '>' => {
                // the number of a stream is no argument
                word = word.filter(|word| !word.chars().all(|c| c.is_ascii_digit()));
                end_word(&mut word, &mut is_target, &mut commands);
                is_target = true;
            }
            '|' | ';' | '&' | '\n' => {
                end_word(&mut word, &mut is_target, &mut commands);
                commands.push(Vec::new());
            }
            c if c.is_whitespace() => end_word(&mut word, &mut is_target, &mut commands),
            c => word.get_or_insert_default().push(c),
        }
    }
    end_word(&mut word, &mut is_target, &mut commands);
    commands.retain(|words| !words.is_empty());
    commands
}

#[test]
fn lines_are_read_as_a_shell_reads_them() {
    let script = "ee-outliers run --events 'a b' \\\n  -o \"x y\" # a comment\n\
        cat f | ee-outliers check --use-cases *.conf >> out 2> err && ee-outliers man\nmake > f; ee-outliers list\n";
    let found: Vec<String> = calls(script).iter().map(|words| words.join("/")).collect();
    assert_eq!(
        found,
        [
            "ee-outliers/run/--events/a b/-o/x y",
            "ee-outliers/check/--use-cases/*.conf",
            "ee-outliers/man",
            "ee-outliers/list"
        ]
    );
}
