package checks

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const (
	vpc  = "vpc-1"
	day  = 24 * time.Hour
	lbID = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/"
	tgID = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/"
	cert = "arn:aws:acm:us-west-2:123456789012:certificate/1"
)

func ptr[T any](v T) *T { return &v }

// issued is a certificate for the Service of the webhooks, and its authority, of an age. Such a certificate is valid
// for 90 days.
func issued(t *testing.T, age time.Duration) servingcert.Bundle {
	t.Helper()
	b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: 90 * day, Hosts: []string{
		"webhook.kube-system.svc"}}, now.Add(-age))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func meta(namespace, name string, more ...func(*metav1.ObjectMeta)) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.Time{Time: now.Add(-day)}}
	for _, f := range more {
		f(&m)
	}
	return m
}

func finalized(f ...string) func(*metav1.ObjectMeta) {
	return func(m *metav1.ObjectMeta) { m.Finalizers = f }
}

func annotated(kv ...string) func(*metav1.ObjectMeta) {
	return func(m *metav1.ObjectMeta) {
		m.Annotations = map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m.Annotations[kv[i]] = kv[i+1]
		}
	}
}

func snapshot(all ...metav1.Object) objects.Snapshot {
	s := objects.Snapshot{}
	for _, o := range all {
		s.Put(o)
	}
	return s
}

func ingressOf(m metav1.ObjectMeta, class string, hosts ...string) *networkingv1.Ingress {
	i := &networkingv1.Ingress{ObjectMeta: m}
	if class != "" {
		i.Spec.IngressClassName = &class
	}
	for _, h := range hosts {
		i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{Host: h})
	}
	return i
}

// balancerOf is a Service with a load balancer of its own.
func balancerOf(name string, ports ...int32) *corev1.Service {
	s := &corev1.Service{ObjectMeta: meta("shop", name, finalized("service.k8s.aws/resources"))}
	for _, p := range ports {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Port: p})
	}
	return s
}

func classOf(m metav1.ObjectMeta, params string) *networkingv1.IngressClass {
	c := &networkingv1.IngressClass{ObjectMeta: m, Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}}
	if params != "" {
		c.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: ptr("elbv2.k8s.aws"),
			Kind: "IngressClassParams", Name: params}
	}
	return c
}

func gatewayClassOf(name string, accepted metav1.ConditionStatus) *gatewayv1.GatewayClass {
	c := &gatewayv1.GatewayClass{ObjectMeta: meta("", name), Spec: gatewayv1.GatewayClassSpec{
		ControllerName: "gateway.k8s.aws/alb"}}
	if accepted != "" {
		c.Status.Conditions = []metav1.Condition{{Type: "Accepted", Status: accepted, Reason: "InvalidParameters",
			Message: "LoadBalancerConfiguration a/b does not exist"}}
	}
	return c
}

func binding(namespace, name, group string) *v1beta1.TargetGroupBinding {
	return &v1beta1.TargetGroupBinding{ObjectMeta: meta(namespace, name), Spec: v1beta1.TargetGroupBindingSpec{
		TargetGroupARN: tgID + group, TargetType: ptr(v1beta1.TargetTypeIP), ServiceRef: v1beta1.ServiceReference{
			Name: "web"},
	}}
}

func endpointsOf(namespace string, pods map[string]string) discoveryv1.EndpointSlice {
	s := discoveryv1.EndpointSlice{ObjectMeta: meta(namespace, "web-1")}
	s.Labels = map[string]string{discoveryv1.LabelServiceName: "web"}
	for address, pod := range pods {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr(true)}, TargetRef: &corev1.ObjectReference{Name: pod}})
	}
	return s
}

func podOf(namespace, name string, grace int64) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: meta(namespace, name), Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue,
			LastTransitionTime: metav1.Time{Time: now.Add(-time.Hour)}}}},
	}
}

func node(name, provider string) corev1.Node {
	return corev1.Node{ObjectMeta: meta("", name), Spec: corev1.NodeSpec{ProviderID: provider}}
}

func event(kind, namespace, name, typ, reason, message string, ago time.Duration) corev1.Event {
	return corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: namespace, Name: name}, Type: typ, Reason: reason,
		Message:       message,
		LastTimestamp: metav1.Time{Time: now.Add(-ago)},
	}
}

func keyOf(namespace, name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: namespace, Name: name}}
}

func subnets(free int32, zones ...string) map[string]facts.Subnet {
	out := map[string]facts.Subnet{}
	for _, z := range zones {
		for _, role := range []string{"elb", "internal-elb"} {
			id := "subnet-" + z + "-" + role
			out[id] = facts.Subnet{ID: id, VPC: vpc, Zone: z, CIDR: "10.0.0.0/24", AvailableIPs: free, Public: role == "elb",
				Tags: map[string]string{"kubernetes.io/role/" + role: "1"}}
		}
	}
	return out
}

// elsewhere is a target group with the tags of a stack that no object claims, and a target.
func elsewhere(id, state string) TargetGroup {
	return TargetGroup{ARN: tgID + "elsewhere", Name: "k8s-elsewhere", VPC: vpc, Cluster: "demo",
		Key: keyOf("elsewhere", "web"), Ours: true, Targets: []Target{{ID: id, State: state}}}
}

// well is a cluster and an account without trouble.
func well(t *testing.T) *Facts {
	t.Helper()
	b := issued(t, day)
	f := &Facts{
		Facts: doctor.Facts{Now: now, IngressClass: "alb", Settings: doctor.Settings{Cluster: "demo", Region: "us-west-2", VPC: vpc,
			Account: "123456789012",
			Subnets: doctor.SubnetSettings{CheckClusterTag: true, ByReachability: true}},
			Nodes: []corev1.Node{node("n1", "aws:///us-west-2a/i-1")},
			Events: []corev1.Event{
				event("Ingress", "shop", "web", "Warning", "FailedBuildModel", "backend web not found [ServiceNotFound]",
					20*time.Minute),
				event("Ingress", "shop", "web", "Normal", "SuccessfullyReconciled", "Successfully reconciled", 10*time.Minute),
			},
			Objects: snapshot(classOf(meta("", "alb"), ""), gatewayClassOf("alb", metav1.ConditionTrue),
				ingressOf(meta("shop", "web", finalized("ingress.k8s.aws/resources")), "alb", "shop.example.com"),
				&corev1.Namespace{ObjectMeta: meta("", "shop")}, binding("shop", "k8s-web", "web")),
			LoadBalancers: []doctor.LoadBalancer{{ARN: lbID + "web", Name: "k8s-shop-web", VPC: vpc, Type: stack.Application,
				Zones: []string{"us-west-2a"}, Key: keyOf("shop", "web"), Listeners: 2, Rules: 3, Certificates: []string{cert}}},
			Certificates: []doctor.Certificate{{ARN: cert, Domains: []string{"*.example.com"}, Status: "ISSUED",
				Expires: now.Add(300 * day)}},
			Slices: []discoveryv1.EndpointSlice{endpointsOf("shop", map[string]string{"10.0.1.1": "web-1"})},
			Pods:   []corev1.Pod{podOf("shop", "web-1", 60)},
		},
		Kubernetes: "v1.36.2", Clocks: []Clock{{Of: "the API server", Ahead: 2 * time.Second},
			{Of: "AWS", Ahead: -3 * time.Second}},
		Definitions: definition.Own(), VPCExists: true,
		Controllers: []Deployment{{
			Namespace: "kube-system", Name: "aws-load-balancer-controller", Wanted: 2, Ready: 2,
			Role: "arn:aws:iam::123456789012:role/lbc",
			Pods: []Pod{{Name: "a", Identity: true}, {Name: "b", Identity: true}},
		}},
		Leases: []Lease{{Namespace: "kube-system", Name: "aws-load-balancer-controller-leader", Holder: "a_lbc-1",
			Renewed: now.Add(-2 * time.Second)}},
		Shown: []Shown{{Namespace: "shop", Name: "ingress-web", Ready: true,
			Writer: "Lease kube-system/aws-load-balancer-controller-leader"}},
		Hooks: []Hook{
			{Configuration: "MutatingWebhookConfiguration aws-load-balancer-webhook", Name: "mservice.elbv2.k8s.aws",
				Fails: true, Resources: []string{"services"}, Selective: true, CA: b.CA, Service: "kube-system/webhook",
				Exists: true, Endpoints: 2},
		},
		Serving:  []Serving{{Secret: "kube-system/aws-load-balancer-webhook-tls", Chain: b.Cert}},
		Declared: map[stack.Key]bool{keyOf("shop", "web"): true},
		Drains:   map[[2]string]int64{{"shop", "k8s-web"}: 30},
		Instances: []Instance{
			{ID: "i-1", Node: "n1", VPC: vpc, Zone: "us-west-2a", HopLimit: 2, Extended: "sg-1"}},
		AWS: facts.Facts{Subnets: subnets(200, "us-west-2a", "us-west-2b"), Routes: true, VPC: &facts.VPC{ID: vpc},
			SecurityGroups: map[string]facts.SecurityGroup{}},
		TargetGroups: []TargetGroup{{
			ARN: tgID + "web", Name: "k8s-shop-web", VPC: vpc, Cluster: "demo", Key: keyOf("shop", "web"), Ours: true,
			LoadBalancers: []string{lbID + "web"},
			Targets:       []Target{{ID: "10.0.1.1", Port: 80, Zone: "us-west-2a", State: "healthy"}},
		}},
		Counts: map[quota.Limit]int{"application-load-balancers": 1, "target-groups": 1},
		Limits: map[quota.Limit]int{"application-load-balancers": 50, "target-groups": 3000,
			"rules-per-application-load-balancer": 100, "targets-per-target-group": 1000},
		GroupLimit: 5, Rules: []GroupRules{{ID: "sg-1", IPv4: 20, IPv6: 3}, {ID: "sg-foreign", IPv4: 60}},
		Imported:    []time.Time{{}, now.Add(-day)},
		Permissions: Permissions{Role: "arn:aws:iam::123456789012:role/lbc", Exists: true},
		Heartbeats:  []Heartbeat{{Node: "n1", Renewed: now.Add(-8 * time.Second), Written: now.Add(-7 * time.Second)}},
	}
	for plural := range gatewayKinds {
		f.Definitions[plural+gatewayGroup] = Definition{Bundle: "v1.7.0", Versions: map[string][]string{"v1": nil}}
	}
	return f
}

// sick is a cluster and an account with every trouble.
func sick(t *testing.T) *Facts {
	t.Helper()
	f := well(t)
	f.Settings.Cluster, f.Kubernetes = "other", "v1.27.3-eks-1"
	f.Clocks = []Clock{{Of: "the API server", Ahead: 2 * time.Second}, {Of: "AWS", Ahead: 7 * time.Minute}}
	delete(f.Definitions, "ingressclassparams.elbv2.k8s.aws")
	delete(f.Definitions, "loadbalancers.elbv2.k8s.aws")
	delete(f.Definitions, "albtargetcontrolconfigs.elbv2.k8s.aws")
	f.Definitions["targetgroupbindings.elbv2.k8s.aws"] = Definition{Kind: "TargetGroupBinding",
		Versions: map[string][]string{"v1beta1": {"apiVersion", "kind", "metadata", "spec", "status"}}}
	f.Definitions["udproutes"+gatewayGroup] = Definition{Bundle: "v1.4.0",
		Versions: map[string][]string{"v1alpha2": nil}}
	f.User = "system:serviceaccount:kube-system:aws-load-balancer-controller"
	f.Denied = []Right{{Group: "networking.k8s.io", Resource: "ingresses/status", Verb: "patch"},
		{Group: "networking.k8s.io", Resource: "ingresses/status", Verb: "update"}, {Group: "coordination.k8s.io",
			Resource: "leases", Verb: "get", Namespace: "kube-system", Name: "leader"}}
	f.Nodes = []corev1.Node{node("n1", ""), node("n2", "kind://docker/n2")}
	f.Controllers = []Deployment{
		{Namespace: "kube-system", Name: "aws-load-balancer-controller", Image: "example.com/lbc:v1", Wanted: 1,
			Role: "arn:aws:iam::123456789012:role/lbc", AsksInstance: true, Pods: []Pod{
				{Name: "a", Problem: "CrashLoopBackOff; exit status 1 Error"}}},
		{Namespace: "ingress", Name: "alb-ingress-controller", Image: "example.com/alb:v1.1.4", Wanted: 2, Ready: 1,
			Problem: "unknown flag: --bogus"},
	}
	f.Leases = []Lease{{Namespace: "kube-system", Name: "leader", Holder: "a", Renewed: now.Add(-10 * time.Minute)}}
	addElections(f, 14*time.Minute, 13*time.Minute, 12*time.Minute, 11*time.Minute)
	old, ending, other := issued(t, 1000*day), issued(t, 80*day), issued(t, day)
	f.AutoMode = true
	f.Hooks = []Hook{
		{Configuration: "MutatingWebhookConfiguration services", Name: "mservice.elbv2.k8s.aws", Resources: []string{
			"services"}, Selective: true, Injected: true, Service: "kube-system/gone"},
		{Configuration: "ValidatingWebhookConfiguration empty", Name: "vingress.elbv2.k8s.aws", Fails: true,
			Resources: []string{"ingresses"}, Injected: true, Service: "kube-system/gone"},
		{Configuration: "ValidatingWebhookConfiguration text", Name: "vingress.elbv2.k8s.aws", Resources: []string{
			"ingresses"}, CA: []byte("text"), Service: "kube-system/webhook", Exists: true},
		{Configuration: "ValidatingWebhookConfiguration expired", Name: "vtargetgroupbinding.elbv2.k8s.aws", Fails: true,
			Resources: []string{"targetgroupbindings"}, CA: old.CA, Service: "kube-system/webhook", Exists: true},
		{Configuration: "ValidatingWebhookConfiguration other", Name: "vingressclassparams.elbv2.k8s.aws", Fails: true,
			Resources: []string{"ingressclassparams"}, CA: other.CA, Service: "kube-system/webhook", Exists: true},
	}
	f.Serving = []Serving{{Secret: "kube-system/tls", Chain: ending.Cert}, {Secret: "kube-system/empty"}}
	f.Refused = `Internal error occurred: failed calling webhook "mservice.elbv2.k8s.aws": context deadline exceeded`
	f.Denials = map[string]string{"TargetGroupBinding shop/of web": "ValidatingAdmissionPolicy require-team refuses " +
		"TargetGroupBinding shop/of web: label team is missing"}
	deleted := func(m *metav1.ObjectMeta) { m.DeletionTimestamp = &metav1.Time{Time: now.Add(-20 * time.Minute)} }
	outside := binding("shop", "outside", "outside")
	outside.Spec.ServiceRef.Name = "proxy"
	f.Objects = snapshot(
		classOf(meta("", "alb", annotated(networkingv1.AnnotationIsDefaultIngressClass, "true")), "none"),
		&v1beta1.IngressClassParams{ObjectMeta: meta("", "idle"), Spec: v1beta1.IngressClassParamsSpec{WAFv2ACLName: "acl"}},
		classOf(meta("", "nginx", annotated(networkingv1.AnnotationIsDefaultIngressClass, "true")), ""),
		ingressOf(meta("shop", "web", finalized("ingress.k8s.aws/resources"), deleted, annotated(naming.DeletionCause,
			"deletion protection keeps it [DeletionProtected]")), "alb", "shop.example.com", "shop.example.org"),
		ingressOf(meta("shop", "one", finalized("ingress.k8s.aws/resources")), "alb"),
		ingressOf(meta("shop", "two", finalized("ingress.k8s.aws/resources")), "alb"),
		ingressOf(meta("shop", "lost"), "internal-alb"), binding("shop", "k8s-web", "web"), binding("shop", "copy", "web"),
		&corev1.Service{ObjectMeta: meta("shop", "proxy"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName,
			ExternalName: "interceptor.keda.svc.cluster.local"}}, outside,
		&corev1.Namespace{ObjectMeta: meta("", "shop", func(m *metav1.ObjectMeta) {
			m.Labels = map[string]string{readiness.NamespaceLabel: readiness.Enabled}
		})},
		gatewayClassOf("refused", metav1.ConditionFalse), gatewayClassOf("unseen", ""), &gatewayv1.Gateway{
			ObjectMeta: meta("shop", "edge"), Spec: gatewayv1.GatewaySpec{GatewayClassName: "edge"}},
	)
	f.Instances = []Instance{{ID: "i-1", Node: "n1", VPC: "vpc-2", HopLimit: 1,
		Groups: "network interface eni-1: " +
			"2 security groups have the tag kubernetes.io/cluster/demo, and exactly one should [sg-1 sg-2]; tag exactly one"}}
	f.AWS.Subnets = subnets(3, "us-west-2a", "us-west-2b")
	f.Slices = []discoveryv1.EndpointSlice{endpointsOf("shop", map[string]string{"10.0.1.9": "web-1"})}
	f.Pods = []corev1.Pod{podOf("shop", "web-1", 5)}
	f.Events = []corev1.Event{
		event("Ingress", "shop", "web", "Warning", "FailedDeployModel",
			"not authorized to perform: elasticloadbalancing:AddTags [AccessDenied]", time.Minute),
		event("Ingress", "shop", "one", "Warning", "FailedBuildModel", "invalid scheme [InvalidAnnotation]", 90*time.Second),
		event("Ingress", "shop", "two", "Warning", "FailedBuildModel", "long ago [InvalidAnnotation]", 2*time.Hour),
	}
	lb := &f.LoadBalancers[0]
	lb.Rules, lb.Zones, lb.SecurityGroups = 100, []string{"us-west-2b"}, []string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5"}
	f.LoadBalancers = append(f.LoadBalancers, doctor.LoadBalancer{ARN: lbID + "far", Name: "k8s-far", VPC: "vpc-2",
		Type: stack.Network, Key: keyOf("shop", "far")})
	f.Declared = map[stack.Key]bool{}
	f.TargetGroups[0].Targets = []Target{
		{ID: "10.0.1.1", Port: 80, State: "unhealthy", Reason: "Target.ResponseCodeMismatch",
			Description: "Health checks failed with these codes: [404]"},
		{ID: "10.0.1.2", Port: 80, Zone: "us-west-2a", State: "unused", Reason: "Target.NotInUse",
			Description: "Target is in an Availability Zone that is not enabled for the load balancer"},
	}
	f.Groups = []Tagged{{ID: "sg-9", Key: keyOf("shop", "gone")}}
	f.Rules = []GroupRules{{ID: "sg-1", IPv4: 48, IPv6: 20, PrefixLists: 2}, {ID: "sg-2", IPv4: 70}}
	f.Imported = slices.Repeat([]time.Time{now.Add(-400 * day)}, 2100)
	f.Heartbeats = []Heartbeat{
		{Node: "n1", Renewed: now.Add(-10 * time.Minute), Written: now.Add(-5 * time.Second)},
		{Node: "n2", Renewed: now.Add(2 * time.Minute)}, {Node: "stopped", Renewed: now.Add(-day)},
	}
	f.Permissions.Lacking = []Lack{
		{Sid: "ChangeOwn", Action: "elasticloadbalancing:DeleteLoadBalancer", Resource: "arn:app", Severity: doctor.Error},
		{Sid: "ChangeOwn", Action: "elasticloadbalancing:DeleteLoadBalancer", Resource: "arn:net", Severity: doctor.Error},
		{Sid: "ChangeOwn", Action: "elasticloadbalancing:SetSubnets", Resource: "arn:app", Explicit: true,
			Severity: doctor.Error},
		{Sid: "Read", Action: "acm:ListCertificates", Resource: "*", Severity: doctor.Warning},
		{Sid: "AddOns", Action: "wafv2:ListWebACLs", Resource: "*", Severity: doctor.Note},
	}
	f.Counts = map[quota.Limit]int{"application-load-balancers": 41, "target-groups": 1}
	f.Certificates = []doctor.Certificate{{ARN: cert, Domains: []string{"*.example.com"}, Expires: now.Add(5 * day)}}
	return f
}
