package iamroles

import (
	"strings"
	"testing"
)

func TestAnAllowListAdmitsRolesByPatternAndNamespace(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::222222222222:role/lbc/targets"
	for _, c := range []struct {
		list      string // separated by blanks
		namespace string
		role      string
		want      bool
	}{
		{"*", "shop", role, true},
		{"", "shop", role, false},
		{"none", "shop", role, false},
		{role, "shop", role, true},
		{role, "shop", role + "-admin", false},
		{"arn:aws:iam::222222222222:role/lbc/*", "shop", role, true},
		{"arn:aws:iam::222222222222:role/lbc/*", "shop", "arn:aws:iam::222222222222:role/admin", false},
		{"arn:aws:iam::222222222222:role/lbc/*", "shop", "arn:aws:iam::333333333333:role/lbc/targets", false},
		{"arn:aws:iam::*:role/*-targets", "shop", "arn:aws:iam::333333333333:role/x-targets", true},
		{"arn:aws:iam::*:role/*-targets", "shop", "arn:aws:iam::333333333333:role/targets", false},
		{"arn:aws:iam::*:role/a*b*a", "shop", "arn:aws:iam::333333333333:role/aba", true},
		{"arn:aws:iam::*:role/a*b*a", "shop", "arn:aws:iam::333333333333:role/ab", false},
		{"shop=" + role, "shop", role, true},
		{"shop=" + role, "other", role, false},
		{"shop=*", "shop", role, true},
		{"shop=* arn:aws:iam::222222222222:role/a=b", "other", "arn:aws:iam::222222222222:role/a=b", true},
		{"other=* " + role, "shop", role, true},
	} {
		roles, err := Parse(strings.Split(c.list, " "))
		if err != nil {
			t.Fatal(err)
		}
		if got := roles.Allow(c.namespace, c.role); got != c.want {
			t.Errorf("%q allows %s to name %s: %t", c.list, c.namespace, c.role, got)
		}
		if roles.Unlimited() != (c.list == "*") {
			t.Errorf("%q is unlimited: %t", c.list, roles.Unlimited())
		}
	}
}

func TestAnAllowListWithoutMeaningIsRefused(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"targets", "arn:aws:iam::222222222222:user/ann", "shop=", "Shop=*",
		"shop=targets", "role/*"} {
		if _, err := Parse([]string{item}); err == nil || !strings.Contains(err.Error(), item) {
			t.Errorf("%q: %v", item, err)
		}
	}
}

func TestRolesAndExternalIDsHaveTheFormsOfSTS(t *testing.T) {
	t.Parallel()
	for role, account := range map[string]string{
		"arn:aws:iam::222222222222:role/targets":        "222222222222",
		"arn:aws-cn:iam::222222222222:role/path/to/it":  "222222222222",
		"arn:aws:iam::222222222222:user/targets":        "",
		"arn:aws:iam::2222:role/targets":                "",
		"arn:aws:iam::222222222222:role/":               "",
		"arn:aws:iam::222222222222:role/t\narn:aws:iam": "",
	} {
		if got, ok := Account(role); got != account || ok != (account != "") {
			t.Errorf("%q: %q %t", role, got, ok)
		}
	}
	for id, want := range map[string]bool{"ab": true, "a": false, "": false, "a b": false, "a:b/c@d": true,
		strings.Repeat("x", 1225): false} {
		if ExternalID(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}
