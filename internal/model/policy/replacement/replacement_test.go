package replacement

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPolicyIsReadAndPrinted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		Policy
		printed string
	}{
		"allow":             {Policy{}, "allow"},
		" refuse ":          {Policy{Refuse: true}, "refuse"},
		"allow, keep = 90m": {Policy{Keep: 90 * time.Minute}, "allow,keep=1h30m0s"},
		"refuse,except=web-b,except=web-a,keep=0s": {Policy{Refuse: true, Except: []string{"web-a", "web-b"}},
			"refuse,except=web-a,except=web-b"},
		"refuse,except=web,except=web": {Policy{Refuse: true, Except: []string{"web"}}, "refuse,except=web"},
	} {
		got, err := Parse(text)
		if d := cmp.Diff(want.Policy, got); err != nil || d != "" || got.String() != want.printed {
			t.Errorf("%s: %v %q%s", text, err, got, d)
		}
		again, err := Parse(got.String())
		if d := cmp.Diff(got, again); err != nil || d != "" {
			t.Errorf("%s is not read again: %v%s", got, err, d)
		}
	}
}

func TestWhatIsWrongWithAPolicyIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 `"": unknown replacement policy: neither allow nor refuse`,
		"deny":             `"deny": unknown replacement policy: neither allow nor refuse`,
		"allow,except=web": `"except=web": without refuse, every load balancer may be replaced`,
		"refuse,except=":   `"except=": no name of a load balancer`,
		"refuse,except=" + strings.Repeat("a", 33): `"except=` + strings.Repeat("a", 33) + `": no name of a load balancer`,
		"allow,keep=soon":                          `"keep=soon": no duration from 0s to 720h0m0s`,
		"allow,keep=-1s":                           `"keep=-1s": no duration from 0s to 720h0m0s`,
		"allow,keep=721h":                          `"keep=721h": no duration from 0s to 720h0m0s`,
		"allow,keep=1h,keep=1h":                    `"keep=1h": a second duration`,
		"allow,":                                   `"": neither except=NAME nor keep=DURATION`,
		"allow,refuse":                             `"refuse": neither except=NAME nor keep=DURATION`,
		"refuse" + strings.Repeat(",except=a", 51): `"except=a": more than 50 names`,
	} {
		if _, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

func TestOnlyARefusalIsTighter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"refuse", "allow", true}, {"refuse,except=web", "allow,keep=1h", true}, {"allow", "refuse", false},
		{"refuse", "refuse,except=web", false}, {"refuse", "", false}, {"", "allow", false},
	} {
		if got := Tighter(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %t", c.a, c.b, got)
		}
	}
}

func TestAConsentIsForOneName(t *testing.T) {
	t.Parallel()
	p := Policy{Refuse: true, Except: []string{"web"}}
	if !p.Admits("web") || p.Admits("shop") || !(Policy{}).Admits("shop") {
		t.Error("a name too many or too few")
	}
}
