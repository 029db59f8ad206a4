package parity

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// TestWhatTheExistingControllerLeftIsAdoptedWithAnEmptyPlan puts every recorded state into an account as it was, with
// its tags, names and priorities, and asks a controller that starts there what it would do.
func TestWhatTheExistingControllerLeftIsAdoptedWithAnEmptyPlan(t *testing.T) {
	t.Parallel()
	// The existing controller attaches the default certificate as a further one, too; the record does not tell.
	for name, attach := range map[string]bool{"as recorded": false, "default certificate attached": true} {
		for _, r := range cases(t) {
			t.Run(r.Name+" "+name, func(t *testing.T) {
				t.Parallel()
				for i, e := range r.Edits {
					r.apply(t, e)
					adopt(t, &r, i, attach)
				}
			})
		}
	}
}

func adopt(t *testing.T, r *cluster, step int, attach bool) {
	t.Helper()
	l := newLab(t)
	l.attachDefault = attach
	l.put(r, r.after[step])
	found := recorded.Differ(recordedPicture(r.after[step]), l.picture())
	for at, how := range found {
		t.Fatalf("step %d: the account does not hold what was recorded: %s: %s", step, at, how)
	}
	for _, s := range l.plans(r) {
		for _, step := range s.Plan.Steps {
			t.Errorf("%s would be changed: %s %s %v", s.Key, plan.NameOf(step.Op), step.Resource, step.Why)
		}
	}
}

// TestEditsAfterAdoptionEndWhereTheExistingControllersDo takes over between two recorded steps: what the edit makes of
// an account that the existing controller filled is what that controller would have made, but for what is listed.
func TestEditsAfterAdoptionEndWhereTheExistingControllersDo(t *testing.T) {
	t.Parallel()
	d := readDifferences(t)
	for _, r := range cases(t) {
		if len(r.Edits) == 1 {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			for i, e := range r.Edits[1:] {
				l := newLab(t)
				l.put(&r, r.after[i])
				r.apply(t, e)
				l.settle(&r)
				found := recorded.Differ(recordedPicture(r.after[i+1]), l.picture())
				for _, at := range slices.Sorted(maps.Keys(found)) {
					if !d.listed(t, r.Name, at) {
						t.Errorf("after %q: %s: %s", e.Step, at, found[at])
					}
				}
				for _, what := range (&existing{}).reconcile(l.picture(), recordedPicture(r.after[i+1])) {
					if !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(what, p) }) {
						t.Errorf("after %q the existing controller would %s", e.Step, what)
					}
				}
			}
		})
	}
}

// TestWhatAnEarlierControllerTaggedIsAdoptedAsItIs has the tag of the cluster as version 1 wrote it on load balancers,
// target groups and security groups. They are taken over with new tags and nothing else; the old tags stay.
func TestWhatAnEarlierControllerTaggedIsAdoptedAsItIs(t *testing.T) {
	t.Parallel()
	for _, r := range cases(t) {
		if !strings.HasPrefix(r.Name, "ingress/") {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			after := r.after[0]
			for _, kind := range []string{"loadBalancers", "targetGroups", "securityGroups"} {
				for _, o := range sub(sub(after, "aws"), kind) {
					tags := sub(o.(tree), "tags")
					if tags["ingress.k8s.aws/stack"] == nil {
						continue // the shared group is younger than version 1
					}
					tags["ingress.k8s.aws/cluster"] = tags["elbv2.k8s.aws/cluster"]
					delete(tags, "elbv2.k8s.aws/cluster")
				}
			}
			l := newLab(t)
			l.put(&r, after)
			before := l.names()
			for _, step := range l.settle(&r) {
				if !strings.HasPrefix(step, "AddTags ") && !strings.HasPrefix(step, "CreateTags ") {
					t.Errorf("more than tags: %s", step)
				}
			}
			if !maps.Equal(before, l.names()) {
				t.Errorf("resources were replaced: %v, before %v", l.names(), before)
			}
			now := sub(l.picture(), "aws")
			for _, kind := range []string{"loadBalancers", "targetGroups", "securityGroups"} {
				for name, o := range sub(now, kind) {
					tags := sub(o.(tree), "tags")
					if tags["elbv2.k8s.aws/cluster"] != "lab" || tags["ingress.k8s.aws/stack"] != nil &&
						tags["ingress.k8s.aws/cluster"] != "lab" {
						t.Errorf("%s has tags %v", name, tags)
					}
				}
			}
		})
	}
}

// put makes in the account, and among the bindings, what a record tells.
func (l *lab) put(r *cluster, after tree) {
	l.t.Helper()
	held := sub(after, "aws")
	for _, name := range slices.Sorted(maps.Keys(sub(held, "securityGroups"))) {
		if name != "lab-nodes" && !l.holds("{sg:"+name+"}") { // the shared one may be there already
			l.putGroup(name, sub(sub(held, "securityGroups"), name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sub(held, "targetGroups"))) {
		l.putTargetGroup(name, sub(sub(held, "targetGroups"), name))
	}
	for _, name := range slices.Sorted(maps.Keys(sub(held, "loadBalancers"))) {
		l.putLoadBalancer(name, sub(sub(held, "loadBalancers"), name))
	}
	for _, name := range slices.Sorted(maps.Keys(sub(held, "targetGroups"))) {
		l.putTargets(name, sub(sub(held, "targetGroups"), name))
	}
	for ref, o := range sub(after, "kube") {
		kind, name, _ := strings.Cut(ref, "/")
		if kind != "TargetGroupBinding" {
			continue
		}
		b := &v1beta1.TargetGroupBinding{}
		l.meant(o.(tree)["spec"], &b.Spec)
		l.meant(o.(tree)["labels"], &b.Labels)
		b.Namespace, b.Name = cmp.Or(text(o.(tree)["namespace"]), r.Namespace), name
		l.bindings[b.Namespace+"/"+b.Name] = b
	}
	l.restart()
}

// holds reports whether the account holds what a placeholder stands for.
func (l *lab) holds(name string) bool {
	for _, n := range l.names() {
		if n == name {
			return true
		}
	}
	return false
}

var ruleForm = regexp.MustCompile(`^(\w+) (\d+)-(\d+) from (\S+)$`)

func (l *lab) putGroup(name string, g tree) {
	l.t.Helper()
	var tags []ec2types.Tag
	for k, v := range sub(g, "tags") {
		tags = append(tags, ec2types.Tag{Key: &k, Value: aws.String(v.(string))})
	}
	made, err := l.sim.Compute.CreateSecurityGroup(l.t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String(g["description"].(string)),
		VpcId: aws.String(vpc), TagSpecifications: []ec2types.TagSpecification{
			{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: tags}}})
	if err != nil {
		l.t.Fatal(err)
	}
	rules, _ := g["ingress"].([]any)
	for _, rule := range rules {
		m := ruleForm.FindStringSubmatch(rule.(string))
		if m == nil {
			l.t.Fatalf("%s: rule %q is not understood", name, rule)
		}
		p := ec2types.IpPermission{IpProtocol: &m[1], FromPort: aws.Int32(number(l.t, m[2])),
			ToPort: aws.Int32(number(l.t, m[3]))}
		if strings.HasPrefix(m[4], "pl-") {
			p.PrefixListIds = []ec2types.PrefixListId{{PrefixListId: &m[4]}}
		} else if strings.Contains(m[4], ":") {
			p.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: &m[4]}}
		} else {
			p.IpRanges = []ec2types.IpRange{{CidrIp: &m[4]}}
		}
		if _, err := l.sim.Compute.AuthorizeSecurityGroupIngress(l.t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: made.GroupId, IpPermissions: []ec2types.IpPermission{p}}); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *lab) putTargetGroup(name string, g tree) {
	l.t.Helper()
	in := &elb.CreateTargetGroupInput{}
	l.meant(g["healthCheck"], in)
	rest := maps.Clone(g)
	for _, k := range []string{"healthCheck", "loadBalancers", "targets", "tags", "attributes"} {
		delete(rest, k)
	}
	l.meant(rest, in) // names are the API's, but for case
	in.Name, in.Tags = &name, l.tagList(g)
	made, err := l.sim.Balancing.CreateTargetGroup(l.t.Context(), in)
	if err != nil {
		l.t.Fatal(err)
	}
	var attributes []types.TargetGroupAttribute
	for k, v := range sub(g, "attributes") {
		attributes = append(attributes, types.TargetGroupAttribute{Key: &k, Value: aws.String(v.(string))})
	}
	if attributes == nil {
		return
	}
	if _, err := l.sim.Balancing.ModifyTargetGroupAttributes(l.t.Context(), &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: made.TargetGroups[0].TargetGroupArn, Attributes: attributes}); err != nil {
		l.t.Fatal(err)
	}
}

// putTargets registers the load balancer that a target group has.
func (l *lab) putTargets(name string, g tree) {
	l.t.Helper()
	if g["targetType"] != "alb" {
		return
	}
	in := &elb.RegisterTargetsInput{TargetGroupArn: l.group(name)}
	l.meant(g["targets"], &in.Targets)
	if _, err := l.sim.Balancing.RegisterTargets(l.t.Context(), in); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) putLoadBalancer(name string, lb tree) {
	l.t.Helper()
	in := &elb.CreateLoadBalancerInput{Name: &name, Tags: l.tagList(lb)}
	var subnets []struct{ Subnet string }
	l.meant(lb["subnets"], &subnets)
	for _, s := range subnets {
		in.Subnets = append(in.Subnets, s.Subnet)
	}
	l.meant(lb["securityGroups"], &in.SecurityGroups)
	in.Type, in.Scheme = types.LoadBalancerTypeEnum(lb["type"].(string)), types.LoadBalancerSchemeEnum(
		lb["scheme"].(string))
	in.IpAddressType = types.IpAddressType(lb["ipAddressType"].(string))
	made, err := l.sim.Balancing.CreateLoadBalancer(l.t.Context(), in)
	if err != nil {
		l.t.Fatal(err)
	}
	arn := made.LoadBalancers[0].LoadBalancerArn
	var attributes []types.LoadBalancerAttribute
	for k, v := range sub(lb, "attributes") {
		attributes = append(attributes, types.LoadBalancerAttribute{Key: &k, Value: aws.String(v.(string))})
	}
	if attributes != nil {
		if _, err := l.sim.Balancing.ModifyLoadBalancerAttributes(l.t.Context(), &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: arn, Attributes: attributes}); err != nil {
			l.t.Fatal(err)
		}
	}
	for port := range sub(lb, "listeners") {
		l.putListener(*arn, port, sub(sub(lb, "listeners"), port))
	}
}

func (l *lab) putListener(lb, port string, n tree) {
	l.t.Helper()
	in := &elb.CreateListenerInput{LoadBalancerArn: &lb, Port: aws.Int32(number(l.t, port)), Protocol: types.ProtocolEnum(
		n["protocol"].(string)), Tags: l.tagList(n)}
	l.meant(n["defaultActions"], &in.DefaultActions)
	l.meant(n["alpn"], &in.AlpnPolicy)
	l.meant(n["sslPolicy"], &in.SslPolicy)
	in.Certificates = l.certificates(n["certificate"])
	if mode := text(n["mutualAuthentication"]); mode != "" {
		in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: &mode}
	}
	made, err := l.sim.Balancing.CreateListener(l.t.Context(), in)
	if err != nil {
		l.t.Fatal(err)
	}
	arn := made.Listeners[0].ListenerArn
	var attributes []types.ListenerAttribute
	for k, v := range sub(n, "attributes") {
		attributes = append(attributes, types.ListenerAttribute{Key: &k, Value: aws.String(v.(string))})
	}
	if attributes != nil {
		if _, err := l.sim.Balancing.ModifyListenerAttributes(l.t.Context(), &elb.ModifyListenerAttributesInput{
			ListenerArn: arn, Attributes: attributes}); err != nil {
			l.t.Fatal(err)
		}
	}
	sni := l.certificates(n["sniCertificates"])
	if l.attachDefault {
		sni = append(sni, in.Certificates...)
	}
	if sni != nil {
		if _, err := l.sim.Balancing.AddListenerCertificates(l.t.Context(), &elb.AddListenerCertificatesInput{
			ListenerArn: arn, Certificates: sni}); err != nil {
			l.t.Fatal(err)
		}
	}
	rules, _ := n["rules"].([]any)
	for _, rule := range rules {
		r := rule.(tree)
		in := &elb.CreateRuleInput{ListenerArn: arn, Tags: l.tagList(r)}
		l.meant(r["priority"], &in.Priority)
		l.meant(r["conditions"], &in.Conditions)
		l.meant(r["actions"], &in.Actions)
		l.meant(r["transforms"], &in.Transforms)
		if _, err := l.sim.Balancing.CreateRule(l.t.Context(), in); err != nil {
			l.t.Fatal(fmt.Errorf("rule %v: %w", r["priority"], err))
		}
	}
}

func (l *lab) certificates(v any) []types.Certificate {
	var arns []string
	l.meant(v, &arns)
	var out []types.Certificate
	for _, arn := range arns {
		out = append(out, types.Certificate{CertificateArn: &arn})
	}
	return out
}

func (l *lab) tagList(of tree) []types.Tag {
	var out []types.Tag
	for k, v := range sub(of, "tags") {
		out = append(out, types.Tag{Key: &k, Value: aws.String(v.(string))})
	}
	return out
}
