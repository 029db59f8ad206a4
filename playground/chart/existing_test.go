package chart

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// existingValue is a row of testdata/existing-values.yaml: a value of the existing chart.
type existingValue struct {
	Value    string         `json:"value"` // a dotted path
	Default  any            `json:"default"`
	Set      any            `json:"set"`      // an example
	With     map[string]any `json:"with"`     // values without which the example has no effect
	Together map[string]any `json:"together"` // values that make an effect only together: those of the example, too
	Effect   []string       `json:"effect"`   // what the existing chart renders of the example
	Differs  string         `json:"differs"`  // what differs here
	Told     string         `json:"told"`     // what the notes say of the example
}

func existingValues(t *testing.T) []existingValue {
	t.Helper()
	var rows []existingValue
	if err := yaml.UnmarshalStrict(must(os.ReadFile("testdata/existing-values.yaml")), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// valueAt returns the value at a dotted path; ok is false if there is none.
func valueAt(v map[string]any, path string) (found any, ok bool) {
	name, rest, deeper := strings.Cut(path, ".")
	found, ok = v[name]
	if !deeper || !ok {
		return found, ok
	}
	below, _ := found.(map[string]any)
	return valueAt(below, rest)
}

// setAt returns values in which the one at a dotted path is another.
func setAt(v map[string]any, path string, to any) map[string]any {
	out := maps.Clone(v)
	if out == nil {
		out = map[string]any{}
	}
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		out[name] = to
		return out
	}
	below, _ := out[name].(map[string]any)
	out[name] = setAt(below, rest, to)
	return out
}

// outcome is a line of differences as the rows have it: what is there afterwards.
func outcome(line string) string {
	sign, what := line[:1], container.Replace(line[2:])
	place, values, ok := strings.Cut(what, ": ")
	if _, after, changed := strings.Cut(values, " -> "); ok && changed {
		values = after
	}
	switch {
	case ok && values == "none":
		return place + ": removed"
	case ok:
		return place + ": " + values
	case sign == "-":
		return what + ": removed"
	}
	return what + ": added"
}

// isEmpty reports whether a value is not set, which an empty map, list and text also are.
func isEmpty(v any) bool {
	return slices.Contains([]string{"none", "{}", "[]", `""`}, value(v))
}

// TestValuesOfTheExistingChartDoTheSame holds each value of the existing chart to its default and its effect there.

func TestValuesOfTheExistingChartDoTheSame(t *testing.T) {
	t.Parallel()
	c := load(t)
	defaults := c.Values()
	for _, row := range existingValues(t) {
		t.Run(row.Value, func(t *testing.T) {
			t.Parallel()
			ours, ok := valueAt(defaults, row.Value)
			if !ok {
				t.Fatal("this chart lacks the value")
			}
			same := value(ours) == value(row.Default) || isEmpty(ours) && isEmpty(row.Default)
			if !same && row.Differs == "" {
				t.Errorf("default %s; the existing chart has %s", value(ours), value(row.Default))
			}
			before := base(row.With)
			after := setAt(base(row.With, row.Together), row.Value, row.Set)
			for _, upgrade := range []bool{false, true} {
				if r := render(t, c, after, Release{Upgrade: upgrade}); !strings.Contains(r.Notes, row.Told) {
					t.Errorf("upgrade %t: the notes lack %q:\n%s", upgrade, row.Told, r.Notes)
				}
			}
			var got []string
			for _, line := range differences(render(t, c, before, Release{}).Objects, render(t, c, after,
				Release{}).Objects) {
				got = append(got, outcome(line))
			}
			for _, want := range row.Effect {
				if !slices.ContainsFunc(got, func(line string) bool { return matches(line, want) }) {
					t.Errorf("the effect lacks\n%s\nin\n%s", want, strings.Join(got, "\n"))
				}
			}
		})
	}
}

// matches compares a line with a wanted one, in which … stands for any text.
func matches(line, want string) bool {
	parts := strings.Split(want, "…")
	if len(parts) == 1 {
		return line == want
	}
	for i, part := range parts {
		at := strings.Index(line, part)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		line = line[at+len(part):]
	}
	return true
}

// TestNoteNamesAutoscalerAtInstallAndUpgrade: whoever had an autoscaler keeps it, and is told what it does here.
func TestNoteNamesAutoscalerAtInstallAndUpgrade(t *testing.T) {
	t.Parallel()
	for _, upgrade := range []bool{false, true} {
		r := render(t, load(t), base(map[string]any{"autoscaling": map[string]any{"enabled": true}}),
			Release{Upgrade: upgrade})
		if !strings.Contains(r.Notes, "Only the leader reconciles") {
			t.Errorf("upgrade %t: %s", upgrade, r.Notes)
		}
		for _, o := range r.Objects {
			if o.GetKind() == "HorizontalPodAutoscaler" && o.GetAPIVersion() != "autoscaling/v2" {
				t.Errorf("version %s", o.GetAPIVersion())
			}
		}
	}
}
