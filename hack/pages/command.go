package pages

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Command is a command of a page: a program with its arguments.
type Command struct {
	Page      string
	Line      int // of the block
	Program   string
	Arguments []string
	Whole     bool // of a block; a command within a text may leave arguments out
}

func (c Command) String() string {
	return fmt.Sprintf("%s:%d: %s %s", c.Page, c.Line, c.Program, strings.Join(c.Arguments, " "))
}

// Commands returns the commands of a program in all pages. Those of kubectl include those that the
// playground passes on, and those of lbc include those of the plugin of kubectl.
func Commands(repository fs.FS, program string) ([]Command, error) {
	all, err := Read(repository)
	if err != nil {
		return nil, err
	}
	var out []Command
	for _, page := range slices.Sorted(maps.Keys(all)) {
		for _, b := range slices.Concat(Blocks(all[page]), Spans(all[page])) {
			found, err := commandsOf(b, program)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", page, b.Line, err)
			}
			for _, arguments := range found {
				whole := b.Indented || b.Language != "" || strings.Count(b.Text, "\n") > 1
				out = append(out, Command{page, b.Line, program, arguments, whole})
			}
		}
	}
	return out, nil
}

var prompt = regexp.MustCompile(`(?m)^\$ (.*)$`)

// shells are the languages of blocks that are commands. Blocks of no language are output, too.
var shells = []string{"", "sh", "console"}

func commandsOf(b Block, program string) (out [][]string, err error) {
	if !slices.Contains(shells, b.Language) || !strings.Contains(b.Text, program) {
		return nil, nil
	}
	text := b.Text
	if typed := prompt.FindAllStringSubmatch(text, -1); typed != nil {
		text = ""
		for _, m := range typed {
			text += m[1] + "\n"
		}
	}
	all, err := Split(text)
	if err != nil {
		if starts := regexp.MustCompile(`(?m)^(?:bin/)?` + regexp.QuoteMeta(program) + ` `); b.Language == "" &&
			!starts.MatchString(text) {
			return nil, nil // output, or a text that is not for the shell
		}
		return nil, err
	}
	for _, words := range all {
		name := path.Base(words[0])
		if through := name == "playground" && program == "kubectl" || name == "kubectl" && program == "lbc"; through &&
			len(words) > 1 && words[1] == program {
			words, name = words[1:], program
		}
		if name == program {
			out = append(out, words[1:])
		}
	}
	return out, nil
}
