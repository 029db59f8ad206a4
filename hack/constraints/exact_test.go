package constraints

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// texts are values of any condition or action, some of which AWS refuses at some of them.
var texts = []string{"", "a", "A", "*", "?", ".", "a.", ".com", "*.com", "a.*", "a.c?m", "intranet", "app.v2",
	"10.0.0.1", "a.example.com", "A.Example.COM", "*.example.com", "a-b.example.com", "a.example.com.", "a_b.example.com",
	"a.example.com:80", "xn--bcher-kva.xn--p1ai", "/", "/a", "/a/*", "/a b", "/a%20b", "/A?b=c", "/#{path}",
	"/#{path}/#{path}", "/#{host}/#{path}", "#{host}", "#{port}",
	"#{protocol}", "#{query}", "?a=b", "a=b", "HTTP", "HTTPS", "https",
	"80", "0", "65535", "65536", "080", "GET", "get", "M-SEARCH", "A1", "10.0.0.0/8", "10.0.0.1/8", "2001:db8::/32",
	"255.255.255.255/32", "0.0.0.0/0", "10.0.0.0/33", "Host", "X-Name", "x y", "ä", "\"q\"", "(", "^/a(b)?$", "(?!a)",
	strings.Repeat("a", 40), strings.Repeat("a", 41), strings.Repeat("a", 128), strings.Repeat("a", 129),
	strings.Repeat("a", 124) + ".com", strings.Repeat("a", 125) + ".com", "/" + strings.Repeat("a", 127),
	"/" + strings.Repeat("a", 128), strings.Repeat("ä", 128), strings.Repeat("a", 1024), strings.Repeat("a", 1025)}

// exactly requires that the simulator refuses what the table refuses, and nothing else.
func (b *bench) exactly(what any, table string, err error) (refused bool) {
	b.Helper()
	switch {
	case (err != nil) != (table != ""):
		b.Errorf("%+v: the table says %q, the simulator %v", what, table, err)
	case err != nil && awsclient.Classify(err).Class != "invalid" && awsclient.Classify(err).Class != "not found":
		b.Errorf("%+v: the simulator does not refuse it as invalid: %v", what, err)
	}
	return err != nil
}

// TestSimulatorRefusesExactlyTheConditions has each text as a value of each field.
func TestSimulatorRefusesExactlyTheConditions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	refused, taken := 0, 0
	for _, v := range texts {
		conditions := []stack.Condition{
			{Field: stack.HTTPHeader, HeaderName: v, Values: []string{"a"}},
			{Field: stack.HTTPHeader, HeaderName: "X-A", Values: []string{v}},
			{Field: stack.HTTPHeader, HeaderName: "X-A", Regex: []string{v}},
			{Field: stack.HostHeader, Regex: []string{v}}, {Field: stack.PathPattern, Regex: []string{v}},
			{Field: stack.QueryString, Query: []stack.QueryValue{{Key: v, Value: "a"}}},
			{Field: stack.QueryString, Query: []stack.QueryValue{{Key: "a", Value: v}}},
		}
		for _, f := range []stack.ConditionField{stack.HostHeader, stack.PathPattern, stack.RequestMethod, stack.SourceIP} {
			conditions = append(conditions, stack.Condition{Field: f, Values: []string{v}})
		}
		for _, c := range conditions {
			all := []stack.Condition{c}
			if b.exactly(c, constraint.OfConditions(all), b.fresh(all, []stack.Action{b.forward()}, nil)) {
				refused++
			} else {
				taken++
			}
		}
	}
	if refused < 100 || taken < 100 {
		t.Errorf("%d refused, %d taken", refused, taken)
	}
}

// fresh creates a rule as rule does, and deletes it.
func (b *bench) fresh(conditions []stack.Condition, actions []stack.Action, transforms []stack.Transform) error {
	b.priority++
	out, err := b.output(awsop.CreateRule{Priority: b.priority, Rule: stack.Rule{
		Listener: stack.Literal(stack.KindListener, b.secure), Conditions: conditions, Actions: actions,
		Transforms: transforms}})
	if err == nil {
		b.must(b.write(awsop.DeleteRule{Rule: stack.Literal(stack.KindRule, out.ID)}))
	}
	return err
}

// TestSimulatorRefusesExactlyTheActions has each text as each part of a redirect, a fixed response, a login and a
// rewrite, and forwards with weights and stickiness.
func TestSimulatorRefusesExactlyTheActions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	refused, taken := 0, 0
	try := func(a stack.Action, x ...stack.Transform) {
		actions := []stack.Action{a}
		if a.Forward == nil && a.Redirect == nil && a.FixedResponse == nil {
			actions = append(actions, b.forward())
		}
		table := cmp.Or(constraint.OfActions([]stack.Action{a}, x), constraint.OfAnswering(constraint.Answering{
			Protocol: "HTTPS", Action: a}))
		if b.exactly(fmt.Sprintf("%+v %+v %+v", a.Type, a, x), table, b.fresh(path, actions, x)) {
			refused++
		} else {
			taken++
		}
	}
	for _, v := range texts {
		for _, r := range redirectsWith(v) {
			try(stack.Action{Type: stack.ActionRedirect, Redirect: &r})
		}
		for _, f := range []stack.FixedResponse{{StatusCode: "200", MessageBody: v},
			{StatusCode: "404", ContentType: v}, {StatusCode: "40" + v}} {
			try(stack.Action{Type: stack.ActionFixedResponse, FixedResponse: &f})
		}
		for _, j := range tokensWith(v) {
			try(stack.Action{Type: stack.ActionValidateJWT, JWT: &j})
		}
		for _, r := range []stack.Rewrite{{Regex: v, Replace: "a"}, {Regex: "a", Replace: v}} {
			try(b.forward(), stack.Transform{Type: "url-rewrite", Rewrites: []stack.Rewrite{r}})
		}
		for _, s := range []stack.Session{{OnUnauthenticated: v}, {Scope: v}, {Cookie: v}} {
			s.TimeoutSeconds = 60
			try(stack.Action{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{
				UserPoolARN: "arn:aws:cognito-idp:us-west-2:1:userpool/us-west-2_a", UserPoolClientID: "a", UserPoolDomain: "a",
				Session: s}})
		}
	}
	for _, groups := range [][]string{{b.target}, {b.target, b.target}, {b.target, b.group("HTTPS")}} {
		for _, weight := range []int32{-1, 0, 1, 999, 1000} {
			for _, seconds := range []int32{-1, 1, 604800, 604801} {
				f := &stack.Forward{Stickiness: &stack.Stickiness{Enabled: true, DurationSeconds: seconds}}
				for _, arn := range groups {
					f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{Weight: &weight,
						TargetGroup: stack.Literal(stack.KindTargetGroup, arn)})
				}
				try(stack.Action{Type: stack.ActionForward, Forward: f})
			}
		}
	}
	if refused < 100 || taken < 100 {
		t.Errorf("%d refused, %d taken", refused, taken)
	}
}

// redirectsWith are redirects with a text as each of their parts.
func redirectsWith(v string) []stack.Redirect {
	const found = "HTTP_302"
	return []stack.Redirect{
		{StatusCode: found, Host: v}, {StatusCode: found, Path: v}, {StatusCode: found, Query: v},
		{StatusCode: found, Port: v}, {StatusCode: found, Host: "b.example.com", Query: v},
		{StatusCode: found, Host: "b.example.com", Protocol: v, Port: "443"},
		{StatusCode: found, Host: "b.example.com", Port: v}, {StatusCode: found, Host: "b.example.com", Path: v},
	}
}

// tokensWith are validations of tokens with a text as each of their parts.
func tokensWith(v string) (out []stack.ValidateJWT) {
	const endpoint = "https://id.example.com/keys"
	claim := func(c stack.Claim) stack.ValidateJWT {
		return stack.ValidateJWT{JWKSEndpoint: endpoint, Issuer: "a", Claims: []stack.Claim{c}}
	}
	return append(out, stack.ValidateJWT{JWKSEndpoint: endpoint, Issuer: v},
		stack.ValidateJWT{JWKSEndpoint: endpoint + v, Issuer: "a"},
		claim(stack.Claim{Name: "a", Format: "single-string", Values: []string{v}}),
		claim(stack.Claim{Name: "a", Format: v, Values: []string{"a"}}))
}

// TestSimulatorRefusesExactlyTheForwardings has target groups of each protocol and version at listeners of each
// protocol.
func TestSimulatorRefusesExactlyTheForwardings(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, kind := range []stack.LoadBalancerType{stack.Application, stack.Network} {
		for _, listener := range []string{"HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"} {
			b := newBench(t)
			for _, protocol := range []string{"HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"} {
				for _, version := range []string{"", "HTTP1", "HTTP2", "GRPC"} {
					for _, family := range []string{stack.IPv4, stack.IPv6} {
						f := constraint.Forwarding{Type: kind, Protocol: listener, Port: 8000, IPAddressType: stack.IPv4,
							TargetGroup: stack.TargetGroup{Name: "t", Protocol: protocol, TargetType: stack.TargetIP, Port: 80,
								ProtocolVersion: version, IPAddressType: family}}
						if constraint.OfTargetGroup(f.TargetGroup) != "" {
							continue
						}
						f.Port += b.priority
						if b.exactly(f, constraint.OfForwarding(f), b.forwarding(fmt.Sprint("f", b.priority), f)) {
							refused++
						}
						b.priority++
					}
				}
			}
		}
	}
	if refused < 50 {
		t.Errorf("%d are refused", refused)
	}
}

// TestTableHasEachSSLPolicyOfTheSimulator compares the names. One without a row costs a call.
func TestTableHasEachSSLPolicyOfTheSimulator(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	out, err := b.sim.Balancing.DescribeSSLPolicies(b.Context(), &elbv2.DescribeSSLPoliciesInput{})
	b.must(err)
	var all []string
	for _, p := range out.SslPolicies {
		all = append(all, aws.ToString(p.Name))
	}
	if d := cmp.Compare(len(all), len(constraint.SSLPolicies)); d != 0 || len(all) == 0 {
		t.Errorf("%d of AWS, %d in the table", len(all), len(constraint.SSLPolicies))
	}
	for _, name := range all {
		if !slices.Contains(constraint.SSLPolicies, name) {
			t.Errorf("the table lacks %s", name)
		}
	}
}
