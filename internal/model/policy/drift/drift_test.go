package drift

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPoliciesAreReadFromTheirText(t *testing.T) {
	t.Parallel()
	all := func(p Policy) Policies {
		out := Policies{}
		for _, g := range Groups {
			out[g] = p
		}
		return out
	}
	mixed := all(Report)
	mixed[Tags], mixed[Rules] = Ignore, Correct
	for text, want := range map[string]Policies{
		"":                                  {},
		"correct":                           all(Correct),
		"report":                            all(Report),
		" ignore ":                          all(Ignore),
		"tags=ignore":                       {Tags: Ignore},
		"rules=correct, report,tags=ignore": mixed,
		"rules = report,":                   {Rules: Report},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestAPolicyThatIsNotUnderstoodIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Report":                   `"Report" is not a drift policy (correct, report, ignore)`,
		"tags=":                    `"" is not a drift policy`,
		"tag=report":               `"tag" is not a group of fields (rules, listeners, load-balancer, tags,`,
		"report,ignore":            `"ignore": "report" already sets the policy of all groups of fields`,
		"tags=ignore,tags=correct": `"tags=correct": group of fields tags already has policy ignore`,
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestPoliciesOfAnObjectComeBeforeTheDefault(t *testing.T) {
	t.Parallel()
	got := Policies{Tags: Ignore}.Over(Policies{Tags: Report, Rules: Report})
	if diff := cmp.Diff(Policies{Tags: Ignore, Rules: Report}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Of(Listeners) != Correct || got.Corrects() || !(Policies{Tags: Correct}).Corrects() {
		t.Error("a group without a policy is not corrected, or another one is")
	}
}
