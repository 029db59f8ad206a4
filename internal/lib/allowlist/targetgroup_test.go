package allowlist

import (
	"strings"
	"testing"
)

const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/0123456789abcdef"

func TestTargetGroupsByPatternAndNamespace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list, namespace string
		want            bool
	}{
		{"*", "shop", true},
		{"", "shop", false},
		{"none", "shop", false},
		{"web", "shop", true},
		{"we", "shop", false},
		{"w*b", "shop", true},
		{"shop=web", "shop", true},
		{"shop=web", "blog", false},
		{"blog=* shop=w*", "shop", true},
		{arn, "shop", true},
		{"arn:aws:elasticloadbalancing:*:*:targetgroup/web/*", "shop", true},
		{"arn:aws:elasticloadbalancing:*:*:targetgroup/we/*", "shop", false},
		{"shop=arn:aws:elasticloadbalancing:*:*:targetgroup/web/*", "blog", false},
	} {
		l, err := TargetGroups(strings.Split(c.list, " "))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Allow(c.namespace, "web", arn); got != c.want {
			t.Errorf("%q allows namespace %s: %t", c.list, c.namespace, got)
		}
		if l.Unlimited() != (c.list == Any) {
			t.Errorf("%q is unlimited: %t", c.list, l.Unlimited())
		}
	}
}

func TestPatternsWithoutMeaningAreRefused(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"a b", "shop=", "Shop=*", "a_name", "10.0.0.0/8", strings.Repeat("x", 33)} {
		if _, err := TargetGroups([]string{item}); err == nil {
			t.Errorf("%q is taken", item)
		}
	}
}

func TestNothingIsAllowedWithoutName(t *testing.T) {
	t.Parallel()
	everything := List{{Pattern: Any}}
	if everything.Allow("shop", "", "") || !everything.Allow("shop", "", "x") {
		t.Error("what has no name is not told from what has one")
	}
}
