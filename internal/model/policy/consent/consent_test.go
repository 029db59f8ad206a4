package consent

import (
	"strings"
	"testing"
)

const payroll = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/payroll/0123456789abcdef"

func TestFlagAndTagConsent(t *testing.T) {
	t.Parallel()
	const arns = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"
	for _, c := range []struct {
		flag, tag, namespace string
		want                 Degree
	}{
		{"", "", "shop", None},
		{"none", "", "shop", None},
		{"*", "", "shop", Cluster},
		{"shop=*", "", "shop", Namespace},
		{"shop=*", "", "other", None},
		{"payroll", "", "shop", Cluster},
		{"payrol", "", "shop", None},
		{"ayroll", "", "shop", None},
		{"pay*", "", "shop", Cluster},
		{"*roll", "", "shop", Cluster},
		{"Payroll", "", "shop", None},
		{"shop=payroll", "", "shop", Namespace},
		{"shop=payroll", "", "shops", None},
		{"payroll,shop=payroll", "", "shop", Namespace},
		{"shop=none", "", "shop", None}, // refused by Parse
		{payroll, "", "shop", Cluster},
		{"shop=" + payroll, "", "shop", Namespace},
		{arns + "app/payroll/*", "", "shop", Cluster},
		{arns + "net/payroll/*", "", "shop", None},
		{"arn:aws:elasticloadbalancing:us-west-2:210987654321:loadbalancer/app/payroll/*", "", "shop", None},
		{"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/payroll/*", "", "shop", None},
		{arns + "app/payroll/fedcba9876543210", "", "shop", None},

		{"", "demo", "shop", Cluster},
		{"", "demo/shop", "shop", Namespace},
		{"", "demo/shop", "other", None},
		{"", "demo/shop other", "other", None},
		{"", "demo/other demo/shop", "shop", Namespace},
		{"", "demo demo/shop", "shop", Namespace},
		{"", "demo demo/shop", "other", Cluster},
		{"", "Demo", "shop", None},
		{"", "demo/", "shop", None},
		{"", "demo/*", "shop", None},
		{"", "*", "shop", None},
		{"", "demo-2", "shop", None},
		{"", "demo,other", "shop", None},
		{"", "true", "shop", None},
		{"", "demo/shop/web", "shop", None},
		{"payroll", "demo/shop", "shop", Namespace},

		{"shop=payroll", "demo/shop", "", None}, // of an object without a namespace
		{"payroll", "", "", Cluster},
	} {
		b, err := Parse(strings.Split(c.flag, ","))
		if err != nil && c.flag != "shop=none" {
			t.Fatal(err)
		}
		if got := b.Of("demo", c.namespace, Balancer{payroll, "payroll", c.tag}); got != c.want {
			t.Errorf("flag %q, tag %q, namespace %q: %d, want %d", c.flag, c.tag, c.namespace, got, c.want)
		}
	}
}

func TestNoClusterHasNoConsent(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"", " ", "/shop"} {
		if got := Tagged(tag, "", "shop"); got != None {
			t.Errorf("%q: %d", tag, got)
		}
	}
}

func TestEmptyBalancerHasNoConsent(t *testing.T) {
	t.Parallel()
	b, err := Parse([]string{"*", "shop=*"})
	if got := b.Of("demo", "shop", Balancer{}); err != nil || got != None {
		t.Error(got, err)
	}
}

func TestParseRefusesPatternsWithoutMeaning(t *testing.T) {
	t.Parallel()
	for _, item := range []string{
		"shop=", "Shop=payroll", "shop=none", "pay roll", "pay_roll", "arn:aws:iam::222222222222:role/targets",
		"app/payroll/0123456789abcdef", "shop/payroll",
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/payroll/0123456789abcdef", "=payroll",
	} {
		if _, err := Parse([]string{item}); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(item, "shop=")) {
			t.Errorf("%q: %v", item, err)
		}
	}
}
