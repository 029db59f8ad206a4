package pages

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Substituted stands in a word for what a command between $( and ) prints.
const Substituted = "SUBSTITUTED"

// keywords are words of the shell before which or after which a command begins.
var keywords = []string{"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "{", "}", "!",
	"time", "exec"}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// Split returns the commands of a shell script as words without quotes, those within substitutions included.
// Redirections, variables that are set, comments and keywords are left out; loops over words and documents that are
// typed in (<<) are not known.
func Split(script string) ([][]string, error) {
	s := splitter{rest: []rune(script)}
	err := s.script(0)
	return s.out, err
}

type splitter struct {
	rest    []rune
	out     [][]string
	words   []string
	word    strings.Builder
	open    bool // word has begun, and may be empty
	discard bool // the next word is the file of a redirection
}

// script reads commands up to the end, or up to the closing character.
func (s *splitter) script(closing rune) error {
	for len(s.rest) > 0 {
		r := s.next()
		switch {
		case r == closing && closing != 0:
			s.endCommand()
			return nil
		case r == ' ' || r == '\t':
			s.endWord()
		case strings.ContainsRune("\n;|&()", r):
			s.endCommand()
		case r == '#' && !s.open:
			for len(s.rest) > 0 && s.rest[0] != '\n' {
				s.next()
			}
		case r == '<' || r == '>':
			s.redirect()
		case r == '\\':
			if next := s.next(); next != '\n' {
				s.write(next)
			}
		case r == '\'':
			s.open = true
			for {
				if len(s.rest) == 0 {
					return errors.New("a quote does not end")
				}
				c := s.next()
				if c == '\'' {
					break
				}
				s.write(c)
			}
		case r == '"':
			if err := s.quoted(); err != nil {
				return err
			}
		case r == '$':
			if err := s.substitute(); err != nil {
				return err
			}
		default:
			s.write(r)
		}
	}
	if closing != 0 {
		return errors.New("a substitution does not end")
	}
	s.endCommand()
	return nil
}

func (s *splitter) quoted() error {
	s.open = true
	for len(s.rest) > 0 {
		switch r := s.next(); r {
		case '"':
			return nil
		case '\\':
			if c := s.next(); c != '\n' {
				s.write(c)
			}
		case '$':
			if err := s.substitute(); err != nil {
				return err
			}
		default:
			s.write(r)
		}
	}
	return errors.New("a quote does not end")
}

// substitute reads what follows a $: a command between parentheses, or the name of a variable, which stays.
func (s *splitter) substitute() error {
	if len(s.rest) == 0 || s.rest[0] != '(' {
		s.write('$')
		return nil
	}
	s.next()
	inner := splitter{rest: s.rest}
	if err := inner.script(')'); err != nil {
		return err
	}
	s.rest = inner.rest
	s.out = append(s.out, inner.out...)
	s.word.WriteString(Substituted)
	s.open = true
	return nil
}

// redirect leaves out a redirection. The number before it is the descriptor.
func (s *splitter) redirect() {
	if w := s.word.String(); w == "1" || w == "2" {
		s.word.Reset()
		s.open = false
	}
	s.endWord()
	for len(s.rest) > 0 && (s.rest[0] == '>' || s.rest[0] == '&') {
		s.next()
	}
	s.discard = true
}

func (s *splitter) next() rune {
	if len(s.rest) == 0 {
		return '\n'
	}
	r := s.rest[0]
	s.rest = s.rest[1:]
	return r
}

func (s *splitter) write(r rune) {
	s.word.WriteRune(r)
	s.open = true
}

func (s *splitter) endWord() {
	if !s.open {
		return
	}
	w := s.word.String()
	s.word.Reset()
	s.open = false
	switch {
	case s.discard:
		s.discard = false
	case len(s.words) == 0 && (slices.Contains(keywords, w) || assignment.MatchString(w)):
	default:
		s.words = append(s.words, w)
	}
}

func (s *splitter) endCommand() {
	s.endWord()
	s.discard = false
	if len(s.words) > 0 {
		s.out = append(s.out, s.words)
	}
	s.words = nil
}
