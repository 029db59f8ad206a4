package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/turns"
)

// ConfigMap is the name of the object with the report of the leader, in the controller's namespace.
const ConfigMap = "aws-lbc-doctor"

// The keys of the ConfigMap.
const (
	textKey    = "report.txt"
	reportKey  = "report.json"
	changedKey = "changed"
	omittedKey = "omitted"
)

// The bounds of a report that is stored.
const (
	mostFindings = 100
	mostEvidence = 5
	longestLine  = 300        // bytes
	largest      = 256 * 1024 // bytes of all values
)

// Same reports whether two reports say the same. Their sentences may differ, as they contain ages.
func (r Report) Same(other Report) bool {
	return r.Version == other.Version && r.Errors == other.Errors && r.Warnings == other.Warnings &&
		r.Notes == other.Notes && slices.Equal(r.Checks, other.Checks) && slices.EqualFunc(r.Findings, other.Findings,
		func(a, b Finding) bool {
			return a.Check == b.Check && a.Severity == b.Severity && a.Object == b.Object && a.Remedy == b.Remedy &&
				slices.Equal(a.Evidence, b.Evidence)
		})
}

// Stored is a report as the leader stores it.
type Stored struct {
	Report

	Changed time.Time // when the report was written
	Omitted int       // findings that are left out for the size of the object
}

// namespace is that of a finding's object; of what is in none, the name of the check.
func (f Finding) namespace() string {
	_, name, _ := strings.Cut(f.Object, " ")
	if namespace, _, ok := strings.Cut(name, "/"); ok {
		return namespace
	}
	return f.Check
}

// Store returns a report as it is stored: bounded, with the errors first. If there are too many findings, namespaces
// take turns, so that those of one hide none of another. The numbers of errors, warnings and notes count all findings.
func Store(r Report, at time.Time) Stored {
	s := Stored{Report: r, Changed: at.UTC().Truncate(time.Second)}
	s.Findings = make([]Finding, 0, min(len(r.Findings), mostFindings))
	for _, f := range turns.Take(r.Findings, mostFindings, Finding.namespace) {
		f.Object, f.Text, f.Remedy = line(f.Object), line(f.Text), line(f.Remedy)
		evidence := make([]string, 0, mostEvidence)
		for _, e := range f.Evidence[:min(len(f.Evidence), mostEvidence)] {
			evidence = append(evidence, line(e))
		}
		if more := len(f.Evidence) - len(evidence); more > 0 {
			evidence[mostEvidence-1] = fmt.Sprintf("and %d more", more+1)
		}
		if f.Evidence = evidence; len(evidence) == 0 {
			f.Evidence = nil
		}
		s.Findings = append(s.Findings, f)
	}
	for {
		s.Omitted = len(r.Findings) - len(s.Findings)
		size := 0
		for _, value := range s.Data() {
			size += len(value)
		}
		if size <= largest || len(s.Findings) == 0 {
			return s
		}
		s.Findings = turns.Take(s.Findings, len(s.Findings)/2, Finding.namespace)
	}
}

// line is a text on one line of bounded length.
func line(text string) string {
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text), "?")
	if len(text) <= longestLine {
		return text
	}
	return strings.ToValidUTF8(text[:longestLine-len("…")], "") + "…"
}

// Data returns the content of the ConfigMap.
func (s Stored) Data() map[string]string {
	var text, document bytes.Buffer
	e := json.NewEncoder(&document)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	_ = e.Encode(s.Report)        // strings and numbers, which can be encoded, into memory
	_ = s.Text(&text, false, nil) // into memory
	return map[string]string{
		textKey: text.String(), reportKey: document.String(), changedKey: s.Changed.Format(time.RFC3339),
		omittedKey: fmt.Sprint(s.Omitted),
	}
}

// refreshed is how old the sentences of a stored report may become, which contain ages.
const refreshed = time.Hour

// Replaces reports whether the report is to be written in the place of what a ConfigMap has: if it says something else,
// or its sentences have become old.
func (s Stored) Replaces(data map[string]string) bool {
	was, err := Load(data)
	if err != nil || !was.Same(s.Report) || was.Omitted != s.Omitted {
		return true
	}
	return s.Changed.Sub(was.Changed) >= refreshed && s.Data()[reportKey] != data[reportKey]
}

// Load reads the content of the ConfigMap.
func Load(data map[string]string) (s Stored, err error) {
	if err := json.Unmarshal([]byte(data[reportKey]), &s.Report); err != nil {
		return s, fmt.Errorf("key %s is not a report of a leader: %w", reportKey, err)
	}
	if s.Changed, err = time.Parse(time.RFC3339, data[changedKey]); err != nil {
		return s, fmt.Errorf("key %s is not a time: %w", changedKey, err)
	}
	if _, err := fmt.Sscan(data[omittedKey], &s.Omitted); err != nil {
		return s, fmt.Errorf("key %s is not a number: %w", omittedKey, err)
	}
	return s, nil
}

// Age returns how long ago a report was written, in words.
func (s Stored) Age(now time.Time) string { return Age(max(0, now.Sub(s.Changed))) }
