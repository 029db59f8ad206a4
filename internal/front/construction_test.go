package front

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestRulesInAWSOverruleDerivedConstruction compares what was derived with what stands in AWS.
func TestRulesInAWSOverruleDerivedConstruction(t *testing.T) {
	t.Parallel()
	none, compatible := awsop.Observed{}, awsop.Observed{LoadBalancers: []awsop.LoadBalancer{{}}}
	for name, test := range map[string]struct {
		observed awsop.Observed
		derived  rule.Construction
		want     rule.Construction
		differs  bool
	}{
		"the same":                           {compatible, rule.Compatible, rule.Compatible, false},
		"another one":                        {compatible, rule.Standard, rule.Compatible, true},
		"no load balancer, compatible":       {none, rule.Compatible, "", true},
		"no load balancer, standard":         {none, rule.Standard, "", false},
		"no load balancer, with plain hosts": {none, rule.PlainHosts, "", false},
	} {
		got, differs := OtherConstruction(stack.Key{}, test.observed, &compile.Config{}, test.derived)
		if got != test.want || differs != test.differs {
			t.Errorf("%s: %q, %t", name, got, differs)
		}
	}
}

// TestConstructionIsReadFromRulesInAWS has a Gateway that lost its annotation, by the hosts that its rules have on each
// port.
func TestConstructionIsReadFromRulesInAWS(t *testing.T) {
	t.Parallel()
	plain := stack.Condition{Field: stack.HostHeader, Values: []string{"a.test"}}
	expression := stack.Condition{Field: stack.HostHeader, Regex: []string{`^a\.test(:[0-9]+)?$`}}
	forward, refuse := []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{}}}, []stack.Action{
		{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "404"}}}
	on := func(listener string, c stack.Condition, actions []stack.Action) awsop.Rule {
		return awsop.Rule{Rule: stack.Rule{Listener: stack.Literal(stack.KindListener, listener),
			Conditions: []stack.Condition{c}, Actions: actions}}
	}
	for name, test := range map[string]struct {
		rules []awsop.Rule
		opens []stack.Permission // of the load balancer's security group
		none  bool               // AWS has no load balancer
		only  bool               // --existing-features-only
		want  rule.Construction
	}{
		"no load balancer":                         {none: true, want: ""},
		"no load balancer, existing features only": {none: true, only: true, want: rule.Compatible},
		"no rules": {want: rule.Compatible},
		"values": {rules: []awsop.Rule{on("80", plain, forward), on("8080", plain, forward)},
			want: rule.Compatible},
		"expressions on the default port": {rules: []awsop.Rule{on("80", expression, forward)}, want: rule.Standard},
		"expressions on another port":     {rules: []awsop.Rule{on("8080", expression, forward)}, want: rule.Standard},
		"values beside expressions on another port": {rules: []awsop.Rule{on("8080", expression, forward),
			on("80", plain, forward)}, want: rule.PlainHosts},
		"values that keep listeners apart": {rules: []awsop.Rule{on("80", plain, forward), on("80", plain, refuse)},
			want: rule.PlainHosts},
		"a group that admits a prefix list only": {opens: []stack.Permission{{PrefixList: "pl-1"}}, want: rule.PlainHosts},
		"a group that admits all addresses beside a prefix list": {
			opens: []stack.Permission{{PrefixList: "pl-1"}, {CIDR: "0.0.0.0/0"}}, want: rule.Compatible},
		"a long host beside expressions on the port": {
			rules: []awsop.Rule{on("80", plain, forward), on("80", expression, forward)}, want: rule.Standard},
	} {
		o := awsop.Observed{Rules: test.rules, SecurityGroups: []awsop.SecurityGroup{
			{SecurityGroup: stack.SecurityGroup{Ingress: test.opens}}}, Listeners: []awsop.Listener{
			{ARN: "80", Listener: stack.Listener{Protocol: "HTTP", Port: 80}},
			{ARN: "8080", Listener: stack.Listener{Protocol: "HTTP", Port: 8080}},
		}}
		if !test.none {
			o.LoadBalancers = []awsop.LoadBalancer{{}}
		}
		if got := ObservedConstruction(stack.Key{}, o, &compile.Config{ExistingFeaturesOnly: test.only}); got != test.want {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
}
