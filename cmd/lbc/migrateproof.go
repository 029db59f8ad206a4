package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate/equality"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// proof is the comparison of a Gateway with the Ingresses or Services that it takes the place of.
type proof struct {
	migrate.Pair
	equality.Result
	// Unproven is why the load balancers could not be compared; empty = they were.
	Unproven string `json:"unproven,omitempty"`
}

// prove compares both sides of each pair, as the controller makes them.
func prove(ctx context.Context, snapshot objects.Snapshot, got migrate.Result, account front.FactSource,
	c *config.Config) ([]proof, error) {
	after := objects.Snapshot{}
	for kind, all := range snapshot {
		after[kind] = maps.Clone(all)
	}
	copies := make([]metav1.Object, 0, len(got.Objects))
	for _, o := range got.Objects {
		x, _ := o.(runtime.Object).DeepCopyObject().(metav1.Object)
		if g, ok := x.(*gatewayv1.Gateway); ok { // as the controller records of one for which AWS has no load balancer
			metav1.SetMetaDataAnnotation(&g.ObjectMeta, gateway.ConstructionAnnotation, string(rule.PlainHosts))
		}
		copies = append(copies, x)
	}
	manifest.FillIn(copies)
	for _, x := range copies {
		after.Put(x)
	}
	in := assuming{account, declaredIn(snapshot), c.VPC}
	portOf := func(namespace, service, written string) string {
		if o, ok := snapshot.Get(objects.Service, namespace, service); ok {
			if svc, ok := o.(*corev1.Service); ok {
				if p, ok := serviceport.Find(svc, written); ok {
					return fmt.Sprint(p.Port)
				}
			}
		}
		return written
	}
	out := []proof{}
	for _, p := range got.Pairs {
		var x *stack.Stack
		var found diag.List
		if p.Alone == "" {
			var err error
			if x, found, err = compiled(ctx, snapshot, p.Before, in, c); err != nil {
				return nil, err
			}
		}
		y, others, err := compiled(ctx, after, p.After, in, c)
		if err != nil {
			return nil, err
		}
		one := proof{Pair: p, Result: equality.Result{Differences: []equality.Difference{}}}
		switch {
		case y == nil:
			one.Unproven = "the load balancer of " + p.To + " cannot be built: " + problems(others)
		case p.Alone != "":
			one.Unproven = p.Alone + "; lbc plan shows the new one"
		case x == nil:
			one.Unproven = "the load balancer of " + p.From + " cannot be built: " + problems(found)
		default:
			one.Result = equality.Compare(x, y, portOf)
		}
		out = append(out, one)
	}
	return out, nil
}

func problems(l diag.List) string {
	var out []string
	for _, d := range l {
		if d.Class != diag.Note {
			out = append(out, d.Object.String()+": "+d.Text)
		}
	}
	return strings.Join(out, "; ")
}

// compiled is the load balancer of a stack; nil if it cannot be built.
func compiled(ctx context.Context, snapshot objects.Snapshot, key stack.Key, in front.FactSource, c *config.Config) (
	*stack.Stack, diag.List, error) {
	w := settings.Loaders(c, true)[key.Owner].Load(objects.New(snapshot), key.ID)
	for i := range w.LoadBalancer.Members { // which serve already, whatever their misspelt keys were to restrict
		m := &w.LoadBalancer.Members[i]
		m.Misspelt = slices.DeleteFunc(m.Misspelt, func(x intent.Misspelling) bool { return x.Key != x.Meant })
	}
	r, _, err := front.Compiler{Facts: in, Config: settings.Compile(c)}.Compile(ctx, key, w, nil)
	return r.Stack, append(slices.Clone(r.Diagnostics), w.Findings...), err
}

// declared is what manifests name in AWS, each sorted.
type declared struct{ hosts, subnets, groups []string }

// declaredIn is what the Ingresses, Services and class parameters of a snapshot name.
func declaredIn(s objects.Snapshot) (d declared) {
	for _, o := range s.List(objects.Ingress, "") {
		ing, ok := o.(*networkingv1.Ingress)
		if !ok {
			continue
		}
		for _, r := range ing.Spec.Rules {
			d.hosts = append(d.hosts, r.Host)
		}
		for _, t := range ing.Spec.TLS {
			d.hosts = append(d.hosts, t.Hosts...)
		}
		read := annotation.NewReader(&annotation.Findings{}, ingress.Object(ing), ing.Annotations)
		d.subnets = append(d.subnets, read.List(annotation.Subnets).Value...)
		d.groups = append(d.groups, read.List(annotation.SecurityGroups).Value...)
	}
	for _, o := range s.List(objects.Service, "") {
		if svc, ok := o.(*corev1.Service); ok {
			read := annotation.NewReader(&annotation.Findings{}, owner.Object(svc), svc.Annotations)
			d.subnets = append(d.subnets, read.List(annotation.ServiceSubnets).Value...)
			d.groups = append(d.groups, read.List(annotation.ServiceSecurityGroups).Value...)
		}
	}
	for _, o := range s.List(objects.IngressClassParams, "") {
		if p, ok := o.(*v1beta1.IngressClassParams); ok && p.Spec.Subnets != nil {
			for _, id := range p.Spec.Subnets.IDs {
				d.subnets = append(d.subnets, string(id))
			}
		}
	}
	for _, list := range []*[]string{&d.hosts, &d.subnets, &d.groups} {
		slices.Sort(*list)
		*list = slices.DeleteFunc(slices.Compact(*list), func(x string) bool { return x == "" })
	}
	return d
}

// assuming answers like an account that has what manifests name: both sides are compared by what they make of it, not
// by whether it exists.
type assuming struct {
	front.FactSource
	declared
	vpc string
}

// Answer implements front.FactSource.
func (a assuming) Answer(ctx context.Context, needs []facts.Need) (facts.Facts, error) {
	f, err := a.FactSource.Answer(ctx, needs)
	if err != nil {
		return f, err
	}
	f.TargetGroups, f.TrustStores = maps.Clone(f.TargetGroups), maps.Clone(f.TrustStores)
	for _, n := range needs {
		switch n.Kind {
		case facts.NeedTargetGroupName:
			if f.TargetGroups[n.Key] == nil {
				f.TargetGroups[n.Key] = &facts.TargetGroup{ARN: arnOf("targetgroup", n.Key)}
			}
		case facts.NeedTrustStore:
			if f.TrustStores[n.Key] == "" {
				f.TrustStores[n.Key] = arnOf("truststore", n.Key)
			}
		case facts.NeedCertificates:
			f.Certificates, f.Index = a.withCertificates(f.Certificates), nil
		case facts.NeedSubnets:
			f.Subnets = a.withSubnets(f.Subnets)
		case facts.NeedSecurityGroups:
			f.SecurityGroups = a.withGroups(f.SecurityGroups)
		default: // the account answers, or there is none
		}
	}
	return f, nil
}

func arnOf(kind, name string) string {
	return "arn:aws:elasticloadbalancing:us-west-2:123456789012:" + kind + "/" + name + "/0123456789abcdef"
}

// known reports whether one of the things that have an id and tags is named.
func known[T any](have map[string]T, tags func(T) map[string]string, named string) bool {
	for id, x := range have {
		if id == named || tags(x)["Name"] == named {
			return true
		}
	}
	return false
}

// withSubnets adds the subnets that are named, each in a zone of its own.
func (a assuming) withSubnets(have map[string]facts.Subnet) map[string]facts.Subnet {
	out := maps.Clone(have)
	for i, n := range a.subnets {
		if known(have, func(s facts.Subnet) map[string]string { return s.Tags }, n) {
			continue
		}
		s := facts.Subnet{ID: n, VPC: a.vpc, Zone: fmt.Sprintf("us-west-2-%d", i), Locale: facts.AvailabilityZone,
			CIDR: fmt.Sprintf("10.254.%d.0/24", i%256), IPv6CIDRs: []string{fmt.Sprintf("2001:db8:0:%x::/64", i)},
			AvailableIPs: 200, Public: true}
		if !strings.HasPrefix(n, "subnet-") {
			s.ID, s.Tags = fmt.Sprintf("subnet-%017d", i), map[string]string{"Name": n}
		}
		out[s.ID] = s
	}
	return out
}

// withGroups adds the security groups that are named.
func (a assuming) withGroups(have map[string]facts.SecurityGroup) map[string]facts.SecurityGroup {
	out := maps.Clone(have)
	for i, n := range a.groups {
		if known(have, func(g facts.SecurityGroup) map[string]string { return g.Tags }, n) {
			continue
		}
		g := facts.SecurityGroup{ID: n, VPC: a.vpc}
		if !strings.HasPrefix(n, "sg-") {
			g.ID, g.Tags = fmt.Sprintf("sg-%017d", i), map[string]string{"Name": n}
		}
		out[g.ID] = g
	}
	return out
}

// withCertificates adds a certificate for each host.
func (a assuming) withCertificates(have map[string]facts.Certificate) map[string]facts.Certificate {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]facts.Certificate{}
	}
	for i, h := range a.hosts {
		arn := fmt.Sprintf("arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-4000-8000-%012d", i)
		out[arn] = facts.Certificate{ARN: arn, Status: facts.Issued, Domains: []string{h}, Type: "AMAZON_ISSUED"}
	}
	return out
}
