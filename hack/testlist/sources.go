package testlist

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sources are the sources of the facts of a list.
type sources struct {
	defined map[string]string
	used    map[string]bool
	from    []string // keys, of the lines that follow
}

// declare reads a line that begins with @.
func (s *sources) declare(text string) error {
	what, rest, _ := strings.Cut(text, " ")
	key, source, _ := strings.Cut(strings.TrimSpace(rest), " ")
	switch {
	case what == "@define" && source != "":
		if s.defined[key] != "" {
			return fmt.Errorf("source %s is defined already", key)
		}
		s.defined[key] = strings.TrimSpace(source)
	case what == "@from" && key != "":
		s.from = strings.Fields(rest)
	default:
		return errors.New("write @define KEY SOURCE or @from KEY")
	}
	return nil
}

// named are the sources with those keys.
func (s *sources) named(keys []string) ([]string, error) {
	var all []string
	for _, key := range keys {
		if s.defined[key] == "" {
			return nil, fmt.Errorf("no source %s is defined", key)
		}
		s.used[key] = true
		all = append(all, s.defined[key])
	}
	return all, nil
}

// idle complains of sources that no line is from.
func (s *sources) idle() error {
	for key := range s.used {
		delete(s.defined, key)
	}
	if len(s.defined) == 0 {
		return nil
	}
	return fmt.Errorf("no line is from %s", strings.Join(slices.Sorted(maps.Keys(s.defined)), ", "))
}
