package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// maxParameters bounds how much of a call's parameters a table row shows, so that a row fits in 140 columns.
const maxParameters = 58

// arnPrefix is the part of an ARN that is the same for all of an account.
var arnPrefix = regexp.MustCompile(`arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:`)

// Calls prints recorded calls, one a line. wide shows parameters and messages in full. The caller is shown if there was
// more than one, or wide is set.
func Calls(w io.Writer, calls []simclient.Call, wide bool) error {
	p := printer{w: w}
	if len(calls) == 0 {
		p.line("no calls")
		return p.err
	}
	callers := wide || slices.ContainsFunc(calls, func(c simclient.Call) bool { return c.Caller != calls[0].Caller })
	rows := [][]string{{"TIME", "CALL", "RESULT", "TOOK", "CALLER", "PARAMETERS"}}
	for _, c := range calls {
		rows = append(rows, []string{
			c.Time.Local().Format("15:04:05.000"), c.Service + " " + c.Action, result(c), rounded(c.Duration), c.Caller,
			parameters(c.Parameters, wide),
		})
	}
	if !callers {
		for i, r := range rows {
			rows[i] = slices.Delete(r, 4, 5)
		}
	}
	p.table(rows)
	if wide {
		for _, c := range calls {
			if c.Message != "" {
				p.line("%s %s: %s", c.Action, c.Code, c.Message)
			}
		}
	}
	return p.err
}

// Counts prints the number of calls of each action, most frequent first.
func Counts(w io.Writer, counts []gate.Count) error {
	p := printer{w: w}
	sort.SliceStable(counts, func(i, j int) bool { return counts[i].Calls > counts[j].Calls })
	rows := [][]string{{"CALLS", "FAILED", "ACTION", "CALLER"}}
	total := 0
	for _, c := range counts {
		rows = append(rows, []string{fmt.Sprint(c.Calls), fmt.Sprint(c.Failed), c.Service + " " + c.Action, c.Caller})
		total += c.Calls
	}
	p.table(rows)
	p.line("%d calls", total)
	return p.err
}

func result(c simclient.Call) string {
	switch {
	case c.Dropped:
		return "answer lost"
	case c.Code != "":
		return c.Code
	case c.Status == 0: // it was carried out, but the caller waited no longer
		return "no answer"
	}
	return "OK"
}

func rounded(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// parameters writes JSON without its noise: {"Names":["a"],"PageSize":1} as Names=[a] PageSize=1.
func parameters(raw json.RawMessage, wide bool) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return string(raw)
	}
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	var parts []string
	for _, n := range names {
		var value bytes.Buffer
		if json.Compact(&value, m[n]) != nil { // it was decoded above, so it is JSON
			continue
		}
		parts = append(parts, n+"="+strings.ReplaceAll(value.String(), `"`, ""))
	}
	text := strings.Join(parts, " ")
	if !wide {
		text = arnPrefix.ReplaceAllString(text, "")
	}
	if r := []rune(text); !wide && len(r) > maxParameters {
		text = string(r[:maxParameters]) + "…"
	}
	return text
}
