// Package compute holds the work that the controller does most often, for benchmarks: compiling an Ingress, a group or
// a Gateway with its routes and comparing the result with an account that already has it all. It reaches no cluster and
// no AWS. It may import the pure packages of internal, and front.
package compute

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

const (
	cluster = "demo-cluster"
	vpc     = "vpc-0a1de000000000001"
)

// Case is one pass over a stack to which nothing has happened.
type Case struct {
	desired  func() intent.LoadBalancer
	facts    facts.Facts
	config   compile.Config
	observed awsop.Observed
}

// New makes a case of so many members with so many rules each; the account holds everything as wished.
func New(members, rules int) (Case, error) {
	flags, err := flags()
	if err != nil {
		return Case{}, err
	}
	desired := intent.LoadBalancer{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}},
		Type: stack.Application, Names: ingress.Names{}}
	if members > 1 {
		desired.Key.ID = stack.ID{Name: "group"}
	}
	for i := range members {
		desired.Members = append(desired.Members, member(i, rules))
	}
	return settled(flags, desired.Key, func() intent.LoadBalancer { return desired })
}

func flags() (*config.Config, error) {
	return config.Parse([]string{"--cluster-name=" + cluster, "--aws-vpc-id=" + vpc})
}

// settled makes a case whose account holds everything as wished.
func settled(flags *config.Config, key stack.Key, desired func() intent.LoadBalancer) (Case, error) {
	c := Case{desired: desired, facts: account(), config: settings.Compile(flags), observed: awsop.Observed{Key: key}}
	// One pass creates everything; later ones may find what only shows when it exists.
	for range 3 {
		p, err := c.plan()
		if err != nil || p.Empty() {
			return c, err
		}
		c.carryOut(&p)
	}
	return c, fmt.Errorf("the plan of %s does not become empty", key)
}

// Run compiles and compares once; a plan that is not empty is an error.
func (c *Case) Run() error {
	p, err := c.plan()
	if err == nil && !p.Empty() {
		err = fmt.Errorf("nothing changed, and the plan has %d steps", len(p.Steps))
	}
	return err
}

func (c *Case) plan() (plan.Plan, error) {
	r := compile.Compile(c.desired(), c.facts, c.config, nil)
	if r.Stack == nil {
		return plan.Plan{}, fmt.Errorf("no stack: %v", r.Diagnostics)
	}
	return diff.Stack(r.Stack, r.Keep, c.observed, diff.Options{}), nil
}

// carryOut writes a plan into the observation as if AWS had done it.
func (c *Case) carryOut(p *plan.Plan) {
	ids := map[stack.Ref]string{}
	for _, k := range p.Known {
		ids[k.Ref] = k.Value
	}
	resolve := func(r stack.Ref) string {
		if r.Literal != "" {
			return r.Literal
		}
		return ids[r]
	}
	for n, s := range p.Steps {
		out := awsop.Output{ID: fmt.Sprintf("arn:%s/%03d", s.Resource.Kind, n), State: "active"}
		switch s.Op.(type) {
		case awsop.CreateSecurityGroup, awsop.CreateTargetGroup, awsop.CreateLoadBalancer, awsop.CreateListener:
			ids[stack.Ref{Kind: s.Resource.Kind, ID: s.Resource.ID}] = out.ID
		}
		c.observed = awsop.Advance(c.observed, s.Op, out, resolve)
	}
}

// member has one host, and one Service for each of its paths.
func member(i, rules int) intent.Member {
	name := fmt.Sprintf("web-%d", i)
	o := diag.Object{Kind: "Ingress", Namespace: "shop", Name: name}
	m := intent.Member{Object: o, Listeners: []intent.Listener{{Port: 80, Protocol: "HTTP"}}}
	for j := range rules {
		service := fmt.Sprintf("%s-%d", name, j)
		m.Routes = append(m.Routes, intent.Route{
			Source: intent.At(o, fmt.Sprintf("spec.rules[0].http.paths[%d]", j)),
			Conditions: []stack.Condition{
				{Field: stack.HostHeader, Values: []string{name + ".example.com"}},
				{Field: stack.PathPattern, Values: []string{fmt.Sprintf("/p%d", j)}},
			},
			Actions: []intent.Action{
				{Type: stack.ActionForward, Backends: []intent.Backend{{TargetGroup: targetGroup(o, service)}}}},
		})
	}
	return m
}

func targetGroup(o diag.Object, service string) *intent.TargetGroup {
	return &intent.TargetGroup{
		ID: naming.IngressTargetGroupID(o.Namespace, o.Name, service, "80"), Object: o,
		ServiceNamespace: o.Namespace, ServiceName: service, ServiceUID: "uid-" + service, ServicePort: "80",
		TargetType: "ip", Port: 8080, TargetPort: "8080", Protocol: "HTTP", ProtocolVersion: "HTTP1",
		HealthCheck: stack.HealthCheck{
			Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200",
			IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2,
		},
	}
}

func account() facts.Facts {
	f := facts.Facts{
		VPC: &facts.VPC{ID: vpc, CIDRs: []string{"10.0.0.0/16"}}, Subnets: map[string]facts.Subnet{}, Routes: true,
		ExistingKnown:  true,
		SecurityGroups: map[string]facts.SecurityGroup{}, Certificates: map[string]facts.Certificate{},
		TargetGroups: map[string]*facts.TargetGroup{},
		// An account whose load balancers may have the thousand rules that are measured.
		Limits: map[string]int{string(quota.RulesOfApplicationLoadBalancer): 1000,
			string(quota.TargetGroupsOfApplicationLoadBalancer): 1000},
	}
	for i, zone := range []string{"us-west-2a", "us-west-2b", "us-west-2c"} {
		for _, role := range []string{naming.RoleELBTag, naming.RoleInternalELBTag} {
			id := fmt.Sprintf("subnet-%d%s", i, role[len(role)-3:])
			f.Subnets[id] = facts.Subnet{
				ID: id, VPC: vpc, Zone: zone, CIDR: fmt.Sprintf("10.0.%d.0/20", 16*len(f.Subnets)), AvailableIPs: 100,
				Public: role == naming.RoleELBTag, Tags: map[string]string{role: "1"},
			}
		}
	}
	return f
}
