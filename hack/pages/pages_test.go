package pages

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestHeadingsHaveTheAnchorsThatForgesGiveThem(t *testing.T) {
	t.Parallel()
	for heading, want := range map[string]string{"Two words": "two-words", "What's `new`, in 3.5?": "whats-new-in-35",
		"a_b – c": "a_b--c"} {
		if got := new(Anchors).Next(heading); got != want {
			t.Errorf("%s: %s, want %s", heading, got, want)
		}
	}
	var a Anchors
	if first, second := a.Next("Notes"), a.Next("Notes"); first != "notes" || second != "notes-1" {
		t.Errorf("%s, %s", first, second)
	}
}

func TestBlocksAreFencedOrIndentedAlsoWithinLists(t *testing.T) {
	t.Parallel()
	page := "# Page\n\ntext\n    that goes on\n\n    one \\\n      --flag\n\n    two\n\n1. item\n\n       in the " +
		"item\n\n   its text\n\n```yaml\n# a.yaml\na: b\n```\n" +
		"- other\n\n  ```sh eventually\n  three\n  ```\n\nEnd.\n"
	want := []Block{
		{Line: 6, Text: "one \\\n  --flag\n\ntwo\n", Indented: true},
		{Line: 13, Text: "in the item\n", Indented: true},
		{Line: 18, Language: "yaml", Text: "# a.yaml\na: b\n"},
		{Line: 24, Language: "sh", Info: "eventually", Text: "three\n"},
	}
	got := Blocks(page)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if open := Blocks("```sh\nls\n"); len(open) != 1 || !open[0].Open {
		t.Errorf("%+v is not open", open)
	}
	if len(got) > 2 && got[2].File() != "a.yaml" {
		t.Errorf("the file is %q", got[2].File())
	}
}

func TestAScriptIsSplitIntoCommandsAsAShellDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   [][]string
	}{
		"lines":             {"a b\nc", [][]string{{"a", "b"}, {"c"}}},
		"a continued line":  {"a \\\n  b", [][]string{{"a", "b"}}},
		"quotes":            {`a 'b "c"' "d 'e'" f\ g ''`, [][]string{{"a", `b "c"`, "d 'e'", "f g", ""}}},
		"quotes over lines": {"a 'b\nc'\nd", [][]string{{"a", "b\nc"}, {"d"}}},
		"pipes and lists":   {"a | b && c; d & (e || f)", [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"f"}}},
		"comments":          {"a # b\n# c\nd#e", [][]string{{"a"}, {"d#e"}}},
		"redirections":      {"a > b 2>/dev/null c >>d 2>&1 <e", [][]string{{"a", "c"}}},
		"substitutions": {`a http://$(b "c $(d)")/ $e`, [][]string{{"d"}, {"b", "c " + Substituted},
			{"a", "http://" + Substituted + "/", "$e"}}},
		"a substitution between quotes": {`eval "$(a b)"`, [][]string{{"a", "b"}, {"eval", Substituted}}},
		"variables":                     {"A=b c=$(d) e f=g", [][]string{{"d"}, {"e", "f=g"}}},
		"functions and keywords": {"a() { b \"$@\"; }\nwhile ! c; do d; done", [][]string{{"a"}, {"b", "$@"},
			{"c"}, {"d"}}},
	} {
		if got, err := Split(c.script); err != nil || cmp.Diff(c.want, got) != "" {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	for script, want := range map[string]string{"a 'b": "a quote does not end", `a "b`: "a quote does not end",
		"a $(b": "a substitution does not end"} {
		if _, err := Split(script); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", script, err, want)
		}
	}
}

func TestCommandsOfAProgramAreFoundInBlocksAndText(t *testing.T) {
	t.Parallel()
	page := "Type `kubectl get lb`.\n\n    bin/playground kubectl get \\\n      pods -A | grep x\n\n```\n$ kubectl logs " +
		"x\nkubectl's output\n```\n\n```yaml\na: kubectl no\n```\n\n" +
		"```sh\nx=$(kubectl get y)\n```\n"
	got, err := Commands(fstest.MapFS{"README.md": {Data: []byte(page)}}, "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range got {
		all = append(all, c.String())
	}
	want := []string{"README.md:3: kubectl get pods -A", "README.md:7: kubectl logs x", "README.md:16: kubectl get y",
		"README.md:1: kubectl get lb"}
	if !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
	if got[3].Whole || !got[0].Whole {
		t.Errorf("%+v", got)
	}
}
