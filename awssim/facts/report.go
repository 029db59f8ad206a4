package facts

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Verdicts of a fact.
const (
	Equal     = "equal"
	Different = "different"
	Unchecked = "cannot be checked"
)

// Report is what a run found.
type Report struct {
	Run       string         `json:"run"`
	Endpoint  string         `json:"endpoint"`
	Region    string         `json:"region"`
	Equal     int            `json:"equal"`
	Different int            `json:"different"`
	Unchecked int            `json:"cannotBeChecked"`
	Facts     []Result       `json:"facts"`
	Created   map[string]int `json:"created"`        // how many of each kind the run created
	Left      []string       `json:"left,omitempty"` // what could not be deleted, and why
}

// Result is what became of one fact.
type Result struct {
	Fact        string       `json:"fact"`
	Result      string       `json:"result"`
	Differences []Difference `json:"differences,omitempty"`
	Reason      string       `json:"reason,omitempty"` // why it cannot be checked
	Calls       int          `json:"steps"`
	Seconds     float64      `json:"seconds"`
	Waited      float64      `json:"waitedSeconds,omitempty"` // until the expected state: the lag
}

// Difference is one value that is not as the fact says.
type Difference struct {
	Step string `json:"step"`
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %q instead of %q", d.Step, d.What, d.Got, d.Want)
}

func (r *Report) count() {
	for _, f := range r.Facts {
		switch f.Result {
		case Equal:
			r.Equal++
		case Different:
			r.Different++
		case Unchecked:
			r.Unchecked++
		}
	}
}

// Write prints the report for people: what differs first, then what cannot be checked, then the sums.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Facts {
		if f.Result != Different {
			continue
		}
		fmt.Fprintf(&b, "different: %s\n", f.Fact)
		for _, d := range f.Differences {
			fmt.Fprintf(&b, "    %s: %s\n        fact:   %s\n        answer: %s\n", d.Step, d.What, d.Want, d.Got)
		}
	}
	for _, f := range r.Facts {
		if f.Result == Unchecked {
			fmt.Fprintf(&b, "cannot be checked: %s\n    %s\n", f.Fact, f.Reason)
		}
	}
	for _, f := range r.Facts {
		if f.Result == Equal && f.Waited >= 1 {
			fmt.Fprintf(&b, "took %.0f s: %s\n", f.Waited, f.Fact)
		}
	}
	fmt.Fprintf(&b, "run %s against %s in %s: %d equal, %d different, %d cannot be checked\n", r.Run, r.Endpoint,
		r.Region, r.Equal, r.Different, r.Unchecked)
	fmt.Fprintf(&b, "created: %s\n", counts(r.Created))
	if len(r.Left) == 0 {
		b.WriteString("left: nothing\n")
	}
	for _, x := range r.Left {
		fmt.Fprintf(&b, "left: %s\n", x)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// counts writes how many there are of each kind.
func counts(of map[string]int) string {
	if len(of) == 0 {
		return "nothing"
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		words = append(words, fmt.Sprintf("%s: %d", name, of[name]))
	}
	return strings.Join(words, ", ")
}
