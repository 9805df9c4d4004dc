#!/usr/bin/env python3
"""Writes expected.json: Python's results for the files of corpus/, for whitelist patterns and for
numbers.

The dialects are those of Python 3.6 to 3.8. There, section names end at the first `]`, which later
versions changed. Patterns that use constructs of later versions are not in the list. Files that are
not text end in .bin. Run this script after changing the corpus; the tests themselves need no
Python.
"""

import configparser
import json
import pathlib
import re
import warnings

HERE = pathlib.Path(__file__).parent

PATTERNS = r"""
abc
^abc$
abc$
^.*teams\.exe.*$
a|bc
(a|b)c
(?:a|b)+c$
a.c
a{2}
a{2
a{x}
a{}
{a
a{1}{2}
[]a]+
[^]a]
[a-]
[-a]
[a\-z]$
[a&&b]$
[[:alpha:]]
[a~~b]$
[a||b]$
[\d\s]$
[^\W_]$
[b-a]
[a-\d]
[
]
}
(
)
a**
a*?
a+?b
*a
+
a|*
^*
(?=.*b)a
(?!a).
(?<=a)b
a(?<=a)b
a(?<!a)b
(?P<q>a)(?P=q)
(?P<q>a)(?P<q>b)
(?P<1>a)
(?P=q)
(?<q>a)
(a)\1
(a)\2
(\1)
\8
\0
\101
\400
\x41
\x4
\u0041
\u004
\U00000041
\e
\z
\Q
\p
\_
\-\.\/\"\'\!\@\#\%\&\=\~\`\;\:\<\>
[\-\.\/\"\'\!\@\#\%\&\=\~\`\;\:\<\>]$
\\
\
\d+$
\D$
\w+$
\W$
\s$
\S$
\bfoo\b
\Bfoo
fo\B
foo\Z
\Aabc
(?i)ABC
(?s)a.c
(?m)^b
(?m)a$
(?x) a b c # no
(?a)\w+$
(?u)\w+$
(?-i:a)
(?i-s:a)
(?s-i:a.c)
(?i-i:a)
(?L)a
(?y)a
(?
(?)
(?#comment)abc
(?#comment
(a)?(?(1)b|c)$
(?P<g>a)?(?(g)b|c)$
(?(1)a|b)
é
[à-ü]+$
straße
[^a]
[^\n]$
x*$
(a$)
a$|b$
a\Z|b
C:\\Windows\\.*\.exe$
\$\{jndi
""".strip("\n").split("\n")

TEXTS = [
    "", "a", "A", "b", "ab", "abc", "ABC", "abc\n", "abc\nd", "abcd", "aa", "aaa", "aab", "ac", "bc", "a\nc", "a\nb", "-", "z", "&",
    "]", "[", "~", "|", ":", "l", "a]", "a{2", "a{x}", "a{}", "{a", "}", "_", "-./\"'!@#%&=~`;:<>", "\\", "<", ">", "0", "7", "\u0663",
    "\u00b2", "\u00e9", "\u00c9", "\u00fc", "\u00dc", "stra\u00dfe", "STRASSE", "foo", "foo bar", "foo\n", " ", "\n", "\x1c", "\xa0",
    "\x00", "C:\\Windows\\Teams.EXE", "C:\\Windows\\x.exe -x", "${jndi:ldap", "x_9", "\u4e2d\u6587",
]

NUMBERS = [
    "1", " 12 ", "-7", "+7", "\x1c1", "1\x1f", "\xa01", "\u20281", "\x0b1\x0c", "1_0", "_1", "1_", "1__0", "00_1", "\u0663",
    "\u0663_\u0663", "\u0663.\u0665", "\u0663\u066b\u0665", "\uff11\uff12", "\U0001d7d9", "\u00bd", "\u00b2", "1_0.5_0", "1._5", "1_.5",
    "1e1_0", "1_e5", "1e+_5", "1.0", "1e3", "1E-3", "5.", ".5", ".", "1e", "e5", "0x10", "0b1", "+ 1", "", " ", "--1", "+-1", "1,5",
    "True", "12 - 13", "nan", "-NaN", "inf", "-Infinity", "infin", "1e400", "-1e400", "1e-400", "0.1", "123456789012345678",
    "-0", "-0.0", "\u0be7", "\u1811", "\U000104a1", "\U0001fbf1", "1\x00", "1 2", "1\u200b",
]


class Parser(configparser.RawConfigParser):
    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\]")


class Main(Parser):
    def optionxform(self, key):
        return key


def read(path, parser):
    try:
        with open(path, encoding="utf-8") as lines:
            parser.read_file(lines)
    except (configparser.Error, ValueError) as error:
        return {"error": type(error).__name__}
    return {"sections": [[name, parser.items(name)] for name in parser.sections()]}


def matches(pattern):
    """Returns one digit per text: 1 if it matches, 0 if not."""
    try:
        regex = re.compile(pattern, re.IGNORECASE)
    except re.error:
        return None
    return "".join("1" if regex.match(text) else "0" for text in TEXTS)


def number(text, convert):
    try:
        return repr(convert(text))
    except ValueError:
        return None


def main():
    warnings.simplefilter("ignore")
    files = {
        path.name: {"main": read(path, Main(strict=False)), "use_cases": read(path, Parser(strict=True))}
        for path in sorted((HERE / "corpus").iterdir())
    }
    expected = {
        "files": files,
        "texts": TEXTS,
        "patterns": [[pattern, matches(pattern)] for pattern in PATTERNS],
        "numbers": [[text, number(text, int), number(text, float)] for text in NUMBERS],
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


main()
