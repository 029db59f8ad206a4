package front

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// otherCertificate is another one of the account than accountCertificate, which names other hosts.
const otherCertificate = "arn:aws:acm:us-west-2:111122223333:certificate/c2"

// everything answers each need of a compilation: what the account does not have does not exist.
type everything struct{ changes []func(*facts.Facts) }

func (e everything) Answer(_ context.Context, needs []facts.Need) (facts.Facts, error) {
	f := account()
	f.Certificates[accountCertificate] = facts.Certificate{ARN: accountCertificate, Status: "ISSUED", Domains: []string{
		"a.test", "*.a.test"}}
	f.Certificates[otherCertificate] = facts.Certificate{ARN: otherCertificate, Status: "ISSUED", Domains: []string{
		"b.test", "*.test"}}
	f.SecurityGroups["sg-1"] = facts.SecurityGroup{ID: "sg-1", Name: "one", VPC: "vpc-1"}
	f.ForeignSubnets, f.ForeignGroups, f.PrefixLists = map[string]*facts.Subnet{}, map[string]*facts.SecurityGroup{},
		map[string]*stack.PrefixList{}
	f.TargetGroups, f.TargetGroupOwners, f.TrustStores = map[string]*facts.TargetGroup{},
		map[string]*facts.TargetGroupOwner{}, map[string]string{}
	f.LoadBalancers, f.WebACLs, f.Addresses, f.Limits = map[string]*facts.NamedLoadBalancer{}, map[string]string{},
		map[string]facts.Address{}, map[string]int{}
	f.HostedZones, f.OwnTrustStoresKnown, f.Associated = []facts.HostedZone{}, true, new(string)
	for _, n := range needs {
		switch n.Kind {
		case facts.NeedForeignSubnet:
			f.ForeignSubnets[n.Key] = nil
		case facts.NeedForeignGroup:
			f.ForeignGroups[n.Key] = nil
		case facts.NeedPrefixList:
			f.PrefixLists[n.Key] = &stack.PrefixList{MaxEntries: 10}
		case facts.NeedTargetGroupName:
			f.TargetGroups[n.Key] = nil
		case facts.NeedTargetGroupOwner:
			f.TargetGroupOwners[n.Key] = nil
		case facts.NeedTrustStore:
			f.TrustStores[n.Key] = ""
		case facts.NeedSSLPolicy:
			f.SSLPolicies = map[string]bool{n.Key: false}
		case facts.NeedLoadBalancer:
			f.LoadBalancers[n.Key] = nil
		default: // answered above
		}
	}
	for _, change := range e.changes {
		change(&f)
	}
	return f, nil
}

// answered is pass with an answer to each need, in a changed account.
func answered(t interface{ Fatal(...any) }, f Loader, key stack.Key, objs []metav1.Object, before *compile.Memory,
	changes ...func(*facts.Facts)) compiled {
	w := f.Load(objects.FromObjects(objs), key.ID).Governed(key, before)
	c, _, err := Compiler{everything{changes}, compiling()}.Compile(context.Background(), key, w, before)
	if err != nil {
		t.Fatal(err)
	}
	return compiled{w, c}
}

// sloppy are values that somebody writes by mistake, or to see what happens.
var sloppy = []string{
	"", " ", "x", "-1", "0", "99999999999999999999", "true", "false", "{}", "[]", "null", "a=b", "a=b,c", ",", "*",
	"0.0.0.0/0", "::/0", "10.0.0.0/8", "a/one", "a/s0", "80", "sg-1", "sg-backend", "pl-1",
	"subnet-a", "internal", "internet-facing", "HTTP", "TLS", "443", "ip", "instance", "k8s-a-one-0123456789",
	accountCertificate, otherCertificate,
	"arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/k8s-a-one-0123456789/0123456789abcdef",
	strings.Repeat("a,", 300), "\x1b[2J\n\u202e",
	"deletion_protection.enabled=false", "a=1", "idle_timeout.timeout_seconds=1", "zonal_shift.config.enabled=false",
	"dns_record.client_routing_policy=availability_zone_affinity", "CapacityUnits=6000", "on",
	"deletion_protection.enabled=true,access_logs.s3.enabled=true,access_logs.s3.bucket=b",
	"elbv2.k8s.aws/cluster=my-cluster,service.k8s.aws/stack=a/s0",
	`[{"HTTP":80},{"HTTPS":443}]`, `[{"HTTPS":80}]`, `{"type":"forward","targetGroupName":"k8s-a-one-0123456789"}`,
	`{"type":"fixed-response","fixedResponseConfig":{"statusCode":"200"}}`,
	`{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"one","servicePort":80,"weight":1}]}}`,
	`[{"field":"path-pattern","pathPatternConfig":{"values":["/*"]}}]`, `[{"port":443,"mode":"off"}]`,
}

// annotationsOf draws annotations of a kind from the whole table, with values that fit or do not.
func (t tenants) annotationsOf(on string) map[string]string {
	var rows []annotation.Entry
	for _, e := range annotation.Entries() {
		if strings.Contains(string(e.Scope), on) && e.Key != annotation.GroupName && e.Key != annotation.ServiceGroupName {
			rows = append(rows, e)
		}
	}
	out := map[string]string{}
	for range rapid.IntRange(0, 6).Draw(t.T, "annotations of b") {
		e := rapid.SampledFrom(rows).Draw(t.T, "annotation of b")
		key, fits := string(e.Key),
			slices.Concat(e.Values, harmful[strings.TrimPrefix(string(e.Key), "alb.ingress.kubernetes.io/")],
				[]string{e.Example})
		if strings.HasSuffix(key, ".") {
			key += t.pick("family of b", "HTTP-80", "HTTPS-443", "TCP-80", "TLS-443", "80", "one", "two", "s0", "go")
		}
		from := sloppy
		if len(fits) > 0 && rapid.Bool().Draw(t.T, "a value that fits") {
			from = fits
		}
		out[key] = t.pick("value of b", from...)
	}
	return out
}

// partOf is what a stack has of namespace a on its ports, as text by what it is. Each tag is by itself.
func partOf(s *stack.Stack, ports ...int32) map[string]string {
	out := map[string]string{}
	note := func(what string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(err.Error())
		}
		out[what] = string(text)
	}
	tags := func(what string, all map[string]string) map[string]string {
		for k, v := range all {
			note("tag "+k+" of "+what, v)
		}
		return nil
	}
	for _, g := range s.TargetGroups {
		if strings.HasPrefix(g.ID, "a/") || strings.Contains(g.ID, ":a-") { // of an Ingress or Service, or of a route
			g.Tags = tags("target group "+g.ID, g.Tags)
			note("target group "+g.ID, g)
		}
	}
	for _, b := range s.Bindings {
		if b.Namespace == "a" {
			note("binding "+b.ID, b)
		}
	}
	for _, l := range s.Listeners {
		if slices.Contains(ports, l.Port) {
			l.Tags = tags("listener "+l.ID, l.Tags)
			if len(l.Certificates) > 1 {
				l.Certificates = l.Certificates[:1] // any member may add some
			}
			l.SNI = slices.DeleteFunc(slices.Clone(l.SNI), func(arn string) bool { return arn != accountCertificate })
			if len(l.SNI) == 0 {
				l.SNI = nil
			}
			note("listener "+l.ID, l)
		}
	}
	for _, port := range ports {
		note(fmt.Sprintf("sources of port %d", port), sourcesAt(s, port))
	}
	for _, lb := range s.LoadBalancers {
		lb.Tags = tags("load balancer "+lb.ID, lb.Tags)
		note("load balancer "+lb.ID, lb)
	}
	return out
}

// mayAdd reports whether any member may add what partOf has: a tag with a key that the load balancer or a listener does
// not have yet.
func mayAdd(what string) bool {
	return strings.HasPrefix(what, "tag ") && !strings.Contains(what, " of target group ")
}

// unchanged fails if something of a is not as it is without b, or its policies are not.
func unchanged(t *rapid.T, key stack.Key, with, without compiled, ports []int32, text string) {
	if with.Stack == nil || without.Stack == nil {
		t.Fatalf("no stack: with b %v, without %v; of:\n%s", with.Diagnostics, without.Diagnostics, text)
	}
	got, want := partOf(with.Stack, ports...), partOf(without.Stack, ports...)
	for what := range want {
		if got[what] != want[what] {
			t.Fatalf("%s is\n%s\nwithout b\n%s\nof:\n%s\nfindings: %v", what, got[what], want[what], text, with.Diagnostics)
		}
	}
	for what := range got {
		if _, there := want[what]; !there && !mayAdd(what) && !strings.HasPrefix(what, "load balancer ") {
			t.Fatalf("b adds %s %s of a; of:\n%s", what, got[what], text)
		}
	}
	if len(with.Stack.LoadBalancers) != len(without.Stack.LoadBalancers) {
		t.Fatalf("%d load balancers, without b %d; of:\n%s", len(with.Stack.LoadBalancers), len(without.Stack.LoadBalancers),
			text)
	}
	if got, want := decides(with.Input, key), decides(without.Input, key); got != want {
		t.Fatalf("policies %q, without b %q; of:\n%s", got, want, text)
	}
}

// newcomer makes the object of b in a group: of any age, with a forged finalizer or without one.
func (t tenants) newcomer(key stack.Key, annotations map[string]string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "b", Name: "two", Annotations: annotations, CreationTimestamp: metav1.Unix(
		1_700_000_000+rapid.SampledFrom([]int64{0, 9}).Draw(t.T, "age of b"), 0)}
	if rapid.Bool().Draw(t.T, "with a forged finalizer") {
		m.Finalizers = []string{naming.Finalizer(key)}
	}
	return m
}

// service makes a Service of group g with some of ports 80 to 82.
func (t tenants) service(meta metav1.ObjectMeta, ports []int32) *corev1.Service {
	svc := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer,
		LoadBalancerClass: ptr.To("service.k8s.aws/nlb")}}
	svc.UID = manifest.UID(svc.Namespace, svc.Name)
	if svc.Annotations == nil {
		svc.Annotations = map[string]string{}
	}
	svc.Annotations[string(annotation.ServiceGroupName)] = "g"
	for _, p := range ports {
		port := corev1.ServicePort{Name: fmt.Sprint("p", p), Port: p, Protocol: corev1.ProtocolTCP,
			TargetPort: intstr.FromInt32(8000 + p), NodePort: 30000 + p}
		svc.Spec.Ports = append(svc.Spec.Ports, port)
	}
	return svc
}

// TestNewcomerOfServiceGroupChangesNothing compares what older Services of a group have with and without a Service of
// another namespace.
func TestNewcomerOfServiceGroupChangesNothing(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Service, ID: stack.ID{Name: "g"}}
	f := Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: stack.TargetIP}}
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		ports := []int32{80, 443}[:rapid.IntRange(1, 2).Draw(rt, "ports of a")]
		var alone []metav1.Object
		for i, port := range ports {
			own := map[string]string{string(annotation.ServiceTargetType): of.pick("target type of a", "ip", "instance")}
			if rapid.Bool().Draw(rt, "ranges of a") {
				own[string(annotation.ServiceSourceRanges)] = "10.1.0.0/16"
			}
			if i == 1 {
				own[string(annotation.ServiceCertificates)] = accountCertificate
			}
			if rapid.Bool().Draw(rt, "tags and attributes of a") {
				own[string(annotation.ServiceTags)] = "a=a"
				own[string(annotation.ServiceAttributes)] = "zonal_shift.config.enabled=true"
			}
			svc := of.service(metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("s", i), CreationTimestamp: metav1.Unix(
				1_700_000_001, 0), Annotations: own}, []int32{port})
			svc.Finalizers, svc.Status.LoadBalancer.Ingress = []string{naming.Finalizer(key)}, []corev1.LoadBalancerIngress{
				{Hostname: "g.elb.amazonaws.com"}}
			alone = append(alone, svc)
		}
		b := of.service(of.newcomer(key, of.annotationsOf("Service")),
			rapid.SliceOfNDistinct(rapid.SampledFrom([]int32{80, 81, 443}), 1, 3, rapid.ID).Draw(rt, "ports of b"))
		b.Spec.LoadBalancerSourceRanges = rapid.SampledFrom([][]string{nil, {"0.0.0.0/0"}, {"sloppy"}}).Draw(rt,
			"ranges of b")
		before := answered(rt, f, key, alone, nil).Memory
		unchanged(rt, key, answered(rt, f, key, append(slices.Clone(alone), b), before), answered(rt, f, key, alone, before),
			ports, asText(b))
	})
}

// TestNewcomerOfIngressGroupChangesNothing does the same for Ingresses with Services, HTTPS, and any annotation that
// there is.
func TestNewcomerOfIngressGroupChangesNothing(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
	f := Ingress{Config: ingress.Config{IngressClass: "alb", DefaultTargetType: stack.TargetIP}}
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		own := map[string]string{string(annotation.ListenPorts): `[{"HTTP":80},{"HTTPS":443}]`,
			string(annotation.CertificateARN): accountCertificate}
		if rapid.Bool().Draw(rt, "ranges of a") {
			own[string(annotation.InboundCIDRs)] = "10.1.0.0/16"
		}
		if rapid.Bool().Draw(rt, "tags and attributes of a") {
			own[string(annotation.Tags)] = "a=a"
			own[string(annotation.LoadBalancerAttributes)] = "idle_timeout.timeout_seconds=99"
		}
		a := of.ingress(metav1.ObjectMeta{Namespace: "a", Name: "one", CreationTimestamp: metav1.Unix(1_700_000_001, 0),
			Annotations: own}, victims)
		a.Finalizers, a.Status.LoadBalancer.Ingress = []string{naming.Finalizer(key)},
			[]networkingv1.IngressLoadBalancerIngress{{Hostname: "g.elb.amazonaws.com"}}
		shared := decode(t, classOfIngresses)
		for _, namespace := range []string{"a", "b"} {
			svc := of.service(metav1.ObjectMeta{Namespace: namespace, Name: "one"}, []int32{80})
			svc.Spec.Type, svc.Spec.LoadBalancerClass, svc.Annotations = corev1.ServiceTypeNodePort, nil, nil
			if namespace == "b" {
				svc.Annotations = of.annotationsOf("backend Service")
			}
			shared = append(shared, svc)
		}
		alone := append(shared, a)
		b := of.ingress(of.newcomer(key, of.annotationsOf("Ingress")), anyHost)
		before := answered(rt, f, key, alone, nil).Memory
		with, without := answered(rt, f, key, append(slices.Clone(alone), b), before), answered(rt, f, key, alone, before)
		ports := []int32{80, 443}
		unchanged(rt, key, with, without, ports, asText(b))
		named := b.Annotations[string(annotation.GroupOrder)] != "" // by which whoever may join a group goes first
		for _, r := range requests(ports...) {
			if before, after := without.answer(r), with.answer(r); !named && strings.Contains(before, "a/") && before != after {
				rt.Fatalf("%s %d %s%s: %s, without b %s; of:\n%s", r.Method, r.Port, r.Host, r.Path, after, before, asText(b))
			}
		}
	})
}

// ingress makes an Ingress of group g that forwards hosts to Service one of its namespace.
func (t tenants) ingress(meta metav1.ObjectMeta, from []string) *networkingv1.Ingress {
	ing := &networkingv1.Ingress{ObjectMeta: meta}
	ing.UID = manifest.UID(ing.Namespace, ing.Name)
	ing.Annotations[string(annotation.GroupName)] = "g"
	ing.Spec.IngressClassName = ptr.To("alb")
	for _, h := range rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 3, rapid.ID).Draw(t.T, "hosts of "+
		meta.Namespace) {
		rule := networkingv1.IngressRule{Host: h}
		rule.HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
			Path: t.pick("path of "+meta.Namespace, paths...), PathType: ptr.To(networkingv1.PathTypePrefix),
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "one", Port: networkingv1.ServiceBackendPort{Number: 80}}},
		}}}
		ing.Spec.Rules = append(ing.Spec.Rules, rule)
	}
	return ing
}

func asText(o metav1.Object) string {
	text, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return err.Error()
	}
	return owner.Object(o).String() + " " + string(text)
}
