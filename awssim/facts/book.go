// Package facts runs facts about AWS against an endpoint: AWS itself, the simulator or another mock. A fact is
// data: calls or requests, and what AWS answers. The package uses AWS's SDK clients only and knows nothing of the
// simulator's inside.
//
// [Book] holds the facts, [Run] runs them, [NewPlan] says beforehand what a run creates, and [Clean] deletes what
// a run left.
package facts

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed book/*.yaml
var files embed.FS

// Book is the facts that can be run, and what they need.
type Book struct {
	Fixtures  map[string]Fixture `json:"fixtures,omitempty"`
	Templates map[string][]Step  `json:"templates,omitempty"`
	Facts     []Fact             `json:"facts,omitempty"`
}

// Fixture is something that several facts use. A run creates a fixture once, when the first fact needs it.
type Fixture struct {
	Needs []string `json:"needs,omitempty"`
	Steps []Step   `json:"steps"`
}

// Fact is one behaviour of AWS.
type Fact struct {
	Text     string         `json:"fact"`
	Case     string         `json:"case,omitempty"` // tells several facts of one row apart
	Needs    []string       `json:"needs,omitempty"`
	Template string         `json:"template,omitempty"` // steps of a template, in place of own steps
	Vars     map[string]any `json:"vars,omitempty"`     // values of ${NAME} in the steps
	Steps    []Step         `json:"steps,omitempty"`
}

// Title is the fact's text with its case.
func (f Fact) Title() string {
	if f.Case == "" {
		return f.Text
	}
	return f.Text + " (" + f.Case + ")"
}

// Step is one call of AWS, one HTTP request, or one exchange of bytes, with what is expected of the answer.
type Step struct {
	Call string         `json:"call,omitempty"` // "elbv2.CreateListener"
	With map[string]any `json:"with,omitempty"` // the call's parameters, by the API's names
	HTTP *Request       `json:"http,omitempty"`
	Raw  *Exchange      `json:"raw,omitempty"`

	Error  string            `json:"error,omitempty"`  // the error code that AWS answers; several are separated by "|"
	Expect map[string]any    `json:"expect,omitempty"` // path in the answer → value, see matches
	Save   map[string]string `json:"save,omitempty"`   // name → path in the answer, "PATH ~ REGEXP" for a part of the text
	Within string            `json:"within,omitempty"` // repeats the step until it is as expected, for at most this long
}

// Request is an HTTP request to a load balancer.
type Request struct {
	URL     string            `json:"url"`
	Method  string            `json:"method,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	HTTP2   bool              `json:"http2,omitempty"`
}

// Exchange is bytes that are sent over a connection to a load balancer, all at once, and what comes back until the
// peer closes, or until the answer matches Until.
type Exchange struct {
	Address string `json:"address"`
	Send    string `json:"send"`
	Until   string `json:"until,omitempty"` // regular expression
}

// Default returns the facts that this package has.
func Default() (*Book, error) { return Load(files) }

// Load reads a book from the YAML files of a file system.
func Load(fsys fs.FS) (*Book, error) {
	names, err := fs.Glob(fsys, "book/*.yaml")
	if err != nil {
		return nil, err
	}
	book := &Book{Fixtures: map[string]Fixture{}, Templates: map[string][]Step{}}
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var part Book
		if err := yaml.UnmarshalStrict(content, &part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		maps.Copy(book.Fixtures, part.Fixtures)
		maps.Copy(book.Templates, part.Templates)
		book.Facts = append(book.Facts, part.Facts...)
	}
	return book, book.check()
}

// check refuses facts that cannot run, whatever AWS answers.
func (b *Book) check() error {
	seen := map[string]bool{}
	for _, f := range b.Facts {
		if seen[f.Title()] {
			return fmt.Errorf("fact %q is there twice: set case", f.Title())
		}
		seen[f.Title()] = true
		steps := b.steps(f)
		if len(steps) == 0 {
			return fmt.Errorf("fact %q: no steps, and no template %q", f.Title(), f.Template)
		}
		if err := b.checkNeeds(f.Needs); err != nil {
			return fmt.Errorf("fact %q: %w", f.Title(), err)
		}
		if err := checkSteps(steps); err != nil {
			return fmt.Errorf("fact %q: %w", f.Title(), err)
		}
	}
	for name, fixture := range b.Fixtures {
		if err := b.checkNeeds(fixture.Needs); err != nil {
			return fmt.Errorf("fixture %q: %w", name, err)
		}
		if err := checkSteps(fixture.Steps); err != nil {
			return fmt.Errorf("fixture %q: %w", name, err)
		}
	}
	return nil
}

func (b *Book) checkNeeds(needs []string) error {
	for _, name := range needs {
		if _, ok := b.Fixtures[name]; !ok && name != needsTarget && name != needsOwnNetwork {
			return fmt.Errorf("no fixture %q", name)
		}
	}
	return nil
}

func checkSteps(steps []Step) error {
	for i, s := range steps {
		if s.forms() != 1 {
			return fmt.Errorf("step %d: write one of call, http and raw", i+1)
		}
		if s.Call != "" && !callExists(s.Call) {
			return fmt.Errorf("step %d: no call %s", i+1, s.Call)
		}
		if _, err := s.patience(); err != nil {
			return fmt.Errorf("step %d: within: %w", i+1, err)
		}
		for _, want := range s.Expect {
			if text, ok := want.(string); ok && strings.HasPrefix(text, "~") {
				if _, err := regexp.Compile(text[1:]); err != nil {
					return fmt.Errorf("step %d: %w", i+1, err)
				}
			}
		}
	}
	return nil
}

// forms is how many of call, http and raw a step has.
func (s Step) forms() int {
	n := 0
	for _, is := range []bool{s.Call != "", s.HTTP != nil, s.Raw != nil} {
		if is {
			n++
		}
	}
	return n
}

func (s Step) patience() (time.Duration, error) {
	if s.Within == "" {
		return 0, nil
	}
	return time.ParseDuration(s.Within)
}

// title names a step in a report.
func (s Step) title() string {
	switch {
	case s.HTTP != nil:
		return strings.TrimSpace(s.HTTP.Method + " " + s.HTTP.URL)
	case s.Raw != nil:
		return "exchange with " + s.Raw.Address
	}
	return s.Call
}

// steps are a fact's own steps or those of its template.
func (b *Book) steps(f Fact) []Step {
	if f.Template != "" {
		return b.Templates[f.Template]
	}
	return f.Steps
}

// Select returns the book with the facts whose title matches.
func (b *Book) Select(only *regexp.Regexp) *Book {
	selected := *b
	selected.Facts = slices.DeleteFunc(slices.Clone(b.Facts), func(f Fact) bool { return !only.MatchString(f.Title()) })
	return &selected
}

// fixtures are the names of what the facts need, each after what it needs itself.
func (b *Book) fixtures(facts []Fact) []string {
	var names []string
	var add func(needs []string)
	add = func(needs []string) {
		for _, name := range needs {
			if slices.Contains(names, name) {
				continue
			}
			add(b.Fixtures[name].Needs)
			names = append(names, name)
		}
	}
	for _, f := range facts {
		add(f.Needs)
	}
	return names
}
