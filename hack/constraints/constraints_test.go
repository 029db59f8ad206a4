// Package constraints compares package constraint, by which the controller leaves out what AWS refuses, with the
// simulator, which judges by itself. It has tests only.
package constraints

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/constraint/example"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

// bench is a simulated account with a load balancer of each type, and what an application load balancer and a network
// load balancer have.
type bench struct {
	*testing.T
	sim       *awssim.Simulator
	priority  int32
	secure    string                        // ARN of an HTTPS listener
	target    string                        // ARN of a target group for HTTP
	resources map[constraint.Subject]string // ARNs of what has attributes
}

func newBench(t *testing.T) *bench {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	b := &bench{T: t, sim: sim, resources: map[constraint.Subject]string{}}
	alb, nlb := b.balancer("application"), b.balancer("network")
	b.target = b.group("HTTP")
	b.group("TCP")
	udp := b.group("UDP")
	b.listener(alb, "HTTP", 80, b.target)
	b.secure = b.listener(alb, "HTTPS", 443, b.target)
	b.listener(nlb, "TCP", 80, b.resources[constraint.Subject{Kind: constraint.TargetGroup, Protocol: "TCP",
		TargetType: "ip"}])
	b.listener(nlb, "UDP", 53, udp)
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) balancer(kind string) string {
	b.Helper()
	out, err := b.sim.Balancing.CreateLoadBalancer(b.Context(), &elbv2.CreateLoadBalancerInput{Name: aws.String(kind),
		Type: types.LoadBalancerTypeEnum(kind), Scheme: "internal",
		Subnets: []string{"subnet-0a1de0000000000a2", "subnet-0a1de0000000000b2"}})
	b.must(err)
	arn := aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
	b.resources[constraint.Subject{Kind: constraint.LoadBalancer, Type: stack.LoadBalancerType(kind)}] = arn
	return arn
}

func (b *bench) group(protocol string) string {
	b.Helper()
	out, err := b.sim.Balancing.CreateTargetGroup(b.Context(), &elbv2.CreateTargetGroupInput{
		Name:     aws.String(strings.ReplaceAll(protocol, "_", "-")),
		Protocol: types.ProtocolEnum(protocol), Port: aws.Int32(80), TargetType: "ip",
		VpcId: aws.String("vpc-0a1de000000000001")})
	b.must(err)
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	b.resources[constraint.Subject{Kind: constraint.TargetGroup, Protocol: protocol, TargetType: "ip"}] = arn
	return arn
}

// everyGroup creates target groups of the protocols that the bench lacks.
func (b *bench) everyGroup() {
	for _, protocol := range []string{"HTTPS", "TLS", "TCP_UDP", "QUIC", "TCP_QUIC"} {
		b.group(protocol)
	}
}

func (b *bench) listener(of, protocol string, port int32, target string) string {
	b.Helper()
	in := &elbv2.CreateListenerInput{LoadBalancerArn: &of, Protocol: types.ProtocolEnum(protocol), Port: &port,
		DefaultActions: []types.Action{{Type: "forward", TargetGroupArn: &target}}}
	if protocol == "HTTPS" {
		in.Certificates = []types.Certificate{{CertificateArn: aws.String(certificate)}}
	}
	out, err := b.sim.Balancing.CreateListener(b.Context(), in)
	b.must(err)
	arn := aws.ToString(out.Listeners[0].ListenerArn)
	b.resources[constraint.Subject{Kind: constraint.Listener, Protocol: protocol}] = arn
	return arn
}

// write sends an operation as the controller does.
func (b *bench) write(op plan.Operation) error {
	_, err := b.output(op)
	return err
}

func (b *bench) output(op plan.Operation) (awsop.Output, error) {
	return awsclient.Write(b.Context(), awsclient.Clients{ELBV2: b.sim.Balancing}, op,
		func(r stack.Ref) string { return r.Literal })
}

// rule creates a rule at the HTTPS listener.
func (b *bench) rule(conditions []stack.Condition, actions []stack.Action, transforms []stack.Transform) error {
	b.priority++
	return b.write(awsop.CreateRule{Priority: b.priority, Rule: stack.Rule{
		Listener: stack.Literal(stack.KindListener, b.secure), Conditions: conditions, Actions: actions,
		Transforms: transforms}})
}

// forward is an action that is right.
func (b *bench) forward() stack.Action {
	one := int32(1)
	return stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
		{TargetGroup: stack.Literal(stack.KindTargetGroup, b.target), Weight: &one}}}}
}

// refused requires that AWS refuses as invalid what a row names as an example.
func (b *bench) refused(what string, example any, err error) {
	b.Helper()
	if err == nil || awsclient.Classify(err).Class != "invalid" {
		b.Errorf("%s: the simulator takes %+v: %v", what, example, err)
	}
}

var path = []stack.Condition{{Field: stack.PathPattern, Values: []string{"/a"}}}

func TestSimulatorRefusesEachExampleOfRules(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(b.rule(path, []stack.Action{b.forward()}, nil))
	for _, row := range constraint.Conditions {
		for _, c := range example.Conditions[row.Name] {
			b.refused(row.Name, c, b.rule([]stack.Condition{c}, []stack.Action{b.forward()}, nil))
		}
	}
	for _, row := range constraint.Actions {
		for _, a := range example.Actions[row.Name] {
			actions := []stack.Action{a}
			switch {
			case a.Forward != nil:
				f := *a.Forward
				f.TargetGroups = append([]stack.WeightedTargetGroup(nil), f.TargetGroups...)
				for i := range f.TargetGroups {
					f.TargetGroups[i].TargetGroup = stack.Literal(stack.KindTargetGroup, b.target)
				}
				actions[0].Forward = &f
			case a.OIDC != nil || a.Cognito != nil || a.JWT != nil:
				actions = append(actions, b.forward())
			}
			b.refused(row.Name, a, b.rule(path, actions, nil))
		}
	}
	for _, row := range constraint.Answerings {
		for _, x := range example.Answerings[row.Name] {
			b.refused(row.Name, x, b.answering(x))
		}
	}
	for _, row := range constraint.Transforms {
		for _, x := range example.Transforms[row.Name] {
			b.refused(row.Name, x, b.rule(path, []stack.Action{b.forward()}, []stack.Transform{x}))
		}
	}
}

// answering creates a rule that does what an example does, at a listener of its protocol.
func (b *bench) answering(x constraint.Answering) error {
	action := x.Action
	if f := action.Forward; f != nil {
		one, to := int32(1), *f
		subject := constraint.Subject{Kind: constraint.TargetGroup, Protocol: "HTTPS", TargetType: "ip"}
		if b.resources[subject] == "" {
			b.group("HTTPS")
			b.must(b.set(subject, "stickiness.enabled", "true"))
		}
		to.TargetGroups = nil
		for _, arn := range []string{b.target, b.resources[subject]} {
			to.TargetGroups = append(to.TargetGroups, stack.WeightedTargetGroup{Weight: &one,
				TargetGroup: stack.Literal(stack.KindTargetGroup, arn)})
		}
		action.Forward = &to
	}
	b.priority++
	return b.write(awsop.CreateRule{Priority: b.priority, Rule: stack.Rule{Conditions: path,
		Actions: []stack.Action{action}, Listener: stack.Literal(stack.KindListener,
			b.resources[constraint.Subject{Kind: constraint.Listener, Protocol: x.Protocol}])}})
}

// set sets an attribute of a resource.
func (b *bench) set(s constraint.Subject, key, value string) error {
	return b.setAll(s, map[string]string{key: value})
}

// TestSimulatorRefusesWhatTheTableOfAttributesRefuses sets each attribute of each kind, at each resource, to many
// values.
func TestSimulatorRefusesWhatTheTableOfAttributesRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	values := []string{"true", "false", "on", "off", "0", "1", "30", "60", "100", "350", "4000", "604800", "append",
		"defensive", "round_robin", "lb_cookie", "nosniff", "X-Name", "GET,POST", "any_availability_zone", "a"}
	taken, left := 0, 0
	for at := range constraint.Attributes {
		a := &constraint.Attributes[at]
		for s := range b.resources {
			for _, v := range slices.Concat(values, example.Attributes[a.Key]) {
				err := b.set(s, a.Key, v)
				if r := constraint.OfAttribute(s, a.Key, v); r.Problem != "" {
					left++
					b.refused(fmt.Sprintf("%s of %+v", a.Key, s), v, err)
				} else if err == nil {
					taken++
				}
			}
		}
		for s := range b.resources {
			for _, v := range example.Attributes[a.Key] {
				if a.Has(s) && constraint.OfAttribute(s, a.Key, v).Problem == "" {
					t.Errorf("%s: the table admits %q", a.Key, v)
				}
			}
		}
	}
	if taken < 100 || left < 500 {
		t.Errorf("%d values are taken, %d left out", taken, left)
	}
}

// described are the attributes that the simulator shows of a resource, whose keys are all that it accepts there.
func (b *bench) described(s constraint.Subject) map[string]string {
	b.Helper()
	arn, all := b.resources[s], map[string]string{}
	switch s.Kind {
	case constraint.LoadBalancer:
		out, err := b.sim.Balancing.DescribeLoadBalancerAttributes(b.Context(),
			&elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &arn})
		b.must(err)
		for _, a := range out.Attributes {
			all[aws.ToString(a.Key)] = aws.ToString(a.Value)
		}
	case constraint.TargetGroup:
		out, err := b.sim.Balancing.DescribeTargetGroupAttributes(b.Context(),
			&elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn})
		b.must(err)
		for _, a := range out.Attributes {
			all[aws.ToString(a.Key)] = aws.ToString(a.Value)
		}
	case constraint.Listener:
		out, err := b.sim.Balancing.DescribeListenerAttributes(b.Context(),
			&elbv2.DescribeListenerAttributesInput{ListenerArn: &arn})
		b.must(err)
		for _, a := range out.Attributes {
			all[aws.ToString(a.Key)] = aws.ToString(a.Value)
		}
	}
	return all
}

// TestTableHasEachAttributeOfTheSimulator compares the keys of each resource: one without a row reaches AWS unchecked.
func TestTableHasEachAttributeOfTheSimulator(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for s := range b.resources {
		for key := range b.described(s) {
			if !slices.ContainsFunc(constraint.Attributes, func(a constraint.Attribute) bool {
				return a.Key == key && a.Has(s)
			}) {
				t.Errorf("constraint.Attributes has no %s of %+v", key, s)
			}
		}
	}
}

// setAll sets attributes of a resource.
func (b *bench) setAll(s constraint.Subject, all map[string]string) error {
	arn := b.resources[s]
	switch s.Kind {
	case constraint.LoadBalancer:
		return b.write(awsop.ModifyLoadBalancerAttributes{LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn),
			Attributes: all})
	case constraint.TargetGroup:
		return b.write(awsop.ModifyTargetGroupAttributes{TargetGroup: stack.Literal(stack.KindTargetGroup, arn),
			Attributes: all})
	default:
		return b.write(awsop.ModifyListenerAttributes{Listener: stack.Literal(stack.KindListener, arn), Attributes: all})
	}
}

// secondary is an attribute that cannot be set back.
const secondary = "secondary_ips.auto_assigned.per_subnet"

// TestSimulatorRefusesExactlyTheCombinationsOfTheTable sets each pair of attributes that are admitted alone, at load
// balancers of each type and target groups of each protocol.
func TestSimulatorRefusesExactlyTheCombinationsOfTheTable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.everyGroup()
	refused := 0
	for s := range b.resources {
		if s.Kind == constraint.Listener {
			continue
		}
		defaults, single := b.described(s), b.admitted(s)
		for _, x := range single {
			for _, y := range single {
				all := maps.Clone(x)
				maps.Copy(all, y)
				key, _ := constraint.OfAttributes(constraint.AttributeSet{Subject: s, All: all})
				err := b.setAll(s, all)
				if (err != nil) != (key != "") {
					t.Errorf("%+v %v: the table says %q, the simulator %v", s, all, key, err)
				}
				if err != nil {
					refused++
					continue
				}
				before := map[string]string{}
				for key := range all {
					if v, shown := defaults[key]; shown {
						before[key] = v
					}
				}
				if len(before) > 0 {
					b.must(b.setAll(s, before))
				}
			}
		}
	}
	if refused < 100 {
		t.Errorf("%d combinations are refused", refused)
	}
}

// existing reads the attributes that a resource has now.
func (b *bench) existing(s constraint.Subject) func() (map[string]string, bool) {
	all := b.described(s)
	return func() (map[string]string, bool) { return all, true }
}

// TestSimulatorRefusesExactlyTheChangesOfTheTable sets one attribute after the other of each pair.
func TestSimulatorRefusesExactlyTheChangesOfTheTable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.everyGroup()
	refused := 0
	for s := range b.resources {
		if s.Kind != constraint.TargetGroup {
			continue
		}
		defaults, single := b.described(s), b.admitted(s)
		for _, first := range single {
			if b.setAll(s, first) != nil {
				continue
			}
			existing := b.existing(s)
			for _, then := range single {
				key, _ := constraint.OfAttributes(constraint.AttributeSet{Subject: s, All: then, Existing: existing})
				err := b.setAll(s, then)
				if (err != nil) != (key != "") {
					t.Errorf("%+v %v after %v: the table says %q, the simulator %v", s, then, first, key, err)
				}
				if err != nil {
					refused++
					continue
				}
				b.must(b.setAll(s, defaults))
				b.must(b.setAll(s, first))
			}
			b.must(b.setAll(s, defaults))
		}
	}
	if refused == 0 {
		t.Error("no change is refused")
	}
}

// admitted are single attributes of a resource that the table admits alone.
func (b *bench) admitted(s constraint.Subject) (single []map[string]string) {
	for at := range constraint.Attributes {
		a := &constraint.Attributes[at]
		for _, v := range []string{"", "true", "false", "on", "off", "0", "1", "30", "5", "lb_cookie", "app_cookie",
			"source_ip", "a", "weighted_random", "least_outstanding_requests", "round_robin", "300"} {
			if a.Has(s) && a.Key != secondary && constraint.OfAttribute(s, a.Key, v).Problem == "" {
				single = append(single, map[string]string{a.Key: v})
			}
		}
	}
	return single
}

func TestSimulatorRefusesEachExampleOfCombinations(t *testing.T) {
	t.Parallel()
	for at := range constraint.Combinations {
		b := newBench(t)
		b.everyGroup()
		c := &constraint.Combinations[at]
		examples := slices.Concat(example.Combinations[c.Name], example.Changes[c.Name])
		if len(examples) == 0 && c.Name != "algorithm beside control port" { // no group of the bench has one
			t.Errorf("%s has no example", c.Name)
		}
		for _, s := range examples {
			before := b.described(s.Subject)
			if s.Existing != nil {
				all, _ := s.Existing()
				b.must(b.setAll(s.Subject, all))
				s.Existing = b.existing(s.Subject)
			}
			if key, _ := constraint.OfAttributes(s); !slices.Contains(c.Keys, key) {
				t.Errorf("%s: the table leaves out %q of %v", c.Name, key, s.All)
			}
			b.refused(c.Name, s.All, b.setAll(s.Subject, s.All))
			if c.Kind == constraint.TargetGroup {
				b.must(b.setAll(s.Subject, before))
			}
		}
	}
}

// TestSimulatorTakesWhatHasNoEffect sets the examples of attributes that other settings switch off: AWS says nothing.
func TestSimulatorTakesWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for at := range constraint.Idles {
		row := &constraint.Idles[at]
		if len(example.Idles[row.Name]) == 0 {
			t.Errorf("%s has no example", row.Name)
		}
		for _, s := range example.Idles[row.Name] {
			b.must(b.setAll(s.Subject, s.All))
			if found := constraint.WithoutEffect(s); len(found) != 1 || !slices.Contains(row.Keys, found[0].Key) {
				t.Errorf("%s: the table has %+v of %v", row.Name, found, s.All)
			}
		}
	}
}

// subnets are those of the examples, one in each of two zones.
var subnets = []stack.SubnetMapping{{Subnet: "subnet-0a1de0000000000a1"}, {Subnet: "subnet-0a1de0000000000b1"}}

// TestSimulatorRefusesEachExampleOfResources creates what the rows of target groups, load balancers, tags and listeners
// name, as the controller does. The same without what the row refuses is admitted.
func TestSimulatorRefusesEachExampleOfResources(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good := stack.TargetGroup{Name: "good", TargetType: stack.TargetIP, Protocol: "HTTP", Port: 80,
		ProtocolVersion: "HTTP1"}
	b.must(b.write(awsop.CreateTargetGroup{VPC: "vpc-0a1de000000000001", TargetGroup: good}))
	for _, row := range constraint.TargetGroups {
		for _, tg := range example.TargetGroups[row.Name] {
			b.refused(row.Name, tg, b.write(awsop.CreateTargetGroup{VPC: "vpc-0a1de000000000001", TargetGroup: tg}))
		}
	}
	balancer := stack.LoadBalancer{Name: "good", Type: stack.Application, Scheme: stack.InternetFacing,
		IPAddressType: stack.IPv4, Subnets: subnets}
	b.must(b.write(awsop.CreateLoadBalancer{LoadBalancer: balancer}))
	for _, row := range constraint.LoadBalancers {
		for _, lb := range example.LoadBalancers[row.Name] {
			lb.Subnets = subnets
			b.refused(row.Name, lb, b.make(lb))
		}
	}
	for _, row := range constraint.Addresses {
		for _, x := range example.Addresses[row.Name] {
			_, err := b.sim.Balancing.CreateLoadBalancer(b.Context(), &elbv2.CreateLoadBalancerInput{
				Name: aws.String("fixed"), Type: types.LoadBalancerTypeEnumNetwork, Scheme: "internal",
				SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-0a1de0000000000a2"),
					PrivateIPv4Address: &x.Address}}})
			b.refused(row.Name, x, err)
		}
	}
	for _, row := range constraint.Tags {
		for _, tag := range example.Tags[row.Name] {
			b.refused(row.Name, tag, b.write(awsop.AddTags{Resource: stack.Literal(stack.KindTargetGroup, b.target),
				Tags: map[string]string{tag.Key: tag.Value}}))
		}
	}
	for _, row := range constraint.Forwardings {
		for at, f := range example.Forwardings[row.Name] {
			b.refused(row.Name, f, b.forwarding(fmt.Sprint("f", b.priority, "-", at), f))
		}
		b.priority++
	}
}

// TestSimulatorRefusesEachExampleOfARNs names each ARN where users name one of its kind.
func TestSimulatorRefusesEachExampleOfARNs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	alb := b.resources[constraint.Subject{Kind: constraint.LoadBalancer, Type: stack.Application}]
	listen := func(certificateARN string, mutual *types.MutualAuthenticationAttributes) error {
		_, err := b.sim.Balancing.CreateListener(b.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: &alb,
			Protocol: "HTTPS", Port: aws.Int32(8443), Certificates: []types.Certificate{{CertificateArn: &certificateARN}},
			DefaultActions:       []types.Action{{Type: "forward", TargetGroupArn: &b.target}},
			MutualAuthentication: mutual})
		return err
	}
	write := map[constraint.Resource]func(arn string) error{
		constraint.WebACL: func(arn string) error {
			_, err := b.sim.Firewall.AssociateWebACL(b.Context(), &wafv2.AssociateWebACLInput{ResourceArn: &alb,
				WebACLArn: &arn})
			return err
		},
		constraint.CertificateOfELB: func(arn string) error { return listen(arn, nil) },
		constraint.TrustStore: func(arn string) error {
			return listen(certificate, &types.MutualAuthenticationAttributes{Mode: aws.String("verify"),
				TrustStoreArn: &arn})
		},
		constraint.UserTargetGroup: func(arn string) error {
			forward := b.forward()
			forward.Forward.TargetGroups[0].TargetGroup = stack.Literal(stack.KindTargetGroup, arn)
			return b.rule(path, []stack.Action{forward}, nil)
		},
	}
	for _, row := range constraint.ARNs {
		for _, n := range example.ARNs[row.Name] {
			if err := write[n.Of](n.ARN); err == nil {
				t.Errorf("%s: the simulator takes %+v", row.Name, n)
			}
		}
	}
}

// make creates a load balancer, or reserves its capacity for one that exists.
func (b *bench) make(lb stack.LoadBalancer) error {
	if lb.Capacity == nil {
		return b.write(awsop.CreateLoadBalancer{LoadBalancer: lb})
	}
	arn := b.resources[constraint.Subject{Kind: constraint.LoadBalancer, Type: lb.Type}]
	return b.write(awsop.ModifyCapacityReservation{LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn), Units: *lb.Capacity})
}

// forwarding creates a target group, and a listener that forwards to it.
func (b *bench) forwarding(name string, f constraint.Forwarding) error {
	b.Helper()
	tg := f.TargetGroup
	in := &elbv2.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnum(tg.Protocol), Port: &tg.Port,
		TargetType: "ip", VpcId: aws.String("vpc-0a1de000000000001"), IpAddressType: types.TargetGroupIpAddressTypeEnum(
			tg.IPAddressType)}
	if tg.ProtocolVersion != "" {
		in.ProtocolVersion = &tg.ProtocolVersion
	}
	out, err := b.sim.Balancing.CreateTargetGroup(b.Context(), in)
	b.must(err)
	one := int32(1)
	to := []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
		{TargetGroup: stack.Literal(stack.KindTargetGroup, aws.ToString(out.TargetGroups[0].TargetGroupArn)),
			Weight: &one}}}}}
	if f.Identifies {
		to = slices.Insert(to, 0, stack.Action{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{Issuer: "a",
			JWKSEndpoint: "https://id.example.com/keys"}})
	}
	l := stack.Listener{LoadBalancer: stack.Literal(stack.KindLoadBalancer,
		b.resources[constraint.Subject{Kind: constraint.LoadBalancer, Type: f.Type}]), Port: f.Port, Protocol: f.Protocol,
		DefaultActions: to}
	if f.Protocol == "HTTPS" || f.Protocol == "TLS" {
		l.Certificates = []string{certificate}
	}
	return b.write(awsop.CreateListener{Listener: l})
}
