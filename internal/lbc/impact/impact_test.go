package impact

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// goldenCase is an edit of a stack that AWS has.
type goldenCase struct {
	about  string
	base   func() *stack.Stack         // nil = ALB; see alb and nlb
	before func(*stack.Stack)          // changes the base before AWS has it
	seen   func(*awsop.Observed)       // changes what is observed
	edit   func(*stack.Stack)          // the edit
	policy func(plan.Plan) plan.Plan   // changes the plan
	other  func(observed *stack.Stack) // a second stack that AWS does not have yet; it begins as a copy of the base
	opt    diff.Options
}

func TestEditsAreToldAsTheGoldenFiles(t *testing.T) {
	t.Parallel()
	for name, c := range goldenCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, text := c.run(t)
			r := Of(in)
			text = "# " + c.about + "\n" + text + "\n" + r.Text()
			var plans []plan.Plan
			for _, s := range in.Stacks {
				plans = append(plans, s.Plan)
			}
			for _, trigger := range Triggers(FailOn, plans, r) {
				text += "--fail-on " + trigger.Text() + "\n"
			}
			goldenfile.Compare(t, filepath.Join("testdata", name+".txt"), text)
		})
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != len(goldenCases()) {
		t.Errorf("%d golden files for %d cases (%v)", len(files), len(goldenCases()), err)
	}
}

// run plans the edit of a case.
func (c goldenCase) run(t *testing.T) (in Input, text string) {
	t.Helper()
	base := c.base
	if base == nil {
		base = alb
	}
	was := base()
	if c.before != nil {
		c.before(was)
	}
	obs := deployed(t, was)
	if c.seen != nil {
		c.seen(&obs)
	}
	is := base()
	if c.before != nil {
		c.before(is)
	}
	if c.edit != nil {
		c.edit(is)
	}
	p := diff.Stack(is, stack.Keep{}, obs.Clone(), c.opt)
	if c.policy != nil {
		p = c.policy(p)
	}
	in.Stacks = append(in.Stacks, Stack{Plan: p, Observed: obs, Bindings: is.Bindings})
	text = p.Text(plan.TextOptions{})
	if c.other != nil {
		other := base()
		c.other(other)
		none := awsop.Observed{Key: other.Key}
		p := diff.Stack(other, stack.Keep{}, none, c.opt)
		in.Stacks = append(in.Stacks, Stack{Plan: p, Observed: none, Bindings: other.Bindings})
		text += p.Text(plan.TextOptions{})
	}
	return in, text
}

// deployed is what AWS holds of a stack; all of it was read.
func deployed(t *testing.T, s *stack.Stack) awsop.Observed {
	t.Helper()
	none := awsop.Observed{Key: s.Key}
	if s.Empty() {
		return none
	}
	o := after(diff.Stack(s, stack.Keep{}, none, diff.Options{}), none)
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var out awsop.Observed
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "planned:", "arn:")), &out); err != nil {
		t.Fatal(err)
	}
	for i := range out.LoadBalancers {
		lb := &out.LoadBalancers[i]
		lb.Set(awsop.Read, awsop.PartTags, awsop.PartAttributes, awsop.PartListeners)
		lb.DNSName = lb.Name + "-1.elb.amazonaws.com"
	}
	for i := range out.Listeners {
		out.Listeners[i].Set(awsop.Read, awsop.PartAttributes, awsop.PartRules, awsop.PartCertificates)
	}
	for i := range out.TargetGroups {
		out.TargetGroups[i].Set(awsop.Read, awsop.PartTags, awsop.PartAttributes)
	}
	for _, r := range out.Rules {
		if o := r.Actions[0].OIDC; o != nil { // JSON has no credentials; AWS never returns the secret
			o.ClientID = stack.NewSecret("id", "")
		}
	}
	if again := diff.Stack(s, stack.Keep{}, out.Clone(), diff.Options{}); !again.Empty() {
		t.Fatalf("what AWS holds is not what is wanted:\n%s", again.Text(plan.TextOptions{}))
	}
	return out
}

// alb is an internet-facing ALB: port 443 with a login in front of /admin of shop.example.com, port 80 redirects.
func alb() *stack.Stack {
	s := &stack.Stack{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}},
		Cluster: "demo", VPC: "vpc-1"}
	s.SecurityGroups = []stack.SecurityGroup{
		{
			ID: stack.ManagedSecurityGroup, Name: "k8s-shop-web-1", Description: "managed",
			Ingress: []stack.Permission{tcp(443, "10.0.0.0/8"), tcp(80, "10.0.0.0/8")},
		},
		{ID: stack.BackendSecurityGroup, Name: "k8s-traffic-demo-1", Shared: true},
	}
	s.LoadBalancers = []stack.LoadBalancer{{
		ID: stack.LoadBalancerIdentity, Name: "k8s-shop-web-1", Type: stack.Application, Scheme: stack.InternetFacing,
		IPAddressType:  stack.IPv4,
		Subnets:        []stack.SubnetMapping{{Subnet: "subnet-a"}, {Subnet: "subnet-b"}},
		SecurityGroups: []stack.Ref{group(stack.ManagedSecurityGroup), group(stack.BackendSecurityGroup)},
	}}
	s.Listeners = []stack.Listener{
		listener("HTTP", 80, stack.Action{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS",
			Port: "443", StatusCode: "HTTP_301"}}),
		listener("HTTPS", 443, fixed("404")),
	}
	s.Rules = []stack.Rule{
		rule(443, 1, []stack.Action{oidc("https://idp.example.com"), forward("admin")}, host("shop.example.com"),
			path("/admin", "/admin/*")),
		rule(443, 2, []stack.Action{forward("front")}, host("shop.example.com"), path("/*")),
		rule(443, 3, []stack.Action{forward("office")}, host("office.example.com"),
			stack.Condition{Field: stack.SourceIP, Values: []string{"10.1.0.0/16"}}),
	}
	services(s, "admin", "front", "office")
	return s
}

// nlb is an internet-facing NLB without security groups, whose targets admit one range.
func nlb() *stack.Stack {
	s := &stack.Stack{Key: stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "mail"}},
		Cluster: "demo", VPC: "vpc-1"}
	s.LoadBalancers = []stack.LoadBalancer{{
		ID: stack.LoadBalancerIdentity, Name: "k8s-shop-mail-1", Type: stack.Network, Scheme: stack.InternetFacing,
		IPAddressType: stack.IPv4,
		Subnets:       []stack.SubnetMapping{{Subnet: "subnet-a", AllocationID: "eipalloc-1"}, {Subnet: "subnet-b"}},
	}}
	s.Listeners = []stack.Listener{listener("TCP", 25, forward("mail"))}
	services(s, "mail")
	s.TargetGroups[0].Protocol, s.TargetGroups[0].ProtocolVersion = "TCP", ""
	s.Bindings[0].Networking = []stack.NetworkingRule{{FromCIDRs: []string{"192.0.2.0/24"},
		Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "8080"}}}}
	return s
}

// protectedNLB is an internet-facing NLB with a managed security group.
func protectedNLB() *stack.Stack {
	s := nlb()
	s.SecurityGroups = []stack.SecurityGroup{{ID: stack.ManagedSecurityGroup, Name: "k8s-shop-mail-1",
		Description: "managed", Ingress: []stack.Permission{tcp(25, "192.0.2.0/24")}}}
	s.LoadBalancers[0].SecurityGroups = []stack.Ref{group(stack.ManagedSecurityGroup)}
	s.LoadBalancers[0].PrivateLinkRules = "on"
	s.Bindings[0].Networking = nil
	return s
}

func services(s *stack.Stack, names ...string) {
	for _, n := range names {
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{
			ID: n, Name: "tg-" + n, TargetType: stack.TargetIP, Port: 8080, Protocol: "HTTP", ProtocolVersion: "HTTP1",
			HealthCheck: stack.HealthCheck{Protocol: "TCP", Port: "traffic-port", IntervalSeconds: 15, TimeoutSeconds: 5,
				HealthyThreshold: 2, UnhealthyThreshold: 2},
		})
		s.Bindings = append(s.Bindings, stack.Binding{
			ID: n, Name: "tg-" + n, Namespace: "shop", TargetGroup: stack.Ref{Kind: stack.KindTargetGroup,
				ID: n}, TargetType: stack.TargetIP, Protocol: "HTTP",
			ServiceName: n, ServicePort: "80", IPAddress: stack.IPv4, VPC: "vpc-1",
		})
	}
}

func group(id string) stack.Ref { return stack.Ref{Kind: stack.KindSecurityGroup, ID: id} }

func tcp(port int32, cidr string) stack.Permission {
	p := rangeRule("tcp", cidr)
	p.FromPort, p.ToPort = port, port
	return p
}

func listener(protocol string, port int32, as ...stack.Action) stack.Listener {
	l := stack.Listener{ID: fmt.Sprint(port), LoadBalancer: stack.Ref{Kind: stack.KindLoadBalancer,
		ID: stack.LoadBalancerIdentity}, Port: port, Protocol: protocol, DefaultActions: as}
	if protocol == "HTTPS" {
		l.SSLPolicy, l.Certificates = "ELBSecurityPolicy-2016-08", []string{"arn:aws:acm:us-west-2:1:certificate/1"}
	}
	return l
}

func rule(port, order int, as []stack.Action, cs ...stack.Condition) stack.Rule {
	return stack.Rule{
		ID: fmt.Sprintf("%d:%d", port, order), Listener: stack.Ref{Kind: stack.KindListener,
			ID: fmt.Sprint(port)}, Order: int32(order), Conditions: cs, Actions: as,
	}
}

func host(values ...string) stack.Condition {
	return stack.Condition{Field: stack.HostHeader, Values: values}
}

func path(values ...string) stack.Condition {
	return stack.Condition{Field: stack.PathPattern, Values: values}
}

func forward(service string) stack.Action {
	return stack.Action{Type: stack.ActionForward,
		Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{weighted(service, nil)}}}
}

func weighted(service string, weight *int32) stack.WeightedTargetGroup {
	return stack.WeightedTargetGroup{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: service}, Weight: weight}
}

func fixed(status string) stack.Action {
	return stack.Action{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: status,
		ContentType: "text/plain"}}
}

func oidc(issuer string) stack.Action {
	return stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
		Issuer: issuer, AuthorizationEndpoint: issuer + "/a", TokenEndpoint: issuer + "/t", UserInfoEndpoint: issuer + "/u",
		ClientID: stack.NewSecret("id", ""), ClientSecret: stack.NewSecret("secret", ""), SecretName: "shop/oidc",
	}}
}

func jwt(claims ...string) stack.Action {
	a := stack.Action{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{Issuer: "https://idp.example.com",
		JWKSEndpoint: "https://idp.example.com/jwks"}}
	for _, c := range claims {
		name, value, _ := strings.Cut(c, "=")
		a.JWT.Claims = append(a.JWT.Claims, stack.Claim{Format: "single-string", Name: name,
			Values: strings.Split(value, ",")})
	}
	return a
}

func hold(code diag.Code) func(plan.Plan) plan.Plan {
	return func(p plan.Plan) plan.Plan {
		for i := range p.Steps {
			p.Steps[i].Guard = &plan.Guard{Code: code, Text: "held", Remedy: "wait"}
		}
		return p
	}
}

func refuseReplacements() diff.Options {
	return diff.Options{Replacement: diff.Replacement{Policy: replacement.Policy{Refuse: true}, By: "Ingress shop/web"}}
}
